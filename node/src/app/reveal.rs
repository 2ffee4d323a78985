//! Reading one sealed field of one record whole (查阅): by who may, for a purpose, and written into the register before it is
//! shown. Everything else shows the last characters at most.
//!
//! A union reads its own people's by one person of a role that needs it; another union's, which the province holds keys of, by
//! two. A union without accounts reads none: nobody would stand for it.

use huiliu_proto::{
    handle::Draft,
    id::RecordId,
    kind::Field,
    record::Refusal,
    records::access_entry as said,
    v1::{
        AccessEntry, DutyAct,
        OperatorRole::{self, DatabaseKeeper, Preparer, RightsDepartment},
    },
    value::Value,
};
use zeroize::Zeroizing;

use super::{
    Mode,
    duty::{self, DutyProblem},
    values, void,
};
use crate::{
    keyring::Keyring,
    ledger::{Ledger, WriteOutcome},
    store::{self, StoreError, projection::Shown},
    writer::Store,
};

/// Who reads what her own union sealed.
pub const MAY_READ: &[OperatorRole] = &[Preparer, RightsDepartment, DatabaseKeeper];

#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    #[error("the field is not sealed")]
    NotSealed(&'static Field),
    #[error("nothing is written in the field")]
    Empty(&'static Field),
    /// This machine has no key for it, or it is damaged.
    #[error("this machine cannot open it")]
    Closed,
    #[error("the purpose is no line")]
    Reason { most: usize },
    /// A purpose that holds an identity number.
    #[error("the purpose holds an identity number")]
    Personal,
    /// Nobody has logged in; where there are no accounts, nobody can.
    #[error("nobody has logged in")]
    NotLoggedIn,
    #[error("the person's roles do not let her read it")]
    Role(&'static [OperatorRole]),
    /// Another union's: it takes two persons.
    #[error(transparent)]
    Duty(#[from] DutyProblem),
    #[error("the entry breaks a rule")]
    Refused(Vec<Refusal>),
    #[error("it cannot be read or written down")]
    Store(#[from] StoreError),
}

impl RevealError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RevealError::NotSealed(_) => "not_sealed",
            RevealError::Empty(_) => "empty",
            RevealError::Closed => "closed_here",
            RevealError::Reason { .. } => "reason",
            RevealError::Personal => "personal",
            RevealError::NotLoggedIn => "not_logged_in",
            RevealError::Role(_) => "may_not_read",
            RevealError::Duty(problem) => problem.code(),
            RevealError::Refused(_) => "rule",
            RevealError::Store(_) => "database",
        }
    }
}

/// What is shown, and which entry says that it was.
pub struct Revealed {
    pub value: Zeroizing<String>,
    pub entry: RecordId,
}

/// Reads one field. In a dry run only whether it may be read is said, and the value is empty.
pub fn reveal(
    store: &Store,
    keys: &Keyring,
    shown: &Shown,
    at: usize,
    reason: &str,
    mode: Mode,
) -> Result<Revealed, RevealError> {
    let kind = shown.record.kind;
    let (Some(field), Some(value)) = (kind.fields.get(at), shown.record.values().get(at)) else {
        return Err(RevealError::Closed);
    };
    if !field.sealed() {
        return Err(RevealError::NotSealed(field));
    }
    void::reason_fits(reason).map_err(|problem| match problem {
        void::Problem::Reason { most } => RevealError::Reason { most },
        _ => RevealError::Personal,
    })?;
    let value = value.as_ref().ok_or(RevealError::Empty(field))?;
    // Opened before it is written down, so that nothing is entered that was not read; shown after.
    let Value::Text(opened) = values::opened(keys, &shown.id, field, value) else { return Err(RevealError::Closed) };
    let opened = Zeroizing::new(opened);
    let (id, owner, reason, name) = (shown.id, shown.place.owner, reason.to_owned(), field.name);
    let work = move |ledger: &mut Ledger| -> store::Result<Result<WriteOutcome, RevealError>> {
        let Some(account) = ledger.logged_in()? else { return Ok(Err(RevealError::NotLoggedIn)) };
        let mut entry = Draft::<AccessEntry>::new();
        entry.set(said::BY, account.id).set(said::UNION, owner).set(said::ABOUT, id.to_vec());
        entry.set(said::OF_FIELD, name).set(said::REASON, reason.as_str());
        let entry = entry.into_record();
        if owner != ledger.me().union {
            let number = u64::from(owner).to_be_bytes();
            let parts = [id.as_bytes(), &number[..], name.as_bytes(), reason.as_bytes()];
            let written = duty::write_entry(ledger, DutyAct::ReadSealed, &id.to_string(), &parts, &entry)?;
            return Ok(written.map_err(RevealError::from));
        }
        if !account.has_any(MAY_READ) {
            return Ok(Err(RevealError::Role(MAY_READ)));
        }
        Ok(Ok(ledger.write_entry(&entry)?))
    };
    match mode.run(store, work)?? {
        WriteOutcome::Written { id: entry, .. } | WriteOutcome::Unchanged(entry) => {
            let value = if mode == Mode::Write { opened } else { Zeroizing::default() };
            Ok(Revealed { value, entry })
        }
        WriteOutcome::Refused(refusals) => Err(RevealError::Refused(refusals)),
    }
}
