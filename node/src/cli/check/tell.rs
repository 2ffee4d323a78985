//! `check tell`: a union is told what was found about it where that discloses something of others' people.

use anyhow::Result;
use huiliu_proto::lang::Lang;
use serde_json::{Value as Json, json};

use crate::{
    app::{
        Mode,
        check::tell::{self, TellError},
    },
    cli::{
        CommandContext, duty,
        error::{CommandError, Exit, both},
    },
};

#[derive(Debug, clap::Args)]
pub struct Tell {
    /// The case, by the beginning of its fingerprint, as `check run` shows it
    #[arg(value_name = "CASE")]
    case: String,
    /// Show what would be told, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Tell {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let found = tell::tell(&opened.store, &opened.me, &self.case, Mode::of(self.dry_run)).map_err(told)?;
        context.answer(
            || {
                json!({
                    "fingerprint": found.fingerprint.to_string(), "rule": found.rule,
                    "union": u64::from(found.subject), "written": !self.dry_run,
                })
            },
            || {
                let (name, summary) = (context.called(found.subject), context.label(&found.summary));
                match (context.lang, self.dry_run) {
                    (Lang::Zh, false) => format!("{summary}\n已登记，并将告知{name}"),
                    (Lang::Zh, true) => format!("{summary}\n将登记并告知{name}；未写入"),
                    (Lang::En, false) => format!("{summary}\nrecorded; {name} will be told"),
                    (Lang::En, true) => format!("{summary}\n{name} would be told; nothing was written"),
                }
            },
        )?;
        Ok(Exit::Done)
    }
}

fn told(error: TellError) -> anyhow::Error {
    let code = error.code();
    let (about, what, hint) = match error {
        TellError::Store(error) => return error.into(),
        TellError::Failed(error) => return error.into(),
        TellError::NotHub => (
            Json::Null,
            both("本机不是上级平台", "this machine is no hub"),
            both("请在查出疑点的上级平台上办理", "run it on the hub that found it"),
        ),
        TellError::Unknown(typed) => (
            json!({ "typed": typed }),
            both(
                format!("没有编号以“{typed}”开头、尚未告知的疑点"),
                format!("no case that waits to be told begins with “{typed}”"),
            ),
            both("运行 check run 查看", "run `check run` to see them"),
        ),
        TellError::Several(cases) => (
            json!({ "cases": cases.iter().map(ToString::to_string).collect::<Vec<_>>() }),
            both("不止一项疑点的编号这样开头", "more than one case begins so"),
            both("请多填几位编号", "type more of the fingerprint"),
        ),
        TellError::AlreadyTold => (
            Json::Null,
            both("这项疑点刚刚已经告知", "it was told meanwhile"),
            both("不必再办", "there is nothing left to do"),
        ),
        TellError::NotLoggedIn => {
            (Json::Null, both("请先登录", "log in first"), both("请用 login 姓名 登录", "run `login NAME`"))
        }
        TellError::Role(wanted) => (
            json!({ "roles": duty::roles_json(wanted) }),
            both("您的岗位不能办理告知", "your roles do not let you tell it"),
            both(
                format!("请由{}办理", duty::roles(wanted, Lang::Zh)),
                format!("let one of these do it: {}", duty::roles(wanted, Lang::En)),
            ),
        ),
    };
    CommandError::refused(what, hint).coded(code, about).into()
}
