//! How a program that serves is ended by the system that runs it.
#![cfg(unix)]

mod machine;

use machine::Machine;
use tempfile::TempDir;

#[test]
fn sigterm_ends_serve_as_ctrl_c_does() {
    let dir = TempDir::new().expect("a temporary directory");
    let nation = Machine::hub(&dir, "nation");
    nation.done(&["init", "--root"]);
    let up = nation.serve();
    let jiangsu = Machine::hub(&dir, "jiangsu");
    jiangsu.done(&["join", &nation.invite(&["320000"])]);
    let below = jiangsu.serve();
    // By itself and with code 0: not struck down by the signal.
    assert_eq!(below.terminate(), Some(0));
    assert_eq!(up.terminate(), Some(0));
    jiangsu.done(&["verify"]);
}

/// 350527 is a place on the map without a union of this federation, whatever somebody types.
#[test]
fn a_place_without_a_union_is_nowhere_taken_for_one() {
    let dir = TempDir::new().expect("a temporary directory");
    let nowhere = Machine::node(&dir, "nowhere");
    for union in ["350527", "金门县"] {
        assert_eq!(nowhere.run(&["init", "--union", union]).code, 2);
    }
    let quanzhou = Machine::hub(&dir, "quanzhou");
    quanzhou.done(&["init", "--union", "350500"]);
    for typed in [&["invite", "350527", "--address", "a:1"][..], &["rollup", "--union", "350527"]] {
        assert_eq!(quanzhou.run(typed).code, 2, "{typed:?}");
    }
}
