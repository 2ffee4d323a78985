//! The door: who gets as far as speaking. Handshakes, places, and certificates that are made anew while it stands open.

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
    clock::{Clock, Dice},
    identity::{Home, IdentityError, certificates, tls, validity, validity::Validity},
    store::{Store, invitations, trust},
    sync::line::{Line, Listen},
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

/// A handshake may take so long: slow callers hold nobody up.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes under way. When one more comes, the oldest gives way: an honest one is over long before, and those who
/// only hold lines open cannot keep others out.
const HANDSHAKES: usize = 512;
/// Callers that are enrolled here, all together and with one key.
const CONNECTIONS: usize = 1024;
const PER_KEY: usize = 8;
/// Callers that are not, with a certificate of this network or without any, and callers for whom there is no place and
/// who are only told so.
const GUESTS: usize = 32;
/// A guest's connection lasts no longer.
const VISIT: Duration = Duration::from_secs(10);
/// When those who found no place may come again.
pub const CROWDED: Duration = Duration::from_secs(30);
/// The hub's own certificate is made anew so often, long before it ends; so renewed certificates above it are shown
/// too.
const FRESH: i64 = 3_600_000;

/// What the door needs to make its certificate.
pub struct Door {
    home: Home,
    store: Store,
    clock: Clock,
    dice: Dice,
    acceptor: Mutex<(TlsAcceptor, i64)>,
    places: Arc<Semaphore>,
    guests: Arc<Semaphore>,
    keys: Arc<Mutex<HashMap<Hash, usize>>>,
}

/// Who calls.
#[derive(Clone)]
pub struct Caller {
    /// The hash of the caller's TLS key, where it showed a certificate of this network: by this the enrolments know it.
    pub key: Option<Hash>,
    /// When that certificate ends.
    pub until: i64,
    pub address: IpAddr,
    /// There is no place: nothing is done for this caller.
    pub crowded: bool,
}

impl Door {
    pub fn new(home: &Home, store: &Store, clock: &Clock) -> Result<Door, IdentityError> {
        let dice = huiliu_node::clock::dice();
        let acceptor = make(home, clock, &dice)?;
        Ok(Door {
            home: home.clone(),
            store: store.clone(),
            clock: clock.clone(),
            dice,
            acceptor: Mutex::new((acceptor, clock())),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            guests: Arc::new(Semaphore::new(GUESTS)),
            keys: Arc::default(),
        })
    }

    /// Made anew once an hour has passed by the clock, or the clock was set back.
    fn acceptor(&self) -> Option<TlsAcceptor> {
        let now = (self.clock)();
        let mut current = self.acceptor.lock().ok()?;
        if (now - current.1).abs() >= FRESH {
            self.sweep(now);
            match make(&self.home, &self.clock, &self.dice) {
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
        if !self.store.read(|conn| invitations::due(conn, now)).unwrap_or(false) {
            return;
        }
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.write(move |ledger| invitations::sweep(ledger.conn(), now)).await {
                tracing::error!(%error, "invitations that expired could not be ended");
            }
        });
    }

    /// A place for a caller, by what it showed.
    async fn place(&self, key: Option<Hash>) -> Option<(Place, bool)> {
        let guest = || Some(Place::Guest(Arc::clone(&self.guests).try_acquire_owned().ok()?));
        let Some(key) = key else { return Some((guest()?, false)) };
        if !self.enrolled(key).await {
            return Some((guest()?, false));
        }
        let seat = Arc::clone(&self.places).try_acquire_owned().ok();
        match seat.and_then(|seat| Some(Place::Seat(KeyCount::new(&self.keys, key)?, seat))) {
            Some(place) => Some((place, false)),
            None => Some((guest()?, true)),
        }
    }

    /// Whether those who come with this key have a place here: any hub of the network makes certificates for any key.
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
            Ok(Err(error)) => return tracing::info!(%error, %address, "a caller was turned away at the door"),
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
        let Some((place, crowded)) = self.place(key).await else {
            return tracing::warn!(%address, "a caller found no place, and none to be told so");
        };
        let visit = matches!(place, Place::Guest(_)).then(|| Box::pin(tokio::time::sleep(VISIT)));
        let until = shown.map_or(i64::MAX, |(_, validity)| validity.to);
        let caller = Caller { key, until, address, crowded };
        // Nobody is left to serve it: the server is closing.
        drop(send.send(Secure { stream, caller, visit, _place: place }).await);
    }
}

fn make(home: &Home, clock: &Clock, dice: &Dice) -> Result<TlsAcceptor, IdentityError> {
    if home.renew_root(clock(), dice)? {
        tracing::info!("the root's certificate was renewed, with the same key");
    }
    validity::warn(home, clock());
    Ok(TlsAcceptor::from(tls::server(home, clock, dice)?))
}

/// The key and the dates of the certificate a caller showed.
fn shown(stream: &TlsStream<Box<dyn Line>>) -> Result<Option<(Hash, Validity)>, IdentityError> {
    let certificate = stream.get_ref().1.peer_certificates().and_then(|c| c.first());
    let read = |c| Ok((certificates::certificate_key_hash(c)?, Validity::of(c)?));
    certificate.map(read).transpose()
}

/// Takes connections for ever: an error of one is never the end of all.
pub async fn accept<L: Listen>(mut listener: L, door: Arc<Door>, send: mpsc::Sender<Secure>) {
    let mut greeting: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let (line, address) = match listener.accept().await {
            Ok(taken) => taken,
            Err(error) => {
                // Out of file handles, perhaps: handshakes that come to nothing soon give some back.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if greeting.len() >= HANDSHAKES {
            greeting.retain(|handle| !handle.is_finished());
        }
        if greeting.len() >= HANDSHAKES
            && let Some(oldest) = greeting.pop_front()
        {
            oldest.abort();
        }
        let (door, send) = (Arc::clone(&door), send.clone());
        let task = tokio::spawn(async move { door.greet(line, address, send).await });
        greeting.push_back(task.abort_handle());
    }
}

/// Given back when the connection ends.
enum Place {
    Seat(#[allow(dead_code)] KeyCount, #[allow(dead_code)] OwnedSemaphorePermit),
    Guest(#[allow(dead_code)] OwnedSemaphorePermit),
}

/// Counts the connections of one key.
struct KeyCount(Arc<Mutex<HashMap<Hash, usize>>>, Hash);

impl KeyCount {
    fn new(keys: &Arc<Mutex<HashMap<Hash, usize>>>, key: Hash) -> Option<KeyCount> {
        let mut counts = keys.lock().ok()?;
        let count = counts.entry(key).or_default();
        if *count >= PER_KEY {
            return None;
        }
        *count += 1;
        Some(KeyCount(Arc::clone(keys), key))
    }
}

impl Drop for KeyCount {
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
    _place: Place,
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
