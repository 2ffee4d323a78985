//! The same seed tells the same story: what a failure printed can be looked at again.
//!
//! A test of its own process: beside other simulations in one process a message was seen to move by a tick, for a
//! reason not found yet.

use huiliu_tests::simulation::run;

#[test]
fn a_seed_replays() {
    let (a, b) = (run(7).unwrap(), run(7).unwrap());
    assert_eq!((a.written, a.crashes, a.partitions), (b.written, b.crashes, b.partitions));
}
