//! What a hub adds to a node: it serves the levels below.

pub mod app;
pub mod authority;
pub mod cli;
pub mod door;
pub mod downlink;
pub mod gate;
pub mod limits;
pub mod purge;
pub mod revocation;
pub mod vouching;
