//! What a machine says when it joins, signed; and the words with which a hub declines.

use prost::Message as _;

use crate::{
    algorithms::{SUITE, Suite},
    attestation::SIGNATURE,
    id::{DeviceId, hex},
    signed::{SignatureError, SigningKey, verify},
    token::TokenId,
    union::UnionNumber,
    v1,
};

const ENTERING: &[u8] = b"huiliu/join/1";
/// Two certificate requests and a few keys: well under this.
const MAX_ENTERING: usize = 16 * 1024;
/// Metadata of a declined call.
pub const REASON: &str = "huiliu-reason";
pub const RETRY_AFTER: &str = "huiliu-retry-after";

/// A machine's request, signed by the device it names: on the line with a token, or in a file without one.
#[derive(Clone, PartialEq)]
pub struct Entering {
    /// The token's id, and the pass derived from its secret; `None` in a file.
    pub token: Option<(TokenId, [u8; 32])>,
    pub network: String,
    pub union: UnionNumber,
    pub device: DeviceId,
    pub hub: bool,
    pub tls: String,
    pub authority: Option<String>,
    pub seal_key: [u8; 32],
    pub voucher: Option<[u8; 32]>,
    /// The device's word for all these keys, as it will stand in its enrolment.
    pub attestation: [u8; SIGNATURE],
}

impl std::fmt::Debug for Entering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map_or_else(|| "a file".to_owned(), |(id, _)| id.to_string());
        write!(f, "Entering({} with {token}, {})", self.union, hex(&self.device.0[..8]))
    }
}

impl Entering {
    pub fn sign(&self, key: &SigningKey) -> v1::Signed {
        let message = v1::Entering {
            token: self.token.map(|(id, _)| id.0.to_vec()).unwrap_or_default().into(),
            pass: self.token.map(|(_, pass)| pass.to_vec()).unwrap_or_default().into(),
            network: self.network.clone(),
            union: self.union.into(),
            device: key.device().to_vec().into(),
            hub: self.hub,
            tls: self.tls.clone(),
            authority: self.authority.clone().unwrap_or_default(),
            seal_key: self.seal_key.to_vec().into(),
            voucher: self.voucher.map(|v| v.to_vec()).unwrap_or_default().into(),
            algorithms: SUITE.number(),
            attestation: self.attestation.to_vec().into(),
        };
        key.sign(ENTERING, message.encode_to_vec())
    }

    /// The signature is checked against the device that the message names: so it proves that the caller holds its key,
    /// and that nothing between changed the rest, the TLS key and the token among it.
    pub fn verify(signed: &v1::Signed) -> Result<Entering, SignatureError> {
        let malformed = |_| SignatureError::Malformed;
        if signed.message.len() > MAX_ENTERING {
            return Err(SignatureError::Malformed);
        }
        let wire = v1::Entering::decode(signed.message.clone()).map_err(malformed_message)?;
        Suite::try_from(wire.algorithms)?;
        let device = DeviceId::try_from(&wire.device[..]).map_err(malformed)?;
        verify(ENTERING, signed, &device, MAX_ENTERING)?;
        let array = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).map_err(|_| SignatureError::Malformed);
        Ok(Entering {
            token: match (&wire.token[..], &wire.pass[..]) {
                ([], []) => None,
                (id, pass) => Some((TokenId(id.try_into().map_err(|_| SignatureError::Malformed)?), array(pass)?)),
            },
            network: wire.network,
            union: UnionNumber::try_from(wire.union).map_err(|_| SignatureError::Malformed)?,
            device,
            hub: wire.hub,
            tls: wire.tls,
            authority: Some(wire.authority).filter(|a| !a.is_empty()),
            seal_key: array(&wire.seal_key)?,
            voucher: if wire.voucher.is_empty() { None } else { Some(array(&wire.voucher)?) },
            attestation: wire.attestation[..].try_into().map_err(|_| SignatureError::Malformed)?,
        })
    }
}

fn malformed_message(_: prost::DecodeError) -> SignatureError {
    SignatureError::Malformed
}

/// Why a hub declines a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No such token here.
    Unknown,
    /// The token is known and the pass is wrong.
    Pass,
    /// Too many wrong passes: the token is dead.
    Tries,
    /// Another device has used it.
    Used,
    Expired,
    Revoked,
    /// The token is for another union, or for one not directly below.
    Union,
    Network,
    /// The union has a machine already, and the token is not for a further one.
    Occupied,
    /// The token is for the other role: for a hub, or for a machine that records; or no union can be below this one.
    Role,
    /// Another device calls with this TLS key.
    Key,
    /// The device was shut out of the network.
    Device,
    /// The caller is not enrolled here, or showed no certificate.
    Stranger,
    /// What was sent cannot be read.
    Malformed,
    /// Too many at once.
    Busy,
    /// The hub itself is in trouble.
    Trouble,
}

impl Reason {
    pub const ALL: [Reason; 16] = [
        Reason::Unknown,
        Reason::Pass,
        Reason::Tries,
        Reason::Used,
        Reason::Expired,
        Reason::Revoked,
        Reason::Union,
        Reason::Network,
        Reason::Occupied,
        Reason::Role,
        Reason::Key,
        Reason::Device,
        Reason::Stranger,
        Reason::Malformed,
        Reason::Busy,
        Reason::Trouble,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Reason::Unknown => "unknown",
            Reason::Pass => "pass",
            Reason::Tries => "tries",
            Reason::Used => "used",
            Reason::Expired => "expired",
            Reason::Revoked => "revoked",
            Reason::Union => "union",
            Reason::Network => "network",
            Reason::Occupied => "occupied",
            Reason::Role => "role",
            Reason::Key => "key",
            Reason::Device => "device",
            Reason::Stranger => "stranger",
            Reason::Malformed => "malformed",
            Reason::Busy => "busy",
            Reason::Trouble => "trouble",
        }
    }

    /// For whoever reads the status on the line; the command line has its own words.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::Unknown => "there is no such token here",
            Reason::Pass => "the secret of the token is wrong",
            Reason::Tries => "the token is dead after too many wrong secrets",
            Reason::Used => "the token was used by another machine",
            Reason::Expired => "the token has expired",
            Reason::Revoked => "the token was taken back",
            Reason::Union => "the token is not for this union, or this union is not directly below",
            Reason::Network => "the token is of another network",
            Reason::Occupied => "the union has a machine already, and the token is not for a further one",
            Reason::Role => "the token is for another role than this machine's: a hub, or a machine that records",
            Reason::Key => "another device has this TLS key",
            Reason::Device => "the device was revoked by the union above",
            Reason::Stranger => "this device is not enrolled here; ask the union above for a token",
            Reason::Malformed => "the request cannot be read",
            Reason::Busy => "too many calls at once",
            Reason::Trouble => "the hub is in trouble and cannot answer",
        }
    }

    pub fn from_word(word: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entering(key: &SigningKey) -> Entering {
        Entering {
            token: Some((TokenId([1; 6]), [2; 32])),
            network: "huiliu".into(),
            union: "320922".parse().unwrap(),
            device: key.device(),
            hub: false,
            tls: "-----BEGIN".into(),
            authority: None,
            seal_key: [3; 32],
            voucher: Some([4; 32]),
            attestation: [5; SIGNATURE],
        }
    }

    #[test]
    fn a_request_is_trusted_only_as_its_device_signed_it() {
        let key = SigningKey::from_seed(&[1; 32]);
        let entering = entering(&key);
        let signed = entering.sign(&key);
        assert_eq!(Entering::verify(&signed), Ok(entering));
        for at in 0..signed.message.len() {
            let mut message = signed.message.to_vec();
            message[at] ^= 1;
            let bent = v1::Signed { message: message.into(), signature: signed.signature.clone() };
            assert!(Entering::verify(&bent).is_err(), "{at}");
        }
        let other = SigningKey::from_seed(&[2; 32]);
        let foreign = v1::Signed { signature: other.sign(ENTERING, signed.message.to_vec()).signature, ..signed };
        assert_eq!(Entering::verify(&foreign), Err(SignatureError::Wrong));
    }

    #[test]
    fn a_large_request_is_not_looked_at() {
        let signed = v1::Signed { message: vec![0; MAX_ENTERING + 1].into(), signature: vec![0; 64].into() };
        assert_eq!(Entering::verify(&signed), Err(SignatureError::Malformed));
    }

    #[test]
    fn every_reason_reads_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_word(reason.word()), Some(reason));
        }
    }
}
