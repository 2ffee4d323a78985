//! A record as a file that proves itself to whoever knows the root's fingerprint only.

use huiliu_proto::{
    id::RecordId,
    kind::{Field, Kind, Shape},
    lang::Label,
    period::Day,
    root::Root,
};

use super::{
    find::{self, FindError},
    values::Reader,
};
use crate::{
    ledger::Ledger,
    proof::{
        Made, Maker, ProvingError,
        said::{self, WouldNotCount},
    },
    store::{
        StoreError, View, documents,
        projection::Shown,
        quarantine,
        voids::{self, State},
    },
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    #[error("the record {0} is voided")]
    Voided(RecordId),
    /// It is in quarantine: the file could not say so.
    #[error("the record {id} does not count")]
    Held { id: RecordId, why: Label },
    #[error("it is not known what is meant")]
    Find(#[from] FindError),
    #[error("it cannot be proven")]
    Proving(#[from] ProvingError),
    /// A proof shows to whoever has it all that the record says.
    #[error("some of it is kept by the union that wrote it")]
    Withheld(Vec<&'static Field>),
    /// A proof that says something else than what counts here would be no service to anyone.
    #[error("the proof would not say what counts here")]
    WouldNotCount(#[from] WouldNotCount),
    #[error("the records cannot be read")]
    Store(#[from] StoreError),
}

impl ProveError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ProveError::Voided(_) => "voided",
            ProveError::Held { .. } => "held",
            ProveError::Withheld(_) => "withheld",
            ProveError::Find(FindError::Missing(_)) => "unknown_record",
            ProveError::Find(FindError::Ambiguous { .. }) => "ambiguous",
            ProveError::Proving(_) | ProveError::WouldNotCount(_) => "not_proven",
            ProveError::Find(FindError::Store(_)) | ProveError::Store(_) => "database",
        }
    }
}

/// The file, and what a person is told beside it.
#[derive(Debug)]
pub struct Proof {
    pub kind: &'static Kind,
    pub id: RecordId,
    pub made: Made,
    /// Edits of the document that do not count, and are not in the file.
    pub held: usize,
}

/// Proves the record that a person means; `as_of` shows also that it counts as of that day.
pub fn prove(
    store: &Store,
    reader: Reader<'_>,
    root: Root,
    typed: &str,
    as_of: Option<Day>,
) -> Result<Proof, ProveError> {
    // Said before anything is signed.
    let shown = store.read(|conn| Ok(counted(conn, typed)))??;
    // What was written since the last exchange stands under no head yet.
    store.write_blocking(Ledger::pack_all)?;
    store.read(|conn| Ok(make(conn, reader, root, &shown, as_of)))?
}

fn make(conn: &View, reader: Reader<'_>, root: Root, shown: &Shown, as_of: Option<Day>) -> Result<Proof, ProveError> {
    let made = Maker::new(conn, root).record(shown.id, &places(conn, shown)?, as_of)?;
    said::said(&made.proven)?;
    if let Some((kind, personal)) = said::personal(&made.proven) {
        let fields = personal.clear.iter().map(|at| &kind.fields[*at]);
        let withheld: Vec<&Field> = fields.filter(|field| reader.withholds_any(shown.place.owner, field)).collect();
        if !withheld.is_empty() {
            return Err(ProveError::Withheld(withheld));
        }
    }
    let held = quarantine::of_record(conn, &shown.id)?.len();
    Ok(Proof { kind: shown.record.kind, id: shown.id, made, held })
}

/// The record, if it counts.
fn counted(conn: &View, typed: &str) -> Result<Shown, ProveError> {
    match find::any(conn, typed)? {
        Ok(shown) if voids::state(conn, shown.place.owner, &shown.id)? == State::Voided => {
            Err(ProveError::Voided(shown.id))
        }
        Ok(shown) => Ok(shown),
        Err(id) => {
            let held = quarantine::of_record(conn, &id)?.into_iter().next();
            let why = held.map(|held| Ok::<_, ProveError>(quarantine::explain(conn, &held)?.words())).transpose()?;
            Err(ProveError::Held { id, why: why.unwrap_or_default() })
        }
    }
}

/// Where the record's operations stand: of an entry the one, of a document each edit that counts.
fn places(conn: &View, shown: &Shown) -> Result<Vec<(i64, u64)>, StoreError> {
    Ok(match shown.record.kind.shape {
        Shape::Entry => vec![(shown.place.feed, shown.place.seq)],
        Shape::Document => documents::edits(conn, shown.place.owner, &shown.id)?
            .into_iter()
            .map(|made| (made.feed, made.seq))
            .collect(),
    })
}
