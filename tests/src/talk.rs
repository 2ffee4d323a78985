//! Exchanges between two stores without a line: real sessions at both ends, frames carried in memory.

use std::pin::pin;

use anyhow::{Result, bail};
use huiliu_node::{
    store::Store,
    sync::{
        exchange::{End, Speaker},
        session::{self, Ends, Report},
    },
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
        let report = runtime.block_on(once(lower, upper))?;
        if !report.end.is_again() {
            return Ok(report);
        }
    }
}

async fn once(lower: (&Machine, &Store), upper: (&Machine, &Store)) -> Result<Report> {
    let ends = |(me, _): (&Machine, &Store), (peer, _): (&Machine, &Store), calls| Ends {
        me: Speaker { network: me.home.config.network.clone(), union: me.union(), device: me.me().device() },
        peer: peer.union(),
        peer_device: peer.me().device(),
        calls,
        stay: !calls,
    };
    let ((up, from_below), (down, from_above)) = (mpsc::channel(16), mpsc::channel(16));
    let heard = |frames: mpsc::Receiver<v1::Frame>| ReceiverStream::new(frames).map(Ok::<_, tonic::Status>);
    let above = session::run(upper.1, ends(upper, lower, false), heard(from_below), down, &|_| ());
    let below = session::run(lower.1, ends(lower, upper, true), heard(from_above), up, &|_| ());
    let (below, above) = (pin!(below), pin!(above));
    let (below, above) = tokio::join!(below, above);
    above?;
    Ok(below?)
}
