//! The line to the union above, and calls from below.

use huiliu_node::{
    app::inbox::{Argument, Severity, Thing},
    cli::Exit,
    store::receipts::{self, Link},
};
use huiliu_tests::chain::{Chain, Place};

use crate::{argument, codes, entries, of_code};

#[test]
fn who_is_silent_is_asked_for() {
    let chain = Chain::new(55);
    chain.days(20);
    assert_eq!((codes(&chain.city), codes(&chain.county)), (vec![], vec![]));
    chain.days(20);
    let silent = of_code(&chain.city, "machine_silent");
    assert_eq!(silent.len(), 1, "{silent:?}");
    assert_eq!(silent[0].thing, Thing::Device(chain.county.device()));
    assert_eq!(argument(&silent[0], "union"), &Argument::Union("320922".parse().unwrap()));
    assert!(codes(&chain.county).contains(&"line_silent"));
    chain.settle().unwrap();
    assert_eq!((codes(&chain.city), codes(&chain.county)), (vec![], vec![]));
}

/// What the last exchange with a neighbour left behind.
pub fn fails(place: &Place, with: &Place) {
    let link = Link {
        device: with.device(),
        union: with.machine.union(),
        last_try: (place.machine.clock)(),
        last_success: None,
        error: Some("deadline has elapsed".into()),
    };
    place.store.write_blocking(move |ledger| receipts::put_link(ledger.conn(), &link)).unwrap();
}

#[test]
fn a_call_that_broke_off_is_the_callers_to_repeat() {
    let chain = Chain::new(61);
    let (city, county) = (&chain.city, &chain.county);
    fails(county, city);
    fails(city, county);
    fails(city, &chain.province);
    let told = |place: &Place| entries(place).iter().map(|entry| (entry.code, entry.severity)).collect::<Vec<_>>();
    assert_eq!(told(county), [("line", Severity::Attention)]);
    assert_eq!(told(city), [("line", Severity::Attention), ("line_below", Severity::Notice)]);
    chain.settle().unwrap();
    assert_eq!((codes(city), codes(county)), (vec![], vec![]));
    fails(city, county);
    assert_eq!(city.status(), Exit::Done, "a hub waits for the call");
    // A machine that is revoked never calls again.
    chain.city_revokes(county.device());
    assert_eq!(codes(city), [""; 0]);
    let links = city.store.read(receipts::standing_links).unwrap();
    assert!(links.iter().all(|link| link.device != county.device()), "{links:?}");
}

/// It cannot be called: only after long a person asks.
#[test]
fn a_machine_below_whose_calls_fail_for_long_is_asked_for() {
    let chain = Chain::new(63);
    let told = || of_code(&chain.city, "line_below").iter().map(|entry| entry.severity).collect::<Vec<_>>();
    for expected in [Severity::Notice, Severity::Attention] {
        chain.days(20);
        fails(&chain.city, &chain.county);
        assert_eq!(told(), [expected]);
    }
    chain.settle().unwrap();
    assert_eq!(told(), []);
}
