//! Whole federations in one process, for tests and benchmarks.
//!
//! `world` sets up unions with homes, keys and certificates; `people` makes records of synthetic people, `worklog` a
//! county's work log in the words people use; `forger` breaks the rules; `network` is the simulator's line, `relay`
//! carries batches by hand, `talk` whole exchanges, `place` is a machine in such a test, `chain` is a county with all levels above it; `disk` and
//! `disk_faults` are what happens to disks; `liar` is a hub that lies on the wire, `faces` one with two
//! faces in the simulated network, `insider` an enrolled device that keeps no rule, `city` a hub that keeps none; `oracle` says what must hold, from the feeds'
//! bytes alone; `simulation` tells a whole story of faults and asks it; `table` shows what a benchmark measured, and `process`
//! is the program itself in a process of its own, with what the kernel says of it.

pub mod chain;
pub mod city;
pub mod decisions;
pub mod demo;
pub mod disk;
pub mod disk_faults;
pub mod faces;
pub mod forger;
pub mod insider;
pub mod liar;
pub mod model;
pub mod network;
pub mod oracle;
pub mod people;
pub mod place;
pub mod process;
pub mod relay;
pub mod simulation;
pub mod story;
pub mod table;
pub mod talk;
pub mod worklog;
pub mod world;
