//! What an identity number says of a mediator.

use super::*;
use crate::{
    ident::{ResidentId, SexDigit},
    room::Room,
    rules::{Rule, Verdict},
    v1::{Mediator, Sex},
};

impl Room for Mediator {
    fn rules(v: &mut Verdict<'_, Mediator>) {
        let r = v.record;
        // Sealed everywhere but in its author's hands; there is nothing to compare with then.
        let Some(Ok(id)) = r.get(ID_NO).map(str::parse::<ResidentId>) else { return };
        let sex = match id.sex() {
            SexDigit::Male => Sex::Male,
            SexDigit::Female => Sex::Female,
        };
        v.refuse_if(
            r.get(SEX).is_some() && !r.is(SEX, sex),
            SEX,
            Rule::new("not_as_identity_number", "与身份证号不一致", "not what the identity number says"),
            ("请核对证件", "compare both with the card"),
        );
        v.refuse_if(
            r.number(BORN).is_some_and(|born| born != i64::from(id.born().0)),
            BORN,
            Rule::new("not_as_identity_number", "与身份证号不一致", "not what the identity number says"),
            ("请核对证件", "compare both with the card"),
        );
        v.in_order(BORN, RETIRED_ON);
    }
}
