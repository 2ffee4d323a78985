//! Use cases of a hub: what a person or a program can do on it. The words are `cli`'s.

pub mod block;
pub mod enrol;
pub mod invite;
pub mod purge;
pub mod return_keys;
pub mod revoke;
pub mod vouch;
