//! Reads the declarations out of the compiled descriptors.
//!
//! Every program does this when it starts. So it is one pass of prost over the few parts of a descriptor that a declaration
//! consists of, with our options as plain fields of theirs; a pool of all descriptors, with which one could reflect on any
//! message, takes twenty times as long to make. The descriptors were compiled with this program, so what does not fit them
//! is a mistake in a `.proto` file, found by the first test that runs.

use std::collections::HashMap;

use prost::Message;

use super::{Author, Choice, Field, Format, Kind, Merge, Privacy, Reach, Shape, Type, Voiding, Width};
use crate::{lang::Label, v1};

/// The kinds that a set of files declares, in order of their numbers.
pub(super) fn kinds(descriptors: &[u8]) -> Vec<Kind> {
    let files = Files::decode(descriptors).expect("build.rs wrote the descriptors").file;
    let files = files.iter().filter(|file| file.package == PACKAGE);
    let reader = Reader {
        messages: files.clone().flat_map(|file| &file.messages).map(|m| (&*m.name, m)).collect(),
        choices: files.clone().flat_map(|file| &file.choices).map(|c| (&*c.name, c)).collect(),
    };
    let messages = files.flat_map(|file| &file.messages);
    let mut kinds: Vec<Kind> = messages.filter_map(|message| reader.read_kind(message)).collect();
    // prost_types forgets extensions: the descriptors must come from `Compiler::encode_file_descriptor_set`.
    assert!(!kinds.is_empty(), "the descriptors have lost their options on the way through build.rs");
    kinds.sort_by_key(|k| k.number);
    kinds
}

const PACKAGE: &str = "huiliu.v1";

// The parts of google/protobuf/descriptor.proto that are read, by its numbers. What is not named is skipped.

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(message, repeated, tag = "1")]
    file: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "4")]
    messages: Vec<Declared>,
    #[prost(message, repeated, tag = "5")]
    choices: Vec<Choices>,
}

#[derive(Clone, PartialEq, Message)]
struct Declared {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    fields: Vec<DeclaredField>,
    #[prost(message, optional, tag = "7")]
    options: Option<KindOption>,
}

#[derive(Clone, PartialEq, Message)]
struct DeclaredField {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "3")]
    number: u32,
    #[prost(enumeration = "Often", tag = "4")]
    often: i32,
    #[prost(enumeration = "Proto", tag = "5")]
    ty: i32,
    #[prost(string, tag = "6")]
    type_name: String,
    #[prost(message, optional, tag = "8")]
    options: Option<FieldOption>,
    #[prost(int32, optional, tag = "9")]
    oneof: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Choices {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    values: Vec<DeclaredChoice>,
}

#[derive(Clone, PartialEq, Message)]
struct DeclaredChoice {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int32, tag = "2")]
    number: i32,
    #[prost(message, optional, tag = "3")]
    options: Option<ChoiceOption>,
}

// options.proto: the numbers of our options.

#[derive(Clone, PartialEq, Message)]
struct KindOption {
    #[prost(message, optional, tag = "51900")]
    kind: Option<v1::Kind>,
}

#[derive(Clone, PartialEq, Message)]
struct FieldOption {
    #[prost(message, optional, tag = "51901")]
    field: Option<v1::Field>,
}

#[derive(Clone, PartialEq, Message)]
struct ChoiceOption {
    #[prost(message, optional, tag = "51902")]
    choice: Option<v1::Label>,
}

/// How often a field stands in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
enum Often {
    Unspecified = 0,
    Once = 1,
    Required = 2,
    Repeated = 3,
}

/// The types of protobuf that fields of records have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
enum Proto {
    Other = 0,
    Int64 = 3,
    Uint64 = 4,
    Int32 = 5,
    Bool = 8,
    String = 9,
    Message = 11,
    Bytes = 12,
    Uint32 = 13,
    Enum = 14,
}

struct Reader<'a> {
    messages: HashMap<&'a str, &'a Declared>,
    choices: HashMap<&'a str, &'a Choices>,
}

impl Reader<'_> {
    fn read_kind(&self, message: &Declared) -> Option<Kind> {
        let said = message.options.as_ref()?.kind.as_ref()?;
        let fields = self.read_fields(message);
        let named = |name: &str| {
            fields.iter().position(|f| f.name == name).unwrap_or_else(|| panic!("{}: no field {name}", message.name))
        };
        Some(Kind {
            name: keep(&snake(&message.name)),
            message: keep(&message.name),
            number: said.number,
            shape: match said.shape() {
                v1::Shape::Document => Shape::Document,
                v1::Shape::Entry => Shape::Entry,
                v1::Shape::Unspecified => panic!("{}: no shape", message.name),
            },
            reach: match said.reach() {
                v1::Reach::Union => Reach::Union,
                v1::Reach::Province => Reach::Province,
                v1::Reach::Nation => Reach::Nation,
                v1::Reach::Unspecified => panic!("{}: no reach", message.name),
            },
            author: match said.author() {
                v1::Author::Owner => Author::Owner,
                v1::Author::Superior => Author::Superior,
                v1::Author::Publisher => Author::Publisher,
                v1::Author::Unspecified => panic!("{}: no author", message.name),
            },
            voiding: match said.voiding() {
                v1::Voiding::Never => Voiding::Never,
                v1::Voiding::Free => Voiding::Free,
                v1::Voiding::Money => Voiding::Money,
            },
            subject: (!said.subject.is_empty()).then(|| named(&said.subject)),
            natural_key: said.natural_key.iter().map(|name| named(name)).collect(),
            personal: fields
                .iter()
                .flat_map(|f| std::iter::once(f).chain(f.lines()))
                .any(|f| matches!(f.privacy, Privacy::Personal | Privacy::Sealed)),
            label: Label::new(&said.zh, &said.en),
            source: said.source.clone(),
            automatic: said.automatic,
            bulk: said.bulk,
            warning: said.warning,
            fields,
        })
    }

    fn read_fields(&self, message: &Declared) -> Vec<Field> {
        let mut declared: Vec<&DeclaredField> = message.fields.iter().collect();
        declared.sort_by_key(|f| f.number);
        let position = |name: &str| {
            declared.iter().position(|f| f.name == name).unwrap_or_else(|| panic!("{}: no field {name}", message.name))
        };
        declared.iter().map(|f| self.read_field(message, f, &position)).collect()
    }

    fn read_field(&self, message: &Declared, field: &DeclaredField, position: &dyn Fn(&str) -> usize) -> Field {
        let name = format_args!("{}.{}", message.name, field.name);
        let said = field.options.as_ref().and_then(|options| options.field.as_ref());
        let said = said.unwrap_or_else(|| panic!("{name}: no options"));
        let list = field.often() == Often::Repeated;
        let format = match said.format() {
            v1::Format::Unspecified => Format::None,
            v1::Format::Date => Format::Date,
            v1::Format::Month => Format::Month,
            v1::Format::Year => Format::Year,
            v1::Format::Fen => Format::Fen,
            v1::Format::Region => Format::Region,
            v1::Format::UnionNumber => Format::Union,
            v1::Format::ResidentId => Format::ResidentId,
            v1::Format::CreditCode => Format::CreditCode,
            v1::Format::Phone => Format::Phone,
            v1::Format::Percent => Format::Percent,
            v1::Format::Instant => Format::Instant,
            v1::Format::Choices => Format::Choices,
            v1::Format::Hex => Format::Hex,
        };
        let (ty, width) = match field.ty() {
            Proto::String => (Type::Text, None),
            Proto::Bool => (Type::Bool, None),
            Proto::Bytes if said.r#ref.is_empty() => (Type::Bytes, None),
            Proto::Bytes => (Type::Reference, None),
            Proto::Enum => (Type::Choice(self.read_choices(local(&field.type_name))), Some(Width::I32)),
            Proto::Message if list => {
                let line = self.messages.get(local(&field.type_name));
                let line = line.unwrap_or_else(|| panic!("{name}: no message {}", field.type_name));
                (Type::Lines(self.read_fields(line)), None)
            }
            Proto::Uint64 if format == Format::Choices => {
                (Type::Choices(self.read_choices(&said.set_of)), Some(Width::U64))
            }
            Proto::Int32 => (Type::Int, Some(Width::I32)),
            Proto::Int64 => (Type::Int, Some(Width::I64)),
            Proto::Uint32 => (Type::Int, Some(Width::U32)),
            Proto::Uint64 => (Type::Int, Some(Width::U64)),
            Proto::Message | Proto::Other => panic!("{name}: records have no fields of type {}", field.ty),
        };
        let declared = (said.bounded || said.max != 0).then_some((said.min, said.max));
        let limits = declared.or_else(|| default_limits(&ty, format));
        Field {
            name: keep(&field.name),
            number: field.number,
            required: said.required,
            min: limits.map(|l| l.0),
            max: limits.map(|l| l.1),
            format,
            merge: match said.merge() {
                v1::Merge::Auto => Merge::Auto,
                v1::Merge::Ask => Merge::Ask,
                v1::Merge::Derived => Merge::Derived,
                v1::Merge::Once => Merge::Once,
                v1::Merge::Unspecified => panic!("{name}: no merge class"),
            },
            privacy: match said.privacy() {
                v1::Privacy::Public => Privacy::Public,
                v1::Privacy::Internal => Privacy::Internal,
                v1::Privacy::Personal => Privacy::Personal,
                v1::Privacy::Sealed => Privacy::Sealed,
                v1::Privacy::Case => Privacy::Case,
                v1::Privacy::Unspecified => panic!("{name}: no privacy class"),
            },
            reference: (!said.r#ref.is_empty()).then(|| keep(&said.r#ref)),
            with: (!said.with.is_empty()).then(|| position(&said.with)),
            past: said.past,
            stays_used: said.stays_used,
            filed: said.filed,
            index: said.index,
            help: said.help.as_ref().map(|h| Label::new(&h.zh, &h.en)),
            presence: field.oneof.is_some(),
            label: Label::new(&said.zh, &said.en),
            ty,
            width,
        }
    }

    fn read_choices(&self, name: &str) -> Vec<Choice> {
        let choices = self.choices.get(name).unwrap_or_else(|| panic!("no enum {name}"));
        let read = |value: &DeclaredChoice| {
            let label = value.options.as_ref().and_then(|options| options.choice.as_ref());
            let label = label.unwrap_or_else(|| panic!("{name}.{}: no label", value.name));
            Choice { number: value.number, name: value.name.clone(), label: Label::new(&label.zh, &label.en) }
        };
        choices.values.iter().filter(|value| value.number != 0).map(read).collect()
    }
}

/// `.huiliu.v1.Duty` is `Duty` here. What is declared elsewhere is not found.
fn local(type_name: &str) -> &str {
    let local = type_name.strip_prefix('.').and_then(|name| name.strip_prefix(PACKAGE)?.strip_prefix('.'));
    local.unwrap_or(type_name)
}

/// What a declaration leaves open.
fn default_limits(ty: &Type, format: Format) -> Option<(i64, i64)> {
    let days = |year, month, day| crate::period::Day::from_ymd(year, month, day).map(|d| i64::from(d.0));
    Some(match (ty, format) {
        (Type::Text, Format::ResidentId | Format::CreditCode) => (18, 18),
        (Type::Text, Format::Phone) => (7, 20),
        (Type::Int, Format::Date) => (days(1900, 1, 1)?, days(2199, 12, 31)?),
        (Type::Int, Format::Month) => (1900 * 12, 2199 * 12 + 11),
        (Type::Int, Format::Year) => (1900, 2199),
        // Ten thousand million yuan: millions of such entries would still add up in an i64.
        (Type::Int, Format::Fen) => (-1_000_000_000_000, 1_000_000_000_000),
        (Type::Int, Format::Union) => (100_000, 999_999_999_999_999),
        (Type::Int, Format::Instant) => (0, 7_258_118_400_000),
        (Type::Int, _) => (0, 1_000_000_000),
        (Type::Reference, _) => (16, 16),
        _ => return None,
    })
}

/// The declarations live as long as the program, and so do their names.
fn keep(name: &str) -> &'static str {
    Box::leak(Box::from(name))
}

/// `WorkEntry` to `work_entry`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use prost_reflect::{DescriptorPool, DynamicMessage};

    use super::*;

    /// What an option says when it is read with a pool of all descriptors.
    fn said<T: Message + Default>(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<T> {
        let extension = pool.get_extension_by_name(name).unwrap();
        let has = options.has_extension(&extension);
        has.then(|| options.get_extension(&extension).as_message().unwrap().transcode_to().unwrap())
    }

    #[test]
    fn reads_what_reflection_reads() {
        let pool = DescriptorPool::decode(crate::DESCRIPTORS).unwrap();
        let files = Files::decode(crate::DESCRIPTORS).unwrap().file;
        let (mut kinds, mut fields, mut choices) = (0, 0, 0);
        for message in files.iter().filter(|file| file.package == PACKAGE).flat_map(|file| &file.messages) {
            let other = pool.get_message_by_name(&format!("{PACKAGE}.{}", message.name)).unwrap();
            let kind = message.options.clone().and_then(|options| options.kind);
            assert_eq!(kind, said(&pool, &other.options(), "huiliu.v1.kind"), "{}", message.name);
            assert_eq!(message.fields.len(), other.fields().len(), "{}", message.name);
            kinds += usize::from(kind.is_some());
            for field in &message.fields {
                let other = other.get_field(field.number).unwrap();
                let name = other.full_name().to_owned();
                let option = field.options.clone().and_then(|options| options.field);
                assert_eq!(field.name, other.name());
                assert_eq!(option, said(&pool, &other.options(), "huiliu.v1.field"), "{name}");
                assert_eq!(field.often() == Often::Repeated, other.is_list() || other.is_map(), "{name}");
                if option.is_some() {
                    let presence = other.supports_presence() && !other.is_list();
                    assert_eq!(field.oneof.is_some(), presence, "{name}");
                    fields += 1;
                }
            }
        }
        for values in files.iter().filter(|file| file.package == PACKAGE).flat_map(|file| &file.choices) {
            let other = pool.get_enum_by_name(&format!("{PACKAGE}.{}", values.name)).unwrap();
            for (value, other) in values.values.iter().zip(other.values()) {
                let label = value.options.clone().and_then(|options| options.choice);
                assert_eq!((&*value.name, value.number), (other.name(), other.number()));
                assert_eq!(label, said(&pool, &other.options(), "huiliu.v1.choice"), "{}", value.name);
                choices += usize::from(label.is_some());
            }
        }
        assert_eq!(kinds, super::kinds(crate::DESCRIPTORS).len());
        assert!(fields > 150 && choices > 50, "{fields} fields, {choices} choices");
    }
}
