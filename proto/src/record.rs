//! A record of any kind: its values by field, its bytes on the wire, whether it may stand.
//!
//! Decoding goes straight from protobuf's wire format to values, because every record a hub holds goes through it;
//! prost-reflect's dynamic messages would cost ten times as much. Bytes come from anywhere: sizes are bounded before
//! anything is kept, a value of the wrong type is an error, a field of a newer version is skipped. What is skipped is not
//! lost, because nothing that was signed is ever encoded again.

use std::fmt;

use prost::encoding::{self, DecodeContext, WireType};

use crate::{
    kind::{Field, Kind, Type, Width, field_numbered},
    rules,
    value::{Value, check_all, fits},
};

pub use crate::rules::{Refusal, Warning};

/// Longest payload of one record: as long as an operation's.
pub const MAX_BYTES: usize = crate::operation::MAX_PAYLOAD;
/// Most lines in one record, over all its tables.
pub const MAX_LINES: usize = 4096;

#[derive(Clone, PartialEq)]
pub struct Record {
    pub kind: &'static Kind,
    values: Vec<Option<Value>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("{0} bytes, more than a record may have")]
    TooLong(usize),
    #[error("more than {MAX_LINES} lines")]
    TooManyLines,
    #[error("cut off or not protobuf")]
    Malformed,
    #[error("field {0} has another type on the wire")]
    WireType(&'static str),
    #[error("the text of field {0} is not UTF-8")]
    Utf8(&'static str),
    #[error("the number of field {0} does not fit its type")]
    Width(&'static str),
}

/// One line of a table inside an entry, read by the names of its columns.
#[derive(Clone, Copy)]
pub struct Line<'r> {
    fields: &'static [Field],
    values: &'r [Option<Value>],
}

impl Record {
    pub fn new(kind: &'static Kind) -> Record {
        Record { kind, values: vec![None; kind.fields.len()] }
    }

    /// In the order of the kind's fields.
    pub fn values(&self) -> &[Option<Value>] {
        &self.values
    }

    pub fn into_values(self) -> Vec<Option<Value>> {
        self.values
    }

    fn whole(&self) -> Line<'_> {
        Line { fields: &self.kind.fields, values: &self.values }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.whole().get(name)
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.whole().int(name)
    }

    /// `None` also where the text is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.whole().text(name)
    }

    /// `None` also where there are no bytes.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.whole().bytes(name)
    }

    /// Not said is no.
    pub fn flag(&self, name: &str) -> bool {
        self.whole().flag(name)
    }

    /// The lines of a table; none where the field is no table.
    pub fn lines(&self, name: &str) -> impl Iterator<Item = Line<'_>> {
        let at = self.kind.field(name);
        let fields = at.map_or(&[][..], |i| self.kind.fields[i].lines());
        let lines = match at.and_then(|i| self.values[i].as_ref()) {
            Some(Value::Lines(lines)) => lines.as_slice(),
            _ => &[],
        };
        lines.iter().map(move |values| Line { fields, values })
    }

    /// False where the kind has no such field, and nothing was set.
    pub fn set(&mut self, name: &str, value: Value) -> bool {
        match self.kind.field(name) {
            Some(at) => {
                self.values[at] = Some(value);
                true
            }
            None => false,
        }
    }

    /// By the field's position; `None` empties it.
    ///
    /// # Panics
    /// Where the kind has no field at that position.
    pub fn put(&mut self, at: usize, value: Option<Value>) {
        self.values[at] = value;
    }

    /// Whether the record may stand: what is required, each value by itself, then the rules of its kind.
    pub fn validate(&self) -> Result<Vec<Warning>, Vec<Refusal>> {
        let (mut warnings, mut refusals) = (vec![], vec![]);
        for found in check_all(&self.kind.fields, &self.values) {
            match found {
                Ok(warning) => warnings.push(warning),
                Err(refusal) => refusals.push(refusal),
            }
        }
        let verdict = rules::cross_field(self);
        warnings.extend(verdict.warnings);
        refusals.extend(verdict.refusals);
        if refusals.is_empty() { Ok(warnings) } else { Err(refusals) }
    }

    /// Deterministic: fields in order of their numbers, nothing for what was not said.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        encode_fields(&self.kind.fields, &self.values, &mut out);
        out
    }

    pub fn decode(kind: &'static Kind, bytes: &[u8]) -> Result<Record, DecodeError> {
        if bytes.len() > MAX_BYTES {
            return Err(DecodeError::TooLong(bytes.len()));
        }
        let mut lines_left = MAX_LINES;
        let values = decode_fields(&kind.fields, bytes, &mut lines_left)?;
        Ok(Record { kind, values })
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.message)?;
        let said =
            self.kind.fields.iter().zip(&self.values).filter_map(|(field, value)| Some((field, value.as_ref()?)));
        let mut map = f.debug_map();
        for (field, value) in said {
            match field.private() {
                true => map.entry(&field.name, &format_args!("…")),
                false => map.entry(&field.name, value),
            };
        }
        map.finish()
    }
}

impl<'r> Line<'r> {
    pub fn get(&self, name: &str) -> Option<&'r Value> {
        let at = self.fields.iter().position(|f| f.name == name)?;
        self.values.get(at)?.as_ref()
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Int(n) => Some(*n),
            _ => None,
        }
    }

    pub fn text(&self, name: &str) -> Option<&'r str> {
        match self.get(name)? {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub fn bytes(&self, name: &str) -> Option<&'r [u8]> {
        match self.get(name)? {
            Value::Bytes(bytes) if !bytes.is_empty() => Some(bytes),
            _ => None,
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(true)))
    }
}

fn encode_fields(fields: &[Field], values: &[Option<Value>], out: &mut Vec<u8>) {
    for (field, value) in fields.iter().zip(values) {
        let Some(value) = value else { continue };
        match value {
            Value::Bool(flag) => encode_number(field, i64::from(*flag), out),
            Value::Int(n) => encode_number(field, *n, out),
            Value::Text(text) => encode_bytes(field, text.as_bytes(), out),
            Value::Bytes(bytes) => encode_bytes(field, bytes, out),
            Value::Lines(lines) => {
                let mut inner = Vec::with_capacity(64);
                for line in lines {
                    inner.clear();
                    encode_fields(field.lines(), line, &mut inner);
                    encoding::encode_key(field.number, WireType::LengthDelimited, out);
                    encoding::encode_varint(inner.len() as u64, out);
                    out.extend_from_slice(&inner);
                }
            }
        }
    }
}

/// A negative int32 is ten bytes long, as protobuf has it.
fn encode_number(field: &Field, n: i64, out: &mut Vec<u8>) {
    if n != 0 || field.presence {
        encoding::encode_key(field.number, WireType::Varint, out);
        encoding::encode_varint(n as u64, out);
    }
}

fn encode_bytes(field: &Field, bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() || field.presence {
        encoding::encode_key(field.number, WireType::LengthDelimited, out);
        encoding::encode_varint(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }
}

fn decode_fields(
    fields: &'static [Field],
    mut bytes: &[u8],
    lines_left: &mut usize,
) -> Result<Vec<Option<Value>>, DecodeError> {
    let mut values = vec![None; fields.len()];
    while !bytes.is_empty() {
        let (number, wire) = encoding::decode_key(&mut bytes).map_err(|_| DecodeError::Malformed)?;
        let Some(at) = field_numbered(fields, number) else {
            encoding::skip_field(wire, number, &mut bytes, DecodeContext::default())
                .map_err(|_| DecodeError::Malformed)?;
            continue;
        };
        let field = &fields[at];
        let value = match (&field.ty, wire) {
            (Type::Bool, WireType::Varint) => Value::Bool(varint(&mut bytes)? != 0),
            (Type::Int | Type::Choice(_) | Type::Choices(_), WireType::Varint) => {
                Value::Int(number_of(field, varint(&mut bytes)?)?)
            }
            (Type::Text, WireType::LengthDelimited) => {
                let text = std::str::from_utf8(delimited(&mut bytes)?).map_err(|_| DecodeError::Utf8(field.name))?;
                Value::Text(text.to_owned())
            }
            (Type::Bytes | Type::Reference, WireType::LengthDelimited) => Value::Bytes(delimited(&mut bytes)?.to_vec()),
            (Type::Lines(columns), WireType::LengthDelimited) => {
                *lines_left = lines_left.checked_sub(1).ok_or(DecodeError::TooManyLines)?;
                let line = decode_fields(columns, delimited(&mut bytes)?, lines_left)?;
                if let Some(Value::Lines(lines)) = &mut values[at] {
                    lines.push(line);
                } else {
                    values[at] = Some(Value::Lines(vec![line]));
                }
                continue;
            }
            _ => return Err(DecodeError::WireType(field.name)),
        };
        // Nought and nothing are one, unless the declaration keeps them apart.
        let said = field.presence
            || match &value {
                Value::Bool(flag) => *flag,
                Value::Int(n) => *n != 0,
                other => !other.is_empty(),
            };
        values[at] = said.then_some(value);
    }
    Ok(values)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    encoding::decode_varint(bytes).map_err(|_| DecodeError::Malformed)
}

fn delimited<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let length = usize::try_from(varint(bytes)?).map_err(|_| DecodeError::Malformed)?;
    let (taken, rest) = bytes.split_at_checked(length).ok_or(DecodeError::Malformed)?;
    *bytes = rest;
    Ok(taken)
}

/// Other readers would cut a number that is too wide, each to something else; here it is an error.
fn number_of(field: &Field, raw: u64) -> Result<i64, DecodeError> {
    let n = raw as i64;
    match field.width {
        Some(width @ (Width::I32 | Width::U32)) if !fits(n, width) => Err(DecodeError::Width(field.name)),
        _ => Ok(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kind::{kind, kinds, numbered},
        records, v1,
    };
    use proptest::{collection::vec, option, prelude::*};
    use prost::Message as _;
    use prost_reflect::{DescriptorPool, DynamicMessage};

    fn any_value(field: &'static Field) -> BoxedStrategy<Value> {
        match &field.ty {
            Type::Text => ".{0,20}".prop_map(Value::Text).boxed(),
            Type::Bytes | Type::Reference => vec(any::<u8>(), 0..40).prop_map(Value::Bytes).boxed(),
            Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            Type::Int | Type::Choice(_) | Type::Choices(_) => match field.width {
                Some(Width::I32) => any::<i32>().prop_map(|n| Value::Int(n.into())).boxed(),
                Some(Width::U32) => any::<u32>().prop_map(|n| Value::Int(n.into())).boxed(),
                _ => any::<i64>().prop_map(Value::Int).boxed(),
            },
            Type::Lines(columns) => vec(any_values(columns), 0..4).prop_map(Value::Lines).boxed(),
        }
    }

    fn any_values(fields: &'static [Field]) -> BoxedStrategy<Vec<Option<Value>>> {
        fields.iter().map(|f| option::of(any_value(f))).collect::<Vec<_>>().boxed()
    }

    fn any_record() -> BoxedStrategy<Record> {
        let kinds: Vec<_> = kinds()
            .iter()
            .map(|kind| any_values(&kind.fields).prop_map(move |values| Record { kind, values }))
            .collect();
        proptest::strategy::Union::new(kinds).boxed()
    }

    proptest! {
        #[test]
        fn bytes_are_those_of_protobuf(record in any_record()) {
            let bytes = record.encode();
            let decoded = Record::decode(record.kind, &bytes).expect("what we wrote");
            prop_assert_eq!(decoded.encode(), bytes.clone());
            let pool = DescriptorPool::decode(crate::DESCRIPTORS).expect("our descriptors");
            let message = pool.get_message_by_name(&format!("huiliu.v1.{}", record.kind.message)).expect("our message");
            let dynamic = DynamicMessage::decode(message, &bytes[..]).expect("prost-reflect reads it");
            prop_assert_eq!(dynamic.encode_to_vec(), bytes.clone());
            // And through the struct that prost made.
            prop_assert_eq!(records::through_struct(record.kind.number, &bytes), Some(bytes));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in vec(any::<u8>(), 0..300), number in 0u32..240) {
            if let Some(kind) = numbered(number) && let Ok(record) = Record::decode(kind, &bytes) {
                let _ = (record.validate(), record.encode(), format!("{record:?}"));
            }
        }

        #[test]
        fn cut_or_changed_bytes_never_panic(record in any_record(), at: prop::sample::Index, byte: u8) {
            let mut bytes = record.encode();
            let at = at.index(bytes.len() + 1);
            let _ = Record::decode(record.kind, &bytes[..at]);
            if let Some(b) = bytes.get_mut(at) {
                *b = byte;
            }
            if let Ok(record) = Record::decode(record.kind, &bytes) {
                let _ = record.validate();
            }
        }
    }

    fn work_entry() -> &'static Kind {
        kind("work_entry").expect("declared")
    }

    #[test]
    fn a_struct_is_read_as_a_record() {
        let entry = v1::WorkEntry {
            mediator: vec![7; 16].into(),
            guided: -2,
            summary: "协商一次".into(),
            ..Default::default()
        };
        let record = Record::decode(work_entry(), &entry.encode_to_vec()).expect("prost wrote it");
        assert_eq!(record.int("guided"), Some(-2));
        assert_eq!(record.text("summary"), Some("协商一次"));
        assert_eq!(record.bytes("mediator"), Some(&[7; 16][..]));
        assert_eq!(record.get("corrects"), None);
        assert!(format!("{record:?}").contains("\"summary\": …"), "{record:?}");
    }

    #[test]
    fn what_is_wrong_on_the_wire() {
        let decode = |bytes: &[u8]| Record::decode(work_entry(), bytes);
        assert_eq!(decode(&[0x10, 0x01, 0x10, 0x02]).map(|r| r.int("duty")), Ok(Some(2)), "the last one holds");
        assert_eq!(
            decode(&[0xba, 0x3e, 0x02, 1, 2, 0x10, 0x02]).map(|r| r.int("duty")),
            Ok(Some(2)),
            "field 999 is skipped"
        );
        assert_eq!(decode(&[0x12, 0x00]), Err(DecodeError::WireType("duty")));
        assert_eq!(decode(&[0x3a, 0x01, 0xff]), Err(DecodeError::Utf8("place")));
        assert_eq!(decode(&[0x20, 0x80, 0x80, 0x80, 0x80, 0x10]), Err(DecodeError::Width("done_on")));
        assert_eq!(decode(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(DecodeError::Malformed));
        assert_eq!(decode(&[0x00]), Err(DecodeError::Malformed));
        assert_eq!(decode(&vec![0; MAX_BYTES + 1]), Err(DecodeError::TooLong(MAX_BYTES + 1)));
        let filing = kind("filing").expect("declared");
        let line = [0x2a, 0x00];
        assert_eq!(Record::decode(filing, &line.repeat(MAX_LINES)).map(|r| r.lines("roster").count()), Ok(MAX_LINES));
        assert_eq!(Record::decode(filing, &line.repeat(MAX_LINES + 1)), Err(DecodeError::TooManyLines));
    }

    #[test]
    fn nought_and_nothing_are_kept_apart_where_declared() {
        let rating = kind("rating").expect("declared");
        let mut record = Record::new(rating);
        record.set("total", Value::Int(0));
        let again = Record::decode(rating, &record.encode()).expect("what we wrote");
        assert_eq!((again.int("total"), again.int("asked")), (Some(0), None));
        assert!(!record.set("nothing", Value::Int(0)));
    }
}
