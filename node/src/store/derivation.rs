//! The derivation version: what the computed tables depend on besides the feeds. When it moves, they are computed again
//! when a database is opened.
//!
//! The `.proto` files as they were compiled, the tables made of them, measures, the built-in unions and the bounds are in it
//! as they are. What code decides has a number here that is raised by hand with the code; `tests/tests/derivation.rs` says when
//! one was forgotten.

use std::sync::OnceLock;

use huiliu_proto::{DESCRIPTORS, algorithms::SUITE, feed::HEADER_FORM, id::Hash, kind::kinds, union::UnionNumber};

use super::{projection, quarantine, records::numbers, unfinished, voids};
use crate::{
    document::{MAX_CHANGES, MAX_WEIGHT},
    rollup::measures,
};

/// Rules between the fields of a record (`proto/src/records`), limits and formats of values (`proto/src/value.rs`), and what a
/// declaration is read as (`proto/src/kind.rs`).
const RULES: u32 = 1;
/// What records add to which measure (`proto/src/records`, `ledger/entries.rs`).
const MEASURES: u32 = 3;
/// What may count and what not (`admission.rs`, `ledger/apply.rs`, `edits.rs`, `records.rs`, `records/numbers.rs`, `voids.rs`, `store/trust.rs`).
const ADMISSION: u32 = 5;
/// How documents are kept (`document/snapshot.rs`): an earlier version makes its own anew.
const SNAPSHOTS: u32 = 1;

/// It is the same for as long as the program runs.
pub fn version() -> Hash {
    static VERSION: OnceLock<Hash> = OnceLock::new();
    *VERSION.get_or_init(compute)
}

/// Every program that opens a store asks: bytes as they are, nothing written out as text that need not be.
fn compute() -> Hash {
    let mut all = vec![];
    // Each part with its length, so that no byte can move from one to the next.
    let mut part = |bytes: &[u8]| {
        all.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        all.extend_from_slice(bytes);
    };
    part(DESCRIPTORS);
    for kind in kinds() {
        part(projection::declared(kind).as_bytes());
    }
    part(voids::CREATE.as_bytes());
    part(numbers::CREATE.as_bytes());
    part(quarantine::CREATE.as_bytes());
    part(unfinished::CREATE.as_bytes());
    part(format!("{:?}", measures()).as_bytes());
    for union in UnionNumber::all() {
        part(&u64::from(union).to_be_bytes());
        part(&union.parent().map_or(0, u64::from).to_be_bytes());
        part(&[union.level() as u8]);
        part(union.name().as_bytes());
    }
    let numbers = (RULES, MEASURES, ADMISSION, SNAPSHOTS, MAX_CHANGES, MAX_WEIGHT);
    // Indexes of identity numbers are made with the suite; feeds that were a newer version's may not be now.
    part(format!("{numbers:?} {} {HEADER_FORM}", SUITE.byte()).as_bytes());
    Hash::of(&[&all])
}
