//! The county that goes on working: it stays on the line, writes a payment every so often, and sees when the nation has it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use huiliu_node::{
    clock,
    identity::Home,
    store::projection,
    sync::{line, uplink::Uplink},
    writer::{Store, Threads},
};
use huiliu_proto::{handle::Declared as _, id::RecordId, v1};
use huiliu_tests::people;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::worker;

/// Interval at which the files above are asked: the error of each time.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long the nation may take for what was written last, when all is over.
const LAST: Duration = Duration::from_secs(60);
/// Payments that were not there before: the counties' own come first.
const NUMBERS: u64 = 500_000;

/// Levels above a county.
pub const LEVELS: [&str; 3] = ["city", "province", "nation"];

/// A payment that was written, and when its commit returned.
struct Written {
    id: RecordId,
    at: Instant,
    phase: String,
    /// What its own commit took.
    took: Duration,
    /// Levels that have it.
    seen: usize,
}

/// Milliseconds, of one phase.
#[derive(Default)]
struct Times {
    written: Vec<f64>,
    /// By level.
    seen: [Vec<f64>; LEVELS.len()],
}

/// Each line that it is told names what happens from then on.
pub async fn run(home: &Path, above: [&Path; LEVELS.len()], apart: Duration) -> Result<()> {
    let home = Home::open(home)?;
    let store = Store::of(&home, clock::system(), clock::random(), Threads::Own)?;
    let uplink =
        Uplink { home, store: store.clone(), dial: line::tcp(), clock: clock::system(), random: clock::random() };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let calling = tokio::spawn(async move { uplink.stay(async { drop(stopped.await) }).await });
    let mediator = store.write(|ledger| people::mediator(ledger, 160_000)).await?;
    let programme = programme(&store).await?;
    let (send, receive) = mpsc::channel();
    let above = above.map(Path::to_owned);
    let looking = thread::spawn(move || look(&above, &receive));

    let mut phase = "between".to_owned();
    let mut told = BufReader::new(tokio::io::stdin()).lines();
    let mut ticks = tokio::time::interval(apart);
    worker::say(&json!({}))?;
    for n in NUMBERS.. {
        tokio::select! {
            biased;
            line = told.next_line() => match line? {
                Some(line) => {
                    phase = line;
                    worker::say(&json!({}))?;
                    continue;
                }
                None => break,
            },
            _ = ticks.tick() => {}
        }
        let start = Instant::now();
        let id = store.write(move |ledger| people::expenditure(ledger, programme, mediator, n)).await?;
        let at = Instant::now();
        send.send(Written { id, at, phase: phase.clone(), took: at - start, seen: 0 })?;
    }
    drop(send);
    let (times, lost) = tokio::task::spawn_blocking(move || looking.join()).await?.expect("looking does not panic")?;
    drop(stop);
    calling.await?;
    let phases = times.into_iter().map(|(phase, of)| {
        let [city, province, nation] = of.seen;
        (phase, json!({ "written": of.written, "city": city, "province": province, "nation": nation }))
    });
    worker::last_words(json!({ "phases": phases.collect::<serde_json::Map<_, _>>(), "lost": lost }))
}

/// What money is spent from: the nation has published it.
async fn programme(store: &Store) -> Result<RecordId> {
    for _ in 0..600 {
        let found = store.look(|conn| projection::list(conn, v1::Programme::kind(), None, None, 1)).await?;
        if let Some(found) = found.first() {
            return Ok(found.id);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the nation's programme has not come down")
}

/// Asks each level's file for each payment until it is there. By phase; and how many never came to the nation.
fn look(above: &[PathBuf], written: &Receiver<Written>) -> Result<(BTreeMap<String, Times>, usize)> {
    let mut files = vec![];
    for database in above {
        let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.busy_timeout(Duration::from_secs(5))?;
        files.push(conn);
    }
    let (mut waiting, mut times) = (vec![], BTreeMap::<String, Times>::new());
    let mut ended: Option<Instant> = None;
    loop {
        match written.recv_timeout(POLL_INTERVAL) {
            Ok(one) => waiting.push(one),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                ended.get_or_insert_with(Instant::now);
                worker::pause(POLL_INTERVAL);
            }
        }
        for (level, conn) in files.iter().enumerate() {
            let mut find = conn.prepare_cached("SELECT 1 FROM expenditure WHERE record = ?1")?;
            // No level has what the one below it has not.
            for one in waiting.iter_mut().filter(|one| one.seen == level) {
                if find.query_row([one.id.as_bytes()], |_| Ok(())).optional()?.is_some() {
                    one.seen += 1;
                    let of = times.entry(one.phase.clone()).or_default();
                    of.seen[level].push(one.at.elapsed().as_secs_f64() * 1e3);
                    if one.seen == LEVELS.len() {
                        of.written.push(one.took.as_secs_f64() * 1e3);
                    }
                }
            }
        }
        waiting.retain(|one| one.seen < LEVELS.len());
        if ended.is_some_and(|since| waiting.is_empty() || since.elapsed() > LAST) {
            return Ok((times, waiting.len()));
        }
    }
}
