//! What takes two persons (岗位分离), from one table: one prepares it, another of the same union carries it out by saying
//! exactly the same again. Asked in the transaction that writes, whatever the interface.
//!
//! A union without accounts works as before. One whose superior says so, for a time, may do it with one person; what is written
//! then says so.

use huiliu_proto::{
    handle::{Declared as _, Draft},
    id::{Hash, RecordId},
    kind::{Format, Kind, Voiding},
    lang::Lang,
    period::Day,
    record::Record,
    records::{countersignature as done, one_person_office as leave, proposal as asked},
    rule::Rule,
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
    operator,
    store::{
        Result, StoreError, View,
        projection::{self, Shown},
    },
};

pub mod waiting;

/// Who prepares something, and who carries it out.
pub struct Duty {
    pub act: DutyAct,
    pub first: &'static [OperatorRole],
    pub second: &'static [OperatorRole],
}

/// The whole table.
pub static DUTIES: [Duty; 8] = [
    duty(DutyAct::SubmitFiling, &[Preparer, RightsDepartment], &[Checker, Approver, Leader]),
    duty(DutyAct::UndoImport, &[Preparer, Cashier], &[Checker, Approver, Leader]),
    duty(DutyAct::ReturnKeys, &[Administrator, DatabaseKeeper], &[Approver, Leader, DatabaseKeeper]),
    duty(DutyAct::RevokeDevice, &[Administrator], &[Approver, Leader, Administrator]),
    duty(DutyAct::FundMoney, &[Preparer, Cashier], &[Checker, Approver, Leader]),
    duty(DutyAct::ReleaseHeld, &[Preparer, Administrator, RightsDepartment], &[Approver, Leader]),
    duty(DutyAct::LetActAlone, &[Preparer, Administrator, RightsDepartment], &[Approver, Leader]),
    duty(DutyAct::ReadSealed, &[DatabaseKeeper, RightsDepartment], &[Approver, Leader, DatabaseKeeper]),
];

const fn duty(act: DutyAct, first: &'static [OperatorRole], second: &'static [OperatorRole]) -> Duty {
    Duty { act, first, second }
}

/// The line of the table about something.
pub fn of(act: DutyAct) -> Result<&'static Duty> {
    DUTIES.iter().find(|duty| duty.act == act).ok_or(StoreError::Damaged("the table of duties"))
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
    /// A trial: it would be prepared now, and wait for somebody else.
    WouldWait { act: DutyAct, second: &'static [OperatorRole] },
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
            DutyProblem::WouldWait { .. } => "would_wait_for_second",
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

/// What it takes two persons for to write an entry of the kind, or to bring one back: money of the fund, and the leave that
/// lets one person of another union do both halves.
pub fn of_kind(kind: &Kind) -> Option<DutyAct> {
    match kind.voiding {
        Voiding::Money => Some(DutyAct::FundMoney),
        _ => (kind.number == OnePersonOffice::NUMBER).then_some(DutyAct::LetActAlone),
    }
}

/// What it takes two persons for to void an entry of the kind. A leave is taken back by one.
pub fn of_voiding(kind: &Kind) -> Option<DutyAct> {
    of_kind(kind).filter(|act| *act == DutyAct::FundMoney)
}

/// What the second person finds an entry by: its kind, and the sum where it says one.
pub fn subject(record: &Record) -> String {
    let kind = record.kind;
    let sums = kind.fields.iter().zip(record.values()).filter(|(field, _)| field.format == Format::Fen);
    let sum = sums.filter_map(|(field, value)| Some(field.show(value.as_ref()?, Lang::Zh))).next();
    sum.map_or_else(|| kind.label.zh.clone(), |sum| format!("{} {sum}", kind.label.zh))
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
    let duty = of(act)?;
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
                WriteOutcome::Written { .. } | WriteOutcome::Unchanged(_) if ledger.only_tries() => {
                    Ok(Err(DutyProblem::WouldWait { act, second: duty.second }))
                }
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
        pass.used(ledger, &[*id])?;
    }
    Ok(Ok(outcome))
}

struct Open {
    id: RecordId,
    by: RecordId,
}

/// What of this union was prepared with that digest and waits.
fn open(ledger: &Ledger, digest: &Hash, duty: &Duty) -> Result<Vec<Open>> {
    let (conn, union, mut found) = (ledger.conn(), ledger.me().union, vec![]);
    let done = last_done(conn, union, digest.as_bytes())?;
    for shown in alike(conn, union, digest.as_bytes())? {
        let waits = waiting::waits(conn, &shown, done, ledger.now())?;
        found.extend(waits.filter(|one| one.act == duty.act).map(|one| Open { id: one.id, by: one.by }));
    }
    Ok(found)
}

/// All that a union has prepared with that digest, whatever became of it.
fn alike(conn: &View, union: UnionNumber, digest: &[u8]) -> Result<Vec<Shown>> {
    let digest = Value::Bytes(digest.to_vec());
    let mut all = projection::list_where(conn, Proposal::kind(), asked::DIGEST.name(), &digest)?;
    all.retain(|shown| shown.place.owner == union);
    Ok(all)
}

/// What says that something prepared with that digest was carried out, the last of it.
fn last_done(conn: &View, union: UnionNumber, digest: &[u8]) -> Result<Option<RecordId>> {
    let mut done = None;
    for one in alike(conn, union, digest)? {
        done = done.max(carried_out(conn, union, &one.id)?);
    }
    Ok(done)
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

    /// Says who did it, beside each record that was written; once where there is none. Refused where somebody was quicker.
    pub fn used(self, ledger: &mut Ledger, written: &[RecordId]) -> Result<()> {
        let Some(Hands { act, first, second, how }) = self.0 else { return Ok(()) };
        let mut entry = Draft::<Countersignature>::new();
        entry.set(done::ACT, act).set(done::FIRST, first).set(done::SECOND, second);
        match how {
            How::Prepared(proposal) => {
                let (conn, union) = (ledger.conn(), ledger.me().union);
                if carried_out(conn, union, &proposal)?.is_some() || waiting::taken_back(conn, union, &proposal)? {
                    return Err(StoreError::forbidden(Rule::new(
                        "done_meanwhile",
                        "另一人刚刚已办理或撤回，本次没有写入",
                        "somebody else has just carried it out, or taken it back; nothing was written",
                    )));
                }
                entry.set(done::PROPOSAL, proposal);
            }
            How::Alone(office) => _ = entry.set(done::OFFICE, office.to_vec()),
        }
        let alone = entry.into_record();
        let beside = |written: &RecordId| {
            let mut said = alone.clone();
            said.put(done::WRITTEN.position(), Some(Value::Bytes(written.to_vec())));
            said
        };
        let all: Vec<Record> = written.iter().map(beside).collect();
        for said in if all.is_empty() { std::slice::from_ref(&alone) } else { &all[..] } {
            if let WriteOutcome::Refused(refusals) = ledger.write_entry(said)? {
                return Err(StoreError::Refused(format!("{refusals:?}")));
            }
        }
        Ok(())
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
