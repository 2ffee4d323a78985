//! Lists come in pages: what is held, each line with what it waits for; filings; and evidence.

use std::process::{Command, Stdio};

use huiliu_node::{
    filing::{self, Ask},
    store::{
        evidence::{self, Evidence, EvidenceKind},
        feeds,
    },
};
use huiliu_proto::{
    feed::Scope,
    id::FeedId,
    kind::{Reach, kind},
    lang::Label,
    operation::Operation,
    period::Day,
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::{Forger, newer},
    relay::give,
};
use serde_json::Value as Json;

fn program(place: &Place, verb: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_program"));
    command.arg("--home").arg(&place.machine.home.dir).args(["--json", verb, "list"]).args(arguments);
    command.stdin(Stdio::null());
    command
}

/// Its lines, and what the next page goes on after.
fn page(place: &Place, verb: &str, arguments: &[&str]) -> (Vec<Json>, Option<String>) {
    let output = program(place, verb, arguments).output().expect("the program runs");
    let said = String::from_utf8(output.stdout).unwrap();
    let answer: Json =
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)));
    let lines = ["held", "filings", "evidence"].iter().find_map(|key| answer[key].as_array());
    let next = match &answer["next"] {
        Json::Null => None,
        Json::String(next) => Some(next.clone()),
        other => Some(other.to_string()),
    };
    (lines.expect("a list").clone(), next)
}

fn listed(place: &Place, verb: &str, arguments: &[&str]) -> Vec<Json> {
    page(place, verb, arguments).0
}

fn words(lines: &[Json], column: &str) -> Vec<String> {
    lines.iter().map(|line| line[column].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_held_is_listed_page_by_page() {
    let chain = Chain::new(71);
    let county = chain.county.machine.union();
    let number = kind("work_entry").unwrap().number;
    let mut waiting = vec![];
    for seed in 80..83 {
        let mut forger = Forger::stranger(seed, county, Scope::Own(Reach::Province));
        let id = forger.id();
        give(&chain.city.store, &forger.say(&[Operation::new(number, id, None, vec![1], None)]));
        waiting.push(forger.feed.id);
    }
    let later = newer(&chain.county.machine);
    give(&chain.city.store, &later);
    // Entries that break a rule of their kind.
    let mut known = Forger::new(&chain.county.machine, Scope::Own(Reach::Province));
    let broken: Vec<Operation> = (0..5).map(|_| Operation::new(number, known.id(), None, vec![], None)).collect();
    give(&chain.city.store, &known.say(&broken));
    assert!(chain.city.store.read(|c| feeds::by_id(c, &known.feed.id)).unwrap().unwrap().applied == 5);

    let all = listed(&chain.city, "quarantine", &[]);
    let reasons = words(&all, "reason");
    assert_eq!(reasons[..4], ["not-enrolled", "not-enrolled", "not-enrolled", "newer"]);
    assert_eq!(all.len(), 9, "{reasons:?}");
    let (feed, which) = (later.feed.to_string(), words(&all, "which"));
    assert_eq!(which[3], feed);
    for most in 1..=4 {
        assert_eq!(paged(&chain.city, "quarantine", "which", most, &[]), which, "{most} at a time");
    }
}

/// Pages of `most` lines, put together: what a column says.
fn paged(place: &Place, verb: &str, column: &str, most: usize, also: &[&str]) -> Vec<String> {
    let (mut pages, mut after): (Vec<String>, Option<String>) = (vec![], None);
    loop {
        let count = most.to_string();
        let mut arguments = [&["--most", &count], also].concat();
        arguments.extend(after.iter().flat_map(|after| ["--after", after]));
        let (lines, next) = page(place, verb, &arguments);
        assert!(lines.len() == most || lines.len() < most && next.is_none());
        pages.extend(words(&lines, column));
        match next {
            Some(next) => after = Some(next),
            None => return pages,
        }
    }
}

#[test]
fn filings_are_listed_page_by_page() {
    let chain = Chain::new(72);
    let county = &chain.county;
    for (year, note) in [(2021, "1"), (2022, "2"), (2021, "3"), (2023, "4"), (2021, "5"), (2024, "6")] {
        let census_on = Day::from_ymd(year, 12, 31).unwrap();
        let ask = Ask { type_: 2, year: year.into(), census_on, declared: None, note: Some(note.into()) };
        let union = county.machine.union();
        let draft = county.store.read(|conn| Ok(filing::draft(conn, union, Day(20_100), &ask))).unwrap().unwrap();
        county.store.write_blocking(move |ledger| ledger.write_entry(&draft.record)).unwrap();
    }
    for (also, states) in [
        (&[][..], &["submitted"; 4][..]),
        (&["--all"], &["superseded", "submitted", "superseded", "submitted", "submitted", "submitted"]),
    ] {
        let whole = listed(county, "filing", also);
        assert_eq!(words(&whole, "state"), states);
        let read = county.store.read(|conn| Ok(filing::read(conn, None).unwrap())).unwrap();
        let told: Vec<String> = read
            .iter()
            .filter(|standing| !also.is_empty() || standing.holds)
            .map(|standing| standing.version.id.to_string())
            .collect();
        assert_eq!(words(&whole, "filing"), told);
        for most in [1, 2, 3] {
            assert_eq!(paged(county, "filing", "filing", most, also), told, "{most} at a time");
        }
    }
}

#[test]
fn evidence_is_listed_page_by_page() {
    let chain = Chain::new(73);
    let county = &chain.county;
    county
        .store
        .write_blocking(|ledger| {
            for n in 1..=5 {
                let kept = Evidence {
                    what: EvidenceKind::Restored,
                    feed: FeedId([n; 16]),
                    seen_at: i64::from(n),
                    from: None,
                    ours: None,
                    theirs: None,
                    detail: Label::new("试", "a test"),
                };
                evidence::add(ledger.conn(), &kept)?;
            }
            evidence::settle(ledger.conn(), 2, 9, "试")
        })
        .unwrap();
    let numbers = |lines: &[Json]| lines.iter().map(|line| line["no"].as_i64().unwrap()).collect::<Vec<_>>();
    for (arguments, told, next) in [
        (&["--most", "2"][..], [1, 3], Some("3")),
        (&["--most", "2", "--after", "3"], [4, 5], None),
        (&["--all", "--most", "2", "--after", "1"], [2, 3], Some("3")),
    ] {
        let (lines, goes_on) = page(county, "evidence", arguments);
        assert_eq!((numbers(&lines), goes_on.as_deref()), (told.to_vec(), next), "{arguments:?}");
    }
    // An empty page is no reason to believe that nothing waits.
    let status = program(county, "evidence", &["--after", "5"]).status().unwrap();
    assert_eq!(status.code(), Some(3));
}
