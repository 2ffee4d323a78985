//! The days off of a year: each said once, and of that year.

use super::*;
use crate::{
    period::Day,
    room::Room,
    rules::{CHECK, Rule, Verdict},
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
        let (from, to) = (Day::from_ymd(year.saturating_sub(1), 12, 1), Day::from_ymd(year, 12, 31));
        v.refuse_if(
            days.iter().any(|(day, _)| !(from..=to).contains(day)),
            DAYS,
            Rule::new("day_outside_year", "有日期不属于该年度", "a day is not of that year"),
            CHECK,
        );
        v.refuse_if(
            days.windows(2).any(|two| two[0].0 == two[1].0),
            DAYS,
            Rule::new("day_twice", "同一日期出现两次", "a day is said twice"),
            CHECK,
        );
        // 1970-01-01 was a Thursday.
        let weekend = |day: Day| (i64::from(day.0) + 3).rem_euclid(7) > 4;
        v.refuse_if(
            days.iter().any(|(day, works)| *works && !day.is_some_and(weekend)),
            DAYS,
            Rule::new("make_up_day_not_weekend", "补班日不是周末", "a make-up working day is not on a weekend"),
            CHECK,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        handle::{Draft, Row},
        record::Record,
        rules::tests::refused,
    };

    fn notice(year: i64, days: &[(&str, DayKind)]) -> Record {
        let line = |(day, kind): &(&str, DayKind)| {
            let day = day.parse::<Day>().expect("a day");
            Row::default().with(calendar_day::DAY, day).with(calendar_day::KIND, *kind)
        };
        let mut draft = Draft::<Calendar>::new();
        draft.set(YEAR, year).set(DOC_NO, "演发明电〔2026〕1号");
        draft.set(DAYS, days.iter().map(line).collect::<Vec<_>>());
        draft.into_record()
    }

    #[test]
    fn each_day_is_of_the_year_and_said_once() {
        let (off, works) = (DayKind::DayOff, DayKind::MakeUpDay);
        // A Saturday that is worked, and the last day of the year before.
        let good = [("2025-12-31", off), ("2026-01-01", off), ("2026-02-14", works)];
        assert_eq!(refused(&notice(2026, &good)), [""; 0]);
        assert_eq!(refused(&notice(2026, &[("2025-06-02", off)])), ["days"]);
        assert_eq!(refused(&notice(2026, &[("2027-01-01", off)])), ["days"]);
        assert_eq!(refused(&notice(2026, &[("2026-01-01", off), ("2026-01-01", off)])), ["days"]);
        assert_eq!(refused(&notice(2026, &[("2026-02-14", works), ("2026-02-14", off)])), ["days"]);
        assert_eq!(refused(&notice(2026, &[("2026-02-16", works)])), ["days"], "a Monday");
    }

    #[test]
    fn a_year_that_is_none_is_refused() {
        for year in [i32::MIN, i32::MAX] {
            let refused = refused(&notice(year.into(), &[("2026-01-01", DayKind::DayOff)]));
            assert!(refused.contains(&"year".to_owned()), "{refused:?}");
        }
    }
}
