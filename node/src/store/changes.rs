//! Tells those who wait that something was committed, and which feeds it moved.
//!
//! Not tokio's `watch`: that wakes its waiters in a random order, and a simulation that is to be replayed cannot have
//! one.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use huiliu_proto::id::FeedId;
use tokio::sync::Notify;

use super::{Database, Result};

/// Commits of which it is remembered what they moved. Whoever looks less often looks at everything.
const REMEMBERED: usize = 16_384;

/// What was committed since the last call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// These feeds, or receipts for them; or nothing that concerns feeds.
    Feeds(BTreeSet<FeedId>),
    /// Anything: another process wrote, or it is too long ago.
    All,
}

impl Changed {
    pub fn is_empty(&self) -> bool {
        matches!(self, Changed::Feeds(feeds) if feeds.is_empty())
    }
}

#[derive(Default)]
struct Shared {
    commits: AtomicU64,
    /// What the latest commits moved, the newest last.
    moved: Mutex<VecDeque<Moved>>,
    waiters: Notify,
}

/// A commit.
struct Moved {
    changed: Changed,
    /// The transaction that the database was at then.
    stamp: Option<Vec<u8>>,
}

/// The writer's end.
#[derive(Clone, Default)]
pub struct Bell(Arc<Shared>);

impl Bell {
    /// A commit moved these feeds, and left this stamp.
    pub fn ring(&self, changed: Changed, stamp: Option<Vec<u8>>) {
        let mut moved = self.0.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.push_back(Moved { changed, stamp });
        if moved.len() > REMEMBERED {
            moved.pop_front();
        }
        self.0.commits.fetch_add(1, Ordering::Release);
        drop(moved);
        self.0.waiters.notify_waiters();
    }

    /// A waiter that hears of everything from now on.
    pub fn listen(&self) -> Changes {
        let now = self.0.commits.load(Ordering::Acquire);
        Changes { shared: Arc::clone(&self.0), heard: now, taken: now }
    }
}

/// A waiter's end.
#[derive(Clone)]
pub struct Changes {
    shared: Arc<Shared>,
    /// Commits that were waited for, and those of which it was asked what they moved.
    heard: u64,
    taken: u64,
}

impl Changes {
    /// Waits for a commit that was not heard of yet; may be dropped and called again without missing any.
    pub async fn changed(&mut self) {
        loop {
            let shared = Arc::clone(&self.shared);
            let notified = shared.waiters.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            let now = self.shared.commits.load(Ordering::Acquire);
            if std::mem::replace(&mut self.heard, now) != now {
                return;
            }
            notified.await;
        }
    }

    /// Whether a transaction was told of, among the latest.
    pub fn has_rung(&self, stamp: &[u8]) -> bool {
        let moved = self.shared.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.iter().rev().any(|moved| moved.stamp.as_deref() == Some(stamp))
    }

    /// The transaction that the database was at when it was last asked what was committed, where it is remembered.
    pub fn heard(&self) -> Option<Vec<u8>> {
        let moved = self.shared.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let since = self.shared.commits.load(Ordering::Acquire) - self.taken;
        let last = moved.len().checked_sub(usize::try_from(since).ok()?)?.checked_sub(1)?;
        moved.get(last)?.stamp.clone()
    }

    /// What was committed since this was last asked.
    pub fn take(&mut self) -> Changed {
        let moved = self.shared.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.shared.commits.load(Ordering::Acquire);
        self.heard = now;
        let missed = usize::try_from(now - std::mem::replace(&mut self.taken, now)).unwrap_or(usize::MAX);
        if missed > moved.len() {
            return Changed::All;
        }
        let mut feeds = BTreeSet::new();
        for Moved { changed, .. } in moved.iter().rev().take(missed) {
            match changed {
                Changed::Feeds(some) => feeds.extend(some),
                Changed::All => return Changed::All,
            }
        }
        Changed::Feeds(feeds)
    }
}

/// Makes the writer's connection note which feeds its transactions touch, whichever way they go about it.
pub fn watch(conn: &Database) -> Result<()> {
    // No `INSERT OR IGNORE`: the conflict clause of the statement that fires a trigger holds within it too.
    let mut watch = "CREATE TEMP TABLE IF NOT EXISTS moved (feed BLOB PRIMARY KEY) WITHOUT ROWID;".to_owned();
    for (table, event, feed) in [
        ("feed", "INSERT", "new.id"),
        ("feed", "UPDATE", "new.id"),
        ("feed", "DELETE", "old.id"),
        ("receipt", "INSERT", "new.feed"),
        ("receipt", "UPDATE", "new.feed"),
        ("receipt", "DELETE", "old.feed"),
    ] {
        watch += &format!(
            "CREATE TEMP TRIGGER IF NOT EXISTS {table}_{event} AFTER {event} ON main.{table} BEGIN
                INSERT INTO moved SELECT {feed} WHERE NOT EXISTS (SELECT 1 FROM moved WHERE feed = {feed});
            END;"
        );
    }
    Ok(conn.execute_batch(&watch)?)
}

/// What was touched since this was last asked, of a connection that is watched.
pub fn moved(conn: &Database) -> Result<BTreeSet<FeedId>> {
    let feeds = conn
        .prepare_cached("SELECT feed FROM temp.moved")?
        .query_map([], |row| Ok(FeedId(row.get(0)?)))?
        .collect::<rusqlite::Result<BTreeSet<FeedId>>>()?;
    if !feeds.is_empty() {
        conn.prepare_cached("DELETE FROM temp.moved")?.execute([])?;
    }
    Ok(feeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feeds(some: &[u8]) -> Changed {
        Changed::Feeds(some.iter().map(|n| FeedId([*n; 16])).collect())
    }

    #[tokio::test]
    async fn every_ring_is_heard_once() {
        let bell = Bell::default();
        let mut changes = bell.listen();
        assert!(changes.take().is_empty());
        bell.ring(feeds(&[1]), None);
        bell.ring(feeds(&[2]), Some(vec![7]));
        changes.changed().await;
        assert_eq!(changes.take(), feeds(&[1, 2]), "two that came before it was listened are one");
        assert!(changes.take().is_empty());
        let waiting = tokio::spawn(async move { changes.changed().await });
        tokio::task::yield_now().await;
        assert!(bell.listen().has_rung(&[7]) && !bell.listen().has_rung(&[8]));
        bell.ring(feeds(&[]), None);
        waiting.await.unwrap();
    }

    #[test]
    fn who_looks_too_seldom_looks_at_everything() {
        let bell = Bell::default();
        let mut changes = bell.listen();
        (0..REMEMBERED).for_each(|_| bell.ring(feeds(&[1]), None));
        assert_eq!(changes.take(), feeds(&[1]));
        (0..=REMEMBERED).for_each(|_| bell.ring(feeds(&[1]), None));
        assert_eq!(changes.take(), Changed::All);
        bell.ring(Changed::All, Some(vec![1]));
        bell.ring(feeds(&[3]), Some(vec![2]));
        assert_eq!(changes.take(), Changed::All);
    }

    #[test]
    fn a_connection_says_which_feeds_it_touched() {
        let conn = Database::in_memory().unwrap();
        conn.execute_batch(crate::store::SCHEMA).unwrap();
        watch(&conn).unwrap();
        let add = r#"INSERT INTO feed (id, header, "union", device, own, size, edge, packed, applied, scope)
            VALUES (?1, x'', 1, zeroblob(32), 0, 0, x'', 0, 0, 2)"#;
        conn.execute(add, [[1u8; 16]]).unwrap();
        conn.execute(add, [[2u8; 16]]).unwrap();
        assert_eq!(moved(&conn).unwrap().len(), 2);
        assert!(moved(&conn).unwrap().is_empty());
        conn.execute("UPDATE feed SET applied = 0 WHERE id = ?1", [[2u8; 16]]).unwrap();
        assert_eq!(moved(&conn).unwrap(), BTreeSet::from([FeedId([2; 16])]));
        conn.execute_batch("SAVEPOINT job; DELETE FROM feed; ROLLBACK TO job; RELEASE job").unwrap();
        assert!(moved(&conn).unwrap().is_empty(), "what was undone moved nothing");
        let receipt = r#"INSERT INTO receipt VALUES (?1, 1, x'', 1, x'', 1, x'', x'')
            ON CONFLICT (feed, "union") DO UPDATE SET size = 2"#;
        (0..3).for_each(|_| _ = conn.execute(receipt, [[9u8; 16]]).unwrap());
        assert_eq!(moved(&conn).unwrap(), BTreeSet::from([FeedId([9; 16])]));
    }
}
