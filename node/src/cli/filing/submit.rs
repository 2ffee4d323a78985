//! `filing submit`: the numbers first, then the question, then the entry. What was shown is what is written.

use anyhow::Result;
use huiliu_proto::{
    handle::{Field, Int},
    kind,
    period::Day,
    record::Warning,
    records::filing as fields,
    shown,
    union::UnionNumber,
    v1::Filing,
    value::Value,
};
use serde_json::{Value as Json, json};

use super::type_label;
use crate::{
    app::{
        Mode, duty,
        filing::{self, SubmitError},
    },
    cli::{
        CommandContext,
        error::{CommandError, Exit, both, remark_json},
        record::view,
        table::{Cell, Table},
    },
    filing::{Ask, Draft},
    store::filings::Version,
};

type Count = fn(&Version) -> Option<i64>;

/// The numbers of a filing, in the order in which they are shown, and where the one before has them.
const NUMBERS: [(Field<Filing, Int>, Count); 5] = [
    (fields::FULL_TIME, |before| Some(before.full_time)),
    (fields::PART_TIME, |before| Some(before.part_time)),
    (fields::CERTIFIED, |before| before.certified),
    (fields::FUNDED_HEADS, |before| Some(before.funded_heads)),
    (fields::ENTERPRISES, |before| before.enterprises),
];

#[derive(Debug, clap::Args)]
pub struct Submit {
    /// What is filed: yearly, hire, extension, change or cancel
    #[arg(long = "type", value_name = "TYPE")]
    type_: String,
    /// Year it is for
    #[arg(long, value_name = "YEAR")]
    year: String,
    /// Day of the roster: who was in post on it
    #[arg(long, value_name = "DATE")]
    census: String,
    /// Heads declared for the fund; without it, those of the roster that count for it
    #[arg(long, value_name = "N")]
    declare_funded: Option<u32>,
    /// A note to the union above
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Show the numbers and what stands in the way, and submit nothing
    #[arg(long)]
    dry_run: bool,
    /// Submit without asking
    #[arg(long)]
    yes: bool,
}

impl Submit {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let ask = self.ask()?;
        let opened = context.open()?;
        let (union, today) = (opened.me.union, context.today());
        let (draft, warnings) = filing::draft(&opened.store, union, today, &ask).map_err(told)?;
        let alone = opened.look(|conn| Ok(duty::works_alone(conn, union, today)?))?;
        if !context.json {
            context.print(&preview(context, union, &draft, alone.as_deref()))?;
            warnings
                .iter()
                .for_each(|w| context.note(&format!("{}{}", context.pick("请注意：", "note: "), w.say(context.lang))));
        } else if !self.yes && !self.dry_run {
            context.print_json(&preview_json(&draft, &warnings, alone.as_deref(), None))?;
        }
        let words = (
            context.pick("确认报送以上数字？", "submit these numbers?"),
            context.pick("没有报送", "nothing was submitted"),
        );
        if !context.agreed(self.yes || self.dry_run, words)? {
            return Ok(Exit::Done);
        }
        let mode = Mode::of(self.dry_run);
        let id = filing::submit(&opened.store, union, today, ask, &draft, mode).map_err(told)?;
        context.answer(
            || preview_json(&draft, &warnings, alone.as_deref(), Some(id.to_string()).filter(|_| !self.dry_run)),
            || match self.dry_run {
                true => context.pick("可以报送，未写入", "it may be submitted; nothing was written").to_owned(),
                false => format!("{}{id}", context.pick("已报送：备案 ", "submitted: filing ")),
            },
        )?;
        if !context.json && !self.dry_run {
            context.note(match opened.is_top() {
                true => context.pick(
                    "本级之上没有上级，备案只存于本级；用 filing list 查看。",
                    "nobody is above this union: the filing stays here; see it with `filing list`.",
                ),
                false => context.pick(
                    "运行 sync 送达上级；用 filing list 查看处理结果。",
                    "run `sync` to send it; see what becomes of it with `filing list`.",
                ),
            });
        }
        Ok(Exit::Done)
    }

    fn ask(&self) -> Result<Ask, CommandError> {
        let read = |field: &kind::Field, typed: &str| -> Result<i64, CommandError> {
            match field.parse(typed) {
                Ok(Value::Int(n)) => Ok(n),
                Ok(_) => Err(CommandError::Refused(vec![])),
                Err(refusal) => Err(CommandError::Refused(vec![refusal])),
            }
        };
        // `yearly` for YEARLY_FILING; the labels of both languages are read as well.
        let named = format!("{}_FILING", self.type_.to_uppercase());
        // 年度 for 年度备案.
        let short = format!("{}备案", self.type_);
        let of_type = |typed| read(fields::TYPE.declared(), typed);
        let type_ = of_type(&named).or_else(|_| of_type(&short)).or_else(|_| of_type(&self.type_))?;
        let census_on = Day(i32::try_from(read(fields::CENSUS_ON.declared(), &self.census)?).unwrap_or_default());
        let declared = self.declare_funded.map(i64::from);
        Ok(Ask {
            type_,
            year: read(fields::YEAR.declared(), &self.year)?,
            census_on,
            declared,
            note: self.note.clone(),
        })
    }
}

/// Why nothing was submitted.
fn told(error: SubmitError) -> anyhow::Error {
    let code = error.code();
    match error {
        SubmitError::Changed => {
            let what = both("没有写入：核对期间记录有变化", "the records changed while the numbers were looked at");
            let hint = both("请重新核对数字后再报送", "look at the numbers again, and submit them then");
            CommandError::refused(what, hint).coded(code, Json::Null).into()
        }
        SubmitError::Refused(refusals) => CommandError::Refused(refusals).into(),
        SubmitError::Duty(problem) => problem.into(),
        SubmitError::Filing(error) => error.into(),
        SubmitError::Store(error) => error.into(),
    }
}

fn preview(context: &CommandContext, union: UnionNumber, draft: &Draft, alone: Option<&str>) -> String {
    let record = &draft.record;
    let mut table =
        Table::new().column("field", context.pick("项目", "item")).number("now", context.pick("本次", "now"));
    if draft.before.is_some() {
        table = table.number("before", context.pick("上一版", "before"));
    }
    for (field, before) in NUMBERS {
        let number = |n: Option<i64>| n.map_or_else(Cell::none, |n| Cell::same(n.to_string()));
        let mut cells = vec![Cell::same(context.label(&field.declared().label)), number(record.read(field))];
        if let Some(version) = &draft.before {
            cells.push(number(before(version)));
        }
        table.row(cells);
    }
    let type_ = type_label(record.read(fields::TYPE).unwrap_or_default(), context.lang);
    let census = record.read(fields::CENSUS_ON).unwrap_or(Day(0));
    let lines = record.read(fields::ROSTER).map_or(0, <[_]>::len);
    let mut heading = format!(
        "{} {type_} {}  {}{census}  {}{lines}",
        union.union_name(),
        record.read(fields::YEAR).unwrap_or_default(),
        context.pick("截止", "as of "),
        context.pick("名册人数", "on the roster: "),
    );
    if let Some(before) = &draft.before {
        heading += &format!("\n{}{}", context.pick("更正此前的备案 ", "in place of filing "), view::short(&before.id));
    }
    if let Some(doc_no) = alone {
        heading += &format!(
            "\n{}{}",
            context.pick("一人办公（经上级准许）：", "one-person office, by leave of the union above: "),
            shown::line(doc_no)
        );
    }
    format!("{heading}\n{}", table.words())
}

fn preview_json(draft: &Draft, warnings: &[Warning], alone: Option<&str>, id: Option<String>) -> Json {
    let warned = |w: &Warning| remark_json(&w.field_name, &w.value, &w.rule, &w.remedy);
    json!({
        "record": id,
        "written": id.is_some(),
        "fields": view::object(&draft.record.kind.fields, draft.record.values()),
        "one_person": alone,
        "supersedes": draft.before.as_ref().map(|b| b.id.to_string()),
        "warnings": warnings.iter().map(warned).collect::<Vec<_>>(),
    })
}
