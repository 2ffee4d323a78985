//! `record export`: a document as a file that other programs read.

use std::path::PathBuf;

use anyhow::Result;
use huiliu_proto::lang::Lang;
use serde_json::json;

use super::{find, view};
use crate::{
    app::export::{self, ExportError},
    cli::{
        CommandContext,
        error::{CommandError, Exit, both},
        outfile,
    },
};

#[derive(Debug, clap::Args)]
pub struct Export {
    /// The document's id, or the beginning of it
    id: String,
    /// File to write to; without it KIND-ID.automerge in this directory
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

impl Export {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let shown = opened.look(|conn| Ok(find::any(conn, &self.id)?.map_err(|id| find::held(&id))?))?;
        let exported = export::document(&opened.store, opened.reader(), &shown).map_err(|error| match error {
            ExportError::Entry(kind) => entry(&kind.label.zh, &kind.label.en).into(),
            ExportError::Withheld(fields) => view::kept_below(&fields).into(),
            error => anyhow::Error::from(error),
        })?;
        let (kind, id) = (exported.kind, exported.record);
        let out = self.out.unwrap_or_else(|| format!("{}-{}.automerge", kind.name, &id.to_string()[..16]).into());
        outfile::write(&out, &exported.bytes, self.force)?;
        let (file, bytes) = (out.display().to_string(), exported.bytes.len());
        let heads: Vec<String> = exported.heads.iter().map(ToString::to_string).collect();
        let fields: serde_json::Map<_, _> = kind.fields.iter().map(|f| (f.number.to_string(), f.name.into())).collect();
        context.answer(
            || json!({ "record": id.to_string(), "kind": kind.name, "file": file, "bytes": bytes, "heads": heads, "fields": fields }),
            || match context.lang {
                Lang::Zh => format!("已导出：{file}（{bytes}字节，Automerge 格式）"),
                Lang::En => format!("written to {file} ({bytes} bytes, as Automerge saves a document)"),
            },
        )?;
        if !context.json {
            context.note(context.pick(
                "其中有个人信息，请妥善保管。键是字段编号；加密字段仍是密文。",
                "It holds personal data: lock it away. Keys are field numbers; sealed fields stay sealed.",
            ));
        }
        Ok(Exit::Done)
    }
}

fn entry(zh: &str, en: &str) -> CommandError {
    CommandError::refused(
        both(
            format!("“{zh}”是流水记录，写入后不可修改，没有修改过程可导出"),
            format!("the {en} is an entry: it has no history of changes"),
        ),
        both("用 --json record show 取得它的内容", "take what it says from `--json record show`"),
    )
}
