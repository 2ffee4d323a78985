//! At a province: people whose identity number it can compare with nobody's, because it cannot be opened or is none.

use huiliu_proto::union::Level;

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::inbox;

pub struct Numbers;

const CODE: &str = "unread_numbers";

impl Source for Numbers {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        if look.union.level() != Level::Province {
            return Ok(vec![]);
        }
        let unread = inbox::unread_numbers(look.conn, look.union)?.into_iter();
        let entry = |(union, people)| {
            Entry::new(CODE, Severity::Notice, Thing::Union(union))
                .with("union", Argument::Union(union))
                .with("people", Argument::Count(people))
        };
        Ok(unread.map(entry).collect())
    }
}
