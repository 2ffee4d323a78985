//! One session at a terminal.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    page::Step,
    shape::{compare, numbers, salvage, shorten, spoken},
};
use crate::machine::{PATIENCE, free, node};

/// In which what one level was told reaches the others: their hubs are on the line.
const REST: Duration = Duration::from_secs(2);
/// Verbs that look and change nothing: what they look at may be on its way still.
const LOOKING: [&str; 12] = [
    "status",
    "rollup",
    "record list",
    "record show",
    "record history",
    "receipts verify",
    "evidence list",
    "evidence show",
    "quarantine list",
    "invite list",
    "verify",
    "check run",
];

pub struct Session {
    dir: TempDir,
    lang: &'static str,
    writing: bool,
    /// Addresses of the page, and those that are free here.
    addresses: Vec<(String, String)>,
    /// Words of the page, and what stands for them here.
    names: Vec<(String, String)>,
    /// What runs behind the prompt, in the order in which it was started.
    jobs: Vec<Child>,
    code: i32,
}

impl Drop for Session {
    fn drop(&mut self) {
        for job in &mut self.jobs {
            let _ = job.kill();
            let _ = job.wait();
        }
    }
}

impl Session {
    pub fn new(lang: &'static str, writing: bool) -> Session {
        // Those of the pages in each language, so that both can be typed at once.
        let ports = match lang.starts_with("zh") {
            true => ["127.0.0.1:7543", "127.0.0.1:7544", "127.0.0.1:7545"],
            false => ["127.0.0.1:7443", "127.0.0.1:7444", "127.0.0.1:7445"],
        };
        // Each is taken before the next one is asked for.
        let mut addresses: Vec<(String, String)> = vec![];
        while addresses.len() < ports.len() {
            let address = if writing { ports[addresses.len()].to_owned() } else { free() };
            if !addresses.iter().any(|(_, taken)| *taken == address) {
                addresses.push((ports[addresses.len()].to_owned(), address));
            }
        }
        let dir = TempDir::new().expect("a temporary directory");
        Session { dir, lang, writing, addresses, names: vec![], jobs: vec![], code: 0 }
    }

    /// Types a command and compares the answer; when pages are written, puts the answer into the step.
    pub fn step(&mut self, step: &mut Step) -> Result<(), String> {
        let mut command = spoken(&step.typed(), &self.names);
        for (page, ours) in &self.addresses {
            command = command.replace(page, ours);
        }
        let answer = self.answer(&command, step);
        if let Some(pairs) = compare(&step.answer, &answer) {
            self.names.extend(pairs);
            if !self.writing {
                return Ok(());
            }
        } else {
            self.names.extend(salvage(&step.answer, &answer));
        }
        let shown = || answer.iter().map(|line| format!("    {line}\n")).collect::<String>();
        let mistake = format!("“{}” is answered\n{}", step.typed(), shown());
        if self.writing {
            step.command.iter_mut().for_each(|line| *line = spoken(line, &self.names));
            step.answer = shorten(&step.answer, answer);
        }
        Err(mistake)
    }

    fn answer(&mut self, command: &str, step: &Step) -> Vec<String> {
        let has = |verb: &str| command.contains(&format!(" {verb}"));
        if command == "echo $?" {
            return vec![self.code.to_string()];
        }
        if let Some(job) = command.strip_prefix("kill %") {
            self.end(job.parse().expect("a job's number"));
            return vec![];
        }
        if let Some(command) = command.strip_suffix(" &") {
            return self.begin(command);
        }
        let looking = LOOKING.iter().any(|verb| has(verb));
        if has("sync") || has("vouch") || looking && self.writing {
            rest();
        }
        let mut answer = self.run(command);
        let started = Instant::now();
        while !self.writing && compare(&step.answer, &answer).is_none() && looking && started.elapsed() < PATIENCE / 4 {
            rest();
            answer = self.run(command);
        }
        self.exchanged(command, step, answer)
    }

    /// What comes with a second exchange would have come with the first, had the hubs been done.
    fn exchanged(&mut self, command: &str, step: &Step, answer: Vec<String>) -> Vec<String> {
        let done = |line: &str| line.starts_with("done: ") || line.starts_with("交换完成");
        let ([page], [line]) = (&step.answer[..], &answer[..]) else { return answer };
        if self.writing || !done(page) || !done(line) {
            return answer;
        }
        let (asked, mut sum, started) = (numbers(page), numbers(line), Instant::now());
        while sum != asked && started.elapsed() < PATIENCE / 4 {
            rest();
            let more = self.run(command);
            let Some(more) = more.first().map(|line| numbers(line)).filter(|more| more.len() == sum.len()) else {
                break;
            };
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
        if sum == asked { step.answer.clone() } else { answer }
    }

    fn shell(&self, command: &str) -> Command {
        let hub = Path::new(env!("CARGO_BIN_EXE_huiliu-hub"));
        node();
        let beside = hub.parent().expect("a program lies in a directory").display();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.dir.path()).stdin(Stdio::null());
        shell
            .env("PATH", format!("{beside}:{path}"))
            .env("LANG", self.lang)
            .env("TZ", "Asia/Shanghai")
            .env("HOME", self.dir.path());
        for other in ["LC_ALL", "LC_MESSAGES", "HUILIU_HOME", "HUILIU_PASSPHRASE", "HUILIU_PASSPHRASE_FILE"] {
            shell.env_remove(other);
        }
        shell
    }

    fn run(&mut self, command: &str) -> Vec<String> {
        // Answers and remarks in the order in which they came.
        let ran = self.shell(&format!("{{ {command}\n}} 2>&1")).output().expect("there is a shell");
        self.code = ran.status.code().unwrap_or(-1);
        let text = String::from_utf8(ran.stdout).expect("what is printed is text");
        text.lines().map(|line| self.of_the_page(line)).collect()
    }

    fn of_the_page(&self, line: &str) -> String {
        self.addresses.iter().fold(line.to_owned(), |line, (page, ours)| line.replace(ours, page))
    }

    /// Starts what goes on behind the prompt; it has said what it says at first when this returns.
    fn begin(&mut self, command: &str) -> Vec<String> {
        let mut job = self.shell(&format!("exec {command}"));
        let mut job = job.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("there is a shell");
        let (tell, told) = mpsc::channel();
        let lines = BufReader::new(job.stderr.take().expect("it is piped")).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        self.jobs.push(job);
        let mut answer = vec![];
        while let Ok(line) = told.recv_timeout(PATIENCE) {
            answer.push(self.of_the_page(&line));
            if line.contains("Ctrl-C") {
                break;
            }
        }
        rest();
        answer
    }

    fn end(&mut self, number: usize) {
        let job = &mut self.jobs[number - 1];
        let asked = Command::new("kill").args(["-TERM", &job.id().to_string()]).status();
        assert!(asked.expect("kill is there").success());
        job.wait().expect("it ends");
    }
}

/// There is nothing to wait on but other processes.
fn rest() {
    let (_keep, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(REST);
}
