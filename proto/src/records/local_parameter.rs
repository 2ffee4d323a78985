//! What cannot be true of a local parameter.

use super::*;
use crate::{room::Room, rules::Verdict, v1::LocalParameter};

impl Room for LocalParameter {
    fn rules(v: &mut Verdict<'_, LocalParameter>) {
        v.in_order(EFFECTIVE_FROM, EFFECTIVE_UNTIL);
    }
}
