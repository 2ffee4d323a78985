//! What a file proves, in words and for programs; and what it does not prove.

use huiliu_proto::{
    id::DeviceId,
    kind::numbered,
    lang::{self, Lang},
    proof::{Counts, Link, Proven, ProvenFeed, ProvenOperation, Subject},
    shown,
    signed::Receipt,
    union::UnionNumber,
};
use serde_json::{Value as Json, json};

use super::fields;
use crate::{
    cli::{CommandContext, record::view},
    proof::said::Said,
};

fn short(id: &dyn std::fmt::Display, digits: usize) -> String {
    id.to_string()[..digits].to_owned()
}

pub fn words(context: &CommandContext, proven: &Proven, said: Option<&Said>) -> String {
    let mut lines = vec![match context.lang {
        Lang::Zh => {
            format!("属实。网络 {}，全网校验码 {}", shown::line(&proven.root.network), proven.root.fingerprint())
        }
        Lang::En => {
            format!("proven. Network {}, root {}", shown::line(&proven.root.network), proven.root.fingerprint())
        }
    }];
    let mut devices: Vec<(DeviceId, UnionNumber)> = vec![];
    match &proven.subject {
        Subject::Record(id) => {
            lines.extend(record(context, proven, said, &id.to_string()));
            for feed in &proven.feeds {
                lines.extend(places(context, proven, feed));
            }
            devices.extend(proven.operations().map(|(feed, _)| (feed.feed.device, feed.feed.union)));
            let feeds = proven.feeds.iter().filter(|f| !f.receipts.is_empty());
            let receipts: Vec<&Receipt> = feeds.flat_map(|f| &f.receipts).collect();
            if receipts.is_empty() {
                lines.push(
                    context
                        .pick(
                            "没有任何上级的签收：只证明该设备签过名",
                            "no hub's receipt is in it: it proves only what that device signed",
                        )
                        .to_owned(),
                );
            }
            for receipt in receipts {
                lines.push(acknowledged(context, receipt));
                devices.push((receipt.device, receipt.union));
            }
        }
        Subject::Receipt { receipt, .. } => {
            lines.push(whose(context, proven, receipt));
            lines.push(acknowledged(context, receipt));
            devices.push((receipt.device, receipt.union));
        }
        Subject::Growth { older, newer, .. } => {
            lines.push(whose(context, proven, older));
            lines.push(
                context
                    .pick(
                        "两份签收前后衔接、内容一致：前一份所含的内容，没有一条被改动或拿掉",
                        "both receipts speak of one history: nothing that was in the first was changed or taken out",
                    )
                    .to_owned(),
            );
            for receipt in [older, newer] {
                lines.push(acknowledged(context, receipt));
                devices.push((receipt.device, receipt.union));
            }
        }
    }
    if !devices.is_empty() && proven.feeds.iter().any(|f| !f.receipts.is_empty()) {
        lines.push(
            context
                .pick(
                    "签收只说明该平台收存了这些字节，不说明其计入",
                    "a receipt says that the hub kept these bytes, not that they count",
                )
                .to_owned(),
        );
    }
    lines.extend(chain(context, proven, &devices));
    lines.extend(counts(context, proven));
    lines.extend(limits(context, proven));
    lines.join("\n")
}

fn record(context: &CommandContext, proven: &Proven, said: Option<&Said>, id: &str) -> Vec<String> {
    let kind = proven.operations().next().and_then(|(_, o)| numbered(o.operation.kind));
    let label = kind.map_or_else(|| context.pick("记录", "record").to_owned(), |k| context.label(&k.label).to_owned());
    let mut lines = vec![format!("{label} {id}")];
    lines.push(match said {
        Some(Said::Entry(record)) => fields::entry(context, record),
        Some(Said::Document { kind, fields, edits }) => {
            let table = fields::document(context, proven, kind, fields);
            match context.lang {
                Lang::Zh => format!(
                    "{table}\n以上是文件内{edits}次填写、修改之后的内容；签收所涵盖的数据流水中可能还有此后的修改，不在文件内"
                ),
                Lang::En => format!(
                    "{table}\nas it stands after the {} in the file; what the receipts cover may hold later edits that are not in it",
                    lang::count(*edits as u64, "edit", "edits")
                ),
            }
        }
        Some(Said::Destroyed(_)) => context
            .pick(
                "文件中没有其内容（已销毁，或做文件的人略去）：只证明它曾被写下",
                "its contents are not in the file, destroyed or left out: it is proven only that they were written",
            )
            .to_owned(),
        Some(Said::Newer(number)) => match context.lang {
            Lang::Zh => format!("记录种类 {number} 由更新的版本写成：只证明它曾被写下；要看内容请升级本程序"),
            Lang::En => format!(
                "kind {number} is of a newer version: it is proven only that it was written; upgrade this program to read it"
            ),
        },
        None => return vec![],
    });
    lines
}

/// More places than these are not listed one by one.
const LISTED: usize = 12;

/// Who wrote the record's operations of one feed, where they stand, and when the device says.
fn places(context: &CommandContext, proven: &Proven, feed: &ProvenFeed) -> Vec<String> {
    let own: Vec<&ProvenOperation> =
        proven.operations().filter(|(f, _)| f.feed.id == feed.feed.id).map(|(_, o)| o).collect();
    let (Some(first), Some(last)) = (own.first(), own.last()) else { return vec![] };
    let (union, size) = (feed.feed.union, feed.head.as_ref().map_or(0, |h| h.size));
    let (device, id) = (short(&feed.feed.device, 16), short(&feed.feed.id, 8));
    let at = listed(&own);
    let mut when = context.moment(first.operation.time);
    if own.len() > 1 {
        when += &format!("{}{}", context.pick(" 至 ", " to "), context.moment(last.operation.time));
    }
    let name = union.union_name();
    let mut lines = vec![match context.lang {
        Lang::Zh => format!(
            "写入：{name}（{union}）设备 {device}，数据流水 {id} {at}（共{size}条）；其本机时间 {when}（未经上级核证）"
        ),
        Lang::En => {
            format!(
                "written by {name} ({union}), device {device}, in feed {id} as {at} of {size}; the device says {when}"
            )
        }
    }];
    let alone: Vec<&ProvenOperation> = own.into_iter().filter(|o| holders(feed, o).next().is_none()).collect();
    if !alone.is_empty() && !feed.receipts.is_empty() {
        let what = context.pick("其中没有任何签收涵盖的：", "of these no receipt covers: ");
        lines.push(format!("{what}{}", listed(&alone)));
    }
    lines
}

fn listed(operations: &[&ProvenOperation]) -> String {
    let all = operations.iter().map(|o| format!("#{}", o.position));
    match operations {
        [first, .., last] if operations.len() > LISTED => {
            format!("#{} … #{} ({})", first.position, last.position, operations.len())
        }
        _ => all.collect::<Vec<_>>().join(", "),
    }
}

/// Receipts that cover an operation.
fn holders<'a>(feed: &'a ProvenFeed, operation: &ProvenOperation) -> impl Iterator<Item = &'a Receipt> {
    let position = operation.position;
    feed.receipts.iter().filter(move |r| r.size > position)
}

fn acknowledged(context: &CommandContext, receipt: &Receipt) -> String {
    let (union, device) = (receipt.union, short(&receipt.device, 16));
    let (size, when) = (receipt.size, context.moment(receipt.received_at));
    let feed = short(&receipt.feed, 8);
    match context.lang {
        Lang::Zh => format!(
            "签收：{}（{union}）平台 {device}，至迟自 {when} 起，数据流水 {feed} 的前{size}条在其硬盘上",
            union.union_name()
        ),
        Lang::En => format!(
            "on the disk of {} ({union}), hub {device}, since {when} at the latest: the first {size} of feed {feed}",
            union.union_name()
        ),
    }
}

/// Whose feed a receipt is for.
fn whose(context: &CommandContext, proven: &Proven, receipt: &Receipt) -> String {
    let union = proven.feed(&receipt.feed).map(|f| f.feed.union);
    let device = proven.feed(&receipt.feed).map(|f| short(&f.feed.device, 16)).unwrap_or_default();
    let name = union.map(|u| format!("{}（{u}）", u.union_name())).unwrap_or_default();
    match context.lang {
        Lang::Zh => format!("{name}设备 {device} 的数据流水 {}", receipt.feed),
        Lang::En => format!("feed {} of {name}, device {device}", receipt.feed),
    }
}

/// Each enrolment once, the root's first.
fn links(proven: &Proven, devices: &[(DeviceId, UnionNumber)]) -> Vec<Link> {
    let mut all: Vec<Link> = vec![];
    let mut devices = devices.to_vec();
    devices.sort_unstable();
    devices.dedup();
    for (device, union) in &devices {
        for link in proven.chain(device, *union) {
            if !all.contains(&link) {
                all.push(link);
            }
        }
    }
    all.sort_by_key(|l| (l.union.level(), l.union, l.device));
    all
}

fn chain(context: &CommandContext, proven: &Proven, devices: &[(DeviceId, UnionNumber)]) -> Vec<String> {
    let root = short(&proven.root.device, 16);
    let mut lines = vec![match context.lang {
        Lang::Zh => format!("登记：一切登记始于{}的平台 {root}", UnionNumber::NATION.union_name()),
        Lang::En => format!("enrolled: the root is the hub {root} of {}", UnionNumber::NATION.union_name()),
    }];
    for link in links(proven, devices) {
        let (by, union) = (link.by.union_name(), link.union.union_name());
        let (device, at) = (short(&link.device, 16), format!("{} #{}", short(&link.feed, 8), link.position));
        let from = link.from.map(|day| day.to_string()).unwrap_or_default();
        lines.push(match context.lang {
            Lang::Zh => format!(
                "　　　{by}登记{union}的{} {device}，自 {from}（数据流水 {at}）",
                if link.hub { "平台" } else { "设备" }
            ),
            Lang::En => format!(
                "          {by} enrolled the {} {device} of {union} from {from} (feed {at})",
                if link.hub { "hub" } else { "device" }
            ),
        });
    }
    lines
}

/// As of which day the record counts, and by whose word; nothing where the file is about no record.
pub fn counts(context: &CommandContext, proven: &Proven) -> Option<String> {
    if !matches!(proven.subject, Subject::Record(_)) {
        return None;
    }
    let Some(Counts { as_of, says, shown }) = proven.counts() else {
        return Some(
            context
                .pick(
                    "文件没有证明它计入：写入的设备此前可能已被注销，此条也可能列入待核区",
                    "it is not shown to count: its device may have been revoked before, and it may be in quarantine",
                )
                .to_owned(),
        );
    };
    // Nobody is above the root's own device.
    let Some(as_of) = as_of else {
        return Some(context.pick("它由全国总工会写入，无须上级说明", "the root itself wrote it").to_owned());
    };
    let by: Vec<String> = says.iter().map(|(union, day)| format!("{} {day}", union.union_name())).collect();
    let by = by.join(context.pick("，", ", "));
    Some(match (context.lang, shown) {
        (Lang::Zh, true) => format!("截至 {as_of} 计入：各级上级直至全国总工会均如此说明（{by}）"),
        (Lang::En, true) => format!("counts as of {as_of}: every level above says so, up to the root ({by})"),
        (Lang::Zh, false) => {
            format!("据{by}说明，截至 {as_of} 计入；未证明作此说明的平台当时未被注销")
        }
        (Lang::En, false) => format!(
            "counts as of {as_of} by the word of {by}; it is not shown that this hub's own device had not been revoked"
        ),
    })
}

fn limits(context: &CommandContext, proven: &Proven) -> Vec<String> {
    let what = match (&proven.subject, proven.counts()) {
        (Subject::Record(_), Some(Counts { as_of: Some(day), .. })) => match context.lang {
            Lang::Zh => format!("不能证明：{day} 之后没有更正、红冲、作废或设备注销；所填内容与事实相符（填写人可能填错）"),
            Lang::En => format!(
                "not proven: that no correction, reversal, void or revocation came after {day}; that what people wrote is true"
            ),
        },
        (Subject::Record(_), _) => context
            .pick(
                "不能证明：此前没有设备注销，此后没有更正、红冲、作废或设备注销；所填内容与事实相符（填写人可能填错）",
                "not proven: that no revocation came before, and no correction, reversal, void or revocation later; that what people wrote is true",
            )
            .to_owned(),
        _ => context
            .pick(
                "不能证明：数据流水里写了什么，是否计入；签收的平台当时未被注销；此后有没有新的内容或设备注销",
                "not proven: what is written in the feed and whether it counts; that the hub had not been revoked before; that nothing new and no revocation came later",
            )
            .to_owned(),
    };
    let mut lines = vec![what];
    if matches!(proven.subject, Subject::Record(_)) {
        lines.push(
            context.pick(
                "记录以单位、设备和编号为准：同一编号之下若另有文件，两者不是同一条记录",
                "a record is named by union, device and id: another file under the same id from elsewhere is another record",
            )
            .to_owned(),
        );
    }
    lines
}

pub fn json(proven: &Proven, said: Option<&Said>) -> Json {
    let mut object = json!({
        "proven": true,
        "network": proven.root.network,
        "root": proven.root.fingerprint().to_string(),
    });
    let mut devices = vec![];
    let mut receipts = vec![];
    match &proven.subject {
        Subject::Record(id) => {
            object["what"] = "record".into();
            object["record"] = id.to_string().into();
            said_json(&mut object, said);
            let operations = proven.operations().map(|(feed, o)| {
                devices.push((feed.feed.device, feed.feed.union));
                json!({
                    "union": u64::from(feed.feed.union), "device": feed.feed.device.to_string(),
                    "feed": feed.feed.id.to_string(), "seq": o.position,
                    "size": feed.head.as_ref().map(|h| h.size), "claimed_at": o.operation.time,
                    "acknowledged_by": holders(feed, o).map(|r| u64::from(r.union)).collect::<Vec<_>>(),
                })
            });
            object["operations"] = operations.collect();
            object["counts"] = proven.counts().map_or(Json::Null, |counts| {
                let says =
                    counts.says.iter().map(|(u, day)| json!({ "union": u64::from(*u), "as_of": day.to_string() }));
                json!({
                    "as_of": counts.as_of.map(|day| day.to_string()), "up_to_the_root": counts.shown,
                    "says": says.collect::<Vec<_>>(),
                })
            });
            receipts.extend(proven.feeds.iter().flat_map(|f| &f.receipts));
        }
        Subject::Receipt { receipt, .. } => {
            object["what"] = "receipt".into();
            receipts.push(receipt);
        }
        Subject::Growth { older, newer, .. } => {
            object["what"] = "consistency".into();
            receipts.extend([older, newer]);
        }
    }
    devices.extend(receipts.iter().map(|r| (r.device, r.union)));
    let receipts = receipts.into_iter().map(|r| {
        json!({
            "union": u64::from(r.union), "device": r.device.to_string(), "feed": r.feed.to_string(),
            "of": proven.feed(&r.feed).map(|f| u64::from(f.feed.union)), "size": r.size, "received_at": r.received_at,
        })
    });
    object["receipts"] = receipts.collect();
    let chain = links(proven, &devices).into_iter().map(|l| {
        json!({
            "by": u64::from(l.by), "by_device": l.by_device.to_string(), "feed": l.feed.to_string(), "seq": l.position,
            "union": u64::from(l.union), "device": l.device.to_string(), "hub": l.hub,
            "from": l.from.map(|day| day.to_string()),
        })
    });
    object["enrolments"] = chain.collect();
    object
}

fn said_json(object: &mut Json, said: Option<&Said>) {
    match said {
        Some(Said::Entry(record)) => {
            object["kind"] = record.kind.name.into();
            object["fields"] = view::object(&record.kind.fields, record.values());
        }
        Some(Said::Document { kind, fields, .. }) => {
            let (values, conflicts) = fields::document_json(kind, fields);
            object["kind"] = kind.name.into();
            object["fields"] = values;
            object["conflicts"] = conflicts;
        }
        Some(Said::Destroyed(kind)) => {
            object["kind"] = kind.name.into();
            object["destroyed"] = true.into();
        }
        Some(Said::Newer(number)) => object["kind"] = (*number).into(),
        None => {}
    }
}
