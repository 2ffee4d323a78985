//! At the nation: a year whose days off are not published, from December before it on.

use huiliu_proto::{period::Day, union::UnionNumber};

use super::{Argument, Entry, Look, Page, Result, Severity, Source, Thing};
use crate::store::inbox;

pub struct DaysOff;

const CODE: &str = "days_off_missing";
/// Days. The notice of a year comes in November.
const NOTICE_DAYS: i32 = 31;

impl Source for DaysOff {
    fn codes(&self) -> &'static [&'static str] {
        &[CODE]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>> {
        if !look.hub || look.union != UnionNumber::NATION {
            return Ok(vec![]);
        }
        let Some(first) = look.today.plus_days(NOTICE_DAYS).and_then(|day| Day::from_ymd(day.ymd().0, 1, 1)) else {
            return Ok(vec![]);
        };
        let year = first.ymd().0;
        if inbox::has_days_off(look.conn, look.union, year)? {
            return Ok(vec![]);
        }
        let entry = Entry::new(CODE, Severity::Notice, Thing::Union(look.union)).due(first);
        Ok(vec![entry.with("year", Argument::Number(year.into()))])
    }
}
