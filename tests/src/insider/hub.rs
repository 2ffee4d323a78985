//! What a hub can say beside that: orders to branches that are not its own, machines that it made up, feeds of strangers
//! without end, what others wrote with a bit turned, receipts and acknowledgements that are not so, and budgets as long
//! and as large as they may be.

use huiliu_proto::{
    feed::{Feed, Scope},
    id::{DeviceId, FeedId, Hash},
    kind::{Reach, kind},
    operation::Operation,
    segment,
    signed::{Receipt, SigningKey, TreeHead},
    union::UnionNumber,
    v1::{self, frame::Frame},
};
use prost::Message as _;

use super::{Begun, Insider, line::Tongue};
use crate::{
    forger::attested,
    liar::{Liar, Lie},
    people,
    world::{Machine, START},
};

/// The county below the hub.
const BELOW: &str = "320102";
/// Branches that it speaks to; the first is its own.
const BRANCHES: [&str; 6] = [BELOW, "320100", "320922", "320900", "320000", "100000"];
const MADE_UP: u8 = 3;
const STRANGERS: u8 = 12;
/// Batches of others that are kept to be said once more.
const KEPT: usize = 24;
/// Batches that come at once, in some of which it says much: one more than are acknowledged at a time ends a line.
const AT_ONCE: usize = 7;

fn made(n: u8) -> SigningKey {
    SigningKey::from_seed(&[0xb0 + n; 32])
}

fn stranger(n: u8) -> SigningKey {
    SigningKey::from_seed(&[0x40 + n; 32])
}

/// Machines that exist in its word alone, and such of which not even it says that they exist.
pub fn made_up() -> impl Iterator<Item = DeviceId> {
    (0..MADE_UP).map(|n| made(n).device()).chain((0..STRANGERS).map(|n| stranger(n).device()))
}

fn flip(bytes: &mut [u8], roll: u64) {
    if !bytes.is_empty() {
        let at = roll as usize % bytes.len();
        bytes[at] ^= 1 << (roll >> 32 & 7);
    }
}

impl Insider {
    /// Everybody's devices are told it: they are no secret.
    pub fn knowing(mut self, devices: &[(UnionNumber, DeviceId)]) -> Insider {
        self.devices = devices.to_vec();
        self
    }

    /// What is said through it.
    pub(super) fn hear(&mut self, batch: &v1::Batch) {
        if !self.hub {
            return;
        }
        if self.heard.len() < KEPT {
            self.heard.push(batch.clone());
        } else {
            let at = self.random.below(KEPT as u64) as usize;
            self.heard[at] = batch.clone();
        }
    }

    /// What becomes of honest frames in a conversation that begins.
    pub(super) fn tongue(&mut self, machine: &Machine, up: bool) -> Tongue {
        let mut tongue = Tongue { up, ..Tongue::default() };
        if !self.hub {
            return tongue;
        }
        if self.random.chance(25) {
            let lie = *self.random.pick(&Lie::ALL);
            let victim = BELOW.parse().expect("a county");
            tongue.liar = Some(Liar::new(lie, machine, victim, self.random.roll()));
        }
        if self.random.chance(20) {
            tongue.withheld.extend([self.random.below(8) as u8, self.random.below(8) as u8]);
        }
        tongue
    }

    /// What is invented at once, and whether the real session can know nothing of the feed that it is about.
    pub(super) fn frames(&mut self, up: bool) -> Vec<(Frame, bool)> {
        let frames = match self.hub {
            // One kind of thing, as fast as a line takes it.
            true if self.random.chance(20) => {
                let what = self.random.below(4);
                (0..AT_ONCE).map(|_| Frame::Batch(self.one_of_many(what).unwrap_or_default())).collect()
            }
            true => vec![self.hubs_frame(up)],
            false => vec![self.frame()],
        };
        let own = |frame: &Frame| match frame {
            Frame::Batch(batch) => self.feeds.iter().any(|f| f.feed.id.as_bytes()[..] == batch.feed[..]),
            _ => false,
        };
        frames.into_iter().map(|frame| (own(&frame), frame)).map(|(own, frame)| (frame, own)).collect()
    }

    fn one_of_many(&mut self, what: u64) -> Option<v1::Batch> {
        match what {
            0 => self.somebodys(true),
            1 | 2 => self.without_end(),
            _ => self.order(),
        }
    }

    /// What a real session answers; now and then it is not so.
    pub(super) fn bend(&mut self, frame: Frame) -> Frame {
        match frame {
            Frame::Ack(ack) if self.hub && self.random.chance(10) => {
                let wrong = self.wrong_ack();
                Frame::Ack(v1::Ack { feed: ack.feed, ..wrong })
            }
            other => other,
        }
    }

    /// Any frame; of those at which a conversation ends, few.
    fn hubs_frame(&mut self, up: bool) -> Frame {
        if self.random.chance(1) {
            return self.out_of_place();
        }
        let batch = match self.random.below(16) {
            0 | 1 => self.once_more(),
            // Receipts go down alone.
            2 | 3 if !up => {
                let receipts = (0..self.random.below(20)).map(|_| self.wrong_receipt()).collect();
                return Frame::Receipts(v1::Receipts { receipts, more: self.random.chance(50) });
            }
            4..=6 => self.order(),
            7..=9 => self.somebodys(false),
            10 | 11 => self.without_end(),
            12 => self.budgets(),
            _ => None,
        };
        Frame::Batch(batch.unwrap_or_else(|| self.batch()))
    }

    /// What an honest machine wrote, as it was, or with a bit turned.
    fn once_more(&mut self) -> Option<v1::Batch> {
        if self.heard.is_empty() {
            return None;
        }
        let mut batch = self.random.pick(&self.heard).clone();
        let roll = self.random.roll();
        let bend = |bytes: &mut bytes::Bytes| {
            let mut bent = bytes.to_vec();
            flip(&mut bent, roll);
            *bytes = bent.into();
        };
        let head = batch.head.get_or_insert_default();
        match self.random.below(8) {
            0 => bend(&mut batch.segment),
            1 => bend(&mut batch.header),
            2 => bend(&mut head.message),
            3 => bend(&mut head.signature),
            4 => batch.first = batch.first.saturating_add(1),
            5 => batch.standing = self.random.below(4) as i32,
            _ => {}
        }
        Some(batch)
    }

    /// A feed of its own or of somebody else, and a size that is near what is so.
    fn nearly(&mut self) -> (FeedId, u64, Hash) {
        let (feed, size) = self.any_feed();
        let root = match self.heard.iter().find(|batch| batch.feed[..] == feed.as_bytes()[..]) {
            Some(v1::Batch { head: Some(head), .. }) if self.random.chance(50) => {
                let head = v1::TreeHead::decode(&head.message[..]).unwrap_or_default();
                Hash::try_from(&head.root[..]).unwrap_or(Hash([1; 32]))
            }
            _ => Hash([1; 32]),
        };
        let size = match self.random.below(6) {
            0 => size.saturating_sub(1),
            1 => size + 1,
            2 => u64::MAX,
            3 => 0,
            _ => size,
        };
        (feed, size, root)
    }

    fn wrong_receipt(&mut self) -> v1::Signed {
        let (feed, size, root) = self.nearly();
        let time = *self.random.pick(&[START, START + 3000, i64::MAX, 0]);
        let union = match self.random.chance(20) {
            true => UnionNumber::NATION,
            false => self.union,
        };
        Receipt::sign(&self.key, union, feed, size, root, time).signed
    }

    fn wrong_ack(&mut self) -> v1::Ack {
        let (feed, size, root) = self.nearly();
        let receipt = self.random.chance(50).then(|| self.wrong_receipt());
        let refused = if self.random.chance(50) { self.random.below(12) as i32 } else { 0 };
        let head = self.random.chance(50).then(|| TreeHead::sign(&self.key, feed, size, root, START, None).signed);
        let detail = "此路不通\u{1b}[2J".repeat(self.random.below(40) as usize);
        v1::Ack {
            feed: feed.to_vec().into(),
            size,
            receipt,
            refused,
            detail,
            head,
            retry_after: self.random.roll() as u32,
        }
    }

    /// A frame of another part of the conversation.
    fn out_of_place(&mut self) -> Frame {
        let (feed, size, root) = self.nearly();
        let state = v1::State { feed: feed.to_vec().into(), size, root: root.to_vec().into(), ..Default::default() };
        match self.random.below(5) {
            0 => Frame::States(v1::States { unions: vec![self.union.into()], states: vec![state], more: true }),
            1 => Frame::Groups(v1::Groups::default()),
            // A hub may ask to be left alone; for how long is bounded, and stories are short.
            2 => Frame::Goodbye(v1::Goodbye {
                reason: self.random.below(12) as i32,
                detail: String::new(),
                retry_after: self.random.below(4) as u32,
            }),
            3 => Frame::Batch(v1::Batch::default()),
            _ => Frame::Ack(self.wrong_ack()),
        }
    }

    /// The feed of a key with that scope, or another one.
    fn feed_as(&mut self, key: &SigningKey, union: UnionNumber, scope: Scope, fresh: bool) -> Option<usize> {
        let like = |f: &Begun| f.feed.device == key.device() && f.feed.union == union && f.feed.scope == scope;
        let found = self.feeds.iter().position(like);
        if let Some(at) = found.filter(|_| !fresh) {
            return Some(at);
        }
        let feed = Feed::new("test", union, key.device(), self.random.roll() as u32, scope, None).ok()?;
        self.feeds.push(Begun { key: key.clone(), feed, operations: vec![] });
        Some(self.feeds.len() - 1)
    }

    /// Operations that follow what it said in a feed, with a head that is so.
    fn say(&mut self, at: usize, fresh: Vec<Operation>) -> v1::Batch {
        let begun = &mut self.feeds[at];
        let (first, count) = (begun.operations.len() as u64, fresh.len() as u32);
        let packed = segment::pack(&fresh).unwrap_or_default();
        begun.operations.extend(fresh);
        let edge = begun.edge(begun.operations.len());
        let head = TreeHead::sign(&begun.key, begun.feed.id, edge.size(), edge.root(), START + first as i64, None);
        v1::Batch {
            feed: begun.feed.id.to_vec().into(),
            header: begun.feed.header.clone(),
            first,
            count,
            segment: packed.into(),
            head: Some(head.signed),
            standing: 0,
        }
    }

    fn entry_of(&mut self, name: &str, payload: Vec<u8>) -> Operation {
        let id = self.ids.next(START + self.random.below(3_600_000) as i64);
        Operation::new(kind(name).expect("it is declared").number, id, None, payload, None)
    }

    fn union(&mut self) -> UnionNumber {
        self.random.pick(&BRANCHES).parse().expect("a union")
    }

    /// An order to a branch, mostly to one that it has no word in.
    fn order(&mut self) -> Option<v1::Batch> {
        let branch = self.union();
        let about = if self.random.chance(80) { branch } else { self.union() };
        let made = made(self.random.below(MADE_UP.into()) as u8);
        let (name, payload) = match self.random.below(6) {
            0..=2 => ("enrolment", attested(&made, about, self.random.chance(20)).encode()),
            3 => {
                // To shut out the machine below it is a hub's right: that it does not do here.
                let others: Vec<_> = self.devices.iter().filter(|(of, _)| !self.union.contains(*of)).copied().collect();
                let device = match others.is_empty() || self.random.chance(30) {
                    true => made.device(),
                    false => self.random.pick(&others).1,
                };
                let revoked = v1::Revocation {
                    union: about.into(),
                    device: device.to_vec().into(),
                    revoked_on: 20_454,
                    reason: "遗失".into(),
                    ..Default::default()
                };
                ("revocation", revoked.encode_to_vec())
            }
            4 => {
                let ruling = v1::QuarantineRuling {
                    union: about.into(),
                    in_feed: self.any_feed().0.to_vec().into(),
                    first: Some(0),
                    count: 1 + self.random.below(1 << 53),
                    ruling: 1 + self.random.below(2) as i32,
                    reason: "复核".into(),
                    revision: Some(self.random.below(1 << 53)),
                };
                ("quarantine_ruling", ruling.encode_to_vec())
            }
            _ => {
                let in_feed = self.any_feed().0.to_vec().into();
                let order = v1::PurgeOrder { union: about.into(), in_feed, reason: "清理".into() };
                ("purge_order", order.encode_to_vec())
            }
        };
        let key = self.key.clone();
        let at = self.feed_as(&key, self.union, Scope::Branch(branch), false)?;
        let operation = self.entry_of(name, payload);
        Some(self.say(at, vec![operation]))
    }

    /// A feed of a machine that it made up, for one union or another; or of one that nobody ever heard of.
    fn somebodys(&mut self, unheard_of: bool) -> Option<v1::Batch> {
        let unheard_of = unheard_of || self.random.chance(40);
        let key = match unheard_of {
            true => stranger(self.random.below(STRANGERS.into()) as u8),
            false => made(self.random.below(MADE_UP.into()) as u8),
        };
        let union = if self.random.chance(60) { BELOW.parse().expect("a county") } else { self.union() };
        let scope = match self.random.below(6) {
            0..=2 => Scope::Own(Reach::Province),
            3 | 4 => Scope::Own(Reach::Nation),
            _ => Scope::Everyone,
        };
        let fresh = unheard_of || self.random.chance(10);
        let at = self.feed_as(&key, union, scope, fresh)?;
        let many = if self.random.chance(3) { 300 } else { 1 + self.random.below(4) };
        let operations = (0..many).map(|_| self.well_formed(at)).collect();
        Some(self.say(at, operations))
    }

    /// One more feed of its own.
    fn without_end(&mut self) -> Option<v1::Batch> {
        let key = self.key.clone();
        let scope = if self.random.chance(70) { Scope::Own(Reach::Nation) } else { Scope::Everyone };
        let at = self.feed_as(&key, self.union, scope, true)?;
        let operation = self.well_formed(at);
        Some(self.say(at, vec![operation]))
    }

    /// A line of the log as a clerk would have written it, or anything.
    fn well_formed(&mut self, at: usize) -> Operation {
        let mediators = kind("mediator").expect("mediators are declared").number;
        let someone = self.records.iter().find(|(_, kind)| *kind == mediators).map(|(id, _)| *id);
        let Some(mediator) = someone.filter(|_| self.random.chance(60)) else { return self.operation(at) };
        let guided = (1 + self.random.below(60)).to_string();
        let line = people::record(
            "work_entry",
            &[
                ("mediator", &huiliu_proto::id::hex(mediator.as_bytes())),
                ("duty", "参加协商"),
                ("subtype", "现场指导协商"),
                ("done_on", "2025-03-04"),
                ("place", "测试企业"),
                ("guided", &guided),
                ("workers_helped", "40"),
                ("summary", "指导集体协商，议题为工资增幅与加班"),
                ("mandate", "企业工会委托"),
            ],
        );
        self.entry_of("work_entry", line.encode())
    }

    /// Budgets with as many lines as there may be, each as large as it may be.
    fn budgets(&mut self) -> Option<v1::Batch> {
        let line = v1::BudgetLine { category: 1, subject: "50504".into(), amount: Some(100_000_000_000_000) };
        let programme = self.records.first().map_or(vec![6; 16], |(id, _)| id.to_vec());
        let budget = v1::Budget {
            programme: programme.into(),
            year: 2025,
            lines: vec![line; 100],
            approved_on: 20_100,
            doc_no: "工发1号".into(),
            ..Default::default()
        };
        let key = self.key.clone();
        let at = self.feed_as(&key, self.union, Scope::Own(Reach::Nation), false)?;
        let operations =
            (0..1 + self.random.below(3)).map(|_| self.entry_of("budget", budget.encode_to_vec())).collect();
        Some(self.say(at, operations))
    }
}
