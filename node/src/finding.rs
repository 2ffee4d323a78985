//! Findings: the checks run at one hub, and what of it is recorded for the unions concerned.
//!
//! A case that is found again is not recorded again; one that later data has cleared is taken back by an entry. What a
//! union reads in its own records is advice to itself and never recorded.

use std::collections::BTreeSet;

use huiliu_proto::{id::Hash, kind::kind, period::Day, record::Record, union::UnionNumber, value::Value};
use rusqlite::Connection;

use crate::{
    check::{self, Check, Found, Outcome, Parameters},
    ledger::{self, Ledger},
    store::{Result, StoreError, projection, projection::Shown},
};

/// What a run of checks found, and what of it was written.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub outcome: Outcome,
    pub recorded: usize,
    pub withdrawn: usize,
}

/// What the checks find in what this union sees. Writes nothing.
pub fn look(conn: &Connection, union: UnionNumber, checks: &[&'static Check], today: Day) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for check in checks {
        let one = check::run(conn, check, union, today, &Parameters::default());
        let one = one.map_err(|error| StoreError::Refused(format!("{}: {error}", check.id)))?;
        outcome.found.extend(one.found);
        outcome.waiting.extend(one.waiting);
    }
    Ok(outcome)
}

impl Ledger {
    /// Runs the checks and records, all or nothing, what is new; with `withdraw`, also what is cleared. Nothing is
    /// withdrawn as of a day gone by.
    pub fn run_checks(&mut self, checks: &[&'static Check], today: Day, withdraw: bool) -> Result<Run> {
        let union = self.me().union;
        let outcome = look(self.conn(), union, checks, today)?;
        if !self.me().hub {
            return Ok(Run { outcome, ..Run::default() });
        }
        let open = open(self.conn(), union)?;
        let fresh: Vec<Record> = new(&outcome, &open).into_iter().map(|found| found.to_record(today)).collect();
        let rules: Vec<&str> = checks.iter().map(|c| c.id).collect();
        let cleared = if withdraw { cleared(&outcome, &rules, &open) } else { vec![] };
        let taken_back: Vec<Record> = cleared.into_iter().filter_map(|row| withdrawal(row, today)).collect();
        let run = Run { recorded: fresh.len(), withdrawn: taken_back.len(), outcome };
        for record in fresh.iter().chain(&taken_back) {
            if let ledger::Outcome::Refused(refusals) = self.write_entry(record)? {
                let why: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                return Err(StoreError::Refused(why.join(" ")));
            }
        }
        Ok(run)
    }
}

/// Findings this union recorded and has not withdrawn.
pub fn open(conn: &Connection, union: UnionNumber) -> Result<Vec<Shown>> {
    let (Some(finding), Some(withdrawal)) = (kind("finding"), kind("finding_withdrawal")) else { return Ok(vec![]) };
    let all = usize::MAX >> 1;
    // Said to the union concerned, as the finding was.
    let withdrawn: BTreeSet<(Vec<u8>, Option<i64>)> = projection::list(conn, withdrawal, Some(union), None, all)?
        .iter()
        .filter_map(|row| Some((row.record.bytes("finding")?.to_vec(), row.record.int("union"))))
        .collect();
    let mut open = projection::list(conn, finding, Some(union), None, all)?;
    open.retain(|row| !withdrawn.contains(&(row.id.as_bytes().to_vec(), row.record.int("union"))));
    Ok(open)
}

fn fingerprint(row: &Shown) -> Option<Hash> {
    Hash::try_from(row.record.bytes("fingerprint")?).ok()
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
    let ran = |row: &&Shown| row.record.text("rule").is_some_and(|rule| rules.contains(&rule));
    open.iter().filter(ran).filter(|row| fingerprint(row).is_some_and(|f| !still.contains(&f))).collect()
}

/// The entry that takes a finding back because later data has cleared it.
fn withdrawal(row: &Shown, today: Day) -> Option<Record> {
    let mut record = Record::new(kind("finding_withdrawal")?);
    record.set("union", Value::Int(row.record.int("union")?));
    record.set("finding", Value::Bytes(row.id.to_vec()));
    record.set("withdrawn_on", Value::Int(i64::from(today.0)));
    record.set("reason_zh", Value::Text("后到的数据已消除该疑点".into()));
    record.set("reason_en", Value::Text("later data has cleared it".into()));
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check, store::projection::Place};
    use huiliu_proto::{id::RecordId, lang::Label};

    fn found(key: u8) -> Found {
        let check = check::check("FC-01").expect("it is there");
        Found {
            rule: check.id,
            version: 1,
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
        Shown { id: RecordId([key; 16]), place, record: found(key).to_record(Day(20_000)) }
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
