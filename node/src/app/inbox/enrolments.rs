//! Feeds that wait whole: of machines that nobody has let in yet, or that a newer version began.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::{quarantine, trust};

pub struct Enrolments;

/// This union lets the machine in; another does; this program has to be upgraded.
const HERE: &str = "enrolment";
const ABOVE: &str = "enrolment_elsewhere";
const UPGRADE: &str = "upgrade";

impl Source for Enrolments {
    fn codes(&self) -> &'static [&'static str] {
        &[HERE, ABOVE, UPGRADE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let mut entries = vec![];
        for row in quarantine::open_strangers(look.conn)? {
            // What is not as it was signed is told with the evidence.
            if row.altered {
                continue;
            }
            let code = match row.feed.newer {
                Some(_) => UPGRADE,
                None if look.hub && trust::superior(row.feed.union) == look.union => HERE,
                None => ABOVE,
            };
            let entry = Entry::new(code, Severity::Attention, Thing::Feed(row.feed.id))
                .with("union", Argument::Union(row.feed.union))
                .with("device", Argument::Device(row.feed.device))
                .with("operations", Argument::Count(row.size().saturating_sub(row.applied)));
            entries.push(entry);
        }
        Ok(entries)
    }
}
