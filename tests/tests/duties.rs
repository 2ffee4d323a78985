//! What takes two persons, along the branch: a filing, and a union whose superior lets it act with one.

use huiliu_hub::app::{
    return_keys::{self, ReturnError},
    revoke::{self, RevokeError},
};
use huiliu_node::{
    app::{
        Mode,
        account::{self, New},
        duty::{self, DutyProblem},
        filing::{self, SubmitError},
        quarantine::{self, RuleError},
        void, write,
    },
    clock,
    filing::Ask,
    identity::Role,
    ledger::WriteOutcome,
    store::projection,
    writer::Store,
};
use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    kind::kind,
    operation::Operation,
    operator::Operator,
    period::Day,
    records::one_person_office as leave,
    union::UnionNumber,
    v1::{Account, OnePersonOffice, OperatorRole, Proposal, Revocation, Ruling},
    value::Value,
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::Forger,
    relay::give,
};

fn county() -> UnionNumber {
    "320922".parse().expect("a union")
}

fn person(store: &Store, name: &str, roles: &[OperatorRole]) -> RecordId {
    person_of(store, county(), name, roles)
}

fn person_of(store: &Store, union: UnionNumber, name: &str, roles: &[OperatorRole]) -> RecordId {
    let roles = roles.iter().fold(0, |set, role| set | 1 << *role as i32);
    let new = New { name: name.to_owned(), roles, mediator: None };
    account::add(store, union, new, Mode::Write).expect("an account is made").account.id
}

/// The store as a person uses it who has logged in.
fn by(place: &Place, account: RecordId) -> Store {
    place.store.acting(Some(Operator { account, verified: true }))
}

fn submit(store: &Store, year: i64) -> Result<RecordId, SubmitError> {
    let today = clock::day(store.now());
    let census_on = Day(today.0 - 1);
    let ask = Ask { type_: 1, year, census_on, declared: None, note: None };
    let (draft, _) = filing::draft(store, county(), today, &ask)?;
    filing::submit(store, county(), today, ask, &draft, Mode::Write)
}

#[test]
fn a_filing_takes_two_persons_or_the_superiors_leave_and_says_which() {
    let chain = Chain::new(71);
    let (county_, city) = (&chain.county, &chain.city);
    // Before there are accounts, as ever.
    submit(&county_.store, 2023).expect("an office without accounts files");
    let admin = person(&county_.store, "王芳", &[OperatorRole::Administrator]);
    let clerk = person(&by(county_, admin), "李明", &[OperatorRole::Preparer]);
    let checker = person(&by(county_, admin), "孙静", &[OperatorRole::Checker]);
    assert!(matches!(submit(&county_.store, 2024), Err(SubmitError::Duty(DutyProblem::NotLoggedIn(_)))));
    let named = county_.store.acting(Some(Operator { account: clerk, verified: false }));
    assert!(matches!(submit(&named, 2024), Err(SubmitError::Duty(DutyProblem::NotLoggedIn(_)))));
    assert!(matches!(submit(&by(county_, clerk), 2024), Err(SubmitError::Duty(DutyProblem::Waits { .. }))));
    // What was prepared waits for so long.
    chain.days(31);
    assert!(matches!(submit(&by(county_, checker), 2024), Err(SubmitError::Duty(DutyProblem::NotPrepared { .. }))));
    assert!(matches!(submit(&by(county_, clerk), 2024), Err(SubmitError::Duty(DutyProblem::Waits { .. }))));
    let two = submit(&by(county_, checker), 2024).expect("another person carries it out");
    // The city lets it act with one person, for a time.
    let today = clock::day(city.store.now());
    let values = vec![
        (leave::UNION.position(), Some(Value::Int(county().into()))),
        (leave::FROM.position(), Some(Value::Int(today.0.into()))),
        (leave::UNTIL.position(), Some(Value::Int((today.0 + 100).into()))),
        (leave::DOC_NO.position(), Some(Value::Text("盐工发〔2026〕1号".into()))),
    ];
    let given = write::add(&city.store, OnePersonOffice::kind(), values.clone(), Mode::Write).expect("the city may");
    let WriteOutcome::Written { id: given, .. } = given else { panic!("{given:?}") };
    // Nobody gives leave to itself.
    let own = write::add(&county_.store, OnePersonOffice::kind(), values, Mode::Write);
    assert!(matches!(own, Ok(WriteOutcome::Refused(_))), "{own:?}");
    chain.settle().expect("they exchange");
    let works_alone = |store: &Store| {
        let today = clock::day(store.now());
        store.read(|conn| duty::works_alone(conn, county(), today)).expect("the store can be read")
    };
    assert_eq!(works_alone(&county_.store).as_deref(), Some("盐工发〔2026〕1号"));
    let one = submit(&by(county_, clerk), 2025).expect("one person may, now");
    chain.settle().expect("they exchange");
    // Every level can say by whose hands; names and what waited stay in the province.
    for place in [county_, city, &chain.province, &chain.nation] {
        let signed = |id: &RecordId| place.store.read(|conn| duty::signed(conn, county(), id)).expect("readable");
        let both = signed(&two).expect("it says so");
        assert_eq!((both.first, both.second, both.alone), (clerk, checker, false));
        let single = signed(&one).expect("it says so");
        assert_eq!((single.first, single.second, single.alone), (clerk, clerk, true));
    }
    for (place, known) in [(&chain.province, true), (&chain.nation, false)] {
        for kind in [Account::kind(), Proposal::kind()] {
            let count = place.store.read(|conn| projection::count(conn, kind, None)).expect("readable");
            assert_eq!(count > 0, known, "{}", kind.name);
        }
    }
    // The leave is taken back, or ends.
    city.store
        .write_blocking(move |ledger| void::void(ledger, given, "已配齐人员"))
        .expect("written")
        .expect("the city may void its leave");
    chain.settle().expect("they exchange");
    assert_eq!(works_alone(&county_.store), None);
    assert!(matches!(submit(&by(county_, clerk), 2026), Err(SubmitError::Duty(DutyProblem::Waits { .. }))));
    chain.settle().expect("they exchange");
    chain.holds().expect("all invariants");
}

/// Of a stolen machine the one says that all it wrote stays, the other that nothing does: those are two things.
#[test]
fn a_revocation_takes_two_who_mean_the_same() {
    let chain = Chain::new(72);
    let (city, device) = (&chain.city, chain.county.device());
    let union = city.machine.union();
    let first = person_of(&city.store, union, "王芳", &[OperatorRole::Administrator]);
    let second = person_of(&by(city, first), union, "李明", &[OperatorRole::Administrator]);
    let me = city.machine.me();
    let revoke = |account, since, reason: &str| {
        let store = by(city, account);
        let shown = revoke::plan(&store, &me, &device.to_string(), since).expect("the city enrolled it");
        revoke::revoke(&store, &me, &shown, false, reason, Mode::Write)
    };
    let waits = |done: Result<_, RevokeError>, by: RecordId| match done {
        Err(RevokeError::Duty(DutyProblem::Waits { by: found, .. })) => assert_eq!(found, by),
        other => panic!("{other:?}"),
    };
    waits(revoke(first, None, "丢失"), first);
    waits(revoke(second, Some(1), "丢失"), second);
    waits(revoke(second, None, "被盗"), second);
    waits(revoke(first, None, "丢失"), first);
    assert_eq!(revoke(second, None, "丢失").expect("both say so").devices, [device]);
    // Beside each record that shuts it out stands who did it.
    let hands = city.store.read(|conn| {
        let all = projection::list(conn, Revocation::kind(), Some(union), None, 10)?;
        all.iter().map(|shown| duty::signed(conn, union, &shown.id)).collect::<Result<Vec<_>, _>>()
    });
    let hands: Vec<_> = hands.expect("readable").into_iter().flatten().map(|by| (by.first, by.second)).collect();
    assert_eq!(hands, [(first, second)]);
}

/// Keys that a union lost come back by the hands of two.
#[test]
fn returned_keys_take_two() {
    let mut chain = Chain::new(73);
    let second = Place::new(chain.world.add("320922", Role::Node).expect("the county's second machine joins"));
    chain.settle_with(&second).expect("they exchange");
    let (province, device) = (&chain.province, second.device());
    let union = province.machine.union();
    let admin = person_of(&province.store, union, "王芳", &[OperatorRole::Administrator]);
    let keeper = person_of(&by(province, admin), union, "李明", &[OperatorRole::DatabaseKeeper]);
    let clerk = person_of(&by(province, admin), union, "孙静", &[OperatorRole::Preparer]);
    let give = |account| {
        let store = by(province, account);
        let shown = return_keys::plan(&store, &device.to_string())?;
        return_keys::give(&store, &shown, Mode::Write)
    };
    assert!(matches!(give(clerk), Err(ReturnError::Duty(DutyProblem::Role { .. }))));
    assert!(matches!(give(keeper), Err(ReturnError::Duty(DutyProblem::Waits { .. }))));
    assert!(matches!(give(admin), Err(ReturnError::Duty(DutyProblem::Waits { .. }))), "who only prepares");
    let other = person_of(&by(province, admin), union, "周强", &[OperatorRole::Approver]);
    assert!(give(other).expect("another carries it out") > 0);
}

/// What is held counts by the hands of two; that it does not is one person's to say.
#[test]
fn releasing_takes_two_and_rejecting_one() {
    let chain = Chain::new(74);
    let (city, me) = (&chain.city, chain.city.machine.me());
    let union = city.machine.union();
    let stolen =
        revoke::plan(&city.store, &me, &chain.county.device().to_string(), None).expect("the city enrolled it");
    revoke::revoke(&city.store, &me, &stolen, false, "失窃", Mode::Write).expect("an office without accounts revokes");
    let admin = person_of(&city.store, union, "王芳", &[OperatorRole::Administrator]);
    let leader = person_of(&by(city, admin), union, "李明", &[OperatorRole::Leader]);
    let auditor = person_of(&by(city, admin), union, "周强", &[OperatorRole::Auditor]);
    let number = kind("work_entry").expect("it is declared").number;
    let mut late = Forger::province(&chain.county.machine);
    let said: Vec<Operation> = (0..2).map(|_| Operation::new(number, late.id(), None, vec![1], None)).collect();
    give(&city.store, &late.say(&said));
    let rule = |account, ruling| {
        let which = late.feed.id.to_string();
        let plan = city.store.read(|conn| Ok(quarantine::plan(conn, &me, &which, ruling, "经查")));
        let shown = plan.expect("the store can be read").expect("it is held");
        quarantine::rule(&by(city, account), &me, &shown, "经查", Mode::Write)
    };
    let refused = |done| matches!(done, Err(RuleError::Duty(DutyProblem::Role { .. })));
    assert!(refused(rule(auditor, Ruling::Released)));
    assert!(matches!(rule(leader, Ruling::Released), Err(RuleError::Duty(DutyProblem::NotPrepared { .. }))));
    assert!(matches!(rule(admin, Ruling::Released), Err(RuleError::Duty(DutyProblem::Waits { .. }))));
    let released = rule(leader, Ruling::Released).expect("another carries it out");
    let hands = city.store.read(|conn| duty::signed(conn, union, &released)).expect("readable").expect("it says so");
    assert_eq!((hands.first, hands.second), (admin, leader));
    rule(admin, Ruling::Rejected).expect("one person takes it back");
}
