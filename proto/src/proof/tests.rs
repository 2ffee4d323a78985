//! A nation, a province, a city and a county made by hand; every way to spoil a proof that could be thought of.

use super::*;
use crate::{
    algorithms::UnknownSuite,
    attestation::Attestation,
    feed::Scope,
    id::RecordIds,
    kind::{Reach, kind},
    record::Record,
    signed::SigningKey,
    tree,
    value::Value,
};
use proptest::prelude::*;

const NOON: i64 = 1_767_225_600_000;

/// One device's feed, in memory.
struct CommandContext {
    key: SigningKey,
    feed: Feed,
    operations: Vec<Operation>,
}

impl CommandContext {
    fn new(seed: u8, union: &str, scope: Scope) -> CommandContext {
        let key = SigningKey::from_seed(&[seed; 32]);
        let feed = Feed::new("test", code(union), key.device(), 0, scope, None).unwrap();
        CommandContext { key, feed, operations: vec![] }
    }

    fn id(&self) -> RecordId {
        let after = self.operations.last().map(|o| o.record);
        RecordIds::new(&self.key.device(), [1, 2, 3, 4], after).next(NOON)
    }

    fn say(&mut self, record: &Record) -> RecordId {
        let id = self.id();
        self.operations.push(Operation::new(record.kind.number, id, None, record.encode(), None));
        id
    }

    fn enrol(&mut self, key: &SigningKey, union: &str, hub: bool) -> RecordId {
        let said = Attestation {
            network: "test".into(),
            union: code(union),
            device: key.device(),
            hub,
            seal_key: [8; 32],
            tls_key: Hash([9; 32]),
            authority_key: hub.then_some(Hash([7; 32])),
            token: None,
        };
        self.say(&said.enrolment(&said.sign(key), Day(20_454)))
    }

    fn leaves(&self) -> Vec<Hash> {
        self.operations.iter().map(Operation::leaf).collect()
    }

    fn root(&self, size: u64) -> Hash {
        let mut edge = tree::Edge::default();
        for leaf in self.leaves().into_iter().take(size as usize) {
            edge.push(leaf);
        }
        edge.root()
    }

    fn size(&self) -> u64 {
        self.operations.len() as u64
    }

    /// The feed with those of its operations that are named.
    fn shown(&self, positions: &[u64]) -> v1::ProofFeed {
        let size = self.size();
        let head = TreeHead::sign(&self.key, self.feed.id, size, self.root(size), NOON, None);
        let operation = |position: &u64| v1::ProofOperation {
            position: *position,
            operation: Some(self.operations[*position as usize].to_wire()),
            path: path(&tree::inclusion(&mut &self.leaves()[..], *position, size).unwrap()),
        };
        v1::ProofFeed {
            header: self.feed.header.clone(),
            head: (!positions.is_empty()).then_some(head.signed),
            operations: positions.iter().map(operation).collect(),
            receipts: vec![],
            standing: None,
        }
    }

    fn receipt(&self, hub: &SigningKey, union: &str, size: u64) -> v1::Signed {
        Receipt::sign(hub, code(union), self.feed.id, size, self.root(size), NOON + size as i64).signed
    }

    /// The same feed, written so far.
    fn twin(&self) -> CommandContext {
        CommandContext { key: self.key.clone(), feed: self.feed.clone(), operations: self.operations.clone() }
    }

    fn growth(&self, from: u64, to: u64) -> bytes::Bytes {
        path(&tree::consistency(&mut &self.leaves()[..], from, to).unwrap())
    }
}

fn code(text: &str) -> UnionNumber {
    text.parse().unwrap()
}

/// The national, the provincial and the city hub's feeds for the branch, and the county's.
struct World {
    root: Root,
    nation: CommandContext,
    province: CommandContext,
    city: CommandContext,
    county: CommandContext,
    record: RecordId,
}

fn world() -> World {
    let mut nation = CommandContext::new(1, "100000", Scope::Branch(code("320000")));
    let mut province = CommandContext::new(2, "320000", Scope::Branch(code("320900")));
    let mut city = CommandContext::new(3, "320900", Scope::Branch(code("320922")));
    let mut county = CommandContext::new(4, "320922", Scope::Own(Reach::Nation));
    nation.enrol(&province.key, "320000", true);
    province.enrol(&SigningKey::from_seed(&[77; 32]), "320900", false);
    province.enrol(&city.key, "320900", true);
    city.enrol(&county.key, "320922", false);
    let matching = kind("matching").unwrap();
    let mut record = Record::new(matching);
    for (field, text) in
        [("programme", "01a1fa94411b8000a44d8dc79bad0154"), ("year", "2026"), ("amount", "3000"), ("on", "2026-03-01")]
    {
        if let Some(at) = matching.field(field) {
            record.put(at, Some(matching.fields[at].parse(text).unwrap()));
        }
    }
    for at in 0..matching.fields.len() {
        let field = &matching.fields[at];
        if field.required && record.values()[at].is_none() {
            let first = field.choices().iter().find(|c| c.number > 0).map(|c| Value::Int(c.number.into()));
            record.put(at, Some(first.unwrap_or_else(|| field.parse("2026-03-01").unwrap())));
        }
    }
    record.validate().unwrap();
    let ids: Vec<RecordId> = (0..7).map(|_| county.say(&record)).collect();
    let root = Root { network: "test".into(), device: nation.key.device(), certificate_key: Hash([9; 32]) };
    World { root, nation, province, city, county, record: ids[4] }
}

impl World {
    fn check(&self, proof: &v1::Proof) -> Result<Proven, ProofError> {
        check(&write(proof), self.root.fingerprint())
    }

    fn chain(&self) -> Vec<v1::ProofFeed> {
        vec![self.nation.shown(&[0]), self.province.shown(&[1]), self.city.shown(&[0])]
    }

    fn finish(&self, mut feeds: Vec<v1::ProofFeed>, subject: v1::proof::Subject) -> v1::Proof {
        feeds.sort_by_key(|f| Feed::parse(f.header.clone()).unwrap().id);
        v1::Proof { feeds, subject: Some(subject), ..begin(&self.root) }
    }

    /// The county's record, acknowledged by the city and the province.
    fn proof(&self) -> v1::Proof {
        let mut county = self.county.shown(&[4]);
        for (hub, union, size) in [(&self.province.key, "320000", 5), (&self.city.key, "320900", 7)] {
            let receipt = Some(self.county.receipt(hub, union, size));
            county.receipts.push(v1::ProofReceipt { receipt, path: self.county.growth(size, 7) });
        }
        let mut feeds = self.chain();
        feeds.push(county);
        self.finish(feeds, v1::proof::Subject::Record(self.record.to_vec().into()))
    }

    fn grown(&self, from: u64, to: u64) -> v1::Proof {
        let mut feeds = self.chain();
        feeds.push(self.county.shown(&[]));
        let growth = v1::Growth {
            older: Some(self.county.receipt(&self.province.key, "320000", from)),
            newer: Some(self.county.receipt(&self.city.key, "320900", to)),
            path: self.county.growth(from, to),
        };
        self.finish(feeds, v1::proof::Subject::Growth(growth))
    }
}

fn of<'a>(proof: &'a mut v1::Proof, context: &CommandContext) -> &'a mut v1::ProofFeed {
    proof.feeds.iter_mut().find(|f| f.header == context.feed.header).unwrap()
}

#[test]
fn a_record_is_proven_to_whoever_knows_the_fingerprint_and_to_nobody_else() {
    let world = world();
    let proven = world.check(&world.proof()).unwrap();
    let all: Vec<_> = proven.operations().collect();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].0.feed.union, all[0].1.position), (code("320922"), 4));
    assert_eq!(
        all[0].0.receipts.iter().map(|r| (r.union.get(), r.size)).collect::<Vec<_>>(),
        [(320_000, 5), (320_900, 7)]
    );
    let chain = proven.chain(&all[0].0.feed.device, code("320922"));
    assert_eq!(
        chain.iter().map(|l| (l.by.get(), l.union.get(), l.hub)).collect::<Vec<_>>(),
        [(100_000, 320_000, true), (320_000, 320_900, true), (320_900, 320_922, false)]
    );
    let other = Root { certificate_key: Hash([8; 32]), ..world.root.clone() }.fingerprint();
    let wrong = check(&write(&world.proof()), other).unwrap_err();
    assert_eq!(wrong, ProofError::OtherRoot { found: world.root.fingerprint(), expected: other });
}

/// The promise of the file: whatever byte is changed, it proves nothing.
#[test]
fn any_changed_byte_is_a_no() {
    let world = world();
    let growth = write(&world.grown(2, 6));
    let fingerprint = world.root.fingerprint();
    for file in [write(&world.proof()), growth] {
        assert!(check(&file, fingerprint).is_ok());
        for at in 0..file.len() {
            let mut bent = file.clone();
            for bit in 0..8 {
                bent[at] = file[at] ^ 1 << bit;
                assert!(check(&bent, fingerprint).is_err(), "bit {bit} of byte {at}");
            }
            for byte in [0, 0xff, file[at].wrapping_add(1)] {
                bent[at] = byte;
                assert!(byte == file[at] || check(&bent, fingerprint).is_err(), "byte {at} as {byte}");
            }
            assert!(check(&file[..at], fingerprint).is_err(), "cut at {at}");
            let mut out = file.clone();
            out.remove(at);
            assert!(check(&out, fingerprint).is_err(), "without byte {at}");
            let mut twice = file.clone();
            twice.insert(at, 0);
            assert!(check(&twice, fingerprint).is_err(), "a nought before byte {at}");
        }
        for more in [&[0][..], b"\n", &[0x2a, 0], &file] {
            assert!(check(&[&file, more].concat(), fingerprint).is_err(), "with {more:?} behind it");
        }
    }
}

#[test]
fn parts_that_were_swapped_left_out_or_put_in_are_a_no() {
    let world = world();
    let no = |change: &dyn Fn(&mut v1::Proof)| {
        let mut proof = world.proof();
        change(&mut proof);
        world.check(&proof).unwrap_err()
    };
    assert_eq!(no(&|p| p.feeds.swap(0, 1)), ProofError::FeedOrder);
    assert!(matches!(no(&|p| p.feeds.push(p.feeds[3].clone())), ProofError::FeedOrder));
    for at in 0..4 {
        let wrong = no(&|p| drop(p.feeds.remove(at)));
        assert!(matches!(wrong, ProofError::NotEnrolled { .. } | ProofError::Superfluous(..)), "{wrong}");
    }
    assert!(matches!(no(&|p| of(p, &world.county).receipts.swap(0, 1)), ProofError::ReceiptOrder(_)));
    assert!(matches!(
        no(&|p| {
            let head = of(p, &world.city).head.clone();
            of(p, &world.county).head = head;
        }),
        ProofError::Head(..)
    ));
    assert!(matches!(no(&|p| *of(p, &world.province) = world.province.shown(&[0, 1])), ProofError::Superfluous(..)));
    assert!(matches!(no(&|p| *of(p, &world.county) = world.county.shown(&[4, 5])), ProofError::Superfluous(..)));
    assert!(matches!(no(&|p| of(p, &world.county).operations[0].position = 3), ProofError::NotIncluded(..)));
    assert_eq!(no(&|p| p.version = 2), ProofError::Version(2));
    assert_eq!(no(&|p| p.algorithms = 2), ProofError::Algorithms(UnknownSuite(2)));
    assert_eq!(no(&|p| p.subject = None), ProofError::NoSubject);
    assert_eq!(no(&|p| p.feeds.clear()), ProofError::NoRecord(world.record));
    let enrolment = world.city.operations[0].record;
    let other = v1::proof::Subject::Record(enrolment.to_vec().into());
    assert!(matches!(no(&|p| p.subject = Some(other.clone())), ProofError::Superfluous(..)));
    // A receipt for less than where the record stands says nothing about it.
    let early = v1::ProofReceipt {
        receipt: Some(world.county.receipt(&world.province.key, "320000", 4)),
        path: world.county.growth(4, 7),
    };
    assert!(matches!(no(&|p| of(p, &world.county).receipts[0] = early.clone()), ProofError::ReceiptCovers(_)));
    // A feed that nothing rests on.
    let idle = CommandContext::new(9, "320923", Scope::Own(Reach::Nation));
    let proof = {
        let mut feeds = world.proof().feeds;
        feeds.push(idle.shown(&[]));
        world.finish(feeds, world.proof().subject.unwrap())
    };
    assert!(matches!(world.check(&proof), Err(ProofError::NotEnrolled { .. } | ProofError::SuperfluousFeed(_))));
}

#[test]
fn who_was_not_enrolled_from_the_root_down_proves_nothing() {
    let world = world();
    let rebuilt = |nation: &CommandContext, province: &CommandContext, city: &CommandContext, place: u64| {
        let mut proof = world.proof();
        let county = of(&mut proof, &world.county).clone();
        let feeds = vec![nation.shown(&[0]), province.shown(&[place]), city.shown(&[0]), county];
        world.check(&world.finish(feeds, v1::proof::Subject::Record(world.record.to_vec().into())))
    };
    assert!(rebuilt(&world.nation, &world.province, &world.city, 1).is_ok());
    // The city is enrolled, but not as a hub: its word about the county does not count.
    let mut meek = CommandContext::new(2, "320000", Scope::Branch(code("320900")));
    meek.enrol(&world.city.key, "320900", false);
    let wrong = rebuilt(&world.nation, &meek, &world.city, 0).unwrap_err();
    assert!(matches!(wrong, ProofError::NotEnrolled { hub: true, .. }), "{wrong}");
    // A nation of somebody's own.
    let mut usurper = CommandContext::new(66, "100000", Scope::Branch(code("320000")));
    usurper.enrol(&world.province.key, "320000", true);
    let wrong = rebuilt(&usurper, &world.province, &world.city, 1).unwrap_err();
    assert!(matches!(wrong, ProofError::NotEnrolled { union, .. } if union == UnionNumber::NATION), "{wrong}");
    // A province enrols a county's machine past the city, in the branch of the city.
    let mut over = CommandContext::new(2, "320000", Scope::Branch(code("320900")));
    over.enrol(&world.county.key, "320922", false);
    assert!(rebuilt(&world.nation, &over, &world.city, 0).is_err());
    // An enrolment in a feed of the city's own records, where none may stand.
    let mut own = CommandContext::new(3, "320900", Scope::Own(Reach::Nation));
    own.enrol(&world.county.key, "320922", false);
    assert!(rebuilt(&world.nation, &world.province, &own, 1).is_err());
    // An enrolment whose record id another device made.
    let mut borrowed = CommandContext::new(3, "320900", Scope::Branch(code("320922")));
    borrowed.enrol(&world.county.key, "320922", false);
    borrowed.operations[0] = Operation { record: world.record, ..borrowed.operations[0].clone() };
    let header = v1::OperationHeader { kind: 50, record: world.record.to_vec().into(), ..Default::default() };
    borrowed.operations[0].header = header.encode_to_vec().into();
    assert!(rebuilt(&world.nation, &world.province, &borrowed, 1).is_err());
}

#[test]
fn a_receipt_counts_only_from_an_enrolled_hub_for_this_very_history() {
    let world = world();
    let with = |receipt: v1::Signed, path: bytes::Bytes| {
        let mut proof = world.proof();
        of(&mut proof, &world.county).receipts = vec![v1::ProofReceipt { receipt: Some(receipt), path }];
        world.check(&proof)
    };
    let path = world.county.growth(5, 7);
    assert!(with(world.county.receipt(&world.city.key, "320900", 5), path.clone()).is_ok());
    // The county's own machine is no hub, and no hub of the city.
    let forged = with(world.county.receipt(&world.county.key, "320900", 5), path.clone()).unwrap_err();
    assert!(matches!(forged, ProofError::NotEnrolled { hub: true, .. }), "{forged}");
    // A machine the province did enrol for the city, as no hub; and the city in the province's name.
    let clerk = SigningKey::from_seed(&[77; 32]);
    assert!(with(world.county.receipt(&clerk, "320900", 5), path.clone()).is_err());
    assert!(with(world.county.receipt(&world.city.key, "320000", 5), path.clone()).is_err());
    // A union that is not meant to have the feed.
    let stranger = with(world.county.receipt(&world.city.key, "320923", 5), path.clone()).unwrap_err();
    assert!(matches!(stranger, ProofError::ReceiptFeed(_)), "{stranger}");
    let lie = Receipt::sign(&world.city.key, code("320900"), world.county.feed.id, 5, Hash([1; 32]), NOON);
    assert!(matches!(with(lie.signed, path), Err(ProofError::ReceiptHistory(..))));
}

#[test]
fn two_receipts_speak_of_one_history_or_the_file_says_no() {
    let mut world = world();
    for from in 1..=7 {
        for to in from..=7 {
            assert!(world.check(&world.grown(from, to)).is_ok(), "{from} to {to}");
        }
    }
    let mut swapped = world.grown(2, 5);
    let Some(v1::proof::Subject::Growth(growth)) = &mut swapped.subject else { panic!("it is one") };
    std::mem::swap(&mut growth.older, &mut growth.newer);
    assert_eq!(world.check(&swapped), Err(ProofError::GrowthOrder));
    let mut twice = world.grown(5, 5);
    let Some(v1::proof::Subject::Growth(growth)) = &mut twice.subject else { panic!("it is one") };
    growth.newer = growth.older.clone();
    assert_eq!(world.check(&twice), Err(ProofError::GrowthOrder));
    // The device writes another history; the hub that saw it signs for that.
    let honest = world.grown(3, 6);
    let last = world.county.operations.len() - 1;
    world.county.operations.swap(1, last);
    let forged = world.grown(3, 6);
    let Some(v1::proof::Subject::Growth(before)) = honest.subject.clone() else { panic!("it is one") };
    let Some(v1::proof::Subject::Growth(after)) = forged.subject else { panic!("it is one") };
    for path in [before.path.clone(), after.path.clone(), bytes::Bytes::new()] {
        let mixed = v1::Growth { older: before.older.clone(), newer: after.newer.clone(), path };
        let proof = v1::Proof { subject: Some(v1::proof::Subject::Growth(mixed)), ..honest.clone() };
        assert!(matches!(world.check(&proof), Err(ProofError::Contradiction(_))));
    }
}

#[test]
fn one_receipt_by_itself() {
    let world = world();
    let mut feeds = world.chain();
    feeds.push(world.county.shown(&[]));
    let receipt = world.county.receipt(&world.city.key, "320900", 7);
    let proof = world.finish(feeds, v1::proof::Subject::Receipt(receipt));
    let proven = world.check(&proof).unwrap();
    assert!(matches!(&proven.subject, Subject::Receipt { receipt, .. } if receipt.size == 7));
    assert_eq!(proven.operations().count(), 0);
}

#[test]
fn hostile_sizes_are_refused_before_they_are_read() {
    let world = world();
    let fingerprint = world.root.fingerprint();
    let no = |body: Vec<u8>| check(&[MAGIC, &body].concat(), fingerprint).unwrap_err();
    assert!(matches!(no(vec![0; MAX_FILE]), ProofError::TooLarge(_)));
    assert_eq!(check(b"PK\x03\x04", fingerprint), Err(ProofError::NotAProof));
    // As many empty feeds, and as many empty operations in one feed, as fit: two bytes each.
    assert!(matches!(no([0x22, 0].repeat(1 << 20)), ProofError::Malformed(_)));
    let many = [0x1a, 0].repeat(1 << 20);
    let mut feed = vec![0x22];
    prost::encoding::encode_varint(many.len() as u64, &mut feed);
    assert!(matches!(no([feed, many].concat()), ProofError::Malformed(_)));
    // Messages in messages, ever deeper.
    let mut deep = vec![];
    for _ in 0..10_000 {
        let mut outer = vec![0x22];
        prost::encoding::encode_varint(deep.len() as u64, &mut outer);
        outer.append(&mut deep);
        deep = outer;
        if deep.len() > 4000 {
            break;
        }
    }
    assert!(matches!(no(deep), ProofError::Malformed(_) | ProofError::NotCanonical));
    // A length that is a lie.
    assert!(matches!(no(vec![0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), ProofError::Malformed(_)));
}

proptest! {
    #[test]
    fn nonsense_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = check(&bytes, Fingerprint([0; 20]));
        prop_assert!(check(&[MAGIC, &bytes].concat(), Fingerprint([0; 20])).is_err());
    }
}

/// A superior's word about a feed: its size and root, the day, and what of it is held.
fn vouch(
    by: &mut CommandContext,
    about: &CommandContext,
    union: &str,
    size: u64,
    as_of: i64,
    held: &[(i64, i64)],
) -> RecordId {
    let feed = Some(Value::Bytes(about.feed.id.to_vec()));
    let mut record = Record::new(kind("vouching").unwrap());
    record.set("union", Value::Int(i64::from(code(union))));
    record.set("device", Value::Bytes(about.key.device().to_vec()));
    record.set("as_of", Value::Int(as_of));
    let root = Some(Value::Bytes(about.root(size).as_bytes().to_vec()));
    record.set("feeds", Value::Lines(vec![vec![feed.clone(), Some(Value::Int(size as i64)), root]]));
    let held: Vec<_> = held
        .iter()
        .map(|(first, count)| vec![feed.clone(), Some(Value::Int(*first)), Some(Value::Int(*count))])
        .collect();
    if !held.is_empty() {
        record.set("held", Value::Lines(held));
    }
    record.validate().unwrap();
    by.say(&record)
}

/// The day of `NOON`, on which everything here is written.
const TODAY: i64 = 20_454;

fn standing(record: RecordId, about: &CommandContext, size: u64) -> Option<v1::ProofStanding> {
    let path = about.growth(size, about.size());
    Some(v1::ProofStanding { record: record.to_vec().into(), path })
}

#[test]
fn a_record_counts_as_of_a_day_only_by_the_word_of_every_level() {
    let mut world = world();
    let city_says = vouch(&mut world.city, &world.county, "320922", 6, TODAY, &[(1, 2), (5, 1)]);
    let province_says = vouch(&mut world.province, &world.city, "320900", 2, TODAY + 1, &[]);
    let nation_says = vouch(&mut world.nation, &world.province, "320000", 3, TODAY, &[]);
    let file = |levels: usize| {
        let mut county = world.county.shown(&[4]);
        county.standing = standing(city_says, &world.county, 6);
        let mut city = world.city.shown(&[0, 1]);
        let mut province = world.province.shown(if levels > 1 { &[1, 2] } else { &[1] });
        let nation = world.nation.shown(if levels > 2 { &[0, 1] } else { &[0] });
        if levels > 1 {
            city.standing = standing(province_says, &world.city, 2);
        }
        if levels > 2 {
            province.standing = standing(nation_says, &world.province, 3);
        }
        world.finish(vec![nation, province, city, county], v1::proof::Subject::Record(world.record.to_vec().into()))
    };
    let whole = world.check(&file(3)).unwrap().counts().unwrap();
    assert_eq!((whole.as_of, whole.shown), (Some(Day(TODAY as i32)), true), "the earliest day of all");
    assert_eq!(
        whole.says.iter().map(|(union, day)| (union.get(), i64::from(day.0))).collect::<Vec<_>>(),
        [(320_900, TODAY), (320_000, TODAY + 1), (100_000, TODAY)]
    );
    for levels in [1, 2] {
        let some = world.check(&file(levels)).unwrap().counts().unwrap();
        assert!(!some.shown && some.says.len() == levels, "{levels} levels do not lead to the root");
    }
    assert_eq!(world.check(&world.proof()).unwrap().counts(), None, "no receipt says that it counts");
    // Whatever byte is changed, it proves nothing.
    let bytes = write(&file(3));
    let fingerprint = world.root.fingerprint();
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        assert!(check(&bent, fingerprint).is_err(), "byte {at}");
    }
    // A word in the file that nothing rests on, and one that is asked for where nothing is to count.
    let mut idle = file(2);
    *of(&mut idle, &world.nation) = world.nation.shown(&[0, 1]);
    assert!(matches!(world.check(&idle), Err(ProofError::Superfluous(..))));
    let mut idle = file(2);
    *of(&mut idle, &world.nation) = world.nation.shown(&[0, 1]);
    of(&mut idle, &world.province).operations.pop();
    of(&mut idle, &world.city).standing = None;
    of(&mut idle, &world.province).standing = standing(nation_says, &world.province, 3);
    assert!(matches!(world.check(&idle), Err(ProofError::Standing(_, "nothing is to count"))));
}

#[test]
fn what_a_superior_does_not_say_of_this_very_record_does_not_count() {
    type Change<'a> = &'a dyn Fn(&mut World) -> (RecordId, u64, Option<Hash>);
    let why = |change: Change<'_>| {
        let mut world = world();
        let (record, size, bend) = change(&mut world);
        let mut county = world.county.shown(&[4]);
        county.standing = standing(record, &world.county, size);
        if let (Some(hash), Some(standing)) = (bend, &mut county.standing) {
            standing.path = path(&[hash]);
        }
        let city = world.city.shown(&[0, 1]);
        let feeds = vec![world.nation.shown(&[0]), world.province.shown(&[1]), city, county];
        world.check(&world.finish(feeds, v1::proof::Subject::Record(world.record.to_vec().into())))
    };
    let counts = |size, as_of, held: &'static [(i64, i64)]| {
        why(&move |w| (vouch(&mut w.city, &w.county, "320922", size, as_of, held), size, None))
    };
    let no = |result: Result<Proven, ProofError>, text: &str| match result {
        Err(ProofError::Standing(_, why)) => assert_eq!(why, text),
        other => panic!("{text}: {other:?}"),
    };
    assert!(counts(5, TODAY, &[]).is_ok());
    // A device that was revoked in January, after its fourth operation, and wrote the fifth in July: whatever day is named.
    no(counts(4, TODAY, &[]), "it does not say that they count");
    no(counts(7, TODAY, &[(3, 4)]), "it does not say that they count");
    assert!(counts(7, TODAY, &[(5, 2)]).is_ok());
    no(counts(7, TODAY + 2, &[]), "it is dated after the day on which it was written");
    let other = why(&|w| {
        let city = w.city.twin();
        (vouch(&mut w.city, &city, "320922", 1, TODAY, &[]), 1, None)
    });
    no(other, "it is about another device");
    let other = why(&|w| {
        let record = vouch(&mut w.city, &w.county, "320922", 5, TODAY, &[]);
        (record, 5, Some(Hash([3; 32])))
    });
    no(other, "it is about another history");
    // The word of the union two levels above, or of the county itself.
    let mut world = world();
    let own = vouch(&mut world.province, &world.county, "320922", 5, TODAY, &[]);
    let mut county = world.county.shown(&[4]);
    county.standing = standing(own, &world.county, 5);
    let feeds = vec![world.nation.shown(&[0]), world.province.shown(&[1, 2]), world.city.shown(&[0]), county];
    let proof = world.finish(feeds, v1::proof::Subject::Record(world.record.to_vec().into()));
    no(world.check(&proof), "it does not stand where the union above speaks");
}

#[test]
fn a_receipt_from_before_its_hub_or_before_the_record_is_a_no() {
    let world = world();
    const DAY: i64 = 86_400_000;
    let with = |received_at: i64| {
        let (county, mut proof) = (&world.county, world.proof());
        let receipt = Receipt::sign(&world.city.key, code("320900"), county.feed.id, 7, county.root(7), received_at);
        of(&mut proof, county).receipts =
            vec![v1::ProofReceipt { receipt: Some(receipt.signed), path: county.growth(7, 7) }];
        world.check(&proof)
    };
    for good in [NOON, NOON - DAY, NOON + 400 * DAY] {
        assert!(with(good).is_ok(), "clocks may differ by a day");
    }
    // Whoever holds a hub's key may date a receipt as she likes: not before the hub was there.
    for bad in [NOON - 2 * DAY, 0, i64::MIN] {
        assert!(matches!(with(bad), Err(ProofError::ReceiptBeforeHub(..))), "{bad}");
    }
    let mut late = CommandContext { operations: vec![], ..CommandContext::new(4, "320922", Scope::Own(Reach::Nation)) };
    for operation in &world.county.operations {
        let time = Some(NOON + 10 * DAY);
        late.operations.push(Operation::new(operation.kind, operation.record, time, operation.payload.to_vec(), None));
    }
    let proof = |received_at: i64| {
        let mut county = late.shown(&[4]);
        let receipt = Receipt::sign(&world.city.key, code("320900"), late.feed.id, 7, late.root(7), received_at);
        county.receipts = vec![v1::ProofReceipt { receipt: Some(receipt.signed), path: late.growth(7, 7) }];
        let mut feeds = world.chain();
        feeds.push(county);
        world.check(&world.finish(feeds, v1::proof::Subject::Record(world.record.to_vec().into())))
    };
    assert!(proof(NOON + 9 * DAY).is_ok());
    assert!(matches!(proof(NOON + 8 * DAY), Err(ProofError::ReceiptBeforeWriting(..))));
}
