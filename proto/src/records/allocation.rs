//! An allocation: money that a union hands down.

use super::*;
use crate::{
    handle::View,
    measure::{BALANCE, Measure, Nature, Parts, Unit},
    room::Room,
    rules::Verdict,
    union::{Level, UnionNumber},
    v1::Allocation,
};

pub mod measures {
    pub const ALLOCATED: u32 = 41;
}

impl Room for Allocation {
    fn measures() -> Vec<Measure> {
        let words = ("拨出专项经费", "allocated to unions below");
        vec![Measure::of::<Allocation>(measures::ALLOCATED, "allocated", words, Nature::Flow, Unit::Fen)]
    }

    fn adds(record: View<'_, Allocation>, owner: UnionNumber, parts: &mut Parts) {
        let (on, amount) = (record.get(PAID_ON), record.number(AMOUNT).map(i128::from));
        parts.add(measures::ALLOCATED, on, amount);
        // The national union's earmark is its own budget, not money it holds for somebody.
        if owner.level() != Level::Nation {
            parts.add(BALANCE, on, amount.map(|n| -n));
        }
    }

    fn rules(v: &mut Verdict<'_, Allocation>) {
        v.reversal(AMOUNT, REVERSES);
    }
}
