//! What cannot be true of a qualification.

use super::*;
use crate::{room::Room, rules::Verdict, v1::Qualification};

impl Room for Qualification {
    fn rules(v: &mut Verdict<'_, Qualification>) {
        v.in_order(ISSUED_ON, EXPIRES_ON);
    }
}
