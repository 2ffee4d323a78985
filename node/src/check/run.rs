//! Runs one check: its cases, then the records they rest on, then whether the data goes far enough to say so.

use std::collections::{BTreeMap, BTreeSet};

use huiliu_proto::{
    id::{Hash, RecordId},
    lang::{Label, Lang},
    period::Day,
    union::UnionNumber,
};

use super::{
    Argument, Check, CheckError, CheckOutcome, Evidence, Found, Parameter, Patience, Waiting, argument,
    setting::{self, Setting},
};
use crate::store::{
    Cause, Fault, View,
    cases::{self, Line, Value},
    horizons::{self, Heard},
    parameters,
};

const PRELUDE: &str = include_str!("prelude.sql");
/// What tells one case of a check from another: those that are NULL are left out.
const KEYS: [&str; 4] = ["key1", "key2", "key3", "key4"];

/// Runs one check for the unions strictly below `at`; a union with none below it reads its own records, as advice.
/// Where the check does not run at that level, nothing is found.
///
/// The connection needs the projection and `store::functions::register`.
pub fn run(conn: &View, check: &'static Check, at: UnionNumber, today: Day, patience: Patience) -> CheckOutcome {
    let mut outcome = CheckOutcome::default();
    if check.levels.contains(&at.level())
        && let Err(error) = collect(conn, check, at, today, patience, &mut outcome)
    {
        outcome.failed.push(error);
    }
    outcome
}

/// What a query of a check may take, in steps of SQLite's: five thousand for each of a million records.
const MOST_STEPS: u64 = 5_000_000_000;
/// The most cases of one check about one union. More are no questions to a person; that there are more is said.
const MOST_CASES: usize = 1000;

/// The numbers of a check's parameters that hold where it is run at `at`.
pub fn settings(conn: &View, check: &Check, at: UnionNumber) -> Result<Vec<Setting>, String> {
    let published = parameters::of_rule(conn, check.id, at).map_err(|error| error.to_string())?;
    Ok(check.parameters.iter().flat_map(|parameter| setting::resolve(parameter, &published)).collect())
}

impl Check {
    /// The whole text of its two queries: the cases, and the records each rests on.
    pub fn queries(&self, settings: &[Setting]) -> [String; 2] {
        let one = |s: &Setting| format!("('{}', {}, {}, {})", s.name, s.since.0, s.until.0, s.value);
        let mut rows: Vec<String> = settings.iter().map(one).collect();
        if rows.is_empty() {
            rows.push("('', 0, 0, 0)".into());
        }
        let head = format!(
            "WITH RECURSIVE\nsetting(name, since, until, value) AS (VALUES {}),\n{PRELUDE},\n{}\n",
            rows.join(", "),
            self.shared
        );
        [self.cases, self.records].map(|query| format!("{head}{query}"))
    }
}

fn ended(rule: &'static str, fault: &Fault) -> CheckError {
    match fault.cause() {
        Cause::Halted => CheckError::TooLong { rule },
        _ => CheckError::Sql { rule, why: fault.to_string() },
    }
}

/// The error is what ended it too early: what was found before stands.
fn collect(
    conn: &View,
    check: &'static Check,
    at: UnionNumber,
    today: Day,
    patience: Patience,
    outcome: &mut CheckOutcome,
) -> Result<(), CheckError> {
    let sql = |why| CheckError::Sql { rule: check.id, why };
    let known = horizons::horizons(conn, patience.0).map_err(|error| sql(error.to_string()))?;
    let horizons = Horizons { at, today, known };
    let settings = settings(conn, check, at).map_err(sql)?;
    let [cases, records] = check.queries(&settings);
    outcome.settings.extend(settings.into_iter().map(|setting| (check, setting)));
    let named = [("self", i64::from(at)), ("today", i64::from(today.0))];
    let mut read = Cases::default();
    let ended = cases::query(conn, &cases, &named, MOST_STEPS, |line| read.add(check, at, line))
        .map_err(|fault| ended(check.id, &fault));
    outcome.failed.append(&mut read.failed);
    // Where keys of several unions may be alike, the records say whose they are.
    let mut rests: BTreeMap<(String, Option<UnionNumber>), Result<Rest, CheckError>> = BTreeMap::new();
    if !read.cases.is_empty() {
        cases::query(conn, &records, &named, MOST_STEPS, |line| {
            let key = key(line).unwrap_or_default();
            if !read.keys.contains(&key) {
                return;
            }
            let rest = rests.entry((key, union(line, "subject"))).or_insert(Ok(Rest::default()));
            if let Ok(all) = rest
                && let Err(error) = all.read(check, line)
            {
                *rest = Err(error);
            }
        })
        .map_err(|fault| self::ended(check.id, &fault))?;
    }
    for case in read.cases {
        let own = rests.remove(&(case.key.clone(), Some(case.subject)));
        let rest = own.or_else(|| rests.remove(&(case.key.clone(), None)));
        match rest.unwrap_or(Ok(Rest::default())) {
            Ok(rest) => judge(case, rest, check, &horizons, outcome),
            Err(error) => outcome.failed.push(error),
        }
    }
    ended
}

/// The lines of the cases, as they come.
#[derive(Default)]
struct Cases {
    cases: Vec<Case>,
    keys: BTreeSet<String>,
    /// Those of each union.
    told: BTreeMap<UnionNumber, BTreeSet<String>>,
    failed: Vec<CheckError>,
}

impl Cases {
    fn add(&mut self, check: &'static Check, at: UnionNumber, line: &Line<'_>) {
        match Case::read(check, line) {
            Ok(case) if at.contains(case.subject) => self.keep(check, case),
            Ok(_) => self.fail(CheckError::Column { rule: check.id, column: "subject" }),
            Err(error) => self.fail(error),
        }
    }

    /// The same case is told once, though another union copied the id that it is known by.
    fn keep(&mut self, check: &'static Check, case: Case) {
        let told = self.told.entry(case.subject).or_default();
        if told.contains(&case.key) {
            return;
        }
        if told.len() < MOST_CASES {
            told.insert(case.key.clone());
            self.keys.insert(case.key.clone());
            return self.cases.push(case);
        }
        let of =
            |error: &&mut CheckError| matches!(error, CheckError::TooMany { subject, .. } if *subject == case.subject);
        match self.failed.iter_mut().find(of) {
            Some(CheckError::TooMany { left, .. }) => *left += 1,
            _ => self.failed.push(CheckError::TooMany { rule: check.id, subject: case.subject, left: 1 }),
        }
    }

    /// What is wrong with the check itself is said once.
    fn fail(&mut self, error: CheckError) {
        if !self.failed.contains(&error) {
            self.failed.push(error);
        }
    }
}

/// Whether the data goes far enough to say so.
fn judge(case: Case, rest: Rest, check: &'static Check, horizons: &Horizons, outcome: &mut CheckOutcome) {
    let fingerprint = Hash::of(&[check.id.as_bytes(), &case.subject.get().to_be_bytes(), case.key.as_bytes()]);
    let unions: BTreeSet<UnionNumber> = rest.involved.into_iter().chain([case.subject]).collect();
    let involved: Vec<_> = unions.iter().map(|union| (*union, horizons.of(*union))).collect();
    for union in &unions {
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
    let variant = check.variants.iter().find(|v| v.name == case.variant);
    let say =
        |lang| argument::said(check, check.version, case.variant, case.subject, &case.results, &case.parameters, lang);
    let summary = Label { zh: say(Lang::Zh), en: say(Lang::En) };
    outcome.found.push(Found {
        rule: check.id,
        version: check.version,
        variant: case.variant,
        subject: case.subject,
        fingerprint,
        severity: variant.and_then(|v| v.severity).unwrap_or(check.severity),
        family: variant.and_then(|v| v.family).unwrap_or(check.family),
        advisory: case.subject == horizons.at,
        withheld: check.discloses && unions.iter().any(|union| !case.subject.contains(*union)),
        evidence: rest.evidence,
        horizons: involved,
        parameters: case.parameters,
        results: case.results,
        summary,
    });
}

/// Up to which day each union's data is complete here. A union knows its own up to today.
struct Horizons {
    at: UnionNumber,
    today: Day,
    known: BTreeMap<UnionNumber, Heard>,
}

impl Horizons {
    fn of(&self, union: UnionNumber) -> Option<Day> {
        if union == self.at { Some(self.today) } else { self.known.get(&union).map(|heard| heard.up_to) }
    }
}

/// One line of the cases.
struct Case {
    subject: UnionNumber,
    key: String,
    variant: &'static str,
    judge_by: Option<Day>,
    results: Vec<(&'static str, Argument)>,
    /// The parameters that this case was measured by.
    parameters: Vec<(&'static str, i64)>,
}

/// Ids in hexadecimal, numbers and texts as they are, with strokes between; `None` where there is no key.
fn key(line: &Line<'_>) -> Option<String> {
    let parts = KEYS.iter().filter_map(|column| match line.value(column)? {
        Value::Number(n) => Some(n.to_string()),
        Value::Text(text) => Some(text),
        Value::Bytes(bytes) => Some(huiliu_proto::id::hex(&bytes).to_uppercase()),
        Value::Nothing | Value::Odd => None,
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn union(line: &Line<'_>, column: &str) -> Option<UnionNumber> {
    match line.value(column)? {
        Value::Number(n) => UnionNumber::try_from(n).ok(),
        _ => None,
    }
}

impl Case {
    fn read(check: &'static Check, line: &Line<'_>) -> Result<Case, CheckError> {
        let wrong = |column| CheckError::Column { rule: check.id, column };
        let variant = match line.value("variant") {
            None | Some(Value::Nothing) => "",
            Some(Value::Text(text)) => {
                check.variants.iter().find(|v| v.name == text).map(|v| v.name).ok_or(wrong("variant"))?
            }
            Some(_) => return Err(wrong("variant")),
        };
        let judge_by = match line.value("judge_by") {
            Some(Value::Nothing) => None,
            Some(Value::Number(n)) => Some(Day(i32::try_from(n).map_err(|_| wrong("judge_by"))?)),
            _ => return Err(wrong("judge_by")),
        };
        let mut results = vec![];
        for one in &check.results {
            match line.value(one.name) {
                Some(Value::Nothing) if one.optional => {}
                Some(value) => results.push((one.name, Argument::read(one.kind, &value).ok_or(wrong(one.name))?)),
                None => return Err(wrong(one.name)),
            }
        }
        let measured = |one: &Parameter| match line.value(one.name) {
            Some(Value::Number(n)) => Ok((one.name, n)),
            _ => Err(wrong(one.name)),
        };
        let parameters = check.parameters.iter().map(measured).collect::<Result<_, _>>()?;
        Ok(Case {
            subject: union(line, "subject").ok_or(wrong("subject"))?,
            key: key(line).ok_or(wrong("key1"))?,
            variant,
            judge_by,
            results,
            parameters,
        })
    }
}

/// The records that one case rests on, and the unions whose later data could still clear it.
#[derive(Default)]
struct Rest {
    evidence: Vec<Evidence>,
    involved: BTreeSet<UnionNumber>,
}

impl Rest {
    fn read(&mut self, check: &'static Check, line: &Line<'_>) -> Result<(), CheckError> {
        let wrong = |column| CheckError::Column { rule: check.id, column };
        let text = |column| match line.value(column) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(wrong(column)),
        };
        let role = text("role")?;
        let role = check.roles.iter().find(|(name, _)| *name == role).map(|(name, _)| *name).ok_or(wrong("role"))?;
        let record = match line.value("record") {
            Some(Value::Bytes(bytes)) => RecordId::try_from(&bytes[..]).map_err(|_| wrong("record"))?,
            _ => return Err(wrong("record")),
        };
        match line.value("involved") {
            None | Some(Value::Nothing) => {}
            Some(_) => drop(self.involved.insert(union(line, "involved").ok_or(wrong("involved"))?)),
        }
        self.evidence.push(Evidence { kind: text("kind")?, record, role });
        Ok(())
    }
}
