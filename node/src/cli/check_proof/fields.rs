//! The values of a proven record: as a table, and as a program reads them. No home is asked, so a reference is an id.

use huiliu_proto::{
    kind::{Field, Kind},
    proof::Proven,
    record::Record,
    value::Value,
};
use serde_json::{Map, Value as Json, json};

use crate::{
    app::values,
    cli::{
        CommandContext,
        record::view,
        table::{Cell, Table},
    },
    document::Fields,
    proof::said::device_of,
};

fn table(context: &CommandContext) -> Table {
    Table::new().column("field", context.pick("字段", "field")).column("value", context.pick("值", "value"))
}

fn one(context: &CommandContext, field: &Field, value: &Value) -> String {
    let shown = field.show(value, context.lang);
    match field.sealed() {
        true => {
            shown
                + context
                    .pick("（加密；没有该单位的密钥无法读出）", " (sealed; not to be read without that union's key)")
        }
        false => shown,
    }
}

fn lines(context: &CommandContext, field: &Field, lines: &[Vec<Option<Value>>]) -> Cell {
    let rows = lines.iter().enumerate().map(|(n, line)| {
        let cells = field.lines().iter().zip(line).filter_map(|(column, value)| {
            Some(format!("{} {}", context.label(&column.label), one(context, column, value.as_ref()?)))
        });
        format!("{}. {}", n + 1, cells.collect::<Vec<_>>().join(context.pick("，", ", ")))
    });
    Cell::lines(&rows.collect::<Vec<_>>())
}

pub fn entry(context: &CommandContext, record: &Record) -> String {
    let mut table = table(context);
    for (field, value) in record.kind.fields.iter().zip(record.values()) {
        let shown = match value {
            None => continue,
            Some(Value::Lines(rows)) => lines(context, field, rows),
            Some(value) => Cell::same(one(context, field, value)),
        };
        table.row(vec![Cell::same(context.label(&field.label)), shown]);
    }
    table.words()
}

/// Every value that stands: where devices disagree, all of them with who wrote each.
pub fn document(context: &CommandContext, proven: &Proven, kind: &'static Kind, fields: &Fields) -> String {
    let mut table = table(context);
    for field in &kind.fields {
        let standing = fields.get(&field.number).map_or(&[][..], Vec::as_slice);
        let several = standing.iter().any(|s| s.value != standing[0].value);
        for standing in standing.iter().take(if several { usize::MAX } else { 1 }) {
            let value = values::value_of(field, &standing.value);
            let mut shown = value.map(|value| one(context, field, &value)).unwrap_or_default();
            if several {
                let device = device_of(proven, &standing.put.actor);
                let device = device.map_or_else(|| "?".to_owned(), |d| d.to_string()[..16].to_owned());
                shown += &context
                    .pick("（设备 {} 所写，当时尚未选定）", " (by device {}; not decided then)")
                    .replace("{}", &device);
            } else if shown.is_empty() {
                continue;
            }
            table.row(vec![Cell::same(context.label(&field.label)), Cell::same(shown)]);
        }
    }
    table.words()
}

pub fn document_json(kind: &'static Kind, fields: &Fields) -> (Json, Json) {
    let (mut said, mut conflicts) = (Map::new(), vec![]);
    for field in &kind.fields {
        let Some(standing) = fields.get(&field.number) else { continue };
        let values: Vec<Json> =
            standing.iter().filter_map(|s| Some(view::json(field, &values::value_of(field, &s.value)?))).collect();
        if let Some(first) = values.first() {
            said.insert(field.name.to_owned(), first.clone());
        }
        if standing.iter().any(|s| s.value != standing[0].value) {
            conflicts.push(json!({ "field": field.name, "values": values }));
        }
    }
    (Json::Object(said), conflicts.into())
}
