//! What is doubtful about a lower union, and what one has that is registered.

use super::*;
use crate::{
    ident::Registrar,
    room::Room,
    rules::{CHECK, Rule, Verdict},
    v1::{Union, UnionForm},
};

impl Room for Union {
    fn rules(v: &mut Verdict<'_, Union>) {
        let r = v.record;
        if r.is(FORM, UnionForm::SocialOrganisation) {
            v.credit_code(
                USCC,
                &[Registrar::Social],
                ("社会组织一般以5开头", "a social organisation's usually starts with 5"),
            );
        } else {
            v.credit_code(
                USCC,
                &[Registrar::Union],
                ("下级工会一般以81或89开头", "a lower union's usually starts with 81 or 89"),
            );
        }
        // A social organisation employs guides; it is nobody's union.
        v.refuse_if(
            r.get(NUMBER).is_some() && r.is(FORM, UnionForm::SocialOrganisation),
            NUMBER,
            Rule::new(
                "number_of_no_union",
                "社会组织不是工会，不登记编号",
                "a social organisation is no union and has no number",
            ),
            ("请核对类型", "look at the form again"),
        );
        let more = r.get(MEMBERS).zip(r.get(WORKERS)).is_some_and(|(members, workers)| members > workers);
        v.warn_if(
            more,
            MEMBERS,
            Rule::new("more_members_than_workers", "会员多于职工", "more members than workers"),
            CHECK,
        );
    }
}
