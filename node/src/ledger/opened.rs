//! What a batch holds, before the writer looks at it: unpacked, hashed and read. Nothing of that asks a table, so it is done
//! beside the writer, which is everybody's; it judges what it is given as if it had read it itself.

use huiliu_proto::{
    kind::{Shape, numbered},
    operation::Operation,
    record::Record,
    segment::{self, Hashed, SegmentError},
    v1::Refusal,
};

use super::incoming::{Incoming, Intake, refused};
use crate::admission;

/// The operations of a batch, as many as it says.
pub struct Opened {
    run: Hashed,
    /// What the entries among them say that keep the rules of their kinds.
    read: Vec<Option<Record>>,
}

/// Why a batch cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    #[error("the contents of an operation were taken out, which nobody may do")]
    Destroyed,
    #[error("the segment does not hold as many operations as the batch says")]
    Count,
    #[error(transparent)]
    Segment(#[from] SegmentError),
}

impl Unopened {
    pub(super) fn refused(&self) -> Intake {
        refused(Refusal::Bounds, self)
    }
}

impl Opened {
    /// Looks at nothing but the batch. Bounded as a segment is.
    pub fn of(batch: &Incoming) -> Result<Opened, Unopened> {
        let run = unpack(batch)?;
        let read = run.operations().iter().map(read).collect();
        Ok(Opened { run, read })
    }

    pub(super) fn into_parts(self) -> (Hashed, Vec<Option<Record>>) {
        (self.run, self.read)
    }
}

fn read(operation: &Operation) -> Option<Record> {
    let kind = numbered(operation.kind).filter(|kind| kind.shape == Shape::Entry && !operation.void)?;
    admission::read(kind, operation).ok()
}

/// The operations of a batch and their leaves, as many as it says.
pub(super) fn unpack(batch: &Incoming) -> Result<Hashed, Unopened> {
    if batch.count == 0 {
        return Ok(Hashed::default());
    }
    let operations = segment::unpack(&batch.segment)?;
    if operations.iter().any(|o| o.destroyed.is_some()) {
        return Err(Unopened::Destroyed);
    }
    if operations.len() as u64 != batch.count {
        return Err(Unopened::Count);
    }
    Ok(operations.into())
}

/// What the entries of a run say, for as long as the run is applied.
#[derive(Default)]
pub(super) struct Entries {
    pub feed: i64,
    pub first: u64,
    pub read: Vec<Option<Record>>,
}

impl Entries {
    /// What an entry says, once; none where it has to be read.
    pub(super) fn take(&mut self, no: i64, seq: u64) -> Option<Record> {
        let at = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        self.read.get_mut(at).filter(|_| self.feed == no)?.take()
    }
}
