//! A filing: whether its numbers are those of its roster.

use super::*;
use crate::{
    handle::View,
    room::Room,
    rules::{CHECK, Rule, Verdict},
    v1::{Employment, Filing, RosterLine},
};

impl Room for Filing {
    fn rules(v: &mut Verdict<'_, Filing>) {
        let r = v.record;
        let off_year = r.number(MONTH).zip(r.get(YEAR)).is_some_and(|(month, year)| month.div_euclid(12) != year);
        v.refuse_if(off_year, MONTH, Rule::new("outside_year", "不在所填年度内", "not in the year given"), CHECK);
        let heads = r.get(FULL_TIME).unwrap_or(0) + r.get(PART_TIME).unwrap_or(0);
        for field in [CERTIFIED, FUNDED_HEADS] {
            v.refuse_if(
                r.get(field).is_some_and(|n| n > heads),
                field,
                Rule::new("more_than_heads", "多于专兼职人数之和", "more than full-time and part-time together"),
                CHECK,
            );
        }
        // A union that only adds up what lower ones filed has no roster of its own.
        if r.lines(ROSTER).next().is_some() {
            roster(v);
        }
    }
}

fn roster(v: &mut Verdict<'_, Filing>) {
    let r = v.record;
    let count = |test: &dyn Fn(&View<'_, RosterLine>) -> bool| r.lines(ROSTER).filter(test).count() as i64;
    let employed = |as_| count(&|line| line.is(roster_line::EMPLOYMENT, as_));
    for (field, counted) in [(FULL_TIME, employed(Employment::FullTime)), (PART_TIME, employed(Employment::PartTime))] {
        v.refuse_if(
            r.get(field).is_some_and(|n| n != counted),
            field,
            Rule::new("not_as_roster", "与名册不一致", "not what the roster counts"),
            ("请按名册重新统计", "count the roster again"),
        );
    }
    // What is declared for the fund is said by a person; whether it holds is FC-06's question.
    let funded = count(&|line| line.flag(roster_line::FUNDED));
    v.warn_if(
        r.get(FUNDED_HEADS).is_some_and(|n| n != funded),
        FUNDED_HEADS,
        Rule::new(
            "funded_not_as_roster",
            "与名册中计入补助人数不一致",
            "not as many as count for the fund on the roster",
        ),
        CHECK,
    );
    let mut engagements: Vec<&[u8]> = r.lines(ROSTER).filter_map(|line| line.bytes(roster_line::ENGAGEMENT)).collect();
    let lines = engagements.len();
    engagements.sort_unstable();
    engagements.dedup();
    v.refuse_if(
        engagements.len() != lines,
        ROSTER,
        Rule::new("engagement_twice", "同一聘任出现两次", "an engagement appears twice"),
        ("请删去重复行", "take out the repeated line"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        handle::{Lines, Row},
        id::RecordId,
        rules::tests::{record, refused, warned},
    };

    #[test]
    fn a_filing_counts_its_own_roster() {
        let mut f = record(
            "filing",
            &[
                ("type", "年度备案"),
                ("year", "2026"),
                ("census_on", "2026-12-31"),
                ("full_time", "1"),
                ("part_time", "1"),
                ("funded_heads", "1"),
            ],
        );
        assert_eq!(refused(&f), [""; 0], "without a roster it only adds up");
        let line = |engagement: u8, employment: Employment, funded: bool| {
            let row = Row::default().with(roster_line::ENGAGEMENT, RecordId([engagement; 16]));
            let row = row.with(roster_line::MEDIATOR, RecordId([7; 16])).with(roster_line::EMPLOYMENT, employment);
            if funded { row.with(roster_line::FUNDED, true) } else { row }
        };
        let mut set = |a, b| {
            f.put(ROSTER.position(), Some(Lines::value(vec![a, b])));
            f.clone()
        };
        let (full, part) = (Employment::FullTime, Employment::PartTime);
        assert_eq!(refused(&set(line(1, full, true), line(2, part, false))), [""; 0]);
        assert_eq!(refused(&set(line(1, full, true), line(1, part, false))), ["roster"]);
        assert_eq!(refused(&set(line(1, full, true), line(2, full, true))), ["full_time", "part_time"]);
        let none = set(line(1, full, false), line(2, part, false));
        assert_eq!(warned(&none), ["funded_heads"], "declared by a person, judged by FC-06");
    }
}
