//! `return-keys`: a union lost its only machine; the province gives its new one the keys of its sealed fields.
//!
//! Never by itself. A union between could enrol a machine of its own in that union's name; only people who speak to
//! each other notice that, so one of them decides here.

use std::collections::BTreeSet;

use huiliu_node::{
    app::find,
    cli::{
        Desk, Exit,
        error::{Mistake, both},
    },
    ledger::Return,
    store::trust::{self, Enrolled},
};
use huiliu_proto::{id::DeviceId, lang::Lang, union::UnionNumber};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct ReturnKeys {
    /// The new machine's device key, or its first characters, at least 8
    #[arg(value_name = "DEVICE")]
    device: String,
    /// The device key was compared over the telephone: do not ask again
    #[arg(long)]
    yes: bool,
}

impl ReturnKeys {
    pub fn run(self, desk: &Desk) -> anyhow::Result<Exit> {
        let office = desk.open()?;
        let all = office.store.read(|conn| trust::enrolments(conn, None))?;
        let device = named(&all, &self.device)?;
        // A device may be enrolled for several unions. What would be given is asked before a person is.
        let (union, _) = written(desk, office.store.dry_run(move |ledger| ledger.return_keys(&device))?, &device)?;
        let name = union.union_name();
        let by = all.iter().filter(|e| e.device == device && e.union == union).map(|e| e.by.union_name());
        let by = by.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        if !desk.json {
            desk.note(&match desk.lang {
                Lang::Zh => format!(
                    "将把{name}（{union}）的解密钥匙返还给设备\n  {device}\n该设备由{}登记。请与{name}本人用电话核对设备公钥（对方运行 status --json 可见）：\n若是上级之间有人冒名登记的机器，它将能读出该单位全部加密的身份证号。",
                    by.join("、")
                ),
                Lang::En => format!(
                    "the keys of the sealed fields of {name} ({union}) will be given to the device\n  {device}\nIt was enrolled by {}. Compare the device key over the telephone with {name} itself (`status --json` shows it there):\na machine that somebody between enrolled in its name could read all its sealed identity numbers.",
                    by.join(", ")
                ),
            });
        }
        if !self.yes && !desk.confirm(desk.pick("已核对，返还？", "compared; give them?"))? {
            desk.note(desk.pick("没有返还", "nothing was given"));
            return Ok(Exit::Done);
        }
        let outcome = office.store.write_blocking(move |ledger| ledger.return_keys(&device))?;
        let (_, keys) = written(desk, outcome, &device)?;
        desk.answer(
            || json!({ "union": u64::from(union), "device": device.to_string(), "keys": keys }),
            || match desk.lang {
                Lang::Zh => format!("已返还{keys}把钥匙；下次交换时送达{name}"),
                Lang::En => format!("{keys} keys given; they reach {name} with the next exchange"),
            },
        )?;
        Ok(Exit::Done)
    }
}

/// The one device whose key begins so.
fn named(all: &[Enrolled], typed: &str) -> Result<DeviceId, Mistake> {
    let typed = typed.trim();
    let digits = find::digits(typed, 8).ok_or_else(|| no_device(typed, 2))?;
    let fit: BTreeSet<DeviceId> = all.iter().map(|e| e.device).filter(|d| d.to_string().starts_with(&digits)).collect();
    match fit.first() {
        Some(device) if fit.len() == 1 => Ok(*device),
        _ => Err(no_device(typed, fit.len())),
    }
}

fn no_device(typed: &str, found: usize) -> Mistake {
    let what = match found {
        0 => both(format!("没有登记过以 {typed} 开头的设备"), format!("no enrolled device begins with {typed}")),
        _ => both(format!("“{typed}”不足以确定一台设备"), format!("“{typed}” does not name one device")),
    };
    Mistake::usage(
        what,
        both("用 record list enrolment 查看；至少写 8 位", "see `record list enrolment`; type at least 8 characters"),
    )
}

/// Whose keys were given, and how many.
fn written(desk: &Desk, outcome: Return, device: &DeviceId) -> anyhow::Result<(UnionNumber, usize)> {
    let mistake = match outcome {
        Return::Written { union, keys } => return Ok((union, keys)),
        Return::Refused(refusals) => Mistake::Refused(refusals),
        Return::NoDevice => no_device(&device.to_string(), 0),
        Return::NotProvince(union) => Mistake::refused(
            both(
                format!("本平台不是{}所属省级总工会", union.union_name()),
                format!("{union} is not below this hub's province"),
            ),
            both("请由该单位所属省级总工会办理", "the provincial union it belongs to does this"),
        ),
        Return::NoKeys(union) => Mistake::failed(
            both(format!("{}没有把钥匙授权给本级", union.union_name()), format!("{union} granted this hub no key")),
            both(
                format!("钥匙随{}报送的数据到达；请先确认其旧机器曾经交换过", union.name()),
                "keys come with what the union sends; make sure its old machine exchanged at least once",
            ),
        ),
    };
    desk.note(desk.pick("没有返还", "nothing was given"));
    Err(mistake.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_of_two_unions_is_one_device() {
        let enrolled = |device: u8, union: &str| Enrolled {
            device: DeviceId([device; 32]),
            union: union.parse().expect("a union"),
            hub: false,
            by: UnionNumber::NATION,
            tls_key: None,
            seal_key: None,
            authority_key: None,
            invited_by: None,
        };
        let all = [enrolled(1, "320922"), enrolled(2, "320922"), enrolled(1, "320923")];
        assert_eq!(named(&all, " 01010101").ok(), Some(DeviceId([1; 32])));
        for typed in ["", "0101010", "03030303", "0101010x"] {
            assert!(named(&all, typed).is_err(), "{typed}");
        }
    }
}
