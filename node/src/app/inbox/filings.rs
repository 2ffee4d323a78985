//! Filings: those of this union that were sent back, and those of unions directly below that wait for a decision.

use std::collections::BTreeMap;

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::{
    filing::{self, FilingStanding, State},
    store::filings,
};

pub struct Filings;

const RETURNED: &str = "filing_returned";
const REVIEW: &str = "filing_to_review";

impl Source for Filings {
    fn codes(&self) -> &'static [&'static str] {
        &[RETURNED, REVIEW]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let mut entries = vec![];
        for FilingStanding { version, state, .. } in latest(filing::read(look.conn, Some(look.union))?) {
            if let State::Returned { reasons } = state {
                let thing = Thing::Record { owner: look.union, id: version.id };
                let entry = Entry::new(RETURNED, Severity::Attention, thing)
                    .with("year", Argument::Number(version.year))
                    .with("reasons", Argument::Text(reasons));
                entries.push(entry);
            }
        }
        if look.hub {
            let below = filings::versions_below(look.conn, look.union)?;
            let reviews = filings::reviews_by(look.conn, look.union)?;
            for FilingStanding { version, state, .. } in latest(filing::standings(below, &reviews)) {
                if matches!(state, State::Submitted | State::TakenIn) {
                    let thing = Thing::Record { owner: version.owner, id: version.id };
                    let entry = Entry::new(REVIEW, Severity::Attention, thing)
                        .with("union", Argument::Union(version.owner))
                        .with("year", Argument::Number(version.year));
                    entries.push(entry);
                }
            }
        }
        Ok(entries)
    }
}

/// The last of each union, type and period: a correction of what is on file does not hold yet, and waits all the same.
fn latest(standings: Vec<FilingStanding>) -> impl Iterator<Item = FilingStanding> {
    let mut latest = BTreeMap::new();
    for standing in standings {
        let version = &standing.version;
        latest.insert((version.owner, version.type_, version.year, version.month), standing);
    }
    latest.into_values()
}
