//! `invite` on a hub: tokens for unions directly below, which were given, and taking one back.

use huiliu_node::{
    app::Mode,
    cli::{
        CommandContext, Exit,
        context::OpenHome,
        error::{CommandError, both},
        invite::{Invite, InviteVerb, List, Revoke},
        table::{Cell, Table},
    },
    identity::Home,
    sync::join::MOST_DAYS,
};
use huiliu_proto::{lang::Lang, token::TokenId, union::UnionNumber};
use serde_json::{Value as Json, json};

use super::enrol::told;
use crate::app::invite::{self, Ask, Given, InviteError, Page};

pub fn run(verb: Invite, context: &CommandContext) -> anyhow::Result<Exit> {
    // Asked before a passphrase is.
    let config = Home::open(&context.dir)?.config;
    // Nobody is above the nation: its root lets further machines of its own in.
    let root = config.hub && config.union == UnionNumber::NATION;
    let for_itself = verb.union.is_none() && verb.verb.is_none();
    if !config.hub || (for_itself && !(root && (verb.device || verb.address.is_some()))) {
        // The verb is that of a node.
        return verb.run(context);
    }
    verb.may_be_written()?;
    let mut opened = context.open()?;
    if !verb.dry_run {
        context.leave_protocol_1(&mut opened.home)?;
    }
    match &verb.verb {
        Some(InviteVerb::List(verb)) => list(context, &opened, verb),
        Some(InviteVerb::Revoke(revoke)) => take_back(context, &opened, revoke),
        None => {
            let union = verb.union.as_deref().map_or(Ok(UnionNumber::NATION), |typed| opened.union(typed))?;
            let as_hub = verb.hub || (invite::is_hub(&opened.home, union) && !verb.machine);
            let ask = Ask { union, further: verb.device, as_hub, days: verb.days, address: verb.address.clone() };
            let (world, mode) = ((&context.clock, &context.random), Mode::of(verb.dry_run));
            match invite::invite(&opened.home, &opened.store, world, ask, mode).map_err(said)? {
                Some(minted) => verb.show(context, &minted),
                None => {
                    context.answer(
                        || json!({ "union": u64::from(union), "as_hub": as_hub, "written": false }),
                        || context.pick("可以邀请，未生成加入码", "it may be invited; no token was made").to_owned(),
                    )?;
                    Ok(Exit::Done)
                }
            }
        }
    }
}

/// Why nobody was invited, or no invitation taken back.
fn said(error: InviteError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let of = |union: UnionNumber| json!({ "union": u64::from(union) });
    let (mistake, about) = match error {
        InviteError::Authority(error) => return told(error),
        InviteError::Identity(error) => return error.into(),
        InviteError::Store(error) => return error.into(),
        InviteError::TooLong => {
            let what =
                both("网络名称或地址太长，加入码容纳不下", "the network's name or the address is too long for a token");
            let hint = both("请用 --address 写一个较短的地址", "give a shorter one with --address");
            (CommandError::usage(what, hint), Json::Null)
        }
        InviteError::Days => {
            let hint = both(format!("请写1至{MOST_DAYS}天"), format!("give 1 to {MOST_DAYS} days"));
            (CommandError::usage(both("加入码的有效天数不对", en), hint), json!({ "most": MOST_DAYS }))
        }
        InviteError::NoHub(union) => {
            let zh = format!("{}没有下级，不设平台", union.union_name());
            let hint = both("请作为填报端邀请", "invite it as a machine that records");
            (CommandError::refused(both(zh, en), hint), of(union))
        }
        InviteError::Occupied(union) => {
            let name = union.union_name();
            let what = both(format!("{name}已有机器加入"), format!("{name} ({union}) has a machine that has joined"));
            let hint = both(
                format!(
                    "增加或更换机器、证书过期的机器重新加入，请用 invite {union} --device；该单位自己也可在已加入的机器上运行 invite --device"
                ),
                format!(
                    "for a further or replacing machine, or one whose certificate expired, run `invite {union} --device`; that union can also run `invite --device` on the machine it has"
                ),
            );
            (CommandError::refused(what, hint), of(union))
        }
        InviteError::Unknown(id) => {
            let what = both(format!("没有编号为 {id} 的邀请"), en);
            (
                CommandError::failed(what, both("用 invite list 查看", "see `invite list`")),
                json!({ "id": id.to_string() }),
            )
        }
        InviteError::NotOpen(id) => {
            let what = both(format!("没有编号为 {id} 且未使用的邀请"), en);
            let hint = both(
                "用 invite list 查看；已使用的邀请撤回不了，请改为注销设备",
                "see `invite list`; one that was used cannot be taken back: shut the device out instead",
            );
            (CommandError::failed(what, hint), json!({ "id": id.to_string() }))
        }
    };
    mistake.coded(code, about).into()
}

fn list(context: &CommandContext, opened: &OpenHome, verb: &List) -> anyhow::Result<Exit> {
    let now = (context.clock)();
    let after = verb.after.as_deref().map(str::parse).transpose()?;
    let Page { given, next } = invite::page(&opened.store, after, usize::from(verb.most)).map_err(said)?;
    let mut table = Table::new()
        .column("id", context.pick("编号", "id"))
        .column("union", context.pick("受邀工会", "union"))
        .column("as_hub", context.pick("身份", "role"))
        .column("device", context.pick("增加机器", "further machine"))
        .column("made_at", context.pick("发出", "given"))
        .column("expires_at", context.pick("有效至", "expires"))
        .column("state", context.pick("状态", "state"))
        .column("by", context.pick("使用的设备", "used by device"));
    for Given { void, invitation: one } in &given {
        let state = match one.state(now) {
            "open" if *void => "void",
            state => state,
        };
        let zh = match state {
            "used" => "已使用",
            "revoked" => "已撤回",
            "tries" => "多次输错，作废",
            "expired" => "已过期",
            "void" => "邀请它的机器已注销，作废",
            _ => "待使用",
        };
        let further = if one.further { context.pick("是", "yes") } else { "" };
        let by = one.used.as_ref().map_or_else(String::new, |(_, device, _)| device.to_string()[..16].to_owned());
        table.row(vec![
            Cell::same(one.id.to_string()),
            Cell::new(context.called(one.union), u64::from(one.union)),
            Cell::new(
                if one.as_hub { context.pick("平台", "hub") } else { context.pick("填报端", "machine") },
                one.as_hub,
            ),
            Cell::new(further, one.further),
            Cell::new(context.moment(one.made_at), one.made_at),
            Cell::new(context.moment(one.expires_at), one.expires_at),
            Cell::new(context.pick(zh, state), state),
            Cell::same(by),
        ]);
    }
    context.answer(
        || json!({ "invitations": table.json(), "next": next.map(|id| id.to_string()) }),
        || match table.is_empty() {
            true => context.pick("没有发出过邀请", "no invitation was given").to_owned(),
            false => table.words(),
        },
    )?;
    context.note_next(next);
    Ok(Exit::Done)
}

fn take_back(context: &CommandContext, opened: &OpenHome, verb: &Revoke) -> anyhow::Result<Exit> {
    let id: TokenId = verb.id.parse()?;
    invite::take_back(&opened.store, id, Mode::of(verb.dry_run)).map_err(said)?;
    context.answer(
        || json!({ "id": id.to_string(), "revoked": !verb.dry_run }),
        || match (context.lang, verb.dry_run) {
            (Lang::Zh, true) => format!("邀请 {id} 可以撤回，未写入"),
            (Lang::En, true) => format!("the invitation {id} may be taken back; nothing was written"),
            (Lang::Zh, false) => format!("邀请 {id} 已撤回"),
            (Lang::En, false) => format!("the invitation {id} was taken back"),
        },
    )?;
    Ok(Exit::Done)
}
