//! What is signed, and the only way to trust it.
//!
//! A `v1::Signed` off the wire shows nothing. Checking its signature under the right domain is the only way to a
//! `TreeHead` or a `Receipt` of this module; the bytes that were signed are kept beside them and never made again.

use ed25519_dalek::{Signer as _, VerifyingKey};
use prost::Message as _;

use crate::{
    algorithms::{SUITE, Suite, UnknownSuite},
    id::{DeviceId, FeedId, Hash},
    period::Day,
    union::UnionNumber,
    v1,
};

const HEAD: &[u8] = b"huiliu/tree-head/1";
const RECEIPT: &[u8] = b"huiliu/receipt/1";
const BACKUP: &[u8] = b"huiliu/backup/1";
const SESSION: &[u8] = b"huiliu/session/1";
const MAX_MESSAGE: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature does not fit the bytes and the device's key")]
    Wrong,
    #[error("the device's key is not a usable Ed25519 key")]
    Key,
    #[error("what was signed is malformed")]
    Malformed,
    #[error("its signature cannot be checked: {0}")]
    Algorithms(#[from] UnknownSuite),
}

/// A device's signing key. Zeroised when dropped, never printed.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey(of {:?})", self.device())
    }
}

impl SigningKey {
    pub fn from_seed(seed: &[u8; 32]) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    pub fn device(&self) -> DeviceId {
        DeviceId(self.0.verifying_key().to_bytes())
    }

    /// Signs for a backup of this device's own database; it travels nowhere.
    pub fn sign_backup(&self, digest: &Hash) -> [u8; 64] {
        self.sign_bytes(BACKUP, digest.as_bytes())
    }

    /// Signs for what this device keeps beside its database of who has logged in; it travels nowhere.
    pub fn sign_session(&self, digest: &Hash) -> [u8; 64] {
        self.sign_bytes(SESSION, digest.as_bytes())
    }

    pub(crate) fn sign(&self, domain: &[u8], message: Vec<u8>) -> v1::Signed {
        let signature = self.0.sign(&[domain, &message].concat());
        v1::Signed { message: message.into(), signature: signature.to_bytes().to_vec().into() }
    }

    pub(crate) fn sign_bytes(&self, domain: &[u8], message: &[u8]) -> [u8; 64] {
        self.0.sign(&[domain, message].concat()).to_bytes()
    }
}

/// Whether a device signed for a backup.
pub fn verify_backup(digest: &Hash, signature: &[u8], device: &DeviceId) -> bool {
    verify_bytes(BACKUP, digest.as_bytes(), signature, device).is_ok()
}

/// Whether a device signed for a session.
pub fn verify_session(digest: &Hash, signature: &[u8], device: &DeviceId) -> bool {
    verify_bytes(SESSION, digest.as_bytes(), signature, device).is_ok()
}

pub(crate) fn verify(domain: &[u8], signed: &v1::Signed, device: &DeviceId, most: usize) -> Result<(), SignatureError> {
    if signed.message.len() > most {
        return Err(SignatureError::Malformed);
    }
    verify_bytes(domain, &signed.message, &signed.signature, device)
}

pub(crate) fn verify_bytes(
    domain: &[u8],
    message: &[u8],
    signature: &[u8],
    device: &DeviceId,
) -> Result<(), SignatureError> {
    let key = VerifyingKey::from_bytes(&device.0).map_err(|_| SignatureError::Key)?;
    let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| SignatureError::Malformed)?;
    key.verify_strict(&[domain, message].concat(), &signature).map_err(|_| SignatureError::Wrong)
}

/// Something whose signature was checked in this program, and not only read. Nothing outside this module makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A feed's size and root, as its device signed them; one that was just checked is a `Verified<TreeHead>`.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeHead {
    pub feed: FeedId,
    pub size: u64,
    pub root: Hash,
    pub time: i64,
    /// How much of what the union above says to this branch the device had heard.
    pub seen: Option<Seen>,
    pub signed: v1::Signed,
}

/// How much of another's feed a device had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub feed: FeedId,
    pub size: u64,
    pub root: Hash,
}

impl TryFrom<&v1::Seen> for Seen {
    type Error = SignatureError;

    fn try_from(wire: &v1::Seen) -> Result<Seen, SignatureError> {
        Ok(Seen {
            feed: FeedId::try_from(&wire.feed[..]).map_err(|_| SignatureError::Malformed)?,
            size: wire.size,
            root: Hash::try_from(&wire.root[..]).map_err(|_| SignatureError::Malformed)?,
        })
    }
}

impl TreeHead {
    pub fn sign(key: &SigningKey, feed: FeedId, size: u64, root: Hash, time: i64, seen: Option<Seen>) -> TreeHead {
        let message = v1::TreeHead {
            feed: feed.to_vec().into(),
            size,
            root: root.to_vec().into(),
            time,
            seen: seen.map(|s| v1::Seen { feed: s.feed.to_vec().into(), size: s.size, root: s.root.to_vec().into() }),
            algorithms: SUITE.number(),
        };
        let signed = key.sign(HEAD, message.encode_to_vec());
        TreeHead { feed, size, root, time, seen, signed }
    }

    /// `feed` and `device` are what the receiver knows the head must be of, never what the head says.
    pub fn verify(signed: v1::Signed, feed: FeedId, device: &DeviceId) -> Result<Verified<TreeHead>, SignatureError> {
        // Asked first: what other algorithms signed would else be called forged. Believed only once it is verified.
        if let Some(wire) = (signed.message.len() <= MAX_MESSAGE).then(|| v1::TreeHead::decode(signed.message.clone()))
            && let Ok(wire) = wire
        {
            Suite::try_from(wire.algorithms)?;
        }
        verify(HEAD, &signed, device, MAX_MESSAGE)?;
        TreeHead::stored(signed, feed).map(Verified)
    }

    /// Reads a head that was verified before it was stored; its signature is not looked at.
    pub fn stored(signed: v1::Signed, feed: FeedId) -> Result<TreeHead, SignatureError> {
        let wire = v1::TreeHead::decode(signed.message.clone()).map_err(|_| SignatureError::Malformed)?;
        Suite::try_from(wire.algorithms)?;
        if wire.feed != feed.as_bytes() {
            return Err(SignatureError::Wrong);
        }
        let root = Hash::try_from(&wire.root[..]).map_err(|_| SignatureError::Malformed)?;
        let seen = wire.seen.as_ref().map(Seen::try_from).transpose()?;
        Ok(TreeHead { feed, size: wire.size, root, time: wire.time, seen, signed })
    }
}

/// A hub's word that it had this much of a feed on its disk at that time.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    pub feed: FeedId,
    pub size: u64,
    pub root: Hash,
    pub received_at: i64,
    pub union: UnionNumber,
    pub device: DeviceId,
    pub signed: v1::Signed,
}

impl Receipt {
    pub fn sign(
        key: &SigningKey,
        union: UnionNumber,
        feed: FeedId,
        size: u64,
        root: Hash,
        received_at: i64,
    ) -> Receipt {
        let device = key.device();
        let message = v1::Receipt {
            feed: feed.to_vec().into(),
            size,
            root: root.to_vec().into(),
            received_at,
            union: union.into(),
            device: device.to_vec().into(),
            algorithms: SUITE.number(),
        };
        let signed = key.sign(RECEIPT, message.encode_to_vec());
        Receipt { feed, size, root, received_at, union, device, signed }
    }

    /// The day in China on which the hub says it had this; of a time beyond the calendar, its first or last day.
    pub fn day(&self) -> Day {
        const CHINA: i64 = 8 * 3_600_000;
        const LAST: i64 = 253_402_300_799_999;
        let time = self.received_at.clamp(-CHINA, LAST - CHINA);
        Day(i32::try_from((time + CHINA).div_euclid(86_400_000)).unwrap_or(i32::MAX))
    }

    /// The signature is checked against the device the receipt names; the caller asks whether that device is a hub.
    pub fn verify(signed: v1::Signed) -> Result<Receipt, SignatureError> {
        let malformed = |_| SignatureError::Malformed;
        if signed.message.len() > MAX_MESSAGE {
            return Err(SignatureError::Malformed);
        }
        let wire = v1::Receipt::decode(signed.message.clone()).map_err(|_| SignatureError::Malformed)?;
        Suite::try_from(wire.algorithms)?;
        let device = DeviceId::try_from(&wire.device[..]).map_err(malformed)?;
        verify(RECEIPT, &signed, &device, MAX_MESSAGE)?;
        Ok(Receipt {
            feed: FeedId::try_from(&wire.feed[..]).map_err(malformed)?,
            size: wire.size,
            root: Hash::try_from(&wire.root[..]).map_err(malformed)?,
            received_at: wire.received_at,
            union: UnionNumber::try_from(wire.union).map_err(|_| SignatureError::Malformed)?,
            device,
            signed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: FeedId = FeedId([4; 16]);

    #[test]
    fn a_head_is_trusted_only_as_it_was_signed() {
        let key = SigningKey::from_seed(&[1; 32]);
        let seen = Seen { feed: FeedId([5; 16]), size: 3, root: Hash([3; 32]) };
        let head = TreeHead::sign(&key, FEED, 7, Hash([2; 32]), 99, Some(seen));
        let device = key.device();
        assert_eq!(*TreeHead::verify(head.signed.clone(), FEED, &device).unwrap(), head);
        for at in 0..head.signed.message.len() {
            let mut bent = head.signed.clone();
            let mut message = bent.message.to_vec();
            message[at] ^= 1;
            bent.message = message.into();
            let error = TreeHead::verify(bent, FEED, &device).unwrap_err();
            assert!(matches!(error, SignatureError::Wrong | SignatureError::Algorithms(_)), "{error}");
        }
        let other = SigningKey::from_seed(&[9; 32]).device();
        assert_eq!(TreeHead::verify(head.signed.clone(), FEED, &other), Err(SignatureError::Wrong));
        assert_eq!(TreeHead::verify(head.signed.clone(), FeedId([5; 16]), &device), Err(SignatureError::Wrong));
    }

    #[test]
    fn a_head_is_no_receipt() {
        let key = SigningKey::from_seed(&[1; 32]);
        let union = "320900".parse().unwrap();
        let receipt = Receipt::sign(&key, union, FEED, 7, Hash([2; 32]), 99);
        assert_eq!(Receipt::verify(receipt.signed.clone()).unwrap(), receipt);
        let wrong = TreeHead::verify(receipt.signed, FEED, &key.device());
        assert_eq!(wrong, Err(SignatureError::Wrong));
    }

    #[test]
    fn what_other_algorithms_signed_is_refused_in_words() {
        let key = SigningKey::from_seed(&[1; 32]);
        let head = TreeHead::sign(&key, FEED, 7, Hash([2; 32]), 99, None);
        let mut wire = v1::TreeHead::decode(head.signed.message).unwrap();
        wire.algorithms = 2;
        let signed = key.sign(HEAD, wire.encode_to_vec());
        let error = TreeHead::verify(signed.clone(), FEED, &key.device()).unwrap_err();
        assert_eq!(error, SignatureError::Algorithms(UnknownSuite(2)));
        assert!(error.to_string().contains("does not know; upgrade this program"), "{error}");
        assert_eq!(TreeHead::stored(signed, FEED).unwrap_err(), error);

        let receipt = Receipt::sign(&key, "320900".parse().unwrap(), FEED, 7, Hash([2; 32]), 99);
        let mut wire = v1::Receipt::decode(receipt.signed.message).unwrap();
        wire.algorithms = 2;
        let signed = key.sign(RECEIPT, wire.encode_to_vec());
        assert_eq!(Receipt::verify(signed).unwrap_err(), SignatureError::Algorithms(UnknownSuite(2)));
    }

    #[test]
    fn a_small_order_key_signs_nothing() {
        let mut key = [0; 32];
        key[0] = 1;
        let head = TreeHead::sign(&SigningKey::from_seed(&[1; 32]), FEED, 0, Hash([2; 32]), 99, None);
        assert!(TreeHead::verify(head.signed, FEED, &DeviceId(key)).is_err());
    }

    #[test]
    fn a_key_does_not_print_itself() {
        let text = format!("{:?}", SigningKey::from_seed(&[0xab; 32]));
        assert!(!text.contains("abab"), "{text}");
    }
}
