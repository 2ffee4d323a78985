//! `invite` on a hub: tokens for unions directly below, which were given, and taking one back.

use huiliu_node::{
    cli::{
        Desk, Exit,
        desk::Office,
        error::{Mistake, both},
        invite::{Invite, InviteVerb},
        record::union_named,
        table::{Cell, Table},
    },
    identity::{IdentityError, vouchers},
    store::{
        StoreError,
        invitations::{self, Invitation},
    },
    sync::join::{self, Minted},
};
use huiliu_proto::{
    lang::Lang,
    token::{Pin, Token, TokenId, pass_hash},
    union::UnionNumber,
};
use serde_json::json;

use super::enrol::{announce, told};
use crate::authority::{self, AuthorityError};

pub fn run(verb: Invite, desk: &Desk) -> anyhow::Result<Exit> {
    let mut office = desk.open()?;
    let own = verb.union.is_none() && verb.verb.is_none() && verb.address.is_none();
    // Nobody is above the nation: its root lets further machines of its own in.
    if !office.home.config.hub || (own && !(verb.device && root(&office))) {
        // A node's home; the verb is that of a node.
        drop(office);
        return verb.run(desk);
    }
    desk.leave_protocol_1(&mut office.home)?;
    match &verb.verb {
        Some(InviteVerb::List) => list(desk, &office),
        Some(InviteVerb::Revoke(revoke)) => take_back(desk, &office, &revoke.id),
        None => {
            announce(&mut office, verb.address.clone())?;
            let union = match &verb.union {
                Some(union) => union_named(union)?,
                None if root(&office) => UnionNumber::NATION,
                None => return verb.run(desk),
            };
            let as_hub = union.may_have_hub() && union != UnionNumber::NATION && !verb.machine;
            let minted = mint(desk, &office, union, verb.device, as_hub, verb.days)?;
            verb.show(desk, &minted)
        }
    }
}

fn root(office: &Office) -> bool {
    office.home.config.root == Some(office.me.device())
}

fn mint(
    desk: &Desk,
    office: &Office,
    union: UnionNumber,
    further: bool,
    as_hub: bool,
    days: u32,
) -> anyhow::Result<Minted> {
    let config = &office.home.config;
    if union.enroller() != config.union {
        return Err(told(AuthorityError::NotBelow(union.to_string())));
    }
    let address = authority::address(&office.home).map_err(told)?;
    if !Token::fits(&config.network, &address) {
        let what =
            both("网络名称或地址太长，加入码容纳不下", "the network's name or the address is too long for a token");
        return Err(
            Mistake::usage(what, both("请用 --address 写一个较短的地址", "give a shorter one with --address")).into()
        );
    }
    let root = office.home.fingerprint()?.ok_or(IdentityError::NotJoined)?;
    let occupied = office.store.read(|conn| authority::occupied(conn, union, None))?;
    if occupied && !further {
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
        return Err(Mistake::refused(what, hint).into());
    }
    let (id, secret) = join::draw(&desk.dice);
    let hash = pass_hash(&*secret.pass(&id));
    let expires_at = office.store.write_blocking(move |ledger| {
        let now = ledger.now();
        let expires_at = now + i64::from(days) * 86_400_000;
        let new = authority::new_invitation(id, union, hash, now, expires_at);
        invitations::add(ledger.conn(), &Invitation { further, as_hub, ..new })?;
        Ok(expires_at)
    })?;
    let pin = Pin::of(&office.home.authority_key()?);
    let (network, hub) = (config.network.clone(), config.union);
    // A further machine of this union itself: this one vouches for it, and is known to it by an enrolment of its own.
    let vouched = union == hub;
    if vouched {
        let (key, now) = (secret.voucher_key(&id), (desk.clock)());
        vouchers::remember(&office.home, &id, &key, Some(expires_at), now, &desk.dice)?;
        let itself = office.home.request()?.asked()?;
        office.store.write_blocking(move |ledger| authority::enrol_itself(ledger, &itself))?;
    }
    let token = Token { network, root, hub, address, pin, union, as_hub, vouched, id, secret };
    Ok(Minted { token, expires_at })
}

fn list(desk: &Desk, office: &Office) -> anyhow::Result<Exit> {
    let now = (desk.clock)();
    let all = office.store.read(|conn| {
        let with_void = |one| Ok((invitations::void(conn, &one)?, one));
        invitations::all(conn)?.into_iter().map(with_void).collect::<Result<Vec<_>, StoreError>>()
    })?;
    let mut table = Table::new()
        .column("id", desk.pick("编号", "id"))
        .column("union", desk.pick("受邀工会", "union"))
        .column("as_hub", desk.pick("身份", "role"))
        .column("device", desk.pick("增加机器", "further machine"))
        .column("made_at", desk.pick("发出", "given"))
        .column("expires_at", desk.pick("有效至", "expires"))
        .column("state", desk.pick("状态", "state"))
        .column("by", desk.pick("使用的设备", "used by device"));
    for (void, one) in &all {
        let state = match one.state(now) {
            "open" if *void => "void",
            state => state,
        };
        let zh = match state {
            "used" => "已使用",
            "revoked" => "已撤回",
            "tries" => "密码错误过多，作废",
            "expired" => "已过期",
            "void" => "邀请它的机器已注销，作废",
            _ => "待使用",
        };
        let further = if one.further { desk.pick("是", "yes") } else { "" };
        let by = one.used.as_ref().map_or_else(String::new, |(_, device, _)| device.to_string()[..16].to_owned());
        table.row(vec![
            Cell::same(one.id.to_string()),
            Cell::new(one.union.union_name(), u64::from(one.union)),
            Cell::new(if one.as_hub { desk.pick("平台", "hub") } else { desk.pick("填报端", "machine") }, one.as_hub),
            Cell::new(further, one.further),
            Cell::new(desk.moment(one.made_at), one.made_at),
            Cell::new(desk.moment(one.expires_at), one.expires_at),
            Cell::new(desk.pick(zh, state), state),
            Cell::same(by),
        ]);
    }
    desk.answer(
        || table.json(),
        || match table.is_empty() {
            true => desk.pick("没有发出过邀请", "no invitation was given").to_owned(),
            false => table.words(),
        },
    )?;
    Ok(Exit::Done)
}

fn take_back(desk: &Desk, office: &Office, id: &str) -> anyhow::Result<Exit> {
    let id: TokenId = id.parse()?;
    let revoked = office.store.write_blocking(move |ledger| invitations::revoke(ledger.conn(), &id, ledger.now()))?;
    if !revoked {
        let what = both(format!("没有编号为 {id} 且未使用的邀请"), format!("there is no unused invitation {id}"));
        let hint = both(
            "用 invite list 查看；已使用的邀请撤回不了，请改为注销设备",
            "see `invite list`; one that was used cannot be taken back: shut the device out instead",
        );
        return Err(Mistake::failed(what, hint).into());
    }
    desk.answer(
        || json!({ "id": id.to_string(), "revoked": true }),
        || match desk.lang {
            Lang::Zh => format!("邀请 {id} 已撤回"),
            Lang::En => format!("the invitation {id} was taken back"),
        },
    )?;
    Ok(Exit::Done)
}
