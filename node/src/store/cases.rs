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
/// error says what ended it too early: among others that it took more than `most` steps of SQLite's.
pub fn query(
    conn: &View,
    sql: &str,
    parameters: &[(&str, i64)],
    most: u64,
    each: impl FnMut(&Line<'_>),
) -> Result<(), Fault> {
    conn.measured(most, || run(conn, sql, parameters, each))
}

fn run(conn: &View, sql: &str, parameters: &[(&str, i64)], mut each: impl FnMut(&Line<'_>)) -> Result<(), Fault> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Cause, Database};

    /// How many lines came, and what ended it.
    fn lines(conn: &View, sql: &str, most: u64) -> (usize, Option<Cause>) {
        let mut lines = 0;
        let ended = query(conn, sql, &[("most", 1_000_000)], most, |_| lines += 1);
        (lines, ended.err().map(|fault| fault.cause()))
    }

    #[test]
    fn a_query_without_end_is_ended_and_the_next_is_not() {
        let conn = Database::in_memory().unwrap();
        let endless = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT max(n) FROM n";
        assert_eq!(lines(&conn, endless, 1_000_000), (0, Some(Cause::Halted)));
        // The same number of steps, the same number of lines, whatever the machine.
        let many = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :most) SELECT n FROM n";
        let some = lines(&conn, many, 1_000_000);
        assert!(some.0 > 0 && some.0 < 1_000_000 && some.1 == Some(Cause::Halted), "{some:?}");
        assert_eq!(lines(&conn, many, 1_000_000), some);
        assert_eq!(lines(&conn, many, 1 << 40), (1_000_000, None));
        // What others ask of the connection is not measured.
        assert_eq!(lines(&conn, endless, 0), (0, Some(Cause::Halted)));
        let all: i64 = conn.query_row(&many.replace(":most", "1000000"), [], |_| Ok(1)).unwrap();
        assert_eq!(all, 1);
    }
}
