//! Looking for a text in files, in the forms in which a program may write it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use huiliu_proto::id::hex;

/// A text as UTF-8, as UTF-16 either way, and as the hexadecimal of its bytes.
pub struct Needle(Vec<Vec<u8>>);

impl Needle {
    pub fn new(text: &str) -> Needle {
        let hex = hex(text.as_bytes());
        Needle(vec![
            text.as_bytes().to_vec(),
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
        ])
    }

    fn within(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
    }
}

/// All files below a directory.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = vec![];
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

/// The files in which it stands.
pub fn search(files: &[PathBuf], needle: &Needle) -> Vec<String> {
    let found = files.iter().filter(|path| needle.within(&fs::read(path).unwrap()));
    found.map(|path| path.display().to_string()).collect()
}
