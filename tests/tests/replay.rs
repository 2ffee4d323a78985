//! The same seed tells the same story: what a failure printed can be looked at again.
//!
//! A test of its own process: beside other simulations in one process a message was seen to move by a tick, for a
//! reason not found yet.

use huiliu_tests::simulation::run;

#[test]
fn a_seed_replays() {
    // One in which a machine is cloned, and one with two misfortunes.
    for seed in [7, 56] {
        let (a, b) = (run(seed).unwrap(), run(seed).unwrap());
        assert_eq!((a.written, a.crashes, a.partitions), (b.written, b.crashes, b.partitions), "seed {seed}");
        assert_eq!((a.conflicts, a.misfortunes, a.evidence), (b.conflicts, b.misfortunes, b.evidence), "seed {seed}");
    }
}
