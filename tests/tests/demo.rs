//! The demo comes out as it must, and says so to programs too.

use huiliu_tests::demo::{DemoOptions, run};
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
    }
}

#[test]
fn a_directory_that_is_in_use_is_left_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(dir.path().join("letter"), "dear union").expect("it can be written");
    let options = DemoOptions { once: true, dir: Some(dir.path().to_owned()), ..DemoOptions::default() };
    assert!(run(options).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).expect("it is there").count(), 1);
}
