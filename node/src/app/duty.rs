//! What takes two persons (岗位分离), from one table: one prepares it, another of the same union carries it out by saying
//! exactly the same again. Asked in the transaction that writes, whatever the interface.
//!
//! A union without accounts works as before. One whose superior says so, for a time, may do it with one person; what is written
//! then says so.

use huiliu_proto::{
    handle::{Declared as _, Draft},
    id::{Hash, RecordId},
    kind::{Kind, Voiding},
    period::Day,
    record::Record,
    records::{countersignature as done, one_person_office as leave, proposal as asked},
    union::UnionNumber,
    v1::{
        Countersignature, DutyAct, OnePersonOffice,
        OperatorRole::{
            self, Administrator, Approver, Cashier, Checker, DatabaseKeeper, Leader, Preparer, RightsDepartment,
        },
        Proposal,
    },
    value::Value,
};

use crate::{
    clock,
    ledger::{Ledger, WriteOutcome},
    operator::{self, Account},
    store::{
        Result, StoreError, View,
        projection::{self, Shown},
    },
};

/// Who prepares something, and who carries it out.
pub struct Duty {
    pub act: DutyAct,
    pub first: &'static [OperatorRole],
    pub second: &'static [OperatorRole],
}

/// The whole table.
pub static DUTIES: [Duty; 6] = [
    duty(DutyAct::SubmitFiling, &[Preparer, RightsDepartment], &[Checker, Approver, Leader]),
    duty(DutyAct::UndoImport, &[Preparer, Cashier], &[Checker, Approver, Leader]),
    duty(DutyAct::ReturnKeys, &[Administrator, DatabaseKeeper], &[Approver, Leader, DatabaseKeeper]),
    duty(DutyAct::RevokeDevice, &[Administrator], &[Approver, Leader, Administrator]),
    duty(DutyAct::FundMoney, &[Preparer, Cashier], &[Checker, Approver, Leader]),
    duty(DutyAct::ReleaseHeld, &[Preparer, Administrator, RightsDepartment], &[Approver, Leader]),
];

const fn duty(act: DutyAct, first: &'static [OperatorRole], second: &'static [OperatorRole]) -> Duty {
    Duty { act, first, second }
}

/// What was prepared waits for the second person for so long, in days.
pub const WAITS_DAYS: i64 = 30;

/// Why something that takes two persons is not done, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.code())]
pub enum DutyProblem {
    /// The union has accounts, and nobody has logged in.
    NotLoggedIn(DutyAct),
    /// The person has no role of the table.
    Role { act: DutyAct, wanted: &'static [OperatorRole] },
    /// The person only comes second, and nobody has prepared exactly this.
    NotPrepared { act: DutyAct, wanted: &'static [OperatorRole] },
    /// It is prepared, now or since before, and waits for somebody else.
    Waits { act: DutyAct, proposal: RecordId, by: RecordId, second: &'static [OperatorRole] },
}

impl DutyProblem {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            DutyProblem::NotLoggedIn(_) => "not_logged_in",
            DutyProblem::Role { .. } => "role",
            DutyProblem::NotPrepared { .. } => "not_prepared",
            DutyProblem::Waits { .. } => "waits_for_second",
        }
    }
}

/// It may be done; `used` says beside what was written who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what was done by two persons is written down"]
pub struct Pass(Option<Hands>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hands {
    act: DutyAct,
    first: RecordId,
    second: RecordId,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// As another person prepared it.
    Prepared(RecordId),
    /// By leave of the superior.
    Alone(RecordId),
}

/// Whether a record of the kind is money of the fund.
pub fn is_money(kind: &Kind) -> bool {
    kind.voiding == Voiding::Money
}

/// Tells one thing that is to be done from another.
fn digest(act: DutyAct, parts: &[&[u8]]) -> Hash {
    let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
    let number = (act as u32).to_be_bytes();
    let mut all: Vec<&[u8]> = vec![b"huiliu/duty/1", &number];
    for (length, part) in lengths.iter().zip(parts) {
        all.extend([&length[..], part]);
    }
    Hash::of(&all)
}

/// Whether the person who acts may do it. Where it is the first one, that it is prepared is written, and stays although nothing
/// else is done. `subject`: what the second person finds it by; nothing personal. `parts`: all that tells it from another thing.
pub fn pass(
    ledger: &mut Ledger,
    act: DutyAct,
    subject: &str,
    parts: &[&[u8]],
) -> Result<std::result::Result<Pass, DutyProblem>> {
    let union = ledger.me().union;
    if !operator::has_any(ledger.conn(), union)? {
        return Ok(Ok(Pass::FREE));
    }
    let Some(account) = ledger.logged_in()? else { return Ok(Err(DutyProblem::NotLoggedIn(act))) };
    let (me, digest) = (account.id, digest(act, parts));
    let duty = DUTIES.iter().find(|duty| duty.act == act).ok_or(StoreError::Damaged("the table of duties"))?;
    let (first, second) = (account.has_any(duty.first), account.has_any(duty.second));
    if !first && !second {
        return Ok(Err(DutyProblem::Role { act, wanted: duty.first }));
    }
    let open = open(ledger, &digest, duty)?;
    let others = open.iter().find(|one| one.by != me);
    if let Some(one) = others.filter(|_| second) {
        return Ok(Ok(Pass(Some(Hands { act, first: one.by, second: me, how: How::Prepared(one.id) }))));
    }
    if let Some(leave) = alone(ledger.conn(), union, clock::day(ledger.now()).0)? {
        return Ok(Ok(Pass(Some(Hands { act, first: me, second: me, how: How::Alone(leave.id) }))));
    }
    let waits = |one: &Open| DutyProblem::Waits { act, proposal: one.id, by: one.by, second: duty.second };
    match (others, open.iter().find(|one| one.by == me)) {
        (_, Some(own)) => Ok(Err(waits(own))),
        // Also where another has prepared it who may come second as well: she carries out what is prepared here.
        (_, None) if first => {
            let mut entry = Draft::<Proposal>::new();
            entry.set(asked::ACT, act).set(asked::DIGEST, digest.to_vec()).set(asked::FIRST, me);
            entry.set(asked::SUBJECT, subject.chars().take(200).collect::<String>());
            match ledger.write_entry(&entry.into_record())? {
                WriteOutcome::Written { id, .. } | WriteOutcome::Unchanged(id) => Ok(Err(waits(&Open { id, by: me }))),
                WriteOutcome::Refused(refusals) => Err(StoreError::Refused(format!("{refusals:?}"))),
            }
        }
        (Some(one), None) => Ok(Err(waits(one))),
        (None, None) => Ok(Err(DutyProblem::NotPrepared { act, wanted: duty.first })),
    }
}

/// Writes an entry that takes two persons. What would be refused is not prepared.
pub fn write_entry(
    ledger: &mut Ledger,
    act: DutyAct,
    subject: &str,
    parts: &[&[u8]],
    record: &Record,
) -> Result<std::result::Result<WriteOutcome, DutyProblem>> {
    let refusals = ledger.refusals(record)?;
    if !refusals.is_empty() {
        return Ok(Ok(WriteOutcome::Refused(refusals)));
    }
    let pass = match pass(ledger, act, subject, parts)? {
        Ok(pass) => pass,
        Err(problem) => return Ok(Err(problem)),
    };
    let outcome = ledger.write_entry(record)?;
    if let WriteOutcome::Written { id, .. } = &outcome {
        pass.used(ledger, Some(*id))?;
    }
    Ok(Ok(outcome))
}

struct Open {
    id: RecordId,
    by: RecordId,
}

/// What of this union was prepared with that digest, by accounts that are active still and may prepare it. What was prepared
/// before the same was last carried out is the same intention, and done with it.
fn open(ledger: &Ledger, digest: &Hash, duty: &Duty) -> Result<Vec<Open>> {
    let (conn, union) = (ledger.conn(), ledger.me().union);
    let since = ledger.now().saturating_sub(WAITS_DAYS * 24 * 3_600_000);
    let (mut found, mut done) = (vec![], None);
    for shown in projection::list_where(conn, Proposal::kind(), asked::DIGEST.name(), &Value::Bytes(digest.to_vec()))? {
        if shown.place.owner != union || shown.record.read(asked::ACT) != Some(duty.act as i64) {
            continue;
        }
        done = done.max(carried_out(conn, union, &shown.id)?);
        let Some(by) = shown.record.read(asked::FIRST).filter(|_| shown.id.time() >= since) else { continue };
        let may = |account: Account| account.active && account.has_any(duty.first);
        if operator::get(conn, union, &by)?.is_some_and(may) {
            found.push(Open { id: shown.id, by });
        }
    }
    found.retain(|one| done.is_none_or(|done| one.id > done));
    Ok(found)
}

/// What says that something prepared was carried out, the last of it.
fn carried_out(conn: &View, union: UnionNumber, proposal: &RecordId) -> Result<Option<RecordId>> {
    let named = Value::Bytes(proposal.to_vec());
    let found = projection::list_where(conn, Countersignature::kind(), done::PROPOSAL.name(), &named)?;
    Ok(found.iter().filter(|shown| shown.place.owner == union).map(|shown| shown.id).max())
}

/// A superior's leave for a union to act with one person on a day.
pub fn alone(conn: &View, union: UnionNumber, day: i32) -> Result<Option<Shown>> {
    let named = Value::Int(i64::from(union));
    let all = projection::list_where(conn, OnePersonOffice::kind(), leave::UNION.name(), &named)?;
    let holds = |shown: &Shown| {
        let (from, until) = (shown.record.read(leave::FROM), shown.record.read(leave::UNTIL));
        union.ancestors().any(|above| above == shown.place.owner)
            && from.zip(until).is_some_and(|(from, until)| (from.0..=until.0).contains(&day))
    };
    Ok(all.into_iter().rfind(holds))
}

/// The document by which a union that has accounts works with one person on a day.
pub fn works_alone(conn: &View, union: UnionNumber, day: Day) -> Result<Option<String>> {
    if !operator::has_any(conn, union)? {
        return Ok(None);
    }
    Ok(alone(conn, union, day.0)?.and_then(|leave| leave.record.read(leave::DOC_NO).map(str::to_owned)))
}

impl Pass {
    /// Of what takes one person.
    pub const FREE: Pass = Pass(None);

    /// Says who did it, beside what was written. Refused where somebody was quicker.
    pub fn used(self, ledger: &mut Ledger, written: Option<RecordId>) -> Result<()> {
        let Some(Hands { act, first, second, how }) = self.0 else { return Ok(()) };
        let mut entry = Draft::<Countersignature>::new();
        entry.set(done::ACT, act).set(done::FIRST, first).set(done::SECOND, second);
        match how {
            How::Prepared(proposal) => {
                if carried_out(ledger.conn(), ledger.me().union, &proposal)?.is_some() {
                    return Err(StoreError::forbidden(
                        "另一人刚刚已办理，本次没有写入",
                        "somebody else has just carried it out; nothing was written",
                    ));
                }
                entry.set(done::PROPOSAL, proposal);
            }
            How::Alone(office) => _ = entry.set(done::OFFICE, office.to_vec()),
        }
        if let Some(written) = written {
            entry.set(done::WRITTEN, written.to_vec());
        }
        match ledger.write_entry(&entry.into_record())? {
            WriteOutcome::Written { .. } | WriteOutcome::Unchanged(_) => Ok(()),
            WriteOutcome::Refused(refusals) => Err(StoreError::Refused(format!("{refusals:?}"))),
        }
    }
}

/// By whose hands a record was written that takes two persons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub first: RecordId,
    pub second: RecordId,
    /// One person, by leave of the superior.
    pub alone: bool,
}

/// What is said of that first: of a record that is older than the accounts, by whose hands it was voided or brought back; of an
/// import, beside its first record.
pub fn signed(conn: &View, union: UnionNumber, record: &RecordId) -> Result<Option<Signed>> {
    let named = Value::Bytes(record.to_vec());
    let found = projection::list_where(conn, Countersignature::kind(), done::WRITTEN.name(), &named)?;
    let of_union = found.into_iter().find(|shown| shown.place.owner == union);
    Ok(of_union.and_then(|shown| {
        let said = &shown.record;
        let alone = said.read(done::OFFICE).is_some();
        Some(Signed { first: said.read(done::FIRST)?, second: said.read(done::SECOND)?, alone })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_act_once_and_nobody_who_only_reads() {
        for duty in &DUTIES {
            assert_eq!(DUTIES.iter().filter(|other| other.act == duty.act).count(), 1, "{:?}", duty.act);
            assert!(!duty.first.is_empty() && !duty.second.is_empty(), "{:?}", duty.act);
            for role in [OperatorRole::Auditor, OperatorRole::Guide] {
                assert!(!duty.first.contains(&role) && !duty.second.contains(&role), "{:?}", duty.act);
            }
        }
        let declared = asked::ACT.declared().choices().len();
        assert_eq!(DUTIES.len(), declared, "every act is in the table");
    }

    #[test]
    fn a_digest_is_of_one_thing() {
        let of = |parts: &[&[u8]]| digest(DutyAct::FundMoney, parts);
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"a"]), digest(DutyAct::UndoImport, &[b"a"]));
    }
}
