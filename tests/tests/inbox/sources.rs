//! Every source brings its entries about.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use huiliu_node::{
    app::{
        Mode,
        account::{self, New},
        duty::{self, DutyProblem},
        inbox::{self, SOURCES},
    },
    filing,
    identity::Role,
    ledger::{MOST_EARLY, Return},
};
use huiliu_proto::{
    feed::Scope,
    id::{RecordId, hex},
    kind::{Reach, kind},
    operation::Operation,
    operator::Operator,
    v1::{DutyAct, OperatorRole, ReviewAction},
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::{Forger, newer},
    people::{engagement, expenditure, programme, reversal},
    relay::give,
    talk::talk,
    worklog,
};

use crate::{ask_for, edits, entries, files, finds, line::fails, settled::rates, settled::voids, writes};

/// Codes that were seen.
#[derive(Default)]
struct Seen(BTreeSet<&'static str>);

impl Seen {
    fn look(&mut self, place: &Place) {
        self.0.extend(entries(place).iter().map(|entry| entry.code));
    }
}

#[test]
fn every_code_comes_about() {
    let mut chain = Chain::new(62);
    let second = chain.world.add("320922", Role::Node).unwrap().clone();
    let second = Place::new(&second);
    let mut seen = Seen::default();
    two_machines(&chain, &second, &mut seen);
    ends(&chain.county, &mut seen);
    relations(&chain, &mut seen);
    acts(&chain, &mut seen);
    keys(&mut chain, &second, &mut seen);
    silence(&chain, &mut seen);
    waits(&chain, &mut seen);
    of_two(&chain.county, &mut seen);
    let all: BTreeSet<&str> = SOURCES.iter().flat_map(|source| source.codes()).copied().collect();
    assert_eq!(seen.0, all);
}

/// What takes two persons, as each of both sees it.
fn of_two(county: &Place, seen: &mut Seen) {
    let person = |by: Option<RecordId>, name: &str, role: OperatorRole| {
        let store = county.store.acting(by.map(|account| Operator { account, verified: true }));
        let new = New { name: name.to_owned(), roles: 1 << role as i32, mediator: None };
        account::add(&store, county.machine.union(), new, Mode::Write).unwrap().account
    };
    let admin = person(None, "王芳", OperatorRole::Administrator);
    let clerk = person(Some(admin.id), "李明", OperatorRole::Preparer);
    let store = county.store.acting(Some(Operator { account: clerk.id, verified: true }));
    let prepared = store.write_blocking(|ledger| duty::pass(ledger, DutyAct::UndoImport, "导入", &[b"1"])).unwrap();
    assert!(matches!(prepared, Err(DutyProblem::Waits { .. })), "{prepared:?}");
    for account in [None, Some(clerk)] {
        let entries = ask_for(county, account, |look| inbox::read(look, None, 1000)).entries;
        seen.0.extend(entries.iter().map(|entry| entry.code));
    }
}

/// What two machines of the county say without hearing each other.
fn two_machines(chain: &Chain, second: &Place, seen: &mut Seen) {
    let meet = || chain.settle_with(second).unwrap();
    let county = &chain.county;
    let programme = chain.nation.store.write_blocking(programme).unwrap();
    meet();
    let (person, other) = (county.mediator(1), county.mediator(2));
    let spent = county.store.write_blocking(move |ledger| expenditure(ledger, programme, person, 1)).unwrap();
    meet();
    for (place, name) in [(county, "甲"), (second, "乙")] {
        edits(place, "mediator", person, "name", name);
        place.store.write_blocking(move |ledger| reversal(ledger, spent)).unwrap();
    }
    voids(county, other);
    edits(second, "mediator", other, "phone", "13900000009");
    meet();
    seen.look(county);
}

fn ends(county: &Place, seen: &mut Seen) {
    let person = county.mediator(3);
    let engaged = county.store.write_blocking(move |ledger| engagement(ledger, person, 3)).unwrap();
    for (field, text) in [("ends_on", "2026-01-20"), ("probation_until", "2026-01-05")] {
        edits(county, "engagement", engaged, field, text);
    }
    let person = county.mediator(4);
    let mediator = hex(person.as_bytes());
    let fields = [
        ("mediator", mediator.as_str()),
        ("employment", "专职"),
        ("channel", "1"),
        ("tier", "COUNTY_TIER"),
        ("funded", "是"),
        ("contract_no", "合4"),
        ("starts_on", "2025-01-01"),
        ("ends_on", "2027-12-31"),
        ("state", "在聘"),
        ("other_employment", "NO_OTHER_POST"),
        ("consent_no", "滨工〔2025〕4号"),
        ("consent_until", "2026-01-15"),
    ];
    writes(county, "engagement", &fields);
    let fields = [
        ("no", "1"),
        ("mediator", mediator.as_str()),
        ("type", "APPOINTMENT"),
        ("issued_on", "2023-01-01"),
        ("expires_on", "2026-01-20"),
        ("status", "VALID"),
    ];
    writes(county, "certificate", &fields);
    let enterprise = county.store.write_blocking(|ledger| worklog::enterprise(ledger, 1)).unwrap();
    rates(county, enterprise, "2025-11-01", "GRADE_A", "90");
    rates(county, enterprise, "2025-11-01", "GRADE_C", "45");
    seen.look(county);
}

/// What two levels say of a union without hearing each other, and what holds no longer.
fn relations(chain: &Chain, seen: &mut Seen) {
    let (province, city) = (&chain.province, &chain.city);
    let says = |place: &Place, kind: &'static str, from: &'static str, what: &[(&'static str, &'static str)]| {
        let fields = [("union", "320922"), ("from", from), ("doc_no", "盐工发〔2025〕1号")];
        writes(place, kind, &[&fields[..], what].concat());
    };
    for place in [province, city] {
        says(
            place,
            "union_relation",
            "2025-01-01",
            &[("type", "备案关系"), ("other", "320000"), ("until", "2025-06-30")],
        );
        says(place, "union_fact", "2025-01-01", &[("chair_seat", "空缺")]);
    }
    // Who led it does no longer, and funds it still.
    says(
        city,
        "union_relation",
        "2025-02-01",
        &[("type", "组织领导关系"), ("other", "320900-003"), ("until", "2025-03-01")],
    );
    says(city, "union_relation", "2025-02-02", &[("type", "经费关系"), ("other", "320900-003")]);
    chain.settle().unwrap();
    seen.look(city);
    assert!(
        !entries(&chain.county).iter().any(|entry| entry.code.starts_with("relation")),
        "it is not the county's to settle"
    );
}

/// What other levels do.
fn acts(chain: &Chain, seen: &mut Seen) {
    let (city, county) = (&chain.city, &chain.county);
    finds(city, "FC-16", "red");
    let filed = files(county);
    chain.settle().unwrap();
    seen.look(city);
    let union = city.machine.union();
    let back = |conn: &_| Ok(filing::review(conn, union, true, filed, ReviewAction::SentBack, None, Some("缺一人")));
    let back = city.store.read(back).unwrap().unwrap();
    city.store.write_blocking(move |ledger| ledger.write_entry(&back)).unwrap();
    chain.settle().unwrap();
    seen.look(county);
}

fn keys(chain: &mut Chain, second: &Place, seen: &mut Seen) {
    let keys = chain.county.machine.home.dir.join("keys");
    fs::set_permissions(keys.join("seal"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(keys.join("lock"), "").unwrap();
    seen.look(&chain.county);
    let unread = "UPDATE mediator SET id_no_index = NULL";
    chain.province.store.write_blocking(|ledger| Ok(ledger.conn().raw().execute(unread, ())?)).unwrap();
    seen.look(&chain.province);
    // The county loses its machines; it gets a new one.
    for place in [&chain.county, second] {
        chain.city_revokes(place.device());
    }
    let third = chain.world.add("320922", Role::Node).unwrap().clone();
    let third = Place::new(&third);
    for _ in 0..2 {
        talk(third.ends(), chain.city.ends()).unwrap();
        talk(chain.city.ends(), chain.province.ends()).unwrap();
    }
    let waits = |province: &Place| entries(province).iter().any(|entry| entry.code == "keys_to_return");
    assert!(waits(&chain.province));
    seen.look(&chain.province);
    let device = third.device();
    let returned = chain.province.store.write_blocking(move |ledger| ledger.return_keys(&device)).unwrap();
    assert!(matches!(returned, Return::Written { .. }), "{returned:?}");
    assert!(!waits(&chain.province));
}

fn silence(chain: &Chain, seen: &mut Seen) {
    let (city, county) = (&chain.city, &chain.county);
    chain.days(40);
    seen.look(county);
    seen.look(&chain.city);
    fails(county, city);
    seen.look(county);
    fails(&chain.province, city);
    seen.look(&chain.province);
    for days in [310, 60] {
        chain.days(days);
        seen.look(county);
    }
    seen.look(&chain.nation);
}

/// What is stored and does not count.
fn waits(chain: &Chain, seen: &mut Seen) {
    let number = kind("work_entry").unwrap().number;
    let county = chain.county.machine.union();
    let mut stranger = Forger::stranger(80, county, Scope::Own(Reach::Province));
    let mut known = Forger::province(&chain.county.machine);
    let said = [&mut stranger, &mut known].map(|forger| {
        let id = forger.id();
        forger.say(&[Operation::new(number, id, None, vec![], None)])
    });
    let mut stuck = Forger::province(&chain.city.machine);
    let lost: Vec<Operation> = (0..MOST_EARLY).map(|_| stuck.edit_of_what_is_lost()).collect();
    lost.chunks(2048).for_each(|run| give(&chain.province.store, &stuck.say(run)));
    for place in [&chain.city, &chain.province] {
        said.iter().chain([&newer(&chain.county.machine)]).for_each(|batch| give(&place.store, batch));
        seen.look(place);
    }
}
