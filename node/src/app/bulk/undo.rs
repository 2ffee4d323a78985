//! An import taken back: each of its records is voided, the last first.

use std::collections::BTreeSet;

use huiliu_proto::{
    id::RecordId,
    kind::{Kind, Voiding, numbered},
    union::UnionNumber,
    v1::DutyAct,
};

use crate::{
    app::{
        Mode, Progress,
        duty::{self, Pass},
        find, void,
    },
    ledger::{Ledger, Saying},
    store::{
        self, StoreError, View, documents, imports,
        voids::{self, State},
    },
    writer::Store,
};

/// Records of one transaction.
const BATCH: usize = 1024;
/// As many of what stands in the way are told.
const OBSTACLES_TOLD: usize = 200;

/// Why an import is not taken back. Nothing was written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InTheWay {
    #[error("this machine made no import {0}")]
    Missing(RecordId),
    /// What was typed names no import of this machine, or several.
    #[error("there is no import “{0}”, or more than one")]
    NotOne(String),
    /// What would stand in the way of voiding its records one by one.
    #[error(transparent)]
    Void(#[from] void::Problem),
}

impl InTheWay {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            InTheWay::Missing(_) | InTheWay::NotOne(_) => "unknown_import",
            InTheWay::Void(problem) => problem.code(),
        }
    }
}

/// The one import whose id begins so.
pub fn named(conn: &View, typed: &str) -> store::Result<Result<RecordId, InTheWay>> {
    if let Ok(id) = typed.trim().parse::<RecordId>()
        && imports::get(conn, &id)?.is_some()
    {
        return Ok(Ok(id));
    }
    let digits = find::digits(typed, find::SHORTEST);
    let all = imports::all(conn)?.into_iter().map(|import| import.id);
    let found: Vec<RecordId> =
        all.filter(|id| digits.as_ref().is_some_and(|digits| id.to_string().starts_with(digits))).collect();
    Ok(match found[..] {
        [one] => Ok(one),
        _ => Err(InTheWay::NotOne(typed.to_owned())),
    })
}

/// What was, or would be, voided.
#[derive(Debug, Clone, PartialEq)]
pub struct Undone {
    pub kind: &'static Kind,
    pub voided: u64,
    /// Those that were voided already, or are not here any more.
    pub before: u64,
    /// Of those voided, the ones that people have edited since.
    pub edited: u64,
}

/// Takes an import back, or only looks whether it could be.
pub fn undo(
    store: &Store,
    union: UnionNumber,
    import: RecordId,
    reason: &str,
    mode: Mode,
    progress: &mut dyn Progress,
) -> Result<Result<Undone, InTheWay>, StoreError> {
    if let Err(problem) = void::reason_fits(reason) {
        return Ok(Err(problem.into()));
    }
    let Some(noted) = store.read(|conn| imports::get(conn, &import))? else {
        return Ok(Err(InTheWay::Missing(import)));
    };
    let Some(kind) = numbered(noted.kind) else { return Ok(Err(InTheWay::Missing(import))) };
    if kind.voiding == Voiding::Never {
        return Ok(Err(void::Problem::Never(kind).into()));
    }
    // What stands, and of it what people have edited.
    let (mut standing, mut edited) = (BTreeSet::new(), 0);
    for batch in &noted.batches {
        let (stands, changed) = store.read(|conn| {
            let (mut stands, mut changed) = (vec![], 0);
            for id in imports::records(conn, union, *batch)? {
                if voids::state(conn, union, &id)? != State::Voided {
                    changed += u64::from(documents::edits(conn, union, &id)?.len() > 1);
                    stands.push(id);
                }
            }
            Ok((stands, changed))
        })?;
        standing.extend(stands);
        edited += changed;
    }
    if let Some(problem) = store.read(|conn| void::in_the_way(conn, union, kind, &standing, OBSTACLES_TOLD))? {
        return Ok(Err(problem.into()));
    }
    let all = standing.len() as u64;
    let said = reason.to_owned();
    // Whoever carries it out has seen as much of it stand, and as much of that edited.
    let seen: Vec<u8> = standing.iter().flat_map(|id| id.0).chain(u64::to_be_bytes(edited)).collect();
    let may = move |ledger: &mut Ledger| {
        let parts = [import.as_bytes(), said.as_bytes(), &seen];
        duty::pass(ledger, DutyAct::UndoImport, &import.to_string(), &parts)
    };
    let mut pass = match mode.run(store, may)? {
        Ok(pass) => pass,
        Err(problem) => return Ok(Err(void::Problem::Duty(problem).into())),
    };
    if mode == Mode::Write {
        let standing: Vec<RecordId> = standing.into_iter().rev().collect();
        for batch in standing.chunks(BATCH) {
            let (batch, reason) = (batch.to_vec(), reason.to_owned());
            let count = batch.len() as u64;
            let pass = std::mem::replace(&mut pass, Pass::FREE);
            store.write_blocking(move |ledger| {
                pass.used(ledger, &[import])?;
                for record in batch {
                    ledger.write_void(kind, &Saying { record, restores: false, reason: reason.clone() })?;
                }
                Ok(())
            })?;
            progress.done(count);
        }
    }
    Ok(Ok(Undone { kind, voided: all, before: noted.count().saturating_sub(all), edited }))
}
