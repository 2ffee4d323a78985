//! A line of the work log: what cannot be true of it, and the work it adds.

use super::*;
use crate::{
    handle::View,
    measure::{Measure, Nature, Parts, Unit},
    room::{CountsOnce, Room},
    rules::{Rule, Verdict},
    union::UnionNumber,
    v1::{Duty, WorkEntry},
};

pub mod measures {
    pub const GUIDED: u32 = 10;
    pub const TOPICS: u32 = 11;
    pub const CASES: u32 = 12;
    pub const ENTERPRISE_DAYS: u32 = 13;
    pub const WORKERS_HELPED: u32 = 14;
}

impl Room for WorkEntry {
    fn measures() -> Vec<Measure> {
        let done = |number, name, words| Measure::of::<WorkEntry>(number, name, words, Nature::Flow, Unit::Count);
        vec![
            done(measures::GUIDED, "bargaining_guided", ("指导集体协商次数", "bargaining sessions guided")),
            done(measures::TOPICS, "topics_collected", ("征集协商议题", "topics collected")),
            done(measures::CASES, "cases", ("典型案例", "cases written up")),
            done(measures::ENTERPRISE_DAYS, "enterprise_days", ("下企业天数", "days in enterprises")),
            done(measures::WORKERS_HELPED, "workers_helped", ("帮扶职工人次", "workers helped")),
        ]
    }

    fn adds(record: View<'_, WorkEntry>, _: UnionNumber, parts: &mut Parts) {
        let on = record.get(DONE_ON);
        for (measure, field) in [
            (measures::GUIDED, GUIDED),
            (measures::TOPICS, TOPICS_COLLECTED),
            (measures::CASES, CASES),
            (measures::WORKERS_HELPED, WORKERS_HELPED),
        ] {
            parts.add(measure, on, record.get(field));
        }
    }

    /// A mediator's day in enterprises.
    fn counts_once() -> Option<CountsOnce> {
        Some(CountsOnce::new(measures::ENTERPRISE_DAYS, (MEDIATOR, DONE_ON), ENTERPRISE, CORRECTS))
    }

    fn rules(v: &mut Verdict<'_, WorkEntry>) {
        let r = v.record;
        let fits = r.get(DUTY).zip(r.get(SUBTYPE)).is_none_or(|(duty, subtype)| subtype / 10 == duty);
        v.refuse_if(
            !fits,
            SUBTYPE,
            Rule::new("not_of_duty", "与所选职责不符", "not work of the chosen duty"),
            ("请重新选择工作类型", "choose again"),
        );
        v.refuse_if(
            !r.has(ENTERPRISE) && r.get(PLACE).is_none(),
            PLACE,
            Rule::new("no_enterprise_or_place", "企业和地点都没有填写", "neither an enterprise nor a place"),
            ("请填其中一个", "fill in one of the two"),
        );
        if r.has(CORRECTS) {
            return;
        }
        for field in [MINUTES, PARTICIPANTS, GUIDED, TOPICS_COLLECTED, CASES, WORKERS_HELPED] {
            v.refuse_if(
                r.get(field).is_some_and(|n| n < 0),
                field,
                Rule::new("negative_not_correction", "负数只能用于更正", "negative only in a correction"),
                ("请指明所更正的工作日志", "name the line it corrects"),
            );
        }
        v.warn_if(
            r.is(DUTY, Duty::Bargaining) && r.get(MANDATE).is_none(),
            MANDATE,
            Rule::new("no_mandate", "参加协商没有指派或委托", "bargaining without a mandate"),
            ("请补填指派或委托文书", "add the assignment or the mandate"),
        );
    }
}
