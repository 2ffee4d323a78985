//! `quarantine list`: what is held, a line each; feeds of strangers a line each, because they wait whole.

use anyhow::Result;
use huiliu_proto::{kind::numbered, lang::Label, v1::Ruling};

use crate::{
    admission::Reason,
    cli::{
        Desk,
        error::Exit,
        table::{Cell, Table, both_languages, brief},
    },
    store::{
        View,
        evidence::{self, What},
        feeds,
        feeds::FeedRow,
        quarantine,
        quarantine::Held,
        trust,
    },
};

use super::which;

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

/// Lines that are read at a time.
const PAGE: usize = 500;

/// The word for feeds whose device is not enrolled.
const NOT_ENROLLED: &str = "not-enrolled";

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
        let (mut open, mut lines, mut last, mut more) = (false, 0, None, false);
        office.look(|conn| {
            let after = self.after.as_deref().map(|typed| which::find(conn, typed)).transpose()?;
            // Feeds that wait whole stand first, then operations.
            let (feed, mut after) = match after {
                Some((row, Some((first, count)))) => (i64::MAX, Some((row.no, first + count - 1))),
                Some((row, None)) => (row.no, None),
                None => (-1, None),
            };
            for row in quarantine::strangers(conn)?.iter().filter(|row| row.no > feed) {
                let rejected = trust::ruling(conn, &row.feed, row.size() - 1)? == Some(Ruling::Rejected);
                open |= !rejected;
                if !self.all && rejected {
                    continue;
                }
                if lines == self.most {
                    more = true;
                    return Ok(());
                }
                table.row(stranger(desk, conn, row, rejected)?);
                (lines, last) = (lines + 1, Some(row.feed.id.to_string()));
            }
            loop {
                let page = quarantine::page(conn, after, PAGE)?;
                for held in &page {
                    let row = feeds::by_no(conn, held.feed)?;
                    let rejected = trust::ruling(conn, &row.feed, held.seq)? == Some(Ruling::Rejected);
                    open |= !rejected;
                    if !self.all && rejected {
                        continue;
                    }
                    if lines == self.most {
                        more = true;
                        return Ok(());
                    }
                    table.row(operation(desk, &row, held, &quarantine::explain(conn, held)?, rejected));
                    (lines, last) = (lines + 1, Some(format!("{}#{}", row.feed.id, held.seq)));
                }
                after = page.last().map(|held| (held.feed, held.seq));
                if page.len() < PAGE {
                    return Ok(());
                }
            }
        })?;
        let nothing = desk.pick("待核区没有待处理的内容", "nothing is in quarantine");
        desk.answer(|| table.json(), || if table.is_empty() { nothing.to_owned() } else { table.words() })?;
        if let Some(last) = last.filter(|_| more && !desk.json) {
            desk.note(&format!("{}--after {last}", desk.pick("还有更多，接着看：", "there is more: ")));
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
    let detail = why;
    vec![
        Cell::new(format!("{}#{}", &feed[..8], held.seq), format!("{feed}#{}", held.seq)),
        Cell::new(row.feed.union.name(), u64::from(row.feed.union)),
        kind,
        Cell::new(&id[..16], id.as_str()),
        Cell::new(desk.label(&reason_label(&held.reason, rejected)), held.reason.as_str()),
        Cell::new(brief(desk.label(detail), 80), both_languages(detail)),
    ]
}

fn stranger(desk: &Desk, conn: &View, row: &FeedRow, rejected: bool) -> Result<Vec<Cell>> {
    let feed = row.feed.id.to_string();
    let (reason, detail) = waits_whole(conn, row)?;
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
        Cell::new(desk.label(&reason_label(reason, rejected)), reason),
        Cell::new(brief(desk.label(&detail), 80), both_languages(&detail)),
    ])
}

/// Why a feed waits whole, in a word and in a sentence.
pub fn waits_whole(conn: &View, row: &FeedRow) -> Result<(&'static str, Label)> {
    if row.feed.newer.is_some() {
        let why = Label::new(
            "该数据流水由较新版本的程序开立，本机程序读不懂；已留存并转报，升级本机程序后自动处理",
            "a newer version of the program began this feed, and this one cannot read it; it is kept and relayed, and judged \
             by itself once this program is upgraded",
        );
        return Ok((Reason::Newer.word(), why));
    }
    let altered = evidence::list(conn, true)?.into_iter().rev().map(|kept| kept.evidence).filter(|_| row.altered);
    if let Some(found) = altered.filter(|e| e.what == What::Altered).find(|e| e.feed == row.feed.id) {
        return Ok((What::Altered.word(), found.detail));
    }
    Ok((NOT_ENROLLED, not_enrolled(conn, row)?))
}

/// The device is nobody's, or another union's.
fn not_enrolled(conn: &View, row: &FeedRow) -> Result<Label> {
    let feed = &row.feed;
    let device = &feed.device.to_string()[..16];
    let others = trust::enrolments(conn, Some(&feed.device))?;
    let above = feed.union.enroller().union_name();
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
        None if word == What::Altered.word() => What::Altered.label(),
        None => Label::new("设备未登记", "not enrolled"),
    };
    match rejected {
        true => Label::new(format!("{}（已裁定不计）", label.zh), format!("{} (rejected)", label.en)),
        false => label,
    }
}
