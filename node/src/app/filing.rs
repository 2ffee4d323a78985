//! Submitting a filing: its numbers first, then the entry. What was shown is what is written.

use huiliu_proto::{
    id::RecordId,
    kind::Kind,
    period::Day,
    record::{Refusal, Warning},
    union::UnionNumber,
    v1::ReviewAction,
};

use super::Mode;
use crate::{
    filing::{self, Ask, Draft, FilingError, Standing},
    ledger::Outcome,
    store::{StoreError, View},
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The records changed since the numbers were drawn up.
    #[error("the records changed while the numbers were looked at")]
    Changed,
    #[error("the filing breaks a rule")]
    Refused(Vec<Refusal>),
    #[error("the filing cannot be drawn up")]
    Filing(#[from] FilingError),
    #[error("the filing cannot be written")]
    Store(#[from] StoreError),
}

impl SubmitError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            SubmitError::Changed => "changed",
            SubmitError::Refused(_) => "rule",
            SubmitError::Filing(error) => error.code(),
            SubmitError::Store(_) => "database",
        }
    }
}

/// Some of the filings here, and what became of each.
#[derive(Debug)]
pub struct Page {
    pub standings: Vec<Standing>,
    /// The last of them, where there are more.
    pub next: Option<RecordId>,
}

/// The first `most` filings after one, of a union or of all; with `all`, also versions that another has taken the place of.
pub fn page(
    conn: &View,
    union: Option<UnionNumber>,
    after: Option<RecordId>,
    most: usize,
    all: bool,
) -> Result<Page, FilingError> {
    let (standings, more) = filing::page(conn, union, after, most, all)?;
    let next = standings.last().filter(|_| more).map(|last| last.version.id);
    Ok(Page { standings, next })
}

/// The numbers as the records have them now, and what is remarkable about them.
pub fn draft(store: &Store, union: UnionNumber, today: Day, ask: &Ask) -> Result<(Draft, Vec<Warning>), SubmitError> {
    let draft = store.read(|conn| Ok(filing::draft(conn, union, today, ask)))??;
    let warnings = draft.record.validate().map_err(SubmitError::Refused)?;
    Ok((draft, warnings))
}

/// Writes what was shown, unless the records say something else by now.
pub fn submit(
    store: &Store,
    union: UnionNumber,
    today: Day,
    ask: Ask,
    shown: &Draft,
    mode: Mode,
) -> Result<RecordId, SubmitError> {
    let shown = shown.clone();
    let written = mode.run(store, move |ledger| {
        let now = match filing::draft(ledger.conn(), union, today, &ask) {
            Err(FilingError::Store(error)) => return Err(error),
            now => now.ok(),
        };
        if now.as_ref() != Some(&shown) {
            return Ok(None);
        }
        ledger.write_entry(&shown.record).map(Some)
    })?;
    match written.ok_or(SubmitError::Changed)? {
        Outcome::Written { id, .. } | Outcome::Unchanged(id) => Ok(id),
        Outcome::Refused(refusals) => Err(SubmitError::Refused(refusals)),
    }
}

/// What the union directly above answers.
#[derive(Debug, Clone)]
pub struct Answer {
    pub filing: RecordId,
    pub action: ReviewAction,
    pub register_no: Option<String>,
    pub reasons: Option<String>,
}

/// Looked up and written in one transaction, so that two desks of one hub do not decide twice.
pub fn review(
    store: &Store,
    union: UnionNumber,
    hub: bool,
    answer: Answer,
    mode: Mode,
) -> Result<(&'static Kind, Outcome), FilingError> {
    mode.run(store, move |ledger| {
        let Answer { filing, action, register_no, reasons } = answer;
        match filing::review(ledger.conn(), union, hub, filing, action, register_no.as_deref(), reasons.as_deref()) {
            Ok(record) => Ok(Ok((record.kind, ledger.write_entry(&record)?))),
            Err(FilingError::Store(error)) => Err(error),
            Err(error) => Ok(Err(error)),
        }
    })?
}
