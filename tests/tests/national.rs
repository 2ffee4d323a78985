//! Further machines of the national union: let in by the root, whose word about them every level believes.

use huiliu_hub::{app::vouch, authority, revocation};
use huiliu_node::{
    app::Mode,
    identity::{Home, IdentityError, Role, Setup, vouchers},
    keyring::Keyring,
    ledger::WriteOutcome,
    ruling,
    store::{feeds, invitations, projection, quarantine, receipts},
    sync::join,
    writer::{Store, Threads},
};
use huiliu_proto::{
    joining::{Entering, Reason},
    kind::kind,
    token::{Pin, Token, pass_hash},
    union::UnionNumber,
    v1::Ruling,
    value::Value,
};
use huiliu_tests::{
    disk, oracle, people,
    talk::{call, talk},
    world::{Conduct, Machine, World, hand_clock, random},
};

/// As `invite --device` does on the root.
fn invited(root: &Machine, store: &Store) -> Token {
    let (id, secret) = join::draw(&huiliu_node::clock::random());
    let now = (root.clock)();
    let new = authority::new_invitation(id, UnionNumber::NATION, pass_hash(&*secret.pass(&id)), now, now + 1000);
    let new = invitations::Invitation { further: true, ..new };
    store.write_blocking(move |ledger| invitations::add(ledger.conn(), &new)).unwrap();
    let random = huiliu_node::clock::random();
    vouchers::remember(&root.home, &id, &secret.voucher_key(&id), Some(now + 1000), now, &random).unwrap();
    let itself = root.home.request().unwrap().asked().unwrap();
    store.write_blocking(move |ledger| authority::enrol_itself(ledger, &itself)).unwrap();
    Token {
        network: "test".into(),
        root: root.home.fingerprint().unwrap().unwrap(),
        hub: UnionNumber::NATION,
        address: "hub:7443".into(),
        pin: Pin([0; 16]),
        union: UnionNumber::NATION,
        as_hub: false,
        vouched: true,
        id,
        secret,
    }
}

fn spent(store: &Store) -> usize {
    store.read(|conn| projection::list(conn, kind("expenditure").unwrap(), None, None, 100)).unwrap().len()
}

#[test]
fn a_further_machine_of_the_national_union_writes_until_the_root_revokes_it() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _hand) = hand_clock();
    let mut world = World::new(dir.path(), 6, clock);
    world.add("100000", Role::Root).unwrap();
    world.add("320000", Role::Hub).unwrap();
    let (root, province) = (world.machine("hub-100000"), world.machine("hub-320000"));
    let (top, below) = (root.store(Threads::Inline), province.store(Threads::Inline));
    let programme = top.write_blocking(people::programme).unwrap();

    // The nation has one hub; its other machines record.
    let nation = UnionNumber::NATION;
    let refused = huiliu_node::writer::init(
        &Setup::new(&dir.path().join("hub"), "test", nation, Role::Hub),
        &world.clock,
        &random(8),
    );
    assert!(matches!(refused, Err(IdentityError::NotNational)));
    let mut home = huiliu_node::writer::init(
        &Setup::new(&dir.path().join("second"), "test", nation, Role::Node),
        &world.clock,
        &random(9),
    )
    .unwrap();
    let token = invited(root, &top);
    let entering = Entering::verify(&home.entering(&token).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let grant = runtime.block_on(authority::enter(&root.home, &top, &entering, &world.clock)).unwrap();
    home.accept(&grant, Some(&token), &world.clock, &huiliu_node::clock::random()).unwrap();
    assert!(!home.renew_root(i64::MAX, &random(1)).unwrap(), "the root's certificate is the root's to renew");
    let second = Machine {
        name: "second".into(),
        home,
        clock: world.clock.clone(),
        random: random(9),
        conduct: Conduct::Honest,
        allows: None,
    };
    let store = second.store(Threads::Inline);

    // It hears what the nation has, and what it writes counts at the root, which signs for it.
    talk((&second, &store), (root, &top)).unwrap();
    let mediator = store.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let write = |n| store.write_blocking(move |ledger| people::expenditure(ledger, programme, mediator, n));
    write(1).unwrap();
    talk((&second, &store), (root, &top)).unwrap();
    assert_eq!(spent(&top), 1);
    let signed = store.read(receipts::all).unwrap();
    assert!(signed.iter().any(|r| r.union == nation && r.device == root.me().device()), "{signed:?}");
    // They know each other's keys by the voucher, as machines of any union do.
    for _ in 0..2 {
        talk((&second, &store), (root, &top)).unwrap();
    }
    for (machine, store) in [(root, &top), (&second, &store)] {
        let keyring = store.read(|conn| Keyring::read(conn, &machine.me())).unwrap();
        assert_eq!(keyring.ours().count(), 2, "{}", machine.name);
    }
    // A province hears the root's word too, and its own word about such a machine counts for nothing.
    talk((province, &below), (root, &top)).unwrap();
    let device = second.me().device();
    let known = below.read(|conn| huiliu_node::store::trust::enrolments(conn, Some(&device))).unwrap();
    assert_eq!(known.len(), 1);

    // The root does not revoke itself; the other it does.
    let plan = |digits: String| top.read(|conn| Ok(revocation::plan(conn, nation, &digits, None))).unwrap();
    assert!(plan(root.me().device().to_string()).is_err());
    for short in [String::new(), " ".to_owned(), device.to_string()[..7].to_owned()] {
        assert!(matches!(plan(short.clone()), Err(revocation::RevocationError::Unknown)), "{short}");
    }
    let shut_out = plan(device.to_string()).unwrap();
    top.write_blocking(move |ledger| revocation::revoke(ledger, &shut_out, "丢失")).unwrap().unwrap();
    write(2).unwrap();
    talk((&second, &store), (root, &top)).unwrap();
    assert_eq!(spent(&top), 1, "what came afterwards is held");
    let refused = store.write_blocking(move |ledger| {
        let mut record = huiliu_proto::record::Record::new(kind("programme").unwrap());
        record.set("code", Value::Text("X".into()));
        ledger.write_entry(&record)
    });
    assert!(!matches!(refused, Ok(WriteOutcome::Written { .. })), "it has heard of it: {refused:?}");
    let entering = Entering::verify(&second.home.entering(&invited(root, &top)).unwrap()).unwrap();
    let again = runtime.block_on(authority::enter(&root.home, &top, &entering, &world.clock));
    assert!(matches!(again, Err(authority::AuthorityError::Declined(Reason::Device))), "{again:?}");
}

/// A further machine of the national union, let in by the root.
fn let_in(world: &World, root: &Machine, top: &Store, home: &std::path::Path, seed: u64) -> Machine {
    let mut home = huiliu_node::writer::init(
        &Setup::new(home, "test", UnionNumber::NATION, Role::Node),
        &world.clock,
        &random(seed),
    )
    .unwrap();
    let token = invited(root, top);
    let entering = Entering::verify(&home.entering(&token).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let grant = runtime.block_on(authority::enter(&root.home, top, &entering, &world.clock)).unwrap();
    home.accept(&grant, Some(&token), &world.clock, &huiliu_node::clock::random()).unwrap();
    Machine {
        name: "second".into(),
        home,
        clock: world.clock.clone(),
        random: random(seed),
        conduct: Conduct::Honest,
        allows: None,
    }
}

/// What it wrote is shown to count by the root's word; and the root rules on what is held of it.
#[test]
fn the_root_vouches_for_a_further_machine_and_rules_on_what_it_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _hand) = hand_clock();
    let mut world = World::new(dir.path(), 7, clock);
    world.add("100000", Role::Root).unwrap();
    let root = world.machine("hub-100000");
    let top = root.store(Threads::Inline);
    let programme = top.write_blocking(people::programme).unwrap();
    let second = let_in(&world, root, &top, &dir.path().join("second"), 10);
    let store = second.store(Threads::Inline);
    talk((&second, &store), (root, &top)).unwrap();
    let mediator = store.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let write = |n| store.write_blocking(move |ledger| people::expenditure(ledger, programme, mediator, n)).unwrap();
    let paid = write(1);
    talk((&second, &store), (root, &top)).unwrap();

    // As of today, by the root's word.
    let said = vouch::vouch(&top, &root.me(), None, Mode::Write, &mut ()).unwrap();
    let devices: Vec<_> = said.iter().map(|vouched| vouched.device).collect();
    assert_eq!(devices, [second.me().device()], "the root does not vouch for itself");
    talk((&second, &store), (root, &top)).unwrap();
    let today = huiliu_node::clock::day((world.clock)());
    let made = store
        .read(|conn| {
            let shown = projection::find(conn, &paid)?.expect("it counts here");
            let maker = huiliu_node::proof::Maker::new(conn, root.home.root().unwrap());
            Ok(maker.record(paid, &[(shown.place.feed, shown.place.seq)], Some(today)))
        })
        .unwrap()
        .unwrap();
    let counts = made.proven.counts().unwrap();
    assert!(counts.shown && counts.as_of == Some(today), "{counts:?}");

    // Revoked, and what came afterwards is released after all.
    let digits = second.me().device().to_string();
    let plan = top.read(|conn| Ok(revocation::plan(conn, UnionNumber::NATION, &digits, None))).unwrap().unwrap();
    top.write_blocking(move |ledger| revocation::revoke(ledger, &plan, "丢失")).unwrap().unwrap();
    let late = write(2);
    talk((&second, &store), (root, &top)).unwrap();
    assert_eq!(spent(&top), 1);
    let held = top.read(quarantine::all).unwrap();
    let held = held.iter().find(|held| held.record == late).unwrap();
    let ruled = |hub: &Store, part| {
        let record = hub
            .read(|conn| {
                let case = ruling::case(conn, feeds::by_no(conn, held.feed)?, part, Ruling::Released)?;
                Ok(ruling::rule(conn, UnionNumber::NATION, true, &case, Ruling::Released, "确系本单位所填"))
            })
            .unwrap();
        record.map(|record| hub.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap())
    };
    assert!(matches!(ruled(&top, Some((held.seq, 1))), Ok(WriteOutcome::Written { .. })));
    assert_eq!(spent(&top), 2);
}

/// Its whole disk goes back, and it writes before it hears of what it had said: nothing of either is lost.
#[test]
fn a_further_machine_whose_disk_goes_back_says_again_what_it_wrote_last() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _hand) = hand_clock();
    let mut world = World::new(dir.path(), 8, clock);
    world.add("100000", Role::Root).unwrap();
    let root = world.machine("hub-100000");
    let top = root.store(Threads::Inline);
    let programme = top.write_blocking(people::programme).unwrap();
    let home = dir.path().join("second");
    let mut second = let_in(&world, root, &top, &home, 11);
    let store = second.store(Threads::Inline);
    talk((&second, &store), (root, &top)).unwrap();
    let mediator = store.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let write = |store: &Store, n| {
        store.write_blocking(move |ledger| people::expenditure(ledger, programme, mediator, n)).unwrap();
    };
    write(&store, 1);
    talk((&second, &store), (root, &top)).unwrap();
    drop(store);
    disk::save(&home).unwrap();
    let store = second.store(Threads::Inline);
    (2..4).for_each(|n| write(&store, n));
    talk((&second, &store), (root, &top)).unwrap();
    assert_eq!(spent(&top), 3);
    drop(store);
    disk::back_to(&home).unwrap();
    second.home = Home::open(&home).unwrap();
    second.random = random(12);
    let store = second.store(Threads::Inline);
    write(&store, 4);
    // That there were two histories is refused once, and then put together.
    for _ in 0..4 {
        call((&second, &store), (root, &top)).unwrap();
    }
    assert_eq!((spent(&store), spent(&top)), (4, 4));
    talk((&second, &store), (root, &top)).unwrap();
    oracle::verifies(root, &top).unwrap();
    oracle::verifies(&second, &store).unwrap();
}
