//! `login`, `logout`, and for whom a verb acts: the person who has logged in, or whom `--as` names.

use std::path::PathBuf;

use anyhow::Result;
use huiliu_proto::{lang::Lang, operator::Operator};
use serde_json::{Value as Json, json};

use super::{CommandContext, account::told, error::Exit, passphrase};
use crate::{
    app::account,
    identity::{
        Home, LocalDevice,
        session::{IDLE, LONGEST, Session, Sessions},
    },
    operator::Who,
    writer::Store,
};

#[derive(Debug, clap::Args)]
pub struct Login {
    /// The person's name, or the account's id or the beginning of it
    name: String,
    /// File whose first line is the password; without it you are asked
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Logout {}

impl Login {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        // Who was logged in before is no matter.
        let opened = context.open_for_nobody()?;
        let union = opened.me.union;
        // Said before anybody types a password.
        let account = opened.store.read(|conn| Ok(account::active(conn, union, &self.name)))?.map_err(told)?;
        let ask = context.pick("口令：", "password: ");
        let password = passphrase::of_account(context, self.password_file.as_deref(), ask)?;
        let sessions = Sessions::new(&opened.home.dir, &opened.me.key);
        account::log_in(&opened.store, union, &sessions, &account, &password).map_err(told)?;
        let minutes = IDLE / 60_000;
        let hours = LONGEST / 3_600_000;
        context.answer(
            || {
                let until = opened.store.now() + LONGEST;
                json!({ "account": account.id.to_string(), "name": account.name, "until": until })
            },
            || match context.lang {
                Lang::Zh => {
                    format!("已登录：{}。{minutes}分钟不操作即自动退出，最长{hours}小时；离开时请运行 logout", account.name)
                }
                Lang::En => format!(
                    "logged in: {}. It ends after {minutes} minutes without a command, {hours} hours at most; when you leave, `logout`",
                    account.name
                ),
            },
        )?;
        Ok(Exit::Done)
    }
}

impl Logout {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let home = context.home()?;
        let me = home.me(context.clock.clone(), context.random.clone())?;
        let closed = Sessions::new(&home.dir, &me.key).close()?;
        context.answer(
            || json!({ "closed": closed }),
            || {
                let (zh, en) = match closed {
                    true => ("已退出登录", "logged out"),
                    false => ("本机无人登录", "nobody was logged in"),
                };
                context.pick(zh, en).to_owned()
            },
        )?;
        Ok(Exit::Done)
    }
}

/// For whom a verb acts that opens this home. Whether that account may act is asked where something is written.
pub fn operator(context: &CommandContext, home: &Home, me: &LocalDevice, store: &Store) -> Result<Option<Operator>> {
    let logged_in = match Sessions::new(&home.dir, &me.key).used(store.now()) {
        Session::None => None,
        Session::Open(account) => Some(account),
        Session::Ended => {
            if !context.json {
                context.note(context.pick(
                    "登录已自动退出，以下操作不记经办人；请重新 login",
                    "the login has ended, and nobody is named from here on: `login` again",
                ));
            }
            None
        }
    };
    let account = match &context.acting {
        None => logged_in,
        Some(typed) => {
            let named = store.read(|conn| Ok(account::active(conn, me.union, typed)))?.map_err(told)?;
            Some(named.id)
        }
    };
    Ok(account.map(|account| Operator { account, verified: logged_in == Some(account) }))
}

/// Who did something, in words.
pub fn words(context: &CommandContext, who: &Who) -> String {
    match who {
        Who::Person { account, name, verified } => {
            let id = account.to_string();
            let name = name.clone().unwrap_or_else(|| format!("{}{}", context.pick("账号 ", "account "), &id[..16]));
            match verified {
                true => name,
                false => name + context.pick("（未登录，仅写明姓名）", " (named, not logged in)"),
            }
        }
        Who::Before => context.pick("启用账号之前", "before there were accounts").to_owned(),
        Who::Nobody => {
            context.pick("未写明（自动写入或未登录）", "nobody named (by itself, or not logged in)").to_owned()
        }
        Who::Unknown => context.pick("未写明", "nobody named").to_owned(),
    }
}

/// The same for programs.
pub fn json(who: &Who) -> Json {
    match who {
        Who::Person { account, name, verified } => {
            json!({ "said": "person", "account": account.to_string(), "name": name, "verified": verified })
        }
        Who::Before => json!({ "said": "before_accounts" }),
        Who::Nobody => json!({ "said": "nobody" }),
        Who::Unknown => json!({ "said": "unknown" }),
    }
}
