//! `record edit`: fields of a document of this union. An entry is never edited; the refusal says how to correct it.

use anyhow::Result;
use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    kind::Kind,
    lang::{self, Lang},
    v1::{Account, Filing, Password},
};
use serde_json::{Value as Json, json};

use super::{answer, find, typed, view};
use crate::{
    app::{
        Mode,
        write::{self, WriteError},
    },
    cli::{
        CommandContext,
        error::{CommandError, Exit, both},
        table::both_languages,
    },
};

#[derive(Debug, clap::Args)]
pub struct Edit {
    /// The record's id, or the beginning of it
    id: String,
    /// Fields as field=value; an empty value empties the field
    #[arg(value_name = "FIELD=VALUE", required = true)]
    fields: Vec<String>,
    /// Show what would come of it, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Edit {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let me = opened.me.union;
        let (shown, values) = opened.look(|conn| {
            let shown = find::any(conn, &self.id)?.map_err(|id| find::held(&id))?;
            write::may_edit(me, &shown).map_err(told)?;
            let values = typed::fields(context, conn, shown.record.kind, &self.fields)?;
            Ok((shown, values))
        })?;
        let outcome = write::edit(&opened.store, me, &shown, values, Mode::of(self.dry_run)).map_err(told)?;
        answer(context, shown.record.kind, outcome, self.dry_run)
    }
}

/// Why nothing was written.
pub(in crate::cli) fn told(error: WriteError) -> anyhow::Error {
    let code = error.code();
    let about = match &error {
        WriteError::Automatic(kind) => json!({ "kind": kind.name, "label": both_languages(&kind.label) }),
        WriteError::Entry { kind, record, corrected_by } => {
            json!({ "kind": kind.name, "record": record.to_string(), "corrected_by": corrected_by })
        }
        WriteError::Owner(owner) => json!({ "owner": u64::from(*owner) }),
        WriteError::Duty(_) | WriteError::Store(_) => Json::Null,
    };
    let mistake = match error {
        WriteError::Automatic(kind) => automatic(kind),
        WriteError::Entry { kind, record, corrected_by } => entry(kind, &record, corrected_by),
        WriteError::Owner(owner) => CommandError::refused(
            both(
                format!("此档案属于{}，其他单位不得修改", owner.union_name()),
                format!("the document belongs to {owner}; only its own devices edit it"),
            ),
            both("请由该单位修改", "let that union change it"),
        ),
        WriteError::Duty(problem) => return problem.into(),
        WriteError::Store(error) => return error.into(),
    };
    mistake.coded(code, about).into()
}

/// How a kind that is not written by hand comes about.
pub(super) fn automatic(kind: &Kind) -> CommandError {
    let written = |verbs: &[&str]| {
        CommandError::refused(
            both(
                format!("“{}”不能用 record 填写", kind.label.zh),
                format!("{} is not written with `record`", lang::a(&kind.label.en)),
            ),
            both(format!("请用 {}", verbs.join("、")), format!("use `{}`", verbs.join("`, `"))),
        )
    };
    match kind.number {
        Account::NUMBER => written(&ACCOUNT),
        Password::NUMBER => written(&["account password"]),
        Filing::NUMBER => written(&["filing submit"]),
        _ => CommandError::refused(
            both(
                format!("“{}”由系统自动填写", kind.label.zh),
                format!("{} is written by the system itself", lang::a(&kind.label.en)),
            ),
            both("不需要手工填写", "there is no need to write it"),
        ),
    }
}

const ACCOUNT: [&str; 3] = ["account roles", "account suspend", "account restore"];

/// What puts a document of this kind right.
pub(in crate::cli) fn mender(kind: &Kind, id: &RecordId, lang: Lang) -> String {
    let verbs: &[&str] = if kind.number == Account::NUMBER { &ACCOUNT } else { &["record edit"] };
    let (id, quote) = (view::short(id), lang.pick("", "`"));
    verbs.iter().map(|verb| format!("{quote}{verb} {id}{quote}")).collect::<Vec<_>>().join(lang.pick("、", ", "))
}

/// How an entry of this kind is put right.
fn entry(kind: &Kind, id: &RecordId, back: Option<&str>) -> CommandError {
    let what = both(
        format!("“{}”写入后不修改", kind.label.zh),
        format!("{} is said once and not edited", lang::a(&kind.label.en)),
    );
    let Some(back) = back else {
        let hint = both("请另写一条新的记录说明更正", "write a new record that says what is right");
        return CommandError::refused(what, hint);
    };
    let mut example = format!("record add {} {}={id}", kind.name, back);
    for (name, typed) in [("amount", "-…"), ("reason", "…")] {
        if kind.field(name).is_some() {
            example += &format!(" {name}={typed}");
        }
    }
    let hint = both(
        format!("请另写一条指向它的更正（红冲）：{example} …，再写正确的一条"),
        format!("write another that points back at it: `{example} …`, then the right one"),
    );
    CommandError::refused(what, hint)
}

#[cfg(test)]
mod tests {
    use huiliu_proto::v1::Mediator;

    use super::*;

    #[test]
    fn an_account_is_put_right_by_its_own_verbs() {
        let id = RecordId([7; 16]);
        assert_eq!(mender(Mediator::kind(), &id, Lang::Zh), "record edit 0707070707070707");
        let said = mender(Account::kind(), &id, Lang::En);
        assert!(said.starts_with("`account roles 0707070707070707`, `account suspend 07"), "{said}");
    }
}
