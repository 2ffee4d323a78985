//! Giving machines directly below a block of serials, from which they number the unions that they register: those that were
//! enrolled before there were blocks, and one that has used its block up.

use huiliu_node::{
    app::{Mode, find},
    identity::Home,
    ledger::{Ledger, WriteOutcome},
    store::{Result as StoreResult, StoreError, projection, trust},
    writer::Store,
};
use huiliu_proto::{
    handle::Declared as _,
    id::{DeviceId, RecordId},
    record::{Record, Refusal},
    records::enrolment,
    serials::Block,
    union::UnionNumber,
    v1::Enrolment,
    value::Value,
};

use crate::authority;

#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    #[error("{0} is not directly below this union")]
    NotBelow(UnionNumber),
    /// Only unions of the built-in directory give numbers.
    #[error("{0} gives no numbers")]
    GivesNone(UnionNumber),
    /// Eight digits of its key or more, and no other's begins so.
    #[error("{0} has no machine whose key begins so")]
    NoDevice(UnionNumber),
    /// This hub has none of its own to tell which are its to give, or has given all of its lane.
    #[error("this hub has no block left to give")]
    NoneLeft,
    #[error("the enrolment was refused")]
    Refused(Vec<Refusal>),
    #[error("it cannot be written")]
    Store(#[from] StoreError),
}

impl BlockError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            BlockError::NotBelow(_) => "not_below",
            BlockError::GivesNone(_) => "gives_no_numbers",
            BlockError::NoDevice(_) => "no_device",
            BlockError::NoneLeft => "no_block_left",
            BlockError::Refused(_) => "refused",
            BlockError::Store(_) => "database",
        }
    }
}

/// Gives each machine of a union that has none a block, or a further one to the machine whose key begins with `digits`. It is
/// said in a further enrolment of the same machine.
pub fn give(
    home: &Home,
    store: &Store,
    union: UnionNumber,
    digits: Option<&str>,
    mode: Mode,
) -> Result<Vec<(DeviceId, Block)>, BlockError> {
    if union.enroller() != home.config.union {
        return Err(BlockError::NotBelow(union));
    }
    if union.serial().is_some() {
        return Err(BlockError::GivesNone(union));
    }
    // It cannot be taken back: one machine is meant, and surely this one.
    let digits = match digits.map(|typed| find::digits(typed, find::SURE)) {
        Some(None) => return Err(BlockError::NoDevice(union)),
        digits => digits.flatten(),
    };
    mode.run(store, move |ledger| given(ledger, union, digits.as_deref()))?
}

fn given(
    ledger: &mut Ledger,
    union: UnionNumber,
    digits: Option<&str>,
) -> StoreResult<Result<Vec<(DeviceId, Block)>, BlockError>> {
    let mut all = vec![];
    for (device, record) in machines(ledger, union)? {
        if digits.is_some_and(|digits| !device.to_string().starts_with(digits)) {
            continue;
        }
        let root = ledger.me().root;
        if digits.is_none() && !trust::blocks(ledger.conn(), root, &device, union)?.is_empty() {
            continue;
        }
        all.push((device, record));
    }
    if all.len() != 1 && digits.is_some() {
        return Ok(Err(BlockError::NoDevice(union)));
    }
    let (mut done, wanted) = (vec![], !all.is_empty());
    for (device, mut record) in all {
        // Whoever is left is told at the next run.
        let Some(block) = authority::next_block(ledger, &device, union, false)? else { break };
        record.put(enrolment::BLOCK.position(), Some(Value::Int(block.number().into())));
        match ledger.write_entry(&record)? {
            WriteOutcome::Refused(refusals) => return Ok(Err(BlockError::Refused(refusals))),
            _ => done.push((device, block)),
        }
    }
    match done.is_empty() && wanted {
        true => Ok(Err(BlockError::NoneLeft)),
        false => Ok(Ok(done)),
    }
}

/// The machines of a union that this one enrolled and nobody revoked, each with what was said of it last; the oldest first.
fn machines(ledger: &mut Ledger, union: UnionNumber) -> StoreResult<Vec<(DeviceId, Record)>> {
    let me = ledger.me().union;
    let conn = ledger.conn();
    let rows = projection::list_where(conn, Enrolment::kind(), enrolment::UNION.name(), &Value::Int(i64::from(union)))?;
    let mut all: Vec<(RecordId, DeviceId, Record)> = vec![];
    for row in rows.into_iter().filter(|row| row.place.owner == me) {
        let device = row.record.read(enrolment::DEVICE).and_then(|device| DeviceId::try_from(device).ok());
        let Some(device) = device else { continue };
        if trust::revoked(conn, &device, union)? {
            continue;
        }
        match all.iter_mut().find(|(_, known, _)| *known == device) {
            Some((_, _, record)) => *record = row.record,
            None => all.push((row.id, device, row.record)),
        }
    }
    Ok(all.into_iter().map(|(_, device, record)| (device, record)).collect())
}
