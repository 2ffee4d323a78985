//! `check run`: what the checks find here. A hub records it for the union concerned; everyone else reads it as advice.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use huiliu_proto::{
    lang::{self, Lang},
    records::finding as fields,
};
use serde_json::{Value as Json, json};

use super::{day, rule_named, told};
use crate::{
    app::{
        Mode,
        check::{self as checking, Ask, Ran},
    },
    check::{
        self, Check, CheckError, CheckOutcome, Found, Patience, Waiting,
        setting::{Setting, Source},
    },
    cli::{
        CommandContext,
        error::{self, Exit},
        table::{Cell, Table},
    },
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
    /// Wait for no device that has been silent for more days than this while another of its union was heard
    #[arg(long, value_name = "DAYS", default_value_t = check::PATIENCE as u32)]
    patience: u32,
}

impl Run {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let checks: Vec<&'static Check> = match self.rules.is_empty() {
            true => check::checks().iter().collect(),
            false => self.rules.iter().map(|rule| rule_named(rule)).collect::<Result<_, _>>()?,
        };
        let today = self.today.as_deref().map_or(Ok(context.today()), day)?;
        let opened = context.open()?;
        let ask = Ask { checks, as_of: today, patience: Patience(self.patience.into()) };
        let mode = Mode::of(self.dry_run);
        let ran = checking::run(&opened.store, &opened.me, ask, mode, &mut context.bars()).map_err(told)?;
        // Of a trial the answer says that nothing was recorded.
        let written = if self.dry_run { (0, 0) } else { (ran.recorded, ran.withdrawn) };
        let shown = Shown { ran, written };
        context.answer(|| shown.json(), || shown.words(context))?;
        let (new, cleared) = (shown.ran.recorded, shown.ran.withdrawn);
        if self.dry_run && !context.json && new + cleared > 0 {
            context.note(&match context.lang {
                Lang::Zh => format!("将新登记疑点{new}项，撤回{cleared}项；未写入"),
                Lang::En => format!(
                    "{} would be recorded, {cleared} withdrawn; nothing was written",
                    lang::count(new as u64, "finding", "findings")
                ),
            });
        }
        let mut failed = shown.ran.outcome.failed.iter().cloned();
        // What went wrong with each but the first; that one is told as the error this ends with.
        let first = failed.next();
        for error in failed {
            context.note(&error::tell(&error.into(), context.lang).what);
        }
        match first {
            Some(error) => Err(error.into()),
            None if shown.ran.needs_a_person() => Ok(Exit::Attention),
            None => Ok(Exit::Done),
        }
    }
}

/// What a run came to, to be shown.
struct Shown {
    ran: Ran,
    /// Findings recorded, and taken back.
    written: (usize, usize),
}

impl Shown {
    fn outcome(&self) -> &CheckOutcome {
        &self.ran.outcome
    }

    fn words(&self, context: &CommandContext) -> String {
        let mut lines = words(context, self.outcome(), self.written);
        let count = self.ran.overdue().count();
        if count > 0 {
            let unions: BTreeSet<_> =
                self.ran.overdue().flat_map(|w| w.unions.iter().map(|(union, _)| *union)).collect();
            let names: Vec<String> = unions.into_iter().take(20).map(|u| context.called(u)).collect();
            let (names, days) = (names.join(context.pick("、", ", ")), self.ran.patience.0);
            lines.push(match context.lang {
                Lang::Zh => format!("其中{count}项已等待超过{days}天，请联系这些工会：{names}"),
                Lang::En => {
                    format!("of these {count} have waited for more than {days} days; speak to these unions: {names}")
                }
            });
        }
        for (union, device, since) in &self.outcome().silent {
            let device = &device.to_string()[..16];
            let name = context.called(*union);
            lines.push(match context.lang {
                Lang::Zh => format!("{name}的设备 {device} 自{since}起没有消息，不再等待；已停用的请注销"),
                Lang::En => format!(
                    "device {device} of {name} has been silent since {since}; nobody waits for it; revoke it if it is no longer used"
                ),
            });
        }
        let withheld: Vec<&Found> =
            self.outcome().found.iter().filter(|one| self.ran.withheld.contains(&one.fingerprint)).collect();
        if !withheld.is_empty() {
            lines.push(
                context
                    .pick(
                        "下列疑点涉及其他工会的人员，未登记，所针对的工会也看不到；请先核对各方档案，需要告知的运行 check tell 编号：",
                        "these rest on other unions' people: they are not recorded, and the union concerned does not see them; compare the dossiers of both first, and run `check tell CASE` for what it is to know:",
                    )
                    .into(),
            );
            let line = |one: &&Found| {
                format!("{} {} {}", &one.fingerprint.to_string()[..16], one.rule, context.called(one.subject))
            };
            lines.extend(withheld.iter().map(line));
        }
        if !self.outcome().failed.is_empty() {
            let rules: BTreeSet<_> = self.outcome().failed.iter().map(CheckError::rule).collect();
            let rules = rules.into_iter().collect::<Vec<_>>().join(context.pick("、", ", "));
            let text = context.pick("没有运行完的规则：", "checks that did not run to their end: ");
            lines.push(format!("{text}{rules}"));
        }
        let set: Vec<String> =
            self.ran.settings().filter_map(|(check, setting)| source_words(context, check, setting)).collect();
        if !set.is_empty() {
            lines.push(
                context
                    .pick(
                        "所用参数（其余为各规则自带的数值）：",
                        "parameters that were set (all others are the checks' own):",
                    )
                    .into(),
            );
            lines.extend(set);
        }
        lines.join("\n")
    }

    fn json(&self) -> Json {
        let mut json = json_of(&self.ran, self.written);
        let silent = self.outcome().silent.iter().map(|(union, device, since)| {
            json!({ "union": u64::from(*union), "device": device.to_string(), "since": since.to_string() })
        });
        json["silent"] = silent.collect();
        json["overdue"] = self.ran.overdue().count().into();
        let failed = self.outcome().failed.iter();
        let settings = self.ran.settings().map(|(check, setting)| setting_json(check, setting));
        json["settings"] = settings.collect();
        json["failed"] = failed.map(|e| json!({ "rule": e.rule(), "error": e.to_string() })).collect();
        json
    }
}

/// A number that somebody has set, and who; `None` for the check's own.
fn source_words(context: &CommandContext, check: &Check, setting: &Setting) -> Option<String> {
    let Source::Set { by, doc_no, .. } = &setting.source else { return None };
    let label = check.parameters.iter().find(|p| p.name == setting.name).map(|p| context.label(&p.label))?;
    let (rule, value, by, since) = (check.id, setting.value, by.union_name(), setting.since);
    let doc_no = huiliu_proto::shown::line(doc_no);
    Some(match context.lang {
        Lang::Zh => format!("{rule} {label} = {value}（{by}，{doc_no}，自{since}）"),
        Lang::En => format!("{rule} {label} = {value} ({by}, {doc_no}, from {since})"),
    })
}

pub(super) fn setting_json(check: &Check, setting: &Setting) -> Json {
    let mut json = json!({
        "rule": check.id, "name": setting.name, "value": setting.value, "since": setting.since.to_string(),
        "until": setting.until.to_string(), "set_by": null, "record": null, "doc_no": null,
    });
    if let Source::Set { by, record, doc_no } = &setting.source {
        json["set_by"] = u64::from(*by).into();
        json["record"] = record.to_string().into();
        json["doc_no"] = doc_no.as_str().into();
    }
    json
}

fn words(context: &CommandContext, outcome: &CheckOutcome, (new, cleared): (usize, usize)) -> Vec<String> {
    let mut table = Table::new()
        .column("rule", context.pick("规则", "rule"))
        .column("severity", context.pick("等级", "severity"))
        .column("union", context.pick("涉及工会", "union concerned"))
        .column("summary", context.pick("摘要", "summary"));
    for found in &outcome.found {
        table.row(vec![
            Cell::same(found.rule),
            Cell::choice(context, fields::SEVERITY.declared(), i32::from(found.severity).into()),
            Cell::same(context.called(found.subject)),
            Cell::same(context.label(&found.summary)),
        ]);
    }
    let mut lines = vec![];
    if table.is_empty() {
        lines.push(context.pick("没有查出疑点", "nothing was found").to_owned());
    } else {
        lines.push(table.words());
        lines.push(
            context
                .pick(
                    "以上是疑点，不是结论；说明见 check explain 规则号",
                    "these are questions, not verdicts; see `check explain RULE`",
                )
                .to_owned(),
        );
    }
    if !outcome.waiting.is_empty() {
        let text = context.pick("{}项因数据未到齐暂不判断", "{} cases wait for data that has not arrived");
        lines.push(text.replace("{}", &outcome.waiting.len().to_string()));
    }
    if new + cleared > 0 {
        let text = context.pick("新登记疑点{}项，撤回{}项", "{} findings recorded, {} withdrawn");
        lines.push(text.replacen("{}", &new.to_string(), 1).replacen("{}", &cleared.to_string(), 1));
    }
    lines
}

fn json_of(ran: &Ran, (new, cleared): (usize, usize)) -> Json {
    let (today, outcome) = (ran.as_of, &ran.outcome);
    let found = |f: &Found| {
        let evidence =
            f.evidence.iter().map(|e| json!({ "kind": e.kind, "record": e.record.to_string(), "role": e.role }));
        let horizons = f
            .horizons
            .iter()
            .map(|(union, day)| json!({ "union": u64::from(*union), "day": day.map(|d| d.to_string()) }));
        json!({
            "rule": f.rule, "version": f.version, "variant": f.variant, "union": u64::from(f.subject), "severity": f.severity.as_str_name().to_lowercase(),
            "family": f.family.as_str_name().to_lowercase(), "advisory": f.advisory,
            "withheld": ran.withheld.contains(&f.fingerprint),
            "fingerprint": f.fingerprint.to_string(), "summary_zh": f.summary.zh, "summary_en": f.summary.en,
            "evidence": evidence.collect::<Vec<_>>(), "horizons": horizons.collect::<Vec<_>>(),
            "parameters": f.parameters.iter().copied().collect::<BTreeMap<_, _>>(),
            "results": f.results.iter().map(|(name, value)| (*name, value.json())).collect::<BTreeMap<_, _>>(),
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
