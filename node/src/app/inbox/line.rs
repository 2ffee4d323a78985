//! The line: the last exchange with a neighbour failed, or none with the union above has gone well for long.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing, machines};
use crate::store::receipts;

pub struct Line;

const FAILED: &str = "line";
const SILENT: &str = "line_silent";

impl Source for Line {
    fn codes(&self) -> &'static [&'static str] {
        &[FAILED, SILENT]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let links = receipts::links(look.conn)?;
        let mut entries = vec![];
        for link in links.iter().filter(|link| link.error.is_some()) {
            let entry = Entry::new(FAILED, Severity::Attention, Thing::Device(link.device))
                .with("union", Argument::Union(link.union))
                .with("last_try", Argument::Moment(link.last_try));
            entries.push(match link.last_success {
                Some(at) => entry.with("last_success", Argument::Moment(at)),
                None => entry,
            });
        }
        if let Some(parent) = &look.home.config.parent {
            let to = links.iter().filter(|link| link.union == parent.union);
            let last = to.clone().filter_map(|link| link.last_success).max();
            // Where the last try failed, that is said already.
            let said = to.clone().any(|link| link.error.is_some());
            if let Some(last) = last.filter(|last| !said && machines::is_long_ago(*last, look.now)) {
                let entry = Entry::new(SILENT, Severity::Attention, Thing::Union(parent.union));
                entries.push(entry.with("last_success", Argument::Moment(last)));
            }
        }
        Ok(entries)
    }
}
