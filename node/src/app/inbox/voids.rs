//! Records of this union that were voided by somebody who did not know all of them: its people say whether they stand.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::voids;

pub struct Voids;

const CODE: &str = "void_disputed";

impl Source for Voids {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, page: &Page<'_>) -> Result<Vec<Entry>> {
        let after = page.id_after(CODE, Severity::Attention);
        let disputed = voids::disputed(look.conn, look.union, &after, page.most)?.into_iter();
        let entry = |disputed: voids::Voided| {
            let thing = Thing::Record { owner: look.union, id: disputed.record };
            Entry::new(CODE, Severity::Attention, thing).with("kind", Argument::Kind(disputed.kind))
        };
        Ok(disputed.map(entry).collect())
    }
}
