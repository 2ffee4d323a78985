//! Whose turn it is at the writer.
//!
//! The writer takes jobs as they come. Sessions share it fairly because each has only its share of the jobs that may wait
//! there at once: alone all of them, among many one each, so that they come round in turn.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Batches that may be with the writer at once, where fewer sessions than that have something to hand in.
const AT_ONCE: usize = 8;

#[derive(Clone, Default)]
pub struct Turns(Arc<AtomicUsize>);

impl Turns {
    pub fn enter(&self) -> Turn {
        Turn { turns: self.clone(), busy: false }
    }
}

/// One session's.
pub struct Turn {
    turns: Turns,
    busy: bool,
}

impl Turn {
    /// How many jobs this session may have with the writer now. `busy` says whether it has any, there or waiting.
    pub fn share(&mut self, busy: bool) -> usize {
        match (std::mem::replace(&mut self.busy, busy), busy) {
            (false, true) => _ = self.turns.0.fetch_add(1, Ordering::AcqRel),
            (true, false) => _ = self.turns.0.fetch_sub(1, Ordering::AcqRel),
            _ => {}
        }
        let among = self.turns.0.load(Ordering::Acquire).max(1);
        (AT_ONCE / among).max(1)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.share(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_has_all_and_among_many_each_has_one() {
        let turns = Turns::default();
        let mut first = turns.enter();
        assert_eq!(first.share(true), AT_ONCE);
        let mut others: Vec<Turn> = (0..40).map(|_| turns.enter()).collect();
        assert_eq!(first.share(true), AT_ONCE, "who has nothing to hand in takes no turn");
        others.iter_mut().for_each(|other| assert!(other.share(true) <= AT_ONCE / 2));
        assert_eq!(first.share(true), 1);
        drop(others);
        assert_eq!(first.share(true), AT_ONCE);
    }
}
