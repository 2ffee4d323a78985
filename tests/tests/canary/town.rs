//! Unions on one machine, each its own process that logs everything; what they log is kept.

use std::{
    cell::Cell,
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use huiliu_node::{clock, identity::Role};
use huiliu_tests::world::World;
use serde_json::Value as Json;
use tempfile::TempDir;

/// Every process is asked for all it has to say.
const LOUD: &str = "-vvv";
const WITHIN: Duration = Duration::from_secs(60);

pub struct Town {
    dir: TempDir,
    pub world: World,
    serving: HashMap<String, Child>,
    logs: Cell<usize>,
}

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn ok(self) -> Ran {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}\n{}{}", self.out, self.err))
    }

    /// What was said on standard error and is no answer to the clerk.
    pub fn log(&self) -> String {
        log_lines(&self.err)
    }
}

/// Lines of the log, without what is said to the person who typed: that begins with these words.
fn log_lines(err: &str) -> String {
    let told = err.find("错误：").unwrap_or(err.len());
    err[..told].to_owned()
}

impl Town {
    pub fn new() -> Town {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        let mut world = World::new(dir.path(), 1, clock::system());
        world.add("100000", Role::Root).unwrap();
        world.add("320000", Role::Hub).unwrap();
        world.add("320900", Role::Hub).unwrap();
        world.add("320922", Role::Node).unwrap();
        world.add("320923", Role::Node).unwrap();
        Town { dir, world, serving: HashMap::new(), logs: Cell::new(0) }
    }

    pub fn dir(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Keeps a piece of log to be searched.
    pub fn keep(&self, of: &str, text: &str) {
        let n = self.logs.replace(self.logs.get() + 1);
        fs::write(self.dir(&format!("logs/{n:03} {of}")), text).unwrap();
    }

    fn command(&self, union: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_program"));
        command.args(["--home", self.dir(union).to_str().unwrap(), LOUD]).args(arguments);
        for name in ["LC_ALL", "LC_MESSAGES", "HUILIU_HOME", "HUILIU_PASSPHRASE", "HUILIU_PASSPHRASE_FILE"] {
            command.env_remove(name);
        }
        command.env("LANG", "zh_CN.UTF-8").env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").stdin(Stdio::null());
        command
    }

    pub fn run(&self, union: &str, arguments: &[&str]) -> Ran {
        let ran = ran(self.command(union, arguments).output().unwrap());
        self.keep(union, &ran.log());
        ran
    }

    pub fn panic(&self, union: &str, how: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_program"));
        command.args(["panic", self.dir(union).to_str().unwrap(), how]).env("RUST_BACKTRACE", "full");
        let ran = ran(command.output().unwrap());
        self.keep("panic", &format!("{}{}", ran.out, ran.err));
        ran
    }

    /// Asks until the answer is as it should be.
    pub fn wait(&self, union: &str, arguments: &[&str], good: impl Fn(&Json) -> bool) -> Ran {
        let began = Instant::now();
        loop {
            let ran = self.run(union, arguments);
            if serde_json::from_str(&ran.out).is_ok_and(|json| good(&json)) {
                return ran;
            }
            assert!(began.elapsed() < WITHIN, "{arguments:?} at {union}: {}{}", ran.out, ran.err);
            pause(100);
        }
    }

    /// Starts a program that stays. A hub takes a free port, and those directly below learn it.
    pub fn serve(&mut self, union: &str) {
        let n = self.logs.replace(self.logs.get() + 1);
        let path = self.dir(&format!("logs/{n:03} {union} serve"));
        let log = File::create(&path).unwrap();
        let hub = union.starts_with("hub-");
        let arguments: &[&str] = if hub { &["serve", "--listen", "127.0.0.1:0"] } else { &["serve"] };
        let mut command = self.command(union, arguments);
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.serving.insert(union.to_owned(), child);
        let sign = if hub { "正在监听：" } else { "正在与上级保持连接" };
        let line = wait_for(&path, sign);
        if hub {
            let address = line.trim_start_matches(sign).trim().to_owned();
            let code = self.world.machine(union).union();
            for machine in self.world.machines.iter_mut().filter(|m| m.union().parent() == Some(code)) {
                machine.home.config.parent.as_mut().unwrap().address = address.clone();
                machine.home.save().unwrap();
            }
        }
    }

    /// As a power failure would.
    pub fn kill(&mut self, union: &str) {
        let mut child = self.serving.remove(union).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn kill_all(&mut self) {
        for union in self.serving.keys().cloned().collect::<Vec<_>>() {
            self.kill(&union);
        }
    }

    /// Runs something in this process, and gives everything it logged.
    pub fn traced<T>(&self, work: impl FnOnce() -> T) -> (T, String) {
        let log = Arc::new(Mutex::new(vec![]));
        let writer = Arc::clone(&log);
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || Shared(Arc::clone(&writer)))
            .finish();
        let answer = tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        (answer, text)
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for child in self.serving.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct Shared(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Another process has no bell to ring: it is looked at again, until a deadline.
#[allow(clippy::disallowed_methods)]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

fn wait_for(log: &Path, sign: &str) -> String {
    let began = Instant::now();
    loop {
        let text = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
        if let Some(line) = text.lines().find(|line| line.starts_with(sign)) {
            return line.to_owned();
        }
        assert!(began.elapsed() < WITHIN, "{sign}: {text}");
        pause(20);
    }
}
