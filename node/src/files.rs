//! What the system promises of files, and what has to be asked of it.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// Makes names in a directory durable. It cannot be opened for that everywhere; where it can, it is done.
pub(crate) fn sync_dir(dir: &Path) {
    if let Ok(dir) = File::open(dir) {
        let _ = dir.sync_all();
    }
}

/// The file whose name goes on with `suffix`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
