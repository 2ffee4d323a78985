//! What this union and others have said of a union below, and cannot be said together: two machines, or two levels, wrote
//! without hearing each other; or who leads it is another by now.

use std::collections::BTreeMap;

use super::{Argument, Entry, Key, Look, Page, Result, Severity, Source, Thing};
use crate::store::records::organisation;

pub struct Relations;

const OVERLAPS: &str = "relation_overlaps";
const UNFOUNDED: &str = "relation_unfounded";
const TWICE: &str = "fact_twice";

impl Source for Relations {
    fn codes(&self) -> &'static [&'static str] {
        &[OVERLAPS, UNFOUNDED, TWICE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let Some(all) = organisation::said_by(look.conn, look.union)? else { return Ok(vec![]) };
        // One that overlaps several is told once.
        let mut entries: BTreeMap<Key, Entry> = BTreeMap::new();
        for union in all.spoken_of() {
            let overlapping = all.overlapping(union).into_iter();
            let overlapping = overlapping.map(|(one, other)| (OVERLAPS, [one.said, other.said], other.from));
            let unfounded = all.on(look.today).unfounded(union).into_iter();
            let unfounded = unfounded.map(|one| (UNFOUNDED, [one.said; 2], one.from));
            let twice = all.contradicting(union).into_iter();
            let twice = twice.map(|(one, other)| (TWICE, [one.said, other.said], other.from));
            for (code, [one, last], from) in overlapping.chain(unfounded).chain(twice) {
                if [one.by, last.by].contains(&look.union) {
                    let thing = Thing::Record { owner: last.by, id: last.record };
                    let entry = Entry::new(code, Severity::Attention, thing)
                        .with("union", Argument::Union(union))
                        .with("from", Argument::Day(from));
                    entries.insert(entry.key(), entry);
                }
            }
        }
        Ok(entries.into_values().collect())
    }
}
