//! What a proven record says. The same rules judge it that judge what arrives; a document is built from its edits as
//! anywhere, so that no byte of a file reaches Automerge's own parser.

use huiliu_proto::{
    edit::{Actor, Edit, Scalar},
    feed::Feed,
    id::{DeviceId, FeedId},
    kind::{Kind, Privacy, Shape, numbered},
    proof::{Proven, ProvenOperation},
    record::Record,
    rule::Rule,
};

use crate::{
    admission::{self, Reason, Refusal, puts_allowed},
    document::{Document, Fields, Misfit},
};

/// What the record's operations come to.
#[derive(Debug)]
pub enum Said {
    Entry(Box<Record>),
    /// All values of each field after all edits, the winner first.
    Document {
        kind: &'static Kind,
        fields: Fields,
        edits: usize,
    },
    /// A kind of a newer version: that it was written is proven, what it says cannot be read here.
    Newer(u32),
    /// The payload, or that of an edit, has been destroyed: that it was written is proven, what it said is gone.
    Destroyed(&'static Kind),
}

/// An operation that would not count, and why.
#[derive(Debug, thiserror::Error)]
#[error("operation {position} of feed {feed} would not count: {}", .refusal.why.words().en)]
pub struct WouldNotCount {
    pub feed: FeedId,
    pub position: u64,
    pub refusal: Refusal,
}

/// What the proven record says; `None` where the file is about no record.
pub fn said(proven: &Proven) -> Result<Option<Said>, WouldNotCount> {
    let all: Vec<(&Feed, &ProvenOperation)> = proven.operations().map(|(f, o)| (&f.feed, o)).collect();
    let Some((feed, first)) = all.first() else { return Ok(None) };
    let Some(kind) = numbered(first.operation.kind) else { return Ok(Some(Said::Newer(first.operation.kind))) };
    for (feed, proven) in &all {
        admission::kind_in(feed, &proven.operation).map_err(|refusal| would_not(feed, proven, refusal))?;
    }
    if all.iter().any(|(_, o)| o.operation.destroyed.is_some()) {
        return Ok(Some(Said::Destroyed(kind)));
    }
    match kind.shape {
        Shape::Entry => {
            let record = admission::entry(feed, kind, &first.operation);
            Ok(Some(Said::Entry(Box::new(record.map_err(|refusal| would_not(feed, first, refusal))?))))
        }
        Shape::Document => Ok(Some(Said::Document { kind, fields: built(kind, &all)?, edits: all.len() })),
    }
}

fn would_not(feed: &Feed, proven: &ProvenOperation, refusal: Refusal) -> WouldNotCount {
    WouldNotCount { feed: feed.id, position: proven.position, refusal }
}

/// The edits one after another. Puts are numbered after all that they follow, so that order has no edit before one it
/// rests on.
fn built(kind: &'static Kind, all: &[(&Feed, &ProvenOperation)]) -> Result<Fields, WouldNotCount> {
    let mut edits = Vec::with_capacity(all.len());
    for (feed, proven) in all {
        let author = Actor::new(&feed.id, &proven.operation.record);
        let edit = Edit::decode(&proven.operation.payload, author)
            .map_err(|error| would_not(feed, proven, Refusal::unreadable(&error)))?;
        edits.push((edit, author, *feed, *proven));
    }
    edits.sort_by_key(|(edit, _, feed, proven)| (edit.start_op, feed.id, proven.position));
    let mut document = Document::default();
    for (edit, author, feed, proven) in &edits {
        puts_allowed(kind, &edit.puts, edit.deps.is_empty()).map_err(|refusal| would_not(feed, proven, refusal))?;
        let applied = document.receive(*author, edit);
        applied.map_err(|misfit| {
            let refusal = match misfit {
                Misfit::Early(_) => Refusal::new(
                    Reason::Early,
                    Rule::new(
                        "edit_not_in_file",
                        "它所依据的上一次修改不在文件内",
                        "it follows an edit that is not in the file",
                    ),
                ),
                other => Refusal::misfit(&other),
            };
            would_not(feed, proven, refusal)
        })?;
    }
    Ok(document.fields().clone())
}

/// The device that put a value, as far as the file tells.
pub fn device_of(proven: &Proven, actor: &Actor) -> Option<DeviceId> {
    let mut all = proven.operations();
    all.find(|(f, o)| Actor::new(&f.feed.id, &o.operation.record) == *actor).map(|(f, _)| f.feed.device)
}

/// Names of the fields that tell about a person and are in the file for everyone to read, earlier values of a document
/// among them; and of those that are there sealed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Personal {
    pub clear: Vec<usize>,
    pub sealed: Vec<usize>,
}

pub fn personal(proven: &Proven) -> Option<(&'static Kind, Personal)> {
    let (_, first) = proven.operations().next()?;
    let kind = numbered(first.operation.kind)?;
    let mut found = Personal::default();
    for (at, field) in kind.fields.iter().enumerate() {
        let inner = |f: &huiliu_proto::kind::Field| matches!(f.privacy, Privacy::Personal | Privacy::Case);
        let there = || proven.operations().any(|(f, o)| holds(kind, at, &f.feed, o));
        if field.sealed() {
            if there() {
                found.sealed.push(at);
            }
        } else if (inner(field) || field.lines().iter().any(inner)) && there() {
            found.clear.push(at);
        }
    }
    Some((kind, found))
}

fn holds(kind: &'static Kind, at: usize, feed: &Feed, proven: &ProvenOperation) -> bool {
    let operation = &proven.operation;
    match kind.shape {
        Shape::Entry => Record::decode(kind, &operation.payload).is_ok_and(|r| r.values()[at].is_some()),
        Shape::Document => {
            let edit = Edit::decode(&operation.payload, Actor::new(&feed.id, &operation.record));
            edit.is_ok_and(|e| e.puts.iter().any(|p| p.field == kind.fields[at].number && p.value != Scalar::Cleared))
        }
    }
}
