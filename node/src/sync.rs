//! How feeds travel between a union and the union above it.
//!
//! `frontier` says what two unions share and how far each has it; `exchange` is the conversation, without IO;
//! `session` carries it over any pair of streams; `line` is what is under them; `uplink` calls the union above.

pub mod exchange;
pub mod frontier;
pub mod line;
pub mod session;
pub mod uplink;
