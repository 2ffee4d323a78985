//! The room of a kind: what is particular to it beyond its declaration, in one Rust file beside it
//! (`records/<kind>.rs`). build.rs finds the files; nothing lists them by hand. A kind without rules between its fields
//! and without measures needs none.

use crate::{
    handle::{Bytes, Choice, Date, Declared, Field, Int, Number, Reference, Typed as _, View},
    kind::added_rooms,
    measure::{Measure, Part, Parts},
    period::Day,
    record::Record,
    records::ROOMS,
    rules::{Findings, Verdict},
    union::UnionNumber,
};

/// What a kind may say of itself. Each has an answer that says nothing.
pub trait Room: Declared + Sized {
    /// Rules between the fields of one record.
    fn rules(_verdict: &mut Verdict<'_, Self>) {}

    /// The measures that come from records of this kind.
    fn measures() -> Vec<Measure> {
        vec![]
    }

    /// What a record of `owner` adds by itself.
    fn adds(_record: View<'_, Self>, _owner: UnionNumber, _parts: &mut Parts) {}

    /// What a record adds that counts once, however many say it.
    fn counts_once() -> Option<CountsOnce> {
        None
    }

    /// A record holds until the next one of its union about the same subject.
    fn until_next() -> Option<UntilNext> {
        None
    }

    /// Of a record and those of its union that name it here, only the last adds.
    fn replaces() -> Option<Field<Self, Reference>> {
        None
    }

    /// Which columns put its records into the order in which they are asked for, and have an index.
    fn ordered_by() -> Option<String> {
        Self::until_next().map(|of| {
            let name = |at: usize| Self::kind().fields[at].name;
            format!("{}, {}, record, owner", name(of.subject), name(of.on))
        })
    }

    /// Views on its table for queries, so that a condition that several ask for is written once.
    fn views() -> Vec<SqlView> {
        vec![]
    }
}

/// A day of somebody counts once for each union that says it, and once for those above them.
#[derive(Debug, Clone, Copy)]
pub struct CountsOnce {
    pub measure: u32,
    /// Positions of the fields: whose day, and which.
    pub of: usize,
    pub on: usize,
    /// Only what has this field says it, and lacks that one.
    pub with: usize,
    pub without: usize,
}

impl CountsOnce {
    pub fn new<K>(
        measure: u32,
        (of, on): (Field<K, Reference>, Field<K, Date>),
        with: Field<K, Reference>,
        without: Field<K, Reference>,
    ) -> CountsOnce {
        let (of, on) = (of.position(), on.position());
        CountsOnce { measure, of, on, with: with.position(), without: without.position() }
    }

    /// Whose day a record says, and which.
    pub fn says<'r>(&self, record: &'r Record) -> Option<(&'r [u8], Day)> {
        let value = |at: usize| record.values().get(at).and_then(Option::as_ref);
        let has = |at: usize| value(at).is_some_and(|value| !value.is_empty());
        if !has(self.with) || has(self.without) {
            return None;
        }
        Some((Bytes::read(value(self.of)?)?, Date::read(value(self.on)?)?))
    }
}

/// From its day until the next of the same subject.
#[derive(Clone, Copy)]
pub struct UntilNext {
    /// Positions of the fields: whom it is about, since when it holds, and what it says.
    pub subject: usize,
    pub on: usize,
    pub says: usize,
    /// What one adds that says this, from a day on and until another.
    pub parts: fn(i64, Day, Option<Day>) -> Vec<Part>,
}

impl UntilNext {
    /// Whom a record is about, since when it holds, and what it says.
    pub fn says<'r>(&self, record: &'r Record) -> Option<(&'r [u8], Day, i64)> {
        let value = |at: usize| record.values().get(at).and_then(Option::as_ref);
        Some((Bytes::read(value(self.subject)?)?, Date::read(value(self.on)?)?, Int::read(value(self.says)?)?))
    }

    pub fn new<K, E>(
        subject: Field<K, Reference>,
        on: Field<K, Date>,
        says: Field<K, Choice<E>>,
        parts: fn(i64, Day, Option<Day>) -> Vec<Part>,
    ) -> UntilNext {
        UntilNext { subject: subject.position(), on: on.position(), says: says.position(), parts }
    }
}

/// A named query on the table of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlView {
    pub name: &'static str,
    pub select: String,
}

/// A room as the program asks it, whatever the kind.
pub struct AnyRoom {
    pub number: u32,
    pub rules: fn(&Record) -> Findings,
    pub measures: fn() -> Vec<Measure>,
    pub adds: fn(&Record, UnionNumber) -> Vec<Part>,
    pub counts_once: fn() -> Option<CountsOnce>,
    pub until_next: fn() -> Option<UntilNext>,
    /// The position of the field.
    pub replaces: fn() -> Option<usize>,
    pub ordered_by: fn() -> Option<String>,
    pub views: fn() -> Vec<SqlView>,
}

impl AnyRoom {
    pub const fn of<K: Room>() -> AnyRoom {
        AnyRoom {
            number: K::NUMBER,
            rules: |record| record.of::<K>().map(|view| Verdict::of(view)).unwrap_or_default(),
            measures: K::measures,
            adds: |record, owner| {
                let mut parts = Parts::default();
                if let Some(view) = record.of::<K>() {
                    K::adds(view, owner, &mut parts);
                }
                parts.into_parts()
            },
            counts_once: K::counts_once,
            until_next: K::until_next,
            replaces: || K::replaces().map(Field::position),
            ordered_by: K::ordered_by,
            views: K::views,
        }
    }
}

/// All rooms, in the order of their kinds' numbers.
pub fn rooms() -> impl Iterator<Item = &'static AnyRoom> {
    ROOMS.iter().chain(added_rooms())
}

/// The room of a kind; `None` where nothing is particular to it.
pub fn room(number: u32) -> Option<&'static AnyRoom> {
    rooms().find(|room| room.number == number)
}

/// What a record adds to the measures by itself. What stands in a relation to others (`counts_once`, `until_next`, `replaces`)
/// is asked with what it relates to.
pub fn parts(record: &Record, owner: UnionNumber) -> Vec<Part> {
    room(record.kind.number).map_or_else(Vec::new, |room| (room.adds)(record, owner))
}

/// `column IN (7, 9)` of some choices.
pub fn one_of<K: Declared, E: Into<i32>>(field: Field<K, Choice<E>>, choices: impl IntoIterator<Item = E>) -> String
where
    Choice<E>: Number,
{
    let numbers: Vec<String> = choices.into_iter().map(|choice| choice.into().to_string()).collect();
    format!("{} IN ({})", field.name(), numbers.join(", "))
}
