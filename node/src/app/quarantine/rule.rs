//! What the union above decides: first what that would be about, then the ruling, unless somebody else was quicker.

use huiliu_proto::{
    id::RecordId,
    record::{Record, Refusal},
    v1::{DutyAct, Ruling},
};

use super::{find, which::WhichError};
use crate::{
    app::{
        Mode,
        duty::{self, DutyProblem},
    },
    identity::LocalDevice,
    ledger::WriteOutcome,
    ruling::{self, Case, RulingError},
    store::{StoreError, View, feeds, trust},
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error("it is not known what is meant")]
    Which(#[from] WhichError),
    /// Somebody ruled on the feed, or something in it was judged anew, since it was shown.
    #[error("what is held changed, or somebody else ruled on it, since it was looked at")]
    Changed,
    #[error("the ruling breaks a rule")]
    Refused(Vec<Refusal>),
    /// It takes two persons.
    #[error(transparent)]
    Duty(#[from] DutyProblem),
    #[error("it cannot be ruled on")]
    Ruling(#[from] RulingError),
    #[error("the ruling cannot be written")]
    Store(#[from] StoreError),
}

impl RuleError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RuleError::Which(error) => error.code(),
            RuleError::Changed => "changed",
            RuleError::Refused(_) => "rule",
            RuleError::Duty(problem) => problem.code(),
            RuleError::Ruling(error) => error.code(),
            RuleError::Store(_) => "database",
        }
    }
}

/// What a ruling would be about, as a person is shown it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub case: Case,
    pub ruling: Ruling,
    /// The number that a ruling on the feed would have had then: another one has moved it on.
    revision: i64,
}

impl Shown {
    /// Operations that it is about.
    pub fn operations(&self) -> u64 {
        if self.case.stranger { self.case.feed.size() } else { self.case.held.len() as u64 }
    }
}

/// Looks at what a person means; what would be refused is refused here, before anybody is asked.
pub fn plan(conn: &View, me: &LocalDevice, typed: &str, ruling: Ruling, reason: &str) -> Result<Shown, RuleError> {
    let which = find(conn, typed)?;
    let case = ruling::case(conn, which.feed, which.part, ruling)?;
    record(conn, me, &case, ruling, reason)?.validate().map_err(RuleError::Refused)?;
    let revision = trust::next_revision(conn, &case.feed.feed.id, me.union)?;
    Ok(Shown { case, ruling, revision })
}

fn record(conn: &View, me: &LocalDevice, case: &Case, ruling: Ruling, reason: &str) -> Result<Record, RulingError> {
    ruling::rule(conn, me.union, me.hub, case, ruling, reason)
}

/// Writes the ruling on what was shown. All is asked again in the job that writes.
pub fn rule(store: &Store, me: &LocalDevice, shown: &Shown, reason: &str, mode: Mode) -> Result<RecordId, RuleError> {
    let (me, shown, reason) = (me.clone(), shown.clone(), reason.to_owned());
    mode.run(store, move |ledger| {
        let (conn, was, ruling) = (ledger.conn(), &shown.case, shown.ruling);
        let Some(feed) = feeds::by_id(conn, &was.feed.feed.id)? else { return Ok(Err(RuleError::Changed)) };
        let now = ruling::case(conn, feed, Some((was.first, was.count)), ruling)?;
        let revision = trust::next_revision(conn, &was.feed.feed.id, me.union)?;
        if now.held != was.held || now.stranger != was.stranger || revision != shown.revision {
            return Ok(Err(RuleError::Changed));
        }
        let record = match record(conn, &me, &now, ruling, &reason) {
            Ok(record) => record,
            Err(RulingError::Store(error)) => return Err(error),
            Err(error) => return Ok(Err(error.into())),
        };
        let outcome = if ruling == Ruling::Released {
            let feed = was.feed.feed.id;
            let place = [was.first.to_be_bytes(), was.count.to_be_bytes(), shown.revision.to_be_bytes()].concat();
            // Whoever carries it out has seen the same operations held, of the same history.
            let root = feeds::root_at(conn, &was.feed, was.first.saturating_add(was.count).min(was.feed.size()))?;
            let held: Vec<u8> = was.held.iter().flat_map(|held| held.seq.to_be_bytes()).collect();
            let parts = [feed.as_bytes(), &place[..], reason.as_bytes(), root.as_bytes(), &held];
            duty::write_entry(ledger, DutyAct::ReleaseHeld, &feed.to_string(), &parts, &record)?
        } else {
            Ok(ledger.write_entry(&record)?)
        };
        Ok(match outcome {
            Ok(WriteOutcome::Written { id, .. } | WriteOutcome::Unchanged(id)) => Ok(id),
            Ok(WriteOutcome::Refused(refusals)) => Err(RuleError::Refused(refusals)),
            Err(problem) => Err(problem.into()),
        })
    })?
}
