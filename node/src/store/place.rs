//! Where a record stands, by which it is told from another of the same id.

use huiliu_proto::union::UnionNumber;

/// Whose record it is, and which operation said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPlace {
    pub owner: UnionNumber,
    pub feed: i64,
    pub seq: u64,
}
