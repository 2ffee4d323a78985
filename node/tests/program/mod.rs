//! The program as a person runs it: one process a command, in a home of its own.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value as Json;
use tempfile::TempDir;

/// A programme of the national union, as it is typed.
pub const PROGRAMME: [&str; 6] =
    ["programme", "code=CS-2025", "name=测试专项经费", "year=2025", "source=全国总工会", "purpose=补助"];
/// Money that the union itself adds to it.
pub const MATCHING: [&str; 7] = [
    "matching",
    "programme=CS-2025",
    "year=2025",
    "amount=400.00",
    "booked_on=2025-01-07",
    "source=本级配套",
    "voucher_no=配-1",
];

pub const MEDIATOR: [&str; 6] =
    ["mediator", "姓名=杨海好", "id_no=11010519491231002x", "sex=女", "born=1949-12-31", "education=本科"];

pub const ENGAGEMENT: [&str; 13] = [
    "engagement",
    "mediator=杨海好",
    "employment=专职",
    "channel=1",
    "tier=县级",
    "funded=是",
    "contract_no=BH-1",
    "starts_on=2025-01-01",
    "ends_on=2025-12-31",
    "state=在聘",
    "other_employment=离岗退休返聘",
    "monthly_pay=3,000.50",
    "pay_basis=税前",
];

pub struct Union {
    pub dir: TempDir,
    /// What the program finds in its environment.
    pub environment: Vec<(&'static str, String)>,
}

/// What a command left behind.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Union {
    pub fn empty() -> Union {
        Union { dir: TempDir::new().expect("a temporary directory"), environment: vec![] }
    }

    pub fn new() -> Union {
        let union = Union::empty();
        assert_eq!(union.run(&["init", "--union", "320922"]).code, 0);
        union
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_huiliu-node"));
        command.args(arguments).env("HUILIU_HOME", self.home()).env("LANG", "zh_CN.UTF-8").stdin(Stdio::null());
        for name in ["LC_ALL", "LC_MESSAGES", "HUILIU_PASSPHRASE", "HUILIU_PASSPHRASE_FILE"] {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    pub fn json(&self, arguments: &[&str]) -> Json {
        let ran = self.run(&[&["--json"], arguments].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{arguments:?}: {e}\n{}{}", ran.out, ran.err))
    }

    pub fn add(&self, arguments: &[&str]) -> String {
        let added = self.json(&[&["record", "add"], arguments].concat());
        added["record"].as_str().unwrap_or_else(|| panic!("{arguments:?}: {added}")).to_owned()
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}
