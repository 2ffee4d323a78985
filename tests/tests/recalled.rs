//! Revocations that came before the enrolment of their device, or whose enrolment counts no more: however many they are, they are
//! judged again a few in a job, and nothing lists all of them at once.

use huiliu_node::{
    document::Document,
    ledger::{Ledger, WriteOutcome, statement::Pace},
    store::{projection, quarantine},
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
    value::Value,
};
use huiliu_tests::{
    decisions::revocation,
    forger::Forger,
    oracle, people,
    relay::{batches, give},
    world::{World, hand_clock},
};

const PROVINCE: &str = "hub-320000";
const MANY: u64 = 600;
const SLICE: u64 = 100;

fn said(by: &mut Forger, record: &Record) -> Operation {
    let salt = record.kind.personal.then_some([3; 16]);
    Operation::new(record.kind.number, by.id(), None, record.encode(), salt)
}

fn finish(store: &Store) {
    while store.write_blocking(Ledger::has_lag).unwrap() {}
}

/// Rows of tables in which jobs note what others go on with.
fn noted(ledger: &Ledger) -> u64 {
    let sql = "SELECT (SELECT count(*) FROM anew) + (SELECT count(*) FROM recalled) + (SELECT count(*) FROM unrevoked)";
    ledger.conn().raw().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs()
}

#[test]
fn revocations_are_judged_again_a_few_in_a_job() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with_two_machines(dir.path(), 47, hand_clock().0);
    let machine = world.machine(PROVINCE);
    let store = machine.store(Threads::Own);
    batches(&world.machine("hub-100000").store(Threads::Inline)).iter().flatten().for_each(|batch| give(&store, batch));
    store
        .write_blocking(|ledger| {
            ledger.set_slice(SLICE);
            Ok(())
        })
        .unwrap();
    let [city, county]: [UnionNumber; 2] = ["320900", "320922"].map(|number| number.parse().unwrap());
    let mut hub = Forger::numbered(800, city, Scope::Branch(county));
    let mut worker = Forger::numbered(0, county, Scope::Own(Reach::Province));
    let enrolled = hub.enrolled(city, true);
    let write = move |ledger: &mut Ledger, record: &Record| {
        let written = ledger.write_entry(record)?;
        assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
        Ok(noted(ledger))
    };
    store.write_blocking(move |ledger| write(ledger, &enrolled)).unwrap();
    let revoked = revocation(&worker, county, &[]);
    for _ in 0..MANY / 20 {
        let run: Vec<Operation> = (0..20).map(|_| said(&mut hub, &revoked)).collect();
        give(&store, &hub.say(&run));
    }
    let lines: Vec<Operation> = (0..20).map(|n| said(&mut worker, &people::log_line(RecordId([6; 16]), n))).collect();
    give(&store, &worker.say(&lines));
    finish(&store);
    assert_eq!(store.read(quarantine::count).unwrap(), MANY, "nobody has enrolled the device yet");
    let enrolment = said(&mut hub, &worker.enrolled(county, false));
    let at = hub.size();
    give(&store, &hub.say(&[enrolment]));
    let of = move |conn: &huiliu_node::store::View| projection::count(conn, kind("work_entry").unwrap(), Some(county));
    assert_eq!(store.read(of).unwrap(), 0, "not even for a moment");
    finish(&store);
    assert_eq!(store.read(quarantine::count).unwrap(), 20, "all of them count, and no line does");
    oracle::rebuilds_the_same(machine, &store).unwrap();
    // The enrolment counts no more: nobody revokes what nobody enrolled.
    let gone = revocation(&hub, city, &[(&hub, at)]);
    let noted = store.write_blocking(move |ledger| write(ledger, &gone)).unwrap();
    assert!(noted < 5, "{noted} rows were written at once");
    finish(&store);
    assert_eq!(store.read(quarantine::count).unwrap(), MANY + 1);
    // What is owed and says what was said already is owed no more.
    while store.write_blocking(|ledger| ledger.write_statements(Pace::AtOnce)).unwrap() > 0 {}
    oracle::rebuilds_the_same(machine, &store).unwrap();
    let most = store.write_blocking(|ledger| Ok(ledger.heaviest_job())).unwrap();
    assert!(most < 3 * SLICE, "a job did the work of {most} operations");
}

/// Two machines give one number from one block, and that of one counts no more: what it gave is held because it has no block.
#[test]
fn what_was_held_for_a_number_is_held_for_its_block_when_that_goes() {
    (0..2).for_each(the_block_of_one_goes);
}

fn the_block_of_one_goes(which: usize) {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with_two_machines(dir.path(), 47, hand_clock().0);
    let machine = world.machine(PROVINCE);
    let store = machine.store(Threads::Own);
    batches(&world.machine("hub-100000").store(Threads::Inline)).iter().flatten().for_each(|batch| give(&store, batch));
    let [city, county]: [UnionNumber; 2] = ["320900", "320922"].map(|number| number.parse().unwrap());
    let mut hubs: Vec<_> = (0..2).map(|n| Forger::numbered(800 + n, city, Scope::Branch(county))).collect();
    let mut workers: Vec<_> = (0..2).map(|n| Forger::numbered(n, county, Scope::Own(Reach::Province))).collect();
    let write = |record: Record| {
        let written = store.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
        assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
    };
    hubs.iter().for_each(|hub| write(hub.enrolled(city, true)));
    // The first hub gives a block to one of them, and the second the same to the other.
    for (hub, worker, block) in [(0, which, Some(0)), (1, which, None), (1, 1 - which, Some(0))] {
        let mut record = workers[worker].enrolled(county, false);
        if let Some(block) = block {
            record.put(enrolment::BLOCK.position(), Some(Value::Int(block)));
        }
        let operation = said(&mut hubs[hub], &record);
        give(&store, &hubs[hub].say(&[operation]));
    }
    for worker in &mut workers {
        let kind = kind("union").unwrap();
        let field = |name: &str| kind.fields[kind.field(name).unwrap()].number;
        let mut values = vec![
            (field("name"), Scalar::Text("工会".into())),
            (field("form"), Scalar::Number(1)),
            (field("territory"), Scalar::Number(320_922)),
            (field("status"), Scalar::Number(1)),
            (field("number"), Scalar::Number(i64::from(county.with_serial(5).unwrap()))),
        ];
        values.sort_by_key(|(field, _)| *field);
        let id = worker.id();
        let author = Actor::new(&worker.feed.id, &id);
        let edit = Document::default().compose(author, values, [4; 16]).unwrap();
        let salt = kind.personal.then_some([3; 16]);
        give(&store, &worker.say(&[Operation::new(kind.number, id, Some(1), edit.encode(author), salt)]));
    }
    finish(&store);
    assert_eq!(store.read(quarantine::count).unwrap(), 1, "one of them has the number");
    write(revocation(&hubs[0], city, &[]));
    finish(&store);
    assert_eq!(store.read(quarantine::count).unwrap(), 2, "the enrolment, and the number without a block");
    while store.write_blocking(|ledger| ledger.write_statements(Pace::AtOnce)).unwrap() > 0 {}
    oracle::rebuilds_the_same(machine, &store).unwrap();
}
