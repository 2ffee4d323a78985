//! The days off of a year: each said once, and of that year.

use super::*;
use crate::{
    period::Day,
    room::Room,
    rules::{CHECK, Verdict},
    v1::{Calendar, DayKind},
};

impl Room for Calendar {
    fn rules(v: &mut Verdict<'_, Calendar>) {
        let r = v.record;
        let Some(year) = r.number(YEAR).and_then(|year| i32::try_from(year).ok()) else { return };
        let mut days: Vec<(Option<Day>, bool)> = r
            .lines(DAYS)
            .map(|line| (line.get(calendar_day::DAY), line.is(calendar_day::KIND, DayKind::MakeUpDay)))
            .collect();
        days.sort_unstable();
        // A notice may name the last days of the year before.
        let (from, to) = (Day::from_ymd(year - 1, 12, 1), Day::from_ymd(year, 12, 31));
        v.refuse_if(
            days.iter().any(|(day, _)| !(from..=to).contains(day)),
            DAYS,
            ("有日期不属于该年度", "a day is not of that year"),
            CHECK,
        );
        v.refuse_if(
            days.windows(2).any(|two| two[0].0 == two[1].0),
            DAYS,
            ("同一日期出现两次", "a day is said twice"),
            CHECK,
        );
        // 1970-01-01 was a Thursday.
        let weekend = |day: Day| (i64::from(day.0) + 3).rem_euclid(7) > 4;
        v.refuse_if(
            days.iter().any(|(day, works)| *works && !day.is_some_and(weekend)),
            DAYS,
            ("补班日不是周末", "a make-up working day is not on a weekend"),
            CHECK,
        );
    }
}
