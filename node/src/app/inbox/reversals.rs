//! Money of this union of which more was taken back than was entered: two machines reversed it without hearing each other.

use huiliu_proto::kind::kinds;

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::inbox;

pub struct Reversals;

const CODE: &str = "reversed_twice";

impl Source for Reversals {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let mut entries = vec![];
        for kind in kinds().iter().filter(|kind| kind.field("reverses").is_some() && kind.field("amount").is_some()) {
            for id in inbox::taken_back_twice(look.conn, look.union, kind.name)? {
                let thing = Thing::Record { owner: look.union, id };
                entries.push(Entry::new(CODE, Severity::Urgent, thing).with("kind", Argument::Kind(kind.number)));
            }
        }
        Ok(entries)
    }
}
