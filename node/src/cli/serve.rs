//! `serve`: stays on the line with the union above until Ctrl-C. On a hub the other program serves the unions below.

use anyhow::Result;

use super::{
    Desk, desk,
    error::{Exit, Mistake, both},
};
use crate::{identity::IdentityError, writer::Threads};

#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Address on which a hub listens for the unions below, as 0.0.0.0:7443
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

impl Serve {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        if self.listen.is_some() {
            let what = both("本程序不接受下级连接", "this program takes no calls from below");
            let hint = both("请用 huiliu-hub serve --listen", "run `huiliu-hub serve --listen`");
            return Err(Mistake::usage(what, hint).into());
        }
        let office = desk.open_with(Threads::Own)?;
        let Some(parent) = &office.home.config.parent else { return Err(IdentityError::NotJoined.into()) };
        let (union, address) = (parent.union.union_name(), parent.address.as_str());
        let uplink = office.uplink(desk);
        let store = office.store.clone();
        desk.block_on(async {
            let asked_to_end = desk::asked_to_end();
            desk.note(&format!(
                "{}{union}（{address}）",
                desk.pick("正在与上级保持连接：", "staying on the line with ")
            ));
            desk.note(desk.pick("按 Ctrl-C 结束", "press Ctrl-C to end"));
            tokio::select! {
                () = uplink.stay(asked_to_end) => Ok(()),
                ended = store.hear_others() => ended,
            }
        })??;
        desk.note(desk.pick("已结束", "ended"));
        Ok(Exit::Done)
    }
}
