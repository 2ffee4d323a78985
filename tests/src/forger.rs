//! A device that keeps to the outer rules (its signatures and roots are good) and to none of the inner ones.

use huiliu_node::{document::Document, ledger::Incoming};
use huiliu_proto::{
    attestation::Attestation,
    edit::{Actor, Scalar},
    feed::{Feed, Scope},
    id::{DeviceId, FeedId, Hash, RecordId, RecordIds},
    kind::{Reach, kind},
    operation::Operation,
    period::Day,
    record::Record,
    seal::GrantKey,
    segment,
    signed::{SigningKey, TreeHead},
    tree::Edge,
    union::UnionNumber,
    v1,
};
use prost::Message as _;

use crate::world::{Machine, START};

/// An enrolment to which its device said yes, with keys that nobody holds.
pub fn attested(key: &SigningKey, union: UnionNumber, hub: bool) -> Record {
    attested_with(key, union, hub, Hash::of(&[key.device().as_bytes()]))
}

/// The same, with the hash of somebody's TLS key.
pub fn attested_with(key: &SigningKey, union: UnionNumber, hub: bool, tls_key: Hash) -> Record {
    let said = Attestation {
        network: "test".into(),
        union,
        device: key.device(),
        hub,
        seal_key: GrantKey::from_seed(&key.device().0).public,
        tls_key,
        authority_key: hub.then_some(Hash([7; 32])),
        token: None,
    };
    said.enrolment(&said.sign(key), Day(20_000))
}

pub struct Forger {
    key: SigningKey,
    pub feed: Feed,
    edge: Edge,
    ids: RecordIds,
}

impl Forger {
    /// Writes with the machine's own key into a feed of its own.
    pub fn new(machine: &Machine, scope: Scope) -> Forger {
        Forger::of(machine, machine.union(), scope)
    }

    /// Writes with the machine's key in the name of `union`.
    pub fn of(machine: &Machine, union: UnionNumber, scope: Scope) -> Forger {
        Forger::with(machine.me().key, union, scope)
    }

    /// A device that nobody knows.
    pub fn stranger(seed: u8, union: UnionNumber, scope: Scope) -> Forger {
        Forger::with(SigningKey::from_seed(&[seed; 32]), union, scope)
    }

    /// One of many devices.
    pub fn numbered(n: u32, union: UnionNumber, scope: Scope) -> Forger {
        Forger::with(SigningKey::from_seed(&Hash::of(&[b"forger", &n.to_be_bytes()]).0), union, scope)
    }

    fn with(key: SigningKey, union: UnionNumber, scope: Scope) -> Forger {
        let feed = Feed::new("test", union, key.device(), 77, scope, None).expect("the scope is the union's");
        let ids = RecordIds::new(&key.device(), [9; 4], None);
        Forger { key, feed, edge: Edge::default(), ids }
    }

    /// The device of `other`, in a further feed.
    pub fn again(other: &Forger, union: UnionNumber, incarnation: u32) -> Forger {
        let feed = Feed::new("test", union, other.device(), incarnation, other.feed.scope, None);
        let feed = feed.expect("the scope is the union's");
        Forger {
            key: other.key.clone(),
            feed,
            edge: Edge::default(),
            ids: RecordIds::new(&other.device(), incarnation.to_be_bytes(), None),
        }
    }

    /// The same device with the same memory, as a copy of its disk: what the two say from now on are two histories.
    /// `n`: of several copies each has another.
    pub fn cloned(&self, n: u32) -> Forger {
        let (key, feed, edge) = (self.key.clone(), self.feed.clone(), self.edge.clone());
        let ids = RecordIds::new(&key.device(), (1000 + n).to_be_bytes(), None);
        Forger { key, feed, edge, ids }
    }

    /// So many operations it has said.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    pub fn province(machine: &Machine) -> Forger {
        Forger::new(machine, Scope::Own(Reach::Province))
    }

    /// The enrolment of this device, as it says it itself.
    pub fn enrolled(&self, union: UnionNumber, hub: bool) -> Record {
        attested(&self.key, union, hub)
    }

    pub fn device(&self) -> DeviceId {
        self.key.device()
    }

    pub fn id(&mut self) -> RecordId {
        self.ids.next(START)
    }

    /// A batch that brings these operations, with a head that covers them.
    pub fn say(&mut self, operations: &[Operation]) -> Incoming {
        let first = self.edge.size();
        for operation in operations {
            self.edge.push(operation.leaf());
        }
        let packed = segment::pack(operations).expect("within the bounds");
        let head = TreeHead::sign(&self.key, self.feed.id, self.edge.size(), self.edge.root(), START, None);
        Incoming {
            feed: self.feed.id,
            header: self.feed.header.clone(),
            first,
            count: operations.len() as u64,
            segment: packed.into(),
            head: head.signed,
            from: None,
            settled: false,
            asked: false,
        }
    }

    /// A change of a dossier that nobody has.
    pub fn edit_of_what_is_lost(&mut self) -> Operation {
        let kind = kind("enterprise").expect("it is declared");
        let name = kind.fields[kind.field("name").expect("it is declared")].number;
        let id = self.id();
        let mut document = Document::default();
        let lost = Actor::new(&FeedId([7; 16]), &id);
        let mut compose = |author, text: &str| {
            let edit = document.compose(author, vec![(name, Scalar::Text(text.into()))], [4; 16]).expect("it fits");
            document.receive(author, &edit).expect("it fits");
            edit
        };
        compose(lost, "甲厂");
        let author = Actor::new(&self.feed.id, &id);
        let edit = compose(author, "乙厂");
        Operation::new(kind.number, id, Some(1), edit.encode(author), Some([3; 16]))
    }

    /// A head for whatever is claimed, signed.
    pub fn head(&self, size: u64, root: Hash) -> v1::Signed {
        TreeHead::sign(&self.key, self.feed.id, size, root, START, None).signed
    }
}

/// A feed that a newer version began, of a machine's device: as far as this version can tell, by its six digits.
pub fn newer(machine: &Machine) -> Incoming {
    let key = machine.me().key;
    let plain = Feed::new("test", machine.union(), key.device(), 99, Scope::Own(Reach::Nation), None);
    let plain = plain.expect("the scope is the union's");
    let mut header = v1::FeedHeader::decode(plain.header).expect("it was encoded right now");
    header.scope = Some(v1::feed_header::Scope::Reach(9));
    let feed = Feed::parse(header.encode_to_vec().into()).expect("what is newer can be read so far");
    assert!(feed.newer.is_some());
    let mut forger = Forger { ids: RecordIds::new(&key.device(), [9; 4], None), edge: Edge::default(), feed, key };
    forger.say(&[Operation::new(9, RecordId([1; 16]), None, vec![1], None)])
}
