//! A small federation on one machine: eight unions record a year with every hub down, then the streams run together.
//!
//! In reading order: this file is the story; `dataset` is what they record, `federation` the machines, `streams` whether
//! all is equal everywhere, `compare` the totals, `offline` the county that goes on without a line, `findings` the
//! checks, `screen`, `tables` and `report` what people and programs are shown. The demo uses what every other program uses and
//! has no way in of its own.

mod compare;
mod dataset;
mod federation;
mod findings;
mod offline;
mod place;
mod report;
mod screen;
mod streams;
mod tables;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use huiliu_node::{
    cli::{
        context::asked_to_end,
        table::{Cell, Table},
    },
    clock, ledger,
    rollup::{self, Span},
    store::backup,
    sync::line,
};
use huiliu_proto::{id::RecordId, lang::Lang, period::Day, union::UnionNumber};
use indicatif::ProgressBar;
use serde_json::json;
use tokio::task::JoinSet;

use self::{
    compare::Figures,
    dataset::{Keys, Planted, Year},
    federation::Federation,
    findings::{Finding, Verdict},
    place::Place,
    report::{Phase, Report},
    screen::Screen,
    streams::Standing,
};

/// Enough of a record's id to open it with `record show`: time, counter and the device's tag.
pub fn shown_id(id: &RecordId) -> String {
    id.to_string()[..24].to_owned()
}

/// How the demo is to run.
#[derive(Debug, Clone, Default)]
pub struct DemoOptions {
    /// End when the story has been told, instead of staying up to be looked at.
    pub once: bool,
    /// Where everything shown is written once more, for programs.
    pub json: Option<PathBuf>,
    /// Where the unions' homes are made; without it in a directory of their own that goes when the demo ends.
    pub dir: Option<PathBuf>,
    pub lang: Lang,
}

/// The day on which the data set is judged.
const TODAY: (i32, u32, u32) = (2026, 3, 31);
/// Everything has to have run together within this, or something is wrong.
const WITHIN: Duration = Duration::from_secs(120);
/// The months that are compared.
const SPAN: ((i32, u32), (i32, u32)) = ((2025, 1), (2026, 3));

/// Tells the story. True where everything came out as it must.
pub fn run(options: DemoOptions) -> anyhow::Result<bool> {
    let place = Place::choose(&options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let told = runtime.block_on(tell(&options, &place.dir));
    match told {
        Ok(Ending::NotGood) | Err(_) => {
            // What went wrong may be seen in the files.
            eprintln!(
                "{}{}",
                options.lang.pick("各工会的文件留在：", "the unions' files are left in "),
                place.dir.display()
            );
        }
        Ok(ending) => {
            if ending == Ending::Interrupted {
                eprintln!("{}", options.lang.pick("已中断", "interrupted"));
            }
            runtime.block_on(place.leave(options.lang));
        }
    }
    runtime.shutdown_timeout(Duration::from_secs(10));
    Ok(told? == Ending::Good)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Good,
    NotGood,
    /// Ctrl-C, before the story was told.
    Interrupted,
}

async fn tell(options: &DemoOptions, dir: &Path) -> anyhow::Result<Ending> {
    let mut story = tokio::select! {
        story = Story::tell(options, dir) => story?,
        () = asked_to_end() => return Ok(Ending::Interrupted),
    };
    if !options.once {
        story.stay(dir);
        asked_to_end().await;
    }
    story.federation.stop().await;
    Ok(if story.report.good { Ending::Good } else { Ending::NotGood })
}

struct Story {
    screen: Screen,
    federation: Federation,
    /// What is still to be recorded.
    years: Vec<Year>,
    planted: Vec<Planted>,
    keys: Keys,
    today: Day,
    span: Span,
    report: Report,
}

impl Story {
    async fn tell(options: &DemoOptions, dir: &Path) -> anyhow::Result<Story> {
        let mut story = Story::begin(options.lang, dir).await?;
        story.record().await?;
        story.run_together().await?;
        story.compare()?;
        story.cut_off().await?;
        story.check().await?;
        story.back_up(dir)?;
        story.conclude(options.json.as_deref())?;
        Ok(story)
    }

    /// The network is set up; what each level says to those below goes down; the hubs stop.
    async fn begin(lang: Lang, dir: &Path) -> anyhow::Result<Story> {
        let screen = Screen { lang };
        screen.say(
            "汇流演示：全国、江苏—盐城—滨海/阜宁、北京—平谷/西城八个工会，一年的记录。人员、企业、单据全部为虚构。",
            "Huiliu demo: a year of eight unions, Jiangsu–Yancheng–Binhai/Funing and Beijing–Pinggu/Xicheng. All data are invented.",
        );
        screen.heading(0, "组网", "Setting up the network");
        let started = Instant::now();
        let today = Day::from_ymd(TODAY.0, TODAY.1, TODAY.2).context("a day")?;
        let month = |(year, month): (i32, u32)| Day::from_ymd(year, month, 1).map(Day::month).context("a month");
        let span = Span { from: month(SPAN.0)?, to: month(SPAN.1)? };
        let mut years = dataset::years()?;
        let planted = dataset::planted()?;
        let unions: Vec<UnionNumber> = years.iter().map(|y| y.union).collect();
        let bar = screen.bar(2 * unions.len() as u64, "组网", "setting up");
        let time = federation::not_before(today, clock::system());
        let mut federation = Federation::found(dir, &unions, time, &bar).await?;
        let mut keys = Keys::default();
        let said = dataset::say_downwards(&mut federation, &mut years, &mut keys, &bar).await?;
        bar.finish_and_clear();
        let time = started.elapsed();
        let hubs = federation.hubs().count();
        screen.say(
            format!(
                "{}个工会各有自己的密钥、证书和数据库，其中{hubs}个为上级平台；全国发布2025年、2026年放假安排和{}个项目，各级逐级下拨{}笔，下级均已收到。上级平台全部关闭。（{}秒）",
                unions.len(), said.programmes, said.allocations, screen::seconds(time)
            ),
            format!(
                "{} unions, each with keys, certificate and database of its own; {hubs} of them are hubs. The nation published the days off of 2025 and 2026 and {} programmes, each level passed money on in {} allocations, and those below have heard of them. All hubs are stopped. ({} s)",
                unions.len(), said.programmes, said.allocations, screen::seconds(time)
            ),
        );
        screen.say(format!("目录：{}", dir.display()), format!("directory: {}", dir.display()));
        let mut report = Report { recorded: said.all(), ..Report::default() };
        report.phases.push(Phase::new("set_up", "组网", time, json!({ "unions": unions.len(), "hubs": hubs })));
        Ok(Story { screen, federation, years, planted, keys, today, span, report })
    }

    /// Every union records its year, all at once, with every hub down.
    async fn record(&mut self) -> anyhow::Result<()> {
        self.screen.heading(1, "断网录入：所有平台关闭", "Recording, with every hub down");
        let started = Instant::now();
        let count: u64 = self.years.iter().map(|y| y.rows.len() as u64).sum();
        let bar = self.screen.bar(count, "录入", "recording");
        let mut all = JoinSet::new();
        for year in std::mem::take(&mut self.years) {
            let store = self.federation.member(year.union)?.store.clone();
            let (mut keys, bar) = (self.keys.clone(), bar.clone());
            all.spawn(async move {
                let started = Instant::now();
                let recorded = dataset::record(&store, &year.rows, &mut keys, &bar).await;
                recorded.with_context(|| format!("{:?}", year.union))?;
                Ok::<_, anyhow::Error>((year.union, year.rows.len(), started.elapsed(), keys))
            });
        }
        let mut done = all.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        done.sort_by_key(|one| one.0);
        bar.finish_and_clear();
        let time = started.elapsed();
        let mut table = Table::new()
            .column("union", self.screen.lang.pick("工会", "union"))
            .number("records", self.screen.lang.pick("记录数", "records"))
            .number("seconds", self.screen.lang.pick("用时（秒）", "seconds"));
        let mut facts = vec![];
        for (union, records, time, keys) in done {
            self.keys.merge(keys);
            table.row(vec![
                Cell::same(self.screen.name(union)),
                Cell::count(records as u64),
                Cell::same(screen::seconds(time)),
            ]);
            facts.push(json!({ "union": union.get(), "records": records, "seconds": time.as_secs_f64() }));
        }
        self.report.recorded += count;
        self.screen.table(&table);
        self.screen.say(
            format!(
                "共{count}条，{}秒；每条都经过与命令行相同的校验，写在本机，没有一个上级在线。",
                screen::seconds(time)
            ),
            format!(
                "{count} records in {} s, each parsed and judged as on the command line, with no hub to ask.",
                screen::seconds(time)
            ),
        );
        self.report.phases.push(Phase::new("recorded_offline", "断网录入", time, json!(facts)));
        Ok(())
    }

    /// The hubs start, everyone calls the union above, and all levels come to have the same.
    async fn run_together(&mut self) -> anyhow::Result<()> {
        self.screen.heading(2, "汇流：上级平台启动，各级同时上报", "The hubs start, and the streams run together");
        let (started, before) = (Instant::now(), line::wire().0);
        self.federation.start_hubs().await?;
        self.federation.connect_all()?;
        let standing = self.converge("汇流", "running together").await?;
        let (time, wire) = (started.elapsed(), line::wire().0 - before);
        let streams = standing.streams.iter().filter(|s| s.size > 0).count();
        self.screen.say(
            format!(
                "{streams}条数据流水在每个应有它的层级上条数和校验值都相同：{}次送达，{}秒，网络传输{}（TLS字节，全部方向）。",
                standing.arrived, screen::seconds(time), screen::bytes(wire)
            ),
            format!(
                "{streams} feeds have the same size and root at every level that is meant to have them: {} operations delivered in {} s, {} on the wire (TLS, both directions).",
                standing.arrived, screen::seconds(time), screen::bytes(wire)
            ),
        );
        self.screen.receipts(&standing);
        self.report.phases.push(Phase::new(
            "ran_together",
            "汇流",
            time,
            json!({ "delivered": standing.arrived, "bytes": wire, "quarantined": standing.quarantined }),
        ));
        Ok(())
    }

    async fn converge(&self, zh: &str, en: &str) -> anyhow::Result<Standing> {
        let bar: ProgressBar = self.screen.bar(1, zh, en);
        let standing = streams::converge(&self.federation, WITHIN, &|standing| {
            bar.set_length(standing.expected);
            bar.set_position(standing.arrived);
        })
        .await;
        bar.finish_and_clear();
        standing
    }

    /// Each hub's roll-up beside the sum of the unions' own numbers.
    fn compare(&mut self) -> anyhow::Result<()> {
        self.screen.heading(
            3,
            "核对：各级汇总与各工会自己的数字之和",
            "Each level's roll-up beside the sum of the unions' own numbers",
        );
        let started = Instant::now();
        let (from, to) = (self.span.from, self.span.to);
        self.screen.say(
            format!("流量为{from}至{to}合计，存量为{to}末；右列从各工会自己的数据库读出后相加。金额单位：元。全国一栏的工作数据来自各省的汇总报表。"),
            format!("Flows are of {from} to {to}, stocks stand at the end of {to}; the right column is added up from the unions' own databases. Money in yuan. The nation's figures of work come from the provinces' statements."),
        );
        let figures = compare::figures(&self.federation, self.span)?;
        for level in figures.iter().filter(|f| self.federation.member(f.union).is_ok_and(|m| m.is_hub())) {
            let unions = self.federation.members.iter().map(|m| m.union);
            self.screen.figures(level, unions.filter(|u| level.union.contains(*u)));
        }
        self.report.figures = figures;
        self.report.phases.push(Phase::new("compared", "核对", started.elapsed(), json!({ "equal": self.equal() })));
        Ok(())
    }

    fn equal(&self) -> bool {
        self.report.figures.iter().all(Figures::equal)
    }

    /// The city's hub goes down; the county goes on; the hub comes back.
    async fn cut_off(&mut self) -> anyhow::Result<()> {
        self.screen.heading(
            4,
            "断网：盐城平台关闭，滨海照常工作",
            "The line is cut: Yancheng's hub goes down, Binhai goes on working",
        );
        let (city, county) = (offline::city()?, offline::county()?);
        let measure = rollup::measure(offline::MEASURE).context("the measure is declared")?;
        let before = std::mem::take(&mut self.report.figures);
        self.federation.cut_off(city).await?;
        let store = self.federation.member(county)?.store.clone();
        let written = offline::work(&store, &mut self.keys).await?;
        self.report.recorded += written;
        // Long enough for anything to leak that could.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let during = compare::figures(&self.federation, self.span)?;
        let province = self.federation.member(county.province().context("a county lies in a province")?)?.store.clone();
        if offline::seen(&province, &self.keys)? {
            bail!("the province has what was written while the line was cut");
        }
        self.screen.say(
            format!("滨海写了{written}条（{}条工作日志，1处档案修改），上级一条也没有。", written - 1),
            format!(
                "Binhai wrote {written} operations ({} work log lines, one change of a dossier); nothing has gone up.",
                written - 1
            ),
        );
        let (started, wire) = (Instant::now(), line::wire().0);
        self.federation.bring_back(city).await?;
        self.converge("恢复", "coming back").await?;
        let (time, wire) = (started.elapsed(), line::wire().0 - wire);
        let after = compare::figures(&self.federation, self.span)?;
        let total = |figures: &[Figures], union: UnionNumber| {
            figures.iter().find(|f| f.union == union).map_or(0, |f| f.total(offline::MEASURE))
        };
        let lang = self.screen.lang;
        let mut table = Table::new()
            .column("union", lang.pick("层级", "level"))
            .number("before", lang.pick("断网前", "before"))
            .number("during", lang.pick("断网中", "while cut"))
            .number("after", lang.pick("恢复后", "after"));
        let mut moved = true;
        for union in std::iter::once(county).chain(county.ancestors()) {
            let [was, meanwhile, is] = [&before, &during, &after].map(|f| total(f, union));
            moved &= is == was + i128::from(offline::MOVES) && meanwhile == if union == county { is } else { was };
            table.row(vec![
                Cell::same(self.screen.name(union)),
                Cell::same(was.to_string()),
                Cell::same(meanwhile.to_string()),
                Cell::same(is.to_string()),
            ]);
        }
        self.screen.say(
            format!("指标“{}”，{}至{}：", measure.label.zh, self.span.from, self.span.to),
            format!("Measure “{}”, {} to {}:", measure.label.en, self.span.from, self.span.to),
        );
        self.screen.table(&table);
        let dossier = offline::seen(&province, &self.keys)?;
        self.report.figures = after;
        self.screen.say(
            format!("盐城恢复后{}秒，各级重新一致；网络传输{}。", screen::seconds(time), screen::bytes(wire)),
            format!(
                "{} s after Yancheng came back all levels are the same again; {} on the wire.",
                screen::seconds(time),
                screen::bytes(wire)
            ),
        );
        if !moved || !dossier {
            bail!(
                "after the line came back the figures are not what they must be (figures: {moved}, dossier: {dossier})"
            );
        }
        self.report.phases.push(Phase::new(
            "cut_off_and_back",
            "断网与恢复",
            time,
            json!({ "written": written, "bytes": wire, "equal": self.equal() }),
        ));
        Ok(())
    }

    /// Every hub runs the checks; what is found travels down.
    async fn check(&mut self) -> anyhow::Result<()> {
        self.screen.heading(
            5,
            &format!("检查：各级平台以{}为核查基准日运行规则", self.today),
            &format!("The checks: every hub runs them as of {}", self.today),
        );
        let started = Instant::now();
        let (mut found, mut waiting) = (vec![], 0);
        let bar = self.screen.bar(self.federation.hubs().count() as u64, "检查", "checking");
        for hub in self.federation.hubs() {
            let (findings, waits) = findings::run(hub, self.today).await?;
            found.extend(findings);
            waiting += waits.len();
            bar.inc(1);
        }
        bar.finish_and_clear();
        let checked = started.elapsed();
        self.report.standing = self.converge("疑点下达", "sending down").await?;
        let mut findings = vec![];
        for finding in found {
            let arrived = finding.arrived(&self.federation)?;
            findings.push((finding, arrived));
        }
        findings.sort_by_key(|(f, _)| (f.found.rule, f.found.subject));
        for (finding, arrived) in &findings {
            self.screen.finding(finding, *arrived);
        }
        let time = started.elapsed();
        let all: Vec<Finding> = findings.iter().map(|(f, _)| f.clone()).collect();
        let verdict = Verdict::new(&all, &self.planted, &self.keys);
        let innocent = self.planted.iter().filter(|p| p.innocent).count();
        println!();
        self.screen.say(
            format!(
                "查出{}项疑点（检查{}秒，连同下达{}秒）；预设{}项，查出{}项；相似而无问题的{innocent}项，误报{}项；其他{}项；因数据未到齐暂不判断{waiting}项。",
                findings.len(), screen::seconds(checked), screen::seconds(time),
                verdict.found.len() + verdict.missing.len(), verdict.found.len(), verdict.lookalikes.len(), verdict.unexpected.len()
            ),
            format!(
                "{} findings (checks {} s, with the way down {} s). Planted {}, found {}; of {innocent} innocent look-alikes {} were hit; {} others; {waiting} wait for data.",
                findings.len(), screen::seconds(checked), screen::seconds(time),
                verdict.found.len() + verdict.missing.len(), verdict.found.len(), verdict.lookalikes.len(), verdict.unexpected.len()
            ),
        );
        self.screen.verdict(&verdict);
        self.screen.say("以上是疑点，不是结论：由人判断。", "These are questions, not verdicts: people judge.");
        self.report.findings = findings;
        self.report.verdict = verdict;
        let facts = json!({ "findings": self.report.findings.len(), "waiting": waiting });
        self.report.phases.push(Phase::new("checked", "检查与下达", time, facts));
        Ok(())
    }

    /// A backup of every union's database, and the proof that it is good: each root, signature and figure.
    fn back_up(&mut self, dir: &Path) -> anyhow::Result<()> {
        self.screen.heading(6, "备份并核验每个工会的数据库", "A backup of every union's database, verified");
        let started = Instant::now();
        let bar = self.screen.bar(self.federation.members.len() as u64, "备份核验", "verifying");
        let mut operations = 0;
        for member in &self.federation.members {
            let file = dir.join(format!("{}.backup", member.union));
            let key = member.home.me(clock::system(), clock::random())?.key;
            operations += member.store.back_up(&file, &key, member.store.now())?.operations;
            let me = member.home.me(self.federation.clock.clone(), clock::random())?;
            let problems = ledger::verify(backup::open_copy(&file)?, me, &mut |_| ())?;
            for problem in &problems {
                let name = self.screen.name(member.union);
                self.screen.say(format!("{name}：{}", problem.zh), format!("{name}: {}", problem.en));
            }
            self.report.problems += problems.len();
            fs::remove_file(&file)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        let (time, unions) = (started.elapsed(), self.federation.members.len());
        if self.report.problems == 0 {
            self.screen.say(
                format!("{unions}个数据库、{operations}条记录：签名、数据流水校验值、各项数字全部相符。（{}秒）", screen::seconds(time)),
                format!(
                    "{unions} databases with {operations} operations: every signature, root and figure is right. ({} s)",
                    screen::seconds(time)
                ),
            );
        }
        let facts = json!({ "operations": operations, "problems": self.report.problems });
        self.report.phases.push(Phase::new("backed_up", "备份核验", time, facts));
        Ok(())
    }

    /// Whether all came out as it must, and everything shown once more as JSON.
    fn conclude(&mut self, json: Option<&Path>) -> anyhow::Result<()> {
        let report = &mut self.report;
        report.wire = line::wire().0;
        let equal = report.figures.iter().all(Figures::equal);
        let arrived = report.findings.iter().all(|(_, arrived)| *arrived);
        let whole = report.standing.converged() && report.standing.quarantined == 0;
        report.good = equal && arrived && whole && report.problems == 0 && report.verdict.good();
        let total: Duration = report.phases.iter().map(|p| p.time).sum();
        println!();
        self.screen.say(
            format!(
                "{}：{}条记录，{}，{}秒（{}）。",
                if report.good { "全部符合" } else { "有不符之处" },
                report.recorded,
                screen::bytes(report.wire),
                screen::seconds(total),
                report.phases.iter().map(|p| format!("{}{}", p.zh, p.seconds())).collect::<Vec<_>>().join("，")
            ),
            format!(
                "{}: {} records, {} on the wire, {} s ({}).",
                if report.good { "All is as it must be" } else { "Not all is as it must be" },
                report.recorded,
                screen::bytes(report.wire),
                screen::seconds(total),
                report
                    .phases
                    .iter()
                    .map(|p| format!("{} {}", p.name.replace('_', " "), p.seconds()))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        );
        if let Some(path) = json {
            let text = serde_json::to_string_pretty(&report.json(&self.keys))?;
            fs::write(path, text + "\n").with_context(|| path.display().to_string())?;
            self.screen.say(format!("已写入{}", path.display()), format!("written to {}", path.display()));
        }
        Ok(())
    }

    /// Everything stays up until Ctrl-C.
    fn stay(&self, dir: &Path) {
        self.screen.heading(
            7,
            "各级保持运行，可在另一个终端查看",
            "Everything stays up; look around from another terminal",
        );
        let beside = std::env::current_exe().map(|tools| tools.with_file_name("huiliu-hub"));
        let program = match beside.ok().filter(|program| program.is_file()) {
            Some(program) => program.display().to_string(),
            None => "cargo run --release -q -p huiliu-hub --".into(),
        };
        let lang = self.screen.lang.pick("zh", "en");
        for member in &self.federation.members {
            println!("   {}", self.screen.name(member.union));
            let home = dir.join(member.union.to_string());
            for verb in ["status", "record list expenditure", "rollup --from 2025-01 --to 2026-03"] {
                println!("      {program} --home {} --lang {lang} {verb}", home.display());
            }
        }
        self.screen.say(
            "按 Ctrl-C 结束；未指定 --dir 时目录随之删除。",
            "Ctrl-C ends it; without --dir the directory goes with it.",
        );
    }
}
