//! `serve`: stays on the line with the union above until Ctrl-C. On a hub the other program serves the unions below.

use anyhow::Result;

use super::{
    CommandContext, context,
    error::{CommandError, Exit, both},
};
use crate::{identity::IdentityError, writer::Threads};

#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Address on which a hub listens for the unions below, as 0.0.0.0:7443
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

impl Serve {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        if self.listen.is_some() {
            let what = both("本程序不接受下级连接", "this program takes no calls from below");
            let hint = both("请用 huiliu-hub serve --listen", "run `huiliu-hub serve --listen`");
            return Err(CommandError::usage(what, hint).into());
        }
        let opened = context.open_with(Threads::Own)?;
        let Some(parent) = &opened.home.config.parent else { return Err(IdentityError::NotJoined.into()) };
        let (union, address) = (parent.union.union_name(), parent.address.as_str());
        let uplink = opened.uplink(context);
        let store = opened.store.clone();
        context.block_on(async {
            let asked_to_end = context::asked_to_end();
            context.note(&format!(
                "{}{union}（{address}）",
                context.pick("正在与上级保持连接：", "staying on the line with ")
            ));
            context.note(context.pick("按 Ctrl-C 结束", "press Ctrl-C to end"));
            tokio::select! {
                () = uplink.stay(asked_to_end) => Ok(()),
                ended = store.hear_others() => ended,
            }
        })??;
        context.note(context.pick("已结束", "ended"));
        Ok(Exit::Done)
    }
}
