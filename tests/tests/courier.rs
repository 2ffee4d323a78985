//! Machines that join with files: what a courier may do to them, and what is shown to people before anything is written.

use std::path::Path;

use huiliu_hub::authority::{self, AuthorityError};
use huiliu_node::{
    identity::{Grant, Home, IdentityError, Request, Role, Setup, certificates},
    store::trust,
    writer::{Store, Threads},
};
use huiliu_proto::{
    attestation::Attestation,
    joining::{Entering, Reason},
    signed::SigningKey,
    union::UnionNumber,
};
use huiliu_tests::world::{World, random, simulated_clock};

fn network(dir: &Path) -> World {
    let mut world = World::new(dir, 9, simulated_clock());
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub)] {
        world.add(union, role).unwrap();
    }
    world
}

/// A machine of the county that has not joined.
fn county(world: &World, seed: u64) -> Home {
    let dir = world.dir.join(format!("county-{seed}"));
    huiliu_node::writer::init(
        &Setup::new(&dir, "test", "320922".parse().unwrap(), Role::Node),
        &world.clock,
        &random(seed),
    )
    .unwrap()
}

fn enrolments(store: &Store) -> usize {
    store.read(|conn| trust::enrolments(conn, None)).unwrap().len()
}

fn enrol(world: &World, store: &Store, request: &Request) -> Result<Grant, AuthorityError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(authority::enrol(&world.machine("hub-320900").home, store, request, &world.clock))
}

/// The file with one of its two texts changed.
fn bent(request: &Request, change: impl FnOnce(&mut serde_json::Value)) -> Request {
    let mut json = serde_json::to_value(request).unwrap();
    change(&mut json);
    serde_json::from_value(json).unwrap()
}

/// The request as another signs it, who has the county's file and a key of her own.
fn said_by(home: &Home, change: impl FnOnce(&mut Entering)) -> Request {
    let key = SigningKey::from_seed(&[99; 32]);
    let mut entering = home.request().unwrap().asked().unwrap().entering;
    entering.device = key.device();
    change(&mut entering);
    Request::from(entering.sign(&key))
}

#[test]
fn a_courier_can_change_nothing_in_a_request() {
    let dir = tempfile::tempdir().unwrap();
    let world = network(dir.path());
    let city = world.machine("hub-320900");
    let store = city.store(Threads::Inline);
    let home = county(&world, 1);
    let request = home.request().unwrap();
    let before = enrolments(&store);

    // Every byte of it, so the TLS request, the role, the seal key, the union; and the signature.
    let text = serde_json::to_value(&request).unwrap();
    for field in ["entering", "signature"] {
        let hex = text[field].as_str().unwrap();
        for at in (0..hex.len()).step_by(7) {
            let change = |json: &mut serde_json::Value| {
                let mut digits = hex.as_bytes().to_vec();
                digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
                json[field] = String::from_utf8(digits).unwrap().into();
            };
            let error = enrol(&world, &store, &bent(&request, change)).expect_err("a changed request");
            assert!(matches!(error, AuthorityError::Identity(IdentityError::File { .. })), "{field} {at}: {error}");
        }
    }
    // Signed anew with another device's key, it names that device, which is not the one people compare; and what the
    // county's keys signed for the county's device serves no other.
    let stolen = enrol(&world, &store, &said_by(&home, |_| ())).unwrap_err();
    assert!(matches!(stolen, AuthorityError::Identity(IdentityError::OtherRequest)), "{stolen}");
    let thief = county(&world, 2);
    let key = SigningKey::from_seed(&[99; 32]);
    let tls = certificates::request(&thief.key("tls").unwrap(), &key.device(), None).unwrap();
    let stolen = enrol(&world, &store, &said_by(&home, |said| said.tls = tls)).unwrap_err();
    assert!(
        matches!(stolen, AuthorityError::Identity(IdentityError::File { .. })),
        "the county vouches for it: {stolen}"
    );
    assert_eq!(enrolments(&store), before, "nothing was written");

    // As the county made it, it is taken, and all that its device said stands in the enrolment.
    let grant = enrol(&world, &store, &request).unwrap();
    let mut joined = home;
    joined.accept(&grant, None, &world.clock, &random(1)).unwrap();
    let all = store.read(|conn| trust::enrolments(conn, Some(&joined.device().unwrap()))).unwrap();
    let said = request.asked().unwrap().attestation;
    let [one] = &all[..] else { panic!("{all:?}") };
    assert_eq!((one.tls_key, one.seal_key, one.hub), (Some(said.tls_key), Some(said.seal_key), false));
}

#[test]
fn who_asks_is_shown_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let world = network(dir.path());
    let city = world.machine("hub-320900");
    let store = city.store(Threads::Inline);
    let (first, second) = (county(&world, 1), county(&world, 2));
    let before = enrolments(&store);
    let seen = authority::preview(&city.home, &store, &first.request().unwrap()).unwrap();
    assert_eq!((seen.said.device, seen.said.hub, seen.known), (first.device().unwrap(), false, false));
    assert!(seen.others.is_empty());
    assert_eq!(enrolments(&store), before, "looking writes nothing");
    enrol(&world, &store, &first.request().unwrap()).unwrap();
    let seen = authority::preview(&city.home, &store, &second.request().unwrap()).unwrap();
    assert_eq!(seen.others.iter().map(|e| e.device).collect::<Vec<_>>(), [first.device().unwrap()]);
    assert!(authority::preview(&city.home, &store, &first.request().unwrap()).unwrap().known);
}

#[test]
fn what_was_said_on_the_line_is_no_file_and_a_township_is_no_hub() {
    let dir = tempfile::tempdir().unwrap();
    let world = network(dir.path());
    let store = world.machine("hub-320900").store(Threads::Inline);
    let union: UnionNumber = "320900-001".parse().unwrap();
    let refused = huiliu_node::writer::init(
        &Setup::new(&dir.path().join("hub"), "test", union, Role::Hub),
        &world.clock,
        &random(3),
    );
    assert!(matches!(refused, Err(IdentityError::NoneBelow(_))));
    // A program of its own does not ask itself.
    let dir = world.dir.join("park");
    let setup = Setup::new(&dir, "test", union, Role::Node);
    let mut home = huiliu_node::writer::init(&setup, &world.clock, &random(4)).unwrap();
    home.keys.write_pem("authority", &certificates::new_key().unwrap(), &random(4)).unwrap();
    home.config.hub = true;
    let error = enrol(&world, &store, &home.request().unwrap()).unwrap_err();
    assert!(matches!(error, AuthorityError::Declined(Reason::Role)), "{error}");

    let home = county(&world, 5);
    let mut entering = home.request().unwrap().asked().unwrap().entering;
    let key = home.me(world.clock.clone(), random(5)).unwrap().key;
    entering.token = Some((huiliu_proto::token::TokenId([1; 6]), [2; 32]));
    let error = enrol(&world, &store, &Request::from(entering.sign(&key))).unwrap_err();
    assert!(matches!(error, AuthorityError::Identity(IdentityError::File { .. })), "{error}");
    // An attestation that the device made for another role, or another token, stands for nothing here.
    let said = home.request().unwrap().asked().unwrap();
    let other = Attestation { hub: true, authority_key: Some(said.attestation.tls_key), ..said.attestation };
    let entering = Entering { attestation: other.sign(&key), ..said.entering };
    let error = enrol(&world, &store, &Request::from(entering.sign(&key))).unwrap_err();
    assert!(matches!(error, AuthorityError::Identity(IdentityError::File { .. })), "{error}");
}
