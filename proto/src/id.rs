//! The names of things: records, devices, feeds, hashes. Bytes with a fixed length, shown as hexadecimal.

use std::fmt;

use sha2::{Digest, Sha256};

/// A value of the wrong length, or not hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {expected} bytes long, not {found}")]
pub struct WrongLength {
    pub what: &'static str,
    pub expected: usize,
    pub found: usize,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $len:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            pub const LEN: usize = $len;

            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            pub fn to_vec(&self) -> Vec<u8> {
                self.0.to_vec()
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = WrongLength;

            fn try_from(bytes: &[u8]) -> Result<Self, WrongLength> {
                let array = bytes.try_into().map_err(|_| WrongLength {
                    what: $what,
                    expected: $len,
                    found: bytes.len(),
                })?;
                Ok($name(array))
            }
        }

        impl std::str::FromStr for $name {
            type Err = WrongLength;

            fn from_str(text: &str) -> Result<Self, WrongLength> {
                let wrong = || WrongLength { what: $what, expected: $len, found: text.len() / 2 };
                let bytes = unhex(&text.replace('-', "")).ok_or_else(wrong)?;
                Self::try_from(bytes.as_slice())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), &hex(&self.0)[..8])
            }
        }
    };
}

name!(
    /// A record's name: made once, by the device that created the record; never a natural key.
    RecordId, 16, "a record id"
);
name!(
    /// A device's Ed25519 public key.
    DeviceId, 32, "a device key"
);
name!(
    /// The hash of a feed's header.
    FeedId, 16, "a feed id"
);
name!(
    /// A SHA-256 hash.
    Hash, 32, "a hash"
);

impl Hash {
    pub fn of(parts: &[&[u8]]) -> Hash {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Hash(hasher.finalize().into())
    }
}

impl RecordId {
    /// Milliseconds since 1970 at which the device says it made this id.
    pub fn time(&self) -> i64 {
        let b = &self.0;
        i64::from_be_bytes([0, 0, b[0], b[1], b[2], b[3], b[4], b[5]])
    }

    /// Before all ids that are made from then on; milliseconds since 1970.
    pub fn before(time: i64) -> RecordId {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&time.clamp(0, (1 << 48) - 1).to_be_bytes()[2..]);
        RecordId(id)
    }

    /// Whether this device could have made the id: no other device can take it before the record arrives.
    pub fn made_by(&self, device: &DeviceId) -> bool {
        self.0[8..12] == tag(device)
    }
}

fn tag(device: &DeviceId) -> [u8; 4] {
    let digest = Hash::of(&[b"huiliu/record-id/1", device.as_bytes()]);
    let [first, second, third, fourth, ..] = digest.0;
    [first & 0x3f | 0x80, second, third, fourth]
}

/// Makes record ids: UUIDv8 with the time, a counter, and a tag for the device and this start of it.
///
/// Ids made in a row differ in a few bytes only, so that a run of them packs well. They increase strictly, whatever
/// the clock does. The tag holds random bits of this start, so that two machines that were cloned from one disk do not
/// make the same id at the same moment.
#[derive(Debug)]
pub struct RecordIds {
    tag: [u8; 8],
    last: u64,
}

impl RecordIds {
    /// `after` is the highest id this device is known to have made.
    pub fn new(device: &DeviceId, start: [u8; 4], after: Option<RecordId>) -> Self {
        let mut whole = [0; 8];
        whole[..4].copy_from_slice(&tag(device));
        whole[4..].copy_from_slice(&start);
        let mut ids = RecordIds { tag: whole, last: 0 };
        after.inspect(|id| _ = ids.follow(id));
        ids
    }

    /// The next one comes after this one too. Whether it would not have.
    pub fn follow(&mut self, id: &RecordId) -> bool {
        let counter = u64::from(id.0[6] & 0x0f) << 8 | u64::from(id.0[7]);
        let at = (id.time() as u64) << 12 | counter;
        let beyond = at > self.last;
        self.last = self.last.max(at);
        beyond
    }

    pub fn next(&mut self, now_ms: i64) -> RecordId {
        let now = (now_ms.clamp(0, (1 << 48) - 1) as u64) << 12;
        // At the end of all ids the last one is given again, and its record refused: it is some 8,900 years away.
        self.last = now.max(self.last.saturating_add(1).min((1 << 60) - 1));
        self.named()
    }

    /// The id given out last, or `after`.
    pub fn last(&self) -> Option<RecordId> {
        (self.last > 0).then(|| self.named())
    }

    fn named(&self) -> RecordId {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&(self.last >> 12).to_be_bytes()[2..]);
        id[6] = 0x80 | (self.last >> 8 & 0x0f) as u8;
        id[7] = self.last as u8;
        id[8..].copy_from_slice(&self.tag);
        RecordId(id)
    }
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from));
    text
}

pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    // One piece of memory and no other: keys are read with this, and zeroised.
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks_exact(2) {
        bytes.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_whatever_the_clock_does() {
        let mut ids = RecordIds::new(&DeviceId([7; 32]), [1, 2, 3, 4], None);
        let mut last = ids.next(1_000);
        for now in (0..5_000).map(|_| 1_000).chain([500, 2_000, 2_000, 0]) {
            let id = ids.next(now);
            assert!(id > last);
            last = id;
        }
        let mut again = RecordIds::new(&DeviceId([7; 32]), [1, 2, 3, 4], Some(last));
        assert!(again.next(0) > last);
        let mut late = RecordIds::new(&DeviceId([7; 32]), [1, 2, 3, 4], None);
        assert!(late.follow(&last) && !late.follow(&last) && late.next(0) > last);
        assert!(last.made_by(&DeviceId([7; 32])) && !last.made_by(&DeviceId([8; 32])));
        assert_eq!(last.0[6] >> 4, 8, "UUID version");
        assert_eq!(last.0[8] >> 6, 2, "UUID variant");
    }

    #[test]
    fn hexadecimal_and_back() {
        let id: RecordId = "0192a3b4-c5d6-8000-8000-0123456789ab".parse().unwrap();
        assert_eq!(id.to_string().parse::<RecordId>().unwrap(), id);
        assert!("zz".parse::<RecordId>().is_err());
        assert!("é0".parse::<Hash>().is_err());
    }
}
