//! Signs that somebody's memory, disk or word cannot be trusted: looked into, and settled by a person.

use huiliu_proto::union::UnionNumber;

use super::Mode;
use crate::{
    store::{
        Result, StoreError, View,
        evidence::{self, KeptEvidence},
        feeds,
    },
    writer::Store,
};

/// A piece, and whose feed it is about, as far as that is known here.
#[derive(Debug)]
pub struct Piece {
    pub kept: KeptEvidence,
    pub about: Option<UnionNumber>,
}

#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// What was found out has to be said.
    #[error("what was found out is missing")]
    NoNote,
    #[error("there is no open piece of evidence number {0}")]
    NotOpen(i64),
    #[error("it cannot be settled")]
    Store(#[from] StoreError),
}

impl SettleError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            SettleError::NoNote => "no_note",
            SettleError::NotOpen(_) => "no_evidence",
            SettleError::Store(_) => "database",
        }
    }
}

/// Some of what is kept.
#[derive(Debug)]
pub struct Page {
    pub pieces: Vec<Piece>,
    /// The last of them, where there are more.
    pub next: Option<i64>,
    /// Whether anything at all waits for a person.
    pub open: bool,
}

/// The first `most` pieces after one that nobody has settled; with `all`, the rest too. At most 16 open pieces of a kind
/// are kept from one machine.
pub fn page(store: &Store, all: bool, after: Option<i64>, most: usize) -> Result<Page> {
    store.read(|conn| {
        let mut page = evidence::page(conn, all, after.unwrap_or(0), most + 1)?;
        let more = page.len() > most;
        page.truncate(most);
        let next = page.last().filter(|_| more).map(|kept| kept.no);
        let pieces = page.into_iter().map(|kept| piece(conn, kept)).collect::<Result<_>>()?;
        Ok(Page { pieces, next, open: evidence::any_open(conn)? })
    })
}

pub fn get(store: &Store, no: i64) -> Result<Option<Piece>> {
    store.read(|conn| evidence::get(conn, no)?.map(|kept| piece(conn, kept)).transpose())
}

fn piece(conn: &View, kept: KeptEvidence) -> Result<Piece> {
    let about = feeds::by_id(conn, &kept.evidence.feed)?.map(|row| row.feed.union);
    Ok(Piece { kept, about })
}

/// It is known what happened. Says when it was settled.
pub fn settle(store: &Store, no: i64, note: &str, mode: Mode) -> Result<i64, SettleError> {
    if note.trim().is_empty() {
        return Err(SettleError::NoNote);
    }
    let note = note.to_owned();
    mode.run(store, move |ledger| ledger.settle_evidence(no, &note))?.ok_or(SettleError::NotOpen(no))
}
