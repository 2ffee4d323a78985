//! The lock of sealed key files: a passphrase opens it and finds the one random key that the files are sealed with.
//!
//! The passphrase goes through Argon2id to a key that opens the data key and nothing else: another passphrase rewrites
//! the lock and no key file. Files are JSON that names its version and its algorithms; whoever holds a copy of them
//! without the passphrase holds nothing. The passphrase of an old copy still opens that old copy.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead as _, KeyInit as _, Payload},
};
use huiliu_proto::{
    algorithms::{SUITE, Suite},
    id::{hex, unhex},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyError, passphrase::Passphrase};
use crate::clock::Random;

const VERSION: u32 = 1;
const KDF: &str = "argon2id";
/// What a new lock costs: a tenth of a second and 64 MiB, on an office machine (OWASP asks for 19 MiB and 2 passes).
pub(super) const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
/// What a file may ask for. Less protects nothing; more is a file that wants this machine to stand still.
const MEMORY_KIB: std::ops::RangeInclusive<u32> = 19 * 1024..=512 * 1024;
const PASSES: std::ops::RangeInclusive<u32> = 1..=16;
const LANES: std::ops::RangeInclusive<u32> = 1..=8;
pub(super) const SALT: usize = 16;
const NONCE: usize = 24;
/// A sealed key is a few hundred bytes.
const MAX_SEALED: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

/// `keys/lock`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    version: u32,
    suite: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    data_key: Sealed,
}

/// `keys/<name>.sealed`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedFile {
    version: u32,
    suite: u32,
    key: Sealed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    nonce: String,
    sealed: String,
}

/// What the key files of a home are sealed with. Zeroised when the last holder drops it, never printed.
#[derive(Clone)]
pub struct DataKey(Arc<Zeroizing<[u8; 32]>>);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(..)")
    }
}

impl DataKey {
    pub fn new(random: &Random) -> DataKey {
        let mut key = Zeroizing::new([0; 32]);
        random(&mut *key);
        DataKey(Arc::new(key))
    }

    /// The text of a lock that this passphrase opens.
    pub fn lock(&self, passphrase: &Passphrase, random: &Random) -> Result<String, KeyError> {
        let mut salt = [0; SALT];
        random(&mut salt);
        let key = stretch(passphrase, &salt, COST)?;
        let file = LockFile {
            version: VERSION,
            suite: SUITE.number(),
            kdf: KDF.to_owned(),
            memory_kib: COST.memory_kib,
            passes: COST.passes,
            lanes: COST.lanes,
            salt: hex(&salt),
            data_key: seal(&key, &self.0[..], &beside(SUITE, "lock"), random)?,
        };
        serde_json::to_string_pretty(&file).map_err(|_| KeyError::Damaged)
    }

    /// Opens a lock.
    pub fn unlock(text: &str, passphrase: &Passphrase) -> Result<DataKey, KeyError> {
        let file: LockFile = serde_json::from_str(text).map_err(|_| KeyError::Damaged)?;
        let suite = known(file.version, file.suite)?;
        if file.kdf != KDF {
            return Err(KeyError::Parameters);
        }
        let salt = unhex(&file.salt).filter(|salt| salt.len() == SALT).ok_or(KeyError::Damaged)?;
        let cost = Cost { memory_kib: file.memory_kib, passes: file.passes, lanes: file.lanes };
        let key = stretch(passphrase, &salt, cost)?;
        let bytes = open(&key, &file.data_key, &beside(suite, "lock")).map_err(|error| match error {
            // A damaged lock looks the same as a wrong passphrase; the second is by far more common.
            Unopened::Refused => KeyError::Wrong,
            Unopened::Malformed => KeyError::Damaged,
        })?;
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return Err(KeyError::Damaged);
        }
        key.copy_from_slice(&bytes);
        Ok(DataKey(Arc::new(key)))
    }

    /// The text of a sealed key file. The name is authenticated with it: files cannot change places.
    pub fn seal(&self, name: &str, bytes: &[u8], random: &Random) -> Result<String, KeyError> {
        let key = seal(&self.0, bytes, &beside(SUITE, name), random)?;
        let file = SealedFile { version: VERSION, suite: SUITE.number(), key };
        serde_json::to_string_pretty(&file).map_err(|_| KeyError::Damaged)
    }

    pub fn open(&self, name: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let file: SealedFile = serde_json::from_str(text).map_err(|_| KeyError::Damaged)?;
        let suite = known(file.version, file.suite)?;
        open(&self.0, &file.key, &beside(suite, name)).map_err(|_| KeyError::Damaged)
    }
}

fn known(version: u32, suite: u32) -> Result<Suite, KeyError> {
    if version != VERSION {
        return Err(KeyError::Version(version));
    }
    Ok(Suite::try_from(suite)?)
}

fn beside(suite: Suite, name: &str) -> Vec<u8> {
    [b"huiliu/key-file/1", &[suite.byte()][..], name.as_bytes()].concat()
}

pub(super) fn stretch(passphrase: &Passphrase, salt: &[u8], cost: Cost) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let Cost { memory_kib, passes, lanes } = cost;
    if !(MEMORY_KIB.contains(&memory_kib) && PASSES.contains(&passes) && LANES.contains(&lanes)) {
        return Err(KeyError::Parameters);
    }
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| KeyError::Parameters)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|_| KeyError::Memory)?;
    Ok(key)
}

fn seal(key: &[u8; 32], bytes: &[u8], beside: &[u8], random: &Random) -> Result<Sealed, KeyError> {
    let mut nonce = [0; NONCE];
    random(&mut nonce);
    let cipher = XChaCha20Poly1305::new(key.into());
    let sealed = cipher.encrypt(&nonce.into(), Payload { msg: bytes, aad: beside }).map_err(|_| KeyError::Damaged)?;
    Ok(Sealed { nonce: hex(&nonce), sealed: hex(&sealed) })
}

enum Unopened {
    Malformed,
    Refused,
}

fn open(key: &[u8; 32], sealed: &Sealed, beside: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    if sealed.sealed.len() > MAX_SEALED {
        return Err(Unopened::Malformed);
    }
    let nonce = unhex(&sealed.nonce).and_then(|nonce| <[u8; NONCE]>::try_from(nonce).ok());
    let (nonce, body) = nonce.zip(unhex(&sealed.sealed)).ok_or(Unopened::Malformed)?;
    let cipher = XChaCha20Poly1305::new(key.into());
    let bytes = cipher.decrypt(&nonce.into(), Payload { msg: &body, aad: beside });
    bytes.map(Zeroizing::new).map_err(|_| Unopened::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_proto::algorithms::UnknownSuite;

    fn phrase(text: &str) -> Passphrase {
        Passphrase::chosen(text).unwrap()
    }

    fn changed(text: &str, field: &str, value: serde_json::Value) -> String {
        let mut json: serde_json::Value = serde_json::from_str(text).unwrap();
        json[field] = value;
        json.to_string()
    }

    #[test]
    fn a_lock_opens_with_its_passphrase_only() {
        let random = crate::clock::random();
        let key = DataKey::new(&random);
        let lock = key.lock(&phrase("correct horse 27"), &random).unwrap();
        let again = DataKey::unlock(&lock, &phrase("correct horse 27")).unwrap();
        assert_eq!(key.0, again.0);
        assert_eq!(DataKey::unlock(&lock, &phrase("correct horse 28")).unwrap_err(), KeyError::Wrong);
        assert_eq!(format!("{key:?}"), "DataKey(..)");
        assert!(!lock.contains(&hex(&key.0[..])));
    }

    #[test]
    fn what_a_lock_asks_for_is_bounded_before_it_is_done() {
        let random = crate::clock::random();
        let phrase = phrase("correct horse 27");
        let lock = DataKey::new(&random).lock(&phrase, &random).unwrap();
        let unlock = |field: &str, value: serde_json::Value| {
            DataKey::unlock(&changed(&lock, field, value), &phrase).unwrap_err()
        };
        for (field, value) in [("memory_kib", u32::MAX), ("memory_kib", 8), ("passes", 1 << 20), ("lanes", 0)] {
            assert_eq!(unlock(field, value.into()), KeyError::Parameters, "{field} {value}");
        }
        assert_eq!(unlock("kdf", "md5".into()), KeyError::Parameters);
        assert_eq!(unlock("suite", 2.into()), KeyError::Suite(UnknownSuite(2)));
        assert_eq!(unlock("version", 2.into()), KeyError::Version(2));
        assert_eq!(unlock("salt", "00".into()), KeyError::Damaged);
        assert_eq!(unlock("salt", "é".repeat(16).into()), KeyError::Damaged);
        assert_eq!(unlock("more", 1.into()), KeyError::Damaged);
        assert_eq!(DataKey::unlock("", &phrase).unwrap_err(), KeyError::Damaged);
    }

    #[test]
    fn a_file_opens_under_its_own_name_and_whole() {
        let random = crate::clock::random();
        let key = DataKey::new(&random);
        let text = key.seal("signing", b"0123", &random).unwrap();
        assert_eq!(&key.open("signing", &text).unwrap()[..], b"0123");
        assert_eq!(key.open("seal", &text).unwrap_err(), KeyError::Damaged, "files cannot change places");
        assert_eq!(DataKey::new(&random).open("signing", &text).unwrap_err(), KeyError::Damaged);
        let suite = key.open("signing", &changed(&text, "suite", 2.into())).unwrap_err();
        assert_eq!(suite, KeyError::Suite(UnknownSuite(2)));
        assert!(suite.to_string().contains("upgrade this program"), "{suite}");
        for at in 0..text.len() {
            let mut bent = text.clone().into_bytes();
            bent[at] ^= 1;
            if let Ok(bent) = String::from_utf8(bent)
                && let Ok(bytes) = key.open("signing", &bent)
            {
                // White space, or the case of a hexadecimal digit.
                assert_eq!(&bytes[..], b"0123");
            }
        }
    }
}
