//! Days and months of the civil calendar. No clock: what day it is, the caller says.

use std::{fmt, str::FromStr};

use unicode_normalization::UnicodeNormalization as _;

/// Days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// `year * 12 + month - 1`, so that months can be counted and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub i32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    #[error("not written as a date or month")]
    Form,
    #[error("no such day or month in the calendar")]
    Calendar,
}

fn leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_length(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

impl Day {
    /// `None` for a day that is not in the calendar, or outside the years 1 to 9999.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Day> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > month_length(year, month) {
            return None;
        }
        // Years are counted from 1 March, so that the leap day is a year's last.
        let (month, day) = (month as i32, day as i32);
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Day(era * 146_097 + day_of_era - 719_468))
    }

    /// Year, month 1 to 12, day 1 to 31.
    pub fn ymd(self) -> (i32, u32, u32) {
        let shifted = i64::from(self.0) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        // An i32 of days spans under six million years either way.
        (year as i32, month as u32, day as u32)
    }

    pub fn year(self) -> i32 {
        self.ymd().0
    }

    pub fn month(self) -> Month {
        let (year, month, _) = self.ymd();
        Month(year * 12 + month as i32 - 1)
    }

    /// `None` where the result does not fit.
    pub fn plus_days(self, days: i32) -> Option<Day> {
        self.0.checked_add(days).map(Day)
    }
}

impl Month {
    pub fn from_ym(year: i32, month: u32) -> Option<Month> {
        ((1..=9999).contains(&year) && (1..=12).contains(&month)).then(|| Month(year * 12 + month as i32 - 1))
    }

    pub fn year(self) -> i32 {
        self.0.div_euclid(12)
    }

    /// 1 to 12.
    pub fn number(self) -> u32 {
        self.0.rem_euclid(12) as u32 + 1
    }

    /// `None` outside the years 1 to 9999.
    pub fn first_day(self) -> Option<Day> {
        Day::from_ymd(self.year(), self.number(), 1)
    }

    pub fn last_day(self) -> Option<Day> {
        Day::from_ymd(self.year(), self.number(), month_length(self.year(), self.number()))
    }

    pub fn plus_months(self, months: i32) -> Option<Month> {
        self.0.checked_add(months).map(Month)
    }
}

/// Age in full years (周岁): it goes up on the birthday itself, and for those born on 29 February in other years on
/// 1 March. Negative before birth.
pub fn age_on(born: Day, day: Day) -> i32 {
    let (born_year, born_month, born_day) = born.ymd();
    let (year, month, today) = day.ymd();
    year - born_year - i32::from((month, today) < (born_month, born_day))
}

/// The numbers of `2026-03-31`, `2026/3/31`, `2026.3.31`, `2026年3月31日`, or of the same without a day.
fn numbers(typed: &str) -> Result<Vec<u32>, PeriodError> {
    let text: String = typed.nfkc().filter(|c| !c.is_whitespace()).collect();
    // At most a dozen characters are a date; the rest is not worth looking at.
    if text.len() > 24 {
        return Err(PeriodError::Form);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let parts = match text.len() {
            8 => vec![&text[..4], &text[4..6], &text[6..]],
            6 => vec![&text[..4], &text[4..]],
            _ => return Err(PeriodError::Form),
        };
        return parts.into_iter().map(|p| p.parse().map_err(|_| PeriodError::Form)).collect();
    }
    let separated = if text.contains('年') {
        let marks: String = text.chars().filter(|c| "年月日号".contains(*c)).collect();
        if !matches!(marks.as_str(), "年月日" | "年月号" | "年月") {
            return Err(PeriodError::Form);
        }
        text.trim_end_matches(['日', '号', '月']).replace(['年', '月'], "-")
    } else if text.contains('/') {
        text.replace('/', "-")
    } else {
        text.replace('.', "-")
    };
    let parts: Vec<&str> = separated.split('-').collect();
    let well_formed = parts[0].len() == 4
        && parts.iter().all(|p| (1..=4).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
        && parts[1..].iter().all(|p| p.len() <= 2);
    if !well_formed {
        return Err(PeriodError::Form);
    }
    parts.into_iter().map(|p| p.parse().map_err(|_| PeriodError::Form)).collect()
}

impl FromStr for Day {
    type Err = PeriodError;

    fn from_str(typed: &str) -> Result<Self, PeriodError> {
        match numbers(typed)?[..] {
            [year, month, day] => Day::from_ymd(year as i32, month, day).ok_or(PeriodError::Calendar),
            _ => Err(PeriodError::Form),
        }
    }
}

impl FromStr for Month {
    type Err = PeriodError;

    fn from_str(typed: &str) -> Result<Self, PeriodError> {
        match numbers(typed)?[..] {
            [year, month] => Month::from_ym(year as i32, month).ok_or(PeriodError::Calendar),
            _ => Err(PeriodError::Form),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(s: &str) -> Day {
        s.parse().expect("a date of this test")
    }

    #[test]
    fn reads_the_ways_a_date_is_written() {
        for typed in ["2026-03-31", "2026/3/31", "20260331", "2026年3月31日", "２０２６－０３－３１", " 2026.3.31 "]
        {
            assert_eq!(typed.parse(), Ok(Day(20_543)), "{typed}");
        }
        for typed in ["2026-03", "2026/3", "202603", "2026年3月"] {
            assert_eq!(typed.parse(), Ok(Month(2026 * 12 + 2)), "{typed}");
        }
        assert_eq!(day("1970-01-01"), Day(0));
    }

    #[test]
    fn refuses_what_is_no_date() {
        for typed in ["2026-02-29", "2026-13-01", "20260230", "0000-01-01"] {
            assert_eq!(typed.parse::<Day>(), Err(PeriodError::Calendar), "{typed}");
        }
        for typed in ["", "-", "2026", "26-3-31", "2026-3-31-1", "2026-003-1", "2026月3年31日", "31/3/2026", "年月日"]
        {
            assert_eq!(typed.parse::<Day>(), Err(PeriodError::Form), "{typed}");
        }
    }

    #[test]
    fn a_month_knows_its_days() {
        let february: Month = "2024-02".parse().expect("a month");
        assert_eq!(february.first_day(), Some(day("2024-02-01")));
        assert_eq!(february.last_day(), Some(day("2024-02-29")));
        assert_eq!(day("2024-02-29").month(), february);
        assert_eq!(february.plus_months(-2).map(|m| m.to_string()).as_deref(), Some("2023-12"));
    }

    #[test]
    fn age_goes_up_on_the_birthday() {
        let born = day("1957-06-15");
        assert_eq!(age_on(born, day("2025-06-14")), 67);
        assert_eq!(age_on(born, day("2025-06-15")), 68);
        let leap_day = day("1960-02-29");
        assert_eq!(age_on(leap_day, day("2025-02-28")), 64);
        assert_eq!(age_on(leap_day, day("2025-03-01")), 65);
    }

    proptest! {
        #[test]
        fn every_day_comes_back(n in -719_162..2_932_896i32) {
            let (y, m, d) = Day(n).ymd();
            prop_assert_eq!(Day::from_ymd(y, m, d), Some(Day(n)));
            prop_assert_eq!(Day(n).to_string().parse(), Ok(Day(n)));
        }

        #[test]
        fn never_panics(typed in "\\PC*", n: i32) {
            let _ = typed.parse::<Day>();
            let _ = typed.parse::<Month>();
            let _ = (Day(n).to_string(), Month(n).to_string(), Month(n).last_day(), Day(n).month());
        }
    }
}
