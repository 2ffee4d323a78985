//! Evidence that no person has settled.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::evidence::{self, EvidenceKind};

pub struct Open;

const CODE: &str = "evidence";

impl Source for Open {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let entry = |kept: evidence::KeptEvidence| {
            let what = kept.evidence.what;
            let severity = match what {
                EvidenceKind::Forged | EvidenceKind::Split | EvidenceKind::Altered => Severity::Urgent,
                _ => Severity::Attention,
            };
            let entry = Entry::new(CODE, severity, Thing::Evidence(kept.no))
                .with("what", Argument::Evidence(what))
                .with("seen_at", Argument::Moment(kept.evidence.seen_at))
                .with("detail", Argument::Said(kept.evidence.detail));
            match kept.evidence.from {
                Some(from) => entry.with("from", Argument::Union(from.union)),
                None => entry,
            }
        };
        Ok(evidence::list(look.conn, false)?.into_iter().map(entry).collect())
    }
}
