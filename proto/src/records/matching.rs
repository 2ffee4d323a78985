//! A union's own money beside that from above.

use super::*;
use crate::{
    handle::View,
    measure::{BALANCE, Measure, Nature, Parts, Unit},
    room::Room,
    rules::{CHECK, Rule, Verdict},
    union::UnionNumber,
    v1::{FundSource, Matching},
};

pub mod measures {
    pub const MATCHED: u32 = 43;
}

impl Room for Matching {
    fn measures() -> Vec<Measure> {
        let words = ("配套资金", "matching money");
        vec![Measure::of::<Matching>(measures::MATCHED, "matched", words, Nature::Flow, Unit::Fen)]
    }

    fn adds(record: View<'_, Matching>, _: UnionNumber, parts: &mut Parts) {
        for measure in [measures::MATCHED, BALANCE] {
            parts.add(measure, record.get(BOOKED_ON), record.number(AMOUNT));
        }
    }

    fn rules(v: &mut Verdict<'_, Matching>) {
        v.reversal(AMOUNT, REVERSES);
        let r = v.record;
        let own = r.is_one_of(SOURCE, [FundSource::OwnMatching, FundSource::FromTreasury]);
        v.warn_if(
            r.get(SOURCE).is_some() && !own,
            SOURCE,
            Rule::new("not_matching_money", "上级资金不是本级配套", "money from above is not matching money"),
            CHECK,
        );
    }
}
