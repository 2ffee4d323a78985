//! What a union is and in what relation it stands to others, on a day; and saying so of one below.

use huiliu_proto::{
    handle::Declared as _,
    organisation::{Fact, Profile, Relation},
    period::Day,
    records::union_relation,
    union::UnionNumber,
    v1::{UnionRelation, UnionRelationType},
    value::Value,
};

use super::{
    Mode,
    write::{self, Put, WriteError},
};
use crate::{
    ledger::WriteOutcome,
    store::{
        Result, View,
        records::{directory, organisation},
    },
    writer::Store,
};

/// Another union that a union stands in relation to, and the word by which it does; without one it follows from its number.
#[derive(Debug, Clone)]
pub struct Link {
    pub union: UnionNumber,
    pub name: String,
    pub word: Option<Relation>,
}

/// What is known of a union.
#[derive(Debug, Clone)]
pub struct Standing {
    pub union: UnionNumber,
    pub on: Day,
    pub profile: Profile,
    /// All above it, the nearest first.
    pub above: Vec<UnionNumber>,
    /// Nothing of the nation.
    pub led_by: Option<Link>,
    pub funded_by: Option<Link>,
    pub files_with: Option<Link>,
    pub guided_by: Vec<Link>,
    pub posted_by: Vec<Link>,
    /// Of a city of the Corps, where it is not known here which union is its division's.
    pub division: Option<&'static str>,
    /// All that is said, of whatever day.
    pub facts: Vec<Fact>,
    pub relations: Vec<(Relation, String)>,
}

/// What is known of a union on a day.
pub fn show(conn: &View, union: UnionNumber, on: Day) -> Result<Standing> {
    use UnionRelationType::{FilesWith, FundedBy, GuidedBy, LedBy, PostedBy};
    let known = organisation::load(conn)?;
    let all = known.on(on);
    let one = |other: Option<UnionNumber>, relation| {
        let word = all.word(union, relation);
        let name = |other| word.map_or_else(|| all.profile(other).name, |word| all.other(word));
        other.map(|other| Link { union: other, name: name(other), word: word.cloned() })
    };
    let several = |relation| {
        let link = |word: &Relation| Link { union: word.other, name: all.other(word), word: Some(word.clone()) };
        all.several(union, relation).into_iter().map(link).collect()
    };
    Ok(Standing {
        union,
        on,
        profile: all.profile(union),
        above: all.ancestors(union).collect(),
        led_by: one(all.parent(union), LedBy),
        funded_by: one(all.funder(union), FundedBy),
        files_with: one(all.filing_desk(union), FilesWith),
        guided_by: several(GuidedBy),
        posted_by: several(PostedBy),
        division: union.corps_division().filter(|_| all.parent(union) == union.parent()),
        facts: known.facts(union).cloned().collect(),
        relations: known.relations(union).map(|word| (word.clone(), all.other(word))).collect(),
    })
}

/// Says in what relation a union stands to another. What the other is called goes with it: who reads it may know no list on
/// which that stands.
pub fn relate(store: &Store, mut values: Vec<Put>, mode: Mode) -> Result<WriteOutcome, WriteError> {
    let said = |at: usize| values.iter().find(|(other, _)| *other == at).and_then(|(_, value)| value.clone());
    let other = match said(union_relation::OTHER.position()) {
        Some(Value::Int(number)) => UnionNumber::try_from(number).ok(),
        _ => None,
    };
    let name_at = union_relation::OTHER_NAME.position();
    if let (Some(other), None) = (other.filter(|other| other.serial().is_some()), said(name_at))
        && let Some(names) = store.read(|conn| directory::names(conn, other))?
    {
        values.retain(|(at, _)| *at != name_at);
        values.push((name_at, Some(Value::Text(names.name))));
    }
    write::add(store, UnionRelation::kind(), values, mode)
}
