//! The directory `keys/`: one file a key, which only its owner may read.

use std::path::{Path, PathBuf};

use huiliu_proto::id::{hex, unhex};
use zeroize::Zeroizing;

use super::{IdentityError, read_text, write_mode};
use crate::clock::Dice;

/// A home's key files.
#[derive(Debug, Clone)]
pub struct Keys {
    dir: PathBuf,
}

impl Keys {
    /// `home` is the directory that holds `keys/`.
    pub fn open(home: &Path) -> Keys {
        Keys { dir: home.join("keys") }
    }

    /// Makes 32 random bytes and writes them.
    pub fn new_seed(&self, name: &str, dice: &Dice) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
        let mut seed = Zeroizing::new([0; 32]);
        dice(&mut *seed);
        self.write(name, Zeroizing::new(hex(&*seed)).as_bytes())?;
        Ok(seed)
    }

    pub fn seed(&self, name: &str) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
        let path = self.dir.join(name);
        let text = Zeroizing::new(read_text(&path)?);
        let bytes = unhex(text.trim()).map(Zeroizing::new);
        let seed = bytes.and_then(|b| <[u8; 32]>::try_from(&b[..]).ok());
        seed.map(Zeroizing::new)
            .ok_or(IdentityError::File { path, cause: "it does not hold 32 bytes in hexadecimal".into() })
    }

    /// A TLS or authority key.
    pub fn pem(&self, name: &str) -> Result<rcgen::KeyPair, IdentityError> {
        let pem = Zeroizing::new(read_text(&self.dir.join(format!("{name}.pem")))?);
        Ok(rcgen::KeyPair::from_pem(&pem)?)
    }

    pub fn write_pem(&self, name: &str, key: &rcgen::KeyPair) -> Result<(), IdentityError> {
        self.write(&format!("{name}.pem"), Zeroizing::new(key.serialize_pem()).as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), IdentityError> {
        write_mode(&self.dir.join(name), bytes, 0o600)
    }
}
