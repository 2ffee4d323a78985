//! `completions`: what a shell needs to complete commands, made from the commands themselves.

use std::io::Write as _;

use anyhow::Result;
use clap::Command;
use clap_complete::Shell;
use serde_json::json;

use super::{CommandContext, error::Exit};

#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell: bash, zsh, fish, elvish or powershell
    shell: Shell,
}

impl Completions {
    pub fn run(self, context: &CommandContext, mut command: Command) -> Result<Exit> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut command, context.program.name(), &mut script);
        let script = String::from_utf8(script)?;
        match context.json {
            true => context.print_json(&json!({ "shell": self.shell.to_string(), "script": script }))?,
            // A shell reads it: not a letter of it is changed for the eye.
            false => std::io::stdout().lock().write_all(script.as_bytes())?,
        }
        Ok(Exit::Done)
    }
}
