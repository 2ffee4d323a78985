//! What is held is listed in pages, each line with what it waits for.

use std::process::{Command, Stdio};

use huiliu_node::store::feeds;
use huiliu_proto::{
    feed::Scope,
    kind::{Reach, kind},
    operation::Operation,
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::{Forger, newer},
    relay::give,
};
use serde_json::Value as Json;

fn listed(place: &Place, arguments: &[&str]) -> Vec<Json> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_program"));
    command.arg("--home").arg(&place.machine.home.dir).args(["--json", "quarantine", "list"]).args(arguments);
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    let said = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
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

    let all = listed(&chain.city, &[]);
    let reasons = words(&all, "reason");
    assert_eq!(reasons[..4], ["not-enrolled", "not-enrolled", "not-enrolled", "newer"]);
    assert_eq!(all.len(), 9, "{reasons:?}");
    let (feed, which) = (later.feed.to_string(), words(&all, "which"));
    assert_eq!(which[3], feed);
    for most in 1..=4 {
        let (mut pages, mut after): (Vec<String>, Option<String>) = (vec![], None);
        loop {
            let count = most.to_string();
            let mut arguments = vec!["--most", &count];
            arguments.extend(after.iter().flat_map(|after| ["--after", after]));
            let page = words(&listed(&chain.city, &arguments), "which");
            pages.extend(page.iter().cloned());
            after = page.last().cloned();
            if page.len() < most {
                break;
            }
        }
        assert_eq!(pages, which, "{most} at a time");
    }
}
