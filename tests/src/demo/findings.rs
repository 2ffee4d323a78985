//! The checks run at every hub, what they found, and whether that is what was planted.

use huiliu_node::{
    check::{self, Check, Found, Waiting},
    finding,
    store::projection,
};
use huiliu_proto::{kind::kind, period::Day, union::UnionNumber, value::Value};

use super::{
    dataset::{Keys, Planted},
    federation::{Federation, Member},
};

/// What one hub found.
#[derive(Debug, Clone)]
pub struct Finding {
    pub by: UnionNumber,
    pub found: Found,
}

/// Runs all checks at one hub and records what they find in the feed of the branch concerned.
pub async fn run(hub: &Member, today: Day) -> anyhow::Result<(Vec<Finding>, Vec<Waiting>)> {
    let checks: Vec<&'static Check> = check::checks().iter().collect();
    let mut plan = hub.store.read(|conn| {
        let outcome = finding::look(conn, hub.union, &checks, today, check::Patience::default());
        finding::plan(conn, hub.union, outcome, &checks, today, true)
    })?;
    while plan.more() {
        plan = hub.store.write(move |ledger| ledger.record_some(plan)).await?;
    }
    // What rests on others' people is told to the union concerned by a person of the hub, once she has looked at it.
    let mut telling = plan.clone().telling(|_| true);
    while telling.more() {
        telling = hub.store.write(move |ledger| ledger.record_some(telling)).await?;
    }
    let run = plan.run;
    if let Some(error) = run.outcome.failed.into_iter().next() {
        return Err(error.into());
    }
    // What a union reads in its own records is advice to itself and is not recorded.
    let found = run.outcome.found.into_iter().filter(|f| !f.advisory);
    Ok((found.map(|found| Finding { by: hub.union, found }).collect(), run.outcome.waiting))
}

impl Finding {
    /// The records it rests on, by their names in the data set where they have one.
    pub fn keys<'a>(&'a self, keys: &'a Keys) -> impl Iterator<Item = &'a str> {
        self.found.evidence.iter().filter_map(|e| keys.key(&e.record))
    }

    /// Whether it has reached the union it concerns.
    pub fn arrived(&self, federation: &Federation) -> anyhow::Result<bool> {
        let Some(kind) = kind("finding") else { return Ok(false) };
        let fingerprint = Value::Bytes(self.found.fingerprint.to_vec());
        let member = federation.member(self.found.subject)?;
        let rows = member.store.read(|conn| projection::list_where(conn, kind, "fingerprint", &fingerprint))?;
        Ok(rows.iter().any(|row| row.place.owner == self.by))
    }

    fn rests_on(&self, case: &Planted, keys: &Keys) -> bool {
        self.found.rule == case.rule && self.keys(keys).any(|key| case.keys.iter().any(|k| k == key))
    }

    fn is(&self, case: &Planted, keys: &Keys) -> bool {
        !case.innocent && self.found.subject == case.union && self.rests_on(case, keys)
    }
}

/// What was found against what was planted.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub found: Vec<Planted>,
    pub missing: Vec<Planted>,
    /// Innocent cases that a finding rests on.
    pub lookalikes: Vec<Planted>,
    /// Findings that were neither planted nor look like anything that was.
    pub unexpected: Vec<Finding>,
}

impl Verdict {
    pub fn new(findings: &[Finding], planted: &[Planted], keys: &Keys) -> Verdict {
        let (wanted, innocent): (Vec<&Planted>, Vec<&Planted>) = planted.iter().partition(|p| !p.innocent);
        let (found, missing): (Vec<&Planted>, Vec<&Planted>) =
            wanted.into_iter().partition(|case| findings.iter().any(|f| f.is(case, keys)));
        let strangers: Vec<&Finding> =
            findings.iter().filter(|f| !planted.iter().any(|case| f.is(case, keys))).collect();
        let (hit, _): (Vec<&Planted>, Vec<&Planted>) =
            innocent.into_iter().partition(|case| strangers.iter().any(|f| f.rests_on(case, keys)));
        let unexpected = strangers.into_iter().filter(|f| !hit.iter().any(|case| f.rests_on(case, keys)));
        Verdict {
            unexpected: unexpected.cloned().collect(),
            found: found.into_iter().cloned().collect(),
            missing: missing.into_iter().cloned().collect(),
            lookalikes: hit.into_iter().cloned().collect(),
        }
    }

    pub fn good(&self) -> bool {
        self.missing.is_empty() && self.lookalikes.is_empty() && self.unexpected.is_empty()
    }
}
