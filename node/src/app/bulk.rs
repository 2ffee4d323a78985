//! Many records of one kind at once, from a file or a stream: read, looked at line by line, written in batches; and an
//! import taken back, one void a record.
//!
//! In reading order: `source` (lines of a file), `object` (a line of JSON), `cells` (what fields are given, as values), this file (all of it looked at before anything is written),
//! `undo`.

mod cells;
mod object;
mod source;
mod undo;

use std::collections::HashSet;

use huiliu_proto::{
    id::{Hash, RecordId},
    kind::{Field, Kind, numbered},
    record::{Record, Refusal},
    value::Value,
};

use super::{
    Progress,
    duty::{self, DutyProblem, Pass},
};
use crate::{
    ledger::TakenBack,
    store::{
        StoreError, View,
        imports::{self, Batch, Import},
        projection,
    },
    writer::Store,
};

pub use self::{
    source::{Format, Source},
    undo::{InTheWay, Undone, named, undo},
};

/// Records of one transaction. A segment is packed of as many.
const BATCH: usize = 1024;
/// As many problems are told; all are counted.
const MOST_PROBLEMS: usize = 1000;

/// What is wrong with a line; nothing of it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum LineProblem {
    /// A field breaks a rule, or names what is not here.
    Field(Refusal),
    /// The heading or a key names no field that can be read from a file.
    NoField(String),
    /// A table has no place in a line of cells; JSON has one for it.
    Table(String),
    /// The same field twice.
    Twice(String),
    /// Another number of cells than the heading has.
    Cells { expected: usize, found: usize },
    /// Not UTF-8, not CSV, not a JSON object.
    Unreadable,
    /// A cell in quotes or a line that does not end, so that nothing is read from here on.
    CutOff,
    /// Several records go by that name.
    Ambiguous { field: String, typed: String },
}

impl LineProblem {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            LineProblem::Field(_) => "rule",
            LineProblem::NoField(_) => "no_field",
            LineProblem::Table(_) => "table",
            LineProblem::Twice(_) => "twice",
            LineProblem::Cells { .. } => "cells",
            LineProblem::Unreadable => "unreadable",
            LineProblem::CutOff => "cut_off",
            LineProblem::Ambiguous { .. } => "ambiguous",
        }
    }

    /// The same in a line of a table, counted from nought.
    fn in_line(self, table: &Field, line: usize) -> LineProblem {
        let placed = |name: String| format!("{}.{}.{name}", table.name, line + 1);
        match self {
            LineProblem::Field(refusal) => LineProblem::Field(refusal.in_line(table, line)),
            LineProblem::NoField(name) => LineProblem::NoField(placed(name)),
            LineProblem::Twice(name) => LineProblem::Twice(placed(name)),
            LineProblem::Ambiguous { field, typed } => LineProblem::Ambiguous { field: placed(field), typed },
            other => other,
        }
    }
}

/// A line of the file, counted from 1 with the heading, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub line: u64,
    pub what: LineProblem,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// By what it is taken back; none where nothing was written.
    pub import: Option<RecordId>,
    /// Records in the file, good or not.
    pub read: u64,
    pub written: u64,
    /// Lines that are not as they should be.
    pub wrong: u64,
    /// The first of what is wrong with them.
    pub problems: Vec<Problem>,
    /// Lines that say what an earlier line says, or a record that is here: perhaps the same thing. They are written.
    pub alike: Vec<u64>,
}

/// Which lines of a file are written; all are looked at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    None,
    /// Nothing where a line is wrong.
    AllOrNone,
    /// Those that are good, though others are wrong; nothing where the file could not be read to its end.
    Good,
}

/// An import of this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    pub id: RecordId,
    /// `None` where only a newer version knows it.
    pub kind: Option<&'static Kind>,
    /// When it began.
    pub at: i64,
    /// What it was read from.
    pub name: String,
    pub records: u64,
}

/// Some of the imports of this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub imports: Vec<Made>,
    /// The last of them, where there are more.
    pub next: Option<RecordId>,
}

/// The first `most` imports after one, in the order in which they began.
pub fn page(conn: &View, after: Option<RecordId>, most: usize) -> Result<Page, StoreError> {
    let made = |import: Import| Made {
        id: import.id,
        kind: numbered(import.kind),
        at: import.at,
        records: import.count(),
        name: import.name,
    };
    let mut some = imports::page(conn, after.as_ref(), most + 1)?;
    let more = some.len() > most;
    some.truncate(most);
    let next = some.last().filter(|_| more).map(|import| import.id);
    Ok(Page { imports: some.into_iter().map(made).collect(), next })
}

#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    #[error("records of the kind {} are not imported", .0.name)]
    Kind(&'static Kind),
    /// Before the first record.
    #[error("the file has no heading")]
    Heading,
    #[error("the file changed while it was read")]
    Changed,
    /// Some was written, and stays.
    #[error("the import stopped after {written} records: {error}")]
    Stopped { import: RecordId, written: u64, error: Box<BulkError> },
    /// Money takes two persons.
    #[error(transparent)]
    Duty(#[from] DutyProblem),
    #[error("reading the file: {0}")]
    Reading(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BulkError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            BulkError::Kind(_) => "not_imported",
            BulkError::Heading => "no_heading",
            BulkError::Changed => "changed",
            BulkError::Stopped { .. } => "import_stopped",
            BulkError::Duty(problem) => problem.code(),
            BulkError::Reading(_) => "system",
            BulkError::Store(_) => "database",
        }
    }
}

/// A record as it was read, and where.
struct Line {
    line: u64,
    record: Record,
}

/// Imports records of one kind. `open` gives the file from its beginning: it is read once to look at all of it, and, unless it
/// is a trial, once more to write. `name` is what the import is listed by.
pub fn import(
    store: &Store,
    kind: &'static Kind,
    name: &str,
    lines: Lines,
    open: &mut dyn FnMut() -> std::io::Result<Source>,
    progress: &mut dyn Progress,
) -> Result<Report, BulkError> {
    if kind.automatic {
        return Err(BulkError::Kind(kind));
    }
    let mut source = open()?;
    let (mut report, digests) = look(store, kind, &mut source, progress)?;
    // Of a file of which the end is not known, nothing is written.
    let broke_off = report.problems.iter().any(|problem| problem.what == LineProblem::CutOff);
    let nothing = lines == Lines::None || broke_off;
    if nothing || report.read == report.wrong || (lines == Lines::AllOrNone && report.wrong > 0) {
        return Ok(report);
    }
    let mut pass = Pass::FREE;
    if let Some(act) = duty::of_kind(kind) {
        let subject = format!("{} × {}", kind.label.zh, report.read - report.wrong);
        let all = digests.last().copied().unwrap_or(Hash([0; 32]));
        pass = store.write_blocking(move |ledger| {
            let parts = [b"import", kind.name.as_bytes(), all.as_bytes()];
            duty::pass(ledger, act, &subject, &parts)
        })??;
    }
    let mut writing = Writing { kind, name, skip_wrong: lines == Lines::Good, pass, import: None, written: 0 };
    let done = writing.write(store, report.read, &digests, &mut open()?, progress);
    match (done, writing.import) {
        (Ok(()), import) => {
            // What became wrong since it was looked at is left out too.
            (report.import, report.written, report.wrong) = (import, writing.written, report.read - writing.written);
            Ok(report)
        }
        (Err(error), Some(import)) => {
            Err(BulkError::Stopped { import, written: writing.written, error: Box::new(error) })
        }
        (Err(error), None) => Err(error),
    }
}

/// An import that is being written, and how far it is.
struct Writing<'a> {
    kind: &'static Kind,
    name: &'a str,
    skip_wrong: bool,
    /// Not yet said to be used.
    pass: Pass,
    import: Option<RecordId>,
    written: u64,
}

impl Writing<'_> {
    /// Reads the file again, of which so many records were looked at, and writes them.
    fn write(
        &mut self,
        store: &Store,
        looked_at: u64,
        digests: &[Hash],
        source: &mut Source,
        progress: &mut dyn Progress,
    ) -> Result<(), BulkError> {
        let (mut read, mut digest, mut digests) = (0, Hash([0; 32]), digests.iter());
        loop {
            let batch = match source.batch(store, self.kind, BATCH) {
                Err(BulkError::Heading) => return Err(BulkError::Changed),
                batch => batch?,
            };
            read += batch.read;
            let wrong = |problem: &Problem| !self.skip_wrong || problem.what == LineProblem::CutOff;
            if read > looked_at || batch.problems.iter().any(wrong) {
                return Err(BulkError::Changed);
            }
            if batch.read == 0 {
                break;
            }
            digest = chained(digest, &batch.lines);
            if digests.next() != Some(&digest) {
                return Err(BulkError::Changed);
            }
            let records: Vec<Record> = batch.lines.into_iter().map(|line| line.record).collect();
            let (kind, skip_wrong, so_far, name) = (self.kind, self.skip_wrong, self.import, self.name.to_owned());
            let pass = self.pass;
            let (import, count) = store.write_blocking(move |ledger| {
                let written = ledger.write_batch(kind, &records, skip_wrong)?;
                let (Some(first), Some(last)) = (written.first(), written.last()) else { return Ok((so_far, 0)) };
                let import = match so_far {
                    Some(import) => import,
                    None => imports::begin(ledger.conn(), *first, kind, ledger.now(), &name)?,
                };
                let count = written.len() as u64;
                imports::add(ledger.conn(), &import, Batch { first: *first, last: *last, count })?;
                pass.used(ledger, &[import])?;
                Ok((Some(import), count))
            })?;
            if import.is_some() {
                self.pass = Pass::FREE;
            }
            self.import = import;
            self.written += count;
            progress.done(batch.read);
        }
        if read < looked_at { Err(BulkError::Changed) } else { Ok(()) }
    }
}

fn chained(before: Hash, lines: &[Line]) -> Hash {
    lines.iter().fold(before, |digest, line| Hash::of(&[digest.as_bytes(), &line.record.encode()]))
}

/// Looks at every line and writes nothing; and, of each batch, a digest of all that the file said up to its end.
fn look(
    store: &Store,
    kind: &'static Kind,
    source: &mut Source,
    progress: &mut dyn Progress,
) -> Result<(Report, Vec<Hash>), BulkError> {
    let mut report = Report::default();
    let (mut digests, mut digest) = (vec![], Hash([0; 32]));
    let mut seen: HashSet<Hash> = HashSet::new();
    let mut taken_back = TakenBack::default();
    loop {
        let batch = source.batch(store, kind, BATCH)?;
        if batch.read == 0 {
            return Ok((report, digests));
        }
        report.read += batch.read;
        let mut wrong: HashSet<u64> = batch.problems.iter().map(|problem| problem.line).collect();
        let mut problems = batch.problems;
        let lines = batch.lines;
        digest = chained(digest, &lines);
        digests.push(digest);
        let mut before = std::mem::take(&mut taken_back);
        let (judged, before) = store.dry_run(move |ledger| {
            let mut judged = vec![];
            for line in lines {
                let refusals = ledger.refusals_after(&line.record, &before)?;
                let mut alike = false;
                if refusals.is_empty() {
                    before.add(&line.record);
                    alike = ledger.is_alike(&line.record)?;
                }
                judged.push((line, refusals, alike));
            }
            Ok((judged, before))
        })?;
        taken_back = before;
        for (line, refusals, alike) in judged {
            if !refusals.is_empty() {
                wrong.insert(line.line);
                problems.extend(refusals.into_iter().map(|r| Problem { line: line.line, what: LineProblem::Field(r) }));
            } else if alike || natural_key(&line.record).is_some_and(|key| !seen.insert(key)) {
                report.alike.push(line.line);
            }
        }
        report.alike.truncate(MOST_PROBLEMS);
        report.wrong += wrong.len() as u64;
        problems.sort_by_key(|problem| problem.line);
        let cut_off = problems.iter().find(|problem| problem.what == LineProblem::CutOff).cloned();
        report.problems.extend(problems);
        if report.problems.len() > MOST_PROBLEMS {
            report.problems.truncate(MOST_PROBLEMS);
            // It is the last, and is told in any case.
            report.problems.extend(cut_off);
        }
        progress.done(batch.read);
    }
}

/// What tells two records of one thing, as `projection::same_thing` has it, also where a part of it is sealed: what was typed
/// is here.
fn natural_key(record: &Record) -> Option<Hash> {
    if !projection::says_its_key(record) {
        return None;
    }
    let mut parts = vec![];
    for at in &record.kind.natural_key {
        let value = match &record.values()[*at] {
            None => None,
            Some(Value::Text(text)) => Some(text.as_bytes().to_vec()),
            Some(Value::Int(n)) => Some(n.to_be_bytes().to_vec()),
            Some(Value::Bytes(bytes)) => Some(bytes.clone()),
            Some(Value::Bool(flag)) => Some(vec![u8::from(*flag)]),
            Some(Value::Lines(_)) => return None,
        };
        // One that is not said is another than one that says nothing.
        parts.push(value.as_ref().map_or([u8::MAX; 8], |value| (value.len() as u64).to_be_bytes()).to_vec());
        parts.extend(value);
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Some(Hash::of(&parts))
}
