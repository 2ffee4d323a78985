//! Writing a record of this union, and editing a document of its own.

use huiliu_proto::{
    id::RecordId,
    kind::{Kind, Shape},
    record::Record,
    union::UnionNumber,
    value::Value,
};

use super::{
    Mode,
    duty::{self, DutyProblem},
};
use crate::{
    ledger::{Ledger, WriteOutcome, corrections},
    store::{Result, StoreError, projection::Shown},
    writer::Store,
};

/// A field's place and its value; `None` empties it.
pub type Put = (usize, Option<Value>);

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nobody writes records of this kind: the system does.
    #[error("{} is written by the system itself", .0.name)]
    Automatic(&'static Kind),
    /// What was said once is not edited; another entry points back at it with this field, where the kind has one.
    #[error("{} is said once and not edited", .kind.name)]
    Entry { kind: &'static Kind, record: RecordId, corrected_by: Option<&'static str> },
    /// Only the union whose document it is edits it.
    #[error("the document belongs to {0}")]
    Owner(UnionNumber),
    /// It takes two persons.
    #[error(transparent)]
    Duty(#[from] DutyProblem),
    #[error("it cannot be written")]
    Store(#[from] StoreError),
}

impl WriteError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            WriteError::Automatic(_) => "automatic",
            WriteError::Entry { .. } => "entry",
            WriteError::Owner(_) => "other_owner",
            WriteError::Duty(problem) => problem.code(),
            WriteError::Store(_) => "database",
        }
    }
}

/// A new record of a kind. What is said of the outcome of a dry run is what would have been.
pub fn add(store: &Store, kind: &'static Kind, values: Vec<Put>, mode: Mode) -> Result<WriteOutcome, WriteError> {
    if kind.automatic {
        return Err(WriteError::Automatic(kind));
    }
    let work = move |ledger: &mut Ledger| match kind.shape {
        Shape::Document => ledger.write_document(kind, None, values).map(Ok),
        Shape::Entry => {
            let mut record = Record::new(kind);
            values.into_iter().for_each(|(at, value)| record.put(at, value));
            let Some(act) = duty::of_kind(kind) else { return ledger.write_entry(&record).map(Ok) };
            let parts = [kind.name.as_bytes(), &record.encode()];
            let subject = duty::subject(&record);
            duty::write_entry(ledger, act, &subject, &parts, &record)
        }
    };
    Ok(mode.run(store, work)??)
}

/// Whether a record can be edited by this union: asked before a person is asked for values.
pub fn may_edit(union: UnionNumber, shown: &Shown) -> Result<(), WriteError> {
    let kind = shown.record.kind;
    if kind.shape == Shape::Document && kind.automatic {
        return Err(WriteError::Automatic(kind));
    }
    if kind.shape == Shape::Entry {
        let corrected_by = corrections(kind).next().map(|field| field.name);
        return Err(WriteError::Entry { kind, record: shown.id, corrected_by });
    }
    if shown.place.owner != union {
        return Err(WriteError::Owner(shown.place.owner));
    }
    Ok(())
}

/// Changes fields of a document.
pub fn edit(
    store: &Store,
    union: UnionNumber,
    shown: &Shown,
    values: Vec<Put>,
    mode: Mode,
) -> Result<WriteOutcome, WriteError> {
    may_edit(union, shown)?;
    let (kind, id) = (shown.record.kind, shown.id);
    Ok(mode.run(store, move |ledger| ledger.write_document(kind, Some(id), values))?)
}
