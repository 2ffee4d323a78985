//! The territorial unions, from the nation down to the county, as one tree built in from `data/divisions.csv`.
//!
//! A code names a union as well as a place. Two codes are Huiliu's own and not in GB/T 2260: 100000 for the national
//! union, and 660000 for the union of the Xinjiang Production and Construction Corps, which stands beside the provinces
//! and above 659001 to 659012; those cities belong to 650000 by code, and to the Corps by organisation.
//! Lower unions (townships, parks, enterprises) are records, not codes.

use std::{fmt, str::FromStr, sync::OnceLock};

use unicode_normalization::UnicodeNormalization as _;

/// From the top down: `Level::Nation < Level::County`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Nation,
    Province,
    City,
    County,
}

/// A code that is in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionCode(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    #[error("a region code has six digits")]
    Form,
    #[error("region code {0:06} is not in the table")]
    Unknown(u32),
}

struct Division {
    code: u32,
    name: &'static str,
    level: Level,
    parent: Option<RegionCode>,
    children: Vec<RegionCode>,
}

const NATION: u32 = 100_000;
const CORPS: u32 = 660_000;
const CORPS_CITIES: std::ops::RangeInclusive<u32> = 659_001..=659_099;
const KINMEN: u32 = 350_527;

fn table() -> &'static [Division] {
    static TABLE: OnceLock<Vec<Division>> = OnceLock::new();
    TABLE.get_or_init(|| build(include_str!("../data/divisions.csv")))
}

fn build(csv: &'static str) -> Vec<Division> {
    let own = |code, name, level, parent| Division { code, name, level, parent, children: vec![] };
    let mut table = vec![
        own(NATION, "全国", Level::Nation, None),
        own(CORPS, "新疆生产建设兵团", Level::Province, Some(RegionCode(NATION))),
    ];
    for row in csv.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let [code, name, level, parent] = cells[..] else { panic!("divisions.csv has four columns: {row}") };
        let code: u32 = code.parse().expect("divisions.csv has numeric codes");
        let (level, parent) = match level {
            "province" => (Level::Province, NATION),
            _ if CORPS_CITIES.contains(&code) => (Level::County, CORPS),
            "prefecture" => (Level::City, parent.parse().expect("divisions.csv gives a prefecture its parent")),
            _ => (Level::County, parent.parse().expect("divisions.csv gives a county its parent")),
        };
        table.push(own(code, name, level, Some(RegionCode(parent))));
    }
    table.sort_by_key(|d| d.code);
    let edges: Vec<(u32, u32)> = table.iter().filter_map(|d| Some((d.parent?.0, d.code))).collect();
    for (parent, child) in edges {
        let at = table.binary_search_by_key(&parent, |d| d.code).expect("every parent in divisions.csv is in it");
        table[at].children.push(RegionCode(child));
    }
    table
}

impl RegionCode {
    pub const NATION: RegionCode = RegionCode(NATION);
    /// 新疆生产建设兵团.
    pub const CORPS: RegionCode = RegionCode(CORPS);

    fn division(self) -> &'static Division {
        let table = table();
        let at = table.binary_search_by_key(&self.0, |d| d.code).expect("a RegionCode is only made from the table");
        &table[at]
    }

    /// Every code, in order.
    pub fn all() -> impl Iterator<Item = RegionCode> {
        table().iter().map(|d| RegionCode(d.code))
    }

    /// The one region with this name (`滨海县`) or union name; `None` where no region or several have it.
    pub fn named(name: &str) -> Option<RegionCode> {
        let mut found = table().iter().filter(|d| d.name == name || RegionCode(d.code).union_name() == name);
        match (found.next(), found.next()) {
            (Some(only), None) => Some(RegionCode(only.code)),
            _ => None,
        }
    }

    pub fn get(self) -> u32 {
        self.0
    }

    pub fn level(self) -> Level {
        self.division().level
    }

    pub fn name(self) -> &'static str {
        self.division().name
    }

    /// As it is written over the door: 江苏省总工会.
    pub fn union_name(self) -> String {
        match self.0 {
            NATION => "中华全国总工会".to_owned(),
            _ => format!("{}总工会", self.name()),
        }
    }

    pub fn parent(self) -> Option<RegionCode> {
        self.division().parent
    }

    /// Nearest first; ends with the nation. Empty for the nation.
    pub fn ancestors(self) -> impl Iterator<Item = RegionCode> {
        std::iter::successors(self.parent(), |c| c.parent())
    }

    /// Directly below, in order of code. Lists codes: where unions are meant, filter by `has_union`.
    pub fn children(self) -> &'static [RegionCode] {
        &self.division().children
    }

    /// `other` is this region or below it.
    pub fn contains(self, other: RegionCode) -> bool {
        other == self || other.ancestors().any(|a| a == self)
    }

    /// The one directly below this that `other` is or lies in; `None` where `other` is not below.
    pub fn child_towards(self, other: RegionCode) -> Option<RegionCode> {
        std::iter::once(other).chain(other.ancestors()).find(|c| c.parent() == Some(self))
    }

    /// The region of provincial level that this one is or lies in; `None` for the nation.
    pub fn province(self) -> Option<RegionCode> {
        std::iter::once(self).chain(self.ancestors()).find(|c| c.level() == Level::Province)
    }

    /// 金门县 is a valid code and has no union of this federation.
    pub fn has_union(self) -> bool {
        self.0 != KINMEN
    }
}

impl TryFrom<u32> for RegionCode {
    type Error = RegionError;

    fn try_from(code: u32) -> Result<Self, RegionError> {
        match table().binary_search_by_key(&code, |d| d.code) {
            Ok(_) => Ok(RegionCode(code)),
            Err(_) if (100_000..=999_999).contains(&code) => Err(RegionError::Unknown(code)),
            Err(_) => Err(RegionError::Form),
        }
    }
}

impl FromStr for RegionCode {
    type Err = RegionError;

    fn from_str(typed: &str) -> Result<Self, RegionError> {
        let text: String = typed.nfkc().filter(|c| !c.is_whitespace()).take(7).collect();
        if text.len() != 6 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RegionError::Form);
        }
        text.parse::<u32>().map_err(|_| RegionError::Form)?.try_into()
    }
}

impl From<RegionCode> for u32 {
    fn from(code: RegionCode) -> u32 {
        code.0
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(n: u32) -> RegionCode {
        RegionCode::try_from(n).expect("a code of this test")
    }

    fn codes(of: impl IntoIterator<Item = RegionCode>) -> Vec<u32> {
        of.into_iter().map(u32::from).collect()
    }

    #[test]
    fn counts_are_those_of_the_official_list() {
        let count = |level| RegionCode::all().filter(|c| c.level() == level).count();
        assert_eq!(count(Level::Nation), 1);
        assert_eq!(count(Level::Province), 31 + 1);
        assert_eq!(count(Level::City), 333);
        assert_eq!(count(Level::County), 2846);
        assert_eq!(RegionCode::NATION.children().len(), 32);
        assert_eq!(RegionCode::all().filter(|c| !c.has_union()).count(), 1);
    }

    #[test]
    fn the_tree_is_that_of_the_unions() {
        assert_eq!(codes(code(320_922).ancestors()), [320_900, 320_000, 100_000]);
        // Beijing's districts sit directly under the city, 济源 directly under 河南.
        assert_eq!(codes(code(110_117).ancestors()), [110_000, 100_000]);
        assert_eq!(codes(code(419_001).ancestors()), [410_000, 100_000]);
        // Xinjiang by code, the Corps by organisation.
        assert_eq!(codes(RegionCode::CORPS.children().to_vec()), (659_001..=659_012).collect::<Vec<_>>());
        assert!(!code(650_000).contains(code(659_001)));
        assert_eq!(code(659_001).province(), Some(RegionCode::CORPS));
        for leaf in [441_900, 442_000, 460_400, 620_200] {
            assert_eq!(code(leaf).level(), Level::City);
            assert!(code(leaf).children().is_empty());
        }
        assert!(!code(350_527).has_union());
    }

    #[test]
    fn every_region_is_below_its_ancestors() {
        for c in RegionCode::all() {
            assert!(RegionCode::NATION.contains(c));
            assert!(c.ancestors().all(|a| a.contains(c) && !c.contains(a) && a.level() < c.level()));
            assert!(c.parent().is_none_or(|p| p.children().contains(&c)));
            assert!(u32::from(c) == 100_000 || c.province().is_some());
        }
    }

    #[test]
    fn names_read_as_over_the_door() {
        assert_eq!(RegionCode::NATION.union_name(), "中华全国总工会");
        assert_eq!(code(320_000).union_name(), "江苏省总工会");
        assert_eq!(RegionCode::CORPS.union_name(), "新疆生产建设兵团总工会");
        assert_eq!(RegionCode::named("滨海县"), Some(code(320_922)));
        assert_eq!(RegionCode::named("鼓楼区"), None, "four cities have one");
    }

    #[test]
    fn codes_are_known_or_refused() {
        assert_eq!("３３０１０６".parse(), Ok(code(330_106)));
        assert_eq!("33010".parse::<RegionCode>(), Err(RegionError::Form));
        assert_eq!("999999".parse::<RegionCode>(), Err(RegionError::Unknown(999_999)));
        assert!(Level::Nation < Level::Province && Level::City < Level::County);
    }

    proptest! {
        #[test]
        fn never_panics(typed in "\\PC*", n: u32) {
            let _ = typed.parse::<RegionCode>();
            let _ = RegionCode::try_from(n);
        }
    }
}
