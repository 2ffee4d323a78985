//! Shutting a device of a union directly below out: first what goes on counting, then the revocation.

use std::collections::BTreeSet;

use huiliu_node::{
    app::{
        Mode,
        duty::{self, DutyProblem},
    },
    identity::LocalDevice,
    store::{StoreError, View},
    writer::Store,
};
use huiliu_proto::{id::DeviceId, record::Refusal, union::UnionNumber, v1::DutyAct};

use crate::revocation::{self, Plan, RevocationError};

#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// Only a hub has unions below it.
    #[error("only a hub revokes devices of unions below")]
    NotHub,
    /// Since it was shown, the device was revoked for one of its unions, or enrolled for another.
    #[error("the device was revoked or enrolled meanwhile")]
    Changed,
    #[error("the revocation breaks a rule")]
    Refused(Vec<Refusal>),
    /// It takes two persons.
    #[error(transparent)]
    Duty(#[from] DutyProblem),
    #[error("the device cannot be revoked")]
    Revocation(#[from] RevocationError),
    #[error("the revocation cannot be written")]
    Store(#[from] StoreError),
}

impl RevokeError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RevokeError::NotHub => "not_a_hub",
            RevokeError::Changed => "changed",
            RevokeError::Refused(_) => "rule",
            RevokeError::Duty(problem) => problem.code(),
            RevokeError::Revocation(RevocationError::Unknown) => "unknown_device",
            RevokeError::Revocation(RevocationError::Ambiguous(_)) => "several_devices",
            RevokeError::Revocation(RevocationError::Already) => "already_revoked",
            RevokeError::Revocation(RevocationError::Store(_)) | RevokeError::Store(_) => "database",
        }
    }
}

/// What revoking a device would do, and what revoking the machines that came with its tokens would.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub plan: Plan,
    pub invited: Vec<Plan>,
    /// Of what they wrote, what had come by then goes on counting; all of it where none is given.
    pub since: Option<i64>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Revoked {
    pub devices: Vec<DeviceId>,
    /// Operations that count no longer.
    pub cut: u64,
    /// Machines that came with its tokens and may still write.
    pub left: Vec<DeviceId>,
}

/// Looks at the device whose key begins with these digits. Of what it wrote, all that is here goes on counting, or what had
/// come here by `since`.
pub fn plan(store: &Store, me: &LocalDevice, digits: &str, since: Option<i64>) -> Result<Shown, RevokeError> {
    if !me.hub {
        return Err(RevokeError::NotHub);
    }
    Ok(store.read(|conn| Ok(look(conn, me.union, digits, since)))??)
}

fn look(conn: &View, union: UnionNumber, digits: &str, since: Option<i64>) -> Result<Shown, RevocationError> {
    let plan = revocation::plan(conn, union, digits, since)?;
    let further = plan.invited.iter().map(|e| revocation::plan(conn, union, &e.device.to_string(), since));
    let invited = further.collect::<Result<_, _>>()?;
    Ok(Shown { plan, invited, since })
}

/// Writes what was shown; `with_invited`, of the machines that came with its tokens as well. All of it or nothing.
pub fn revoke(
    store: &Store,
    me: &LocalDevice,
    shown: &Shown,
    with_invited: bool,
    reason: &str,
    mode: Mode,
) -> Result<Revoked, RevokeError> {
    if !me.hub {
        return Err(RevokeError::NotHub);
    }
    let (union, reason, since) = (me.union, reason.to_owned(), shown.since);
    let subject = shown.plan.device.to_string();
    let mut plans = vec![shown.plan.clone()];
    if with_invited {
        plans.extend(shown.invited.iter().cloned());
    }
    mode.run(store, move |ledger| {
        let mut left = BTreeSet::new();
        for plan in &plans {
            let now = match revocation::plan(ledger.conn(), union, &plan.device.to_string(), None) {
                Ok(now) => now,
                Err(RevocationError::Store(error)) => return Err(error),
                Err(error) => return Ok(Err(error.into())),
            };
            if now.unions != plan.unions {
                return Ok(Err(RevokeError::Changed));
            }
            left.extend(now.invited.iter().map(|enrolled| enrolled.device));
        }
        left.retain(|device| plans.iter().all(|plan| plan.device != *device));
        let since = since.map_or(vec![], |since| since.to_be_bytes().to_vec());
        let mut parts: Vec<&[u8]> = vec![reason.as_bytes(), &since];
        parts.extend(plans.iter().map(|plan| plan.device.as_bytes()));
        let pass = match duty::pass(ledger, DutyAct::RevokeDevice, &subject, &parts)? {
            Ok(pass) => pass,
            Err(problem) => return Ok(Err(problem.into())),
        };
        let written = match revocation::revoke_all(ledger, &plans, &reason)? {
            Ok(written) => written,
            Err(refusals) => return Ok(Err(RevokeError::Refused(refusals))),
        };
        pass.used(ledger, &written)?;
        let devices = plans.iter().map(|plan| plan.device).collect();
        Ok(Ok(Revoked { devices, cut: plans.iter().map(Plan::cut).sum(), left: left.into_iter().collect() }))
    })?
}
