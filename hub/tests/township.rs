//! A township below a county: its machine joins at the county's hub, its money comes from the county, and all of it rolls up.

mod machine;

use machine::{Machine, Serving, wait_for};
use serde_json::Value as Json;
use tempfile::TempDir;

/// The levels above a township, each with its hub.
struct Levels {
    nation: Machine,
    jiangsu: Machine,
    yancheng: Machine,
    /// The machine at which the county's clerk records, and its hub.
    binhai: Machine,
    hub: Machine,
    up: Vec<Serving>,
}

fn levels(dir: &TempDir) -> Levels {
    let nation = Machine::hub(dir, "nation");
    nation.done(&["init", "--root"]);
    let mut up = vec![nation.serve()];
    let jiangsu = Machine::hub(dir, "jiangsu");
    jiangsu.done(&["join", &nation.invite(&["320000"])]);
    up.push(jiangsu.serve());
    let yancheng = Machine::hub(dir, "yancheng");
    yancheng.done(&["join", &jiangsu.invite(&["320900"])]);
    up.push(yancheng.serve());
    // A county is a machine that records, and has a hub beside it where it says so.
    let binhai = Machine::node(dir, "binhai");
    binhai.done(&["join", &yancheng.invite(&["320922"])]);
    assert_eq!(binhai.json(&["status"])["hub"], false);
    let hub = Machine::hub(dir, "binhai-hub");
    hub.done(&["join", &yancheng.invite(&["320922", "--device", "--hub"])]);
    assert_eq!(hub.json(&["status"])["hub"], true);
    up.push(hub.serve());
    Levels { nation, jiangsu, yancheng, binhai, hub, up }
}

/// A figure of a union: its own, and with all below.
fn figure(at: &Machine, union: &str, measure: &str) -> (i64, i64) {
    let said = at.json(&["rollup", "--union", union, "--from", "2026-01", "--to", "2026-12"]);
    let found = said["measures"].as_array().expect("a list").iter().find(|row| row["measure"] == measure).cloned();
    let number = |row: &Json, name: &str| row[name].as_i64().unwrap_or_default();
    found.map_or((0, 0), |row| (number(&row, "own"), number(&row, "total")))
}

fn first(at: &Machine, kind: &str) -> Option<String> {
    let list = at.json(&["record", "list", kind]);
    list["records"][0]["record"].as_str().map(str::to_owned)
}

#[test]
fn a_township_is_a_union_like_any_other() {
    let dir = TempDir::new().expect("a temporary directory");
    let levels = levels(&dir);
    let Levels { nation, jiangsu, yancheng, binhai, hub, .. } = &levels;

    // Nobody is invited who was not registered. The clerk does that, off line; the county's hub hears of it.
    hub.refused(&["invite", "320922-001"], "no union is registered");
    assert_eq!(binhai.run(&["union", "register", "name=滨海县东坎街道总工会", "form=township_union"]).code, 4);
    wait_for("the clerk's machine has heard of its block", || {
        binhai.run(&["sync"]);
        binhai.run(&["union", "register", "name=试", "form=township_union", "--dry-run"]).code == 0
    });
    let named = ["name=滨海县东坎街道总工会", "short_name=东坎街道", "form=township_union"];
    assert!(binhai.done(&[&["union", "register"], &named[..]].concat()).contains("320922-001"));
    binhai.done(&["union", "register", "name=滨海县八滩镇总工会", "short_name=八滩镇", "form=township_union"]);
    wait_for("the county's hub knows whom the clerk registered", || {
        binhai.run(&["sync"]);
        hub.count("union") == 2
    });
    let town = Machine::node(&dir, "town");
    town.done(&["init", "--union", "320922-001"]);
    town.done(&["join", &hub.invite(&["东坎街道"])]);
    // Only the union directly above invites it, and it has no hub itself.
    yancheng.refused(&["invite", "320922-001", "--device"], "not directly below");
    hub.refused(&["invite", "320922-001", "--device", "--hub"], "no unions below it");

    // A dossier of the township goes to the province, and to the county's own desk.
    let person = ["mediator", "name=例乙丑", "id_no=320000199302189087", "sex=female", "born=1993-02-18"];
    town.record(&[&person[..], &["education=college"]].concat());
    wait_for("the dossier reaches the province", || {
        town.run(&["sync"]);
        jiangsu.count("mediator") == 1
    });
    wait_for("and every machine of the county", || {
        binhai.run(&["sync"]);
        binhai.count("mediator") == 1
    });

    // Money: the nation's programme, the county's allocation, the township's receipt.
    nation.record(&["programme", "code=P-2026", "name=协商专项", "year=2026", "source=national union", "purpose=测试"]);
    wait_for("the programme is known in the township", || {
        town.run(&["sync"]);
        town.count("programme") == 1
    });
    let programme = format!("programme={}", first(&town, "programme").expect("it is known"));
    let paid = ["no=滨工拨1", "year=2026", "amount=2000", "doc_no=滨工发1", "paid_on=2026-11-18"];
    let allocation = [&["allocation", "to_union=东坎街道", &programme], &paid[..]].concat();
    hub.record(&allocation);
    wait_for("the township hears of its money", || {
        town.run(&["sync"]);
        town.count("allocation") == 1
    });
    assert_eq!(
        yancheng.run(&[&["record", "add"], &allocation[..]].concat()).code,
        0,
        "any union above may, and knows its name"
    );
    let of = format!("allocation={}", first(&town, "allocation").expect("it is there"));
    let received = ["year=2026", "amount=2000", "received_on=2026-11-19", "bank_serial=1", "subject=40302"];
    town.record(&[&["fund_receipt", &of, &programme], &received[..]].concat());
    wait_for("the nation has both halves", || {
        town.run(&["sync"]);
        nation.count("fund_receipt") == 1 && nation.count("allocation") == 2
    });
    for at in [nation, jiangsu, yancheng, hub] {
        assert_eq!(figure(at, "320922-001", "received"), (200_000, 200_000));
        assert_eq!(figure(at, "320922", "received"), (0, 200_000));
        assert_eq!(figure(at, "320922", "allocated"), (200_000, 200_000), "{}", at.home.display());
    }
    assert_eq!(figure(nation, "100000", "received"), (0, 200_000));
    // What it is called is known to itself and to every level above, and nowhere is it found by another's name.
    for at in [nation, jiangsu, yancheng, hub, &town] {
        let shown = at.done(&["rollup", "--union", "dkjd"]);
        assert!(shown.starts_with("滨海县东坎街道总工会（320922-001）"), "{shown}");
    }
    assert!(town.run(&["status"]).out.contains("滨海县东坎街道总工会"));
    // The township sees what the levels above say to it, and nothing of its neighbours.
    let neighbour = Machine::node(&dir, "neighbour");
    neighbour.done(&["join", &hub.invite(&["btz"])]);
    neighbour.exchange();
    assert_eq!((neighbour.count("mediator"), neighbour.count("fund_receipt")), (0, 0));
    for machine in [nation, jiangsu, yancheng, binhai, hub, &town, &neighbour] {
        machine.done(&["verify"]);
    }
    drop(levels.up);
}
