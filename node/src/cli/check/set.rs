//! `check set`: a number that a check uses, from a day on.

use anyhow::Result;
use huiliu_proto::period::Day;
use serde_json::{Value as Json, json};

use super::{day, rule_named};
use crate::{
    app::{
        Mode,
        parameters::{self, Proposed, SetError},
    },
    check::Stricter,
    cli::{
        CommandContext,
        error::{CommandError, Exit, both},
        record,
    },
};

#[derive(Debug, clap::Args)]
pub struct Set {
    /// The check's id, such as FC-01
    rule: String,
    /// The parameter's name, as `check explain` says it
    name: String,
    /// A whole number
    value: i64,
    /// First day on which it holds
    #[arg(long, value_name = "DATE")]
    from: String,
    /// Last day on which it holds; without it, until something else is said
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Number of the document that says so
    #[arg(long, value_name = "NO")]
    doc_no: String,
    /// What else there is to say
    #[arg(long, value_name = "TEXT")]
    remarks: Option<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Set {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let check = rule_named(&self.rule)?;
        let (from, until): (Day, Option<Day>) = (day(&self.from)?, self.until.as_deref().map(day).transpose()?);
        let opened = context.open()?;
        let proposed = Proposed {
            check,
            name: &self.name,
            value: self.value,
            from,
            until,
            doc_no: &self.doc_no,
            remarks: self.remarks.as_deref(),
        };
        let set = parameters::set(&opened.store, opened.me.union, &proposed, Mode::of(self.dry_run));
        let (kind, outcome) = set.map_err(told)?;
        record::answer(context, kind, outcome, self.dry_run)
    }
}

fn told(error: SetError) -> anyhow::Error {
    let code = error.code();
    let about = match &error {
        SetError::Unknown { rule } => json!({ "rule": rule }),
        SetError::Range { least, most } => json!({ "least": least, "most": most }),
        SetError::SaidLater { holds, on } | SetError::Laxer { holds, on, .. } => {
            json!({ "holds": holds, "on": on.to_string() })
        }
        SetError::Store(_) => Json::Null,
    };
    let mistake = match error {
        SetError::Unknown { rule } => CommandError::usage(
            both(format!("{rule} 没有这个参数"), format!("{rule} has no parameter of that name")),
            both(
                format!("运行 check explain {rule} 查看参数名"),
                format!("run `check explain {rule}` to see their names"),
            ),
        ),
        SetError::Range { least, most } => CommandError::usage(
            both("数值超出范围", "the value is out of range"),
            both(format!("请填{least}到{most}之间的整数"), format!("type a whole number from {least} to {most}")),
        ),
        SetError::SaidLater { holds, on } => CommandError::refused(
            both(
                format!("本单位另一台机器已规定自{on}起为{holds}，其时钟比本机快，在本机另行规定不会生效"),
                format!(
                    "another machine of this union, its clock ahead of this one's, has set {holds} from {on}: another number set here would not be heard"
                ),
            ),
            both(
                "请核对两台机器的日期和时间，在那台机器上改正，或换一个起始日期",
                "compare the clocks of both; correct it on that machine, or choose another first day",
            ),
        ),
        SetError::Laxer { holds, on, stricter } => {
            let (zh, en) = match stricter {
                Stricter::Less => (format!("请填不大于{holds}的数"), format!("type at most {holds}")),
                Stricter::More => (format!("请填不小于{holds}的数"), format!("type at least {holds}")),
            };
            CommandError::refused(
                both(
                    format!("{on}适用的数值是{holds}，只能更严，不能放宽"),
                    format!("{holds} holds on {on}: it can only be made stricter"),
                ),
                both(zh, en),
            )
        }
        SetError::Store(error) => return error.into(),
    };
    mistake.coded(code, about).into()
}
