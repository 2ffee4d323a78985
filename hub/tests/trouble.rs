//! A stolen machine, a restored backup, a copied disk: what the operations notes say, typed.

#[path = "../../node/tests/documented/mod.rs"]
mod documented;
mod machine;

use std::{fs, path::Path};

use documented::compare;
use machine::{Machine, Serving, wait_for};
use tempfile::TempDir;

/// A city over a county, both joined, and what keeps them up.
struct Town {
    dir: TempDir,
    province: Machine,
    city: Machine,
    county: Machine,
    _up: Vec<Serving>,
}

impl Town {
    fn new() -> Town {
        let dir = TempDir::new().expect("a temporary directory");
        let nation = Machine::hub(&dir, "nation");
        nation.done(&["init", "--root"]);
        let mut up = vec![nation.serve()];
        let below = |above: &Machine, machine: Machine, code: &str| {
            machine.done(&["join", &above.invite(&[code])]);
            machine
        };
        let province = below(&nation, Machine::hub(&dir, "jiangsu"), "320000");
        up.push(province.serve());
        let city = below(&province, Machine::hub(&dir, "yancheng"), "320900");
        up.push(city.serve());
        let county = below(&city, Machine::node(&dir, "binhai"), "320922");
        let town = Town { dir, province, city, county, _up: up };
        town.county.record(&[
            "mediator",
            "name=例辛亥",
            "id_no=320000199302189087",
            "sex=female",
            "born=1993-02-18",
            "education=college",
        ]);
        town.come_together(&town.county);
        town
    }

    /// Exchanges until the levels above have acknowledged all of it.
    fn come_together(&self, machine: &Machine) {
        wait_for("all levels acknowledge", || {
            machine.run(&["sync"]);
            let status = machine.json(&["status"]);
            let feeds = status["feeds"].as_array().expect("feeds").clone();
            feeds.iter().all(|f| {
                let receipts = f["receipts"].as_array().expect("receipts");
                receipts.len() == 2 && receipts.iter().all(|r| r["size"] == f["size"])
            })
        });
    }

    fn device(&self, machine: &Machine) -> String {
        machine.json(&["status"])["device"].as_str().expect("a device").to_owned()
    }
}

fn work(machine: &Machine, day: u32) {
    machine.record(&[
        "work_entry",
        "mediator=例辛亥",
        "duty=publicity and guidance",
        "subtype=topics gathered",
        &format!("done_on=2026-10-{day:02}"),
        "place=滨海港镇",
        "topics_collected=6",
    ]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("a home").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

fn kinds_of_evidence(machine: &Machine) -> Vec<String> {
    let list = machine.json(&["evidence", "list"]);
    list["evidence"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| e["what"].as_str().expect("a word").to_owned())
        .collect()
}

#[test]
fn a_stolen_machine_is_shut_out_and_its_union_goes_on() {
    let town = Town::new();
    work(&town.county, 1);
    town.come_together(&town.county);
    let device = town.device(&town.county);
    // Nobody is asked on a pipe: nothing happens without --yes, and not without a reason.
    assert_ne!(town.city.run(&["revoke", &device[..12]]).code, 0);
    let preview = town.city.run(&["revoke", &device[..12], "--reason", "stolen"]);
    assert!(preview.code != 0 && preview.err.contains(&device), "{preview:?}");
    town.county.done(&["sync"]);
    town.city.done(&["revoke", &device[..12], "--reason", "stolen", "--yes"]);
    assert_eq!(town.city.run(&["revoke", &device[..12], "--reason", "again", "--yes"]).code, 4);
    work(&town.county, 2);
    let shut = town.county.run(&["sync"]);
    assert!(shut.code == 1 && shut.err.contains("revoked"), "{shut:?}");
    assert_eq!(town.county.run(&["status"]).code, 3);
    town.city.refused(&["invite", "320922"], "--device");

    // Another machine: the union's history comes back, and the keys once the province has given them.
    let second = Machine::node(&town.dir, "second");
    second.done(&["join", &town.city.invite(&["320922", "--device"])]);
    town.come_together(&second);
    assert_eq!((second.count("mediator"), second.count("work_entry")), (1, 1));
    wait_for("the province hears of the new machine", || {
        town.province.run(&["return-keys", &town.device(&second), "--dry-run"]).code == 0
    });
    for how in ["--dry-run", "--yes"] {
        compare("return-keys", &town.province.json(&["return-keys", &town.device(&second), how]));
    }
    wait_for("the keys come down", || {
        second.run(&["sync"]);
        let id = second.json(&["record", "list", "mediator"])["records"][0]["record"].as_str().unwrap().to_owned();
        second.json(&["record", "show", &id])["fields"]["id_no"] == "****9087"
    });
    work(&second, 3);
    town.come_together(&second);
    wait_for("the province has both", || town.province.count("work_entry") == 2);
    for hub in [&town.city, &town.province] {
        hub.done(&["verify"]);
    }
}

#[test]
fn a_backup_is_restored_and_says_so() {
    let town = Town::new();
    work(&town.county, 1);
    town.county.done(&["sync"]);
    let backup = town.dir.path().join("monday.db");
    let backup = backup.to_str().expect("plain");
    town.county.done(&["backup", backup]);
    for day in 2..5 {
        work(&town.county, day);
    }
    town.come_together(&town.county);
    town.county.done(&["restore", backup, "--yes"]);
    assert_eq!(town.county.count("work_entry"), 1);
    // It shows before anybody asks, and what is written now cannot clash with what was signed before.
    let status = town.county.run(&["status"]);
    assert!(status.code == 3 && status.out.contains("evidence show 1"), "{status:?}");
    assert_eq!(kinds_of_evidence(&town.county), ["restored"]);
    work(&town.county, 5);
    town.come_together(&town.county);
    assert_eq!(town.county.count("work_entry"), 5);
    wait_for("the province has all five", || town.province.count("work_entry") == 5);
    assert_eq!(kinds_of_evidence(&town.city), ["restored"], "the level above hears of it");
    let no = town.county.json(&["evidence", "list"])["evidence"][0]["no"].to_string();
    let shown = town.county.run(&["evidence", "show", &no]);
    assert!(shown.code == 3 && shown.out.contains("old backup"), "{shown:?}");
    compare("evidence list", &town.county.json(&["evidence", "list"]));
    compare("evidence show", &town.county.json(&["evidence", "show", &no]));
    for trial in [&["--dry-run"][..], &[]] {
        let settle = ["evidence", "settle", &no, "--note", "new disk"];
        compare("evidence settle", &town.county.json(&[&settle[..], trial].concat()));
    }
    assert_eq!(town.county.run(&["status"]).code, 0);
    assert_eq!(town.county.run(&["evidence", "settle", &no, "--note", "again"]).code, 1);
    town.county.done(&["verify"]);
}

#[test]
fn a_copied_disk_is_found_out_and_nothing_is_lost() {
    let town = Town::new();
    let twin = Machine::node(&town.dir, "twin");
    copy(&town.county.home, &twin.home);
    for day in 1..4 {
        work(&town.county, day);
        work(&twin, 10 + day);
        town.county.exchange();
        twin.exchange();
    }
    town.come_together(&twin);
    town.come_together(&town.county);
    for machine in [&town.county, &twin, &town.city] {
        assert_eq!(machine.count("work_entry"), 6);
        assert!(!kinds_of_evidence(machine).is_empty(), "{:?}", machine.home);
        machine.done(&["verify"]);
    }
    wait_for("the province has all six", || town.province.count("work_entry") == 6);
}

/// Exactly the keys that `docs/json.md` tells, where it takes several levels to have an answer.
#[test]
fn answers_about_what_came_from_below_have_the_keys_that_are_told() {
    let town = Town::new();
    work(&town.county, 1);
    let file = ["filing", "submit", "--type", "yearly", "--year", "2025", "--census", "2025-06-30", "--yes"];
    let filing = town.county.json(&file)["record"].as_str().expect("it was filed").to_owned();
    compare("sync", &town.county.json(&["sync"]));
    wait_for("the city has the filing", || town.city.count("filing") == 1);
    compare("filing list", &town.city.json(&["filing", "list"]));
    for trial in [&["--dry-run"][..], &[]] {
        let review = town.city.json(&[&["filing", "review", &filing, "accept"], trial].concat());
        compare("record add KIND FIELD=VALUE", &review);
    }
    // The filing travels further than the records of `come_together`.
    wait_for("the levels above acknowledge", || {
        town.county.run(&["sync"]);
        let status = town.county.json(&["status"]);
        let acknowledged = |feed: &serde_json::Value| {
            let receipts = feed["receipts"].as_array().expect("receipts");
            receipts.len() >= 2 && receipts.iter().all(|receipt| receipt["size"] == feed["size"])
        };
        status["feeds"].as_array().expect("feeds").iter().all(acknowledged)
    });
    compare("status", &town.city.json(&["status"]));
    compare("receipts list", &town.county.json(&["receipts", "list"]));
    compare("receipts verify", &town.county.json(&["receipts", "verify"]));
    compare(
        "prove",
        &town.county.json(&["prove", &filing, "--out", town.dir.path().join("a").to_str().expect("plain")]),
    );
    // What had come before the revocation took effect counts no more, until a person says that it does.
    let device = town.device(&town.county);
    town.city.done(&["revoke", &device[..12], "--reason", "stolen", "--since", "2020-01-01", "--yes"]);
    let held = town.city.json(&["quarantine", "list"]);
    compare("quarantine list", &held);
    let which: Vec<&str> =
        held["held"].as_array().expect("a list").iter().filter_map(|h| h["which"].as_str()).collect();
    assert!(which.len() > 1, "{held}");
    compare("quarantine show", &town.city.json(&["quarantine", "show", which[0]]));
    for (verb, which) in [("release", which[0]), ("reject", which[1])] {
        for how in ["--dry-run", "--yes"] {
            let ruled = town.city.json(&["quarantine", verb, which, "--reason", "looked at", how]);
            compare("quarantine release, quarantine reject", &ruled);
        }
    }
    compare("status", &town.city.json(&["status"]));
    compare("inbox", &town.city.json(&["inbox"]));
}
