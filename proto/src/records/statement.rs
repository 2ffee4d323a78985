//! A statement: that no figure stands in it twice, and which of several is the latest.

use super::*;
use crate::{
    room::Room,
    rules::{CHECK, Rule, Verdict},
    v1::Statement,
};

impl Room for Statement {
    /// The latest of a union and month is the last.
    fn ordered_by() -> Option<String> {
        let (union, month, revision) = (UNION.name(), MONTH.name(), REVISION.name());
        Some(format!("\"{union}\", {month}, coalesce({revision}, 0), record"))
    }

    fn rules(v: &mut Verdict<'_, Statement>) {
        let mut measures: Vec<Option<i64>> =
            v.record.lines(FIGURES).map(|line| line.get(statement_figure::MEASURE)).collect();
        let count = measures.len();
        measures.sort_unstable();
        measures.dedup();
        v.refuse_if(
            measures.len() != count,
            FIGURES,
            Rule::new("measure_twice", "同一指标出现两次", "a measure appears twice"),
            CHECK,
        );
    }
}
