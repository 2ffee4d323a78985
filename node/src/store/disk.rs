//! Whether the disk is what an error is about: full, read-only, closed to this user, failing.
//!
//! A database on such a disk is good, and nobody is to be told to move it away. SQLite tells these apart badly: a full disk
//! may show as a file that cannot be opened. So what it tried is tried again here, and the system's own word is taken.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use super::{Cause, StoreError};
use crate::files::beside;

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Full,
    ReadOnly,
    Denied,
    Failing,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trouble::Full => "the disk is full",
            Trouble::ReadOnly => "the disk can only be read",
            Trouble::Denied => "access is not permitted",
            Trouble::Failing => "the disk reports an error",
        })
    }
}

impl Trouble {
    pub fn of(error: &io::Error) -> Option<Trouble> {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded => Some(Trouble::Full),
            ReadOnlyFilesystem => Some(Trouble::ReadOnly),
            PermissionDenied => Some(Trouble::Denied),
            // It has no kind of its own: EIO.
            _ if cfg!(unix) && error.raw_os_error() == Some(5) => Some(Trouble::Failing),
            _ => None,
        }
    }
}

/// The error, or what is wrong with the disk that `path` is on where that is behind it.
pub fn judge(error: StoreError, path: &Path) -> StoreError {
    let trouble = match &error {
        StoreError::Io(error) => Trouble::of(error),
        StoreError::Sqlite(fault) => match fault.cause() {
            Cause::Full => Some(Trouble::Full),
            Cause::Failing => Some(probe(path).unwrap_or(Trouble::Failing)),
            Cause::Closed => probe(path),
            _ => None,
        },
        _ => None,
    };
    match trouble {
        Some(trouble) => StoreError::Disk { path: path.to_owned(), trouble },
        None => error,
    }
}

/// Reads the file, opens it for writing, and writes another beside it, as SQLite does.
fn probe(path: &Path) -> Option<Trouble> {
    let read = File::open(path).and_then(|mut file| file.read(&mut [0; 4096]));
    let written = fs::OpenOptions::new().write(true).open(path);
    let errors = [read.err(), written.err(), try_writing(path).err()];
    errors.iter().flatten().find_map(Trouble::of)
}

fn try_writing(path: &Path) -> io::Result<()> {
    let other = beside(path, &format!(".try-{}", std::process::id()));
    let file = fs::OpenOptions::new().write(true).create_new(true).open(&other)?;
    let written = write(&file, &[0; 64 * 1024]).and_then(|()| file.sync_all());
    drop(file);
    fs::remove_file(&other)?;
    written
}

/// By the system call that SQLite writes with.
#[cfg(unix)]
fn write(file: &File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut file, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: i32) -> StoreError {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into()
    }

    #[test]
    fn a_full_disk_is_called_full_and_a_good_one_is_not_blamed() {
        use rusqlite::ffi::{SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("huiliu.db");
        fs::write(&path, "something").unwrap();
        let trouble = |error| match judge(error, &path) {
            StoreError::Disk { trouble, .. } => Some(trouble),
            _ => None,
        };
        assert_eq!(trouble(sqlite(SQLITE_FULL)), Some(Trouble::Full));
        assert_eq!(trouble(sqlite(SQLITE_IOERR)), Some(Trouble::Failing));
        assert_eq!(trouble(sqlite(SQLITE_CANTOPEN)), None);
        assert_eq!(trouble(sqlite(SQLITE_CORRUPT)), None);
        assert_eq!(trouble(StoreError::Io(io::ErrorKind::StorageFull.into())), Some(Trouble::Full));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "what was tried is gone again");
    }
}
