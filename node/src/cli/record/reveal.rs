//! `record reveal`: one sealed field read whole, for a purpose that is written down first.

use anyhow::Result;
use huiliu_proto::{lang::Lang, shown as safe};
use serde_json::{Value as Json, json};

use super::{find, typed, view};
use crate::{
    app::{
        Mode,
        reveal::{self, RevealError},
    },
    cli::{
        CommandContext, duty,
        error::{CommandError, Exit, both},
    },
};

#[derive(Debug, clap::Args)]
pub struct Reveal {
    /// The record's id, or the beginning of it
    id: String,
    /// The sealed field, as id_no
    field: String,
    /// What it is read for, in a sentence; it is written into the register
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Ask whether it may be read; nothing is shown and nothing written
    #[arg(long)]
    dry_run: bool,
}

impl Reveal {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let shown = opened.look(|conn| Ok(find::any(conn, &self.id)?.map_err(|id| find::held(&id))?))?;
        let fields = &shown.record.kind.fields;
        let at = typed::field_named(fields, &self.field).ok_or_else(|| unknown(&self.field))?;
        let mode = Mode::of(self.dry_run);
        let done = reveal::reveal(&opened.store, opened.keys(), &shown, at, &self.reason, mode).map_err(told)?;
        let field = &fields[at];
        context.answer(
            || {
                json!({
                    "record": shown.id.to_string(), "field": field.name,
                    "value": (!self.dry_run).then(|| done.value.to_string()),
                    "entry": (!self.dry_run).then(|| done.entry.to_string()),
                })
            },
            || match self.dry_run {
                true => context.pick("可以查阅，未登记", "it may be read; nothing was written").to_owned(),
                false => {
                    let entry = view::short(&done.entry);
                    let value = safe::line(&done.value);
                    match context.lang {
                        Lang::Zh => format!("{}：{value}\n已记入查阅登记（{entry}）", field.label.zh),
                        Lang::En => format!("{}: {value}\nwritten into the register ({entry})", field.label.en),
                    }
                }
            },
        )?;
        Ok(Exit::Done)
    }
}

fn unknown(typed: &str) -> CommandError {
    CommandError::usage(
        both(format!("这条记录没有字段“{typed}”"), format!("the record has no field “{typed}”")),
        both("用 record show 查看有哪些字段", "`record show` shows its fields"),
    )
}

/// Why nothing is shown.
fn told(error: RevealError) -> anyhow::Error {
    let code = error.code();
    let (about, what, hint) = match error {
        RevealError::Duty(problem) => return problem.into(),
        RevealError::Refused(refusals) => return CommandError::Refused(refusals).into(),
        RevealError::Store(error) => return error.into(),
        RevealError::NotSealed(field) => (
            json!({ "field": field.name }),
            both(format!("“{}”没有加密", field.label.zh), format!("{} is not sealed", field.label.en)),
            both("用 record show 即可查看", "`record show` shows it"),
        ),
        RevealError::Empty(field) => (
            json!({ "field": field.name }),
            both(format!("“{}”没有填写", field.label.zh), format!("nothing is written in {}", field.label.en)),
            both("请填写单位补填", "let the union that keeps the record fill it in"),
        ),
        RevealError::Closed => (
            Json::Null,
            both("本机无法解密", "this machine cannot open it"),
            both("只有填写单位和其省级总工会可以查阅", "only the union that wrote it and its province can"),
        ),
        RevealError::Reason { most } => (
            json!({ "most": most }),
            both(
                format!("用途须为一行，不超过{most}字"),
                format!("the purpose is one line of {most} characters at most"),
            ),
            both("请写明用途", "say what it is read for"),
        ),
        RevealError::Personal => (
            Json::Null,
            both("用途中含有身份证号，而这里不加密", "the purpose holds an identity number, and it is not sealed"),
            both("请删去号码", "take the number out"),
        ),
        RevealError::NotLoggedIn => (
            Json::Null,
            both("查阅加密内容须先登录", "only who has logged in reads what is sealed"),
            both(
                "请用 login 姓名 登录；单位未启用账号的，先用 account add 启用",
                "`login NAME` first; where the union has no accounts, make some with `account add`",
            ),
        ),
        RevealError::Role(wanted) => (
            json!({ "roles": duty::roles_json(wanted) }),
            both("您的岗位不能查阅加密内容", "your roles do not let you read what is sealed"),
            both(
                format!("请由{}查阅", duty::roles(wanted, Lang::Zh)),
                format!("let one of these read it: {}", duty::roles(wanted, Lang::En)),
            ),
        ),
    };
    CommandError::refused(what, hint).coded(code, about).into()
}
