//! What the system promises of files, and what has to be asked of it.

use std::{fs::File, path::Path};

/// Makes names in a directory durable. It cannot be opened for that everywhere; where it can, it is done.
pub(crate) fn sync_dir(dir: &Path) {
    if let Ok(dir) = File::open(dir) {
        let _ = dir.sync_all();
    }
}
