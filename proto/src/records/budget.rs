//! A budget: what cannot be true of its lines, and what the last version of it adds.

use super::*;
use crate::{
    handle::{Reference, View},
    measure::{Measure, Nature, Parts, Unit},
    money::Fen,
    room::Room,
    rules::{CHECK, Rule, Verdict},
    union::UnionNumber,
    v1::Budget,
};

pub mod measures {
    pub const BUDGETED: u32 = 40;
}

impl Room for Budget {
    fn measures() -> Vec<Measure> {
        let words = ("预算", "budgeted");
        vec![Measure::of::<Budget>(measures::BUDGETED, "budgeted", words, Nature::Flow, Unit::Fen)]
    }

    /// The sum of its lines, in the month in which it was approved.
    fn adds(record: View<'_, Budget>, _: UnionNumber, parts: &mut Parts) {
        let sum: i128 =
            record.lines(LINES).filter_map(|line| line.get(budget_line::AMOUNT)).map(|fen| i128::from(fen.0)).sum();
        parts.add(measures::BUDGETED, record.get(APPROVED_ON), Some(sum));
    }

    fn replaces() -> Option<Field<Budget, Reference>> {
        Some(REPLACES)
    }

    fn rules(v: &mut Verdict<'_, Budget>) {
        let r = v.record;
        let mut keys: Vec<(Option<i64>, Option<&str>)> =
            r.lines(LINES).map(|line| (line.get(budget_line::CATEGORY), line.get(budget_line::SUBJECT))).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        v.refuse_if(
            keys.len() != count,
            LINES,
            Rule::new("line_twice", "同一类别和科目出现两次", "a category and subject appear twice"),
            ("请合并", "put them together"),
        );
        let total = Fen::sum(r.lines(LINES).map(|line| line.get(budget_line::AMOUNT).unwrap_or(Fen(0))));
        v.refuse_if(total.is_none(), LINES, Rule::new("total_too_large", "合计太大", "the total is too large"), CHECK);
    }
}
