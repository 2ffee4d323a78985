//! How long this machine's certificates hold still, for `status`.

use anyhow::Result;
use serde_json::{Value as Json, json};

use crate::{
    cli::{Desk, desk::Office},
    identity::validity::{self, Validity},
};

pub struct Expiry {
    validity: Validity,
    now: i64,
}

impl Expiry {
    /// `None` before the machine has joined.
    pub fn read(desk: &Desk, office: &Office) -> Result<Option<Expiry>> {
        let now = (desk.clock)();
        Ok(validity::of_home(&office.home)?.map(|validity| Expiry { validity, now }))
    }

    pub fn json(&self) -> Json {
        json!({ "from": self.validity.from, "to": self.validity.to, "days_left": self.validity.days(self.now) })
    }
}
