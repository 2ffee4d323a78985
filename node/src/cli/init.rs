//! `init`: this union's machine on its first day. It can work at once, and join a network when there is a line.

use anyhow::Result;
use huiliu_proto::union::UnionNumber;

use super::{CommandContext, context::Program, error::Exit, passphrase, union};
use crate::app::init::{self, Ask};

#[derive(Debug, clap::Args)]
pub struct Init {
    /// The union this machine writes for: its number or name; with --root the national union
    #[arg(long, value_name = "UNION", required_unless_present = "root")]
    union: Option<String>,
    /// Name of the network, the same on all machines
    #[arg(long, value_name = "NAME", default_value = "huiliu")]
    network: String,
    /// Serve the unions below as well; of itself on huiliu-hub
    #[arg(long)]
    hub: bool,
    /// This is the national union's hub, where all authority comes from
    #[arg(long)]
    root: bool,
    /// Seal the key files with a passphrase, which every command then asks for
    #[arg(long)]
    passphrase: bool,
}

impl Init {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let union = self.union.as_deref().map_or(Ok(UnionNumber::NATION), |typed| union::named(None, typed))?;
        let chosen = match self.passphrase {
            true => Some(passphrase::chosen(context, context.passphrase_file.as_deref(), true)?),
            false => None,
        };
        let ask = Ask {
            dir: &context.dir,
            network: &self.network,
            union,
            root: self.root,
            hub: self.hub,
            passphrase: chosen.as_ref(),
        };
        let home = init::init(&ask, context.program == Program::Hub, &context.clock, &context.random)?;
        let device = home.device()?;
        let kept = home.keys.kept()?;
        context.answer(
            || {
                serde_json::json!({
                    "home": home.dir.display().to_string(),
                    "network": home.config.network,
                    "union": u64::from(union),
                    "hub": home.config.hub,
                    "device": device.to_string(),
                    "keys": kept.word(),
                })
            },
            || {
                let dir = home.dir.display();
                let name = union.union_name();
                match context.lang {
                    huiliu_proto::lang::Lang::Zh => format!(
                        "已为{name}（{union}）初始化：{dir}\n请备份其中的 keys 目录并妥善保管：没有它，加密的身份证号无法读出。"
                    ),
                    huiliu_proto::lang::Lang::En => format!(
                        "set up for {name} ({union}) in {dir}\nkeep a safe copy of its directory `keys`: sealed identity numbers cannot be read without it."
                    ),
                }
            },
        )?;
        if !context.json && !self.root {
            context.note(context.pick(
                "现在就可以开始记录；联网后用上级给的加入码运行 join。",
                "records can be written now; when there is a line, `join` with a token of the union above.",
            ));
        }
        Ok(Exit::Done)
    }
}
