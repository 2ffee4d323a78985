//! A page, and the commands in it.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

/// One command as a page shows it, with its answer.
pub struct Step {
    /// As it stands there: of several lines where it is long.
    pub command: Vec<String>,
    pub answer: Vec<String>,
    /// Which lines of the page these are.
    lines: Range<usize>,
}

pub struct Page {
    path: PathBuf,
    lines: Vec<String>,
    pub steps: Vec<Step>,
}

impl Page {
    pub fn read(name: &str) -> Page {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut steps: Vec<Step> = vec![];
        let (mut inside, mut goes_on) = (false, false);
        for (n, line) in lines.iter().enumerate() {
            if line.starts_with("```") {
                inside = line == "```console";
                continue;
            }
            if !inside {
                continue;
            }
            match steps.last_mut() {
                Some(step) if goes_on => step.command.push(line.clone()),
                _ if line.starts_with("$ ") => {
                    steps.push(Step { command: vec![line.clone()], answer: vec![], lines: n..n });
                }
                Some(step) => step.answer.push(line.clone()),
                None => panic!("{name}:{}: an answer to nothing", n + 1),
            }
            if let Some(step) = steps.last_mut() {
                step.lines.end = n + 1;
            }
            goes_on = line.ends_with(" \\") && (line.starts_with("$ ") || goes_on);
        }
        Page { path, lines, steps }
    }

    /// Puts what the steps now are in the place of what they were.
    pub fn write(mut self) {
        for step in self.steps.drain(..).rev() {
            self.lines.splice(step.lines, step.command.into_iter().chain(step.answer));
        }
        fs::write(self.path, self.lines.join("\n") + "\n").expect("the page can be written");
    }
}

impl Step {
    /// What is typed: one line, without the prompt.
    pub fn typed(&self) -> String {
        let lines = self.command.iter().map(|line| line.trim_start_matches("$ ").trim_end_matches('\\').trim());
        lines.collect::<Vec<_>>().join(" ")
    }
}
