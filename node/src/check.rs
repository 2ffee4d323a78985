//! The fund checks: each one SQL file over the projections, with its clause, parameters and levels in its header.
//!
//! A check reads and reports. What it finds is a question to a person, with the records it rests on and how far each
//! union's data reached. Where a union that could still clear the matter has not been heard up to the day that is
//! judged, the case waits: a line that was down is never held against anyone. Nothing here writes, withholds or decides.
//!
//! The same fact found again has the same fingerprint, so that a caller can tell what is new, what is known, and what
//! later data has cleared.

pub mod argument;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use huiliu_proto::{
    id::{DeviceId, Hash, RecordId},
    kind::kind,
    lang::{Label, Lang},
    period::Day,
    record::Record,
    union::{Level, UnionNumber},
    v1,
};
use prost::Message as _;

pub use self::argument::Argument;
use self::argument::{EVIDENCE_LEFT_OUT, HORIZONS_LEFT_OUT};
use crate::store::{
    Fault, View,
    cases::{self, Line},
    feeds::{self, Heard},
};

const FILES: [&str; 9] = [
    include_str!("check/dq01.sql"),
    include_str!("check/fc01.sql"),
    include_str!("check/fc02.sql"),
    include_str!("check/fc04.sql"),
    include_str!("check/fc05.sql"),
    include_str!("check/fc06.sql"),
    include_str!("check/fc09.sql"),
    include_str!("check/fc14.sql"),
    include_str!("check/fc16.sql"),
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

/// One check, as its file's header says. The header's keys are those of `Check::read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub id: &'static str,
    pub version: i32,
    pub title: Label,
    pub clause: Label,
    pub severity: v1::Severity,
    /// Where the clause leads, should a person confirm it.
    pub family: v1::Family,
    /// Where it runs. The SQL itself sees to it that of all levels one reports a case.
    pub levels: Vec<Level>,
    pub parameters: Vec<Parameter>,
    /// The values a finding carries, by name, of which kind each is, and what a page calls it.
    pub results: Vec<(&'static str, v1::ArgumentKind, Label)>,
    /// What else the same picture may mean: to be read before anyone is asked.
    pub innocent: Label,
    pub sql: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    pub default: i64,
    pub label: Label,
}

/// Parameters as they are set here; what is not set has the default of its check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    set: BTreeMap<(&'static str, &'static str), i64>,
    patience: Option<i64>,
}

/// A device that has been silent for more days than this while another of its union was heard holds nobody up, and a
/// case that has waited for more is said.
pub const PATIENCE: i64 = 30;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    #[error("{rule} has no parameter {name}")]
    Unknown { rule: &'static str, name: String },
    #[error("{rule}: {name} must be a whole number from 0 to {MOST}")]
    Range { rule: &'static str, name: &'static str },
}

/// Beyond this no parameter means anything, and day arithmetic stays far from its limits.
const MOST: i64 = 100_000;

impl Parameters {
    pub fn set(&mut self, check: &Check, name: &str, value: i64) -> Result<(), ParameterError> {
        let known = check.parameters.iter().find(|p| p.name == name);
        let Some(parameter) = known else {
            return Err(ParameterError::Unknown { rule: check.id, name: name.to_owned() });
        };
        if !(0..=MOST).contains(&value) {
            return Err(ParameterError::Range { rule: check.id, name: parameter.name });
        }
        self.set.insert((check.id, parameter.name), value);
        Ok(())
    }

    /// Days; what is out of range is as far as it goes.
    pub fn set_patience(&mut self, days: i64) {
        self.patience = Some(days.clamp(0, MOST));
    }

    pub fn patience(&self) -> i64 {
        self.patience.unwrap_or(PATIENCE)
    }

    pub fn get(&self, check: &Check, parameter: &Parameter) -> i64 {
        self.set.get(&(check.id, parameter.name)).copied().unwrap_or(parameter.default)
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub found: Vec<Found>,
    pub waiting: Vec<Waiting>,
    /// Devices of the unions involved that fell silent, and since when: nobody waits for them any more.
    pub silent: BTreeSet<(UnionNumber, DeviceId, Day)>,
    /// What went wrong. It stops no other check and no other case; of such a check nothing is taken back.
    pub failed: Vec<CheckError>,
}

/// A case that the data bears out as far as it goes, and that goes far enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub rule: &'static str,
    pub version: i32,
    pub subject: UnionNumber,
    pub fingerprint: Hash,
    pub severity: v1::Severity,
    pub family: v1::Family,
    /// A union's reading of its own records: shown to it, never recorded as a finding. The union above will see the same.
    pub advisory: bool,
    pub evidence: Vec<Evidence>,
    /// The unions involved, and up to which day the data of each is known here to be complete.
    pub horizons: Vec<(UnionNumber, Option<Day>)>,
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
    pub note: Label,
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
}

impl CheckError {
    pub fn rule(&self) -> &'static str {
        match self {
            CheckError::Sql { rule, .. } | CheckError::Column { rule, .. } | CheckError::Record { rule, .. } => rule,
        }
    }
}

/// Runs one check for the unions strictly below `at`; a union with none below it reads its own records, as advice.
/// Where the check does not run at that level, nothing is found.
///
/// The connection needs the projection and `store::functions::register`.
pub fn run(conn: &View, check: &'static Check, at: UnionNumber, today: Day, parameters: &Parameters) -> Outcome {
    let mut outcome = Outcome::default();
    if check.levels.contains(&at.level())
        && let Err(error) = collect(conn, check, at, today, parameters, &mut outcome)
    {
        outcome.failed.push(error);
    }
    outcome
}

/// The cases one by one; the error is what ended it too early.
fn collect(
    conn: &View,
    check: &'static Check,
    at: UnionNumber,
    today: Day,
    parameters: &Parameters,
    outcome: &mut Outcome,
) -> Result<(), CheckError> {
    let sql = |fault: Fault| CheckError::Sql { rule: check.id, why: fault.to_string() };
    let horizons = Horizons::read(conn, at, today, parameters.patience()).map_err(sql)?;
    let set: Vec<(&'static str, i64)> = check.parameters.iter().map(|p| (p.name, parameters.get(check, p))).collect();
    // Not every check needs the day or the union by name.
    let mut named = vec![("today", i64::from(today.0)), ("self", i64::from(at))];
    named.extend(&set);
    let each = |line: &Line<'_>| match Case::read(check, line) {
        Ok(case) if at.contains(case.subject) => judge(case, check, at, &horizons, &set, outcome),
        Ok(_) => outcome.failed.push(CheckError::Column { rule: check.id, column: "subject" }),
        Err(error) => outcome.failed.push(error),
    };
    cases::query(conn, check.sql, &named, each).map_err(sql)
}

/// Whether the data goes far enough to say so.
fn judge(
    case: Case,
    check: &'static Check,
    at: UnionNumber,
    horizons: &Horizons,
    set: &[(&'static str, i64)],
    outcome: &mut Outcome,
) {
    let fingerprint = Hash::of(&[check.id.as_bytes(), &case.subject.get().to_be_bytes(), case.key.as_bytes()]);
    let involved: Vec<_> = case.involved.iter().map(|union| (*union, horizons.of(*union))).collect();
    for union in &case.involved {
        let silent = horizons.known.get(union).map_or(&[][..], |heard| &heard.silent);
        outcome.silent.extend(silent.iter().map(|(device, since)| (*union, *device, *since)));
    }
    if let Some(needed) = case.judge_by {
        let behind: Vec<_> = involved.iter().filter(|(_, known)| *known < Some(needed)).copied().collect();
        if !behind.is_empty() {
            let (rule, subject) = (check.id, case.subject);
            outcome.waiting.push(Waiting { rule, subject, fingerprint, needed, unions: behind });
            return;
        }
    }
    outcome.found.push(Found {
        rule: check.id,
        version: check.version,
        subject: case.subject,
        fingerprint,
        severity: case.severity.unwrap_or(check.severity),
        family: case.family.unwrap_or(check.family),
        advisory: case.subject == at,
        evidence: case.evidence,
        horizons: involved,
        parameters: set.to_vec(),
        results: case.results,
        summary: case.summary,
    });
}

/// Up to which day each union's data is complete here. A union knows its own up to today.
struct Horizons {
    at: UnionNumber,
    today: Day,
    known: BTreeMap<UnionNumber, Heard>,
}

impl Horizons {
    fn read(conn: &View, at: UnionNumber, today: Day, patience: i64) -> Result<Horizons, Fault> {
        Ok(Horizons { at, today, known: feeds::horizons(conn, patience)? })
    }

    fn of(&self, union: UnionNumber) -> Option<Day> {
        if union == self.at { Some(self.today) } else { self.known.get(&union).map(|heard| heard.up_to) }
    }
}

/// One row of a check.
struct Case {
    subject: UnionNumber,
    key: String,
    severity: Option<v1::Severity>,
    family: Option<v1::Family>,
    judge_by: Option<Day>,
    involved: Vec<UnionNumber>,
    evidence: Vec<Evidence>,
    results: Vec<(&'static str, Argument)>,
    summary: Label,
}

impl Case {
    fn read(check: &Check, row: &Line<'_>) -> Result<Case, CheckError> {
        let sql = |error: Fault| CheckError::Sql { rule: check.id, why: error.to_string() };
        let wrong = |column| CheckError::Column { rule: check.id, column };
        let text = |column| row.text(column).map_err(sql)?.ok_or(wrong(column));
        let json = |column| serde_json::from_str(&text(column)?).map_err(|_| wrong(column));
        let union = |code: i64, column| UnionNumber::try_from(code).map_err(|_| wrong(column));

        let severity = row.text("severity").map_err(sql)?;
        let family = row.text("family").map_err(sql)?;
        let mut involved = vec![];
        for code in list(&json("involved")?) {
            let code = code.as_i64().ok_or(wrong("involved"))?;
            involved.push(union(code, "involved")?);
        }
        let evidence = list(&json("evidence")?).iter().map(Evidence::read).collect::<Option<_>>();
        let serde_json::Value::Object(said) = json("results")? else { return Err(wrong("results")) };
        // As the check declares them, whatever order JSON kept them in; what there is nothing to say of is left out.
        let mut results = vec![];
        for (name, kind, _) in &check.results {
            match said.get(*name) {
                None => return Err(wrong("results")),
                Some(serde_json::Value::Null) => {}
                Some(value) => results.push((*name, Argument::read(*kind, value).ok_or(wrong("results"))?)),
            }
        }
        let judge_by = row.number("judge_by").map_err(sql)?;
        let judge_by = judge_by.map(|day| i32::try_from(day).map_err(|_| wrong("judge_by"))).transpose()?;
        Ok(Case {
            subject: union(row.number("subject").map_err(sql)?.ok_or(wrong("subject"))?, "subject")?,
            key: text("case_key")?,
            severity: severity.map(|s| severity_named(&s).ok_or(wrong("severity"))).transpose()?,
            family: family.map(|f| family_named(&f).ok_or(wrong("family"))).transpose()?,
            judge_by: judge_by.map(Day),
            involved,
            evidence: evidence.ok_or(wrong("evidence"))?,
            results,
            summary: Label { zh: text("zh")?, en: text("en")? },
        })
    }
}

fn list(json: &serde_json::Value) -> &[serde_json::Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}

impl Evidence {
    fn read(json: &serde_json::Value) -> Option<Evidence> {
        let text = |key: &str| json.get(key)?.as_str();
        // A note may be missing where a record lacks what it would say; the record itself is evidence enough.
        let note = Label::new(text("zh").unwrap_or_default(), text("en").unwrap_or_default());
        Some(Evidence { kind: text("kind")?.to_owned(), record: text("record")?.parse().ok()?, note })
    }
}

/// The limits of `finding.proto`: longer lists are cut, and how many were left out is said.
const EVIDENCE: usize = 1000;
const HORIZONS: usize = 1000;

impl Found {
    /// The finding as it is written into the branch of the union concerned. How far each feed had come (`feed`, `size`
    /// of a horizon) is for the store to add, which knows feeds.
    pub fn to_finding(&self, found_on: Day) -> v1::Finding {
        let mut results: Vec<_> = self.results.iter().map(|(name, value)| value.to_wire(name)).collect();
        for (name, all, most) in
            [(EVIDENCE_LEFT_OUT, self.evidence.len(), EVIDENCE), (HORIZONS_LEFT_OUT, self.horizons.len(), HORIZONS)]
        {
            if let Some(left) = all.checked_sub(most).filter(|left| *left > 0) {
                results.push(Argument::Number(left as i64).to_wire(name));
            }
        }
        let evidence = self.evidence.iter().take(EVIDENCE).map(|e| v1::FindingEvidence {
            kind: e.kind.clone(),
            record: e.record.to_vec().into(),
            ..Default::default()
        });
        let horizons = self.horizons.iter().take(HORIZONS).map(|(union, day)| v1::FindingHorizon {
            union: union.get(),
            day: day.map_or(0, |d| d.0),
            ..Default::default()
        });
        v1::Finding {
            union: self.subject.get(),
            rule: self.rule.to_owned(),
            version: self.version,
            severity: self.severity.into(),
            family: self.family.into(),
            found_on: found_on.0,
            fingerprint: self.fingerprint.0.to_vec().into(),
            evidence: evidence.collect(),
            horizons: horizons.collect(),
            parameters: self.parameters.iter().map(|(name, value)| Argument::Number(*value).to_wire(name)).collect(),
            results,
            ..Default::default()
        }
    }

    /// The same, as a record of kind `finding`.
    pub fn to_record(&self, found_on: Day) -> Result<Record, CheckError> {
        let wrong = |why: String| CheckError::Record { rule: self.rule, why };
        let finding = kind("finding").ok_or_else(|| wrong("findings are not declared".into()))?;
        let record = Record::decode(finding, &self.to_finding(found_on).encode_to_vec());
        record.map_err(|error| wrong(error.to_string()))
    }
}

/// What a person should know before she reads the findings of a check.
pub fn explain(check: &Check, lang: Lang) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{} {}\n", check.id, check.title.get(lang));
    let mut say = |zh: &str, en: &str, what: &str| {
        // Writing to a String does not fail.
        let _ = match lang {
            Lang::Zh => writeln!(text, "{zh}：{what}"),
            Lang::En => writeln!(text, "{en}: {what}"),
        };
    };
    say("版本", "Version", &check.version.to_string());
    say("依据", "Clause", check.clause.get(lang));
    say("等级", "Severity", severity_label(check.severity).get(lang));
    say("可能的处理依据", "May lead to", family_label(check.family).get(lang));
    let levels: Vec<_> = check.levels.iter().map(|level| level_label(*level).get(lang).to_owned()).collect();
    say("运行层级", "Runs at", &levels.join(lang.pick("、", ", ")));
    for parameter in &check.parameters {
        say("参数", "Parameter", &format!("{} = {}", parameter.label.get(lang), parameter.default));
    }
    say("也可能是", "It may also be", check.innocent.get(lang));
    say(
        "说明",
        "Note",
        lang.pick(
            "查出的是疑点，不是结论；数据未到齐的单位暂不判断。",
            "What is found is a question, not a verdict; nobody is judged before the data is complete.",
        ),
    );
    text
}

/// The word for one choice of a finding's field, as `finding.proto` gives it.
fn choice_label(field: &str, number: i32) -> Label {
    let finding = kind("finding").expect("finding.proto declares it");
    let choices = finding.field(field).map_or(&[][..], |at| finding.fields[at].choices());
    choices.iter().find(|c| c.number == number).map(|c| c.label.clone()).unwrap_or_default()
}

fn severity_label(severity: v1::Severity) -> Label {
    choice_label("severity", severity.into())
}

fn family_label(family: v1::Family) -> Label {
    choice_label("family", family.into())
}

const LEVELS: [(&str, Level, &str); 4] = [
    ("nation", Level::Nation, "全国"),
    ("province", Level::Province, "省"),
    ("city", Level::City, "市"),
    ("county", Level::County, "县（仅供自查）"),
];

fn level_label(level: Level) -> Label {
    let named = LEVELS.iter().find(|(_, l, _)| *l == level);
    let (en, _, zh) = named.expect("every level is in the table");
    Label::new(*zh, if level == Level::County { "county (as advice to itself)" } else { en })
}

/// `red`, as headers and rows write it.
fn severity_named(name: &str) -> Option<v1::Severity> {
    v1::Severity::from_str_name(&name.to_uppercase()).filter(|s| *s != v1::Severity::Unspecified)
}

/// `B1`, as headers and rows write it.
fn family_named(name: &str) -> Option<v1::Family> {
    v1::Family::from_str_name(&format!("FAMILY_{name}")).filter(|f| *f != v1::Family::Unspecified)
}

impl Check {
    /// Reads a file: `-- key: value` lines up to the first empty line, then the SQL, which keeps its header as a
    /// comment. `parameter` and `result` may be repeated. The error says what is missing or wrong.
    fn read(file: &'static str) -> Result<Check, String> {
        let header: Vec<(&str, &str)> = file
            .lines()
            .take_while(|line| !line.is_empty())
            .map(|line| {
                line.strip_prefix("-- ").and_then(|l| l.split_once(": ")).ok_or(format!("not a header: {line}"))
            })
            .collect::<Result<_, _>>()?;
        const KEYS: &str = " id version title_zh title_en clause_zh clause_en severity family levels parameter result \
                            innocent_zh innocent_en ";
        if let Some((key, _)) = header.iter().find(|(key, _)| !KEYS.contains(&format!(" {key} "))) {
            return Err(format!("no such key: {key}"));
        }
        let get = |key: &str| {
            let mut values = header.iter().filter(|(k, _)| *k == key).map(|(_, value)| value.trim());
            match (values.next(), values.next()) {
                (Some(value), None) if !value.is_empty() => Ok(value),
                _ => Err(format!("{key} must stand once")),
            }
        };
        let label = |key: &str| Ok::<_, String>(Label::new(get(&format!("{key}_zh"))?, get(&format!("{key}_en"))?));
        let all = |key: &'static str| header.iter().filter(move |(k, _)| *k == key).map(|(_, value)| *value);
        let words = |text: &'static str| match text.split_once(" | ") {
            Some((zh, en)) => Ok(Label::new(zh.trim(), en.trim())),
            None => Err(format!("no English: {text}")),
        };
        let mut parameters = vec![];
        for line in all("parameter") {
            let (declared, text) = line.split_once(" : ").ok_or(format!("no label: {line}"))?;
            let (name, default) = declared.split_once(" = ").ok_or(format!("no default: {line}"))?;
            let default = default.trim().parse().map_err(|_| format!("not a number: {line}"))?;
            parameters.push(Parameter { name: name.trim(), default, label: words(text)? });
        }
        let mut results = vec![];
        for line in all("result") {
            let (name, text) = line.split_once(" : ").ok_or(format!("no label: {line}"))?;
            let (name, kind) = name.trim().split_once(' ').ok_or(format!("no kind: {line}"))?;
            let kind = argument::kind_named(kind.trim()).ok_or(format!("no such kind: {line}"))?;
            results.push((name, kind, words(text)?));
        }
        let level =
            |name: &str| LEVELS.iter().find(|l| l.0 == name.trim()).map(|l| l.1).ok_or(format!("no level: {name}"));
        Ok(Check {
            id: get("id")?,
            version: get("version")?.parse().map_err(|_| "version is not a number")?,
            title: label("title")?,
            clause: label("clause")?,
            severity: severity_named(get("severity")?).ok_or("no such severity")?,
            family: family_named(get("family")?).ok_or("no such family")?,
            levels: get("levels")?.split(',').map(level).collect::<Result<_, _>>()?,
            parameters,
            results,
            innocent: label("innocent")?,
            sql: file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_complete() {
        for file in FILES {
            let check =
                Check::read(file).unwrap_or_else(|e| panic!("{e}\n{}", file.lines().next().unwrap_or_default()));
            assert!(!check.results.is_empty(), "{}", check.id);
            for parameter in &check.parameters {
                assert!(check.sql.contains(&format!(":{}", parameter.name)), "{} {}", check.id, parameter.name);
                assert!((0..=MOST).contains(&parameter.default), "{} {}", check.id, parameter.name);
            }
            for (lang, title) in [(Lang::Zh, "依据"), (Lang::En, "Clause")] {
                let text = explain(&check, lang);
                assert!(text.contains(title) && text.contains(check.clause.get(lang)), "{text}");
            }
        }
        let ids: Vec<_> = checks().iter().map(|c| c.id).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|w| w[0] != w[1]), "{ids:?}");
    }

    #[test]
    fn a_bad_header_is_refused() {
        let good = FILES[1];
        for (from, to, expected) in [
            ("-- severity: orange", "-- severity: mauve", "no such severity"),
            ("-- title_en: ", "-- title_fr: ", "no such key: title_fr"),
            ("-- levels: nation,", "-- levels: village,", "no level: village"),
            ("-- version: 2\n", "", "version must stand once"),
            ("grace = 20", "grace", "no default"),
            ("-- result: paid money", "-- result: paid shells", "no such kind"),
        ] {
            let bad = Box::leak(good.replace(from, to).into_boxed_str());
            let error = Check::read(bad).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn parameters_are_known_by_name_and_bounded() {
        let check = check("FC-01").unwrap();
        let grace = &check.parameters[0];
        let mut set = Parameters::default();
        assert_eq!(set.get(check, grace), 20);
        set.set(check, "grace", 10).unwrap();
        assert_eq!(set.get(check, grace), 10);
        assert_eq!(set.set(check, "graze", 10).unwrap_err().to_string(), "FC-01 has no parameter graze");
        assert!(set.set(check, "grace", -1).is_err());
    }
}
