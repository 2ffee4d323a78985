//! A document as Automerge's own bytes, for other programs. The way out only: nothing is read back in.

use huiliu_proto::{
    id::{Hash, RecordId},
    kind::{Field, Kind, Shape},
};

use super::values::Reader;
use crate::{
    store::{StoreError, documents, projection::Shown},
    writer::Store,
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
    /// A document's bytes hold all that was ever said in it.
    #[error("some of it is kept by the union that wrote it")]
    Withheld(Vec<&'static Field>),
    #[error("the document cannot be read")]
    Store(#[from] StoreError),
}

pub fn document(store: &Store, reader: Reader<'_>, record: &Shown) -> Result<Exported, ExportError> {
    let (kind, record, owner) = (record.record.kind, record.id, record.place.owner);
    if kind.shape == Shape::Entry {
        return Err(ExportError::Entry(kind));
    }
    let withheld: Vec<&Field> = kind.fields.iter().filter(|field| reader.withholds_any(owner, field)).collect();
    if !withheld.is_empty() {
        return Err(ExportError::Withheld(withheld));
    }
    let document = store.read(|conn| documents::load(conn, owner, &record))?;
    let mut document = document.ok_or(StoreError::Damaged("a document without its snapshot"))?;
    let bytes = document.export().map_err(|_| StoreError::Damaged("a document's snapshot"))?;
    Ok(Exported { kind, record, bytes, heads: document.heads().to_vec() })
}
