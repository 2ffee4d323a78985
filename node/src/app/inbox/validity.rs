//! This machine's certificates: that they end soon, ended, or that its clock is outside them.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::{
    clock,
    identity::validity::{self, ACT},
};

pub struct Certificate;

/// They end; they do not hold.
const ENDS: &str = "certificate";
const ENDED: &str = "certificate_ended";

impl Source for Certificate {
    fn codes(&self) -> &'static [&'static str] {
        &[ENDS, ENDED]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let Some(validity) = validity::of_home(look.home)? else { return Ok(vec![]) };
        let days = validity.days(look.now);
        let (code, severity) = match validity.warning(look.now) {
            _ if !validity.holds(look.now) => (ENDED, Severity::Urgent),
            Some(warned) if warned <= ACT => (ENDS, Severity::Attention),
            Some(_) => (ENDS, Severity::Notice),
            None => return Ok(vec![]),
        };
        let entry = Entry::new(code, severity, Thing::Machine)
            .due(clock::day(validity.to))
            .with("now", Argument::Moment(look.now))
            .with("from", Argument::Moment(validity.from))
            .with("to", Argument::Moment(validity.to))
            .with("days", Argument::Number(days));
        Ok(vec![entry])
    }
}
