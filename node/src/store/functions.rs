//! What the checks' SQL may call beside what SQLite and PostgreSQL both have: months, ages, and the smallest and largest of
//! several. All are deterministic, give NULL for NULL or for what is no day, and never fail: a check that stops at one
//! strange value would hide all it could have found. `node/tests/checks/postgresql.sh` has the same for
//! PostgreSQL.

use huiliu_proto::period::{self, Day, Month};
use rusqlite::{
    Connection, ToSql,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

/// The functions that `register` adds. Days are numbers since 1970-01-01, months are year * 12 + month - 1.
pub const NAMES: [&str; 8] =
    ["month_of", "month_end", "year_of", "year_end", "age_on", "birthday", "least", "greatest"];

/// Adds the functions to a connection. Each connection needs it once, also a reader's.
pub fn register(conn: &Connection) -> rusqlite::Result<()> {
    one(conn, "month_of", |n| Some(day(n)?.month().0))?;
    one(conn, "month_end", |n| Some(month(n)?.last_day()?.0))?;
    one(conn, "year_of", |n| Some(day(n)?.year()))?;
    one(conn, "year_end", |n| Some(Day::from_ymd(i32::try_from(n).ok()?, 12, 31)?.0))?;
    two(conn, "age_on", |born, on| Some(period::age_on(day(born)?, day(on)?)))?;
    two(conn, "birthday", |born, age| Some(birthday(day(born)?, i32::try_from(age).ok()?)?.0))?;
    // As PostgreSQL has them: what is NULL is passed over.
    any(conn, "least", |numbers| numbers.min())?;
    any(conn, "greatest", |numbers| numbers.max())
}

fn day(n: i64) -> Option<Day> {
    i32::try_from(n).ok().map(Day)
}

fn month(n: i64) -> Option<Month> {
    i32::try_from(n).ok().map(Month)
}

/// The first day on which someone born that day is `age` full years old; for 29 February in other years 1 March.
fn birthday(born: Day, age: i32) -> Option<Day> {
    let (year, month, date) = born.ymd();
    let year = year.checked_add(age)?;
    Day::from_ymd(year, month, date).or_else(|| Day::from_ymd(year, 3, 1))
}

const FLAGS: FunctionFlags =
    FunctionFlags::SQLITE_UTF8.union(FunctionFlags::SQLITE_DETERMINISTIC).union(FunctionFlags::SQLITE_INNOCUOUS);

/// A sum that left the range of whole numbers comes in as a float, and is no number here.
fn whole(ctx: &Context<'_>, at: usize) -> Option<i64> {
    match ctx.get_raw(at) {
        ValueRef::Integer(n) => Some(n),
        _ => None,
    }
}

fn one<T: ToSql + 'static>(conn: &Connection, name: &str, f: fn(i64) -> Option<T>) -> rusqlite::Result<()> {
    conn.create_scalar_function(name, 1, FLAGS, move |ctx| Ok(whole(ctx, 0).and_then(f)))
}

fn two<T: ToSql + 'static>(conn: &Connection, name: &str, f: fn(i64, i64) -> Option<T>) -> rusqlite::Result<()> {
    conn.create_scalar_function(name, 2, FLAGS, move |ctx| {
        Ok(whole(ctx, 0).zip(whole(ctx, 1)).and_then(|(a, b)| f(a, b)))
    })
}

fn any(conn: &Connection, name: &str, f: fn(&mut dyn Iterator<Item = i64>) -> Option<i64>) -> rusqlite::Result<()> {
    conn.create_scalar_function(name, -1, FLAGS, move |ctx| Ok(f(&mut (0..ctx.len()).filter_map(|at| whole(ctx, at)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(sql: &str) -> Option<String> {
        let conn = Connection::open_in_memory().unwrap();
        register(&conn).unwrap();
        conn.query_row(&format!("SELECT CAST({sql} AS TEXT)"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn months_years_and_the_largest() {
        for (sql, expected) in [
            ("month_of(20544)", 2026 * 12 + 3),
            ("month_end(2024 * 12 + 1)", on_day("2024-02-29").0),
            ("year_end(2025)", on_day("2025-12-31").0),
            ("year_of(year_end(2025))", 2025),
            ("least(3, NULL, 2)", 2),
            ("greatest(-3, NULL)", -3),
        ] {
            assert_eq!(value(sql), Some(expected.to_string()), "{sql}");
        }
        for sql in
            ["month_of('x')", "month_of(1e19)", "month_end(-5)", "age_on(NULL, 1)", "birthday(0, 99999)", "least(NULL)"]
        {
            assert_eq!(value(sql), None, "{sql}");
        }
    }

    #[test]
    fn a_birthday_is_the_first_day_of_its_age() {
        for (born, age, expected) in [("1960-03-15", 66, "2026-03-15"), ("1960-02-29", 66, "2026-03-01")] {
            let first = birthday(on_day(born), age).unwrap();
            assert_eq!(first.to_string(), expected);
            assert_eq!(period::age_on(on_day(born), first), age);
            assert_eq!(period::age_on(on_day(born), first.plus_days(-1).unwrap()), age - 1);
        }
    }

    fn on_day(date: &str) -> Day {
        date.parse().unwrap()
    }
}
