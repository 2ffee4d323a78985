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

/// What a passphrase file gives only once, such as a pipe, is enough.
#[test]
fn on_a_nodes_home_the_passphrase_is_read_once() {
    let dir = TempDir::new().expect("a temporary directory");
    let (node, file) = (Machine::node(&dir, "node"), dir.path().join("passphrase"));
    std::fs::write(&file, "correct horse 27\n").expect("it is written");
    node.done(&[
        "init",
        "--union",
        "320922",
        "--passphrase",
        "--passphrase-file",
        file.to_str().expect("a plain name"),
    ]);
    let hub = Machine::hub(&dir, "node");
    for verb in [&["serve"][..], &["invite", "--device"]] {
        let mut command = hub.command(&[&["--json", "--passphrase-file", "/dev/stdin"], verb].concat());
        let pipe = std::process::Command::new("cat").arg(&file).stdout(std::process::Stdio::piped()).spawn();
        let mut pipe = pipe.expect("cat is there");
        let ran = command.stdin(pipe.stdout.take().expect("it is piped")).output().expect("the program starts");
        pipe.wait().expect("it ends");
        // It has not joined: it came as far as that.
        let err = String::from_utf8_lossy(&ran.stderr);
        assert!(err.contains("\"code\":\"identity\""), "{verb:?}: {err}");
    }
}

#[test]
fn where_a_token_cannot_be_written_none_is_made() {
    let dir = TempDir::new().expect("a temporary directory");
    let nation = Machine::hub(&dir, "nation");
    nation.done(&["init", "--root"]);
    let out = dir.path().join("token");
    std::fs::write(&out, "something").expect("it is written");
    let out = out.to_str().expect("a plain name");
    for whom in ["110000", "--device"] {
        assert_eq!(nation.run(&["invite", whom, "--address", "127.0.0.1:1", "--out", out]).code, 2);
    }
    let given = || nation.json(&["invite", "list"])["invitations"].as_array().map(Vec::len);
    assert_eq!(given(), Some(0));
    nation.done(&["invite", "110000", "--address", "127.0.0.1:1", "--out", out, "--force"]);
    assert_eq!(given(), Some(1));
}
