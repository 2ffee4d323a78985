//! What every level of Huiliu agrees on. No IO and no clock; no randomness but what HPKE takes to wrap a key.
//!
//! In reading order: the words (`lang`) and how text of others is shown (`shown`), values that carry rules (`union`, `money`, `period`, `ident`, `id`), what is
//! known of all unions (`directory`, `organisation`), record
//! kinds as their `.proto` files declare them (`kind`, `value`, `record`, `handle`, `records` with `room`, `rules`, `measure`), then how what was recorded is
//! proved: operations and edits (`operation`, `operator`, `edit`), feeds (`feed`), their hash tree (`tree`), what is signed
//! (`signed`), with which algorithms (`algorithms`), where all authority comes from (`root`), what a file proves to whoever
//! knows that only (`proof`), how runs of operations are packed (`segment`), how identity numbers are sealed (`seal`), and
//! how a machine joins (`token`, `joining`), what it says of its own keys (`attestation`), and how a forgotten password is set
//! anew by word of the union above (`reset`).

pub mod lang;

pub mod directory;
pub mod id;
pub mod ident;
pub mod money;
pub mod organisation;
pub mod period;
pub mod serials;
pub mod shown;
pub mod union;

pub mod handle;
pub mod kind;
pub mod measure;
pub mod record;
pub mod records;
pub mod room;
pub mod rule;
pub mod rules;
pub mod value;

pub mod algorithms;
pub mod attestation;
pub mod edit;
pub mod feed;
mod hidden;
pub mod joining;
pub mod operation;
pub mod operator;
pub mod proof;
pub mod reasons;
pub mod reset;
pub mod root;
pub mod seal;
pub mod segment;
pub mod signed;
pub mod token;
pub mod tree;
pub mod void;
mod wire;

/// Messages and record kinds as prost generates them from `proto/huiliu/v1`.
#[allow(missing_docs, clippy::all, unused_qualifications)]
pub mod v1 {
    tonic::include_proto!("huiliu.v1");
}

/// The compiled `.proto` files: what `kind` reads, and what a client that wants to reflect on the service is given.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
