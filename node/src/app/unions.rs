//! Registering unions below: each gets its number, and is a union as any other from then on. And which there are.

use huiliu_proto::{
    directory::{Directory, Found, Names},
    handle::Declared as _,
    id::RecordId,
    kind::{Field, Format},
    lang::Label,
    period::Day,
    record::Refusal,
    records::union,
    rule::Rule,
    union::UnionNumber,
    v1::{Union, UnionStatus},
    value::Value,
};

use super::{
    Mode,
    write::{Put, WriteError, may_edit},
};
pub use crate::admission::number::NoNumber;
use crate::{
    ledger::{Ledger, WriteOutcome},
    store::{
        self, StoreError, View,
        projection::Shown,
        records::{directory, organisation},
        trust,
    },
    writer::Store,
};

/// Who is registered.
pub enum Whom {
    /// One that is not on the list yet.
    New(Vec<Put>),
    /// One that is, without a number so far.
    Listed(Box<Shown>),
}

/// What became of it. `number`: what it has, or would have.
pub struct Registered {
    pub number: UnionNumber,
    pub outcome: WriteOutcome,
}

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("no number can be given: {0}")]
    NoNumber(NoNumber),
    /// The record is of another kind.
    #[error("that record is no lower union")]
    NoUnion,
    #[error("it has the number {0}")]
    Numbered(UnionNumber),
    #[error("it cannot be written")]
    Write(#[from] WriteError),
    #[error("it cannot be written")]
    Store(#[from] StoreError),
}

impl RegisterError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RegisterError::NoNumber(NoNumber::NotOurs) => "gives_no_numbers",
            RegisterError::NoNumber(NoNumber::NoBlock) => "no_block",
            RegisterError::NoNumber(NoNumber::UsedUp) => "block_used_up",
            RegisterError::NoUnion => "no_union",
            RegisterError::Numbered(_) => "numbered",
            RegisterError::Write(error) => error.code(),
            RegisterError::Store(_) => "database",
        }
    }
}

/// Registers a union directly below. What is not said of a new one is that it is in use, and lies where this union does.
pub fn register(store: &Store, me: UnionNumber, whom: Whom, mode: Mode) -> Result<Registered, RegisterError> {
    let (id, mut values) = match whom {
        Whom::New(values) => (None, values),
        Whom::Listed(shown) => {
            if shown.record.kind.number != Union::NUMBER {
                return Err(RegisterError::NoUnion);
            }
            may_edit(me, &shown)?;
            if let Some(number) = shown.record.read(union::NUMBER) {
                return Err(RegisterError::Numbered(number));
            }
            (Some(shown.id), vec![])
        }
    };
    let said = |values: &[Put], at: usize| values.iter().any(|(other, _)| *other == at);
    if id.is_none() {
        for (at, value) in [
            (union::TERRITORY.position(), Value::Int(me.into())),
            (union::STATUS.position(), Value::Int(i64::from(i32::from(UnionStatus::UnionInUse)))),
        ] {
            if !said(&values, at) {
                values.push((at, Some(value)));
            }
        }
    }
    // One that was left empty is given all the same.
    values.retain(|(at, value)| *at != union::NUMBER.position() || value.is_some());
    // The number is drawn in the job that writes it: of two who register at once, each gets one of her own.
    let work = move |ledger: &mut Ledger| {
        let number = match ledger.next_number()? {
            Ok(number) => number,
            Err(none) => return Ok(Err(none)),
        };
        let at = union::NUMBER.position();
        if !said(&values, at) {
            values.push((at, Some(Value::Int(number.into()))));
        }
        let outcome = ledger.write_document(Union::kind(), id, values)?;
        Ok(Ok(Registered { number, outcome }))
    };
    mode.run(store, work)?.map_err(RegisterError::NoNumber)
}

/// A union that was registered.
#[derive(Debug, Clone)]
pub struct Row {
    pub number: UnionNumber,
    pub names: Names,
    /// The union that leads it.
    pub parent: Option<UnionNumber>,
    /// The record by which it was registered; gone where that was voided.
    pub record: RecordId,
    /// A machine of it has joined, as far as is known here.
    pub joined: bool,
}

/// Some of those that are registered.
pub struct Page {
    pub rows: Vec<Row>,
    /// The last of them, where there are more.
    pub next: Option<UnionNumber>,
}

/// The first `most` that `of` has registered, or anybody, behind a number: as they are called and led on a day.
pub fn page(
    conn: &View,
    of: Option<UnionNumber>,
    after: Option<UnionNumber>,
    most: usize,
    on: Day,
) -> Result<Page, StoreError> {
    let known = organisation::load(conn)?;
    let mut some = directory::page(conn, of, after, most + 1)?;
    let more = some.len() > most;
    some.truncate(most);
    let mut rows = vec![];
    for (number, record) in some {
        let joined = trust::any_enrolled(conn, number)?;
        let (profile, parent) = (known.on(on).profile(number), known.on(on).parent(number));
        let names = Names { name: profile.name, short: profile.short };
        rows.push(Row { number, names, parent, record, joined });
    }
    let next = rows.last().filter(|_| more).map(|last| last.number);
    Ok(Page { rows, next })
}

/// A union that a person may have meant, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub union: UnionNumber,
    pub name: String,
    pub place: String,
}

/// A name that is nobody's, or that of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unclear {
    Nobody,
    Several(Vec<Candidate>),
}

/// Candidates that are told at most.
const CANDIDATES_TOLD: usize = 12;

/// What is typed into a field, or stands in a line of a file: where it names a union or a place, by all that is called so.
pub fn parse(conn: &View, field: &Field, text: &str) -> store::Result<Result<Value, Refusal>> {
    // A number, alone or with its name beside it as it is shown: no list is asked.
    if text.contains(char::is_numeric)
        && let Ok(value) = field.parse(text)
    {
        return Ok(Ok(value));
    }
    let found = match field.format {
        Format::Union => directory::find(conn, text)?,
        Format::Region => Directory::default().find(text),
        _ => return Ok(field.parse(text)),
    };
    Ok(match found {
        Found::One(union) => {
            let value = Value::Int(union.into());
            field.check(&value).map(|_| value)
        }
        Found::Nobody => match shown(conn, field, text)? {
            Some(union) => Ok(Value::Int(union.into())),
            None => field.parse(text),
        },
        Found::Several(several) => {
            let several = listed(&candidates(Some(conn), several)?);
            let rule = Rule::new("several_unions", "可能是多个工会", "it may be several unions");
            let remedy = Label::new(
                format!("请填编号或全称：{}", several.zh),
                format!("give the number or the whole name: {}", several.en),
            );
            Err(field.refuse(&Value::Text(text.trim().to_owned()), rule, remedy))
        }
    })
}

/// A registered union's name with its number beside it, as it is shown.
fn shown(conn: &View, field: &Field, text: &str) -> store::Result<Option<UnionNumber>> {
    let Some((name, rest)) = text.split_once(['（', '(']).filter(|_| field.format == Format::Union) else {
        return Ok(None);
    };
    let Ok(union) = rest.trim().trim_end_matches(['）', ')']).parse::<UnionNumber>() else { return Ok(None) };
    let same = |other: &str| Directory::plain(other) == Directory::plain(name);
    let names = directory::names(conn, union)?;
    Ok(names.is_some_and(|names| same(&names.name) || names.short.as_deref().is_some_and(same)).then_some(union))
}

fn candidates(conn: Option<&View>, several: Vec<UnionNumber>) -> store::Result<Vec<Candidate>> {
    // Above a registered union stand those of the built-in directory.
    let built_in = Directory::default();
    let candidate = |union: UnionNumber| {
        let names = conn.filter(|_| union.serial().is_some()).map(|conn| directory::names(conn, union));
        let name = names.transpose()?.flatten().map_or_else(|| union.union_name(), |names| names.name);
        Ok(Candidate { union, name, place: built_in.place(union) })
    };
    several.into_iter().map(candidate).collect()
}

/// Some of those that may be meant, each with those above it.
pub fn listed(several: &[Candidate]) -> Label {
    let one = |one: &Candidate| format!("{}（{}，{}）", one.name, one.union, one.place);
    let some: Vec<String> = several.iter().take(CANDIDATES_TOLD).map(one).collect();
    let more = if several.len() > CANDIDATES_TOLD { "…" } else { "" };
    Label::new(format!("{}{more}", some.join("、")), format!("{}{more}", some.join(", ")))
}

/// The union that a person means who typed this. `conn`: where there is a store already.
pub fn find(conn: Option<&View>, typed: &str) -> store::Result<Result<UnionNumber, Unclear>> {
    let found = match conn {
        Some(conn) => directory::find(conn, typed)?,
        None => Directory::default().find(typed),
    };
    Ok(match found {
        Found::One(union) => Ok(union),
        Found::Nobody => Err(Unclear::Nobody),
        Found::Several(several) => Err(Unclear::Several(candidates(conn, several)?)),
    })
}
