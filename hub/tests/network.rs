//! The tour of the README, typed: one process a command, each union in a home of its own, hubs on loopback.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use tempfile::TempDir;

/// Nothing here takes nearly so long; a machine that is busy with other things may.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command left behind.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// One machine: a program and its home.
struct Machine {
    home: PathBuf,
    program: PathBuf,
}

/// A hub that serves; ended when dropped.
struct Serving {
    child: Child,
    address: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other program is built beside this one by `cargo test --workspace`; where only this crate is tested, it is built
/// here.
fn node() -> PathBuf {
    let hub = Path::new(env!("CARGO_BIN_EXE_huiliu-hub"));
    let beside = hub.with_file_name(format!("huiliu-node{}", std::env::consts::EXE_SUFFIX));
    if !beside.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--offline", "--package", "huiliu-node", "--bin", "huiliu-node"]);
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(built.success() && beside.exists(), "huiliu-node is needed beside huiliu-hub");
    }
    beside
}

impl Machine {
    fn hub(dir: &TempDir, name: &str) -> Machine {
        Machine { home: dir.path().join(name), program: env!("CARGO_BIN_EXE_huiliu-hub").into() }
    }

    fn node(dir: &TempDir, name: &str) -> Machine {
        Machine { home: dir.path().join(name), program: node() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("HUILIU_HOME", &self.home)
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env("LANG", "en_US.UTF-8")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().expect("the program starts").into()
    }

    /// Runs what must succeed, and gives what it printed.
    fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran.out.trim().to_owned()
    }

    fn json(&self, arguments: &[&str]) -> Json {
        let out = self.run(&[&["--json"], arguments].concat());
        serde_json::from_str(&out.out).unwrap_or_else(|e| panic!("{arguments:?}: {e} {out:?}"))
    }

    /// Runs what must be refused with this word of English.
    fn refused(&self, arguments: &[&str], word: &str) {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 4, "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(word) && ran.err.contains("hint: "), "{word} in {ran:?}");
    }

    /// Serves on a free port, and is on it when this returns.
    fn serve(&self) -> Serving {
        let mut child =
            self.command(&["serve", "--listen", &free()]).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (tell, told) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        // Read to the end, so that the program never waits for a reader.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("listening on ") {
                    let _ = tell.send(address.to_owned());
                }
            }
        });
        let address = told.recv_timeout(PATIENCE).expect("it listens");
        Serving { child, address }
    }

    fn invite(&self, arguments: &[&str]) -> String {
        self.done(&[&["invite"], arguments].concat())
    }

    fn record(&self, arguments: &[&str]) {
        self.done(&[&["record", "add"], arguments].concat());
    }

    fn count(&self, kind: &str) -> usize {
        self.json(&["record", "list", kind])["records"].as_array().map_or(0, Vec::len)
    }
}

/// A port that is free now.
fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").to_string()
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        // Until the next look; there is nothing to wait on but another process.
        let (_keep, never) = mpsc::channel::<()>();
        let _ = never.recv_timeout(Duration::from_millis(100));
    }
}

fn mediator<'a>(name: &'a str, id_no: &'a str) -> Vec<&'a str> {
    vec!["mediator", name, id_no, "sex=female", "born=1993-02-18", "education=college"]
}

#[test]
fn the_network_comes_together_as_the_readme_says() {
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
    assert_eq!(jiangsu.json(&["status"])["hub"], true);
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
    binhai.done(&["sync"]);
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
    let states: Vec<&str> = list.as_array().expect("a list").iter().filter_map(|i| i["state"].as_str()).collect();
    assert_eq!(states, ["open", "revoked", "used", "used"]);
    // A token on standard input.
    let mut reading = Machine::hub(&dir, "fujian").command(&["join", "-"]);
    let mut child = reading.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("it is piped"), fujian.as_bytes()).expect("it reads");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    drop(up);
}
