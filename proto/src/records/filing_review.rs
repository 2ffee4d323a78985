//! What a review of a filing has to say.

use super::*;
use crate::{
    room::Room,
    rules::{Rule, Verdict},
    v1::{FilingReview, ReviewAction},
};

impl Room for FilingReview {
    fn rules(v: &mut Verdict<'_, FilingReview>) {
        let r = v.record;
        v.refuse_if(
            r.is(ACTION, ReviewAction::Filed) && r.get(REGISTER_NO).is_none(),
            REGISTER_NO,
            Rule::new("no_register_number", "同意备案须有备案号", "an accepted filing has a register number"),
            ("请填写", "fill it in"),
        );
        v.refuse_if(
            r.is(ACTION, ReviewAction::SentBack) && r.get(REASONS).is_none(),
            REASONS,
            Rule::new("no_reasons", "退回须写明理由", "a filing sent back has reasons"),
            ("请填写", "fill it in"),
        );
    }
}
