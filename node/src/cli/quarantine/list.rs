//! `quarantine list`: what is held, a line each; feeds of strangers a line each, because they wait whole.

use anyhow::Result;
use huiliu_proto::{
    kind::numbered,
    lang::{Label, Lang},
};
use serde_json::{Value as Json, json};

use super::told;
use crate::{
    admission::{Grounds, Reason},
    app::quarantine::{self, Page, Row, Whole},
    cli::{
        CommandContext,
        error::{Exit, grounds_json},
        table::{Cell, Table, both_languages, brief},
    },
    store::{evidence::EvidenceKind, feeds::FeedRow, quarantine::Held},
};

#[derive(Debug, clap::Args)]
pub struct List {
    /// Also what was rejected
    #[arg(long)]
    all: bool,
    /// Go on after this line
    #[arg(long, value_name = "WHICH")]
    after: Option<String>,
    /// So many lines at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

/// The word for feeds whose device is not enrolled.
const NOT_ENROLLED: &str = "not-enrolled";

impl List {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let Page { rows, next, open } = opened.look(|conn| {
            let after = self.after.as_deref().map(|typed| quarantine::find(conn, typed)).transpose().map_err(told)?;
            Ok(quarantine::page(conn, after.as_ref(), usize::from(self.most), self.all)?)
        })?;
        let mut table = Table::new()
            .column("which", context.pick("位置", "which"))
            .column("union", context.pick("单位", "union"))
            .column("kind", context.pick("种类", "kind"))
            .column("record", context.pick("编号", "id"))
            .column("reason", context.pick("原因", "reason"))
            .column("detail", context.pick("说明", "what it means"));
        for row in &rows {
            table.row(match row {
                Row::Feed { feed, why, rejected } => stranger(context, feed, why, *rejected),
                Row::Operation { feed, held, why, rejected } => operation(context, feed, held, why, *rejected),
            });
        }
        let nothing = context.pick("待核区没有待处理的内容", "nothing is in quarantine");
        let next = next.map(|place| place.to_string());
        context.answer(
            || json!({ "held": with_rules(table.json(), &rows), "next": next, "open": open }),
            || if table.is_empty() { nothing.to_owned() } else { table.words() },
        )?;
        context.note_next(next);
        if open && !context.json {
            context.note(context.pick(
                "用 quarantine show 位置 查看内容和处理办法",
                "see what it is and what can be done with `quarantine show WHICH`",
            ));
        }
        Ok(if open { Exit::Attention } else { Exit::Done })
    }
}

/// What each line breaks, which people read as a sentence.
fn with_rules(mut lines: Json, rows: &[Row]) -> Json {
    for (line, row) in lines.as_array_mut().into_iter().flatten().zip(rows) {
        line["rules"] = match row {
            Row::Operation { why, .. } => grounds_json(why),
            Row::Feed { .. } => json!([]),
        };
    }
    lines
}

fn operation(context: &CommandContext, row: &FeedRow, held: &Held, why: &Grounds, rejected: bool) -> Vec<Cell> {
    let kind = match numbered(held.kind) {
        Some(kind) => Cell::new(context.label(&kind.label), kind.name),
        None => Cell::new(held.kind.to_string(), held.kind),
    };
    let words = why.words();
    let (id, feed) = (held.record.to_string(), row.feed.id.to_string());
    vec![
        Cell::new(format!("{}#{}", &feed[..8], held.seq), format!("{feed}#{}", held.seq)),
        Cell::new(context.short(row.feed.union), u64::from(row.feed.union)),
        kind,
        Cell::new(&id[..16], id.as_str()),
        Cell::new(context.label(&reason_label(&held.reason, rejected)), held.reason.as_str()),
        Cell::new(brief(context.label(&words), 80), both_languages(&words)),
    ]
}

fn stranger(context: &CommandContext, row: &FeedRow, why: &Whole, rejected: bool) -> Vec<Cell> {
    let feed = row.feed.id.to_string();
    let (reason, detail) = waits_whole(why);
    let count = row.size() - row.applied;
    let said = match context.lang {
        Lang::Zh => format!("全部{count}条"),
        Lang::En => format!("all {count}"),
    };
    vec![
        Cell::new(&feed[..8], feed.as_str()),
        Cell::new(context.short(row.feed.union), u64::from(row.feed.union)),
        Cell::new(said, count),
        Cell::none(),
        Cell::new(context.label(&reason_label(reason, rejected)), reason),
        Cell::new(brief(context.label(&detail), 80), both_languages(&detail)),
    ]
}

/// Why a feed waits whole, in a word and in a sentence.
pub fn waits_whole(why: &Whole) -> (&'static str, Label) {
    let (device, union, enrolled_for) = match why {
        Whole::Newer => {
            let why = Label::new(
                "该数据流水由较新版本的程序开立，本机程序读不懂；已留存并转报，升级本机程序后自动处理",
                "a newer version of the program began this feed, and this one cannot read it; it is kept and relayed, and judged \
                 by itself once this program is upgraded",
            );
            return (Reason::Newer.word(), why);
        }
        Whole::Altered(found) => return (EvidenceKind::Altered.word(), found.clone()),
        Whole::NotEnrolled { device, union, enrolled_for } => (device.to_string(), union, enrolled_for),
    };
    let device = &device[..16];
    let above = union.enroller().union_name();
    let why = match enrolled_for {
        Some(other) => Label::new(
            format!(
                "设备 {device} 登记在{}名下，却以{}的名义填写；不计入。请{above}核实，确认后登记，或用 quarantine reject 裁定不计入",
                other.union_name(),
                union.union_name()
            ),
            format!(
                "device {device} is enrolled for {other}, and writes in the name of {union}; it does not count. The union above \
                 looks into it, and enrols it or rejects what it wrote"
            ),
        ),
        None => Label::new(
            format!("设备 {device} 未登记为{}的设备；{above}登记后自动计入", union.union_name()),
            format!("device {device} is not enrolled for {union}; it counts by itself once the union above enrols it"),
        ),
    };
    (NOT_ENROLLED, why)
}

pub fn reason_label(word: &str, rejected: bool) -> Label {
    let label = match Reason::ALL.into_iter().find(|r| r.word() == word) {
        Some(reason) => reason.label(),
        None if word == EvidenceKind::Altered.word() => EvidenceKind::Altered.label(),
        None => Label::new("设备未登记", "not enrolled"),
    };
    match rejected {
        true => Label::new(format!("{}（已裁定不计）", label.zh), format!("{} (rejected)", label.en)),
        false => label,
    }
}
