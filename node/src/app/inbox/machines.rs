//! Machines that this hub let in and has not heard of for long: a person asks, or revokes what is no longer used.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::{clock, store::inbox};

pub struct Machines;

const CODE: &str = "machine_silent";
/// Days. Counties work without a line for months, and say so when they are asked.
const SILENCE: i64 = 30;

/// Whether a moment is so long ago that a person asks.
pub fn is_long_ago(moment: i64, now: i64) -> bool {
    now.saturating_sub(moment) > SILENCE * 86_400_000
}

impl Source for Machines {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        if !look.hub {
            return Ok(vec![]);
        }
        let mut entries = vec![];
        for machine in inbox::machines(look.conn, look.union)? {
            let enrolled = machine.since.map(|day| i64::from(day.0) * 86_400_000);
            let last = machine.heard.or(enrolled);
            if machine.union == look.union || last.is_some_and(|last| !is_long_ago(last, look.now)) {
                continue;
            }
            let entry = Entry::new(CODE, Severity::Attention, Thing::Device(machine.device))
                .with("union", Argument::Union(machine.union));
            entries.push(match last {
                Some(last) => entry.with("since", Argument::Day(clock::day(last))),
                None => entry,
            });
        }
        Ok(entries)
    }
}
