//! `join`: with a token over the line, or with the answer to a `request` where there is none.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Result;
use huiliu_proto::{lang::Lang, root::Fingerprint, token::Token};
use serde_json::json;
use zeroize::Zeroizing;

use super::{CommandContext, context::Program, error::Exit, outfile};
use crate::{
    app::join::{self, Begun},
    identity::{Grant, Home, IdentityError},
    sync::line,
};

#[derive(Debug, clap::Args)]
pub struct RequestArgs {
    /// File to write the request to
    #[arg(value_name = "FILE", default_value = "request.json")]
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct Join {
    /// The token the union above gave, or the file with its answer to a request; `-` reads it from standard input
    #[arg(value_name = "TOKEN", required_unless_present = "file")]
    token: Vec<String>,
    /// File with the token, or with the answer to a request
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    file: Option<PathBuf>,
    /// The network's fingerprint was compared with the union above: do not ask (for an answer that came as a file)
    #[arg(long)]
    yes: bool,
}

impl RequestArgs {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let mut home = context.home()?;
        context.leave_protocol_1(&mut home)?;
        let request = home.request()?;
        outfile::allowed(&self.file, true)?;
        request.write(&self.file)?;
        let device = home.device()?;
        let file = self.file.display().to_string();
        context.answer(
            || serde_json::json!({ "file": file, "union": u64::from(home.config.union), "device": device.to_string() }),
            || {
                format!(
                    "{}{file}\n{}{}",
                    context.pick("申请已写入：", "request written to "),
                    context.pick("本机设备公钥：", "this machine's device key: "),
                    device
                )
            },
        )?;
        if !context.json {
            context.note(context.pick(
                "请把它交给上级工会（内容不含秘密）；上级运行 enrol，用电话与本机核对设备公钥；再用 join 接受批复。",
                "hand it to the union above (it holds no secret); it runs `enrol` and compares the device key with you over the telephone; then `join` its answer here.",
            ));
        }
        Ok(Exit::Done)
    }
}

impl Join {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let home = match self.given()? {
            Given::Grant(path) => {
                let mut home = context.home()?;
                let grant = Grant::read(&path)?;
                let root = join::to_compare(&home, &grant)?;
                if !root.map_or(Ok(true), |root| self.compared(context, root))? {
                    return Ok(Exit::Done);
                }
                join::accept(&mut home, &grant, root, &context.clock, &context.random)?;
                home
            }
            Given::Token(text) => enter(context, &text.parse()?)?,
        };
        let parent = home.config.parent.as_ref();
        let union = parent.map_or_else(String::new, |p| p.union.union_name());
        let address = parent.map_or("", |p| p.address.as_str());
        let root = home.fingerprint()?.map(|root| root.to_string()).unwrap_or_default();
        context.answer(
            || {
                json!({
                    "parent": parent.map(|p| u64::from(p.union)),
                    "address": address,
                    "network": home.config.network,
                    "root": root,
                    "home": home.dir.display().to_string(),
                })
            },
            || {
                format!(
                    "{}{union}（{address}）\n{}{root}",
                    context.pick("已加入，上级是", "joined; the union above is "),
                    context.pick("全网校验码：", "the network's fingerprint: ")
                )
            },
        )?;
        if !context.json {
            context.note(context.pick(
                "运行 sync 交换一次，或 serve 保持连接。",
                "run `sync` to exchange once, or `serve` to stay on the line.",
            ));
        }
        Ok(Exit::Done)
    }

    /// A file comes through many hands, and what it says is the network's root is believed for good: a person compares the
    /// fingerprint first, where it is not known already.
    fn compared(&self, context: &CommandContext, root: Fingerprint) -> Result<bool> {
        let words = (context.pick("已核对，加入？", "compared; join?"), context.pick("没有加入", "not joined"));
        if self.yes {
            return Ok(true);
        }
        context.note(&match context.lang {
            Lang::Zh => format!("批复所属网络的全网校验码：\n  {root}\n请用电话与上级核对（上级 status 可见）：批复若被掉包，本机会加入别人的网络。"),
            Lang::En => format!("The answer is of the network with the fingerprint\n  {root}\nCompare it over the telephone with the union above (`status` shows it there): an answer that was swapped on its way leads into somebody else's network."),
        });
        context.agreed(false, words)
    }

    /// A token as it was typed, in pieces perhaps, or what a file holds: a grant is JSON, a token is not.
    fn given(&self) -> Result<Given> {
        let typed = Zeroizing::new(self.token.join(" "));
        let path = match &self.file {
            Some(path) => path.clone(),
            None if typed.as_str() == "-" => {
                let mut text = Zeroizing::new(String::new());
                io::stdin().lock().take(MAX_TEXT).read_to_string(&mut text)?;
                return Ok(Given::Token(text));
            }
            None if self.token.len() == 1 && Path::new(typed.as_str()).is_file() => PathBuf::from(typed.as_str()),
            None => return Ok(Given::Token(typed)),
        };
        let mut start = Zeroizing::new(Vec::new());
        fs::File::open(&path)
            .and_then(|file| file.take(MAX_TEXT).read_to_end(&mut start))
            .map_err(|error| IdentityError::File { path: path.clone(), cause: error.to_string() })?;
        let text = Zeroizing::new(String::from_utf8_lossy(&start).into_owned());
        Ok(if text.trim_start().starts_with('{') { Given::Grant(path) } else { Given::Token(text) })
    }
}

/// More than a token ever has.
const MAX_TEXT: u64 = 4096;

enum Given {
    Grant(PathBuf),
    Token(Zeroizing<String>),
}

/// Where this machine was not set up yet, the token says for whom it is, and the program what it is.
fn enter(context: &CommandContext, token: &Token) -> Result<Home> {
    let serves = context.program == Program::Hub;
    let mut home = match join::begin(&context.dir, token, serves, &context.clock, &context.random)? {
        Begun::New(home) => {
            let (dir, name, union) = (home.dir.display(), token.union.union_name(), token.union);
            context.note(&match (context.lang, token.as_hub) {
                (Lang::Zh, true) => format!("已为{name}（{union}）初始化平台：{dir}；请备份其中的 keys 目录"),
                (Lang::Zh, false) => format!("已为{name}（{union}）初始化：{dir}；请备份其中的 keys 目录"),
                (Lang::En, true) => {
                    format!("set up as the hub of {name} ({union}) in {dir}; keep a safe copy of its directory `keys`")
                }
                (Lang::En, false) => {
                    format!("set up for {name} ({union}) in {dir}; keep a safe copy of its directory `keys`")
                }
            });
            home
        }
        Begun::Here(mut home) => {
            context.unlock(&mut home)?;
            context.leave_protocol_1(&mut home)?;
            home
        }
    };
    context.block_on(join::enter(&mut home, token, &line::tcp(), &context.clock, &context.random))??;
    Ok(home)
}
