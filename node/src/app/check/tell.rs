//! Telling a union what a check found about it where that discloses something of others' people: recorded where a person of the
//! union that ran the check has looked at it, and never by itself.

use huiliu_proto::{
    id::Hash,
    v1::OperatorRole::{self, DatabaseKeeper, Leader, RightsDepartment},
};

use crate::{
    app::Mode,
    check::{self, Check, CheckError, Found, Patience},
    clock, finding,
    identity::LocalDevice,
    ledger::Ledger,
    operator,
    store::{self, StoreError},
    writer::Store,
};

/// Who says that a union is told.
pub const MAY_TELL: &[OperatorRole] = &[DatabaseKeeper, RightsDepartment, Leader];

#[derive(Debug, thiserror::Error)]
pub enum TellError {
    #[error("this machine is no hub")]
    NotHub,
    /// Of what is found here today and not told yet.
    #[error("no case that waits to be told begins with “{0}”")]
    Unknown(String),
    #[error("several cases begin so")]
    Several(Vec<Hash>),
    #[error("it was told meanwhile")]
    AlreadyTold,
    /// The union has accounts.
    #[error("nobody has logged in")]
    NotLoggedIn,
    #[error("the person's roles do not let her tell it")]
    Role(&'static [OperatorRole]),
    #[error(transparent)]
    Failed(#[from] CheckError),
    #[error("it cannot be read or written")]
    Store(#[from] StoreError),
}

impl TellError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            TellError::NotHub => "not_a_hub",
            TellError::Unknown(_) => "unknown_case",
            TellError::Several(_) => "several_cases",
            TellError::AlreadyTold => "already_told",
            TellError::NotLoggedIn => "not_logged_in",
            TellError::Role(_) => "may_not_tell",
            TellError::Failed(_) => "check",
            TellError::Store(_) => "database",
        }
    }
}

/// Tells the case whose fingerprint begins as typed. It is looked for anew: what later data has cleared is not told.
pub fn tell(store: &Store, me: &LocalDevice, typed: &str, mode: Mode) -> Result<Found, TellError> {
    if !me.hub {
        return Err(TellError::NotHub);
    }
    let checks: Vec<&'static Check> = check::checks().iter().filter(|check| check.discloses).collect();
    let today = clock::day(store.now());
    let plan = store.read(|conn| {
        let outcome = finding::look(conn, me.union, &checks, today, Patience::default());
        finding::plan(conn, me.union, outcome, &checks, today, false)
    })?;
    let begins = typed.trim().to_lowercase();
    let meant: Vec<Found> =
        plan.withheld().filter(|one| one.fingerprint.to_string().starts_with(&begins)).cloned().collect();
    let found = match &meant[..] {
        [one] => one.clone(),
        [] => return Err(TellError::Unknown(typed.to_owned())),
        several => return Err(TellError::Several(several.iter().map(|one| one.fingerprint).collect())),
    };
    let case = found.fingerprint;
    let work = move |ledger: &mut Ledger| -> store::Result<Result<finding::Run, TellError>> {
        if operator::has_any(ledger.conn(), ledger.me().union)? {
            match ledger.logged_in()? {
                None => return Ok(Err(TellError::NotLoggedIn)),
                Some(account) if !account.has_any(MAY_TELL) => return Ok(Err(TellError::Role(MAY_TELL))),
                Some(_) => {}
            }
        }
        Ok(Ok(ledger.record_some(plan.telling(|one| *one == case))?.run))
    };
    let before = mode.run(store, work)??;
    match (before.recorded, before.outcome.failed.into_iter().find(|error| error.rule() == found.rule)) {
        (0, Some(error)) => Err(error.into()),
        (0, None) => Err(TellError::AlreadyTold),
        _ => Ok(found),
    }
}
