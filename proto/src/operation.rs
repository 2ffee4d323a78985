//! One leaf of a feed: a header, and the payload it commits to.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    id::{Hash, RecordId},
    tree, v1, wire,
};

/// A filing of 4,096 lines, as many as a record takes, needs about 311 KB; alone in a segment it fits one (`segment`).
pub const MAX_PAYLOAD: usize = 384 * 1024;
pub const MAX_HEADER: usize = 64;
pub const SALT: usize = 16;
pub const OPERATOR: usize = 16;

/// Why an operation's bytes are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    #[error("the operation's header is longer than {MAX_HEADER} bytes or not a message")]
    Header,
    #[error("the operation's record id is not 16 bytes long")]
    Record,
    #[error("the operation's payload is longer than {MAX_PAYLOAD} bytes")]
    Payload,
    #[error("the operation's salt is neither empty nor {SALT} bytes long")]
    Salt,
    #[error("the operation says its payload was destroyed, and either brings one or gives no hash of it")]
    Destroyed,
}

/// How an operation's header is written. One that is not as it should be keeps its place in the feed and does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderForm {
    Canonical,
    /// With fields that this version does not know.
    Newer,
    /// In another way than the one there is.
    Crooked,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Operation {
    pub kind: u32,
    pub record: RecordId,
    /// Milliseconds since 1970: the device's claim.
    pub time: i64,
    /// The account of the person who did it; none where the program did it by itself.
    pub operator: Option<[u8; OPERATOR]>,
    /// Voids the record, or takes that back (`void`).
    pub void: bool,
    pub form: HeaderForm,
    pub header: Bytes,
    pub payload: Bytes,
    pub salt: Bytes,
    /// The payload's hash, where the payload is no longer there.
    pub destroyed: Option<Hash>,
}

/// Never what it says: that ends in logs.
impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Operation(kind {}, {:?}, {} bytes)", self.kind, self.record, self.payload.len())
    }
}

impl Operation {
    /// `time` only where it says more than the record id does. `salt` where the kind holds personal fields.
    pub fn new(kind: u32, record: RecordId, time: Option<i64>, payload: Vec<u8>, salt: Option<[u8; SALT]>) -> Self {
        let header = v1::OperationHeader { kind, record: record.to_vec().into(), time, ..Default::default() };
        Operation {
            kind,
            record,
            time: time.unwrap_or_else(|| record.time()),
            operator: None,
            void: false,
            form: HeaderForm::Canonical,
            header: header.encode_to_vec().into(),
            payload: payload.into(),
            salt: salt.map(|s| Bytes::copy_from_slice(&s)).unwrap_or_default(),
            destroyed: None,
        }
    }

    /// The same, done by a person.
    pub fn by(self, operator: Option<[u8; OPERATOR]>) -> Self {
        let void = self.void;
        self.with(operator, void)
    }

    /// The same, voiding the record.
    pub fn voiding(self, void: bool) -> Self {
        let operator = self.operator;
        self.with(operator, void)
    }

    fn with(self, operator: Option<[u8; OPERATOR]>, void: bool) -> Self {
        let time = (self.time != self.record.time()).then_some(self.time);
        let header = v1::OperationHeader {
            kind: self.kind,
            record: self.record.to_vec().into(),
            time,
            operator: operator.map(|id| Bytes::copy_from_slice(&id)),
            void,
        };
        let header = header.encode_to_vec().into();
        Operation { operator, void, form: HeaderForm::Canonical, header, ..self }
    }

    pub fn leaf(&self) -> Hash {
        let payload = self.destroyed.unwrap_or_else(|| payload_hash(&self.salt, &self.payload));
        tree::leaf(&[&self.header, payload.as_bytes()])
    }

    pub fn to_wire(&self) -> v1::Operation {
        v1::Operation {
            header: self.header.clone(),
            payload: self.payload.clone(),
            salt: self.salt.clone(),
            destroyed: self.destroyed.map(|h| h.to_vec().into()).unwrap_or_default(),
        }
    }

    pub fn from_wire(wire: v1::Operation) -> Result<Operation, OperationError> {
        if wire.header.len() > MAX_HEADER {
            return Err(OperationError::Header);
        }
        if wire.payload.len() > MAX_PAYLOAD {
            return Err(OperationError::Payload);
        }
        if !wire.salt.is_empty() && wire.salt.len() != SALT {
            return Err(OperationError::Salt);
        }
        let destroyed = match &wire.destroyed[..] {
            [] => None,
            hash => {
                let hash = Hash::try_from(hash).map_err(|_| OperationError::Destroyed)?;
                if !wire.payload.is_empty() || !wire.salt.is_empty() {
                    return Err(OperationError::Destroyed);
                }
                Some(hash)
            }
        };
        let header = v1::OperationHeader::decode(wire.header.clone()).map_err(|_| OperationError::Header)?;
        let record = RecordId::try_from(&header.record[..]).map_err(|_| OperationError::Record)?;
        let operator = header.operator.as_ref().and_then(|id| <[u8; OPERATOR]>::try_from(&id[..]).ok());
        let form = match known_fields(&wire.header) {
            false => HeaderForm::Newer,
            true if operator.is_some() == header.operator.is_some() && header.encode_to_vec() == wire.header => {
                HeaderForm::Canonical
            }
            true => HeaderForm::Crooked,
        };
        Ok(Operation {
            kind: header.kind,
            record,
            time: header.time.unwrap_or_else(|| record.time()),
            operator,
            void: header.void,
            form,
            header: wire.header,
            payload: wire.payload,
            salt: wire.salt,
            destroyed,
        })
    }
}

/// Whether a header has only fields that this version knows.
fn known_fields(header: &[u8]) -> bool {
    wire::fields(header).is_some_and(|fields| fields.iter().all(|number| (1..=5).contains(number)))
}

/// The leaf of an operation as it came, whatever bounds it breaks.
pub(crate) fn wire_leaf(wire: &v1::Operation) -> Hash {
    tree::leaf(&[&wire.header, payload_hash(&wire.salt, &wire.payload).as_bytes()])
}

/// What a leaf commits to. The salt's length is part of it, so that no bytes can be moved between salt and payload.
fn payload_hash(salt: &[u8], payload: &[u8]) -> Hash {
    Hash::of(&[&[salt.len() as u8], salt, payload])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destroyed_payload_leaves_the_leaf_as_it_was() {
        let whole = Operation::new(2, RecordId([5; 16]), Some(9), b"name".to_vec(), Some([8; SALT]));
        let hash = payload_hash(&whole.salt, &whole.payload);
        let mut wire = whole.to_wire();
        wire.payload = Bytes::new();
        wire.salt = Bytes::new();
        wire.destroyed = hash.to_vec().into();
        let empty = Operation::from_wire(wire).unwrap();
        assert_eq!(empty.leaf(), whole.leaf());
    }

    #[test]
    fn a_header_carries_who_did_it_and_is_written_in_one_way() {
        let plain = Operation::new(2, RecordId([5; 16]), Some(i64::MIN), vec![1], None);
        let whole = plain.clone().by(Some([7; OPERATOR])).voiding(true);
        assert!(whole.header.len() <= MAX_HEADER);
        assert_ne!(whole.leaf(), plain.leaf());
        let read = Operation::from_wire(whole.to_wire()).unwrap();
        assert_eq!((read.operator, read.void, read.form), (Some([7; OPERATOR]), true, HeaderForm::Canonical));
        assert_eq!(read, whole);
        assert_eq!(read.by(None).voiding(false), plain);
        let form = |header: Vec<u8>| {
            let wire = v1::Operation { header: header.into(), ..plain.to_wire() };
            Operation::from_wire(wire).map(|operation| operation.form)
        };
        let header = plain.header.to_vec();
        assert_eq!(form([&header[..], &[6 << 3, 1]].concat()), Ok(HeaderForm::Newer));
        assert_eq!(form([&header[..], &[5 << 3, 0]].concat()), Ok(HeaderForm::Crooked), "a default is not said");
        assert_eq!(form([&header[..], &[4 << 3 | 2, 1, 9]].concat()), Ok(HeaderForm::Crooked), "of another length");
        assert_eq!(form([&header[2..], &header[..2]].concat()), Ok(HeaderForm::Crooked), "in another order");
    }

    #[test]
    fn bounds() {
        let good = Operation::new(2, RecordId([5; 16]), None, vec![1], None).to_wire();
        assert!(Operation::from_wire(good.clone()).is_ok());
        let bad = |change: fn(&mut v1::Operation)| {
            let mut wire = good.clone();
            change(&mut wire);
            Operation::from_wire(wire).unwrap_err()
        };
        assert_eq!(bad(|w| w.payload = vec![0; MAX_PAYLOAD + 1].into()), OperationError::Payload);
        assert_eq!(bad(|w| w.header = vec![0; 65].into()), OperationError::Header);
        assert_eq!(bad(|w| w.header = Bytes::new()), OperationError::Record);
        assert_eq!(bad(|w| w.salt = vec![0; 3].into()), OperationError::Salt);
        assert_eq!(bad(|w| w.destroyed = vec![0; 32].into()), OperationError::Destroyed);
    }

    #[test]
    fn salt_and_payload_are_not_each_other() {
        let text = [7; SALT + 4];
        let whole = Operation::new(9, RecordId([1; 16]), None, text.to_vec(), None);
        let cut = Operation::new(9, RecordId([1; 16]), None, text[SALT..].to_vec(), Some([7; SALT]));
        assert_ne!(whole.leaf(), cut.leaf());
    }
}
