//! What ends soon, or has ended while the records say it goes on: engagements, probation, consent to go on past 65, and
//! certificates of people in post.

use huiliu_proto::{id::RecordId, period::Day};

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::inbox::{self, Due, Term};

pub struct Ends;

/// Days before the end from which it is told, and from which a person acts. A certificate takes a course and an exam.
const ENGAGEMENT: (i32, i32) = (60, 30);
const PROBATION: (i32, i32) = (30, 7);
const CERTIFICATE: (i32, i32) = (90, 30);

const TERMS: [(&str, Term, (i32, i32)); 3] = [
    ("engagement_ends", Term::Engagement, ENGAGEMENT),
    ("probation_ends", Term::Probation, PROBATION),
    ("consent_ends", Term::Consent, ENGAGEMENT),
];
const CERTIFICATE_ENDS: &str = "certificate_ends";

impl Source for Ends {
    fn codes(&self) -> &'static [&'static str] {
        &["engagement_ends", "probation_ends", "consent_ends", CERTIFICATE_ENDS]
    }

    fn entries(&self, look: &Look<'_>, page: &Page<'_>) -> Result<Vec<Entry>> {
        let by = |days| look.today.plus_days(days).unwrap_or(look.today);
        let mut entries = vec![];
        for (code, term, (told, soon)) in TERMS {
            let mut from = page.from(code, |day| Severity::of_end(day, look.today, soon));
            // A probation that is over was passed.
            if term == Term::Probation && from.day < look.today {
                from = inbox::From { day: look.today, id: vec![] };
            }
            let ending = inbox::terms(look.conn, look.union, term, by(told), &from, page.most)?;
            entries.extend(ending.into_iter().map(|due| entry(look, code, due, soon)));
        }
        let (told, soon) = CERTIFICATE;
        let from = page.from(CERTIFICATE_ENDS, |day| Severity::of_end(day, look.today, soon));
        let ending = inbox::certificates(look.conn, look.union, by(told), &from, page.most)?;
        entries.extend(ending.into_iter().map(|due| entry(look, CERTIFICATE_ENDS, due, soon)));
        Ok(entries)
    }
}

fn entry(look: &Look<'_>, code: &'static str, due: Due, soon: i32) -> Entry {
    let Due { id, day, about } = due;
    let left = i64::from(day.0) - i64::from(look.today.0);
    let entry = Entry::new(code, severity(day, look.today, soon), Thing::Record { owner: look.union, id }).due(day);
    let about = about.unwrap_or(RecordId(id.0));
    entry.with("mediator", Argument::Record(about)).with("days", Argument::Number(left))
}

fn severity(day: Day, today: Day, soon: i32) -> Severity {
    Severity::of_end(day, today, soon)
}
