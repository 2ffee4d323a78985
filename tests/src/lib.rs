//! Whole federations in one process, for tests and benchmarks.
//!
//! `world` sets up unions with homes, keys and certificates; `people` makes records of synthetic people; `network` is
//! the simulator's line; `oracle` says what must hold, from the feeds' bytes alone.

pub mod network;
pub mod oracle;
pub mod people;
pub mod world;
