//! One operation that is held: what it says, who signed it when, why it is held, and what revoked its device.

use huiliu_proto::{
    edit::{Actor, Edit},
    kind::{Field, Kind, Shape, numbered},
    operation::Operation,
    record::Record,
    signed::TreeHead,
    v1::Ruling,
    value::Value,
};

use super::{Whole, find, which::WhichError, whole};
use crate::{
    admission::{Grounds, Reason},
    app::values::{self, Reader},
    store::{
        StoreError, View,
        feeds::{self, FeedRow},
        quarantine::{self, Held},
        trust::{self, Revocation},
    },
};

#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    #[error("it is not known what is meant")]
    Which(#[from] WhichError),
    /// It is there, and counts.
    #[error("“{0}” is not held")]
    NotHeld(String),
    #[error("it cannot be shown")]
    Store(#[from] StoreError),
}

impl ShowError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ShowError::Which(error) => error.code(),
            ShowError::NotHeld(_) => "not_held",
            ShowError::Store(_) => "database",
        }
    }
}

/// Why it does not count: itself, with a sentence, or the feed that it stands in.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    Held(Held, Grounds),
    Whole(Whole),
}

/// What a put of an edit says.
#[derive(Clone)]
pub enum Put {
    To(&'static Field, Value),
    /// What it says is not read here.
    Withheld(&'static Field),
    Emptied(&'static Field),
    /// A field only a newer version knows.
    Newer(u32),
}

/// What an operation says, as far as it can be read.
#[derive(Clone)]
pub enum Contents {
    /// The record, and which of its fields say something that is not read here.
    Entry(Record, Vec<&'static Field>),
    Edit(Vec<Put>),
    Unreadable,
    /// Nor may its bytes be read here, since nobody knows what is in them.
    Kept,
}

/// A revocation of the device, and whether the device had heard of it when it signed.
#[derive(Debug, Clone)]
pub struct Revoked {
    pub revocation: Revocation,
    pub heard: bool,
}

pub struct Shown {
    pub feed: FeedRow,
    pub seq: u64,
    pub operation: Option<Operation>,
    /// When it came here.
    pub stored_at: Option<i64>,
    pub why: Why,
    pub revoked: Vec<Revoked>,
    pub rejected: bool,
}

impl Shown {
    /// What the operation says, where it can be read, as far as this union may.
    pub fn contents(&self, reader: Reader<'_>) -> Option<Contents> {
        self.operation.as_ref().map(|operation| contents(&self.feed, reader, operation))
    }
}

/// What a person means by a place, a feed that waits whole, or a record's id.
pub fn show(conn: &View, typed: &str) -> Result<Shown, ShowError> {
    let which = find(conn, typed)?;
    let (feed, part) = (which.feed, which.part);
    let from = part.map_or(0, |(first, _)| first);
    let held = quarantine::next(conn, feed.no, from)?.filter(|held| part.is_none() || held.seq == from);
    let seq = held.as_ref().map_or(from, |held| held.seq);
    let stranger = !feed.own && feed.waits_whole() && seq >= feed.applied && seq < feed.size();
    let why = match held {
        Some(held) => {
            let why = quarantine::explain(conn, &held)?;
            Why::Held(held, why)
        }
        None if stranger => Why::Whole(whole(conn, &feed)?),
        None => return Err(ShowError::NotHeld(typed.to_owned())),
    };
    let revoked = match &why {
        Why::Held(held, _) if held.reason == Reason::Revoked.word() => revoked(conn, &feed, seq)?,
        _ => vec![],
    };
    Ok(Shown {
        operation: feeds::operation(conn, feed.no, seq)?,
        stored_at: feeds::stored_at(conn, feed.no, seq)?,
        rejected: trust::ruling(conn, &feed.feed, seq)? == Some(Ruling::Rejected),
        why,
        revoked,
        feed,
        seq,
    })
}

fn revoked(conn: &View, row: &FeedRow, seq: u64) -> Result<Vec<Revoked>, StoreError> {
    let mut all = vec![];
    for revocation in trust::revocations(conn, &row.feed)? {
        let head = feeds::segment(conn, row.no, seq)?.map(|s| TreeHead::stored(s.head, row.feed.id)).transpose();
        let seen = head?.and_then(|head| head.seen);
        let place = feeds::by_no(conn, revocation.feed)?.feed.id;
        let heard = seen.is_some_and(|seen| seen.feed == place && seen.size > revocation.seq);
        all.push(Revoked { revocation, heard });
    }
    Ok(all)
}

fn contents(row: &FeedRow, reader: Reader<'_>, operation: &Operation) -> Contents {
    let owner = row.feed.union;
    let said = |kind: &'static Kind| match kind.shape {
        Shape::Entry => {
            let mut record = Record::decode(kind, &operation.payload).ok()?;
            let withheld = reader.withhold(owner, &operation.record, &mut record);
            Some(Contents::Entry(record, withheld))
        }
        Shape::Document => {
            let author = Actor::new(&row.feed.id, &operation.record);
            let edit = Edit::decode(&operation.payload, author).ok()?;
            let put = |put: &huiliu_proto::edit::Put| {
                let Some(field) = kind.field_numbered(put.field).map(|at| &kind.fields[at]) else {
                    return Put::Newer(put.field);
                };
                match values::value_of(field, &put.value) {
                    None => Put::Emptied(field),
                    Some(value) => reader
                        .value(owner, &operation.record, field, &value)
                        .map_or(Put::Withheld(field), |value| Put::To(field, value)),
                }
            };
            Some(Contents::Edit(edit.puts.iter().map(put).collect()))
        }
    };
    let unreadable = if reader.is_above(owner) { Contents::Kept } else { Contents::Unreadable };
    numbered(operation.kind).and_then(said).unwrap_or(unreadable)
}
