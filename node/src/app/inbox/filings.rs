//! Filings: those of this union that were sent back, and those of unions that file with it which wait for a decision.

use std::collections::BTreeMap;

use huiliu_proto::{organisation::Relation, v1::UnionRelationType};

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::{
    filing::{self, FilingStanding, State},
    store::{filings, records::organisation},
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
            let known = organisation::words(look.conn)?;
            let mut with_us = filings::versions_below(look.conn, look.union)?;
            let mut reviews = filings::reviews_by(look.conn, look.union)?;
            // Who files here, passing over the union directly above it, which may have decided before it heard of that.
            for union in known.spoken_of().filter(|union| union.parent() != Some(look.union)) {
                let files = |one: &Relation| (one.relation, one.other) == (UnionRelationType::FilesWith, look.union);
                if known.relations(union).any(files) {
                    for version in filings::versions(look.conn, Some(union))? {
                        reviews.extend(filings::reviews_of(look.conn, &version.id)?);
                        with_us.push(version);
                    }
                }
            }
            reviews.sort_by_key(|review| review.id);
            reviews.dedup();
            for FilingStanding { version, state, .. } in latest(filing::standings(with_us, &reviews, &known)) {
                let ours = filing::desk(&known, &version) == Some(look.union);
                if ours && matches!(state, State::Submitted | State::TakenIn) {
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
