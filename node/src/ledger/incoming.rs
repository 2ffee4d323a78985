//! A batch that arrives, and what became of it.

use bytes::Bytes;
use huiliu_proto::{
    id::FeedId,
    signed::Receipt,
    v1::{self, Refusal},
};

use crate::store::evidence::Peer;

/// A batch, as it came off the wire.
#[derive(Clone)]
pub struct Incoming {
    pub feed: FeedId,
    /// The feed's header, where it may be new here.
    pub header: Bytes,
    pub first: u64,
    pub count: u64,
    pub segment: Bytes,
    pub head: v1::Signed,
    /// The peer that sent it; `None` when it was imported from a file.
    pub from: Option<Peer>,
    /// The author says that of several histories of its own feed this is the one to adopt.
    pub settled: bool,
    /// The conversation it came in began with this end asking for the feed from its beginning.
    pub asked: bool,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({:?}, {} from {})", self.feed, self.count, self.first)
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Intake {
    /// It is on the disk, or was there already. So much of the feed is here now.
    Taken { size: u64, receipt: Option<Box<Receipt>> },
    /// It was not taken: the reason, and a sentence for people. Nothing changed. If it contradicts what is here, the head
    /// held here.
    Refused { reason: Refusal, detail: String, head: Option<Box<v1::Signed>> },
    /// Its writer, or the peer that relays it, has used up its allowance, or the feed is giving way to another history: the
    /// same batch is taken later.
    Later { seconds: u32 },
    /// The feed may have forked: it has to be sent from its beginning.
    Again,
}

pub(super) fn refused(reason: Refusal, detail: impl ToString) -> Intake {
    Intake::Refused { reason, detail: detail.to_string(), head: None }
}
