//! Whom a hub lets in, and as what: nobody chooses her own role, nobody has another's key, what was shut out stays out.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use huiliu_hub::{
    authority::{self, A_DAY, AuthorityError},
    revocation,
};
use huiliu_node::{
    clock::Clock,
    identity::{Grant, Home, IdentityError, Role, Setup, certificates},
    store::{invitations, trust},
    sync::join,
    writer::{Store, Threads},
};
use huiliu_proto::{
    id::DeviceId,
    joining::{Entering, Reason},
    token::{Pin, Token, pass_hash},
    union::UnionNumber,
};
use huiliu_tests::{
    forger::attested_with,
    relay,
    world::{Machine, World, hand_clock, random},
};

const DAY: i64 = 86_400_000;

struct Scene {
    _dir: tempfile::TempDir,
    world: World,
    hand: Arc<AtomicI64>,
}

impl Scene {
    fn new() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let (clock, hand) = hand_clock();
        let mut world = World::new(dir.path(), 3, clock);
        for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub)] {
            world.add(union, role).unwrap();
        }
        Scene { _dir: dir, world, hand }
    }

    fn hub(&self, union: &str) -> (&Machine, Store) {
        let machine = self.world.machine(&format!("hub-{union}"));
        (machine, machine.store(Threads::Inline))
    }

    fn home(&self, union: &str, role: Role, seed: u64) -> Home {
        let dir = self.world.dir.join(format!("{union}-{seed}"));
        huiliu_node::writer::init(
            &Setup::new(&dir, "test", union.parse().unwrap(), role),
            &self.world.clock,
            &random(seed),
        )
        .unwrap()
    }

    fn clock(&self) -> Clock {
        self.world.clock.clone()
    }
}

/// As `invite` does, for a further machine, so that many may come.
fn token(hub: &Machine, store: &Store, union: &str, as_hub: bool, asked_by: Option<DeviceId>) -> Token {
    let (id, secret) = join::draw(&huiliu_node::clock::random());
    let union: UnionNumber = union.parse().unwrap();
    let now = (hub.clock)();
    let new = authority::new_invitation(id, union, pass_hash(&*secret.pass(&id)), now, now + 7 * DAY);
    let new = invitations::Invitation { further: true, as_hub, asked_by, ..new };
    store.write_blocking(move |ledger| invitations::add(ledger.conn(), &new)).unwrap();
    Token {
        network: "test".into(),
        root: hub.home.fingerprint().unwrap().unwrap(),
        hub: hub.union(),
        address: "hub:7443".into(),
        pin: Pin([0; 16]),
        union,
        as_hub,
        vouched: false,
        id,
        secret,
    }
}

fn said(home: &Home, token: &Token) -> Entering {
    Entering::verify(&home.entering(token).unwrap()).unwrap()
}

fn enter(hub: &Machine, store: &Store, entering: &Entering) -> Result<Grant, AuthorityError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(authority::enter(&hub.home, store, entering, &hub.clock))
}

fn declined<T: std::fmt::Debug>(result: Result<T, AuthorityError>) -> Reason {
    match result {
        Err(AuthorityError::Declined(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

fn copy_key(from: &Path, to: &Path) {
    std::fs::copy(from.join("keys/tls.pem"), to.join("keys/tls.pem")).unwrap();
}

/// A3.
#[test]
fn a_tls_key_is_one_devices_and_its_request_serves_no_other() {
    let scene = Scene::new();
    let (city, store) = scene.hub("320900");
    let (first, second) = (scene.home("320922", Role::Node, 1), scene.home("320922", Role::Node, 2));
    enter(city, &store, &said(&first, &token(city, &store, "320922", false, None))).unwrap();
    // A home that was copied, or a key that was stolen: its request is good, and another has that key.
    copy_key(&first.dir, &second.dir);
    let entering = said(&second, &token(city, &store, "320922", false, None));
    assert_eq!(declined(enter(city, &store, &entering)), Reason::Key);
    // A request that the first made, overheard, and said by a third.
    let third = scene.home("320922", Role::Node, 3);
    let mine = token(city, &store, "320922", false, None);
    let overheard = Entering { tls: said(&first, &mine).tls, ..said(&third, &mine) };
    let error = enter(city, &store, &overheard).unwrap_err();
    assert!(matches!(error, AuthorityError::Identity(IdentityError::OtherRequest)), "{error}");
    // One that it made itself, for another token.
    let other = token(city, &store, "320922", false, None);
    let stale = Entering { tls: said(&third, &mine).tls, ..said(&third, &other) };
    let error = enter(city, &store, &stale).unwrap_err();
    assert!(matches!(error, AuthorityError::Identity(IdentityError::OtherRequest)), "{error}");

    // Where two enrolments name one key all the same, as a program with a defect might have said: the oldest live one.
    let key = certificates::own_key_hash(&first.key("tls").unwrap());
    let me = second.me(scene.clock(), random(2)).unwrap();
    let record = attested_with(&me.key, "320922".parse().unwrap(), false, key);
    store.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap();
    let who = || store.read(|conn| trust::by_tls_key(conn, &key, city.union())).unwrap().unwrap().device;
    assert_eq!(who(), first.device().unwrap(), "it is not put off the line");
    let plan = revocation_plan(&store, city.union(), first.device().unwrap());
    store.write_blocking(move |ledger| revocation::revoke(ledger, &plan, "丢失")).unwrap().unwrap();
    assert_eq!(who(), second.device().unwrap());
}

fn revocation_plan(store: &Store, by: UnionNumber, device: DeviceId) -> revocation::Plan {
    store.read(|conn| Ok(revocation::plan(conn, by, &device.to_string(), None))).unwrap().unwrap()
}

/// A7.
#[test]
fn the_role_stands_in_the_token() {
    let scene = Scene::new();
    let (province, store) = scene.hub("320000");
    let hub = scene.home("321000", Role::Hub, 1);
    let machine = scene.home("321000", Role::Node, 2);
    let for_machine = token(province, &store, "321000", false, None);
    let for_hub = token(province, &store, "321000", true, None);
    assert_eq!(declined(enter(province, &store, &said(&hub, &for_machine))), Reason::Role);
    assert_eq!(declined(enter(province, &store, &said(&machine, &for_hub))), Reason::Role);
    assert!(matches!(hub.fits(&for_machine), Err(IdentityError::OtherRole { theirs: false })));
    assert!(matches!(machine.fits(&for_hub), Err(IdentityError::OtherRole { theirs: true })));
    enter(province, &store, &said(&hub, &for_hub)).unwrap();
    enter(province, &store, &said(&machine, &for_machine)).unwrap();

    // Not even where the token says so does a union become a hub that gives no numbers.
    let (city, store) = scene.hub("320900");
    let mut park = scene.home("320900-001", Role::Node, 3);
    park.keys.write_pem("authority", &certificates::new_key().unwrap(), &random(3)).unwrap();
    park.config.hub = true;
    let for_park = token(city, &store, "320900-001", true, None);
    assert_eq!(declined(enter(city, &store, &said(&park, &for_park))), Reason::Role);
    assert!(store.read(|conn| trust::enrolments(conn, Some(&park.device().unwrap()))).unwrap().is_empty());
    // A county does, where it registers townships.
    let county = scene.home("320922", Role::Hub, 4);
    let for_county = token(city, &store, "320922", true, None);
    enter(city, &store, &said(&county, &for_county)).unwrap();
}

/// A8.
#[test]
fn machines_that_a_stolen_one_let_in_are_named_and_they_are_few() {
    let scene = Scene::new();
    let (city, store) = scene.hub("320900");
    let stolen = scene.home("320922", Role::Node, 1);
    enter(city, &store, &said(&stolen, &token(city, &store, "320922", false, None))).unwrap();
    let thief = stolen.device().unwrap();
    let (mut let_in, mut by) = (vec![], thief);
    for seed in 2.. {
        let home = scene.home("320922", Role::Node, seed);
        // Each invites the next: it is a family all the same.
        match enter(city, &store, &said(&home, &token(city, &store, "320922", false, Some(by)))) {
            Ok(_) => let_in.push(home.device().unwrap()),
            refused => {
                assert_eq!(declined(refused), Reason::Busy);
                break;
            }
        }
        by = *let_in.last().unwrap();
    }
    assert_eq!(let_in.len() as u64, A_DAY - 1);
    let plan = revocation_plan(&store, city.union(), thief);
    assert_eq!(plan.invited.iter().map(|e| e.device).collect::<Vec<_>>(), let_in);
    // Another machine of the union, which a person at the city invited, is not among them; and tomorrow goes on.
    scene.hand.fetch_add(DAY, Ordering::Relaxed);
    let honest = scene.home("320922", Role::Node, 99);
    enter(city, &store, &said(&honest, &token(city, &store, "320922", false, None))).unwrap();
    for device in let_in {
        let plan = revocation_plan(&store, city.union(), device);
        store.write_blocking(move |ledger| revocation::revoke(ledger, &plan, "被盗")).unwrap().unwrap();
    }
    assert!(revocation_plan(&store, city.union(), thief).invited.is_empty());
}

#[test]
fn a_clock_that_is_set_back_brings_no_token_back() {
    let scene = Scene::new();
    let (city, store) = scene.hub("320900");
    let home = scene.home("320922", Role::Node, 1);
    let token = token(city, &store, "320922", false, None);
    scene.hand.fetch_add(8 * DAY, Ordering::Relaxed);
    assert_eq!(declined(enter(city, &store, &said(&home, &token))), Reason::Expired);
    scene.hand.fetch_sub(8 * DAY, Ordering::Relaxed);
    assert_eq!(declined(enter(city, &store, &said(&home, &token))), Reason::Expired);
    // Whoever asked: the hub looks for itself, too.
    let unseen = self::token(city, &store, "320922", false, None);
    scene.hand.fetch_add(8 * DAY, Ordering::Relaxed);
    let now = (scene.world.clock)();
    assert!(store.read(|conn| invitations::due(conn, now)).unwrap());
    store.write_blocking(move |ledger| invitations::sweep(ledger.conn(), now)).unwrap();
    scene.hand.fetch_sub(8 * DAY, Ordering::Relaxed);
    assert_eq!(declined(enter(city, &store, &said(&home, &unseen))), Reason::Expired);
}

#[test]
fn a_renewal_is_for_the_keys_that_were_enrolled() {
    let scene = Scene::new();
    let (province, store) = scene.hub("320000");
    let city = &scene.world.machine("hub-320900").home;
    let caller = store.read(|conn| Ok(trust::enrolments(conn, Some(&city.device().unwrap()))?.remove(0))).unwrap();
    let asked = city.renewal().unwrap();
    let renew = |tls: &str, sub: &str| authority::renew(&province.home, &caller, tls, sub, &scene.world.clock);
    renew(&asked.tls, &asked.authority).unwrap();
    // Of an authority's key that nobody enrolled, or of none, or of another device.
    let another = certificates::new_key().unwrap();
    let foreign = certificates::request(&another, &caller.device, None).unwrap();
    assert_eq!(declined(renew(&asked.tls, &foreign)), Reason::Malformed);
    assert_eq!(declined(renew(&foreign, &asked.authority)), Reason::Malformed);
    assert_eq!(declined(renew(&asked.tls, "")), Reason::Malformed);
    let other = certificates::request(&city.key("tls").unwrap(), &DeviceId([4; 32]), None).unwrap();
    assert!(renew(&other, &asked.authority).is_err());
}

#[test]
fn a_device_that_was_shut_out_does_not_join_elsewhere() {
    let scene = Scene::new();
    let (city, below) = scene.hub("320900");
    let stolen = scene.home("320922", Role::Node, 1);
    enter(city, &below, &said(&stolen, &token(city, &below, "320922", false, None))).unwrap();
    let plan = revocation_plan(&below, city.union(), stolen.device().unwrap());
    below.write_blocking(move |ledger| revocation::revoke(ledger, &plan, "被盗")).unwrap().unwrap();
    let (province, above) = scene.hub("320000");
    for batch in relay::batches(&below).into_iter().flatten() {
        relay::take(&above, batch);
    }
    // The same keys, as a machine of the city's own.
    let mut again = scene.home("320900", Role::Node, 2);
    for key in ["signing", "tls.pem"] {
        std::fs::copy(stolen.dir.join("keys").join(key), again.dir.join("keys").join(key)).unwrap();
    }
    again = Home::open(&again.dir).unwrap();
    let token = token(province, &above, "320900", false, None);
    assert_eq!(declined(enter(province, &above, &said(&again, &token))), Reason::Device);
}
