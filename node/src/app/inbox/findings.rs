//! Findings against this union that nobody has withdrawn.

use huiliu_proto::v1;

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::inbox;

pub struct Findings;

const CODE: &str = "finding";

impl Source for Findings {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let entry = |finding: inbox::Against| {
            let red = finding.severity == i64::from(i32::from(v1::Severity::Red));
            let severity = if red { Severity::Urgent } else { Severity::Attention };
            Entry::new(CODE, severity, Thing::Record { owner: finding.by, id: finding.id })
                .with("rule", Argument::Rule(finding.rule))
                .with("grade", Argument::Grade(finding.severity))
                .with("by", Argument::Union(finding.by))
                .with("found_on", Argument::Day(finding.found_on))
        };
        Ok(inbox::findings(look.conn, look.union)?.into_iter().map(entry).collect())
    }
}
