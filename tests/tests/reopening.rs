//! What a further conversation with the same neighbour costs: what has changed since the last.

use huiliu_node::{
    store::{feeds, receipts},
    writer::{Store, Threads},
};
use huiliu_proto::v1::{self, frame::Frame};
use huiliu_tests::{
    chain::{Chain, Place},
    liar::{Side, call_through},
    talk::talk,
};

fn read_whole(place: &Place) -> u64 {
    place.store.kept().read_whole()
}

#[test]
fn what_is_shared_is_read_whole_once() {
    let chain = Chain::new(71);
    let mediator = chain.county.mediator(1);
    chain.settle().unwrap();
    let all = [&chain.county, &chain.city, &chain.province, &chain.nation];
    let before: Vec<u64> = all.iter().map(|place| read_whole(place)).collect();
    for n in 0..5 {
        chain.county.work(mediator, n);
        chain.settle().unwrap();
        chain.holds().unwrap();
    }
    assert_eq!(all.iter().map(|place| read_whole(place)).collect::<Vec<_>>(), before);
}

/// What another program writes into the same file is seen at once, whether or not this one has heard of it.
#[test]
fn what_another_program_wrote_is_not_missed() {
    let chain = Chain::new(72);
    let mediator = chain.county.mediator(1);
    chain.settle().unwrap();
    let beside = Place { machine: chain.county.machine.clone(), store: chain.county.machine.store(Threads::Inline) };
    let sizes = |store: &Store| {
        let rows = store.read(feeds::all).unwrap();
        rows.into_iter().filter(|row| row.feed.union == chain.county.machine.union()).map(|r| r.size()).sum::<u64>()
    };
    let before = sizes(&chain.city.store);
    beside.work(mediator, 1);
    beside.pack();
    talk(chain.county.ends(), chain.city.ends()).unwrap();
    assert_eq!(sizes(&chain.city.store), before + 1);
    chain.county.work(mediator, 2);
    talk(beside.ends(), chain.city.ends()).unwrap();
    talk(chain.county.ends(), chain.city.ends()).unwrap();
    assert_eq!(sizes(&chain.city.store), before + 2);
    chain.settle().unwrap();
    chain.holds().unwrap();
}

/// One new receipt, and all were told again.
#[test]
fn receipts_that_were_told_are_not_told_again() {
    let chain = Chain::new(73);
    let mediator = chain.county.mediator(1);
    chain.county.work(mediator, 1);
    chain.settle().unwrap();
    let held = || chain.county.store.read(receipts::all).unwrap();
    let told = || {
        let mut count = 0;
        let mut listen = |frame: v1::Frame| {
            if let Some(Frame::Receipts(page)) = &frame.frame {
                count += page.receipts.len();
            }
            vec![frame]
        };
        call_through(chain.county.ends(), chain.city.ends(), Side::Upper, &mut listen).unwrap();
        count
    };
    assert_eq!(told(), 0, "of {}", held().len());
    let fresh = |n| {
        chain.county.work(mediator, n);
        talk(chain.county.ends(), chain.city.ends()).unwrap();
        talk(chain.city.ends(), chain.province.ends()).unwrap();
        talk(chain.city.ends(), chain.province.ends()).unwrap();
    };
    fresh(2);
    assert!(held().len() > 3, "{}", held().len());
    assert_eq!(told(), 1, "the province's, for one feed");
    assert_eq!(told(), 0);
    // A county that has lost some is told all that it lacks.
    fresh(3);
    chain
        .county
        .store
        .write_blocking(|ledger| Ok(ledger.conn().raw().execute("DELETE FROM receipt", []).map(drop)?))
        .unwrap();
    let before = held().len();
    assert!(told() > 1 && before == 0);
    chain.settle().unwrap();
    chain.holds().unwrap();
}
