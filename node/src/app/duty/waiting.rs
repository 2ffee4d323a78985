//! What was prepared and waits for the second person: seen by both, and taken back by the first, or declined by the second.

use std::collections::BTreeMap;

use huiliu_proto::{
    handle::{Declared as _, Draft},
    id::RecordId,
    records::{proposal as asked, proposal_withdrawal as back},
    union::UnionNumber,
    v1::{DutyAct, Proposal, ProposalWithdrawal},
    value::Value,
};

use super::{DUTIES, WAITS_DAYS, last_done};
use crate::{
    app::{Mode, find},
    ledger::{Ledger, WriteOutcome},
    operator::{self, Account},
    store::{
        Result, StoreError, View,
        projection::{self, Shown},
    },
    writer::Store,
};

const DAY: i64 = 24 * 3_600_000;

/// One that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub id: RecordId,
    pub act: DutyAct,
    pub by: RecordId,
    pub subject: String,
    /// Until when; milliseconds since 1970.
    pub until: i64,
}

impl Waiting {
    /// Whether this person may carry it out.
    pub fn may_be_signed_by(&self, account: &Account) -> bool {
        let second = DUTIES.iter().find(|duty| duty.act == self.act).map_or(&[][..], |duty| duty.second);
        account.id != self.by && account.has_any(second)
    }
}

/// Whether something prepared waits still: not for too long, by an account that is active and may prepare it, not taken back,
/// and not carried out. What was prepared before the same was last carried out (`done`) is the same intention, and done with it.
pub(super) fn waits(conn: &View, shown: &Shown, done: Option<RecordId>, now: i64) -> Result<Option<Waiting>> {
    let (said, union) = (&shown.record, shown.place.owner);
    let until = shown.id.time().saturating_add(WAITS_DAYS * DAY);
    let duty = DUTIES.iter().find(|duty| said.read(asked::ACT) == Some(duty.act as i64));
    let (Some(duty), Some(by)) = (duty, said.read(asked::FIRST)) else { return Ok(None) };
    if until < now || done.is_some_and(|done| shown.id <= done) {
        return Ok(None);
    }
    let may = |account: Account| account.active && account.has_any(duty.first);
    if !operator::get(conn, union, &by)?.is_some_and(may) || taken_back(conn, union, &shown.id)? {
        return Ok(None);
    }
    let subject = said.read(asked::SUBJECT).unwrap_or_default().to_owned();
    Ok(Some(Waiting { id: shown.id, act: duty.act, by, subject, until }))
}

/// Whether somebody of the union has taken it back, or declined it.
pub(super) fn taken_back(conn: &View, union: UnionNumber, proposal: &RecordId) -> Result<bool> {
    let named = Value::Bytes(proposal.to_vec());
    let found = projection::list_where(conn, ProposalWithdrawal::kind(), back::PROPOSAL.name(), &named)?;
    Ok(found.iter().any(|shown| shown.place.owner == union))
}

/// All that waits at a union, in the order in which it was prepared.
pub fn all(conn: &View, union: UnionNumber, now: i64) -> Result<Vec<Waiting>> {
    const PAGE: usize = 500;
    let (mut found, mut done) = (vec![], BTreeMap::new());
    let mut after = Some(RecordId::before(now.saturating_sub(WAITS_DAYS * DAY)));
    loop {
        let page = projection::list(conn, Proposal::kind(), Some(union), after, PAGE)?;
        after = page.last().map(|shown| shown.id);
        for shown in &page {
            let digest = shown.record.read(asked::DIGEST).unwrap_or_default().to_vec();
            let done = match done.get(&digest) {
                Some(known) => *known,
                None => *done.entry(digest.clone()).or_insert(last_done(conn, union, &digest)?),
            };
            found.extend(waits(conn, shown, done, now)?);
        }
        if page.len() < PAGE {
            return Ok(found);
        }
    }
}

/// Why something is not taken back.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// Nobody has logged in.
    #[error("nobody has logged in")]
    NotLoggedIn,
    #[error("nothing prepared is called “{0}”")]
    Unknown(String),
    #[error("several that were prepared begin with “{0}”")]
    Several(String, Vec<RecordId>),
    /// Another prepared it, and who has logged in may not carry it out either.
    #[error("it is another's")]
    NotOwn(RecordId),
    /// It was carried out or taken back, or waited for too long.
    #[error("it waits no more")]
    NotOpen(RecordId),
    #[error("it cannot be taken back")]
    Store(#[from] StoreError),
}

impl WithdrawError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            WithdrawError::NotLoggedIn => "not_logged_in",
            WithdrawError::Unknown(_) => "unknown_proposal",
            WithdrawError::Several(..) => "several_proposals",
            WithdrawError::NotOwn(_) => "not_own",
            WithdrawError::NotOpen(_) => "not_waiting",
            WithdrawError::Store(_) => "database",
        }
    }
}

/// Takes back what the person who has logged in prepared herself, or declines what she could carry out.
pub fn withdraw(store: &Store, union: UnionNumber, typed: &str, mode: Mode) -> Result<Waiting, WithdrawError> {
    let typed = typed.trim().to_owned();
    mode.run(store, move |ledger| match withdraw_in(ledger, union, &typed) {
        Err(WithdrawError::Store(error)) => Err(error),
        done => Ok(done),
    })?
}

fn withdraw_in(ledger: &mut Ledger, union: UnionNumber, typed: &str) -> Result<Waiting, WithdrawError> {
    let me = ledger.logged_in()?.ok_or(WithdrawError::NotLoggedIn)?;
    let shown = named(ledger.conn(), union, typed)?;
    let done = last_done(ledger.conn(), union, shown.record.read(asked::DIGEST).unwrap_or_default())?;
    let waiting = waits(ledger.conn(), &shown, done, ledger.now())?.ok_or(WithdrawError::NotOpen(shown.id))?;
    if waiting.by != me.id && !waiting.may_be_signed_by(&me) {
        return Err(WithdrawError::NotOwn(waiting.by));
    }
    let mut entry = Draft::<ProposalWithdrawal>::new();
    entry.set(back::PROPOSAL, shown.id).set(back::BY, me.id);
    match ledger.write_entry(&entry.into_record())? {
        WriteOutcome::Written { .. } | WriteOutcome::Unchanged(_) => Ok(waiting),
        WriteOutcome::Refused(refusals) => Err(StoreError::Refused(format!("{refusals:?}")).into()),
    }
}

/// The one proposal whose id this is, or begins so.
fn named(conn: &View, union: UnionNumber, typed: &str) -> Result<Shown, WithdrawError> {
    let mut found = match find::digits(typed, find::SHORTEST) {
        Some(digits) => projection::of_prefix(conn, Proposal::kind(), Some(union), &digits, find::CANDIDATES_LISTED)?,
        None => vec![],
    };
    match found.len() {
        0 => Err(WithdrawError::Unknown(typed.to_owned())),
        1 => Ok(found.remove(0)),
        _ => Err(WithdrawError::Several(typed.to_owned(), found.iter().map(|shown| shown.id).collect())),
    }
}
