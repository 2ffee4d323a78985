//! The line: the last exchange with a neighbour failed, or none with the union above has gone well for long. A machine of
//! below calls again by itself: all that its hub can do is to ask, where that goes on for long.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing, machines};
use crate::store::receipts;

pub struct Line;

const FAILED: &str = "line";
const FAILED_BELOW: &str = "line_below";
const SILENT: &str = "line_silent";

impl Source for Line {
    fn codes(&self) -> &'static [&'static str] {
        &[FAILED, FAILED_BELOW, SILENT]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let links = receipts::standing_links(look.conn)?;
        let above = look.home.config.parent.as_ref().map(|parent| parent.union);
        let mut entries = vec![];
        for link in links.iter().filter(|link| link.error.is_some()) {
            let for_long = link.last_success.is_some_and(|last| machines::is_long_ago(last, look.now));
            let (code, severity) = match above == Some(link.union) {
                true => (FAILED, Severity::Attention),
                false if for_long => (FAILED_BELOW, Severity::Attention),
                false => (FAILED_BELOW, Severity::Notice),
            };
            let entry = Entry::new(code, severity, Thing::Device(link.device))
                .with("union", Argument::Union(link.union))
                .with("last_try", Argument::Moment(link.last_try));
            entries.push(match link.last_success {
                Some(at) => entry.with("last_success", Argument::Moment(at)),
                None => entry,
            });
        }
        if let Some(above) = above {
            let to = links.iter().filter(|link| link.union == above);
            let last = to.clone().filter_map(|link| link.last_success).max();
            // Where the last try failed, that is said already.
            let said = to.clone().any(|link| link.error.is_some());
            if let Some(last) = last.filter(|last| !said && machines::is_long_ago(*last, look.now)) {
                let entry = Entry::new(SILENT, Severity::Attention, Thing::Union(above));
                entries.push(entry.with("last_success", Argument::Moment(last)));
            }
        }
        Ok(entries)
    }
}
