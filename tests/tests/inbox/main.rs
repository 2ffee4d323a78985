//! The inbox: what waits for a person at each level comes into it, stays until it is settled, and is told in pages.

mod line;
mod order;
mod settled;
mod sources;

use huiliu_node::{
    app::{
        inbox::{self, Argument, Entry, InboxError, Look, Severity, Thing},
        status,
    },
    cli::Exit,
    filing::{self, Ask},
    identity::Role,
    operator::Account,
    writer::Threads,
};
use huiliu_proto::{
    id::{RecordId, hex},
    union::UnionNumber,
    v1::ReviewAction,
};
use huiliu_tests::{
    chain::{Chain, Place},
    people::{edit, engagement, write},
};

/// Asks with the machine's own clock, where nobody has logged in.
fn ask<T>(place: &Place, ask: impl FnOnce(&Look<'_>) -> Result<T, InboxError>) -> T {
    ask_for(place, None, ask)
}

fn ask_for<T>(place: &Place, account: Option<Account>, ask: impl FnOnce(&Look<'_>) -> Result<T, InboxError>) -> T {
    let machine = &place.machine;
    let now = (machine.clock)();
    place
        .store
        .read(|conn| {
            let (union, hub) = (machine.union(), machine.is_hub());
            let (device, today) = (place.device(), huiliu_node::clock::day(now));
            let look = Look { conn, home: &machine.home, union, device, hub, account, today, now };
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
    // The nation has published no days off: it is told so all the while.
    codes.retain(|code| *code != "days_off_missing");
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

/// A finding of a hub against the county.
fn finds(hub: &Place, rule: &str, severity: &str) -> RecordId {
    let fingerprint = hex(&[rule.as_bytes()[4]; 32]);
    let fields = [
        ("union", "320922"),
        ("rule", rule),
        ("version", "1"),
        ("severity", severity),
        ("family", "FAMILY_A"),
        ("found_on", "2026-01-01"),
        ("fingerprint", &fingerprint),
    ];
    writes(hub, "finding", &fields)
}

fn argument<'e>(entry: &'e Entry, name: &str) -> &'e Argument {
    &entry.arguments.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} in {entry:?}")).1
}

#[test]
fn a_finding_waits_until_it_is_withdrawn() {
    let chain = Chain::new(51);
    assert_eq!(entries(&chain.county), [], "nothing waits at first");
    let (red, blue) = (finds(&chain.city, "FC-16", "red"), finds(&chain.city, "FC-02", "blue"));
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
    let ask = Ask { type_: 2, year: 2025, census_on: "2025-12-31".parse().unwrap(), declared: None, note: None };
    let union = place.machine.union();
    let today = "2026-01-01".parse().unwrap();
    let draft = place.store.read(|conn| Ok(filing::draft(conn, union, today, &ask).unwrap())).unwrap();
    let outcome = place.store.write_blocking(move |ledger| ledger.write_entry(&draft.record)).unwrap();
    match outcome {
        huiliu_node::ledger::WriteOutcome::Written { id, .. } => id,
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
    // Where another union engages her too, the certificate is not its own to renew.
    chain.settle().unwrap();
    chain.city.store.write_blocking(move |ledger| engagement(ledger, person, 9)).unwrap();
    assert_eq!(codes(&chain.city), [""; 0]);
    // A new certificate, and an engagement that was renewed, are settled.
    certificate("2", "2028-12-31");
    edits(&chain.county, "engagement", engaged, "ends_on", "2027-12-31");
    assert_eq!(entries(&chain.county), []);
}

/// Also what is more than the inbox counts.
#[test]
fn all_fields_in_dispute_are_counted() {
    let chain = Chain::new(64);
    let many = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
        INSERT INTO conflict (record, owner, field, place, kind)
        SELECT unhex(printf('%032x', i)), 320922, 1, place.n, 1 FROM n, (SELECT 0 AS n UNION ALL SELECT 1) AS place";
    chain.county.store.write_blocking(|ledger| Ok(ledger.conn().raw().execute(many, ())?)).unwrap();
    let said = ask(&chain.county, |look| Ok(status::read(look, 1).expect("how things stand can be read").conflicts));
    assert_eq!(said, 1500);
}

#[test]
fn what_devices_disagree_on_is_the_owners_to_decide() {
    let mut chain = Chain::new(56);
    let second = chain.world.add("320922", Role::Node).unwrap().clone();
    let second = Place { store: second.store(Threads::Inline), machine: second };
    let person = chain.county.mediator(1);
    chain.settle_with(&second).unwrap();
    edits(&chain.county, "mediator", person, "name", "甲");
    edits(&second, "mediator", person, "name", "乙");
    chain.settle_with(&second).unwrap();
    chain.settle_with(&second).unwrap();
    let disputed = of_code(&chain.county, "conflicts");
    assert_eq!(disputed.len(), 1);
    assert_eq!(disputed[0].thing, Thing::Record { owner: "320922".parse().unwrap(), id: person });
    assert!(!codes(&chain.province).contains(&"conflicts"), "it is not the province's to decide");
    edits(&chain.county, "mediator", person, "name", "甲");
    assert_eq!(of_code(&chain.county, "conflicts"), []);
}
