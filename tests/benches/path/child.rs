//! What is measured runs in processes of its own: a county that writes and calls, a hub that serves, a bare loop for
//! the floor. Each prints one line of JSON.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use huiliu_hub::downlink;
use huiliu_node::{
    clock::{self, Clock},
    identity::{Home, certificates, tls},
    store::projection,
    sync::{
        exchange::Endpoint,
        line::{self, Dial},
        session::{self, Ends, Shared},
        uplink::Uplink,
    },
    writer::{Store, Threads},
};
use huiliu_proto::{id::RecordId, kind::kind};
use huiliu_tests::{
    people::{self, Random},
    process,
    worklog::{self, County},
};
use prost::Message as _;
use serde_json::{Value, json};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

/// Entries a county writes in one transaction while its history is made.
const TOGETHER: u64 = 512;

pub fn run(args: &[String]) -> Result<()> {
    let arg = |n: usize| args.get(n).map(String::as_str).context("a child process wants more arguments");
    let dir = PathBuf::from(arg(1)?);
    let said = match arg(0)? {
        "serve" => runtime()?.block_on(serve(&dir))?,
        "entries" => entries(&dir, arg(2)?.parse()?)?,
        "dossiers" => dossiers(&dir, arg(2)?.parse()?)?,
        "one" => one(&dir, arg(2)?.parse()?)?,
        "call" => runtime()?.block_on(call(&dir, arg(2)?.parse()?, arg(3)?.parse()?))?,
        "handshake" => runtime()?.block_on(handshake(&dir, arg(2)?.parse()?))?,
        "frames" => runtime()?.block_on(frames(&dir, Path::new(arg(2)?)))?,
        "floor" => super::floor::run(&dir, Path::new(arg(2)?))?,
        other => bail!("no child process {other:?}"),
    };
    println!("{}", with_process(said));
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Adds what the kernel says of this process: the most memory it ever held, and the processor's time it took.
fn with_process(mut said: Value) -> Value {
    let taken = process::taken("self");
    said["peak_kb"] = json!(taken.peak_kb);
    said["cpu_ms"] = json!(taken.cpu_ms);
    said
}

fn open(dir: &Path, clock: &Clock) -> Result<(Home, Store)> {
    let home = Home::open(dir)?;
    let store = Store::of(&home, clock.clone(), clock::random(), Threads::Own)?;
    Ok((home, store))
}

/// Serves until standard input ends.
async fn serve(dir: &Path) -> Result<Value> {
    let clock = clock::system();
    let (home, store) = open(dir, &clock)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({ "port": listener.local_addr()?.port() }));
    std::io::stdout().flush()?;
    let (send, receive) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut vec![]);
        drop(send);
    });
    downlink::serve(&home, &store, listener, &clock, async { drop(receive.await) }).await?;
    Ok(json!({}))
}

/// A county writes lines of its log, minutes apart, the last of them now.
fn entries(dir: &Path, count: u64) -> Result<Value> {
    const APART: i64 = 3 * 60_000;
    let system = clock::system();
    let hand = Arc::new(AtomicI64::new(system() - APART * count as i64));
    let (_, store) = open(dir, &hand_clock(&hand))?;
    let county = Arc::new(county(&store)?);
    let random = Arc::new(Mutex::new(Random(count)));
    let start = Instant::now();
    let mut left = count;
    while left > 0 {
        let now = left.min(TOGETHER);
        let (county, random, hand) = (Arc::clone(&county), Arc::clone(&random), Arc::clone(&hand));
        store.write_blocking(move |ledger| {
            let mut random = random.lock().expect("one thread writes");
            for _ in 0..now {
                let time = hand.fetch_add(random.below(2 * APART as u64) as i64, Ordering::Relaxed);
                let day = i64::from(clock::day(time).0);
                worklog::write(ledger, &county.line(&mut random, day))?;
            }
            Ok(())
        })?;
        left -= now;
    }
    Ok(json!({ "seconds": start.elapsed().as_secs_f64() }))
}

fn hand_clock(hand: &Arc<AtomicI64>) -> Clock {
    let hand = Arc::clone(hand);
    Arc::new(move || hand.load(Ordering::Relaxed))
}

/// The county's people and enterprises, written where they are not there yet.
fn county(store: &Store) -> Result<County> {
    let ids = |name: &str| -> Result<Vec<RecordId>> {
        let kind = kind(name).context("no such kind")?;
        Ok(store.read(|conn| projection::list(conn, kind, None, None, 1000))?.iter().map(|row| row.id).collect())
    };
    let (mediators, enterprises) = (ids("mediator")?, ids("enterprise")?);
    if mediators.is_empty() { Ok(store.write_blocking(County::write)?) } else { Ok(County::of(mediators, enterprises)) }
}

/// Makes dossiers and then edits each once: twice as many edits as `count`.
fn dossiers(dir: &Path, count: u64) -> Result<Value> {
    let (_, store) = open(dir, &clock::system())?;
    let start = Instant::now();
    let mut ids = vec![];
    for from in (0..count).step_by(TOGETHER as usize) {
        let to = count.min(from + TOGETHER);
        ids.extend(store.write_blocking(move |ledger| {
            (from..to).map(|n| worklog::enterprise(ledger, n)).collect::<Result<Vec<_>, _>>()
        })?);
    }
    for (part, ids) in ids.chunks(TOGETHER as usize).enumerate() {
        let ids = ids.to_vec();
        store.write_blocking(move |ledger| {
            ids.iter().enumerate().try_for_each(|(n, id)| {
                people::edit(ledger, "enterprise", *id, "employees", &(1000 + part + n).to_string())
            })
        })?;
    }
    Ok(json!({ "seconds": start.elapsed().as_secs_f64() }))
}

/// Edits one dossier again and again.
fn one(dir: &Path, count: u64) -> Result<Value> {
    let (_, store) = open(dir, &clock::system())?;
    let start = Instant::now();
    store.write_blocking(move |ledger| {
        let id = worklog::enterprise(ledger, 0)?;
        (1..count).try_for_each(|n| people::edit(ledger, "enterprise", id, "employees", &(1000 + n).to_string()))
    })?;
    Ok(json!({ "seconds": start.elapsed().as_secs_f64() }))
}

/// To this machine, whatever address the county was given.
fn dial(port: u16) -> Dial {
    Arc::new(move |_| line::tcp()(format!("127.0.0.1:{port}")))
}

/// Calls the hub so many times; each call is a connection, a handshake and an exchange.
async fn call(dir: &Path, port: u16, times: u64) -> Result<Value> {
    let clock = clock::system();
    let (home, store) = open(dir, &clock)?;
    let uplink = Uplink { home, store, dial: dial(port), clock, random: clock::random() };
    let mut calls = vec![];
    for _ in 0..times {
        let (before, start) = (line::wire(), Instant::now());
        let report = uplink.exchange(false, &|_| ()).await?;
        let seconds = start.elapsed().as_secs_f64();
        if report.end != huiliu_node::sync::exchange::End::Done || !report.tally.refused.is_empty() {
            bail!("the exchange did not end well: {report:?}");
        }
        // What is said last is still under way when the exchange has ended.
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        let after = line::wire();
        calls.push(json!({
            "seconds": seconds, "sent": report.tally.sent,
            "wire_out": after.0 - before.0, "wire_in": after.1 - before.1,
        }));
    }
    Ok(json!({ "calls": calls }))
}

/// Bytes of the TLS handshake alone.
async fn handshake(dir: &Path, port: u16) -> Result<Value> {
    let clock = clock::system();
    let home = Home::open(dir)?;
    let parent = home.config.parent.clone().context("the county is joined")?;
    let name = rustls::pki_types::ServerName::try_from(certificates::hub_name(parent.union))?;
    let connector = tokio_rustls::TlsConnector::from(tls::client(&home, &clock)?);
    let stream = connector.connect(name, line::tcp()(format!("127.0.0.1:{port}")).await?).await?;
    let wire = line::wire();
    drop(stream);
    Ok(json!({ "bytes": wire.0 + wire.1 }))
}

/// The frames of an exchange, without a network: each one's bytes with the five that gRPC puts in front, and how often
/// the caller waited for an answer before it could go on.
async fn frames(county: &Path, hub: &Path) -> Result<Value> {
    let clock = clock::system();
    let ((lower, lower_store), (upper, upper_store)) = (open(county, &clock)?, open(hub, &clock)?);
    let speaker = |home: &Home| -> Result<Endpoint> {
        let me = home.me(clock.clone(), clock::random())?;
        Ok(Endpoint { network: me.network.clone(), union: me.union, device: me.device() })
    };
    let (below, above) = (speaker(&lower)?, speaker(&upper)?);
    let ends = |me: &Endpoint, peer: &Endpoint, calls| Ends {
        me: me.clone(),
        peer: peer.union,
        peer_device: peer.device,
        calls,
        stay: !calls,
    };
    let (to_hub, at_hub) = tokio::sync::mpsc::channel(16);
    let (to_county, at_county) = tokio::sync::mpsc::channel(16);
    let log = Arc::new(Mutex::new(vec![]));
    let tap = |up: bool| {
        let log = Arc::clone(&log);
        move |frame: huiliu_proto::v1::Frame| {
            log.lock().expect("nothing panics while it is held").push((up, frame.encoded_len() + 5));
            Ok(frame)
        }
    };
    let start = Instant::now();
    let calls = ends(&below, &above, true);
    let shared = Shared::read(&lower_store, &calls).await?;
    let (called, answered) = tokio::join!(
        session::run(&lower_store, calls, shared, ReceiverStream::new(at_county).map(tap(false)), to_hub, &|_| ()),
        session::answer(
            &upper_store,
            ends(&above, &below, false),
            ReceiverStream::new(at_hub).map(tap(true)),
            to_county
        ),
    );
    let seconds = start.elapsed().as_secs_f64();
    called?;
    answered?;
    let log = log.lock().expect("nothing panics while it is held");
    let bytes: usize = log.iter().map(|(_, bytes)| bytes).sum();
    // The caller's hello waits for nothing; every later word of its own that follows one of the hub's does.
    let hello = log.iter().position(|(up, _)| *up).unwrap_or(0);
    let after: Vec<bool> = log.iter().enumerate().filter(|(at, _)| *at != hello).map(|(_, (up, _))| *up).collect();
    let turns = after.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    Ok(json!({ "bytes": bytes, "frames": log.len(), "round_trips": turns, "seconds": seconds }))
}
