//! The server side of an exchange: who may connect, how many at once, and one session for each.

use std::{
    collections::HashMap,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use huiliu_node::{
    clock::Clock,
    identity::{Home, IdentityError, certificates, tls},
    store::{Store, trust},
    sync::{
        exchange::Speaker,
        line::{Line, Listen},
        session::{self, Ends},
        uplink::MAX_FRAME,
    },
};
use huiliu_proto::{
    id::{DeviceId, Hash},
    v1::{
        self,
        sync_server::{Sync, SyncServer},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{Semaphore, mpsc, watch},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::Connected},
};

/// A handshake may take so long: slow callers hold nobody up.
const HANDSHAKE: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 1024;
const STREAMS_PER_DEVICE: usize = 4;

/// Serves until `shutdown`; what was acknowledged is on the disk.
pub async fn serve<L: Listen>(
    home: &Home,
    store: &Store,
    listener: L,
    clock: &Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), IdentityError> {
    let config = tls::server(home, clock)?;
    let me = home.me(clock.clone(), huiliu_node::clock::dice())?;
    let (closing, closed) = watch::channel(false);
    let downlink = Downlink {
        store: store.clone(),
        me: Speaker { network: me.network.clone(), union: me.union, device: me.device() },
        streams: Arc::default(),
        closing: closed,
    };
    let (send, receive) = mpsc::channel(16);
    let accepting = tokio::spawn(accept(listener, TlsAcceptor::from(config), send));
    let service = SyncServer::new(downlink).max_decoding_message_size(MAX_FRAME).max_encoding_message_size(MAX_FRAME);
    let ending = async move {
        shutdown.await;
        closing.send_replace(true);
    };
    let served = Server::builder()
        .timeout(Duration::from_secs(30))
        .concurrency_limit_per_connection(8)
        .max_concurrent_streams(Some(16))
        .http2_keepalive_interval(Some(Duration::from_secs(15)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(Some(16 * 1024))
        .http2_max_pending_accept_reset_streams(Some(20))
        .initial_stream_window_size(Some(1 << 20))
        .initial_connection_window_size(Some(2 << 20))
        .add_service(service)
        .serve_with_incoming_shutdown(ReceiverStream::new(receive).map(Ok::<_, io::Error>), ending)
        .await;
    accepting.abort();
    // Aborted or not, it is over and its port is free.
    let _ = accepting.await;
    if let Err(error) = served {
        tracing::error!(%error, "the server stopped");
    }
    Ok(())
}

/// Takes connections for ever: an error of one is never the end of all.
async fn accept<L: Listen>(mut listener: L, acceptor: TlsAcceptor, send: mpsc::Sender<Secure>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let line = match listener.accept().await {
            Ok(line) => line,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, send) = (acceptor.clone(), send.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(line)).await {
                Ok(Ok(stream)) => match Secure::new(stream, permit) {
                    Ok(secure) => drop(send.send(secure).await),
                    Err(error) => tracing::info!(%error, "a caller's certificate cannot be read"),
                },
                Ok(Err(error)) => tracing::info!(%error, "a caller was turned away at the door"),
                Err(_) => tracing::info!("a caller took too long to greet"),
            }
        });
    }
}

/// A connection whose caller has shown a certificate of this network.
struct Secure {
    stream: TlsStream<Box<dyn Line>>,
    caller: Caller,
    _room: tokio::sync::OwnedSemaphorePermit,
}

/// The hash of the caller's TLS key: by this the enrolments know it.
#[derive(Clone)]
struct Caller(Hash);

impl Secure {
    fn new(stream: TlsStream<Box<dyn Line>>, room: tokio::sync::OwnedSemaphorePermit) -> Result<Secure, IdentityError> {
        let certificate = stream.get_ref().1.peer_certificates().and_then(|c| c.first());
        let certificate = certificate.ok_or(IdentityError::NotJoined)?;
        let caller = Caller(certificates::certificate_key_hash(certificate)?);
        Ok(Secure { stream, caller, _room: room })
    }
}

impl Connected for Secure {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Secure {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
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

struct Downlink {
    store: Store,
    me: Speaker,
    streams: Arc<Mutex<HashMap<DeviceId, usize>>>,
    closing: watch::Receiver<bool>,
}

/// Counts a device's open streams; gives the place back when dropped.
struct Seat(Arc<Mutex<HashMap<DeviceId, usize>>>, DeviceId);

impl Drop for Seat {
    fn drop(&mut self) {
        if let Ok(mut streams) = self.0.lock()
            && let Some(count) = streams.get_mut(&self.1)
        {
            *count -= 1;
        }
    }
}

impl Downlink {
    fn seat(&self, device: DeviceId) -> Result<Seat, Status> {
        let mut streams = self.streams.lock().map_err(|_| Status::internal("a lock is broken"))?;
        let count = streams.entry(device).or_default();
        if *count >= STREAMS_PER_DEVICE {
            return Err(Status::resource_exhausted("this device already has several exchanges open"));
        }
        *count += 1;
        Ok(Seat(Arc::clone(&self.streams), device))
    }
}

#[tonic::async_trait]
impl Sync for Downlink {
    type ExchangeStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<v1::Frame, Status>> + Send>>;

    async fn exchange(&self, request: Request<Streaming<v1::Frame>>) -> Result<Response<Self::ExchangeStream>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Status::unauthenticated("no certificate was shown"))?;
        let enrolled = self.store.read(|conn| trust::by_tls_key(conn, &caller.0));
        let enrolled = enrolled.map_err(|_| Status::unavailable("the hub's database cannot be read"))?;
        let enrolled = enrolled.filter(|e| e.union.parent() == Some(self.me.union)).ok_or_else(|| {
            Status::permission_denied("this device is not enrolled here; ask the union above to enrol it again")
        })?;
        let seat = self.seat(enrolled.device)?;
        let ends =
            Ends { me: self.me.clone(), peer: enrolled.union, peer_device: enrolled.device, calls: false, stay: true };
        let (send, receive) = mpsc::channel(16);
        let (store, mut closing) = (self.store.clone(), self.closing.clone());
        let incoming = request.into_inner();
        let span = tracing::info_span!("exchange", peer = %enrolled.union, device = ?enrolled.device);
        let session = async move {
            let _seat = seat;
            let ended = tokio::select! {
                biased;
                ended = session::run(&store, ends, incoming, send, &|_| ()) => ended,
                _ = closing.wait_for(|closing| *closing) => return,
            };
            match ended {
                Ok(report) => tracing::info!(end = ?report.end, received = report.tally.received, "ended"),
                Err(error) => tracing::error!(%error, "ended by an error"),
            }
        };
        tokio::spawn(tracing::Instrument::instrument(session, span));
        Ok(Response::new(Box::pin(ReceiverStream::new(receive).map(Ok))))
    }
}
