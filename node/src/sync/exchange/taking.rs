//! What arrives: given to the writer, answered after its commit.

use huiliu_proto::{
    id::FeedId,
    shown,
    v1::{self, Farewell, Refusal, Standing, frame::Frame},
};
use prost::Message as _;

use super::{Action, Exchange, MOST_FEEDS, MOST_REFUSED, Refused, WINDOW};
use crate::{
    ledger::{Incoming, Intake},
    store::frontier::key,
};

impl Exchange {
    pub(super) fn hear_batch(&mut self, batch: v1::Batch, actions: &mut Vec<Action>) {
        let Ok(feed) = FeedId::try_from(&batch.feed[..]) else {
            return self.fail(Farewell::Protocol, "a batch names no feed", actions);
        };
        let settled = batch.standing() == Standing::Settled;
        let Some(head) = batch.head else {
            return self.fail(Farewell::Protocol, "a batch has no head", actions);
        };
        if self.taking >= WINDOW {
            return self.fail(Farewell::Bounds, "too many batches under way", actions);
        }
        // What is known of a feed is remembered until the line ends, also of one that was refused.
        if !self.theirs.contains_key(&feed) && self.theirs.len() >= MOST_FEEDS {
            return self.fail(Farewell::Bounds, "more feeds than two ends talk about", actions);
        }
        self.taking += 1;
        // Whoever sends a head has it.
        let time = v1::TreeHead::decode(head.message.clone()).map_or(0, |head| head.time);
        let theirs = self.theirs.entry(feed).or_default();
        theirs.sent_time = theirs.sent_time.max(time);
        actions.push(Action::Take(Incoming {
            feed,
            header: batch.header,
            first: batch.first,
            count: u64::from(batch.count),
            segment: batch.segment,
            head,
            from: Some(self.peer),
            settled,
            asked: self.wanted.contains(&feed),
        }));
    }

    pub(super) fn have_taken(&mut self, feed: FeedId, end: u64, intake: Intake, actions: &mut Vec<Action>) {
        self.taking = self.taking.saturating_sub(1);
        let ack = match intake {
            Intake::Taken { size, receipt } => {
                self.took(feed, size, end, actions);
                if let Some(receipt) = &receipt {
                    self.receipts_sent.insert(key(receipt), receipt.size);
                }
                let receipt = receipt.map(|r| r.signed);
                v1::Ack { feed: feed.to_vec().into(), size, receipt, ..v1::Ack::default() }
            }
            Intake::Later { seconds } => {
                self.expected.remove(&feed);
                self.postponed = self.postponed.max(seconds);
                let refused = Refusal::Later.into();
                v1::Ack { feed: feed.to_vec().into(), refused, retry_after: seconds, ..v1::Ack::default() }
            }
            Intake::Refused { reason, detail, head } => {
                self.expected.remove(&feed);
                let detail = shown::said(&detail);
                // What waits for room is no trouble of the line, however much it is. The first says why, others follow it.
                let follows = reason == Refusal::Gap && self.postponed > 0;
                if reason != Refusal::Room && !follows {
                    self.tally.refused.entry(feed).or_insert_with(|| Refused { reason, detail: detail.clone() });
                }
                if !reason.is_waiting() && self.tally.refused.len() > MOST_REFUSED {
                    return self.fail(Farewell::Bounds, "too many feeds are refused", actions);
                }
                let head = head.map(|head| *head);
                // The device above has yet to look at what is remembered here of its feed: it will ask for all of that.
                self.asking += usize::from(self.calls && head.is_some());
                v1::Ack { feed: feed.to_vec().into(), refused: reason.into(), detail, head, ..v1::Ack::default() }
            }
            Intake::Again => return self.again(actions),
        };
        actions.push(Action::Send(Frame::Ack(ack)));
    }

    /// So much of a feed is here now, and the other end has it up to `end`: less, where this end had more already.
    fn took(&mut self, feed: FeedId, size: u64, end: u64, actions: &mut Vec<Action>) {
        let here = self.frontier.states.get(&feed).map_or(0, |s| s.size);
        let before = self.taken.insert(feed, size).unwrap_or(0);
        self.tally.received += size.saturating_sub(before.max(here));
        self.progress += u64::from(size > before);
        // What came from there need not be sent back.
        let theirs = self.theirs.entry(feed).or_default();
        theirs.size = theirs.size.max(end.min(size));
        theirs.sent = theirs.sent.max(end.min(size));
        // What it said it has beyond that is still to be held against what comes to be here.
        if end >= theirs.size {
            theirs.root = None;
        }
        if self.expected.get(&feed).is_some_and(|expected| size >= *expected) {
            self.expected.remove(&feed);
            if self.wanted.contains(&feed) && !self.calls {
                self.asking += 1;
                actions.push(Action::Settle { feed });
            }
        }
    }
}
