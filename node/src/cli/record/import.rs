//! `record import`, `record imports`, `record undo-import`: many records of one kind from a file, and all of them taken back.

use std::{
    fs::File,
    io::{self, Cursor, Read as _},
    path::PathBuf,
};

use anyhow::Result;
use huiliu_proto::{
    id::RecordId,
    kind::Kind,
    lang::{Label, Lang},
    shown,
};
use serde_json::{Value as Json, json};

use super::{edit::automatic, kind_named, view};
use crate::{
    app::{
        Mode,
        bulk::{self, BulkError, Format, InTheWay, LineProblem, Lines, Made, Problem, Report, Source, Undone},
    },
    cli::{
        CommandContext,
        error::{CommandError, Exit, both, remark_json, tell},
        table::{Cell, Table, both_languages},
    },
};

/// Bytes that are taken from standard input; a file may be larger.
const STREAM: u64 = 256 << 20;
/// Problems that a person is shown.
const SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub struct Import {
    /// Kind of record
    kind: String,
    /// CSV with a heading of field names or labels, or JSON objects line by line; - reads from standard input
    file: PathBuf,
    /// Format of the file; without it told from its name, and of standard input from how it begins
    #[arg(long, value_enum)]
    format: Option<Typed>,
    /// Look at every line, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the lines that are good, though others are wrong
    #[arg(long, conflicts_with = "dry_run")]
    partial: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Typed {
    Csv,
    Jsonl,
}

#[derive(Debug, clap::Args)]
pub struct Imports {
    /// Go on after this import
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// So many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

#[derive(Debug, clap::Args)]
pub struct UndoImport {
    /// The import's id, or the beginning of it
    id: String,
    /// Why, in a sentence; it travels with the records
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Show what would be voided and what stands in the way, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let kind = kind_named(&self.kind)?;
        let stream = self.file.as_os_str() == "-";
        let jsonl = self.file.extension().is_some_and(|e| e == "jsonl" || e == "ndjson" || e == "json");
        let taken = if stream { Some(from_stream()?) } else { None };
        let format = match (self.format, &taken) {
            (Some(Typed::Jsonl), _) => Format::JsonLines,
            (Some(Typed::Csv), _) => Format::Csv,
            (None, Some(bytes)) => Format::told(bytes),
            (None, None) if jsonl => Format::JsonLines,
            (None, None) => Format::Csv,
        };
        let file = self.file.clone();
        let mut open = || -> io::Result<Source> {
            Ok(match &taken {
                Some(bytes) => Source::new(Box::new(Cursor::new(bytes.clone())), format),
                None => Source::new(Box::new(File::open(&file)?), format),
            })
        };
        let lines = match (self.dry_run, self.partial) {
            (true, _) => Lines::None,
            (_, true) => Lines::Good,
            _ => Lines::AllOrNone,
        };
        let name = match self.file.file_name() {
            Some(name) if !stream => name.to_string_lossy().into_owned(),
            _ => "-".to_owned(),
        };
        let opened = context.open()?;
        let mut bar = context.bar(context.pick("导入", "importing"), None);
        let report = bulk::import(&opened.store, kind, &name, lines, &mut open, &mut bar);
        bar.finish_and_clear();
        let report = report.map_err(mistake)?;
        context.answer(|| report_json(kind, &report), || report_words(context, kind, &report, self.dry_run))?;
        Ok(match (report.wrong, report.written) {
            (0, _) => Exit::Done,
            (_, 0) => Exit::Refused,
            _ => Exit::Attention,
        })
    }
}

fn from_stream() -> Result<bytes::Bytes> {
    let mut bytes = vec![];
    io::stdin().lock().take(STREAM + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > STREAM {
        return Err(CommandError::failed(
            both("标准输入的内容超过256 MiB", "more than 256 MiB came on standard input"),
            both("请存为文件再导入", "write it to a file and import that"),
        )
        .into());
    }
    Ok(bytes.into())
}

fn mistake(error: BulkError) -> anyhow::Error {
    let code = error.code();
    let mistake = match error {
        BulkError::Kind(kind) => {
            let about = json!({ "kind": kind.name, "label": both_languages(&kind.label) });
            return automatic(kind).coded(code, about).into();
        }
        BulkError::Heading => CommandError::failed(
            both("文件没有标题行，或不是 UTF-8 编码", "the file has no heading, or is not UTF-8"),
            both(
                "第一行写字段名，逗号分隔；用表格软件另存为“CSV UTF-8”",
                "put the fields' names on the first line, with commas between; save it as CSV UTF-8",
            ),
        ),
        BulkError::Changed => CommandError::failed(
            both("导入期间文件内容有变化，未写入", "the file changed while it was imported; nothing was written"),
            both("请等文件不再变动后重新导入", "import it again when nobody writes to it"),
        ),
        BulkError::Stopped { import, written, error } => {
            let error = match *error {
                BulkError::Changed => Label::new("导入期间文件内容有变化", "the file changed while it was imported"),
                other => {
                    let error = mistake(other);
                    Label::new(tell(&error, Lang::Zh).what, tell(&error, Lang::En).what)
                }
            };
            let what = Label::new(
                format!("导入中断，已写入{written}条：{}", error.zh),
                format!("the import stopped after {written} records: {}", error.en),
            );
            return CommandError::Stopped { what, import, written }.into();
        }
        BulkError::Duty(problem) => return problem.into(),
        BulkError::Reading(error) => return error.into(),
        BulkError::Store(error) => return error.into(),
    };
    mistake.coded(code, Json::Null).into()
}

fn problem_words(problem: &Problem, lang: Lang) -> String {
    let what = match (&problem.what, lang) {
        (LineProblem::Field(refusal), lang) => refusal.say(lang),
        (LineProblem::NoField(name), Lang::Zh) => format!("没有字段“{}”", shown::line(name)),
        (LineProblem::NoField(name), Lang::En) => format!("there is no field “{}”", shown::line(name)),
        (LineProblem::Table(name), Lang::Zh) => {
            format!("“{}”是明细，CSV 文件放不下；请用逐行 JSON 文件，明细写成列表", shown::line(name))
        }
        (LineProblem::Table(name), Lang::En) => format!(
            "“{}” is a table, and CSV has no place for it: import JSON lines, where a table is a list",
            shown::line(name)
        ),
        (LineProblem::Twice(name), Lang::Zh) => format!("字段“{}”写了两次", shown::line(name)),
        (LineProblem::Twice(name), Lang::En) => format!("the field “{}” is given twice", shown::line(name)),
        (LineProblem::Cells { expected, found }, Lang::Zh) => format!("应有{expected}格，实有{found}格"),
        (LineProblem::Cells { expected, found }, Lang::En) => format!("it has {found} cells, the heading {expected}"),
        (LineProblem::Unreadable, Lang::Zh) => {
            "无法读取：应为 UTF-8 编码的表格行，或逐行 JSON 文件中独占一行的一个对象".to_owned()
        }
        (LineProblem::Unreadable, Lang::En) => {
            "it cannot be read: a line is cells in UTF-8, or in JSON lines one object".to_owned()
        }
        (LineProblem::CutOff, Lang::Zh) => "此后各行未读：太长，或有引号没有成对".to_owned(),
        (LineProblem::CutOff, Lang::En) => {
            "nothing is read from here on: it is too long, or a quotation mark is not closed".to_owned()
        }
        (LineProblem::Ambiguous { typed, .. }, Lang::Zh) => format!("有多条记录叫“{}”，请填编号", shown::line(typed)),
        (LineProblem::Ambiguous { typed, .. }, Lang::En) => {
            format!("several records go by “{}”; give the id", shown::line(typed))
        }
    };
    match lang {
        Lang::Zh => format!("第{}行：{what}", problem.line),
        Lang::En => format!("line {}: {what}", problem.line),
    }
}

fn problem_json(problem: &Problem) -> Json {
    let about = match &problem.what {
        LineProblem::Field(r) => remark_json(&r.field_name, &r.value, &r.rule, &r.remedy),
        LineProblem::NoField(name) | LineProblem::Table(name) | LineProblem::Twice(name) => json!({ "field": name }),
        LineProblem::Cells { expected, found } => json!({ "expected": expected, "found": found }),
        LineProblem::Unreadable | LineProblem::CutOff => Json::Null,
        LineProblem::Ambiguous { field, typed } => json!({ "field": field, "value": typed }),
    };
    json!({ "line": problem.line, "code": problem.what.code(), "about": about })
}

fn report_json(kind: &Kind, report: &Report) -> Json {
    json!({
        "kind": kind.name, "import": report.import.map(|id| id.to_string()), "read": report.read,
        "written": report.written, "wrong": report.wrong,
        "problems": report.problems.iter().map(problem_json).collect::<Vec<_>>(), "alike": report.alike,
    })
}

fn report_words(context: &CommandContext, kind: &Kind, report: &Report, dry: bool) -> String {
    let label = context.label(&kind.label);
    let (read, wrong, written) = (report.read, report.wrong, report.written);
    let mut lines: Vec<String> = report.problems.iter().take(SHOWN).map(|p| problem_words(p, context.lang)).collect();
    if report.problems.len() > SHOWN {
        lines.push(context.pick("……其余见 --json", "… the rest with --json").to_owned());
    }
    if !report.alike.is_empty() {
        let some: Vec<String> = report.alike.iter().take(SHOWN).map(u64::to_string).collect();
        let what = context
            .pick("可能与已有记录或前面的行重复，行号：", "perhaps the same as a record or an earlier line: lines ");
        lines.push(format!("{what}{}", some.join(context.pick("、", ", "))));
    }
    lines.push(match (context.lang, report.import) {
        (Lang::Zh, Some(id)) => {
            format!("已导入{label}{written}条（共{read}条，{wrong}条有误未写入）；导入编号 {id}，可用 record undo-import 撤销")
        }
        (Lang::En, Some(id)) => format!(
            "imported {written} of {read} {label} records, {wrong} wrong; import {id}: `record undo-import` takes it back"
        ),
        (Lang::Zh, None) if dry && wrong == 0 => format!("共{read}条，均可导入；未写入"),
        (Lang::En, None) if dry && wrong == 0 => format!("all {read} may be imported; nothing was written"),
        (Lang::Zh, None) => format!("共{read}条，{wrong}条有误；未写入"),
        (Lang::En, None) => format!("{wrong} of {read} are wrong; nothing was written"),
    });
    lines.join("\n")
}

impl Imports {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let (imports, next) = opened.look(|conn| {
            let after = match &self.after {
                Some(typed) => Some(bulk::named(conn, typed)?.map_err(in_the_way)?),
                None => None,
            };
            let bulk::Page { imports, next } = bulk::page(conn, after, usize::from(self.most))?;
            Ok((imports, next))
        })?;
        let mut table = Table::new()
            .column("import", context.pick("导入编号", "import"))
            .column("kind", context.pick("种类", "kind"))
            .column("at", context.pick("时间", "at"))
            .column("name", context.pick("文件", "file"))
            .number("records", context.pick("条数", "records"));
        for import in &imports {
            table.row(vec![
                Cell::same(view::short(&import.id)),
                Cell::same(import.kind.map_or_else(String::new, |kind| context.label(&kind.label).to_owned())),
                Cell::same(context.moment(import.at)),
                Cell::same(shown::line(&import.name)),
                Cell::count(import.records),
            ]);
        }
        let one = |import: &Made| {
            json!({
                "import": import.id.to_string(), "kind": import.kind.map(|kind| kind.name), "at": import.at,
                "name": import.name, "records": import.records,
            })
        };
        let next = next.map(|id| id.to_string());
        let nothing = context.pick("本机没有导入过", "this machine has imported nothing");
        context.answer(
            || json!({ "imports": imports.iter().map(one).collect::<Vec<_>>(), "next": next }),
            || if table.is_empty() { nothing.to_owned() } else { table.words() },
        )?;
        context.note_next(next);
        Ok(Exit::Done)
    }
}

impl UndoImport {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let import = opened.look(|conn| Ok(bulk::named(conn, &self.id)?))?.map_err(in_the_way)?;
        let mut bar = context.bar(context.pick("作废", "voiding"), None);
        let undone = bulk::undo(&opened.store, opened.me.union, import, &self.reason, Mode::of(self.dry_run), &mut bar);
        bar.finish_and_clear();
        let undone = undone?.map_err(in_the_way)?;
        context
            .answer(|| undone_json(&undone, import, self.dry_run), || undone_words(context, &undone, self.dry_run))?;
        Ok(Exit::Done)
    }
}

fn in_the_way(problem: InTheWay) -> anyhow::Error {
    let code = problem.code();
    let hint = both("用 record imports 查看", "see `record imports`");
    let mistake = match problem {
        InTheWay::Missing(id) => {
            CommandError::failed(both(format!("本机没有导入 {id}"), format!("this machine made no import {id}")), hint)
        }
        InTheWay::NotOne(typed) => {
            let what = both(
                format!("编号“{typed}”没有对应的导入，或对应多次导入"),
                format!("there is no import “{typed}”, or more than one"),
            );
            CommandError::usage(what, hint)
        }
        InTheWay::Void(problem) => return problem.into(),
    };
    mistake.coded(code, Json::Null).into()
}

fn undone_json(undone: &Undone, import: RecordId, dry: bool) -> Json {
    json!({
        "import": import.to_string(), "kind": undone.kind.name, "label": both_languages(&undone.kind.label),
        "written": !dry, "voided": undone.voided, "before": undone.before, "edited": undone.edited,
    })
}

fn undone_words(context: &CommandContext, undone: &Undone, dry: bool) -> String {
    let label = context.label(&undone.kind.label);
    let Undone { voided, before, edited, .. } = undone;
    match (context.lang, dry) {
        (Lang::Zh, false) => {
            format!("已作废{label}{voided}条（其中{edited}条导入后修改过），另有{before}条此前已不在册")
        }
        (Lang::Zh, true) => format!("可以撤销：将作废{label}{voided}条（其中{edited}条导入后修改过）；未写入"),
        (Lang::En, false) => {
            format!("voided {voided} {label} records ({edited} of them edited since); {before} did not stand before")
        }
        (Lang::En, true) => {
            format!(
                "it may be undone: {voided} {label} records would be voided ({edited} edited since); nothing was written"
            )
        }
    }
}
