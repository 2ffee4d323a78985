//! What is stored and does not count, by feed and reason: released or left out by a person.

use super::{Argument, COUNTED, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::{
    admission::Reason,
    store::{feeds, inbox},
};

pub struct Quarantine;

const CODE: &str = "quarantine";

impl Source for Quarantine {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let mut entries = vec![];
        for no in inbox::holding(look.conn)? {
            let feed = feeds::by_no(look.conn, no)?.feed;
            let mut open = inbox::held_open(look.conn, no, &feed, COUNTED + 1)?;
            let whole = open.len() <= COUNTED;
            open.truncate(COUNTED);
            // Reason, the first of it, how many.
            let mut held: Vec<(Reason, u64, u64)> = vec![];
            for (seq, reason) in open {
                match held.iter_mut().find(|(of, ..)| *of == reason) {
                    Some((.., count)) => *count += 1,
                    None => held.push((reason, seq, 1)),
                }
            }
            for (reason, first, count) in held {
                let count = if whole { Argument::Count(count) } else { Argument::More(count) };
                let entry = Entry::new(CODE, Severity::Attention, Thing::Operations { feed: feed.id, first })
                    .with("union", Argument::Union(feed.union))
                    .with("reason", Argument::Reason(reason))
                    .with("operations", count);
                entries.push(entry);
            }
        }
        Ok(entries)
    }
}
