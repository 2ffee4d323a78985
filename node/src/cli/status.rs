//! `status`: how things stand. Never good news about what failed, and code 3 where a person has to look.

use anyhow::Result;
use huiliu_proto::{feed::Scope, kind::Reach, lang::Lang, shown};
use serde_json::{Value as Json, json};

use super::{
    Desk,
    desk::Office,
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
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let (standing, todo) = office.look(|conn| {
            let standing = status::read(&inbox::look(desk, &office, conn), SHOWN)?;
            let lines = inbox::lines(desk, conn, &standing.first.entries)?;
            Ok((standing, lines))
        })?;
        desk.answer(|| json_of(desk, &office, &standing), || words(desk, &office, &standing, todo))?;
        Ok(if standing.needs_a_person() { Exit::Attention } else { Exit::Done })
    }
}

fn words(desk: &Desk, office: &Office, standing: &Standing, todo: Vec<String>) -> String {
    let config = &office.home.config;
    let mut lines = vec![format!(
        "{}（{}）  {}{}  {}{}",
        desk.called(config.union),
        config.union,
        desk.pick("网络 ", "network "),
        shown::line(&config.network),
        desk.pick("设备 ", "device "),
        &office.me.device().to_string()[..16]
    )];
    lines.push(match &config.parent {
        Some(parent) => {
            format!("{}{}（{}）", desk.pick("上级：", "above: "), desk.called(parent.union), parent.address)
        }
        None if config.root == Some(office.me.device()) => desk.pick("全国平台", "the root of the network").to_owned(),
        None => {
            desk.pick("尚未加入上级：记录照常，暂不报送", "not joined yet: records are kept and not sent").to_owned()
        }
    });
    if let Some(root) = standing.root {
        lines.push(format!("{}{root}", desk.pick("全网校验码：", "the network's fingerprint: ")));
    }
    if config.parent.is_some() {
        lines.push(waiting(desk, standing));
    }
    if let Some(table) = links(desk, standing) {
        lines.push(table.words());
    }
    let own = feeds(desk, standing);
    if !own.is_empty() {
        lines.push(own.words());
    }
    lines.extend(todo);
    let (left, more) = standing.left();
    if left > 0 {
        lines.push(match desk.lang {
            Lang::Zh => format!("另有{}{left}项待办，用 inbox 查看", if more { "至少" } else { "" }),
            Lang::En => format!("and {}{left} more, see `inbox`", if more { "at least " } else { "" }),
        });
    }
    if !standing.needs_a_person() {
        lines.push(desk.pick("没有需要人处理的事项", "nothing needs a person").to_owned());
    }
    lines.join("\n")
}

fn waiting(desk: &Desk, standing: &Standing) -> String {
    let count = standing.waiting();
    let since = standing.oldest().map(|time| desk.moment(time)).unwrap_or_default();
    match (desk.lang, count) {
        (Lang::Zh, 0) => "上级已全部签收".to_owned(),
        (Lang::Zh, n) => format!("等待上级签收：{n}条，最早一条写于{since}"),
        (Lang::En, 0) => "all is acknowledged by the union above".to_owned(),
        (Lang::En, n) => format!("waiting to be acknowledged: {n}, the oldest written {since}"),
    }
}

fn links(desk: &Desk, standing: &Standing) -> Option<Table> {
    let mut table = Table::new()
        .column("union", desk.pick("对方", "neighbour"))
        .column("success", desk.pick("最近成功", "last success"))
        .column("try", desk.pick("最近尝试", "last try"))
        .column("error", desk.pick("问题", "trouble"));
    for link in &standing.links {
        let success = link.last_success.map_or_else(|| desk.pick("从未", "never").to_owned(), |t| desk.moment(t));
        table.row(vec![
            Cell::same(desk.called(link.union)),
            Cell::same(success),
            Cell::same(desk.moment(link.last_try)),
            match &link.error {
                Some(error) => Cell::new(desk.pick(&system::cause(error), error), error.as_str()),
                None => Cell::none(),
            },
        ]);
    }
    (!table.is_empty()).then_some(table)
}

fn feeds(desk: &Desk, standing: &Standing) -> Table {
    let mut table = Table::new()
        .column("feed", desk.pick("本机数据流水", "own feed"))
        .column("scope", desk.pick("范围", "travels to"))
        .number("size", desk.pick("条数", "size"))
        .number("waiting", desk.pick("待签收", "waiting"))
        .column("receipts", desk.pick("签收", "acknowledged"));
    for own in &standing.own {
        let receipts =
            own.receipts.iter().map(|(union, size, at)| format!("{} {size} {}", desk.short(*union), desk.moment(*at)));
        table.row(vec![
            Cell::same(&own.feed.to_string()[..8]),
            Cell::same(scope(desk, own)),
            Cell::count(own.size),
            Cell::count(own.waiting),
            Cell::same(receipts.collect::<Vec<_>>().join("; ")),
        ]);
    }
    table
}

fn scope(desk: &Desk, own: &Own) -> String {
    match own.scope {
        Scope::Own(Reach::Union) => desk.pick("本单位", "this union").to_owned(),
        Scope::Own(Reach::Province) => desk.pick("至省级", "the province").to_owned(),
        Scope::Own(Reach::Nation) => desk.pick("至全国", "the nation").to_owned(),
        Scope::Branch(branch) => desk.pick("下级：", "below: ").to_owned() + &desk.short(branch),
        Scope::PersonalBranch(branch) => {
            desk.pick("下级（不出省）：", "below, within the province: ").to_owned() + &desk.short(branch)
        }
        Scope::Everyone => desk.pick("全体下级", "all below").to_owned(),
        Scope::Warning(_) => desk.pick("预警", "early warnings").to_owned(),
        Scope::Newer => desk.pick("版本较新", "a newer version's").to_owned(),
    }
}

fn json_of(desk: &Desk, office: &Office, standing: &Standing) -> Json {
    let config = &office.home.config;
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
    let now = (desk.clock)();
    let certificates = standing.certificates.as_ref();
    let certificates = certificates.map(|of| json!({ "from": of.from, "to": of.to, "days_left": of.days(now) }));
    json!({
        "program": desk.program.name(), "network": config.network, "union": u64::from(config.union), "hub": config.hub,
        "device": office.me.device().to_string(), "incarnation": office.me.memory.incarnation(),
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
