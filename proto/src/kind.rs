//! Record kinds and their fields, as the `.proto` files declare them.
//!
//! Read once, from the descriptors compiled into the program, and never changed. Everything else that handles records
//! asks here; nothing in this file knows a kind by name.

use std::sync::OnceLock;

use crate::{lang::Label, room::AnyRoom};

mod declared;

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
    /// Personal, and read by those above because papers put it before them.
    pub filed: bool,
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
        let mut kinds = declared::kinds(crate::DESCRIPTORS);
        if let Some((descriptors, _)) = ADDED.get() {
            kinds.extend(declared::kinds(descriptors));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1;
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
