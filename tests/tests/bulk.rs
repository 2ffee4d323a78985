//! Many records from a file: every problem by its line, all or nothing unless asked otherwise, and all of it taken back.

use std::io::{self, Cursor, Read};

use huiliu_node::{
    app::{
        Mode, Progress,
        bulk::{self, BulkError, Format, InTheWay, LineProblem, Lines, Report, Source},
        void::{self, Problem},
    },
    identity::Role,
    rollup,
    store::{StoreError, caches, imports, projection, rollups},
    writer::{Store, Threads},
};
use huiliu_proto::{kind::kind, union::UnionNumber};
use huiliu_tests::{
    people,
    relay::{batches, give, take},
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
    try_import(store, name, text, format, lines).unwrap()
}

fn try_import(
    store: &Store,
    name: &str,
    text: impl AsRef<[u8]>,
    format: Format,
    lines: Lines,
) -> Result<Report, BulkError> {
    let mut open = || Ok(Source::new(Box::new(Cursor::new(text.as_ref().to_vec())), format));
    bulk::import(store, kind(name).unwrap(), "名单.csv", lines, &mut open, &mut ())
}

/// Lines and the codes of what is wrong with them.
fn wrong(report: &Report) -> Vec<(u64, &'static str)> {
    report.problems.iter().map(|problem| (problem.line, problem.what.code())).collect()
}

/// As it is told, which is as many as can be listed: all of them are the county's.
fn count(store: &Store, name: &str) -> u64 {
    let kind = kind(name).unwrap();
    let told = |owner| store.read(|conn| projection::count(conn, kind, owner)).unwrap();
    let listed = store.read(|conn| projection::list(conn, kind, None, None, 100_000)).unwrap().len();
    assert_eq!((told(None), told(Some(county()))), (listed as u64, listed as u64), "{name}");
    told(None)
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
    let Err(InTheWay::Void(Problem::Named { by, .. })) = undo(Mode::DryRun) else {
        panic!("a correction stands in the way")
    };
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

/// Writes a second person of one name as soon as some lines have been read.
struct Namesake<'a>(&'a Store, bool);

impl Progress for Namesake<'_> {
    fn done(&mut self, _: u64) {
        if !std::mem::replace(&mut self.1, true) {
            self.0.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
        }
    }
}

/// A name is looked up once in a reading, however many lines say it: otherwise the lines behind a namesake would not know
/// whom they mean.
#[test]
fn a_name_means_one_record_in_all_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let node = told(&world, "node-320922-0");
    node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let text = log(2_500);
    let mut open = || Ok(Source::new(Box::new(Cursor::new(text.clone().into_bytes())), Format::Csv));
    let mut tried = |progress: &mut dyn Progress| {
        bulk::import(&node, kind("work_entry").unwrap(), "名单.csv", Lines::None, &mut open, progress).unwrap()
    };
    assert_eq!(tried(&mut Namesake(&node, false)).wrong, 0);
    let again = tried(&mut ());
    assert_eq!((again.wrong, wrong(&again)[0]), (2_500, (2, "ambiguous")));
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
    for (wrong, says) in
        [("name,nonsense\nx,y\n", "no_field"), ("name,名称\nx,y\n", "twice"), ("name\n\"x\n", "cut_off")]
    {
        let report = import(&node, "enterprise", wrong, Format::Csv, Lines::AllOrNone);
        assert!(report.problems.iter().any(|p| p.what.code() == says) && report.written == 0, "{wrong}: {report:?}");
    }
    let long = format!("name\n\"{}\n", "x".repeat(3 << 20));
    let report = import(&node, "enterprise", &long, Format::Csv, Lines::AllOrNone);
    assert_eq!(report.problems.last().map(|p| p.what.clone()), Some(LineProblem::CutOff));
    let good =
        format!("name,uscc,所在区划,行业,ownership\n己厂,{},320922,制造业,私营\n\"{}\n", code(8), "x".repeat(3 << 20));
    let report = import(&node, "enterprise", &good, Format::Csv, Lines::Good);
    assert_eq!((report.wrong, report.written), (1, 0), "half a file is not written");
    let gbk = import(&node, "enterprise", b"name\n\xbc\xd7\xb3\xa7\n", Format::Csv, Lines::None);
    assert_eq!(gbk.problems[0].what, LineProblem::Unreadable);
    // Lines of JSON, one of them none.
    let lines = format!(
        "{{\"name\":\"戊厂\",\"uscc\":\"{}\",\"region\":320922,\"industry\":\"制造业\",\"ownership\":\"私营\"}}\n\n[1]\n{{\"name\":7,\"名称\":\"x\"}}\n{{\"name\":null,\"name\":\"x\"}}\n",
        code(9)
    );
    let report = import(&node, "enterprise", &lines, Format::JsonLines, Lines::Good);
    let told: Vec<(u64, &str)> = report.problems.iter().map(|p| (p.line, p.what.code())).collect();
    let wrong = vec![(3, "unreadable"), (4, "twice"), (5, "twice")];
    assert_eq!((report.read, report.written, told), (4, 1, wrong));
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

#[test]
fn what_is_no_line_of_its_own_is_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let node = told(&world, "node-320922-0");
    let code = worklog::credit_code;
    let heading = "name,uscc,所在区划,行业,ownership";
    let line = |name: &str, n: u64| format!("{name},{},320922,制造业,私营", code(n));
    // A carriage return alone ends no line: what follows it is not passed over.
    let returns = format!("{heading}\n{}\r{}\n", line("甲厂", 1), line("乙厂", 2));
    let report = import(&node, "enterprise", &returns, Format::Csv, Lines::Good);
    assert_eq!((report.written, wrong(&report)), (0, vec![(2, "cells")]));
    let one = import(&node, "mediator", "姓名\n张三\r李四\n", Format::Csv, Lines::Good);
    assert!(one.written == 0 && wrong(&one).iter().all(|(line, code)| (*line, *code) == (2, "rule")), "{one:?}");
    let old = format!("{heading}\r{}\r", line("甲厂", 1));
    let report = import(&node, "enterprise", &old, Format::Csv, Lines::Good);
    assert_eq!((report.written, wrong(&report)), (0, vec![(1, "no_field")]));
    // A quotation mark that is missing swallows all behind it.
    let open = format!("{heading}\n{}\n\"{}\n{}\n", line("甲厂", 1), line("乙厂", 2), line("丙厂", 3));
    for lines in [Lines::Good, Lines::AllOrNone] {
        let report = import(&node, "enterprise", &open, Format::Csv, lines);
        assert_eq!((report.written, report.import, wrong(&report)), (0, None, vec![(3, "cut_off")]));
    }
    // Another encoding, in the heading or in one line: GBK.
    let gbk = [heading.as_bytes(), b"\n\xbc\xd7\xb3\xa7,1,2,3,4\n", line("甲厂", 1).as_bytes(), b"\n"].concat();
    let report = import(&node, "enterprise", &gbk, Format::Csv, Lines::Good);
    assert_eq!((report.written, wrong(&report)), (1, vec![(2, "unreadable")]));
    let heading = try_import(&node, "enterprise", b"\xc3\xfb\xb3\xc6\n1\n", Format::Csv, Lines::Good);
    assert!(matches!(heading, Err(BulkError::Heading)), "{heading:?}");
}

#[test]
fn lines_of_one_file_take_back_no_more_than_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let nation = world.machine("hub-100000").store(Threads::Inline);
    let programme = nation.write_blocking(people::programme).unwrap();
    let node = told(&world, "node-320922-0");
    let mediator = node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let spent = node.write_blocking(move |ledger| people::expenditure(ledger, programme, mediator, 0)).unwrap();
    let file = |amounts: &[&str]| {
        let mut text =
            "programme,year,category,subject,amount,paid_on,service_month,payee_mediator,method,voucher_no,reverses,reason\n"
                .to_owned();
        for (n, amount) in amounts.iter().enumerate() {
            text += &format!(
                "CS-2025,2025,薪酬或补贴,50504,{amount},2025-02-15,2025-01,测试员1,转账,红-{n},{spent},重复\n"
            );
        }
        text
    };
    let all = import(&node, "expenditure", file(&["-2000", "-1000.01", "-999", "-1.01"]), Format::Csv, Lines::None);
    assert_eq!(wrong(&all), [(3, "rule"), (5, "rule")], "{:?}", all.problems);
    let done = import(&node, "expenditure", file(&["-2000", "-1000.01", "-999", "-1"]), Format::Csv, Lines::Good);
    assert_eq!((done.written, wrong(&done)), (3, vec![(3, "rule")]));
    let sums = node.read(|conn| rollups::sums(conn, county(), i32::MIN, i32::MAX)).unwrap();
    assert_eq!(sums.get(&rollup::SPENT).map_or(0, |(_, total)| *total), 0);
    let more = import(&node, "expenditure", file(&["-0.01"]), Format::Csv, Lines::None);
    assert_eq!(wrong(&more), [(2, "rule")]);
}

#[test]
fn what_is_here_already_is_told_as_where_one_is_typed() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let node = told(&world, "node-320922-0");
    let id = people::identity_number(1);
    let born = format!("{}-{}-{}", &id[6..10], &id[10..12], &id[12..14]);
    let person = format!("name,id_no,sex,born,education,phone\n测试员1,{id},男,{born},大专,13900000000\n");
    let import = |name, text: &str, lines| import(&node, name, text, Format::Csv, lines);
    assert_eq!(import("mediator", &person, Lines::None).alike, [0; 0]);
    assert_eq!(import("mediator", &person, Lines::AllOrNone).alike, [0; 0]);
    assert_eq!(import("mediator", &person, Lines::None).alike, [2], "an identity number is sealed in its table");
    let typed = || node.write_blocking(|ledger| people::mediator(ledger, 2)).unwrap();
    let before = typed();
    let twice = person.replace("测试员1", "测试员2").replace(&id, &people::identity_number(2));
    let id = people::identity_number(2);
    let twice = twice.replace(&born, &format!("{}-{}-{}", &id[6..10], &id[10..12], &id[12..14]));
    assert_eq!(import("mediator", &twice, Lines::None).alike, [2]);
    // Who was voided is not here, and is again when she is reinstated.
    node.write_blocking(move |ledger| void::void(ledger, before, "试")).unwrap().unwrap();
    assert_eq!(import("mediator", &twice, Lines::None).alike, [0; 0]);
    node.write_blocking(move |ledger| void::reinstate(ledger, before, "试")).unwrap().unwrap();
    assert_eq!(import("mediator", &twice, Lines::None).alike, [2]);
    // Terms that overlap, under another contract.
    let engaged = node.write_blocking(move |ledger| people::engagement(ledger, before, 1)).unwrap();
    let term = "mediator,employment,channel,tier,funded,contract_no,starts_on,ends_on,state,other_employment\n\
        测试员2,专职,1,COUNTY_TIER,是,合2,2026-01-01,2028-12-31,在聘,NO_OTHER_POST\n";
    assert_eq!(import("engagement", term, Lines::None).alike, [2]);
    // One of two ways to say who pays is enough to tell shares apart.
    let share = |name: &str| format!("{engaged},{name},50\n");
    let shares = format!("engagement,payer_name,share\n{}{}{}", share("甲厂"), share("乙厂"), share("甲厂"));
    let report = import("payer_share", &shares, Lines::None);
    assert_eq!((report.alike.as_slice(), wrong(&report)), (&[4][..], vec![]));
}

/// A file that ends, or cannot be read on, behind so many bytes.
struct Failing {
    bytes: Cursor<Vec<u8>>,
    fails: bool,
}

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(into)? {
            0 if self.fails => Err(io::Error::other("the medium is gone")),
            count => Ok(count),
        }
    }
}

#[test]
fn an_import_that_stops_says_what_it_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let node = told(&world, "node-320922-0");
    node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    let whole = log(2_000).into_bytes();
    let import = |second: &[u8], fails, lines| {
        let (mut times, whole, second) = (0, whole.clone(), second.to_vec());
        let mut open = move || {
            times += 1;
            let (bytes, fails) = if times == 1 { (whole.clone(), false) } else { (second.clone(), fails) };
            Ok(Source::new(Box::new(Failing { bytes: Cursor::new(bytes), fails }), Format::Csv))
        };
        bulk::import(&node, kind("work_entry").unwrap(), "名单.csv", lines, &mut open, &mut ())
    };
    let short = log(1_500).into_bytes();
    // Of a batch that is not what was looked at, nothing is written.
    for (fails, lines) in [(true, Lines::AllOrNone), (false, Lines::AllOrNone), (false, Lines::Good)] {
        let Err(BulkError::Stopped { import: id, written, error }) = import(&short, fails, lines) else {
            panic!("it stopped")
        };
        assert_eq!(written, 1_024);
        assert_eq!(fails, matches!(*error, BulkError::Reading(_)));
        assert_eq!(fails, !matches!(*error, BulkError::Changed));
        let undone = bulk::undo(&node, county(), id, "导入中断", Mode::Write, &mut ()).unwrap().unwrap();
        assert_eq!(undone.voided, 1_024);
    }
    for (second, fails) in [(vec![], false), (log(2_001).into_bytes(), false), (log(9).into_bytes(), true)] {
        match import(&second, fails, Lines::AllOrNone) {
            Err(BulkError::Changed | BulkError::Reading(_)) => assert!(second.len() < whole.len()),
            Err(BulkError::Stopped { error, .. }) => assert!(matches!(*error, BulkError::Changed)),
            other => panic!("{other:?}"),
        }
    }
}

/// What became wrong after all was looked at is refused in both languages, or left out.
#[test]
fn what_became_wrong_meanwhile_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let node = told(&world, "node-320922-0");
    let people = [1, 2].map(|n| node.write_blocking(move |ledger| people::mediator(ledger, n)).unwrap());
    let line = |id, day| format!("{id},参加协商,现场指导协商,2025-03-0{day},测试企业,1,2,指导,企业工会委托\n");
    let heading = "mediator,duty,subtype,done_on,place,guided,workers_helped,summary,mandate\n";
    let text = format!("{heading}{}{}{}", line(people[0], 1), line(people[1], 2), line(people[0], 3));
    let import = |lines| {
        let mut times = 0;
        let mut open = || {
            times += 1;
            if times == 2 {
                node.write_blocking(move |ledger| void::void(ledger, people[1], "试")).unwrap().unwrap();
            }
            Ok(Source::new(Box::new(Cursor::new(text.clone().into_bytes())), Format::Csv))
        };
        bulk::import(&node, kind("work_entry").unwrap(), "名单.csv", lines, &mut open, &mut ())
    };
    let Err(BulkError::Store(StoreError::Forbidden(said))) = import(Lines::AllOrNone) else { panic!("it is refused") };
    assert_eq!(said.rule.code(), "refused_meanwhile");
    let said = said.words();
    assert!(said.zh.contains("已作废") && said.en.contains("is voided"), "{said:?}");
    assert!(said.en.is_ascii() || !said.en.contains('，'), "{said:?}");
    assert_eq!(count(&node, "work_entry"), 0);
    node.write_blocking(move |ledger| void::reinstate(ledger, people[1], "试")).unwrap().unwrap();
    let report = import(Lines::Good).unwrap();
    assert_eq!((report.read, report.written, report.wrong), (3, 2, 1));
}

/// Money that another union has acted on is reversed, whether it was imported or typed.
#[test]
fn an_import_that_others_acted_on_is_not_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let (nation, node) = (world.machine("hub-100000").store(Threads::Inline), told(&world, "node-320922-0"));
    let text = "code,name,year,source,purpose\nCS-2025,测试专项经费,2025,全国总工会,专职集体协商指导员补助\n";
    let programme = import(&nation, "programme", text, Format::Csv, Lines::AllOrNone).import.unwrap();
    batches(&nation).iter().flatten().for_each(|batch| give(&node, batch));
    let mediator = node.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    node.write_blocking(move |ledger| people::expenditure(ledger, programme, mediator, 1)).unwrap();
    for hub in ["hub-320000", "hub-320900"] {
        batches(&world.machine(hub).store(Threads::Inline)).iter().flatten().for_each(|batch| give(&nation, batch));
    }
    for batch in batches(&node).iter().flatten() {
        // What stays in the province is not for the nation.
        drop(take(&nation, batch.clone()));
    }
    let undone = bulk::undo(&nation, UnionNumber::NATION, programme, "导错了", Mode::DryRun, &mut ()).unwrap();
    assert!(matches!(undone, Err(InTheWay::Void(Problem::Named { acted_on: true, .. }))), "{undone:?}");
}

/// Whether a machine is heard where a record belongs, and whether the union that it is about is below, is asked by a trial too.
#[test]
fn a_trial_asks_where_each_record_belongs() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = world(dir.path());
    world.add("320900", Role::Node).unwrap();
    let nation = world.machine("hub-100000").store(Threads::Inline);
    let programme = nation.write_blocking(people::programme).unwrap();
    let (hub, second) = (told(&world, "hub-320900"), told(&world, "node-320900-0"));
    let text = |unions: &[&str]| {
        let mut text = "to_union,no,programme,year,amount,doc_no,paid_on\n".to_owned();
        for (n, union) in unions.iter().enumerate() {
            text += &format!("{union},CS-{n},{programme},2025,1000,测〔2025〕1号,2025-03-01\n");
        }
        text
    };
    let good = text(&["320922", "320903"]);
    assert_eq!(import(&hub, "allocation", &good, Format::Csv, Lines::None).wrong, 0);
    let tried = try_import(&second, "allocation", &good, Format::Csv, Lines::None);
    assert!(matches!(tried, Err(BulkError::Store(StoreError::Forbidden(_)))), "{tried:?}");

    let text = text(&["320922", "330100", "320903"]);
    let tried = import(&hub, "allocation", &text, Format::Csv, Lines::None);
    assert_eq!((wrong(&tried), tried.wrong), (vec![(3, "rule")], 1));
    let LineProblem::Field(refusal) = &tried.problems[0].what else { panic!("{tried:?}") };
    assert_eq!(refusal.field.zh, "受拨工会");
    let done = import(&hub, "allocation", &text, Format::Csv, Lines::Good);
    assert_eq!((done.read, done.wrong, done.written), (3, 1, 2));
}
