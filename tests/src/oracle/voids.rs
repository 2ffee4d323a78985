//! What voids come to, judged from the operations alone: the last ones are those that no other follows.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use huiliu_proto::{
    id::{Hash, RecordId},
    operation::Operation,
    union::UnionNumber,
    v1,
};
use prost::Message as _;

/// Voids of entries, each by its leaf: what it follows, and whether it takes that back.
#[derive(Default)]
pub struct Voids(BTreeMap<(UnionNumber, RecordId), BTreeMap<Hash, Word>>);

/// What a void follows, and whether it takes that back.
type Word = (Vec<Hash>, bool);

impl Voids {
    pub fn add(&mut self, union: UnionNumber, operation: &Operation) -> Result<()> {
        let void = v1::Void::decode(&operation.payload[..])?;
        let follows = void.follows.iter().map(|leaf| Hash::try_from(&leaf[..])).collect::<Result<_, _>>()?;
        self.0.entry((union, operation.record)).or_default().insert(operation.leaf(), (follows, void.restores));
        Ok(())
    }

    pub fn merge(&mut self, other: Voids) {
        for (record, voids) in other.0 {
            self.0.entry(record).or_default().extend(voids);
        }
    }

    /// Whether an entry counts nowhere. Where voids and takings back stand side by side it counts.
    pub fn void(&self, union: UnionNumber, record: &RecordId) -> bool {
        let Some(voids) = self.0.get(&(union, *record)) else { return false };
        let followed: BTreeSet<&Hash> = voids.values().flat_map(|(follows, _)| follows).collect();
        voids.iter().filter(|(leaf, _)| !followed.contains(leaf)).all(|(_, (_, restores))| !restores)
    }
}
