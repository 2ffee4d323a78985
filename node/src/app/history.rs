//! What became of a record: every edit of a document, in the order in which one followed the other; for an entry, what points
//! back at it.

use std::collections::BTreeMap;

use huiliu_proto::{
    edit::{Actor, Edit},
    id::{DeviceId, FeedId, Hash},
    kind::{Kind, Shape},
    value::Value,
};

use super::values;
use crate::{
    document::{Fields, Misfit},
    keyring::Keyring,
    ledger::corrections,
    store::{
        StoreError, View, documents, feeds,
        projection::{self, Shown},
    },
};

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("the record's history cannot be read")]
    Store(#[from] StoreError),
    #[error("the document's snapshot cannot be read")]
    Document(#[from] Misfit),
}

type Result<T, E = HistoryError> = std::result::Result<T, E>;

/// One edit, or for an entry one operation.
pub struct Step {
    /// The device's claim, not a proof.
    pub claimed: i64,
    pub device: DeviceId,
    pub feed: FeedId,
    pub seq: u64,
    pub changes: Vec<Change>,
}

pub struct Change {
    pub field: usize,
    /// What stood there, the one that was shown first; several where devices disagreed.
    pub from: Vec<Value>,
    pub to: Option<Value>,
}

/// Sealed values are opened as far as this machine may.
pub fn history(conn: &View, keys: &Keyring, shown: &Shown) -> Result<Vec<Step>> {
    match shown.record.kind.shape {
        Shape::Document => edits(conn, keys, shown),
        Shape::Entry => said(conn, shown),
    }
}

fn edits(conn: &View, keys: &Keyring, shown: &Shown) -> Result<Vec<Step>> {
    let kind = shown.record.kind;
    let mut document = documents::load(conn, shown.place.owner, &shown.id)?.transpose()?.unwrap_or_default();
    let mut steps: BTreeMap<(u64, Hash), Step> = BTreeMap::new();
    for documents::Made { feed: no, seq, hash, .. } in documents::edits(conn, shown.place.owner, &shown.id)? {
        let feed = feeds::by_no(conn, no)?.feed;
        let Some(operation) = feeds::operation(conn, no, seq)? else { continue };
        let Ok(edit) = Edit::decode(&operation.payload, Actor::new(&feed.id, &shown.id)) else { continue };
        let changes = changes(keys, shown, kind, &document.fields_as_of(&edit.deps)?, &edit);
        let step = Step { claimed: operation.time, device: feed.device, feed: feed.id, seq, changes };
        // An edit's puts are numbered after all that it follows.
        steps.insert((edit.start_op, hash), step);
    }
    Ok(steps.into_values().collect())
}

fn changes(keys: &Keyring, shown: &Shown, kind: &Kind, before: &Fields, edit: &Edit) -> Vec<Change> {
    let put = edit.puts.iter().filter_map(|put| {
        let at = kind.field_numbered(put.field)?;
        let field = &kind.fields[at];
        let open = |value: Value| values::opened(keys, &shown.id, field, &value);
        let from = before.get(&put.field).into_iter().flatten();
        Some(Change {
            field: at,
            from: from.filter_map(|s| values::value_of(field, &s.value)).map(open).collect(),
            to: values::value_of(field, &put.value).map(open),
        })
    });
    put.collect()
}

/// The entry itself, and those of its kind that put it right.
fn said(conn: &View, shown: &Shown) -> Result<Vec<Step>> {
    let kind = shown.record.kind;
    let mut all = vec![shown.clone()];
    for field in corrections(kind) {
        all.extend(projection::list_where(conn, kind, field.name, &Value::Bytes(shown.id.to_vec()))?);
    }
    let step = |entry: Shown| -> Result<Step> {
        let feed = feeds::by_no(conn, entry.place.feed)?.feed;
        let time = feeds::operation(conn, entry.place.feed, entry.place.seq)?.map(|o| o.time);
        let values = entry.record.into_values().into_iter().enumerate();
        let changes = values.filter(|(_, value)| value.is_some());
        Ok(Step {
            claimed: time.unwrap_or_else(|| entry.id.time()),
            device: feed.device,
            feed: feed.id,
            seq: entry.place.seq,
            changes: changes.map(|(field, to)| Change { field, from: vec![], to }).collect(),
        })
    };
    all.into_iter().map(step).collect()
}
