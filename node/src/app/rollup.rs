//! A union's totals, alone and with everything below it, over months.

use std::collections::BTreeMap;

use huiliu_proto::{
    period::Month,
    union::{Level, UnionNumber},
};

use crate::{
    clock,
    identity::LocalDevice,
    rollup::{Measure, Nature, measures},
    store::{
        StoreError,
        rollups::{self, AsOf},
    },
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum RollupError {
    #[error("the first month is after the last")]
    Months { from: Month, to: Month },
    #[error("the totals cannot be read")]
    Store(#[from] StoreError),
}

impl RollupError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RollupError::Months { .. } => "months",
            RollupError::Store(_) => "database",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub union: UnionNumber,
    /// Without it, January of the last month's year.
    pub from: Option<Month>,
    /// Without it, the newest there is up to now.
    pub to: Option<Month>,
}

/// A measure: over the months, or at the end of them, as its nature is.
#[derive(Debug, Clone, Copy)]
pub struct Total {
    pub measure: &'static Measure,
    pub own: i128,
    /// With all below.
    pub all: i128,
}

#[derive(Debug, Clone)]
pub struct Totals {
    pub union: UnionNumber,
    pub from: Month,
    pub to: Month,
    pub totals: Vec<Total>,
    /// At the nation: the provinces' statements that stand for records that it does not see.
    pub stated: Option<AsOf>,
}

pub fn totals(store: &Store, me: &LocalDevice, ask: &Ask) -> Result<Totals, RollupError> {
    let union = ask.union;
    let now = store.now();
    let nation = me.union.level() == Level::Nation;
    let (from, to, flows, stocks, stated) = store.read(|conn| {
        // Engagements that end in years to come have totals there already.
        let (newest, today) = (rollups::newest(conn, union)?.map(Month), clock::day(now).month());
        let to = ask.to.unwrap_or(newest.map_or(today, |newest| newest.min(today)));
        let from = ask.from.unwrap_or(Month(to.0 - to.0.rem_euclid(12)));
        let stated = if nation { rollups::as_of(conn, union, from.0, to.0, now)? } else { None };
        let flows = rollups::sums(conn, union, from.0, to.0)?;
        let stocks = rollups::sums(conn, union, i32::MIN, to.0)?;
        Ok((from, to, flows, stocks, stated))
    })?;
    if from > to {
        return Err(RollupError::Months { from, to });
    }
    let total = |measure: &'static Measure| {
        let sums: &BTreeMap<u32, (i128, i128)> = match measure.nature {
            Nature::Flow => &flows,
            Nature::Stock => &stocks,
        };
        let (own, all) = sums.get(&measure.number).copied().unwrap_or_default();
        Total { measure, own, all }
    };
    Ok(Totals { union, from, to, totals: measures().iter().map(total).collect(), stated })
}
