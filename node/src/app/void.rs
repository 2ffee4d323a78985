//! Voiding a record of this union (作废), and reinstating it (恢复).
//!
//! What every level would refuse is refused by `admission`. What is asked here as well depends on what this machine has
//! heard: that nothing that stands names the record, and, of money, that no level has acted on it.

mod paired;

use std::collections::BTreeSet;

use super::{
    duty::{self, DutyProblem, Pass},
    voided::voided,
};
use crate::{
    ledger::{Ledger, Saying},
    store::{
        Result, StoreError, View,
        naming::{self, Naming},
        records,
        voids::{self, State},
    },
};
use huiliu_proto::{
    id::RecordId,
    ident::contains_resident_id,
    kind::{Kind, Voiding, kinds, numbered},
    record::Refusal,
    rule::Rule,
    union::UnionNumber,
    void::{MAX_REASON, reason_allowed},
};

/// As many of what stands in the way are told.
const OBSTACLES_TOLD: usize = 20;
/// One void follows some of those before it; so many are written where there are more.
const PREDECESSORS_WRITTEN: usize = 16;

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    pub kind: &'static Kind,
    pub record: RecordId,
    pub state: State,
    /// Of money that is voided: the other halves that it was paired with, by its reference or without one.
    pub paired_with: Vec<Naming>,
}

/// Why a record is not voided or reinstated. Nothing was written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", self.code())]
pub enum Problem {
    /// This union has no such record.
    Missing(RecordId),
    /// Only the union whose record it is may do it.
    Owner {
        kind: &'static Kind,
        owner: UnionNumber,
    },
    /// Records of the kind are never voided.
    Never(&'static Kind),
    Already(&'static Kind),
    NotVoided(&'static Kind),
    /// The reason is missing, too long, or holds what cannot be seen.
    Reason {
        most: usize,
    },
    /// The reason holds an identity number, and it is not sealed.
    Personal,
    /// Records that stand name it. Money that somebody else has acted on can only be reversed.
    Named {
        kind: &'static Kind,
        by: Vec<Naming>,
        acted_on: bool,
    },
    /// Another union booked the money without naming the record: only reversed.
    Paired {
        kind: &'static Kind,
        with: Vec<Naming>,
    },
    /// It names what does not stand any more, or takes back what was taken back since.
    Refused(Vec<Refusal>),
    /// Money takes two persons.
    Duty(DutyProblem),
}

impl Problem {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Problem::Missing(_) => "missing",
            Problem::Owner { .. } => "owner",
            Problem::Never(_) => "never_voided",
            Problem::Already(_) => "already_voided",
            Problem::NotVoided(_) => "not_voided",
            Problem::Reason { .. } => "reason",
            Problem::Personal => "personal",
            Problem::Named { acted_on: false, .. } => "named",
            Problem::Named { acted_on: true, .. } => "acted_on",
            Problem::Paired { .. } => "paired",
            Problem::Refused(_) => "rule",
            Problem::Duty(problem) => problem.code(),
        }
    }
}

/// Takes a record of this union out of everything, at every level that has it.
pub fn void(ledger: &mut Ledger, record: RecordId, reason: &str) -> Result<Result<Done, Problem>> {
    let kind = match may_void(ledger, &record, reason)? {
        Ok(kind) => kind,
        Err(problem) => return Ok(Err(problem)),
    };
    let paired_with = paired::other_halves(ledger.conn(), ledger.me().union, kind, &record)?;
    let done = say(ledger, kind, record, reason, false)?;
    Ok(done.map(|done| Done { paired_with, ..done }))
}

/// Takes the void of a record back; where people or devices disagreed about it, that is settled: it stands.
pub fn reinstate(ledger: &mut Ledger, record: RecordId, reason: &str) -> Result<Result<Done, Problem>> {
    let union = ledger.me().union;
    let kind = match own(ledger.conn(), union, &record)? {
        Ok(kind) => kind,
        Err(problem) => return Ok(Err(problem)),
    };
    if let Err(problem) = reason_fits(reason) {
        return Ok(Err(problem));
    }
    if voids::state(ledger.conn(), union, &record)? == State::Stands {
        return Ok(Err(Problem::NotVoided(kind)));
    }
    // What only may not stand is there already.
    if let Some(shown) = voided(ledger.conn(), union, &record)? {
        let refusals = ledger.may_come_back(&shown.record)?;
        if !refusals.is_empty() {
            return Ok(Err(Problem::Refused(refusals)));
        }
    }
    say(ledger, kind, record, reason, true)
}

fn say(
    ledger: &mut Ledger,
    kind: &'static Kind,
    record: RecordId,
    reason: &str,
    restores: bool,
) -> Result<Result<Done, Problem>> {
    let wanted = if restores { State::Stands } else { State::Voided };
    let mut pass = Pass::FREE;
    let takes_two = if restores { duty::of_kind(kind) } else { duty::of_voiding(kind) };
    if let Some(act) = takes_two {
        let verb: &[u8] = if restores { b"reinstate" } else { b"void" };
        let parts = [verb, record.as_bytes(), reason.as_bytes()];
        pass = match duty::pass(ledger, act, &record.to_string(), &parts)? {
            Ok(pass) => pass,
            Err(problem) => return Ok(Err(Problem::Duty(problem))),
        };
    }
    for _ in 0..PREDECESSORS_WRITTEN {
        ledger.write_void(kind, &Saying { record, restores, reason: reason.to_owned() })?;
        let state = voids::state(ledger.conn(), ledger.me().union, &record)?;
        if state == wanted {
            pass.used(ledger, &[record])?;
            return Ok(Ok(Done { kind, record, state, paired_with: vec![] }));
        }
    }
    Err(StoreError::forbidden(Rule::new(
        "voided_too_often",
        "这条记录的作废与恢复过多，本机无法办结；请联系技术支持",
        "the record was voided and reinstated too often for this machine to settle it; ask for support",
    )))
}

fn may_void(ledger: &Ledger, record: &RecordId, reason: &str) -> Result<Result<&'static Kind, Problem>> {
    let (conn, union) = (ledger.conn(), ledger.me().union);
    let kind = match own(conn, union, record)? {
        Ok(kind) => kind,
        Err(problem) => return Ok(Err(problem)),
    };
    if let Err(problem) = reason_fits(reason) {
        return Ok(Err(problem));
    }
    if voids::state(conn, union, record)? == State::Voided {
        return Ok(Err(Problem::Already(kind)));
    }
    let standing_in_the_way = in_the_way(conn, union, kind, &BTreeSet::from([*record]), OBSTACLES_TOLD)?;
    Ok(match standing_in_the_way {
        Some(problem) => Err(problem),
        None => Ok(kind),
    })
}

/// What stands in the way of voiding these records of one kind together: others that name them, at most so many.
pub fn in_the_way(
    conn: &View,
    union: UnionNumber,
    kind: &'static Kind,
    records: &BTreeSet<RecordId>,
    most: usize,
) -> Result<Option<Problem>> {
    let by = naming::naming(conn, kind, records, most)?;
    if by.is_empty() {
        let with = paired::booked_elsewhere(conn, union, kind, records, most)?;
        return Ok((!with.is_empty()).then_some(Problem::Paired { kind, with }));
    }
    let acted_on = kind.voiding == Voiding::Money && by.iter().any(|naming| naming.owner != union);
    Ok(Some(Problem::Named { kind, by, acted_on }))
}

/// The kind of a record of this union that may be voided at all.
fn own(conn: &View, union: UnionNumber, record: &RecordId) -> Result<Result<&'static Kind, Problem>> {
    let claims = records::of_id(conn, record)?;
    let own = claims.iter().find(|claim| claim.place.owner == union);
    let Some(claim) = own.or(claims.first()) else { return Ok(Err(Problem::Missing(*record))) };
    let Some(kind) = numbered(claim.kind) else { return Ok(Err(Problem::Missing(*record))) };
    Ok(match (claim.place.owner, kind.voiding) {
        (owner, _) if owner != union => Err(Problem::Owner { kind, owner }),
        (_, Voiding::Never) => Err(Problem::Never(kind)),
        _ => Ok(kind),
    })
}

pub fn reason_fits(reason: &str) -> Result<(), Problem> {
    if !reason_allowed(reason) {
        return Err(Problem::Reason { most: MAX_REASON });
    }
    if contains_resident_id(reason) {
        return Err(Problem::Personal);
    }
    Ok(())
}

/// Kinds of which a record may be voided.
pub fn voidable() -> impl Iterator<Item = &'static Kind> {
    kinds().iter().filter(|kind| kind.voiding != Voiding::Never)
}

#[cfg(test)]
mod tests {
    use huiliu_proto::{handle::Declared as _, v1};

    use super::*;

    /// What decides about others, and what the system itself writes, stands for ever.
    #[test]
    fn what_decides_is_never_voided() {
        for kind in [
            v1::Enrolment::kind(),
            v1::Revocation::kind(),
            v1::QuarantineRuling::kind(),
            v1::FilingReview::kind(),
            v1::Finding::kind(),
            v1::FindingWithdrawal::kind(),
            v1::KeyGrant::kind(),
            v1::KeyReturn::kind(),
            v1::Statement::kind(),
            v1::Vouching::kind(),
            v1::PurgeOrder::kind(),
            v1::Filing::kind(),
        ] {
            assert_eq!(kind.voiding, Voiding::Never, "{}", kind.name);
        }
        assert!(voidable().all(|kind| !kind.automatic));
        let fund = [v1::Budget::kind(), v1::Allocation::kind(), v1::FundReceipt::kind(), v1::Programme::kind()];
        for kind in fund.into_iter().chain([v1::Expenditure::kind(), v1::Matching::kind()]) {
            assert_eq!(kind.voiding, Voiding::Money, "{}", kind.name);
        }
    }

    #[test]
    fn a_reason_is_a_line_without_an_identity_number() {
        assert_eq!(reason_fits("重复录入"), Ok(()));
        for reason in ["", " ", "一\n二", &"长".repeat(201)] {
            assert_eq!(reason_fits(reason), Err(Problem::Reason { most: 200 }), "{reason:?}");
        }
        assert_eq!(reason_fits("误填11010519491231002X"), Err(Problem::Personal));
    }
}
