//! What the database knows of having been put back: the incarnation that began when it was last noticed. The device remembers the
//! same outside of it (`identity/memory.rs`); where this is behind that, the database is older again.

use super::{Database, Result, View, meta, set_meta};

const KNOWN: &str = "rolled_back";

/// The latest such incarnation; 0 for a database that was never put back.
pub fn known(conn: &View) -> Result<u32> {
    Ok(meta(conn, KNOWN)?.unwrap_or(0))
}

pub fn know(conn: &Database, incarnation: u32) -> Result<()> {
    set_meta(conn, KNOWN, incarnation)
}
