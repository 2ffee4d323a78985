//! What is known of all unions on any day: what they are called and are, and in what relation they stand to each other.
//!
//! A fold over the built-in directory, the lists of the superiors, dated facts and relations. What it says depends on nothing
//! but what was put in, in whatever order, so all that know the same say the same. Nothing here reads a store or a clock.
//! Exchange and enrolment ask nothing here: they go by the numbers alone (`UnionNumber::ancestors`).

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    directory::{Directory, Names},
    id::RecordId,
    period::Day,
    record::Record,
    records::{union, union_fact, union_relation, union_relation::room::may_lead},
    union::{Level, UnionNumber},
    v1::{ChairSeat, Union, UnionFact, UnionForm, UnionRank, UnionRelation, UnionRelationType},
};

/// Who said something, and in which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    pub by: UnionNumber,
    pub record: RecordId,
}

/// What a union is called and is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub short: Option<String>,
    /// Of its place. The union's number stays when this changes.
    pub code: Option<String>,
    pub level: Option<UnionRank>,
    pub form: Option<UnionForm>,
    pub chair_seat: Option<ChairSeat>,
}

/// What a superior says of a union from a day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub said: Said,
    pub union: UnionNumber,
    pub from: Day,
    pub name: Option<String>,
    pub short: Option<String>,
    pub code: Option<String>,
    pub level: Option<UnionRank>,
    pub form: Option<UnionForm>,
    pub chair_seat: Option<ChairSeat>,
    pub doc_no: String,
    pub replaces: Option<RecordId>,
}

/// In what relation a union stands to another, as a superior says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    pub said: Said,
    pub union: UnionNumber,
    pub relation: UnionRelationType,
    pub other: UnionNumber,
    pub other_name: Option<String>,
    pub from: Day,
    /// The last day.
    pub until: Option<Day>,
    pub doc_no: String,
    pub replaces: Option<RecordId>,
}

/// What begins later comes later; of what begins on one day, what a higher union says.
type Order = (Day, Reverse<usize>, RecordId, UnionNumber);

fn order(from: Day, said: Said) -> Order {
    (from, Reverse(said.by.ancestors().count()), said.record, said.by)
}

/// Whether a union has one of it at a time, so that the next ends the one before.
pub fn one_at_a_time(relation: UnionRelationType) -> bool {
    use UnionRelationType::{FilesWith, FundedBy, LedBy};
    matches!(relation, LedBy | FundedBy | FilesWith)
}

impl Relation {
    /// `None` for what only a newer version knows.
    pub fn read(said: Said, record: &Record) -> Option<Relation> {
        let view = record.of::<UnionRelation>()?;
        Some(Relation {
            said,
            union: view.get(union_relation::UNION)?,
            relation: view.choice(union_relation::TYPE)?,
            other: view.get(union_relation::OTHER)?,
            other_name: view.get(union_relation::OTHER_NAME).map(str::to_owned),
            from: view.get(union_relation::FROM)?,
            until: view.get(union_relation::UNTIL),
            doc_no: view.get(union_relation::DOC_NO)?.to_owned(),
            replaces: view.get(union_relation::REPLACES),
        })
    }

    fn covers(&self, day: Day) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }

    /// Whether this says something else, or the same once more, of days on which an earlier one holds by its own word.
    fn overlaps(&self, earlier: &Relation) -> bool {
        let one = one_at_a_time(self.relation);
        let of_one_matter = self.relation == earlier.relation && (one || self.other == earlier.other);
        let goes_on = earlier.until.map_or(!one, |until| self.from <= until);
        of_one_matter && (goes_on || self.from == earlier.from)
    }
}

impl Fact {
    /// `None` where it is of another kind.
    pub fn read(said: Said, record: &Record) -> Option<Fact> {
        let view = record.of::<UnionFact>()?;
        let text = |field| view.get(field).map(str::to_owned);
        Some(Fact {
            said,
            union: view.get(union_fact::UNION)?,
            from: view.get(union_fact::FROM)?,
            name: text(union_fact::NAME),
            short: text(union_fact::SHORT_NAME),
            code: text(union_fact::CODE),
            level: view.choice(union_fact::LEVEL),
            form: view.choice(union_fact::FORM),
            chair_seat: view.choice(union_fact::CHAIR_SEAT),
            doc_no: text(union_fact::DOC_NO)?,
            replaces: view.get(union_fact::REPLACES),
        })
    }

    /// Whether both name one fact from one day on.
    fn overlaps(&self, other: &Fact) -> bool {
        self.from == other.from
            && ((self.name.is_some() && other.name.is_some())
                || (self.short.is_some() && other.short.is_some())
                || (self.code.is_some() && other.code.is_some())
                || (self.level.is_some() && other.level.is_some())
                || (self.form.is_some() && other.form.is_some())
                || (self.chair_seat.is_some() && other.chair_seat.is_some()))
    }
}

impl Profile {
    /// Of a union of the directory, and as much as its number tells of any other.
    fn built_in(union: UnionNumber) -> Profile {
        let listed = union.serial().is_none();
        let level = match union.level() {
            Level::Province => Some(UnionRank::ProvinceRank),
            Level::City => Some(UnionRank::CityRank),
            Level::County => Some(UnionRank::CountyRank),
            Level::Nation | Level::Township => None,
        };
        Profile {
            name: union.union_name(),
            short: listed.then(|| union.name().into_owned()),
            code: listed.then(|| union.to_string()),
            level: level.filter(|_| listed),
            form: None,
            chair_seat: None,
        }
    }

    /// As the superior's list has it; `None` where the record is of another kind, or has no name.
    pub fn read(record: &Record) -> Option<Profile> {
        let view = record.of::<Union>()?;
        Some(Profile {
            name: view.get(union::NAME)?.to_owned(),
            short: view.get(union::SHORT_NAME).map(str::to_owned),
            code: view.get(union::TERRITORY).map(|place| place.to_string()),
            level: view.choice(union::LEVEL),
            form: view.choice(union::FORM),
            chair_seat: view.choice(union::CHAIR_SEAT),
        })
    }

    fn change(&mut self, fact: &Fact) {
        if let Some(name) = &fact.name {
            // What it was called from day to day went with its name.
            (self.name, self.short) = (name.clone(), None);
        }
        self.short = fact.short.clone().or_else(|| self.short.take());
        self.code = fact.code.clone().or_else(|| self.code.take());
        self.level = fact.level.or(self.level);
        self.form = fact.form.or(self.form);
        self.chair_seat = fact.chair_seat.or(self.chair_seat);
    }
}

/// All that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Organisation {
    listed: BTreeMap<UnionNumber, Profile>,
    /// As the enrolments of their machines say, where no list is here.
    enrolled: BTreeMap<UnionNumber, Names>,
    facts: BTreeMap<UnionNumber, BTreeMap<Order, Fact>>,
    relations: BTreeMap<UnionNumber, BTreeMap<Order, Relation>>,
    /// What its author has put right since: of which union, and of relations their type.
    replaced_facts: BTreeSet<(UnionNumber, Said)>,
    replaced_relations: BTreeSet<(UnionNumber, i32, Said)>,
}

/// As many contradictions of one union are told: who looks at them settles them one after the other.
const MOST_PAIRS: usize = 100;

impl Organisation {
    /// A registered union, as it stands on its superior's list.
    pub fn list(&mut self, union: UnionNumber, profile: Profile) {
        self.listed.insert(union, profile);
    }

    /// A registered union, as it was called when its machine joined.
    pub fn enrol(&mut self, union: UnionNumber, names: Names) {
        self.enrolled.insert(union, names);
    }

    pub fn state(&mut self, fact: Fact) {
        if let Some(record) = fact.replaces {
            self.replaced_facts.insert((fact.union, Said { by: fact.said.by, record }));
        }
        self.facts.entry(fact.union).or_default().insert(order(fact.from, fact.said), fact);
    }

    pub fn relate(&mut self, relation: Relation) {
        if let Some(record) = relation.replaces {
            let said = Said { by: relation.said.by, record };
            self.replaced_relations.insert((relation.union, relation.relation as i32, said));
        }
        let key = order(relation.from, relation.said);
        self.relations.entry(relation.union).or_default().insert(key, relation);
    }

    pub fn on(&self, day: Day) -> OnDay<'_> {
        OnDay { all: self, day }
    }

    /// What is said of a union's relations and was not put right since, in the order of the days on which it begins.
    pub fn relations(&self, union: UnionNumber) -> impl DoubleEndedIterator<Item = &Relation> {
        let replaced = move |one: &Relation| self.replaced_relations.contains(&(union, one.relation as i32, one.said));
        self.relations.get(&union).into_iter().flat_map(BTreeMap::values).filter(move |one| !replaced(one))
    }

    /// The same of its facts.
    pub fn facts(&self, union: UnionNumber) -> impl DoubleEndedIterator<Item = &Fact> {
        let replaced = move |one: &Fact| self.replaced_facts.contains(&(union, one.said));
        self.facts.get(&union).into_iter().flat_map(BTreeMap::values).filter(move |one| !replaced(one))
    }

    /// Relations of a union that speak of the same days, the earlier of both first; the first hundred.
    pub fn overlapping(&self, union: UnionNumber) -> Vec<(&Relation, &Relation)> {
        let all: Vec<&Relation> = self.relations(union).collect();
        let is_over = |earlier: &Relation, later: &Relation| match earlier.until {
            Some(until) => until < later.from,
            None => one_at_a_time(earlier.relation) && earlier.from < later.from,
        };
        pairs(&all, is_over, |earlier, later| later.overlaps(earlier))
    }

    /// Those of the same union that speak of days of which this one does.
    pub fn overlapping_with<'a>(&'a self, one: &'a Relation) -> impl Iterator<Item = &'a Relation> {
        let key = order(one.from, one.said);
        let overlap = move |other: &&Relation| match order(other.from, other.said).cmp(&key) {
            Ordering::Less => one.overlaps(other),
            Ordering::Equal => false,
            Ordering::Greater => other.overlaps(one),
        };
        self.relations(one.union).filter(overlap)
    }

    /// Facts of a union that speak of the same from one day on; the first hundred.
    pub fn contradicting(&self, union: UnionNumber) -> Vec<(&Fact, &Fact)> {
        let all: Vec<&Fact> = self.facts(union).collect();
        pairs(&all, |earlier, later| earlier.from < later.from, |earlier, later| later.overlaps(earlier))
    }

    /// Those of the same union that say the same from that day on.
    pub fn contradicting_with<'a>(&'a self, one: &'a Fact) -> impl Iterator<Item = &'a Fact> {
        self.facts(one.union).filter(move |other| other.said != one.said && other.overlaps(one))
    }

    /// Those of whom something is said.
    pub fn spoken_of(&self) -> impl Iterator<Item = UnionNumber> {
        let facts = self.facts.keys().filter(|union| !self.relations.contains_key(union));
        self.relations.keys().chain(facts).copied()
    }
}

/// Pairs of which the second overlaps the first. `is_over`: nothing from this one on overlaps it.
fn pairs<'a, T>(
    all: &[&'a T],
    is_over: impl Fn(&T, &T) -> bool,
    overlap: impl Fn(&T, &T) -> bool,
) -> Vec<(&'a T, &'a T)> {
    let (is_over, overlap) = (&is_over, &overlap);
    let pair = |at: usize| {
        let earlier = all[at];
        let near = all[at + 1..].iter().take_while(move |later| !is_over(earlier, later));
        near.filter(move |later| overlap(earlier, later)).map(move |later| (earlier, *later))
    };
    (0..all.len()).flat_map(pair).take(MOST_PAIRS).collect()
}

/// What is known, as of a day.
#[derive(Debug, Clone, Copy)]
pub struct OnDay<'a> {
    all: &'a Organisation,
    day: Day,
}

impl<'a> OnDay<'a> {
    /// What a union is called and is.
    pub fn profile(self, union: UnionNumber) -> Profile {
        let mut profile = Profile::built_in(union);
        if let Some(listed) = self.all.listed.get(&union) {
            profile = listed.clone();
        } else if let Some(names) = self.all.enrolled.get(&union) {
            (profile.name, profile.short) = (names.name.clone(), names.short.clone());
        }
        self.all.facts(union).filter(|fact| fact.from <= self.day).for_each(|fact| profile.change(fact));
        profile
    }

    /// The other of a relation, as far as anybody has said what it is called.
    pub fn other(self, relation: &Relation) -> String {
        let known = self.all.listed.contains_key(&relation.other) || self.all.enrolled.contains_key(&relation.other);
        match &relation.other_name {
            Some(name) if !known && relation.other.serial().is_some() => name.clone(),
            _ => self.profile(relation.other).name,
        }
    }

    /// The union that leads this one; `None` for the nation.
    pub fn parent(self, union: UnionNumber) -> Option<UnionNumber> {
        self.leader(union).filter(|_| !self.leads_back(union)).or_else(|| union.parent())
    }

    /// Nearest first; ends with the nation.
    pub fn ancestors(self, union: UnionNumber) -> impl Iterator<Item = UnionNumber> {
        std::iter::successors(self.parent(union), move |above| self.parent(*above))
    }

    /// The union from which the money comes.
    pub fn funder(self, union: UnionNumber) -> Option<UnionNumber> {
        self.above(union, UnionRelationType::FundedBy)
    }

    /// The union with which it files.
    pub fn filing_desk(self, union: UnionNumber) -> Option<UnionNumber> {
        self.above(union, UnionRelationType::FilesWith)
    }

    fn above(self, union: UnionNumber, relation: UnionRelationType) -> Option<UnionNumber> {
        self.word(union, relation).map_or_else(|| self.parent(union), |word| Some(word.other))
    }

    /// The word by which a union is led, funded or files as it does; `None` where it follows from its number or from the
    /// built-in table.
    pub fn word(self, union: UnionNumber, relation: UnionRelationType) -> Option<&'a Relation> {
        match relation {
            UnionRelationType::LedBy => self.leading(union).filter(|_| !self.leads_back(union)),
            _ => self.latest(union, relation, |one| self.ancestors(union).any(|above| above == one.other)),
        }
    }

    /// Those that guide it, or have posted it: each once.
    pub fn several(self, union: UnionNumber, relation: UnionRelationType) -> Vec<&'a Relation> {
        let said = self.all.relations(union).filter(|one| one.relation == relation && one.covers(self.day));
        let each: BTreeMap<UnionNumber, &Relation> = said.map(|one| (one.other, one)).collect();
        each.into_values().collect()
    }

    /// Words that would hold and do not: who leads in a circle, or funds or takes filings and is not above.
    pub fn unfounded(self, union: UnionNumber) -> Vec<&'a Relation> {
        use UnionRelationType::{FilesWith, FundedBy, LedBy};
        let said = [LedBy, FundedBy, FilesWith].map(|relation| self.latest(union, relation, |_| true));
        let stands = |one: &&Relation| self.word(union, one.relation).is_some_and(|word| word.said == one.said);
        said.into_iter().flatten().filter(|one| !stands(one)).collect()
    }

    /// The word that began last, if it goes on.
    fn latest(
        self,
        union: UnionNumber,
        relation: UnionRelationType,
        fits: impl Fn(&Relation) -> bool,
    ) -> Option<&'a Relation> {
        let mut begun = self.all.relations(union).filter(|one| one.relation == relation && one.from <= self.day);
        begun.rfind(|one| fits(one)).filter(|one| one.covers(self.day))
    }

    fn leading(self, union: UnionNumber) -> Option<&'a Relation> {
        self.latest(union, UnionRelationType::LedBy, |one| may_lead(one.other, union))
    }

    /// By a word, or of a city of the Corps by the built-in table.
    fn leader(self, union: UnionNumber) -> Option<UnionNumber> {
        self.leading(union).map(|word| word.other).or_else(|| self.division(union))
    }

    /// The one union that the Corps has registered under the name of a city's division.
    fn division(self, union: UnionNumber) -> Option<UnionNumber> {
        let division = union.corps_division()?;
        let called = |name: &str| Directory::plain(name).contains(division);
        let listed = self
            .all
            .listed
            .iter()
            .filter(|(_, profile)| profile.form == Some(UnionForm::DivisionUnion) && called(&profile.name));
        let only_enrolled = |union: &UnionNumber| !self.all.listed.contains_key(union);
        let enrolled = self.all.enrolled.iter().filter(|(union, names)| only_enrolled(union) && called(&names.name));
        let all = listed.map(|(union, _)| *union).chain(enrolled.map(|(union, _)| *union));
        let mut of_the_corps = all.filter(|union| union.serial().is_some() && union.giver() == UnionNumber::CORPS);
        match (of_the_corps.next(), of_the_corps.next()) {
            (only, None) => only,
            _ => None,
        }
    }

    /// Whether those who lead one another come back to where it began. Then none of them holds.
    fn leads_back(self, union: UnionNumber) -> bool {
        let mut seen = vec![union];
        let mut at = union;
        while let Some(next) = self.leader(at).filter(|next| next.parent() == union.parent()) {
            if seen.contains(&next) {
                return next == union;
            }
            seen.push(next);
            at = next;
        }
        false
    }
}

#[cfg(test)]
mod tests;
