//! A device's own word for its keys and its role: signed by the device, carried inside its enrolment.
//!
//! A hub says who may write. It cannot say with which keys: whoever reads an enrolment, at whatever level, checks that
//! the device itself named the key that seal keys are wrapped to, the key it calls with, the role it takes, and the token
//! it came with. So a hub between cannot put a key of its own beside a device key that people have compared, and nobody
//! can be enrolled who did not ask for it.

use crate::{
    algorithms::SUITE,
    handle::Draft,
    id::{DeviceId, Hash},
    period::Day,
    record::Record,
    records::enrolment,
    rule::Rule,
    signed::{SignatureError, SigningKey, verify_bytes},
    token::TokenId,
    union::{Level, UnionNumber},
    v1::Enrolment,
};

const DOMAIN: &[u8] = b"huiliu/device-keys/1";
pub const SIGNATURE: usize = 64;

/// What a device says of itself when it asks to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    pub network: String,
    pub union: UnionNumber,
    pub device: DeviceId,
    pub hub: bool,
    /// X25519: seal keys that are granted to the device are wrapped to it.
    pub seal_key: [u8; 32],
    /// SHA-256 of the SubjectPublicKeyInfo of the key it calls with, and of a hub's authority key.
    pub tls_key: Hash,
    pub authority_key: Option<Hash>,
    /// The token it came with; `None` where it came with a file.
    pub token: Option<TokenId>,
}

impl Attestation {
    /// Exactly what is signed, after the domain. `enrolment.proto` is the treaty.
    fn bytes(&self) -> Vec<u8> {
        // A network's name has at most 64 bytes; a longer one is nobody's, and no signature fits.
        let name = self.network.as_bytes();
        let token: &[u8] = self.token.as_ref().map_or(&[], |token| &token.0);
        let authority = self.authority_key.map_or([0; 32], |key| key.0);
        let mut bytes = vec![SUITE.byte(), u8::try_from(name.len()).unwrap_or(u8::MAX)];
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&self.union.get().to_be_bytes());
        bytes.extend_from_slice(self.device.as_bytes());
        bytes.push(u8::from(self.hub));
        bytes.extend_from_slice(&self.seal_key);
        bytes.extend_from_slice(&self.tls_key.0);
        bytes.extend_from_slice(&authority);
        bytes.push(token.len() as u8);
        bytes.extend_from_slice(token);
        bytes
    }

    pub fn sign(&self, key: &SigningKey) -> [u8; SIGNATURE] {
        key.sign_bytes(DOMAIN, &self.bytes())
    }

    pub fn verify(&self, signature: &[u8]) -> Result<(), SignatureError> {
        verify_bytes(DOMAIN, &self.bytes(), signature, &self.device)
    }

    /// The enrolment that says so, from a day on.
    pub fn enrolment(&self, signature: &[u8; SIGNATURE], from: Day) -> Record {
        self.draft(signature, from).into_record()
    }

    /// The same, for who has more to say in it.
    pub fn draft(&self, signature: &[u8; SIGNATURE], from: Day) -> Draft<Enrolment> {
        let mut enrolment = Draft::new();
        enrolment.set(enrolment::UNION, self.union).set(enrolment::DEVICE, self.device.to_vec());
        enrolment.set(enrolment::HUB, self.hub).set(enrolment::FROM_ON, from);
        enrolment.set(enrolment::SEAL_KEY, self.seal_key).set(enrolment::TLS_KEY_HASH, self.tls_key.to_vec());
        if let Some(key) = self.authority_key {
            enrolment.set(enrolment::AUTHORITY_KEY_HASH, key.to_vec());
        }
        if let Some(token) = self.token {
            enrolment.set(enrolment::TOKEN, token.0);
        }
        enrolment.set(enrolment::ATTESTATION, *signature);
        enrolment
    }

    /// What the device of an enrolment said of itself, if it said what stands there.
    pub fn of(record: &Record, network: &str) -> Option<Attestation> {
        let enrolment = record.of::<Enrolment>()?;
        let array = |field| enrolment.get(field).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let token = match enrolment.get(enrolment::TOKEN) {
            None => None,
            Some(bytes) => Some(TokenId(bytes.try_into().ok()?)),
        };
        let said = Attestation {
            network: network.to_owned(),
            union: enrolment.get(enrolment::UNION)?,
            device: DeviceId(array(enrolment::DEVICE)?),
            hub: enrolment.flag(enrolment::HUB),
            seal_key: array(enrolment::SEAL_KEY)?,
            tls_key: Hash(array(enrolment::TLS_KEY_HASH)?),
            authority_key: match enrolment.get(enrolment::AUTHORITY_KEY_HASH) {
                None => None,
                Some(_) => Some(Hash(array(enrolment::AUTHORITY_KEY_HASH)?)),
            },
            token,
        };
        said.verify(enrolment.get(enrolment::ATTESTATION)?).ok()?;
        Some(said)
    }
}

/// Whether an enrolment may stand in a feed of this network: its device said so itself, and its union is one that has
/// such machines. The same everywhere, so that every level comes to the same verdict.
///
/// `None` of one that was written before protocol 2 and has no attestation: its device's feeds count as they did, and
/// none of the keys in it is believed. With its first new certificates the device is enrolled anew.
pub fn stands(record: &Record, network: &str) -> Result<Option<Attestation>, Rule> {
    let of_protocol_2 =
        [enrolment::ATTESTATION, enrolment::TOKEN, enrolment::AUTHORITY_KEY_HASH, enrolment::INVITED_BY];
    let enrolment = record.of::<Enrolment>().ok_or(NOBODY_THERE)?;
    if of_protocol_2.into_iter().all(|field| enrolment.value(field).is_none()) {
        let union = enrolment.get(enrolment::UNION);
        let there = union.is_some_and(|union| union.has_union() && union.serial().is_none());
        return if there { Ok(None) } else { Err(NOBODY_THERE) };
    }
    let said = Attestation::of(record, network).ok_or(Rule::new(
        "not_attested",
        "该设备没有为所登记的公钥和身份签名：可能有人冒名登记或改换了公钥",
        "the device did not sign for the keys and the role in its enrolment: somebody may have put in others",
    ))?;
    if !said.union.has_union() {
        return Err(NOBODY_THERE);
    }
    if said.hub && said.union.level() == Level::Township {
        return Err(Rule::new("no_hub_there", "该工会没有下级，不设平台", "no union is below that one: it has no hub"));
    }
    if said.hub != said.authority_key.is_some() {
        return Err(Rule::new(
            "authority_key",
            "上级平台须登记签证公钥，其他机器不得登记",
            "a hub has an authority key and no other machine has one",
        ));
    }
    Ok(Some(said))
}

const NOBODY_THERE: Rule = Rule::new("no_union_there", "此处没有工会", "there is no union of this federation there");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn said(key: &SigningKey) -> Attestation {
        Attestation {
            network: "test".into(),
            union: "320900".parse().unwrap(),
            device: key.device(),
            hub: true,
            seal_key: [3; 32],
            tls_key: Hash([4; 32]),
            authority_key: Some(Hash([5; 32])),
            token: Some(TokenId([6; 6])),
        }
    }

    #[test]
    fn an_enrolment_stands_only_as_its_device_said_it() {
        let key = SigningKey::from_seed(&[1; 32]);
        let said = said(&key);
        let record = said.enrolment(&said.sign(&key), Day(20_000));
        record.validate().unwrap();
        assert_eq!(stands(&record, "test"), Ok(Some(said.clone())));
        assert!(stands(&record, "other").is_err(), "of another network");
        let others = [
            ("union", Value::Int(320_800)),
            ("device", Value::Bytes(SigningKey::from_seed(&[2; 32]).device().to_vec())),
            ("hub", Value::Bool(false)),
            ("seal_key", Value::Bytes(vec![9; 32])),
            ("tls_key_hash", Value::Bytes(vec![9; 32])),
            ("authority_key_hash", Value::Bytes(vec![9; 32])),
            ("token", Value::Bytes(vec![9; 6])),
            ("attestation", Value::Bytes(vec![9; 64])),
        ];
        for (field, value) in others {
            let mut bent = record.clone();
            bent.set(field, value);
            assert!(stands(&bent, "test").is_err(), "{field}");
        }
        for field in ["token", "authority_key_hash"] {
            let mut bent = record.clone();
            bent.put(bent.kind.field(field).unwrap(), None);
            assert!(stands(&bent, "test").is_err(), "without {field}");
        }
        // The day, and the voucher, are not the device's to say.
        let mut later = record;
        later.set("from_on", Value::Int(20_001));
        assert_eq!(stands(&later, "test"), Ok(Some(said)));
    }

    #[test]
    fn no_hub_where_no_union_can_be_below_and_no_machine_where_there_is_no_union() {
        let key = SigningKey::from_seed(&[1; 32]);
        let with = |change: &dyn Fn(&mut Attestation)| {
            let mut said = said(&key);
            change(&mut said);
            let record = said.enrolment(&said.sign(&key), Day(20_000));
            stands(&record, "test").map(drop)
        };
        assert_eq!(with(&|_| ()), Ok(()));
        assert!(with(&|s| s.union = "320922-012".parse().unwrap()).is_err());
        assert!(with(&|s| s.union = UnionNumber::try_from(350_527_u64).unwrap()).is_err());
        assert!(with(&|s| s.authority_key = None).is_err());
        assert!(with(&|s| s.hub = false).is_err());
    }
}
