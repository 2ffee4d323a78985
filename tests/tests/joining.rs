//! Who gets in, over real TLS and TCP, by a clock that is turned by hand: tokens, certificates that end, callers without
//! any, callers that only hold the line, devices that were shut out.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use huiliu_hub::{authority, downlink};
use huiliu_node::{
    clock::{Clock, Random},
    identity::{Grant, Home, IdentityError, Role, Setup, certificates, tls, validity},
    ledger::WriteOutcome,
    store::{invitations, trust},
    sync::{
        call::{Declined, Trouble},
        exchange::End,
        join::{self, JoinError},
        line,
        uplink::{Uplink, UplinkError},
    },
    writer::{Store, Threads},
};
use huiliu_proto::{
    id::DeviceId,
    joining::Reason,
    kind::kind,
    record::Record,
    token::{Pin, Token, pass_hash},
    union::UnionNumber,
    v1::sync_client::SyncClient,
    value::Value,
};
use huiliu_tests::world::{hand_clock, random};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

const DAY: i64 = 86_400_000;
/// Nothing takes nearly so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The national hub, up, and the hand of everybody's clock.
struct Nation {
    home: Home,
    store: Store,
    address: String,
    clock: Clock,
    hand: Arc<AtomicI64>,
    random: Random,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Nation {
    async fn up(dir: &Path) -> Nation {
        let (clock, hand) = hand_clock();
        let random = random(1);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut home = huiliu_node::writer::init(
            &Setup::new(&dir.join("nation"), "test", UnionNumber::NATION, Role::Root),
            &clock,
            &random,
        )
        .unwrap();
        home.config.listen = Some(address.clone());
        home.save().unwrap();
        let store = Store::of(&home, clock.clone(), random.clone(), Threads::Own).unwrap();
        let (stop, mut stopped) = watch::channel(false);
        let (served, kept, time) = (home.clone(), store.clone(), clock.clone());
        let task = tokio::spawn(async move {
            let ending = async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            downlink::serve(&served, &kept, listener, &time, ending).await.unwrap();
        });
        Nation { home, store, address, clock, hand, random, stop, task }
    }

    fn pass_days(&self, days: i64) {
        self.hand.fetch_add(days * DAY, Ordering::Relaxed);
    }

    /// As `invite` does.
    async fn invite(&self, union: &str, further: bool) -> Token {
        self.invite_as(union, further, true).await
    }

    async fn invite_as(&self, union: &str, further: bool, as_hub: bool) -> Token {
        let (id, secret) = join::draw(&self.random);
        let union: UnionNumber = union.parse().unwrap();
        let hash = pass_hash(&*secret.pass(&id));
        let now = (self.clock)();
        let new = authority::new_invitation(id, union, hash, now, now + 7 * DAY);
        let new = invitations::Invitation { further, as_hub, ..new };
        self.store.write(move |ledger| invitations::add(ledger.conn(), &new)).await.unwrap();
        Token {
            network: "test".into(),
            root: self.home.fingerprint().unwrap().unwrap(),
            hub: UnionNumber::NATION,
            address: self.address.clone(),
            pin: Pin::of(&self.home.authority_key().unwrap()),
            union,
            as_hub,
            vouched: false,
            id,
            secret,
        }
    }

    /// A machine that is set up and has not joined.
    fn machine(&self, dir: &Path, union: &str, role: Role, seed: u64) -> Home {
        let union = union.parse().unwrap();
        let dir = dir.join(format!("{union}-{seed}"));
        huiliu_node::writer::init(&Setup::new(&dir, "test", union, role), &self.clock, &random(seed)).unwrap()
    }

    /// A device of Jiangsu's is shut out, and nothing of it goes on counting.
    async fn revoke(&self, device: DeviceId) {
        let mut record = Record::new(kind("revocation").unwrap());
        record.set("union", Value::Int(320_000));
        record.set("device", Value::Bytes(device.to_vec()));
        record.set("revoked_on", Value::Int(20_500));
        record.set("reason", Value::Text("被盗".into()));
        let written = self.store.write(move |ledger| ledger.write_entry(&record)).await.unwrap();
        assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
    }

    async fn enter(&self, home: &mut Home, token: &Token) -> Result<(), JoinError> {
        join::enter(home, token, &line::tcp(), &self.clock, &huiliu_node::clock::random()).await
    }

    /// A machine with a certificate of this network that nobody enrolled.
    fn certified(&self, dir: &Path, seed: u64) -> Home {
        let authority = self.home.key("authority").unwrap();
        let root = self.home.root_certificate().unwrap();
        let signer = certificates::Authority { key: &authority, certificate: &root, random: &self.random };
        let stranger = self.machine(dir, "330000", Role::Hub, seed);
        let request = stranger.request().unwrap().asked().unwrap().entering;
        let leaf = signer.machine(&request.tls, "330000".parse().unwrap(), (self.clock)()).unwrap();
        std::fs::write(stranger.dir.join("certs/tls.pem"), leaf).unwrap();
        std::fs::write(stranger.dir.join("certs/root.pem"), &root).unwrap();
        stranger
    }

    fn uplink(&self, home: &Home) -> Uplink {
        let store = Store::of(home, self.clock.clone(), self.random.clone(), Threads::Own).unwrap();
        let (clock, random) = (self.clock.clone(), self.random.clone());
        Uplink { home: home.clone(), store, dial: line::tcp(), clock, random }
    }

    /// Callers it has enrolled for a union.
    fn enrolled(&self, union: &str) -> usize {
        let union: UnionNumber = union.parse().unwrap();
        let all = self.store.read(|conn| trust::enrolments(conn, None)).unwrap();
        all.iter().filter(|e| e.union == union).count()
    }

    async fn down(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.task).await.expect("it stops").unwrap();
    }
}

fn reason(result: Result<(), JoinError>) -> Option<Reason> {
    join::reason(&result.expect_err("it is declined"))
}

async fn synced(uplink: &Uplink) -> bool {
    matches!(uplink.exchange(false, &|_| ()).await, Ok(report) if report.end == End::Done)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_bound_to_the_first_that_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut first = nation.machine(dir.path(), "320000", Role::Hub, 2);
    let mut second = nation.machine(dir.path(), "320000", Role::Hub, 3);
    let token = nation.invite("320000", false).await;

    let mut wrong = token.clone();
    wrong.secret = join::draw(&nation.random).1;
    assert_eq!(reason(nation.enter(&mut first, &wrong).await), Some(Reason::Pass));
    let (a, b) = tokio::join!(nation.enter(&mut first, &token), nation.enter(&mut second, &token));
    assert!(a.is_ok() != b.is_ok(), "one of the two wins: {a:?} {b:?}");
    let (winner, loser) = if a.is_ok() { (&mut first, &mut second) } else { (&mut second, &mut first) };
    assert_eq!(reason(nation.enter(loser, &token).await), Some(Reason::Used));
    // The answer was lost, perhaps: asked again, nothing is enrolled twice.
    nation.enter(winner, &token).await.unwrap();
    assert_eq!(nation.enrolled("320000"), 1);
    assert!(synced(&nation.uplink(winner)).await);

    // A token made before the first machine came is not for a second one.
    let late = nation.invite("320000", false).await;
    assert_eq!(reason(nation.enter(loser, &late).await), Some(Reason::Occupied));

    // Five wrong secrets, and the right one comes too late.
    let token = nation.invite("330000", false).await;
    let mut zhejiang = nation.machine(dir.path(), "330000", Role::Hub, 4);
    let mut wrong = token.clone();
    wrong.secret = join::draw(&nation.random).1;
    for _ in 0..invitations::TRIES {
        assert_eq!(reason(nation.enter(&mut zhejiang, &wrong).await), Some(Reason::Pass));
    }
    assert_eq!(reason(nation.enter(&mut zhejiang, &token).await), Some(Reason::Tries));
    let token = nation.invite("330000", false).await;
    nation.pass_days(7);
    assert_eq!(reason(nation.enter(&mut zhejiang, &token).await), Some(Reason::Expired));
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_with_another_key_or_root_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    let token = nation.invite("320000", false).await;
    let bent = Token { pin: Pin([7; 16]), ..token.clone() };
    let error = nation.enter(&mut home, &bent).await.unwrap_err();
    assert!(matches!(error, JoinError::Unreachable { trouble: Trouble::Intercepted(_), .. }), "{error}");
    let bent = Token { root: huiliu_proto::root::Fingerprint([7; 20]), ..token.clone() };
    let error = nation.enter(&mut home, &bent).await.unwrap_err();
    assert!(matches!(error, JoinError::Identity(IdentityError::OtherRoot)), "{error}");
    assert!(home.config.parent.is_none(), "nothing of it was kept");
    nation.enter(&mut home, &token).await.unwrap();
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_root_beside_the_true_one_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    let other = huiliu_node::writer::init(
        &Setup::new(&dir.path().join("other"), "test", UnionNumber::NATION, Role::Root),
        &nation.clock,
        &random(8),
    );
    let other = other.unwrap().root_certificate().unwrap();
    let request = home.request().unwrap();
    let granted = authority::enrol(&nation.home, &nation.store, &request, &nation.clock).await.unwrap();
    let two = Grant { root_certificate: format!("{}{other}", granted.root_certificate), ..granted.clone() };
    let refused = |taken: Result<(), IdentityError>| matches!(taken, Err(IdentityError::File { .. }));
    assert!(refused(home.accept(&two, None, &nation.clock, &nation.random)));
    assert!(home.config.parent.is_none() && home.root_certificate().is_err(), "nothing of it was kept");
    home.accept(&granted, None, &nation.clock, &nation.random).unwrap();
    assert!(refused(home.renewed(&two, &nation.clock)));
    assert_eq!(home.root_certificate().unwrap(), granted.root_certificate);
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_renew_by_themselves_and_an_expired_machine_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    nation.enter(&mut home, &nation.invite("320000", false).await).await.unwrap();
    let uplink = nation.uplink(&home);
    assert!(synced(&uplink).await);
    let first = home.tls_chain().unwrap();

    nation.pass_days(200);
    assert!(synced(&uplink).await);
    assert_eq!(home.tls_chain().unwrap(), first, "too early");
    // N15: past two thirds, with the key that still holds.
    nation.pass_days(100);
    assert!(synced(&uplink).await);
    let second = home.tls_chain().unwrap();
    assert_ne!(second, first);
    assert_eq!(certificates::key_hash(&second).unwrap(), certificates::key_hash(&first).unwrap());
    let chain = |pem: &str| certificates::chain(pem).unwrap()[0].clone();
    assert_ne!(chain(&second), chain(&first));
    let now = (nation.clock)();
    assert!(validity::of_home(&home).unwrap().unwrap().days(now) > 300);
    assert!(synced(&uplink).await, "the new one is shown, to a hub whose own was made anew too");

    // Away for too long: the machine writes on, and is told why it cannot call.
    nation.pass_days(400);
    let kept = kind("enterprise").unwrap();
    let values = [
        ("name", Value::Text("射阳电缆".into())),
        ("uscc", Value::Text("91350100M000100Y43".into())),
        ("region", Value::Int(320_922)),
        ("industry", Value::Int(3)),
        ("ownership", Value::Int(1)),
    ];
    let values = values.map(|(name, value)| (kept.field(name).unwrap(), Some(value))).to_vec();
    let written = uplink.store.write(move |ledger| ledger.write_document(kept, None, values)).await.unwrap();
    assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
    let error = uplink.exchange(false, &|_| ()).await.unwrap_err();
    assert!(matches!(error, UplinkError::Dates { .. }), "{error}");
    // A4: whoever shows it all the same is turned away by the hub.
    assert!(shown_to(&nation, &home).await.is_err());
    // The parent's approval is a token; nothing is enrolled anew, nothing is lost.
    nation.enter(&mut home, &nation.invite("320000", true).await).await.unwrap();
    assert_eq!(nation.enrolled("320000"), 1);
    assert!(synced(&uplink).await);
    let waiting = uplink.store.read(|conn| Ok(huiliu_node::store::feeds::owned(conn)?.len())).unwrap();
    assert!(waiting > 0);
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_renews_its_own_certificate_and_stays_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    nation.enter(&mut home, &nation.invite("320000", false).await).await.unwrap();
    let (before, fingerprint) = (nation.home.root_certificate().unwrap(), nation.home.fingerprint().unwrap());
    // Unattended for nearly seven years, with an exchange now and then.
    for _ in 0..9 {
        nation.pass_days(280);
        assert!(synced(&nation.uplink(&home)).await);
    }
    assert_ne!(nation.home.root_certificate().unwrap(), before);
    assert_eq!(nation.home.fingerprint().unwrap(), fingerprint);
    assert!(synced(&nation.uplink(&home)).await);
    assert_eq!(home.root_certificate().unwrap(), nation.home.root_certificate().unwrap());
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_far_off_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    let token = nation.invite("320000", false).await;
    // N13: 1970, and ten years on.
    for wrong in [0, (nation.clock)() + 3650 * DAY] {
        let clock: Clock = Arc::new(move || wrong);
        let error =
            join::enter(&mut home, &token, &line::tcp(), &clock, &huiliu_node::clock::random()).await.unwrap_err();
        assert!(matches!(error, JoinError::Unreachable { trouble: Trouble::TheirDates(_), .. }), "{error}");
    }
    nation.enter(&mut home, &token).await.unwrap();
    let mut uplink = nation.uplink(&home);
    uplink.clock = Arc::new(|| 0);
    let error = uplink.exchange(false, &|_| ()).await.unwrap_err();
    assert!(matches!(error, UplinkError::Dates { now: 0, .. }), "{error}");
    nation.down().await;
}

/// Speaks TLS to the hub with this configuration, and calls Exchange.
async fn exchange_with(nation: &Nation, config: ClientConfig) -> Result<(), String> {
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let address = nation.address.clone();
    let name = ServerName::try_from(certificates::hub_name(UnionNumber::NATION)).unwrap();
    let service = tower::service_fn(move |_: tonic::transport::Uri| {
        let (connector, name, address) = (connector.clone(), name.clone(), address.clone());
        async move {
            let stream = connector.connect(name, TcpStream::connect(address).await?).await?;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    let endpoint = tonic::transport::Endpoint::from_static("http://hub");
    let channel = endpoint.connect_with_connector(service).await.map_err(|e| format!("{e:?}"))?;
    let mut client = SyncClient::new(channel);
    let answer = client.exchange(tokio_stream::pending()).await;
    answer.map(drop).map_err(|status| match Declined::read(&status) {
        Some(Declined { reason: Some(reason), .. }) => reason.word().to_owned(),
        _ => format!("{status:?}"),
    })
}

/// With this machine's certificate, whatever it is worth, and a clock at which the hub's holds.
async fn shown_to(nation: &Nation, home: &Home) -> Result<(), String> {
    exchange_with(nation, (*tls::client(home, &nation.clock).unwrap()).clone()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_enrolled_machine_of_this_network_may_exchange() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    // A1: no certificate.
    let pin = Pin::of(&nation.home.authority_key().unwrap());
    let plain = tls::joining(pin, &nation.clock).unwrap();
    assert_eq!(exchange_with(&nation, (*plain).clone()).await, Err("stranger".into()));

    // A1: one of another network, of the same name and form.
    let other_dir = dir.path().join("other");
    let other = Nation::up(&other_dir).await;
    let mut foreign = other.machine(&other_dir, "320000", Role::Hub, 9);
    other.enter(&mut foreign, &other.invite("320000", false).await).await.unwrap();
    let roots = nation.home.root_certificate().unwrap();
    std::fs::write(foreign.dir.join("certs/root.pem"), roots).unwrap();
    let refused = shown_to(&nation, &foreign).await.unwrap_err();
    // Not a word of the hub's: the line was closed in the handshake.
    assert_eq!(Reason::from_word(&refused), None, "{refused}");

    // Of this network, but a certificate alone lets nobody in: the hub has not enrolled it.
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    nation.enter(&mut home, &nation.invite("320000", false).await).await.unwrap();
    let stranger = nation.certified(dir.path(), 3);
    assert_eq!(shown_to(&nation, &stranger).await, Err("stranger".into()));
    assert!(synced(&nation.uplink(&home)).await);

    // N17: no HTTP/2 was agreed on, or only an older TLS is spoken.
    let mut without = (*tls::client(&home, &nation.clock).unwrap()).clone();
    without.alpn_protocols = vec![];
    assert!(exchange_with(&nation, without).await.is_err());
    let mut old = ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    old.alpn_protocols = vec![tls::ALPN.to_vec()];
    let refused = exchange_with(&nation, old).await.unwrap_err();
    assert!(refused.contains("ProtocolVersion"), "{refused}");
    other.down().await;
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_only_hold_the_line_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    nation.enter(&mut home, &nation.invite("320000", false).await).await.unwrap();
    let uplink = nation.uplink(&home);
    // N8: more than the listener greets at once say nothing, or next to nothing.
    let mut idle = vec![];
    for n in 0..600 {
        // Where the process may open no more files, as many as it may are enough.
        let Ok(mut line) = TcpStream::connect(&nation.address).await else { break };
        if n % 2 == 0 {
            let _ = line.write_all(&[22, 3, 1]).await;
        }
        idle.push(line);
    }
    // More guests than there are places for, who showed no certificate and say nothing more.
    let pin = Pin::of(&nation.home.authority_key().unwrap());
    let guests = tokio_rustls::TlsConnector::from(tls::joining(pin, &nation.clock).unwrap());
    for _ in 0..40 {
        let name = ServerName::try_from(certificates::hub_name(UnionNumber::NATION)).unwrap();
        if let Ok(line) = TcpStream::connect(&nation.address).await
            && let Ok(stream) = guests.connect(name, line).await
        {
            idle.push(stream.into_inner().0);
        }
    }
    let good = tokio::time::timeout(Duration::from_secs(4), synced(&uplink)).await;
    assert_eq!(good, Ok(true), "a handshake takes five seconds to be given up; a good caller does not wait for that");
    drop(idle);
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_holds_many_lines_is_told_to_wait() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    nation.enter(&mut home, &nation.invite("320000", false).await).await.unwrap();
    let mut other = nation.machine(dir.path(), "330000", Role::Hub, 3);
    nation.enter(&mut other, &nation.invite("330000", false).await).await.unwrap();
    // N12: lines of one machine that stay, however slow this computer is: one that was cut, or found no place because
    // another was faster, is taken up again.
    let uplink = nation.uplink(&home);
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let staying = uplink.clone();
        held.spawn(async move {
            loop {
                let _ = staying.exchange(true, &|_| ()).await;
                tokio::task::yield_now().await;
            }
        });
    }
    let declined = loop {
        match uplink.exchange(false, &|_| ()).await {
            Err(UplinkError::Declined(declined)) => break declined,
            // The hub may be a moment behind with greeting them.
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(declined.reason, Some(Reason::Busy));
    assert!(declined.retry_after > 0);
    assert!(synced(&nation.uplink(&other)).await, "others are not touched by it");
    drop(held);
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_an_enrolment_takes_no_place() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    nation.enter(&mut home, &nation.invite("320000", false).await).await.unwrap();
    // As many lines as one enrolled machine may hold, and no place taken by them: the next is no more crowded than these.
    let stranger = nation.certified(dir.path(), 3);
    let connector = tokio_rustls::TlsConnector::from(tls::client(&stranger, &nation.clock).unwrap());
    let mut held = vec![];
    for _ in 0..8 {
        let name = ServerName::try_from(certificates::hub_name(UnionNumber::NATION)).unwrap();
        held.push(connector.connect(name, TcpStream::connect(&nation.address).await.unwrap()).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(shown_to(&nation, &stranger).await, Err("stranger".into()));
    // However many there are, they share the guests' places.
    for _ in 0..40 {
        let name = ServerName::try_from(certificates::hub_name(UnionNumber::NATION)).unwrap();
        if let Ok(line) = TcpStream::connect(&nation.address).await
            && let Ok(stream) = connector.connect(name, line).await
        {
            held.push(stream);
        }
    }
    assert!(synced(&nation.uplink(&home)).await, "those who are enrolled have places of their own");
    drop(held);
    nation.down().await;
}

/// Something that answers on a port, in place of the hub.
async fn impostor(answer: impl Fn(TcpStream) -> JoinHandle<()> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_poses_as_the_one_above_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "330000", Role::Hub, 2);
    nation.enter(&mut home, &nation.invite("330000", false).await).await.unwrap();
    // Another province's hub makes itself a certificate with the national hub's name, which goes back to the root.
    let mut rogue = nation.machine(dir.path(), "320000", Role::Hub, 3);
    nation.enter(&mut rogue, &nation.invite("320000", false).await).await.unwrap();
    rogue.config.union = UnionNumber::NATION;
    let server = tls::server(&rogue, &nation.clock, &nation.random).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(server.clone());
    let address = impostor(move |stream| {
        let acceptor = acceptor.clone();
        tokio::spawn(async move { drop(acceptor.accept(stream).await) })
    })
    .await;
    let mut uplink = nation.uplink(&home);
    let right = std::mem::replace(&mut uplink.home.config.parent.as_mut().unwrap().address, address);
    let error = uplink.exchange(false, &|_| ()).await.unwrap_err();
    assert!(matches!(error, UplinkError::Unreachable { trouble: Trouble::OtherHub, .. }), "{error}");
    uplink.home.config.parent.as_mut().unwrap().address = right;
    assert!(synced(&uplink).await);
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_intercepts_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    nation.enter(&mut home, &nation.invite("320000", false).await).await.unwrap();
    let trouble = |error: UplinkError| match error {
        UplinkError::Unreachable { trouble, .. } => trouble,
        other => panic!("{other}"),
    };
    let calling = |address: String| {
        let mut uplink = nation.uplink(&home);
        let parent = uplink.home.config.parent.as_mut().unwrap();
        parent.address = address;
        uplink
    };

    // N18: a proxy that makes certificates of its own for the name that is asked for.
    let (clock, random) = (nation.clock.clone(), random(7));
    let proxy = huiliu_node::writer::init(
        &Setup::new(&dir.path().join("proxy"), "test", UnionNumber::NATION, Role::Root),
        &clock,
        &random,
    )
    .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(tls::server(&proxy, &clock, &random).unwrap());
    let address = impostor(move |stream| {
        let acceptor = acceptor.clone();
        tokio::spawn(async move { drop(acceptor.accept(stream).await) })
    })
    .await;
    let error = calling(address).exchange(false, &|_| ()).await.unwrap_err();
    let named = trouble(error);
    assert!(matches!(named, Trouble::Intercepted(_)), "{named}");

    // A page that asks for a login.
    let address = impostor(|mut stream| {
        tokio::spawn(async move {
            let _ = stream.read(&mut [0; 512]).await;
            let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n").await;
        })
    })
    .await;
    let named = trouble(calling(address).exchange(false, &|_| ()).await.unwrap_err());
    assert!(matches!(named, Trouble::NotTls(_)), "{named}");
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_machine_does_not_come_back_through_its_own_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut stolen = nation.machine(dir.path(), "320000", Role::Hub, 2);
    nation.enter(&mut stolen, &nation.invite("320000", false).await).await.unwrap();
    let device = stolen.me(nation.clock.clone(), nation.random.clone()).unwrap().device();
    // As Join.Invite does, for two further machines; one comes in before the theft is known.
    let caller = nation.store.read(|conn| Ok(trust::enrolments(conn, Some(&device))?.remove(0))).unwrap();
    let mut tokens = vec![];
    for _ in 0..2 {
        let mut token = nation.invite_as("320000", true, false).await;
        (token.id, token.secret) = join::draw(&nation.random);
        let (id, hash, caller) = (token.id, pass_hash(&*token.secret.pass(&token.id)), caller.clone());
        let invited = nation.store.write(move |ledger| authority::invite(ledger, &caller, id, hash, 7)).await.unwrap();
        assert!(invited.is_ok(), "{invited:?}");
        tokens.push(token);
    }
    let mut early = nation.machine(dir.path(), "320000", Role::Node, 3);
    nation.enter(&mut early, &tokens[0]).await.unwrap();
    nation.revoke(device).await;
    let mut late = nation.machine(dir.path(), "320000", Role::Node, 4);
    assert_eq!(reason(nation.enter(&mut late, &tokens[1]).await), Some(Reason::Revoked));
    assert_eq!(nation.enrolled("320000"), 2);
    let id = tokens[1].id;
    let void = nation.store.read(|conn| invitations::void(conn, &invitations::get(conn, &id)?.unwrap())).unwrap();
    assert!(void, "and so it is listed");
    // Nor does it ask for another, even where it was let through before it was revoked; and others may ask for more.
    let (id, secret) = join::draw(&nation.random);
    let hash = pass_hash(&*secret.pass(&id));
    let invited = nation.store.write(move |ledger| authority::invite(ledger, &caller, id, hash, 7)).await.unwrap();
    assert_eq!(invited, Err(Reason::Device));
    nation.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_shut_out_is_cut_off_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let nation = Nation::up(dir.path()).await;
    let mut home = nation.machine(dir.path(), "320000", Role::Hub, 2);
    nation.enter(&mut home, &nation.invite("320000", false).await).await.unwrap();
    let uplink = nation.uplink(&home);
    let mut heard = uplink.store.changes();
    let staying = uplink.clone();
    let session = tokio::spawn(async move { staying.exchange(true, &|_| ()).await });
    // Until both have the same: then the link's row says so.
    let settled = async {
        while !uplink.store.read(huiliu_node::store::receipts::links).unwrap().iter().any(|l| l.last_success.is_some())
        {
            heard.changed().await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.expect("the session comes about");

    let device = home.me(nation.clock.clone(), nation.random.clone()).unwrap().device();
    nation.revoke(device).await;
    let report = tokio::time::timeout(PATIENCE, session).await.expect("it is cut").unwrap().unwrap();
    assert!(matches!(&report.end, End::Broken { cause, .. } if cause.word() == "revoked"), "{report:?}");
    let error = uplink.exchange(false, &|_| ()).await.unwrap_err();
    assert!(matches!(&error, UplinkError::Declined(d) if d.reason == Some(Reason::Device)), "{error}");
    // Nor does a token bring the same keys back.
    let token = nation.invite("320000", true).await;
    assert_eq!(reason(nation.enter(&mut home, &token).await), Some(Reason::Device));
    nation.down().await;
}
