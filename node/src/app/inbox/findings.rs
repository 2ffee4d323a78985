//! Findings against this union that nobody has withdrawn.

use huiliu_proto::v1;

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::inbox;

pub struct Findings;

const CODE: &str = "finding";
/// Findings of different levels may have one id: all of them are read again, with the one that a page goes on after.
const OF_ONE_ID: usize = 8;

impl Source for Findings {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, page: &Page<'_>) -> Result<Vec<Entry>> {
        let red = i64::from(i32::from(v1::Severity::Red));
        let mut entries = vec![];
        for severity in [Severity::Urgent, Severity::Attention] {
            let (from, others) = (page.id_after(CODE, severity), severity != Severity::Urgent);
            let found =
                inbox::findings(look.conn, look.union, red, others, &from, page.most.saturating_add(OF_ONE_ID))?;
            entries.extend(found.into_iter().map(|finding| entry(finding, severity)));
        }
        Ok(entries)
    }
}

fn entry(finding: inbox::Against, severity: Severity) -> Entry {
    Entry::new(CODE, severity, Thing::Record { owner: finding.by, id: finding.id })
        .with("rule", Argument::Rule(finding.rule))
        .with("grade", Argument::Grade(finding.severity))
        .with("by", Argument::Union(finding.by))
        .with("found_on", Argument::Day(finding.found_on))
}
