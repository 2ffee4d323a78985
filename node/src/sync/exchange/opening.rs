//! Until both ends know what the other has: hellos, digests a union, states of the feeds whose digests differ.

use std::collections::{BTreeMap, BTreeSet};

use huiliu_proto::{
    id::{FeedId, Hash},
    v1::{self, Farewell, Standing, frame::Frame},
};

use super::{Action, Exchange, PAGE, Phase, Theirs};
use crate::store::frontier::{Group, State, key};

/// Pages of groups, and of states.
pub(super) const MOST_PAGES: usize = 64;
/// No feed has as many operations: a number beyond it is no state of anything.
const MOST_OPERATIONS: u64 = 1 << 48;

/// The other end's lists, as far as their pages have come.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    pages: usize,
    groups: BTreeMap<u64, v1::Group>,
    named: BTreeSet<u64>,
    states: BTreeMap<FeedId, v1::State>,
}

impl Exchange {
    pub(super) fn hear_hello(&mut self, hello: &v1::Hello, actions: &mut Vec<Action>) {
        if hello.network != self.me.network {
            return self.fail(Farewell::Network, format!("this is the network {:?}", self.me.network), actions);
        }
        let (oldest, newest) = (*self.speaks.start(), *self.speaks.end());
        self.protocol = newest.min(hello.newest);
        if self.protocol < oldest.max(hello.oldest) {
            let detail = format!("this end speaks protocols {oldest} to {newest}");
            return self.fail(Farewell::Protocol, detail, actions);
        }
        if hello.union != u64::from(self.peer.union) || hello.device != self.peer.device.as_bytes() {
            let detail = "the hello names another union or device than the certificate";
            return self.fail(Farewell::Stranger, detail, actions);
        }
        self.progress += 1;
        let same_receipts = hello.receipts == self.frontier.receipts_digest().as_bytes();
        if hello.digest == self.frontier.digest().as_bytes() && same_receipts {
            self.assume_told(&BTreeSet::new(), &BTreeSet::new());
            self.assume_equal();
            return self.open_up();
        }
        self.owe_receipts = !self.calls && !same_receipts;
        self.await_receipts = self.calls && !same_receipts;
        let groups = self.frontier.groups().into_iter().map(|(union, group)| v1::Group {
            union,
            digest: group.states.to_vec().into(),
            receipts: group.receipts.map(|r| r.to_vec()).unwrap_or_default().into(),
        });
        for (groups, more) in pages(groups.collect()) {
            actions.push(Action::Send(Frame::Groups(v1::Groups { groups, more })));
        }
        self.phase = Phase::Groups;
    }

    /// The other end has exactly what we have.
    fn assume_equal(&mut self) {
        for state in self.frontier.states.values() {
            self.theirs.insert(state.feed, Theirs::at(state.size, state.time, Some(state.root)));
        }
    }

    /// The other end has the receipts that we have, but for those of these unions; of some of them it has what it was told
    /// before.
    fn assume_told(&mut self, differing: &BTreeSet<u64>, as_before: &BTreeSet<u64>) {
        for receipt in self.frontier.receipts.values() {
            let of = self.frontier.states.get(&receipt.feed).map(|s| u64::from(s.union));
            if !of.is_some_and(|union| differing.contains(&union)) {
                self.receipts_sent.insert(key(receipt), receipt.size);
                continue;
            }
            let before = self.before.receipts.get(&key(receipt)).copied();
            match before.filter(|_| of.is_some_and(|union| as_before.contains(&union))) {
                Some(size) if size >= receipt.size => drop(self.receipts_sent.insert(key(receipt), size)),
                _ if !self.calls => drop(self.untold.insert(key(receipt))),
                _ => {}
            }
        }
    }

    /// Counts a page of a list; false where there are too many, or too much is on it.
    fn turn_page(&mut self, entries: usize, more: bool, actions: &mut Vec<Action>) -> bool {
        self.lists.pages += 1;
        if entries > PAGE || self.lists.pages > MOST_PAGES {
            self.fail(Farewell::Bounds, "a list is too long", actions);
            return false;
        }
        // An empty page that announces another one is no progress.
        self.progress += u64::from(entries > 0 || !more);
        true
    }

    pub(super) fn hear_groups(&mut self, page: v1::Groups, actions: &mut Vec<Action>) {
        if !self.turn_page(page.groups.len(), page.more, actions) {
            return;
        }
        self.lists.groups.extend(page.groups.into_iter().map(|group| (group.union, group)));
        if page.more {
            return;
        }
        self.lists.pages = 0;
        let (ours, theirs) = (self.frontier.groups(), std::mem::take(&mut self.lists.groups));
        let (mut states, mut receipts, mut as_before) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let nothing = v1::Group::default();
        for union in ours.keys().chain(theirs.keys()) {
            let theirs = theirs.get(union).unwrap_or(&nothing);
            let Group { states: s, receipts: r } = ours.get(union).cloned().unwrap_or_default();
            if !ours.contains_key(union) || theirs.digest != s[..] {
                states.insert(*union);
            }
            if theirs.receipts != r.as_ref().map_or(&[][..], |r| &r[..]) {
                receipts.insert(*union);
                let before = self.before.digests.get(union);
                if before.is_some_and(|before| theirs.receipts == before[..]) {
                    as_before.insert(*union);
                }
            }
        }
        self.assume_told(&receipts, &as_before);
        self.say_states(&states, actions);
        self.phase = Phase::States;
    }

    /// The states of the feeds of these unions.
    fn say_states(&mut self, differing: &BTreeSet<u64>, actions: &mut Vec<Action>) {
        let of = self.frontier.states.values().filter(|s| differing.contains(&s.union.into()));
        let mut states = pages(of.map(wire).collect());
        let mut unions = pages(differing.iter().copied().collect());
        let last = states.len().max(unions.len());
        states.resize_with(last, Default::default);
        unions.resize_with(last, Default::default);
        for (n, ((states, _), (unions, _))) in states.into_iter().zip(unions).enumerate() {
            actions.push(Action::Send(Frame::States(v1::States { unions, states, more: n + 1 < last })));
        }
        self.wanted = self.frontier.states.values().filter(|s| s.diverged).map(|s| s.feed).collect();
    }

    pub(super) fn hear_states(&mut self, page: v1::States, actions: &mut Vec<Action>) {
        if !self.turn_page(page.states.len().max(page.unions.len()), page.more, actions) {
            return;
        }
        self.lists.named.extend(page.unions);
        for state in page.states {
            let Ok(feed) = FeedId::try_from(&state.feed[..]) else {
                return self.fail(Farewell::Protocol, "a state names no feed", actions);
            };
            if state.standing() != Standing::Wanted && state.root.len() != Hash::LEN {
                return self.fail(Farewell::Protocol, "a state has no root", actions);
            }
            if state.size > MOST_OPERATIONS {
                return self.fail(Farewell::Bounds, "a state of more operations than a feed can have", actions);
            }
            self.lists.states.insert(feed, state);
        }
        if page.more {
            return;
        }
        self.assume_equal();
        let Lists { named, states, .. } = std::mem::take(&mut self.lists);
        for state in self.frontier.states.values() {
            if named.contains(&state.union.into()) {
                self.theirs.insert(state.feed, Theirs::default());
                self.lacking.insert(state.order());
            }
        }
        for (feed, state) in states {
            let theirs = match (state.standing(), Hash::try_from(&state.root[..])) {
                (Standing::Held | Standing::Settled, Ok(root)) => Theirs::at(state.size, state.time, Some(root)),
                _ => Theirs { wanted: true, ..Theirs::default() },
            };
            self.theirs.insert(feed, theirs);
            let ours = self.frontier.states.get(&feed);
            if theirs.size > ours.map_or(0, |s| if s.diverged { 0 } else { s.size }) {
                self.expected.insert(feed, theirs.size);
            }
            self.lacking.extend(ours.map(State::order));
        }
        self.look_behind(actions);
        self.open_up();
    }

    /// The end above must have what it has signed for, unless it asks for a feed from its beginning.
    fn look_behind(&self, actions: &mut Vec<Action>) {
        let signed = self.frontier.receipts.values().filter(|r| self.calls && r.device == self.peer.device);
        for receipt in signed {
            let theirs = self.theirs.get(&receipt.feed).copied().unwrap_or_default();
            if theirs.size < receipt.size && !theirs.wanted {
                actions.push(Action::Behind { feed: receipt.feed, says: theirs.size });
                // One is enough to know by.
                return;
            }
        }
    }

    fn open_up(&mut self) {
        self.phase = Phase::Open;
        self.opened = true;
        let changed = std::mem::take(&mut self.changed);
        self.change(changed);
    }
}

fn wire(state: &State) -> v1::State {
    let feed = state.feed.to_vec().into();
    let standing = match (state.diverged, state.settled) {
        (true, _) => return v1::State { feed, standing: Standing::Wanted.into(), ..v1::State::default() },
        (_, true) => Standing::Settled,
        (_, false) => Standing::Held,
    };
    v1::State { feed, size: state.size, root: state.root.to_vec().into(), time: state.time, standing: standing.into() }
}

/// A list in pages, each with whether another follows; one page at least.
pub(super) fn pages<T: Clone>(list: Vec<T>) -> Vec<(Vec<T>, bool)> {
    if list.is_empty() {
        return vec![(vec![], false)];
    }
    let last = list.len().div_ceil(PAGE);
    list.chunks(PAGE).enumerate().map(|(n, page)| (page.to_vec(), n + 1 < last)).collect()
}
