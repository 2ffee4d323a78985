//! `enrol`: the answer to a request of a machine directly below.

use std::path::PathBuf;

use huiliu_node::{
    cli::{
        Desk, Exit,
        desk::Office,
        error::{Mistake, both},
    },
    identity::Request,
};
use serde_json::json;

use crate::authority::{self, AuthorityError};

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
}

impl Enrol {
    pub fn run(self, desk: &Desk) -> anyhow::Result<Exit> {
        let request = Request::read(&self.request)?;
        let mut office = desk.open()?;
        announce(&mut office, self.address)?;
        let grant = desk.block_on(authority::enrol(&office.home, &office.store, &request, &desk.clock))?;
        let grant = grant.map_err(told)?;
        grant.write(&self.out)?;
        let out = self.out.display().to_string();
        desk.answer(
            || json!({ "file": out, "union": request.union, "device": request.device, "address": grant.parent_address }),
            || {
                format!(
                    "{}{}\n{}{}\n{}{out}",
                    desk.pick("已登记工会：", "enrolled for the union "),
                    request.union,
                    desk.pick("设备公钥：", "device key: "),
                    request.device,
                    desk.pick("批复已写入：", "answer written to ")
                )
            },
        )?;
        if !desk.json {
            desk.note(desk.pick(
                "请与下级用电话核对设备公钥，再把批复交给它（内容不含秘密）；它运行 join 接受。",
                "compare the device key over the telephone, then hand the answer over (it holds no secret); `join` takes it.",
            ));
        }
        Ok(Exit::Done)
    }
}

/// Remembers where those below reach this hub, so that it is never typed twice.
pub fn announce(office: &mut Office, address: Option<String>) -> anyhow::Result<()> {
    let Some(address) = address else { return Ok(()) };
    if !address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        let what = both(format!("“{address}”不是地址"), format!("“{address}” is no address"));
        return Err(Mistake::usage(
            what,
            both("请写成 主机:端口，如 hub.example:7443", "write HOST:PORT, such as hub.example:7443"),
        )
        .into());
    }
    let address = Some(authority::callable(address).map_err(told)?);
    if office.home.config.announce != address {
        office.home.config.announce = address;
        office.home.save()?;
    }
    Ok(())
}

pub fn told(error: AuthorityError) -> anyhow::Error {
    let en = error.to_string();
    let mistake = match error {
        AuthorityError::Identity(error) => return error.into(),
        AuthorityError::Store(error) => return error.into(),
        AuthorityError::NotBelow(union) => Mistake::refused(
            both(format!("{union} 不是本级的直接下级"), en),
            both("请由它的直接上级办理", "let the union directly above it do this"),
        ),
        AuthorityError::OtherNetwork(network) => Mistake::refused(
            both(format!("申请属于网络“{network}”"), en),
            both("请与下级核对 init 时的网络名称", "compare the network's name with the one it was set up with"),
        ),
        AuthorityError::Malformed(what) => Mistake::failed(
            both(format!("申请内容不完整或已损坏（{what}）"), en),
            both("请下级重新运行 request", "let the machine below run `request` again"),
        ),
        AuthorityError::NoAddress => Mistake::usage(
            both("还不知道下级应连接的地址", "it is not known where the machine below is to call"),
            both(
                "请用 --address 主机:端口 写明（会记住），或先用 serve --listen 设定",
                "give it with --address HOST:PORT, which is remembered, or run `serve --listen` first",
            ),
        ),
        AuthorityError::Unspecified(address) => Mistake::usage(
            both(format!("{address} 是监听地址，下级无法连接"), en),
            both(
                "请用 --address 写明下级可用的地址；会记住",
                "give the address to call with --address; it is remembered",
            ),
        ),
        AuthorityError::Declined(reason) => Mistake::refused(
            both(format!("不能登记这台机器（{}）", reason.word()), en),
            both(
                "被注销的设备不能再登记：请下级换用新的数据目录",
                "a revoked device is not enrolled again: let the union below set up a new home",
            ),
        ),
    };
    mistake.into()
}
