//! Which algorithms something was signed, hashed or sealed with: one number for a whole suite.
//!
//! The number stands inside the bytes that are signed, hashed or authenticated, so that nobody changes it on the way,
//! and a number that is not known here is refused before anything else is believed.
//!
//! | what | where the number stands |
//! |---|---|
//! | a feed: its id, the leaves and nodes of its tree | `FeedHeader.algorithms` |
//! | tree head, receipt | `TreeHead.algorithms`, `Receipt.algorithms`, under the signature |
//! | sealed box, wrapped key | the first byte; a box's is authenticated with it |
//! | blind index | the first byte, and inside what is hashed |
//! | key file, and the lock that opens it | `suite`, authenticated with both |
//!
//! Domain strings end in it as well: `huiliu/tree-head/1`. Names that are no proof (record ids, actors, serial numbers,
//! fingerprints of findings) have only that; certificates name their algorithms in X.509's own way, Automerge's change
//! hashes are SHA-256 by that library's format, and a segment is packing and proves nothing.
//!
//! **SM2, SM3, SM4** will be suite 2: SM3 (GB/T 32905) in `Hash::of`, and so in `tree` and feed ids; signatures of SM2
//! (GM/T 0003.2) in `SigningKey::sign` and `signed::verify`, whose device keys are then longer; SM4-GCM (GM/T 0002) in
//! `SealKey::seal` and `open`; SM2 public-key encryption (GM/T 0003.4) in `SealKey::grant` and `GrantKey::receive`;
//! HMAC over SM3 in `blind_index`; SM4-GCM for key files in `node/src/identity/keys/lock.rs`. Each of these takes or
//! reads a `Suite` and would ask it which. A feed keeps the suite it began with: a device changes to another by
//! going on in a feed of a new incarnation. National TLS is a matter of a gateway in front, not of this number.

use crate::lang::Label;

/// One set of algorithms that are used together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Suite {
    /// SHA-256, Ed25519, HMAC-SHA-256; XChaCha20-Poly1305 for boxes and key files; HPKE with X25519, HKDF-SHA256 and
    /// ChaCha20-Poly1305 for wrapped keys; Argon2id for passphrases.
    International = 1,
}

/// What this version writes.
pub const SUITE: Suite = Suite::International;

/// A number that a newer version may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it uses algorithms number {0}, which this version does not know; upgrade this program")]
pub struct UnknownSuite(pub u32);

impl Suite {
    /// As the first byte of a box.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// As a field of a message.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

impl TryFrom<u32> for Suite {
    type Error = UnknownSuite;

    fn try_from(number: u32) -> Result<Suite, UnknownSuite> {
        match number {
            1 => Ok(Suite::International),
            other => Err(UnknownSuite(other)),
        }
    }
}

impl UnknownSuite {
    pub fn say(&self) -> Label {
        Label::new(format!("它使用的算法（编号{}）本版本不认识，请升级本程序", self.0), self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_known_and_nothing_else() {
        assert_eq!(Suite::try_from(SUITE.number()), Ok(SUITE));
        for number in [0, 2, 255, 256, 257, u32::MAX] {
            let unknown = Suite::try_from(number).unwrap_err();
            assert!(unknown.say().zh.contains("请升级") && unknown.say().en.contains("upgrade this program"));
        }
    }
}
