//! A hub's answers for programs: exactly the keys that `docs/json.md` tells.

#[path = "../../node/tests/documented/mod.rs"]
mod documented;
mod machine;

use documented::compare;
use huiliu_node::{
    clock,
    identity::Home,
    ledger::{Incoming, Intake},
    store::evidence::Peer,
    writer::{Store, Threads},
};
use huiliu_proto::{
    feed::{Feed, Scope},
    id::{DeviceId, RecordId},
    kind::Reach,
    operation::Operation,
    segment,
    signed::{SigningKey, TreeHead},
    tree::Edge,
    union::UnionNumber,
};
use machine::Machine;
use tempfile::TempDir;

#[test]
fn a_hubs_answers_have_the_keys_that_are_told() {
    let dir = TempDir::new().expect("a temporary directory");
    let root = Machine::hub(&dir, "nation");
    let province = Machine::hub(&dir, "province");
    compare("init", &root.json(&["init", "--root"]));
    province.done(&["init", "--union", "320000", "--hub"]);

    let trial = root.json(&["invite", "110000", "--address", "127.0.0.1:1", "--dry-run"]);
    compare("invite --dry-run", &trial);
    assert_eq!(root.run(&["invite", "110000"]).code, 2, "a trial remembers no address");
    let none = root.json(&["invite", "list"]);
    assert_eq!(none, serde_json::json!({ "invitations": [], "next": null }), "and no invitation");
    let invited = root.json(&["invite", "110000", "--address", "127.0.0.1:1"]);
    compare("invite", &invited);
    let listed = root.json(&["invite", "list"]);
    assert_eq!(listed["invitations"].as_array().map(Vec::len), Some(1), "{listed}");
    compare("invite list", &listed);
    let id = invited["id"].as_str().expect("an id");
    let after = root.json(&["invite", "list", "--after", id]);
    assert_eq!(after["invitations"].as_array().map(Vec::len), Some(0));
    let unknown = root.run(&["--json", "invite", "list", "--after", "000000000000"]);
    assert!(unknown.code == 1 && unknown.err.contains("unknown_invitation"), "{}", unknown.err);
    assert_eq!(root.json(&["invite", "revoke", id, "--dry-run"])["revoked"], false);
    compare("invite revoke", &root.json(&["invite", "revoke", id]));

    let (request, grant) = (dir.path().join("request.json"), dir.path().join("grant.json"));
    let (request, grant) = (request.to_str().expect("a plain name"), grant.to_str().expect("a plain name"));
    compare("request", &province.json(&["request", request]));
    let trial = root.json(&["enrol", request, "--out", grant, "--dry-run"]);
    compare("enrol", &trial);
    assert!(trial["written"] == false && !std::path::Path::new(grant).exists());
    let enrolled = root.json(&["enrol", request, "--out", grant, "--yes"]);
    compare("enrol", &enrolled);
    compare("join", &province.json(&["join", "--file", grant, "--yes"]));
    let of = ["name=全国铁路总工会", "form=industrial_union"];
    compare("union register", &root.json(&[&["union", "register"], &of[..], &["--dry-run"]].concat()));
    let registered = root.json(&[&["union", "register"], &of[..]].concat());
    compare("union register", &registered);
    assert_eq!(registered["number"], "100000-001", "a trial draws no number");
    compare("union list", &root.json(&["union", "list"]));
    compare("union find", &root.json(&["union", "find", "qgtlzgh"]));
    let related = ["union", "relate", "320000", "type=posted_by", "other=100000", "from=2026-01-01", "doc_no=1"];
    compare("union relate, union change", &root.json(&[&related[..], &["--dry-run"]].concat()));
    compare("union relate, union change", &root.json(&related));
    let changed = ["union", "change", "320000", "from=2026-01-01", "chair_seat=part_time_chair", "doc_no=2"];
    compare("union relate, union change", &root.json(&changed));
    compare("union show", &root.json(&["union", "show", "320000", "--on", "2026-02-01"]));
    compare("union show", &root.json(&["union", "show", "100000"]));
    let several = root.run(&["--json", "union", "find", "鼓楼区"]);
    assert!(
        several.code == 2 && several.err.contains("several_unions") && several.err.contains("江苏省南京市"),
        "{}",
        several.err
    );
    let none = root.json(&["number-block", "320000"]);
    compare("number-block", &none);
    assert_eq!(none["given"], serde_json::json!([]), "it came with its enrolment");
    let further = root.json(&["number-block", "320000", "--device", enrolled["device"].as_str().expect("a device")]);
    compare("number-block", &further);
    assert_eq!(further["given"][0]["first"], "320000-1001");
    compare("vouch", &root.json(&["vouch", "--dry-run"]));
    compare("vouch", &root.json(&["vouch"]));
    let device = enrolled["device"].as_str().expect("a device");
    let trial = root.json(&["revoke", device, "--reason", "given back", "--dry-run"]);
    compare("revoke", &trial);
    assert_eq!(trial["written"], false);
    let revoked = root.json(&["revoke", device, "--reason", "given back", "--yes"]);
    compare("revoke", &revoked);
    assert_eq!(revoked["written"], true);
    compare("status", &root.json(&["status"]));
}

/// A feed in the province's name whose device nobody enrolled, as the province's machine would hand it over.
fn junk(root: &Machine, province: DeviceId) -> String {
    let home = Home::open(&root.home).expect("it is there");
    let union: UnionNumber = "320000".parse().expect("a union");
    let key = SigningKey::from_seed(&[7; 32]);
    let feed = Feed::new(&home.config.network, union, key.device(), 1, Scope::Own(Reach::Nation), None);
    let feed = feed.expect("the scope is the union's");
    let operation = Operation::new(1, RecordId([7; 16]), None, vec![1], None);
    let mut edge = Edge::default();
    edge.push(operation.leaf());
    let head = TreeHead::sign(&key, feed.id, edge.size(), edge.root(), clock::system()(), None);
    let batch = Incoming {
        feed: feed.id,
        header: feed.header.clone(),
        first: 0,
        count: 1,
        segment: segment::pack(&[operation]).expect("within the bounds").into(),
        head: head.signed,
        from: Some(Peer { union, device: province }),
        settled: false,
        asked: false,
    };
    let store = Store::of(&home, clock::system(), clock::random(), Threads::Inline).expect("the store opens");
    let intake = store.write_blocking(move |ledger| ledger.take_in(&batch)).expect("it can be written");
    assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");
    feed.id.to_string()
}

#[test]
fn a_purge_says_what_it_deletes() {
    let dir = TempDir::new().expect("a temporary directory");
    let (root, province) = (Machine::hub(&dir, "nation"), Machine::hub(&dir, "province"));
    root.done(&["init", "--root"]);
    province.done(&["init", "--union", "320000", "--hub"]);
    let (request, grant) = (dir.path().join("request.json"), dir.path().join("grant.json"));
    let (request, grant) = (request.to_str().expect("a plain name"), grant.to_str().expect("a plain name"));
    province.done(&["request", request]);
    let enrolled = root.json(&["enrol", request, "--out", grant, "--address", "127.0.0.1:1", "--yes"]);
    let device = enrolled["device"].as_str().expect("a device").parse().expect("a key");
    let feed = junk(&root, device);
    let waiting = root.run(&["--json", "quarantine", "list"]);
    let listed: serde_json::Value = serde_json::from_str(&waiting.out).expect("JSON");
    compare("quarantine list", &listed);
    assert_eq!((waiting.code, &listed["held"][0]["which"]), (3, &feed.as_str().into()), "{listed}");
    let shown: serde_json::Value =
        serde_json::from_str(&root.run(&["--json", "quarantine", "show", &feed]).out).expect("JSON");
    compare("quarantine show", &shown);
    let purge = ["purge", &feed[..8], "--reason", "垃圾数据"];
    for (how, written) in [("--dry-run", false), ("--yes", true)] {
        let answer = root.json(&[&purge[..], &[how]].concat());
        compare("purge", &answer);
        assert_eq!((&answer["feed"], &answer["to"]), (&feed.as_str().into(), &320_000.into()), "{answer}");
        assert_eq!((&answer["operations"], &answer["written"]), (&1.into(), &written.into()), "{answer}");
    }
    let again = root.run(&[&["--json"], &purge[..], &["--yes"]].concat());
    assert!(again.code == 1 && again.err.contains("unknown_feed"), "{}", again.err);
    assert_eq!(root.json(&["quarantine", "list"])["held"], serde_json::json!([]));
}
