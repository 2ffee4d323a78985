//! Proof files as people use them: one process a command, hubs on real lines, and a checker with no home at all.

#[path = "../../node/tests/documented/mod.rs"]
mod documented;
mod machine;

use std::path::{Path, PathBuf};

use documented::compare;
use machine::{Machine, Ran, Serving, free, wait_for};
use serde_json::Value as Json;
use tempfile::TempDir;

struct Town {
    dir: TempDir,
    hubs: Vec<Serving>,
}

impl Town {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn machine(&self, home: &str) -> Machine {
        // A county records, and has no hub unless somebody asks for one.
        match home {
            "binhai" => Machine::node(&self.dir, home).in_chinese(),
            home => Machine::hub(&self.dir, home).in_chinese(),
        }
    }

    fn run(&self, home: &str, arguments: &[&str]) -> Ran {
        let mut command = self.machine(home).command(arguments);
        command.current_dir(self.dir.path()).output().expect("the program starts").into()
    }

    fn good(&self, home: &str, arguments: &[&str]) -> String {
        let ran = self.run(home, arguments);
        assert_eq!(ran.code, 0, "{home} {arguments:?}\n{}{}", ran.out, ran.err);
        ran.out
    }

    fn json(&self, home: &str, arguments: &[&str]) -> Json {
        let ran = self.run(home, &[&["--json"], arguments].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{arguments:?}: {e}\n{}{}", ran.out, ran.err))
    }

    /// The union at `below` joins the one at `above`, by files.
    fn join(&self, above: &str, below: &str, address: &str) {
        self.good(below, &["request", "request.json"]);
        self.good(above, &["enrol", "request.json", "--yes", "--address", address, "--out", "grant.json"]);
        self.good(below, &["join", "--yes", "grant.json"]);
    }

    fn serve(&mut self, home: &str, address: &str) {
        let serving = self.machine(home).serve_at(address);
        self.hubs.push(serving);
    }
}

/// Receipts for what the county wrote.
fn own(town: &Town) -> Vec<Json> {
    let list = town.json("binhai", &["receipts", "list"]);
    list["receipts"].as_array().expect("a list").iter().filter(|row| row["of"] == 320_922).cloned().collect()
}

#[test]
fn a_county_proves_and_anyone_checks() {
    let mut town = Town { dir: TempDir::new().expect("a temporary directory"), hubs: vec![] };
    for (home, union, root) in [
        ("nation", "100000", true),
        ("jiangsu", "320000", false),
        ("yancheng", "320900", false),
        ("binhai", "320922", false),
    ] {
        let mut arguments = vec!["init", "--union", union];
        arguments.extend(root.then_some("--root"));
        town.good(home, &arguments);
    }
    let alone = town.run("binhai", &["prove", "0000"]);
    assert_eq!(alone.code, 1, "not joined yet: {}", alone.err);
    let addresses = [free(), free(), free()];
    town.join("nation", "jiangsu", &addresses[0]);
    town.join("jiangsu", "yancheng", &addresses[1]);
    town.join("yancheng", "binhai", &addresses[2]);
    let mediator = ["姓名=杨海好", "id_no=11010519491231002x", "sex=女", "born=1949-12-31", "education=本科"];
    let added = town.json("binhai", &[&["record", "add", "mediator"][..], &mediator].concat());
    let id = added["record"].as_str().expect("an id").to_owned();
    let early = town.run("binhai", &["prove", &id]);
    assert!(early.code == 1 && early.err.contains("sync"), "{}", early.err);
    for (home, address) in ["nation", "jiangsu", "yancheng"].iter().zip(&addresses) {
        town.serve(home, address);
    }
    wait_for("two levels acknowledge", || {
        town.run("binhai", &["sync"]);
        own(&town).len() >= 2
    });

    // The preview says what is inside; nothing is written over.
    let proved = town.good("binhai", &["prove", &id, "--out", "a.proof"]);
    for text in ["a.proof", "江苏省总工会", "盐城市总工会", "个人信息", "姓名", "仍加密：身份证号", "--root"]
    {
        assert!(proved.contains(text), "{text}:\n{proved}");
    }
    assert_eq!(town.run("binhai", &["prove", &id, "--out", "a.proof"]).code, 2);
    let again = town.json("binhai", &["prove", &id, "--out", "a.proof", "--force"]);
    compare("prove", &again);
    assert_eq!(again["sealed"], serde_json::json!(["id_no"]));
    let root = again["root"].as_str().expect("a fingerprint").to_owned();

    // Somebody with no home: with the fingerprint, without it, with another one.
    let checked = town.good("nowhere", &["check-proof", "a.proof", "--root", &root.to_uppercase()]);
    for text in ["属实", "杨海好", "滨海县总工会", "签收", "江苏省总工会", "登记", "不能证明", "加密"]
    {
        assert!(checked.contains(text), "{text}:\n{checked}");
    }
    assert!(!checked.contains("1949123100"), "what is sealed stays sealed");
    let english = town.good("nowhere", &["--lang", "en", "check-proof", "a.proof", "--root", &root]);
    assert!(english.starts_with("proven.") && english.contains("not proven: "), "{english}");
    // Later edits may stand where the file does not reach: said in both languages.
    assert!(checked.contains("可能还有此后的修改，不在文件内"), "{checked}");
    assert!(english.contains("may hold later edits that are not in it"), "{english}");
    let unknown = town.run("nowhere", &["check-proof", "a.proof"]);
    assert!(unknown.code == 2 && unknown.err.contains("--root"), "{}", unknown.err);
    assert_eq!(town.run("nowhere", &["check-proof", "a.proof", "--root", "0a1b"]).code, 2);
    let other = town.run("nowhere", &["check-proof", "a.proof", "--root", &"0".repeat(32)]);
    assert!(other.code == 4 && other.err.contains(&root), "{}", other.err);
    // Inside the network its own fingerprint is taken; the nation has no dossiers and can check one all the same.
    let json = town.json("nation", &["check-proof", "a.proof"]);
    compare("check-proof", &json);
    assert_eq!((&json["proven"], &json["kind"]), (&Json::Bool(true), &Json::from("mediator")));
    assert_eq!(json["enrolments"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["operations"][0]["acknowledged_by"], serde_json::json!([320_000, 320_900]));

    tampered(&town, &root);
    receipts(&town, &id, &root);
}

fn tampered(town: &Town, root: &str) {
    let file = std::fs::read(town.path("a.proof")).expect("it was written");
    for (name, bytes) in [
        ("changed", {
            let mut b = file.clone();
            b[file.len() / 2] ^= 1;
            b
        }),
        ("cut", file[..file.len() - 1].to_vec()),
        ("longer", [&file[..], b"\n"].concat()),
        ("empty", vec![]),
        ("huge", vec![0; 5 << 20]),
    ] {
        std::fs::write(town.path(name), bytes).expect("it can be written");
        let no = town.run("nowhere", &["check-proof", name, "--root", root]);
        assert!(no.code == 4 && no.err.contains("不能证明任何事") && no.err.contains("提示"), "{name}: {}", no.err);
    }
    let missing = town.run("nowhere", &["check-proof", "missing", "--root", root]);
    assert!(missing.code == 1 && missing.err.contains("missing"), "{}", missing.err);
}

fn receipts(town: &Town, id: &str, root: &str) {
    let verified = town.good("binhai", &["receipts", "verify"]);
    assert!(verified.contains("全部属实"), "{verified}");
    compare("receipts verify", &town.json("binhai", &["receipts", "verify"]));
    let feed = own(town)[0]["feed"].as_str().expect("a feed").to_owned();
    let exported = town.json("binhai", &["receipts", "export", &feed[..8], "盐城市", "--out", "old.proof"]);
    compare("receipts export", &exported);
    let receipt = town.json("nowhere", &["check-proof", "old.proof", "--root", root]);
    compare("check-proof", &receipt);
    assert_eq!((&receipt["what"], &receipt["receipts"][0]["union"]), (&"receipt".into(), &320_900.into()));
    assert_eq!(town.run("binhai", &["receipts", "export", &feed[..8], "北京市"]).code, 1);
    assert_eq!(town.run("binhai", &["consistency", "old.proof", "320900"]).code, 2, "one and the same");

    // It goes on: what is new is not confirmed until it has gone up, and the old receipt is still part of it.
    town.good("binhai", &["record", "edit", id, "phone=13800138000"]);
    let waiting = town.json("binhai", &["receipts", "verify"]);
    let rows = waiting["confirmed"].as_array().expect("a list");
    let waits = |row: &&Json| row["waiting_since"].is_number();
    assert!(rows.iter().any(|row| waits(&row)), "{waiting}");
    // The same by pages of one place, each after the one before.
    let (mut paged, mut after) = (vec![], None::<String>);
    loop {
        let more = after.iter().flat_map(|place| ["--after", place]);
        let verb: Vec<&str> = ["receipts", "verify", "--most", "1"].into_iter().chain(more).collect();
        let page = town.json("binhai", &verb);
        assert_eq!(page["receipts"], waiting["receipts"], "all are checked");
        paged.extend(page["confirmed"].as_array().expect("a list").clone());
        let Some(next) = page["next"].as_str() else { break };
        after = Some(next.to_owned());
    }
    assert!(paged.len() > 1 && &paged == rows, "{paged:?}");
    assert_eq!(town.run("binhai", &["receipts", "verify", "--after", "nowhere"]).code, 2);
    town.good("binhai", &["sync"]);
    compare("consistency", &town.json("binhai", &["consistency", "old.proof", "320900", "--out", "grown.proof"]));
    let grown = town.good("nowhere", &["check-proof", "grown.proof", "--root", root]);
    assert!(grown.contains("没有一条被改动或拿掉"), "{grown}");
    assert_eq!(town.run("binhai", &["consistency", "grown.proof", "320900"]).code, 2, "not a receipt");

    lie(town, &feed);
    quarantined(town);
}

/// The city signs for another history, and its word has got into the county's database: it is found, said and kept.
fn lie(town: &Town, feed: &str) {
    use huiliu_node::{
        clock,
        identity::Home,
        store::receipts,
        writer::{Store, Threads},
    };
    use huiliu_proto::{id::Hash, signed::Receipt};
    let home = |name: &str| Home::open(Path::new(&town.path(name))).expect("a home");
    let (clock, random) = (clock::system(), clock::random());
    let city = home("yancheng").me(clock.clone(), random.clone()).expect("its keys");
    let store = Store::of(&home("binhai"), clock, random, Threads::Inline).expect("its store");
    let held = store.read(receipts::all).expect("receipts").into_iter().find(|r| r.union == city.union).expect("one");
    let lie = Receipt::sign(&city.key, city.union, held.feed, held.size, Hash([7; 32]), held.received_at + 1);
    store
        .write_blocking(move |ledger| {
            ledger.conn().raw().execute(r#"DELETE FROM receipt WHERE "union" = 320900"#, ())?;
            receipts::put(ledger.conn(), &lie)
        })
        .expect("it is written");
    drop(store);
    assert_eq!(town.json("binhai", &["status"])["evidence"], Json::Array(vec![]));
    let told = town.run("binhai", &["receipts", "verify"]);
    assert!(told.code == 3 && told.out.contains("警告"), "{}{}", told.out, told.err);
    assert_eq!(town.json("binhai", &["status"])["evidence"].as_array().map(Vec::len), Some(1));
    let exported = town.run("binhai", &["receipts", "export", feed, "320900", "--out", "lie.proof"]);
    assert!(exported.code == 3 && exported.err.contains("警告"), "{}", exported.err);
    let compared = town.run("binhai", &["consistency", "old.proof", "320900", "--out", "lie.proof"]);
    assert!(compared.code == 3 && compared.err.contains("留存备查"), "{}", compared.err);
    assert!(!town.path("lie.proof").exists(), "nothing is written where nothing is proven");
}

/// What does not count is not proven, however well it is signed.
fn quarantined(town: &Town) {
    use huiliu_node::{
        clock,
        identity::Home,
        ledger::Incoming,
        writer::{Store, Threads},
    };
    use huiliu_proto::{
        feed::{Feed, Scope},
        id::RecordIds,
        kind::{Reach, kind},
        operation::Operation,
        segment,
        signed::TreeHead,
        tree::Edge,
    };
    let home = Home::open(&town.path("binhai")).expect("a home");
    let (clock, random) = (clock::system(), clock::random());
    let me = home.me(clock.clone(), random.clone()).expect("its keys");
    let feed = Feed::new(&me.network, me.union, me.device(), 77, Scope::Own(Reach::Province), None).expect("a feed");
    let id = RecordIds::new(&me.device(), [9; 4], None).next(clock());
    let number = kind("work_entry").expect("it is declared").number;
    let operation = Operation::new(number, id, None, vec![0x10, 0x02], None);
    let mut edge = Edge::default();
    edge.push(operation.leaf());
    let batch = Incoming {
        feed: feed.id,
        header: feed.header.clone(),
        first: 0,
        count: 1,
        segment: segment::pack(&[operation]).expect("it is small").into(),
        head: TreeHead::sign(&me.key, feed.id, 1, edge.root(), clock(), None).signed,
        from: None,
        settled: false,
        asked: false,
    };
    let store = Store::of(&home, clock, random, Threads::Inline).expect("its store");
    store.write_blocking(move |ledger| ledger.take_in(&batch)).expect("it is taken");
    drop(store);
    let refused = town.run("binhai", &["prove", &id.to_string(), "--out", "held.proof"]);
    assert!(refused.code == 4 && refused.err.contains("不计入"), "{}{}", refused.out, refused.err);
    assert!(!town.path("held.proof").exists());
}
