//! Time and randomness, passed in: so that the same code runs under a simulator's clock and dice.

use std::{sync::Arc, time::UNIX_EPOCH};

/// Milliseconds since 1970, UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
/// Fills a buffer with random bytes.
pub type Dice = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The machine's clock: the only place that reads it.
#[allow(clippy::disallowed_methods)]
pub fn system() -> Clock {
    Arc::new(|| {
        let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
        now.ok().and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0)
    })
}

/// The operating system's random numbers. Without them no key can be made, and nothing may go on.
pub fn dice() -> Dice {
    Arc::new(|buffer| getrandom::fill(buffer).expect("the operating system gives random numbers"))
}

/// A moment as it is written in China.
pub fn moment(millis: i64) -> String {
    let minutes = (millis + 8 * 3_600_000).div_euclid(60_000).rem_euclid(1440);
    format!("{} {:02}:{:02}", day(millis), minutes / 60, minutes % 60)
}

/// The day it is in China.
pub fn day(now_ms: i64) -> huiliu_proto::period::Day {
    const CHINA: i64 = 8 * 3_600_000;
    huiliu_proto::period::Day(i32::try_from((now_ms + CHINA).div_euclid(86_400_000)).unwrap_or(0))
}
