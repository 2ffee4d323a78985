//! What takes two persons and waits for the second: for whoever may carry it out, and for the one who prepared it. Where
//! nobody has logged in, all of it.

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::{
    app::duty::waiting::{self, Waiting},
    clock,
};

pub struct Proposals;

const TO_SIGN: &str = "proposal_to_sign";
const WAITS: &str = "proposal_waits";

impl Source for Proposals {
    fn codes(&self) -> &'static [&'static str] {
        &[TO_SIGN, WAITS]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        let waiting = waiting::all(look.conn, look.union, look.now)?.into_iter();
        Ok(waiting.filter_map(|one| entry(look, one)).collect())
    }
}

fn entry(look: &Look<'_>, one: Waiting) -> Option<Entry> {
    let (code, severity) = match &look.account {
        None => (TO_SIGN, Severity::Attention),
        Some(account) if one.may_be_signed_by(account) => (TO_SIGN, Severity::Attention),
        Some(account) if one.by == account.id => (WAITS, Severity::Notice),
        Some(_) => return None,
    };
    let thing = Thing::Record { owner: look.union, id: one.id };
    let entry = Entry::new(code, severity, thing).due(clock::day(one.until));
    let entry = entry.with("act", Argument::Act(one.act)).with("subject", Argument::Text(one.subject));
    Some(entry.with("by", Argument::Account(one.by)))
}
