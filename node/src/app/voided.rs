//! What was voided: the record as it was, and what was said of whether it stands. Whether it may be voided, `void` knows.

use huiliu_proto::{
    id::RecordId,
    kind::{Kind, Shape, numbered},
    record::Record,
    union::UnionNumber,
    void::Void,
};

use crate::{
    ledger::shown,
    store::{
        Result, StoreError, View, documents, feeds,
        projection::{RecordPlace, Shown},
        records,
        voids::{self, Said, State},
    },
};

/// As many voids of one record are told.
const VOIDS_TOLD: usize = 200;

/// Something that was said of whether a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub said: Said,
    /// When the device says it wrote it.
    pub claimed: i64,
    pub void: Void,
}

/// What has been said of whether a record stands, in the order in which each was written, as far as devices say.
pub fn words(conn: &View, owner: UnionNumber, record: &RecordId) -> Result<Vec<Word>> {
    let mut words = vec![];
    for said in voids::of_record(conn, owner, record, VOIDS_TOLD)? {
        let Some(operation) = feeds::operation(conn, said.feed, said.seq)? else { continue };
        let document = numbered(operation.kind).is_some_and(|kind| kind.shape == Shape::Document);
        let Ok(void) = Void::decode(&operation.payload, document) else { continue };
        words.push(Word { said, claimed: operation.time, void });
    }
    words.sort_by_key(|word| (word.claimed, word.said.leaf));
    Ok(words)
}

/// A record that is voided, as it was: it is in no table, and in its feed or its document still.
pub fn voided(conn: &View, owner: UnionNumber, id: &RecordId) -> Result<Option<Shown>> {
    if voids::state(conn, owner, id)? != State::Voided {
        return Ok(None);
    }
    let Some(claim) = records::get(conn, owner, id)? else { return Ok(None) };
    let Some(kind) = numbered(claim.kind) else { return Ok(None) };
    let record = match kind.shape {
        Shape::Document => {
            let document = documents::load(conn, owner, id)?;
            shown(kind, document.ok_or(StoreError::Damaged("a document without its snapshot"))?.fields())
        }
        Shape::Entry => {
            let operation = feeds::operation(conn, claim.place.feed, claim.place.seq)?;
            let record = operation.and_then(|operation| Record::decode(kind, &operation.payload).ok());
            record.ok_or(StoreError::Damaged("an entry that is voided"))?
        }
    };
    let place = RecordPlace { owner, ..claim.place };
    Ok(Some(Shown { id: *id, place, record }))
}

/// A page of voided records of one kind, as they were, in the order they were made.
pub fn page(
    conn: &View,
    kind: &'static Kind,
    owner: Option<UnionNumber>,
    after: Option<RecordId>,
    most: usize,
) -> Result<Vec<Shown>> {
    let mut rows = vec![];
    for found in voids::page(conn, kind, owner, after, most)? {
        rows.extend(voided(conn, found.owner, &found.record)?);
    }
    Ok(rows)
}
