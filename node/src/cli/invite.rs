//! `invite`: a token for a machine that is to join. On a hub for a union directly below; on any machine that has joined
//! for a further one of its own union.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::lang::Lang;
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use serde_json::json;

use super::{
    CommandContext,
    error::{CommandError, Exit, both},
    outfile,
};
use crate::{
    sync::{
        invite,
        join::{DAYS, MOST_DAYS, Minted},
    },
    writer::Threads,
};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Invite {
    /// The union directly below that is invited, its number or name; with --device and none, this union itself
    #[arg(value_name = "UNION")]
    pub union: Option<String>,
    /// For a further or replacing machine of a union that has joined, or for one whose certificate has expired
    #[arg(long)]
    pub device: bool,
    /// For a machine that records, where the union has unions below it; without it for its hub
    #[arg(long)]
    pub machine: bool,
    /// For the hub of a county that has registered townships below it
    #[arg(long, conflicts_with = "machine")]
    pub hub: bool,
    /// Days until the token expires
    #[arg(long, value_name = "DAYS", default_value_t = DAYS, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_DAYS)))]
    pub days: u32,
    /// Address at which the machine below reaches this hub, remembered; without it the one this hub listens on
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// See whether it may be invited, and make no token; on a hub
    #[arg(long)]
    pub dry_run: bool,
    /// Write the token to this file instead, which only its owner may read
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
    /// Show a QR code even where the output is no terminal
    #[arg(long)]
    pub qr: bool,
    #[command(subcommand)]
    pub verb: Option<InviteVerb>,
}

#[derive(Debug, Subcommand)]
pub enum InviteVerb {
    /// List the invitations this hub gave, and what became of them
    List(List),
    /// Take back an invitation that was not used
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Go on after this invitation
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,
    /// So many lines at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub most: u16,
}

#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// The invitation's id, as `invite list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// See whether it may be taken back, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Invite {
    /// For this union itself; a hub does the rest.
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        if self.union.is_some() || self.verb.is_some() || self.address.is_some() {
            let what = both("邀请由上级平台发出并保管", "invitations are given and kept by a hub");
            let hint = both(
                "请在上级平台上用 huiliu-hub invite；为本单位增加机器用 invite --device",
                "run `huiliu-hub invite` on the hub; for a further machine of this union run `invite --device`",
            );
            return Err(CommandError::usage(what, hint).into());
        }
        if !self.device {
            let what = both("没有写明邀请谁", "it is not said who is invited");
            let hint = both(
                "上级平台邀请下级：invite 工会编号；为本单位增加机器：invite --device",
                "a hub invites a union below with `invite UNION`; `invite --device` is for a further machine of this union",
            );
            return Err(CommandError::usage(what, hint).into());
        }
        if self.dry_run {
            let what =
                both("本机不能试行：加入码由上级平台批准", "there is no trial here: the hub above allows the token");
            let hint = both("不带 --dry-run 再运行", "run it without --dry-run");
            return Err(CommandError::usage(what, hint).into());
        }
        self.may_be_written()?;
        let opened = context.open_with(Threads::Inline)?;
        let uplink = opened.uplink(context);
        let minted = context.block_on(invite::invite(&uplink, self.days))??;
        self.show(context, &minted)
    }

    /// Asked before a token is made, which would be lost otherwise.
    pub fn may_be_written(&self) -> Result<(), CommandError> {
        self.out.as_deref().map_or(Ok(()), |path| outfile::allowed(path, self.force))
    }

    /// The token on standard output, what to do with it beside it.
    pub fn show(&self, context: &CommandContext, minted: &Minted) -> Result<Exit> {
        let token = &minted.token;
        let text = token.text();
        if let Some(path) = &self.out {
            outfile::write(path, text.as_bytes(), self.force)?;
        }
        let (union, until) = (token.union, context.moment(minted.expires_at));
        context.answer(
            || {
                json!({
                    "token": text.as_str(), "id": token.id.to_string(), "union": u64::from(union),
                    "hub": u64::from(token.hub), "as_hub": token.as_hub, "address": token.address, "expires_at": minted.expires_at,
                    "root": token.root.to_string(), "file": self.out.as_ref().map(|path| path.display().to_string()),
                })
            },
            || match &self.out {
                // It is in the file: the screen, and what is scrolled back to, need not have it.
                Some(path) => format!("{}{}", context.pick("加入码已写入：", "token written to "), path.display()),
                None => text.to_string(),
            },
        )?;
        if context.json {
            return Ok(Exit::Done);
        }
        if self.qr || (self.out.is_none() && io::stdout().is_terminal()) {
            context.print(&qr(&token.for_qr())?)?;
        }
        let name = context.called(union);
        context.note(&match context.lang {
            Lang::Zh => format!(
                "给{name}（{union}）的{}，用一次，{until} 前有效；编号 {}\n请当面或用可靠的方式交给对方，不要外传；对方运行 join 加入码",
                if token.as_hub { "平台" } else { "一台机器" },
                token.id
            ),
            Lang::En => format!(
                "for {} of {name} ({union}), once, until {until}; its id is {}\nhand it over like a password; there, `join TOKEN` takes it",
                if token.as_hub { "the hub" } else { "one machine" },
                token.id
            ),
        });
        if token.vouched {
            context.note(context.pick(
                "新机器加入后，本机会把解密用的密钥授给它；请保持 serve 或再运行一次 sync",
                "once it has joined, this machine grants it the keys of the sealed fields: leave `serve` running, or run `sync` again",
            ));
        }
        Ok(Exit::Done)
    }
}

/// Two modules a character, so that it fits on a screen.
fn qr(text: &str) -> Result<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)?;
    // Dark on light, as telephones expect, on a terminal that is light on dark.
    Ok(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_token_fits_into_a_code() {
        let picture = qr(&"0".repeat(720)).unwrap();
        assert!(picture.lines().count() < 60, "{}", picture.lines().count());
    }
}
