//! What happens in a simulation, told line by line: each message with its tick, each thing a machine says of itself.
//! Two runs of one seed are compared by it, and a failure is read from it.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use huiliu_node::{
    store::{evidence, feeds, quarantine},
    writer::Store,
};
use huiliu_proto::id::Hash;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Registry,
    layer::{Context, Layer, SubscriberExt as _},
};

use crate::world::Machine;

/// The lines of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    pub lines: Vec<String>,
}

impl Story {
    pub fn digest(&self) -> Hash {
        Hash::of(&self.lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>())
    }

    /// The first line in which two stories differ, with a few of those before it.
    pub fn parts_from(&self, other: &Story) -> Option<String> {
        let most = self.lines.len().max(other.lines.len());
        let at = (0..most).find(|at| self.lines.get(*at) != other.lines.get(*at))?;
        let before = self.lines[at.saturating_sub(5).min(self.lines.len())..at].join("\n");
        Some(format!("{before}\nline {at}:\n- {:?}\n+ {:?}", self.lines.get(at), other.lines.get(at)))
    }
}

/// Runs `f` and keeps what is told meanwhile on this thread.
pub fn told<T>(f: impl FnOnce() -> T) -> (T, Story) {
    let told = Arc::<Mutex<Teller>>::default();
    let result = tracing::subscriber::with_default(Registry::default().with(Listener(Arc::clone(&told))), f);
    let lines = told.lock().map(|mut told| std::mem::take(&mut told.lines)).unwrap_or_default();
    (result, Story { lines })
}

#[derive(Default)]
struct Teller {
    /// The simulator's ticks so far.
    tick: u64,
    lines: Vec<String>,
}

struct Listener(Arc<Mutex<Teller>>);

const SIMULATOR: &str = "turmoil";

impl<S: Subscriber> Layer<S> for Listener {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        match metadata.target() {
            SIMULATOR => true,
            target => target.starts_with("huiliu") && *metadata.level() <= Level::INFO,
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let Ok(mut told) = self.0.lock() else { return };
        if event.metadata().target() == SIMULATOR && line.0.starts_with(" step ") {
            told.tick += 1;
            return;
        }
        // In which order a crashed machine's tasks are dropped is nobody's business: see `network`.
        if line.0.starts_with(" Unbind ") {
            return;
        }
        let tick = told.tick;
        told.lines.push(format!("{tick:6}{}", line.0));
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            // Of a message that it came, not what is in it: keys for one line are drawn by libraries, and so are bytes.
            "protocol" => write!(Brief(&mut self.0, 9), " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// Takes so many bytes more, and drops the rest.
struct Brief<'a>(&'a mut String, usize);

impl fmt::Write for Brief<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let kept: String = text.chars().take(self.1).filter(|c| *c != '[').collect();
        self.1 -= text.chars().count().min(self.1);
        self.0.push_str(&kept);
        // An error ends the writing: what is not wanted is not even spelt out.
        if self.1 == 0 { Err(fmt::Error) } else { Ok(()) }
    }
}

/// What each machine has, for people: feeds with size and state, what is held back, evidence.
pub fn picture(machines: &[(Machine, Store)]) -> String {
    let mut text = String::new();
    for (machine, store) in machines {
        let shown = store.read(|conn| {
            let _ = writeln!(text, "{}:", machine.name);
            for row in feeds::all(conn)? {
                let feed = &row.feed;
                let writer = machines.iter().filter(|(m, _)| m.me().device() == feed.device);
                let writer: Vec<&str> = writer.map(|(m, _)| m.name.as_str()).collect();
                let _ = writeln!(
                    text,
                    "  {} {} {:?} incarnation {} continues {:?}: {} packed {} applied {}, {}{}{}{}",
                    feed.id,
                    writer.join("|"),
                    feed.scope,
                    feed.incarnation,
                    feed.continues,
                    row.size(),
                    row.packed,
                    row.applied,
                    row.edge.root(),
                    if row.own { " own" } else { "" },
                    if row.diverged { " diverged" } else { "" },
                    if row.settled { " settled" } else { "" },
                );
            }
            for held in quarantine::all(conn)? {
                let _ = writeln!(
                    text,
                    "  held: feed {} at {}: {} {}",
                    held.feed,
                    held.seq,
                    held.reason,
                    quarantine::explain(conn, &held)?.words().en
                );
            }
            for kept in evidence::list(conn, true)? {
                let evidence = &kept.evidence;
                let from = evidence.from.map(|from| from.union.to_string());
                let _ = writeln!(text, "  {:?} {} from {from:?}: {}", evidence.what, evidence.feed, evidence.detail.en);
            }
            Ok(())
        });
        if let Err(error) = shown {
            let _ = writeln!(text, "  cannot be read: {error}");
        }
    }
    text
}
