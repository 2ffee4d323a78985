//! Sealing of identity numbers: readable by the union that wrote them and by those it granted its key.
//!
//! A union seals with a key of its own (XChaCha20-Poly1305). It grants that key to its provincial union and to its own
//! further machines, each in an entry wrapped to the receiver's X25519 key (HPKE, RFC 9180), so that hubs between them
//! relay what they cannot read. For finding duplicates, each hub that may look computes a keyed index of its own; an
//! index says nothing without its key.

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hpke::{
    Deserializable, Kem as _, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256,
};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    algorithms::{SUITE, Suite, UnknownSuite},
    id::{Hash, RecordId},
};

const KEY_ID: usize = 8;
const NONCE: usize = 24;
const INFO: &[u8] = b"huiliu/key-grant/1";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the sealed value cannot be opened: {0}")]
    Algorithms(#[from] UnknownSuite),
    #[error("sealed with a key that this union has not been granted")]
    Key,
    #[error("the sealed value is damaged, or was sealed for another record or field")]
    Damaged,
}

/// The key a union seals its people's identity numbers with.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

impl SealKey {
    pub fn from_bytes(key: [u8; 32]) -> SealKey {
        SealKey(Zeroizing::new(key))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub fn id(&self) -> [u8; KEY_ID] {
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&Hash::of(&[b"huiliu/seal-key/1", &self.0[..]]).0[..KEY_ID]);
        id
    }

    /// Seals `text` for one field, by its number, of one record: moved to another record or field, the box does not open.
    ///
    /// The nonce is a keyed hash of record, field and text, so that two devices that seal the same number for the same
    /// field make the same box, and a hub that cannot read it still sees that they agree.
    pub fn seal(&self, text: &str, record: &RecordId, field: u32) -> Result<Vec<u8>, SealError> {
        let beside = beside(SUITE, record, field);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&mac(&self.0[..], &[b"huiliu/seal-nonce/2", &beside, text.as_bytes()])[..NONCE]);
        let cipher = XChaCha20Poly1305::new((&*self.0).into());
        let payload = Payload { msg: text.as_bytes(), aad: &beside };
        let sealed = cipher.encrypt(&nonce.into(), payload).map_err(|_| SealError::Damaged)?;
        Ok([&[SUITE.byte()][..], &self.id(), &nonce, &sealed].concat())
    }

    pub fn open(&self, sealed: &[u8], record: &RecordId, field: u32) -> Result<Zeroizing<String>, SealError> {
        if key_of(sealed)? != self.id() {
            return Err(SealError::Key);
        }
        let suite = Suite::try_from(u32::from(sealed[0]))?;
        let (nonce, body) = sealed[1 + KEY_ID..].split_first_chunk::<NONCE>().ok_or(SealError::Damaged)?;
        let cipher = XChaCha20Poly1305::new((&*self.0).into());
        let beside = beside(suite, record, field);
        let open = |aad| cipher.decrypt(&(*nonce).into(), Payload { msg: body, aad });
        // Boxes that were sealed before protocol 2 name no field.
        let text = open(&beside).or_else(|_| open(&beside[..RECORD_END])).map_err(|_| SealError::Damaged)?;
        String::from_utf8(text).map(Zeroizing::new).map_err(|_| SealError::Damaged)
    }

    /// Wraps this key for the holder of an X25519 key pair.
    pub fn grant(&self, to: &[u8; 32]) -> Result<Vec<u8>, SealError> {
        let to = <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(to).map_err(|_| SealError::Key)?;
        let (capsule, wrapped) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &to,
            INFO,
            &self.0[..],
            &self.id(),
        )
        .map_err(|_| SealError::Key)?;
        Ok([&[SUITE.byte()][..], &capsule.to_bytes(), &wrapped].concat())
    }
}

/// Where the record ends in what is authenticated with a box.
const RECORD_END: usize = 17;

/// What is authenticated with a box: its algorithms, and the record and field it is for.
fn beside(suite: Suite, record: &RecordId, field: u32) -> [u8; 21] {
    let mut beside = [suite.byte(); 21];
    beside[1..RECORD_END].copy_from_slice(record.as_bytes());
    beside[RECORD_END..].copy_from_slice(&field.to_be_bytes());
    beside
}

/// The id of the key a box was sealed with.
pub fn key_of(sealed: &[u8]) -> Result<[u8; KEY_ID], SealError> {
    inside(sealed)?.first_chunk::<KEY_ID>().copied().ok_or(SealError::Damaged)
}

/// What follows the first byte, which names the algorithms of a box or a wrapped key.
fn inside(sealed: &[u8]) -> Result<&[u8], SealError> {
    let (suite, rest) = sealed.split_first().ok_or(SealError::Damaged)?;
    Suite::try_from(u32::from(*suite))?;
    Ok(rest)
}

/// A device's key pair for receiving grants.
#[derive(Clone)]
pub struct GrantKey {
    secret: <X25519HkdfSha256 as hpke::Kem>::PrivateKey,
    pub public: [u8; 32],
}

impl GrantKey {
    pub fn from_seed(seed: &[u8; 32]) -> GrantKey {
        let (secret, public) = X25519HkdfSha256::derive_keypair(seed);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&public.to_bytes());
        GrantKey { secret, public: bytes }
    }

    /// What this key and another share without having said it; none where the other is no good key.
    pub fn shared(&self, other: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(&self.secret.to_bytes());
        let shared = Zeroizing::new(x25519_dalek::x25519(*secret, *other));
        (*shared != [0; 32]).then_some(shared)
    }

    pub fn receive(&self, wrapped: &[u8], id: &[u8]) -> Result<SealKey, SealError> {
        let (capsule, body) = inside(wrapped)?.split_first_chunk::<32>().ok_or(SealError::Damaged)?;
        let capsule =
            <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(capsule).map_err(|_| SealError::Damaged)?;
        let key = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.secret,
            &capsule,
            INFO,
            body,
            id,
        )
        .map_err(|_| SealError::Key)?;
        let key = SealKey::from_bytes(key.as_slice().try_into().map_err(|_| SealError::Damaged)?);
        if key.id() != id { Err(SealError::Key) } else { Ok(key) }
    }
}

/// A hub's keyed index of an identity number: equal for equal numbers, meaningless without the key.
///
/// It begins with the number of its algorithms: indexes of two suites are never equal.
pub fn blind_index(key: &[u8; 32], id_no: &str) -> [u8; 17] {
    let mut index = [SUITE.byte(); 17];
    index[1..].copy_from_slice(&mac(key, &[b"huiliu/blind-index/1", id_no.as_bytes()])[..16]);
    index
}

pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: RecordId = RecordId([7; 16]);

    #[test]
    fn a_box_opens_for_its_record_field_and_key_only() {
        let key = SealKey::from_bytes([1; 32]);
        let sealed = key.seal("32092219900101001X", &RECORD, 2).unwrap();
        assert_eq!(key.open(&sealed, &RECORD, 2).unwrap().as_str(), "32092219900101001X");
        assert_eq!(key.open(&sealed, &RecordId([8; 16]), 2), Err(SealError::Damaged));
        assert_eq!(key.open(&sealed, &RECORD, 3), Err(SealError::Damaged), "another field of the same record");
        assert_eq!(SealKey::from_bytes([9; 32]).open(&sealed, &RECORD, 2), Err(SealError::Key));
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(key.open(&bent, &RECORD, 2).is_err());
            assert!(key.open(&sealed[..at], &RECORD, 2).is_err());
        }
    }

    #[test]
    fn a_grant_reaches_the_province_and_nobody_else() {
        let key = SealKey::from_bytes([1; 32]);
        let province = GrantKey::from_seed(&[5; 32]);
        let city = GrantKey::from_seed(&[6; 32]);
        let wrapped = key.grant(&province.public).unwrap();
        assert_eq!(province.receive(&wrapped, &key.id()).unwrap().as_bytes(), key.as_bytes());
        assert!(city.receive(&wrapped, &key.id()).is_err());
        assert!(province.receive(&wrapped, &[0; 8]).is_err());
        assert!(province.receive(&wrapped[..40], &key.id()).is_err());
        assert_eq!(province.receive(&[3, 1, 2], &key.id()).unwrap_err(), SealError::Algorithms(UnknownSuite(3)));
    }

    #[test]
    fn a_box_from_before_protocol_2_opens_for_its_record() {
        let key = SealKey::from_bytes([1; 32]);
        let cipher = XChaCha20Poly1305::new((&*key.0).into());
        let aad = [&[SUITE.byte()][..], RECORD.as_bytes()].concat();
        let sealed = cipher.encrypt(&[5; NONCE].into(), Payload { msg: b"32092219900101001X", aad: &aad }).unwrap();
        let sealed = [&[SUITE.byte()][..], &key.id(), &[5; NONCE], &sealed].concat();
        assert_eq!(key.open(&sealed, &RECORD, 2).unwrap().as_str(), "32092219900101001X");
        assert_eq!(key.open(&sealed, &RecordId([8; 16]), 2), Err(SealError::Damaged));
    }

    #[test]
    fn a_box_of_other_algorithms_is_refused_in_words() {
        let key = SealKey::from_bytes([1; 32]);
        let mut sealed = key.seal("32092219900101001X", &RECORD, 2).unwrap();
        sealed[0] = 2;
        let error = key.open(&sealed, &RECORD, 2).unwrap_err();
        assert_eq!(error, SealError::Algorithms(UnknownSuite(2)));
        assert!(error.to_string().contains("does not know; upgrade this program"), "{error}");
        assert_eq!(key_of(&sealed), Err(error));
    }

    #[test]
    fn an_index_depends_on_key_and_number() {
        let index = blind_index(&[1; 32], "32092219900101001X");
        assert_eq!(index[0], SUITE.byte());
        assert_eq!(index, blind_index(&[1; 32], "32092219900101001X"));
        assert_ne!(index, blind_index(&[2; 32], "32092219900101001X"));
        assert_ne!(index, blind_index(&[1; 32], "110117195806150026"));
    }
}
