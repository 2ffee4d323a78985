//! Whose keys open what: machines of one union share theirs when they vouch for each other, and nobody else gets or
//! slips in any.

use std::path::Path;

use huiliu_hub::{authority, revocation};
use huiliu_node::{
    identity::{Role, Setup, vouchers},
    keyring::Keyring,
    ledger::{Return, WriteOutcome},
    store::{
        evidence::{self, EvidenceKind},
        invitations, receivers,
    },
    sync::join,
    writer::{Store, Threads},
};
use huiliu_proto::{
    id::DeviceId,
    joining::Entering,
    kind::kind,
    record::Record,
    root::Fingerprint,
    seal::SealKey,
    token::{Pin, Token, VoucherKey, pass_hash},
    value::Value,
};
use huiliu_tests::{
    relay,
    world::{Conduct, Machine, World, random, simulated_clock},
};

const SIBLING: u64 = 77;

fn network(dir: &Path) -> World {
    let mut world = World::new(dir, 5, simulated_clock());
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    world
}

/// A machine of the county with keys of its own, enrolled by the city with a token of the first, or with one of nobody.
fn sibling(world: &World, seed: u64, vouched_by: Option<&Machine>) -> Machine {
    let (clock, random) = (world.clock.clone(), random(seed));
    let city = world.machine("hub-320900");
    let union = "320922".parse().unwrap();
    let dir = world.dir.join(format!("sibling-{seed}"));
    let mut home = huiliu_node::writer::init(&Setup::new(&dir, "test", union, Role::Node), &clock, &random).unwrap();
    let (id, secret) = join::draw(&random);
    if let Some(first) = vouched_by {
        vouchers::remember(
            &first.home,
            &id,
            &secret.voucher_key(&id),
            Some(clock() + 1),
            clock(),
            &huiliu_node::clock::random(),
        )
        .unwrap();
    }
    let root: Fingerprint = city.home.fingerprint().unwrap().unwrap();
    let token = Token {
        network: "test".into(),
        root,
        hub: city.union(),
        address: "hub-320900:7443".into(),
        pin: Pin([0; 16]),
        union,
        as_hub: false,
        vouched: true,
        id,
        secret,
    };
    let store = city.store(Threads::Inline);
    let hash = pass_hash(&*token.secret.pass(&id));
    let new = authority::new_invitation(id, union, hash, clock(), clock() + 1000);
    let new = invitations::Invitation { further: true, ..new };
    store.write_blocking(move |ledger| invitations::add(ledger.conn(), &new)).unwrap();
    let entering = Entering::verify(&home.entering(&token).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let grant = runtime.block_on(authority::enter(&city.home, &store, &entering, &clock)).unwrap();
    home.accept(&grant, Some(&token), &clock, &huiliu_node::clock::random()).unwrap();
    Machine { name: format!("sibling-{seed}"), home, clock, random, conduct: Conduct::Honest, allows: None }
}

/// Everybody tells everybody, until nobody has anything new to say.
fn gossip(stores: &[&Store]) {
    for _ in 0..4 {
        for from in stores {
            let said = relay::batches(from);
            for to in stores.iter().filter(|to| to.path() != from.path()) {
                for batch in said.iter().flatten() {
                    // What is not meant for it, it does not take.
                    relay::take(to, batch.clone());
                }
            }
        }
    }
}

fn keys(machine: &Machine, store: &Store) -> Vec<[u8; 8]> {
    let keyring = store.read(|conn| Keyring::read(conn, &machine.me())).unwrap();
    keyring.ours().map(SealKey::id).collect()
}

fn seals_with(machine: &Machine, store: &Store) -> [u8; 8] {
    store.read(|conn| Ok(Keyring::read(conn, &machine.me())?.sealing(conn, &machine.me())?.id())).unwrap()
}

#[test]
fn machines_that_vouch_for_each_other_share_their_keys() {
    let dir = tempfile::tempdir().unwrap();
    let world = network(dir.path());
    let first = world.machine("node-320922-0").clone();
    let second = sibling(&world, SIBLING, Some(&first));
    let hubs: Vec<Store> =
        ["hub-100000", "hub-320000", "hub-320900"].map(|name| world.machine(name).store(Threads::Inline)).into();
    let (a, b) = (first.store(Threads::Inline), second.store(Threads::Inline));
    let before = b.write_blocking(|ledger| ledger.write_document(kind("mediator").unwrap(), None, person())).unwrap();
    let WriteOutcome::Written { id, .. } = before else { panic!("{before:?}") };
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &a, &b]);
    let both = [first.me().seal.id(), second.me().seal.id()];
    for (machine, store) in [(&first, &a), (&second, &b)] {
        let held = keys(machine, store);
        assert!(held.len() == 2 && both.iter().all(|key| held.contains(key)), "{}: {held:?}", machine.name);
        assert_eq!(seals_with(machine, store), first.me().seal.id(), "the key of the one that was enrolled first");
    }
    // What the second sealed before it had the other's key, the first reads now.
    let opened = a.read(|conn| {
        let shown = huiliu_node::store::projection::get(conn, kind("mediator").unwrap(), &id)?.unwrap();
        let keyring = Keyring::read(conn, &first.me())?;
        let field = shown.record.kind.fields.iter().find(|f| f.name == "id_no").unwrap().number;
        Ok(keyring.open(shown.record.bytes("id_no").unwrap(), &id, field).map(|text| text.to_string()))
    });
    assert_eq!(opened.unwrap(), Ok("320000199302189087".to_owned()));
    // The first asked for the second itself: nobody need be asked about it.
    assert!(a.read(|conn| evidence::list(conn, true)).unwrap().is_empty());
    // The province holds both, the city none of them.
    let province = world.machine("hub-320000").me();
    let keyring = hubs[1].read(|conn| Keyring::read(conn, &province)).unwrap();
    assert!(both.iter().all(|id| keyring.get(id).is_some()));
    let city = world.machine("hub-320900").me();
    let keyring = hubs[2].read(|conn| Keyring::read(conn, &city)).unwrap();
    assert!(both.iter().all(|id| keyring.get(id).is_none()));
}

#[test]
fn a_machine_that_a_level_between_slipped_in_gets_no_key_and_gives_none() {
    let dir = tempfile::tempdir().unwrap();
    let world = network(dir.path());
    let first = world.machine("node-320922-0").clone();
    // Enrolled by the city for the county, and nobody there knows of it.
    let fake = sibling(&world, SIBLING, None);
    let hubs: Vec<Store> =
        ["hub-100000", "hub-320000", "hub-320900"].map(|name| world.machine(name).store(Threads::Inline)).into();
    let (a, f) = (first.store(Threads::Inline), fake.store(Threads::Inline));
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &a, &f]);
    // It says that it grants its key, with a voucher it made up.
    let to = a.read(|conn| receivers::of_union(conn, first.union())).unwrap();
    let to = to.into_iter().find(|r| r.device == first.me().device()).unwrap();
    let me = fake.me();
    let word = VoucherKey::from_bytes([9; 32]).grant(&me.device(), &me.grant.public, &to.device, &me.seal.id());
    let mut record = Record::new(kind("key_grant").unwrap());
    record.set("to_union", Value::Int(320_922));
    record.set("key_id", Value::Bytes(me.seal.id().to_vec()));
    record.set("sealed", Value::Bytes(me.seal.grant(&to.key).unwrap()));
    record.set("to_device", Value::Bytes(to.device.to_vec()));
    record.set("voucher", Value::Bytes(word.to_vec()));
    let written = f.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &a, &f]);
    assert_eq!(keys(&first, &a), [first.me().seal.id()]);
    assert_eq!(seals_with(&first, &a), first.me().seal.id());
    assert_eq!(keys(&fake, &f), [fake.me().seal.id()]);

    // The first did not ask for it: a person is asked.
    let seen = a.read(|conn| evidence::list(conn, false)).unwrap();
    assert!(seen.iter().any(|kept| kept.evidence.what == EvidenceKind::Enrolled));

    // A return is the province's to give: not the city's, though the city may write one.
    let city = world.machine("hub-320900");
    let stolen = SealKey::from_bytes([8; 32]);
    let mut record = Record::new(kind("key_return").unwrap());
    record.set("union", Value::Int(320_922));
    record.set("device", Value::Bytes(to.device.to_vec()));
    let line = [stolen.id().to_vec(), stolen.grant(&to.key).unwrap()].map(|bytes| Some(Value::Bytes(bytes)));
    record.set("keys", Value::Lines(vec![line.to_vec()]));
    let written = hubs[2].write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    assert!(matches!(written, WriteOutcome::Written { .. }), "{} {written:?}", city.name);
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &a, &f]);
    assert_eq!(keys(&first, &a), [first.me().seal.id()]);
}

fn revoke(hub: &Machine, store: &Store, device: DeviceId) {
    let union = hub.union();
    let plan = store.read(|conn| Ok(revocation::plan(conn, union, &device.to_string(), None))).unwrap().unwrap();
    store.write_blocking(move |ledger| revocation::revoke(ledger, &plan, "丢失")).unwrap().unwrap();
}

#[test]
fn what_the_province_returns_opens_and_does_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let world = network(dir.path());
    let first = world.machine("node-320922-0").clone();
    let hubs: Vec<Store> =
        ["hub-100000", "hub-320000", "hub-320900"].map(|name| world.machine(name).store(Threads::Inline)).into();
    let a = first.store(Threads::Inline);
    // A machine of the city's, enrolled in the county's name, grants the province a key the city knows.
    let fake = sibling(&world, 5, None);
    let f = fake.store(Threads::Inline);
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &a, &f]);
    drop((a, f));
    // The county's machine is lost; another comes, and after it one more, which it vouches for.
    let new = sibling(&world, SIBLING, None);
    let n = new.store(Threads::Inline);
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &n]);
    let device = new.me().device();
    let returned = hubs[1].write_blocking(move |ledger| ledger.return_keys(&device)).unwrap();
    assert_eq!(returned, Return::Written { union: new.union(), keys: 2 });
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &n]);
    let both = [first.me().seal.id(), fake.me().seal.id()];
    let keyring = n.read(|conn| Keyring::read(conn, &new.me())).unwrap();
    assert!(both.iter().all(|id| keyring.get(id).is_some()), "what was sealed with them is opened");
    assert_eq!(keys(&new, &n), [new.me().seal.id()]);
    assert_eq!(seals_with(&new, &n), new.me().seal.id());
    let further = sibling(&world, SIBLING + 1, Some(&new));
    let m = further.store(Threads::Inline);
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &n, &m]);
    let keyring = m.read(|conn| Keyring::read(conn, &further.me())).unwrap();
    assert!(keyring.get(&new.me().seal.id()).is_some());
    assert!(both.iter().all(|id| keyring.get(id).is_none()), "they are not granted on");
}

#[test]
fn a_machine_keeps_the_keys_of_one_that_was_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let world = network(dir.path());
    let first = world.machine("node-320922-0").clone();
    let second = sibling(&world, SIBLING, Some(&first));
    let hubs: Vec<Store> =
        ["hub-100000", "hub-320000", "hub-320900"].map(|name| world.machine(name).store(Threads::Inline)).into();
    let (a, b) = (first.store(Threads::Inline), second.store(Threads::Inline));
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &a, &b]);
    let both = [first.me().seal.id(), second.me().seal.id()];
    assert!(both.iter().all(|key| keys(&second, &b).contains(key)));
    revoke(world.machine("hub-320900"), &hubs[2], first.me().device());
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &a, &b]);
    // Read anew, as after a start.
    let held = keys(&second, &b);
    assert!(both.iter().all(|key| held.contains(key)), "{held:?}");
    // To the one that was revoked nothing new is granted.
    let third = sibling(&world, SIBLING + 1, Some(&second));
    let c = third.store(Threads::Inline);
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &a, &b, &c]);
    assert_eq!(keys(&second, &b).len(), 3);
    assert_eq!(keys(&first, &a).len(), 2);
}

fn person() -> Vec<(usize, Option<Value>)> {
    let kind = kind("mediator").unwrap();
    let values = [
        ("name", Value::Text("例辛亥".into())),
        ("id_no", Value::Text("320000199302189087".into())),
        ("sex", Value::Int(2)),
        ("born", Value::Int(8449)),
        ("education", Value::Int(3)),
    ];
    let place = |(name, value)| (kind.fields.iter().position(|f| f.name == name).unwrap(), Some(value));
    values.into_iter().map(place).collect()
}

/// H1: the city may say who writes for a county, and not with which keys.
#[test]
fn a_city_that_puts_its_own_seal_key_beside_a_countys_device_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = network(dir.path());
    let first = world.machine("node-320922-0").clone();
    let hubs: Vec<Store> =
        ["hub-100000", "hub-320000", "hub-320900"].map(|name| world.machine(name).store(Threads::Inline)).into();
    let a = first.store(Threads::Inline);
    gossip(&[&hubs[0], &hubs[1], &hubs[2], &a]);
    drop(a);
    // The county's machine is lost. The new one asks with a file, and the city writes down another seal key than it named.
    let union = "320922".parse().unwrap();
    let (clock, random) = (world.clock.clone(), random(SIBLING));
    let home =
        huiliu_node::writer::init(&Setup::new(&dir.path().join("new"), "test", union, Role::Node), &clock, &random)
            .unwrap();
    let asked = home.request().unwrap().asked().unwrap();
    let mut record = asked.attestation.enrolment(&asked.entering.attestation, huiliu_proto::period::Day(20_454));
    record.set("seal_key", Value::Bytes(world.machine("hub-320900").me().grant.public.to_vec()));
    let lie = record.clone();
    let written = hubs[2].write_blocking(move |ledger| ledger.write_entry(&lie)).unwrap();
    assert!(matches!(written, WriteOutcome::Written { .. }), "the city's own program does not ask it: {written:?}");
    gossip(&[&hubs[0], &hubs[1], &hubs[2]]);
    let device = asked.attestation.device;
    for hub in &hubs {
        let receivers = hub.read(|conn| receivers::of_union(conn, union)).unwrap();
        assert!(receivers.iter().all(|r| r.device != device), "{receivers:?}");
        let held = hub.read(huiliu_node::store::quarantine::open).unwrap();
        assert!(held.iter().any(|h| h.reason == "rule"), "{held:?}");
    }
    // A person at the province compares the device key, which is right, and gives nothing to the city.
    assert_eq!(hubs[1].write_blocking(move |ledger| ledger.return_keys(&device)).unwrap(), Return::NoDevice);

    // As the device said it, it is enrolled, and gets the keys.
    record.set("seal_key", Value::Bytes(asked.attestation.seal_key.to_vec()));
    hubs[2].write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    gossip(&[&hubs[0], &hubs[1], &hubs[2]]);
    let returned = hubs[1].write_blocking(move |ledger| ledger.return_keys(&device)).unwrap();
    assert_eq!(returned, Return::Written { union, keys: 1 });
}
