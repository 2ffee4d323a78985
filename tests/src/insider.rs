//! An enrolled device whose program keeps no rule: real keys, real sessions, and between their frames generated ones.
//! Everything outside is well signed; inside are records nobody may write, ids that collide, edits that wait, feeds
//! without end, heads and segments that contradict each other. A hub does more (`hub`): it speaks to a branch, enrols and
//! revokes, passes on what is not so, and signs for what it never had. `line` carries it.

mod hub;
mod line;

use anyhow::Result;
use huiliu_node::{
    store::{feeds, projection},
    writer::Store,
};
use huiliu_proto::{
    edit::{Actor, Edit, MAX_COUNTER, Put, PutId, Scalar},
    feed::{Feed, Scope},
    id::{DeviceId, FeedId, Hash, RecordId, RecordIds},
    kind::{Reach, kind, kinds},
    operation::{OPERATOR, Operation, SALT},
    segment,
    signed::{Receipt, Seen, SigningKey, TreeHead},
    tree::Edge,
    union::UnionNumber,
    v1::{self, frame::Frame},
    void::Void,
};
use prost::Message as _;

pub use self::{
    hub::made_up,
    line::{Shared, listen, run},
};
use crate::{
    people::Random,
    world::{Conduct, Machine, START},
};

/// How the machine is called on which such a program runs.
pub const ROGUE: &str = "rogue-320923";

/// A union that is in no list: of a newer version's, for all that this one knows.
const UNLISTED: u64 = 320_999;

/// Operations that it adds at once, where it says as much as it can; and those of a feed, after which it begins another. So
/// none that pass it on can hand over more in one batch.
const MANY: u64 = 64;
pub(crate) const LARGEST_BATCH: u64 = 512;

/// A feed that it has begun.
struct Begun {
    /// Who writes it: itself, or somebody whom it made up.
    key: SigningKey,
    feed: Feed,
    operations: Vec<Operation>,
}

impl Begun {
    fn edge(&self, size: usize) -> Edge {
        let mut edge = Edge::default();
        self.operations[..size].iter().for_each(|operation| _ = edge.push(operation.leaf()));
        edge
    }
}

pub struct Insider {
    key: SigningKey,
    union: UnionNumber,
    random: Random,
    ids: RecordIds,
    feeds: Vec<Begun>,
    /// Of its own, of others: to be said again, changed, collided with.
    records: Vec<(RecordId, u32)>,
    changes: Vec<Hash>,
    /// Of operations that it made, voids among them.
    leaves: Vec<Hash>,
    /// Feeds of others, that it has by right.
    known: Vec<(FeedId, u64)>,
    /// Of a hub.
    hub: bool,
    /// It says as much as a line takes.
    floods: bool,
    /// Everybody's devices, by their unions: they are no secret.
    devices: Vec<(UnionNumber, DeviceId)>,
    /// What honest machines said through it.
    heard: Vec<v1::Batch>,
}

impl Insider {
    pub fn new(machine: &Machine, seed: u64) -> Insider {
        let key = machine.me().key;
        let ids = RecordIds::new(&key.device(), [3; 4], None);
        Insider {
            key,
            union: machine.union(),
            random: Random(seed),
            ids,
            feeds: vec![],
            records: vec![],
            changes: vec![Hash([4; 32])],
            leaves: vec![],
            known: vec![],
            hub: machine.is_hub(),
            floods: machine.conduct == Conduct::Floods,
            devices: vec![],
            heard: vec![],
        }
    }

    /// Looks at what it was given honestly.
    pub fn look(&mut self, store: &Store) -> Result<()> {
        self.records.truncate(64);
        let number = kind("mediator").expect("mediators are declared");
        self.records.extend(store.read(|conn| {
            Ok(projection::list(conn, number, None, None, 16)?
                .into_iter()
                .map(|row| (row.id, number.number))
                .collect::<Vec<_>>())
        })?);
        self.known = store.read(|conn| Ok(feeds::all(conn)?.iter().map(|f| (f.feed.id, f.size())).collect()))?;
        Ok(())
    }

    /// Any frame that may stand in an open conversation.
    pub fn frame(&mut self) -> Frame {
        match self.random.below(20) {
            0 => Frame::Ack(v1::Ack {
                feed: self.any_feed().0.to_vec().into(),
                size: self.random.roll(),
                refused: self.random.below(12) as i32,
                head: Some(self.stray_head()),
                receipt: Some(self.receipt()),
                ..Default::default()
            }),
            1 => Frame::Receipts(v1::Receipts { receipts: vec![self.receipt(); 3], ..Default::default() }),
            _ => Frame::Batch(self.batch()),
        }
    }

    fn any_feed(&mut self) -> (FeedId, u64) {
        let mine = self.feeds.iter().map(|f| (f.feed.id, f.operations.len() as u64));
        let all: Vec<_> = mine.chain(self.known.iter().copied()).chain([(FeedId([8; 16]), 1)]).collect();
        *self.random.pick(&all)
    }

    fn receipt(&mut self) -> v1::Signed {
        let (feed, size) = self.any_feed();
        Receipt::sign(&self.key, self.union, feed, size, Hash([1; 32]), START).signed
    }

    /// A head for a feed that may not be its own.
    fn stray_head(&mut self) -> v1::Signed {
        let (feed, size) = self.any_feed();
        TreeHead::sign(&self.key, feed, size, Hash([2; 32]), START, None).signed
    }

    fn begin(&mut self) -> Option<usize> {
        let mut unions = vec![self.union; 6];
        unions.extend(self.union.parent());
        unions.extend("320922".parse::<UnionNumber>());
        unions.extend(self.union.with_serial(7));
        let union = *self.random.pick(&unions);
        let branches = [self.union, self.union.with_serial(7).unwrap_or(self.union), UnionNumber::NATION];
        let scope = match self.random.below(12) {
            0..=3 => Scope::Own(Reach::Province),
            4 | 5 => Scope::Own(Reach::Nation),
            6 => Scope::Everyone,
            7 => Scope::Branch(*self.random.pick(&branches)),
            8 => Scope::PersonalBranch(*self.random.pick(&branches)),
            9 => Scope::Warning(Reach::Province),
            10 => Scope::Warning(Reach::Nation),
            _ => Scope::Own(Reach::Union),
        };
        let continues = self.random.chance(30).then(|| self.any_feed());
        let incarnation = self.random.roll() as u32;
        let feed = Feed::new("test", union, self.key.device(), incarnation, scope, continues).ok()?;
        let header = match self.random.below(20) {
            // A field that nobody knows, in a message that is hashed as it is.
            0 | 1 => [&feed.header[..], &[0xfa, 0x06, 0x03, b'n', b'e', b'w']].concat().into(),
            // A union that is in no list, as itself or as a branch.
            2 | 3 => {
                let mut header = v1::FeedHeader::decode(feed.header.clone()).ok()?;
                match self.random.chance(50) {
                    true => header.union = UNLISTED,
                    false => header.scope = Some(v1::feed_header::Scope::PersonalBranch(UNLISTED)),
                }
                header.encode_to_vec().into()
            }
            _ => feed.header.clone(),
        };
        self.feeds.push(Begun { key: self.key.clone(), feed: Feed::parse(header).ok()?, operations: vec![] });
        Some(self.feeds.len() - 1)
    }

    /// A run of operations of a feed of its own, under a head that covers it; or one that contradicts what it said before.
    fn batch(&mut self) -> v1::Batch {
        let at = match self.feeds.is_empty() || self.random.chance(20) {
            true => self.begin(),
            false => Some(self.random.below(self.feeds.len() as u64) as usize),
        };
        let at = match at {
            Some(at) if self.feeds[at].operations.len() as u64 + MANY > LARGEST_BATCH => self.begin(),
            at => at,
        };
        let Some(at) = at else { return v1::Batch::default() };
        let size = self.feeds[at].operations.len();
        // Goes on, begins anew, overlaps, leaves a gap.
        let first = match self.random.below(10) {
            0 if size > 0 => self.random.below(size as u64) as usize,
            1 => 0,
            _ => size,
        };
        let repeated = self.random.chance(50);
        let mut kept = self.feeds[at].operations.clone();
        if !repeated {
            // Another history from here on.
            kept.truncate(first);
        }
        let most = if self.floods { MANY - 1 } else { 4 };
        let fresh: Vec<Operation> = (0..=self.random.below(most)).map(|_| self.operation(at)).collect();
        kept.extend(fresh);
        self.feeds[at].operations = kept;
        let begun = &self.feeds[at];
        let first = first.min(begun.operations.len());
        let run = &begun.operations[first..];
        let (edge, feed, key) = (begun.edge(begun.operations.len()), begun.feed.clone(), begun.key.clone());
        let count = run.len() as u64;
        let packed = segment::pack(run).unwrap_or_default();
        let (mut size, mut root) = (edge.size(), edge.root());
        match self.random.below(24) {
            0 => size = self.random.roll(),
            1 => size += 1,
            2 => root = Hash([9; 32]),
            _ => {}
        }
        let time = match self.random.below(8) {
            0 => 0,
            1 => i64::MAX,
            2 => i64::MIN,
            3 => START + (40 * 365 * 86_400_000),
            _ => START + 1000,
        };
        let seen = self.random.chance(20).then(|| {
            let (feed, size) = self.any_feed();
            Seen { feed, size: if self.random.chance(20) { u64::MAX } else { size }, root: Hash([3; 32]) }
        });
        let head = TreeHead::sign(&key, feed.id, size, root, time, seen);
        v1::Batch {
            feed: feed.id.to_vec().into(),
            header: feed.header.clone(),
            first: if self.random.chance(5) { self.random.roll() } else { first as u64 },
            // Who says that it is much has soon said as much as he may.
            count: if !self.floods && self.random.chance(5) { self.random.roll() as u32 } else { count as u32 },
            segment: packed.into(),
            head: Some(head.signed),
            standing: self.random.below(4) as i32,
        }
    }

    fn operation(&mut self, at: usize) -> Operation {
        if self.random.chance(8) {
            return self.void();
        }
        let own = self.ids.next(START + self.random.below(3_600_000) as i64);
        let known = (!self.records.is_empty()).then(|| *self.random.pick(&self.records));
        let (record, like) = match (self.random.below(10), known) {
            // An id that is taken, by itself or by somebody else; one that no device makes.
            (0..=2, Some((record, kind))) => (record, Some(kind)),
            (3, _) => (RecordId([self.random.roll() as u8; 16]), None),
            _ => (own, None),
        };
        let number = |name: &str| kind(name).expect("it is declared").number;
        let all: Vec<u32> = kinds().iter().map(|kind| kind.number).chain([0, 9999]).collect();
        let number = match self.random.below(10) {
            0..=2 => number("work_entry"),
            3 => number("expenditure"),
            4 => number("budget"),
            5..=7 => like.unwrap_or(number("mediator")),
            _ => *self.random.pick(&all),
        };
        let document =
            kinds().iter().any(|kind| kind.number == number && kind.shape == huiliu_proto::kind::Shape::Document);
        let mut payload = match document {
            true => self.edit(at, record),
            false => self.entry(number),
        };
        if self.random.chance(10) {
            // A long field that nobody knows.
            let long = self.random.below(4096) as usize;
            payload.extend([0xfa, 0x7d]);
            payload.extend([(long & 0x7f) as u8 | 0x80, (long >> 7) as u8]);
            payload.extend(vec![7; long]);
        }
        let salt = self.random.chance(70).then_some([5; SALT]);
        let time = self.random.chance(30).then(|| self.random.roll() as i64);
        if record == own {
            self.records.push((record, number));
        }
        let operation = Operation::new(number, record, time, payload, salt);
        self.leaves.push(operation.leaf());
        match self.random.chance(15) {
            true => operation.by(Some([self.random.roll() as u8; OPERATOR])),
            false => operation,
        }
    }

    /// Voids a record that it knows, or takes that back; follows voids, other operations, and what never comes.
    fn void(&mut self) -> Operation {
        let known = [(RecordId([self.random.roll() as u8; 16]), 9)];
        let (record, number) = *self.random.pick(if self.records.is_empty() { &known } else { &self.records });
        let hash = |random: &mut Random, from: &[Hash]| match from.is_empty() || random.chance(20) {
            true => Hash([random.roll() as u8; 32]),
            false => *random.pick(from),
        };
        let many = if self.random.chance(5) { 65 } else { self.random.below(3) };
        let follows = (0..many).map(|_| hash(&mut self.random, &self.leaves)).collect();
        let heads = (0..self.random.below(3)).map(|_| hash(&mut self.random, &self.changes)).collect();
        let void = Void { follows, heads, restores: self.random.chance(40), reason: "重复录入".into() };
        let mut payload = void.encode();
        if self.random.chance(5) {
            payload.extend([0xfa, 0x7d, 0x00]);
        }
        let id = self.random.chance(70).then_some([self.random.roll() as u8; OPERATOR]);
        let time = self.random.chance(30).then(|| self.random.roll() as i64);
        let salt = self.random.chance(50).then_some([6; SALT]);
        let operation = Operation::new(number, record, time, payload, salt).by(id).voiding(true);
        self.leaves.push(operation.leaf());
        operation
    }

    /// What stands in an entry: mostly sense, with numbers at their limits.
    fn entry(&mut self, number: u32) -> Vec<u8> {
        let big = *self.random.pick(&[0, 1, -1, 100_000, -100_000, 100_000_000_000_000, i64::MAX, i64::MIN]);
        let someone = self.records.first().map_or(vec![6; 16], |(id, _)| id.to_vec());
        let work = v1::WorkEntry {
            mediator: someone.clone().into(),
            guided: big as i32,
            workers_helped: self.random.roll() as i32,
            done_on: 20_000 + self.random.below(900) as i32,
            ..Default::default()
        };
        let spent = v1::Expenditure { amount: big, ..Default::default() };
        match self.random.below(4) {
            0 => (0..self.random.below(200)).map(|_| self.random.roll() as u8).collect(),
            1 => spent.encode_to_vec(),
            _ if number == kind("work_entry").map_or(0, |kind| kind.number) => work.encode_to_vec(),
            _ => spent.encode_to_vec(),
        }
    }

    /// An edit that creates, follows, waits for what never comes, or replaces what never stood there.
    fn edit(&mut self, at: usize, record: RecordId) -> Vec<u8> {
        let author = Actor::new(&self.feeds[at].feed.id, &record);
        let deps = match self.random.below(4) {
            0 => vec![*self.random.pick(&self.changes)],
            1 => vec![Hash([self.random.roll() as u8; 32])],
            _ => vec![],
        };
        let seq = if self.random.chance(80) { 1 + deps.len() as u64 } else { 1 + self.random.below(MAX_COUNTER - 1) };
        let start_op = if deps.is_empty() { 1 } else { 1 + self.random.below(9) };
        let over = match self.random.below(3) {
            0 => vec![PutId { counter: 1, actor: author }],
            _ => vec![],
        };
        let puts = (1..=1 + self.random.below(10) as u32)
            .map(|field| Put {
                field,
                value: match self.random.below(5) {
                    0 => Scalar::Cleared,
                    1 => Scalar::Number(self.random.roll() as i64),
                    2 => Scalar::Octets(vec![1; self.random.below(300) as usize]),
                    _ => Scalar::Text("测".repeat(1 + self.random.below(30) as usize)),
                },
                over: over.clone(),
            })
            .collect();
        let edit = Edit { deps, seq, start_op, puts, salt: Some([self.random.roll() as u8; huiliu_proto::edit::SALT]) };
        self.changes.push(huiliu_node::document::change(author, &edit));
        edit.encode(author)
    }
}
