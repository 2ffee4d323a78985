//! Batches on their way to the writer: those that wait for their turn, and those that it has.
//!
//! A session may have as many long ones with the writer as is its share (`turns`). Those of few operations pass the long ones
//! of other feeds, here as at the writer: what a person has just written does not wait behind a week of others.

use std::{
    collections::{BTreeSet, VecDeque},
    future::Future,
    pin::Pin,
};

use huiliu_proto::{feed::Turn as Rank, id::FeedId};

use crate::{
    ledger::{Incoming, Intake},
    store::{Result, frontier::Frontier},
    sync::exchange::SHORT_BATCH,
    writer::{Length, turns::Turn},
};

/// What the writer will say of a batch.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Intake>> + Send>>;

/// A batch that the writer has.
pub(super) struct Taking {
    pub feed: FeedId,
    /// The operation after its last.
    pub end: u64,
    pub length: Length,
    pub answer: Answer,
}

pub(super) struct Batches {
    turn: Turn,
    /// With the writer and not answered yet, in their order: while one is written, the next is read.
    taking: VecDeque<Taking>,
    /// Not this session's turn yet.
    waiting: VecDeque<Incoming>,
    /// The last that was handed in was a short one.
    passed: bool,
}

impl Batches {
    pub fn new(turn: Turn) -> Batches {
        Batches { turn, taking: VecDeque::new(), waiting: VecDeque::new(), passed: false }
    }

    pub fn push(&mut self, batch: Incoming) {
        self.waiting.push_back(batch);
    }

    /// The batch to hand in next, if it is this session's turn. Where there is room for a long one, those that pass it and it
    /// take turns.
    pub fn next(&mut self, here: &Frontier) -> Option<(Incoming, Length)> {
        let share = self.turn.share(!(self.waiting.is_empty() && self.taking.is_empty()));
        let room = self.of_length(Length::Long).count() < share;
        let few = self.passes(here).filter(|at| !room || *at == 0 || !self.passed);
        self.passed = few.is_some();
        if let Some(at) = few {
            return Some((self.waiting.remove(at)?, Length::Short));
        }
        let first = self.waiting.front()?;
        // It would not wait for a short one of its feed.
        let follows = self.of_length(Length::Short).any(|taking| taking.feed == first.feed);
        (room && !follows).then(|| self.waiting.pop_front()).flatten().map(|batch| (batch, Length::Long))
    }

    fn of_length(&self, length: Length) -> impl Iterator<Item = &Taking> {
        self.taking.iter().filter(move |taking| taking.length == length)
    }

    /// The first batch of few operations that may pass others: no longer one of its feed is before it, and none that it would
    /// pass may carry the enrolment of its author.
    fn passes(&self, here: &Frontier) -> Option<usize> {
        let records = |batch: &Incoming| here.states.get(&batch.feed).is_some_and(|state| state.rank == Rank::Records);
        let mut before: BTreeSet<FeedId> = self.of_length(Length::Long).map(|taking| taking.feed).collect();
        let mut waiting = self.waiting.iter().take_while(|batch| records(batch));
        waiting.position(|batch| before.insert(batch.feed) && batch.count <= SHORT_BATCH)
    }

    /// The writer has it.
    pub fn handed_in(&mut self, taking: Taking) {
        self.taking.push_back(taking);
    }

    /// Waits for the first answer; may be dropped and called again.
    pub async fn answer(&mut self) -> Result<Intake> {
        match self.taking.front_mut() {
            Some(taking) => (&mut taking.answer).await,
            None => std::future::pending().await,
        }
    }

    /// The first was answered.
    pub fn answered(&mut self) -> Option<Taking> {
        self.taking.pop_front()
    }

    pub fn is_taking(&self) -> bool {
        !self.taking.is_empty()
    }

    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The feeds of those that the writer has.
    pub fn under_way(&self) -> BTreeSet<FeedId> {
        self.taking.iter().map(|taking| taking.feed).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use huiliu_proto::{id::Hash, v1};

    use super::*;
    use crate::{store::frontier::State, writer::turns::Turns};

    fn feed(n: u8) -> FeedId {
        FeedId([n; 16])
    }

    fn batch(n: u8, first: u64, count: u64) -> Incoming {
        let (header, segment, head) = (Bytes::new(), Bytes::new(), v1::Signed::default());
        Incoming { feed: feed(n), header, first, count, segment, head, from: None, settled: false, asked: false }
    }

    /// Feeds 1 to 9 are here; 1 carries what speaks down, the others records.
    fn here() -> Frontier {
        let state = |n: u8| State {
            feed: feed(n),
            union: "320922".parse().unwrap(),
            header: Bytes::new(),
            rank: if n == 1 { Rank::Authority } else { Rank::Records },
            size: 1,
            root: Hash([0; 32]),
            time: 0,
            diverged: false,
            altered: false,
            settled: false,
        };
        Frontier { states: (1..10).map(|n| (feed(n), state(n))).collect(), ..Frontier::default() }
    }

    fn go(batches: &mut Batches) -> Option<(u8, u64, Length)> {
        let (batch, length) = batches.next(&here())?;
        let answer = Box::pin(std::future::pending());
        let end = batch.first + batch.count;
        batches.handed_in(Taking { feed: batch.feed, end, length, answer });
        Some((batch.feed.0[0], end, length))
    }

    /// Sessions that are busy as well, so that the share of each is one.
    fn crowded() -> (Batches, Vec<Turn>) {
        let turns = Turns::default();
        let mut others: Vec<Turn> = (0..20).map(|_| turns.enter()).collect();
        others.iter_mut().for_each(|turn| _ = turn.share(true));
        (Batches::new(turns.enter()), others)
    }

    #[test]
    fn few_operations_pass_a_long_batch_of_another_feed() {
        let (mut batches, _others) = crowded();
        for n in 0..3 {
            batches.push(batch(2, n * 500, 500));
        }
        assert_eq!(go(&mut batches), Some((2, 500, Length::Long)));
        assert_eq!(go(&mut batches), None, "its share is with the writer");
        batches.push(batch(3, 0, 1));
        batches.push(batch(3, 1, 1));
        batches.push(batch(2, 1500, 1));
        assert_eq!(go(&mut batches), Some((3, 1, Length::Short)));
        assert_eq!(go(&mut batches), Some((3, 2, Length::Short)), "in their order");
        assert_eq!(go(&mut batches), None, "what follows a long one of its feed passes nothing");
        batches.push(batch(3, 2, 500));
        batches.answered();
        assert_eq!(go(&mut batches), Some((2, 1000, Length::Long)));
        (0..3).for_each(|_| _ = batches.answered());
        assert_eq!(go(&mut batches), Some((2, 1500, Length::Long)));
        batches.answered();
        assert_eq!(go(&mut batches), Some((2, 1501, Length::Short)), "it is the first now");
        assert_eq!(go(&mut batches), Some((3, 502, Length::Long)));
    }

    #[test]
    fn a_long_batch_follows_the_short_one_of_its_feed_and_gets_its_turn() {
        let (mut batches, _others) = crowded();
        batches.push(batch(3, 0, 1));
        batches.push(batch(3, 1, 500));
        assert_eq!(go(&mut batches), Some((3, 1, Length::Short)));
        assert_eq!(go(&mut batches), None, "it would come before what it follows");
        batches.answered();
        assert_eq!(go(&mut batches), Some((3, 501, Length::Long)));
        batches.answered();
        batches.push(batch(2, 0, 500));
        for n in 0..9 {
            batches.push(batch(4, n, 1));
        }
        assert_eq!(go(&mut batches), Some((4, 1, Length::Short)));
        assert_eq!(go(&mut batches), Some((2, 500, Length::Long)), "however many would pass it");
    }

    #[test]
    fn nothing_passes_what_may_carry_an_enrolment() {
        let (mut batches, _others) = crowded();
        batches.push(batch(1, 0, 500));
        batches.push(batch(3, 0, 1));
        batches.push(batch(200, 0, 500));
        batches.push(batch(4, 0, 1));
        assert_eq!(go(&mut batches), Some((1, 500, Length::Long)));
        assert_eq!(go(&mut batches), Some((3, 1, Length::Short)), "it is the first now");
        assert_eq!(go(&mut batches), None, "the feed before it is new here");
    }
}
