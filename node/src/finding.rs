//! Findings: the checks run at one hub, and what of it is recorded for the unions concerned.
//!
//! A case that is found again is not recorded again; one that later data has cleared is taken back by an entry. What a
//! union reads in its own records is advice to itself and never recorded.

use std::collections::BTreeSet;

use huiliu_proto::{
    handle::{Declared as _, Draft},
    id::{Hash, RecordId},
    period::Day,
    record::Record,
    records::{finding, finding_withdrawal},
    union::UnionNumber,
    v1::{Finding, FindingWithdrawal},
};

use crate::{
    check::{self, Check, CheckError, Found, Outcome, Patience},
    ledger::{self, Ledger},
    store::{Result, View, projection, projection::Shown},
};

/// What a run of checks found, and what of it was written.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub outcome: Outcome,
    pub recorded: usize,
    pub withdrawn: usize,
}

/// What the checks find in what this union sees. Writes nothing, and nothing that fails stops the rest.
pub fn look(conn: &View, union: UnionNumber, checks: &[&'static Check], today: Day, patience: Patience) -> Outcome {
    let mut outcome = Outcome::default();
    for check in checks {
        let one = check::run(conn, check, union, today, patience);
        outcome.found.extend(one.found);
        outcome.waiting.extend(one.waiting);
        outcome.silent.extend(one.silent);
        outcome.failed.extend(one.failed);
    }
    outcome
}

impl Ledger {
    /// Records what a look found that is new; with `withdraw`, also what is cleared, but of no check that failed. What
    /// cannot be recorded is noted among what failed, and stops nothing else. Nothing is withdrawn as of a day gone by.
    pub fn record_findings(
        &mut self,
        mut outcome: Outcome,
        checks: &[&'static Check],
        today: Day,
        withdraw: bool,
    ) -> Result<Run> {
        let union = self.me().union;
        if !self.me().hub {
            return Ok(Run { outcome, ..Run::default() });
        }
        let open = open(self.conn(), union)?;
        let failed = |rule: &str| outcome.failed.iter().any(|error| error.rule() == rule);
        let rules: Vec<&str> = checks.iter().map(|c| c.id).filter(|rule| !failed(rule)).collect();
        let cleared = if withdraw { cleared(&outcome, &rules, &open) } else { vec![] };
        let fresh: Vec<_> = new(&outcome, &open).into_iter().map(|f| (f.rule, f.to_record(today))).collect();
        let (mut recorded, mut withdrawn) = (0, 0);
        for (rule, record) in fresh {
            let written = match record {
                Ok(record) => self.finding_written(rule, &record)?,
                Err(error) => Err(error),
            };
            match written {
                Ok(()) => recorded += 1,
                Err(error) => outcome.failed.push(error),
            }
        }
        for row in cleared {
            let known = row.record.read(finding::RULE).and_then(check::check).map_or("-", |check| check.id);
            let Some(record) = withdrawal(row, today) else { continue };
            match self.finding_written(known, &record)? {
                Ok(()) => withdrawn += 1,
                Err(error) => outcome.failed.push(error),
            }
        }
        Ok(Run { outcome, recorded, withdrawn })
    }

    fn finding_written(&mut self, rule: &'static str, record: &Record) -> Result<std::result::Result<(), CheckError>> {
        Ok(match self.write_entry(record)? {
            ledger::Outcome::Refused(refusals) => {
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

fn fingerprint(row: &Shown) -> Option<Hash> {
    Hash::try_from(row.record.read(finding::FINGERPRINT)?).ok()
}

/// Cases found now that are not recorded yet. A union's reading of its own records is advice and never recorded.
fn new<'a>(outcome: &'a Outcome, open: &[Shown]) -> Vec<&'a Found> {
    let known: BTreeSet<Hash> = open.iter().filter_map(fingerprint).collect();
    outcome.found.iter().filter(|f| !f.advisory && !known.contains(&f.fingerprint)).collect()
}

/// Recorded findings of the rules that were run, which are neither found any more nor waiting for data.
fn cleared<'a>(outcome: &Outcome, rules: &[&str], open: &'a [Shown]) -> Vec<&'a Shown> {
    let found = outcome.found.iter().map(|f| f.fingerprint);
    let still: BTreeSet<Hash> = found.chain(outcome.waiting.iter().map(|w| w.fingerprint)).collect();
    let ran = |row: &&Shown| row.record.read(finding::RULE).is_some_and(|rule| rules.contains(&rule));
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
    use crate::{check::Evidence, store::projection::Place};
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
            evidence: vec![],
            horizons: vec![],
            parameters: vec![],
            results: vec![],
            summary: Label::new("摘要", "summary"),
        }
    }

    fn recorded(key: u8) -> Shown {
        let owner = 320_000u64.try_into().expect("a code");
        let place = Place { owner, feed: 1, seq: 0 };
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
        let outcome = Outcome { found: vec![found(1), found(2)], ..Default::default() };
        let open = [recorded(2), recorded(3)];
        let keys = |found: Vec<&Found>| found.iter().map(|f| f.fingerprint.0[0]).collect::<Vec<_>>();
        assert_eq!(keys(new(&outcome, &open)), [1]);
        let ids = |rows: Vec<&Shown>| rows.iter().map(|r| r.id.0[0]).collect::<Vec<_>>();
        assert_eq!(ids(cleared(&outcome, &["FC-01"], &open)), [3]);
        assert_eq!(ids(cleared(&outcome, &["FC-02"], &open)), [0; 0], "a rule that was not run clears nothing");
        assert!(withdrawal(&recorded(3), Day(20_001)).is_some_and(|r| r.validate().is_ok()));
    }
}
