//! Imports of this machine: which records each wrote, so that it can be taken back.
//!
//! A record's id ends in what its device and that start of its program drew, and ids of one start go on from each other: the first
//! and the last id of a batch, which one job wrote, name all of it.

use huiliu_proto::{id::RecordId, kind::Kind, union::UnionNumber};
use serde_json::{Value as Json, json};

use super::{Database, Result, StoreError, View, set_meta};

/// Where each is kept in `meta`: what is said of it once under `import/ID`, and each batch under `import/ID/FIRST`.
const KEY: &str = "import/";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The id of its first record.
    pub id: RecordId,
    pub kind: u32,
    /// When it began.
    pub at: i64,
    /// What it was read from.
    pub name: String,
    pub batches: Vec<Batch>,
}

/// What one job wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub first: RecordId,
    pub last: RecordId,
    pub count: u64,
}

impl Import {
    /// How many records it wrote.
    pub fn count(&self) -> u64 {
        self.batches.iter().map(|batch| batch.count).sum()
    }

    fn from_json(id: RecordId, json: &Json) -> Option<Import> {
        Some(Import {
            id,
            kind: u32::try_from(json["kind"].as_u64()?).ok()?,
            at: json["at"].as_i64()?,
            name: json["name"].as_str()?.to_owned(),
            batches: vec![],
        })
    }
}

impl Batch {
    fn from_json(first: RecordId, json: &Json) -> Option<Batch> {
        Some(Batch { first, last: json["last"].as_str()?.parse().ok()?, count: json["count"].as_u64()? })
    }
}

/// Notes an import that begins. `first`: its first record, which names it.
pub fn begin(conn: &Database, first: RecordId, kind: &Kind, at: i64, name: &str) -> Result<RecordId> {
    let said = json!({ "kind": kind.number, "at": at, "name": name });
    set_meta(conn, &format!("{KEY}{first}"), said.to_string())?;
    Ok(first)
}

pub fn add(conn: &Database, import: &RecordId, batch: Batch) -> Result<()> {
    let said = json!({ "last": batch.last.to_string(), "count": batch.count });
    set_meta(conn, &format!("{KEY}{import}/{}", batch.first), said.to_string())
}

pub fn get(conn: &View, id: &RecordId) -> Result<Option<Import>> {
    Ok(read(conn, &format!("{KEY}{id}"))?.pop())
}

/// All, in the order in which they began.
pub fn all(conn: &View) -> Result<Vec<Import>> {
    read(conn, KEY)
}

/// The first `most` after one, in the same order. What is noted of others is not read.
pub fn page(conn: &View, after: Option<&RecordId>, most: usize) -> Result<Vec<Import>> {
    let from = after.map_or_else(|| KEY.to_owned(), |id| format!("{KEY}{id}/~"));
    between(conn, &from, &format!("{KEY}~"), most)
}

/// Those whose keys begin so.
fn read(conn: &View, prefix: &str) -> Result<Vec<Import>> {
    between(conn, prefix, &format!("{prefix}~"), usize::MAX)
}

fn between(conn: &View, from: &str, to: &str, most: usize) -> Result<Vec<Import>> {
    const DAMAGED: StoreError = StoreError::Damaged("what is noted of an import");
    let mut all: Vec<Import> = vec![];
    let mut statement = conn.prepare_cached(ROWS)?;
    let mut rows = statement.query((from, to))?;
    while let Some(row) = rows.next()? {
        let (key, text): (String, String) = (row.get(0)?, row.get(1)?);
        let mut ids = key.strip_prefix(KEY).unwrap_or_default().split('/').map(|id| id.parse::<RecordId>().ok());
        let json: Json = serde_json::from_str(&text).map_err(|_| DAMAGED)?;
        let full = all.len() == most;
        match (ids.next().flatten(), ids.next(), all.last_mut()) {
            (Some(_), None, _) if full => break,
            (Some(id), None, _) => all.push(Import::from_json(id, &json).ok_or(DAMAGED)?),
            (Some(id), Some(Some(first)), Some(import)) if import.id == id => {
                import.batches.push(Batch::from_json(first, &json).ok_or(DAMAGED)?);
            }
            _ => return Err(DAMAGED),
        }
    }
    Ok(all)
}

const ROWS: &str = "SELECT key, value FROM meta WHERE key BETWEEN ?1 AND ?2 ORDER BY key";

/// Takes what is noted over into a new file.
pub fn copy(from: &View, to: &Database) -> Result<()> {
    let mut statement = from.prepare_cached(ROWS)?;
    let mut rows = statement.query((KEY, format!("{KEY}~")))?;
    while let Some(row) = rows.next()? {
        set_meta(to, &row.get::<_, String>(0)?, row.get::<_, String>(1)?)?;
    }
    Ok(())
}

/// The records of one batch, in the order they were made.
pub fn records(conn: &View, owner: UnionNumber, batch: Batch) -> Result<Vec<RecordId>> {
    let mut statement = conn.prepare_cached(
        "SELECT id FROM record WHERE id BETWEEN ?1 AND ?2 AND owner = ?3 AND substr(id, 9) = substr(?1, 9) ORDER BY id",
    )?;
    let rows = statement
        .query_map((batch.first.as_bytes(), batch.last.as_bytes(), i64::from(owner)), |row| row.get(0).map(RecordId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use huiliu_proto::{handle::Declared as _, v1::Mediator};

    use super::*;
    use crate::store::migrations::SCHEMA;

    fn database() -> Database {
        let conn = Database::in_memory().unwrap();
        conn.execute_batch(SCHEMA).unwrap();
        conn
    }

    #[test]
    fn a_batch_is_noted_without_those_before_it() {
        let (conn, copied) = (database(), database());
        let id = |n| RecordId([n; 16]);
        let batch = |n| Batch { first: id(n), last: id(n + 1), count: 2 };
        for import in [3, 1] {
            let import = begin(&conn, id(import), Mediator::kind(), 7, "名单.csv").unwrap();
            for n in 0..3 {
                let before = conn.total_changes();
                add(&conn, &import, batch(import.0[0] + 2 * n)).unwrap();
                assert_eq!(conn.total_changes(), before + 1);
            }
        }
        let noted = get(&conn, &id(3)).unwrap().unwrap();
        assert_eq!((noted.at, noted.name.as_str(), noted.count()), (7, "名单.csv", 6));
        assert_eq!(noted.batches, [batch(3), batch(5), batch(7)]);
        assert_eq!(get(&conn, &id(5)).unwrap(), None);
        let ids: Vec<RecordId> = all(&conn).unwrap().iter().map(|import| import.id).collect();
        assert_eq!(ids, [id(1), id(3)]);
        // By pages, each with all that is noted of it.
        assert_eq!(page(&conn, None, 2).unwrap(), all(&conn).unwrap());
        assert_eq!(page(&conn, None, 1).unwrap(), [get(&conn, &id(1)).unwrap().unwrap()]);
        assert_eq!(page(&conn, Some(&id(1)), 1).unwrap(), [noted]);
        assert_eq!(page(&conn, Some(&id(3)), 1).unwrap(), []);
        copy(&conn, &copied).unwrap();
        assert_eq!(all(&copied).unwrap(), all(&conn).unwrap());
    }
}
