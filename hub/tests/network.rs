//! A network comes together: one process a command, each union in a home of its own, hubs on loopback. The pages' own
//! sessions are typed in `pages`.

mod machine;

use std::process::{Child, Stdio};

use machine::{Machine, Ran, wait_for};
use tempfile::TempDir;

fn mediator<'a>(name: &'a str, id_no: &'a str) -> Vec<&'a str> {
    vec!["mediator", name, id_no, "sex=female", "born=1993-02-18", "education=college"]
}

#[test]
fn the_network_comes_together() {
    let dir = TempDir::new().expect("a temporary directory");
    let nation = Machine::hub(&dir, "nation");
    nation.done(&["init", "--root"]);
    let nation_up = nation.serve();

    // The county records before anybody above it has heard of it.
    let binhai = Machine::node(&dir, "binhai");
    binhai.done(&["init", "--union", "320922"]);
    binhai.record(&mediator("name=例辛亥", "id_no=320000199302189087"));

    // A province without a home yet: joining makes one.
    let jiangsu = Machine::hub(&dir, "jiangsu");
    let token = nation.invite(&["320000"]);
    assert!(jiangsu.done(&["join", &token]).contains(&nation_up.address));
    let status = jiangsu.json(&["status"]);
    assert_eq!(status["hub"], true);
    // By which a machine that joins with a file is told to compare networks.
    let root = status["root"].as_str().expect("a fingerprint");
    assert!(nation.done(&["status"]).contains(root), "the levels know the network by one name");
    let jiangsu_up = jiangsu.serve();

    let yancheng = Machine::hub(&dir, "yancheng");
    let file = dir.path().join("token");
    jiangsu.invite(&["320900", "--out", &file.display().to_string()]);
    yancheng.done(&["join", "--file", &file.display().to_string()]);
    let yancheng_up = yancheng.serve();

    let token = yancheng.invite(&["320922"]);
    // However it was copied.
    binhai.done(&["join", &token.to_uppercase().replace('-', " ")]);
    assert_eq!(binhai.count("mediator"), 1, "nothing of before is lost");
    wait_for("the dossier reaches the province", || {
        binhai.run(&["sync"]);
        jiangsu.count("mediator") == 1
    });
    // The answer may have been lost: the same machine asks again.
    binhai.done(&["join", &token]);
    assert_eq!(yancheng.count("enrolment"), 3, "one each for the province, the city and the county");

    // A second machine, invited by the first.
    let second = Machine::node(&dir, "second");
    let token = binhai.invite(&["--device"]);
    second.done(&["join", &token]);
    wait_for("the second machine reads what the first sealed", || {
        binhai.run(&["sync"]);
        second.run(&["sync"]);
        id_number(&second, "例辛亥").as_deref() == Some("****9087")
    });
    // And the first what the second seals.
    second.record(&mediator("name=例壬子", "id_no=110117199302189080"));
    wait_for("the first machine reads what the second sealed", || {
        second.run(&["sync"]);
        binhai.run(&["sync"]);
        id_number(&binhai, "例壬子").as_deref() == Some("****9080")
    });

    // All feeds of the county reach the level they are meant for: money the nation, dossiers the province.
    nation.record(&["programme", "code=P-2026", "name=协商专项", "year=2026", "source=national union", "purpose=测试"]);
    wait_for("what the nation publishes is known in the county", || {
        binhai.run(&["sync"]);
        binhai.count("programme") == 1
    });
    let list = binhai.json(&["record", "list", "programme"]);
    let programme = format!("programme={}", list["records"][0]["record"].as_str().expect("an id"));
    let programme = ["matching", &programme, "source=own matching money"];
    binhai.record(&[&programme[..], &["year=2026", "amount=1000", "booked_on=2026-11-18", "voucher_no=1"]].concat());
    wait_for("the money is seen by the nation", || {
        binhai.run(&["sync"]);
        nation.count("matching") == 1
    });
    let travelled: Vec<(String, u64)> = feeds(&binhai);
    assert!(travelled.iter().all(|(_, waiting)| *waiting == 0), "{travelled:?}");
    assert_eq!(nation.count("mediator"), 0, "dossiers stop at the province");

    // Both machines are lost. The city lets a new one in; it may write, and reads nothing that is sealed: nobody of
    // its own union vouches for it, so it might be anybody's.
    let third = Machine::node(&dir, "third");
    third.done(&["join", &yancheng.invite(&["320922", "--device"])]);
    let sealed = || {
        third.run(&["sync"]);
        id_number(&third, "例辛亥")
    };
    wait_for("the dossiers come back", || sealed().is_some());
    binhai.exchange();
    assert_ne!(sealed().as_deref(), Some("****9087"));
    let status = third.json(&["status"]);
    let device = status["device"].as_str().expect("a key");
    wait_for("the province hears of it", || {
        third.run(&["sync"]);
        jiangsu.json(&["record", "list", "enrolment"]).to_string().contains(device)
    });
    yancheng.refused(&["return-keys", device, "--yes"], "not below this hub's province");
    // Where nobody can be asked, nothing is given without --yes.
    assert_eq!(jiangsu.run(&["return-keys", device]).code, 2);
    assert!(jiangsu.done(&["return-keys", &device[..16], "--yes"]).contains("2 keys"));
    wait_for("a person at the province gave the keys back", || sealed().as_deref() == Some("****9087"));
    assert_eq!(id_number(&third, "例壬子").as_deref(), Some("****9080"));
    for machine in [&nation, &jiangsu, &yancheng, &binhai, &second, &third] {
        machine.done(&["verify"]);
    }
    drop((nation_up, jiangsu_up, yancheng_up));
}

/// What `record show` shows of the identity number of the mediator of that name.
fn id_number(machine: &Machine, name: &str) -> Option<String> {
    let list = machine.json(&["record", "list", "mediator"]);
    let found = list["records"].as_array()?.iter().find(|row| row.to_string().contains(name))?;
    let id = found["record"].as_str()?;
    let shown = machine.done(&["record", "show", id]);
    let line = shown.lines().find(|line| line.contains("resident identity number"))?;
    line.split_whitespace().last().map(str::to_owned)
}

/// A machine's own feeds, and how many operations of each wait for the union above.
fn feeds(machine: &Machine) -> Vec<(String, u64)> {
    let status = machine.json(&["status"]);
    let feeds = status["feeds"].as_array().expect("a list").iter();
    feeds.map(|f| (f["feed"].to_string(), f["waiting"].as_u64().expect("a number"))).collect()
}

#[test]
fn a_token_lets_one_machine_in_once() {
    let dir = TempDir::new().expect("a temporary directory");
    let nation = Machine::hub(&dir, "nation");
    nation.done(&["init", "--root"]);
    // Before it listens anywhere it cannot say where to call.
    assert_eq!(nation.run(&["invite", "320000"]).code, 2);
    let up = nation.serve();
    assert_eq!(nation.run(&["invite", "320000", "--address", "0.0.0.0:7443"]).code, 2);
    nation.refused(&["invite", "320900"], "not directly below");

    // A race of two: one wins.
    let token = nation.invite(&["320000"]);
    let racers: Vec<Machine> = ["a", "b"].map(|name| Machine::hub(&dir, name)).into();
    let running: Vec<Child> = racers
        .iter()
        .map(|racer| {
            let mut command = racer.command(&["join", &token]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
        })
        .collect();
    let ended: Vec<Ran> = running.into_iter().map(|child| child.wait_with_output().expect("it ends").into()).collect();
    let mut codes: Vec<i32> = ended.iter().map(|ran| ran.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 4], "{ended:?}");
    let loser = ended.iter().find(|ran| ran.code == 4).expect("one lost");
    assert!(loser.err.contains("used by another machine"), "{loser:?}");

    // A third comes later, and hears the same.
    let third = Machine::hub(&dir, "third");
    third.refused(&["join", &token], "used by another machine");
    // A fresh token for a union that has a machine is asked for with --device.
    nation.refused(&["invite", "320000"], "--device");
    third.done(&["join", &nation.invite(&["320000", "--device"])]);

    // Taken back.
    let invited = nation.json(&["invite", "330000"]);
    let (token, id) = (invited["token"].as_str().expect("a token"), invited["id"].as_str().expect("an id"));
    nation.done(&["invite", "revoke", id]);
    let zhejiang = Machine::hub(&dir, "zhejiang");
    zhejiang.refused(&["join", token], "taken back");
    assert_eq!(nation.run(&["invite", "revoke", id]).code, 1, "only once");

    // A mistyped one is found here, before anybody is called.
    let bent = token.replacen(['2', '3'], "4", 1);
    assert_eq!(zhejiang.run(&["join", &bent]).code, 2);
    assert_eq!(zhejiang.run(&["join", "no such thing"]).code, 2);
    // A home of another union does not take it.
    let fujian = nation.invite(&["350000"]);
    assert_eq!(zhejiang.run(&["join", &fujian]).code, 1);
    let list = nation.json(&["invite", "list"]);
    let states: Vec<&str> =
        list["invitations"].as_array().expect("a list").iter().filter_map(|i| i["state"].as_str()).collect();
    assert_eq!(states, ["open", "revoked", "used", "used"]);
    // A token on standard input.
    let mut reading = Machine::hub(&dir, "fujian").command(&["join", "-"]);
    let mut child = reading.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("it is piped"), fujian.as_bytes()).expect("it reads");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    drop(up);
}
