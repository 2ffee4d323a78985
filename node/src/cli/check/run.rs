//! `check run`: what the checks find here. A hub records it for the union concerned; everyone else reads it as advice.

use anyhow::Result;
use huiliu_proto::{kind::kind, period::Day};
use serde_json::{Value as Json, json};

use super::rule_named;
use crate::{
    check::{self, Check, Found, Outcome, Waiting},
    cli::{
        Desk,
        error::{Exit, Mistake, both},
        table::{Cell, Table},
    },
    finding,
};

#[derive(Debug, clap::Args)]
pub struct Run {
    /// Checks to run, by id; without any, all
    #[arg(value_name = "RULE")]
    rules: Vec<String>,
    /// Judge as of this day instead of today; nothing is withdrawn as of a day gone by
    #[arg(long, value_name = "DATE")]
    today: Option<String>,
    /// Show what is found and record nothing
    #[arg(long)]
    dry_run: bool,
}

impl Run {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let checks: Vec<&'static Check> = match self.rules.is_empty() {
            true => check::checks().iter().collect(),
            false => self.rules.iter().map(|rule| rule_named(rule)).collect::<Result<_, _>>()?,
        };
        let today = self.today.as_deref().map_or(Ok(desk.today()), day)?;
        let office = desk.open()?;
        let union = office.me.union;
        let bar = desk.bar(desk.pick("检查", "checking"), None);
        let run = if self.dry_run || !office.me.hub {
            let outcome = office.look(|conn| Ok(finding::look(conn, union, &checks, today)?))?;
            finding::Run { outcome, ..Default::default() }
        } else {
            let withdraw = today >= desk.today();
            office.store.write_blocking(move |ledger| ledger.run_checks(&checks, today, withdraw))?
        };
        bar.finish_and_clear();
        let (outcome, counts) = (run.outcome, (run.recorded, run.withdrawn));
        desk.answer(|| json_of(today, &outcome, counts), || words(desk, &outcome, counts))?;
        Ok(if outcome.found.is_empty() { Exit::Done } else { Exit::Attention })
    }
}

fn day(typed: &str) -> Result<Day, Mistake> {
    typed.parse().map_err(|_| {
        Mistake::usage(
            both(format!("“{typed}”不是日期"), format!("“{typed}” is not a date")),
            both("请按 2026-03-31 填写", "write it as 2026-03-31"),
        )
    })
}

/// The word for a choice of a finding's field; its name for programs.
pub(super) fn choice(desk: &Desk, field: &str, number: i32) -> Cell {
    let finding = kind("finding").and_then(|k| k.field(field).map(|at| k.fields[at].choices()));
    match finding.and_then(|choices| choices.iter().find(|c| c.number == number)) {
        Some(choice) => Cell::new(desk.label(&choice.label), choice.name.to_lowercase()),
        None => Cell::new(number.to_string(), number),
    }
}

fn words(desk: &Desk, outcome: &Outcome, (new, cleared): (usize, usize)) -> String {
    let mut table = Table::new()
        .column("rule", desk.pick("规则", "rule"))
        .column("severity", desk.pick("等级", "severity"))
        .column("union", desk.pick("涉及工会", "union concerned"))
        .column("summary", desk.pick("摘要", "summary"));
    for found in &outcome.found {
        table.row(vec![
            Cell::same(found.rule),
            choice(desk, "severity", found.severity.into()),
            Cell::same(found.subject.union_name()),
            Cell::same(desk.label(&found.summary)),
        ]);
    }
    let mut lines = vec![];
    if table.is_empty() {
        lines.push(desk.pick("没有查出疑点", "nothing was found").to_owned());
    } else {
        lines.push(table.words());
        lines.push(
            desk.pick(
                "以上是疑点，不是结论；说明见 check explain 规则号",
                "these are questions, not verdicts; see `check explain RULE`",
            )
            .to_owned(),
        );
    }
    if !outcome.waiting.is_empty() {
        let text = desk.pick("{}项因数据未到齐暂不判断", "{} cases wait for data that has not arrived");
        lines.push(text.replace("{}", &outcome.waiting.len().to_string()));
    }
    if new + cleared > 0 {
        let text = desk.pick("新登记疑点{}项，撤回{}项", "{} findings recorded, {} withdrawn");
        lines.push(text.replacen("{}", &new.to_string(), 1).replacen("{}", &cleared.to_string(), 1));
    }
    lines.join("\n")
}

fn json_of(today: Day, outcome: &Outcome, (new, cleared): (usize, usize)) -> Json {
    let found = |f: &Found| {
        let evidence = f.evidence.iter().map(|e| json!({ "kind": e.kind, "record": e.record.to_string() }));
        let horizons = f
            .horizons
            .iter()
            .map(|(union, day)| json!({ "union": u64::from(*union), "day": day.map(|d| d.to_string()) }));
        json!({
            "rule": f.rule, "union": u64::from(f.subject), "severity": f.severity.as_str_name().to_lowercase(),
            "family": f.family.as_str_name().to_lowercase(), "advisory": f.advisory,
            "fingerprint": f.fingerprint.to_string(), "summary_zh": f.summary.zh, "summary_en": f.summary.en,
            "evidence": evidence.collect::<Vec<_>>(), "horizons": horizons.collect::<Vec<_>>(),
            "results": f.results.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        })
    };
    let waiting = |w: &Waiting| {
        let unions = w
            .unions
            .iter()
            .map(|(union, day)| json!({ "union": u64::from(*union), "day": day.map(|d| d.to_string()) }));
        json!({
            "rule": w.rule, "union": u64::from(w.subject), "fingerprint": w.fingerprint.to_string(),
            "needed": w.needed.to_string(), "unions": unions.collect::<Vec<_>>(),
        })
    };
    json!({
        "today": today.to_string(), "found": outcome.found.iter().map(found).collect::<Vec<_>>(),
        "waiting": outcome.waiting.iter().map(waiting).collect::<Vec<_>>(), "recorded": new, "withdrawn": cleared,
    })
}
