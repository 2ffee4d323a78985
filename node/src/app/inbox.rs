//! The inbox (待办): all that waits for a person, in one order, a page at a time.
//!
//! One source is one file under `inbox/` and one line in `SOURCES`; nothing here knows what the entries are about. An
//! entry says what it is with a stable code and typed arguments; the words for it are found where it is shown.

mod conflicts;
mod days_off;
mod early;
mod ends;
mod enrolments;
mod evidence;
mod filings;
mod findings;
mod grades;
mod keys;
mod line;
mod machines;
mod numbers;
mod proposals;
mod quarantine;
mod relations;
mod returns;
mod reversals;
mod validity;
mod voids;

use std::{fmt, path::PathBuf, str::FromStr};

use huiliu_proto::{
    id::{DeviceId, FeedId, RecordId},
    lang::Label,
    period::Day,
    union::UnionNumber,
    v1::DutyAct,
};

use crate::{
    admission::Reason,
    filing::FilingError,
    identity::{Home, IdentityError},
    operator::Account,
    store::{StoreError, View, evidence::EvidenceKind, inbox::From},
};

#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    #[error("what waits cannot be read")]
    Store(#[from] StoreError),
    #[error("this machine's keys and certificates cannot be read")]
    Identity(#[from] IdentityError),
    #[error("filings cannot be read")]
    Filing(#[from] FilingError),
}

impl InboxError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            InboxError::Store(_) => "database",
            InboxError::Identity(_) => "identity",
            InboxError::Filing(error) => error.code(),
        }
    }
}

pub type Result<T, E = InboxError> = std::result::Result<T, E>;

/// Of each source as many are counted; what is more is said to be more.
pub const COUNTED: usize = 1000;

/// Whose inbox it is, and as of when.
pub struct Look<'a> {
    pub conn: &'a View,
    pub home: &'a Home,
    pub union: UnionNumber,
    pub device: DeviceId,
    pub hub: bool,
    /// Who has logged in.
    pub account: Option<Account>,
    pub today: Day,
    /// Milliseconds since 1970.
    pub now: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot wait: money, trust or keys are at stake.
    Urgent,
    /// A person has to act.
    Attention,
    /// Good to know in time.
    Notice,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Severity::Urgent => "urgent",
            Severity::Attention => "attention",
            Severity::Notice => "notice",
        }
    }

    /// What ends within `soon` days, or has ended, a person acts on.
    fn of_end(day: Day, today: Day, soon: i32) -> Severity {
        if day <= today.plus_days(soon).unwrap_or(day) { Severity::Attention } else { Severity::Notice }
    }
}

/// What an entry points at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Record {
        owner: UnionNumber,
        id: RecordId,
    },
    /// Operations of a feed, the first of which has this number.
    Operations {
        feed: FeedId,
        first: u64,
    },
    Feed(FeedId),
    Evidence(i64),
    Union(UnionNumber),
    Device(DeviceId),
    /// This machine.
    Machine,
}

impl Thing {
    /// Tells one from another within a code; sorts as the sources hand them over.
    fn key(&self) -> String {
        match self {
            Thing::Record { owner, id } => format!("{id}-{owner}"),
            Thing::Operations { feed, first } => format!("{feed}-{first:016x}"),
            Thing::Feed(feed) => feed.to_string(),
            Thing::Evidence(no) => format!("{no:016x}"),
            Thing::Union(union) => union.to_string(),
            Thing::Device(device) => device.to_string(),
            Thing::Machine => "-".to_owned(),
        }
    }
}

/// A value that belongs to an entry's sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    Count(u64),
    /// At least so many: no more were counted.
    More(u64),
    /// Days, a year.
    Number(i64),
    Day(Day),
    /// Milliseconds since 1970.
    Moment(i64),
    Union(UnionNumber),
    Device(DeviceId),
    Record(RecordId),
    /// The number of a record kind.
    Kind(u32),
    /// The id of a check.
    Rule(String),
    /// A choice of `v1::Severity`.
    Grade(i64),
    Reason(Reason),
    Evidence(EvidenceKind),
    /// What takes two persons.
    Act(DutyAct),
    /// An account of this union.
    Account(RecordId),
    Text(String),
    /// What was kept in both languages.
    Said(Label),
    Paths(Vec<PathBuf>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Stable, for programs and for the words.
    pub code: &'static str,
    pub severity: Severity,
    pub due: Option<Day>,
    pub thing: Thing,
    pub arguments: Vec<(&'static str, Argument)>,
}

impl Entry {
    pub fn new(code: &'static str, severity: Severity, thing: Thing) -> Entry {
        Entry { code, severity, due: None, thing, arguments: vec![] }
    }

    #[must_use]
    pub fn due(mut self, day: Day) -> Entry {
        self.due = Some(day);
        self
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, argument: Argument) -> Entry {
        self.arguments.push((name, argument));
        self
    }

    pub fn key(&self) -> Key {
        Key {
            due: match (self.severity, self.due) {
                (Severity::Urgent, _) => URGENT,
                (_, Some(day)) => day.0,
                (_, None) => i32::MAX,
            },
            rank: self.severity as u8,
            code: self.code.to_owned(),
            thing: self.thing.key(),
        }
    }
}

/// Where the urgent stand: before every day of these times.
const URGENT: i32 = 0;

/// Where an entry stands: the urgent first; then by due date, what has none last; then the graver first. A page goes on
/// after one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    due: i32,
    rank: u8,
    code: String,
    thing: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.due, self.rank, self.code, self.thing)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in the inbox")]
pub struct NoKey;

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Key, NoKey> {
        let mut parts = text.splitn(4, '.');
        let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or(NoKey);
        Ok(Key {
            due: part()?.parse().map_err(|_| NoKey)?,
            rank: part()?.parse().map_err(|_| NoKey)?,
            code: part()?.to_owned(),
            thing: part()?.to_owned(),
        })
    }
}

/// What is asked of a source: at least the first `most` entries after a key, in the order of keys. More does no harm.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    pub after: Option<&'a Key>,
    pub most: usize,
}

impl Page<'_> {
    /// Where rows of one code go on that are sorted by due date and id; `severity` is that of a day.
    fn from(&self, code: &str, severity: impl Fn(Day) -> Severity) -> From {
        let Some(after) = self.after else { return From { day: Day(i32::MIN), id: vec![] } };
        let (day, rank) = (Day(after.due), severity(Day(after.due)) as u8);
        let id = match (rank, code).cmp(&(after.rank, after.code.as_str())) {
            // All of that day stands behind the key, or before it.
            std::cmp::Ordering::Greater => vec![],
            std::cmp::Ordering::Less => vec![0xff; 17],
            std::cmp::Ordering::Equal => self.id(after),
        };
        From { day, id }
    }

    /// The same of a code without due dates and with one severity; nothing is left where all stands before the key.
    fn id_after(&self, code: &str, severity: Severity) -> Vec<u8> {
        let due = if severity == Severity::Urgent { URGENT } else { i32::MAX };
        let Some(after) = self.after.filter(|after| after.due >= due) else { return vec![] };
        if after.due > due {
            return vec![0xff; 17];
        }
        match (severity as u8, code).cmp(&(after.rank, after.code.as_str())) {
            std::cmp::Ordering::Greater => vec![],
            std::cmp::Ordering::Less => vec![0xff; 17],
            std::cmp::Ordering::Equal => self.id(after),
        }
    }

    fn id(&self, after: &Key) -> Vec<u8> {
        let id = after.thing.split('-').next().and_then(|id| id.parse::<RecordId>().ok());
        id.map_or(vec![], |id| id.to_vec())
    }
}

/// One kind of thing that waits.
pub trait Source: Sync {
    /// The codes of its entries.
    fn codes(&self) -> &'static [&'static str];
    fn entries(&self, look: &Look<'_>, page: &Page<'_>) -> Result<Vec<Entry>>;
}

/// Everything that may wait for a person.
pub const SOURCES: &[&dyn Source] = &[
    &conflicts::Conflicts,
    &days_off::DaysOff,
    &early::Early,
    &ends::Ends,
    &enrolments::Enrolments,
    &evidence::Open,
    &filings::Filings,
    &findings::Findings,
    &grades::Grades,
    &keys::Keys,
    &line::Line,
    &machines::Machines,
    &numbers::Numbers,
    &proposals::Proposals,
    &quarantine::Quarantine,
    &relations::Relations,
    &returns::Returns,
    &reversals::Reversals,
    &validity::Certificate,
    &voids::Voids,
];

/// How many entries of a code and severity there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub code: &'static str,
    pub severity: Severity,
    pub count: u64,
    /// There are more of its source than were counted.
    pub more: bool,
}

/// A page of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbox {
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` where this one is the last.
    pub next: Option<Key>,
}

/// The first `most` entries after a key.
pub fn read(look: &Look<'_>, after: Option<&Key>, most: usize) -> Result<Inbox> {
    read_from(SOURCES, look, after, most)
}

pub fn read_from(sources: &[&dyn Source], look: &Look<'_>, after: Option<&Key>, most: usize) -> Result<Inbox> {
    let page = Page { after, most: most.saturating_add(1) };
    let mut entries: Vec<(Key, Entry)> = vec![];
    for source in sources {
        let found = source.entries(look, &page)?.into_iter().map(|entry| (entry.key(), entry));
        entries.extend(found.filter(|(key, _)| after.is_none_or(|after| key > after)));
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.truncate(page.most);
    }
    let more = entries.len() > most;
    entries.truncate(most);
    let next = entries.last().filter(|_| more).map(|(key, _)| key.clone());
    Ok(Inbox { entries: entries.into_iter().map(|(_, entry)| entry).collect(), next })
}

/// All that waits, as far as it is counted: of each source the first `COUNTED`.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// In their order.
    pub entries: Vec<Entry>,
    /// By code, the graver first.
    pub counts: Vec<Count>,
}

impl Survey {
    /// Whether anything of it needs a person, and not only what a page shows.
    pub fn needs_a_person(&self) -> bool {
        self.counts.iter().any(|count| count.severity < Severity::Notice)
    }

    /// The first `most`.
    pub fn first(&self, most: usize) -> Inbox {
        let entries: Vec<Entry> = self.entries.iter().take(most).cloned().collect();
        let next = entries.last().filter(|_| self.entries.len() > entries.len()).map(Entry::key);
        Inbox { entries, next }
    }
}

pub fn survey(look: &Look<'_>) -> Result<Survey> {
    survey_of(SOURCES, look)
}

pub fn survey_of(sources: &[&dyn Source], look: &Look<'_>) -> Result<Survey> {
    let page = Page { after: None, most: COUNTED + 1 };
    let (mut counts, mut all): (Vec<Count>, Vec<(Key, Entry)>) = (vec![], vec![]);
    for source in sources {
        let mut found: Vec<_> = source.entries(look, &page)?.into_iter().map(|entry| (entry.key(), entry)).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let more = found.len() > COUNTED;
        found.truncate(COUNTED);
        for (_, entry) in &found {
            let same = |count: &&mut Count| (count.code, count.severity) == (entry.code, entry.severity);
            match counts.iter_mut().find(same) {
                Some(count) => count.count += 1,
                None => counts.push(Count { code: entry.code, severity: entry.severity, count: 1, more }),
            }
        }
        all.extend(found);
    }
    counts.sort_by_key(|count| (count.severity, count.code));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Survey { entries: all.into_iter().map(|(_, entry)| entry).collect(), counts })
}
