//! A document as Automerge's own bytes, for other programs. The way out only: nothing is read back in.

use huiliu_proto::{
    id::{Hash, RecordId},
    kind::{Kind, Shape},
};

use crate::{
    document::Misfit,
    store::{StoreError, View, documents, projection::Shown},
};

/// A document, and what tells two copies of it apart.
pub struct Exported {
    pub kind: &'static Kind,
    pub record: RecordId,
    /// As Automerge saves it: every change with its author. Keys are field numbers in decimal; a sealed field is the
    /// bytes that were sealed.
    pub bytes: Vec<u8>,
    /// Of the changes that no other follows, in order.
    pub heads: Vec<Hash>,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{} is an entry, which is said once: only documents have a history of changes", .0.name)]
    Entry(&'static Kind),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Document(#[from] Misfit),
}

pub fn document(conn: &View, shown: &Shown) -> Result<Exported, ExportError> {
    let (kind, record) = (shown.record.kind, shown.id);
    if kind.shape == Shape::Entry {
        return Err(ExportError::Entry(kind));
    }
    let document = documents::load(conn, shown.place.owner, &record)?;
    let document = document.transpose()?.ok_or(StoreError::Damaged("a document without its snapshot"))?;
    let mut heads = document.heads();
    heads.sort_unstable();
    Ok(Exported { kind, record, bytes: document.save(), heads })
}
