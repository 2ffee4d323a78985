//! How feeds travel between a union and the union above it.
//!
//! `store/frontier` says what two unions share and how far each has it; `exchange` is the conversation, without IO;
//! `session` carries it over any pair of streams, `writer/kept` is what one conversation leaves for the next; `line` is what is
//! under them, `call` how a hub is reached over it; `uplink` calls the union above, `join` before this machine is known there,
//! `invite` for a further machine of one's own.

pub mod call;
pub mod exchange;
pub mod invite;
pub mod join;
pub mod line;
pub mod session;
pub mod uplink;
