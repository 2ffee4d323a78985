//! What cannot be true of a payer's share.

use super::*;
use crate::{
    room::Room,
    rules::{Rule, Verdict},
    v1::PayerShare,
};

impl Room for PayerShare {
    fn rules(v: &mut Verdict<'_, PayerShare>) {
        let r = v.record;
        v.refuse_if(
            r.number(PAYER).is_some() == r.get(PAYER_NAME).is_some(),
            PAYER,
            Rule::new(
                "one_payer",
                "承担单位与其他承担单位须填且只填一个",
                "either a paying union or another payer, not both",
            ),
            ("请填其中一个", "fill in one of the two"),
        );
        v.in_order(FROM_ON, TO_ON);
    }
}
