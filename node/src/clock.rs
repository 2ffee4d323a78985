//! Time and randomness, passed in: so that the same code runs under a simulator's clock and random numbers.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use huiliu_proto::period::Day;

/// Milliseconds since 1970, UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
/// Fills a buffer with random bytes.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The machine's clock: the only place that reads it.
#[allow(clippy::disallowed_methods)]
pub fn system() -> Clock {
    Arc::new(|| {
        let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
        now.ok().and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0)
    })
}

/// The operating system's random numbers. Without them no key can be made, and nothing may go on.
pub fn random() -> Random {
    Arc::new(|buffer| getrandom::fill(buffer).expect("the operating system gives random numbers"))
}

/// The years that a device may claim to write in, 1900 to 2199: those that a date may be of (`options.proto`).
pub const YEARS: Range<i64> = -2_208_988_800_000..7_258_118_400_000;

/// A moment of those years: the one that a clock tells, or the first or last of them where it is false.
pub fn claim(now: i64) -> i64 {
    now.clamp(YEARS.start, YEARS.end - 1)
}

const CHINA: i64 = 8 * 3_600_000;
const DAY: i64 = 86_400_000;

/// A moment as it is written in China. One outside the calendar, which only a device with no clock or a false one
/// claims, is shown as the number it is.
pub fn moment(millis: i64) -> String {
    match in_calendar(millis) {
        Some(day) => {
            let minutes = (millis + CHINA).rem_euclid(DAY) / 60_000;
            format!("{day} {:02}:{:02}", minutes / 60, minutes % 60)
        }
        None => format!("{millis} ms"),
    }
}

/// The day it is in China; of a moment outside the calendar the first or last day in it.
pub fn day(now_ms: i64) -> Day {
    let edge = if now_ms < 0 { Day::from_ymd(1, 1, 1) } else { Day::from_ymd(9999, 12, 31) };
    in_calendar(now_ms).or(edge).unwrap_or(Day(0))
}

/// How long it is until the next day begins in China.
pub fn until_next_day(now_ms: i64) -> Duration {
    let passed = now_ms.rem_euclid(DAY) + CHINA;
    Duration::from_millis((DAY - passed.rem_euclid(DAY)).unsigned_abs())
}

fn in_calendar(millis: i64) -> Option<Day> {
    let day = Day(i32::try_from(millis.checked_add(CHINA)?.div_euclid(DAY)).ok()?);
    (Day::from_ymd(1, 1, 1)? <= day && day <= Day::from_ymd(9999, 12, 31)?).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_moment_can_be_shown() {
        assert_eq!(moment(0), "1970-01-01 08:00");
        assert_eq!(moment(1_774_936_800_000), "2026-03-31 14:00");
        assert_eq!(moment(-1), "1970-01-01 07:59");
        for far in [i64::MAX, i64::MIN, i64::MAX - CHINA, 1 << 60] {
            assert_eq!(moment(far), format!("{far} ms"));
        }
        assert_eq!((day(i64::MAX).to_string(), day(i64::MIN).to_string()), ("9999-12-31".into(), "0001-01-01".into()));
    }

    #[test]
    fn a_day_ends_at_midnight_in_china() {
        let hours = |now: i64| until_next_day(now).as_secs() / 3600;
        assert_eq!((hours(0), hours(8 * 3_600_000), hours(16 * 3_600_000), hours(-8 * 3_600_000)), (16, 8, 24, 24));
        assert!(
            [i64::MIN, i64::MAX].iter().all(|far| (1..=24).contains(&until_next_day(*far).as_secs().div_ceil(3600)))
        );
    }
}
