//! A canary identity number and a canary phone number go into a county's dossier. Real programs, logging everything,
//! carry it up, fail in many ways and are killed; then every file and every line they wrote is searched. The identity
//! number stands nowhere in the clear; the phone stands where a phone may, and not above the province, and in no log.

mod canary {
    pub mod search;
    pub mod town;
}

use std::fs;

use canary::{
    search::{Needle, files, search},
    town::Town,
};
use huiliu_node::ledger::Intake;
use huiliu_proto::{feed::Scope, kind::Reach, operation::Operation};
use huiliu_tests::{
    forger::Forger,
    relay::{batches, take},
};
use serde_json::Value as Json;

/// Of nobody: the right form and check character, and digits that no other number here has.
const ID: &str = "320922197707177736";
const PHONE: &str = "13977737773";

fn mediator(name: &str) -> Vec<String> {
    let fields =
        [("name", name), ("id_no", ID), ("sex", "男"), ("born", "1977-07-17"), ("education", "大专"), ("phone", PHONE)];
    fields.iter().map(|(field, value)| format!("{field}={value}")).collect()
}

fn engagement(no: &str) -> Vec<String> {
    let fields = [
        ("mediator", "金丝雀"),
        ("employment", "专职"),
        ("channel", "1"),
        ("tier", "县级"),
        ("funded", "是"),
        ("contract_no", no),
        ("starts_on", "2025-01-01"),
        ("ends_on", "2027-12-31"),
        ("state", "在聘"),
        ("other_employment", "NO_OTHER_POST"),
    ];
    fields.iter().map(|(field, value)| format!("{field}={value}")).collect()
}

fn with<'a>(verb: &[&'a str], fields: &'a [String]) -> Vec<&'a str> {
    verb.iter().copied().chain(fields.iter().map(String::as_str)).collect()
}

#[test]
fn the_search_finds_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let needle = Needle::new(PHONE);
    let utf16: Vec<u8> = PHONE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = PHONE.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let hex = huiliu_proto::id::hex(PHONE.as_bytes());
    let forms = [PHONE.as_bytes().to_vec(), utf16, big, hex.clone().into_bytes(), hex.to_uppercase().into_bytes()];
    for (n, form) in forms.iter().enumerate() {
        fs::write(dir.path().join(n.to_string()), [b"before", &form[..], b"after"].concat()).unwrap();
    }
    fs::write(dir.path().join("none"), "1397773777").unwrap();
    assert_eq!(search(&files(dir.path()), &needle).len(), forms.len());
}

#[test]
fn a_canary_sings_only_where_it_may() {
    let mut town = Town::new();
    let (county, second) = ("node-320922-0", "node-320923-0");

    // Written at the county, and refused in every way there is; what a clerk types wrong may hold the number.
    town.run(county, &with(&["record", "add", "mediator"], &mediator("金丝雀"))).ok();
    town.run(county, &with(&["record", "add", "engagement"], &engagement("合-1"))).ok();
    let id = town.run(county, &["--json", "record", "list", "mediator"]).json()["records"][0]["record"].clone();
    let id = id.as_str().expect("it is listed").to_owned();
    let remark = format!("remarks=身份证{ID}");
    let wrong = format!("id_no={}", ID.replace("736", "737"));
    let (colon, turned, blank) = (format!("id_no：{ID}"), format!("{ID}=id_no"), format!("id_no {ID}"));
    let bad_phone = format!("phone={PHONE}9999");
    let corrects = format!("corrects={ID}");
    let option = format!("--{ID}");
    for (wrong, code) in [
        (&["record", "add", "mediator", "name=甲", &wrong][..], 4),
        (&["record", "add", "mediator", "name=甲", &colon], 2),
        (&["record", "add", "mediator", "name=甲", &turned], 2),
        (&["record", "add", "mediator", "name=甲", &blank], 2),
        (&["record", "add", "mediator", &option], 2),
        (&["record", "add", ID], 2),
        (&["record", "edit", &id, &remark], 4),
        (&["record", "edit", &id, "sex=女"], 4),
        (&["record", "edit", &id, &bad_phone], 4),
        (&["record", "edit", ID, "sex=女"], 1),
        (&["record", "show", ID], 1),
        (&["record", "history", ID], 1),
        (&["record", "list", "mediator", "--union", ID], 2),
        (&["record", "add", "work_entry", "mediator=金丝雀", &corrects], 4),
        (&["filing", "review", ID, "accept"], 1),
        (&["check", "run", ID], 2),
        (&["rollup", "--from", ID], 2),
        (&["restore", ID], 1),
    ] {
        let ran = town.run(county, wrong);
        assert_eq!(ran.code, code, "{wrong:?}: {}", ran.err);
        assert!(!ran.err.contains(ID) && !ran.out.contains(ID), "{wrong:?}: {}{}", ran.out, ran.err);
        assert!(!ran.log().contains(PHONE), "{wrong:?}: {}", ran.err);
    }
    // A duplicate at the county itself, and the same person at another county.
    town.run(county, &with(&["record", "add", "mediator"], &mediator("金丝雀二"))).ok();
    town.run(second, &with(&["record", "add", "mediator"], &mediator("金丝雀"))).ok();
    town.run(second, &with(&["record", "add", "engagement"], &engagement("合-2"))).ok();
    // A day on which both count.
    let programme =
        ["code=ZZZD-2025", "name=补助", "year=2025", "source=全国总工会", "purpose=薪酬", "census_on=2025-12-31"];
    town.run("hub-100000", &[&["record", "add", "programme"][..], &programme].concat()).ok();
    // No hub is up.
    assert_eq!(town.run(county, &["sync"]).code, 1);

    // Up to the nation; hubs and a county are killed in the middle, and come back.
    for hub in ["hub-100000", "hub-320000", "hub-320900"] {
        town.serve(hub);
    }
    town.serve(county);
    town.run(county, &["record", "edit", &id, "major=法学"]).ok();
    town.kill(county);
    town.kill("hub-320900");
    assert_eq!(town.run(county, &["sync"]).code, 1, "the line is broken");
    town.serve("hub-320900");
    for _ in 0..3 {
        for union in [county, second] {
            town.run(union, &["sync"]).ok();
        }
    }
    let found = town.wait("hub-320000", &["--json", "record", "list", "mediator"], |listed| {
        listed["records"].as_array().is_some_and(|records| records.len() == 3)
    });
    assert!(!found.out.contains(PHONE) && found.out.contains("****7773"), "a list is shortened: {}", found.out);
    let shown = town.run("hub-320000", &["--json", "record", "show", &id]);
    assert!(shown.out.contains(PHONE), "the province sees the phone: {}", shown.out);
    let shown = town.run("hub-320900", &["--json", "record", "show", &id]);
    assert!(!shown.out.contains(PHONE) && shown.out.contains(r#""phone""#), "the city does not: {}", shown.out);
    // It was granted the key, and is shown the last four; the city between is not even that.
    let shown = |town: &Town, hub| town.run(hub, &["--json", "record", "show", &id]).json()["fields"]["id_no"].clone();
    assert_eq!((shown(&town, "hub-320000"), shown(&town, "hub-320900")), ("****7736".into(), "****".into()));

    // One person in two unions: found by the province without a number in the open.
    town.wait("hub-320000", &["--json", "record", "list", "programme"], |listed| {
        listed["records"].as_array().is_some_and(|records| records.len() == 1)
    });
    let checked = town.wait("hub-320000", &["--json", "check", "run", "FC-05"], |json| {
        json["found"].as_array().is_some_and(|found| !found.is_empty())
    });
    assert!(!checked.out.contains(ID), "{}", checked.out);
    // Nobody below is told by itself; then somebody of the province says so.
    let checked = checked.json();
    assert_eq!((&checked["recorded"], &checked["found"][0]["withheld"]), (&0.into(), &true.into()));
    let case = checked["found"][0]["fingerprint"].as_str().expect("a case").to_owned();
    let listed =
        |town: &Town| town.run("hub-320000", &["--json", "record", "list", "finding"]).json()["records"].clone();
    for arguments in [&["--json", "check", "tell", &case, "--dry-run"][..], &["--json", "check", "tell", &case[..12]]] {
        assert_eq!(listed(&town), Json::Array(vec![]));
        let told = town.run("hub-320000", arguments);
        assert!(!told.out.contains(ID), "{}", told.out);
        assert_eq!(told.json()["written"], Json::from(arguments.len() == 4));
    }
    assert_eq!(listed(&town).as_array().map(Vec::len), Some(1));

    // What an altered program sends: a broken batch, an entry that quotes the numbers, a header of nonsense.
    let machine = town.world.machine(county).clone();
    town.kill("hub-320900");
    {
        let store = machine.store(huiliu_node::writer::Threads::Inline);
        let city = town.world.machine("hub-320900").store(huiliu_node::writer::Threads::Inline);
        let mut batch = batches(&store).into_iter().flatten().next().expect("the county wrote something");
        let mut segment = batch.segment.to_vec();
        let middle = segment.len() / 2;
        segment[middle] ^= 0x55;
        batch.segment = segment.into();
        batch.feed = huiliu_proto::id::FeedId([9; 16]);
        let (intake, log) = town.traced(|| take(&city, batch));
        assert!(matches!(intake, Intake::Refused { .. }), "{intake:?}");
        town.keep("corrupt batch", &format!("{log}\n{intake:?}"));

        let mut forger = Forger::new(&machine, Scope::Own(Reach::Province));
        let record = forger.id();
        let mut entry = huiliu_proto::record::Record::new(huiliu_proto::kind::kind("work_entry").expect("declared"));
        entry.set("place", huiliu_proto::value::Value::Text(format!("{PHONE}，{}", "长".repeat(600))));
        let forged = forger.say(&[Operation::new(9, record, None, entry.encode(), None)]);
        let (intake, log) = town.traced(|| take(&city, forged.clone()));
        assert!(matches!(intake, Intake::Taken { .. }), "{intake:?}");
        let held = city.read(huiliu_node::store::quarantine::all).expect("it can be read");
        assert!(!held.is_empty(), "it does not count");
        town.keep("quarantine", &format!("{log}\n{intake:?}\n{held:?}\n{forged:?}"));
    }
    assert_eq!(town.run("hub-320900", &["quarantine", "list"]).code, 3);
    for union in [county, "hub-320900", "hub-320000"] {
        for verb in ["verify", "rebuild", "status"] {
            town.run(union, &[verb]);
        }
    }
    let backup = town.dir("backup.db");
    town.run(county, &["backup", backup.to_str().expect("plain")]).ok();

    // A breakdown with a person's data in hand.
    for how in ["cut", "message", "debug", "write", "text"] {
        let ran = town.panic(county, how);
        assert!(ran.err.contains("a defect of this program at "), "{how}: {}", ran.err);
        assert_eq!(ran.err.contains("a text of the program"), how == "text", "{how}: {}", ran.err);
        assert!(!ran.err.contains(PHONE) && !ran.err.contains(ID), "{how}: {}", ran.err);
    }
    // As a power failure leaves them, write-ahead logs and all.
    town.kill_all();

    // Put back as it was, with the replaced database beside it.
    let restored = town.run(county, &["restore", backup.to_str().expect("plain"), "--yes"]).ok();
    assert!(restored.err.contains("请运行 sync"), "{}", restored.err);

    // The county knows its own people, and shows the last four.
    let shown = town.run(county, &["--json", "record", "show", &id]).json();
    assert_eq!((&shown["fields"]["id_no"], &shown["fields"]["phone"]), (&Json::from("****7736"), &Json::from(PHONE)));
    let raised = town.run("hub-320000", &["--json", "record", "list", "finding"]).json();
    assert_eq!(raised["records"].as_array().map(Vec::len), Some(1), "{raised}");

    let (number, phone) = (Needle::new(ID), Needle::new(PHONE));
    let everything = files(&town.dir(""));
    assert!(everything.iter().any(|path| path.ends_with("huiliu.db-wal")), "a log that a kill left is searched too");
    assert_eq!(search(&everything, &number), Vec::<String>::new(), "the identity number stands nowhere in the clear");
    for union in [county, second, "hub-320900", "hub-320000"] {
        assert!(!search(&files(&town.dir(union)), &phone).is_empty(), "the phone is found at {union}");
    }
    assert!(!search(std::slice::from_ref(&backup), &phone).is_empty(), "a backup holds what the database holds");
    assert_eq!(search(&files(&town.dir("hub-100000")), &phone), Vec::<String>::new(), "not above the province");
    let logs = files(&town.dir("logs"));
    assert!(logs.len() > 50, "{} logs", logs.len());
    assert_eq!(search(&logs, &phone), Vec::<String>::new(), "in no log");
    let loud = logs.iter().filter(|path| fs::read_to_string(path).is_ok_and(|log| log.contains("TRACE"))).count();
    assert!(loud > 3, "the programs did log everything");
}
