//! What a device remembers outside its database: its incarnation, and how far it has signed each of its feeds. A
//! database that was restored or copied does not take this along, and so it shows.
//!
//! The file must not be part of a backup of the database. If it is lost, the device goes on in a new incarnation.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use huiliu_proto::id::FeedId;
use serde::{Deserialize, Serialize};

use super::write_whole;

const MAX_FILE: u64 = 1 << 20;

#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// `None` for a database that nobody will open again.
    path: Option<PathBuf>,
    incarnation: u32,
    /// Operations signed, by feed: of this incarnation, and of those before it.
    signed: BTreeMap<FeedId, u64>,
    before: BTreeMap<FeedId, u64>,
    /// The incarnation that began when the database was last found to be older than this; 0 if it never was.
    rolled_back: u32,
    /// There was no file, or one that cannot be read.
    lost: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryFile {
    incarnation: u32,
    /// Feed to operations signed.
    signed: BTreeMap<String, u64>,
    before: BTreeMap<String, u64>,
    #[serde(default)]
    rolled_back: u32,
}

impl Memory {
    /// The memory of a new device.
    pub fn create(path: &Path) -> io::Result<()> {
        Memory { path: Some(path.to_owned()), ..Memory::default() }.save()
    }

    /// What is there; a file that is missing or cannot be parsed counts as lost. One that cannot be read now, because the disk fails or
    /// does not permit it, is an error: it may be read tomorrow.
    pub fn open(path: &Path) -> io::Result<Memory> {
        match read(path) {
            Err(error) if gone(&error) => {
                tracing::warn!(%error, "what this device remembers outside its database is lost");
                Ok(Memory { path: Some(path.to_owned()), lost: true, ..Memory::default() })
            }
            read => read,
        }
    }

    /// Counts up whenever this device may have lost its memory: it writes into other feeds from then on.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    pub fn lost(&self) -> bool {
        self.lost
    }

    /// The incarnation that began when the database was last found to be older than what this device has signed. A database
    /// that does not know of it is older again, or the program ended as it was noticed.
    pub fn rolled_back(&self) -> u32 {
        self.rolled_back
    }

    /// How many operations of each of its feeds this device has signed in this incarnation.
    pub fn signed(&self) -> &BTreeMap<FeedId, u64> {
        &self.signed
    }

    /// The same of all incarnations before.
    pub fn before(&self) -> &BTreeMap<FeedId, u64> {
        &self.before
    }

    /// Takes up what another process of this machine has written since. What is lost meanwhile is remembered here.
    pub fn refresh(&mut self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        match read(path) {
            Ok(memory) => *self = memory,
            Err(error) if gone(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Goes on as another incarnation. It is on the disk before anything is written as it. `signed` is how far feeds have
    /// been signed that was not noted yet: from now on they are of an incarnation before. `rolled_back`: because the database
    /// is older than that.
    pub fn raise(&mut self, incarnation: u32, signed: &BTreeMap<FeedId, u64>, rolled_back: bool) -> io::Result<()> {
        let _alone = self.alone()?;
        self.refresh()?;
        self.incarnation = incarnation.max(self.incarnation);
        if rolled_back {
            self.rolled_back = self.incarnation;
        }
        self.before.append(&mut self.signed);
        for (feed, size) in signed {
            let mark = self.before.entry(*feed).or_default();
            *mark = (*mark).max(*size);
        }
        self.lost = false;
        self.save()
    }

    /// Notes how far feeds have been signed; a mark never goes back.
    pub fn note(&mut self, signed: &BTreeMap<FeedId, u64>) -> io::Result<()> {
        let knows = |memory: &Memory| {
            let mark = |feed| memory.signed.get(feed).max(memory.before.get(feed));
            signed.iter().all(|(feed, size)| mark(feed).is_some_and(|mark| mark >= size))
        };
        if knows(self) {
            return Ok(());
        }
        let _alone = self.alone()?;
        self.refresh()?;
        for (feed, size) in signed {
            let marks = if self.before.contains_key(feed) { &mut self.before } else { &mut self.signed };
            let mark = marks.entry(*feed).or_default();
            *mark = (*mark).max(*size);
        }
        self.save()
    }

    /// Until this is dropped, no other process of this machine reads and writes here.
    fn alone(&self) -> io::Result<Option<fs::File>> {
        let Some(path) = &self.path else { return Ok(None) };
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path.with_extension("lock"))?;
        file.lock()?;
        Ok(Some(file))
    }

    fn save(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let marks =
            |marks: &BTreeMap<FeedId, u64>| marks.iter().map(|(feed, size)| (feed.to_string(), *size)).collect();
        let file = MemoryFile {
            incarnation: self.incarnation,
            signed: marks(&self.signed),
            before: marks(&self.before),
            rolled_back: self.rolled_back,
        };
        let text = serde_json::to_string_pretty(&file)?;
        write_whole(path, text.as_bytes(), 0o644)
    }
}

/// Whether the file is not there, or is no memory. All else is the disk's word, and says nothing of what it holds.
fn gone(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, InvalidData, NotFound, Other, UnexpectedEof};
    matches!(error.kind(), NotFound | InvalidData | UnexpectedEof | FileTooLarge | Other)
}

fn read(path: &Path) -> io::Result<Memory> {
    if fs::metadata(path)?.len() > MAX_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let file: MemoryFile = serde_json::from_str(&fs::read_to_string(path)?)?;
    let marks = |marks: BTreeMap<String, u64>| -> io::Result<BTreeMap<FeedId, u64>> {
        marks.into_iter().map(|(feed, size)| Ok((feed.parse().map_err(io::Error::other)?, size))).collect()
    };
    let (signed, before) = (marks(file.signed)?, marks(file.before)?);
    let MemoryFile { incarnation, rolled_back, .. } = file;
    Ok(Memory { path: Some(path.to_owned()), incarnation, signed, before, rolled_back, lost: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_only_rise_and_survive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.json");
        Memory::create(&path).unwrap();
        let mut memory = Memory::open(&path).unwrap();
        let feed = FeedId([3; 16]);
        memory.note(&[(feed, 7)].into()).unwrap();
        memory.note(&[(feed, 5)].into()).unwrap();
        let late = FeedId([4; 16]);
        memory.raise(4, &[(feed, 6), (late, 2)].into(), true).unwrap();
        memory.raise(5, &[].into(), false).unwrap();
        let again = Memory::open(&path).unwrap();
        assert_eq!(again.rolled_back(), 4);
        assert!(again.signed().is_empty());
        assert_eq!((again.incarnation(), again.before()[&feed], again.lost()), (5, 7, false));
        assert_eq!(again.before()[&late], 2, "what was signed and not noted yet is not forgotten");
    }

    #[test]
    fn what_cannot_be_read_is_lost_and_not_guessed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.json");
        assert!(Memory::open(&path).unwrap().lost());
        for nonsense in [
            "",
            "{}",
            r#"{"incarnation":-1,"signed":{},"before":{}}"#,
            r#"{"incarnation":1,"signed":{"x":2},"before":{}}"#,
        ] {
            fs::write(&path, nonsense).unwrap();
            assert!(Memory::open(&path).unwrap().lost(), "{nonsense}");
        }
        // A directory cannot be read as a file: that is no word about what was remembered.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(cfg!(windows) || Memory::open(&path).is_err());
    }
}
