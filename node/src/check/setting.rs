//! Which number of a parameter holds on which days, and who set it.
//!
//! The check's own number holds until somebody sets another. The national and the provincial unions publish for themselves
//! and everyone below; what one of them has set, a later one can only make stricter. A union's own number, for the checks it
//! runs itself, is never laxer than what holds for it.

use std::collections::{BTreeMap, BTreeSet};

use huiliu_proto::{id::RecordId, period::Day, union::UnionNumber};

use super::{Parameter, Stricter};
use crate::store::parameters::Published;

/// All days that a date may be of: 1900 to 2199.
pub const FIRST: Day = Day(-25_567);
pub const LAST: Day = Day(84_005);

/// One number, for the days it holds, the last included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub since: Day,
    pub until: Day,
    pub value: i64,
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The check's own.
    Built,
    Set {
        by: UnionNumber,
        record: RecordId,
        doc_no: String,
    },
}

impl Setting {
    pub fn holds(&self, day: Day) -> bool {
        (self.since..=self.until).contains(&day)
    }
}

/// Whether `value` asks no less than `other` does.
fn as_strict(stricter: Stricter, value: i64, other: i64) -> bool {
    match stricter {
        Stricter::Less => value <= other,
        Stricter::More => value >= other,
    }
}

/// The numbers of one parameter through all days. `published` from the top down, as the store gives it.
pub fn resolve(parameter: &Parameter, published: &[Published]) -> Vec<Setting> {
    let of: Vec<&Published> = published.iter().filter(|p| p.name == parameter.name).collect();
    // Of each union and manner those that hold, from the top down: the last of them is its word. What it is, is looked at
    // anew on the days on which one begins to hold or has ceased to.
    let mut groups: Vec<BTreeSet<(Day, RecordId, usize)>> = vec![];
    let mut changes: BTreeMap<Day, Vec<(usize, usize, bool)>> = BTreeMap::from([(FIRST, vec![])]);
    for (at, one) in of.iter().enumerate() {
        let same = at.checked_sub(1).is_some_and(|n| (of[n].by, of[n].downwards) == (one.by, one.downwards));
        if !same {
            groups.push(BTreeSet::new());
        }
        let (begins, ceases) = (one.from.max(FIRST), one.until.and_then(|day| day.plus_days(1)));
        if begins > LAST || ceases.is_some_and(|day| day <= begins) {
            continue;
        }
        changes.entry(begins).or_default().push((groups.len() - 1, at, true));
        if let Some(day) = ceases.filter(|day| *day <= LAST) {
            changes.entry(day).or_default().push((groups.len() - 1, at, false));
        }
    }
    let days: Vec<Day> = changes.keys().copied().collect();
    let mut settings: Vec<Setting> = vec![];
    for (n, (since, changed)) in changes.into_iter().enumerate() {
        for (group, at, holds) in changed {
            let key = (of[at].from, of[at].record, at);
            if holds {
                groups[group].insert(key);
            } else {
                groups[group].remove(&key);
            }
        }
        let words = groups.iter().filter_map(|group| group.last()).map(|(_, _, at)| of[*at]);
        let (value, source) = on(parameter, words);
        let until = days.get(n + 1).and_then(|next| next.plus_days(-1)).unwrap_or(LAST);
        match settings.last_mut() {
            Some(before) if before.value == value && before.source == source => before.until = until,
            _ => settings.push(Setting { name: parameter.name, since, until, value, source }),
        }
    }
    settings
}

/// What holds where these are the words that hold: the one from the latest day of each union and manner, of those the latest
/// made, from the top down.
fn on<'p>(parameter: &Parameter, words: impl Iterator<Item = &'p Published>) -> (i64, Source) {
    let (mut value, mut source) = (parameter.default, Source::Built);
    for one in words {
        let free = one.downwards && source == Source::Built;
        if free || as_strict(parameter.stricter, one.value, value) {
            value = one.value;
            source = Source::Set { by: one.by, record: one.record, doc_no: one.doc_no.clone() };
        }
    }
    (value, source)
}

#[cfg(test)]
mod tests {
    use huiliu_proto::lang::Label;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn published(n: u8, by: u64, value: i64, from: &str, until: Option<&str>, downwards: bool) -> Published {
        Published {
            by: by.try_into().unwrap(),
            record: RecordId([n; 16]),
            name: "grace".into(),
            value,
            from: day(from),
            until: until.map(day),
            doc_no: format!("{n}号"),
            downwards,
        }
    }

    /// The numbers and the day each begins, without the first.
    fn told(published: &[Published]) -> String {
        let grace = Parameter { name: "grace", default: 20, stricter: Stricter::Less, label: Label::default() };
        let settings = resolve(&grace, published);
        assert_eq!((settings[0].since, settings.last().map(|s| s.until)), (FIRST, Some(LAST)));
        assert!(settings.windows(2).all(|w| w[0].until.plus_days(1) == Some(w[1].since)), "no gap");
        let parts: Vec<String> = settings.iter().map(|s| format!("{} {}", s.since, s.value)).collect();
        parts.join(", ").replace("1900-01-01 ", "")
    }

    #[test]
    fn what_holds_on_which_day() {
        assert_eq!(told(&[]), "20");
        let nation = |n, value, from| published(n, 100_000, value, from, None, true);
        let province = |n, value, from| published(n, 320_000, value, from, None, true);
        assert_eq!(told(&[nation(1, 30, "2026-07-01")]), "20, 2026-07-01 30");
        // The later day holds, whichever was made first; of one day the later made.
        assert_eq!(
            told(&[nation(1, 25, "2027-01-01"), nation(2, 30, "2026-07-01")]),
            "20, 2026-07-01 30, 2027-01-01 25"
        );
        assert_eq!(told(&[nation(1, 25, "2027-01-01"), nation(2, 22, "2027-01-01")]), "20, 2027-01-01 22");
        // For some weeks only; then what was before holds again.
        let weeks = published(2, 100_000, 40, "2027-02-01", Some("2027-02-28"), true);
        assert_eq!(told(&[nation(1, 25, "2027-01-01"), weeks]), "20, 2027-01-01 25, 2027-02-01 40, 2027-03-01 25");
        // A province is free where the nation has said nothing, and then only stricter.
        assert_eq!(told(&[province(2, 30, "2026-07-01")]), "20, 2026-07-01 30");
        assert_eq!(
            told(&[nation(1, 15, "2027-01-01"), province(2, 30, "2026-07-01")]),
            "20, 2026-07-01 30, 2027-01-01 15"
        );
        assert_eq!(told(&[nation(1, 15, "2027-01-01"), province(2, 10, "2026-07-01")]), "20, 2026-07-01 10");
        // A county is stricter than whatever holds for it, or is not heard.
        let county = |value| published(3, 320_922, value, "2026-01-01", None, false);
        assert_eq!(told(&[county(30)]), "20");
        assert_eq!(told(&[county(10)]), "20, 2026-01-01 10");
        assert_eq!(told(&[nation(1, 5, "2027-01-01"), county(10)]), "20, 2026-01-01 10, 2027-01-01 5");
    }

    /// Days outside all that are known, and days that never come.
    #[test]
    fn odd_days_hold_nothing_up() {
        let nation = |from, until| published(1, 100_000, 30, from, until, true);
        assert_eq!(told(&[nation("1850-01-01", None)]), "30");
        assert_eq!(told(&[nation("1850-01-01", Some("1899-12-31"))]), "20");
        assert_eq!(told(&[nation("2026-02-01", Some("2026-01-01"))]), "20");
        assert_eq!(told(&[nation("2200-01-01", None)]), "20");
        assert_eq!(told(&[nation("2199-12-31", Some("2300-01-01"))]), "20, 2199-12-31 30");
    }

    /// Many words of one union cost no more than to sort them.
    #[test]
    fn very_many_words() {
        let of = |n: i32| {
            let mut one = published(1, 100_000, i64::from(n % 7), "2026-01-01", None, true);
            one.record = RecordId(std::array::from_fn(|at| n.to_be_bytes()[at % 4]));
            (one.from, one.until) = (Day(FIRST.0 + n), Some(Day(FIRST.0 + n + 30_000)));
            one
        };
        let many: Vec<Published> = (0..50_000).map(of).collect();
        let grace = Parameter { name: "grace", default: 20, stricter: Stricter::Less, label: Label::default() };
        assert_eq!(resolve(&grace, &many).len(), 50_000 + 1);
    }
}
