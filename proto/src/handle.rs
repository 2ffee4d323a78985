//! Kinds and fields as the program names them. build.rs makes a handle for each field that a `.proto` file declares
//! (`records`), so that a misspelt field, a field of another kind or a wrong type does not compile.
//!
//! ```
//! # use huiliu_proto::{record::Record, records::work_entry, v1::Duty};
//! fn minutes(record: &Record) -> Option<i64> { record.read(work_entry::MINUTES) }
//! ```
//! ```compile_fail
//! # use huiliu_proto::{record::Record, records::work_entry, v1::Duty};
//! fn misspelt(record: &Record) -> Option<i64> { record.read(work_entry::MINUETS) }
//! ```
//! ```compile_fail
//! # use huiliu_proto::{record::Record, records::work_entry, v1::Duty};
//! fn wrong_type(record: &Record) -> Option<&str> { record.read(work_entry::MINUTES) }
//! ```
//! ```compile_fail
//! # use huiliu_proto::{handle::View, records::work_entry, v1::Rating};
//! fn wrong_kind(rating: View<'_, Rating>) -> Option<i64> { rating.get(work_entry::MINUTES) }
//! ```
//!
//! What reads records by names that a person typed (the command line) goes by `kind` and `Record::get` instead.

use std::marker::PhantomData;

use crate::{
    id::RecordId,
    kind::{self, Kind},
    money::Fen,
    period::{Day, Month},
    record::Record,
    union::UnionNumber,
    value::Value,
};

/// A kind that the `.proto` files declare.
pub trait Declared: Columns {
    const NUMBER: u32;
    const NAME: &'static str;

    fn kind() -> &'static Kind {
        kind::numbered(Self::NUMBER).expect("made from the declarations that are read")
    }
}

/// A message of which values are kept: a kind, or the line of a table inside one.
pub trait Columns: 'static {
    const COLUMNS: usize;
}

/// A field of `K` that holds a `T`: its position among the fields.
pub struct Field<K, T> {
    at: usize,
    of: PhantomData<fn() -> (K, T)>,
}

impl<K, T> Clone for Field<K, T> {
    fn clone(&self) -> Field<K, T> {
        *self
    }
}

impl<K, T> Copy for Field<K, T> {}

impl<K, T> Field<K, T> {
    /// For what build.rs writes.
    #[doc(hidden)]
    pub const fn at(at: usize) -> Field<K, T> {
        Field { at, of: PhantomData }
    }

    pub const fn position(self) -> usize {
        self.at
    }
}

impl<K: Declared, T> Field<K, T> {
    pub fn declared(self) -> &'static kind::Field {
        &K::kind().fields[self.at]
    }

    pub fn name(self) -> &'static str {
        self.declared().name
    }
}

/// What a field holds, and what is read from it.
pub trait Typed {
    type Read<'r>;

    /// `None` also for what is empty, or does not fit the type.
    fn read(value: &Value) -> Option<Self::Read<'_>>;
}

/// What is written to a field.
pub trait Takes<V>: Typed {
    fn value(written: V) -> Value;
}

/// A whole number on the wire.
pub trait Number: Typed {}

/// Bytes on the wire.
pub trait Octets: Typed {}

impl Octets for Bytes {}
impl Octets for Reference {}

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $($(#[$doc])* pub enum $name {})* };
}

types! {
    Text,
    Flag,
    Bytes,
    /// The id of a record.
    Reference,
    Int,
    Date,
    InMonth,
    Money,
    /// The number of a union, or of a region.
    Union,
}

/// One of the values of an enum. It is read as its number, because a newer version may know more of them.
pub struct Choice<E>(PhantomData<fn() -> E>);
/// A set of them: bit n stands for choice n.
pub struct Choices<E>(PhantomData<fn() -> E>);
/// A table inside an entry.
pub struct Lines<L>(PhantomData<fn() -> L>);

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        _ => None,
    }
}

macro_rules! number {
    ($type:ident, $read:ty, $n:ident => $made:expr, $written:ident => $value:expr) => {
        impl Number for $type {}
        impl Typed for $type {
            type Read<'r> = $read;
            fn read(value: &Value) -> Option<$read> {
                let $n = int(value)?;
                $made
            }
        }
        impl Takes<$read> for $type {
            fn value($written: $read) -> Value {
                Value::Int($value)
            }
        }
    };
}

number!(Int, i64, n => Some(n), n => n);
number!(Date, Day, n => i32::try_from(n).ok().map(Day), day => day.0.into());
number!(InMonth, Month, n => i32::try_from(n).ok().map(Month), month => month.0.into());
number!(Money, Fen, n => Some(Fen(n)), fen => fen.0);
number!(Union, UnionNumber, n => UnionNumber::try_from(n).ok(), union => i64::from(union));

impl<E> Number for Choice<E> {}
impl<E> Typed for Choice<E> {
    type Read<'r> = i64;
    fn read(value: &Value) -> Option<i64> {
        int(value)
    }
}
impl<E: Into<i32>> Takes<E> for Choice<E> {
    fn value(choice: E) -> Value {
        Value::Int(choice.into().into())
    }
}

impl<E> Number for Choices<E> {}
impl<E> Typed for Choices<E> {
    type Read<'r> = i64;
    fn read(value: &Value) -> Option<i64> {
        int(value)
    }
}

impl Typed for Flag {
    type Read<'r> = bool;
    fn read(value: &Value) -> Option<bool> {
        match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }
}
impl Takes<bool> for Flag {
    fn value(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl Typed for Text {
    type Read<'r> = &'r str;
    fn read(value: &Value) -> Option<&str> {
        match value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}
impl<S: Into<String>> Takes<S> for Text {
    fn value(text: S) -> Value {
        Value::Text(text.into())
    }
}

impl Typed for Bytes {
    type Read<'r> = &'r [u8];
    fn read(value: &Value) -> Option<&[u8]> {
        match value {
            Value::Bytes(bytes) if !bytes.is_empty() => Some(bytes),
            _ => None,
        }
    }
}
impl<B: Into<Vec<u8>>> Takes<B> for Bytes {
    fn value(bytes: B) -> Value {
        Value::Bytes(bytes.into())
    }
}

impl Typed for Reference {
    type Read<'r> = RecordId;
    fn read(value: &Value) -> Option<RecordId> {
        Bytes::read(value)?.try_into().ok()
    }
}
impl Takes<RecordId> for Reference {
    fn value(id: RecordId) -> Value {
        Value::Bytes(id.to_vec())
    }
}

impl<L: Columns> Typed for Lines<L> {
    type Read<'r> = &'r [Vec<Option<Value>>];
    fn read(value: &Value) -> Option<Self::Read<'_>> {
        match value {
            Value::Lines(lines) => Some(lines),
            _ => None,
        }
    }
}
impl<L: Columns> Takes<Vec<Row<L>>> for Lines<L> {
    fn value(rows: Vec<Row<L>>) -> Value {
        Value::Lines(rows.into_iter().map(|row| row.values).collect())
    }
}

/// The values of one record, or of one line, as those of `K`.
pub struct View<'r, K> {
    values: &'r [Option<Value>],
    of: PhantomData<fn() -> K>,
}

impl<K> Clone for View<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for View<'_, K> {}

impl<'r, K> View<'r, K> {
    pub(crate) fn new(values: &'r [Option<Value>]) -> View<'r, K> {
        View { values, of: PhantomData }
    }

    pub fn value<T>(self, field: Field<K, T>) -> Option<&'r Value> {
        self.values.get(field.at)?.as_ref()
    }

    pub fn get<T: Typed>(self, field: Field<K, T>) -> Option<T::Read<'r>> {
        T::read(self.value(field)?)
    }

    /// Something is written there.
    pub fn has<T>(self, field: Field<K, T>) -> bool {
        self.value(field).is_some_and(|value| !value.is_empty())
    }

    /// The number as it is on the wire.
    pub fn number<T: Number>(self, field: Field<K, T>) -> Option<i64> {
        int(self.value(field)?)
    }

    /// The bytes as they are on the wire.
    pub fn bytes<T: Octets>(self, field: Field<K, T>) -> Option<&'r [u8]> {
        Bytes::read(self.value(field)?)
    }

    /// Not said is no.
    pub fn flag(self, field: Field<K, Flag>) -> bool {
        self.get(field) == Some(true)
    }

    pub fn is<E: Into<i32>>(self, field: Field<K, Choice<E>>, choice: E) -> bool {
        self.get(field) == Some(choice.into().into())
    }

    pub fn is_one_of<E: Into<i32>, const N: usize>(self, field: Field<K, Choice<E>>, choices: [E; N]) -> bool {
        choices.into_iter().any(|choice| self.is(field, choice))
    }

    /// `None` also for a choice that only a newer version knows.
    pub fn choice<E: TryFrom<i32>>(self, field: Field<K, Choice<E>>) -> Option<E> {
        i32::try_from(self.get(field)?).ok()?.try_into().ok()
    }

    pub fn lines<L: Columns>(self, field: Field<K, Lines<L>>) -> impl Iterator<Item = View<'r, L>> {
        self.get(field).unwrap_or_default().iter().map(|line| View::new(line))
    }
}

/// A line that is being written.
pub struct Row<L> {
    values: Vec<Option<Value>>,
    of: PhantomData<fn() -> L>,
}

impl<L: Columns> Default for Row<L> {
    fn default() -> Row<L> {
        Row { values: vec![None; L::COLUMNS], of: PhantomData }
    }
}

impl<L: Columns> Row<L> {
    #[must_use]
    pub fn with<V, T: Takes<V>>(mut self, field: Field<L, T>, written: V) -> Row<L> {
        self.values[field.at] = Some(T::value(written));
        self
    }

    #[must_use]
    pub fn with_some<V, T: Takes<V>>(self, field: Field<L, T>, written: Option<V>) -> Row<L> {
        match written {
            Some(written) => self.with(field, written),
            None => self,
        }
    }

    /// A number as it is on the wire.
    #[must_use]
    pub fn with_number<T: Number>(mut self, field: Field<L, T>, number: i64) -> Row<L> {
        self.values[field.at] = Some(Value::Int(number));
        self
    }

    pub fn view(&self) -> View<'_, L> {
        View::new(&self.values)
    }
}

/// A record of `K` that is being written.
pub struct Draft<K> {
    record: Record,
    of: PhantomData<fn() -> K>,
}

impl<K: Declared> Default for Draft<K> {
    fn default() -> Draft<K> {
        Draft { record: Record::new(K::kind()), of: PhantomData }
    }
}

impl<K: Declared> Draft<K> {
    pub fn new() -> Draft<K> {
        Draft::default()
    }

    pub fn set<V, T: Takes<V>>(&mut self, field: Field<K, T>, written: V) -> &mut Draft<K> {
        self.record.put(field.at, Some(T::value(written)));
        self
    }

    /// A number as it is on the wire: a choice that was read, and is written again.
    pub fn set_number<T: Number>(&mut self, field: Field<K, T>, number: i64) -> &mut Draft<K> {
        self.record.put(field.at, Some(Value::Int(number)));
        self
    }

    pub fn into_record(self) -> Record {
        self.record
    }
}

impl Record {
    pub fn is<K: Declared>(&self) -> bool {
        self.kind.number == K::NUMBER
    }

    /// `None` where it is of another kind.
    pub fn of<K: Declared>(&self) -> Option<View<'_, K>> {
        self.is::<K>().then(|| View::new(self.values()))
    }

    /// One field, where it is known of which kind the record is. `None` where it is of another.
    pub fn read<K: Declared, T: Typed>(&self, field: Field<K, T>) -> Option<T::Read<'_>> {
        self.of::<K>()?.get(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kind::{Format, Type, kinds},
        records::{self, engagement, finding, rating, rating_item, work_entry},
        v1,
    };

    /// build.rs sorts and names as `kind.rs` does.
    #[test]
    fn handles_name_the_fields_they_were_made_from() {
        assert_eq!(work_entry::MINUTES.name(), "minutes");
        assert_eq!(work_entry::DONE_ON.declared().format, Format::Date);
        assert_eq!(engagement::STATE.name(), "state");
        assert!(matches!(rating::ITEMS.declared().ty, Type::Lines(_)));
        assert_eq!(rating::ITEMS.declared().lines()[rating_item::SCORE.position()].name, "score");
        assert_eq!(v1::WorkEntry::kind().name, v1::WorkEntry::NAME);
        for (kind, (number, name, columns)) in kinds().iter().zip(records::DECLARED) {
            assert_eq!((kind.number, kind.name, kind.fields.len()), (*number, *name, *columns));
        }
        assert_eq!(kinds().len(), records::DECLARED.len());
    }

    #[test]
    fn what_is_written_is_read_with_its_type() {
        let id = RecordId([7; 16]);
        let mut draft = Draft::<v1::WorkEntry>::new();
        draft.set(work_entry::MEDIATOR, id).set(work_entry::DONE_ON, Day(20_000)).set(work_entry::PLACE, "滨海");
        draft.set(work_entry::DUTY, v1::Duty::Bargaining).set(work_entry::GUIDED, 2);
        let record = Record::decode(v1::WorkEntry::kind(), &draft.into_record().encode()).expect("what we wrote");
        let view = record.of::<v1::WorkEntry>().expect("of that kind");
        assert_eq!(view.get(work_entry::MEDIATOR), Some(id));
        assert_eq!(view.get(work_entry::DONE_ON), Some(Day(20_000)));
        assert_eq!((view.get(work_entry::PLACE), view.get(work_entry::SUMMARY)), (Some("滨海"), None));
        assert!(view.is(work_entry::DUTY, v1::Duty::Bargaining) && !view.is(work_entry::DUTY, v1::Duty::Training));
        assert_eq!(view.choice(work_entry::DUTY), Some(v1::Duty::Bargaining));
        assert!(view.has(work_entry::GUIDED) && !view.has(work_entry::MINUTES));
        assert_eq!(record.read(work_entry::GUIDED), Some(2));
        assert!(record.of::<v1::Finding>().is_none());
        assert_eq!(record.read(finding::RULE), None, "a field of another kind is not there");
    }

    #[test]
    fn lines_are_read_and_written_by_their_columns() {
        let mut draft = Draft::<v1::Rating>::new();
        let row = |no, score| Row::default().with(rating_item::NO, no).with(rating_item::SCORE, score);
        draft.set(rating::ITEMS, vec![row(1, 12), row(2, 9)]);
        let record = draft.into_record();
        let view = record.of::<v1::Rating>().expect("of that kind");
        let scores: Vec<_> = view.lines(rating::ITEMS).map(|line| line.get(rating_item::SCORE)).collect();
        assert_eq!(scores, [Some(12), Some(9)]);
        assert!(view.lines(rating::ITEMS).all(|line| !line.has(rating_item::MAX)));
    }
}
