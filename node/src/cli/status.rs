//! `status`: how things stand. Never good news about what failed, and code 3 where a person has to look.

mod expiry;
mod standing;

use anyhow::Result;
use huiliu_proto::{
    feed::Scope,
    kind::Reach,
    lang::{self, Lang},
    shown,
};
use serde_json::{Value as Json, json};

use self::{
    expiry::Expiry,
    standing::{Need, Own, Standing},
};
use super::{
    Desk,
    desk::Office,
    error::{Exit, system},
    table::{Cell, Table},
};
use crate::store::evidence::What;

#[derive(Debug, clap::Args)]
pub struct Status {}

impl Status {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let standing = office.look(|conn| Standing::read(conn, office.me.union, &office.home.keys))?;
        let expiry = Expiry::read(desk, &office)?;
        let expiry = expiry.as_ref();
        desk.answer(|| json_of(desk, &office, &standing, expiry), || words(desk, &office, &standing, expiry))?;
        let needed = !standing.needs().is_empty() || expiry.is_some_and(Expiry::needs_a_person);
        Ok(if needed { Exit::Attention } else { Exit::Done })
    }
}

fn words(desk: &Desk, office: &Office, standing: &Standing, expiry: Option<&Expiry>) -> String {
    let config = &office.home.config;
    let mut lines = vec![format!(
        "{}（{}）  {}{}  {}{}",
        config.union.union_name(),
        config.union,
        desk.pick("网络 ", "network "),
        shown::line(&config.network),
        desk.pick("设备 ", "device "),
        &office.me.device().to_string()[..16]
    )];
    lines.push(match &config.parent {
        Some(parent) => {
            format!("{}{}（{}）", desk.pick("上级：", "above: "), parent.union.union_name(), parent.address)
        }
        None if config.root == Some(office.me.device()) => desk.pick("全国平台", "the root of the network").to_owned(),
        None => {
            desk.pick("尚未加入上级：记录照常，暂不报送", "not joined yet: records are kept and not sent").to_owned()
        }
    });
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
    let needs = standing.needs();
    lines.extend(
        needs.iter().map(|need| format!("{}{}", desk.pick("需要处理：", "to do: "), say(desk, *need, standing))),
    );
    lines.extend(expiry.and_then(|expiry| expiry.words(desk)));
    // What is asked of a person in words of its own; the rest is in `evidence list`.
    let spoken = [What::Enrolled, What::Withheld, What::Split];
    for kept in standing.evidence.iter().filter(|kept| spoken.contains(&kept.evidence.what)) {
        let detail = &kept.evidence.detail;
        lines.push(format!("  {}. {}", kept.no, shown::line(desk.pick(&detail.zh, &detail.en))));
    }
    if standing.unread_numbers > 0 {
        let text = desk.pick(
            "身份证号在本级无法解密或不是有效号码、因而未参与核对的人数：",
            "people whose identity number cannot be opened here or is none, and is compared with nobody's: ",
        );
        lines.push(format!("{text}{}", standing.unread_numbers));
    }
    if needs.is_empty() && !expiry.is_some_and(Expiry::needs_a_person) {
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
            Cell::same(link.union.union_name()),
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
            own.receipts.iter().map(|(union, size, at)| format!("{} {size} {}", union.name(), desk.moment(*at)));
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
        Scope::Branch(branch) => desk.pick("下级：", "below: ").to_owned() + &branch.name(),
        Scope::PersonalBranch(branch) => {
            desk.pick("下级（不出省）：", "below, within the province: ").to_owned() + &branch.name()
        }
        Scope::Everyone => desk.pick("全体下级", "all below").to_owned(),
        Scope::Warning(_) => desk.pick("预警", "early warnings").to_owned(),
        Scope::Newer => desk.pick("版本较新", "a newer version's").to_owned(),
    }
}

fn say(desk: &Desk, need: Need, standing: &Standing) -> String {
    let held: u64 = standing.quarantine.values().sum();
    let (zh, en) = match need {
        Need::Line => (
            "最近一次交换没有成功，见上表；检查网络后运行 sync".to_owned(),
            "the last exchange did not succeed, see above; check the line and run `sync`".to_owned(),
        ),
        Need::Conflicts => (
            format!("{}处各设备填写不一致；用 record show 查看、record edit 选定", standing.conflicts),
            format!(
                "{} on which devices disagree; see `record show`, decide with `record edit`",
                lang::count(standing.conflicts, "field", "fields")
            ),
        ),
        Need::Quarantine => {
            (format!("待核区有{held}条；运行 quarantine 查看原因"), format!("{held} in quarantine; see `quarantine`"))
        }
        Need::Enrolment => (
            format!("{}条数据流水的设备尚未登记，内容暂不计入；等待其上级登记", standing.unknown.len()),
            format!(
                "{} of devices not enrolled; what is in it counts once their union above enrols them",
                lang::count(standing.unknown.len() as u64, "feed", "feeds")
            ),
        ),
        Need::Upgrade => (
            format!("{}条数据流水由较新版本的程序开立，内容暂不计入；请升级本机程序", standing.newer),
            format!(
                "{} that a newer version began; what is in it counts once this program is upgraded",
                lang::count(standing.newer, "feed", "feeds")
            ),
        ),
        Need::Evidence => (
            format!(
                "有{}件异常情况待核实（新设备登记、旧备份恢复、硬盘复制、疑似篡改等）；用 evidence list 查看",
                standing.evidence.len()
            ),
            format!(
                "{} to look into; see `evidence list`",
                lang::count(standing.evidence.len() as u64, "piece of evidence", "pieces of evidence")
            ),
        ),
        Need::Exposed => {
            let paths: Vec<String> = standing.exposed.iter().map(|path| path.display().to_string()).collect();
            let command = format!("chmod go= {}", paths.join(" "));
            (
                format!("他人可以读取本机密钥；运行 {command}"),
                format!("others may read this machine's keys; run `{command}`"),
            )
        }
        Need::HalfSealed => (
            "密钥的加密或解除没有完成；再运行一次 keys seal 或 keys unseal".to_owned(),
            "sealing or unsealing the keys broke off; run `keys seal` or `keys unseal` again".to_owned(),
        ),
    };
    desk.pick(&zh, &en).to_owned()
}

fn json_of(desk: &Desk, office: &Office, standing: &Standing, expiry: Option<&Expiry>) -> Json {
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
    let expiring = expiry.is_some_and(Expiry::needs_a_person).then_some("certificate");
    let attention = standing.needs().into_iter().map(Need::word).chain(expiring);
    json!({
        "program": desk.program.name(), "network": config.network, "union": u64::from(config.union), "hub": config.hub,
        "device": office.me.device().to_string(), "incarnation": office.me.memory.incarnation(),
        "parent": config.parent.as_ref().map(|p| json!({ "union": u64::from(p.union), "address": p.address })),
        "waiting": standing.waiting(), "oldest_waiting": standing.oldest(),
        "links": links.collect::<Vec<_>>(), "feeds": own.collect::<Vec<_>>(),
        "keys": standing.kept.word(), "conflicts": standing.conflicts, "quarantine": standing.quarantine,
        "not_enrolled": unknown.collect::<Vec<_>>(), "newer": standing.newer, "evidence": evidence.collect::<Vec<_>>(),
        "unread_numbers": standing.unread_numbers,
        "certificates": expiry.map(Expiry::json),
        "attention": attention.collect::<Vec<_>>(),
    })
}
