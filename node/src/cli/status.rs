//! `status`: how things stand. Never good news about what failed, and code 3 where a person has to look.

use anyhow::Result;
use huiliu_proto::{feed::Scope, kind::Reach, lang::Lang, shown};
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    context::OpenHome,
    error::{Exit, system},
    inbox,
    table::{Cell, Table},
};
use crate::app::status::{self, Own, Status as Standing};

/// Entries of the inbox that are shown; `inbox` shows all.
const SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
pub struct Status {}

impl Status {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let (standing, todo) = opened.look(|conn| {
            let standing = status::read(&inbox::look(context, &opened, conn)?, SHOWN)?;
            let lines = inbox::lines(context, conn, &standing.first.entries)?;
            Ok((standing, lines))
        })?;
        context.answer(|| json_of(context, &opened, &standing), || words(context, &opened, &standing, todo))?;
        Ok(if standing.needs_a_person() { Exit::Attention } else { Exit::Done })
    }
}

fn words(context: &CommandContext, opened: &OpenHome, standing: &Standing, todo: Vec<String>) -> String {
    let config = &opened.home.config;
    let mut lines = vec![format!(
        "{}（{}）  {}{}  {}{}",
        context.called(config.union),
        config.union,
        context.pick("网络 ", "network "),
        shown::line(&config.network),
        context.pick("设备 ", "device "),
        &opened.me.device().to_string()[..16]
    )];
    lines.push(match &config.parent {
        Some(parent) => {
            format!("{}{}（{}）", context.pick("上级：", "above: "), context.called(parent.union), parent.address)
        }
        None if config.root == Some(opened.me.device()) => {
            context.pick("全国平台", "the root of the network").to_owned()
        }
        None => {
            context.pick("尚未加入上级：记录照常，暂不报送", "not joined yet: records are kept and not sent").to_owned()
        }
    });
    if let Some(root) = standing.root {
        lines.push(format!("{}{root}", context.pick("全网校验码：", "the network's fingerprint: ")));
    }
    if config.parent.is_some() {
        lines.push(waiting(context, standing));
    }
    if let Some(table) = links(context, standing) {
        lines.push(table.words());
    }
    let own = feeds(context, standing);
    if !own.is_empty() {
        lines.push(own.words());
    }
    lines.extend(todo);
    let (left, more) = standing.left();
    if left > 0 {
        lines.push(match context.lang {
            Lang::Zh => format!("另有{}{left}项待办，用 inbox 查看", if more { "至少" } else { "" }),
            Lang::En => format!("and {}{left} more, see `inbox`", if more { "at least " } else { "" }),
        });
    }
    if !standing.needs_a_person() {
        lines.push(context.pick("没有需要人处理的事项", "nothing needs a person").to_owned());
    }
    lines.join("\n")
}

fn waiting(context: &CommandContext, standing: &Standing) -> String {
    let count = standing.waiting();
    let since = standing.oldest().map(|time| context.moment(time)).unwrap_or_default();
    match (context.lang, count) {
        (Lang::Zh, 0) => "上级已全部签收".to_owned(),
        (Lang::Zh, n) => format!("等待上级签收：{n}条，最早一条写于{since}"),
        (Lang::En, 0) => "all is acknowledged by the union above".to_owned(),
        (Lang::En, n) => format!("waiting to be acknowledged: {n}, the oldest written {since}"),
    }
}

fn links(context: &CommandContext, standing: &Standing) -> Option<Table> {
    let mut table = Table::new()
        .column("union", context.pick("对方", "neighbour"))
        .column("success", context.pick("最近成功", "last success"))
        .column("try", context.pick("最近尝试", "last try"))
        .column("error", context.pick("问题", "trouble"));
    for link in &standing.links {
        let success = link.last_success.map_or_else(|| context.pick("从未", "never").to_owned(), |t| context.moment(t));
        table.row(vec![
            Cell::same(context.called(link.union)),
            Cell::same(success),
            Cell::same(context.moment(link.last_try)),
            match &link.error {
                Some(error) => Cell::new(context.pick(&system::cause(error), error), error.as_str()),
                None => Cell::none(),
            },
        ]);
    }
    (!table.is_empty()).then_some(table)
}

fn feeds(context: &CommandContext, standing: &Standing) -> Table {
    let mut table = Table::new()
        .column("feed", context.pick("本机数据流水", "own feed"))
        .column("scope", context.pick("范围", "travels to"))
        .number("size", context.pick("条数", "size"))
        .number("waiting", context.pick("待签收", "waiting"))
        .column("receipts", context.pick("签收", "acknowledged"));
    for own in &standing.own {
        let receipts = own
            .receipts
            .iter()
            .map(|(union, size, at)| format!("{} {size} {}", context.short(*union), context.moment(*at)));
        table.row(vec![
            Cell::same(&own.feed.to_string()[..8]),
            Cell::same(scope(context, own)),
            Cell::count(own.size),
            Cell::count(own.waiting),
            Cell::same(receipts.collect::<Vec<_>>().join("; ")),
        ]);
    }
    table
}

fn scope(context: &CommandContext, own: &Own) -> String {
    match own.scope {
        Scope::Own(Reach::Union) => context.pick("本单位", "this union").to_owned(),
        Scope::Own(Reach::Province) => context.pick("至省级", "the province").to_owned(),
        Scope::Own(Reach::Nation) => context.pick("至全国", "the nation").to_owned(),
        Scope::Branch(branch) => context.pick("下级：", "below: ").to_owned() + &context.short(branch),
        Scope::PersonalBranch(branch) => {
            context.pick("下级（不出省）：", "below, within the province: ").to_owned() + &context.short(branch)
        }
        Scope::Everyone => context.pick("全体下级", "all below").to_owned(),
        Scope::Warning(_) => context.pick("预警", "early warnings").to_owned(),
        Scope::Newer => context.pick("版本较新", "a newer version's").to_owned(),
    }
}

fn json_of(context: &CommandContext, opened: &OpenHome, standing: &Standing) -> Json {
    let config = &opened.home.config;
    let links = standing.links.iter().map(|link| {
        json!({
            "union": u64::from(link.union), "device": link.device.to_string(), "last_try": link.last_try,
            "last_success": link.last_success, "error": link.error,
        })
    });
    let own = standing.own.iter().map(|own| {
        let receipts = own.receipts.iter();
        let receipts =
            receipts.map(|(by, size, at)| json!({ "union": u64::from(*by), "size": size, "received_at": at }));
        json!({
            "feed": own.feed.to_string(), "size": own.size, "waiting": own.waiting, "oldest": own.oldest,
            "receipts": receipts.collect::<Vec<_>>(),
        })
    });
    let unknown = standing.unknown.iter();
    let unknown =
        unknown.map(|u| json!({ "feed": u.feed.to_string(), "union": u64::from(u.union), "operations": u.operations }));
    let evidence = standing.evidence.iter();
    let evidence = evidence.map(|kept| {
        let evidence = &kept.evidence;
        json!({ "no": kept.no, "feed": evidence.feed.to_string(), "seen_at": evidence.seen_at, "what": evidence.what.word() })
    });
    let now = (context.clock)();
    let certificates = standing.certificates.as_ref();
    let certificates = certificates.map(|of| json!({ "from": of.from, "to": of.to, "days_left": of.days(now) }));
    json!({
        "program": context.program.name(), "network": config.network, "union": u64::from(config.union), "hub": config.hub,
        "device": opened.me.device().to_string(), "incarnation": opened.me.memory.incarnation(),
        "parent": config.parent.as_ref().map(|p| json!({ "union": u64::from(p.union), "address": p.address })),
        "root": standing.root.map(|root| root.to_string()),
        "waiting": standing.waiting(), "oldest_waiting": standing.oldest(),
        "links": links.collect::<Vec<_>>(), "feeds": own.collect::<Vec<_>>(),
        "keys": standing.kept.word(), "conflicts": standing.conflicts, "quarantine": standing.quarantine,
        "not_enrolled": unknown.collect::<Vec<_>>(), "newer": standing.newer, "evidence": evidence.collect::<Vec<_>>(),
        "unread_numbers": standing.unread_numbers,
        "certificates": certificates,
        "attention": standing.attention(), "inbox": inbox::json_of(&standing.first),
        "counts": inbox::counts(&standing.survey.counts),
    })
}
