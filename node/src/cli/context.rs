//! What every verb works with: where the home is, in which language and form to answer.

use std::{
    fmt::Display,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use anyhow::Result;
use huiliu_proto::{
    directory,
    lang::{Label, Lang},
    operator::Operator,
    period::Day,
    shown,
    union::UnionNumber,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;

use super::{Global, error::CommandError, login, passphrase};
use crate::{
    app::{Progress, Stage, values::Reader},
    clock::{self, Clock, Random},
    identity::{Home, LocalDevice},
    keyring::Keyring,
    operator::{self, Account},
    store::View,
    sync::{line, uplink::Uplink},
    writer::{Lent, Store, Threads},
};

/// Which of the two programs runs. They have the same verbs; `serve` serves the unions below on one of them only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Node,
    Hub,
}

impl Program {
    pub fn name(self) -> &'static str {
        match self {
            Program::Node => "huiliu-node",
            Program::Hub => "huiliu-hub",
        }
    }
}

pub struct CommandContext {
    pub program: Program,
    pub lang: Lang,
    pub json: bool,
    pub dir: PathBuf,
    /// Where the passphrase of the keys is read from, where they are sealed.
    pub passphrase_file: Option<PathBuf>,
    /// Whom the person who types says she is.
    pub acting: Option<String>,
    pub clock: Clock,
    pub random: Random,
    /// What registered unions are called, from the store that was opened.
    pub names: Names,
}

/// The store in which unions' names are looked up, while it is open.
#[derive(Default)]
pub struct Names(OnceLock<Lent>);

/// A home, opened: who this is, and its store.
pub struct OpenHome {
    pub home: Home,
    pub me: LocalDevice,
    pub store: Store,
    /// For whom it was opened.
    operator: Option<Operator>,
    keys: OnceLock<Keyring>,
}

impl OpenHome {
    /// The active account that has logged in.
    pub fn account(&self, conn: &View) -> Result<Option<Account>> {
        let Some(Operator { account, verified: true }) = self.operator else { return Ok(None) };
        Ok(operator::get(conn, self.me.union, &account)?.filter(|account| account.active))
    }

    /// Reads one consistent state of the store.
    pub fn look<T>(&self, look: impl FnOnce(&View) -> Result<T>) -> Result<T> {
        self.store.read(|conn| Ok(look(conn)))?
    }

    /// This union, as it reads records.
    pub fn reader(&self) -> Reader<'_> {
        Reader { union: self.me.union, keys: self.keys() }
    }

    /// The keys that open what this union's machines sealed; read when they are first asked for.
    pub fn keys(&self) -> &Keyring {
        self.keys.get_or_init(|| {
            self.store.read(|conn| Keyring::read(conn, &self.me)).unwrap_or_else(|error| {
                tracing::error!(%error, "granted keys cannot be read");
                Keyring::new(&self.me)
            })
        })
    }

    /// Whether nobody is above: this is the nation, on a machine that joined nobody.
    pub fn is_top(&self) -> bool {
        self.me.union.parent().is_none() && self.home.config.parent.is_none()
    }

    /// Calls the union above, over TCP.
    pub fn uplink(&self, context: &CommandContext) -> Uplink {
        Uplink {
            home: self.home.clone(),
            store: self.store.clone(),
            dial: line::tcp(),
            clock: context.clock.clone(),
            random: context.random.clone(),
        }
    }
}

impl CommandContext {
    pub fn new(program: Program, lang: Lang, global: &Global) -> CommandContext {
        let environment = |name: &str| std::env::var_os(name).map(PathBuf::from);
        CommandContext {
            program,
            // Programs read the same answer whatever a person's language is.
            lang: if global.json { Lang::En } else { lang },
            json: global.json,
            dir: global.home.clone().unwrap_or_else(|| default_home(&environment)),
            passphrase_file: global.passphrase_file.clone(),
            acting: global.acting.clone(),
            clock: clock::system(),
            random: clock::random(),
            names: Names::default(),
        }
    }

    /// What a union is called over the door, as far as is known here.
    pub fn called(&self, union: UnionNumber) -> String {
        self.known(union).map_or_else(|| union.union_name(), |names| names.name)
    }

    /// The same in short.
    pub fn short(&self, union: UnionNumber) -> String {
        self.known(union).map_or_else(|| union.name().into_owned(), |names| names.short.unwrap_or(names.name))
    }

    fn known(&self, union: UnionNumber) -> Option<directory::Names> {
        union.serial()?;
        let store = self.names.0.get()?.store()?;
        store.read(|conn| Ok(super::union::known(conn, union))).ok().flatten()
    }

    pub fn today(&self) -> Day {
        clock::day((self.clock)())
    }

    /// The home, with keys that can be read: sealed ones are opened here, once for all of them.
    pub fn home(&self) -> Result<Home> {
        let mut home = Home::open(&self.dir)?;
        for path in home.keys.exposed() {
            let path = path.display();
            // Programs ask `status`.
            if !self.json {
                self.note(&match self.lang {
                    Lang::Zh => format!("请注意：他人可以读取本机的密钥；请运行 chmod go= {path}"),
                    Lang::En => format!("note: others may read this machine's keys; run `chmod go= {path}`"),
                });
            }
        }
        self.unlock(&mut home)?;
        Ok(home)
    }

    pub fn unlock(&self, home: &mut Home) -> Result<()> {
        if home.keys.locked() {
            home.keys.unlock(&passphrase::known(self)?)?;
        }
        Ok(())
    }

    /// Opens the home for a verb that is soon over.
    pub fn open(&self) -> Result<OpenHome> {
        self.open_with(Threads::Inline)
    }

    pub fn open_with(&self, threads: Threads) -> Result<OpenHome> {
        self.enter(self.home()?, threads)
    }

    /// The same, whoever is logged in.
    pub fn open_for_nobody(&self) -> Result<OpenHome> {
        self.enter_for_nobody(self.home()?, Threads::Inline)
    }

    /// Opens the store of a home that is here already.
    pub fn enter(&self, home: Home, threads: Threads) -> Result<OpenHome> {
        let mut opened = self.enter_for_nobody(home, threads)?;
        // What a program does that keeps running, nobody does.
        if threads == Threads::Inline {
            let operator = login::operator(self, &opened.home, &opened.me, &opened.store)?;
            opened.store = opened.store.acting(operator);
            opened.operator = operator;
        }
        Ok(opened)
    }

    fn enter_for_nobody(&self, home: Home, threads: Threads) -> Result<OpenHome> {
        let me = home.me(self.clock.clone(), self.random.clone())?;
        let store = Store::open(&home.database(), me.clone(), threads)?;
        // One that is open already is the same home's.
        let _ = self.names.0.set(store.lent());
        Ok(OpenHome { home, me, store, operator: None, keys: OnceLock::new() })
    }

    /// New TLS keys for a home of protocol 1, before it asks or answers anybody with them; says what follows.
    pub fn leave_protocol_1(&self, home: &mut Home) -> Result<()> {
        if home.leave_protocol_1(&self.clock, &self.random)? {
            self.note(self.pick(
                "本机数据来自旧版本：已换用新的连接证书，原有记录全部保留。本机及下级须用新的加入码重新加入（join）。",
                "this home is of an earlier version: it has new TLS keys now, and all its records. This machine, and \
                 everybody below it, joins again with a new token (`join`).",
            ));
        }
        Ok(())
    }

    pub fn pick<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        self.lang.pick(zh, en)
    }

    pub fn label<'a>(&self, label: &'a Label) -> &'a str {
        label.get(self.lang)
    }

    /// What a person reads on standard output; characters that a terminal obeys or nobody sees are shown (`shown`).
    pub fn print(&self, text: &str) -> Result<()> {
        Ok(writeln!(io::stdout().lock(), "{}", shown::page(text.trim_end_matches('\n')))?)
    }

    /// What a program reads.
    pub fn print_json(&self, json: &Json) -> Result<()> {
        Ok(writeln!(io::stdout().lock(), "{}", shown::json(&serde_json::to_string_pretty(json)?))?)
    }

    /// The answer of a verb: JSON where that was asked for, words otherwise.
    pub fn answer(&self, json: impl FnOnce() -> Json, words: impl FnOnce() -> String) -> Result<()> {
        match self.json {
            true => self.print_json(&json()),
            false => self.print(&words()),
        }
    }

    /// A remark beside the answer: on standard error, so that what is piped on stays clean.
    pub fn note(&self, text: &str) {
        // Where standard error is closed there is no way to say so.
        let _ = writeln!(io::stderr().lock(), "{}", shown::page(text));
    }

    /// What was said so far is seen before something is asked.
    pub fn flush(&self) {
        let _ = io::stdout().lock().flush();
        let _ = io::stderr().lock().flush();
    }

    /// Asks a question that is answered with yes or no. Where nobody can be asked, `--yes` is asked for instead.
    pub fn confirm(&self, question: &str) -> Result<bool> {
        if !io::stdin().is_terminal() {
            return Err(CommandError::NeedsYes.into());
        }
        write!(io::stderr().lock(), "{}{}", shown::page(question), self.pick("（是/否）", " (yes/no) "))?;
        let answer = self.line()?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "是" | "y" | "yes" | "ｙ"))
    }

    /// Shows what would be done, and says whether a person agrees; where she does not, that it was not done. `sure`: she has
    /// said so already, or nothing is written.
    pub fn agreed_to(&self, preview: &str, sure: bool, words: (&str, &str)) -> Result<bool> {
        if !self.json {
            self.note(preview);
        }
        self.agreed(sure, words)
    }

    /// As `agreed_to`, of what has been shown.
    pub fn agreed(&self, sure: bool, (question, undone): (&str, &str)) -> Result<bool> {
        let agreed = sure || self.confirm(question)?;
        if !agreed {
            self.note(undone);
        }
        Ok(agreed)
    }

    /// Says to a person how a list goes on, where there is more of it; programs have `next`.
    pub fn note_next(&self, next: Option<impl Display>) {
        if let Some(next) = next.filter(|_| !self.json) {
            self.note(&format!("{}--after {next}", self.pick("还有更多，接着看：", "there is more: ")));
        }
    }

    /// A line from standard input.
    pub fn line(&self) -> Result<String> {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// A bar on standard error for work that may take long; it shows only in a terminal.
    pub fn bar(&self, what: &str, total: Option<u64>) -> ProgressBar {
        if !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), "{msg} [{bar:30}] {human_pos}/{human_len} {eta}"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {human_pos}"),
        };
        // A template that does not parse is a mistake of this file; the bar then has its usual looks.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(shown::line(what).into_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Bars for work of several stages.
    pub fn bars(&self) -> Bars<'_> {
        Bars { context: self, bar: ProgressBar::hidden() }
    }

    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(runtime.block_on(work))
    }

    /// A moment as it is written in China.
    pub fn moment(&self, millis: i64) -> String {
        clock::moment(millis)
    }
}

/// One bar after another, each gone when the next begins.
pub struct Bars<'a> {
    context: &'a CommandContext,
    bar: ProgressBar,
}

impl Progress for Bars<'_> {
    fn stage(&mut self, stage: Stage, total: Option<u64>) {
        self.bar.finish_and_clear();
        let (zh, en) = match stage {
            Stage::Copying => ("复制", "copying"),
            Stage::Verifying => ("核验", "verifying"),
            Stage::Rebuilding => ("重算", "rebuilding"),
            Stage::Checking => ("检查", "checking"),
            Stage::Recording => ("登记", "recording"),
        };
        self.bar = self.context.bar(self.context.pick(zh, en), total);
    }

    fn done(&mut self, count: u64) {
        self.bar.inc(count);
    }
}

impl Drop for Bars<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for ProgressBar {
    fn done(&mut self, count: u64) {
        self.inc(count);
    }
}

/// Ends when the person presses Ctrl-C, or the system asks the program to end (SIGTERM), from when this is called.
pub fn asked_to_end() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    let heard = {
        use tokio::signal::unix::{SignalKind, signal};
        [("Ctrl-C", SignalKind::interrupt()), ("SIGTERM", SignalKind::terminate())]
            .map(|(name, kind)| (name, signal(kind)))
    };
    async move {
        #[cfg(unix)]
        {
            let [interrupted, terminated] = heard.map(|(name, signal)| async move {
                match signal {
                    Ok(mut signal) => drop(signal.recv().await),
                    Err(error) => {
                        tracing::error!(%error, "{name} cannot be heard; end the process by its id");
                        std::future::pending::<()>().await;
                    }
                }
            });
            tokio::select! {
                () = interrupted => {}
                () = terminated => {}
            }
        }
        #[cfg(not(unix))]
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C cannot be heard; end the process by its id");
            std::future::pending::<()>().await;
        }
    }
}

/// Where a program of this platform keeps a person's data.
fn default_home(environment: &dyn Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let set = |name: &str| environment(name).filter(|path| path.is_absolute());
    let user = || set("HOME").or_else(|| set("USERPROFILE")).unwrap_or_else(|| Path::new(".").to_owned());
    let data = if cfg!(windows) {
        set("LOCALAPPDATA").unwrap_or_else(|| user().join("AppData").join("Local"))
    } else if cfg!(target_os = "macos") {
        user().join("Library").join("Application Support")
    } else {
        set("XDG_DATA_HOME").unwrap_or_else(|| user().join(".local").join("share"))
    };
    data.join("huiliu")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(any(windows, target_os = "macos")))]
    fn the_home_is_where_the_platform_says() {
        let home = |variables: &[(&str, &str)]| {
            let variables = variables.to_vec();
            default_home(&move |name| variables.iter().find(|v| v.0 == name).map(|v| PathBuf::from(v.1)))
        };
        assert_eq!(home(&[("HOME", "/home/li")]), PathBuf::from("/home/li/.local/share/huiliu"));
        assert_eq!(home(&[("HOME", "/home/li"), ("XDG_DATA_HOME", "/data")]), PathBuf::from("/data/huiliu"));
        assert_eq!(
            home(&[("HOME", "/home/li"), ("XDG_DATA_HOME", "data")]),
            PathBuf::from("/home/li/.local/share/huiliu")
        );
        assert_eq!(home(&[]), PathBuf::from("./.local/share/huiliu"));
    }
}
