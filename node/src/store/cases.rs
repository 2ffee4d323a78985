//! Runs the query of a check: its text is the check's own, its names are those of the projection.

use rusqlite::{Row, types::FromSql};

use super::{Fault, View};

/// One line of what a query gives.
pub struct Line<'a>(&'a Row<'a>);

impl Line<'_> {
    /// `None` where nothing stands there.
    pub fn text(&self, column: &str) -> Result<Option<String>, Fault> {
        self.get(column)
    }

    pub fn number(&self, column: &str) -> Result<Option<i64>, Fault> {
        self.get(column)
    }

    fn get<T: FromSql>(&self, column: &str) -> Result<Option<T>, Fault> {
        Ok(self.0.get(column)?)
    }
}

/// Runs a query with these values for its named parameters, of which it need not use all, and hands over each line.
pub fn query(conn: &View, sql: &str, parameters: &[(&str, i64)], mut each: impl FnMut(&Line<'_>)) -> Result<(), Fault> {
    let mut statement = conn.prepare(sql)?;
    for (name, value) in parameters {
        if let Some(place) = statement.parameter_index(&format!(":{name}"))? {
            statement.raw_bind_parameter(place, value)?;
        }
    }
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        each(&Line(row));
    }
    Ok(())
}
