//! What was signed and stored is never another thing later: not by a batch that begins before what is here, not by bytes
//! on the disk, and not by a later day.

use huiliu_node::{
    ledger::{Incoming, Intake, Ledger, Opened},
    store::{
        evidence::{self, EvidenceKind, Peer},
        feeds, projection, records, segments,
    },
};
use huiliu_proto::{
    feed::Scope,
    id::Hash,
    kind::{Reach, kind},
    operation::Operation,
    segment,
    signed::{Receipt, SigningKey, TreeHead},
    union::UnionNumber,
    v1::{self, Refusal},
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::Forger,
    oracle,
    relay::take,
    world::START,
};
use prost::Message as _;

fn city_hands(chain: &Chain, batch: Incoming) -> Incoming {
    Incoming { from: Some(Peer { union: chain.city.machine.union(), device: chain.city.device() }), ..batch }
}

fn line(forger: &mut Forger, payload: u8) -> Operation {
    Operation::new(kind("work_entry").unwrap().number, forger.id(), None, vec![payload], None)
}

/// What is stored of a feed, from its beginning.
fn stored(place: &Place, batch: &Incoming) -> Vec<Operation> {
    place
        .store
        .read(|conn| {
            let row = feeds::by_id(conn, &batch.feed)?.unwrap();
            let (mut all, mut read) = (vec![], segments::Counted::from(0));
            while let Some(operations) = read.next(conn, &row)? {
                all.extend(operations);
            }
            Ok(all)
        })
        .unwrap()
}

#[test]
fn a_batch_that_begins_before_what_is_here_cannot_change_it() {
    let chain = Chain::new(31);
    let mut forger = Forger::new(&chain.county.machine, Scope::Own(Reach::Nation));
    let honest: Vec<Operation> = (0..6).map(|n| line(&mut forger, n)).collect();
    let first = forger.say(&honest[..5]);
    let second = forger.say(&honest[5..]);
    assert!(matches!(take(&chain.province.store, city_hands(&chain, first.clone())), Intake::Taken { size: 5, .. }));
    // The head is genuine, and what the province has already is not what it had.
    for from in [0, 2] {
        let mut bent: Vec<Operation> = honest[from..].to_vec();
        bent[1] = line(&mut forger, 99);
        let batch = Incoming {
            first: from as u64,
            count: bent.len() as u64,
            segment: segment::pack(&bent).unwrap().into(),
            ..second.clone()
        };
        let intake = take(&chain.province.store, city_hands(&chain, batch));
        assert!(!matches!(intake, Intake::Taken { .. }), "{from}: {intake:?}");
        assert_eq!(stored(&chain.province, &first), honest[..5], "{from}");
    }
    let kept = chain.province.accuses(EvidenceKind::Forged, &chain.city.device());
    assert!(kept.is_some(), "the one that handed it on is named: {:?}", chain.province.evidence());
    // An honest batch that begins before is taken, and only what is new is stored beside what is there.
    let whole = Incoming { first: 2, count: 4, segment: segment::pack(&honest[2..]).unwrap().into(), ..second };
    assert!(matches!(take(&chain.province.store, city_hands(&chain, whole)), Intake::Taken { size: 6, .. }));
    assert_eq!(stored(&chain.province, &first), honest);
    let pieces = chain.province.store.read(|conn| {
        let no = feeds::by_id(conn, &first.feed)?.unwrap().no;
        Ok([0, 5].map(|at| feeds::segment(conn, no, at).unwrap().map(|s| (s.first, s.count))))
    });
    assert_eq!(pieces.unwrap(), [Some((0, 5)), Some((5, 1))]);
}

#[test]
fn a_neighbour_that_bends_the_middle_when_asked_from_the_beginning_is_named() {
    let chain = Chain::new(32);
    let mut forger = Forger::new(&chain.county.machine, Scope::Own(Reach::Nation));
    let honest: Vec<Operation> = (0..8).map(|n| line(&mut forger, n)).collect();
    let batches: Vec<Incoming> = [0..3, 3..6, 6..8].map(|range| forger.say(&honest[range])).into();
    for batch in &batches[..2] {
        assert!(matches!(take(&chain.province.store, city_hands(&chain, batch.clone())), Intake::Taken { .. }));
    }
    let mut bent = honest[3..].to_vec();
    bent[0] = line(&mut forger, 99);
    let bent = Incoming { first: 3, count: 5, segment: segment::pack(&bent).unwrap().into(), ..batches[2].clone() };
    assert_eq!(take(&chain.province.store, city_hands(&chain, bent.clone())), Intake::Again);
    assert!(chain.province.evidence().is_empty(), "two histories could be about");
    assert!(matches!(take(&chain.province.store, city_hands(&chain, batches[0].clone())), Intake::Taken { .. }));
    let intake = take(&chain.province.store, city_hands(&chain, bent));
    assert!(matches!(intake, Intake::Refused { reason: Refusal::Root, .. }), "{intake:?}");
    assert!(chain.province.accuses(EvidenceKind::Forged, &chain.city.device()).is_some());
    // The genuine rest is taken all the same.
    for batch in &batches[1..] {
        assert!(matches!(take(&chain.province.store, city_hands(&chain, batch.clone())), Intake::Taken { .. }));
    }
    assert_eq!(stored(&chain.province, &batches[0]), honest);
}

/// Bytes that are not what was signed, on the disk, as an older version may have let them in.
#[test]
fn what_is_on_the_disk_and_was_not_signed_is_not_counted() {
    let chain = Chain::new(33);
    let mediator = chain.county.mediator(1);
    (0..3).for_each(|n| _ = chain.county.work(mediator, n));
    chain.settle().unwrap();
    let other = chain.city.mediator(9);
    chain.city.work(other, 7);
    chain.settle().unwrap();
    assert_eq!(chain.province.works(), 4);
    let feed = chain
        .county
        .store
        .read(feeds::owned)
        .unwrap()
        .into_iter()
        .find(|row| row.feed.scope == Scope::Own(Reach::Province));
    let feed = feed.unwrap().feed.id;
    let (province, packed) = (&chain.province.store, segment::pack(&[]).unwrap());
    province
        .write_blocking(move |ledger| {
            let no = feeds::by_id(ledger.conn(), &feed)?.unwrap().no;
            let found = feeds::segment(ledger.conn(), no, 0)?.unwrap();
            let mut operations = segment::unpack(&found.bytes)?;
            operations.swap(0, found.count as usize - 1);
            let bent = if operations.len() > 1 { segment::pack(&operations)? } else { packed };
            ledger.conn().raw().execute("UPDATE segment SET bytes = ?2 WHERE feed = ?1 AND first = 0", (no, bent))?;
            ledger.rebuild(&mut |_| ())
        })
        .unwrap();
    assert_eq!(chain.province.works(), 1, "the other feeds count as before");
    let kept = chain.province.evidence().into_iter().find(|k| k.evidence.what == EvidenceKind::Altered);
    assert!(kept.is_some_and(|k| k.evidence.feed == feed && k.evidence.detail.zh.contains("签名不符")));
    // It is asked for anew, mended, and counts again.
    chain.settle().unwrap();
    assert_eq!((chain.province.works(), chain.province.evidence()), (4, vec![]));
    chain.holds().unwrap();
    let all = chain.province.store.read(|conn| evidence::list(conn, true)).unwrap();
    let told = all.iter().filter(|k| k.evidence.what == EvidenceKind::Altered).collect::<Vec<_>>();
    assert!(matches!(&told[..], [one] if one.settled_at.is_some()), "said once: {told:?}");
    for place in [&chain.nation, &chain.city, &chain.county] {
        assert!(place.evidence().is_empty(), "{}: {:?}", place.machine.name, place.evidence());
    }
}

/// A segment in the middle, with a head over it that agrees and that its device never signed: it counted until the next
/// segment did not follow.
#[test]
fn a_head_that_its_device_never_signed_lets_nothing_count() {
    let chain = Chain::new(39);
    let mediator = chain.county.mediator(1);
    let works = [1, 2, 3].map(|n| {
        let work = chain.county.work(mediator, n);
        chain.county.pack();
        work
    });
    chain.settle().unwrap();
    let works_at = |record| {
        let shown = chain.province.store.read(move |c| projection::get(c, kind("work_entry").unwrap(), &record));
        shown.unwrap().map(|row| row.record.int("guided").unwrap_or(0))
    };
    let honest = works_at(works[1]).unwrap();
    let bend = move |ledger: &mut Ledger| {
        let place = records::of_id(ledger.conn(), &works[1])?[0].place;
        let row = feeds::by_no(ledger.conn(), place.feed)?;
        let found = feeds::segment(ledger.conn(), row.no, place.seq)?.unwrap();
        assert!(found.count == 1 && found.first + 1 < row.size(), "it stands alone, and another follows");
        let said = segment::unpack(&found.bytes)?.remove(0);
        let mut entry = v1::WorkEntry::decode(&said.payload[..]).unwrap();
        entry.guided += 100;
        let bent = Operation::new(said.kind, said.record, Some(said.time), entry.encode_to_vec(), None);
        let mut edge = feeds::edge_at(ledger.conn(), row.no, found.first)?;
        edge.push(bent.leaf());
        let thief = SigningKey::from_seed(&[9; 32]);
        let head = TreeHead::sign(&thief, row.feed.id, edge.size(), edge.root(), START, None).signed;
        let sql = "UPDATE segment SET bytes = ?3, head = ?4, head_signature = ?5 WHERE feed = ?1 AND first = ?2";
        let values = (row.no, found.first as i64, segment::pack(&[bent])?, &head.message[..], &head.signature[..]);
        ledger.conn().raw().execute(sql, values)?;
        ledger.rebuild(&mut |_| ())
    };
    chain.province.store.write_blocking(bend).unwrap();
    assert_eq!(works_at(works[1]), None, "what was not signed does not count");
    chain.settle().unwrap();
    assert_eq!(works_at(works[1]), Some(honest), "it is fetched anew");
    chain.holds().unwrap();
}

/// What lies on the province's disk is altered while it serves, in one way or another; nobody but the disk is to blame, and
/// it is mended by the next exchanges, whichever way it is noticed.
#[test]
fn what_is_altered_on_the_disk_is_fetched_anew_and_nobody_is_accused() {
    for (seed, altered) in [
        // The middle of what was signed, its head, what is kept for proofs, and bytes that are nothing at all.
        "UPDATE segment SET bytes = (SELECT bytes FROM segment s WHERE s.feed = ?1 ORDER BY first DESC LIMIT 1)
            WHERE feed = ?1 AND first = 0",
        "UPDATE segment SET bytes = x'0102' WHERE feed = ?1 AND first = 300",
        "UPDATE segment SET bytes = x'' WHERE feed = ?1",
        "UPDATE segment SET head_signature = zeroblob(64) WHERE feed = ?1 AND first = 0",
        "UPDATE segment SET head = x'00' WHERE feed = ?1 AND first = 300",
        "UPDATE block SET root = zeroblob(32) WHERE feed = ?1",
    ]
    .into_iter()
    .enumerate()
    {
        let chain = Chain::new(50 + seed as u64);
        let mut forger = Forger::new(&chain.county.machine, Scope::Own(Reach::Province));
        let honest: Vec<Operation> = (0..700).map(|n| line(&mut forger, n as u8)).collect();
        let feed = forger.feed.id;
        for part in honest[..600].chunks(300) {
            let batch = forger.say(part);
            assert!(matches!(take(&chain.city.store, batch), Intake::Taken { .. }));
        }
        chain.settle().unwrap();
        let store = &chain.province.store;
        let changed = store
            .write_blocking(move |ledger| {
                let no = feeds::by_id(ledger.conn(), &feed)?.unwrap().no;
                Ok(ledger.conn().raw().execute(altered, [no])?)
            })
            .unwrap();
        assert!(changed > 0, "{altered}");
        // More is written, so that the feed is spoken of; and once more handed over from where it is not known to go on.
        let next = forger.say(&honest[600..]);
        let again =
            Incoming { first: 500, count: 200, segment: segment::pack(&honest[500..]).unwrap().into(), ..next.clone() };
        assert!(matches!(take(&chain.city.store, next), Intake::Taken { .. }));
        let noticed = take(store, city_hands(&chain, again));
        assert!(matches!(noticed, Intake::Again | Intake::Taken { .. }), "{altered}: {noticed:?}");
        store.write_blocking(move |ledger| ledger.suspect(&feed)).unwrap();
        chain.settle().unwrap();
        let whole = store
            .read(|conn| {
                let row = feeds::by_id(conn, &feed)?.unwrap();
                Ok((row.size(), row.diverged, segments::go_through(conn, &row)?.is_ok()))
            })
            .unwrap();
        assert_eq!(whole, (700, false, true), "{altered}");
        oracle::verifies(&chain.province.machine, store).unwrap();
        // The county knows nothing of what was written with its key, and says so.
        for place in [&chain.nation, &chain.province, &chain.city] {
            assert!(place.evidence().is_empty(), "{altered}: {}: {:?}", place.machine.name, place.evidence());
        }
    }
}

/// Nobody speaks of the feed any more, and a person runs `verify`.
#[test]
fn verify_has_what_it_finds_altered_fetched_anew() {
    let chain = Chain::new(37);
    let mediator = chain.county.mediator(1);
    (0..3).for_each(|n| _ = chain.county.work(mediator, n));
    chain.settle().unwrap();
    let own = chain.county.store.read(feeds::owned).unwrap();
    let feed = own.iter().find(|row| row.feed.scope == Scope::Own(Reach::Province)).unwrap().feed.id;
    let altered = "UPDATE segment SET bytes = x'00' WHERE feed = (SELECT no FROM feed WHERE id = ?1)";
    let store = &chain.province.store;
    store.write_blocking(move |ledger| Ok(ledger.conn().raw().execute(altered, [feed.as_bytes()])?)).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_program"));
    command.arg("--home").arg(&chain.province.machine.home.dir).args(["--lang", "zh", "verify"]);
    let output = command.stdin(std::process::Stdio::null()).output().expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(3) && told.contains("重新取回"), "{told}");
    let wanted = || store.read(|conn| feeds::by_id(conn, &feed)).unwrap().unwrap().altered;
    assert!(wanted());
    // The programs of this test have the database open, too.
    store.write_blocking(|_| Ok(())).unwrap();
    chain.settle().unwrap();
    assert!(!wanted());
    chain.holds().unwrap();
    assert_eq!(chain.province.evidence(), vec![]);
}

#[test]
fn a_longer_history_of_the_hubs_own_branch_feed_leaves_evidence() {
    let chain = Chain::new(34);
    let county: UnionNumber = "320922".parse().unwrap();
    let twin = chain.city.twin(5);
    // The hub shows the county one history, and then another that is longer.
    chain.city.enrols(county, [1; 32]);
    huiliu_tests::talk::talk(chain.county.ends(), chain.city.ends()).unwrap();
    (2..6).for_each(|n| twin.enrols(county, [n; 32]));
    let _ = huiliu_tests::talk::talk(chain.county.ends(), twin.ends());
    let kept = chain.county.accuses(EvidenceKind::Fork, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert!(kept.evidence.ours.is_some() && kept.evidence.theirs.is_some(), "both heads are kept");
}

#[test]
fn a_batch_that_its_device_signed_and_that_breaks_a_bound_is_not_called_forged() {
    let chain = Chain::new(35);
    let key: SigningKey = chain.county.machine.me().key;
    let forger = Forger::new(&chain.county.machine, Scope::Own(Reach::Nation));
    // An operation with a salt of a wrong length: its leaf, its root and its signature are as they should be.
    let wire = v1::Operation { header: vec![0; 65].into(), payload: vec![1].into(), ..Default::default() };
    let leaf = huiliu_proto::tree::leaf(&[&wire.header, Hash::of(&[&[0], &[], &wire.payload]).as_bytes()]);
    let segment = prost::Message::encode_to_vec(&v1::Segment { operations: vec![wire] });
    let packed = zstd_of(&segment);
    let head = |root| TreeHead::sign(&key, forger.feed.id, 1, root, START, None).signed;
    let batch = |root| {
        city_hands(
            &chain,
            Incoming {
                feed: forger.feed.id,
                header: forger.feed.header.clone(),
                first: 0,
                count: 1,
                segment: packed.clone().into(),
                head: head(root),
                from: None,
                settled: false,
                asked: false,
            },
        )
    };
    // Opened by the writer, or before it.
    let opened = |batch: Incoming| {
        let unopened = Opened::of(&batch);
        assert!(unopened.is_err());
        let work = move |ledger: &mut Ledger| ledger.take_in_opened(&batch, Some(unopened));
        chain.province.store.write_blocking(work).unwrap()
    };
    for intake in [take(&chain.province.store, batch(leaf)), opened(batch(leaf))] {
        assert!(matches!(intake, Intake::Refused { reason: Refusal::Bounds, .. }), "{intake:?}");
        assert!(chain.province.evidence().is_empty(), "its device did sign it: {:?}", chain.province.evidence());
    }
    assert!(matches!(opened(batch(Hash([7; 32]))), Intake::Refused { .. }));
    assert!(chain.province.accuses(EvidenceKind::Forged, &chain.city.device()).is_some(), "this it did not sign");
}

#[test]
fn a_feed_that_nobody_knows_accuses_nobody() {
    let chain = Chain::new(36);
    let county = &chain.county;
    county.mediator(1);
    chain.settle().unwrap();
    let key = county.machine.me().key;
    let feed = county.store.read(feeds::owned).unwrap().into_iter().find(|row| row.packed > 0).unwrap();
    for (n, size) in [u64::MAX, 5].into_iter().enumerate() {
        let seen = huiliu_proto::signed::Seen { feed: huiliu_proto::id::FeedId([9; 16]), size, root: Hash([8; 32]) };
        let time = START + 1 + n as i64;
        let head = TreeHead::sign(&key, feed.feed.id, feed.size(), feed.edge.root(), time, Some(seen));
        let from = Some(Peer { union: chain.city.machine.union(), device: chain.city.device() });
        let batch = Incoming {
            feed: feed.feed.id,
            header: feed.feed.header.clone(),
            first: feed.size(),
            count: 0,
            segment: Default::default(),
            head: head.signed,
            from,
            settled: false,
            asked: false,
        };
        let intake = take(&chain.province.store, batch);
        assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");
        for _ in 0..3 {
            chain.wait(120_000);
            chain.settle().unwrap();
        }
        assert!(chain.province.evidence().is_empty(), "{size}: {:?}", chain.province.evidence());
    }
}

/// H7: `revoke --since` rests on when something first came; what comes again, or to a disk that is filled again, is not
/// later for it.
/// What is revoked back to a day rests on when it is known to have come. Whoever has a hub's keys dates as he likes: for
/// the hub's own feeds, in which he writes, and for those of a level above.
#[test]
fn a_hub_dates_nothing_of_its_own_union_and_nothing_of_those_above() {
    let chain = Chain::new(38);
    let (stolen_at, key) = (START + 1, chain.city.machine.me().key);
    chain.days(30);
    chain.city.mediator(1);
    chain.province.enrols(chain.city.machine.union(), [7; 32]);
    chain.settle().unwrap();
    let own = |place: &Place, scope: Scope| {
        let all = place.store.read(feeds::owned).unwrap();
        all.into_iter().find(|row| row.feed.scope == scope && row.size() > 0).unwrap()
    };
    let scope = Scope::Own(Reach::Province);
    let branch = Scope::Branch(chain.city.machine.union());
    for (row, reader) in [(own(&chain.city, scope), &chain.province), (own(&chain.province, branch), &chain.province)] {
        let feed = row.feed.id;
        let by = || reader.store.read(|conn| segments::size_by(conn, &feeds::by_id(conn, &feed)?.unwrap(), stolen_at));
        let before = by().unwrap();
        assert!(before < row.size());
        let receipt =
            |at| Receipt::sign(&key, chain.city.machine.union(), row.feed.id, row.size(), row.edge.root(), at);
        for at in [stolen_at, (chain.city.machine.clock)()] {
            let receipt = receipt(at);
            let kept = reader.store.write_blocking(move |ledger| ledger.take_receipt(&receipt)).unwrap();
            assert_eq!(kept, row.feed.union != chain.city.machine.union(), "of what others write it says who has it");
        }
        assert_eq!(by().unwrap(), before, "no more of it had come by then");
    }
}

#[test]
fn when_something_came_does_not_move() {
    let mut chain = Chain::new(37);
    let mediator = chain.county.mediator(1);
    (0..3).for_each(|n| _ = chain.county.work(mediator, n));
    chain.settle().unwrap();
    let feed = chain
        .county
        .store
        .read(feeds::owned)
        .unwrap()
        .into_iter()
        .find(|row| row.feed.scope == Scope::Own(Reach::Province));
    let feed = feed.unwrap().feed.id;
    let honest = chain.city.store.read(|c| feeds::by_id(c, &feed)).unwrap().unwrap().size();
    let yesterday = chain.city.twin(3);
    (3..6).for_each(|n| _ = chain.county.work(mediator, n));
    chain.settle().unwrap();
    let whole = chain.city.store.read(|c| feeds::by_id(c, &feed)).unwrap().unwrap().size();
    assert!(whole > honest);
    let stolen_at = START + 1;
    chain.days(30);
    // A thief hands everything over once more, in one piece with something of his own.
    let all = chain.county.store.read(|conn| {
        let row = feeds::by_id(conn, &feed)?.unwrap();
        let (mut all, mut read) = (vec![], segments::Counted::from(0));
        while let Some(operations) = read.next(conn, &row)? {
            all.extend(operations);
        }
        Ok((row, all))
    });
    let (row, mut all) = all.unwrap();
    let thief = SigningKey::clone(&chain.county.machine.me().key);
    let extra = Operation::new(9, huiliu_proto::id::RecordId([3; 16]), None, vec![1], None);
    let mut edge = row.edge.clone();
    edge.push(extra.leaf());
    all.push(extra);
    let head = TreeHead::sign(&thief, feed, edge.size(), edge.root(), START, None);
    let batch = Incoming {
        feed,
        header: row.feed.header.clone(),
        first: 0,
        count: edge.size(),
        segment: segment::pack(&all).unwrap().into(),
        head: head.signed,
        from: Some(Peer { union: "320922".parse().unwrap(), device: chain.county.device() }),
        settled: false,
        asked: false,
    };
    assert!(matches!(take(&chain.city.store, batch), Intake::Taken { .. }));
    let by = |place: &Place, time| {
        place
            .store
            .read(|conn| {
                let row = feeds::by_id(conn, &feed)?.unwrap();
                segments::size_by(conn, &row, time)
            })
            .unwrap()
    };
    assert_eq!(by(&chain.city, stolen_at), whole, "what had come by then still had");
    // A disk from yesterday, filled again a month later: the level above had signed for what came.
    chain.city = yesterday;
    chain.settle().unwrap();
    assert_eq!(by(&chain.city, stolen_at), whole);
    let first = chain.city.store.read(|conn| {
        let row = feeds::by_id(conn, &feed)?.unwrap();
        segments::not_after(conn, &row, whole - 1)
    });
    assert!(first.unwrap().is_some_and(|at| at <= stolen_at));
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    // One raw block in a frame that says its size: RFC 8878, 3.1.1.
    assert!(bytes.len() < 256);
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, bytes.len() as u8];
    let header = (bytes.len() as u32) << 3 | 1;
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
    frame.extend_from_slice(bytes);
    frame
}
