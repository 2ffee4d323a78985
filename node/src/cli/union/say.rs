//! `union relate` and `union change`: what is so of a union below from a day on.

use anyhow::Result;
use huiliu_proto::{
    handle::Declared as _,
    kind::Kind,
    records::{union_fact, union_relation},
    v1::{UnionFact, UnionRelation},
};

use crate::{
    app::{
        Mode, organisation,
        write::{self, Put},
    },
    cli::{
        CommandContext,
        context::OpenHome,
        error::Exit,
        record::{self, edit, typed},
    },
};

#[derive(Debug, clap::Args)]
pub struct Say {
    /// The union below that it is about: its number or name
    #[arg(value_name = "UNION")]
    union: String,
    /// Fields as field=value, as `record add` takes them
    #[arg(value_name = "FIELD=VALUE", required = true)]
    fields: Vec<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Say {
    pub fn relates(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let kind = UnionRelation::kind();
        let values = self.values(context, &opened, kind, union_relation::UNION.name())?;
        let outcome = organisation::relate(&opened.store, values, Mode::of(self.dry_run)).map_err(edit::told)?;
        record::answer(context, kind, outcome, self.dry_run)
    }

    pub fn changes(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let kind = UnionFact::kind();
        let values = self.values(context, &opened, kind, union_fact::UNION.name())?;
        let outcome = write::add(&opened.store, kind, values, Mode::of(self.dry_run)).map_err(edit::told)?;
        record::answer(context, kind, outcome, self.dry_run)
    }

    fn values(
        &self,
        context: &CommandContext,
        opened: &OpenHome,
        kind: &'static Kind,
        union: &str,
    ) -> Result<Vec<Put>> {
        let about = format!("{union}={}", opened.union(&self.union)?);
        let typed = [&[about], &self.fields[..]].concat();
        let mut values = opened.look(|conn| typed::fields(context, conn, kind, &typed))?;
        // What was left empty was not said.
        values.retain(|(_, value)| value.is_some());
        Ok(values)
    }
}
