//! Enterprises that were given two different grades on one day: the later sheet counts until a person says which is right.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::inbox;

pub struct Grades;

const CODE: &str = "graded_twice";

impl Source for Grades {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, page: &Page<'_>) -> Result<Vec<Entry>> {
        let after = page.id_after(CODE, Severity::Attention);
        let graded = inbox::graded_twice(look.conn, look.union, &after, page.most)?.into_iter();
        let entry = |graded: inbox::Graded| {
            Entry::new(CODE, Severity::Attention, Thing::Record { owner: look.union, id: graded.id })
                .with("enterprise", Argument::Record(graded.enterprise))
                .with("other", Argument::Record(graded.other))
                .with("rated_on", Argument::Day(graded.day))
        };
        Ok(graded.map(entry).collect())
    }
}
