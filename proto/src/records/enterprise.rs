//! What is doubtful about an enterprise.

use super::*;
use crate::{
    ident::Registrar,
    room::Room,
    rules::{CHECK, Rule, Verdict},
    v1::Enterprise,
};

impl Room for Enterprise {
    fn rules(v: &mut Verdict<'_, Enterprise>) {
        let r = v.record;
        v.credit_code(
            USCC,
            &[Registrar::Enterprise],
            ("企业一般以91、92或93开头", "an enterprise's usually starts with 91, 92 or 93"),
        );
        let small = r.get(EMPLOYEES).is_some_and(|n| n < 100);
        v.warn_if(
            r.flag(OVER_HUNDRED) && small,
            OVER_HUNDRED,
            Rule::new("fewer_than_hundred", "职工人数不足一百", "there are fewer than a hundred employees"),
            CHECK,
        );
    }
}
