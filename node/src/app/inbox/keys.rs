//! This machine's key files: that others may read them, and that sealing them broke off.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::identity::keys::KeyStorage;

pub struct Keys;

const EXPOSED: &str = "exposed_keys";
const HALF_SEALED: &str = "half_sealed_keys";

impl Source for Keys {
    fn codes(&self) -> &'static [&'static str] {
        &[EXPOSED, HALF_SEALED]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let mut entries = vec![];
        let exposed = look.home.keys.exposed();
        if !exposed.is_empty() {
            let entry = Entry::new(EXPOSED, Severity::Urgent, Thing::Machine);
            entries.push(entry.with("paths", Argument::Paths(exposed)));
        }
        if look.home.keys.kept()? == KeyStorage::Partly {
            entries.push(Entry::new(HALF_SEALED, Severity::Attention, Thing::Machine));
        }
        Ok(entries)
    }
}
