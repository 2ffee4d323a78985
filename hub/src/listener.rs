//! The listener: limits handshakes and connections, and renews the hub's own certificate while it runs.

use std::{
    collections::{HashMap, VecDeque},
    future::Future as _,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use huiliu_node::{
    clock::{Clock, Random},
    identity::{Home, IdentityError, certificates, tls, validity, validity::Validity},
    store::{invitations, trust},
    sync::line::{Line, Listen},
    writer::Store,
};
use huiliu_proto::id::Hash;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::AbortHandle,
    time::Sleep,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::transport::server::Connected;

use crate::limits::{Seldom, household};

/// Time limit of a handshake, so that slow callers do not delay others.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes under way, all together and from one address. When one more comes, the oldest of its own address gives way,
/// or else the oldest of the address that has most: a flooding caller ends only its own handshakes, and an honest one is
/// over long before its turn comes.
const HANDSHAKES: usize = 512;
const FROM_ONE: usize = 32;
/// Callers that are enrolled here, all together and with one key.
const CONNECTIONS: usize = 1024;
const PER_KEY: usize = 8;
/// Connections of callers that are not enrolled, with or without a certificate of this network, and of callers that are
/// only told that all slots are in use.
const GUESTS: usize = 64;
const GUESTS_FROM_ONE: usize = 16;
/// Time limit of a guest's connection.
const GUEST_TIME: Duration = Duration::from_secs(10);
/// When callers that were dropped for lack of a slot may try again.
pub const CROWDED: Duration = Duration::from_secs(30);
/// Interval at which the hub issues its own certificate anew, long before it expires, so that renewed certificates above
/// it are shown too.
const OWN_CERTIFICATE_INTERVAL_MS: i64 = 3_600_000;

/// What the listener needs to make its certificate.
pub struct HubListener {
    home: Home,
    store: Store,
    clock: Clock,
    random: Random,
    acceptor: Mutex<(TlsAcceptor, i64)>,
    connections: Arc<Semaphore>,
    guests: Arc<Semaphore>,
    keys: Counts<Hash>,
    guests_from: Counts<IpAddr>,
    no_slot: Seldom,
}

/// Who calls.
#[derive(Clone)]
pub struct Caller {
    /// The hash of the caller's TLS key, where it showed a certificate of this network: by this the enrolments know it.
    pub key: Option<Hash>,
    /// When that certificate ends.
    pub until: i64,
    pub address: IpAddr,
    /// All slots are in use: nothing is done for this caller.
    pub crowded: bool,
}

impl HubListener {
    pub fn new(home: &Home, store: &Store, clock: &Clock) -> Result<HubListener, IdentityError> {
        let random = huiliu_node::clock::random();
        let acceptor = make(home, clock, &random)?;
        Ok(HubListener {
            home: home.clone(),
            store: store.clone(),
            clock: clock.clone(),
            random,
            acceptor: Mutex::new((acceptor, clock())),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            guests: Arc::new(Semaphore::new(GUESTS)),
            keys: Arc::default(),
            guests_from: Arc::default(),
            no_slot: Seldom::default(),
        })
    }

    /// Made anew once an hour has passed by the clock, or the clock was set back.
    fn acceptor(&self) -> Option<TlsAcceptor> {
        let now = (self.clock)();
        let mut current = self.acceptor.lock().ok()?;
        if now.abs_diff(current.1) >= OWN_CERTIFICATE_INTERVAL_MS.unsigned_abs() {
            self.sweep(now);
            match make(&self.home, &self.clock, &self.random) {
                Ok(made) => current.0 = made,
                Err(error) => {
                    tracing::error!(%error, "the hub's certificate could not be renewed; the old one is shown")
                }
            }
            current.1 = now;
        }
        Some(current.0.clone())
    }

    /// Tokens that expired while this hub ran stay so, whatever becomes of its clock.
    fn sweep(&self, now: i64) {
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Ok(false) = store.look(move |conn| invitations::due(conn, now)).await {
                return;
            }
            if let Err(error) = store.write(move |ledger| invitations::sweep(ledger.conn(), now)).await {
                tracing::error!(%error, "invitations that expired could not be ended");
            }
        });
    }

    /// A slot for a caller, by the certificate it showed.
    async fn slot(&self, key: Option<Hash>, address: IpAddr) -> Option<(Slot, bool)> {
        let guest = || {
            let one = Count::new(&self.guests_from, household(address), GUESTS_FROM_ONE)?;
            Some(Slot::Guest(one, Arc::clone(&self.guests).try_acquire_owned().ok()?))
        };
        let Some(key) = key else { return Some((guest()?, false)) };
        if !self.enrolled(key).await {
            return Some((guest()?, false));
        }
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok();
        match permit.and_then(|permit| Some(Slot::Enrolled(Count::new(&self.keys, key, PER_KEY)?, permit))) {
            Some(slot) => Some((slot, false)),
            None => Some((guest()?, true)),
        }
    }

    /// Whether callers with this key are enrolled here: any hub of the network can issue certificates for any key.
    async fn enrolled(&self, key: Hash) -> bool {
        let union = self.home.config.union;
        let looked = self.store.look(move |conn| match trust::by_tls_key(conn, &key, union)? {
            Some(enrolled) => Ok(!trust::revoked(conn, &enrolled.device, enrolled.union)?),
            None => Ok(false),
        });
        looked.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the database cannot be read");
            false
        })
    }

    async fn greet(&self, line: Box<dyn Line>, address: IpAddr, send: mpsc::Sender<Secure>) {
        let Some(acceptor) = self.acceptor() else { return };
        let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(line)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::info!(%error, %address, "a caller was turned away at the listener"),
            Err(_) => return tracing::info!(%address, "a caller took too long to greet"),
        };
        if stream.get_ref().1.alpn_protocol() != Some(tls::ALPN) {
            return tracing::info!(%address, "a caller does not speak HTTP/2");
        }
        let shown = match shown(&stream) {
            Ok(shown) => shown,
            Err(error) => return tracing::info!(%error, %address, "a caller's certificate cannot be read"),
        };
        let key = shown.map(|(key, _)| key);
        let Some((slot, crowded)) = self.slot(key, address).await else {
            if let Some(unsaid) = self.no_slot.say() {
                tracing::warn!(%address, unsaid, "connection dropped: all guest slots in use");
            }
            return;
        };
        let visit = matches!(slot, Slot::Guest(..)).then(|| Box::pin(tokio::time::sleep(GUEST_TIME)));
        let until = shown.map_or(i64::MAX, |(_, validity)| validity.to);
        let caller = Caller { key, until, address, crowded };
        // The server is closing.
        drop(send.send(Secure { stream, caller, visit, _slot: slot }).await);
    }
}

fn make(home: &Home, clock: &Clock, random: &Random) -> Result<TlsAcceptor, IdentityError> {
    if home.renew_root(clock(), random)? {
        tracing::info!("the root's certificate was renewed, with the same key");
    }
    validity::warn(home, clock());
    Ok(TlsAcceptor::from(tls::server(home, clock, random)?))
}

/// The key and the dates of the certificate a caller showed.
fn shown(stream: &TlsStream<Box<dyn Line>>) -> Result<Option<(Hash, Validity)>, IdentityError> {
    let certificate = stream.get_ref().1.peer_certificates().and_then(|c| c.first());
    let read = |c| Ok((certificates::certificate_key_hash(c)?, Validity::of(c)?));
    certificate.map(read).transpose()
}

/// Accepts connections for ever: an error of one never ends the listener.
pub async fn accept<L: Listen>(mut incoming: L, listener: Arc<HubListener>, send: mpsc::Sender<Secure>) {
    let mut greeting = Greeting::default();
    let untaken = Seldom::default();
    loop {
        let (line, address) = match incoming.accept().await {
            Ok(taken) => taken,
            Err(error) => {
                // Perhaps out of file handles: handshakes that time out give some back.
                if let Some(unsaid) = untaken.say() {
                    tracing::warn!(%error, unsaid, "a connection could not be taken");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let from = household(address);
        greeting.make_room(from);
        let (listener, send) = (Arc::clone(&listener), send.clone());
        let task = tokio::spawn(async move { listener.greet(line, address, send).await });
        greeting.begun(from, task.abort_handle());
    }
}

/// Handshakes under way, the oldest first, and how many there are from each address.
#[derive(Default)]
struct Greeting {
    under_way: VecDeque<(IpAddr, AbortHandle)>,
    from: HashMap<IpAddr, usize>,
}

impl Greeting {
    fn begun(&mut self, from: IpAddr, handle: AbortHandle) {
        self.under_way.push_back((from, handle));
        *self.from.entry(from).or_default() += 1;
    }

    fn of(&self, from: IpAddr) -> usize {
        self.from.get(&from).copied().unwrap_or(0)
    }

    /// For one more from this address.
    fn make_room(&mut self, from: IpAddr) {
        if self.of(from) >= FROM_ONE || self.under_way.len() >= HANDSHAKES {
            self.under_way.retain(|(_, handle)| !handle.is_finished());
            self.from.clear();
            for (from, _) in &self.under_way {
                *self.from.entry(*from).or_default() += 1;
            }
        }
        let mut under_way = self.under_way.iter();
        let at = if self.of(from) >= FROM_ONE {
            under_way.position(|(of, _)| *of == from)
        } else if self.under_way.len() >= HANDSHAKES {
            // Of the loudest addresses the handshake that has had most time: no address is worse than another.
            let most = self.from.values().max().copied().unwrap_or(0);
            under_way.position(|(of, _)| self.of(*of) == most)
        } else {
            None
        };
        if let Some((of, handle)) = at.and_then(|at| self.under_way.remove(at)) {
            handle.abort();
            if let Some(count) = self.from.get_mut(&of) {
                *count -= 1;
            }
        }
    }
}

/// Given back when the connection ends.
enum Slot {
    Enrolled(#[allow(dead_code)] Count<Hash>, #[allow(dead_code)] OwnedSemaphorePermit),
    Guest(#[allow(dead_code)] Count<IpAddr>, #[allow(dead_code)] OwnedSemaphorePermit),
}

type Counts<K> = Arc<Mutex<HashMap<K, usize>>>;

/// Counts the connections of one key, or from one address.
struct Count<K: Copy + Eq + std::hash::Hash>(Counts<K>, K);

impl<K: Copy + Eq + std::hash::Hash> Count<K> {
    fn new(counts: &Counts<K>, of: K, most: usize) -> Option<Count<K>> {
        let mut all = counts.lock().ok()?;
        let count = all.entry(of).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Count(Arc::clone(counts), of))
    }
}

impl<K: Copy + Eq + std::hash::Hash> Drop for Count<K> {
    fn drop(&mut self) {
        if let Ok(mut counts) = self.0.lock()
            && let Some(count) = counts.get_mut(&self.1)
        {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

/// A connection whose caller may speak.
pub struct Secure {
    stream: TlsStream<Box<dyn Line>>,
    caller: Caller,
    /// When a guest has to leave.
    visit: Option<Pin<Box<Sleep>>>,
    _slot: Slot,
}

impl Connected for Secure {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Secure {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(visit) = &mut self.visit
            && visit.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Secure {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M5: a flooding caller ends only its own handshakes.
    #[tokio::test]
    async fn a_flood_from_one_address_ends_no_handshake_of_another() {
        let wait = || tokio::spawn(std::future::pending::<()>());
        let (loud, quiet): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut greeting = Greeting::default();
        let honest = wait();
        greeting.make_room(quiet);
        greeting.begun(quiet, honest.abort_handle());
        for _ in 0..2_000 {
            greeting.make_room(loud);
            greeting.begun(loud, wait().abort_handle());
        }
        assert_eq!((greeting.of(loud), greeting.of(quiet)), (FROM_ONE, 1));
        // From many addresses, twice as many as there are slots: those with two give way before those with one.
        for n in 0..300_u16 {
            let [high, low] = n.to_be_bytes();
            for _ in 0..2 {
                let from = [10, 1, high, low].into();
                greeting.make_room(from);
                greeting.begun(from, wait().abort_handle());
            }
        }
        assert!(greeting.under_way.len() <= HANDSHAKES);
        tokio::task::yield_now().await;
        assert!(!honest.is_finished(), "the honest handshake is still under way");
    }

    /// M5: as many addresses as there are slots, with one handshake each. The last of all addresses has its time too.
    #[tokio::test]
    async fn a_flood_from_many_addresses_leaves_each_its_time() {
        let wait = || tokio::spawn(std::future::pending::<()>());
        let mut greeting = Greeting::default();
        let flood = |greeting: &mut Greeting, from: usize, to: usize| {
            for n in from..to {
                let from = [10, 1, (n >> 8) as u8, n as u8].into();
                greeting.make_room(from);
                greeting.begun(from, wait().abort_handle());
            }
        };
        flood(&mut greeting, 0, 600);
        let (last, honest) = ([200, 0, 0, 1].into(), wait());
        greeting.make_room(last);
        greeting.begun(last, honest.abort_handle());
        flood(&mut greeting, 600, 600 + HANDSHAKES - 1);
        tokio::task::yield_now().await;
        assert!(!honest.is_finished(), "so many handshakes later");
        flood(&mut greeting, 2_000, 2_001);
        let ended = tokio::time::timeout(Duration::from_secs(5), honest).await;
        assert!(ended.expect("and then it gives way").is_err_and(|error| error.is_cancelled()));
    }
}
