//! How long this machine's certificates hold still, for `status`.

use anyhow::Result;
use huiliu_proto::lang::Lang;
use serde_json::{Value as Json, json};

use crate::{
    cli::{Desk, desk::Office},
    clock::moment,
    identity::validity::{self, ACT, Validity},
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

    /// From thirty days on a person has to look: it renews by itself long before, where there is a line.
    pub fn needs_a_person(&self) -> bool {
        !self.validity.holds(self.now) || self.validity.warning(self.now).is_some_and(|days| days <= ACT)
    }

    /// What to say, where there is anything to say.
    pub fn words(&self, desk: &Desk) -> Option<String> {
        let (now, from, to) = (moment(self.now), moment(self.validity.from), moment(self.validity.to));
        if !self.validity.holds(self.now) {
            return Some(match desk.lang {
                Lang::Zh => format!(
                    "需要处理：本机时钟为 {now}，证书有效期为 {from} 至 {to}；时钟不对请校准，否则请上级用 invite --device 给一个加入码，再运行 join。记录照常，不会丢失"
                ),
                Lang::En => format!(
                    "to do: this machine's clock says {now}, its certificates hold from {from} to {to}; set the clock, or ask the union above for a token (`invite CODE --device`) and `join`. Records are kept meanwhile"
                ),
            });
        }
        self.validity.warning(self.now)?;
        let days = self.validity.days(self.now);
        let prefix = if self.needs_a_person() { desk.pick("需要处理：", "to do: ") } else { "" };
        Some(match desk.lang {
            Lang::Zh => {
                format!("{prefix}证书还有{days}天到期（{to}）；与上级连通一次即自动更换，请检查网络并运行 sync")
            }
            Lang::En => format!(
                "{prefix}certificates end in {days} days ({to}); they renew by themselves in one exchange: check the line and run `sync`"
            ),
        })
    }

    pub fn json(&self) -> Json {
        json!({ "from": self.validity.from, "to": self.validity.to, "days_left": self.validity.days(self.now) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_needed_from_thirty_days_on() {
        const DAY: i64 = 86_400_000;
        let at = |day: i64| {
            let validity = Validity { from: 0, to: 300 * DAY, renew: 200 * DAY };
            Expiry { validity, now: day * DAY }
        };
        for (day, needed) in [(-1, true), (1, false), (239, false), (269, false), (270, true), (299, true), (301, true)]
        {
            assert_eq!(at(day).needs_a_person(), needed, "day {day}");
        }
    }
}
