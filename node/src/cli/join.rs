//! `request` and `join`: joining by files, so that it works without a line.

use std::path::PathBuf;

use anyhow::Result;

use super::{Desk, error::Exit};
use crate::identity::Grant;

#[derive(Debug, clap::Args)]
pub struct RequestArgs {
    /// File to write the request to
    #[arg(value_name = "FILE", default_value = "request.json")]
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct Join {
    /// File with the answer of the union above
    #[arg(value_name = "GRANT")]
    file: PathBuf,
}

impl RequestArgs {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let home = desk.home()?;
        let request = home.request()?;
        request.write(&self.file)?;
        let file = self.file.display().to_string();
        desk.answer(
            || serde_json::json!({ "file": file, "union": u32::from(home.config.union), "device": request.device }),
            || {
                format!(
                    "{}{file}\n{}{}",
                    desk.pick("申请已写入：", "request written to "),
                    desk.pick("本机设备公钥：", "this machine's device key: "),
                    request.device
                )
            },
        )?;
        if !desk.json {
            desk.note(desk.pick(
                "请把它交给上级工会（内容不含秘密），并用电话核对设备公钥；上级运行 enrol，再用 join 接受批复。",
                "hand it to the union above (it holds no secret) and compare the device key over the telephone; it runs `enrol`, then `join` its answer here.",
            ));
        }
        Ok(Exit::Done)
    }
}

impl Join {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let grant = Grant::read(&self.file)?;
        let mut home = desk.home()?;
        home.accept(&grant)?;
        let parent = home.config.parent.as_ref();
        let union = parent.map_or_else(String::new, |p| p.union.union_name());
        let address = parent.map_or("", |p| p.address.as_str());
        desk.answer(
            || {
                serde_json::json!({
                    "parent": parent.map(|p| u32::from(p.union)),
                    "address": address,
                    "network": home.config.network,
                })
            },
            || format!("{}{union}（{address}）", desk.pick("已加入，上级是", "joined; the union above is ")),
        )?;
        if !desk.json {
            desk.note(desk.pick("运行 sync 开始交换。", "run `sync` to exchange."));
        }
        Ok(Exit::Done)
    }
}
