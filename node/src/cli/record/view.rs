//! A record and its values as they are shown, and as a program reads them.

use anyhow::Result;
use huiliu_proto::{
    id::RecordId,
    kind::{Field, Format, Type, kind},
    lang::Lang,
    period::{Day, Month},
    union::UnionNumber,
    value::Value,
};
use serde_json::{Map, Value as Json, json};

use crate::{
    app::find,
    cli::{
        error::{CommandError, both},
        table::choice_name,
        union::called,
    },
    store::{
        View,
        projection::{self, Shown},
    },
};

/// An id in a table: enough of it to tell records apart, and to be typed again.
pub fn short(id: &RecordId) -> String {
    id.to_string()[..16].to_owned()
}

/// A value as it is shown; a reference with the name of what it points at.
pub fn words(conn: &View, field: &Field, value: &Value, lang: Lang) -> Result<String> {
    words_as(conn, field, value, lang, &Shown::clone)
}

/// The same, with what it points at as it is read.
pub fn words_as(
    conn: &View,
    field: &Field,
    value: &Value,
    lang: Lang,
    read: &dyn Fn(&Shown) -> Shown,
) -> Result<String> {
    let target = match (&field.ty, value, field.reference) {
        (Type::Reference, Value::Bytes(id), Some(name)) => kind(name).zip(RecordId::try_from(&id[..]).ok()),
        _ => None,
    };
    let Some((kind, id)) = target else {
        let named = match (field.format, value) {
            (Format::Union, Value::Int(n)) => UnionNumber::try_from(*n).ok().filter(|union| union.serial().is_some()),
            _ => None,
        };
        return Ok(named.map_or_else(|| field.show(value, lang), |union| format!("{}（{union}）", called(conn, union))));
    };
    Ok(match projection::get(conn, kind, &id)? {
        Some(row) => {
            format!("{}（{}）", find::title_as(conn, &row, read)?, short(&id)).trim_start_matches('（').to_owned()
        }
        None => match lang {
            Lang::Zh => format!("{id}（本机没有这条记录）"),
            Lang::En => format!("{id} (not here)"),
        },
    })
}

/// A value for a program: numbers as numbers, money in fen, percentages in hundredths, choices by their names, days
/// and months as they are written, ids in hexadecimal. A sealed value is masked here too.
pub fn json(field: &Field, value: &Value) -> Json {
    match value {
        _ if field.sealed() => field.show(value, Lang::En).into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(_) => field.show(value, Lang::En).into(),
        Value::Lines(lines) => lines.iter().map(|line| object(field.lines(), line)).collect(),
        Value::Int(n) => number(field, *n),
    }
}

fn number(field: &Field, n: i64) -> Json {
    let narrow = i32::try_from(n).ok();
    match (&field.ty, field.format, narrow) {
        (Type::Choice(_), ..) => choice_name(field, n),
        (Type::Choices(choices), ..) => {
            let chosen = choices.iter().filter(|c| n >> c.number & 1 == 1);
            chosen.map(|c| Json::from(c.name.to_lowercase())).collect()
        }
        (_, Format::Date, Some(day)) => Day(day).to_string().into(),
        (_, Format::Month, Some(month)) => Month(month).to_string().into(),
        _ => n.into(),
    }
}

/// The fields that were said, by name.
pub fn object(fields: &[Field], values: &[Option<Value>]) -> Json {
    let said = fields.iter().zip(values).filter_map(|(field, value)| Some((field, value.as_ref()?)));
    Json::Object(said.map(|(field, value)| (field.name.to_owned(), json(field, value))).collect::<Map<_, _>>())
}

/// What stands where a value is withheld.
pub fn withheld(lang: Lang) -> &'static str {
    lang.pick("（由填报单位保管，本级不显示）", "(kept by the union that wrote it)")
}

/// A file would hold what this union does not read.
pub fn kept_below(fields: &[&'static Field]) -> CommandError {
    let labels = |lang| fields.iter().map(|field| field.label.get(lang)).collect::<Vec<_>>();
    let what = both(
        format!("文件会含有由填报单位保管、本级不显示的内容：{}", labels(Lang::Zh).join("、")),
        format!("the file would hold what the union that wrote it keeps: {}", labels(Lang::En).join(", ")),
    );
    let hint =
        both("请填报单位在其机器上生成后送来", "ask that union to make it on its own machine, and to hand it over");
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    CommandError::refused(what, hint).coded("withheld", json!({ "fields": names }))
}

/// A record as it is read here, for a program.
pub fn disclosed(shown: &Shown, withheld: &[&'static Field]) -> Json {
    let mut object = record(shown);
    object["withheld"] = withheld.iter().map(|field| Json::from(field.name)).collect();
    object
}

/// A record for a program.
pub fn record(shown: &Shown) -> Json {
    json!({
        "record": shown.id.to_string(),
        "kind": shown.record.kind.name,
        "owner": u64::from(shown.place.owner),
        "fields": object(&shown.record.kind.fields, shown.record.values()),
    })
}
