//! Giving a union that lost its only machine the keys of its sealed fields back; the province does it.
//!
//! Never by itself. A union between could enrol a machine of its own in that union's name; only people who speak to
//! each other notice that, so one of them decides.

use std::collections::BTreeSet;

use huiliu_node::{
    app::{
        Mode,
        duty::{self, DutyProblem},
        find,
    },
    ledger::Return,
    store::{
        StoreError,
        trust::{self, Enrolled},
    },
    writer::Store,
};
use huiliu_proto::{id::DeviceId, record::Refusal, union::UnionNumber, v1::DutyAct};

#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    #[error("no enrolled device has a key that begins so")]
    NoDevice,
    #[error("several devices have keys that begin so")]
    Several(Vec<DeviceId>),
    /// Since it was shown, it is another union's.
    #[error("the device was enrolled or revoked meanwhile")]
    Changed,
    #[error("{0} is not below this hub's province")]
    NotProvince(UnionNumber),
    #[error("{0} granted this hub no key")]
    NoKeys(UnionNumber),
    #[error("the return breaks a rule")]
    Refused(Vec<Refusal>),
    /// It takes two persons.
    #[error(transparent)]
    Duty(#[from] DutyProblem),
    #[error("the keys cannot be given back")]
    Store(#[from] StoreError),
}

impl ReturnError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ReturnError::NoDevice => "unknown_device",
            ReturnError::Several(_) => "several_devices",
            ReturnError::Changed => "changed",
            ReturnError::NotProvince(_) => "not_province",
            ReturnError::NoKeys(_) => "no_keys",
            ReturnError::Refused(_) => "rule",
            ReturnError::Duty(problem) => problem.code(),
            ReturnError::Store(_) => "database",
        }
    }
}

/// To whom keys would be given.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub device: DeviceId,
    pub union: UnionNumber,
    /// Who enrolled it for that union.
    pub by: BTreeSet<UnionNumber>,
    pub keys: usize,
}

/// The device whose key begins with these digits, and what it would get.
pub fn plan(store: &Store, typed: &str) -> Result<Plan, ReturnError> {
    let all = store.read(|conn| trust::enrolments(conn, None))?;
    let device = named(&all, typed)?;
    // What stands in the way is said before anybody telephones. A device may be enrolled for several unions.
    let (union, keys) = give_to(store, device, None, Mode::DryRun)?;
    let of_it = all.iter().filter(|enrolled| enrolled.device == device && enrolled.union == union);
    Ok(Plan { device, union, by: of_it.map(|enrolled| enrolled.by).collect(), keys })
}

/// The one device whose key begins so: it reads for ever what the keys open.
fn named(all: &[Enrolled], typed: &str) -> Result<DeviceId, ReturnError> {
    let digits = find::digits(typed, find::SURE).ok_or(ReturnError::NoDevice)?;
    let begin = all.iter().map(|enrolled| enrolled.device).filter(|device| device.to_string().starts_with(&digits));
    let fit: BTreeSet<DeviceId> = begin.collect();
    match fit.first() {
        Some(device) if fit.len() == 1 => Ok(*device),
        None => Err(ReturnError::NoDevice),
        Some(_) => Err(ReturnError::Several(fit.into_iter().collect())),
    }
}

/// Gives them, as was shown: a person has compared the device's key. How many they were.
pub fn give(store: &Store, shown: &Plan, mode: Mode) -> Result<usize, ReturnError> {
    give_to(store, shown.device, Some(shown.union), mode).map(|(_, keys)| keys)
}

fn give_to(
    store: &Store,
    device: DeviceId,
    shown: Option<UnionNumber>,
    mode: Mode,
) -> Result<(UnionNumber, usize), ReturnError> {
    let given = mode.run(store, move |ledger| match (shown, ledger.returned_to(&device)?) {
        (Some(shown), now) if now != Some(shown) => Ok(Err(ReturnError::Changed)),
        // Only looked at.
        (None, _) => ledger.return_keys(&device).map(Ok),
        (Some(union), _) => {
            let parts = [device.as_bytes(), &u64::from(union).to_be_bytes()[..]];
            let pass = match duty::pass(ledger, DutyAct::ReturnKeys, &device.to_string(), &parts)? {
                Ok(pass) => pass,
                Err(problem) => return Ok(Err(problem.into())),
            };
            let returned = ledger.return_keys(&device)?;
            if matches!(returned, Return::Written { .. }) {
                pass.used(ledger, &[])?;
            }
            Ok(Ok(returned))
        }
    })?;
    match given? {
        Return::Written { union, keys } => Ok((union, keys)),
        Return::NoDevice => Err(ReturnError::NoDevice),
        Return::NotProvince(union) => Err(ReturnError::NotProvince(union)),
        Return::NoKeys(union) => Err(ReturnError::NoKeys(union)),
        Return::Refused(refusals) => Err(ReturnError::Refused(refusals)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_of_two_unions_is_one_device() {
        let enrolled = |device: u8, union: &str| Enrolled {
            device: DeviceId([device; 32]),
            union: union.parse().expect("a union"),
            hub: false,
            by: UnionNumber::NATION,
            tls_key: None,
            seal_key: None,
            authority_key: None,
            invited_by: None,
        };
        let all = [enrolled(1, "320922"), enrolled(2, "320922"), enrolled(1, "320923")];
        assert_eq!(named(&all, " 01010101").ok(), Some(DeviceId([1; 32])));
        for typed in ["", "0101010", "03030303", "0101010x"] {
            assert!(matches!(named(&all, typed), Err(ReturnError::NoDevice)), "{typed}");
        }
        let mut twins = [enrolled(1, "320922"), enrolled(1, "320923")];
        twins[1].device.0[31] = 2;
        assert!(matches!(named(&twins, "01010101"), Err(ReturnError::Several(both)) if both.len() == 2));
    }
}
