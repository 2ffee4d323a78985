//! All that the demo showed, for programs.

use std::{collections::BTreeMap, time::Duration};

use huiliu_proto::union::{Level, UnionNumber};
use serde_json::{Map, Value as Json, json};

use super::{
    compare::Figures,
    dataset::{Keys, Planted},
    findings::{Finding, Verdict},
    screen,
    streams::{Standing, scope_word},
};

/// One part of the story and how long it took.
#[derive(Debug, Clone)]
pub struct Phase {
    pub name: &'static str,
    pub zh: &'static str,
    pub time: Duration,
    pub facts: Json,
}

/// What is known at the end.
#[derive(Debug, Default)]
pub struct Report {
    pub phases: Vec<Phase>,
    pub standing: Standing,
    pub figures: Vec<Figures>,
    pub findings: Vec<(Finding, bool)>,
    pub verdict: Verdict,
    pub recorded: u64,
    pub wire: u64,
    /// What is wrong with the unions' databases.
    pub problems: usize,
    pub good: bool,
}

fn level(union: UnionNumber) -> &'static str {
    match union.level() {
        Level::Nation => "nation",
        Level::Province => "province",
        Level::City => "city",
        Level::County => "county",
        Level::Township => "township",
    }
}

impl Report {
    pub fn json(&self, keys: &Keys) -> Json {
        let seconds: f64 = self.phases.iter().map(|p| p.time.as_secs_f64()).sum();
        json!({
            "unions": self.figures.iter().map(|f| self.union(f)).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(|(f, arrived)| finding(f, *arrived, keys)).collect::<Vec<_>>(),
            "planted": {
                "found": cases(&self.verdict.found),
                "missing": cases(&self.verdict.missing),
                "lookalikes_hit": cases(&self.verdict.lookalikes),
                "unexpected": self.verdict.unexpected.iter().map(|f| finding(f, false, keys)).collect::<Vec<_>>(),
            },
            "converged": self.standing.converged(),
            "quarantined": self.standing.quarantined,
            "problems": self.problems,
            "bytes_on_wire": self.wire,
            "seconds": seconds,
            "recorded": self.recorded,
            "good": self.good,
            "phases": self.phases.iter().map(|p| {
                json!({ "name": p.name, "seconds": p.time.as_secs_f64(), "facts": p.facts })
            }).collect::<Vec<_>>(),
        })
    }

    fn union(&self, figures: &Figures) -> Json {
        let union = figures.union;
        let streams = self.standing.streams.iter().filter(|s| s.feed.union == union);
        let feeds = streams.map(|s| {
            let acknowledged = s.acknowledged.iter().filter(|(by, _)| **by != union && by.contains(union));
            let acknowledged: Map<String, Json> =
                acknowledged.map(|(by, size)| (by.to_string(), json!(size))).collect();
            json!({
                "feed": s.feed.id.to_string(), "scope": scope_word(s.feed.scope), "size": s.size,
                "root": s.root.to_string(), "acknowledged": acknowledged,
            })
        });
        // What the demo adds up is far from the end of these.
        let numbers = |pick: fn(&super::compare::Line) -> i128| {
            let number = |l| i64::try_from(pick(l)).unwrap_or(i64::MAX);
            figures.lines.iter().map(|l| (l.measure.name.clone(), number(l))).collect::<BTreeMap<_, _>>()
        };
        json!({
            "code": union.get(), "name": union.union_name(), "level": level(union),
            "feeds": feeds.collect::<Vec<_>>(),
            "rollup": numbers(|l| l.total), "counties_sum": numbers(|l| l.sum), "equal": figures.equal(),
        })
    }
}

fn finding(finding: &Finding, arrived: bool, keys: &Keys) -> Json {
    let found = &finding.found;
    let evidence = found.evidence.iter().map(|e| {
        json!({
            "kind": e.kind, "record": e.record.to_string(), "key": keys.key(&e.record),
            "role": e.role,
        })
    });
    let as_of = found.horizons.iter().map(|(union, day)| (union.to_string(), json!(day.map(|d| d.to_string()))));
    json!({
        "rule": found.rule, "union": found.subject.get(), "level": level(finding.by), "found_by": finding.by.get(),
        "severity": found.severity.as_str_name().to_lowercase(), "fingerprint": found.fingerprint.to_string(),
        "summary_zh": found.summary.zh, "summary_en": found.summary.en,
        "evidence": evidence.collect::<Vec<_>>(), "as_of": as_of.collect::<Map<_, _>>(), "arrived": arrived,
    })
}

fn cases(cases: &[Planted]) -> Vec<Json> {
    let case =
        |c: &Planted| json!({ "rule": c.rule, "union": c.union.get(), "keys": c.keys, "why_zh": c.zh, "why_en": c.en });
    cases.iter().map(case).collect()
}

impl Phase {
    pub fn new(name: &'static str, zh: &'static str, time: Duration, facts: Json) -> Phase {
        Phase { name, zh, time, facts }
    }

    pub fn seconds(&self) -> String {
        screen::seconds(self.time)
    }
}
