//! What hubs sign for and what their word is worth: wrong receipts, receipts that drip, receipts of hubs that are none
//! any more.

use huiliu_node::{
    cli::Exit,
    ledger::Intake,
    proof::receipts::{Verdict, judge},
    store::{claims, evidence::EvidenceKind, feeds, receipts},
};
use huiliu_proto::{
    feed::Scope,
    id::{FeedId, Hash, RecordId},
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    signed::{Receipt, SigningKey},
    tree::Edge,
    union::UnionNumber,
    v1::{self, frame::Frame},
    value::Value,
};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::Forger,
    liar::{Side, call_through},
    relay::take,
    talk::talk,
};
use prost::Message as _;

fn city() -> UnionNumber {
    "320900".parse().unwrap()
}

fn county() -> UnionNumber {
    "320922".parse().unwrap()
}

/// The city signs for something else than what the county wrote.
fn signs_wrongly(key: &SigningKey, feeds: &[FeedId], mut frame: v1::Frame) -> Vec<v1::Frame> {
    let wrong = |signed: &mut v1::Signed| {
        let said = v1::Receipt::decode(signed.message.clone()).unwrap();
        let feed = FeedId::try_from(&said.feed[..]).unwrap();
        if feeds.contains(&feed) && said.union == u64::from(city()) {
            *signed = Receipt::sign(key, city(), feed, said.size, Hash([9; 32]), said.received_at).signed;
        }
    };
    match &mut frame.frame {
        Some(Frame::Ack(ack)) => ack.receipt.iter_mut().for_each(wrong),
        Some(Frame::Receipts(page)) => page.receipts.iter_mut().for_each(wrong),
        _ => {}
    }
    vec![frame]
}

fn owned(place: &Place) -> Vec<FeedId> {
    place.store.read(feeds::owned).unwrap().into_iter().map(|f| f.feed.id).collect()
}

/// A random root under a real hub's signature for the county's own feed: every verb said that all was well, and the claim
/// stayed for good.
#[test]
fn a_wrong_receipt_for_ones_own_feed_is_raised() {
    let chain = Chain::new(31);
    let mediator = chain.county.mediator(1);
    chain.county.work(mediator, 1);
    chain.county.pack();
    let (feeds, key) = (owned(&chain.county), chain.city.machine.me().key);
    call_through(chain.county.ends(), chain.city.ends(), Side::Upper, &mut |f| signs_wrongly(&key, &feeds, f)).unwrap();
    let kept = chain.county.accuses(EvidenceKind::Receipt, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert!(kept.evidence.theirs.is_some() && kept.evidence.ours.is_some(), "both signed words are kept");
    assert_eq!(chain.county.status(), Exit::Attention);
    assert!(chain.county.store.read(claims::all).unwrap().is_empty(), "and the claim is judged");
    assert!(chain.city.evidence().is_empty());
    // Said again, it is the same lie; and an honest word is taken afterwards.
    call_through(chain.county.ends(), chain.city.ends(), Side::Upper, &mut |f| signs_wrongly(&key, &feeds, f)).unwrap();
    chain.settle().unwrap();
    chain.holds().unwrap();
    assert_eq!(chain.county.evidence().len(), 1);
    assert!(chain.county.store.read(claims::all).unwrap().is_empty());
}

/// Whoever nobody enrolled may tell everybody another story: a receipt for another one than the one here says nothing of the
/// hub that signed it.
#[test]
fn a_receipt_for_a_strangers_other_history_accuses_nobody() {
    let chain = Chain::new(34);
    let mut forger = Forger::stranger(5, county(), Scope::Own(Reach::Province));
    let said = |n| Operation::new(kind("work_entry").unwrap().number, RecordId([n; 16]), None, vec![n], None);
    assert!(matches!(take(&chain.county.store, forger.say(&[said(1), said(2)])), Intake::Taken { .. }));
    let mut edge = Edge::default();
    edge.push(said(3).leaf());
    let now = chain.province.store.now();
    let key = chain.province.machine.me().key;
    let receipt = Receipt::sign(&key, "320000".parse().unwrap(), forger.feed.id, 1, edge.root(), now);
    assert!(!chain.county.store.write_blocking(move |ledger| ledger.take_receipt(&receipt)).unwrap());
    for _ in 0..2 {
        chain.settle().unwrap();
        chain.wait(120_000);
    }
    chain.settle().unwrap();
    assert!(chain.county.accuses(EvidenceKind::Receipt, &chain.province.device()).is_none());
    assert!(chain.county.store.read(claims::all).unwrap().is_empty());
}

/// A hub that handed on one segment every thirteen days kept the last record back for months without a word.
#[test]
fn a_hub_that_drips_is_noticed() {
    let chain = Chain::new(32);
    let mediator = chain.county.mediator(1);
    for n in 0..12 {
        chain.county.work(mediator, n);
        chain.county.pack();
    }
    talk(chain.county.ends(), chain.city.ends()).unwrap();
    let feed = {
        let rows = chain.county.store.read(feeds::owned).unwrap();
        rows.into_iter().max_by_key(|row| row.size()).unwrap()
    };
    let mut noticed = None;
    let province = "320000".parse().unwrap();
    for day in 0..40u64 {
        chain.days(1);
        if day % 13 == 12 {
            // One more of them reaches the province, which signs for it.
            let size = chain.county.store.read(|c| receipts::of(c, &feed.feed.id, province)).unwrap();
            let size = size.map_or(0, |r| r.size) + 1;
            let root = chain.county.store.read(|c| feeds::root_at(c, &feed, size)).unwrap();
            let key = chain.province.machine.me().key;
            let now = (chain.county.machine.clock)();
            let receipt = Receipt::sign(&key, province, feed.feed.id, size, root, now);
            assert!(chain.county.store.write_blocking(move |ledger| ledger.take_receipt(&receipt)).unwrap());
        }
        talk(chain.county.ends(), chain.city.ends()).unwrap();
        if noticed.is_none() && chain.county.accuses(EvidenceKind::Withheld, &chain.city.device()).is_some() {
            noticed = Some(day);
        }
    }
    assert!(noticed.is_some_and(|day| (13..=17).contains(&day)), "{noticed:?}");
    assert_eq!(chain.county.status(), Exit::Attention, "and it stays so");
    // A clock that goes back takes nothing away.
    chain.days(-39);
    talk(chain.county.ends(), chain.city.ends()).unwrap();
    assert!(chain.county.accuses(EvidenceKind::Withheld, &chain.city.device()).is_some());
    chain.days(39);
    chain.settle().unwrap();
    assert!(chain.county.evidence().is_empty(), "confirmed at last");
}

/// A key that is out of its hub's hands dates receipts as it likes.
#[test]
fn receipts_of_a_revoked_hub_and_back_dated_ones_do_not_count() {
    let chain = Chain::new(33);
    let mediator = chain.county.mediator(1);
    chain.county.work(mediator, 1);
    chain.settle().unwrap();
    let verdicts = || {
        let (root, store) = (chain.county.machine.me().root, &chain.county.store);
        let mut all = vec![];
        store.read(|conn| judge(conn, root, &mut |one| all.push(one))).unwrap();
        all.retain(|j| j.receipt.union == city() && matches!(j.feed.feed.scope, Scope::Own(_)) && j.feed.own);
        all.into_iter().map(|j| j.verdict).collect::<Vec<_>>()
    };
    assert!(!verdicts().is_empty() && verdicts().iter().all(|v| *v == Verdict::Good), "{:?}", verdicts());
    // Dated before the hub was one.
    let row = chain.county.store.read(feeds::owned).unwrap().into_iter().max_by_key(|row| row.size()).unwrap();
    let key = chain.city.machine.me().key;
    let now = (chain.county.machine.clock)();
    let give = |size: u64, at: i64| {
        let root = chain.county.store.read(|c| feeds::root_at(c, &row, size)).unwrap();
        let receipt = Receipt::sign(&key, city(), row.feed.id, size, root, at);
        chain.county.store.write_blocking(move |ledger| ledger.take_receipt(&receipt)).unwrap()
    };
    assert!(!give(row.size(), now - 400 * 86_400_000), "dated before its hub was enrolled");
    assert!(!give(row.size(), i64::MIN) && give(row.size(), i64::MAX), "a date beyond the calendar breaks nothing");
    // The province revokes the hub's machine: what it signed until then stays good, and nothing new of it counts.
    chain.days(10);
    let (device, today) = (chain.city.device(), huiliu_node::clock::day((chain.county.machine.clock)()));
    let revoke = move |ledger: &mut huiliu_node::ledger::Ledger| {
        let mut record = Record::new(kind("revocation").unwrap());
        record.set("union", Value::Int(i64::from(city())));
        record.set("device", Value::Bytes(device.to_vec()));
        record.set("revoked_on", Value::Int(i64::from(today.0)));
        record.set("reason", Value::Text("遗失".into()));
        ledger.write_entry(&record).map(drop)
    };
    chain.province.store.write_blocking(revoke).unwrap();
    talk(chain.city.ends(), chain.province.ends()).unwrap();
    talk(chain.county.ends(), chain.city.ends()).unwrap();
    let old = verdicts();
    chain.county.work(mediator, 2);
    chain.county.pack();
    chain.days(10);
    let _ = call_through(chain.county.ends(), chain.city.ends(), Side::Upper, &mut |frame| vec![frame]);
    assert!(!give(row.size() + 1, now), "whatever date its key gives");
    assert_eq!(verdicts(), old, "what was taken before stays as it was");
    let union = county();
    assert_eq!(row.feed.union, union);
}
