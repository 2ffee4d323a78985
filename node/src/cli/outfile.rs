//! Files that a verb hands to the person: never written over anything unless that is said, and for her eyes only.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    path::Path,
};

use anyhow::Result;

use super::error::{Mistake, both};

/// Writes a file whole or not at all. One that is there stays, unless `force`.
pub fn write(path: &Path, bytes: &[u8], force: bool) -> Result<()> {
    // Said before anything is made; the link below asks again, so that nothing slips in between.
    if !force && path.exists() {
        return Err(exists(path).into());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written = put(&beside, bytes).and_then(|()| match force {
        true => fs::rename(&beside, path),
        false => fs::hard_link(&beside, path).or_else(|error| match error.kind() {
            // A disk without links, such as a memory stick.
            ErrorKind::AlreadyExists => Err(error),
            _ if path.exists() => Err(ErrorKind::AlreadyExists.into()),
            _ => fs::rename(&beside, path),
        }),
    });
    // Gone already where it was renamed.
    let _ = fs::remove_file(&beside);
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists(path).into()),
        other => Ok(other?),
    }
}

fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // It may hold personal data.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn exists(path: &Path) -> Mistake {
    Mistake::failed(
        both(format!("{} 已经存在", path.display()), format!("{} is there already", path.display())),
        both(
            "请用 --out 换一个文件名，或加 --force 覆盖",
            "choose another file with --out, or write over it with --force",
        ),
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
}
