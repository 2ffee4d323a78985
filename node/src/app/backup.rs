//! A copy of the database to keep elsewhere, proved before it takes its name.

use std::{fs, path::Path};

use super::{
    Progress, Stage,
    repair::{Copy, prove},
};
use crate::{
    files::{beside, sync_dir},
    identity::{Home, LocalDevice},
    ledger::Problem,
    store::{StoreError, backup::Contents},
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database does not verify: a copy of it would be of no use.
    #[error("the database does not verify")]
    NotGood(Vec<Problem>),
    #[error("the file cannot be written")]
    File(#[from] std::io::Error),
    #[error("the database cannot be copied")]
    Store(#[from] StoreError),
}

impl BackupError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            BackupError::NotGood(_) => "not_verified",
            BackupError::File(_) => "system",
            BackupError::Store(_) => "database",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Taken {
    pub contents: Contents,
    pub bytes: u64,
}

/// Writes a copy to `file`, in the place of what is there: those who call ask first whether they may.
pub fn back_up(
    home: &Home,
    me: &LocalDevice,
    store: &Store,
    file: &Path,
    progress: &mut dyn Progress,
) -> Result<Taken, BackupError> {
    // Until it is whole.
    let partial = Copy::new(beside(file, ".partial"));
    progress.stage(Stage::Copying, None);
    let contents = store.back_up(partial.path(), &me.key, (me.clock)())?;
    let (_, problems) = prove(home, me, partial.path(), progress)?;
    if !problems.is_empty() {
        return Err(BackupError::NotGood(problems));
    }
    fs::rename(partial.path(), file)?;
    drop(partial);
    sync_dir(file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    Ok(Taken { contents, bytes: fs::metadata(file)?.len() })
}
