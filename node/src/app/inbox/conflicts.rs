//! Documents of this union on which devices disagree: its people decide.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::inbox;

pub struct Conflicts;

const CODE: &str = "conflicts";

impl Source for Conflicts {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, page: &Page<'_>) -> Result<Vec<Entry>> {
        let after = page.id_after(CODE, Severity::Attention);
        let disputed = inbox::disputed(look.conn, look.union, &after, page.most)?.into_iter();
        let entry = |disputed: inbox::Disputed| {
            let thing = Thing::Record { owner: look.union, id: disputed.id };
            Entry::new(CODE, Severity::Attention, thing)
                .with("kind", Argument::Kind(disputed.kind))
                .with("fields", Argument::Count(disputed.fields))
        };
        Ok(disputed.map(entry).collect())
    }
}
