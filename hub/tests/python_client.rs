//! A client in another language: `tests/python/client.py` knows the files in `proto/` and nothing else of Huiliu. It joins
//! a real hub with a real token, writes a line of a work log, exchanges it, checks the signed receipt and keeps what comes
//! down. So the `.proto` files are enough to write one, and the keys, certificates and TLS are of kinds that gRPC's own
//! stack reads.
//!
//! It needs python3 with its module venv, and PyPI or a mirror of it. Where these cannot be had it says so and passes, but
//! not where `HUILIU_PYTHON=required` is set, as it is in CI.

mod machine;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use machine::{Machine, wait_for};
use tempfile::TempDir;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn runs(command: &mut Command) -> Result<String, String> {
    let said = format!("{command:?}");
    let out = command.output().map_err(|error| format!("{said}: {error}"))?;
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        false => Err(format!("{said}: {}", String::from_utf8_lossy(&out.stderr))),
    }
}

/// An interpreter with what the client needs, in the build's own directory; made once.
fn python() -> Result<PathBuf, String> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let requirements = repository().join("tests/python/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).map_err(|e| e.to_string())?;
    let done = venv.join("installed.txt");
    let python = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    runs(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    runs(Command::new(&python).args(pip).arg(&requirements))?;
    std::fs::write(done, wanted).map_err(|e| e.to_string())?;
    Ok(python)
}

#[test]
fn a_client_in_python_joins_writes_and_exchanges() {
    let python = match python() {
        Ok(python) => python,
        Err(why) if std::env::var_os("HUILIU_PYTHON").is_none() => {
            eprintln!("SKIPPED: the client in Python was not tried, because its packages cannot be had: {why}");
            return;
        }
        Err(why) => panic!("HUILIU_PYTHON is set, and the client's packages cannot be had: {why}"),
    };
    let dir = TempDir::new().expect("a temporary directory");
    let nation = Machine::hub(&dir, "nation");
    nation.done(&["init", "--root"]);
    let nation_up = nation.serve();
    let jiangsu = Machine::hub(&dir, "jiangsu");
    jiangsu.done(&["join", &nation.invite(&["320000"])]);
    let jiangsu_up = jiangsu.serve();
    wait_for("the nation's word reaches the province", || jiangsu.count("enrolment") == 1);

    let token = jiangsu.invite(&["320900", "--machine"]);
    let client = repository().join("tests/python/client.py");
    let said = runs(Command::new(python).arg(client).arg(repository().join("proto")).arg(token));
    let said: serde_json::Value = serde_json::from_str(&said.expect("the client ends well")).expect("it speaks JSON");
    assert_eq!(said["refused"], serde_json::json!([]), "{said}");
    // The hub signed for what it wrote, and what both hubs say down came: each one enrolment.
    assert_eq!((&said["receipts"][0]["union"], &said["receipts"][0]["size"]), (&320_000.into(), &1.into()), "{said}");
    let mut down: Vec<_> = said["down"].as_array().expect("a list").iter().map(|f| f["union"].as_u64()).collect();
    down.sort_unstable();
    assert_eq!(down, [Some(100_000), Some(320_000)], "{said}");

    // It counts at the province like any other.
    let list = jiangsu.json(&["record", "list", "work_entry"]);
    let [line] = list["records"].as_array().expect("a list").as_slice() else { panic!("{list}") };
    assert_eq!(line["record"].as_str().map(|id| id.replace('-', "")).as_deref(), said["record"].as_str(), "{line}");
    assert_eq!(line["owner"], 320_900, "{line}");
    let enrolled = jiangsu.json(&["record", "list", "enrolment"]).to_string();
    assert!(enrolled.contains(said["device"].as_str().expect("a key")), "{enrolled}");
    jiangsu.done(&["verify"]);
    drop((nation_up, jiangsu_up));
}

/// The kinds of keys and files that other programs read, as OpenSSL says.
#[test]
fn openssl_reads_keys_and_certificates() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("SKIPPED: openssl is not here");
        return;
    }
    let dir = TempDir::new().expect("a temporary directory");
    let nation = Machine::hub(&dir, "nation");
    nation.done(&["init", "--root"]);
    let up = nation.serve();
    let jiangsu = Machine::hub(&dir, "jiangsu");
    jiangsu.done(&["join", &nation.invite(&["320000"])]);
    let openssl = |arguments: &[&str]| runs(Command::new("openssl").args(arguments)).expect("openssl reads it");
    let path = |file: &str| jiangsu.home.join(file).display().to_string();
    for key in ["keys/tls.pem", "keys/authority.pem"] {
        let said = openssl(&["pkey", "-in", &path(key), "-noout", "-text"]);
        assert!(said.contains("prime256v1"), "{said}");
    }
    let (root, own) = (path("certs/root.pem"), path("certs/tls.pem"));
    assert!(openssl(&["verify", "-CAfile", &root, &path("certs/authority.pem")]).contains("OK"));
    assert!(openssl(&["verify", "-CAfile", &root, "-untrusted", &own, &own]).contains("OK"));
    // A handshake by name, with the certificate of the one who calls.
    let connect = ["s_client", "-connect", &up.address, "-servername", "hub-100000.huiliu.internal", "-alpn", "h2"];
    let shown = ["-CAfile", &root, "-verify_return_error", "-cert", &own, "-key", &path("keys/tls.pem"), "-tls1_3"];
    let said = openssl(&[&connect[..], &shown[..]].concat());
    assert!(said.contains("Verify return code: 0 (ok)") && said.contains("ALPN protocol: h2"), "{said}");
    drop(up);
}
