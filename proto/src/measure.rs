//! Measures (指标), and how a record says what it adds to them.
//!
//! A total is kept per union (with everything below it) and month, as what changed within that month. A flow is summed
//! over the months asked for; a stock is summed over all months up to the one asked for. Each kind's room declares its
//! measures and says what a record adds (`room`); here is only what several kinds share.

use std::sync::OnceLock;

use crate::{handle::Declared, kind::Reach, lang::Label, period::Day, room::rooms};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Things that happen: so many in a month.
    Flow,
    /// Things that are there: so many at the end of a month.
    Stock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Fen,
}

#[derive(Debug, Clone)]
pub struct Measure {
    pub number: u32,
    /// Stable name, for programs.
    pub name: String,
    pub label: Label,
    pub nature: Nature,
    pub unit: Unit,
    /// How far the records it comes from travel: beyond that, a statement carries it.
    pub reach: Reach,
}

impl Measure {
    /// A measure that records of kind `K` add to.
    pub fn of<K: Declared>(number: u32, name: &str, (zh, en): (&str, &str), nature: Nature, unit: Unit) -> Measure {
        let reach = K::kind().reach;
        Measure { number, name: name.into(), label: Label::new(zh, en), nature, unit, reach }
    }
}

/// What comes in, less what goes out: every kind of money adds to it.
pub const BALANCE: u32 = 45;

/// All measures, in the order in which they are shown.
pub fn measures() -> &'static [Measure] {
    static ALL: OnceLock<Vec<Measure>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = vec![Measure {
            number: BALANCE,
            name: "balance".into(),
            label: Label::new("结余", "balance"),
            nature: Nature::Stock,
            unit: Unit::Fen,
            reach: Reach::Nation,
        }];
        all.extend(rooms().flat_map(|room| (room.measures)()));
        all.sort_by_key(|measure| measure.number);
        all
    })
}

pub fn measure(number: u32) -> Option<&'static Measure> {
    measures().iter().find(|m| m.number == number)
}

/// What a record adds: measure, month, amount.
pub type Part = (u32, i32, i128);

/// What one record adds, as its room writes it down.
#[derive(Default)]
pub struct Parts(Vec<Part>);

impl Parts {
    /// An amount in the month of a day; nothing where either is not said.
    pub fn add(&mut self, measure: u32, on: Option<Day>, amount: Option<impl Into<i128>>) {
        if let (Some(on), Some(amount)) = (on, amount.map(Into::into))
            && amount != 0
        {
            self.0.push((measure, on.month().0, amount));
        }
    }

    /// One more from the month of `from` on, one less from the month in which the day after `last` falls: so that the sum
    /// up to a month is how many are there at its end.
    pub fn stand(&mut self, measure: u32, from: Day, last: Option<Day>) {
        if last.is_some_and(|last| last < from) {
            return;
        }
        self.0.push((measure, from.month().0, 1));
        if let Some(last) = last {
            self.0.push((measure, Day(last.0.saturating_add(1)).month().0, -1));
        }
    }

    pub fn into_parts(self) -> Vec<Part> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::Month;

    #[test]
    fn a_stock_is_right_at_the_end_of_each_month() {
        let day = |text: &str| text.parse::<Day>().expect("a day");
        let at_end = |parts: &[Part], month: &str| {
            let month = month.parse::<Month>().expect("a month").0;
            parts.iter().filter(|p| p.1 <= month).map(|p| p.2).sum::<i128>()
        };
        let stood = |from: &str, last: &str| {
            let mut parts = Parts::default();
            parts.stand(1, day(from), Some(day(last)));
            parts.into_parts()
        };
        let parts = stood("2025-01-15", "2025-06-30");
        for (month, expected) in [("2024-12", 0), ("2025-01", 1), ("2025-06", 1), ("2025-07", 0)] {
            assert_eq!(at_end(&parts, month), expected, "{month}");
        }
        assert_eq!(at_end(&stood("2025-01-15", "2025-06-29"), "2025-06"), 0);
        assert_eq!(stood("2025-01-15", "2025-01-14"), []);
    }

    #[test]
    fn numbers_and_names_are_used_once() {
        let mut numbers: Vec<u32> = measures().iter().map(|m| m.number).collect();
        let mut names: Vec<&str> = measures().iter().map(|m| m.name.as_str()).collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((numbers.len(), names.len()), (count, count));
        assert!(measures().iter().any(|m| m.number > 60), "spending by category");
    }
}
