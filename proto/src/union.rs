//! Union numbers: one whole number wherever a union is named, given once and never used again.
//!
//! A union of the built-in directory (`data/divisions.csv`, the territorial unions from the nation down to the county)
//! has its region code as its number: `320922`. Any other union has a serial in front of the number of the directory union
//! that gave it: serial × 1,000,000 + 320922, written `320922-012`. Until its superior says otherwise it stands directly
//! below the union that gave its number.
//!
//! A region code names a union as well as a place. Two codes are Huiliu's own and not in GB/T 2260: 100000 for the national
//! union, and 660000 for the union of the Xinjiang Production and Construction Corps, which stands beside the provinces
//! and above 659001 to 659012; those cities belong to 650000 by code, and to the Corps by organisation. Of which division each is
//! stands in `data/corps.csv`, by the division's name: its union is registered, and has a serial.
//! Lower unions (townships, parks, enterprises) are in no list: their superior registers them, which gives a number.

use std::{borrow::Cow, fmt, str::FromStr, sync::OnceLock};

use unicode_normalization::UnicodeNormalization as _;

/// From the top down: `Level::Nation < Level::Township`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Nation,
    Province,
    City,
    County,
    /// Townships, streets, parks: what a county registers below itself.
    Township,
}

/// The number of a union: its last six digits are a code of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnionNumber(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnionError {
    #[error("a union number has six digits, and a serial after a hyphen where the union is in no list: 320922-012")]
    Form,
    #[error("region code {0:06} is not in the table")]
    Unknown(u64),
    #[error("{0} is a place without a union of this federation")]
    NoUnion(u64),
}

struct Division {
    code: u64,
    name: &'static str,
    level: Level,
    parent: Option<UnionNumber>,
    children: Vec<UnionNumber>,
}

const NATION: u64 = 100_000;
const CORPS: u64 = 660_000;
const CORPS_CITIES: std::ops::RangeInclusive<u64> = 659_001..=659_099;
const KINMEN: u64 = 350_527;
/// What separates a serial from the six digits of the union that gave it.
const SERIALS: u64 = 1_000_000;
/// Largest serial: a number stays below 2^53, so that every language reads it from JSON.
const LAST_SERIAL: u64 = 999_999_999;

/// Codes of the Corps' cities, and the names of their divisions.
const CORPS_DIVISIONS: &str = include_str!("../data/corps.csv");

fn table() -> &'static [Division] {
    static TABLE: OnceLock<Vec<Division>> = OnceLock::new();
    TABLE.get_or_init(|| build(include_str!("../data/divisions.csv")))
}

fn build(csv: &'static str) -> Vec<Division> {
    let own = |code, name, level, parent| Division { code, name, level, parent, children: vec![] };
    let mut table = vec![
        own(NATION, "全国", Level::Nation, None),
        own(CORPS, "新疆生产建设兵团", Level::Province, Some(UnionNumber(NATION))),
    ];
    for row in csv.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let [code, name, level, parent] = cells[..] else { panic!("divisions.csv has four columns: {row}") };
        let code: u64 = code.parse().expect("divisions.csv has numeric codes");
        let (level, parent) = match level {
            "province" => (Level::Province, NATION),
            _ if CORPS_CITIES.contains(&code) => (Level::County, CORPS),
            "prefecture" => (Level::City, parent.parse().expect("divisions.csv gives a prefecture its parent")),
            _ => (Level::County, parent.parse().expect("divisions.csv gives a county its parent")),
        };
        table.push(own(code, name, level, Some(UnionNumber(parent))));
    }
    table.sort_by_key(|d| d.code);
    let edges: Vec<(u64, u64)> = table.iter().filter_map(|d| Some((d.parent?.0, d.code))).collect();
    for (parent, child) in edges {
        let at = table.binary_search_by_key(&parent, |d| d.code).expect("every parent in divisions.csv is in it");
        table[at].children.push(UnionNumber(child));
    }
    table
}

impl UnionNumber {
    pub const NATION: UnionNumber = UnionNumber(NATION);
    /// 新疆生产建设兵团.
    pub const CORPS: UnionNumber = UnionNumber(CORPS);

    /// Of the union itself, or of the one that gave its number.
    fn division(self) -> &'static Division {
        let table = table();
        let code = self.0 % SERIALS;
        let at = table.binary_search_by_key(&code, |d| d.code).expect("a UnionNumber is only made from the table");
        &table[at]
    }

    /// What a union that is not in the directory has beside the six digits of the union that gave its number.
    pub fn serial(self) -> Option<u64> {
        Some(self.0 / SERIALS).filter(|serial| *serial > 0)
    }

    /// The number that a directory union gives with this serial, from 1; `None` where it is too large, and for a union
    /// that is not in the directory itself: only those that are give numbers.
    pub fn with_serial(self, serial: u64) -> Option<UnionNumber> {
        let fits = self.serial().is_none() && (1..=LAST_SERIAL).contains(&serial);
        fits.then(|| UnionNumber(serial * SERIALS + self.0))
    }

    /// The directory union whose six digits these are: the union itself, or the one that gave its number.
    pub fn giver(self) -> UnionNumber {
        UnionNumber(self.0 % SERIALS)
    }

    /// Of a number that this version does not know: the nearest union of the directory above it, by its six digits.
    pub fn nearest(number: u64) -> UnionNumber {
        let code = number % SERIALS;
        let known = [1, 100, 10_000].into_iter().map(|n| code / n * n);
        let known = known.into_iter().find(|code| table().binary_search_by_key(code, |d| d.code).is_ok());
        UnionNumber(known.unwrap_or(NATION))
    }

    /// Every union of the directory, in order.
    pub fn all() -> impl Iterator<Item = UnionNumber> {
        table().iter().map(|d| UnionNumber(d.code))
    }

    /// The one region with this name (`滨海县`) or union name; `None` where no region or several have it.
    pub fn named(name: &str) -> Option<UnionNumber> {
        let mut found = table().iter().filter(|d| d.name == name || UnionNumber(d.code).union_name() == name);
        match (found.next(), found.next()) {
            (Some(only), None) => Some(UnionNumber(only.code)),
            _ => None,
        }
    }

    pub fn get(self) -> u64 {
        self.0
    }

    pub fn level(self) -> Level {
        match (self.serial(), self.division().level) {
            (None, level) => level,
            (Some(_), Level::Nation) => Level::Province,
            (Some(_), Level::Province) => Level::City,
            (Some(_), Level::City) => Level::County,
            (Some(_), Level::County | Level::Township) => Level::Township,
        }
    }

    /// Of a union that is not in the directory: the name of the one that gave its number, and the serial.
    pub fn name(self) -> Cow<'static, str> {
        match self.serial() {
            None => self.division().name.into(),
            Some(serial) => format!("{}第{serial:03}号", self.division().name).into(),
        }
    }

    /// As it is written over the door: 江苏省总工会.
    pub fn union_name(self) -> String {
        match self.0 {
            NATION => "中华全国总工会".to_owned(),
            _ if self.serial().is_some() => format!("{}工会", self.name()),
            _ => format!("{}总工会", self.name()),
        }
    }

    pub fn parent(self) -> Option<UnionNumber> {
        match self.serial() {
            None => self.division().parent,
            Some(_) => Some(self.giver()),
        }
    }

    /// Of a city of the Corps: what the division is called that it is one administration with (第八师).
    pub fn corps_division(self) -> Option<&'static str> {
        let mut rows = CORPS_DIVISIONS.lines().skip(1).filter_map(|row| row.split_once(','));
        rows.find(|(code, _)| code.parse() == Ok(self.0)).map(|(_, division)| division)
    }

    /// Whose hub lets this union's machines in: the one directly above; of the nation the nation's own, the network's root.
    pub fn enroller(self) -> UnionNumber {
        self.parent().unwrap_or(UnionNumber::NATION)
    }

    /// Nearest first; ends with the nation. Empty for the nation.
    pub fn ancestors(self) -> impl Iterator<Item = UnionNumber> {
        std::iter::successors(self.parent(), |c| c.parent())
    }

    /// Those of the directory directly below, in order of code. Lists codes: where unions are meant, filter by
    /// `has_union`.
    pub fn children(self) -> &'static [UnionNumber] {
        match self.serial() {
            None => &self.division().children,
            Some(_) => &[],
        }
    }

    /// `other` is this region or below it.
    pub fn contains(self, other: UnionNumber) -> bool {
        other == self || other.ancestors().any(|a| a == self)
    }

    /// The one directly below this that `other` is or lies in; `None` where `other` is not below.
    pub fn child_towards(self, other: UnionNumber) -> Option<UnionNumber> {
        std::iter::once(other).chain(other.ancestors()).find(|c| c.parent() == Some(self))
    }

    /// The region of provincial level that this one is or lies in; `None` for the nation.
    pub fn province(self) -> Option<UnionNumber> {
        std::iter::once(self).chain(self.ancestors()).find(|c| c.level() == Level::Province)
    }

    /// Whether unions of the directory are below it: its machine is a hub, unless somebody says otherwise.
    pub fn has_unions_below(self) -> bool {
        self.children().iter().any(|child| child.has_union())
    }

    /// Whether it may run a hub: it gives numbers, so unions can be below it. A county does where it has registered some.
    pub fn may_have_hub(self) -> bool {
        self.serial().is_none() && self.has_union()
    }

    /// This number as that of a union: wherever somebody names one, and not a place, it comes through here.
    pub fn as_union(self) -> Result<UnionNumber, UnionError> {
        if self.has_union() { Ok(self) } else { Err(UnionError::NoUnion(self.0)) }
    }

    /// 金门县 is a valid code and has no union of this federation.
    pub fn has_union(self) -> bool {
        self.0 % SERIALS != KINMEN
    }
}

impl TryFrom<u64> for UnionNumber {
    type Error = UnionError;

    fn try_from(number: u64) -> Result<Self, UnionError> {
        let (serial, code) = (number / SERIALS, number % SERIALS);
        if serial > LAST_SERIAL {
            return Err(UnionError::Form);
        }
        match table().binary_search_by_key(&code, |d| d.code) {
            Ok(_) => Ok(UnionNumber(number)),
            Err(_) if code >= 100_000 => Err(UnionError::Unknown(code)),
            Err(_) => Err(UnionError::Form),
        }
    }
}

/// As a table or a record keeps it.
impl TryFrom<i64> for UnionNumber {
    type Error = UnionError;

    fn try_from(number: i64) -> Result<Self, UnionError> {
        u64::try_from(number).map_err(|_| UnionError::Form)?.try_into()
    }
}

impl FromStr for UnionNumber {
    type Err = UnionError;

    fn from_str(typed: &str) -> Result<Self, UnionError> {
        let text: String = typed.nfkc().filter(|c| !c.is_whitespace()).take(18).collect();
        let (code, serial) = match text.split_once(['-', '‐', '–', '−']) {
            Some((code, serial)) => (code, Some(serial)),
            None => (&text[..], None),
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty();
        let short = |part: &str| digits(part) && part.len() <= 9;
        if code.len() != 6 || !digits(code) || !serial.is_none_or(short) {
            return Err(UnionError::Form);
        }
        let code = UnionNumber::try_from(code.parse::<u64>().map_err(|_| UnionError::Form)?)?;
        match serial {
            None => Ok(code),
            Some(serial) => code.with_serial(serial.parse().map_err(|_| UnionError::Form)?).ok_or(UnionError::Form),
        }
    }
}

impl From<UnionNumber> for u64 {
    fn from(union: UnionNumber) -> u64 {
        union.0
    }
}

/// As a table or a record keeps it.
impl From<UnionNumber> for i64 {
    fn from(union: UnionNumber) -> i64 {
        // Below 2^53 by construction.
        union.0.cast_signed()
    }
}

impl fmt::Display for UnionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 % SERIALS)?;
        match self.serial() {
            Some(serial) => write!(f, "-{serial:03}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for UnionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(n: u64) -> UnionNumber {
        UnionNumber::try_from(n).expect("a code of this test")
    }

    fn codes(of: impl IntoIterator<Item = UnionNumber>) -> Vec<u64> {
        of.into_iter().map(u64::from).collect()
    }

    #[test]
    fn counts_are_those_of_the_official_list() {
        let count = |level| UnionNumber::all().filter(|c| c.level() == level).count();
        assert_eq!(count(Level::Nation), 1);
        assert_eq!(count(Level::Province), 31 + 1);
        assert_eq!(count(Level::City), 333);
        assert_eq!(count(Level::County), 2846);
        assert_eq!(UnionNumber::NATION.children().len(), 32);
        assert_eq!(UnionNumber::all().filter(|c| !c.has_union()).count(), 1);
    }

    #[test]
    fn the_tree_is_that_of_the_unions() {
        assert_eq!(codes(code(320_922).ancestors()), [320_900, 320_000, 100_000]);
        // Beijing's districts sit directly under the city, 济源 directly under 河南.
        assert_eq!(codes(code(110_117).ancestors()), [110_000, 100_000]);
        assert_eq!(codes(code(419_001).ancestors()), [410_000, 100_000]);
        // Xinjiang by code, the Corps by organisation.
        assert_eq!(codes(UnionNumber::CORPS.children().to_vec()), (659_001..=659_012).collect::<Vec<_>>());
        assert!(!code(650_000).contains(code(659_001)));
        assert_eq!(code(659_001).province(), Some(UnionNumber::CORPS));
        for city in UnionNumber::all() {
            assert_eq!(city.corps_division().is_some(), city.parent() == Some(UnionNumber::CORPS), "{city}");
        }
        assert_eq!(code(659_001).corps_division(), Some("第八师"));
        assert_eq!(code(659_012).corps_division(), Some("第九师"));
        for leaf in [441_900, 442_000, 460_400, 620_200] {
            assert_eq!(code(leaf).level(), Level::City);
            assert!(code(leaf).children().is_empty());
        }
        assert!(!code(350_527).has_union());
        assert_eq!(code(350_527).as_union(), Err(UnionError::NoUnion(350_527)));
        assert!(code(350_526).as_union().is_ok());
    }

    #[test]
    fn every_region_is_below_its_ancestors() {
        for c in UnionNumber::all() {
            assert!(UnionNumber::NATION.contains(c));
            assert!(c.ancestors().all(|a| a.contains(c) && !c.contains(a) && a.level() < c.level()));
            assert!(c.parent().is_none_or(|p| p.children().contains(&c)));
            assert!(u64::from(c) == 100_000 || c.province().is_some());
        }
    }

    #[test]
    fn names_read_as_over_the_door() {
        assert_eq!(UnionNumber::NATION.union_name(), "中华全国总工会");
        assert_eq!(code(320_000).union_name(), "江苏省总工会");
        assert_eq!(UnionNumber::CORPS.union_name(), "新疆生产建设兵团总工会");
        assert_eq!(UnionNumber::named("滨海县"), Some(code(320_922)));
        assert_eq!(UnionNumber::named("鼓楼区"), None, "four cities have one");
    }

    #[test]
    fn codes_are_known_or_refused() {
        assert_eq!("３３０１０６".parse(), Ok(code(330_106)));
        assert_eq!("33010".parse::<UnionNumber>(), Err(UnionError::Form));
        assert_eq!("999999".parse::<UnionNumber>(), Err(UnionError::Unknown(999_999)));
        assert!(Level::Nation < Level::Province && Level::City < Level::County);
    }

    #[test]
    fn a_union_that_is_in_no_list_has_a_serial() {
        let township: UnionNumber = "320922-012".parse().unwrap();
        assert_eq!(u64::from(township), 12_320_922);
        assert_eq!(UnionNumber::try_from(12_320_922u64), Ok(township));
        assert_eq!(code(320_922).with_serial(12), Some(township));
        assert_eq!((township.to_string(), township.serial()), ("320922-012".to_owned(), Some(12)));
        assert_eq!((township.level(), township.parent()), (Level::Township, Some(code(320_922))));
        assert_eq!(codes(township.ancestors()), [320_922, 320_900, 320_000, 100_000]);
        assert!(code(320_900).contains(township) && township.children().is_empty());
        assert_eq!("３２００００－１０３".parse::<UnionNumber>().map(UnionNumber::level), Ok(Level::City));
        assert_eq!(township.with_serial(1), None, "only directory unions give numbers");
        assert!(!township.may_have_hub() && code(320_922).may_have_hub() && !code(350_527).may_have_hub());
        assert!(code(320_900).has_unions_below() && !code(320_922).has_unions_below());
        for wrong in ["320922-", "320922-000", "-012", "320922-0000000001234", "320922-x", "999999-001"] {
            assert!(wrong.parse::<UnionNumber>().is_err(), "{wrong}");
        }
        assert!(UnionNumber::try_from(u64::MAX).is_err() && UnionNumber::try_from(-1i64).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(typed in "\\PC*", n: u64) {
            let _ = typed.parse::<UnionNumber>();
            let _ = UnionNumber::try_from(n);
        }
    }
}
