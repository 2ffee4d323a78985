//! `quarantine list`: what is held, a line each; feeds of strangers a line each, because they wait whole.

use anyhow::Result;
use huiliu_proto::{kind::numbered, lang::Label, v1::Ruling};
use rusqlite::Connection;

use crate::{
    admission::Reason,
    cli::{
        Desk,
        error::Exit,
        table::{Cell, Table, brief},
    },
    store::{feeds, feeds::FeedRow, quarantine, quarantine::Held, trust},
};

#[derive(Debug, clap::Args)]
pub struct List {
    /// Also what was rejected
    #[arg(long)]
    all: bool,
    /// So many lines at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    most: usize,
}

/// Lines that are read at a time.
const PAGE: usize = 500;

/// The word for feeds that wait whole.
pub const NOT_ENROLLED: &str = "not-enrolled";

impl List {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let mut table = Table::new()
            .column("which", desk.pick("位置", "which"))
            .column("union", desk.pick("单位", "union"))
            .column("kind", desk.pick("种类", "kind"))
            .column("record", desk.pick("编号", "id"))
            .column("reason", desk.pick("原因", "reason"))
            .column("detail", desk.pick("说明", "what it means"));
        let (mut open, mut lines, mut total) = (false, 0, 0);
        office.look(|conn| {
            for row in quarantine::strangers(conn)? {
                let rejected = trust::ruling(conn, &row.feed, row.size() - 1)? == Some(Ruling::Rejected);
                open |= !rejected;
                if self.all || !rejected {
                    table.row(stranger(desk, conn, &row, rejected)?);
                }
            }
            let mut after = None;
            loop {
                let page = quarantine::page(conn, after, PAGE)?;
                for held in &page {
                    let row = feeds::by_no(conn, held.feed)?;
                    let rejected = trust::ruling(conn, &row.feed, held.seq)? == Some(Ruling::Rejected);
                    open |= !rejected;
                    if !self.all && rejected {
                        continue;
                    }
                    if lines < self.most {
                        table.row(operation(desk, &row, held, &quarantine::explain(conn, held)?, rejected));
                    }
                    lines += 1;
                }
                after = page.last().map(|held| (held.feed, held.seq));
                // How many more there are is counted, not read.
                if page.len() < PAGE || lines >= self.most {
                    break;
                }
            }
            total = quarantine::count(conn)?;
            Ok(())
        })?;
        let nothing = desk.pick("待核区没有待处理的内容", "nothing is in quarantine");
        desk.answer(|| table.json(), || if table.is_empty() { nothing.to_owned() } else { table.words() })?;
        if lines >= self.most && total as usize > self.most && !desk.json {
            desk.note(&match desk.lang {
                huiliu_proto::lang::Lang::Zh => format!("待核区共{total}条，只列出{}条；用 --most 可多列", self.most),
                huiliu_proto::lang::Lang::En => {
                    format!("{total} operations are held, and {} are listed; `--most` lists more", self.most)
                }
            });
        }
        if open && !desk.json {
            desk.note(desk.pick(
                "用 quarantine show 位置 查看内容和处理办法",
                "see what it is and what can be done with `quarantine show WHICH`",
            ));
        }
        Ok(if open { Exit::Attention } else { Exit::Done })
    }
}

fn operation(desk: &Desk, row: &FeedRow, held: &Held, why: &Label, rejected: bool) -> Vec<Cell> {
    let kind = match numbered(held.kind) {
        Some(kind) => Cell::new(desk.label(&kind.label), kind.name),
        None => Cell::new(held.kind.to_string(), held.kind),
    };
    let (id, feed) = (held.record.to_string(), row.feed.id.to_string());
    let detail = desk.label(why);
    vec![
        Cell::new(format!("{}#{}", &feed[..8], held.seq), format!("{feed}#{}", held.seq)),
        Cell::new(row.feed.union.name(), u64::from(row.feed.union)),
        kind,
        Cell::new(&id[..16], id.as_str()),
        Cell::new(desk.label(&reason_label(&held.reason, rejected)), held.reason.as_str()),
        Cell::new(brief(detail, 80), detail),
    ]
}

fn stranger(desk: &Desk, conn: &Connection, row: &FeedRow, rejected: bool) -> Result<Vec<Cell>> {
    let feed = row.feed.id.to_string();
    let detail = not_enrolled(conn, row)?;
    let detail = desk.label(&detail);
    let count = row.size() - row.applied;
    let count = match desk.lang {
        huiliu_proto::lang::Lang::Zh => format!("全部{count}条"),
        huiliu_proto::lang::Lang::En => format!("all {count}"),
    };
    Ok(vec![
        Cell::new(&feed[..8], feed.as_str()),
        Cell::new(row.feed.union.name(), u64::from(row.feed.union)),
        Cell::new(count, row.size() - row.applied),
        Cell::none(),
        Cell::new(desk.label(&reason_label(NOT_ENROLLED, rejected)), NOT_ENROLLED),
        Cell::new(brief(detail, 80), detail),
    ])
}

/// Why a feed waits whole: its device is nobody's, or another union's.
pub fn not_enrolled(conn: &Connection, row: &FeedRow) -> Result<Label> {
    let feed = &row.feed;
    let device = &feed.device.to_string()[..16];
    let others = trust::enrolments(conn, Some(&feed.device))?;
    let above = feed.union.parent().map_or_else(String::new, |p| p.union_name());
    Ok(match others.iter().find(|e| e.union != feed.union) {
        Some(other) => Label::new(
            format!(
                "设备 {device} 登记在{}名下，却以{}的名义填写；不计入。请{above}核实，确认后登记，或用 quarantine reject 裁定不计入",
                other.union.union_name(),
                feed.union.union_name()
            ),
            format!(
                "device {device} is enrolled for {}, and writes in the name of {}; it does not count. The union above \
                 looks into it, and enrols it or rejects what it wrote",
                other.union, feed.union
            ),
        ),
        None => Label::new(
            format!("设备 {device} 未登记为{}的设备；{above}登记后自动计入", feed.union.union_name()),
            format!(
                "device {device} is not enrolled for {}; it counts by itself once the union above enrols it",
                feed.union
            ),
        ),
    })
}

pub fn reason_label(word: &str, rejected: bool) -> Label {
    let label = match Reason::ALL.into_iter().find(|r| r.word() == word) {
        Some(reason) => reason.label(),
        None => Label::new("设备未登记", "not enrolled"),
    };
    match rejected {
        true => Label::new(format!("{}（已裁定不计）", label.zh), format!("{} (rejected)", label.en)),
        false => label,
    }
}
