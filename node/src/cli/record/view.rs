//! A record and its values as they are shown, and as a program reads them.

use anyhow::Result;
use huiliu_proto::{
    edit::Scalar,
    id::RecordId,
    kind::{Field, Format, Kind, Type, kind},
    lang::Lang,
    period::{Day, Month},
    record::Record,
    shown,
    value::Value,
};
use serde_json::{Map, Value as Json, json};

use super::find::name_field;
use crate::{
    cli::desk::Office,
    store::{
        View,
        projection::{self, Shown},
    },
};

/// An id in a table: enough of it to tell records apart, and to be typed again.
pub fn short(id: &RecordId) -> String {
    id.to_string()[..16].to_owned()
}

/// What a person would call a record: its name or number, behind the name of what it belongs to.
pub fn title(conn: &View, shown: &Shown) -> Result<String> {
    let kind = shown.record.kind;
    let own = name_field(kind).and_then(|at| shown.record.text(kind.fields[at].name)).unwrap_or_default();
    let first = kind.fields.first().filter(|f| f.required && f.reference.is_some());
    let above = first.and_then(|field| {
        let id = RecordId::try_from(shown.record.bytes(field.name)?).ok()?;
        Some((huiliu_proto::kind::kind(field.reference?)?, id))
    });
    let above = match above {
        Some((kind, id)) => projection::get(conn, kind, &id)?.map(|row| plain_name(kind, &row.record)),
        None => None,
    };
    Ok([above.unwrap_or_default(), shown::line(own).into_owned()].join(" ").trim().to_owned())
}

fn plain_name(kind: &Kind, record: &Record) -> String {
    let name = name_field(kind).and_then(|at| record.text(kind.fields[at].name));
    shown::line(name.unwrap_or_default()).into_owned()
}

/// A value as it is shown; a reference with the name of what it points at.
pub fn words(conn: &View, field: &Field, value: &Value, lang: Lang) -> Result<String> {
    let target = match (&field.ty, value, field.reference) {
        (Type::Reference, Value::Bytes(id), Some(name)) => kind(name).zip(RecordId::try_from(&id[..]).ok()),
        _ => None,
    };
    let Some((kind, id)) = target else { return Ok(field.show(value, lang)) };
    Ok(match projection::get(conn, kind, &id)? {
        Some(row) => format!("{}（{}）", title(conn, &row)?, short(&id)).trim_start_matches('（').to_owned(),
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
        (Type::Choice(choices), ..) => match choices.iter().find(|c| i64::from(c.number) == n) {
            Some(choice) => choice.name.to_lowercase().into(),
            None => n.into(),
        },
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

/// A record for a program.
pub fn record(shown: &Shown) -> Json {
    json!({
        "record": shown.id.to_string(),
        "kind": shown.record.kind.name,
        "owner": u64::from(shown.place.owner),
        "fields": object(&shown.record.kind.fields, shown.record.values()),
    })
}

/// A document's value. SQL keeps a flag as a number, and so may a conflict.
pub fn value_of(field: &Field, scalar: &Scalar) -> Option<Value> {
    Some(match scalar {
        Scalar::Cleared => return None,
        Scalar::Flag(flag) => Value::Bool(*flag),
        Scalar::Number(n) if matches!(field.ty, Type::Bool) => Value::Bool(*n != 0),
        Scalar::Number(n) => Value::Int(*n),
        Scalar::Text(text) => Value::Text(text.clone()),
        Scalar::Octets(bytes) => Value::Bytes(bytes.clone()),
    })
}

/// Opens a sealed value, where this union wrote it or was granted the key: what is shown of it are its last characters.
pub fn opened(office: &Office, id: &RecordId, field: &Field, value: &Value) -> Value {
    let Value::Bytes(sealed) = value else { return value.clone() };
    if !field.sealed() {
        return value.clone();
    }
    match office.keys().open(sealed, id, field.number) {
        Ok(text) => {
            // Sealed by a peer, so that nobody on the way could look at it.
            let text = Value::Text(text.to_string());
            match field.check(&text) {
                Ok(_) => text,
                Err(_) => {
                    tracing::warn!(record = %id, field = field.name, "what is sealed is nothing this field takes");
                    value.clone()
                }
            }
        }
        Err(error) => {
            // Another union's, or another device's of this union, with a key that was not granted to this one.
            tracing::debug!(record = %id, field = field.name, %error, "a sealed value cannot be opened");
            value.clone()
        }
    }
}

/// The same for a whole record.
pub fn opened_record(office: &Office, shown: &Shown) -> Shown {
    let mut shown = shown.clone();
    for (at, field) in shown.record.kind.fields.iter().enumerate() {
        if let Some(value) = &shown.record.values()[at] {
            let value = opened(office, &shown.id, field, value);
            shown.record.put(at, Some(value));
        }
    }
    shown
}
