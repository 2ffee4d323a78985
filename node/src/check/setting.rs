//! Which number of a parameter holds on which days, and who set it.
//!
//! The check's own number holds until somebody sets another. The national and the provincial unions publish for themselves
//! and everyone below; what one of them has set, a later one can only make stricter. A union's own number, for the checks it
//! runs itself, is never laxer than what holds for it.

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
    let mut changes: Vec<Day> =
        of.iter().flat_map(|p| [Some(p.from), p.until.and_then(|day| day.plus_days(1))]).flatten().collect();
    changes.retain(|day| (FIRST..=LAST).contains(day));
    changes.push(FIRST);
    changes.sort();
    changes.dedup();
    let mut settings: Vec<Setting> = vec![];
    for (at, since) in changes.iter().enumerate() {
        let until = changes.get(at + 1).and_then(|next| next.plus_days(-1)).unwrap_or(LAST);
        let (value, source) = on(parameter, &of, *since);
        match settings.last_mut() {
            Some(before) if before.value == value && before.source == source => before.until = until,
            _ => settings.push(Setting { name: parameter.name, since: *since, until, value, source }),
        }
    }
    settings
}

/// What holds on one day.
fn on(parameter: &Parameter, published: &[&Published], day: Day) -> (i64, Source) {
    let (mut value, mut source) = (parameter.default, Source::Built);
    // Of each union and manner the last word that holds that day: the one from the latest day, of those the latest made.
    let mut at = 0;
    while let Some(first) = published.get(at) {
        let group = published[at..].iter().take_while(|p| p.by == first.by && p.downwards == first.downwards).count();
        let holding =
            published[at..at + group].iter().filter(|p| p.from <= day && p.until.is_none_or(|until| day <= until));
        if let Some(one) = holding.max_by_key(|p| (p.from, p.record)) {
            let free = one.downwards && source == Source::Built;
            if free || as_strict(parameter.stricter, one.value, value) {
                value = one.value;
                source = Source::Set { by: one.by, record: one.record, doc_no: one.doc_no.clone() };
            }
        }
        at += group;
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
}
