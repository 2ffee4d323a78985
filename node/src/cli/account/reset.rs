//! A forgotten password over the telephone: `account ask-reset` where it was forgotten, `account answer-reset` above.

use anyhow::Result;
use huiliu_proto::{
    lang::Lang,
    reset::{Answer, Mistyped, Request},
};
use serde_json::{Value as Json, json};

use super::{named, roles_words, told};
use crate::{
    app::{
        Mode,
        account::{
            Done,
            reset::{self, Plan, ResetError},
        },
    },
    cli::{
        CommandContext,
        context::OpenHome,
        error::{CommandError, Exit, both},
    },
    identity::{keys::Passphrase, reset::Resets, session::Sessions},
    operator::Account,
};

#[derive(Debug, clap::Args)]
pub struct AskReset {
    /// The person's name, or the account's id or the beginning of it
    name: String,
}

#[derive(Debug, clap::Args)]
pub struct AnswerReset {
    /// The number that is read out over the telephone
    #[arg(num_args = 1.., required = true)]
    number: Vec<String>,
    /// Who telephoned and how she was recognised, in a sentence; it is written down
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Answer without being asked whether
    #[arg(long)]
    yes: bool,
    /// Look who asks, and answer nothing
    #[arg(long)]
    dry_run: bool,
}

impl AskReset {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open_for_nobody()?;
        let account = named(&opened, &self.name)?;
        let asked = reset::ask(&opened.store, &opened.me, &Resets(&opened.home.dir), &account).map_err(problem)?;
        let (number, until) = (asked.request.spoken(), asked.until);
        context.answer(
            || json!({ "account": account.id.to_string(), "name": account.name, "request": number, "until": until }),
            || {
                let until = context.moment(until);
                match context.lang {
                    Lang::Zh => format!(
                        "申请号：{number}\n请打电话给上级工会的系统管理员，报出申请号，记下答复码（{until} 前有效），\
                         再运行 account password {} --code 答复码",
                        account.name
                    ),
                    Lang::En => format!(
                        "number: {number}\ntelephone an administrator of the union above, read it out, and note the answer (good \
                         until {until}); then `account password {} --code ANSWER`",
                        account.name
                    ),
                }
            },
        )?;
        Ok(Exit::Done)
    }
}

impl AnswerReset {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let typed = self.number.join(" ");
        let plan = opened.look(|conn| Ok(reset::plan(conn, &opened.me, &typed)))?.map_err(problem)?;
        let words = (
            context.pick(
                "已另行核实来电人身份（如回拨该单位登记的电话），答复吗？",
                "have you made sure who is calling (by calling that union back), and answer?",
            ),
            context.pick("没有答复", "nothing was answered"),
        );
        if !context.agreed_to(&shown(context, &plan), self.yes || self.dry_run, words)? {
            return Ok(Exit::Failed);
        }
        let mode = Mode::of(self.dry_run);
        let (answer, written) = reset::answer(&opened.store, &opened.me, &plan, &self.reason, mode).map_err(problem)?;
        let account = plan.account.as_ref();
        context.answer(
            || {
                json!({
                    "union": u64::from(plan.union), "device": plan.device.to_string(),
                    "account": account.map(|account| account.id.to_string()), "name": account.map(|account| &account.name),
                    "answer": (!self.dry_run).then(|| answer.spoken().to_string()),
                    "record": (!self.dry_run).then(|| written.to_string()),
                })
            },
            || match self.dry_run {
                true => context.pick("可以答复，未写入", "it may be answered; nothing was written").to_owned(),
                false => format!("{}{}", context.pick("答复码：", "answer: "), *answer.spoken()),
            },
        )?;
        Ok(Exit::Done)
    }
}

/// Who asks.
fn shown(context: &CommandContext, plan: &Plan) -> String {
    let Plan { device, union, account, .. } = plan;
    let whose = |account: &Account| format!("{}（{}）", account.name, roles_words(context, account));
    let unknown = context.pick("本级尚未收到，请对方说明", "it has not come here yet; ask");
    let account = account.as_ref().map_or_else(|| unknown.to_owned(), whose);
    let union = context.called(*union);
    match context.lang {
        Lang::Zh => format!("申请重设口令：{union}\n  账号：{account}\n  设备：{device}"),
        Lang::En => format!("a password is to be set anew: {union}\n  account: {account}\n  device: {device}"),
    }
}

/// Sets a password by the answer.
pub fn by_code(
    context: &CommandContext,
    opened: &OpenHome,
    account: &Account,
    code: &str,
    new: &Passphrase,
    mode: Mode,
) -> Result<Done> {
    let both = (&Resets(&opened.home.dir), &Sessions::new(&opened.home.dir, &opened.me.key));
    let done = reset::set(&opened.store, &opened.me, both, account, (code, new), &context.random, mode);
    done.map_err(problem)
}

/// Why it is not done.
fn problem(error: ResetError) -> anyhow::Error {
    let code = error.code();
    let (about, what, hint) = match error {
        ResetError::Account(error) => return told(error),
        ResetError::Refused(refusals) => return CommandError::Refused(refusals).into(),
        ResetError::Identity(error) => return error.into(),
        ResetError::Store(error) => return error.into(),
        ResetError::NobodyAbove => (
            Json::Null,
            both("本机不知道有可以答复的上级机器", "no machine above is known here that could answer"),
            both(
                "请先与上级交换一次（sync）；仍不行的，由另一名系统管理员重设",
                "exchange with the union above once (`sync`); if there is none, let another administrator set it",
            ),
        ),
        ResetError::Mistyped(wrong) => {
            let (request, answer) = (Request::LENGTH, Answer::LENGTH);
            let digits = match wrong {
                Mistyped::Length(digits) => json!({ "digits": digits }),
                Mistyped::Check => Json::Null,
            };
            (
                digits,
                both("号码有误，可能听错或输错了数字", "the number is wrong: a digit was misheard or mistyped"),
                both(
                    format!("请核对后重新输入：申请号{request}位，答复码{answer}位"),
                    format!("compare it and type it again: {request} digits are asked, {answer} are answered"),
                ),
            )
        }
        ResetError::NotAsked => (
            Json::Null,
            both("该账号没有等待答复的申请，或已过期", "nothing waits for an answer for this account any more"),
            both("请用 account ask-reset 重新申请", "ask anew with `account ask-reset`"),
        ),
        ResetError::Wrong(left) => (
            json!({ "left": left }),
            both("答复码不符", "the code is no answer to what was asked"),
            both(
                format!("请核对是否本次申请的答复码；还可试{left}次，之后须重新申请"),
                format!("see whether it answers this asking; it may be tried {left} more times, then ask anew"),
            ),
        ),
        ResetError::NotHub => (
            Json::Null,
            both("只有上级平台可以答复", "only a hub answers"),
            both("请在上级平台的机器上办理", "do it on the hub's machine"),
        ),
        ResetError::NoDevice => (
            Json::Null,
            both("本单位没有登记过这台机器", "this union enrolled no such machine"),
            both("请核对申请号，并确认本单位是其直接上级", "compare the number; only the union directly above answers"),
        ),
        ResetError::Several(devices) => (
            json!({ "devices": devices.iter().map(ToString::to_string).collect::<Vec<_>>() }),
            both("有多台机器符合该申请号", "several machines fit the number"),
            both("请对方重新申请，并另行核对", "let them ask anew"),
        ),
    };
    CommandError::refused(what, hint).coded(code, about).into()
}
