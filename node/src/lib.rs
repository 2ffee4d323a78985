//! One union's own records: written without a line, synced with the level above when there is one.
//!
//! In reading order: what a document is (`document`), what may count (`admission`), what it adds up to (`rollup`),
//! how it is kept (`writer` over `ledger` over `store`), how it is checked (`check`), who writes (`identity`), how it
//! is proven to others (`proof`), how it travels (`sync`), what can be done with it (`app`), and what a person types (`cli`).

pub mod admission;
pub mod app;
pub mod check;
pub mod cli;
pub mod clock;
pub mod document;
mod files;
pub mod filing;
pub mod finding;
pub mod identity;
pub mod keyring;
pub mod ledger;
pub mod operator;
pub mod proof;
pub mod rollup;
pub mod ruling;
pub mod standing;
pub mod store;
pub mod sync;
pub mod writer;
