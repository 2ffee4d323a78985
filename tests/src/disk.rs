//! What happens to disks: backups that are put back, whole or in part, and copies that go to work.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The database and what SQLite keeps beside it.
const DATABASE: [&str; 3] = ["huiliu.db", "huiliu.db-wal", "huiliu.db-shm"];

pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn backup_of(home: &Path) -> PathBuf {
    home.with_extension("backup")
}

/// Keeps a home as it is now. Its store must be closed.
pub fn save(home: &Path) -> io::Result<()> {
    copy(home, &backup_of(home))
}

/// The whole home, memory and all, as it was.
pub fn back_to(home: &Path) -> io::Result<()> {
    fs::remove_dir_all(home)?;
    copy(&backup_of(home), home)
}

/// The database alone, as it was; what is remembered outside it stays.
pub fn database_back_to(home: &Path) -> io::Result<()> {
    for file in DATABASE {
        let (now, saved) = (home.join(file), backup_of(home).join(file));
        if now.exists() {
            fs::remove_file(&now)?;
        }
        if saved.exists() {
            fs::copy(saved, now)?;
        }
    }
    Ok(())
}
