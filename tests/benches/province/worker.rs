//! A process that this one talks with: a line each way.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use huiliu_tests::process;
use serde_json::{Value, json};

pub struct Worker {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Worker {
    pub fn start(args: &[&str]) -> Result<Worker> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("child").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let from = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Worker { to: child.stdin.take(), from, child })
    }

    pub fn tell(&mut self, what: &str) -> Result<()> {
        let to = self.to.as_mut().context("it was told to end")?;
        writeln!(to, "{what}")?;
        Ok(to.flush()?)
    }

    /// Waits for its answer.
    pub fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            bail!("a child process ended badly");
        }
        Ok(serde_json::from_str(&line)?)
    }

    pub fn ask(&mut self, what: &str) -> Result<Value> {
        self.tell(what)?;
        self.hear()
    }

    /// Tells it to end, and gives its last words.
    pub fn end(mut self) -> Result<Value> {
        drop(self.to.take());
        let last = self.hear()?;
        if !self.child.wait()?.success() {
            bail!("a child process ended badly");
        }
        Ok(last)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // One that has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: says something, in one line.
pub fn say(what: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what}")?;
    Ok(out.flush()?)
}

/// The last words of a child, with what the kernel says of it.
pub fn last_words(mut said: Value) -> Result<()> {
    let taken = process::taken("self");
    said["peak_kb"] = json!(taken.peak_kb);
    said["cpu_ms"] = json!(taken.cpu_ms);
    say(&said)
}

#[allow(clippy::disallowed_methods, reason = "a measurement waits for time to pass")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
