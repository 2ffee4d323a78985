//! The fund checks: each one SQL file over the projections, with its clause, parameters, levels and words in its header.
//!
//! A check reads and reports. What it finds is a question to a person, with the records it rests on and how far each
//! union's data reached. Where a union that could still clear the matter has not been heard up to the day that is
//! judged, the case waits: a line that was down is never held against anyone. Nothing here writes, withholds or decides.
//!
//! The SQL gives typed columns: the cases, and the records each rests on. What a case says is a template of the file, in both
//! languages, filled in where it is read. The same fact found again has the same fingerprint, so that a caller can tell
//! what is new, what is known, and what later data has cleared.

pub mod argument;
mod explain;
mod header;
mod message;
mod run;
pub mod setting;
mod wire;

use std::{collections::BTreeSet, sync::OnceLock};

use huiliu_proto::{
    id::{DeviceId, Hash, RecordId},
    lang::Label,
    period::Day,
    union::{Level, UnionNumber},
    v1,
};

use self::setting::Setting;
pub use self::{
    argument::Argument,
    explain::explain,
    run::{run, settings},
};

const FILES: [&str; 10] = [
    include_str!("check/dq01.sql"),
    include_str!("check/fc01.sql"),
    include_str!("check/fc02.sql"),
    include_str!("check/fc04.sql"),
    include_str!("check/fc05.sql"),
    include_str!("check/fc06.sql"),
    include_str!("check/fc09.sql"),
    include_str!("check/fc14.sql"),
    include_str!("check/fc16.sql"),
    include_str!("check/sd01.sql"),
];

/// The checks this version knows, in the order of their ids.
pub fn checks() -> &'static [Check] {
    static ALL: OnceLock<Vec<Check>> = OnceLock::new();
    ALL.get_or_init(|| FILES.into_iter().map(|file| Check::read(file).expect("a test reads every header")).collect())
}

/// The check with this id, as `FC-01`.
pub fn check(id: &str) -> Option<&'static Check> {
    checks().iter().find(|c| c.id == id)
}

/// Columns of the queries that are no results, and `subject`, which every message may name.
const RESERVED: [&str; 12] =
    ["key1", "key2", "key3", "key4", "subject", "judge_by", "variant", "role", "kind", "record", "involved", "place"];

/// One check, as its file says (`header`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub id: &'static str,
    pub version: i32,
    /// The first version whose findings the messages of this one put into words as well.
    words_since: i32,
    pub title: Label,
    pub clause: Label,
    pub severity: v1::Severity,
    /// Where the clause leads, should a person confirm it.
    pub family: v1::Family,
    /// Where it runs. The SQL itself sees to it that of all levels one reports a case.
    pub levels: Vec<Level>,
    /// A case says something of others' people that the union concerned may not see: it is told what a person here has looked
    /// at, and nothing by itself. Whoever writes down an identity number would learn where else that person serves.
    pub discloses: bool,
    pub parameters: Vec<Parameter>,
    /// The values a finding carries.
    pub results: Vec<Reported>,
    /// Where it finds more than one kind of thing: codes, of which a case has one.
    pub variants: Vec<Variant>,
    /// What a record is to a case: codes and words.
    pub roles: Vec<(&'static str, Label)>,
    pub messages: Vec<Message>,
    /// What else the same picture may mean: to be read before anyone is asked.
    pub innocent: Label,
    /// What both queries begin with.
    shared: &'static str,
    cases: &'static str,
    records: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    /// Where nobody has set another.
    pub default: i64,
    pub stricter: Stricter,
    pub label: Label,
}

/// Which numbers ask more of the unions that are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stricter {
    Less,
    More,
}

/// A value of a finding: its code, of which kind it is, whether there may be none, and what a page calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    pub name: &'static str,
    pub kind: v1::ArgumentKind,
    pub optional: bool,
    pub label: Label,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    pub name: &'static str,
    pub severity: Option<v1::Severity>,
    pub family: Option<v1::Family>,
}

/// The template of one version and variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub version: i32,
    pub variant: &'static str,
    pub zh: &'static str,
    pub en: &'static str,
}

/// A device that has been silent for more days than this while another of its union was heard holds nobody up, and a
/// case that has waited for more is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(pub i64);

pub const PATIENCE: i64 = 30;

impl Default for Patience {
    fn default() -> Patience {
        Patience(PATIENCE)
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckOutcome {
    pub found: Vec<Found>,
    pub waiting: Vec<Waiting>,
    /// Devices of the unions involved that fell silent, and since when: nobody waits for them any more.
    pub silent: BTreeSet<(UnionNumber, DeviceId, Day)>,
    /// What went wrong. It stops no other check and no other case; what such a check may have missed is not taken back.
    pub failed: Vec<CheckError>,
    /// The numbers that the checks measured by, through all days.
    pub settings: Vec<(&'static Check, Setting)>,
}

impl CheckOutcome {
    /// What another check came to.
    pub fn add(&mut self, one: CheckOutcome) {
        self.found.extend(one.found);
        self.waiting.extend(one.waiting);
        self.silent.extend(one.silent);
        self.failed.extend(one.failed);
        self.settings.extend(one.settings);
    }
}

/// A case that the data bears out as far as it goes, and that goes far enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub rule: &'static str,
    pub version: i32,
    /// Empty where the check has only one message.
    pub variant: &'static str,
    pub subject: UnionNumber,
    pub fingerprint: Hash,
    pub severity: v1::Severity,
    pub family: v1::Family,
    /// A union's reading of its own records: shown to it, never recorded as a finding. The union above will see the same.
    pub advisory: bool,
    /// It rests on records of unions that the one concerned does not see, of a check that discloses them: recorded where a
    /// person says so, and not by the run that finds it.
    pub withheld: bool,
    pub evidence: Vec<Evidence>,
    /// The unions involved, and up to which day the data of each is known here to be complete.
    pub horizons: Vec<(UnionNumber, Option<Day>)>,
    /// As the case was measured by them.
    pub parameters: Vec<(&'static str, i64)>,
    pub results: Vec<(&'static str, Argument)>,
    /// For whoever runs the check here; a finding that travels carries codes and values, and is put into words where it
    /// is read.
    pub summary: Label,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub kind: String,
    pub record: RecordId,
    /// What it is to the case.
    pub role: &'static str,
}

/// A case that cannot be judged yet. It says whose data is missing, and accuses nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub rule: &'static str,
    pub subject: UnionNumber,
    pub fingerprint: Hash,
    /// The day up to which the data must be complete.
    pub needed: Day,
    /// Those who have not been heard that far, and how far they have.
    pub unions: Vec<(UnionNumber, Option<Day>)>,
}

impl Waiting {
    /// Nobody should have to wait that long: a line or a machine is missing.
    pub fn overdue(&self, today: Day, patience: i64) -> bool {
        i64::from(today.0) - i64::from(self.needed.0) > patience
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    #[error("{rule} could not be run: {why}")]
    Sql { rule: &'static str, why: String },
    /// The check's own SQL is at fault.
    #[error("{rule} gave no valid {column}")]
    Column { rule: &'static str, column: &'static str },
    #[error("what {rule} found cannot be recorded: {why}")]
    Record { rule: &'static str, why: String },
    #[error("{rule} was ended: it takes more work here than one check may")]
    TooLong { rule: &'static str },
    /// Of one union; of the others all is told.
    #[error("{rule} has {left} more cases of {subject}, which are not told")]
    TooMany { rule: &'static str, subject: UnionNumber, left: usize },
}

impl CheckError {
    pub fn rule(&self) -> &'static str {
        match self {
            CheckError::Sql { rule, .. }
            | CheckError::Column { rule, .. }
            | CheckError::Record { rule, .. }
            | CheckError::TooLong { rule }
            | CheckError::TooMany { rule, .. } => rule,
        }
    }

    /// Whether a recorded finding about this union may stand although it was not found: then it is not taken back.
    pub fn leaves_open(&self, rule: &str, union: Option<UnionNumber>) -> bool {
        let about = match self {
            CheckError::TooMany { subject, .. } => union.is_none() || union == Some(*subject),
            _ => true,
        };
        self.rule() == rule && about
    }
}

#[cfg(test)]
mod tests {
    use huiliu_proto::lang::Lang;

    use super::*;

    #[test]
    fn every_header_is_complete() {
        for file in FILES {
            let check =
                Check::read(file).unwrap_or_else(|e| panic!("{e}\n{}", file.lines().next().unwrap_or_default()));
            assert!(!check.results.is_empty() && !check.roles.is_empty(), "{}", check.id);
            for parameter in &check.parameters {
                assert!(check.shared.contains(&format!("'{}'", parameter.name)), "{} {}", check.id, parameter.name);
                assert!((0..=100_000).contains(&parameter.default), "{} {}", check.id, parameter.name);
            }
            for (role, _) in &check.roles {
                let named = format!("'{role}'");
                assert!(check.records.contains(&named) || check.shared.contains(&named), "{} {role}", check.id);
            }
            for (lang, title) in [(Lang::Zh, "依据"), (Lang::En, "Clause")] {
                let text = explain(&check, lang);
                assert!(text.contains(title) && text.contains(check.clause.get(lang)), "{text}");
            }
        }
        let ids: Vec<_> = checks().iter().map(|c| c.id).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|w| w[0] != w[1]), "{ids:?}");
    }

    /// What a value was called then is nothing that a check of today could declare.
    #[test]
    fn an_earlier_message_names_what_was_then() {
        let from = "-- message absent zh: ";
        let to = "-- message v2 old zh: {gone}[，{due}]\n-- message v2 old en: {gone}\n-- message absent zh: ";
        let check = Check::read(Box::leak(FILES[1].replace(from, to).into_boxed_str())).expect("a header");
        assert!(check.messages.iter().any(|m| m.version == 2 && m.variant == "old"));
    }

    #[test]
    fn a_bad_header_is_refused() {
        let good = FILES[1];
        for (from, to, expected) in [
            ("-- severity: orange", "-- severity: mauve", "no such severity"),
            ("-- title_en: ", "-- title_fr: ", "no such key: title_fr"),
            ("-- levels: nation,", "-- levels: village,", "no level: village"),
            ("-- version: 4\n", "", "version must stand once"),
            ("grace = 20", "grace", "no default"),
            ("grace = 20 less", "grace = 20", "which way is stricter"),
            ("-- result: paid money", "-- result: paid shells", "no such kind"),
            ("-- result: paid money", "-- result: subject money", "cannot be a name"),
            ("-- message late zh: ", "-- message late fr: ", "no such key"),
            ("-- variant: late yellow N\n", "", "no such variant: late"),
            ("-- levels: nation,", "-- discloses: all\n-- levels: nation,", "only what is said of others"),
            ("\n-- records\n", "\n-- papers\n", "no part"),
            ("-- version: 4\n", "-- version: 4\n-- words_since: 4\n", "words_since"),
            ("-- message late zh: ", "-- message v3 late zh: {gone\n-- message late zh: ", "no message"),
        ] {
            let bad = Box::leak(good.replace(from, to).into_boxed_str());
            let error = Check::read(bad).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
