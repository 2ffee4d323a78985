//! Filing (备案): what a union reports to the one above, and what that one answers.
//!
//! A filing is an entry: the roster as it stood on the census day, each engagement with the hash of its state, and the
//! numbers that follow from it. A review is an entry of the union with which it files (`desk`); nobody else's counts, but for
//! what the union directly above had decided before it heard that it is another. Of several
//! filings of one union, type and period one holds: the last that was accepted, or else the last submitted. Nothing
//! here stores; the caller writes the records made here.

use std::collections::{BTreeMap, btree_map::Entry};

use huiliu_proto::{
    handle::{self, Row},
    id::RecordId,
    lang::Label,
    organisation::Organisation,
    period::Day,
    record::Record,
    records::{filing, filing_review, roster_line},
    union::UnionNumber,
    v1::{Employment, Filing, FilingReview, ReviewAction},
};

use crate::{
    clock,
    document::Document,
    store::{
        StoreError, View, documents,
        filings::{self, Review, Version},
        records::organisation,
    },
};

/// More lines than a record takes.
const LINES_OF_A_RECORD: usize = 4096;

#[derive(Debug, thiserror::Error)]
pub enum FilingError {
    #[error("{0} engagements are in post, more than one filing holds")]
    TooMany(usize),
    #[error("the census day {0} is still to come")]
    Future(Day),
    #[error("the document of engagement {0} cannot be read")]
    Damaged(RecordId),
    #[error("there is no filing {0} here")]
    Missing(RecordId),
    #[error("only {0} reviews it")]
    NotParent(UnionNumber),
    #[error("this machine is no hub")]
    NotHub,
    #[error("nothing more can be decided on it: {}", .0.label().en)]
    Closed(State),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FilingError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            FilingError::TooMany(_) => "too_many",
            FilingError::Future(_) => "future",
            FilingError::Damaged(_) => "damaged",
            FilingError::Missing(_) => "no_filing",
            FilingError::NotParent(_) => "not_above",
            FilingError::NotHub => "not_a_hub",
            FilingError::Closed(_) => "closed",
            FilingError::Store(_) => "database",
        }
    }
}

/// What is to be filed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// A choice of `FilingType`.
    pub type_: i64,
    pub year: i64,
    pub census_on: Day,
    /// Heads declared for the fund, where a person says the number herself.
    pub declared: Option<i64>,
    pub note: Option<String>,
}

/// A filing ready to be written, and the one it takes the place of.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub record: Record,
    pub before: Option<Version>,
}

/// Freezes the union's own roster as it is on the census day.
pub fn draft(conn: &View, union: UnionNumber, today: Day, ask: &Ask) -> Result<Draft, FilingError> {
    if ask.census_on > today {
        return Err(FilingError::Future(ask.census_on));
    }
    let heads = filings::in_post(conn, union, ask.census_on)?;
    if heads.len() > LINES_OF_A_RECORD {
        return Err(FilingError::TooMany(heads.len()));
    }
    let mut filing = handle::Draft::<Filing>::new();
    let mut roster = Vec::with_capacity(heads.len());
    for head in &heads {
        let row = documents::get(conn, union, &head.engagement)?.ok_or(FilingError::Damaged(head.engagement))?;
        let document = Document::load(&row.snapshot).map_err(|_| FilingError::Damaged(head.engagement))?;
        let line = Row::default().with(roster_line::ENGAGEMENT, head.engagement);
        let line = line.with(roster_line::MEDIATOR, head.mediator).with(roster_line::HEADS, document.state().0);
        let line = line.with_number(roster_line::EMPLOYMENT, head.employment);
        roster.push(line.with_some(roster_line::FUNDED, head.funded.then_some(true)));
    }
    let full = i64::from(i32::from(Employment::FullTime));
    let full_time = heads.iter().filter(|h| h.employment == full).count() as i64;
    let funded = heads.iter().filter(|h| h.funded).count() as i64;
    let (year, ..) = ask.census_on.ymd();
    let from = Day::from_ymd(year, 1, 1).unwrap_or(ask.census_on);
    let before = last(filings::versions(conn, Some(union))?, ask);
    filing.set_number(filing::TYPE, ask.type_).set(filing::YEAR, ask.year).set(filing::CENSUS_ON, ask.census_on);
    filing.set(filing::FULL_TIME, full_time).set(filing::PART_TIME, heads.len() as i64 - full_time);
    filing.set(filing::CERTIFIED, filings::certified(conn, union, ask.census_on)?);
    filing.set(filing::FUNDED_HEADS, ask.declared.unwrap_or(funded));
    filing.set(filing::ENTERPRISES, filings::enterprises(conn, union, from, ask.census_on)?);
    if !roster.is_empty() {
        filing.set(filing::ROSTER, roster);
    }
    if let Some(before) = &before {
        filing.set(filing::SUPERSEDES, before.id);
    }
    if let Some(note) = ask.note.clone().filter(|note| !note.trim().is_empty()) {
        filing.set(filing::NOTE, note);
    }
    Ok(Draft { record: filing.into_record(), before })
}

fn last(versions: Vec<Version>, ask: &Ask) -> Option<Version> {
    versions.into_iter().rfind(|v| v.type_ == ask.type_ && v.year == ask.year && v.month.is_none())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Submitted,
    TakenIn,
    Returned {
        reasons: String,
    },
    Filed {
        register_no: String,
    },
    /// Another filing of the same union, type and period holds.
    Superseded {
        by: RecordId,
    },
}

impl State {
    /// Stable name, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            State::Submitted => "submitted",
            State::TakenIn => "taken_in",
            State::Returned { .. } => "returned",
            State::Filed { .. } => "filed",
            State::Superseded { .. } => "superseded",
        }
    }

    pub fn label(&self) -> Label {
        match self {
            State::Submitted => Label::new("已报送", "submitted"),
            State::TakenIn => Label::new("已受理", "taken in"),
            State::Returned { .. } => Label::new("已退回", "sent back"),
            State::Filed { .. } => Label::new("已备案", "on file"),
            State::Superseded { .. } => Label::new("已被替代", "superseded"),
        }
    }

    /// What a review makes of this state; `None` where it may not be said of it. What was sent back is submitted anew.
    fn after(&self, review: &Review) -> Option<State> {
        let action = i32::try_from(review.action).ok().and_then(|a| ReviewAction::try_from(a).ok())?;
        match (self, action) {
            (State::Submitted, ReviewAction::TakenIn) => Some(State::TakenIn),
            (State::Submitted | State::TakenIn, ReviewAction::SentBack) => {
                Some(State::Returned { reasons: review.reasons.clone().unwrap_or_default() })
            }
            (State::Submitted | State::TakenIn, ReviewAction::Filed) => {
                Some(State::Filed { register_no: review.register_no.clone().unwrap_or_default() })
            }
            _ => None,
        }
    }
}

/// A filing and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilingStanding {
    pub version: Version,
    pub state: State,
    /// The one that holds for its union, type and period.
    pub holds: bool,
}

/// What filings of which one holds have in common.
fn key(version: &Version) -> (UnionNumber, i64, i64, Option<i64>) {
    (version.owner, version.type_, version.year, version.month)
}

/// With which union a filing was filed: by what is known of the day on which it was written. One that has no hub answers
/// nobody; then it is the union directly above. `None` for the nation.
pub fn desk(known: &Organisation, version: &Version) -> Option<UnionNumber> {
    let day = clock::day(version.id.time());
    let said = known.on(day).filing_desk(version.owner).filter(|desk| desk.may_have_hub());
    said.or_else(|| version.owner.parent())
}

/// What became of each filing, in the order in which they came.
pub fn standings(versions: Vec<Version>, reviews: &[Review], known: &Organisation) -> Vec<FilingStanding> {
    let mut reviews_of: BTreeMap<RecordId, Vec<&Review>> = BTreeMap::new();
    for review in reviews {
        reviews_of.entry(review.filing).or_default().push(review);
    }
    let decided = versions.into_iter().map(|version| {
        let (mut state, mut filed_by) = (State::Submitted, None);
        let of = reviews_of.get(&version.id).into_iter().flatten();
        let decide = [desk(known, &version), version.owner.parent()];
        for review in of.filter(|r| decide.contains(&Some(r.by))) {
            if let Some(next) = state.after(review) {
                filed_by = matches!(next, State::Filed { .. }).then_some(review.id);
                state = next;
            }
        }
        (version, state, filed_by)
    });
    let decided: Vec<_> = decided.collect();
    // Accepted before not accepted, then the later decision, then the later filing.
    let mut holding = BTreeMap::new();
    for (version, _, filed_by) in &decided {
        let rank = (*filed_by, version.id);
        let best = holding.entry(key(version)).or_insert(rank);
        *best = rank.max(*best);
    }
    let standing = decided.into_iter().map(|(version, state, _)| {
        let (_, by) = holding[&key(&version)];
        let state = if version.id < by { State::Superseded { by } } else { state };
        FilingStanding { holds: version.id == by, version, state }
    });
    standing.collect()
}

/// Reads what became of the filings seen here.
pub fn read(conn: &View, owner: Option<UnionNumber>) -> Result<Vec<FilingStanding>, FilingError> {
    Ok(standings(filings::versions(conn, owner)?, &filings::reviews(conn)?, &organisation::words(conn)?))
}

/// The same of the first `most` after one, oldest first, and whether there are more: with `all`, also of those that
/// another has taken the place of.
pub fn page(
    conn: &View,
    owner: Option<UnionNumber>,
    mut after: Option<RecordId>,
    most: usize,
    all: bool,
) -> Result<(Vec<FilingStanding>, bool), FilingError> {
    let mut page = vec![];
    // What became of each is found once with its rivals, by union, type and period.
    let mut judged: BTreeMap<_, BTreeMap<RecordId, FilingStanding>> = BTreeMap::new();
    let known = organisation::words(conn)?;
    loop {
        let versions = filings::page(conn, owner, after, most + 1)?;
        let last = versions.len() <= most;
        after = versions.last().map(|version| version.id).or(after);
        for version in versions {
            let group = match judged.entry(key(&version)) {
                Entry::Occupied(group) => group.into_mut(),
                Entry::Vacant(free) => {
                    let group = group(conn, &version, &known)?;
                    free.insert(group.into_iter().map(|standing| (standing.version.id, standing)).collect())
                }
            };
            let Some(standing) = group.remove(&version.id) else { continue };
            if !all && matches!(standing.state, State::Superseded { .. }) {
                continue;
            }
            if page.len() == most {
                return Ok((page, true));
            }
            page.push(standing);
        }
        if last {
            return Ok((page, false));
        }
    }
}

/// What became of a filing and of all others of its union, type and period: it depends on those alone, and on whom they were filed with.
fn group(conn: &View, version: &Version, known: &Organisation) -> Result<Vec<FilingStanding>, FilingError> {
    let rivals = filings::rivals(conn, version)?;
    let mut reviews = vec![];
    for rival in &rivals {
        reviews.extend(filings::reviews_of(conn, &rival.id)?);
    }
    Ok(standings(rivals, &reviews, known))
}

/// The review that `hub` writes on a filing, if it may and if there is anything left to decide.
pub fn review(
    conn: &View,
    union: UnionNumber,
    hub: bool,
    filing: RecordId,
    action: ReviewAction,
    register_no: Option<&str>,
    reasons: Option<&str>,
) -> Result<Record, FilingError> {
    let standing = read(conn, None)?.into_iter().find(|s| s.version.id == filing);
    let FilingStanding { version, state, .. } = standing.ok_or(FilingError::Missing(filing))?;
    let desk = desk(&organisation::of(conn, version.owner)?, &version).unwrap_or(version.owner);
    if desk != union || version.owner == union {
        return Err(FilingError::NotParent(desk));
    }
    if !hub {
        return Err(FilingError::NotHub);
    }
    let number = i64::from(i32::from(action));
    let text = |text: Option<&str>| text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    let (register_no, reasons) = (text(register_no), text(reasons));
    let next = Review { id: filing, by: union, filing, action: number, register_no: None, reasons: None };
    if state.after(&next).is_none() {
        return Err(FilingError::Closed(state));
    }
    let mut said = handle::Draft::<FilingReview>::new();
    said.set(filing_review::UNION, version.owner).set(filing_review::FILING, filing).set(filing_review::ACTION, action);
    for (field, text) in [(filing_review::REGISTER_NO, register_no), (filing_review::REASONS, reasons)] {
        if let Some(text) = text {
            said.set(field, text);
        }
    }
    Ok(said.into_record())
}

#[cfg(test)]
mod tests;
