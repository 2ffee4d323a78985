//! By whose hands something was done: by two persons as one prepared it, or by one with a superior's leave.

use super::*;
use crate::{
    room::Room,
    rules::{CHECK, Rule, Verdict},
    v1::Countersignature,
};

impl Room for Countersignature {
    fn rules(v: &mut Verdict<'_, Countersignature>) {
        let r = v.record;
        let (prepared, alone) = (r.has(PROPOSAL), r.has(OFFICE));
        v.refuse_if(
            prepared == alone,
            PROPOSAL,
            Rule::new(
                "one_ground",
                "提请复核与一人办公准许须填且只填一项",
                "either what was prepared, or the leave to act alone",
            ),
            CHECK,
        );
        let one = r.get(FIRST).zip(r.get(SECOND)).is_some_and(|(first, second)| first == second);
        v.refuse_if(
            one && prepared,
            SECOND,
            Rule::new(
                "carried_out_alone",
                "提请人不能复核本人提请的事项",
                "nobody carries out what she prepared herself",
            ),
            ("请另一人复核", "let another person do it"),
        );
        v.refuse_if(
            !one && alone,
            SECOND,
            Rule::new("leave_of_one", "一人办公的，提请人与复核人应为同一人", "by leave to act alone it is one person"),
            CHECK,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{handle::Draft, id::RecordId, rules::tests::refused, v1::DutyAct};

    #[test]
    fn two_persons_or_one_with_leave() {
        let refused = |second: u8, prepared: bool, alone: bool| {
            let mut draft = Draft::<Countersignature>::new();
            draft.set(ACT, DutyAct::FundMoney).set(FIRST, RecordId([1; 16])).set(SECOND, RecordId([second; 16]));
            if prepared {
                draft.set(PROPOSAL, RecordId([8; 16]));
            }
            if alone {
                draft.set(OFFICE, vec![9; 16]);
            }
            refused(&draft.into_record())
        };
        assert_eq!(refused(2, true, false), [""; 0]);
        assert_eq!(refused(1, false, true), [""; 0]);
        assert_eq!(refused(1, true, false), ["second"]);
        assert_eq!(refused(2, false, true), ["second"]);
        assert_eq!(refused(2, false, false), ["proposal"]);
        assert_eq!(refused(2, true, true), ["proposal", "second"]);
    }
}
