//! What the checks' SQL may call beside SQLite's own functions: days, months, ages and amounts, computed and written as
//! `huiliu_proto` does. All are deterministic, give NULL for NULL or for what is no day, and never fail: a check that
//! stops at one strange value would hide all it could have found.

use huiliu_proto::{
    money::Fen,
    period::{self, Day, Month},
    union::UnionNumber,
};
use rusqlite::{
    Connection, ToSql,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

/// Adds the functions to a connection. Each connection needs it once, also a reader's.
pub fn register(conn: &Connection) -> rusqlite::Result<()> {
    // Days are numbers since 1970-01-01, months are year * 12 + month - 1.
    one(conn, "day_text", |n| Some(day(n)?.to_string()))?;
    one(conn, "month_text", |n| Some(month(n)?.to_string()))?;
    one(conn, "month_of", |n| Some(day(n)?.month().0))?;
    one(conn, "month_end", |n| Some(month(n)?.last_day()?.0))?;
    one(conn, "year_of", |n| Some(day(n)?.year()))?;
    one(conn, "year_end", |n| Some(Day::from_ymd(i32::try_from(n).ok()?, 12, 31)?.0))?;
    two(conn, "age_on", |born, on| Some(period::age_on(day(born)?, day(on)?)))?;
    two(conn, "birthday", |born, age| Some(birthday(day(born)?, i32::try_from(age).ok()?)?.0))?;
    two(conn, "workdays_after", |start, n| Some(workdays_after(day(start)?, n)?.0))?;
    // 300000 → 3,000.00
    one(conn, "yuan", |n| Some(Fen(n).to_string()))?;
    one(conn, "union_name", |n| Some(union_name(n)))
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

/// The `n`th working day after a day, Monday to Friday. Public holidays and the working weekends that make up for them
/// are proclaimed year by year and not known here: a wait counted by this can only be too short around them.
fn workdays_after(start: Day, n: i64) -> Option<Day> {
    let weekday = |day: Day| (i64::from(day.0) + 3).rem_euclid(7); // 0 is Monday: 1970-01-01 was a Thursday.
    // From a weekend the count starts as if from the Friday before.
    let start = i64::from(start.0) - (weekday(start) - 4).max(0);
    let days = n.max(0);
    let start = start.checked_add(days.div_euclid(5).checked_mul(7)?)?;
    let rest = days.rem_euclid(5);
    let friday = 4 - (start + 3).rem_euclid(7);
    day(start + rest + if rest > friday { 2 } else { 0 })
}

/// The union as it is written over the door, with the regions above it, since many counties share a name:
/// 江苏省盐城市滨海县总工会. A code that is not in the table is shown as it is.
fn union_name(code: i64) -> String {
    let Some(region) = UnionNumber::try_from(code).ok() else {
        return format!("{code:06}");
    };
    let above: Vec<_> = region.ancestors().filter(|a| *a != UnionNumber::NATION).map(UnionNumber::name).collect();
    above.into_iter().rev().collect::<String>() + &region.union_name()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn value(sql: &str) -> Option<String> {
        let conn = Connection::open_in_memory().unwrap();
        register(&conn).unwrap();
        conn.query_row(&format!("SELECT CAST({sql} AS TEXT)"), [], |row| row.get(0)).unwrap()
    }

    fn on(date: &str) -> i32 {
        date.parse::<Day>().unwrap().0
    }

    #[test]
    fn words_and_numbers() {
        for (sql, expected) in [
            ("yuan(300000)", "3,000.00"),
            ("yuan(-5)", "-0.05"),
            ("day_text(0)", "1970-01-01"),
            ("month_text(2026 * 12 + 2)", "2026-03"),
            ("month_text(month_of(20544))", "2026-04"),
            ("day_text(month_end(2024 * 12 + 1))", "2024-02-29"),
            ("day_text(year_end(2025))", "2025-12-31"),
            ("year_of(year_end(2025))", "2025"),
            ("union_name(320922)", "江苏省盐城市滨海县总工会"),
            ("union_name(100000)", "中华全国总工会"),
            ("union_name(999998)", "999998"),
        ] {
            assert_eq!(value(sql).as_deref(), Some(expected), "{sql}");
        }
        for sql in [
            "yuan(NULL)",
            "yuan(1e19)",
            "day_text('x')",
            "day_text(9999999999)",
            "month_end(-5)",
            "age_on(NULL, 1)",
            "birthday(0, 99999)",
        ] {
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
        Day(on(date))
    }

    #[test]
    fn working_days_skip_weekends() {
        // 2026-04-03 was a Friday.
        for (start, n, expected) in [
            ("2026-04-03", 1, "2026-04-06"),
            ("2026-04-04", 1, "2026-04-06"),
            ("2026-04-05", 5, "2026-04-10"),
            ("2026-04-01", 3, "2026-04-06"),
            ("2026-04-01", 20, "2026-04-29"),
            ("2026-04-01", 0, "2026-04-01"),
            ("2026-04-04", 0, "2026-04-03"),
        ] {
            assert_eq!(workdays_after(on_day(start), n).unwrap().to_string(), expected, "{start} + {n}");
        }
    }

    #[test]
    fn working_days_agree_with_counting() {
        for start in on("2026-04-01")..on("2026-04-15") {
            for n in 1..30 {
                let (mut day, mut left) = (start, n);
                while left > 0 {
                    day += 1;
                    left -= i64::from((day + 3).rem_euclid(7) < 5);
                }
                assert_eq!(workdays_after(Day(start), n), Some(Day(day)), "{start} + {n}");
            }
        }
    }
}
