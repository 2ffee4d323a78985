//! `revoke`: shuts a device of a union directly below out, after showing what goes on counting.

use anyhow::Result;
use huiliu_node::{
    app::Mode,
    cli::{
        CommandContext, Exit,
        error::{CommandError, both},
        table::{Cell, Table},
    },
};
use huiliu_proto::{feed::Scope, id::DeviceId, kind::Reach, lang::Lang};
use serde_json::{Value as Json, json};

use crate::{
    app::revoke::{self, RevokeError, Revoked},
    revocation::{Plan, RevocationError, Unnamed},
};

#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// The device's key, or the beginning of it: see `record list enrolment`
    device: String,
    /// Why; it travels with the revocation
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only what had come here by then goes on counting, such as 2026-11-14 or 2026-11-14T09:00; without it all that is here
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Revoke the machines that came with its tokens, too
    #[arg(long)]
    with_invited: bool,
    /// Show what would be revoked, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Revoke {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let since = self.since.as_deref().map(moment).transpose()?;
        let shown = revoke::plan(&opened.store, &opened.me, &self.device, since).map_err(told)?;
        let plan = &shown.plan;
        let question = context.pick(
            "确认注销？此后该设备不能再连接，也不能恢复登记",
            "revoke it? It cannot connect again, and cannot be enrolled again",
        );
        let asked = !self.yes && !self.dry_run;
        let words = (question, context.pick("没有注销", "nothing was revoked"));
        if !context.agreed_to(&preview(context, plan), !asked, words)? {
            return Ok(Exit::Done);
        }
        let also =
            context.pick("也注销由它邀请加入的这些机器？", "revoke the machines that came with its tokens, too?");
        let with_invited = self.with_invited || (asked && !shown.invited.is_empty() && context.confirm(also)?);
        let mode = Mode::of(self.dry_run);
        let revoked = revoke::revoke(&opened.store, &opened.me, &shown, with_invited, &self.reason, mode);
        let Revoked { devices, cut, left } = revoked.map_err(told)?;
        let (devices, left) = (keys(&devices), keys(&left));
        context.answer(
            || {
                json!({
                    "device": plan.device.to_string(), "union": u64::from(plan.union), "written": !self.dry_run,
                    "no_longer_counting": cut, "revoked": devices, "invited_by_it": left,
                })
            },
            || {
                let first = match self.dry_run {
                    true => context.pick("可以注销，未写入：", "these may be revoked; nothing was written: "),
                    false => context.pick("已注销：", "revoked: "),
                };
                format!("{first}{}", devices.join("\n  "))
            },
        )?;
        if !context.json && !self.dry_run {
            context.note(context.pick(
                "运行中的平台会立即断开它；该单位可用新机器重新加入（invite … --device），记录会取回。",
                "a hub that is running cuts it off at once; the union joins with another machine (`invite … --device`), and its records come back.",
            ));
        }
        Ok(Exit::Done)
    }
}

fn keys(devices: &[DeviceId]) -> Vec<String> {
    devices.iter().map(ToString::to_string).collect()
}

/// A day, or a day and a time, in China.
fn moment(typed: &str) -> Result<i64, CommandError> {
    const CHINA: jiff::tz::Offset = jiff::tz::Offset::constant(8);
    let time =
        typed.replace(' ', "T").parse::<jiff::civil::DateTime>().ok().and_then(|time| CHINA.to_timestamp(time).ok());
    time.map(jiff::Timestamp::as_millisecond).ok_or_else(|| {
        CommandError::usage(
            both(format!("“{typed}”不是日期或时间"), format!("“{typed}” is no day or time")),
            both("如 2026-11-14 或 2026-11-14T09:00（北京时间）", "such as 2026-11-14 or 2026-11-14T09:00, in China"),
        )
    })
}

fn preview(context: &CommandContext, plan: &Plan) -> String {
    let mut table = Table::new()
        .column("feed", context.pick("数据流水", "feed"))
        .column("scope", context.pick("范围", "travels to"))
        .number("size", context.pick("已收到", "here"))
        .number("stays", context.pick("继续计入", "go on counting"))
        .number("cut", context.pick("改列待核", "held from now on"));
    for (row, stays) in &plan.feeds {
        let scope = match row.feed.scope {
            Scope::Own(Reach::Union) => context.pick("本单位", "this union").to_owned(),
            Scope::Own(Reach::Province) => context.pick("至省级", "the province").to_owned(),
            Scope::Own(Reach::Nation) => context.pick("至全国", "the nation").to_owned(),
            Scope::Branch(branch) => context.pick("下级：", "below: ").to_owned() + &context.short(branch),
            Scope::PersonalBranch(branch) => {
                context.pick("下级（不出省）：", "below, within the province: ").to_owned() + &context.short(branch)
            }
            Scope::Everyone => context.pick("全体下级", "all below").to_owned(),
            Scope::Warning(_) => context.pick("预警", "early warnings").to_owned(),
            Scope::Newer => context.pick("版本较新", "a newer version's").to_owned(),
        };
        table.row(vec![
            Cell::same(&row.feed.id.to_string()[..8]),
            Cell::same(scope),
            Cell::count(row.size()),
            Cell::count(*stays),
            Cell::count(row.size() - stays),
        ]);
    }
    let role = if plan.hub { context.pick("平台", "hub") } else { context.pick("填报端", "node") };
    let unions: Vec<String> =
        plan.unions.iter().map(|union| format!("{}（{union}）", context.called(*union))).collect();
    let heading = format!("{}{role} {}", unions.join("、"), plan.device);
    let rest = context.pick(
        "此后到达的内容留存、转报、不计入；确属本单位所填的可用 quarantine release 准予计入",
        "what comes later is kept, relayed and not counted; `quarantine release` lets count what is the union's own after all",
    );
    let table = if table.is_empty() { String::new() } else { format!("\n{}", table.words()) };
    let unnamed = unnamed(context.lang, plan.unnamed);
    let invited: String = plan.invited.iter().map(|e| format!("\n  {}", e.device)).collect();
    let invited = match (plan.invited.is_empty(), context.lang) {
        (true, _) => String::new(),
        (false, Lang::Zh) => {
            format!("\n用它的加入码加入、现在仍有效的机器（设备被盗时请一并注销，--with-invited）：{invited}")
        }
        (false, Lang::En) => format!(
            "\nmachines that came with its tokens and may still write (revoke them too if it was stolen, --with-invited):{invited}"
        ),
    };
    format!("{heading}{table}{unnamed}{invited}\n{rest}")
}

/// A line about feeds that are not named, where there are any.
fn unnamed(lang: Lang, Unnamed { feeds, operations, dropped }: Unnamed) -> String {
    let more = match (lang, dropped) {
        (_, 0) => String::new(),
        (Lang::Zh, _) => {
            format!("（一次注销最多列出 1000 条数据流水，其中 {dropped} 条本可继续计入；确属本单位所填的可准予计入）")
        }
        (Lang::En, _) => format!(
            " (a revocation names 1,000 feeds; {dropped} of these operations would have gone on counting, and can be released)"
        ),
    };
    match (feeds, lang) {
        (0, _) => String::new(),
        (_, Lang::Zh) => format!("\n另有 {feeds} 条数据流水不列出，共 {operations} 条全部改列待核{more}"),
        (_, Lang::En) => {
            format!("\nfeeds that are not named: {feeds}; all their {operations} operations are held from now on{more}")
        }
    }
}

fn told(error: RevokeError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let list = both("用 record list enrolment 查看设备公钥", "see the devices' keys with `record list enrolment`");
    let (mistake, about) = match error {
        RevokeError::NotHub => {
            let zh = "只有上级平台可以注销下级的设备";
            (CommandError::refused(both(zh, en), both("请联系上级工会", "ask the union above")), Json::Null)
        }
        RevokeError::Changed => {
            let what = both(
                "该设备的登记刚刚有变化，没有注销",
                "the device's enrolments changed meanwhile; nothing was revoked",
            );
            (CommandError::refused(what, both("请重新核对后再注销", "look at it again")), Json::Null)
        }
        RevokeError::Store(error) | RevokeError::Revocation(RevocationError::Store(error)) => return error.into(),
        RevokeError::Duty(problem) => return problem.into(),
        RevokeError::Refused(refusals) => return CommandError::Refused(refusals).into(),
        RevokeError::Revocation(error) => {
            let en = error.to_string();
            match error {
                RevocationError::Ambiguous(devices) => {
                    let devices = keys(&devices);
                    let lines = devices.join("\n  ");
                    let zh = format!("有多台设备的公钥以此开头：\n  {lines}");
                    let hint = both("请多写几位", "type more of it");
                    (CommandError::usage(both(zh, format!("{en}:\n  {lines}")), hint), json!({ "devices": devices }))
                }
                RevocationError::Already => {
                    let hint = both("无需再做", "nothing is left to do");
                    (CommandError::refused(both("该设备已经注销", en), hint), Json::Null)
                }
                RevocationError::Unknown | RevocationError::Store(_) => {
                    (CommandError::failed(both("本级没有登记过以此开头的设备", en), list), Json::Null)
                }
            }
        }
    };
    mistake.coded(code, about).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_chinas() {
        assert_eq!(moment("1970-01-01").ok(), Some(-8 * 3_600_000));
        assert_eq!(moment("1970-01-01T08:00").ok(), Some(0));
        assert_eq!(moment("1970-01-01 08:00").ok(), Some(0));
        assert!(moment("yesterday").is_err());
        assert!(moment("2026-13-01").is_err());
    }
}
