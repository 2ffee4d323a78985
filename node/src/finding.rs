//! Findings: the checks run at one hub, and what of it is recorded for the unions concerned.
//!
//! A case that is found again is not recorded again; one that later data has cleared is taken back by an entry. What a
//! union reads in its own records is advice to itself and never recorded.

use std::collections::{BTreeSet, VecDeque};

use huiliu_proto::{
    handle::{Declared as _, Draft},
    id::{Hash, RecordId},
    period::Day,
    record::Record,
    records::{finding, finding_withdrawal},
    union::UnionNumber,
    v1::{Finding, FindingWithdrawal},
    value::Value,
};

use crate::{
    check::{self, Check, CheckError, CheckOutcome, Found, Patience},
    ledger::{self, Ledger},
    store::{Result, View, projection, projection::Shown},
};

/// What a run of checks found, and what of it was written.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub outcome: CheckOutcome,
    pub recorded: usize,
    pub withdrawn: usize,
}

/// What the checks find in what this union sees. Writes nothing, and nothing that fails stops the rest.
pub fn look(
    conn: &View,
    union: UnionNumber,
    checks: &[&'static Check],
    today: Day,
    patience: Patience,
) -> CheckOutcome {
    let mut outcome = CheckOutcome::default();
    checks.iter().for_each(|check| outcome.add(check::run(conn, check, union, today, patience)));
    outcome
}

/// How many entries one job of the writer's holds: others wait no longer than for these.
const A_JOB: usize = 100;

/// What is still to be recorded and taken back of a look.
#[derive(Debug, Clone)]
pub struct Plan {
    pub run: Run,
    today: Day,
    /// Places in `found`.
    fresh: VecDeque<usize>,
    /// Places in `found` of what is not recorded by itself, and has not been by a person.
    withheld: Vec<usize>,
    cleared: VecDeque<(&'static str, Record)>,
}

impl Plan {
    /// Whether there is work for one more job.
    pub fn more(&self) -> bool {
        !self.fresh.is_empty() || !self.cleared.is_empty()
    }

    /// What the unions concerned are told only where a person says so.
    pub fn withheld(&self) -> impl Iterator<Item = &Found> {
        self.withheld.iter().filter_map(|at| self.run.outcome.found.get(*at))
    }

    /// The same, with nothing to write but what of the withheld a person has looked at.
    pub fn telling(self, looked_at: impl Fn(&Hash) -> bool) -> Plan {
        let found = &self.run.outcome.found;
        let told = |at: &usize| found.get(*at).is_some_and(|one| looked_at(&one.fingerprint));
        let fresh = self.withheld.iter().copied().filter(told).collect();
        Plan { fresh, withheld: vec![], cleared: VecDeque::new(), ..self }
    }

    /// How many are to be recorded, and how many taken back.
    pub fn left(&self) -> (usize, usize) {
        (self.fresh.len(), self.cleared.len())
    }
}

/// What of a look a hub is to write: what is new; with `withdraw`, also what is cleared, but not where a check that failed may
/// have missed it. Nothing is withdrawn as of a day gone by.
pub fn plan(
    conn: &View,
    union: UnionNumber,
    outcome: CheckOutcome,
    checks: &[&'static Check],
    today: Day,
    withdraw: bool,
) -> Result<Plan> {
    let open = open(conn, union)?;
    let run = Run { outcome, ..Run::default() };
    let (withheld, fresh): (Vec<usize>, Vec<usize>) =
        new(&run.outcome, &open).into_iter().partition(|at| run.outcome.found.get(*at).is_some_and(|one| one.withheld));
    let mut plan = Plan { run, today, fresh: fresh.into(), withheld, cleared: VecDeque::new() };
    if withdraw {
        let rules: Vec<&str> = checks.iter().map(|check| check.id).collect();
        let rows = cleared(&plan.run.outcome, &rules, &open).into_iter();
        let known = |row: &Shown| row.record.read(finding::RULE).and_then(check::check).map_or("-", |check| check.id);
        plan.cleared = rows.filter_map(|row| Some((known(row), withdrawal(row, today)?))).collect();
    }
    Ok(plan)
}

impl Ledger {
    /// One job's share of it. What cannot be recorded is noted among what failed, and stops nothing else. What another run
    /// has written since the plan was made is left as it is.
    pub fn record_some(&mut self, mut plan: Plan) -> Result<Plan> {
        let union = self.me().union;
        for _ in 0..A_JOB {
            let Plan { run, today, fresh, cleared, withheld: _ } = &mut plan;
            let (rule, record, count) = if let Some(at) = fresh.pop_front() {
                let Some(found) = run.outcome.found.get(at) else { continue };
                if stands(self.conn(), union, &found.fingerprint)? {
                    continue;
                }
                (found.rule, found.to_record(*today), &mut run.recorded)
            } else if let Some((rule, record)) = cleared.pop_front() {
                if let Some(id) = record.read(finding_withdrawal::FINDING)
                    && withdrawn(self.conn(), union, &id, record.read(finding_withdrawal::UNION))?
                {
                    continue;
                }
                (rule, Ok(record), &mut run.withdrawn)
            } else {
                break;
            };
            let written = match record {
                Ok(record) => self.finding_written(rule, &record)?,
                Err(error) => Err(error),
            };
            match written {
                Ok(()) => *count += 1,
                Err(error) => run.outcome.failed.push(error),
            }
        }
        Ok(plan)
    }

    fn finding_written(&mut self, rule: &'static str, record: &Record) -> Result<std::result::Result<(), CheckError>> {
        Ok(match self.write_entry(record)? {
            ledger::WriteOutcome::Refused(refusals) => {
                let why: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                Err(CheckError::Record { rule, why: why.join(" ") })
            }
            _ => Ok(()),
        })
    }
}

/// Findings this union recorded and has not withdrawn.
pub fn open(conn: &View, union: UnionNumber) -> Result<Vec<Shown>> {
    let all = usize::MAX >> 1;
    let rows = projection::list(conn, FindingWithdrawal::kind(), Some(union), None, all)?;
    // Said to the union concerned, as the finding was.
    let about = |row: &Shown| {
        let said = row.record.of::<FindingWithdrawal>()?;
        Some((said.get(finding_withdrawal::FINDING)?, said.get(finding_withdrawal::UNION)))
    };
    let withdrawn: BTreeSet<(RecordId, Option<UnionNumber>)> = rows.iter().filter_map(about).collect();
    let mut open = projection::list(conn, Finding::kind(), Some(union), None, all)?;
    open.retain(|row| !withdrawn.contains(&(row.id, row.record.read(finding::UNION))));
    Ok(open)
}

/// Whether this union has recorded the case, and not withdrawn it since.
fn stands(conn: &View, union: UnionNumber, case: &Hash) -> Result<bool> {
    let case = Value::Bytes(case.to_vec());
    for row in projection::list_where(conn, Finding::kind(), finding::FINGERPRINT.name(), &case)? {
        if row.place.owner == union && !withdrawn(conn, union, &row.id, row.record.read(finding::UNION))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether this union has withdrawn the finding, to the union concerned.
fn withdrawn(conn: &View, union: UnionNumber, id: &RecordId, about: Option<UnionNumber>) -> Result<bool> {
    let id = Value::Bytes(id.to_vec());
    let rows = projection::list_where(conn, FindingWithdrawal::kind(), finding_withdrawal::FINDING.name(), &id)?;
    Ok(rows.iter().any(|row| row.place.owner == union && row.record.read(finding_withdrawal::UNION) == about))
}

fn fingerprint(row: &Shown) -> Option<Hash> {
    Hash::try_from(row.record.read(finding::FINGERPRINT)?).ok()
}

/// Cases found now that are not recorded yet, by their places. A union's reading of its own records is advice and never
/// recorded.
fn new(outcome: &CheckOutcome, open: &[Shown]) -> Vec<usize> {
    let known: BTreeSet<Hash> = open.iter().filter_map(fingerprint).collect();
    let fresh = |f: &Found| !f.advisory && !known.contains(&f.fingerprint);
    outcome.found.iter().enumerate().filter(|(_, found)| fresh(found)).map(|(at, _)| at).collect()
}

/// Recorded findings of the rules that were run, which are neither found any more nor waiting for data, nor missed by what
/// failed.
fn cleared<'a>(outcome: &CheckOutcome, rules: &[&str], open: &'a [Shown]) -> Vec<&'a Shown> {
    let found = outcome.found.iter().map(|f| f.fingerprint);
    let still: BTreeSet<Hash> = found.chain(outcome.waiting.iter().map(|w| w.fingerprint)).collect();
    let ran = |row: &&Shown| {
        let union = row.record.read(finding::UNION);
        let missed = |rule: &str| outcome.failed.iter().any(|error| error.leaves_open(rule, union));
        row.record.read(finding::RULE).is_some_and(|rule| rules.contains(&rule) && !missed(rule))
    };
    open.iter().filter(ran).filter(|row| fingerprint(row).is_some_and(|f| !still.contains(&f))).collect()
}

/// The entry that takes a finding back because later data has cleared it.
fn withdrawal(row: &Shown, today: Day) -> Option<Record> {
    let mut said = Draft::<FindingWithdrawal>::new();
    said.set(finding_withdrawal::UNION, row.record.read(finding::UNION)?);
    said.set(finding_withdrawal::FINDING, row.id).set(finding_withdrawal::WITHDRAWN_ON, today);
    said.set(finding_withdrawal::REASON_ZH, "后到的数据已消除该疑点");
    said.set(finding_withdrawal::REASON_EN, "later data has cleared it");
    Some(said.into_record())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::Evidence, store::projection::RecordPlace};
    use huiliu_proto::{lang::Label, v1::Expenditure};

    fn found(key: u8) -> Found {
        let check = check::check("FC-01").expect("it is there");
        Found {
            rule: check.id,
            version: 1,
            variant: "absent",
            subject: 320_900u64.try_into().expect("a code"),
            fingerprint: Hash([key; 32]),
            severity: check.severity,
            family: check.family,
            advisory: false,
            withheld: false,
            evidence: vec![],
            horizons: vec![],
            parameters: vec![],
            results: vec![],
            summary: Label::new("摘要", "summary"),
        }
    }

    fn recorded(key: u8) -> Shown {
        let owner = 320_000u64.try_into().expect("a code");
        let place = RecordPlace { owner, feed: 1, seq: 0 };
        Shown { id: RecordId([key; 16]), place, record: found(key).to_record(Day(20_000)).expect("it can be recorded") }
    }

    #[test]
    fn evidence_without_end_is_cut_and_counted() {
        let mut many = found(1);
        let kind = Expenditure::NAME.to_owned();
        let line = |n: u32| RecordId(std::array::from_fn(|at| n.to_be_bytes()[at % 4]));
        many.evidence = (0..5_000).map(|n| Evidence { kind: kind.clone(), record: line(n), role: "paid" }).collect();
        many.horizons = (0..2_000).map(|_| (many.subject, Some(Day(20_000)))).collect();
        let record = many.to_record(Day(20_000)).expect("it can be recorded");
        assert!(record.validate().is_ok() && record.encode().len() < huiliu_proto::record::MAX_BYTES);
        let said = check::argument::lines(&record, finding::RESULTS, huiliu_proto::lang::Lang::En);
        assert_eq!(said, ["records not listed here: 4000", "unions not listed here: 1000"]);
        assert!(
            record.read(finding::SUMMARY_ZH).is_none() && record.read(finding::SUMMARY_EN).is_none(),
            "no sentence travels"
        );
    }

    #[test]
    fn new_known_and_cleared() {
        let outcome = CheckOutcome { found: vec![found(1), found(2)], ..Default::default() };
        let open = [recorded(2), recorded(3)];
        assert_eq!(new(&outcome, &open), [0]);
        let ids = |rows: Vec<&Shown>| rows.iter().map(|r| r.id.0[0]).collect::<Vec<_>>();
        assert_eq!(ids(cleared(&outcome, &["FC-01"], &open)), [3]);
        assert_eq!(ids(cleared(&outcome, &["FC-02"], &open)), [0; 0], "a rule that was not run clears nothing");
        // Where there were too many of one union, nothing of that union is taken back, and all of any other.
        for (subject, still) in [(320_900u64, 0), (320_500, 1)] {
            let subject = subject.try_into().expect("a code");
            let failed = vec![CheckError::TooMany { rule: "FC-01", subject, left: 1 }];
            let outcome = CheckOutcome { failed, ..outcome.clone() };
            assert_eq!(cleared(&outcome, &["FC-01"], &open).len(), still, "{subject}");
        }
        let outcome = CheckOutcome { failed: vec![CheckError::TooLong { rule: "FC-01" }], ..outcome };
        assert_eq!(cleared(&outcome, &["FC-01"], &open).len(), 0);
        assert!(withdrawal(&recorded(3), Day(20_001)).is_some_and(|r| r.validate().is_ok()));
    }
}
