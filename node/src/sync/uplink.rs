//! Calls the union above: once, or again and again while the machine runs.

use std::{future::Future, sync::Arc, time::Duration};

use huiliu_proto::v1::sync_client::SyncClient;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Uri};

use super::{
    exchange::{AGAIN, End, Speaker},
    line::Dial,
    session::{self, Ends, Progress, Report},
};
use crate::{
    clock::{Clock, Dice},
    identity::{Home, IdentityError, Parent, certificates, tls},
    store::{Store, StoreError},
};

/// The largest frame either side sends: see sync.proto.
pub const MAX_FRAME: usize = 1 << 20;
/// Waits between calls: doubled from the first to the longest, with as much again at random.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// How often a feed with two histories may send both ends back to the beginning in one go.
const CALLS: usize = 8;
/// The handshake, TLS and HTTP/2, may take so long.
const GREETING: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No connection, or one that is not to the hub that was meant.
    #[error("{address} cannot be reached: {cause}")]
    Unreachable { address: String, cause: String },
    /// The hub answered, and declined.
    #[error("the hub declined: {0}")]
    Declined(String),
}

/// What is needed to call.
#[derive(Clone)]
pub struct Uplink {
    pub home: Home,
    pub store: Store,
    pub dial: Dial,
    pub clock: Clock,
    pub dice: Dice,
}

impl Uplink {
    /// One exchange; with `stay` it lasts until the line breaks.
    pub async fn exchange(&self, stay: bool, progress: Progress<'_>) -> Result<Report, UplinkError> {
        let ended = self.call(stay, progress).await;
        if let (Err(error), Some(parent)) = (&ended, &self.home.config.parent) {
            // A call that did not come about is remembered too: yesterday's success must not look like today's.
            session::note(&self.store, parent.device, parent.union, Some(error.to_string())).await?;
        }
        ended
    }

    async fn call(&self, stay: bool, progress: Progress<'_>) -> Result<Report, UplinkError> {
        let mut calls = 0;
        loop {
            let report = self.call_once(stay, progress).await?;
            calls += 1;
            if calls == CALLS || !matches!(&report.end, End::Broken { word, .. } if word == AGAIN) {
                return Ok(report);
            }
        }
    }

    async fn call_once(&self, stay: bool, progress: Progress<'_>) -> Result<Report, UplinkError> {
        let config = &self.home.config;
        let parent = config.parent.clone().ok_or(IdentityError::NotJoined)?;
        let channel = self.connect(&parent).await?;
        let mut client =
            SyncClient::new(channel).max_decoding_message_size(MAX_FRAME).max_encoding_message_size(MAX_FRAME);
        let me = self.home.me(self.clock.clone(), self.dice.clone())?;
        let speaker = Speaker { network: config.network.clone(), union: config.union, device: me.device() };
        let ends = Ends { me: speaker, peer: parent.union, peer_device: parent.device, calls: true, stay };
        let (send, receive) = mpsc::channel(16);
        let answer = client.exchange(ReceiverStream::new(receive)).await;
        let incoming = answer.map_err(|status| UplinkError::Declined(status.message().to_owned()))?.into_inner();
        Ok(session::run(&self.store, ends, incoming, send, progress).await?)
    }

    /// Stays on the line, and calls again when it breaks, until `shutdown`.
    pub async fn stay(&self, shutdown: impl Future<Output = ()> + Send) {
        tokio::pin!(shutdown);
        let mut wait = FIRST_WAIT;
        loop {
            let started = (self.clock)();
            let ended = tokio::select! {
                biased;
                () = &mut shutdown => return,
                ended = self.exchange(true, &|_| ()) => ended,
            };
            let retry_after = match ended {
                Ok(Report { end: End::Broken { word, detail, retry_after }, .. }) => {
                    tracing::info!(word, detail, "the exchange ended");
                    Duration::from_secs(retry_after.into())
                }
                Ok(Report { end: End::Done, .. }) => Duration::ZERO,
                Err(error) => {
                    tracing::info!(%error, "the union above cannot be reached");
                    Duration::ZERO
                }
            };
            // A line that held for a while was a good one: the next call begins anew.
            if (self.clock)() - started > 30_000 {
                wait = FIRST_WAIT;
            }
            let pause = (wait + self.jitter(wait)).max(retry_after);
            wait = (wait * 2).min(LONGEST_WAIT);
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// A random part of `wait`.
    fn jitter(&self, wait: Duration) -> Duration {
        let mut byte = [0];
        (self.dice)(&mut byte);
        wait * u32::from(byte[0]) / 256
    }

    async fn connect(&self, parent: &Parent) -> Result<Channel, UplinkError> {
        let address = parent.address.clone();
        let config = tls::client(&self.home, &self.clock)?;
        let name = ServerName::try_from(certificates::hub_name(parent.union))
            .map_err(|_| UplinkError::Unreachable { address: address.clone(), cause: "no such name".into() })?;
        let (dial, target) = (Arc::clone(&self.dial), address.clone());
        let connector = tower::service_fn(move |_: Uri| {
            let (dial, target) = (Arc::clone(&dial), target.clone());
            let (connector, name) = (TlsConnector::from(Arc::clone(&config)), name.clone());
            async move {
                let line = dial(target).await?;
                Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, line).await?))
            }
        });
        let endpoint = Endpoint::from_static("http://hub")
            .connect_timeout(GREETING)
            .http2_keep_alive_interval(Duration::from_secs(15))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(2 << 20);
        let connected = tokio::time::timeout(GREETING, endpoint.connect_with_connector(connector)).await;
        let cause = match connected {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(error)) => chain(&error),
            Err(_) => "no answer in time".into(),
        };
        Err(UplinkError::Unreachable { address, cause })
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}
