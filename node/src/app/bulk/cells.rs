//! What the fields of a line are given, as values: texts are parsed, and names are looked up, each once.

use std::{collections::HashMap, hash::Hash};

use huiliu_proto::{
    id::RecordId,
    kind::{Field, Format, Kind, Type, kind},
    lang::Label,
    record::{Record, Refusal},
    rules::NO_SUCH_RECORD,
    value::Value,
};

use super::LineProblem;
use crate::{
    app::{find, unions},
    store::{self, View},
};

/// Names that were looked up, kept until there are so many.
const NAMES: usize = 100_000;
/// Bytes of a name that is kept.
const NAME_LENGTH: usize = 256;
/// As many problems of one record are told.
const PROBLEMS: usize = 20;

/// What a field was given, as it is typed: a text, or the lines of a table.
#[derive(Debug, PartialEq)]
pub(super) enum Given {
    Text(String),
    Lines(Vec<Vec<(usize, String)>>),
}

/// Fields by their place, and what each was given.
pub(super) type Cells = Vec<(usize, Given)>;

/// A field by its name, or by its label in either language.
pub(super) fn field_named(fields: &[Field], name: &str) -> Result<usize, LineProblem> {
    let name = name.trim_start_matches('\u{feff}').trim();
    let by_label = || fields.iter().position(|f| f.label.zh == name || f.label.en.eq_ignore_ascii_case(name));
    let at = fields.iter().position(|f| f.name == name).or_else(by_label);
    at.ok_or_else(|| LineProblem::NoField(name.to_owned()))
}

/// Which record a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    None,
    One(RecordId),
    Several,
}

/// What was looked up for one file.
#[derive(Default)]
pub(super) struct Names {
    records: HashMap<(&'static str, String), Found>,
    /// By the kind's field, its column in a table, and the text.
    unions: HashMap<(usize, Option<usize>, String), Result<Value, Refusal>>,
}

impl Names {
    /// Forgets what was looked up, where that has become much.
    pub fn bound(&mut self) {
        if self.records.len() + self.unions.len() > NAMES {
            *self = Names::default();
        }
    }
}

/// What is known of a name, looked up where it is not.
fn once<K: Eq + Hash, V: Clone>(
    known: &mut HashMap<K, V>,
    key: K,
    length: usize,
    look_up: impl FnOnce() -> store::Result<V>,
) -> store::Result<V> {
    if let Some(found) = known.get(&key) {
        return Ok(found.clone());
    }
    let found = look_up()?;
    if length <= NAME_LENGTH {
        known.insert(key, found.clone());
    }
    Ok(found)
}

/// The record of one line, and what is wrong with it.
pub(super) fn record(
    conn: &View,
    names: &mut Names,
    of: &'static Kind,
    cells: Cells,
) -> store::Result<(Record, Vec<LineProblem>)> {
    let (mut record, mut wrong) = (Record::new(of), vec![]);
    for (at, given) in cells {
        let field = &of.fields[at];
        match given {
            Given::Text(text) => match value(conn, names, (at, None), field, &text)? {
                Ok(value) => record.put(at, Some(value)),
                Err(what) => wrong.push(what),
            },
            Given::Lines(lines) => {
                let mut rows = Vec::with_capacity(lines.len());
                for (i, line) in lines.into_iter().enumerate() {
                    let mut row = vec![None; field.lines().len()];
                    for (column, text) in line {
                        match value(conn, names, (at, Some(column)), &field.lines()[column], &text)? {
                            Ok(value) => row[column] = Some(value),
                            Err(what) if wrong.len() < PROBLEMS => wrong.push(what.in_line(field, i)),
                            Err(_) => {}
                        }
                    }
                    rows.push(row);
                }
                record.put(at, Some(Value::Lines(rows)));
            }
        }
    }
    Ok((record, wrong))
}

/// What a text means in a field.
fn value(
    conn: &View,
    names: &mut Names,
    (at, column): (usize, Option<usize>),
    field: &'static Field,
    text: &str,
) -> store::Result<Result<Value, LineProblem>> {
    let Some(target) = field.reference.and_then(kind).filter(|_| matches!(field.ty, Type::Reference)) else {
        let parsed = match field.format {
            Format::Union | Format::Region => {
                let key = (at, column, text.to_owned());
                once(&mut names.unions, key, text.len(), || unions::parse(conn, field, text))?
            }
            _ => unions::parse(conn, field, text)?,
        };
        return Ok(parsed.map_err(LineProblem::Field));
    };
    Ok(match referred(conn, names, target, text.trim())? {
        Found::One(id) => Ok(Value::Bytes(id.to_vec())),
        Found::Several => Err(LineProblem::Ambiguous { field: field.name.to_owned(), typed: text.to_owned() }),
        Found::None => Err(LineProblem::Field(missing(field, target, text))),
    })
}

fn missing(field: &Field, target: &Kind, text: &str) -> Refusal {
    let (zh, en) = (&target.label.zh, &target.label.en);
    let remedy = Label::new(
        format!("请先填写该“{zh}”，或核对其编号和名称"),
        format!("write that {en} first, or compare its id and name"),
    );
    field.refuse(&Value::Text(text.trim().to_owned()), NO_SUCH_RECORD, remedy)
}

/// The record that is meant: by its whole id, or by its name or number.
fn referred(conn: &View, names: &mut Names, target: &'static Kind, typed: &str) -> store::Result<Found> {
    if let Ok(id) = typed.parse::<RecordId>() {
        // Whether it is here is asked with the other rules.
        return Ok(Found::One(id));
    }
    once(&mut names.records, (target.name, typed.to_owned()), typed.len(), || {
        Ok(match &find::named(conn, target, typed)?[..] {
            [] => Found::None,
            [one] => Found::One(one.id),
            _ => Found::Several,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_once() {
        let (mut known, mut asked) = (HashMap::new(), 0);
        for _ in 0..10_000 {
            let mut look_up = || {
                asked += 1;
                Ok(7)
            };
            assert_eq!(once(&mut known, "滨海县总工会", 18, &mut look_up).unwrap(), 7);
        }
        assert_eq!(asked, 1);
        let long = "工".repeat(NAME_LENGTH);
        once(&mut known, &long, long.len(), || Ok(8)).unwrap();
        assert_eq!(known.len(), 1, "what is long is not kept");
    }
}
