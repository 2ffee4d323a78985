//! A password forgotten by the one who could set it anew: the union above helps over the telephone.
//!
//! The machine shows a number, which somebody there reads out; a hub above answers with a code for this machine, this account
//! and this one asking (`huiliu_proto::reset`). That it did is written first. With the code a new password is set; the code opens
//! nothing, and what the one above knows opens nothing either.

use std::collections::BTreeSet;

use huiliu_proto::{
    handle::Draft,
    id::{DeviceId, RecordId},
    record::Refusal,
    records::password_reset as said,
    reset::{Answer, Asking, Mistyped, Request},
    union::UnionNumber,
    v1::PasswordReset,
};

use super::{AccountError, Done, administrates, last_password, write_password};
use crate::{
    app::Mode,
    clock::Random,
    identity::{
        IdentityError, LocalDevice,
        keys::{KeyError, Passphrase, Verifier},
        reset::{Pending, Resets},
        session::Sessions,
    },
    ledger::{Ledger, WriteOutcome},
    operator::{self, Account},
    store::{
        StoreError, View, receivers,
        trust::{self, Enrolled},
    },
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The root of the network asks nobody, and a province knows no key of it.
    #[error("nobody is above this machine")]
    NobodyAbove,
    #[error("a number that was typed is wrong")]
    Mistyped(#[from] Mistyped),
    /// Nothing was asked for the account, or too long ago, or too many answers were wrong.
    #[error("nothing was asked for this account")]
    NotAsked,
    /// It is no answer to what was asked: so many more may be wrong.
    #[error("the code is no answer to what was asked")]
    Wrong(u32),
    #[error("only a hub answers")]
    NotHub,
    #[error("this union enrolled no such device")]
    NoDevice,
    #[error("several devices fit")]
    Several(Vec<DeviceId>),
    #[error("the entry breaks a rule")]
    Refused(Vec<Refusal>),
    #[error("what was asked cannot be kept")]
    Identity(#[from] IdentityError),
    #[error("it cannot be read or written")]
    Store(#[from] StoreError),
}

impl ResetError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ResetError::Account(error) => error.code(),
            ResetError::NobodyAbove => "nobody_above",
            ResetError::Mistyped(_) => "mistyped",
            ResetError::NotAsked => "not_asked",
            ResetError::Wrong(_) => "wrong_code",
            ResetError::NotHub => "not_a_hub",
            ResetError::NoDevice => "unknown_device",
            ResetError::Several(_) => "several_devices",
            ResetError::Refused(_) => "rule",
            ResetError::Identity(_) => "identity",
            ResetError::Store(_) => "database",
        }
    }
}

type Result<T, E = ResetError> = std::result::Result<T, E>;

/// What is read out, and until when its answer is waited for.
#[derive(Debug)]
pub struct Asked {
    pub request: Request,
    pub until: i64,
}

/// Asks, at the machine of whoever forgot.
pub fn ask(store: &Store, me: &LocalDevice, resets: &Resets<'_>, account: &Account) -> Result<Asked> {
    if !account.active {
        return Err(AccountError::Suspended.into());
    }
    if store.read(|conn| hubs_above(conn, me))?.is_empty() {
        return Err(ResetError::NobodyAbove);
    }
    let mut drawn = [0; 32];
    (me.random)(&mut drawn);
    let pending = resets.ask(account.id, drawn, store.now())?;
    let request = store.read(|conn| request(conn, me, &pending))?;
    Ok(Asked { request, until: pending.until() })
}

/// As things stand: once the account has another password, it is another.
fn request(conn: &View, me: &LocalDevice, pending: &Pending) -> crate::store::Result<Request> {
    let password = last_password(conn, me.union, &pending.account)?.map(|shown| shown.id);
    let Pending { account, drawn, asked_at, .. } = pending;
    let asked_at = *asked_at;
    Ok(Request::new(&Asking { device: &me.device(), account, password: password.as_ref(), drawn, asked_at }))
}

/// Who may answer: the hubs of the union above, with their keys.
fn hubs_above(conn: &View, me: &LocalDevice) -> crate::store::Result<Vec<(DeviceId, [u8; 32])>> {
    let all = receivers::of_union(conn, trust::superior(me.union))?.into_iter();
    Ok(all.filter(|one| one.hub && one.device != me.device()).map(|one| (one.device, one.key)).collect())
}

/// Who asks, as the union above sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    request: Request,
    pub device: DeviceId,
    pub union: UnionNumber,
    key: [u8; 32],
    /// Where it has come here already.
    pub account: Option<Account>,
}

/// Looks at what somebody reads out.
pub fn plan(conn: &View, me: &LocalDevice, typed: &str) -> Result<Plan> {
    if !me.hub {
        return Err(ResetError::NotHub);
    }
    let request = Request::typed(typed)?;
    let mut fit: Vec<Enrolled> = vec![];
    for one in trust::enrolments(conn, None)? {
        let own = one.by == me.union && trust::superior(one.union) == me.union && one.device != me.device();
        let named = own && one.seal_key.is_some() && request.names_device(&one.device);
        let known = fit.iter().any(|other| (other.device, other.union) == (one.device, one.union));
        if named && !known && !trust::revoked(conn, &one.device, one.union)? {
            fit.push(one);
        }
    }
    let Some(Enrolled { device, union, seal_key: Some(key), .. }) = fit.pop() else { return Err(ResetError::NoDevice) };
    if !fit.is_empty() {
        let all: BTreeSet<DeviceId> = fit.iter().map(|one| one.device).chain([device]).collect();
        return Err(ResetError::Several(all.into_iter().collect()));
    }
    let account = operator::all(conn, union, |account| request.names_account(&account.id))?.pop();
    if account.as_ref().is_some_and(|account| !account.active) {
        return Err(AccountError::Suspended.into());
    }
    Ok(Plan { request, device, union, key, account })
}

/// Answers what was shown: first that it does is written, by an administrator where this union has accounts.
pub fn answer(store: &Store, me: &LocalDevice, shown: &Plan, reason: &str, mode: Mode) -> Result<(Answer, RecordId)> {
    let mut entry = Draft::<PasswordReset>::new();
    entry.set(said::UNION, shown.union).set(said::DEVICE, shown.device.to_vec()).set(said::REASON, reason);
    if let Some(account) = &shown.account {
        entry.set(said::ACCOUNT, account.id.to_vec());
    }
    let (entry, device, union, by) = (entry.into_record(), shown.device, shown.union, me.union);
    let outcome = mode.run(store, move |ledger| {
        let allowed = match operator::has_any(ledger.conn(), by)? {
            true => administrates(ledger),
            false => Ok(()),
        };
        match allowed {
            Err(AccountError::Store(error)) => return Err(error),
            Err(error) => return Ok(Err(ResetError::from(error))),
            Ok(()) => {}
        }
        if trust::revoked(ledger.conn(), &device, union)? {
            return Ok(Err(ResetError::NoDevice));
        }
        Ok(Ok(ledger.write_entry(&entry)?))
    })??;
    let written = match outcome {
        WriteOutcome::Written { id, .. } | WriteOutcome::Unchanged(id) => id,
        WriteOutcome::Refused(refusals) => return Err(ResetError::Refused(refusals)),
    };
    let shared = me.grant.shared(&shown.key).ok_or(ResetError::NoDevice)?;
    Ok((Answer::new(&shared, &me.device(), &shown.device, shown.union, &shown.request), written))
}

/// Sets a password by the answer. What was asked is used once.
pub fn set(
    store: &Store,
    me: &LocalDevice,
    (resets, sessions): (&Resets<'_>, &Sessions<'_>),
    account: &Account,
    (typed, new): (&str, &Passphrase),
    random: &Random,
    mode: Mode,
) -> Result<Done> {
    let answer = Answer::typed(typed)?;
    let pending = resets.pending(store.now()).filter(|pending| pending.account == account.id);
    let mut pending = pending.ok_or(ResetError::NotAsked)?;
    let verifier = Verifier::new(new, random).map_err(|error: KeyError| AccountError::from(error))?;
    // Whatever it is asked for: a trial that told nothing of it could be made as often as one likes.
    resets.tried(&mut pending)?;
    let (asked, mine, id) = (pending.clone(), me.clone(), account.id);
    // The person is known by the answer and not by who had logged in before her.
    let done =
        mode.run(&store.acting(None), move |ledger| match set_in(ledger, &mine, &asked, &answer, &verifier) {
            Err(ResetError::Store(error) | ResetError::Account(AccountError::Store(error))) => Err(error),
            done => Ok(done),
        })??;
    if mode == Mode::Write {
        resets.close()?;
        sessions.succeeded(&id)?;
    }
    Ok(done)
}

fn set_in(
    ledger: &mut Ledger,
    me: &LocalDevice,
    asked: &Pending,
    answer: &Answer,
    verifier: &Verifier,
) -> Result<Done> {
    let conn = ledger.conn();
    let account = operator::get(conn, me.union, &asked.account)?;
    let account = account.ok_or_else(|| AccountError::Unknown(asked.account.to_string()))?;
    if !account.active {
        return Err(AccountError::Suspended.into());
    }
    let request = request(conn, me, asked)?;
    let hubs = hubs_above(conn, me)?;
    let good = |(hub, key): &(DeviceId, [u8; 32])| {
        let shared = me.grant.shared(key);
        shared.is_some_and(|shared| Answer::new(&shared, hub, &me.device(), me.union, &request) == *answer)
    };
    match hubs.iter().any(good) {
        true => Ok(write_password(ledger, account, verifier)?),
        false => Err(ResetError::Wrong(asked.left())),
    }
}
