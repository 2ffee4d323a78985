//! What a hub adds to a node: it serves the levels below.

pub mod app;
pub mod authority;
pub mod cli;
pub mod downlink;
pub mod join_service;
pub mod limits;
pub mod listener;
pub mod purge;
pub mod revocation;
pub mod vouching;
