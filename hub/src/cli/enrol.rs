//! `enrol`: the answer to a request of a machine directly below.

use std::path::PathBuf;

use huiliu_node::{
    cli::{
        Desk, Exit,
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
    /// Address at which the machine below reaches this hub; without it the one this hub listens on
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
}

impl Enrol {
    pub fn run(self, desk: &Desk) -> anyhow::Result<Exit> {
        let request = Request::read(&self.request)?;
        let mut office = desk.open()?;
        if self.address.is_some() {
            // For this answer only: what the hub listens on stays as it is.
            office.home.config.listen = self.address;
        }
        match office.home.config.listen.as_deref() {
            None => return Err(told(AuthorityError::NoAddress)),
            Some(address) if address.starts_with("0.0.0.0") || address.starts_with("[::]") => {
                let what = both(
                    format!("{address} 是监听地址，下级无法连接"),
                    format!("{address} is where to listen, not where to call"),
                );
                let hint = both("请用 --address 写明下级可用的地址", "give the address to call with --address");
                return Err(Mistake::usage(what, hint).into());
            }
            Some(_) => {}
        }
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

fn told(error: AuthorityError) -> anyhow::Error {
    let en = error.to_string();
    let mistake = match error {
        AuthorityError::Identity(error) => return error.into(),
        AuthorityError::Store(error) => return error.into(),
        AuthorityError::NotBelow(union) => Mistake::refused(
            both(format!("{union} 不是本级的直接下级"), en),
            both("请把申请交给它的直接上级", "hand the request to the union directly above it"),
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
                "请用 --address 主机:端口 写明，或先用 serve --listen 设定",
                "give it with --address HOST:PORT, or run `serve --listen` first",
            ),
        ),
    };
    mistake.into()
}
