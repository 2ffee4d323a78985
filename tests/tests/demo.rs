//! The demo comes out as it must, and says so to programs too.

use std::path::Path;

use huiliu_node::{
    app::find,
    clock,
    identity::Home,
    store::projection,
    writer::{Store, Threads},
};
use huiliu_proto::{
    handle::Declared as _,
    records::{allocation, fund_receipt},
    v1::{Allocation, FundReceipt},
};
use huiliu_tests::demo::{DemoOptions, run, shown_id};
use serde_json::Value as Json;

#[test]
fn the_story_is_told_to_its_end() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let json = dir.path().join("demo.json");
    let options = DemoOptions {
        once: true,
        json: Some(json.clone()),
        dir: Some(dir.path().join("unions")),
        ..DemoOptions::default()
    };
    assert!(run(options).expect("it runs"), "something is not as it must be");

    let report: Json = serde_json::from_slice(&std::fs::read(json).expect("it was written")).expect("it is JSON");
    assert_eq!(report["converged"], true);
    assert_eq!(report["quarantined"], 0);
    assert_eq!(report["problems"], 0, "every union's database and its backup verify");
    let unions = report["unions"].as_array().expect("a list");
    assert_eq!(unions.len(), 8);
    for union in unions {
        assert_eq!(union["rollup"], union["counties_sum"], "{}", union["name"]);
    }
    assert_eq!(unions[0]["rollup"]["funded_in_post"], 71, "3 + 3 + 22 + 10 + 3 + 12 + 18");
    assert_eq!(report["planted"]["found"].as_array().map(Vec::len), Some(8));
    for none in ["missing", "lookalikes_hit", "unexpected"] {
        assert_eq!(report["planted"][none], Json::Array(vec![]), "{none}");
    }
    for finding in report["findings"].as_array().expect("a list") {
        assert_eq!(finding["arrived"], true, "{finding}");
        // As the screen names them, the hub that found it opens what it rests on.
        let hub = store(dir.path(), finding["found_by"].as_u64().expect("a number"));
        for evidence in finding["evidence"].as_array().expect("a list") {
            let id = shown_id(&evidence["record"].as_str().and_then(|id| id.parse().ok()).expect("an id"));
            let found = hub.read(|conn| Ok(find::any(conn, &id))).expect("it can be read");
            assert!(matches!(found, Ok(Ok(_))), "{id}: {found:?}");
        }
    }

    // What a county received leads back to what the nation paid.
    let county = store(dir.path(), 320_922);
    let receipts = county.read(|conn| projection::list(conn, FundReceipt::kind(), None, None, 100)).expect("a list");
    assert_eq!(receipts.len(), 4, "two instalments of one programme, the second in two parts, and one of the other");
    for receipt in receipts {
        let paid = |id| county.read(|conn| projection::get(conn, Allocation::kind(), &id)).expect("it can be read");
        let mut step = receipt.record.read(fund_receipt::ALLOCATION).and_then(paid).expect("the city's allocation");
        for owner in [320_900, 320_000, 100_000] {
            assert_eq!(u64::from(step.place.owner), owner);
            let Some(from) = step.record.read(allocation::FROM_ALLOCATION) else { break };
            step = paid(from).expect("it is here");
        }
        assert_eq!(u64::from(step.place.owner), 100_000, "it ends at the nation");
    }
}

fn store(dir: &Path, union: u64) -> Store {
    let home = Home::open(&dir.join("unions").join(union.to_string())).expect("a home");
    Store::of(&home, clock::system(), clock::random(), Threads::Inline).expect("its store")
}

#[test]
fn a_directory_that_is_in_use_is_left_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(dir.path().join("letter"), "dear union").expect("it can be written");
    let options = DemoOptions { once: true, dir: Some(dir.path().to_owned()), ..DemoOptions::default() };
    assert!(run(options).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).expect("it is there").count(), 1);
}
