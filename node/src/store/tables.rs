//! Tables that SQL joins with: the union tree, as the built-in directory has it, and every other union that a feed here
//! is of.

use huiliu_proto::union::UnionNumber;

use super::{Database, Result};

const REGION: &str = r#"INSERT INTO region (code, level, parent, name) VALUES (?1, ?2, ?3, ?4)"#;
const BELOW: &str = r#"INSERT INTO below (above, code) VALUES (?1, ?2)"#;

pub fn fill(conn: &Database) -> Result<()> {
    conn.execute_batch("DELETE FROM region; DELETE FROM below;")?;
    let mut region = conn.prepare(REGION)?;
    let mut below = conn.prepare(BELOW)?;
    // A feed's row may be newer than the tree: unions of no directory are those that have feeds.
    let mut others = conn.prepare(r#"SELECT DISTINCT "union" FROM feed WHERE "union" > 999999"#)?;
    let others: Vec<UnionNumber> = others.query_map([], |row| union(row.get(0)?))?.collect::<rusqlite::Result<_>>()?;
    for code in UnionNumber::all().chain(others) {
        let parent = code.parent().map(i64::from);
        region.execute((i64::from(code), code.level() as i32, parent, code.name()))?;
        below.execute((i64::from(code), i64::from(code)))?;
        for above in code.ancestors() {
            below.execute((i64::from(above), i64::from(code)))?;
        }
    }
    Ok(())
}

/// Puts a union that is not in the directory into the tree, where a feed of it comes to be known; also one that nobody has
/// admitted, so nothing may follow from its being there. Whether a union has a level below it is asked of the directory
/// alone.
pub fn place(conn: &Database, code: UnionNumber) -> Result<()> {
    if code.serial().is_none() {
        return Ok(());
    }
    let row = (i64::from(code), code.level() as i32, code.parent().map(i64::from), code.name());
    conn.prepare_cached(&format!("{REGION} ON CONFLICT DO NOTHING"))?.execute(row)?;
    let mut below = conn.prepare_cached(&format!("{BELOW} ON CONFLICT DO NOTHING"))?;
    for above in std::iter::once(code).chain(code.ancestors()) {
        below.execute((i64::from(above), i64::from(code)))?;
    }
    Ok(())
}

/// Takes those out of which nothing is left here.
pub fn leave(conn: &Database) -> Result<()> {
    for table in ["region", "below"] {
        let gone = format!(r#"DELETE FROM {table} WHERE code > 999999 AND code NOT IN (SELECT "union" FROM feed)"#);
        conn.execute(&gone, [])?;
    }
    Ok(())
}

/// A union's code as SQL keeps it.
pub fn union(value: i64) -> rusqlite::Result<UnionNumber> {
    UnionNumber::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, value))
}
