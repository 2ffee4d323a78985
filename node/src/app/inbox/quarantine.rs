//! What is stored and does not count, by feed and reason: released or left out by a person.

use huiliu_proto::v1::Ruling;

use super::{Argument, COUNTED, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::{
    admission::Reason,
    store::{feeds, inbox, trust},
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
            // Reason, the first of it, how many.
            let mut held: Vec<(Reason, u64, u64)> = vec![];
            let (mut from, mut open, mut whole) = (0, 0, false);
            while open < COUNTED && !whole {
                let page = inbox::held_from(look.conn, no, from, COUNTED)?;
                whole = page.len() < COUNTED;
                from = page.last().map_or(from, |last| last.seq + 1);
                for one in page {
                    let reason = Reason::ALL.into_iter().find(|reason| reason.word() == one.reason);
                    let reason = reason.unwrap_or(Reason::Failed);
                    // An edit that came before the one it follows is taken up by itself.
                    if reason == Reason::Early || trust::ruling(look.conn, &feed, one.seq)? == Some(Ruling::Rejected) {
                        continue;
                    }
                    open += 1;
                    match held.iter_mut().find(|(of, ..)| *of == reason) {
                        Some((.., count)) => *count += 1,
                        None => held.push((reason, one.seq, 1)),
                    }
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
