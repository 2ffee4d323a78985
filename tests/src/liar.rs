//! A hub that lies on the wire: real sessions at both ends, and between the hub's and the line something that bends,
//! drops, reorders, repeats and invents frames.

use std::pin::pin;

use anyhow::Result;
use bytes::Bytes;
use huiliu_node::{
    sync::{
        exchange::Endpoint,
        session::{self, Ends, Report, Shared},
    },
    writer::Store,
};
use huiliu_proto::{
    feed::Scope,
    id::{FeedId, Hash},
    kind::{Reach, kind},
    operation::Operation,
    signed::TreeHead,
    union::UnionNumber,
    v1::{self, Refusal, frame::Frame},
};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use crate::{
    forger::Forger,
    people::Random,
    world::{Machine, START},
};

/// What the hub does to the frames it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    FlipSegment,
    FlipHead,
    FlipSignature,
    FlipHeader,
    FlipReceipt,
    DropBatches,
    DropAcks,
    DropReceipts,
    Reorder,
    Truncate,
    Fewer,
    Replay,
    /// Heads for what others wrote, signed with the hub's own key.
    InventHead,
    /// A feed in the county's name, signed with the hub's own key.
    InventFeed,
    /// "Another history of this feed is here", with a head that nobody signed.
    FakeFork,
    /// "I have less of this than I signed for."
    OldStates,
}

impl Lie {
    pub const ALL: [Lie; 16] = [
        Lie::FlipSegment,
        Lie::FlipHead,
        Lie::FlipSignature,
        Lie::FlipHeader,
        Lie::FlipReceipt,
        Lie::DropBatches,
        Lie::DropAcks,
        Lie::DropReceipts,
        Lie::Reorder,
        Lie::Truncate,
        Lie::Fewer,
        Lie::Replay,
        Lie::InventHead,
        Lie::InventFeed,
        Lie::FakeFork,
        Lie::OldStates,
    ];
}

/// A hub's tongue.
pub struct Liar {
    lie: Lie,
    random: Random,
    hub: Machine,
    /// In whose name feeds are invented.
    victim: UnionNumber,
    held: Option<Frame>,
    /// How often it lied.
    pub lies: u64,
}

fn flip(bytes: &Bytes, random: &mut Random) -> Bytes {
    let mut bent = bytes.to_vec();
    if !bent.is_empty() {
        let at = random.below(bent.len() as u64) as usize;
        bent[at] ^= 1 << random.below(8);
    }
    bent.into()
}

impl Liar {
    pub fn new(lie: Lie, hub: &Machine, victim: UnionNumber, seed: u64) -> Liar {
        Liar { lie, random: Random(seed), hub: hub.clone(), victim, held: None, lies: 0 }
    }

    /// What is sent in place of a frame.
    pub fn tell(&mut self, frame: v1::Frame) -> Vec<v1::Frame> {
        let Some(frame) = frame.frame else { return vec![] };
        let before = frame.clone();
        let after = self.bend(frame);
        if after.len() != 1 || after[0] != before {
            self.lies += 1;
        }
        after.into_iter().map(|frame| v1::Frame { frame: Some(frame) }).collect()
    }

    fn bend(&mut self, frame: Frame) -> Vec<Frame> {
        match (self.lie, frame) {
            (Lie::DropBatches, Frame::Batch(_)) | (Lie::DropAcks, Frame::Ack(_)) => vec![],
            (Lie::Reorder, Frame::Batch(batch)) => match self.held.take() {
                None => {
                    self.held = Some(Frame::Batch(batch));
                    vec![]
                }
                Some(held) => vec![Frame::Batch(batch), held],
            },
            (Lie::Replay, Frame::Batch(batch)) => {
                let old = self.held.get_or_insert_with(|| Frame::Batch(batch.clone())).clone();
                vec![Frame::Batch(batch), old]
            }
            (Lie::InventFeed, Frame::Batch(batch)) if self.lies == 0 => {
                vec![Frame::Batch(self.invented()), Frame::Batch(batch)]
            }
            (_, Frame::Batch(batch)) => vec![Frame::Batch(self.bend_batch(batch))],
            (_, Frame::Ack(ack)) => vec![Frame::Ack(self.bend_ack(ack))],
            (Lie::DropReceipts, Frame::Receipts(_)) => vec![Frame::Receipts(v1::Receipts::default())],
            (Lie::FlipReceipt, Frame::Receipts(mut receipts)) => {
                for receipt in &mut receipts.receipts {
                    receipt.message = flip(&receipt.message, &mut self.random);
                }
                vec![Frame::Receipts(receipts)]
            }
            // Without this there would be nothing to say: both ends take it that they have the same.
            (Lie::OldStates, Frame::Hello(mut hello)) => {
                hello.digest = flip(&hello.digest, &mut self.random);
                vec![Frame::Hello(hello)]
            }
            (Lie::OldStates, Frame::Groups(mut groups)) => {
                for group in &mut groups.groups {
                    group.digest = flip(&group.digest, &mut self.random);
                }
                vec![Frame::Groups(groups)]
            }
            (Lie::OldStates, Frame::States(mut states)) => {
                for state in &mut states.states {
                    state.size /= 2;
                }
                vec![Frame::States(states)]
            }
            (_, frame) => vec![frame],
        }
    }

    fn bend_batch(&mut self, mut batch: v1::Batch) -> v1::Batch {
        let random = &mut self.random;
        match self.lie {
            Lie::FlipSegment => batch.segment = flip(&batch.segment, random),
            Lie::FlipHeader => batch.header = flip(&batch.header, random),
            Lie::Truncate => batch.segment = batch.segment.slice(..batch.segment.len() / 2),
            Lie::Fewer => batch.count = batch.count.saturating_sub(1),
            Lie::FlipHead | Lie::FlipSignature | Lie::InventHead => {
                if let Some(head) = &mut batch.head {
                    match self.lie {
                        Lie::FlipHead => head.message = flip(&head.message, random),
                        Lie::FlipSignature => head.signature = flip(&head.signature, random),
                        _ => {
                            let feed = FeedId::try_from(&batch.feed[..]).unwrap_or(FeedId([0; 16]));
                            let size = batch.first + u64::from(batch.count);
                            *head = TreeHead::sign(&self.hub.me().key, feed, size, Hash([5; 32]), START, None).signed;
                        }
                    }
                }
            }
            _ => {}
        }
        batch
    }

    fn bend_ack(&mut self, mut ack: v1::Ack) -> v1::Ack {
        match self.lie {
            Lie::DropReceipts => ack.receipt = None,
            Lie::FlipReceipt => {
                if let Some(receipt) = &mut ack.receipt {
                    receipt.signature = flip(&receipt.signature, &mut self.random);
                }
            }
            Lie::FakeFork => {
                let feed = FeedId::try_from(&ack.feed[..]).unwrap_or(FeedId([0; 16]));
                let head = TreeHead::sign(&self.hub.me().key, feed, ack.size, Hash([6; 32]), START, None);
                let refused = Refusal::Fork.into();
                ack = v1::Ack { feed: ack.feed, refused, head: Some(head.signed), ..Default::default() };
            }
            _ => {}
        }
        ack
    }

    fn invented(&self) -> v1::Batch {
        let mut forger = Forger::of(&self.hub, self.victim, Scope::Own(Reach::Nation));
        let number = kind("expenditure").expect("expenditures are declared").number;
        let id = forger.id();
        let batch = forger.say(&[Operation::new(number, id, None, vec![], None)]);
        v1::Batch {
            feed: batch.feed.to_vec().into(),
            header: batch.header,
            first: batch.first,
            count: batch.count as u32,
            segment: batch.segment,
            head: Some(batch.head),
            standing: 0,
        }
    }
}

/// Which end's frames go through the tongue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Lower,
    Upper,
}

type Bend<'a> = dyn FnMut(v1::Frame) -> Vec<v1::Frame> + 'a;

/// One call of the lower machine, in which what one end says is bent: how it ended at the lower and at the upper end.
/// Waiting takes no time.
pub fn call_through(
    lower: (&Machine, &Store),
    upper: (&Machine, &Store),
    side: Side,
    bend: &mut Bend<'_>,
) -> Result<(Report, Report)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let mut calls = 0;
    loop {
        let (below, above) = runtime.block_on(once(lower, upper, side, bend))?;
        calls += 1;
        if !below.end.is_again() || calls == 8 {
            return Ok((below, above));
        }
    }
}

async fn once(
    lower: (&Machine, &Store),
    upper: (&Machine, &Store),
    side: Side,
    bend: &mut Bend<'_>,
) -> Result<(Report, Report)> {
    let ends = |(me, _): (&Machine, &Store), (peer, _): (&Machine, &Store), calls| Ends {
        me: Endpoint { network: me.home.config.network.clone(), union: me.union(), device: me.me().device() },
        peer: peer.union(),
        peer_device: peer.me().device(),
        calls,
        stay: !calls,
    };
    let calling = ends(lower, upper, true);
    let shared = Shared::read(lower.1, &calling).await?;
    let ((up, up_line), (up_wire, from_below)) = (mpsc::channel(16), mpsc::channel(16));
    let ((down, down_line), (down_wire, from_above)) = (mpsc::channel(16), mpsc::channel(16));
    let heard = |frames: mpsc::Receiver<v1::Frame>| ReceiverStream::new(frames).map(Ok::<_, tonic::Status>);
    let above = pin!(session::answer(upper.1, ends(upper, lower, false), heard(from_below), down));
    let below = pin!(session::run(lower.1, calling, shared, heard(from_above), up, &|_| ()));
    let honest = &mut |frame| vec![frame];
    let (bend_up, bend_down): (&mut Bend<'_>, &mut Bend<'_>) = match side {
        Side::Lower => (bend, honest),
        Side::Upper => (honest, bend),
    };
    let (rising, falling) = (carry(up_line, up_wire, bend_up), carry(down_line, down_wire, bend_down));
    let (below, above, (), ()) = tokio::join!(below, above, rising, falling);
    Ok((below?, above?))
}

async fn carry(mut from: mpsc::Receiver<v1::Frame>, to: mpsc::Sender<v1::Frame>, bend: &mut Bend<'_>) {
    while let Some(frame) = from.recv().await {
        for frame in bend(frame) {
            if to.send(frame).await.is_err() {
                return;
            }
        }
    }
}

/// Bends anything: bits, lengths, places. `None` where it is a frame no more, at which a line breaks.
pub fn garble(frame: &v1::Frame, random: &mut Random) -> Option<v1::Frame> {
    let mut bytes = frame.encode_to_vec();
    for _ in 0..=random.below(3) {
        let len = bytes.len() as u64;
        if len == 0 {
            break;
        }
        let at = random.below(len) as usize;
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.roll() as u8),
            2 => drop(bytes.remove(at)),
            3 => bytes[at] = random.roll() as u8,
            _ => bytes[at] ^= 1 << random.below(8),
        }
    }
    v1::Frame::decode(&bytes[..]).ok()
}
