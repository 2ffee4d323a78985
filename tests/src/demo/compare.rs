//! Each level's roll-up beside the sum of what the unions below it say of themselves, every one read from its own file.

use std::collections::BTreeMap;

use huiliu_node::{
    rollup::{Measure, Nature, Span, measures},
    store::rollups,
};
use huiliu_proto::union::UnionNumber;

use super::federation::Federation;

/// One level's figures.
#[derive(Debug, Clone)]
pub struct Figures {
    pub union: UnionNumber,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub measure: &'static Measure,
    /// What the level's own store says of itself with all below.
    pub total: i128,
    /// What the unions' own stores add up to.
    pub sum: i128,
}

impl Figures {
    pub fn equal(&self) -> bool {
        self.lines.iter().all(|l| l.total == l.sum)
    }

    pub fn total(&self, measure: u32) -> i128 {
        self.lines.iter().find(|l| l.measure.number == measure).map_or(0, |l| l.total)
    }
}

/// Flows over the months of the span, stocks at its end; for every union of the federation.
pub fn figures(federation: &Federation, span: Span) -> anyhow::Result<Vec<Figures>> {
    let mut own: BTreeMap<UnionNumber, BTreeMap<u32, i128>> = BTreeMap::new();
    let mut totals: BTreeMap<UnionNumber, BTreeMap<u32, i128>> = BTreeMap::new();
    for member in &federation.members {
        let union = member.union;
        let (flows, stocks) = member.store.read(|conn| {
            let flows = rollups::sums(conn, union, span.from.0, span.to.0)?;
            Ok((flows, rollups::sums(conn, union, i32::MIN, span.to.0)?))
        })?;
        for measure in measures() {
            let sums = match measure.nature {
                Nature::Flow => &flows,
                Nature::Stock => &stocks,
            };
            let (alone, total) = sums.get(&measure.number).copied().unwrap_or_default();
            own.entry(union).or_default().insert(measure.number, alone);
            totals.entry(union).or_default().insert(measure.number, total);
        }
    }
    let line = |union: UnionNumber, measure: &'static Measure| Line {
        measure,
        total: totals[&union][&measure.number],
        sum: own.iter().filter(|(u, _)| union.contains(**u)).map(|(_, own)| own[&measure.number]).sum(),
    };
    let unions = federation.members.iter().map(|m| m.union);
    Ok(unions.map(|union| Figures { union, lines: measures().iter().map(|m| line(union, m)).collect() }).collect())
}
