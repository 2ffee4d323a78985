//! Feeds in which as many edits wait for what they follow as may: no more of them is taken, and what they would say is in no
//! figure.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::{
    ledger::MOST_EARLY,
    store::{feeds, quarantine},
};

pub struct Early;

const CODE: &str = "edits_missing";

impl Source for Early {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let mut entries = vec![];
        for (no, edits) in quarantine::most_early(look.conn, MOST_EARLY)? {
            let feed = feeds::by_no(look.conn, no)?.feed;
            let entry = Entry::new(CODE, Severity::Attention, Thing::Feed(feed.id))
                .with("union", Argument::Union(feed.union))
                .with("device", Argument::Device(feed.device))
                .with("operations", Argument::Count(edits));
            entries.push(entry);
        }
        Ok(entries)
    }
}
