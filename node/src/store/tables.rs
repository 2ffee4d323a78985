//! Tables that SQL joins with and nothing writes: the union tree, as the built-in region table has it.

use huiliu_proto::union::UnionNumber;
use rusqlite::Connection;

use super::Result;

const REGION: &str = r#"INSERT INTO region (code, level, parent, name) VALUES (?1, ?2, ?3, ?4)"#;
const BELOW: &str = r#"INSERT INTO below (above, code) VALUES (?1, ?2)"#;

pub fn fill(conn: &Connection) -> Result<()> {
    conn.execute_batch("DELETE FROM region; DELETE FROM below;")?;
    let mut region = conn.prepare(REGION)?;
    let mut below = conn.prepare(BELOW)?;
    for code in UnionNumber::all() {
        let parent = code.parent().map(i64::from);
        region.execute((i64::from(code), code.level() as i32, parent, code.name()))?;
        below.execute((i64::from(code), i64::from(code)))?;
        for above in code.ancestors() {
            below.execute((i64::from(above), i64::from(code)))?;
        }
    }
    Ok(())
}

/// A union's code as SQL keeps it.
pub fn union(value: i64) -> rusqlite::Result<UnionNumber> {
    UnionNumber::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, value))
}
