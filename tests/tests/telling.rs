//! Whoever writes down an identity number does not learn where else that person serves: the province finds one person in two
//! unions, and a union is told of it where a person of the province has looked at it.

use huiliu_node::{
    app::{
        Mode,
        account::{self, New},
        check::{
            self as checking, Ask, Ran,
            tell::{TellError, tell},
        },
    },
    check::{Found, Patience, check},
    clock,
    identity::Role,
    operator::Account,
    store::projection,
    writer::Store,
};
use huiliu_proto::{
    handle::Declared as _,
    id::{RecordId, hex},
    operator::Operator,
    v1::{Finding, FindingWithdrawal, OperatorRole},
};
use huiliu_tests::{
    chain::{Chain, Place},
    people::{self, edit, write},
};

fn runs(province: &Place) -> Ran {
    let today = clock::day((province.machine.clock)());
    let ask = Ask { checks: vec![check("FC-05").unwrap()], as_of: today, patience: Patience::default() };
    checking::run(&province.store, &province.machine.me(), ask, Mode::Write, &mut ()).unwrap()
}

fn tells(province: &Place, by: Option<&Account>, case: &str, mode: Mode) -> Result<Found, TellError> {
    let store = province.store.acting(by.map(|by| Operator { account: by.id, verified: true }));
    tell(&store, &province.machine.me(), case, mode)
}

/// How many findings, and withdrawals of some, a union has.
fn heard(store: &Store) -> (usize, usize) {
    let count = |kind| store.read(|conn| Ok(projection::list(conn, kind, None, None, 100)?.len())).unwrap();
    (count(Finding::kind()), count(FindingWithdrawal::kind()))
}

fn engaged(place: &Place, n: u64, from: &'static str) -> RecordId {
    let mediator = place.mediator(n);
    let work = move |ledger: &mut _| {
        let id = people::engagement(ledger, mediator, n)?;
        edit(ledger, "engagement", id, "starts_on", from)?;
        Ok(id)
    };
    place.store.write_blocking(work).unwrap()
}

/// A city with two counties below a province, and a programme that names a census.
fn two_counties(seed: u64) -> (Chain, Place) {
    let mut chain = Chain::new(seed);
    chain.world.add("320923", Role::Node).unwrap();
    let other = Place::new(chain.world.machine("node-320923-0"));
    let programme = [
        ("code", "CS-2025"),
        ("name", "测试专项经费"),
        ("year", "2025"),
        ("source", "全国总工会"),
        ("purpose", "补助"),
        ("census_on", "2025-12-31"),
    ];
    chain.nation.store.write_blocking(move |ledger| write(ledger, "programme", &programme)).unwrap();
    chain.settle_with(&other).unwrap();
    (chain, other)
}

#[test]
fn a_number_written_down_tells_nothing_of_the_person() {
    let (chain, curious) = two_counties(81);
    engaged(&chain.county, 7, "2025-01-01");
    // It knows the number alone.
    let guessed = engaged(&curious, 7, "2025-06-01");
    chain.settle_with(&curious).unwrap();
    let ran = runs(&chain.province);
    let [found] = &ran.outcome.found[..] else { panic!("{ran:#?}") };
    assert_eq!((u64::from(found.subject), found.withheld), (320_923, true));
    assert_eq!((ran.recorded, ran.withheld.len()), (0, 1));
    // Neither it nor anybody between or above hears of it, however often the check is run.
    chain.settle_with(&curious).unwrap();
    runs(&chain.province);
    chain.settle_with(&curious).unwrap();
    for place in [&curious, &chain.county, &chain.city, &chain.province, &chain.nation] {
        assert_eq!(heard(&place.store), (0, 0), "{}", place.machine.name);
    }
    // Somebody of the province looks at it, and says that it is told.
    let case = found.fingerprint.to_string();
    assert!(
        matches!(tells(&chain.city, None, &case, Mode::Write), Err(TellError::Unknown(_))),
        "the city found nothing"
    );
    assert!(matches!(tells(&curious, None, &case, Mode::Write), Err(TellError::NotHub)));
    tells(&chain.province, None, &case[..8], Mode::DryRun).unwrap();
    assert_eq!(heard(&chain.province.store), (0, 0), "a trial writes nothing");
    tells(&chain.province, None, &case[..8], Mode::Write).unwrap();
    assert!(matches!(tells(&chain.province, None, &case, Mode::Write), Err(TellError::Unknown(_))), "it is told");
    chain.settle_with(&curious).unwrap();
    assert_eq!(heard(&curious.store), (1, 0));
    // Who is above it hears of it too; the city's other county does not.
    let heard_by = [&chain.city, &chain.province, &chain.nation, &chain.county].map(|place| heard(&place.store).0);
    assert_eq!(heard_by, [1, 1, 1, 0]);
    let ran = runs(&chain.province);
    assert_eq!((ran.recorded, ran.withheld.len()), (0, 0));
    // Cleared, it is taken back as any other.
    curious.store.write_blocking(move |ledger| edit(ledger, "engagement", guessed, "funded", "否")).unwrap();
    chain.settle_with(&curious).unwrap();
    assert_eq!(runs(&chain.province).withdrawn, 1);
    chain.settle_with(&curious).unwrap();
    assert_eq!(heard(&curious.store), (1, 1));
}

/// A union reads its own records and those below it: what rests on them alone tells it nothing of others.
#[test]
fn what_rests_on_its_own_people_is_told_at_once() {
    let (chain, other) = two_counties(82);
    let mediator = chain.county.mediator(7);
    chain.county.store.write_blocking(move |ledger| people::engagement(ledger, mediator, 7)).unwrap();
    let employer = chain.county.store.write_blocking(move |ledger| {
        let employer = write(
            ledger,
            "union",
            &[("name", "测试镇总工会"), ("form", "村（社区）工会"), ("territory", "320922"), ("status", "在用")],
        )?;
        let id = people::engagement(ledger, mediator, 8)?;
        edit(ledger, "engagement", id, "employer", hex(employer.as_bytes()).leak())?;
        Ok(employer)
    });
    employer.unwrap();
    chain.settle_with(&other).unwrap();
    let ran = runs(&chain.province);
    assert_eq!((ran.outcome.found.len(), ran.recorded, ran.withheld.len()), (1, 1, 0), "{ran:#?}");
}

#[test]
fn where_there_are_accounts_a_person_of_the_table_tells_it() {
    let (chain, other) = two_counties(83);
    engaged(&chain.county, 7, "2025-01-01");
    engaged(&other, 7, "2025-06-01");
    chain.settle_with(&other).unwrap();
    let province = &chain.province;
    let case = runs(province).outcome.found[0].fingerprint.to_string();
    let mut by = None;
    let mut person = |name: &str, role: OperatorRole| {
        let store = province.store.acting(by.map(|account| Operator { account, verified: true }));
        let new = New { name: name.to_owned(), roles: 1 << role as i32, mediator: None };
        let made = account::add(&store, province.machine.union(), new, Mode::Write).unwrap().account;
        by = by.or(Some(made.id));
        made
    };
    let (admin, keeper) = (person("王芳", OperatorRole::Administrator), person("李明", OperatorRole::DatabaseKeeper));
    assert!(matches!(tells(province, None, &case, Mode::Write), Err(TellError::NotLoggedIn)));
    assert!(matches!(tells(province, Some(&admin), &case, Mode::Write), Err(TellError::Role(_))));
    assert_eq!(heard(&province.store), (0, 0));
    tells(province, Some(&keeper), &case, Mode::Write).unwrap();
    assert_eq!(heard(&province.store), (1, 0));
}
