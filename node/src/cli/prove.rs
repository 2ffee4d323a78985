//! `prove`: a record as a file that proves itself to whoever knows the root fingerprint only.

use std::path::PathBuf;

use anyhow::Result;
use huiliu_proto::{
    id::RecordId,
    kind::{Kind, Shape},
    lang::{Label, Lang},
    period::Day,
    shown,
};
use serde_json::{Value as Json, json};

use super::{
    Desk, check_proof,
    error::{Exit, Mistake, both},
    outfile,
    record::{find, view},
};
use crate::{
    ledger::Ledger,
    proof::{Made, Maker, said},
    store::{
        View, documents,
        projection::Shown,
        quarantine,
        voids::{self, State},
    },
};

#[derive(Debug, clap::Args)]
pub struct Prove {
    /// The record's id, or the beginning of it
    id: String,
    /// File to write the proof to; without it KIND-ID.proof in this directory
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    /// Show also that it counts as of this day, such as 2026-03-31: by what the levels above have said of that day or later
    #[arg(long, value_name = "DAY")]
    as_of: Option<String>,
}

/// What the person is told beside the file.
struct Preview {
    kind: &'static Kind,
    id: RecordId,
    made: Made,
    /// Edits of the document that do not count, and are not in the file.
    held: usize,
}

impl Prove {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let root = office.home.root()?;
        let as_of = self.as_of.as_deref().map(day).transpose()?;
        // Said before anything is signed.
        let shown = office.look(|conn| counted(conn, &self.id))?;
        // What was written since the last exchange stands under no head yet.
        office.store.write_blocking(Ledger::pack_all)?;
        let preview = office.look(|conn| {
            let made = Maker::new(conn, root).record(shown.id, &places(conn, &shown)?, as_of)?;
            // A proof that says something else than what counts here would be no service to anyone.
            said::said(&made.proven)?;
            let held = quarantine::of_record(conn, &shown.id)?.len();
            Ok(Preview { kind: shown.record.kind, id: shown.id, made, held })
        })?;
        let out =
            self.out.unwrap_or_else(|| format!("{}-{}.proof", preview.kind.name, view::short(&preview.id)).into());
        outfile::write(&out, &preview.made.file, self.force)?;
        let file = out.display().to_string();
        desk.answer(|| json_of(&preview, &file), || words(desk, &preview, &file))?;
        Ok(if preview.held == 0 { Exit::Done } else { Exit::Attention })
    }
}

pub(super) fn day(typed: &str) -> Result<Day, Mistake> {
    typed.parse().map_err(|_| {
        Mistake::usage(
            both(format!("“{typed}”不是日期"), format!("“{typed}” is not a date")),
            both("请按 2026-03-31 填写", "write it as 2026-03-31"),
        )
    })
}

/// The record, if it counts. One that does not is not proven: the file could not say so.
fn counted(conn: &View, typed: &str) -> Result<Shown> {
    let id = match find::any(conn, typed)? {
        Ok(shown) if voids::state(conn, shown.place.owner, &shown.id)? == State::Voided => {
            return Err(Mistake::refused(
                both(format!("记录 {} 已作废", shown.id), format!("the record {} is voided", shown.id)),
                both(
                    "作废的记录不作证明；作废有误的，先用 record reinstate 恢复",
                    "what is voided is not proven; if that was a mistake, reinstate it with `record reinstate` first",
                ),
            )
            .into());
        }
        Ok(shown) => return Ok(shown),
        Err(id) => id,
    };
    let held = quarantine::of_record(conn, &id)?.into_iter().next();
    let why = held.map(|held| quarantine::explain(conn, &held)).transpose()?.unwrap_or_default();
    let Label { zh, en } = why;
    Err(Mistake::refused(
        both(
            format!("记录 {id} 不计入：{}", shown::line(&zh)),
            format!("the record {id} does not count: {}", shown::line(&en)),
        ),
        both(
            "不计入的记录不作证明；用 quarantine 查看，按原因处理后再试",
            "what does not count is not proven; see `quarantine`, and try again once that is settled",
        ),
    )
    .into())
}

/// Where the record's operations stand: of an entry the one, of a document each edit that counts.
fn places(conn: &View, shown: &Shown) -> Result<Vec<(i64, u64)>> {
    Ok(match shown.record.kind.shape {
        Shape::Entry => vec![(shown.place.feed, shown.place.seq)],
        Shape::Document => documents::edits(conn, shown.place.owner, &shown.id)?
            .into_iter()
            .map(|made| (made.feed, made.seq))
            .collect(),
    })
}

/// Labels of the fields in the clear and of those that are sealed.
fn labels(preview: &Preview, lang: Lang) -> (Vec<&str>, Vec<&str>) {
    let Some((kind, personal)) = said::personal(&preview.made.proven) else { return (vec![], vec![]) };
    let label = |at: &usize| kind.fields[*at].label.get(lang);
    (personal.clear.iter().map(label).collect(), personal.sealed.iter().map(label).collect())
}

fn words(desk: &Desk, preview: &Preview, file: &str) -> String {
    let size = preview.made.file.len();
    let label = desk.label(&preview.kind.label);
    let fingerprint = preview.made.proven.root.fingerprint();
    let operations = preview.made.proven.operations().count();
    let mut lines = vec![match desk.lang {
        Lang::Zh => format!("证明已写入：{file}（{size}字节；{label} {}，{operations}条）", preview.id),
        Lang::En => format!("proof written to {file} ({size} bytes; {label} {}, operations: {operations})", preview.id),
    }];
    let mut receipts: Vec<String> = vec![];
    for feed in &preview.made.proven.feeds {
        let word =
            |r: &huiliu_proto::signed::Receipt| format!("{} {}", r.union.union_name(), desk.moment(r.received_at));
        receipts.extend(feed.receipts.iter().map(word));
    }
    lines.push(match receipts.is_empty() {
        false => format!("{}{}", desk.pick("内含签收：", "receipts inside: "), receipts.join(desk.pick("；", "; "))),
        true => desk
            .pick(
                "还没有任何上级签收：它只证明本机签过名；运行 sync 后重新生成更有力",
                "no level above has acknowledged it yet: it proves only what this machine signed; run `sync` and make it again",
            )
            .to_owned(),
    });
    lines.extend(check_proof::words::counts(desk, &preview.made.proven));
    let (clear, sealed) = labels(preview, desk.lang);
    let separator = desk.pick("、", ", ");
    if !clear.is_empty() {
        let earlier = match preview.kind.shape {
            Shape::Document => desk.pick("（含改动前的旧值）", " (earlier values too)"),
            Shape::Entry => "",
        };
        lines.push(format!(
            "{}{}{earlier}{}",
            desk.pick("注意：文件内可直接读到个人信息：", "mind: anyone can read personal data in the file: "),
            clear.join(separator),
            desk.pick("；只交给有权知道的人", "; give it only to those who may know")
        ));
    }
    if !sealed.is_empty() {
        lines.push(format!("{}{}", desk.pick("仍加密：", "still sealed: "), sealed.join(separator)));
    }
    if preview.held > 0 {
        lines.push(match desk.lang {
            Lang::Zh => format!("此记录另有{}次修改在待核区，不计入，也不在文件内；见 record show", preview.held),
            Lang::En => format!(
                "edits of this record in quarantine: {}; they do not count and are not in the file, see `record show`",
                preview.held
            ),
        });
    }
    let program = desk.program.name();
    lines.push(format!(
        "{}{program} check-proof {file} --root {fingerprint}",
        desk.pick("任何机器上都可核对：", "to check it on any machine: ")
    ));
    lines.join("\n")
}

fn json_of(preview: &Preview, file: &str) -> Json {
    let proven = &preview.made.proven;
    let receipts = proven.feeds.iter().flat_map(|f| f.receipts.iter()).map(|r| {
        json!({
            "feed": r.feed.to_string(), "union": u64::from(r.union), "size": r.size, "received_at": r.received_at,
        })
    });
    let names = |at: &[usize]| at.iter().map(|at| preview.kind.fields[*at].name).collect::<Vec<_>>();
    let personal = said::personal(proven).map(|(_, p)| p).unwrap_or_default();
    json!({
        "file": file, "bytes": preview.made.file.len(), "record": preview.id.to_string(), "kind": preview.kind.name,
        "operations": proven.operations().count(), "receipts": receipts.collect::<Vec<_>>(),
        "personal_in_clear": names(&personal.clear), "sealed": names(&personal.sealed),
        "quarantined": preview.held, "root": proven.root.fingerprint().to_string(),
    })
}
