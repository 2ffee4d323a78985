//! What superiors say of a union's relations and facts: it reaches the union and all above it, is the same everywhere whatever came
//! first, and what cannot be beside the rest is refused where it is written, or waits for a person.

use huiliu_node::{
    app::{
        Mode,
        filing::{self as filing_desk, Answer},
        inbox::{self, Look},
        unions,
    },
    clock,
    filing::{self, Ask, FilingError},
    identity::Role,
    ledger::WriteOutcome,
    store::{View, projection, records::organisation},
};
use huiliu_proto::{
    kind::kind,
    organisation::Organisation,
    period::Day,
    record::Warning,
    union::UnionNumber,
    v1::{ReviewAction, UnionRelationType},
    value::Value,
};
use huiliu_tests::{
    chain::{Chain, Place},
    oracle, people,
    talk::talk,
    world,
};

fn union(number: &str) -> UnionNumber {
    number.parse().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// What becomes of a record that a clerk types: the codes of the rules that it breaks, or of its warnings.
fn says(place: &Place, kind: &str, fields: &[(&str, &str)]) -> Result<Vec<&'static str>, Vec<&'static str>> {
    let record = people::record(kind, fields);
    match place.store.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap() {
        WriteOutcome::Refused(all) => Err(all.iter().map(|one| one.rule.rule.code()).collect()),
        WriteOutcome::Written { warnings, .. } => {
            Ok(warnings.iter().map(|one: &Warning| one.rule.rule.code()).collect())
        }
        WriteOutcome::Unchanged(_) => panic!("an entry is new"),
    }
}

fn relates(
    place: &Place,
    of: &str,
    type_: &str,
    other: &str,
    from: &str,
    more: &[(&str, &str)],
) -> Result<Vec<&'static str>, Vec<&'static str>> {
    let fields = [("union", of), ("type", type_), ("other", other), ("from", from), ("doc_no", "工发〔2026〕1号")];
    says(place, "union_relation", &[&fields[..], more].concat())
}

fn known(place: &Place) -> Organisation {
    place.store.read(organisation::load).unwrap()
}

fn inbox_of(place: &Place, conn: &View) -> Vec<&'static str> {
    let machine = &place.machine;
    let now = (machine.clock)();
    let (union, hub, device) = (machine.union(), machine.is_hub(), place.device());
    let look = Look { conn, home: &machine.home, union, device, hub, account: None, today: clock::day(now), now };
    inbox::read(&look, None, 1000).unwrap().entries.iter().map(|entry| entry.code).collect()
}

fn waits(place: &Place) -> Vec<&'static str> {
    let mut codes = place.store.read(|conn| Ok(inbox_of(place, conn))).unwrap();
    codes.retain(|code| code.starts_with("relation") || code.starts_with("fact"));
    codes
}

#[test]
fn a_word_of_a_superior_is_known_below_and_above_and_ends_with_the_next() {
    let chain = Chain::new(301);
    let Chain { nation, province, city, county, .. } = &chain;
    let funds = |from: &str, by: &str| relates(city, "320922", "经费关系", by, from, &[]);
    assert_eq!(funds("2025-01-01", "320000"), Ok(vec![]));
    assert_eq!(funds("2025-07-01", "100000"), Ok(vec![]), "the next of its type ends it");
    assert_eq!(
        relates(city, "320922", "业务指导关系", "320000-103", "2025-01-01", &[("other_name", "江苏省教育科技工会")]),
        Ok(vec![])
    );
    assert_eq!(relates(city, "320922", "派驻关系", "320000", "2025-01-01", &[("until", "2025-06-30")]), Ok(vec![]));
    // What cannot be is refused, with the reason.
    assert_eq!(funds("2025-01-01", "320900"), Err(vec!["relation_overlaps"]));
    assert_eq!(relates(city, "320922", "派驻关系", "320000", "2025-06-30", &[]), Err(vec!["relation_overlaps"]));
    assert_eq!(relates(city, "320922", "派驻关系", "320000", "2025-07-01", &[]), Ok(vec![]));
    assert_eq!(funds("2026-01-01", "330000"), Err(vec!["neither_leads_nor_above"]));
    assert_eq!(funds("2026-01-01", "320900-003"), Err(vec!["not_above_then"]), "nobody said that it leads");
    assert_eq!(relates(city, "320922", "组织领导关系", "320000", "2026-01-01", &[]), Err(vec!["cannot_lead"]));
    assert_eq!(relates(city, "320922", "组织领导关系", "320900-003", "2025-12-01", &[]), Ok(vec![]));
    assert_eq!(funds("2025-12-15", "320900-003"), Ok(vec![]), "it leads by now");
    assert_eq!(
        relates(city, "320900-003", "组织领导关系", "320922", "2026-01-01", &[]),
        Err(vec!["not_above_then"]),
        "in a circle"
    );
    chain.settle().unwrap();

    let all = known(city);
    for place in [nation, province, county] {
        assert_eq!(known(place), all, "{}", place.machine.name);
        oracle::rebuilds_the_same(&place.machine, &place.store).unwrap();
    }
    let of = union("320922");
    let on = |text: &str| all.on(day(text));
    for (text, by) in [
        ("2024-12-31", "320900"),
        ("2025-01-01", "320000"),
        ("2025-06-30", "320000"),
        ("2025-07-01", "100000"),
        ("2025-12-15", "320900-003"),
    ] {
        assert_eq!(on(text).funder(of), Some(union(by)), "{text}");
    }
    assert_eq!(on("2025-12-01").parent(of), Some(union("320900-003")));
    assert_eq!(on("2025-12-01").filing_desk(of), Some(union("320900-003")), "where nothing else is said");
    assert_eq!(of.parent(), Some(union("320900")), "exchange goes by the number");
    let guides = on("2025-03-01").several(of, UnionRelationType::GuidedBy);
    assert_eq!(on("2025-03-01").other(guides[0]), "江苏省教育科技工会");
    for place in [nation, province, city, county] {
        assert!(waits(place).is_empty());
    }
}

#[test]
fn what_two_levels_said_off_line_waits_for_a_person() {
    let chain = Chain::new(302);
    let Chain { province, city, county, .. } = &chain;
    let (of, from) = ("320922", "2025-06-01");
    assert_eq!(relates(city, of, "备案关系", "320000", from, &[]), Ok(vec![]));
    assert_eq!(relates(province, of, "备案关系", "320900", from, &[]), Ok(vec![]), "it has not heard of that");
    let called = |name| [("union", of), ("from", from), ("name", name), ("doc_no", "盐工发〔2025〕9号")];
    assert_eq!(says(city, "union_fact", &called("滨海区总工会")), Ok(vec![]));
    assert_eq!(says(city, "union_fact", &called("滨海市总工会")), Err(vec!["fact_said_already"]));
    assert_eq!(says(province, "union_fact", &called("滨海市总工会")), Ok(vec![]));
    chain.settle().unwrap();
    // The higher word holds meanwhile, at every level.
    for place in [province, city, county] {
        let all = known(place);
        assert_eq!(all.on(day(from)).filing_desk(union(of)), Some(union("320900")));
        assert_eq!(all.on(day(from)).profile(union(of)).name, "滨海市总工会");
    }
    assert_eq!(
        (waits(province), waits(city), waits(county)),
        (vec!["fact_twice", "relation_overlaps"], vec!["fact_twice", "relation_overlaps"], vec![])
    );
    // The city puts its own right, and nobody else's.
    let ids = |place: &Place, of: &str, by: &str| {
        let kind = kind(of).unwrap();
        let by = union(by);
        let rows = place.store.read(|conn| projection::list(conn, kind, Some(by), None, 9)).unwrap();
        rows.into_iter().map(|row| row.id.to_string()).collect::<Vec<_>>()
    };
    let theirs = ids(city, "union_relation", "320000");
    assert_eq!(
        relates(city, of, "备案关系", "320000", "2025-05-01", &[("replaces", &theirs[0])]),
        Err(vec!["replaces_another_unions"])
    );
    let own = ids(city, "union_relation", "320900");
    assert_eq!(
        relates(city, of, "经费关系", "320000", "2025-05-01", &[("replaces", &own[0])]),
        Err(vec!["replaces_another_relation"])
    );
    let ends = [("replaces", own[0].as_str()), ("until", "2025-05-31")];
    assert_eq!(relates(city, of, "备案关系", "320000", "2025-05-01", &ends), Ok(vec![]));
    let fact = ids(city, "union_fact", "320900");
    let seat = [
        ("union", of),
        ("from", from),
        ("chair_seat", "VACANT_CHAIR"),
        ("doc_no", "盐工发〔2025〕9号"),
        ("replaces", &fact[0]),
    ];
    assert_eq!(says(city, "union_fact", &seat), Ok(vec![]));
    chain.settle().unwrap();
    for place in [province, city, county] {
        assert!(waits(place).is_empty(), "{}", place.machine.name);
        let all = known(place);
        assert_eq!(all.on(day("2025-05-31")).filing_desk(union(of)), Some(union("320000")));
        assert_eq!(all.on(day("2025-06-01")).filing_desk(union(of)), Some(union("320900")));
    }
}

#[test]
fn a_filing_waits_where_the_union_files() {
    let chain = Chain::new(305);
    let Chain { province, city, county, .. } = &chain;
    let files = |year| {
        let ask = Ask { type_: 2, year, census_on: day("2025-12-31"), declared: None, note: None };
        let draft =
            county.store.read(|conn| Ok(filing::draft(conn, union("320922"), day("2026-01-01"), &ask).unwrap()));
        let record = draft.unwrap().record;
        match county.store.write_blocking(move |ledger| ledger.write_entry(&record)).unwrap() {
            WriteOutcome::Written { id, .. } => id,
            other => panic!("{other:?}"),
        }
    };
    let reviews = |place: &Place, filed| {
        let answer =
            Answer { filing: filed, action: ReviewAction::Filed, register_no: Some("备1".into()), reasons: None };
        filing_desk::review(&place.store, place.machine.union(), true, answer, Mode::Write).map(drop)
    };
    let waiting = |place: &Place| {
        let all = place
            .store
            .read(|conn| Ok(inbox_of(place, conn).into_iter().filter(|code| *code == "filing_to_review").count()));
        all.unwrap()
    };
    let first = files(2024);
    chain.settle().unwrap();
    assert_eq!((waiting(city), waiting(province)), (1, 0));
    reviews(city, first).unwrap();
    assert_eq!(relates(province, "320922", "备案关系", "320000", "2025-06-01", &[]), Ok(vec![]));
    let second = files(2025);
    chain.settle().unwrap();
    assert_eq!((waiting(city), waiting(province)), (0, 1), "what the city put on file stays so");
    assert!(matches!(reviews(city, second), Err(FilingError::NotParent(desk)) if desk == union("320000")));
    reviews(province, second).unwrap();
    chain.settle().unwrap();
    for place in [province, city, county] {
        assert_eq!(waiting(place), 0);
        let all = place.store.read(|conn| Ok(filing::read(conn, None).unwrap())).unwrap();
        assert_eq!(
            all.iter().map(|one| one.state.word()).collect::<Vec<_>>(),
            ["filed", "filed"],
            "{}",
            place.machine.name
        );
    }
}

#[test]
fn money_that_does_not_come_from_who_funds_is_asked_about() {
    let chain = Chain::new(303);
    let Chain { nation, province, city, .. } = &chain;
    let programme = nation.store.write_blocking(people::programme).unwrap().to_string();
    chain.settle().unwrap();
    let pays = |place: &Place, no: &str| {
        let fields = [
            ("to_union", "320922"),
            ("no", no),
            ("programme", &*programme),
            ("year", "2025"),
            ("amount", "10"),
            ("doc_no", "1"),
            ("paid_on", "2025-06-01"),
        ];
        says(place, "allocation", &fields)
    };
    assert_eq!((pays(province, "1"), pays(city, "1")), (Ok(vec!["level_passed_over"]), Ok(vec![])));
    assert_eq!(relates(province, "320922", "经费关系", "320000", "2025-06-01", &[]), Ok(vec![]));
    chain.settle().unwrap();
    assert_eq!((pays(province, "2"), pays(city, "2")), (Ok(vec![]), Ok(vec!["another_funds"])));
}

#[test]
fn a_city_of_the_corps_is_led_by_its_division_wherever_that_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = world::hand_clock();
    let mut world = world::World::new(dir.path(), 304, clock);
    for (union, role) in [("100000", Role::Root), ("660000", Role::Hub), ("659001", Role::Node)] {
        world.add(union, role).unwrap();
    }
    let place = |name: &str| Place::new(world.machine(name));
    let (nation, corps, city) = (place("hub-100000"), place("hub-660000"), place("node-659001-0"));
    let settle = || {
        for _ in 0..2 {
            talk(city.ends(), corps.ends()).unwrap();
            talk(corps.ends(), nation.ends()).unwrap();
        }
    };
    settle();
    let shown = |place: &Place| known(place).on(day("2026-01-01")).parent(union("659001"));
    assert_eq!(shown(&corps), Some(UnionNumber::CORPS));
    let registers = corps.store.clone();
    let values = ["name", "form"].map(|field| kind("union").unwrap().field(field).unwrap());
    let said =
        vec![(values[0], Some(Value::Text("新疆生产建设兵团第八师总工会".into()))), (values[1], Some(Value::Int(10)))];
    let whom = unions::Whom::New(said);
    let done = unions::register(&registers, UnionNumber::CORPS, whom, Mode::Write).unwrap();
    assert_eq!(done.number, union("660000-001"));
    settle();
    assert_eq!(shown(&corps), Some(union("660000-001")), "by the built-in table, and its name");
    assert_eq!(
        (shown(&city), shown(&nation)),
        (Some(UnionNumber::CORPS), Some(UnionNumber::CORPS)),
        "the list does not reach them"
    );
    // A word does. The number stays, and so does the line to the Corps.
    let name = [("other_name", "第八师总工会")];
    assert_eq!(relates(&corps, "659001", "组织领导关系", "660000-001", "2020-01-01", &name), Ok(vec![]));
    settle();
    for place in [&nation, &corps, &city] {
        assert_eq!(shown(place), Some(union("660000-001")), "{}", place.machine.name);
        oracle::verifies(&place.machine, &place.store).unwrap();
        oracle::rebuilds_the_same(&place.machine, &place.store).unwrap();
    }
    assert_eq!(union("659001").enroller(), UnionNumber::CORPS);
}
