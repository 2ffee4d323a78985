//! What unions are called, and which one a person means: by number, region code, full or short name, or the initials of its
//! pinyin.
//!
//! The built-in directory knows the unions from the nation down to the county. Those that they registered below themselves are
//! put in by whoever has their records. Nothing here reads a store.

use std::collections::BTreeMap;

use pinyin::ToPinyinMulti as _;
use unicode_normalization::UnicodeNormalization as _;

use crate::union::UnionNumber;

/// What a registered union is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    pub name: String,
    pub short: Option<String>,
}

/// Whom a person means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    One(UnionNumber),
    /// In order of their numbers.
    Several(Vec<UnionNumber>),
    Nobody,
}

impl Found {
    /// Of all that fit, each once.
    fn of(mut fit: Vec<UnionNumber>) -> Found {
        fit.retain(|union| union.has_union());
        fit.sort_unstable();
        fit.dedup();
        match fit[..] {
            [] => Found::Nobody,
            [only] => Found::One(only),
            _ => Found::Several(fit),
        }
    }

    /// Where a union and some below it are called so, it is meant: what it registers often begins with its name.
    fn topmost(self) -> Found {
        match self {
            Found::Several(fit) => {
                let below = |union: &UnionNumber| union.ancestors().any(|above| fit.binary_search(&above).is_ok());
                Found::of(fit.iter().copied().filter(|union| !below(union)).collect())
            }
            found => found,
        }
    }
}

/// The unions of the built-in directory, and those that are registered.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    registered: BTreeMap<UnionNumber, Names>,
    /// What some are called from a day on, or were.
    also: BTreeMap<UnionNumber, Vec<String>>,
}

/// Whether the names behind those of the unions above are looked at too, and what fits.
type Way<'a> = (bool, &'a dyn Fn(&str) -> bool);

impl Directory {
    pub fn add(&mut self, union: UnionNumber, names: Names) {
        self.registered.insert(union, names);
    }

    /// One more name of any union, by which it is found.
    pub fn add_name(&mut self, union: UnionNumber, name: String) {
        self.also.entry(union).or_default().push(name);
    }

    /// As it is written over the door; of a registered union that is not known here, whose it is and its serial.
    pub fn name(&self, union: UnionNumber) -> String {
        self.registered.get(&union).map_or_else(|| union.union_name(), |names| names.name.clone())
    }

    /// Where a union stands, for who has to tell two of one name apart: 江苏省南京市.
    pub fn place(&self, union: UnionNumber) -> String {
        let mut place = String::new();
        let mut below = union;
        for above in union.ancestors().filter(|above| *above != UnionNumber::NATION) {
            place.insert_str(0, below.corps_division().unwrap_or_default());
            place.insert_str(0, &self.short(above));
            below = above;
        }
        place
    }

    fn short(&self, union: UnionNumber) -> String {
        let names = self.registered.get(&union);
        names.map_or_else(|| union.name().into(), |names| names.short.as_ref().unwrap_or(&names.name).clone())
    }

    /// Whom a person means who typed this. What is typed in full goes before what is only begun, and a name before initials.
    pub fn find(&self, typed: &str) -> Found {
        let typed = Self::plain(typed);
        if typed.is_empty() {
            return Found::Nobody;
        }
        if let Ok(union) = typed.parse::<UnionNumber>().and_then(UnionNumber::as_union) {
            return Found::One(union);
        }
        let latin =
            typed.chars().all(|c| c.is_ascii_alphanumeric()) && typed.starts_with(|c: char| c.is_ascii_alphabetic());
        // Behind the names of those above it every county begins with its province: these are looked at last.
        let exact: Way<'_> = (true, &|name| name == typed);
        let begun: Way<'_> = (false, &|name| name.starts_with(&typed));
        let initials: [Way<'_>; 2] =
            [(false, &|name| begins(name, &typed) == Some(true)), (false, &|name| begins(name, &typed).is_some())];
        let placed: [Way<'_>; 1] = [(true, begun.1)];
        let last: &[Way<'_>] = if latin { &initials } else { &placed };
        let ways = [exact, begun].into_iter().chain(last.iter().copied());
        let mut found = ways.map(|(placed, fits)| self.fitting(placed, fits).topmost());
        found.find(|found| *found != Found::Nobody).unwrap_or(Found::Nobody)
    }

    /// The same of a name in full. `others`: unions that are known elsewhere to be called so.
    pub fn find_exactly(&self, typed: &str, others: Vec<UnionNumber>) -> Found {
        let typed = Self::plain(typed);
        let found = match self.fitting(true, &|name| name == typed) {
            Found::Nobody => Found::of(others),
            Found::One(one) => Found::of([vec![one], others].concat()),
            Found::Several(several) => Found::of([several, others].concat()),
        };
        found.topmost()
    }

    /// As it is compared: without blanks, letters and digits of half width.
    pub fn plain(typed: &str) -> String {
        typed.nfkc().filter(|c| !c.is_whitespace()).take(LONGEST_TYPED).collect::<String>().to_lowercase()
    }

    /// All of which some name fits.
    fn fitting(&self, placed: bool, fits: &dyn Fn(&str) -> bool) -> Found {
        let registered = self.registered.keys().copied();
        let of = |union: &UnionNumber| self.names(*union, placed).iter().any(|name| fits(name));
        Found::of(UnionNumber::all().chain(registered).filter(of).collect())
    }

    /// What a union is called, short and in full; `placed`: also behind the names of those above it.
    fn names(&self, union: UnionNumber, placed: bool) -> Vec<String> {
        let mut own = vec![union.name().into_owned(), union.union_name()];
        if let Some(names) = self.registered.get(&union) {
            own.push(names.name.clone());
            own.extend(names.short.clone());
        }
        own.extend(self.also.get(&union).into_iter().flatten().cloned());
        let mut all: Vec<String> = own.iter().map(|name| Self::plain(name)).collect();
        if !placed {
            return all;
        }
        let mut before = String::new();
        for above in union.ancestors().filter(|above| *above != UnionNumber::NATION) {
            before.insert_str(0, &self.short(above));
            all.extend(own.iter().map(|name| Self::plain(&format!("{before}{name}"))));
        }
        all
    }
}

/// Characters of what is typed that are looked at.
const LONGEST_TYPED: usize = 200;

/// Whether initials of pinyin are those of the beginning of a name: `Some(true)` where they are those of all of it. A character
/// that is read in several ways begins with each.
fn begins(name: &str, initials: &str) -> Option<bool> {
    let mut letters = name.chars().filter(|c| c.is_alphanumeric());
    for initial in initials.chars() {
        let letter = letters.next()?;
        let reads = match letter.is_ascii() {
            true => letter == initial,
            false => {
                letter.to_pinyin_multi().is_some_and(|all| all.into_iter().any(|one| one.plain().starts_with(initial)))
            }
        };
        if !reads {
            return None;
        }
    }
    Some(letters.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn union(number: &str) -> UnionNumber {
        number.parse().expect("a number of this test")
    }

    fn one(number: &str) -> Found {
        Found::One(union(number))
    }

    fn directory() -> Directory {
        let mut directory = Directory::default();
        for (number, name, short) in [
            ("320922-001", "滨海县东坎街道总工会", Some("东坎街道")),
            ("320922-002", "滨海县八滩镇总工会", Some("八滩镇")),
            ("320922-1001", "滨海港经济区总工会", None),
            ("110117-001", "平谷区东坎街道总工会", Some("东坎街道")),
            ("320000-103", "江苏省教育科技工会", Some("省教科工会")),
        ] {
            directory.add(union(number), Names { name: name.into(), short: short.map(str::to_owned) });
        }
        directory
    }

    #[test]
    fn a_union_is_found_by_all_that_it_is_called() {
        let directory = directory();
        for typed in
            ["320922", "３２０９２２", "滨海县", "滨海县总工会", "盐城市滨海县", "江苏省盐城市滨海县总工会", " 滨海 县"]
        {
            assert_eq!(directory.find(typed), one("320922"), "{typed}");
        }
        for typed in
            ["320922-002", "320922-2", "八滩镇", "八滩", "滨海县八滩镇总工会", "滨海县八滩镇", "btz", "滨海县第002号"]
        {
            assert_eq!(directory.find(typed), one("320922-002"), "{typed}");
        }
        assert_eq!(directory.find("江苏"), one("320000"), "the beginning of its name, and of others'");
        assert_eq!(directory.find("sjkgh"), one("320000-103"));
        for typed in ["xjscjsbt", "XJSCJSBTZGH", "xjscj"] {
            assert_eq!(directory.find(typed), one("660000"), "{typed}");
        }
        assert!(matches!(directory.find("bhx"), Found::Several(found) if found.contains(&union("320922"))));
        for nobody in ["", " ", "没有的县", "zzzzzz", "320999", "350527", "金门县"] {
            assert_eq!(directory.find(nobody), Found::Nobody, "{nobody}");
        }
    }

    #[test]
    fn who_has_a_name_in_common_is_asked_for() {
        let directory = directory();
        let Found::Several(found) = directory.find("鼓楼区") else { panic!("four cities have one") };
        assert_eq!(found.len(), 4);
        assert_eq!(directory.place(found[0]), "江苏省南京市");
        assert_eq!(directory.find("南京市鼓楼区"), Found::One(found[0]));
        assert_eq!(directory.find("东坎街道"), Found::Several(vec![union("110117-001"), union("320922-001")]));
        assert_eq!(directory.find("滨海县东坎街道"), one("320922-001"));
        assert_eq!(directory.place(union("320922-001")), "江苏省盐城市滨海县");
        assert_eq!(directory.place(union("659001")), "新疆生产建设兵团第八师");
        assert_eq!(directory.place(union("659001-001")), "新疆生产建设兵团第八师石河子市");
        assert_eq!(directory.place(UnionNumber::CORPS), "");
        // Of whom a store knows the names.
        let built_in = Directory::default();
        assert_eq!(built_in.find_exactly("滨海县", vec![]), one("320922"));
        assert_eq!(
            built_in.find_exactly("滨海县", vec![union("110117-002")]),
            Found::Several(vec![union("320922"), union("110117-002")])
        );
        assert_eq!(
            built_in.find_exactly("滨海县", vec![union("320922-002")]),
            one("320922"),
            "what it registers is below it"
        );
        assert_eq!(
            (built_in.find_exactly("滨海", vec![]), built_in.find_exactly("东坎街道", vec![union("320922-001")])),
            (Found::Nobody, one("320922-001"))
        );
    }

    #[test]
    fn a_union_is_called_what_its_superior_calls_it() {
        let directory = directory();
        assert_eq!(directory.name(union("320922-001")), "滨海县东坎街道总工会");
        assert_eq!(directory.name(union("320922-009")), "滨海县第009号工会");
        assert_eq!(directory.name(union("320922")), "滨海县总工会");
    }

    #[test]
    fn a_union_is_found_by_what_it_is_called_since() {
        let mut directory = directory();
        directory.add_name(union("320922"), "滨海区总工会".into());
        for typed in ["滨海区总工会", "盐城市滨海区总工会", "滨海区", "滨海县"] {
            assert_eq!(directory.find(typed), one("320922"), "{typed}");
        }
        let by_initials = directory.find("bhqzgh");
        assert!(matches!(by_initials, Found::Several(found) if found.contains(&union("320922"))), "and three more");
        assert_eq!(directory.find_exactly("滨海区", vec![]), Found::Nobody);
    }

    #[test]
    fn a_character_begins_with_each_of_its_readings() {
        assert_eq!((begins("重庆市", "cqs"), begins("重庆市", "zqs")), (Some(true), Some(true)));
        assert_eq!(
            (begins("重庆市", "cq"), begins("重庆市", "qc"), begins("重庆市", "cqsz")),
            (Some(false), None, None)
        );
        assert_eq!(begins("滨海县第001号", "bhxd001h"), Some(true));
    }

    proptest! {
        #[test]
        fn never_panics(typed in "\\PC*") {
            let _ = directory().find(&typed);
        }
    }
}
