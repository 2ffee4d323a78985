//! `enrol`: the answer to a request of a machine directly below.

use std::path::PathBuf;

use huiliu_node::{
    cli::{
        CommandContext, Exit,
        error::{CommandError, both},
        outfile,
    },
    identity::Request,
};
use huiliu_proto::{joining::Reason, lang::Lang};
use serde_json::{Value as Json, json};

use crate::{
    app::enrol,
    authority::{self, AuthorityError, Preview},
};

#[derive(Debug, clap::Args)]
pub struct Enrol {
    /// File with the request of the machine below
    #[arg(value_name = "REQUEST")]
    request: PathBuf,
    /// File to write the answer to, for the machine below
    #[arg(long, value_name = "GRANT", default_value = "grant.json")]
    out: PathBuf,
    /// Address at which the machine below reaches this hub, remembered; without it the one this hub listens on
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Show who asks and what stands in the way, and enrol nobody
    #[arg(long)]
    dry_run: bool,
    /// The device key was compared over the telephone, and the role is right: do not ask again
    #[arg(long)]
    yes: bool,
}

impl Enrol {
    pub fn run(self, context: &CommandContext) -> anyhow::Result<Exit> {
        outfile::allowed(&self.out, true)?;
        let request = Request::read(&self.request)?;
        let mut opened = context.open()?;
        if !self.dry_run {
            context.leave_protocol_1(&mut opened.home)?;
        }
        let (home, store, address) = (&opened.home, &opened.store, self.address.as_deref());
        let seen = enrol::look(home, store, &request, address).map_err(told)?;
        let words = (
            context.pick("已用电话核对设备公钥，身份无误，登记？", "compared over the telephone; enrol it?"),
            context.pick("没有登记", "nothing was enrolled"),
        );
        if !context.agreed_to(&shown(context, &seen), self.yes || self.dry_run, words)? {
            return Ok(Exit::Done);
        }
        let said = &seen.said;
        if self.dry_run {
            // That nothing stands in the way was seen when it was looked at.
            context.answer(
                || {
                    json!({
                        "file": Json::Null, "union": u64::from(said.union), "device": said.device.to_string(),
                        "hub": said.hub, "address": Json::Null, "written": false,
                    })
                },
                || context.pick("可以登记，未写入", "it may be enrolled; nothing was written").to_owned(),
            )?;
            return Ok(Exit::Done);
        }
        let grant = context.block_on(enrol::enrol(home, store, &request, address, &context.clock))?.map_err(told)?;
        grant.write(&self.out)?;
        let out = self.out.display().to_string();
        context.answer(
            || {
                json!({
                    "file": out, "union": u64::from(said.union), "device": said.device.to_string(), "hub": said.hub,
                    "address": grant.parent_address, "written": true,
                })
            },
            || {
                format!(
                    "{}{}\n{}{}\n{}{out}",
                    context.pick("已登记工会：", "enrolled for the union "),
                    said.union,
                    context.pick("设备公钥：", "device key: "),
                    said.device,
                    context.pick("批复已写入：", "answer written to ")
                )
            },
        )?;
        if !context.json {
            context.note(context.pick(
                "请把批复交给它（内容不含秘密）；它运行 join 接受，并与本级核对全网校验码。",
                "hand the answer over (it holds no secret); `join` takes it there, once the network's fingerprint was compared.",
            ));
        }
        Ok(Exit::Done)
    }
}

/// Who asks, as what, and beside whom: a person compares the device's key before anything is written. All the rest was
/// signed with that key.
fn shown(context: &CommandContext, seen: &Preview) -> String {
    let said = &seen.said;
    let (name, union, device) = (context.called(said.union), said.union, said.device);
    let known = match (seen.known, context.lang) {
        (false, _) => "",
        (true, Lang::Zh) => "\n该设备已登记过，只重新签发证书",
        (true, Lang::En) => "\nIt is enrolled already, and gets new certificates only",
    };
    let role = match said.hub {
        true => context.pick("平台（可以登记下级的机器）", "its hub, which may enrol machines of unions below"),
        false => context.pick("填报端", "a machine that records"),
    };
    let others: String = seen
        .others
        .iter()
        .map(|e| format!("\n  {}{}", e.device, if e.hub { context.pick("（平台）", " (hub)") } else { "" }))
        .collect();
    let beside = match (seen.others.is_empty(), context.lang) {
        (true, _) => String::new(),
        (false, Lang::Zh) => format!("\n该工会已有机器登记，它们继续有效：{others}"),
        (false, Lang::En) => format!("\nMachines of that union that are enrolled, and stay so:{others}"),
    };
    match context.lang {
        Lang::Zh => format!(
            "申请：{name}（{union}），身份：{role}\n设备公钥：\n  {device}{known}{beside}\n请用电话与{name}逐位核对设备公钥（对方 request 时显示，status --json 也可见）：\n公钥相符，其余内容就是该设备自己签名的。"
        ),
        Lang::En => format!(
            "Asked for: {name} ({union}), as {role}\nDevice key:\n  {device}{known}{beside}\nCompare the device key over the telephone with {name} (`request` showed it there, `status --json` does too):\nif it agrees, that device itself signed all the rest."
        ),
    }
}

pub fn told(error: AuthorityError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let about = match &error {
        AuthorityError::Declined(reason) => json!({ "reason": reason.word() }),
        AuthorityError::Unregistered(union) => json!({ "union": u64::from(*union) }),
        AuthorityError::Identity(_)
        | AuthorityError::Store(_)
        | AuthorityError::NotBelow(_)
        | AuthorityError::OtherNetwork(_)
        | AuthorityError::Malformed(_)
        | AuthorityError::NoAddress
        | AuthorityError::NoAddressAtAll(_)
        | AuthorityError::Unspecified(_) => Json::Null,
    };
    let mistake = match error {
        AuthorityError::Identity(error) => return error.into(),
        AuthorityError::Store(error) => return error.into(),
        AuthorityError::NotBelow(union) => CommandError::refused(
            both(format!("{union} 不是本级的直接下级"), en),
            both("请由它的直接上级办理", "let the union directly above it do this"),
        ),
        AuthorityError::Unregistered(union) => CommandError::refused(
            both(format!("没有登记过编号为 {union} 的工会"), en),
            both(
                "请先用 union register 登记；在本单位另一台机器上登记的，先 sync",
                "register it first with `union register`; if another machine of this union did, `sync` first",
            ),
        ),
        AuthorityError::OtherNetwork(network) => CommandError::refused(
            both(format!("申请属于网络“{network}”"), en),
            both("请与下级核对 init 时的网络名称", "compare the network's name with the one it was set up with"),
        ),
        AuthorityError::Malformed(_) => CommandError::failed(
            both("申请内容不完整或已损坏", en),
            both("请下级重新运行 request", "let the machine below run `request` again"),
        ),
        AuthorityError::NoAddress => CommandError::usage(
            both("还不知道下级应连接的地址", "it is not known where the machine below is to call"),
            both(
                "请用 --address 主机:端口 写明（会记住），或先用 serve --listen 设定",
                "give it with --address HOST:PORT, which is remembered, or run `serve --listen` first",
            ),
        ),
        AuthorityError::NoAddressAtAll(address) => CommandError::usage(
            both(format!("“{address}”不是地址"), en),
            both("请写成 主机:端口，如 hub.example:7443", "write HOST:PORT, such as hub.example:7443"),
        ),
        AuthorityError::Unspecified(address) => CommandError::usage(
            both(format!("{address} 是监听地址，下级无法连接"), en),
            both(
                "请用 --address 写明下级可用的地址；会记住",
                "give the address to call with --address; it is remembered",
            ),
        ),
        AuthorityError::Declined(reason) => {
            let (zh, hint) = match reason {
                Reason::Role => (
                    "该工会没有下级，不设平台".to_owned(),
                    both(
                        "请下级用 huiliu-node init 初始化为填报端，再运行 request",
                        "let the union below set up a machine that records, with `huiliu-node init`, and ask again",
                    ),
                ),
                Reason::Key => (
                    "另一台设备登记了同一把连接密钥".to_owned(),
                    both(
                        "数据目录不能复制到另一台机器使用：请下级换用新的数据目录",
                        "a home cannot be copied to a second machine: let the union below set up a new one",
                    ),
                ),
                Reason::Busy => (
                    format!("今天已为该工会登记了{}台机器", authority::A_DAY),
                    both("请核实这些机器，明天再登记", "look at those machines first, and go on tomorrow"),
                ),
                reason => (
                    format!("不能登记这台机器（{}）", reason.word()),
                    both(
                        "被注销的设备不能再登记：请下级换用新的数据目录",
                        "a revoked device is not enrolled again: let the union below set up a new home",
                    ),
                ),
            };
            CommandError::refused(both(zh, en), hint)
        }
    };
    mistake.coded(code, about).into()
}
