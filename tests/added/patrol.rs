//! The room of a kind that is added in a test: a rule between two fields, and a measure.

use super::*;
use huiliu_proto::{
    handle::View,
    measure::{Measure, Nature, Parts, Unit},
    room::Room,
    rules::Verdict,
    union::UnionNumber,
};

use v1::Patrol;

pub mod measures {
    pub const PROBLEMS_FOUND: u32 = 30;
}

impl Room for Patrol {
    fn measures() -> Vec<Measure> {
        let words = ("巡查发现问题", "problems found on patrol");
        vec![Measure::of::<Patrol>(measures::PROBLEMS_FOUND, "patrol_problems", words, Nature::Flow, Unit::Count)]
    }

    fn adds(record: View<'_, Patrol>, _: UnionNumber, parts: &mut Parts) {
        let found: i64 = record.lines(STOPS).filter_map(|stop| stop.get(patrol_stop::FOUND)).sum();
        parts.add(measures::PROBLEMS_FOUND, record.get(BEGUN_ON), Some(found));
    }

    fn rules(v: &mut Verdict<'_, Patrol>) {
        v.in_order(BEGUN_ON, ENDED_ON);
    }
}
