//! Unions as people run them: one process a command, each in a home of its own, hubs on loopback.

#![allow(dead_code, reason = "each test uses what it needs of this")]

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use tempfile::TempDir;

/// Nothing here takes nearly so long; a machine that is busy with other things may.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// One machine: a program and its home.
pub struct Machine {
    pub home: PathBuf,
    program: PathBuf,
    /// The language it answers in, as a locale.
    lang: &'static str,
}

/// A hub that serves; ended when dropped.
pub struct Serving {
    child: Child,
    pub address: String,
}

impl Serving {
    /// Asks it to end as a system does (SIGTERM), and gives the code with which it ended.
    pub fn terminate(mut self) -> Option<i32> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(asked.expect("kill is there").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other program is built beside this one by `cargo test --workspace`; where only this crate is tested, it is built
/// here.
pub fn node() -> PathBuf {
    let hub = Path::new(env!("CARGO_BIN_EXE_huiliu-hub"));
    let beside = hub.with_file_name(format!("huiliu-node{}", std::env::consts::EXE_SUFFIX));
    if !beside.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--offline", "--package", "huiliu-node", "--bin", "huiliu-node"]);
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(built.success() && beside.exists(), "huiliu-node is needed beside huiliu-hub");
    }
    beside
}

impl Machine {
    pub fn hub(dir: &TempDir, name: &str) -> Machine {
        Machine { home: dir.path().join(name), program: env!("CARGO_BIN_EXE_huiliu-hub").into(), lang: "en_US.UTF-8" }
    }

    pub fn node(dir: &TempDir, name: &str) -> Machine {
        Machine { home: dir.path().join(name), program: node(), lang: "en_US.UTF-8" }
    }

    /// The same, answering in Chinese.
    pub fn in_chinese(self) -> Machine {
        Machine { lang: "zh_CN.UTF-8", ..self }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("HUILIU_HOME", &self.home)
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env("LANG", self.lang)
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().expect("the program starts").into()
    }

    /// Runs what must succeed, and gives what it printed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran.out.trim().to_owned()
    }

    /// Exchanges, which goes well; it may bring something that a person has to look at.
    pub fn exchange(&self) {
        let ran = self.run(&["sync"]);
        assert!(matches!(ran.code, 0 | 3), "{ran:?}");
    }

    pub fn json(&self, arguments: &[&str]) -> Json {
        let out = self.run(&[&["--json"], arguments].concat());
        serde_json::from_str(&out.out).unwrap_or_else(|e| panic!("{arguments:?}: {e} {out:?}"))
    }

    /// Runs what must be refused with this word of English.
    pub fn refused(&self, arguments: &[&str], word: &str) {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 4, "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(word) && ran.err.contains("hint: "), "{word} in {ran:?}");
    }

    /// Serves on a free port, and is on it when this returns.
    pub fn serve(&self) -> Serving {
        self.serve_at(&free())
    }

    pub fn serve_at(&self, address: &str) -> Serving {
        let mut child =
            self.command(&["serve", "--listen", address]).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (tell, told) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        // Read to the end, so that the program never waits for a reader.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("listening on ").or_else(|| line.strip_prefix("正在监听："))
                {
                    let _ = tell.send(address.to_owned());
                }
            }
        });
        let address = told.recv_timeout(PATIENCE).expect("it listens");
        Serving { child, address }
    }

    pub fn invite(&self, arguments: &[&str]) -> String {
        self.done(&[&["invite"], arguments].concat())
    }

    pub fn record(&self, arguments: &[&str]) {
        self.done(&[&["record", "add"], arguments].concat());
    }

    pub fn count(&self, kind: &str) -> usize {
        self.json(&["record", "list", kind])["records"].as_array().map_or(0, Vec::len)
    }
}

/// A port that is free now.
pub fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").to_string()
}

pub fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        // Until the next look; there is nothing to wait on but another process.
        let (_keep, never) = mpsc::channel::<()>();
        let _ = never.recv_timeout(Duration::from_millis(100));
    }
}
