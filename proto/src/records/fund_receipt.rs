//! Money that came from above.

use super::*;
use crate::{
    handle::View,
    measure::{BALANCE, Measure, Nature, Parts, Unit},
    room::Room,
    rules::Verdict,
    union::UnionNumber,
    v1::FundReceipt,
};

pub mod measures {
    pub const RECEIVED: u32 = 42;
}

impl Room for FundReceipt {
    fn measures() -> Vec<Measure> {
        let words = ("到账专项经费", "received");
        vec![Measure::of::<FundReceipt>(measures::RECEIVED, "received", words, Nature::Flow, Unit::Fen)]
    }

    fn adds(record: View<'_, FundReceipt>, _: UnionNumber, parts: &mut Parts) {
        for measure in [measures::RECEIVED, BALANCE] {
            parts.add(measure, record.get(RECEIVED_ON), record.number(AMOUNT));
        }
    }

    fn rules(v: &mut Verdict<'_, FundReceipt>) {
        v.reversal(AMOUNT, REVERSES);
    }
}
