//! Setting a number that a check uses: by the national and the provincial unions for everyone below, by any other for the
//! checks that it runs itself, and there never laxer than what holds.

use std::collections::BTreeSet;

use huiliu_proto::{
    handle::Draft,
    id::RecordId,
    kind::Kind,
    period::Day,
    record::Record,
    records::{local_parameter, parameter as parameter_field},
    union::{Level, UnionNumber},
    v1::{LocalParameter, Parameter},
};

use super::Mode;
use crate::{
    check::{
        Check, Stricter,
        setting::{self, Source},
    },
    ledger::WriteOutcome,
    store::{
        StoreError, View,
        parameters::{self, Published},
    },
    writer::Store,
};

pub struct Proposed<'a> {
    pub check: &'static Check,
    pub name: &'a str,
    pub value: i64,
    pub from: Day,
    /// The last day.
    pub until: Option<Day>,
    pub doc_no: &'a str,
    pub remarks: Option<&'a str>,
}

#[derive(Debug, thiserror::Error)]
pub enum SetError {
    #[error("{rule} has no parameter of that name")]
    Unknown { rule: &'static str },
    #[error("not a whole number from {least} to {most}")]
    Range { least: i64, most: i64 },
    /// What holds that day is stricter, and was set above.
    #[error("laxer than {holds}, which holds on {on}")]
    Laxer { holds: i64, on: Day, stricter: Stricter },
    /// The union has said another from that very day, under an id that comes after all that this machine gives: on a
    /// machine whose clock is ahead.
    #[error("{holds} was said from {on} by a machine whose clock is ahead; what is said here would not be heard")]
    SaidLater { holds: i64, on: Day },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SetError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            SetError::Unknown { .. } => "unknown_parameter",
            SetError::Range { .. } => "range",
            SetError::Laxer { .. } => "laxer",
            SetError::SaidLater { .. } => "said_later",
            SetError::Store(_) => "database",
        }
    }
}

/// Sets it for a union, unless it may not; which kind of record says so, and what became of it.
pub fn set(
    store: &Store,
    union: UnionNumber,
    proposed: &Proposed<'_>,
    mode: Mode,
) -> Result<(&'static Kind, WriteOutcome), SetError> {
    let Proposed { check, value, from, until, .. } = *proposed;
    let (name, doc_no) = (proposed.name.to_owned(), proposed.doc_no.to_owned());
    let remarks = proposed.remarks.map(str::to_owned);
    mode.run(store, move |ledger| {
        let (name, doc_no, remarks) = (&*name, &*doc_no, remarks.as_deref());
        let proposed = Proposed { check, name, value, from, until, doc_no, remarks };
        let next = ledger.next_id();
        match compose(ledger.conn(), union, next, &proposed) {
            Ok(record) => Ok(Ok((record.kind, ledger.write_entry(&record)?))),
            Err(SetError::Store(error)) => Err(error),
            Err(error) => Ok(Err(error)),
        }
    })?
}

/// The smallest and the largest number that may be said.
fn bounds(downwards: bool) -> (i64, i64) {
    let field = if downwards { parameter_field::VALUE.declared() } else { local_parameter::VALUE.declared() };
    (field.min.unwrap_or(i64::MIN), field.max.unwrap_or(i64::MAX))
}

/// The entry that says so. `next` is the id that it will have, or one before it: `Ledger::next_id`.
pub fn compose(conn: &View, by: UnionNumber, next: RecordId, proposed: &Proposed<'_>) -> Result<Record, SetError> {
    let Proposed { check, name, value, from, until, .. } = *proposed;
    let parameter = check.parameters.iter().find(|p| p.name == name).ok_or(SetError::Unknown { rule: check.id })?;
    let downwards = by.level() <= Level::Province;
    let (least, most) = bounds(downwards);
    if !(least..=most).contains(&value) {
        return Err(SetError::Range { least, most });
    }
    let doc_no = proposed.doc_no.to_owned();
    // As it would be resolved once it is said.
    let mut all = parameters::of_rule(conn, check.id, by)?;
    let same_day: BTreeSet<RecordId> =
        all.iter().filter(|one| one.by == by && one.from == from).map(|one| one.record).collect();
    all.push(Published { by, record: next, name: name.to_owned(), value, from, until, doc_no, downwards });
    all.sort_by_key(|one| (one.by.ancestors().count(), !one.downwards, one.record));
    let last = until.unwrap_or(setting::LAST);
    for stands in setting::resolve(parameter, &all).iter().filter(|s| s.since <= last && from <= s.until) {
        let (holds, on) = (stands.value, stands.since.max(from));
        match &stands.source {
            Source::Set { record, .. } if *record == next => {}
            Source::Set { record, .. } if same_day.contains(record) && *record > next => {
                return Err(SetError::SaidLater { holds, on });
            }
            // Its own words from a later day may follow.
            Source::Set { by: said, .. } if *said == by => {}
            // A stricter word from above may not stand in its way.
            _ => return Err(SetError::Laxer { holds, on, stricter: parameter.stricter }),
        }
    }
    // Two kinds that say the same to others.
    macro_rules! said {
        ($kind:ty, $field:ident) => {{
            let mut said = Draft::<$kind>::new();
            said.set($field::RULE, check.id).set($field::NAME, parameter.name).set($field::VALUE, value);
            said.set($field::EFFECTIVE_FROM, from).set($field::DOC_NO, proposed.doc_no);
            if let Some(until) = until {
                said.set($field::EFFECTIVE_UNTIL, until);
            }
            if let Some(remarks) = proposed.remarks {
                said.set($field::REMARKS, remarks);
            }
            said.into_record()
        }};
    }
    Ok(if downwards { said!(Parameter, parameter_field) } else { said!(LocalParameter, local_parameter) })
}
