//! An engagement: when somebody is in post, what cannot be true of it, and the heads it adds.
//!
//! **In post is defined here and nowhere else**: totals ask it in Rust; filings, checks and the inbox ask the views.

use super::*;
use crate::{
    handle::View,
    ident::Registrar,
    measure::{Measure, Nature, Parts, Unit},
    period::Day,
    room::{Room, SqlView, one_of},
    rules::{CHECK, Rule, Verdict},
    union::UnionNumber,
    v1::{Channel, Employment, Engagement, EngagementState, OtherEmployment, Tier},
};

pub mod measures {
    pub const FULL_TIME: u32 = 1;
    pub const PART_TIME: u32 = 2;
    pub const FUNDED: u32 = 3;
}

/// In post, or ended after having been: it served on the days that it covers.
pub const SERVED: [EngagementState; 2] = [EngagementState::InPost, EngagementState::Ended];

/// Also one that is suspended: a roster of a day before may have had it, so FC-06 does not accuse.
pub const SERVED_OR_SUSPENDED: [EngagementState; 3] =
    [EngagementState::InPost, EngagementState::Suspended, EngagementState::Ended];

/// Only one that goes on: where an end is asked about that is still to come, or was let pass.
pub const GOES_ON: [EngagementState; 1] = [EngagementState::InPost];

/// The view with the engagements that served, and `until`, the last day that each covers.
pub const IN_POST: &str = "in_post";
/// The same with those that are suspended.
pub const IN_POST_OR_SUSPENDED: &str = "in_post_or_suspended";
/// Those that go on.
pub const STILL_IN_POST: &str = "still_in_post";

/// The first and the last day in post.
pub fn in_post(record: View<'_, Engagement>) -> Option<(Day, Option<Day>)> {
    if !record.is_one_of(STATE, SERVED) {
        return None;
    }
    Some((record.get(STARTS_ON)?, record.get(ENDED_ON).or(record.get(ENDS_ON))))
}

/// Days of a term that nobody asks about: ten years.
const LONGEST: i64 = 3653;

fn view(name: &'static str, states: impl IntoIterator<Item = EngagementState>) -> SqlView {
    let (table, ended, ends) = (Engagement::NAME, ENDED_ON.name(), ENDS_ON.name());
    let states = one_of(STATE, states);
    SqlView { name, select: format!("SELECT *, coalesce({ended}, {ends}) AS until FROM {table} WHERE {states}") }
}

impl Room for Engagement {
    fn measures() -> Vec<Measure> {
        let head = |number, name, words| Measure::of::<Engagement>(number, name, words, Nature::Stock, Unit::Count);
        vec![
            head(measures::FULL_TIME, "full_time_in_post", ("在聘专职指导员", "full-time mediators in post")),
            head(measures::PART_TIME, "part_time_in_post", ("在聘兼职指导员", "part-time mediators in post")),
            head(measures::FUNDED, "funded_in_post", ("其中计入补助人数", "of the full-time, counted for the fund")),
        ]
    }

    fn adds(record: View<'_, Engagement>, _: UnionNumber, parts: &mut Parts) {
        let Some((from, last)) = in_post(record) else { return };
        if record.is(EMPLOYMENT, Employment::FullTime) {
            parts.stand(measures::FULL_TIME, from, last);
            if record.flag(FUNDED) {
                parts.stand(measures::FUNDED, from, last);
            }
        } else {
            parts.stand(measures::PART_TIME, from, last);
        }
    }

    fn views() -> Vec<SqlView> {
        vec![view(IN_POST, SERVED), view(IN_POST_OR_SUSPENDED, SERVED_OR_SUSPENDED), view(STILL_IN_POST, GOES_ON)]
    }

    fn rules(v: &mut Verdict<'_, Engagement>) {
        let r = v.record;
        v.in_order(STARTS_ON, ENDS_ON);
        v.in_order(STARTS_ON, ENDED_ON);
        v.in_order(STARTS_ON, PROBATION_UNTIL);
        v.in_order(STARTS_ON, CONSENT_UNTIL);
        let days = r.number(STARTS_ON).zip(r.number(ENDS_ON)).map_or(0, |(from, to)| to.saturating_sub(from));
        v.warn_if(
            days > LONGEST,
            ENDS_ON,
            Rule::new("longer_than_ten_years", "聘期超过10年", "an engagement of more than ten years"),
            CHECK,
        );
        let (ended, has_ended) = (r.is(STATE, EngagementState::Ended), r.number(ENDED_ON).is_some());
        v.refuse_if(
            ended && !has_ended,
            STATE,
            Rule::new("ended_without_date", "终止须有实际终止日期", "an ended engagement has a date"),
            ("请填实际终止日期和原因", "fill in when and why it ended"),
        );
        v.warn_if(
            has_ended && !ended,
            STATE,
            Rule::new(
                "date_without_end",
                "已填终止日期，状态仍未终止",
                "there is an end date, and the state is another",
            ),
            CHECK,
        );
        if r.flag(FUNDED) {
            funded(v);
        }
        v.refuse_if(
            r.is_one_of(CHANNEL, [Channel::ServiceTask, Channel::ServicePerson]) && r.get(PROVIDER).is_none(),
            CHANNEL,
            Rule::new("no_provider", "购买服务须填承接组织", "a purchased service has a provider"),
            ("请填承接社会组织", "fill in the provider"),
        );
        v.credit_code(
            PROVIDER_USCC,
            &[Registrar::Social, Registrar::Enterprise],
            ("社会组织一般以5开头", "a social organisation's usually starts with 5"),
        );
    }
}

/// Who is doubtful as a head for the fund.
fn funded(v: &mut Verdict<'_, Engagement>) {
    let r = v.record;
    let remedy = ("请确认是否计入补助人数", "make sure that this head counts for the fund");
    v.warn_if(
        r.is(EMPLOYMENT, Employment::PartTime),
        FUNDED,
        Rule::new("funded_part_time", "兼职人员计入了补助人数", "a part-time head is counted for the fund"),
        remedy,
    );
    v.warn_if(
        r.is(TIER, Tier::EnterpriseTier),
        FUNDED,
        Rule::new("funded_enterprise_tier", "企业级人员计入了补助人数", "an enterprise's head is counted for the fund"),
        remedy,
    );
    v.warn_if(
        r.is(CHANNEL, Channel::ServiceTask),
        FUNDED,
        Rule::new("funded_task", "承接任务的服务没有人头", "a task taken on has no heads"),
        remedy,
    );
    v.warn_if(
        r.is_one_of(OTHER_EMPLOYMENT, [OtherEmployment::CivilServant, OtherEmployment::EnterpriseStaff]),
        FUNDED,
        Rule::new(
            "funded_employed_elsewhere",
            "在其他单位在职的人员计入了补助人数",
            "a head employed elsewhere is counted for the fund",
        ),
        remedy,
    );
}
