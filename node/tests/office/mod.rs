//! An office with accounts, as its people use the program.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{fs, path::PathBuf};

use serde_json::Value as Json;

use crate::program::{Ran, Union, text};

pub const PASSWORD: &str = "春天里的小城 2026 号";

pub struct Office {
    pub union: Union,
    pub password: PathBuf,
}

impl Office {
    pub fn of(union: Union) -> Office {
        let password = union.path("password");
        fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        Office { union, password }
    }

    pub fn new() -> Office {
        Office::of(Union::new())
    }

    /// The first account, with a password and logged in.
    pub fn begins(&self) {
        self.done(&["account", "add", "王芳", "--roles", "系统管理员"]);
        self.done(&["account", "password", "王芳", "--new-password-file", text(&self.password)]);
        self.login("王芳");
    }

    pub fn with_administrator() -> Office {
        let office = Office::new();
        office.begins();
        office
    }

    pub fn person(&self, name: &str, roles: &[&str]) {
        self.done(&[&["account", "add", name, "--roles"], roles].concat());
        self.done(&["account", "password", name, "--reset", "--new-password-file", text(&self.password)]);
    }

    pub fn login(&self, name: &str) -> Json {
        self.union.json(&["login", name, "--password-file", text(&self.password)])
    }

    pub fn done(&self, arguments: &[&str]) -> Ran {
        let ran = self.union.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.out, ran.err);
        ran
    }

    /// The code of why it is not done.
    pub fn refused(&self, arguments: &[&str]) -> String {
        self.ends(4, arguments)
    }

    /// The code of why it ends so.
    pub fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.union.run(&[&["--json"], arguments].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.out, ran.err);
        let told: Json = serde_json::from_str(&ran.err).unwrap_or_else(|e| panic!("{arguments:?}: {e} {}", ran.err));
        told["code"].as_str().unwrap().to_owned()
    }

    pub fn operator(&self, record: &str) -> Json {
        self.union.json(&["record", "show", record])["operator"].clone()
    }
}
