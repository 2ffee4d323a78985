//! The tables and paragraphs of the demo's story: who acknowledged what, what adds up to what, what was found.

use huiliu_node::{
    cli::table::{Cell, Table},
    rollup::Nature,
};
use huiliu_proto::{
    feed::Scope,
    kind::{Reach, kind},
    lang::Lang,
    union::UnionNumber,
};

use super::{
    compare::Figures,
    findings::{Finding, Verdict},
    screen::{Screen, amount},
    shown_id,
    streams::{Standing, Stream, scope_word},
};

impl Screen {
    /// Who acknowledged what.
    pub fn receipts(&self, standing: &Standing) {
        let lang = self.lang;
        let mut table = Table::new()
            .column("union", lang.pick("作者", "author"))
            .column("scope", lang.pick("数据流水", "feed"))
            .number("size", lang.pick("条数", "size"))
            .column("root", lang.pick("校验值", "root"))
            .column("receipts", lang.pick("上级签收", "acknowledged above"));
        for stream in standing.streams.iter().filter(|s| s.size > 0) {
            let union = stream.feed.union;
            let above = union.ancestors().filter_map(|by| {
                let size = stream.acknowledged.get(&by)?;
                Some(format!("{} {size}", self.short(by)))
            });
            table.row(vec![
                Cell::same(self.short(union)),
                Cell::same(self.scope(stream)),
                Cell::count(stream.size),
                Cell::same(&stream.root.to_string()[..8]),
                Cell::same(above.collect::<Vec<_>>().join(lang.pick("，", ", "))),
            ]);
        }
        self.table(&table);
    }

    fn scope(&self, stream: &Stream) -> String {
        match (self.lang, stream.feed.scope) {
            (Lang::Zh, Scope::Own(Reach::Union)) => "本单位".into(),
            (Lang::Zh, Scope::Own(Reach::Province)) => "至省级".into(),
            (Lang::Zh, Scope::Own(Reach::Nation)) => "至全国".into(),
            (Lang::Zh, Scope::Branch(branch) | Scope::PersonalBranch(branch)) => format!("下达{}", branch.name()),
            (Lang::Zh, Scope::Everyone) => "下达全体".into(),
            (Lang::Zh, Scope::Warning(_)) => "预警".into(),
            (Lang::Zh, Scope::Newer) => "版本较新".into(),
            (Lang::En, Scope::Branch(branch) | Scope::PersonalBranch(branch)) => {
                format!("down to {}", self.short(branch))
            }
            (Lang::En, Scope::Everyone) => "down to everyone".into(),
            (Lang::En, Scope::Own(_) | Scope::Warning(_) | Scope::Newer) => {
                format!("up to the {}", scope_word(stream.feed.scope))
            }
        }
    }

    /// A level's roll-up beside the sum of these unions' own numbers.
    pub fn figures(&self, level: &Figures, unions: impl Iterator<Item = UnionNumber>) {
        let lang = self.lang;
        let unions: Vec<String> = unions.map(|union| self.short(union)).collect();
        println!("\n   {}  = {}", self.name(level.union), unions.join(" + "));
        let mut table = Table::new()
            .column("measure", lang.pick("指标", "measure"))
            .column("nature", lang.pick("口径", "taken"))
            .number("total", lang.pick("本级汇总", "roll-up"))
            .number("sum", lang.pick("各工会之和", "sum of the unions"))
            .column("equal", "");
        for line in level.lines.iter().filter(|l| (l.total, l.sum) != (0, 0)) {
            table.row(vec![
                Cell::same(line.measure.label.get(lang)),
                Cell::same(match line.measure.nature {
                    Nature::Flow => lang.pick("期内", "flow"),
                    Nature::Stock => lang.pick("期末", "stock"),
                }),
                Cell::same(amount(line.measure, line.total)),
                Cell::same(amount(line.measure, line.sum)),
                Cell::same(if line.total == line.sum { "=" } else { lang.pick("≠ 不等！", "≠ not equal!") }),
            ]);
        }
        self.table(&table);
        let count = level.lines.len();
        match level.equal() {
            true => self.say(format!("{count}项指标全部相等。"), format!("All {count} measures are equal.")),
            false => self.say("有指标不相等！", "Some measures are not equal!"),
        }
    }

    pub fn finding(&self, finding: &Finding, arrived: bool) {
        let found = &finding.found;
        let (by, to) = (self.short(finding.by), self.short(found.subject));
        println!();
        self.say(
            format!(
                "{}  {by}查出，涉及{to}，{}",
                found.rule,
                if arrived { "已下达到该工会" } else { "尚未到达该工会！" }
            ),
            format!(
                "{}  found by {by}, concerns {to}, {}",
                found.rule,
                if arrived { "has arrived there" } else { "has NOT arrived there" }
            ),
        );
        self.say(format!("   {}", found.summary.zh), format!("   {}", found.summary.en));
        let rests: Vec<String> = found
            .evidence
            .iter()
            .map(|e| {
                let kind = kind(&e.kind).map_or(e.kind.as_str(), |kind| kind.label.get(self.lang));
                format!("{kind} {}", shown_id(&e.record))
            })
            .collect();
        let rests = some(&rests, 6);
        let fresh: Vec<String> = found
            .horizons
            .iter()
            .map(|(union, day)| {
                let day = day.map_or_else(|| "–".to_owned(), |d| d.to_string());
                format!("{} {day}", self.short(*union))
            })
            .collect();
        let fresh = fresh.join(self.lang.pick("，", ", "));
        self.say(
            format!("   依据记录：{rests}；数据截至：{fresh}"),
            format!("   rests on: {rests}; data up to: {fresh}"),
        );
    }

    /// What was planted and not found, and what was found and is innocent.
    pub fn verdict(&self, verdict: &Verdict) {
        for case in verdict.missing.iter().chain(&verdict.lookalikes) {
            let (zh, en) = match case.innocent {
                true => ("误报", "wrongly hit"),
                false => ("未查出", "not found"),
            };
            let union = self.name(case.union);
            self.say(
                format!("{zh}：{} {union} {}", case.rule, case.zh),
                format!("{en}: {} {union} {}", case.rule, case.en),
            );
        }
    }
}

/// `a, b and so many more`: names of evidence, short enough for a line.
fn some(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).cloned().collect::<Vec<_>>().join(" ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} +{more}"),
    }
}
