//! What cannot be true of a check's parameter.

use super::*;
use crate::{room::Room, rules::Verdict, v1::Parameter};

impl Room for Parameter {
    fn rules(v: &mut Verdict<'_, Parameter>) {
        v.in_order(EFFECTIVE_FROM, EFFECTIVE_UNTIL);
    }
}
