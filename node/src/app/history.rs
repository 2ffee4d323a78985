//! What became of a record, a page at a time: every edit of a document, in the order in which one followed the other; for an
//! entry, what points back at it.

use std::{collections::HashMap, fmt, str::FromStr};

use huiliu_proto::{
    edit::{Actor, Edit},
    id::{DeviceId, FeedId, Hash, RecordId},
    kind::{Kind, Shape},
    value::Value,
};

use super::values::{self, Reader};
use crate::{
    document::Fields,
    ledger::corrections,
    operator::{self, Who},
    store::{
        StoreError, View, documents, feeds,
        projection::{self, Shown},
    },
};

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("the record's history cannot be read")]
    Store(#[from] StoreError),
    #[error("“{0}” is no place in a record's history")]
    NoPlace(String),
}

impl HistoryError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            HistoryError::Store(_) => "database",
            HistoryError::NoPlace(_) => "no_such_place",
        }
    }
}

type Result<T, E = HistoryError> = std::result::Result<T, E>;

/// One edit, or for an entry one operation.
pub struct Step {
    /// The device's claim, not a proof.
    pub claimed: i64,
    pub device: DeviceId,
    pub feed: FeedId,
    pub seq: u64,
    pub who: Who,
    pub changes: Vec<Change>,
}

pub struct Change {
    pub field: usize,
    /// What stood there, the one that was shown first; several where devices disagreed.
    pub from: Vec<Value>,
    pub to: Option<Value>,
    /// What it says is not read here.
    pub withheld: bool,
}

/// Where a step stands in a history: that of an edit is found by its first put and its hash, that of an entry by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepCursor {
    Edit(u64, Hash),
    /// The record itself, and then, by field, those that point back at it.
    Entry(usize, RecordId),
}

impl fmt::Display for StepCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepCursor::Edit(first, hash) => write!(f, "{first}@{hash}"),
            StepCursor::Entry(field, id) => write!(f, "{field}@{id}"),
        }
    }
}

impl FromStr for StepCursor {
    type Err = HistoryError;

    fn from_str(typed: &str) -> Result<StepCursor> {
        let place = typed.trim().split_once('@').and_then(|(number, id)| match id.parse() {
            Ok(hash) => Some(StepCursor::Edit(number.parse().ok()?, hash)),
            Err(_) => Some(StepCursor::Entry(number.parse().ok()?, id.parse().ok()?)),
        });
        place.ok_or_else(|| HistoryError::NoPlace(typed.to_owned()))
    }
}

/// Some of what became of a record.
pub struct Page {
    pub steps: Vec<Step>,
    /// Where the last of them stands, where there are more.
    pub next: Option<StepCursor>,
}

/// The first `most` steps after a place, as this union may read them.
pub fn page(conn: &View, reader: Reader<'_>, shown: &Shown, after: Option<StepCursor>, most: usize) -> Result<Page> {
    let document = shown.record.kind.shape == Shape::Document;
    if let Some(place) = after.filter(|place| matches!(place, StepCursor::Edit(..)) != document) {
        return Err(HistoryError::NoPlace(place.to_string()));
    }
    match shown.record.kind.shape {
        Shape::Document => edits(conn, reader, shown, after, most),
        Shape::Entry => said(conn, reader, shown, after, most),
    }
}

/// Those after a place, as many as a page has, and where the last of them stands if there are more.
fn cut<T>(mut all: Vec<(StepCursor, T)>, after: Option<StepCursor>, most: usize) -> (Vec<T>, Option<StepCursor>) {
    all.retain(|(place, _)| after.is_none_or(|after| *place > after));
    let more = all.len() > most;
    all.truncate(most);
    let next = all.last().filter(|_| more).map(|(place, _)| *place);
    (all.into_iter().map(|(_, one)| one).collect(), next)
}

/// What an edit says is read for the page alone.
fn edits(conn: &View, reader: Reader<'_>, shown: &Shown, after: Option<StepCursor>, most: usize) -> Result<Page> {
    let kind = shown.record.kind;
    let mut document = documents::load(conn, shown.place.owner, &shown.id)?.unwrap_or_default();
    let order = document.in_order().into_iter().map(|(first, hash)| (StepCursor::Edit(first, hash), hash)).collect();
    let (some, next) = cut(order, after, most);
    let made = documents::edits(conn, shown.place.owner, &shown.id)?;
    let made: HashMap<Hash, (i64, u64)> = made.into_iter().map(|made| (made.hash, (made.feed, made.seq))).collect();
    let (mut steps, mut names) = (vec![], operator::Names::new(conn));
    for (no, seq) in some.iter().filter_map(|hash| made.get(hash).copied()) {
        let feed = feeds::by_no(conn, no)?.feed;
        let Some(operation) = feeds::operation(conn, no, seq)? else { continue };
        let Ok(edit) = Edit::decode(&operation.payload, Actor::new(&feed.id, &shown.id)) else { continue };
        let before = document.fields_as_of(&edit.deps).map_err(|_| StoreError::Damaged("a document's snapshot"))?;
        let changes = changes(reader, shown, kind, &before, &edit);
        let who = names.who(shown.place.owner, &operation)?;
        steps.push(Step { claimed: operation.time, device: feed.device, feed: feed.id, seq, who, changes });
    }
    Ok(Page { steps, next })
}

fn changes(reader: Reader<'_>, shown: &Shown, kind: &Kind, before: &Fields, edit: &Edit) -> Vec<Change> {
    let put = edit.puts.iter().filter_map(|put| {
        let at = kind.field_numbered(put.field)?;
        let field = &kind.fields[at];
        let owner = shown.place.owner;
        let read = |value: Value| reader.value(owner, &shown.id, field, &value);
        let from = before.get(&put.field).into_iter().flatten();
        Some(Change {
            field: at,
            from: from.filter_map(|s| values::value_of(field, &s.value)).filter_map(read).collect(),
            to: values::value_of(field, &put.value).and_then(read),
            withheld: reader.withholds(owner, field),
        })
    });
    put.collect()
}

/// The entry itself, and those of its kind that put it right.
fn said(conn: &View, reader: Reader<'_>, shown: &Shown, after: Option<StepCursor>, most: usize) -> Result<Page> {
    let kind = shown.record.kind;
    let mut all = vec![(StepCursor::Entry(0, shown.id), shown.clone())];
    for (at, field) in (1..).zip(corrections(kind)) {
        let back = projection::list_where(conn, kind, field.name, &Value::Bytes(shown.id.to_vec()))?;
        all.extend(back.into_iter().map(|row| (StepCursor::Entry(at, row.id), row)));
    }
    let (some, next) = cut(all, after, most);
    let mut names = operator::Names::new(conn);
    let step = |entry: Shown| -> Result<Step> {
        let feed = feeds::by_no(conn, entry.place.feed)?.feed;
        let operation = feeds::operation(conn, entry.place.feed, entry.place.seq)?;
        let who = operation.as_ref().map(|operation| names.who(entry.place.owner, operation)).transpose()?;
        let time = operation.map(|operation| operation.time);
        let values = entry.record.values().iter().enumerate();
        let changes = values.filter_map(|(at, value)| {
            let (field, value) = (&entry.record.kind.fields[at], value.as_ref()?);
            let to = reader.value(entry.place.owner, &entry.id, field, value);
            Some(Change { field: at, from: vec![], withheld: to.is_none(), to })
        });
        Ok(Step {
            claimed: time.unwrap_or_else(|| entry.id.time()),
            device: feed.device,
            feed: feed.id,
            seq: entry.place.seq,
            who: who.unwrap_or(Who::Unknown),
            changes: changes.collect(),
        })
    };
    Ok(Page { steps: some.into_iter().map(step).collect::<Result<_>>()?, next })
}
