//! Receipts: told by the end above, each once, when it has nothing else to send; kept by the caller.

use huiliu_proto::{
    id::FeedId,
    signed::Receipt,
    v1::{self, Farewell, frame::Frame},
};

use super::{Action, Exchange, PAGE, Phase, opening::pages};
use crate::{store::frontier::key, writer::kept::Told};

/// Bytes of a signed message, or of its signature.
const MOST_SIGNED: usize = 512;
/// Receipts that wait for what they are for. Beyond it they are looked at as they are: those that come too early are told
/// again in the next exchange.
const MOST_KEPT: usize = 4 * PAGE;

impl Exchange {
    /// What the caller was told in conversations before this one.
    pub fn remember(&mut self, told: Told) {
        self.before = told;
    }

    /// What the caller has been told by now, if it has kept all of it.
    pub fn told(&self) -> Told {
        let receipts = self.receipts_sent.clone();
        let digests = self.frontier.receipt_digests(&receipts);
        Told { receipts, digests }
    }

    /// Which of a feed's receipts the caller has not been told.
    pub(super) fn untold_of(&mut self, feed: FeedId, receipts: &[Receipt]) {
        if self.calls {
            return;
        }
        for receipt in receipts.iter().filter(|r| r.feed == feed) {
            if self.receipts_sent.get(&key(receipt)).is_none_or(|size| *size < receipt.size) {
                self.untold.insert(key(receipt));
            }
        }
    }

    /// What they are for goes first.
    pub(super) fn tell_receipts(&mut self, actions: &mut Vec<Action>) {
        let busy = !self.lacking.is_empty() || self.reading > 0;
        let busy = busy || !self.ready.is_empty() || !self.ready_few.is_empty() || !self.unacknowledged.is_empty();
        if self.calls || self.phase != Phase::Open || busy || (self.untold.is_empty() && !self.owe_receipts) {
            return;
        }
        let mut signed = vec![];
        for key in std::mem::take(&mut self.untold) {
            let Some(receipt) = self.frontier.receipts.get(&key) else { continue };
            self.receipts_sent.insert(key, receipt.size);
            signed.push(receipt.signed.clone());
        }
        // A caller that waits for them is answered even where there is nothing to tell.
        if !signed.is_empty() || self.owe_receipts {
            for (receipts, more) in pages(signed) {
                actions.push(Action::Send(Frame::Receipts(v1::Receipts { receipts, more })));
            }
        }
        self.owe_receipts = false;
    }

    pub(super) fn hear_receipts(&mut self, page: v1::Receipts, actions: &mut Vec<Action>) {
        let small = |r: &v1::Signed| r.message.len() <= MOST_SIGNED && r.signature.len() <= MOST_SIGNED;
        if page.receipts.len() > PAGE || !page.receipts.iter().all(small) {
            return self.fail(Farewell::Bounds, "a receipt is too large, or a page of them", actions);
        }
        // Of what a page can bring nearer to the end, only the last one counts.
        self.progress += u64::from(self.await_receipts && (!page.more || !page.receipts.is_empty()));
        self.await_receipts &= page.more;
        self.kept.extend(page.receipts);
    }

    /// A receipt may be for what is on its way here, and of a hub whose enrolment is.
    pub(super) fn keep(&mut self, actions: &mut Vec<Action>) {
        let ripe = (self.expected.is_empty() && self.taking == 0) || self.kept.len() > MOST_KEPT;
        if !self.kept.is_empty() && ripe {
            actions.push(Action::Keep(std::mem::take(&mut self.kept)));
        }
    }
}
