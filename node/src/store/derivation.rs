//! The derivation version: what the computed tables depend on besides the feeds. When it moves, they are computed again
//! when a database is opened.
//!
//! Declarations of kinds and measures, the built-in unions and the bounds are in it as they are. What code decides has a
//! number here that is raised by hand with the code; `tests/tests/derivation.rs` says when one was forgotten.

use std::sync::OnceLock;

use huiliu_proto::{algorithms::SUITE, feed::HEADER_FORM, id::Hash, kind::kinds, union::UnionNumber};

use super::{projection, voids};
use crate::{
    document::{MAX_CHANGES, MAX_WEIGHT},
    rollup::measures,
};

/// Rules between the fields of a record (`proto/src/records`), and limits and formats of values (`proto/src/value.rs`).
const RULES: u32 = 1;
/// What records add to which measure (`proto/src/records`, `ledger/entries.rs`).
const MEASURES: u32 = 3;
/// What may count and what not (`admission.rs`, `ledger/apply.rs`, `edits.rs`, `records.rs`, `voids.rs`, `store/trust.rs`).
const ADMISSION: u32 = 3;

/// It is the same for as long as the program runs.
pub fn version() -> Hash {
    static VERSION: OnceLock<Hash> = OnceLock::new();
    *VERSION.get_or_init(compute)
}

fn compute() -> Hash {
    let mut all: Vec<Vec<u8>> = vec![];
    for kind in kinds() {
        all.push(format!("{kind:?}").into_bytes());
        all.push(projection::declared(kind).as_bytes().to_vec());
    }
    all.push(voids::CREATE.as_bytes().to_vec());
    all.push(format!("{:?}", measures()).into_bytes());
    for union in UnionNumber::all() {
        let parent = union.parent().map(u64::from);
        all.push(format!("{union} {parent:?} {:?} {}", union.level(), union.name()).into_bytes());
    }
    let numbers = (RULES, MEASURES, ADMISSION, MAX_CHANGES, MAX_WEIGHT);
    // Indexes of identity numbers are made with the suite; feeds that were a newer version's may not be now.
    all.push(format!("{numbers:?} {} {HEADER_FORM}", SUITE.byte()).into_bytes());
    // Each part with its length, so that no byte can move from one to the next.
    let parts: Vec<u8> =
        all.iter().flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.iter().copied())).collect();
    Hash::of(&[&parts])
}
