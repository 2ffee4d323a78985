//! The server side of an exchange: one session for each caller who is enrolled, for as long as it is.

use std::{
    collections::HashMap,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use huiliu_node::{
    clock::Clock,
    identity::{Home, IdentityError},
    store::{Changes, trust},
    sync::{
        exchange::Endpoint,
        join,
        line::Listen,
        session::{self, Ends},
        uplink::MAX_FRAME,
    },
    writer::Store,
};
use huiliu_proto::{
    id::DeviceId,
    joining::Reason,
    union::UnionNumber,
    v1::{
        self, Farewell,
        frame::Frame,
        join_server::JoinServer,
        sync_server::{Sync, SyncServer},
    },
};
use tokio::sync::{mpsc, watch};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use crate::{
    join_service::{self, JoinService, decline},
    limits::RateLimiter,
    listener::{self, Caller, HubListener},
};

const STREAMS_PER_DEVICE: usize = 4;
/// Interval for checking whether an idle caller's certificate has expired.
const EXPIRY_CHECK_INTERVAL: Duration = Duration::from_secs(3600);

/// Serves until `shutdown`; what was acknowledged is on the disk.
pub async fn serve<L: Listen>(
    home: &Home,
    store: &Store,
    incoming: L,
    clock: &Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), IdentityError> {
    let listener = Arc::new(HubListener::new(home, store, clock)?);
    let me = home.me(clock.clone(), huiliu_node::clock::random())?;
    let (closing, closed) = watch::channel(false);
    let downlink = Downlink {
        store: store.clone(),
        me: Endpoint { network: me.network.clone(), union: me.union, device: me.device() },
        streams: Arc::default(),
        closing: closed,
        clock: clock.clone(),
    };
    let join_service = JoinService {
        home: home.clone(),
        store: store.clone(),
        clock: clock.clone(),
        limiter: Arc::<RateLimiter>::default(),
        refusals: Arc::default(),
    };
    let (send, receive) = mpsc::channel(16);
    let accepting = tokio::spawn(listener::accept(incoming, listener, send));
    let join_service = JoinServer::new(join_service)
        .max_decoding_message_size(join::MAX_MESSAGE)
        .max_encoding_message_size(join::MAX_MESSAGE);
    let service = SyncServer::new(downlink).max_decoding_message_size(MAX_FRAME).max_encoding_message_size(MAX_FRAME);
    let ending = async move {
        shutdown.await;
        closing.send_replace(true);
    };
    // No greatest age of a connection: an exchange stays for weeks, and breaking it off would look like trouble below.
    // What an age would be for is done otherwise: a session ends when its device is revoked or the certificate that
    // was shown ends. No limit of bytes a second: a batch is bounded, and a stream on which an awaited frame does not
    // come whole within a minute is given up (`session.rs`), however slowly bytes drip.
    let served = Server::builder()
        .timeout(Duration::from_secs(30))
        .concurrency_limit_per_connection(8)
        .load_shed(true)
        .max_concurrent_streams(Some(16))
        .http2_keepalive_interval(Some(Duration::from_secs(15)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(Some(16 * 1024))
        .http2_max_pending_accept_reset_streams(Some(20))
        .initial_stream_window_size(Some(1 << 20))
        .initial_connection_window_size(Some(2 << 20))
        .add_service(service)
        .add_service(join_service)
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

struct Downlink {
    store: Store,
    me: Endpoint,
    streams: Arc<Mutex<HashMap<DeviceId, usize>>>,
    closing: watch::Receiver<bool>,
    clock: Clock,
}

/// Counts a device's open streams; gives the slot back when dropped.
struct StreamSlot(Arc<Mutex<HashMap<DeviceId, usize>>>, DeviceId);

impl Drop for StreamSlot {
    fn drop(&mut self) {
        if let Ok(mut streams) = self.0.lock()
            && let Some(count) = streams.get_mut(&self.1)
        {
            *count -= 1;
        }
    }
}

impl Downlink {
    fn slot(&self, device: DeviceId) -> Result<StreamSlot, Status> {
        let mut streams = self.streams.lock().map_err(|_| Status::internal("a lock is broken"))?;
        let count = streams.entry(device).or_default();
        if *count >= STREAMS_PER_DEVICE {
            return Err(decline(Reason::Busy, Some(listener::CROWDED)));
        }
        *count += 1;
        Ok(StreamSlot(Arc::clone(&self.streams), device))
    }
}

#[tonic::async_trait]
impl Sync for Downlink {
    type ExchangeStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<v1::Frame, Status>> + Send>>;

    async fn exchange(&self, request: Request<Streaming<v1::Frame>>) -> Result<Response<Self::ExchangeStream>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| decline(Reason::Stranger, None))?;
        let enrolled = join_service::known(&self.store, &caller, self.me.union).await?;
        let slot = self.slot(enrolled.device)?;
        let ends =
            Ends { me: self.me.clone(), peer: enrolled.union, peer_device: enrolled.device, calls: false, stay: true };
        let (send, receive) = mpsc::channel(16);
        let (store, mut closing) = (self.store.clone(), self.closing.clone());
        let incoming = request.into_inner();
        let span = tracing::info_span!("exchange", peer = %enrolled.union, device = ?enrolled.device);
        let standing = CallerStanding {
            store: self.store.clone(),
            device: enrolled.device,
            union: enrolled.union,
            changes: self.store.changes(),
            clock: self.clock.clone(),
            caller,
        };
        let last = send.clone();
        let session = async move {
            let _seat = slot;
            let ended = tokio::select! {
                biased;
                reason = standing.lost() => Err(reason),
                ended = session::answer(&store, ends, incoming, send) => Ok(ended),
                _ = closing.wait_for(|closing| *closing) => return,
            };
            let ended = match ended {
                Ok(ended) => ended,
                Err(reason) => return cut(reason, &last).await,
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

/// Sends the reason and ends, without waiting for a caller that does not read.
async fn cut(reason: Reason, last: &mpsc::Sender<v1::Frame>) {
    let (farewell, sentence) = match reason {
        Reason::Expired => (Farewell::Certificate, "the certificate that was shown has ended; call again"),
        reason => (Farewell::Revoked, reason.sentence()),
    };
    tracing::warn!(reason = farewell.word(), "a session was cut");
    let goodbye = v1::Goodbye { reason: farewell.into(), detail: sentence.into(), retry_after: 0 };
    let goodbye = v1::Frame { frame: Some(Frame::Goodbye(goodbye)) };
    let _ = tokio::time::timeout(Duration::from_secs(5), last.send(goodbye)).await;
}

/// What a session rests on: that its device may still write, and that the certificate it showed holds.
struct CallerStanding {
    store: Store,
    device: DeviceId,
    union: UnionNumber,
    changes: Changes,
    clock: Clock,
    caller: Caller,
}

impl CallerStanding {
    /// Returns when that no longer holds; checked after every commit, by one index lookup.
    async fn lost(mut self) -> Reason {
        loop {
            if (self.clock)() > self.caller.until {
                return Reason::Expired;
            }
            // A database that cannot be read at the moment is no reason to end a session.
            let (device, union) = (self.device, self.union);
            if let Ok(true) = self.store.look(move |conn| trust::revoked(conn, &device, union)).await {
                return Reason::Device;
            }
            tokio::select! {
                biased;
                () = self.changes.changed() => {}
                () = tokio::time::sleep(EXPIRY_CHECK_INTERVAL) => {}
            }
        }
    }
}
