//! Saying what counts of the unions directly below as of today, so that proofs can show it later.

use huiliu_node::{
    app::{Mode, Progress},
    identity::LocalDevice,
    standing::{self, Vouched},
    store::StoreError,
    writer::Store,
};
use huiliu_proto::union::UnionNumber;

#[derive(Debug, thiserror::Error)]
pub enum VouchError {
    /// Only a hub has unions below it.
    #[error("only a hub says what counts of the unions below")]
    NotHub,
    #[error("what counts cannot be said")]
    Store(#[from] StoreError),
}

impl VouchError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            VouchError::NotHub => "not_a_hub",
            VouchError::Store(_) => "database",
        }
    }
}

/// Of all devices, or of one union's; a device in a job, so that nobody waits for all. What was refused is said of each.
pub fn vouch(
    store: &Store,
    me: &LocalDevice,
    only: Option<UnionNumber>,
    mode: Mode,
    progress: &mut dyn Progress,
) -> Result<Vec<Vouched>, VouchError> {
    if !me.hub {
        return Err(VouchError::NotHub);
    }
    let (union, own) = (me.union, me.device());
    let devices = store.read(|conn| standing::enrolled(conn, union, &own))?;
    let mut all = vec![];
    for (union, device) in devices {
        if only.is_none_or(|only| only == union) {
            all.extend(mode.run(store, move |ledger| ledger.vouch_for(union, &device))?);
        }
        progress.done(1);
    }
    Ok(all)
}
