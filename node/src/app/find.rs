//! Which record a person means: by id, by the beginning of an id, or by name.

use huiliu_proto::{
    handle::Declared as _,
    id::{RecordId, unhex},
    kind::{Field, Kind, Type, kinds},
    record::Record,
    shown,
    v1::Account,
    value::Value,
};

use super::voided;
use crate::store::{
    self, StoreError, View,
    feeds::{self, FeedRow},
    projection::{self, Shown},
    quarantine, voids,
};

/// A record that fits what was typed.
#[derive(Debug)]
pub struct Candidate {
    pub id: RecordId,
    pub kind: &'static Kind,
    pub title: String,
}

#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("there is no record “{0}” here")]
    Missing(String),
    #[error("several records fit “{typed}”")]
    Ambiguous { typed: String, found: Vec<Candidate> },
    #[error("the records cannot be read")]
    Store(#[from] StoreError),
}

impl FindError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            FindError::Missing(_) => "no_record",
            FindError::Ambiguous { .. } => "ambiguous",
            FindError::Store(_) => "database",
        }
    }
}

type Result<T, E = FindError> = std::result::Result<T, E>;

/// Fewer digits would only ever say when a record was made.
pub const SHORTEST: usize = 4;
/// Digits of a key or an id that name it where a slip cannot be undone.
pub const SURE: usize = 8;
/// As many are listed where several fit.
pub(super) const CANDIDATES_LISTED: usize = 20;

/// The digits of a typed id or key, or of its beginning, without the hyphens; `None` for what is none, or is shorter than
/// `least`: fewer would fit what nobody meant.
pub fn digits(typed: &str, least: usize) -> Option<String> {
    let digits = typed.trim().replace('-', "").to_lowercase();
    let fits = digits.len() >= least.max(1) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then_some(digits)
}

/// Feeds whose id begins with these digits.
pub fn feeds(conn: &View, digits: &str) -> store::Result<Vec<FeedRow>> {
    let mut found = feeds::all(conn)?;
    found.retain(|row| row.feed.id.to_string().starts_with(digits));
    Ok(found)
}

/// As `digits`, of a record's id.
pub(super) fn of_id(typed: &str) -> Option<String> {
    digits(typed, SHORTEST).filter(|digits| digits.len() <= 32)
}

fn by_id(conn: &View, digits: &str) -> Result<Vec<Shown>> {
    match digits.parse::<RecordId>() {
        Ok(id) => Ok(projection::find(conn, &id)?.into_iter().collect()),
        Err(_) => Ok(projection::find_prefix(conn, digits, CANDIDATES_LISTED)?),
    }
}

/// Voided records whose id begins so, as they were.
fn voided(conn: &View, digits: &str) -> Result<Vec<Shown>> {
    let fill = |digit: &str| unhex(&format!("{digits}{}", digit.repeat(32usize.saturating_sub(digits.len()))));
    let (Some(low), Some(high)) = (fill("0"), fill("f")) else { return Ok(vec![]) };
    let mut found = vec![];
    for voided in voids::between(conn, &low, &high, CANDIDATES_LISTED)? {
        found.extend(voided::voided(conn, voided.owner, &voided.record)?);
    }
    Ok(found)
}

fn ambiguous(conn: &View, typed: &str, found: &[Shown]) -> Result<FindError> {
    let entry = |shown: &Shown| Ok(Candidate { id: shown.id, kind: shown.record.kind, title: title(conn, shown)? });
    Ok(FindError::Ambiguous { typed: typed.to_owned(), found: found.iter().map(entry).collect::<Result<_>>()? })
}

/// The one record whose id this is, or begins so, also one that is voided. A record that is only in quarantine is `Err` of its id.
pub fn any(conn: &View, typed: &str) -> Result<Result<Shown, RecordId>> {
    let digits = of_id(typed);
    let mut found = match &digits {
        Some(digits) => by_id(conn, digits)?,
        None => vec![],
    };
    if let (true, Some(digits)) = (found.is_empty(), &digits) {
        found = voided(conn, digits)?;
    }
    if let (true, Some(digits)) = (found.is_empty(), &digits)
        && let Some(held) = quarantine::of_prefix(conn, digits)?
    {
        return Ok(Err(held.record));
    }
    if found.is_empty() {
        // An account goes by the name of a person whose dossier may be meant.
        for kind in kinds().iter().filter(|kind| kind.number != Account::NUMBER) {
            found.extend(named(conn, kind, typed)?);
        }
    }
    match found.len() {
        0 => Err(FindError::Missing(typed.to_owned())),
        1 => Ok(Ok(found.remove(0))),
        _ => {
            found.truncate(CANDIDATES_LISTED);
            Err(ambiguous(conn, typed, &found)?)
        }
    }
}

/// Records of a kind that a person would call so.
pub(super) fn named(conn: &View, kind: &'static Kind, typed: &str) -> store::Result<Vec<Shown>> {
    let mut found: Vec<Shown> = vec![];
    for field in name_fields(kind) {
        if let Ok(value @ Value::Text(_)) = field.parse(typed) {
            for shown in projection::list_where(conn, kind, field.name, &value)? {
                if !found.iter().any(|other| other.id == shown.id) {
                    found.push(shown);
                }
            }
        }
    }
    Ok(found)
}

/// The one record of a kind that is meant; `None` where there is none.
pub fn of_kind(conn: &View, kind: &'static Kind, typed: &str) -> Result<Option<RecordId>> {
    let mut found = match of_id(typed) {
        Some(digits) => by_id(conn, &digits)?,
        None => vec![],
    };
    found.retain(|shown| shown.record.kind == kind);
    if found.is_empty() {
        found = named(conn, kind, typed)?;
    }
    match &found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.id)),
        several => Err(ambiguous(conn, typed, several)?),
    }
}

/// The fields a record of this kind goes by: its code or number, and its name.
fn name_fields(kind: &Kind) -> impl Iterator<Item = &Field> {
    let first = name_field(kind);
    let named = move |(at, field): &(usize, &Field)| {
        Some(*at) == first || (field.name == "name" && matches!(field.ty, Type::Text) && !field.sealed())
    };
    kind.fields.iter().enumerate().filter(named).map(|(_, field)| field)
}

/// The field a person would call a record of this kind by: the first text it must have.
pub fn name_field(kind: &Kind) -> Option<usize> {
    kind.fields.iter().position(|f| f.required && matches!(f.ty, Type::Text) && !f.sealed())
}

/// What a person would call a record: its name or number, behind the name of what it belongs to.
pub fn title(conn: &View, shown: &Shown) -> Result<String> {
    title_as(conn, shown, &Shown::clone)
}

/// The same, of records as they are read.
pub fn title_as(conn: &View, shown: &Shown, read: &dyn Fn(&Shown) -> Shown) -> Result<String> {
    let shown = read(shown);
    let kind = shown.record.kind;
    let own = name_field(kind).and_then(|at| shown.record.text(kind.fields[at].name)).unwrap_or_default();
    let first = kind.fields.first().filter(|f| f.required && f.reference.is_some());
    let above = first.and_then(|field| {
        let id = RecordId::try_from(shown.record.bytes(field.name)?).ok()?;
        Some((huiliu_proto::kind::kind(field.reference?)?, id))
    });
    let above = match above {
        Some((kind, id)) => projection::get(conn, kind, &id)?.map(|row| plain_name(kind, &read(&row).record)),
        None => None,
    };
    Ok([above.unwrap_or_default(), shown::line(own).into_owned()].join(" ").trim().to_owned())
}

fn plain_name(kind: &Kind, record: &Record) -> String {
    let name = name_field(kind).and_then(|at| record.text(kind.fields[at].name));
    shown::line(name.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_digits_name_nothing() {
        assert_eq!(digits(" 99EF-0179 ", 8).as_deref(), Some("99ef0179"));
        for (typed, least) in [("", 0), (" - ", 0), ("99ef017", 8), ("99ef017g", 8), ("九九", 2)] {
            assert_eq!(digits(typed, least), None, "{typed}");
        }
        assert_eq!(of_id(&"0".repeat(33)), None);
    }
}
