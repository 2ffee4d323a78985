//! Accounts of the people who act for this union: made, changed, suspended, given a password, logged in.
//!
//! The first account is an administrator's and is made by whoever has the machine; from then on an administrator who has
//! logged in makes and changes them. A password is set by its owner, who knows the one before, by an administrator, or by word
//! of the union above (`reset`); on the machine where the accounts were made, and no administrator has one yet, an
//! administrator's own is set by whoever has the machine.

pub mod reset;

use huiliu_proto::{
    handle::{Declared as _, Draft},
    id::{DeviceId, RecordId},
    record::Refusal,
    records::{
        account::{self as fields, room::has},
        password as secret,
    },
    union::UnionNumber,
    v1::{Account as AccountKind, AccountState, OperatorRole, Password},
    value::Value,
};

use super::{Mode, find};
use crate::{
    clock::Random,
    identity::{
        IdentityError,
        keys::{KeyError, Passphrase, Verifier},
        session::Sessions,
    },
    ledger::{Ledger, WriteOutcome},
    operator::{self, Account},
    store::{
        StoreError, View,
        projection::{self, Shown},
    },
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("this union has no account “{0}”")]
    Unknown(String),
    /// Two machines made an account of one name, or several ids begin so.
    #[error("several accounts fit “{typed}”")]
    Several { typed: String, found: Vec<RecordId> },
    #[error("the name has an account already")]
    Taken(RecordId),
    /// The first account is an administrator's.
    #[error("the first account is an administrator's")]
    First,
    /// Nobody could change accounts any more.
    #[error("it is the last active administrator")]
    Last,
    /// Only an administrator who has logged in does that.
    #[error("an administrator who has logged in does that")]
    Administrator,
    #[error("the account is suspended")]
    Suspended,
    /// No password of the account is known on this machine. `first`: whoever has the machine may set it.
    #[error("the account has no password on this machine")]
    NoPassword { first: bool },
    #[error("the password is wrong")]
    Wrong,
    /// Too many were wrong: until then, in milliseconds.
    #[error("too many wrong passwords")]
    Wait(i64),
    #[error("the account breaks a rule")]
    Refused(Vec<Refusal>),
    #[error("the password cannot be used")]
    Password(#[from] KeyError),
    #[error("the session cannot be kept")]
    Session(#[from] IdentityError),
    #[error("the account cannot be read or written")]
    Store(#[from] StoreError),
}

impl AccountError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            AccountError::Unknown(_) => "unknown_account",
            AccountError::Several { .. } => "several_accounts",
            AccountError::Taken(_) => "name_taken",
            AccountError::First => "first_administrator",
            AccountError::Last => "last_administrator",
            AccountError::Administrator => "administrator",
            AccountError::Suspended => "suspended",
            AccountError::NoPassword { .. } => "no_password",
            AccountError::Wrong => "wrong_password",
            AccountError::Wait(_) => "wait",
            AccountError::Refused(_) => "rule",
            AccountError::Password(_) => "keys",
            AccountError::Session(_) => "identity",
            AccountError::Store(_) => "database",
        }
    }
}

type Result<T, E = AccountError> = std::result::Result<T, E>;

/// Some of this union's accounts.
#[derive(Debug)]
pub struct Page {
    pub accounts: Vec<Account>,
    /// The last of them, where there are more.
    pub next: Option<RecordId>,
}

pub fn page(conn: &View, union: UnionNumber, after: Option<RecordId>, most: usize) -> Result<Page> {
    let mut accounts = operator::page(conn, union, after, most.saturating_add(1))?;
    let more = accounts.len() > most;
    accounts.truncate(most);
    let next = accounts.last().filter(|_| more).map(|account| account.id);
    Ok(Page { accounts, next })
}

/// The one account of that name, or whose id this is or begins so.
pub fn named(conn: &View, union: UnionNumber, typed: &str) -> Result<Account> {
    let typed = typed.trim();
    let mut found = operator::named(conn, union, typed)?;
    if let (true, Some(digits)) = (found.is_empty(), find::of_id(typed)) {
        found = operator::of_prefix(conn, union, &digits, find::CANDIDATES_LISTED)?;
    }
    match found.len() {
        0 => Err(AccountError::Unknown(typed.to_owned())),
        1 => Ok(found.remove(0)),
        _ => {
            let found = found.into_iter().map(|account| account.id).collect();
            Err(AccountError::Several { typed: typed.to_owned(), found })
        }
    }
}

/// As `named`, of one that may act.
pub fn active(conn: &View, union: UnionNumber, typed: &str) -> Result<Account> {
    let account = named(conn, union, typed)?;
    if account.active { Ok(account) } else { Err(AccountError::Suspended) }
}

/// What becomes of an account.
#[derive(Debug, Clone)]
pub struct New {
    pub name: String,
    pub roles: i64,
    pub mediator: Option<RecordId>,
}

/// What was made or changed, as it stands then; whether anything was.
#[derive(Debug)]
pub struct Done {
    pub account: Account,
    pub written: bool,
}

pub fn add(store: &Store, union: UnionNumber, new: New, mode: Mode) -> Result<Done> {
    in_one(store, mode, move |ledger| {
        if operator::begun(ledger.conn(), union)?.is_none() {
            if !has(new.roles, OperatorRole::Administrator) {
                return Err(AccountError::First);
            }
        } else {
            administrates(ledger)?;
        }
        if let Some(taken) = operator::named(ledger.conn(), union, &new.name)?.first() {
            return Err(AccountError::Taken(taken.id));
        }
        let mut values = vec![
            (fields::NAME.position(), Some(Value::Text(new.name))),
            (fields::ROLES.position(), Some(Value::Int(new.roles))),
            (fields::STATE.position(), Some(Value::Int(AccountState::AccountActive as i64))),
        ];
        if let Some(mediator) = new.mediator {
            values.push((fields::MEDIATOR.position(), Some(Value::Bytes(mediator.to_vec()))));
        }
        write(ledger, union, None, values)
    })
}

/// Gives an account other roles.
pub fn set_roles(
    store: &Store,
    union: UnionNumber,
    id: RecordId,
    roles: i64,
    mediator: Option<RecordId>,
    mode: Mode,
) -> Result<Done> {
    in_one(store, mode, move |ledger| {
        administrates(ledger)?;
        stays_administrated(ledger, union, &id, has(roles, OperatorRole::Administrator))?;
        let mediator = mediator.map(|id| Value::Bytes(id.to_vec()));
        let guide = has(roles, OperatorRole::Guide);
        let mut values = vec![(fields::ROLES.position(), Some(Value::Int(roles)))];
        if mediator.is_some() || !guide {
            values.push((fields::MEDIATOR.position(), mediator));
        }
        write(ledger, union, Some(id), values)
    })
}

/// Suspends an account, or restores it.
pub fn set_active(store: &Store, union: UnionNumber, id: RecordId, active: bool, mode: Mode) -> Result<Done> {
    in_one(store, mode, move |ledger| {
        administrates(ledger)?;
        stays_administrated(ledger, union, &id, active)?;
        let state = if active { AccountState::AccountActive } else { AccountState::AccountSuspended };
        write(ledger, union, Some(id), vec![(fields::STATE.position(), Some(Value::Int(state as i64)))])
    })
}

/// A password that is to be set. `known`: that of the account until now, where its owner sets another.
pub struct NewPassword<'a> {
    pub account: &'a Account,
    pub known: Option<&'a Passphrase>,
    pub new: &'a Passphrase,
}

pub fn set_password(
    store: &Store,
    union: UnionNumber,
    sessions: &Sessions<'_>,
    password: &NewPassword<'_>,
    random: &Random,
    mode: Mode,
) -> Result<Done> {
    let NewPassword { account, known, new } = *password;
    let id = account.id;
    // Argon2 takes its time: not in the writer's.
    if let Some(known) = known {
        recognised(store, union, sessions, account, known)?;
    }
    let verifier = Verifier::new(new, random)?;
    let (owner, device) = (known.is_some(), sessions.device());
    let done = in_one(store, mode, move |ledger| {
        let account = operator::get(ledger.conn(), union, &id)?;
        let account = account.ok_or_else(|| AccountError::Unknown(id.to_string()))?;
        if !owner && !first_password(ledger.conn(), union, &device, &account)? {
            administrates(ledger)?;
        }
        write_password(ledger, account, &verifier)
    })?;
    // Tries at the one before are none at this.
    if mode == Mode::Write {
        sessions.succeeded(&id)?;
    }
    Ok(done)
}

fn write_password(ledger: &mut Ledger, account: Account, verifier: &Verifier) -> Result<Done> {
    let mut entry = Draft::<Password>::new();
    entry.set(secret::ACCOUNT, account.id).set(secret::SALT, verifier.salt).set(secret::VERIFIER, verifier.made);
    entry.set(secret::MEMORY_KIB, i64::from(verifier.memory_kib));
    entry.set(secret::PASSES, i64::from(verifier.passes)).set(secret::LANES, i64::from(verifier.lanes));
    match ledger.write_entry(&entry.into_record())? {
        WriteOutcome::Refused(refusals) => Err(AccountError::Refused(refusals)),
        WriteOutcome::Written { .. } | WriteOutcome::Unchanged(_) => Ok(Done { account, written: true }),
    }
}

/// Whether whoever has the machine may set this account's password: an administrator's, where none has one here, at the machine
/// that made it. At another, to which the passwords have not come, somebody else may sit.
pub fn first_password(
    conn: &View,
    union: UnionNumber,
    device: &DeviceId,
    account: &Account,
) -> crate::store::Result<bool> {
    if !account.active || !account.has(OperatorRole::Administrator) || !account.id.made_by(device) {
        return Ok(false);
    }
    for one in operator::all(conn, union, |one| one.active && one.has(OperatorRole::Administrator))? {
        if verifier(conn, union, &one.id)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Opens a session for an active account of this union.
pub fn log_in(
    store: &Store,
    union: UnionNumber,
    sessions: &Sessions<'_>,
    account: &Account,
    password: &Passphrase,
) -> Result<()> {
    recognised(store, union, sessions, account, password)?;
    Ok(sessions.open(account.id, store.now())?)
}

/// Asks whether this is the account's password, as often as that may be asked.
fn recognised(
    store: &Store,
    union: UnionNumber,
    sessions: &Sessions<'_>,
    account: &Account,
    password: &Passphrase,
) -> Result<()> {
    let (id, now) = (&account.id, store.now());
    if let Some(until) = sessions.closed_until(id, now) {
        return Err(AccountError::Wait(until));
    }
    let verifier = store.read(|conn| {
        Ok(match verifier(conn, union, id)? {
            Some(verifier) => Ok(verifier),
            None => Err(AccountError::NoPassword { first: first_password(conn, union, &sessions.device(), account)? }),
        })
    })??;
    sessions.tried(id, now)?;
    if !verifier.fits(password)? {
        return Err(AccountError::Wrong);
    }
    Ok(sessions.succeeded(id)?)
}

/// The password that was set last.
fn last_password(conn: &View, union: UnionNumber, id: &RecordId) -> crate::store::Result<Option<Shown>> {
    let of_account = Value::Bytes(id.to_vec());
    let set = projection::list_where(conn, Password::kind(), secret::ACCOUNT.name(), &of_account)?;
    Ok(set.into_iter().rfind(|shown| shown.place.owner == union))
}

fn verifier(conn: &View, union: UnionNumber, id: &RecordId) -> crate::store::Result<Option<Verifier>> {
    Ok(last_password(conn, union, id)?.and_then(|shown| {
        let said = &shown.record;
        let number = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok());
        Some(Verifier {
            salt: said.read(secret::SALT)?.try_into().ok()?,
            made: said.read(secret::VERIFIER)?.try_into().ok()?,
            memory_kib: number(said.read(secret::MEMORY_KIB))?,
            passes: number(said.read(secret::PASSES))?,
            lanes: number(said.read(secret::LANES))?,
        })
    }))
}

/// Whether the person who acts is an administrator and has logged in.
fn administrates(ledger: &Ledger) -> Result<()> {
    match ledger.logged_in()?.is_some_and(|account| account.has(OperatorRole::Administrator)) {
        true => Ok(()),
        false => Err(AccountError::Administrator),
    }
}

/// Whether an active administrator is left when this account is one no more.
fn stays_administrated(ledger: &Ledger, union: UnionNumber, id: &RecordId, stays: bool) -> Result<()> {
    let others = |one: &Account| one.id != *id && one.active && one.has(OperatorRole::Administrator);
    match stays || !operator::all(ledger.conn(), union, others)?.is_empty() {
        true => Ok(()),
        false => Err(AccountError::Last),
    }
}

type Values = Vec<(usize, Option<Value>)>;

fn write(ledger: &mut Ledger, union: UnionNumber, id: Option<RecordId>, values: Values) -> Result<Done> {
    let (id, written) = match ledger.write_document(AccountKind::kind(), id, values)? {
        WriteOutcome::Written { id, .. } => (id, true),
        WriteOutcome::Unchanged(id) => (id, false),
        WriteOutcome::Refused(refusals) => return Err(AccountError::Refused(refusals)),
    };
    let account = operator::get(ledger.conn(), union, &id)?;
    Ok(Done { account: account.ok_or_else(|| AccountError::Unknown(id.to_string()))?, written })
}

/// Asked and written in one transaction.
fn in_one<F>(store: &Store, mode: Mode, work: F) -> Result<Done>
where
    F: FnOnce(&mut Ledger) -> Result<Done> + Send + 'static,
{
    mode.run(store, move |ledger| match work(ledger) {
        Err(AccountError::Store(error)) => Err(error),
        done => Ok(done),
    })?
}
