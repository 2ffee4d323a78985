//! Measures as the pages ask for them: see `huiliu_proto::measure`, and the room of each kind for what a record adds.
//!
//! Nothing here stores: the ledger adds and takes away what the rooms say, in the transaction that brings the record.

use huiliu_proto::period::Month;

pub use huiliu_proto::{
    measure::{BALANCE, Measure, Nature, Part, Unit, measure, measures},
    records::{
        allocation::room::measures::*, budget::room::measures::*, certificate::room::measures::*,
        engagement::room::measures::*, expenditure::room::measures::*, fund_receipt::room::measures::*,
        matching::room::measures::*, rating::room::measures::*, work_entry::room::measures::*,
    },
    room::parts,
};

/// Which months a page asks for: flows from `from`, stocks from the beginning, both up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Month,
    pub to: Month,
}
