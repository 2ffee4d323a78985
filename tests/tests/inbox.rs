//! The inbox: what waits for a person at each level comes into it, stays until it is settled, and is told in pages.

use huiliu_node::{
    app::inbox::{self, Argument, Count, Entry, InboxError, Key, Look, Page, SOURCES, Severity, Source, Thing},
    cli::Exit,
    filing::{self, Ask},
    identity::Role,
    writer::Threads,
};
use huiliu_proto::{
    id::{RecordId, hex},
    period::Day,
    union::UnionNumber,
    v1::ReviewAction,
};
use huiliu_tests::{
    chain::{Chain, Place},
    people::{edit, engagement, record, write},
    talk::talk,
};

/// Asks with the machine's own clock.
fn ask<T>(place: &Place, ask: impl FnOnce(&Look<'_>) -> Result<T, InboxError>) -> T {
    let machine = &place.machine;
    let now = (machine.clock)();
    place
        .store
        .read(|conn| {
            let (union, hub) = (machine.union(), machine.is_hub());
            let look = Look { conn, home: &machine.home, union, hub, today: huiliu_node::clock::day(now), now };
            Ok(ask(&look).expect("the inbox can be read"))
        })
        .expect("the store can be read")
}

fn entries(place: &Place) -> Vec<Entry> {
    ask(place, |look| inbox::read(look, None, 1000)).entries
}

fn of_code(place: &Place, code: &str) -> Vec<Entry> {
    entries(place).into_iter().filter(|entry| entry.code == code).collect()
}

fn codes(place: &Place) -> Vec<&'static str> {
    let mut codes: Vec<_> = entries(place).iter().map(|entry| entry.code).collect();
    codes.dedup();
    codes
}

fn writes(place: &Place, kind: &'static str, fields: &[(&str, &str)]) -> RecordId {
    let fields: Vec<(String, String)> = fields.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    place
        .store
        .write_blocking(move |ledger| {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            write(ledger, kind, &fields)
        })
        .expect("a good record")
}

fn edits(place: &Place, kind: &'static str, id: RecordId, field: &'static str, text: &'static str) {
    place.store.write_blocking(move |ledger| edit(ledger, kind, id, field, text)).expect("a good edit");
}

fn day(text: &str) -> Day {
    let numbers: Vec<u32> = text.split('-').map(|n| n.parse().unwrap()).collect();
    Day::from_ymd(i32::try_from(numbers[0]).unwrap(), numbers[1], numbers[2]).unwrap()
}

fn argument<'e>(entry: &'e Entry, name: &str) -> &'e Argument {
    &entry.arguments.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} in {entry:?}")).1
}

#[test]
fn a_finding_waits_until_it_is_withdrawn() {
    let chain = Chain::new(51);
    assert_eq!(entries(&chain.county), [], "nothing waits at first");
    let fingerprint = "ab".repeat(32);
    let finding = |rule: &str, severity: &str, print: &str| {
        let fields = [
            ("union", "320922"),
            ("rule", rule),
            ("version", "1"),
            ("severity", severity),
            ("family", "A"),
            ("found_on", "2026-01-01"),
            ("fingerprint", print),
        ];
        let fields = fields.map(|(name, text)| (name, if name == "family" { "FAMILY_A" } else { text }));
        writes(&chain.city, "finding", &fields)
    };
    let red = finding("FC-16", "red", &fingerprint);
    let blue = finding("FC-02", "blue", &"cd".repeat(32));
    chain.settle().unwrap();
    // The county hears of both; the unions above, who see them too, have nothing to answer.
    let found = of_code(&chain.county, "finding");
    let said: Vec<_> = found.iter().map(|entry| (&entry.thing, entry.severity)).collect();
    let owner: UnionNumber = "320900".parse().unwrap();
    assert_eq!(
        said,
        [
            (&Thing::Record { owner, id: red }, Severity::Urgent),
            (&Thing::Record { owner, id: blue }, Severity::Attention),
        ]
    );
    assert_eq!(argument(&found[0], "rule"), &Argument::Rule("FC-16".into()));
    assert_eq!(chain.county.status(), Exit::Attention);
    assert_eq!((codes(&chain.province), codes(&chain.nation)), (vec![], vec![]));
    for id in [red, blue] {
        let id = hex(id.as_bytes());
        let fields = [
            ("union", "320922"),
            ("finding", id.as_str()),
            ("withdrawn_on", "2026-01-01"),
            ("reason_zh", "补报"),
            ("reason_en", "late data"),
        ];
        writes(&chain.city, "finding_withdrawal", &fields);
    }
    chain.settle().unwrap();
    assert_eq!(entries(&chain.county), []);
    assert_eq!(chain.county.status(), Exit::Done);
}

fn files(place: &Place) -> RecordId {
    let ask = Ask { type_: 2, year: 2025, census_on: day("2025-12-31"), declared: None, note: None };
    let union = place.machine.union();
    let draft = place.store.read(|conn| Ok(filing::draft(conn, union, day("2026-01-01"), &ask).unwrap())).unwrap();
    let outcome = place.store.write_blocking(move |ledger| ledger.write_entry(&draft.record)).unwrap();
    match outcome {
        huiliu_node::ledger::Outcome::Written { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_filing_waits_above_and_a_returned_one_below() {
    let chain = Chain::new(52);
    let first = files(&chain.county);
    chain.settle().unwrap();
    let review = |filing: RecordId, action, number: Option<&str>, reasons: Option<&str>| {
        let review = chain.city.store.read(|conn| {
            let union = chain.city.machine.union();
            Ok(filing::review(conn, union, true, filing, action, number, reasons).unwrap())
        });
        let review = review.unwrap();
        chain.city.store.write_blocking(move |ledger| ledger.write_entry(&review).map(drop)).unwrap();
        chain.settle().unwrap();
    };
    assert_eq!(codes(&chain.city), ["filing_to_review"]);
    assert_eq!((codes(&chain.county), codes(&chain.province)), (vec![], vec![]));
    review(first, ReviewAction::TakenIn, None, None);
    assert_eq!(codes(&chain.city), ["filing_to_review"], "it is not decided yet");
    review(first, ReviewAction::SentBack, None, Some("缺一人"));
    assert_eq!(codes(&chain.city), [""; 0]);
    let returned = of_code(&chain.county, "filing_returned");
    assert_eq!(argument(&returned[0], "reasons"), &Argument::Text("缺一人".into()));
    assert_eq!(chain.county.status(), Exit::Attention);
    let second = files(&chain.county);
    assert_eq!(codes(&chain.county), [""; 0]);
    chain.settle().unwrap();
    review(second, ReviewAction::Filed, Some("1"), None);
    assert_eq!((codes(&chain.city), codes(&chain.county)), (vec![], vec![]));
    // A correction of what is on file waits as the first did.
    let third = files(&chain.county);
    chain.settle().unwrap();
    assert_eq!(of_code(&chain.city, "filing_to_review").len(), 1);
    review(third, ReviewAction::SentBack, None, Some("再核"));
    assert_eq!(codes(&chain.county), ["filing_returned"]);
}

#[test]
fn what_ends_is_told_in_time_and_by_its_day() {
    let chain = Chain::new(53);
    let person = chain.county.mediator(1);
    let engaged = chain.county.store.write_blocking(move |ledger| engagement(ledger, person, 1)).unwrap();
    assert_eq!(entries(&chain.county), []);
    edits(&chain.county, "engagement", engaged, "ends_on", "2026-02-25");
    assert_eq!(chain.county.status(), Exit::Done, "good to know, and no more");
    assert_eq!(entries(&chain.county)[0].severity, Severity::Notice);
    edits(&chain.county, "engagement", engaged, "ends_on", "2026-01-20");
    let mediator = hex(person.as_bytes());
    let certificate = |no: &str, expires: &str| {
        let fields = [
            ("no", no),
            ("mediator", mediator.as_str()),
            ("type", "APPOINTMENT"),
            ("issued_on", "2023-01-01"),
            ("expires_on", expires),
            ("status", "VALID"),
        ];
        writes(&chain.county, "certificate", &fields)
    };
    certificate("1", "2025-12-20");
    let told = entries(&chain.county);
    let told: Vec<_> = told.iter().map(|entry| (entry.due.unwrap().to_string(), entry.code)).collect();
    assert_eq!(told, [("2025-12-20".into(), "certificate_ends"), ("2026-01-20".into(), "engagement_ends")]);
    assert_eq!(chain.county.status(), Exit::Attention);
    // A new certificate, and an engagement that was renewed, are settled.
    certificate("2", "2028-12-31");
    edits(&chain.county, "engagement", engaged, "ends_on", "2027-12-31");
    assert_eq!(entries(&chain.county), []);
}

#[test]
fn two_grades_on_one_day_are_a_persons_to_settle() {
    let chain = Chain::new(54);
    let fields = [("name", "滨海例机械"), ("uscc", "91320922MA1XXXXX0A")];
    let enterprise = enterprise(&chain.county, &fields);
    let rated = |day: &str, grade: &str, total: &str| {
        let mut sheet = record(
            "rating",
            &[
                ("enterprise", enterprise.as_str()),
                ("round", "2025"),
                ("rated_on", day),
                ("total", total),
                ("grade", grade),
                ("a_from", "80"),
                ("b_from", "60"),
                ("team", "第一组"),
            ],
        );
        let score = total.parse().unwrap();
        let number = |n: i64| Some(huiliu_proto::value::Value::Int(n));
        let line = vec![number(1), number(100), number(score)];
        sheet.set("items", huiliu_proto::value::Value::Lines(vec![line]));
        let outcome = chain.county.store.write_blocking(move |ledger| ledger.write_entry(&sheet)).unwrap();
        assert!(matches!(outcome, huiliu_node::ledger::Outcome::Written { .. }), "{outcome:?}");
    };
    rated("2025-11-01", "GRADE_A", "90");
    rated("2025-11-01", "GRADE_A", "90");
    assert_eq!(codes(&chain.county), [""; 0]);
    rated("2025-11-01", "GRADE_C", "45");
    assert_eq!(codes(&chain.county), ["graded_twice"]);
    rated("2025-11-02", "GRADE_B", "70");
    assert_eq!(codes(&chain.county), [""; 0], "a later sheet says which it is");
}

/// An enterprise with whatever its kind asks for.
fn enterprise(place: &Place, said: &[(&str, &str)]) -> String {
    use huiliu_proto::kind::{Type, kind};
    let fields = &kind("enterprise").unwrap().fields;
    let mut fields: Vec<(String, String)> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| {
            let text = match (&field.ty, said.iter().find(|(name, _)| *name == field.name)) {
                (_, Some((_, text))) if field.name != "uscc" => (*text).to_owned(),
                (Type::Choice(choices), _) => choices[0].name.to_owned(),
                (Type::Int, _) => "320922".to_owned(),
                _ if field.name == "uscc" => "91320900MA00000000".to_owned(),
                _ => "例".to_owned(),
            };
            (field.name.to_owned(), text)
        })
        .collect();
    // A credit code with a right check character, of nobody.
    if let Some((_, text)) = fields.iter_mut().find(|(name, _)| name == "uscc") {
        let body = &text[..17];
        let right = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars().map(|last| format!("{body}{last}"));
        let kind = kind("enterprise").unwrap();
        let field = &kind.fields[kind.field("uscc").unwrap()];
        *text = right.into_iter().find(|code| field.parse(code).is_ok()).expect("one of them is right");
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    hex(writes(place, "enterprise", &fields).as_bytes())
}

#[test]
fn who_is_silent_is_asked_for() {
    let chain = Chain::new(55);
    chain.days(20);
    assert_eq!((codes(&chain.city), codes(&chain.county)), (vec![], vec![]));
    chain.days(20);
    let silent = of_code(&chain.city, "machine_silent");
    assert_eq!(silent.len(), 1, "{silent:?}");
    assert_eq!(silent[0].thing, Thing::Device(chain.county.device()));
    assert_eq!(argument(&silent[0], "union"), &Argument::Union("320922".parse().unwrap()));
    assert!(codes(&chain.county).contains(&"line_silent"));
    chain.settle().unwrap();
    assert_eq!((codes(&chain.city), codes(&chain.county)), (vec![], vec![]));
}

#[test]
fn what_devices_disagree_on_is_the_owners_to_decide() {
    let mut chain = Chain::new(56);
    let second = chain.world.add("320922", Role::Node).unwrap().clone();
    let second = Place { store: second.store(Threads::Inline), machine: second };
    let settle = |chain: &Chain, second: &Place| {
        for _ in 0..2 {
            chain.settle().unwrap();
            talk(second.ends(), chain.city.ends()).unwrap();
        }
    };
    let person = chain.county.mediator(1);
    settle(&chain, &second);
    edits(&chain.county, "mediator", person, "name", "甲");
    edits(&second, "mediator", person, "name", "乙");
    settle(&chain, &second);
    settle(&chain, &second);
    let disputed = of_code(&chain.county, "conflicts");
    assert_eq!(disputed.len(), 1);
    assert_eq!(disputed[0].thing, Thing::Record { owner: "320922".parse().unwrap(), id: person });
    assert!(!codes(&chain.province).contains(&"conflicts"), "it is not the province's to decide");
    edits(&chain.county, "mediator", person, "name", "甲");
    assert_eq!(of_code(&chain.county, "conflicts"), []);
}

/// Pages of `most` entries, put together.
fn paged(place: &Place, sources: &[&dyn Source], most: usize) -> Vec<Entry> {
    let (mut all, mut after): (Vec<Entry>, Option<Key>) = (vec![], None);
    loop {
        let page = ask(place, |look| inbox::read_from(sources, look, after.as_ref(), most));
        assert!(page.entries.len() <= most);
        all.extend(page.entries);
        // As it is typed again.
        match page.next {
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return all,
        }
    }
}

#[test]
fn pages_hold_everything_once_and_in_order() {
    let chain = Chain::new(57);
    // Many on one day, some before and after, and probation and consent on the same days.
    for n in 0..40 {
        let person = chain.county.mediator(n);
        let engaged = chain.county.store.write_blocking(move |ledger| engagement(ledger, person, n)).unwrap();
        let ends = match n {
            0..5 => "2025-12-31",
            5..30 => "2026-01-10",
            _ => "2026-02-20",
        };
        edits(&chain.county, "engagement", engaged, "ends_on", ends);
        if n % 3 == 0 {
            edits(&chain.county, "engagement", engaged, "probation_until", "2026-01-10");
        }
    }
    let whole = entries(&chain.county);
    assert_eq!(whole.len(), 40 + 14);
    assert!(whole.is_sorted_by_key(Entry::key));
    for most in [1, 3, 7, 54, 55] {
        assert_eq!(paged(&chain.county, SOURCES, most), whole, "{most} a page");
    }
    let (counts, first) = ask(&chain.county, |look| inbox::survey(look, 10));
    assert_eq!(first.entries, whole[..10]);
    assert_eq!(first.next, Some(whole[9].key()));
    let all: u64 = counts.iter().map(|count| count.count).sum();
    assert_eq!(all, 54);
    assert!("nonsense".parse::<Key>().is_err() && "1.1.x.".parse::<Key>().is_err());
}

/// A kind of thing that comes later: its file is all it needs.
struct Training;

impl Source for Training {
    fn codes(&self) -> &'static [&'static str] {
        &["training_due"]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>, InboxError> {
        let entry = |days| {
            Entry::new("training_due", Severity::Notice, Thing::Union(look.union))
                .due(look.today.plus_days(days).unwrap_or(look.today))
                .with("days", Argument::Number(days.into()))
        };
        Ok([5, -1].map(entry).into())
    }
}

#[test]
fn a_source_is_added_without_touching_the_frame() {
    let chain = Chain::new(58);
    let person = chain.county.mediator(1);
    let engaged = chain.county.store.write_blocking(move |ledger| engagement(ledger, person, 1)).unwrap();
    edits(&chain.county, "engagement", engaged, "ends_on", "2026-01-03");
    let sources: Vec<&dyn Source> = SOURCES.iter().copied().chain([&Training as &dyn Source]).collect();
    let all = paged(&chain.county, &sources, 1);
    let said: Vec<_> = all.iter().map(|entry| entry.code).collect();
    assert_eq!(said, ["training_due", "engagement_ends", "training_due"]);
    let (counts, _) = ask(&chain.county, |look| inbox::survey_of(&sources, look, 10));
    let training = Count { code: "training_due", severity: Severity::Notice, count: 2, more: false };
    assert!(counts.contains(&training), "{counts:?}");
}

#[test]
fn what_two_machines_reverse_is_told() {
    let mut chain = Chain::new(59);
    let second = chain.world.add("320922", Role::Node).unwrap().clone();
    let second = Place { store: second.store(Threads::Inline), machine: second };
    let programme = chain.nation.store.write_blocking(huiliu_tests::people::programme).unwrap();
    for _ in 0..2 {
        chain.settle().unwrap();
        talk(second.ends(), chain.city.ends()).unwrap();
    }
    let person = chain.county.mediator(1);
    let spent = chain
        .county
        .store
        .write_blocking(move |ledger| huiliu_tests::people::expenditure(ledger, programme, person, 1))
        .unwrap();
    chain.settle().unwrap();
    talk(second.ends(), chain.city.ends()).unwrap();
    for place in [&chain.county, &second] {
        place.store.write_blocking(move |ledger| huiliu_tests::people::reversal(ledger, spent)).unwrap();
        // That the other machine was enrolled is told, too.
        let told: Vec<_> = codes(place).into_iter().filter(|code| *code != "evidence").collect();
        assert_eq!(told, [""; 0], "each is right by itself");
    }
    talk(second.ends(), chain.city.ends()).unwrap();
    chain.settle().unwrap();
    assert!(codes(&chain.county).contains(&"reversed_twice"), "{:?}", codes(&chain.county));
}
