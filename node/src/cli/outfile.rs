//! Files that a verb hands to the person: never written over anything unless that is said, and for her eyes only.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    path::Path,
};

use anyhow::Result;

use huiliu_proto::id::hex;

use super::error::{CommandError, both};
use crate::clock::random;

/// Files that a home cannot do without, beside all that lies in its directories of keys and certificates.
const OF_A_HOME: [&str; 4] = ["huiliu.db", "huiliu.db-wal", "config.json", "memory.json"];

/// Whether a file may be made here, or with `force` be put in the place of what is: never of what a home lives from, and
/// never of what is no file.
pub fn allowed(path: &Path, force: bool) -> Result<(), CommandError> {
    let Ok(there) = fs::metadata(path) else { return Ok(()) };
    let shown = path.display();
    let elsewhere = || both("请写到别的文件，最好在另一块盘上", "write to another file, best on another disk");
    if !there.is_file() {
        let what = both(format!("{shown} 不是普通文件"), format!("{shown} is not a plain file"));
        return Err(CommandError::usage(what, elsewhere()));
    }
    if is_of_a_home(path) {
        let what = both(
            format!("{shown} 是数据目录自己的文件，不能覆盖"),
            format!("{shown} belongs to a home, which cannot do without it"),
        );
        return Err(CommandError::usage(what, elsewhere()));
    }
    if force { Ok(()) } else { Err(exists(path)) }
}

fn is_of_a_home(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let is_home = |dir: &Path| dir.join("keys").is_dir() && dir.join("config.json").is_file();
    let inner = dir.file_name().is_some_and(|name| name == "keys" || name == "certs");
    (is_home(dir) && OF_A_HOME.iter().any(|of| name == *of)) || (inner && dir.parent().is_some_and(is_home))
}

/// Writes a file whole or not at all. One that is there stays, unless `force`.
pub fn write(path: &Path, bytes: &[u8], force: bool) -> Result<()> {
    // Said before anything is made; the link below asks again, so that nothing slips in between.
    allowed(path, force)?;
    let mut tag = [0; 8];
    random()(&mut tag);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", hex(&tag)));
    let beside = path.with_file_name(name);
    put(&beside, bytes)?;
    let written = match force {
        true => fs::rename(&beside, path),
        false => fs::hard_link(&beside, path).or_else(|error| match error.kind() {
            // A disk without links, such as a memory stick.
            ErrorKind::AlreadyExists => Err(error),
            _ if path.symlink_metadata().is_ok() => Err(ErrorKind::AlreadyExists.into()),
            _ => fs::rename(&beside, path),
        }),
    };
    // Gone already where it was renamed.
    let _ = fs::remove_file(&beside);
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists(path).into()),
        other => Ok(other?),
    }
}

fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    // A name that nobody can guess, and never through a link: what is there already is not written to.
    options.write(true).create_new(true);
    // It may hold personal data.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

fn exists(path: &Path) -> CommandError {
    CommandError::usage(
        both(format!("{} 已经存在", path.display()), format!("{} is there already", path.display())),
        both("请换一个文件名，或加 --force 覆盖", "choose another name, or replace it with --force"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_unless_it_is_said() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a.proof");
        write(&path, b"one", false).expect("it is written");
        assert!(write(&path, b"two", false).is_err());
        assert_eq!(fs::read(&path).expect("it is there"), b"one");
        write(&path, b"three", true).expect("it is written over");
        assert_eq!(fs::read(&path).expect("it is there"), b"three");
        assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 1, "nothing is left beside it");
    }

    #[test]
    #[cfg(unix)]
    fn no_link_is_followed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (path, victim) = (dir.path().join("a.proof"), dir.path().join("victim"));
        fs::write(&victim, b"hers").expect("it is written");
        let guessed = dir.path().join(format!("a.proof.{}.new", std::process::id()));
        std::os::unix::fs::symlink(&victim, &guessed).expect("a link");
        write(&path, b"one", false).expect("it is written");
        assert_eq!(fs::read(&victim).expect("it is there"), b"hers");
        fs::remove_file(&path).expect("it was there");
        std::os::unix::fs::symlink(&victim, &path).expect("a link");
        write(&path, b"two", true).expect("it is written over");
        assert_eq!(fs::read(&victim).expect("it is there"), b"hers", "the link was replaced, not followed");
        assert_eq!(fs::read(&path).expect("it is there"), b"two");
    }
}
