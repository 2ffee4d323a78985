//! Conversations of such a program, with the hub above it or with those who call it: real sessions, and between their
//! frames generated ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use huiliu_node::{
    identity::tls,
    sync::{
        call,
        exchange::Endpoint,
        session::{self, Ends},
    },
    writer::Store,
};
use huiliu_proto::v1::{self, frame::Frame, sync_client::SyncClient};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};

use super::Insider;
use crate::{liar::Liar, network, world::Machine};

/// The frames between which one is invented, where nothing else is said.
const PAUSE: Duration = Duration::from_millis(150);
/// The same of a hub, which has more to say.
const HUBS_PAUSE: Duration = Duration::from_millis(75);
/// How long the beginning of a conversation is left in peace: it is to come to something.
const GREETING: Duration = Duration::from_millis(800);
/// How long a conversation lasts: it is cut off often enough.
const LASTS: Duration = Duration::from_secs(5);

/// The program in all its conversations.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Insider>>);

impl Shared {
    pub fn new(insider: Insider) -> Shared {
        Shared(Arc::new(Mutex::new(insider)))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Insider) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs the program: calls the hub above again and again until `end`, and says what it likes.
pub async fn run(machine: &Machine, store: &Store, insider: &Shared, end: impl Fn() -> bool) -> Result<()> {
    while !end() {
        tokio::time::sleep(Duration::from_millis(700)).await;
        insider.with(|insider| insider.look(store))?;
        let _ = tokio::time::timeout(LASTS, conversation(machine, store, insider)).await;
    }
    Ok(())
}

async fn conversation(machine: &Machine, store: &Store, insider: &Shared) -> Result<()> {
    let config = &machine.home.config;
    let Some(parent) = config.parent.clone() else { return Ok(()) };
    let tls = tls::client(&machine.home, &machine.clock)?;
    let connected = call::connect(&network::dial(), &parent.address, parent.union, tls).await;
    let (channel, _) = connected.map_err(|trouble| anyhow::anyhow!("{trouble}"))?;
    let (wire, outgoing) = mpsc::channel(16);
    let speaker = Endpoint { network: config.network.clone(), union: machine.union(), device: machine.me().device() };
    let ends = Ends { me: speaker, peer: parent.union, peer_device: parent.device, calls: true, stay: true };
    let shared = session::Shared::read(store, &ends).await?;
    let incoming = SyncClient::new(channel).exchange(ReceiverStream::new(outgoing)).await?.into_inner();
    converse(machine, store, (ends, shared), incoming, wire, insider).await
}

/// As a hub, with one who called it.
pub async fn listen<I>(
    machine: Machine,
    store: Store,
    ends: Ends,
    incoming: I,
    wire: mpsc::Sender<v1::Frame>,
    insider: Shared,
) where
    I: Stream<Item = Result<v1::Frame, tonic::Status>> + Unpin + Send,
{
    if insider.with(|insider| insider.look(&store)).is_ok() {
        let answer = async {
            let shared = session::Shared::read(&store, &ends).await?;
            converse(&machine, &store, (ends, shared), incoming, wire, &insider).await
        };
        let _ = tokio::time::timeout(LASTS, answer).await;
    }
}

/// Feeds of which it said something that the real session knows nothing of, and how many answers are not for that.
type Unasked = Arc<Mutex<BTreeMap<Bytes, u64>>>;

fn is_unasked(unasked: &Unasked, feed: &Bytes) -> bool {
    let mut unasked = unasked.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(left) = unasked.get_mut(feed).filter(|left| **left > 0) else { return false };
    *left -= 1;
    true
}

async fn converse<I>(
    machine: &Machine,
    store: &Store,
    (ends, shared): (Ends, session::Shared),
    incoming: I,
    wire: mpsc::Sender<v1::Frame>,
    insider: &Shared,
) -> Result<()>
where
    I: Stream<Item = Result<v1::Frame, tonic::Status>> + Unpin + Send,
{
    let (said, saying) = mpsc::channel(16);
    let unasked = Unasked::default();
    let (asked, ears) = (Arc::clone(&unasked), insider.clone());
    let heard = incoming.filter(move |frame| match frame {
        Ok(v1::Frame { frame: Some(Frame::Ack(ack)) }) => !is_unasked(&asked, &ack.feed),
        Ok(v1::Frame { frame: Some(Frame::Batch(batch)) }) => {
            ears.with(|insider| insider.hear(batch));
            true
        }
        _ => true,
    });
    let tongue = insider.with(|insider| insider.tongue(machine, ends.calls));
    tokio::select! {
        biased;
        ended = session::run(store, ends, shared, Box::pin(heard), said, &|_| ()) => drop(ended?),
        () = between(saying, wire, insider, &unasked, tongue) => {}
    }
    Ok(())
}

/// What becomes of the frames of a real session.
#[derive(Default)]
pub(super) struct Tongue {
    /// It speaks to the hub above.
    pub up: bool,
    pub liar: Option<Liar>,
    /// Feeds that are kept back, by the first byte of their ids.
    pub withheld: BTreeSet<u8>,
}

impl Tongue {
    fn tell(&mut self, frame: v1::Frame, insider: &Shared) -> Vec<v1::Frame> {
        let Some(said) = frame.frame else { return vec![] };
        let said = insider.with(|insider| insider.bend(said));
        let feed = match &said {
            Frame::Batch(batch) => batch.feed.first(),
            _ => None,
        };
        if feed.is_some_and(|first| self.withheld.contains(&(first % 8))) {
            return vec![];
        }
        let frame = v1::Frame { frame: Some(said) };
        match &mut self.liar {
            Some(liar) => liar.tell(frame),
            None => vec![frame],
        }
    }
}

/// Carries what the session says, and invents more.
async fn between(
    mut saying: mpsc::Receiver<v1::Frame>,
    wire: mpsc::Sender<v1::Frame>,
    insider: &Shared,
    unasked: &Unasked,
    mut tongue: Tongue,
) {
    let mut open = false;
    let pause = if insider.with(|insider| insider.hub) { HUBS_PAUSE } else { PAUSE };
    loop {
        let frames = tokio::select! {
            biased;
            frame = saying.recv() => match frame {
                Some(frame) => {
                    open |= matches!(&frame.frame, Some(Frame::States(_) | Frame::Batch(_)));
                    tongue.tell(frame, insider)
                }
                None => return,
            },
            () = tokio::time::sleep(if open { pause } else { GREETING }) => {
                open = true;
                let invented = insider.with(|insider| insider.frames(tongue.up));
                let mut unasked = unasked.lock().unwrap_or_else(PoisonError::into_inner);
                for (frame, own) in &invented {
                    if let Frame::Batch(batch) = frame {
                        let answers = unasked.entry(batch.feed.clone()).or_default();
                        *answers = if *own { u64::MAX } else { answers.saturating_add(1) };
                    }
                }
                invented.into_iter().map(|(frame, _)| v1::Frame { frame: Some(frame) }).collect()
            }
        };
        for frame in frames {
            if wire.send(frame).await.is_err() {
                return;
            }
        }
    }
}
