//! One machine in one county cannot fill the disks of the country: what nobody admitted goes upwards only, waits in a small
//! room, and is deleted everywhere when a level above orders it.

use huiliu_hub::purge::{self, PurgeError};
use huiliu_node::{
    identity::Role,
    ledger::{Incoming, Intake},
    store::{StoreError, evidence::Peer, feeds},
};
use huiliu_proto::{
    feed::{Feed, Newer, Scope},
    id::FeedId,
    kind::{Reach, kind},
    operation::Operation,
    segment,
    signed::{SigningKey, TreeHead},
    union::UnionNumber,
    v1::{self, Refusal},
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::{Forger, attested},
    oracle,
    relay::take,
    talk::talk,
};
use prost::Message as _;

fn union(text: &str) -> UnionNumber {
    text.parse().unwrap()
}

/// As the county's machine hands it to the city.
fn handed(chain: &Chain, batch: Incoming) -> Incoming {
    Incoming { from: Some(Peer { union: union("320922"), device: chain.county.device() }), ..batch }
}

fn line(forger: &mut Forger, payload: Vec<u8>) -> Operation {
    Operation::new(kind("work_entry").unwrap().number, forger.id(), None, payload, None)
}

fn refusal(intake: Intake) -> Option<Refusal> {
    match intake {
        Intake::Refused { reason, .. } => Some(reason),
        _ => None,
    }
}

fn has(place: &Place, feed: FeedId) -> bool {
    place.store.read(|c| feeds::by_id(c, &feed)).unwrap().is_some()
}

/// A feed of an unknown device in the county's name, as far up as it goes.
fn junk(chain: &Chain, seed: u8) -> FeedId {
    let mut forger = Forger::stranger(seed, union("320922"), Scope::Own(Reach::Nation));
    let operation = line(&mut forger, vec![1]);
    let batch = handed(chain, forger.say(&[operation]));
    assert!(matches!(take(&chain.city.store, batch), Intake::Taken { .. }));
    forger.feed.id
}

#[test]
fn what_speaks_down_is_taken_from_below_only_of_known_hubs() {
    let mut chain = Chain::new(61);
    chain.world.add("320923", Role::Node).unwrap();
    let other = Place::new(chain.world.machine("node-320923-0"));
    for (n, (of, scope)) in [
        ("100000", Scope::Everyone),
        ("320000", Scope::Everyone),
        ("320000", Scope::Branch(union("320900"))),
        ("100000", Scope::Branch(union("100000"))),
    ]
    .into_iter()
    .enumerate()
    {
        let mut forger = Forger::stranger(70 + n as u8, union(of), scope);
        let operation = line(&mut forger, vec![0; 10_000]);
        let intake = take(&chain.city.store, handed(&chain, forger.say(&[operation])));
        assert_eq!(refusal(intake), Some(Refusal::Room), "{of} {scope:?}");
        assert!(!has(&chain.city, forger.feed.id));
    }
    // What claims to be the county's own goes up, and down to nobody else.
    let waiting = junk(&chain, 75);
    chain.settle().unwrap();
    talk(other.ends(), chain.city.ends()).unwrap();
    assert!(has(&chain.province, waiting) && has(&chain.nation, waiting));
    assert!(!has(&other, waiting));
    for place in [&chain.city, &chain.province, &chain.nation] {
        assert!(place.evidence().is_empty(), "{:?}", place.evidence());
    }
}

#[test]
fn the_waiting_room_is_small_and_what_does_not_fit_comes_later() {
    let chain = Chain::new(62);
    let feeds: Vec<FeedId> = (0..64).map(|seed| junk(&chain, 100 + seed)).collect();
    let key = SigningKey::from_seed(&[99; 32]);
    let mut late = Forger::stranger(99, union("320922"), Scope::Own(Reach::Province));
    let operation = line(&mut late, vec![1]);
    let batch = handed(&chain, late.say(&[operation]));
    assert_eq!(refusal(take(&chain.city.store, batch.clone())), Some(Refusal::Room));
    // The county's own honest feeds are not in anybody's way, and the line is in order.
    let mediator = chain.county.mediator(1);
    chain.county.work(mediator, 1);
    chain.settle().unwrap();
    assert_eq!(chain.province.works(), 1);
    assert!(!chain.city.line_trouble(union("320922")));
    // Enrolled, it needs no room.
    let record = attested(&key, union("320922"), false);
    chain.city.store.write_blocking(move |ledger| ledger.write_entry(&record).map(drop)).unwrap();
    assert!(matches!(take(&chain.city.store, batch), Intake::Taken { .. }));
    assert!(feeds.iter().all(|feed| has(&chain.city, *feed)));
}

#[test]
fn the_waiting_room_is_bounded_in_bytes() {
    let chain = Chain::new(63);
    let mut random = huiliu_tests::people::Random(5);
    let mut taken = 0;
    for seed in 0..40 {
        let mut forger = Forger::stranger(150 + seed, union("320922"), Scope::Own(Reach::Nation));
        let payloads = (0..2).map(|_| (0..200_000).map(|_| random.roll() as u8).collect());
        let payloads: Vec<Vec<u8>> = payloads.collect();
        let operations: Vec<Operation> = payloads.into_iter().map(|payload| line(&mut forger, payload)).collect();
        match refusal(take(&chain.city.store, handed(&chain, forger.say(&operations)))) {
            None => taken += 1,
            Some(reason) => assert_eq!(reason, Refusal::Room),
        }
    }
    assert_eq!(taken, 20, "8 MiB of them");
}

/// What one neighbour began another goes on with: the room of neither is there for it.
#[test]
fn nobody_fills_the_room_of_another() {
    let chain = Chain::new(67);
    let mut forger = Forger::stranger(200, union("320922"), Scope::Own(Reach::Nation));
    let first = line(&mut forger, vec![1]);
    assert_eq!(refusal(take(&chain.city.store, handed(&chain, forger.say(&[first])))), None);
    let second = line(&mut forger, vec![2; 200_000]);
    let second = forger.say(&[second]);
    let other = Some(Peer { union: union("320923"), device: SigningKey::from_seed(&[9; 32]).device() });
    for from in [other, None] {
        let batch = Incoming { from, ..second.clone() };
        assert_eq!(refusal(take(&chain.city.store, batch)), Some(Refusal::Room), "{from:?}");
    }
    assert_eq!(refusal(take(&chain.city.store, handed(&chain, second))), None, "in its own room there is room");
}

#[test]
fn a_device_begins_so_many_feeds_and_no_more() {
    let chain = Chain::new(64);
    let mediator = chain.county.mediator(1);
    let first = Forger::new(&chain.county.machine, Scope::Own(Reach::Province));
    let mut taken = 0;
    for incarnation in 1_000..1_100 {
        let mut forger = Forger::again(&first, union("320922"), incarnation);
        let operation = line(&mut forger, vec![1]);
        match refusal(take(&chain.city.store, handed(&chain, forger.say(&[operation])))) {
            None => taken += 1,
            Some(reason) => assert_eq!(reason, Refusal::Room),
        }
    }
    assert_eq!(taken, 63, "beside the one it has");
    chain.county.work(mediator, 1);
    chain.settle().unwrap();
    assert_eq!(chain.province.works(), 1);
}

#[test]
fn a_purge_order_deletes_junk_at_every_level_and_it_stays_away() {
    let chain = Chain::new(65);
    let id = junk(&chain, 80);
    chain.settle().unwrap();
    let levels = [&chain.city, &chain.province, &chain.nation];
    assert!(levels.iter().all(|place| has(place, id)));
    let digits = id.to_string();
    // The province is not directly above the county; nobody purges what is admitted.
    let plan = |place: &Place, digits: &str| {
        let (union, digits) = (place.machine.union(), digits.to_owned());
        place.store.read(move |conn| Ok(purge::plan(conn, union, &digits))).unwrap()
    };
    assert!(matches!(plan(&chain.province, &digits), Err(PurgeError::NotAbove(_))));
    let honest = chain.county.store.read(feeds::owned).unwrap()[0].feed.id;
    assert!(matches!(plan(&chain.city, &honest.to_string()), Err(PurgeError::Unknown)));
    for short in ["", " ", &digits[..7]] {
        assert!(matches!(plan(&chain.city, short), Err(PurgeError::Unknown)), "{short}");
    }
    let found = plan(&chain.city, &format!(" {}", digits[..8].to_uppercase())).unwrap();
    assert_eq!((found.row.size(), found.to, found.row.via), (1, union("320922"), Some(union("320922"))));
    assert!(found.bytes > 0);
    chain.city.store.write_blocking(move |ledger| purge::purge(ledger, &found, "垃圾数据")).unwrap().unwrap();
    assert!(!has(&chain.city, id));
    chain.settle().unwrap();
    for place in levels {
        assert!(!has(place, id), "{}", place.machine.name);
        oracle::verifies(&place.machine, &place.store).unwrap();
    }
    // Handed over again, by whoever still has it, it is not taken.
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| junk(&chain, 80)));
    assert!(again.is_err());
    assert!(!has(&chain.city, id));
    // Enrolled after all, its device is heard.
    let record = attested(&SigningKey::from_seed(&[80; 32]), union("320922"), false);
    chain.city.store.write_blocking(move |ledger| ledger.write_entry(&record).map(drop)).unwrap();
    assert_eq!(junk(&chain, 80), id);
    assert!(has(&chain.city, id));
}

#[test]
fn the_nation_purges_what_is_nobodys() {
    let chain = Chain::new(66);
    // In the name of a union of another province it does not travel here; in that of the province, upwards.
    let mut forger = Forger::stranger(81, union("320000"), Scope::Own(Reach::Nation));
    let operation = line(&mut forger, vec![1]);
    let from = Some(Peer { union: union("320000"), device: chain.province.device() });
    let batch = Incoming { from, ..forger.say(&[operation]) };
    assert!(matches!(take(&chain.nation.store, batch), Intake::Taken { .. }));
    chain.settle().unwrap();
    let id = forger.feed.id;
    assert!(has(&chain.nation, id) && has(&chain.province, id), "back to where it came from");
    assert!(!has(&chain.city, id));
    let digits = id.to_string();
    let found = chain.nation.store.read(|conn| Ok(purge::plan(conn, UnionNumber::NATION, &digits))).unwrap().unwrap();
    chain.nation.store.write_blocking(move |ledger| purge::purge(ledger, &found, "垃圾数据")).unwrap().unwrap();
    chain.settle().unwrap();
    assert!(!has(&chain.nation, id) && !has(&chain.province, id));
}

/// A header as a newer version might write it.
fn newer(seed: u8, change: impl Fn(&mut v1::FeedHeader), more: &[u8]) -> (Feed, Incoming) {
    let key = SigningKey::from_seed(&[seed; 32]);
    let mut header = v1::FeedHeader {
        network: "test".into(),
        union: 320_922,
        device: key.device().to_vec().into(),
        scope: Some(v1::feed_header::Scope::Reach(Reach::Nation.number())),
        algorithms: 1,
        ..Default::default()
    };
    change(&mut header);
    let feed = Feed::parse([&header.encode_to_vec()[..], more].concat().into()).unwrap();
    let operation = Operation::new(9, huiliu_proto::id::RecordId([5; 16]), None, vec![1], None);
    let mut edge = huiliu_proto::tree::Edge::default();
    edge.push(operation.leaf());
    let head = TreeHead::sign(&key, feed.id, 1, edge.root(), huiliu_tests::world::START, None);
    let batch = Incoming {
        feed: feed.id,
        header: feed.header.clone(),
        first: 0,
        count: 1,
        segment: segment::pack(&[operation]).unwrap().into(),
        head: head.signed,
        from: None,
        settled: false,
        asked: false,
    };
    (feed, batch)
}

#[test]
fn what_a_newer_version_wrote_is_kept_and_goes_up_and_nobody_is_called_a_forger() {
    let chain = Chain::new(67);
    let scope = Some(v1::feed_header::Scope::Reach(9));
    let (unheard, first) = newer(90, |header| header.scope = scope, &[]);
    let (field, second) = newer(91, |_| (), &[15 << 3, 1]);
    let (unknown, third) = newer(92, |header| header.union = 320_999, &[]);
    assert_eq!(unheard.newer, Some(Newer::Scope));
    for batch in [first, second, third] {
        let intake = take(&chain.city.store, handed(&chain, batch));
        assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");
    }
    chain.settle().unwrap();
    for feed in [&unheard, &field, &unknown] {
        let row = chain.province.store.read(|c| feeds::by_id(c, &feed.id)).unwrap().unwrap();
        assert_eq!((row.size(), row.applied), (1, 0), "{:?}", feed.newer);
    }
    assert!(has(&chain.nation, field.id) && has(&chain.nation, unknown.id));
    assert!(!has(&chain.nation, unheard.id), "how far it may go nobody knows");
    // From above it is not for this union to keep: refused in words, and no fault of the hub's.
    let (_, down) = newer(93, |header| header.union = 320_900, &[15 << 3, 1]);
    let from = Some(Peer { union: union("320900"), device: chain.city.device() });
    let intake = take(&chain.county.store, Incoming { from, ..down });
    assert_eq!(refusal(intake), Some(Refusal::Newer));
    for place in [&chain.county, &chain.city, &chain.province, &chain.nation] {
        assert!(place.evidence().is_empty(), "{}: {:?}", place.machine.name, place.evidence());
    }
    // Opened by a version with another derivation, what is on the disk is read anew.
    chain
        .province
        .store
        .write_blocking(|ledger| {
            ledger.conn().raw().execute(r#"UPDATE feed SET "union" = 100000, scope = 99"#, ())?;
            feeds::refresh(ledger.conn())?;
            let wrong = "SELECT count(*) FROM feed WHERE scope = 99";
            assert_eq!(ledger.conn().raw().query_row(wrong, (), |r| r.get::<_, i64>(0))?, 0);
            Ok(())
        })
        .unwrap();
    chain.settle().unwrap();
}

/// A hub that enrols without end cannot make the list of what two levels above it share too long to be told.
#[test]
fn through_one_neighbour_come_so_many_feeds_and_no_more() {
    let chain = Chain::new(69);
    let mut known = Forger::new(&chain.county.machine, Scope::Own(Reach::Nation));
    let operations = [0, 1].map(|n| line(&mut known, vec![n]));
    assert!(matches!(take(&chain.city.store, handed(&chain, known.say(&operations[..1]))), Intake::Taken { .. }));
    // As many as there may be, of whatever union.
    let fill = r#"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8192)
        INSERT INTO feed (id, header, "union", device, own, size, edge, packed, applied, scope, via)
        SELECT randomblob(16), header, 320924, randomblob(32), 0, size, edge, packed, 1, scope, via
        FROM n JOIN feed ON id = ?1"#;
    let id = known.feed.id;
    chain.city.store.write_blocking(move |ledger| Ok(ledger.conn().raw().execute(fill, [id.as_bytes()])?)).unwrap();
    // What the writer remembers is read anew after a job that failed.
    let failed: Result<(), StoreError> = chain.city.store.write_blocking(|_| Err(StoreError::Refused("".into())));
    assert!(failed.is_err());
    let mut further = Forger::again(&known, union("320922"), 78);
    let operation = line(&mut further, vec![1]);
    let batch = further.say(&[operation]);
    assert_eq!(refusal(take(&chain.city.store, handed(&chain, batch))), Some(Refusal::Room));
    // What has begun goes on, and others begin.
    assert!(matches!(take(&chain.city.store, handed(&chain, known.say(&operations[1..]))), Intake::Taken { .. }));
    let mut other = Forger::stranger(88, union("320923"), Scope::Own(Reach::Nation));
    let operation = line(&mut other, vec![1]);
    let from = Some(Peer { union: union("320923"), device: other.device() });
    let batch = Incoming { from, ..other.say(&[operation]) };
    assert!(matches!(take(&chain.city.store, batch), Intake::Taken { .. }));
}
