//! Tells those who wait that something was committed.
//!
//! Not tokio's `watch`: that wakes its waiters in a random order, and a simulation that is to be replayed cannot have
//! one.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

#[derive(Default)]
struct Shared {
    commits: AtomicU64,
    waiters: Notify,
}

/// The writer's end.
#[derive(Clone, Default)]
pub struct Bell(Arc<Shared>);

impl Bell {
    pub fn ring(&self) {
        self.0.commits.fetch_add(1, Ordering::Release);
        self.0.waiters.notify_waiters();
    }

    /// A waiter that hears of everything from now on.
    pub fn listen(&self) -> Changes {
        Changes { shared: Arc::clone(&self.0), seen: self.0.commits.load(Ordering::Acquire) }
    }
}

/// A waiter's end.
pub struct Changes {
    shared: Arc<Shared>,
    seen: u64,
}

impl Changes {
    /// Waits for a commit since the last look; may be dropped and called again without missing any.
    pub async fn changed(&mut self) {
        loop {
            let shared = Arc::clone(&self.shared);
            let notified = shared.waiters.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.look() {
                return;
            }
            notified.await;
        }
    }

    /// Whether there was a commit since the last look.
    pub fn look(&mut self) -> bool {
        let now = self.shared.commits.load(Ordering::Acquire);
        std::mem::replace(&mut self.seen, now) != now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_ring_is_heard_once() {
        let bell = Bell::default();
        let mut changes = bell.listen();
        assert!(!changes.look());
        bell.ring();
        bell.ring();
        changes.changed().await;
        assert!(!changes.look());
        let waiting = tokio::spawn(async move { changes.changed().await });
        tokio::task::yield_now().await;
        bell.ring();
        waiting.await.unwrap();
    }
}
