//! `prove`: a record as a file that proves itself to whoever knows the root fingerprint only.

use std::path::PathBuf;

use anyhow::Result;
use huiliu_proto::{
    kind::Shape,
    lang::{Label, Lang},
    period::Day,
    shown,
};
use serde_json::{Value as Json, json};

use super::{
    CommandContext, check_proof,
    error::{CommandError, Exit, both},
    outfile,
    record::{find, view},
};
use crate::{
    app::prove::{self, Proof, ProveError},
    proof::said,
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

impl Prove {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let root = opened.home.root()?;
        let as_of = self.as_of.as_deref().map(day).transpose()?;
        let preview = prove::prove(&opened.store, opened.reader(), root, &self.id, as_of).map_err(told)?;
        let out =
            self.out.unwrap_or_else(|| format!("{}-{}.proof", preview.kind.name, view::short(&preview.id)).into());
        outfile::write(&out, &preview.made.file, self.force)?;
        let file = out.display().to_string();
        context.answer(|| json_of(&preview, &file), || words(context, &preview, &file, opened.is_top()))?;
        Ok(if preview.held == 0 { Exit::Done } else { Exit::Attention })
    }
}

pub(super) fn day(typed: &str) -> Result<Day, CommandError> {
    typed.parse().map_err(|_| {
        CommandError::usage(
            both(format!("“{typed}”不是日期"), format!("“{typed}” is not a date")),
            both("请按 2026-03-31 填写", "write it as 2026-03-31"),
        )
    })
}

/// Why a record is not proven.
fn told(error: ProveError) -> anyhow::Error {
    let code = error.code();
    let (id, mistake) = match error {
        ProveError::Find(error) => return find::told(error),
        ProveError::Withheld(fields) => return view::kept_below(&fields).into(),
        ProveError::Proving(error) => return error.into(),
        ProveError::WouldNotCount(error) => return error.into(),
        ProveError::Store(error) => return error.into(),
        ProveError::Voided(id) => {
            let what = both(format!("记录 {id} 已作废"), format!("the record {id} is voided"));
            let hint = both(
                "作废的记录不作证明；作废有误的，先用 record reinstate 恢复",
                "what is voided is not proven; if that was a mistake, reinstate it with `record reinstate` first",
            );
            (id, CommandError::refused(what, hint))
        }
        ProveError::Held { id, why: Label { zh, en } } => {
            let what = both(
                format!("记录 {id} 不计入：{}", shown::line(&zh)),
                format!("the record {id} does not count: {}", shown::line(&en)),
            );
            let hint = both(
                "不计入的记录不作证明；用 quarantine 查看，按原因处理后再试",
                "what does not count is not proven; see `quarantine`, and try again once that is settled",
            );
            (id, CommandError::refused(what, hint))
        }
    };
    mistake.coded(code, json!({ "record": id.to_string() })).into()
}

/// Labels of the fields in the clear and of those that are sealed.
fn labels(preview: &Proof, lang: Lang) -> (Vec<&str>, Vec<&str>) {
    let Some((kind, personal)) = said::personal(&preview.made.proven) else { return (vec![], vec![]) };
    let label = |at: &usize| kind.fields[*at].label.get(lang);
    (personal.clear.iter().map(label).collect(), personal.sealed.iter().map(label).collect())
}

fn words(context: &CommandContext, preview: &Proof, file: &str, top: bool) -> String {
    let size = preview.made.file.len();
    let label = context.label(&preview.kind.label);
    let fingerprint = preview.made.proven.root.fingerprint();
    let operations = preview.made.proven.operations().count();
    let mut lines = vec![match context.lang {
        Lang::Zh => format!("证明已写入：{file}（{size}字节；{label} {}，{operations}条）", preview.id),
        Lang::En => format!("proof written to {file} ({size} bytes; {label} {}, operations: {operations})", preview.id),
    }];
    let mut receipts: Vec<String> = vec![];
    for feed in &preview.made.proven.feeds {
        let word =
            |r: &huiliu_proto::signed::Receipt| format!("{} {}", r.union.union_name(), context.moment(r.received_at));
        receipts.extend(feed.receipts.iter().map(word));
    }
    lines.push(match receipts.is_empty() {
        false => format!("{}{}", context.pick("内含签收：", "receipts inside: "), receipts.join(context.pick("；", "; "))),
        true if top => context
            .pick(
                "本级之上没有上级，不会有签收：它只证明本机签过名",
                "nobody is above this union to acknowledge it: it proves what this machine signed",
            )
            .to_owned(),
        true => context
            .pick(
                "还没有任何上级签收：它只证明本机签过名；运行 sync 后重新生成更有力",
                "no level above has acknowledged it yet: it proves only what this machine signed; run `sync` and make it again",
            )
            .to_owned(),
    });
    lines.extend(check_proof::words::counts(context, &preview.made.proven));
    let (clear, sealed) = labels(preview, context.lang);
    let separator = context.pick("、", ", ");
    if !clear.is_empty() {
        let earlier = match preview.kind.shape {
            Shape::Document => context.pick("（含改动前的旧值）", " (earlier values too)"),
            Shape::Entry => "",
        };
        lines.push(format!(
            "{}{}{earlier}{}",
            context.pick("注意：文件内可直接读到个人信息：", "mind: anyone can read personal data in the file: "),
            clear.join(separator),
            context.pick("；只交给有权知道的人", "; give it only to those who may know")
        ));
    }
    if !sealed.is_empty() {
        lines.push(format!("{}{}", context.pick("仍加密：", "still sealed: "), sealed.join(separator)));
    }
    if preview.held > 0 {
        lines.push(match context.lang {
            Lang::Zh => format!("此记录另有{}次修改在待核区，不计入，也不在文件内；见 record show", preview.held),
            Lang::En => format!(
                "edits of this record in quarantine: {}; they do not count and are not in the file, see `record show`",
                preview.held
            ),
        });
    }
    let program = context.program.name();
    lines.push(format!(
        "{}{program} check-proof {file} --root {fingerprint}",
        context.pick("任何机器上都可核对：", "to check it on any machine: ")
    ));
    lines.join("\n")
}

fn json_of(preview: &Proof, file: &str) -> Json {
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
