//! `record edit`: fields of a document of this union. An entry is never edited; the refusal says how to correct it.

use anyhow::Result;
use huiliu_proto::{id::RecordId, kind::Kind, kind::Shape, lang};

use super::{answer, find, typed};
use crate::cli::{
    Desk,
    error::{Exit, Mistake, both},
};

/// Fields with which a later entry points back at the one it puts right.
pub const CORRECTIONS: [&str; 4] = ["reverses", "corrects", "replaces", "supersedes"];

#[derive(Debug, clap::Args)]
pub struct Edit {
    /// The record's id, or the beginning of it
    id: String,
    /// Fields as field=value; an empty value empties the field
    #[arg(value_name = "FIELD=VALUE", required = true)]
    fields: Vec<String>,
}

impl Edit {
    pub fn run(self, desk: &Desk) -> Result<Exit> {
        let office = desk.open()?;
        let me = office.me.union;
        let (kind, id, values) = office.look(|conn| {
            let shown = find::any(conn, &self.id)?.map_err(|id| find::held(&id))?;
            let kind = shown.record.kind;
            if kind.shape == Shape::Entry {
                return Err(entry(kind, &shown.id).into());
            }
            if shown.place.owner != me {
                let owner = shown.place.owner;
                let what = both(
                    format!("此档案属于{}，其他单位不得修改", owner.union_name()),
                    format!("the document belongs to {owner}; only its own devices edit it"),
                );
                let hint = both("请由该单位修改", "let that union change it");
                return Err(Mistake::refused(what, hint).into());
            }
            Ok((kind, shown.id, typed::fields(desk, conn, kind, &self.fields)?))
        })?;
        let outcome = office.store.write_blocking(move |ledger| ledger.write_document(kind, Some(id), values))?;
        answer(desk, kind, outcome, false)
    }
}

/// How an entry of this kind is put right.
fn entry(kind: &Kind, id: &RecordId) -> Mistake {
    let back = kind.fields.iter().find(|f| f.reference == Some(kind.name) && CORRECTIONS.contains(&f.name));
    let what = both(
        format!("“{}”写入后不修改", kind.label.zh),
        format!("{} is said once and not edited", lang::a(&kind.label.en)),
    );
    let Some(back) = back else {
        let hint = both("请另写一条新的记录说明更正", "write a new record that says what is right");
        return Mistake::refused(what, hint);
    };
    let mut example = format!("record add {} {}={id}", kind.name, back.name);
    for (name, typed) in [("amount", "-…"), ("reason", "…")] {
        if kind.field(name).is_some() {
            example += &format!(" {name}={typed}");
        }
    }
    let hint = both(
        format!("请另写一条指向它的更正（红冲）：{example} …，再写正确的一条"),
        format!("write another that points back at it: `{example} …`, then the right one"),
    );
    Mistake::refused(what, hint)
}
