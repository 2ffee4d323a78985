//! Tables that SQL joins with and nothing writes: the union tree, as the built-in region table has it.

use huiliu_proto::region::RegionCode;
use rusqlite::Connection;

use super::Result;

const REGION: &str = r#"INSERT INTO region (code, level, parent, name) VALUES (?1, ?2, ?3, ?4)"#;
const BELOW: &str = r#"INSERT INTO below (above, code) VALUES (?1, ?2)"#;

pub fn fill(conn: &Connection) -> Result<()> {
    conn.execute_batch("DELETE FROM region; DELETE FROM below;")?;
    let mut region = conn.prepare(REGION)?;
    let mut below = conn.prepare(BELOW)?;
    for code in RegionCode::all() {
        let parent = code.parent().map(u32::from);
        region.execute((u32::from(code), code.level() as i32, parent, code.name()))?;
        below.execute((u32::from(code), u32::from(code)))?;
        for above in code.ancestors() {
            below.execute((u32::from(above), u32::from(code)))?;
        }
    }
    Ok(())
}

/// A union's code as SQL keeps it.
pub fn union(value: u32) -> rusqlite::Result<RegionCode> {
    RegionCode::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, i64::from(value)))
}
