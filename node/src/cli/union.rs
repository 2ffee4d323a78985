//! `union`: the unions that are registered below, which union a person means, and in what relation unions stand.

mod say;
mod show;

use anyhow::Result;
use clap::Subcommand;
use huiliu_proto::{directory::Directory, handle::Declared as _, lang::Lang, union::UnionNumber, v1::Union};
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    context::OpenHome,
    error::{CommandError, Exit, both},
    record::{self, find, typed},
    table::{Cell, Table},
};
use crate::{
    app::{
        Mode,
        unions::{self, NoNumber, Page, RegisterError, Registered, Unclear, Whom},
    },
    ledger::WriteOutcome,
    store::{View, records::directory},
};

#[derive(Debug, Subcommand)]
pub enum UnionVerb {
    /// Register a union below this one, which gives it its number
    Register(Register),
    /// List the unions that are registered, with their numbers
    List(List),
    /// Show which union a name, a code or the initials of a name stand for
    Find(Find),
    /// Show what a union is called and is, who leads and funds it and takes its filings, on a day
    Show(show::Show),
    /// Say who leads, guides or funds a union below, or takes its filings, from a day on
    Relate(say::Say),
    /// Say what a union below is called or is, from a day on: name, code, level, form, chair's seat
    Change(say::Say),
}

#[derive(Debug, clap::Args)]
pub struct Register {
    /// Fields as field=value, as `record add union` takes them
    #[arg(value_name = "FIELD=VALUE", required_unless_present = "record", conflicts_with = "record")]
    fields: Vec<String>,
    /// Give a number to a union that is on the list without one: its record's id, the beginning of it, or its name
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those that this union registered
    #[arg(long, value_name = "UNION")]
    of: Option<String>,
    /// Go on after this union
    #[arg(long, value_name = "UNION")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

#[derive(Debug, clap::Args)]
pub struct Find {
    /// A number, a region code, a name or its beginning, or the initials of its pinyin
    #[arg(value_name = "UNION")]
    union: String,
}

impl UnionVerb {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        match self {
            UnionVerb::Register(verb) => verb.run(context),
            UnionVerb::List(verb) => verb.run(context),
            UnionVerb::Find(verb) => verb.run(context),
            UnionVerb::Show(verb) => verb.run(context),
            UnionVerb::Relate(verb) => verb.relates(context),
            UnionVerb::Change(verb) => verb.changes(context),
        }
    }
}

impl Register {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let whom = opened.look(|conn| match &self.record {
            Some(record) => Ok(Whom::Listed(Box::new(listed(conn, record)?))),
            None => Ok(Whom::New(typed::fields(context, conn, Union::kind(), &self.fields)?)),
        })?;
        let done = unions::register(&opened.store, opened.me.union, whom, Mode::of(self.dry_run)).map_err(told)?;
        let Registered { number, outcome } = done;
        let id = match outcome {
            WriteOutcome::Written { id, ref warnings, ref alike } => {
                for warning in warnings.iter().filter(|_| !context.json) {
                    context.note(&format!("{}{}", context.pick("请注意：", "note: "), warning.say(context.lang)));
                }
                if !alike.is_empty() && !context.json {
                    let same: Vec<String> = alike.iter().map(ToString::to_string).collect();
                    let what = context.pick("可能与已有记录重复：", "perhaps the same as: ");
                    context.note(&format!("{what}{}", same.join(context.pick("、", ", "))));
                }
                id
            }
            outcome => return record::answer(context, Union::kind(), outcome, self.dry_run),
        };
        context.answer(
            || {
                let record = if self.dry_run { Json::Null } else { id.to_string().into() };
                json!({ "union": u64::from(number), "number": number.to_string(), "record": record, "written": !self.dry_run })
            },
            || match self.dry_run {
                true => format!("{}{number}", context.pick("可以登记，未写入；编号将是 ", "it may be registered, nothing was written; its number would be ")),
                false => format!("{}{number}", context.pick("已登记，工会编号：", "registered; its union number: ")),
            },
        )?;
        if !context.json && !self.dry_run {
            context.note(&match context.lang {
                Lang::Zh => format!("它的机器由本级上级平台邀请：invite {number}"),
                Lang::En => format!("this union's hub lets its machine in: `invite {number}`"),
            });
        }
        Ok(Exit::Done)
    }
}

fn listed(conn: &View, typed: &str) -> Result<crate::store::projection::Shown> {
    if let Some(id) = find::of_kind(conn, Union::kind(), typed)?
        && let Some(shown) = crate::store::projection::get(conn, Union::kind(), &id)?
    {
        return Ok(shown);
    }
    let what = both(format!("没有“{typed}”这个下级工会"), format!("there is no lower union “{typed}”"));
    Err(CommandError::failed(what, both("用 record list union 查看", "see `record list union`")).into())
}

/// Why nobody was registered.
fn told(error: RegisterError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let (mistake, about) = match error {
        RegisterError::Store(error) => return error.into(),
        RegisterError::Write(error) => return record::edit::told(error),
        RegisterError::NoNumber(none) => {
            let (zh, hint) = match none {
                NoNumber::NotOurs => (
                    "只有县级以上地方工会给出工会编号",
                    both(
                        "请由上级的县级、市级、省级或全国总工会登记",
                        "let the county, city, province or nation above register it",
                    ),
                ),
                NoNumber::NoBlock => (
                    "本机没有编号段，不能给出工会编号",
                    both(
                        "请上级平台运行 number-block 本单位编号，本机 sync 之后再登记；尚未加入网络的，先加入",
                        "let the hub above run `number-block` for this union, `sync` here, and register it then; join the network first, if this machine has not",
                    ),
                ),
                NoNumber::UsedUp => (
                    "本机的编号段已用完",
                    both(
                        "请上级平台为本机再给一段：number-block 本单位编号 --device 本机设备公钥；本机 sync 之后再登记",
                        "let the hub above give this machine a further block: `number-block UNION --device KEY`; `sync` here, and register it then",
                    ),
                ),
            };
            (CommandError::refused(both(zh, en), hint), Json::Null)
        }
        RegisterError::NoUnion => (
            CommandError::refused(
                both("该记录不是下级工会", en),
                both("用 record list union 查看", "see `record list union`"),
            ),
            Json::Null,
        ),
        RegisterError::Numbered(number) => (
            CommandError::refused(
                both(format!("它已有工会编号 {number}"), en),
                both("编号一经给出，不再更改", "a number is given once"),
            ),
            json!({ "union": u64::from(number) }),
        ),
    };
    mistake.coded(code, about).into()
}

impl List {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let of = self.of.as_deref().map(|typed| opened.union(typed)).transpose()?;
        let after = self.after.as_deref().map(|typed| opened.union(typed)).transpose()?;
        let Page { rows, next } =
            opened.look(|conn| Ok(unions::page(conn, of, after, usize::from(self.most), context.today())?))?;
        let mut table = Table::new()
            .column("number", context.pick("工会编号", "number"))
            .column("name", context.pick("名称", "name"))
            .column("short_name", context.pick("简称", "short name"))
            .column("parent", context.pick("组织上级", "led by"))
            .column("joined", context.pick("机器", "machine"))
            .column("record", context.pick("记录", "record"));
        for row in &rows {
            let joined =
                if row.joined { context.pick("已加入", "joined") } else { context.pick("未加入", "none") };
            let record = row.record.to_string();
            table.row(vec![
                Cell::new(row.number.to_string(), u64::from(row.number)),
                Cell::same(row.names.name.as_str()),
                Cell::same(row.names.short.as_deref().unwrap_or_default()),
                row.parent.map_or_else(Cell::none, |parent| Cell::new(context.called(parent), u64::from(parent))),
                Cell::new(joined, row.joined),
                Cell::new(&record[..8], record.as_str()),
            ]);
        }
        context.answer(
            || json!({ "unions": table.json(), "next": next.map(u64::from) }),
            || match table.is_empty() {
                true => context.pick("没有登记下级工会", "no union is registered").to_owned(),
                false => table.words(),
            },
        )?;
        context.note_next(next);
        Ok(Exit::Done)
    }
}

impl Find {
    fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let union = opened.union(&self.union)?;
        let (name, place) = (context.called(union), Directory::default().place(union));
        context.answer(
            || json!({ "union": u64::from(union), "number": union.to_string(), "name": name, "place": place }),
            || match place.is_empty() {
                true => format!("{name}（{union}）"),
                false => format!("{name}（{union}，{place}）"),
            },
        )?;
        Ok(Exit::Done)
    }
}

/// The union that was typed: by number, region code, full or short name, or the initials of its pinyin. `conn`: without a
/// store only those of the built-in directory are known.
pub fn named(conn: Option<&View>, typed: &str) -> Result<UnionNumber> {
    Ok(unions::find(conn, typed)?.map_err(|unclear| unclear_name(typed, &unclear))?)
}

fn unclear_name(typed: &str, unclear: &Unclear) -> CommandError {
    match unclear {
        Unclear::Nobody => CommandError::usage(
            both(format!("没有“{typed}”这个工会"), format!("there is no union “{typed}”")),
            both(
                "请填工会编号或六位区划代码（如 320922）、名称、简称，或名称的拼音首字母",
                "give its number or six-digit region code, such as 320922, its name, or the initials of its pinyin",
            ),
        ),
        Unclear::Several(several) => {
            let candidates = unions::listed(several);
            let about = json!({ "candidates": several.iter().map(|one| json!({
                "union": u64::from(one.union), "name": one.name, "place": one.place,
            })).collect::<Vec<_>>() });
            CommandError::usage(
                both(format!("“{typed}”可能是多个工会"), format!("“{typed}” may be several unions")),
                both(
                    format!("请填编号或全称：{}", candidates.zh),
                    format!("give the number or the whole name: {}", candidates.en),
                ),
            )
            .coded("several_unions", about)
        }
    }
}

/// What a union is called over the door, as far as is known here.
pub fn called(conn: &View, union: UnionNumber) -> String {
    known(conn, union).map_or_else(|| union.union_name(), |names| names.name)
}

/// Of a union in no list: a list of the built-in directory asks no store.
pub(super) fn known(conn: &View, union: UnionNumber) -> Option<huiliu_proto::directory::Names> {
    union.serial()?;
    directory::names(conn, union).unwrap_or_else(|error| {
        tracing::warn!(%error, "what a union is called cannot be read");
        None
    })
}

impl OpenHome {
    /// The union that was typed.
    pub fn union(&self, typed: &str) -> Result<UnionNumber> {
        self.look(|conn| named(Some(conn), typed))
    }
}
