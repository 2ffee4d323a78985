//! Runs the queries of a check: their text is the check's own, their names are those of the projection.

use rusqlite::{Row, types::ValueRef};

use super::{Fault, View};

/// One line of what a query gives.
pub struct Line<'a> {
    row: &'a Row<'a>,
    columns: &'a [String],
}

/// A value as the database has it. A number that left the range of whole numbers is none of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Nothing,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Odd,
}

impl Line<'_> {
    /// `None` where the query has no such column.
    pub fn value(&self, column: &str) -> Option<Value> {
        let at = self.columns.iter().position(|name| name == column)?;
        Some(self.row.get_ref(at).map_or(Value::Odd, |value| match value {
            ValueRef::Null => Value::Nothing,
            ValueRef::Integer(n) => Value::Number(n),
            ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
            ValueRef::Real(_) => Value::Odd,
        }))
    }
}

/// Runs a query with these values for its named parameters, of which it need not use all, and hands over each line. The
/// error says what ended it too early.
pub fn query(conn: &View, sql: &str, parameters: &[(&str, i64)], mut each: impl FnMut(&Line<'_>)) -> Result<(), Fault> {
    let mut statement = conn.prepare(sql)?;
    for (name, value) in parameters {
        if let Some(place) = statement.parameter_index(&format!(":{name}"))? {
            statement.raw_bind_parameter(place, value)?;
        }
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        each(&Line { row, columns: &columns });
    }
    Ok(())
}
