//! `record add`: a document or an entry, from its declaration.

use std::io::IsTerminal as _;

use anyhow::Result;
use huiliu_proto::kind::{Author, Choice, Field, Kind, Shape, Type, kinds};
use serde_json::{Value as Json, json};

use super::{answer, edit::told, kind_named, typed};
use crate::{
    app::{
        Mode,
        write::{self, WriteError},
    },
    cli::{
        CommandContext,
        error::{CommandError, Exit, both},
        table::{Cell, Table, both_languages, wrap},
    },
    ledger::WriteOutcome,
    store::View,
};

#[derive(Debug, clap::Args)]
pub struct Add {
    /// Kind of record, such as mediator or expenditure
    kind: Option<String>,
    /// Fields as field=value; of a sealed field, - reads the value from standard input
    #[arg(value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// A line of a table in the record, as table:field=value,field=value; may be repeated
    #[arg(long = "line", value_name = "TABLE:FIELD=VALUE,…")]
    lines: Vec<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Add {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let Some(kind) = &self.kind else { return show_kinds(context) };
        let kind = kind_named(kind)?;
        if kind.automatic {
            return Err(told(WriteError::Automatic(kind)));
        }
        if self.fields.is_empty() && self.lines.is_empty() {
            return match std::io::stdout().is_terminal() || context.json {
                true => show_fields(context, kind),
                false => Err(no_fields(kind).into()),
            };
        }
        let opened = context.open()?;
        let values = opened.look(|conn| self.values(context, conn, kind))?;
        let outcome = write::add(&opened.store, kind, values.clone(), Mode::of(self.dry_run)).map_err(told)?;
        if self.dry_run && matches!(outcome, WriteOutcome::Written { .. }) && !context.json {
            let mut table = Table::new()
                .column("field", context.pick("字段", "field"))
                .column("value", context.pick("值", "value"));
            for (at, value) in values.iter().filter_map(|(at, value)| Some((at, value.as_ref()?))) {
                let field = &kind.fields[*at];
                let shown = opened.look(|conn| super::view::words(conn, field, value, context.lang))?;
                table.row(vec![Cell::same(context.label(&field.label)), Cell::same(shown)]);
            }
            context.print(&table.words())?;
        }
        answer(context, kind, outcome, self.dry_run)
    }

    fn values(&self, context: &CommandContext, conn: &View, kind: &'static Kind) -> Result<Vec<typed::Typed>> {
        let mut values = typed::fields(context, conn, kind, &self.fields)?;
        values.extend(typed::lines(conn, kind, &self.lines)?);
        // What was left empty was not said.
        values.retain(|(_, value)| value.is_some());
        Ok(values)
    }
}

fn no_fields(kind: &Kind) -> CommandError {
    let required = |label: &dyn Fn(&Field) -> String| {
        kind.fields.iter().filter(|f| f.required).map(label).collect::<Vec<_>>().join(" ")
    };
    let (zh, en) = (required(&|f| format!("{}=…", f.label.zh)), required(&|f| format!("{}=…", f.name)));
    CommandError::usage(
        both(format!("没有填写“{}”的任何字段", kind.label.zh), format!("no field of the {} is given", kind.label.en)),
        both(format!("必填：{zh}"), format!("required: {en}")),
    )
}

fn show_kinds(context: &CommandContext) -> Result<Exit> {
    let mut table = Table::new()
        .column("kind", context.pick("种类", "kind"))
        .column("label", context.pick("名称", "label"))
        .column("shape", context.pick("形式", "shape"))
        .column("author", context.pick("谁填写", "written by"));
    for kind in kinds().iter().filter(|k| !k.automatic) {
        let shape = match kind.shape {
            Shape::Document => Cell::new(context.pick("档案（可修改）", "document, edited over time"), "document"),
            Shape::Entry => Cell::new(context.pick("流水记录（不可修改）", "entry, said once"), "entry"),
        };
        let author = match kind.author {
            Author::Owner => Cell::new(context.pick("本单位", "any union, its own"), "owner"),
            Author::Superior => Cell::new(context.pick("上级对下级", "a union, for one below it"), "superior"),
            Author::Publisher => Cell::new(context.pick("上级对全体下级", "a union, for all below it"), "publisher"),
        };
        table.row(vec![Cell::same(kind.name), Cell::label(context, &kind.label), shape, author]);
    }
    context.answer(|| table.json(), || table.words())?;
    Ok(Exit::Done)
}

fn show_fields(context: &CommandContext, kind: &'static Kind) -> Result<Exit> {
    let mut table = Table::new()
        .column("field", context.pick("字段", "field"))
        .column("label", context.pick("名称", "label"))
        .column("required", context.pick("必填", "required"))
        .column("format", context.pick("填法", "written as"))
        .column("help", context.pick("说明", "help"));
    let tables = kind.fields.iter().flat_map(|f| f.lines().iter().map(move |line| (Some(f), line)));
    let fields: Vec<_> = kind.fields.iter().filter(|f| f.lines().is_empty()).map(|f| (None, f)).chain(tables).collect();
    for (above, field) in &fields {
        let required = if field.required { context.pick("是", "yes") } else { "" };
        table.row(vec![
            Cell::same(full_name(*above, field)),
            Cell::label(context, &field.label),
            Cell::same(required),
            Cell::lines(&written_as(context, field)),
            Cell::same(field.help.as_ref().map_or("", |help| context.label(help))),
        ]);
    }
    context.answer(
        || fields.iter().map(|(above, field)| field_json(*above, field)).collect(),
        || format!("{}（{}）\n{}", context.label(&kind.label), kind.source, table.words()),
    )?;
    Ok(Exit::Done)
}

fn full_name(table: Option<&Field>, field: &Field) -> String {
    table.map_or_else(|| field.name.to_owned(), |table| format!("{}:{}", table.name, field.name))
}

/// What a program needs to know to fill a field in.
fn field_json(table: Option<&Field>, field: &Field) -> Json {
    let ty = match field.ty {
        Type::Text => "text",
        Type::Int => "number",
        Type::Bool => "flag",
        Type::Bytes => "bytes",
        Type::Choice(_) => "choice",
        Type::Choices(_) => "choices",
        Type::Reference => "reference",
        Type::Lines(_) => "lines",
    };
    let choice = |c: &Choice| json!({ "name": c.name.to_lowercase(), "label": both_languages(&c.label) });
    json!({
        "field": full_name(table, field), "label": both_languages(&field.label), "required": field.required,
        "type": ty, "format": format!("{:?}", field.format).to_lowercase(),
        "choices": field.choices().iter().map(choice).collect::<Vec<_>>(),
        "of_kind": field.reference, "least": field.min, "most": field.max,
        "sealed": field.sealed(), "help": field.help.as_ref().map(both_languages),
    })
}

/// What may be typed for a field: every choice, or a few words.
fn written_as(context: &CommandContext, field: &Field) -> Vec<String> {
    const WIDE: usize = 60;
    let choices = || field.choices().iter().map(|c| context.label(&c.label)).collect::<Vec<_>>();
    match &field.ty {
        Type::Choice(_) => wrap(&choices(), " | ", WIDE),
        Type::Choices(_) => wrap(&choices(), context.pick("、", ", "), WIDE),
        _ => vec![form(context, field)],
    }
}

fn form(context: &CommandContext, field: &Field) -> String {
    use huiliu_proto::kind::Format;
    match (&field.ty, field.format) {
        (Type::Bool, _) => context.pick("是 | 否", "yes | no").to_owned(),
        (Type::Reference, _) => {
            let target = field.reference.unwrap_or_default();
            context.pick("编号或名称：", "id or name: ").to_owned() + target
        }
        (_, Format::Date) => "2026-03-31".to_owned(),
        (_, Format::Month) => "2026-03".to_owned(),
        (_, Format::Year) => "2026".to_owned(),
        (_, Format::Fen) => context.pick("元，如 3000.50", "yuan, such as 3000.50").to_owned(),
        (_, Format::Percent) => context.pick("百分比，如 33.33", "percent, such as 33.33").to_owned(),
        (_, Format::Region) => context.pick("区划代码或名称", "region code or name").to_owned(),
        (_, Format::Union) => context.pick("工会编号或名称", "number or name of a union").to_owned(),
        (_, Format::Instant) => "2026-03-31 14:05".to_owned(),
        (Type::Text, Format::None) => match field.max {
            Some(max) => context.pick("至多{}字", "at most {} characters").replace("{}", &max.to_string()),
            None => context.pick("文字", "text").to_owned(),
        },
        (Type::Text, _) => context.pick("号码", "number").to_owned(),
        (Type::Int, _) => context.pick("整数", "whole number").to_owned(),
        (Type::Bytes, _) => context.pick("十六进制", "hexadecimal").to_owned(),
        (Type::Lines(_) | Type::Choice(_) | Type::Choices(_), _) => "--line".to_owned(),
    }
}
