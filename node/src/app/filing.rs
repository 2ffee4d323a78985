//! Submitting a filing: its numbers first, then the entry. What was shown is what is written.

use std::collections::BTreeMap;

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    kind::Kind,
    lang::Label,
    period::Day,
    record::{Record, Refusal, Warning},
    records::{filing as fields, mediator, roster_line},
    rule::Rule,
    shown,
    union::UnionNumber,
    v1::{DutyAct, Filing, Mediator, ReviewAction},
    value::Value,
};

use super::{
    Mode,
    duty::{self, DutyProblem},
};
use crate::{
    filing::{self, Ask, Draft, FilingError, FilingStanding},
    ledger::WriteOutcome,
    store::{self, StoreError, View, projection},
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The records changed since the numbers were drawn up.
    #[error("the records changed while the numbers were looked at")]
    Changed,
    #[error("the filing breaks a rule")]
    Refused(Vec<Refusal>),
    /// It takes two persons.
    #[error(transparent)]
    Duty(#[from] DutyProblem),
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
            SubmitError::Duty(problem) => problem.code(),
            SubmitError::Filing(error) => error.code(),
            SubmitError::Store(_) => "database",
        }
    }
}

/// Some of the filings here, and what became of each.
#[derive(Debug)]
pub struct Page {
    pub standings: Vec<FilingStanding>,
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
    let mut warnings = draft.record.validate().map_err(SubmitError::Refused)?;
    warnings.extend(store.read(|conn| several_heads(conn, &draft.record))?);
    Ok((draft, warnings))
}

/// Who stands on the roster more than once: each line counts as a head.
fn several_heads(conn: &View, filing: &Record) -> store::Result<Vec<Warning>> {
    let mut lines: BTreeMap<RecordId, u32> = BTreeMap::new();
    let roster = filing.of::<Filing>().into_iter().flat_map(|view| view.lines(fields::ROSTER));
    for person in roster.filter_map(|line| line.get(roster_line::MEDIATOR)) {
        *lines.entry(person).or_default() += 1;
    }
    let several = lines.into_iter().filter(|(_, heads)| *heads > 1);
    let warning = |(person, heads): (_, u32)| {
        let dossier = projection::get(conn, Mediator::kind(), &person)?;
        let name = dossier.as_ref().and_then(|dossier| dossier.record.read(mediator::NAME));
        let name = name.map_or_else(|| person.to_string(), |name| shown::line(name).into_owned());
        let rule = Rule::new(
            "several_heads",
            "{name}当日有{heads}份聘任在聘，名册中按{heads}人计",
            "{name} has {heads} engagements in post that day and is counted as {heads} heads",
        );
        let rule = rule.named("name", &name, Label::new(&name, &name)).number("heads", i64::from(heads));
        let remedy = Label::new(
            "请核对：重复录入的作废，已由后一份接续的写明终止日期",
            "void what was entered twice; give an end to what a later one goes on from",
        );
        Ok(fields::ROSTER.declared().warn(&Value::Text(name), rule, remedy))
    };
    several.map(warning).collect()
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
            return Ok(Err(SubmitError::Changed));
        }
        let type_ = fields::TYPE.declared().choice(ask.type_).map_or("", |choice| &choice.label.zh);
        let subject = format!("{type_} {}年 截至{}", ask.year, ask.census_on);
        let parts = [&shown.record.encode()[..]];
        let written = duty::write_entry(ledger, DutyAct::SubmitFiling, &subject, &parts, &shown.record)?;
        Ok(written.map_err(SubmitError::from))
    })?;
    match written? {
        WriteOutcome::Written { id, .. } | WriteOutcome::Unchanged(id) => Ok(id),
        WriteOutcome::Refused(refusals) => Err(SubmitError::Refused(refusals)),
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
) -> Result<(&'static Kind, WriteOutcome), FilingError> {
    mode.run(store, move |ledger| {
        let Answer { filing, action, register_no, reasons } = answer;
        match filing::review(ledger.conn(), union, hub, filing, action, register_no.as_deref(), reasons.as_deref()) {
            Ok(record) => Ok(Ok((record.kind, ledger.write_entry(&record)?))),
            Err(FilingError::Store(error)) => Err(error),
            Err(error) => Ok(Err(error)),
        }
    })?
}
