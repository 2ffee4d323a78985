//! What SQLite reports, by what it means for whoever asked.

use rusqlite::{Error, ErrorCode};

use super::StoreError;

/// An error of SQLite's.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Fault(Error);

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Another connection holds the database.
    Busy,
    /// The file holds what no database holds.
    Damaged,
    /// A table is missing.
    Missing,
    /// A value that a column cannot hold, or that cannot be read from one: of what was written or read.
    Value,
    /// No room is left on the disk.
    Full,
    /// The file could not be opened or written to; why, the system has to be asked.
    Closed,
    /// Reading or writing failed.
    Failing,
    /// It took more work than it was given.
    Halted,
    /// The machine or the connection otherwise: it would be the same with anything else.
    Machine,
}

impl Fault {
    pub fn cause(&self) -> Cause {
        // Without a code it is a value that a row cannot hold or give back.
        let Some(code) = self.0.sqlite_error_code() else { return Cause::Value };
        match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Cause::Busy,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Cause::Damaged,
            ErrorCode::Unknown if self.0.to_string().contains("no such table") => Cause::Missing,
            ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::Unknown => Cause::Value,
            ErrorCode::DiskFull => Cause::Full,
            ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Cause::Closed,
            ErrorCode::SystemIoFailure => Cause::Failing,
            ErrorCode::OperationInterrupted => Cause::Halted,
            _ => Cause::Machine,
        }
    }

    /// The same once more, for others that it concerns; `None` for what concerns one only.
    pub(super) fn repeat(&self) -> Option<Fault> {
        match &self.0 {
            Error::SqliteFailure(error, words) => Some(Fault(Error::SqliteFailure(*error, words.clone()))),
            _ => None,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault(error)
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        StoreError::Sqlite(Fault(error))
    }
}
