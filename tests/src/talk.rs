//! Exchanges between two stores without a line: real sessions at both ends, frames carried in memory.

use std::{pin::pin, time::Duration};

use anyhow::{Result, bail};
use huiliu_node::{
    sync::{
        exchange::{End, Endpoint},
        session::{self, Ends, Report, Shared},
    },
    writer::Store,
};
use huiliu_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use crate::world::Machine;

/// The lower machine calls the upper one until both have the same.
pub fn talk(lower: (&Machine, &Store), upper: (&Machine, &Store)) -> Result<Report> {
    let report = call(lower, upper)?;
    match &report.end {
        End::Done if report.tally.refused.is_empty() => Ok(report),
        other => bail!("{} and {}: {other:?}, {:?}", lower.0.name, upper.0.name, report.tally.refused),
    }
}

/// The same, however it ends.
pub fn call(lower: (&Machine, &Store), upper: (&Machine, &Store)) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    loop {
        let report = runtime.block_on(session(lower, upper, false))?;
        if !report.end.is_again() {
            return Ok(report);
        }
    }
}

/// The lower machine calls the upper one and stays on the line. Once both have the same, `meanwhile` happens; where the
/// line ends because of it, it calls again. When nothing more comes, the line is cut.
pub fn talk_while(lower: (&Machine, &Store), upper: (&Machine, &Store), meanwhile: impl FnOnce() + Send) -> Result<()> {
    talk_for(Duration::from_secs(5), lower, upper, meanwhile)
}

/// The same; the line is cut after so long.
pub fn talk_for(
    calm: Duration,
    lower: (&Machine, &Store),
    upper: (&Machine, &Store),
    meanwhile: impl FnOnce() + Send,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let mut line = Box::pin(session(lower, upper, true));
        if let Ok(ended) = tokio::time::timeout(calm, &mut line).await {
            bail!("the line ended by itself: {:?}", ended?);
        }
        // On a thread of its own: what happens may run a conversation, too.
        std::thread::scope(|scope| drop(scope.spawn(meanwhile).join()));
        while let Ok(ended) = tokio::time::timeout(calm, &mut line).await {
            let end = ended?.end;
            if !end.is_again() {
                bail!("the line ended: {end:?}");
            }
            line = Box::pin(session(lower, upper, true));
        }
        Ok(())
    })
}

/// The lower machine calls the upper one and stays on the line, in real time, until `meanwhile` is over.
pub fn talk_until<T>(
    lower: (&Machine, &Store),
    upper: (&Machine, &Store),
    meanwhile: impl Future<Output = Result<T>>,
) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        tokio::select! {
            ended = session(lower, upper, true) => bail!("the line ended by itself: {:?}", ended?),
            done = meanwhile => done,
        }
    })
}

fn ends((me, _): (&Machine, &Store), (peer, _): (&Machine, &Store), calls: bool, stay: bool) -> Ends {
    Ends {
        me: Endpoint { network: me.home.config.network.clone(), union: me.union(), device: me.me().device() },
        peer: peer.union(),
        peer_device: peer.me().device(),
        calls,
        stay: stay || !calls,
    }
}

/// What the lower machine knows when it calls the upper one, and what the upper one knows when it is called.
pub async fn known(me: (&Machine, &Store), peer: (&Machine, &Store), calls: bool) -> Result<Shared> {
    Ok(Shared::read(me.1, &ends(me, peer, calls, false)).await?)
}

/// One call of the lower machine, to its end, or for as long as it is waited for.
pub async fn session(lower: (&Machine, &Store), upper: (&Machine, &Store), stay: bool) -> Result<Report> {
    let below = known(lower, upper, true).await?;
    let above = known(upper, lower, false).await?;
    converse(lower, upper, stay, (below, above)).await
}

/// The same, from what the two knew before.
pub async fn converse(
    lower: (&Machine, &Store),
    upper: (&Machine, &Store),
    stay: bool,
    (below, above): (Shared, Shared),
) -> Result<Report> {
    let ((up, from_below), (down, from_above)) = (mpsc::channel(16), mpsc::channel(16));
    let heard = |frames: mpsc::Receiver<v1::Frame>| ReceiverStream::new(frames).map(Ok::<_, tonic::Status>);
    let (called, calls) = (ends(upper, lower, false, stay), ends(lower, upper, true, stay));
    let above = session::run(upper.1, called, above, heard(from_below), down, &|_| ());
    let below = session::run(lower.1, calls, below, heard(from_above), up, &|_| ());
    let (below, above) = (pin!(below), pin!(above));
    let (below, above) = tokio::join!(below, above);
    above?;
    Ok(below?)
}
