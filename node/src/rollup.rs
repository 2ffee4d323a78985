//! Measures, and what a record adds to them.
//!
//! A total is kept per union (with everything below it) and month, as what changed within that month. A flow is summed
//! over the months asked for; a stock is summed over all months up to the one asked for. Nothing here stores: the
//! ledger adds and takes away what these functions say, in the transaction that brings the record.

use std::sync::OnceLock;

use huiliu_proto::{
    kind::{Reach, Type, kind},
    lang::Label,
    period::{Day, Month},
    record::Record,
    union::{Level, UnionNumber},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Things that happen: so many in a month.
    Flow,
    /// Things that are there: so many at the end of a month.
    Stock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Fen,
}

#[derive(Debug, Clone)]
pub struct Measure {
    pub number: u32,
    /// Stable name, for programs.
    pub name: String,
    pub label: Label,
    pub nature: Nature,
    pub unit: Unit,
    /// How far the records it comes from travel: beyond that, a statement carries it.
    pub reach: Reach,
}

pub const FULL_TIME: u32 = 1;
pub const PART_TIME: u32 = 2;
pub const FUNDED: u32 = 3;
pub const CERTIFICATES: u32 = 4;
pub const GUIDED: u32 = 10;
pub const TOPICS: u32 = 11;
pub const CASES: u32 = 12;
pub const ENTERPRISE_DAYS: u32 = 13;
pub const WORKERS_HELPED: u32 = 14;
pub const GRADE_A: u32 = 20;
pub const GRADE_B: u32 = 21;
pub const GRADE_C: u32 = 22;
pub const BUDGETED: u32 = 40;
pub const ALLOCATED: u32 = 41;
pub const RECEIVED: u32 = 42;
pub const MATCHED: u32 = 43;
pub const SPENT: u32 = 44;
pub const BALANCE: u32 = 45;
/// Spent by category: this number and the category's.
pub const SPENT_ON: u32 = 60;

/// All measures, in the order they are shown.
pub fn measures() -> &'static [Measure] {
    static ALL: OnceLock<Vec<Measure>> = OnceLock::new();
    ALL.get_or_init(|| {
        use {Nature::*, Unit::*};
        let fixed = [
            (FULL_TIME, "full_time_in_post", "在聘专职指导员", "full-time mediators in post", Stock, Count),
            (PART_TIME, "part_time_in_post", "在聘兼职指导员", "part-time mediators in post", Stock, Count),
            (FUNDED, "funded_in_post", "其中计入补助人数", "of the full-time, counted for the fund", Stock, Count),
            (CERTIFICATES, "certificates_valid", "有效证书", "certificates valid", Stock, Count),
            (GUIDED, "bargaining_guided", "指导集体协商次数", "bargaining sessions guided", Flow, Count),
            (TOPICS, "topics_collected", "征集协商议题", "topics collected", Flow, Count),
            (CASES, "cases", "典型案例", "cases written up", Flow, Count),
            (ENTERPRISE_DAYS, "enterprise_days", "下企业天数", "days in enterprises", Flow, Count),
            (WORKERS_HELPED, "workers_helped", "帮扶职工人次", "workers helped", Flow, Count),
            (GRADE_A, "enterprises_a", "A类企业", "enterprises of grade A", Stock, Count),
            (GRADE_B, "enterprises_b", "B类企业", "enterprises of grade B", Stock, Count),
            (GRADE_C, "enterprises_c", "C类企业", "enterprises of grade C", Stock, Count),
            (BUDGETED, "budgeted", "预算", "budgeted", Flow, Fen),
            (ALLOCATED, "allocated", "拨出专项经费", "allocated to unions below", Flow, Fen),
            (RECEIVED, "received", "到账专项经费", "received", Flow, Fen),
            (MATCHED, "matched", "配套资金", "matching money", Flow, Fen),
            (SPENT, "spent", "支出合计", "spent", Flow, Fen),
            (BALANCE, "balance", "结余", "balance", Stock, Fen),
        ];
        let mut all: Vec<Measure> = fixed
            .into_iter()
            .map(|(number, name, zh, en, nature, unit)| Measure {
                number,
                name: name.into(),
                label: Label::new(zh, en),
                nature,
                unit,
                reach: if number < BUDGETED { Reach::Province } else { Reach::Nation },
            })
            .collect();
        all.extend(categories());
        all
    })
}

fn categories() -> Vec<Measure> {
    let Some(kind) = kind("expenditure") else { return vec![] };
    let Some(at) = kind.field("category") else { return vec![] };
    let Type::Choice(choices) = &kind.fields[at].ty else { return vec![] };
    let spent = choices.iter().map(|choice| Measure {
        number: SPENT_ON + choice.number as u32,
        name: format!("spent_{}", choice.name.to_lowercase()),
        label: Label::new(format!("支出：{}", choice.label.zh), format!("spent on {}", choice.label.en)),
        nature: Nature::Flow,
        unit: Unit::Fen,
        reach: Reach::Nation,
    });
    spent.collect()
}

pub fn measure(number: u32) -> Option<&'static Measure> {
    measures().iter().find(|m| m.number == number)
}

/// What a record adds: measure, month, amount.
pub type Part = (u32, i32, i128);

const IN_POST: i64 = 7;
const ENDED: i64 = 9;
const FULL: i64 = 1;
const VALID: i64 = 1;
const REVOKED: i64 = 3;

/// What `record`, of `owner`, adds to the measures. Kinds that stand in a relation to others of their kind (ratings,
/// days in enterprises, statements, budgets that replace others) are asked elsewhere, with what they relate to.
pub fn parts(record: &Record, owner: UnionNumber) -> Vec<Part> {
    let mut parts = vec![];
    match record.kind.name {
        "engagement" => engagement(record, &mut parts),
        "certificate" => certificate(record, &mut parts),
        "work_entry" => {
            let month = month_of(record, "done_on");
            for (measure, field) in
                [(GUIDED, "guided"), (TOPICS, "topics_collected"), (CASES, "cases"), (WORKERS_HELPED, "workers_helped")]
            {
                add(&mut parts, measure, month, record.int(field));
            }
        }
        "allocation" => {
            let month = month_of(record, "paid_on");
            add(&mut parts, ALLOCATED, month, record.int("amount"));
            // The national union's earmark is its own budget, not money it holds for somebody.
            if owner.level() != Level::Nation {
                add(&mut parts, BALANCE, month, record.int("amount").map(|n| -i128::from(n)));
            }
        }
        "fund_receipt" => {
            let month = month_of(record, "received_on");
            add(&mut parts, RECEIVED, month, record.int("amount"));
            add(&mut parts, BALANCE, month, record.int("amount"));
        }
        "matching" => {
            let month = month_of(record, "booked_on");
            add(&mut parts, MATCHED, month, record.int("amount"));
            add(&mut parts, BALANCE, month, record.int("amount"));
        }
        "expenditure" => {
            let month = month_of(record, "paid_on");
            let amount = record.int("amount");
            add(&mut parts, SPENT, month, amount);
            let category = record.int("category").and_then(|c| u32::try_from(c).ok());
            if let Some(category) = category {
                add(&mut parts, SPENT_ON + category, month, amount);
            }
            add(&mut parts, BALANCE, month, amount.map(|n| -i128::from(n)));
        }
        _ => {}
    }
    parts
}

fn add(parts: &mut Vec<Part>, measure: u32, month: Option<i32>, amount: Option<impl Into<i128>>) {
    if let (Some(month), Some(amount)) = (month, amount.map(Into::into))
        && amount != 0
    {
        parts.push((measure, month, amount));
    }
}

fn month_of(record: &Record, field: &str) -> Option<i32> {
    day(record, field).map(|d| d.month().0)
}

fn day(record: &Record, field: &str) -> Option<Day> {
    record.int(field).and_then(|d| i32::try_from(d).ok()).map(Day)
}

/// One more from the month of `from` on, one less from the month in which the day after `last` falls: so that the sum
/// up to a month is how many are there at its end.
fn stand(parts: &mut Vec<Part>, measure: u32, from: Day, last: Option<Day>) {
    if last.is_some_and(|last| last < from) {
        return;
    }
    parts.push((measure, from.month().0, 1));
    if let Some(last) = last {
        parts.push((measure, Day(last.0.saturating_add(1)).month().0, -1));
    }
}

fn engagement(record: &Record, parts: &mut Vec<Part>) {
    if !matches!(record.int("state"), Some(IN_POST | ENDED)) {
        return;
    }
    let Some(from) = day(record, "starts_on") else { return };
    let last = day(record, "ended_on").or(day(record, "ends_on"));
    if record.int("employment") == Some(FULL) {
        stand(parts, FULL_TIME, from, last);
        if record.flag("funded") {
            stand(parts, FUNDED, from, last);
        }
    } else {
        stand(parts, PART_TIME, from, last);
    }
}

fn certificate(record: &Record, parts: &mut Vec<Part>) {
    let Some(from) = day(record, "issued_on") else { return };
    let expires = day(record, "expires_on");
    match record.int("status") {
        Some(VALID) => stand(parts, CERTIFICATES, from, expires),
        Some(REVOKED) => {
            let last = day(record, "revoked_on").map(|d| Day(d.0.saturating_sub(1)));
            let last = match (last, expires) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => Some(a.or(b).unwrap_or(Day(from.0.saturating_sub(1)))),
            };
            stand(parts, CERTIFICATES, from, last);
        }
        _ => stand(parts, CERTIFICATES, from, Some(expires.unwrap_or(Day(from.0.saturating_sub(1))))),
    }
}

/// What a rating adds from its day on, until the next one of its enterprise.
pub fn held(grade: i64, on: i64, next: Option<i64>) -> Vec<Part> {
    let measure = match grade {
        1 => GRADE_A,
        2 => GRADE_B,
        3 => GRADE_C,
        _ => return vec![],
    };
    let month = |day: i64| i32::try_from(day).ok().map(|day| Day(day).month().0);
    let mut parts = vec![];
    add(&mut parts, measure, month(on), Some(1));
    add(&mut parts, measure, next.and_then(month), Some(-1));
    parts
}

/// What a budget adds to the month in which it was approved: the sum of its lines.
pub fn budget(record: &Record) -> Vec<Part> {
    let mut parts = vec![];
    let sum: i128 = record.lines("lines").filter_map(|l| l.int("amount")).map(i128::from).sum();
    add(&mut parts, BUDGETED, month_of(record, "approved_on"), Some(sum));
    parts
}

/// Which months a page asks for: flows from `from`, stocks from the beginning, both up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Month,
    pub to: Month,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stock_is_right_at_the_end_of_each_month() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let at_end = |parts: &[Part], month: &str| {
            let month = month.parse::<Month>().unwrap().0;
            parts.iter().filter(|p| p.1 <= month).map(|p| p.2).sum::<i128>()
        };
        let mut parts = vec![];
        stand(&mut parts, FULL_TIME, day("2025-01-15"), Some(day("2025-06-30")));
        for (month, expected) in [("2024-12", 0), ("2025-01", 1), ("2025-06", 1), ("2025-07", 0)] {
            assert_eq!(at_end(&parts, month), expected, "{month}");
        }
        let mut left = vec![];
        stand(&mut left, FULL_TIME, day("2025-01-15"), Some(day("2025-06-29")));
        assert_eq!(at_end(&left, "2025-06"), 0);
    }

    #[test]
    fn a_rating_holds_until_the_next() {
        let sum = |parts: &[Part], measure| parts.iter().filter(|p| p.0 == measure).map(|p| p.2).sum::<i128>();
        let both = [held(1, 20_000, Some(20_100)), held(3, 20_100, None)].concat();
        assert_eq!((sum(&both, GRADE_A), sum(&both, GRADE_B), sum(&both, GRADE_C)), (0, 0, 1));
        assert_eq!(held(4, 20_000, None), []);
    }

    #[test]
    fn numbers_and_names_are_used_once() {
        let mut numbers: Vec<u32> = measures().iter().map(|m| m.number).collect();
        let mut names: Vec<&str> = measures().iter().map(|m| m.name.as_str()).collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((numbers.len(), names.len()), (count, count));
        assert!(measures().iter().any(|m| m.number > SPENT_ON), "spending by category");
    }
}
