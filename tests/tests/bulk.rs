//! Many records from a file: every problem by its line, all or nothing unless asked otherwise, and all of it taken back.

use std::io::Cursor;

use huiliu_node::{
    app::{
        Mode,
        bulk::{self, Format, InTheWay, Lines, Report, Source, What},
        void,
    },
    identity::Role,
    rollup,
    store::{caches, imports, projection, rollups},
    writer::{Store, Threads},
};
use huiliu_proto::{kind::kind, union::UnionNumber};
use huiliu_tests::{
    people,
    relay::{batches, give},
    worklog,
    world::{World, hand_clock},
};

const HUBS: [&str; 3] = ["hub-100000", "hub-320000", "hub-320900"];

fn world(dir: &std::path::Path) -> World {
    let (clock, _) = hand_clock();
    let mut world = World::new(dir, 21, clock);
    for (union, role) in [("100000", Role::Root), ("320000", Role::Hub), ("320900", Role::Hub), ("320922", Role::Node)]
    {
        world.add(union, role).unwrap();
    }
    world
}

fn told(world: &World, name: &str) -> Store {
    let store = world.machine(name).store(Threads::Inline);
    for hub in HUBS.into_iter().filter(|hub| *hub != name) {
        let said = batches(&world.machine(hub).store(Threads::Inline));
        said.iter().flatten().for_each(|batch| give(&store, batch));
    }
    store
}

fn county() -> UnionNumber {
    "320922".parse().unwrap()
}

fn import(store: &Store, name: &str, text: impl AsRef<[u8]>, format: Format, lines: Lines) -> Report {
    let mut open = || Ok(Source::new(Box::new(Cursor::new(text.as_ref().to_vec())), format));
    bulk::import(store, kind(name).unwrap(), "名单.csv", lines, &mut open, &mut ()).unwrap()
}

fn count(store: &Store, name: &str) -> u64 {
    store.read(|conn| projection::count(conn, kind(name).unwrap(), None)).unwrap()
}

fn guided(store: &Store) -> i128 {
    let sums = store.read(|conn| rollups::sums(conn, county(), i32::MIN, i32::MAX)).unwrap();
    sums.get(&rollup::GUIDED).map_or(0, |(_, total)| *total)
}

fn log(lines: u64) -> String {
    let mut text = "\u{feff}指导员,duty,subtype,done_on,place,guided,workers_helped,summary,mandate\r\n".to_owned();
    for n in 0..lines {
        let day = format!("2025-{:02}-{:02}", n % 12 + 1, n / 12 % 28 + 1);
        text += &format!("测试员1,参加协商,现场指导协商,{day},测试企业,1,2,\"第{n}次，指导\",企业工会委托\r\n");
    }
    text
}

#[test]
fn a_log_is_imported_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let node = told(&world, "node-320922-0");
    let mediator = node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let own = node.write_blocking(move |ledger| people::work_entry(ledger, mediator, 0)).unwrap();
    let before = guided(&node);
    let text = log(2_500);
    let tried = import(&node, "work_entry", &text, Format::Csv, Lines::None);
    assert_eq!((tried.read, tried.wrong, tried.written, tried.import), (2_500, 0, 0, None));
    assert_eq!(count(&node, "work_entry"), 1);
    let done = import(&node, "work_entry", &text, Format::Csv, Lines::AllOrNone);
    assert_eq!((done.read, done.wrong, done.written), (2_500, 0, 2_500));
    assert_eq!(guided(&node), before + 2_500);
    let (city, province) = (told(&world, "hub-320900"), told(&world, "hub-320000"));
    let tell = || {
        for hub in [&city, &province] {
            batches(&node).iter().flatten().for_each(|batch| give(hub, batch));
        }
    };
    tell();
    assert_eq!(guided(&province), before + 2_500);
    let id = done.import.unwrap();
    let noted = node.read(imports::all).unwrap();
    assert_eq!((noted.len(), noted[0].id, noted[0].count(), noted[0].name.as_str()), (1, id, 2_500, "名单.csv"));
    // Written between its batches, or by anybody else: not part of it.
    assert!(id > own);
    let undo = |mode| bulk::undo(&node, county(), id, "导错了文件", mode, &mut ()).unwrap();
    // A correction names one line of it.
    let line = node.read(|conn| projection::list(conn, kind("work_entry").unwrap(), None, Some(id), 1)).unwrap()[0].id;
    node.write_blocking(move |ledger| people::correction(ledger, line)).unwrap();
    let Err(InTheWay::Named { by, .. }) = undo(Mode::DryRun) else { panic!("a correction stands in the way") };
    assert_eq!((by.len(), by[0].record), (1, line));
    assert!(undo(Mode::Write).is_err());
    assert_eq!(count(&node, "work_entry"), 2_502, "nothing was written");
    let correction = by[0].by;
    node.write_blocking(move |ledger| void::void(ledger, correction, "随导入撤销")).unwrap().unwrap();
    let preview = undo(Mode::DryRun).unwrap();
    assert_eq!((preview.voided, preview.before, preview.edited), (2_500, 0, 0));
    assert_eq!(count(&node, "work_entry"), 2_501);
    assert_eq!(undo(Mode::Write).unwrap().voided, 2_500);
    assert_eq!((count(&node, "work_entry"), guided(&node)), (1, before));
    tell();
    for store in [&city, &province, &node] {
        assert_eq!((count(store, "work_entry"), guided(store)), (1, before));
        let digest = store.read(caches::digest).unwrap();
        store.write_blocking(|ledger| ledger.rebuild(&mut |_| ())).unwrap();
        assert_eq!(digest, store.read(caches::digest).unwrap());
    }
    assert_eq!(undo(Mode::Write).unwrap().voided, 0, "once is enough");
}

#[test]
fn every_problem_is_told_by_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let node = told(&world, "node-320922-0");
    node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let code = worklog::credit_code;
    let text = format!(
        "name,uscc,所在区划,行业,ownership\n甲厂,{},320922,制造业,私营\n乙厂,{},320922,制造业\n丙厂,9132,320922,制造业,私营\n\n\
         丁厂,{},320922,制造业,私营\n丁厂二,{},320922,制造业,私营\n",
        code(1),
        code(2),
        code(3),
        code(3)
    );
    let whole = import(&node, "enterprise", &text, Format::Csv, Lines::AllOrNone);
    let told: Vec<(u64, &str)> = whole.problems.iter().map(|p| (p.line, p.what.code())).collect();
    assert_eq!(told, [(3, "cells"), (4, "rule")], "{:?}", whole.problems);
    assert_eq!((whole.read, whole.wrong, whole.written), (5, 2, 0), "nothing where a line is wrong");
    assert_eq!(whole.alike, [7], "the same code twice");
    let good = import(&node, "enterprise", &text, Format::Csv, Lines::Good);
    assert_eq!((good.written, count(&node, "enterprise")), (3, 3));
    let again = import(&node, "enterprise", &text, Format::Csv, Lines::None);
    assert_eq!(again.alike, [2, 6, 7], "they are here already");
    for (wrong, says) in [("name,nonsense\nx,y\n", "no_field"), ("name,名称\nx,y\n", "twice"), ("name\n\"x\n", "rule")]
    {
        let report = import(&node, "enterprise", wrong, Format::Csv, Lines::AllOrNone);
        assert!(report.problems.iter().any(|p| p.what.code() == says) && report.written == 0, "{wrong}: {report:?}");
    }
    let long = format!("name\n\"{}\n", "x".repeat(3 << 20));
    let report = import(&node, "enterprise", &long, Format::Csv, Lines::AllOrNone);
    assert_eq!(report.problems.last().map(|p| p.what.clone()), Some(What::CutOff));
    let good =
        format!("name,uscc,所在区划,行业,ownership\n己厂,{},320922,制造业,私营\n\"{}\n", code(8), "x".repeat(3 << 20));
    let report = import(&node, "enterprise", &good, Format::Csv, Lines::Good);
    assert_eq!((report.wrong, report.written), (1, 0), "half a file is not written");
    let gbk = import(&node, "enterprise", b"name\n\xbc\xd7\xb3\xa7\n", Format::Csv, Lines::None);
    assert_eq!(gbk.problems[0].what, What::Unreadable);
    // Lines of JSON, one of them none.
    let lines = format!(
        "{{\"name\":\"戊厂\",\"uscc\":\"{}\",\"region\":320922,\"industry\":\"制造业\",\"ownership\":\"私营\"}}\n\n[1]\n{{\"name\":7,\"名称\":\"x\"}}\n",
        code(9)
    );
    let report = import(&node, "enterprise", &lines, Format::JsonLines, Lines::Good);
    let told: Vec<(u64, &str)> = report.problems.iter().map(|p| (p.line, p.what.code())).collect();
    assert_eq!((report.read, report.written, told), (3, 1, vec![(3, "unreadable"), (4, "twice")]));
}

#[test]
fn dossiers_are_imported_whole_and_edits_since_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let node = told(&world, "node-320922-0");
    let mut text = "name,id_no,sex,born,education,phone\n".to_owned();
    for n in 0..300 {
        let id = people::identity_number(n);
        text += &format!("导入{n},{id},男,{}-{}-{},大专,13900000000\n", &id[6..10], &id[10..12], &id[12..14]);
    }
    let done = import(&node, "mediator", &text, Format::Csv, Lines::AllOrNone);
    assert_eq!((done.wrong, done.written), (0, 300), "{:?}", done.problems.first());
    let first = done.import.unwrap();
    node.write_blocking(move |ledger| people::edit(ledger, "mediator", first, "phone", "13900000001")).unwrap();
    let province = told(&world, "hub-320000");
    batches(&node).iter().flatten().for_each(|batch| give(&province, batch));
    assert_eq!(count(&province, "mediator"), 300);
    let undone = bulk::undo(&node, county(), first, "名单有误", Mode::Write, &mut ()).unwrap().unwrap();
    assert_eq!((undone.voided, undone.edited), (300, 1));
    batches(&node).iter().flatten().for_each(|batch| give(&province, batch));
    assert_eq!((count(&node, "mediator"), count(&province, "mediator")), (0, 0));
}
