//! Proofs end to end: made in a county's home, checked by somebody who knows only the root fingerprint.

use huiliu_node::{
    app::receipts::verify,
    clock::Clock,
    ledger::{Intake, Ledger},
    proof::{
        Made, Maker, ProvingError,
        receipts::{self as held, Verdict},
        said::{self, Said},
    },
    store::{documents, feeds, projection, receipts},
    writer::{Store, Threads},
};
use huiliu_proto::{
    feed::Scope,
    id::{Hash, RecordId},
    kind::{Reach, kind},
    operation::Operation,
    proof::{self, ProofError, Subject},
    root::{Fingerprint, Root},
    signed::Receipt,
    union::UnionNumber,
};
use huiliu_tests::{
    forger::Forger,
    people,
    relay::{batches, take},
    world::{START, World, hand_clock},
};
use std::sync::atomic::Ordering;

struct Place {
    _dir: tempfile::TempDir,
    world: World,
    clock: std::sync::Arc<std::sync::atomic::AtomicI64>,
}

const HUBS: [&str; 3] = ["hub-100000", "hub-320000", "hub-320900"];

/// The nation, Jiangsu, Yancheng, and Binhai with two machines.
fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand): (Clock, _) = hand_clock();
    let world = World::with_two_machines(dir.path(), 8, clock);
    Place { _dir: dir, world, clock: hand }
}

impl Place {
    fn store(&self, name: &str) -> Store {
        self.world.machine(name).store(Threads::Inline)
    }

    fn root(&self) -> Root {
        self.world.machine("hub-100000").home.root().unwrap()
    }

    /// All that a stranger has.
    fn fingerprint(&self) -> Fingerprint {
        self.root().fingerprint()
    }

    /// What the levels above say comes down to everyone.
    fn come_down(&self, stores: &[&Store]) {
        for hub in HUBS {
            for batch in batches(&self.store(hub)).iter().flatten() {
                for store in stores {
                    take(store, batch.clone());
                }
            }
        }
    }

    /// What a county wrote goes up to these hubs, and their receipts come back.
    fn go_up(&self, county: &Store, hubs: &[&str]) -> Vec<Receipt> {
        let mut all = vec![];
        for name in hubs {
            let hub = self.store(name);
            self.come_down(&[&hub]);
            for batch in batches(county).iter().flatten() {
                if let Intake::Taken { receipt: Some(receipt), .. } = take(&hub, batch.clone()) {
                    let given = receipt.clone();
                    assert!(county.write_blocking(move |l| l.take_receipt(&given)).unwrap(), "the county keeps it");
                    all.push(*receipt);
                }
            }
        }
        all
    }
}

fn prove(store: &Store, root: Root, id: RecordId) -> Result<Made, ProvingError> {
    store.write_blocking(Ledger::pack_all).unwrap();
    let made = store.read(|conn| {
        let shown = projection::find(conn, &id)?.expect("it counts here");
        let mut places: Vec<_> = documents::edits(conn, "320922".parse().unwrap(), &id)?
            .into_iter()
            .map(|made| (made.feed, made.seq))
            .collect();
        if places.is_empty() {
            places.push((shown.place.feed, shown.place.seq));
        }
        Ok(Maker::new(conn, root).record(id, &places, None))
    });
    made.unwrap()
}

fn code(text: &str) -> UnionNumber {
    text.parse().unwrap()
}

fn mine(store: &Store) -> feeds::FeedRow {
    store.read(feeds::owned).unwrap().into_iter().find(|f| f.size() > 0).unwrap()
}

#[test]
fn a_record_proves_itself_to_whoever_knows_the_fingerprint() {
    let place = place();
    let county = place.store("node-320922-0");
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let entry = county.write_blocking(move |l| people::work_entry(l, mediator, 5)).unwrap();
    // Before the enrolments have come down, nothing can be proven, and it says what is missing.
    let early = prove(&county, place.root(), entry).unwrap_err();
    assert!(matches!(early, ProvingError::NotEnrolled { union, .. } if union == code("320922")), "{early}");
    place.come_down(&[&county]);
    let alone = prove(&county, place.root(), entry).unwrap();
    assert!(alone.proven.feeds.iter().all(|f| f.receipts.is_empty()), "nobody has acknowledged it yet");
    place.go_up(&county, &["hub-320900", "hub-320000"]);

    let made = prove(&county, place.root(), entry).unwrap();
    let proven = proof::check(&made.file, place.fingerprint()).unwrap();
    let Some(Said::Entry(record)) = said::said(&proven).unwrap() else { panic!("it is an entry") };
    assert_eq!(record.text("summary"), Some("指导第5次集体协商，议题为工资增幅与加班"));
    let (feed, operation) = proven.operations().next().unwrap();
    assert_eq!((feed.feed.union, operation.operation.record), (code("320922"), entry));
    let receipts: Vec<_> = feed.receipts.iter().map(|r| (r.union.get(), r.size)).collect();
    assert_eq!(receipts, [(320_000, 3), (320_900, 3)], "with the grant of its key, on two levels' disks");
    let chain = proven.chain(&feed.feed.device, feed.feed.union);
    assert_eq!(chain.iter().map(|l| l.union.get()).collect::<Vec<_>>(), [320_000, 320_900, 320_922]);
    // The same from the province's disk: whoever has it can prove it.
    let above = prove(&place.store("hub-320000"), place.root(), entry).unwrap();
    let above = proof::check(&above.file, place.fingerprint()).unwrap();
    assert_eq!(above.operations().next().unwrap().1, operation);

    let other = Root { network: "other".into(), ..place.root() }.fingerprint();
    assert!(matches!(proof::check(&made.file, other), Err(ProofError::OtherRoot { .. })));
}

#[test]
fn any_changed_byte_of_a_real_file_is_a_no() {
    let place = place();
    let county = place.store("node-320922-0");
    place.come_down(&[&county]);
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    county.write_blocking(move |l| people::edit(l, "mediator", mediator, "phone", "13900000001")).unwrap();
    place.go_up(&county, &["hub-320900"]);
    let file = prove(&county, place.root(), mediator).unwrap().file;
    let fingerprint = place.fingerprint();
    let holds = |file: &[u8]| proof::check(file, fingerprint).is_ok();
    assert!(holds(&file));
    for at in 0..file.len() {
        for change in [1, 0x80, 0xff] {
            let mut bent = file.clone();
            bent[at] ^= change;
            assert!(!holds(&bent), "byte {at} changed by {change:02x}");
        }
        assert!(!holds(&file[..at]), "cut at {at}");
    }
    assert!(!holds(&[&file[..], &[0]].concat()) && !holds(&[&file[..], &file].concat()));
    // Two real proofs spliced at every place.
    let entry = county.write_blocking(move |l| people::work_entry(l, mediator, 1)).unwrap();
    let other = prove(&county, place.root(), entry).unwrap().file;
    for at in 1..file.len().min(other.len()) {
        let spliced = [&file[..at], &other[at..]].concat();
        assert!(spliced == file || spliced == other || !holds(&spliced), "spliced at {at}");
    }
}

#[test]
fn a_document_says_what_all_its_edits_come_to() {
    let place = place();
    let (a, b) = (place.store("node-320922-0"), place.store("node-320922-1"));
    place.come_down(&[&a, &b]);
    let id = a.write_blocking(|l| people::mediator(l, 1)).unwrap();
    for batch in batches(&a).iter().flatten() {
        take(&b, batch.clone());
    }
    a.write_blocking(move |l| people::edit(l, "mediator", id, "education", "本科")).unwrap();
    b.write_blocking(move |l| people::edit(l, "mediator", id, "education", "研究生")).unwrap();
    b.write_blocking(move |l| people::edit(l, "mediator", id, "phone", "13900000002")).unwrap();
    for batch in batches(&b).iter().flatten() {
        take(&a, batch.clone());
    }
    let made = prove(&a, place.root(), id).unwrap();
    let proven = proof::check(&made.file, place.fingerprint()).unwrap();
    assert_eq!(proven.operations().count(), 4, "from two devices' feeds");
    let Some(Said::Document { kind, fields, edits: 4 }) = said::said(&proven).unwrap() else { panic!("four edits") };
    let field = |name: &str| &fields[&kind.fields[kind.field(name).unwrap()].number];
    assert_eq!(field("education").len(), 2, "both values on which the devices disagree");
    assert_eq!(field("phone").len(), 1);
    let devices: std::collections::BTreeSet<_> =
        field("education").iter().map(|s| said::device_of(&proven, &s.put.actor).unwrap()).collect();
    assert_eq!(devices.len(), 2);
    let (_, personal) = said::personal(&proven).unwrap();
    let names = |at: &[usize]| at.iter().map(|at| kind.fields[*at].name).collect::<Vec<_>>();
    assert!(names(&personal.clear).contains(&"name") && names(&personal.clear).contains(&"phone"));
    assert_eq!(names(&personal.sealed), ["id_no"]);

    // Without the edit that the others follow the signatures hold, and the document does not.
    let some = a.read(|conn| {
        let mut places: Vec<_> = documents::edits(conn, "320922".parse().unwrap(), &id)?
            .into_iter()
            .map(|made| (made.feed, made.seq))
            .collect();
        let own = mine(&a).no;
        let first = places.iter().filter(|(no, _)| *no == own).map(|(_, seq)| *seq).min();
        places.retain(|(no, seq)| *no != own || Some(*seq) != first);
        Ok(Maker::new(conn, place.root()).record(id, &places, None))
    });
    let partial = proof::check(&some.unwrap().unwrap().file, place.fingerprint()).unwrap();
    let wrong = said::said(&partial).unwrap_err();
    assert_eq!(wrong.refusal.reason.word(), "early");
}

#[test]
fn paths_hold_in_a_long_feed_whatever_is_asked_for() {
    let place = place();
    let county = place.store("node-320922-0");
    place.come_down(&[&county]);
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let mut ids = vec![];
    for run in 0..7 {
        let written = county.write_blocking(move |l| {
            (0..103).map(|n| people::work_entry(l, mediator, run * 103 + n)).collect::<Result<Vec<_>, _>>()
        });
        ids.extend(written.unwrap());
        if run % 2 == 0 {
            place.go_up(&county, &["hub-320900"]);
        }
    }
    for n in [0, 1, 254, 255, 256, 400, 511, 512, 600, 718, 719, 720] {
        let made = prove(&county, place.root(), ids[n]).unwrap();
        let (feed, operation) = made.proven.operations().next().unwrap();
        // Behind the grant of the county's key, and the dossier.
        assert_eq!(operation.position, n as u64 + 2);
        assert_eq!(feed.receipts.len(), 1, "the city has all of it");
    }
    // A dossier with hundreds of edits between other records.
    for n in 0..300 {
        county
            .write_blocking(move |l| {
                people::edit(l, "mediator", mediator, "phone", &format!("139{n:08}"))?;
                people::work_entry(l, mediator, n)
            })
            .unwrap();
    }
    let made = prove(&county, place.root(), mediator).unwrap();
    assert_eq!(made.proven.operations().count(), 300);
    assert!(matches!(said::said(&made.proven).unwrap(), Some(Said::Document { edits: 300, .. })));
}

#[test]
fn what_a_forger_writes_is_proven_by_nobody() {
    let place = place();
    let city = place.store("hub-320900");
    place.come_down(&[&city]);
    // An enrolled device whose signatures are good, with an entry that breaks a rule of its kind.
    let mut forger = Forger::province(place.world.machine("node-320922-0"));
    let number = kind("work_entry").unwrap().number;
    let id = forger.id();
    let batch = forger.say(&[Operation::new(number, id, None, vec![0x10, 0x02], None)]);
    assert!(matches!(take(&city, batch), Intake::Taken { .. }));
    let feed = city.read(|conn| feeds::by_id(conn, &forger.feed.id)).unwrap().unwrap();
    let made = city.read(|conn| Ok(Maker::new(conn, place.root()).record(id, &[(feed.no, 0)], None))).unwrap();
    assert!(matches!(made, Err(ProvingError::Damaged(ProofError::Rule(..)))), "{made:?}");
    // A device that writes in the name of a union it was not enrolled for.
    let mut thief = Forger::of(place.world.machine("node-320922-0"), code("320900"), Scope::Own(Reach::Province));
    let id = thief.id();
    take(&city, thief.say(&[Operation::new(number, id, None, vec![1], None)]));
    let feed = city.read(|conn| feeds::by_id(conn, &thief.feed.id)).unwrap().unwrap();
    let made = city.read(|conn| Ok(Maker::new(conn, place.root()).record(id, &[(feed.no, 0)], None))).unwrap();
    assert!(matches!(made, Err(ProvingError::NotEnrolled { .. })), "{made:?}");
}

#[test]
fn receipts_are_held_against_the_feed_and_say_what_is_not_confirmed() {
    let place = place();
    let county = place.store("node-320922-0");
    place.come_down(&[&county]);
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    place.go_up(&county, &["hub-320900", "hub-320000"]);
    place.clock.store(START + 86_400_000, Ordering::Relaxed);
    county.write_blocking(move |l| people::work_entry(l, mediator, 1)).unwrap();
    place.go_up(&county, &["hub-320900"]);
    place.clock.store(START + 2 * 86_400_000, Ordering::Relaxed);
    county.write_blocking(move |l| people::work_entry(l, mediator, 2)).unwrap();

    let root = Some(place.root().device);
    let verdicts = || {
        let mut all = vec![];
        county.read(|conn| held::judge(conn, root, &mut |j| all.push((j.receipt.union.get(), j.verdict)))).unwrap();
        all
    };
    assert_eq!(verdicts(), [(320_000, Verdict::Good), (320_900, Verdict::Good)]);
    let confirmed = || {
        let told = verify(&county, root, None, 1000).unwrap().confirmed;
        told.iter().map(|one| (one.union.get(), one.size, one.of, one.waiting_since)).collect::<Vec<_>>()
    };
    let rows = confirmed();
    // Its second operation is the grant of its key.
    assert_eq!(rows, [(320_000, 2, 4, Some(START + 86_400_000)), (320_900, 3, 4, Some(START + 2 * 86_400_000))]);

    // The province signs for something the county never wrote; somebody else signs as the city.
    let feed = mine(&county).feed.id;
    let key = |name: &str| place.world.machine(name).me().key;
    let lie = Receipt::sign(&key("hub-320000"), code("320000"), feed, 3, Hash([7; 32]), START);
    let posing = Receipt::sign(&key("node-320922-1"), code("320900"), feed, 4, Hash([7; 32]), START);
    for receipt in [lie.clone(), posing] {
        assert!(!county.write_blocking(move |l| l.take_receipt(&receipt)).unwrap(), "not taken off the wire");
    }
    // Had they got in all the same, they would be found.
    let posing = Receipt::sign(&key("node-320922-1"), code("320900"), feed, 4, Hash([7; 32]), START);
    let beyond = Receipt::sign(&key("hub-320900"), code("320900"), feed, 9, Hash([7; 32]), START);
    for (receipt, union, verdict) in
        [(lie, 320_000, Verdict::Disagrees), (posing, 320_900, Verdict::NotHub), (beyond, 320_900, Verdict::Beyond)]
    {
        county.write_blocking(move |l| receipts::put(l.conn(), &receipt)).unwrap();
        assert!(verdicts().contains(&(union, verdict)), "{:?}", verdicts());
    }
    county
        .write_blocking(|l| Ok(l.conn().raw().execute("UPDATE receipt SET received_at = received_at + 1", ())?))
        .unwrap();
    assert!(verdicts().iter().all(|(_, v)| *v == Verdict::Signature));
    // What no good receipt covers is not confirmed.
    assert!(confirmed().iter().all(|(_, size, of, waiting)| (*size, *of) == (0, 4) && waiting.is_some()));
}

#[test]
fn two_receipts_of_one_history_and_of_two() {
    let place = place();
    let county = place.store("node-320922-0");
    place.come_down(&[&county]);
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let older = place.go_up(&county, &["hub-320900"]).remove(0);
    county.write_blocking(move |l| people::work_entry(l, mediator, 1)).unwrap();
    county.write_blocking(move |l| people::work_entry(l, mediator, 2)).unwrap();
    let newer = place.go_up(&county, &["hub-320000"]).pop().unwrap();
    assert_eq!((older.size, newer.size), (2, 4));
    let growth = |one: &Receipt, other: &Receipt| {
        let (one, other) = (one.clone(), other.clone());
        county.read(|conn| Ok(Maker::new(conn, place.root()).growth(one, other))).unwrap()
    };
    for (one, other) in [(&older, &newer), (&newer, &older)] {
        let made = growth(one, other).unwrap();
        let proven = proof::check(&made.file, place.fingerprint()).unwrap();
        let Subject::Growth { older: first, newer: second, .. } = &proven.subject else { panic!("it is about two") };
        assert_eq!((first, second), (&older, &newer));
    }
    // An exported receipt checks by itself.
    let alone = county.read(|conn| Ok(Maker::new(conn, place.root()).receipt(older.clone()))).unwrap().unwrap();
    let proven = proof::check(&alone.file, place.fingerprint()).unwrap();
    assert!(matches!(&proven.subject, Subject::Receipt { receipt, .. } if *receipt == older));

    // The hub signs for another history of the same feed: one of the same size, and one of another.
    let key = place.world.machine("hub-320900").me().key;
    let lie = Receipt::sign(&key, code("320900"), older.feed, 4, Hash([9; 32]), START);
    assert!(matches!(growth(&newer, &lie), Err(ProvingError::Liars(..))));
    let lie = Receipt::sign(&key, code("320900"), older.feed, 3, Hash([9; 32]), START);
    for (one, other) in [(&lie, &newer), (&older, &lie)] {
        let wrong = growth(one, other).unwrap_err();
        assert!(matches!(&wrong, ProvingError::Contradiction(found) if **found == lie), "{wrong}");
    }
    let ahead = Receipt::sign(&key, code("320900"), older.feed, 5, Hash([9; 32]), START);
    assert!(matches!(growth(&older, &ahead), Err(ProvingError::Short { held: 4, size: 5, .. })));
}

#[test]
fn a_payload_that_was_destroyed_is_still_proven_to_have_been_written() {
    let place = place();
    let county = place.store("node-320922-0");
    place.come_down(&[&county]);
    let mediator = county.write_blocking(|l| people::mediator(l, 1)).unwrap();
    let made = prove(&county, place.root(), mediator).unwrap();
    let mut message = wire(&made.file);
    for feed in &mut message.feeds {
        for operation in feed.operations.iter_mut().filter_map(|o| o.operation.as_mut()) {
            if !operation.salt.is_empty() {
                operation.destroyed =
                    Hash::of(&[&[operation.salt.len() as u8], &operation.salt, &operation.payload]).to_vec().into();
                operation.payload = Default::default();
                operation.salt = Default::default();
            }
        }
    }
    let proven = proof::check(&proof::write(&message), place.fingerprint()).unwrap();
    assert!(matches!(said::said(&proven).unwrap(), Some(Said::Destroyed(kind)) if kind.name == "mediator"));
}

fn wire(file: &[u8]) -> huiliu_proto::v1::Proof {
    use prost::Message as _;
    huiliu_proto::v1::Proof::decode(file.strip_prefix(proof::MAGIC).unwrap()).unwrap()
}
