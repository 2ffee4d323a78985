//! `record list`: a page of records of one kind, or the kinds and how many there are.

use anyhow::Result;
use huiliu_proto::{
    id::RecordId,
    kind::{Kind, Type},
    union::UnionNumber,
};
use serde_json::json;

use super::{find, kind_named, view};
use crate::{
    app::{
        list::{self, Ask},
        values::{Disclosed, Reader},
    },
    cli::{
        CommandContext,
        context::OpenHome,
        error::Exit,
        table::{Cell, Table, brief},
    },
    store::View,
};

/// Columns beside id and union; a terminal is not wider.
const COLUMNS: usize = 6;
const CELL: usize = 24;

#[derive(Debug, clap::Args)]
pub struct List {
    /// Kind of record
    kind: Option<String>,
    /// Only records of this union: its number or name
    #[arg(long, value_name = "UNION")]
    union: Option<String>,
    /// Only voided records
    #[arg(long, requires = "kind")]
    voided: bool,
    /// Go on after this record
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

impl List {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let kind = self.kind.as_deref().map(kind_named).transpose()?;
        let opened = context.open()?;
        let of = self.union.as_deref().map(|typed| opened.union(typed)).transpose()?;
        match kind {
            None => count(context, &opened, of),
            Some(kind) => self.page(context, &opened, kind, of),
        }
    }

    fn page(
        &self,
        context: &CommandContext,
        opened: &OpenHome,
        kind: &'static Kind,
        of: Option<UnionNumber>,
    ) -> Result<Exit> {
        let (rows, next, table) = opened.look(|conn| {
            let after = self.after.as_deref().map(|typed| find::any(conn, typed)).transpose()?;
            let after = after.map(|found| found.map_or_else(|id| id, |shown| shown.id));
            let page =
                list::page(conn, &Ask { kind, union: of, after, most: usize::from(self.most), voided: self.voided })?;
            let rows = page.disclosed(opened.reader());
            let table = table(context, conn, opened.reader(), kind, &rows)?;
            Ok((rows, page.next, table))
        })?;
        context.answer(|| page_json(&rows, next), || table.words())?;
        context.note_next(next);
        if next.is_none() && rows.is_empty() && !context.json {
            context.note(context.pick("没有记录", "there are none"));
        }
        Ok(Exit::Done)
    }
}

fn page_json(rows: &[Disclosed], next: Option<RecordId>) -> serde_json::Value {
    let records: Vec<_> = rows.iter().map(|row| view::disclosed(&row.shown, &row.withheld)).collect();
    json!({ "records": records, "next": next.map(|id| id.to_string()) })
}

fn count(context: &CommandContext, opened: &OpenHome, union: Option<UnionNumber>) -> Result<Exit> {
    let mut table = Table::new()
        .column("kind", context.pick("种类", "kind"))
        .column("label", context.pick("名称", "label"))
        .number("records", context.pick("条数", "records"));
    for (kind, count) in opened.look(|conn| Ok(list::counts(conn, union)?))? {
        table.row(vec![Cell::same(kind.name), Cell::label(context, &kind.label), Cell::count(count)]);
    }
    context.answer(|| table.json(), || table.words())?;
    Ok(Exit::Done)
}

/// What tells records of a kind apart at a glance: what each must have, as far as there is room.
fn table(
    context: &CommandContext,
    conn: &View,
    reader: Reader<'_>,
    kind: &'static Kind,
    rows: &[Disclosed],
) -> Result<Table> {
    let fits = |f: &huiliu_proto::kind::Field| f.required && !f.sealed() && !matches!(f.ty, Type::Lines(_));
    let columns: Vec<usize> = (0..kind.fields.len()).filter(|at| fits(&kind.fields[*at])).take(COLUMNS).collect();
    let mut table = Table::new()
        .column("record", context.pick("编号", "id"))
        .column("owner", context.pick("填报单位", "written by"));
    for at in &columns {
        let field = &kind.fields[*at];
        let heading = context.label(&field.label);
        let number = matches!(field.ty, Type::Int);
        table = if number { table.number(field.name, heading) } else { table.column(field.name, heading) };
    }
    for Disclosed { shown: row, withheld } in rows {
        let mut cells = vec![Cell::same(view::short(&row.id)), Cell::same(context.short(row.place.owner))];
        for at in &columns {
            let field = &kind.fields[*at];
            let shown = match &row.record.values()[*at] {
                Some(value) => view::words_as(conn, field, value, context.lang, &|row| reader.line(row).shown)?,
                None if withheld.iter().any(|kept| kept.number == field.number) => "****".to_owned(),
                None => String::new(),
            };
            // In a list the name is enough; the id is one `show` away.
            let shown = if field.reference.is_some() { shown.split('（').next().unwrap_or_default() } else { &shown };
            cells.push(Cell::same(brief(shown, CELL)));
        }
        table.row(cells);
    }
    Ok(table)
}
