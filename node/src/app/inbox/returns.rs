//! At a province: unions whose only machine is new and was given no key of theirs. A person decides whether it is theirs
//! (`return-keys`).

use huiliu_proto::union::Level;

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::inbox;

pub struct Returns;

const CODE: &str = "keys_to_return";

impl Source for Returns {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        if !look.hub || look.union.level() != Level::Province {
            return Ok(vec![]);
        }
        let without = inbox::without_keys(look.conn, look.union, &look.device)?.into_iter();
        let entry = |(union, device)| {
            Entry::new(CODE, Severity::Attention, Thing::Device(device)).with("union", Argument::Union(union))
        };
        Ok(without.map(entry).collect())
    }
}
