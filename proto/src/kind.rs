//! Record kinds and their fields, as the `.proto` files declare them.
//!
//! Read once, from the descriptors compiled into the program, and never changed. Everything else that handles records
//! asks here; nothing in this file knows a kind by name.

use std::sync::OnceLock;

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind as Proto,
    MessageDescriptor,
};

use crate::{lang::Label, room::AnyRoom, v1};

/// A kind of record: a mediator, an engagement, an expenditure.
#[derive(Debug)]
pub struct Kind {
    /// `work_entry`
    pub name: &'static str,
    /// `WorkEntry`
    pub message: &'static str,
    pub number: u32,
    pub label: Label,
    pub shape: Shape,
    pub reach: Reach,
    pub author: Author,
    /// The field that names the union a superior's record is meant for.
    pub subject: Option<usize>,
    pub natural_key: Vec<usize>,
    pub source: String,
    pub automatic: bool,
    /// Comes by the hundred thousand.
    pub bulk: bool,
    /// Exchanged before anything else.
    pub warning: bool,
    pub voiding: Voiding,
    /// Some field is personal or sealed: its operations are salted, so that a payload can one day be destroyed.
    pub personal: bool,
    /// In order of their numbers.
    pub fields: Vec<Field>,
}

/// Whether its owner may void a record: see `options.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voiding {
    Never,
    Free,
    Money,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Document,
    Entry,
}

/// From the nearest to the farthest: `Reach::Union < Reach::Nation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    Union,
    Province,
    Nation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    Owner,
    Superior,
    Publisher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    Auto,
    Ask,
    Derived,
    Once,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    Public,
    Internal,
    Personal,
    Sealed,
    Case,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    None,
    Date,
    Month,
    Year,
    Fen,
    Region,
    Union,
    ResidentId,
    CreditCode,
    Phone,
    Percent,
    Instant,
    Choices,
    Hex,
}

/// How wide a number is on the wire. A number that does not fit is refused, never cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    I32,
    I64,
    U32,
    U64,
}

#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub number: u32,
    pub label: Label,
    pub ty: Type,
    pub required: bool,
    /// Characters of a text, bytes, lines, or the number itself. Every text, byte string and number has both limits;
    /// what the declaration leaves open is filled in from the format.
    pub min: Option<i64>,
    pub max: Option<i64>,
    pub format: Format,
    pub merge: Merge,
    pub privacy: Privacy,
    pub reference: Option<&'static str>,
    /// Required once that field is filled, and refused without it.
    pub with: Option<usize>,
    /// A date of something that has happened.
    pub past: bool,
    /// Part of a number that a voided record keeps.
    pub stays_used: bool,
    pub index: bool,
    pub help: Option<Label>,
    /// Nought and "not said" are two things: `optional` in the declaration.
    pub presence: bool,
    /// `None` for what is no number.
    pub width: Option<Width>,
}

#[derive(Debug)]
pub enum Type {
    Text,
    Int,
    Bool,
    Bytes,
    Choice(Vec<Choice>),
    /// A set: bit n stands for choice n.
    Choices(Vec<Choice>),
    /// The 16-byte id of a record of the kind in `reference`.
    Reference,
    /// A table inside an entry.
    Lines(Vec<Field>),
}

#[derive(Debug)]
pub struct Choice {
    pub number: i32,
    pub name: String,
    pub label: Label,
}

/// All kinds, in order of their numbers.
pub fn kinds() -> &'static [Kind] {
    KINDS.get_or_init(|| {
        let mut kinds = Reader::new(crate::DESCRIPTORS).kinds();
        if let Some((descriptors, _)) = ADDED.get() {
            kinds.extend(Reader::new(descriptors).kinds());
            kinds.sort_by_key(|kind| kind.number);
        }
        kinds
    })
}

static KINDS: OnceLock<Vec<Kind>> = OnceLock::new();
static ADDED: OnceLock<(&[u8], &[AnyRoom])> = OnceLock::new();

/// Adds kinds that are not built in, with their rooms: for a test that shows that a kind is its room alone. False where
/// that is too late, because somebody has asked for a kind.
#[doc(hidden)]
pub fn add(descriptors: &'static [u8], rooms: &'static [AnyRoom]) -> bool {
    KINDS.get().is_none() && ADDED.set((descriptors, rooms)).is_ok()
}

pub(crate) fn added_rooms() -> &'static [AnyRoom] {
    ADDED.get().map_or(&[], |(_, rooms)| rooms)
}

pub fn kind(name: &str) -> Option<&'static Kind> {
    kinds().iter().find(|k| k.name == name)
}

pub fn numbered(number: u32) -> Option<&'static Kind> {
    let kinds = kinds();
    kinds.binary_search_by_key(&number, |k| k.number).ok().map(|at| &kinds[at])
}

impl Kind {
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    pub fn field_numbered(&self, number: u32) -> Option<usize> {
        field_numbered(&self.fields, number)
    }
}

impl Reach {
    /// As options.proto numbers it, and as feed headers carry it.
    pub fn number(self) -> u32 {
        match self {
            Reach::Union => 1,
            Reach::Province => 2,
            Reach::Nation => 3,
        }
    }

    pub fn numbered(number: u32) -> Option<Reach> {
        [Reach::Union, Reach::Province, Reach::Nation].into_iter().find(|r| r.number() == number)
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Kind) -> bool {
        self.number == other.number
    }
}

/// Fields are nearly always numbered 1, 2, 3, so the first look is nearly always the last.
pub(crate) fn field_numbered(fields: &[Field], number: u32) -> Option<usize> {
    let guess = (number as usize).wrapping_sub(1);
    match fields.get(guess) {
        Some(field) if field.number == number => Some(guess),
        _ => fields.binary_search_by_key(&number, |f| f.number).ok(),
    }
}

impl Field {
    pub fn sealed(&self) -> bool {
        self.privacy == Privacy::Sealed
    }

    /// Tells a person apart: never in a log.
    pub fn private(&self) -> bool {
        matches!(self.privacy, Privacy::Personal | Privacy::Sealed | Privacy::Case)
    }

    /// The choices of a choice or of a set; empty for every other type.
    pub fn choices(&self) -> &[Choice] {
        match &self.ty {
            Type::Choice(choices) | Type::Choices(choices) => choices,
            _ => &[],
        }
    }

    /// The choice with this number; none where only a newer version knows it.
    pub fn choice(&self, number: i64) -> Option<&Choice> {
        self.choices().iter().find(|choice| i64::from(choice.number) == number)
    }

    pub fn lines(&self) -> &[Field] {
        match &self.ty {
            Type::Lines(fields) => fields,
            _ => &[],
        }
    }
}

/// Reads the options back. The descriptors were compiled with this program, so what does not fit them is a mistake in
/// a `.proto` file, found by the first test that runs.
struct Reader {
    pool: DescriptorPool,
    kind: ExtensionDescriptor,
    field: ExtensionDescriptor,
    choice: ExtensionDescriptor,
}

impl Reader {
    fn new(descriptors: &[u8]) -> Reader {
        let pool = DescriptorPool::decode(descriptors).expect("build.rs wrote the descriptors");
        let extension = |name| pool.get_extension_by_name(name).expect("options.proto declares its extensions");
        Reader {
            kind: extension("huiliu.v1.kind"),
            field: extension("huiliu.v1.field"),
            choice: extension("huiliu.v1.choice"),
            pool,
        }
    }

    fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.pool.all_messages().filter_map(|m| self.read_kind(&m)).collect();
        // prost_types forgets extensions: the descriptors must come from `Compiler::encode_file_descriptor_set`.
        assert!(!kinds.is_empty(), "the descriptors have lost their options on the way through build.rs");
        kinds.sort_by_key(|k| k.number);
        kinds
    }

    fn read_kind(&self, message: &MessageDescriptor) -> Option<Kind> {
        let said: v1::Kind = option(&message.options(), &self.kind)?;
        let fields = self.read_fields(message);
        let named = |name: &str| {
            fields.iter().position(|f| f.name == name).unwrap_or_else(|| panic!("{}: no field {name}", message.name()))
        };
        Some(Kind {
            name: keep(snake(message.name())),
            message: keep(message.name().to_owned()),
            number: said.number,
            shape: match said.shape() {
                v1::Shape::Document => Shape::Document,
                v1::Shape::Entry => Shape::Entry,
                v1::Shape::Unspecified => panic!("{}: no shape", message.name()),
            },
            reach: match said.reach() {
                v1::Reach::Union => Reach::Union,
                v1::Reach::Province => Reach::Province,
                v1::Reach::Nation => Reach::Nation,
                v1::Reach::Unspecified => panic!("{}: no reach", message.name()),
            },
            author: match said.author() {
                v1::Author::Owner => Author::Owner,
                v1::Author::Superior => Author::Superior,
                v1::Author::Publisher => Author::Publisher,
                v1::Author::Unspecified => panic!("{}: no author", message.name()),
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
            label: Label::new(said.zh, said.en),
            source: said.source,
            automatic: said.automatic,
            bulk: said.bulk,
            warning: said.warning,
            fields,
        })
    }

    fn read_fields(&self, message: &MessageDescriptor) -> Vec<Field> {
        let mut declared: Vec<FieldDescriptor> = message.fields().collect();
        declared.sort_by_key(FieldDescriptor::number);
        let position = |name: &str| {
            declared
                .iter()
                .position(|f| f.name() == name)
                .unwrap_or_else(|| panic!("{}: no field {name}", message.name()))
        };
        declared.iter().map(|f| self.read_field(f, &position)).collect()
    }

    fn read_field(&self, field: &FieldDescriptor, position: &dyn Fn(&str) -> usize) -> Field {
        let name = field.full_name();
        let said: v1::Field = option(&field.options(), &self.field).unwrap_or_else(|| panic!("{name}: no options"));
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
        let (ty, width) = match field.kind() {
            Proto::String => (Type::Text, None),
            Proto::Bool => (Type::Bool, None),
            Proto::Bytes if said.r#ref.is_empty() => (Type::Bytes, None),
            Proto::Bytes => (Type::Reference, None),
            Proto::Enum(choices) => (Type::Choice(self.read_choices(&choices)), Some(Width::I32)),
            Proto::Message(line) if field.is_list() => (Type::Lines(self.read_fields(&line)), None),
            Proto::Uint64 if format == Format::Choices => {
                let choices = self.pool.get_enum_by_name(&format!("huiliu.v1.{}", said.set_of));
                let choices = choices.unwrap_or_else(|| panic!("{name}: no enum {}", said.set_of));
                (Type::Choices(self.read_choices(&choices)), Some(Width::U64))
            }
            Proto::Int32 => (Type::Int, Some(Width::I32)),
            Proto::Int64 => (Type::Int, Some(Width::I64)),
            Proto::Uint32 => (Type::Int, Some(Width::U32)),
            Proto::Uint64 => (Type::Int, Some(Width::U64)),
            other => panic!("{name}: records have no fields of type {other:?}"),
        };
        let declared = (said.bounded || said.max != 0).then_some((said.min, said.max));
        let limits = declared.or_else(|| default_limits(&ty, format));
        Field {
            name: keep(field.name().to_owned()),
            number: field.number(),
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
            reference: (!said.r#ref.is_empty()).then(|| keep(said.r#ref.clone())),
            with: (!said.with.is_empty()).then(|| position(&said.with)),
            past: said.past,
            stays_used: said.stays_used,
            index: said.index,
            help: said.help.map(|h| Label::new(h.zh, h.en)),
            presence: field.supports_presence() && !field.is_list(),
            label: Label::new(said.zh, said.en),
            ty,
            width,
        }
    }

    fn read_choices(&self, choices: &EnumDescriptor) -> Vec<Choice> {
        let read = |v: prost_reflect::EnumValueDescriptor| {
            let label: v1::Label =
                option(&v.options(), &self.choice).unwrap_or_else(|| panic!("{}: no label", v.full_name()));
            Choice { number: v.number(), name: v.name().to_owned(), label: Label::new(label.zh, label.en) }
        };
        choices.values().filter(|v| v.number() != 0).map(read).collect()
    }
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

fn option<T: prost::Message + Default>(options: &DynamicMessage, extension: &ExtensionDescriptor) -> Option<T> {
    if !options.has_extension(extension) {
        return None;
    }
    options.get_extension(extension).as_message()?.transcode_to().ok()
}

/// The declarations live as long as the program, and so do their names.
fn keep(name: String) -> &'static str {
    Box::leak(name.into_boxed_str())
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
    use super::*;
    use std::collections::BTreeSet;

    /// Every field of every kind, lines included, with the words a failure shows.
    fn fields() -> impl Iterator<Item = (String, &'static Kind, &'static Field)> {
        kinds().iter().flat_map(|kind| {
            kind.fields.iter().flat_map(move |field| {
                let own = (format!("{}.{}", kind.name, field.name), kind, field);
                let lines =
                    field.lines().iter().map(move |l| (format!("{}.{}.{}", kind.name, field.name, l.name), kind, l));
                std::iter::once(own).chain(lines)
            })
        })
    }

    #[test]
    fn a_kind_keeps_its_number() {
        let found: Vec<(u32, &str)> = kinds().iter().map(|k| (k.number, k.name)).collect();
        let kept = [
            (1, "union"),
            (2, "mediator"),
            (4, "engagement"),
            (5, "assignment"),
            (7, "certificate"),
            (9, "work_entry"),
            (10, "enterprise"),
            (11, "rating"),
            (23, "programme"),
            (24, "budget"),
            (25, "allocation"),
            (26, "fund_receipt"),
            (27, "expenditure"),
            (28, "matching"),
            (30, "filing"),
            (31, "filing_review"),
            (32, "finding"),
            (33, "finding_withdrawal"),
            (34, "parameter"),
            (40, "statement"),
            (50, "enrolment"),
            (51, "revocation"),
            (52, "key_grant"),
            (53, "quarantine_ruling"),
            (54, "key_return"),
            (55, "purge_order"),
            (56, "vouching"),
            (104, "payer_share"),
            (107, "qualification"),
            (134, "calendar"),
            (234, "local_parameter"),
        ];
        for known in kept {
            assert!(found.contains(&known), "{known:?} is on the wire for ever: {found:?}");
        }
        for k in kinds() {
            assert_eq!(numbered(k.number).map(|k| k.name), Some(k.name));
            assert_eq!(kind(k.name).map(|k| k.number), Some(k.number));
        }
        assert!(numbered(3).is_none() && kind("nothing").is_none());
    }

    #[test]
    fn every_kind_is_fully_declared() {
        for kind in kinds() {
            let Kind { name, label, source, author, subject, .. } = kind;
            assert!(!label.zh.is_empty() && !label.en.is_empty() && !source.is_empty(), "{name}");
            assert_eq!(subject.is_some(), *author == Author::Superior, "{name}: a superior's record names its union");
            if let Some(subject) = subject {
                assert_eq!(kind.fields[*subject].format, Format::Union, "{name}");
                assert!(kind.fields[*subject].required, "{name}");
            }
            let numbers: BTreeSet<u32> = kind.fields.iter().map(|f| f.number).collect();
            assert_eq!(numbers.len(), kind.fields.len(), "{name}");
            for (i, field) in kind.fields.iter().enumerate() {
                assert_eq!(kind.field(field.name), Some(i));
                assert_eq!(kind.field_numbered(field.number), Some(i));
            }
        }
    }

    #[test]
    fn every_field_is_fully_declared() {
        for (name, kind, field) in fields() {
            assert!(!field.label.zh.is_empty() && !field.label.en.is_empty(), "{name}");
            assert!(field.help.as_ref().is_none_or(|h| !h.zh.is_empty() && !h.en.is_empty()), "{name}");
            match kind.shape {
                Shape::Entry => assert_eq!(field.merge, Merge::Once, "{name}"),
                Shape::Document => {
                    assert!(matches!(field.merge, Merge::Auto | Merge::Ask | Merge::Derived), "{name}");
                    assert!(!matches!(field.ty, Type::Lines(_)), "{name}: documents are flat");
                    // Of two sets the last would drop what the other one added.
                    let set = matches!(field.ty, Type::Choices(_));
                    assert!(!set || field.merge == Merge::Ask, "{name}: of two sets a person chooses");
                }
            }
            let limited = matches!(field.ty, Type::Text | Type::Int | Type::Bytes | Type::Reference | Type::Lines(_));
            assert_eq!(field.max.is_some(), limited, "{name}");
            assert!(field.min <= field.max, "{name}");
            assert!(!(field.required && matches!(field.ty, Type::Bool)), "{name}: a flag cannot be required");
        }
    }

    #[test]
    fn limits_fit_the_wire() {
        for (name, _, field) in fields() {
            let (Type::Int, Some(min), Some(max)) = (&field.ty, field.min, field.max) else { continue };
            let fits = match field.width {
                Some(Width::I32) => i32::try_from(min).is_ok() && i32::try_from(max).is_ok(),
                Some(Width::U32) => u32::try_from(min).is_ok() && u32::try_from(max).is_ok(),
                Some(Width::U64) => min >= 0,
                Some(Width::I64) => true,
                None => false,
            };
            assert!(fits, "{name}");
            assert!(!field.required || field.presence || min > 0 || max < 0 || field.format != Format::None, "{name}");
        }
    }

    #[test]
    fn references_name_kinds() {
        for (name, _, field) in fields() {
            assert_eq!(field.reference.is_some(), matches!(field.ty, Type::Reference), "{name}");
            assert!(field.reference.is_none_or(|r| kind(r).is_some()), "{name}");
        }
    }

    #[test]
    fn choices_have_labels_that_can_be_typed() {
        for (name, _, field) in fields() {
            let mut words = BTreeSet::new();
            for choice in field.choices() {
                assert!(!choice.label.zh.is_empty() && !choice.label.en.is_empty(), "{name}");
                assert!(
                    words.insert(choice.label.zh.clone()) && words.insert(format!("{} en", choice.label.en)),
                    "{name}"
                );
                if matches!(field.ty, Type::Choices(_)) {
                    assert!((1..=62).contains(&choice.number), "{name}: a bit of a non-negative number");
                    assert!(!choice.label.zh.contains(['、', ',', '，']) && !choice.label.en.contains(','), "{name}");
                }
            }
        }
    }

    #[test]
    fn nothing_that_travels_to_the_nation_is_personal() {
        for kind in kinds().iter().filter(|k| k.reach == Reach::Nation) {
            assert!(!kind.personal && kind.fields.iter().all(|f| !f.private()), "{}", kind.name);
        }
    }

    #[test]
    fn reaches_keep_their_numbers() {
        for (reach, number) in [(v1::Reach::Union, 1), (v1::Reach::Province, 2), (v1::Reach::Nation, 3)] {
            assert_eq!(reach as u32, number);
            assert_eq!(Reach::numbered(number).map(Reach::number), Some(number));
        }
        assert_eq!((Reach::numbered(0), Reach::numbered(4)), (None, None));
    }

    #[test]
    fn the_mediator_reads_as_written() {
        let mediator = kind("mediator").expect("declared");
        assert!(mediator.personal);
        assert_eq!(mediator.natural_key, [1]);
        let retired_on = &mediator.fields[10];
        assert_eq!((retired_on.name, retired_on.with), ("retired_on", Some(9)));
        assert!(matches!(&mediator.fields[12].ty, Type::Choices(c) if c.len() == 5));
        assert_eq!(kind("work_entry").expect("declared").fields.iter().filter(|f| f.index).count(), 1);
    }
}
