//! Decisions that count no more: hubs that enrolled, revoked and ruled are themselves revoked as of a place before that. What
//! rested on it is taken out or comes back, a little in a job, and in every order what counts in the end is what a rebuild
//! finds.

use std::collections::BTreeSet;

use huiliu_node::{
    document::Document,
    ledger::{Incoming, Intake, Ledger, MOST_EARLY, WriteOutcome, statement::Pace},
    store::{feeds, projection, quarantine},
    writer::{Store, Threads},
};
use huiliu_proto::{
    edit::{Actor, Scalar},
    feed::Scope,
    id::RecordId,
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    records::enrolment,
    union::UnionNumber,
    v1::Ruling,
};
use huiliu_tests::{
    decisions::{revocation, ruling},
    forger::Forger,
    oracle,
    people::{self, Random},
    relay::{batches, give, take},
    world::{Machine, World, hand_clock},
};

const PROVINCE: &str = "hub-320000";

fn county() -> UnionNumber {
    "320922".parse().unwrap()
}

fn city() -> UnionNumber {
    "320900".parse().unwrap()
}

fn world(dir: &std::path::Path) -> World {
    let world = World::with_two_machines(dir, 37, hand_clock().0);
    let above = batches(&world.machine("hub-100000").store(Threads::Inline));
    let province = world.machine(PROVINCE).store(Threads::Inline);
    above.iter().flatten().for_each(|batch| give(&province, batch));
    world
}

fn write(store: &Store, record: Record) {
    let written = store.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
}

fn said(by: &mut Forger, record: &Record) -> Operation {
    let salt = record.kind.personal.then_some([3; 16]);
    Operation::new(record.kind.number, by.id(), None, record.encode(), salt)
}

fn enrolment(of: &Forger, union: UnionNumber, hub: bool, block: Option<i64>) -> Record {
    let mut record = of.enrolled(union, hub);
    if let Some(block) = block {
        record.put(enrolment::BLOCK.position(), Some(huiliu_proto::value::Value::Int(block)));
    }
    record
}

fn line(id: RecordId, n: u64) -> Operation {
    let said = people::log_line(RecordId([6; 16]), n);
    Operation::new(said.kind.number, id, None, said.encode(), said.kind.personal.then_some([3; 16]))
}

/// A document of `kind`, edited by whoever wants to.
struct Shared {
    kind: &'static str,
    id: RecordId,
    document: Document,
}

impl Shared {
    fn edit(&mut self, by: &Forger, values: Vec<(&str, Scalar)>) -> Option<Operation> {
        let kind = kind(self.kind).unwrap();
        let mut values: Vec<_> =
            values.into_iter().map(|(name, value)| (kind.fields[kind.field(name).unwrap()].number, value)).collect();
        values.sort_by_key(|(field, _)| *field);
        let author = Actor::new(&by.feed.id, &self.id);
        let edit = self.document.compose(author, values, [4; 16])?;
        self.document.receive(author, &edit).unwrap();
        let salt = kind.personal.then_some([3; 16]);
        Some(Operation::new(kind.number, self.id, Some(1), edit.encode(author), salt))
    }
}

fn enterprise(n: u64) -> Vec<(&'static str, Scalar)> {
    vec![
        ("name", Scalar::Text(format!("厂{n}"))),
        ("uscc", Scalar::Text("91350100M000100Y43".into())),
        ("region", Scalar::Number(320_922)),
        ("industry", Scalar::Number(3)),
        ("ownership", Scalar::Number(3)),
    ]
}

fn township(n: u64, serial: u64) -> Vec<(&'static str, Scalar)> {
    vec![
        ("name", Scalar::Text(format!("工会{n}"))),
        ("form", Scalar::Number(1)),
        ("territory", Scalar::Number(320_922)),
        ("status", Scalar::Number(1)),
        ("number", Scalar::Number(i64::from(county().with_serial(serial).unwrap()))),
    ]
}

fn check(machine: &Machine, store: &Store, what: &str) {
    while store.write_blocking(Ledger::has_lag).unwrap() {}
    // What is owed and says what was said already is owed no more.
    while store.write_blocking(|ledger| ledger.write_statements(Pace::AtOnce)).unwrap() > 0 {}
    oracle::rebuilds_the_same(machine, store).unwrap_or_else(|error| panic!("{what}: {error}"));
}

/// Two hubs of a city, and four devices of a county below it.
struct Cast {
    hubs: Vec<Forger>,
    workers: Vec<Forger>,
    /// What was said and has not come yet, hubs first.
    coming: Vec<Vec<Incoming>>,
    sizes: Vec<u64>,
}

impl Cast {
    fn new() -> Cast {
        let hubs: Vec<_> = (0..2).map(|n| Forger::numbered(800 + n, city(), Scope::Branch(county()))).collect();
        let workers: Vec<_> = (0..4).map(|n| Forger::numbered(n, county(), Scope::Own(Reach::Province))).collect();
        Cast { hubs, workers, coming: (0..6).map(|_| vec![]).collect(), sizes: vec![0; 6] }
    }

    fn hub_says(&mut self, hub: usize, record: &Record) {
        let operation = said(&mut self.hubs[hub], record);
        self.sizes[hub] += 1;
        self.coming[hub].push(self.hubs[hub].say(&[operation]));
    }

    fn worker_says(&mut self, worker: usize, operations: &[Operation]) {
        self.sizes[2 + worker] += operations.len() as u64;
        self.coming[2 + worker].push(self.workers[worker].say(operations));
    }

    /// The next of what one said comes; some wait, because too much of strangers is there.
    fn comes(&mut self, who: usize, store: &Store) -> bool {
        let Some(next) = self.coming[who].first() else { return false };
        let taken = matches!(take(store, next.clone()), Intake::Taken { .. });
        if taken {
            self.coming[who].remove(0);
        }
        taken
    }
}

fn story(world: &World, seed: u64, slice: Option<u64>) {
    let mut random = Random(seed);
    let dir = tempfile::tempdir().unwrap();
    let machine = world.machine(PROVINCE).with_copy_at(&dir.path().join("province"));
    let province = machine.store(if slice.is_some() { Threads::Own } else { Threads::Inline });
    if let Some(slice) = slice {
        let small = move |ledger: &mut Ledger| {
            ledger.set_slice(slice);
            Ok(())
        };
        province.write_blocking(small).unwrap();
    }
    let mut cast = Cast::new();
    for hub in &cast.hubs {
        write(&province, enrolment(hub, city(), true, None));
    }
    let mut shared: Vec<Shared> = vec![];
    let (mut revision, mut log) = (0, vec![]);
    for step in 0..70 {
        let (hub, worker) = (random.below(2) as usize, random.below(4) as usize);
        match random.below(20) {
            0..=2 => {
                let block = (random.below(2) == 0).then(|| random.below(2) as i64);
                log.push(format!("hub {hub} enrols {worker}, block {block:?}"));
                let record = enrolment(&cast.workers[worker], county(), false, block);
                cast.hub_says(hub, &record);
            }
            3 => {
                let size = random.below(cast.sizes[2 + worker] + 2);
                log.push(format!("hub {hub} revokes {worker} from {size}"));
                let of = &cast.workers[worker];
                let record = revocation(of, county(), &[(of, size)]);
                cast.hub_says(hub, &record);
            }
            4 => {
                revision += 1;
                let range = (random.below(cast.sizes[2 + worker] + 1), 1 + random.below(4));
                let what = [Ruling::Released, Ruling::Released, Ruling::Rejected][random.below(3) as usize];
                log.push(format!("hub {hub} rules on {worker}: {range:?} {what:?}"));
                let record = ruling(&cast.workers[worker], county(), range, what, revision);
                cast.hub_says(hub, &record);
            }
            5..=9 => {
                let mut operations = vec![];
                for _ in 0..1 + random.below(4) {
                    let by = &mut cast.workers[worker];
                    let (n, at) = (random.below(5), random.below(shared.len() as u64 + 2) as usize);
                    let operation = match shared.get_mut(at) {
                        None if n < 2 => Some(line(by.id(), n)),
                        None => {
                            let (kind, values) = match n {
                                2 => ("union", township(step, 1 + random.below(3) + 1000 * random.below(2))),
                                _ => ("enterprise", enterprise(step)),
                            };
                            shared.push(Shared { kind, id: by.id(), document: Document::default() });
                            shared.last_mut().and_then(|made| made.edit(by, values))
                        }
                        Some(there) => there.edit(by, vec![("name", Scalar::Text(format!("名{step}-{n}")))]),
                    };
                    operations.extend(operation);
                }
                log.push(format!("{worker} says {}", operations.len()));
                cast.worker_says(worker, &operations);
            }
            10..=16 => {
                let who = random.below(6) as usize;
                if cast.comes(who, &province) {
                    log.push(format!("what {who} said comes"));
                }
            }
            17 if step > 25 => {
                let size = random.below(cast.sizes[hub] + 2);
                log.push(format!("hub {hub} is revoked from {size}"));
                let of = &cast.hubs[hub];
                write(&province, revocation(of, city(), &[(of, size)]));
            }
            18 if step > 25 => {
                revision += 1;
                let range = (random.below(cast.sizes[hub] + 1), 1 + random.below(4));
                let what = [Ruling::Released, Ruling::Released, Ruling::Rejected][random.below(3) as usize];
                log.push(format!("on hub {hub}: {range:?} {what:?}"));
                write(&province, ruling(&cast.hubs[hub], city(), range, what, revision));
            }
            _ => {}
        }
        if step > 25 && random.below(10) == 0 {
            check(&machine, &province, &format!("seed {seed}, step {step}: {log:#?}"));
        }
    }
    while (0..6).any(|who| cast.comes(who, &province)) {}
    check(&machine, &province, &format!("seed {seed}, in the end: {log:#?}"));
}

/// Stories from one seed on.
fn stories(from: u64, many: u64, small: bool) {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    (from..from + many).for_each(|seed| story(&world, seed, small.then_some(1 + seed % 90)));
}

#[test]
fn what_counts_is_what_a_rebuild_finds() {
    stories(0, 25, false);
}

#[test]
fn what_counts_is_the_same_when_a_job_does_little() {
    stories(100, 25, true);
}

/// By hand: `SEED=1000 cargo test --release -p huiliu-tests --test annulled -- --ignored`.
#[test]
#[ignore = "takes long"]
fn what_counts_is_what_a_rebuild_finds_in_many_stories() {
    let seed = std::env::var("SEED").map_or(0, |seed| seed.parse().expect("a number"));
    stories(seed, 500, false);
    stories(seed, 500, true);
}

/// A hub is revoked as of before it enrolled a device that has written much: no job takes long, and nothing of it counts.
#[test]
fn what_much_rests_on_is_taken_out_in_parts() {
    const EACH: u64 = 4000;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(PROVINCE);
    let province = machine.store(Threads::Own);
    let mut cast = Cast::new();
    write(&province, enrolment(&cast.hubs[0], city(), true, None));
    write(&province, enrolment(&cast.hubs[1], city(), true, None));
    let record = enrolment(&cast.workers[0], county(), false, None);
    cast.hub_says(0, &record);
    assert!(cast.comes(0, &province));
    for n in 0..3 {
        let lines: Vec<Operation> = (0..EACH).map(|at| line(cast.workers[0].id(), n * EACH + at)).collect();
        cast.worker_says(0, &lines);
        assert!(cast.comes(2, &province));
    }
    // And a dossier with many edits, which is taken out once.
    let mut dossier = Shared { kind: "enterprise", id: cast.workers[0].id(), document: Document::default() };
    let edits: Vec<Operation> = (0..300)
        .filter_map(|n| match n {
            0 => dossier.edit(&cast.workers[0], enterprise(0)),
            n => dossier.edit(&cast.workers[0], vec![("name", Scalar::Text(format!("厂{n}")))]),
        })
        .collect();
    assert_eq!(edits.len(), 300);
    cast.worker_says(0, &edits);
    assert!(cast.comes(2, &province));
    let lag = || while province.write_blocking(Ledger::has_lag).unwrap() {};
    let shown = || {
        let all = province.read(|c| projection::list(c, kind("work_entry").unwrap(), Some(county()), None, 100_000));
        all.unwrap().into_iter().map(|row| row.id).collect::<BTreeSet<_>>()
    };
    lag();
    let before = shown();
    assert_eq!(before.len() as u64, 3 * EACH);
    let heaviest = province.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    write(&province, revocation(&cast.hubs[0], city(), &[]));
    // A copy is verified while that goes on, and nothing is wrong with it.
    oracle::verifies(machine, &province).unwrap();
    lag();
    assert!(shown().is_empty(), "nobody enrolled who wrote it");
    let after = province.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    assert!(after <= heaviest.max(2 * 4096), "a job did the work of {after} operations; before it was {heaviest}");
    check(machine, &province, "taken out");
    // The other hub enrols it: all of it comes back.
    cast.hub_says(1, &record);
    assert!(cast.comes(1, &province));
    lag();
    assert_eq!(shown(), before);
    check(machine, &province, "back again");
    let applied = province.read(|c| Ok(feeds::by_id(c, &cast.workers[0].feed.id)?.unwrap().applied)).unwrap();
    assert_eq!(applied, 3 * EACH + 300);
    let kind = kind("enterprise").unwrap();
    let name =
        province.read(|c| Ok(projection::get(c, kind, &dossier.id)?.unwrap().record.text("name").map(str::to_owned)));
    assert_eq!(name.unwrap().as_deref(), Some("厂299"));
}

/// A device is revoked, and while what it wrote is still being judged again, the hub that said so and that enrolled it is
/// revoked as of before that: nothing of it stays, however much of it had not been looked at yet.
#[test]
fn a_feed_that_is_half_judged_is_taken_out_whole() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(PROVINCE);
    let province = machine.store(Threads::Own);
    let small = |ledger: &mut Ledger| {
        ledger.set_slice(20);
        Ok(())
    };
    province.write_blocking(small).unwrap();
    let mut cast = Cast::new();
    cast.hubs.iter().for_each(|hub| write(&province, enrolment(hub, city(), true, None)));
    let enrolled = enrolment(&cast.workers[0], county(), false, None);
    cast.hub_says(0, &enrolled);
    let lines: Vec<Operation> = (0..3000).map(|at| line(cast.workers[0].id(), at)).collect();
    cast.worker_says(0, &lines);
    let revoked = revocation(&cast.workers[0], county(), &[(&cast.workers[0], 100)]);
    cast.hub_says(0, &revoked);
    cast.hub_says(1, &enrolled);
    assert!(cast.comes(0, &province) && cast.comes(2, &province));
    while province.write_blocking(Ledger::has_lag).unwrap() {}
    let applied = || province.read(|c| Ok(feeds::by_id(c, &cast.workers[0].feed.id)?.unwrap().applied)).unwrap();
    let out = revocation(&cast.hubs[0], city(), &[]);
    let again = revocation(&cast.hubs[1], city(), &[]);
    assert!(matches!(take(&province, cast.coming[0].remove(0)), Intake::Taken { .. }));
    write(&province, out);
    assert!((101..3000).contains(&applied()) || province.write_blocking(Ledger::has_lag).unwrap(), "it came too late");
    // The other hub enrols it meanwhile, and counts no more either.
    assert!(matches!(take(&province, cast.coming[1].remove(0)), Intake::Taken { .. }));
    write(&province, again);
    check(machine, &province, "taken out");
    let left = province.read(|c| projection::count(c, kind("work_entry").unwrap(), Some(county()))).unwrap();
    assert_eq!((left, applied()), (0, 0));
}

/// The operation that enrolled a device counts no more, and taking that back fails: the device's feeds stand where they
/// stood, and what of them was still to be applied is.
#[test]
fn where_an_annulment_fails_a_feed_stands_where_it_stood() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(PROVINCE);
    let province = machine.store(Threads::Inline);
    let mut cast = Cast::new();
    write(&province, enrolment(&cast.hubs[0], city(), true, None));
    let record = enrolment(&cast.workers[0], county(), false, None);
    cast.hub_says(0, &record);
    assert!(cast.comes(0, &province));
    // So much of a feed waits that its last lines are not applied.
    let worker = &mut cast.workers[0];
    let waits: Vec<Operation> = (0..MOST_EARLY).map(|_| worker.edit_of_what_is_lost()).collect();
    let last = [line(worker.id(), 1), line(worker.id(), 2)];
    for said in [&waits, &last[..]] {
        give(&province, &worker.say(said));
    }
    let feed = worker.feed.id;
    let standing = || province.read(move |c| Ok(feeds::by_id(c, &feed)?.map(|row| (row.applied, row.size())))).unwrap();
    assert_eq!(standing(), Some((MOST_EARLY, MOST_EARLY + 2)));
    let mut other = Forger::again(worker, county(), 5);
    let said = line(other.id(), 3);
    give(&province, &other.say(&[said]));
    // A row that the database refuses, after the first feed was set to be taken out.
    province
        .write_blocking(|ledger| {
            let refuse = "INSERT INTO meta (key, value) VALUES ('refuses', 1);
                CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.withdrawn
                WHEN EXISTS (SELECT 1 FROM main.withdrawn WHERE feed < NEW.feed)
                BEGIN SELECT RAISE(FAIL, 'not this one'); END";
            Ok(ledger.conn().raw().execute_batch(refuse)?)
        })
        .unwrap();
    write(&province, revocation(&cast.hubs[0], city(), &[]));
    let reasons: Vec<String> = province.read(quarantine::all).unwrap().into_iter().map(|held| held.reason).collect();
    assert!(reasons.iter().any(|reason| reason == "failed"), "taking it back failed");
    assert_eq!(standing(), Some((MOST_EARLY, MOST_EARLY + 2)), "the lines are still to be applied");
    // Once the cause is gone, all is as a rebuild has it.
    province
        .write_blocking(|ledger| {
            ledger.conn().raw().execute_batch("DROP TRIGGER temp.refuse")?;
            ledger.rebuild(&mut |_| ())
        })
        .unwrap();
    check(machine, &province, "computed again");
}

/// Thousands of revocations of one device, and thousands of numbers from one block, or of one number: where what they rest on
/// comes late or is gone, they are judged again in parts.
#[test]
fn what_rests_on_one_enrolment_is_judged_again_in_parts() {
    const MANY: u64 = 2000;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let machine = world.machine(PROVINCE);
    let province = machine.store(Threads::Own);
    let mut cast = Cast::new();
    let lag = || while province.write_blocking(Ledger::has_lag).unwrap() {};
    let held = || {
        lag();
        province.read(quarantine::count).unwrap()
    };
    cast.hubs.iter().for_each(|hub| write(&province, enrolment(hub, city(), true, None)));
    let record = enrolment(&cast.workers[0], county(), false, None);
    cast.hub_says(0, &record);
    let revoked = revocation(&cast.workers[0], county(), &[]);
    let all: Vec<Operation> = (0..MANY).map(|_| said(&mut cast.hubs[0], &revoked)).collect();
    assert!(cast.comes(0, &province));
    give(&province, &cast.hubs[0].say(&all));
    assert_eq!(held(), 0);
    write(&province, revocation(&cast.hubs[0], city(), &[]));
    assert_eq!(held(), MANY + 1, "nobody revokes what nobody enrolled");
    check(machine, &province, "revoked");
    let record = enrolment(&cast.workers[1], county(), false, None);
    cast.hub_says(1, &record);
    assert!(cast.comes(1, &province));
    for same in [false, true] {
        let worker = &mut cast.workers[1];
        let township = |at| {
            let serial = if same { 5 } else { 1001 + at % 900 };
            let mut made = Shared { kind: "union", id: worker.id(), document: Document::default() };
            made.edit(worker, township(at, serial)).unwrap()
        };
        let all: Vec<Operation> = (0..MANY).map(township).collect();
        give(&province, &cast.workers[1].say(&all));
    }
    assert_eq!(held(), 3 * MANY + 1, "no block is here");
    for (block, fewer) in [(1, 900), (0, 901)] {
        let record = enrolment(&cast.workers[1], county(), false, Some(block));
        cast.hub_says(1, &record);
        assert!(cast.comes(1, &province));
        assert_eq!(held(), 3 * MANY + 1 - fewer, "each number is given once");
        check(machine, &province, "the block came");
    }
    write(&province, revocation(&cast.hubs[1], city(), &[(&cast.hubs[1], 1)]));
    assert_eq!(held(), 3 * MANY + 3, "the blocks are gone");
    check(machine, &province, "the blocks are gone");
    let most = province.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    assert!(most < 3 * 4096, "a job did the work of {most} operations");
}
