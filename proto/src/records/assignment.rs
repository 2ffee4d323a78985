//! What cannot be true of an assignment, and where mediators should serve.

use super::*;
use crate::{
    room::Room,
    rules::{Rule, Verdict},
    union::{Level, UnionNumber},
    v1::Assignment,
};

impl Room for Assignment {
    fn rules(v: &mut Verdict<'_, Assignment>) {
        v.in_order(FROM_ON, TO_ON);
        let level = v.record.get(SERVICE_REGION).map(UnionNumber::level);
        v.warn_if(
            level.is_some_and(|level| level < Level::County),
            SERVICE_REGION,
            Rule::new("above_county", "原则上应分派到县及县以下", "mediators serve in counties and below"),
            ("请确认", "please confirm"),
        );
    }
}
