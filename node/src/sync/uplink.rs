//! Calls the union above: once, or again and again while the machine runs.

use std::{convert::Infallible, future::Future, time::Duration};

use huiliu_proto::v1::sync_client::SyncClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, transport::Channel};

use super::{
    call::{self, Declined, Overheard, Trouble},
    exchange::{End, Endpoint},
    join::{self, JoinError},
    line::Dial,
    session::{self, Ends, Progress, Report, SILENCE, Shared},
};
use crate::{
    clock::{Clock, Random},
    identity::{Home, IdentityError, Parent, tls, validity},
    store::{StoreError, feeds},
    writer::Store,
};

/// The largest frame either side sends: see sync.proto.
pub const MAX_FRAME: usize = 1 << 20;
/// Waits between calls: doubled from the first to the longest, with as much again at random.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// How often a feed with two histories may send both ends back to the beginning in one go.
const CALLS: usize = 8;
/// Interval for checking certificate renewal while connected.
const RENEW: Duration = Duration::from_secs(3600);

#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No connection, or one that is not to the hub that was meant.
    #[error("{address} cannot be reached: {trouble}")]
    Unreachable { address: String, trouble: Trouble },
    /// The hub answered, and declined.
    #[error("the hub declined: {}", .0.sentence)]
    Declined(Declined),
    /// By this machine's clock its own certificates do not hold.
    #[error("this machine's certificates do not hold by its clock")]
    Dates { now: i64, from: i64, to: i64 },
}

impl From<JoinError> for UplinkError {
    fn from(error: JoinError) -> UplinkError {
        match error {
            JoinError::Identity(error) => UplinkError::Identity(error),
            JoinError::Unreachable { address, trouble } => UplinkError::Unreachable { address, trouble },
            JoinError::Declined(declined) => UplinkError::Declined(declined),
        }
    }
}

/// What is needed to call.
#[derive(Clone)]
pub struct Uplink {
    pub home: Home,
    pub store: Store,
    pub dial: Dial,
    pub clock: Clock,
    pub random: Random,
}

impl Uplink {
    /// One exchange; with `stay` it lasts until the line breaks.
    pub async fn exchange(&self, stay: bool, progress: Progress<'_>) -> Result<Report, UplinkError> {
        let mut ended = self.call(stay, progress).await;
        if let Ok(Report { end: End::Done, tally, .. }) = &ended
            && tally.received > 0
            && self.has_unsent().await?
        {
            // What came was answered here, as an enrolment is by granting a key: that goes in the same breath.
            let first = tally.clone();
            ended = self.call(stay, progress).await.map(|mut report| {
                report.tally.sent += first.sent;
                report.tally.received += first.received;
                report.tally.refused.extend(first.refused);
                report
            });
        }
        if let (Err(error), Some(parent)) = (&ended, &self.home.config.parent) {
            // A call that did not come about is remembered too: yesterday's success must not look like today's.
            session::note(&self.store, parent.device, parent.union, Some(error.to_string())).await?;
        }
        ended
    }

    /// Something was written that no exchange has packed yet.
    async fn has_unsent(&self) -> Result<bool, StoreError> {
        self.store.look(|conn| Ok(feeds::owned(conn)?.iter().any(|feed| feed.packed < feed.size()))).await
    }

    async fn call(&self, stay: bool, progress: Progress<'_>) -> Result<Report, UplinkError> {
        let mut calls = 0;
        loop {
            let report = self.call_once(stay, progress).await?;
            calls += 1;
            if calls == CALLS || !report.end.is_again() {
                return Ok(report);
            }
        }
    }

    async fn call_once(&self, stay: bool, progress: Progress<'_>) -> Result<Report, UplinkError> {
        let config = &self.home.config;
        let parent = config.parent.clone().ok_or(IdentityError::NotJoined)?;
        let (channel, overheard) = self.connect(&parent).await?;
        self.keep_certificates(&channel, &overheard).await;
        let mut client =
            SyncClient::new(channel.clone()).max_decoding_message_size(MAX_FRAME).max_encoding_message_size(MAX_FRAME);
        let me = self.home.me(self.clock.clone(), self.random.clone())?;
        let speaker = Endpoint { network: config.network.clone(), union: config.union, device: me.device() };
        let ends = Ends { me: speaker, peer: parent.union, peer_device: parent.device, calls: true, stay };
        let shared = Shared::read(&self.store, &ends).await?;
        let (send, receive) = mpsc::channel(16);
        let answer = tokio::time::timeout(SILENCE, client.exchange(ReceiverStream::new(receive))).await;
        let Ok(answer) = answer else {
            let trouble = Trouble::Line("no answer in time".into());
            return Err(UplinkError::Unreachable { address: parent.address.clone(), trouble });
        };
        let declined = |status: Status| match Declined::read(&status) {
            Some(declined) => UplinkError::Declined(declined),
            None => {
                let trouble = overheard.trouble().unwrap_or_else(|| Trouble::Line(call::chain(&status)));
                UplinkError::Unreachable { address: parent.address.clone(), trouble }
            }
        };
        let incoming = answer.map_err(declined)?.into_inner();
        tokio::select! {
            biased;
            report = session::run(&self.store, ends, shared, incoming, send, progress) => Ok(report?),
            never = self.keep_renewing(&channel, &overheard) => match never {},
        }
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
                Ok(Report { end: End::Broken { cause, detail, retry_after }, .. }) => {
                    tracing::info!(cause = cause.word(), detail, "the exchange ended");
                    Duration::from_secs(retry_after.into())
                }
                Ok(Report { end: End::Done, .. }) => Duration::ZERO,
                Err(UplinkError::Declined(declined)) => {
                    tracing::warn!(reason = declined.sentence, "the union above declined");
                    Duration::from_secs(declined.retry_after.into())
                }
                Err(error @ UplinkError::Dates { .. }) => {
                    tracing::warn!(%error, "no call before the clock or the certificates are put right");
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::info!(%error, "the union above cannot be reached");
                    Duration::ZERO
                }
            };
            // A line that held for a while was a good one: the next call begins anew.
            if (self.clock)().saturating_sub(started) > 30_000 {
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
        (self.random)(&mut byte);
        wait * u32::from(byte[0]) / 256
    }

    /// A channel to the hub above. Certificates are read anew for each call: they may have been renewed.
    pub(super) async fn connect(&self, parent: &Parent) -> Result<(Channel, Overheard), UplinkError> {
        let now = (self.clock)();
        if let Some(validity) = validity::of_home(&self.home)?.filter(|v| !v.holds(now)) {
            return Err(UplinkError::Dates { now, from: validity.from, to: validity.to });
        }
        let config = tls::client(&self.home, &self.clock)?;
        let connected = call::connect(&self.dial, &parent.address, parent.union, config).await;
        connected.map_err(|trouble| UplinkError::Unreachable { address: parent.address.clone(), trouble })
    }

    /// While a line holds, which may be for longer than a certificate.
    async fn keep_renewing(&self, channel: &Channel, overheard: &Overheard) -> Infallible {
        loop {
            tokio::time::sleep(RENEW).await;
            self.keep_certificates(channel, overheard).await;
        }
    }

    /// Renews certificates in time, unattended, and says when they will end. Never a reason not to exchange.
    async fn keep_certificates(&self, channel: &Channel, overheard: &Overheard) {
        match join::renew(&self.home, channel.clone(), overheard, &self.clock).await {
            Ok(true) => tracing::info!("certificates were renewed"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "certificates could not be renewed; it is tried again"),
        }
        validity::warn(&self.home, (self.clock)());
    }
}
