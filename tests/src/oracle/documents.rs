//! What a union's documents say is the same at every level.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use huiliu_node::{
    document::{Document, Fields},
    store::{
        documents::{self, Conflict},
        feeds, projection,
    },
    writer::Store,
};
use huiliu_proto::{
    id::{Hash, RecordId},
    kind::{Reach, Shape, numbered},
    operation::Operation,
    union::{Level, UnionNumber},
};

use super::{cut_off, is_in, rogues};
use crate::world::Machine;

/// What a document says somewhere: every value that stands, and the record that is shown.
#[derive(PartialEq)]
struct Said {
    fields: Fields,
    history: Hash,
    shown: Option<Vec<u8>>,
    conflicts: Vec<Conflict>,
}

impl Said {
    /// What of it is said otherwise elsewhere. Values are not told: a test's output is read by anybody.
    fn differs(&self, other: &Said) -> String {
        let numbers: BTreeSet<u32> = self.fields.keys().chain(other.fields.keys()).copied().collect();
        let fields: Vec<u32> = numbers.into_iter().filter(|n| self.fields.get(n) != other.fields.get(n)).collect();
        let parts = [
            ("history", self.history != other.history),
            ("what is shown", self.shown != other.shown),
            ("conflicts", self.conflicts != other.conflicts),
        ];
        let parts: Vec<&str> = parts.into_iter().filter_map(|(part, differs)| differs.then_some(part)).collect();
        format!("fields {fields:?} {}", parts.join(", "))
    }
}

fn said(store: &Store, owner: UnionNumber, id: RecordId) -> Result<Option<Said>> {
    let Some((row, shown, conflicts)) = store.read(|conn| {
        let Some(row) = documents::get(conn, owner, &id)? else { return Ok(None) };
        let shown = match numbered(row.kind) {
            Some(kind) => projection::get(conn, kind, &id)?.map(|row| row.record.encode()),
            None => None,
        };
        let conflicts = documents::conflicts(conn, Some(&id))?;
        Ok(Some((row, shown, conflicts.into_iter().filter(|conflict| conflict.owner == owner).collect())))
    })?
    else {
        return Ok(None);
    };
    let document = Document::load(&row.snapshot)?;
    Ok(Some(Said { fields: document.fields().clone(), history: document.state(), shown, conflicts }))
}

/// The documents that a store's own feeds and those of its union speak of, and how far each travels; and what rogues have
/// had a hand in, which may still be on its way.
fn spoken_of(store: &Store, machine: &Machine, rogues: &BTreeSet<huiliu_proto::id::DeviceId>) -> Result<Vec<Spoken>> {
    let all: Vec<(bool, Operation)> = store.read(|conn| {
        let mut all = vec![];
        for feed in feeds::all(conn)?.into_iter().filter(|f| f.feed.union == machine.union()) {
            let mut at = 0;
            while at < feed.applied {
                let operations = feeds::operations(conn, feed.no, at)?;
                if operations.is_empty() {
                    break;
                }
                at += operations.len() as u64;
                let meddled = rogues.contains(&feed.feed.device);
                all.extend(operations.into_iter().map(|operation| (meddled, operation)));
            }
        }
        Ok(all)
    })?;
    let meddled: BTreeSet<RecordId> = all.iter().filter(|(meddled, _)| *meddled).map(|(_, o)| o.record).collect();
    let mut spoken = BTreeSet::new();
    for (_, operation) in all.iter().filter(|(_, o)| !meddled.contains(&o.record)) {
        if let Some(kind) = numbered(operation.kind).filter(|kind| kind.shape == Shape::Document) {
            spoken.insert((operation.record, kind.reach == Reach::Nation));
        }
    }
    Ok(spoken.into_iter().collect())
}

type Spoken = (RecordId, bool);

/// Every honest document of a union is at every level that it travels to, and says the same there.
pub fn documents_agree(machines: &[(Machine, Store)]) -> Result<()> {
    let rogues = rogues(machines.iter().map(|(machine, _)| machine));
    let cut_off = cut_off(machines.iter().map(|(machine, _)| machine));
    for (author, store) in machines.iter().filter(|(m, _)| !m.is_rogue() && !is_in(&cut_off, m.union())) {
        let above: Vec<_> = machines
            .iter()
            .filter(|(m, _)| !m.is_rogue() && m.name != author.name && m.union().contains(author.union()))
            .filter(|(m, _)| m.home.config.root.is_some())
            .collect();
        for (id, national) in spoken_of(store, author, &rogues)? {
            let here = said(store, author.union(), id)?;
            let here = here.with_context(|| format!("{} does not have its own document {id}", author.name))?;
            for (reader, other) in above.iter().filter(|(m, _)| national || m.union().level() != Level::Nation) {
                let there = said(other, author.union(), id)?;
                let there = there.with_context(|| format!("{} lacks {}'s document {id}", reader.name, author.name))?;
                ensure!(
                    there == here,
                    "{} and {} read the document {id} differently: {}",
                    author.name,
                    reader.name,
                    here.differs(&there)
                );
            }
        }
    }
    Ok(())
}
