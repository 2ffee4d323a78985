//! `account`: who acts for this union. `login` and `logout` are in `login`.

mod reset;

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{
    handle::Declared as _, id::RecordId, kind::Field, records::account as fields, v1::Mediator, value::Value,
};
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    context::OpenHome,
    error::{CommandError, Exit, both},
    passphrase,
    record::view,
    table::{Cell, Table, choice_name},
};
use crate::{
    app::{
        Mode,
        account::{self, AccountError, Done, New, NewPassword},
        find,
    },
    identity::session::Sessions,
    operator::Account,
};

#[derive(Debug, Subcommand)]
pub enum AccountVerb {
    /// Make an account for a person of this union; the first is an administrator's
    Add(Add),
    /// List the accounts of this union
    List(List),
    /// Give an account other roles
    Roles(Roles),
    /// Suspend an account: nobody logs in with it or acts by it
    Suspend(One),
    /// Let a suspended account act again
    Restore(One),
    /// Set an account's password
    Password(Password),
    /// Ask the union above over the telephone for a password to be set anew
    AskReset(reset::AskReset),
    /// Answer a machine below that asks for a password to be set anew
    AnswerReset(reset::AnswerReset),
}

/// What an account is given.
#[derive(Debug, clap::Args)]
struct Given {
    /// Roles, with commas between them
    #[arg(long, value_name = "ROLES")]
    roles: String,
    /// A guide's dossier: its id, the beginning of it, or the name
    #[arg(long, value_name = "ID")]
    dossier: Option<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// The person's name
    name: String,
    #[command(flatten)]
    given: Given,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Go on after this account
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

#[derive(Debug, clap::Args)]
pub struct Roles {
    /// The person's name, or the account's id or the beginning of it
    name: String,
    #[command(flatten)]
    given: Given,
}

#[derive(Debug, clap::Args)]
pub struct One {
    /// The person's name, or the account's id or the beginning of it
    name: String,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct Password {
    /// The person's name, or the account's id or the beginning of it
    name: String,
    /// File whose first line is the password until now, where the account's owner sets another
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// File whose first line is the new password; without it you are asked
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
    /// Set it as an administrator who has logged in, without the password until now
    #[arg(long, conflicts_with = "password_file")]
    reset: bool,
    /// The union above's answer to `account ask-reset`, instead of the password until now
    #[arg(long, value_name = "CODE", conflicts_with_all = ["password_file", "reset"])]
    code: Option<String>,
    /// Only look whether it may be set, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl AccountVerb {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            AccountVerb::Add(verb) => verb.run(context),
            AccountVerb::List(verb) => verb.run(context),
            AccountVerb::Roles(verb) => verb.run(context),
            AccountVerb::Suspend(verb) => verb.run(context, false),
            AccountVerb::Restore(verb) => verb.run(context, true),
            AccountVerb::Password(verb) => verb.run(context),
            AccountVerb::AskReset(verb) => verb.run(context),
            AccountVerb::AnswerReset(verb) => verb.run(context),
        }
    }
}

impl Add {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let Given { roles: typed, dossier: of, dry_run } = self.given;
        let (roles, name) = (roles(&typed)?, name(&self.name)?);
        let opened = context.open()?;
        let mediator = dossier(&opened, of.as_deref())?;
        let new = New { name, roles, mediator };
        let done = account::add(&opened.store, opened.me.union, new, Mode::of(dry_run)).map_err(told)?;
        answer(context, &done, dry_run)?;
        if !context.json && !dry_run {
            context.note(context.pick(
                "请用 account password 设定口令，然后用 login 登录",
                "set its password with `account password`, then `login`",
            ));
        }
        Ok(Exit::Done)
    }
}

impl Roles {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let Given { roles: typed, dossier: of, dry_run } = self.given;
        let roles = roles(&typed)?;
        let opened = context.open()?;
        let union = opened.me.union;
        let one = named(&opened, &self.name)?;
        let mediator = dossier(&opened, of.as_deref())?;
        let mode = Mode::of(dry_run);
        let done = account::set_roles(&opened.store, union, one.id, roles, mediator, mode).map_err(told)?;
        answer(context, &done, dry_run)?;
        Ok(Exit::Done)
    }
}

impl One {
    fn run(self, context: &CommandContext, active: bool) -> Result<Exit> {
        let opened = context.open()?;
        let one = named(&opened, &self.name)?;
        let mode = Mode::of(self.dry_run);
        let done = account::set_active(&opened.store, opened.me.union, one.id, active, mode).map_err(told)?;
        answer(context, &done, self.dry_run)?;
        Ok(Exit::Done)
    }
}

impl Password {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let union = opened.me.union;
        let one = named(&opened, &self.name)?;
        let first = opened.store.read(|conn| account::first_password(conn, union, &opened.me.device(), &one))?;
        let known = match self.reset || first || self.code.is_some() {
            true => None,
            false => Some(passphrase::of_account(
                context,
                self.password_file.as_deref(),
                context.pick("原口令：", "password until now: "),
            )?),
        };
        let new = passphrase::chosen(context, self.new_password_file.as_deref(), false)?;
        let sessions = Sessions::new(&opened.home.dir, &opened.me.key);
        let (random, mode) = (&context.random, Mode::of(self.dry_run));
        if let Some(code) = &self.code {
            let done = reset::by_code(context, &opened, &one, code, &new, mode)?;
            answer(context, &done, self.dry_run)?;
            return Ok(Exit::Done);
        }
        let password = NewPassword { account: &one, known: known.as_ref(), new: &new };
        let done = account::set_password(&opened.store, union, &sessions, &password, random, mode);
        answer(context, &done.map_err(told)?, self.dry_run)?;
        Ok(Exit::Done)
    }
}

impl List {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let union = opened.me.union;
        let after = self.after.as_deref().map(|typed| named(&opened, typed)).transpose()?;
        let after = after.map(|account| account.id);
        let page = opened.store.read(|conn| Ok(account::page(conn, union, after, usize::from(self.most))))?;
        let page = page.map_err(told)?;
        let mut table = Table::new()
            .column("account", context.pick("编号", "id"))
            .column("name", context.pick("姓名", "name"))
            .column("roles", context.pick("岗位", "roles"))
            .column("state", context.pick("状态", "state"));
        for one in &page.accounts {
            let id = one.id.to_string();
            table.row(vec![
                Cell::new(view::short(&one.id), id),
                Cell::same(one.name.as_str()),
                Cell::new(roles_words(context, one), roles_json(one)),
                Cell::new(state_words(context, one), state_name(one)),
            ]);
        }
        let next = page.next.map(|id| id.to_string());
        let nothing = context.pick("本单位尚未启用账号", "this union has no accounts");
        context.answer(
            || json!({ "accounts": table.json(), "next": next }),
            || if table.is_empty() { nothing.to_owned() } else { table.words() },
        )?;
        context.note_next(next);
        Ok(Exit::Done)
    }
}

fn answer(context: &CommandContext, done: &Done, dry: bool) -> Result<()> {
    let Done { account, written } = done;
    context.answer(
        || {
            json!({
                "account": (!dry).then(|| account.id.to_string()), "name": account.name,
                "roles": roles_json(account), "state": state_name(account), "written": *written && !dry,
            })
        },
        || {
            let first = match (dry, written) {
                (true, _) => context.pick("可以这样办理，未写入：", "it may stand so; nothing was written: "),
                (false, false) => context.pick("内容没有变化，未写入：", "nothing changed; nothing was written: "),
                (false, true) => context.pick("已写入：账号 ", "written: account "),
            };
            format!("{first}{}（{}，{}）", account.name, roles_words(context, account), state_words(context, account))
        },
    )
}

fn roles_words(context: &CommandContext, account: &Account) -> String {
    fields::ROLES.declared().show(&Value::Int(account.roles), context.lang)
}

fn roles_json(account: &Account) -> Json {
    view::json(fields::ROLES.declared(), &Value::Int(account.roles))
}

fn state(account: &Account) -> i64 {
    use huiliu_proto::v1::AccountState::{AccountActive, AccountSuspended};
    if account.active { AccountActive as i64 } else { AccountSuspended as i64 }
}

fn state_words(context: &CommandContext, account: &Account) -> String {
    fields::STATE.declared().show(&Value::Int(state(account)), context.lang)
}

fn state_name(account: &Account) -> Json {
    choice_name(fields::STATE.declared(), state(account))
}

fn parsed(field: &Field, typed: &str) -> Result<Value, CommandError> {
    field.parse(typed).map_err(|refusal| CommandError::Refused(vec![refusal]))
}

fn roles(typed: &str) -> Result<i64, CommandError> {
    match parsed(fields::ROLES.declared(), typed)? {
        Value::Int(roles) => Ok(roles),
        _ => Ok(0),
    }
}

fn name(typed: &str) -> Result<String, CommandError> {
    match parsed(fields::NAME.declared(), typed)? {
        Value::Text(name) => Ok(name),
        _ => Ok(typed.to_owned()),
    }
}

fn named(opened: &OpenHome, typed: &str) -> Result<Account> {
    let union = opened.me.union;
    opened.store.read(|conn| Ok(account::named(conn, union, typed)))?.map_err(told)
}

fn dossier(opened: &OpenHome, typed: Option<&str>) -> Result<Option<RecordId>> {
    let Some(typed) = typed else { return Ok(None) };
    let found = opened.look(|conn| Ok(find::of_kind(conn, Mediator::kind(), typed)?))?;
    let missing = || {
        CommandError::usage(
            both(format!("没有指导员档案“{typed}”"), format!("there is no dossier “{typed}”")),
            both("用 record list mediator 查找", "find it with `record list mediator`"),
        )
    };
    Ok(Some(found.ok_or_else(missing)?))
}

/// Why nothing was done.
pub(super) fn told(error: AccountError) -> anyhow::Error {
    let code = error.code();
    let id = |id: &RecordId| id.to_string();
    let about = match &error {
        AccountError::Unknown(typed) => json!({ "typed": typed }),
        AccountError::Several { found, .. } => json!({ "accounts": found.iter().map(id).collect::<Vec<_>>() }),
        AccountError::Taken(taken) => json!({ "account": id(taken) }),
        AccountError::Wait(until) => json!({ "until": until }),
        _ => Json::Null,
    };
    let (what, hint) = match error {
        AccountError::Unknown(typed) => (
            both(format!("本单位没有账号“{typed}”"), format!("this union has no account “{typed}”")),
            both("用 account list 查看本单位的账号", "see the union's accounts with `account list`"),
        ),
        AccountError::Several { typed, found } => {
            let found: Vec<String> = found.iter().map(id).collect();
            (
                both(format!("本单位有多个账号符合“{typed}”"), format!("several accounts fit “{typed}”")),
                both(
                    format!("请填账号编号：{}；重名多余的请停用", found.join("、")),
                    format!("give the id: {}; of one name, suspend those that are too many", found.join(", ")),
                ),
            )
        }
        AccountError::Taken(_) => (
            both("本单位已有同名账号", "the name has an account already"),
            both(
                "同一人请改用原账号；重名的请在姓名后加以区别",
                "use that one; of two people with one name, add to it what tells them apart",
            ),
        ),
        AccountError::First => (
            both("第一个账号的岗位须含系统管理员", "the first account is an administrator's"),
            both(
                "请先为系统管理员建账号：--roles 系统管理员",
                "make the administrator's first: `--roles administrator`",
            ),
        ),
        AccountError::Last => (
            both("这是最后一个启用的系统管理员", "it is the last active administrator"),
            both("请先给另一人系统管理员岗位", "give somebody else that role first"),
        ),
        AccountError::Administrator => (
            both("只有已登录的系统管理员可以办理", "an administrator who has logged in does that"),
            both("请系统管理员用 login 登录后办理", "let an administrator `login` and do it"),
        ),
        AccountError::Suspended => (
            both("该账号已停用", "the account is suspended"),
            both("请系统管理员用 account restore 恢复", "an administrator restores it with `account restore`"),
        ),
        AccountError::NoPassword { first: true } => (
            both("该账号还没有口令", "the account has no password yet"),
            both("请先用 account password 设定", "set one with `account password`"),
        ),
        AccountError::NoPassword { first: false } => (
            both("该账号在本机没有口令", "the account has no password on this machine"),
            both(
                "请系统管理员登录后用 account password --reset 设定；没有人能登录的，用 account ask-reset 请上级工会答复",
                "an administrator logs in and sets one with `account password --reset`; where none can, `account ask-reset`",
            ),
        ),
        AccountError::Wrong => (
            both("口令不对", "the password is wrong"),
            both(
                "请重新输入；忘记的请系统管理员用 account password --reset 重设，本人就是系统管理员的用 account ask-reset",
                "try again; where it is forgotten, an administrator sets another with `account password --reset`; the administrator \
                 herself asks the union above (`account ask-reset`)",
            ),
        ),
        AccountError::Wait(until) => {
            let until = crate::clock::moment(until);
            (
                both(
                    format!("口令输错次数过多，{until} 后再试"),
                    format!("too many wrong passwords: try again after {until}"),
                ),
                both("期间请系统管理员重设口令也可", "or let an administrator set another"),
            )
        }
        AccountError::Refused(refusals) => return CommandError::Refused(refusals).into(),
        AccountError::Password(error) => return error.into(),
        AccountError::Session(error) => return error.into(),
        AccountError::Store(error) => return error.into(),
    };
    CommandError::refused(what, hint).coded(code, about).into()
}
