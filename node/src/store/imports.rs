//! Imports of this machine: which records each wrote, so that it can be taken back.
//!
//! A record's id ends in what its device and that start of its program drew, and ids of one start go on from each other: the first
//! and the last id of a batch, which one job wrote, name all of it.

use huiliu_proto::{
    id::{RecordId, unhex},
    kind::Kind,
    union::UnionNumber,
};
use serde_json::{Value as Json, json};

use super::{Database, Result, StoreError, View, meta, set_meta};

/// Where each is kept in `meta`.
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
    pub count: u64,
    /// First and last record of each batch.
    pub batches: Vec<(RecordId, RecordId)>,
}

impl Import {
    pub fn new(id: RecordId, kind: &Kind, at: i64, name: &str) -> Import {
        Import { id, kind: kind.number, at, name: name.to_owned(), count: 0, batches: vec![] }
    }

    pub fn add(&mut self, first: RecordId, last: RecordId, count: u64) {
        self.batches.push((first, last));
        self.count += count;
    }

    fn to_json(&self) -> Json {
        let batches: Vec<[String; 2]> = self.batches.iter().map(|(a, b)| [a.to_string(), b.to_string()]).collect();
        json!({ "kind": self.kind, "at": self.at, "name": self.name, "count": self.count, "batches": batches })
    }

    fn from_json(id: RecordId, json: &Json) -> Option<Import> {
        let id_of = |json: &Json| json.as_str()?.parse::<RecordId>().ok();
        let batch = |json: &Json| Some((id_of(json.get(0)?)?, id_of(json.get(1)?)?));
        Some(Import {
            id,
            kind: u32::try_from(json["kind"].as_u64()?).ok()?,
            at: json["at"].as_i64()?,
            name: json["name"].as_str()?.to_owned(),
            count: json["count"].as_u64()?,
            batches: json["batches"].as_array()?.iter().map(batch).collect::<Option<_>>()?,
        })
    }
}

pub fn put(conn: &Database, import: &Import) -> Result<()> {
    set_meta(conn, &format!("{KEY}{}", import.id), import.to_json().to_string())
}

pub fn get(conn: &View, id: &RecordId) -> Result<Option<Import>> {
    let text: Option<String> = meta(conn, &format!("{KEY}{id}"))?;
    text.map(|text| read(*id, &text)).transpose()
}

fn read(id: RecordId, text: &str) -> Result<Import> {
    let json = serde_json::from_str(text).ok();
    json.and_then(|json| Import::from_json(id, &json)).ok_or(StoreError::Damaged("what is noted of an import"))
}

/// All, in the order in which they began.
pub fn all(conn: &View) -> Result<Vec<Import>> {
    let mut statement = conn.prepare_cached("SELECT key, value FROM meta WHERE key BETWEEN ?1 AND ?2 ORDER BY key")?;
    let mut rows = statement.query((KEY, format!("{KEY}~")))?;
    let mut all = vec![];
    while let Some(row) = rows.next()? {
        let (key, text): (String, String) = (row.get(0)?, row.get(1)?);
        let Some(id) = key.strip_prefix(KEY).and_then(unhex).and_then(|id| RecordId::try_from(&id[..]).ok()) else {
            continue;
        };
        all.push(read(id, &text)?);
    }
    Ok(all)
}

/// Takes what is noted over into a new file.
pub fn copy(from: &View, to: &Database) -> Result<()> {
    for import in all(from)? {
        put(to, &import)?;
    }
    Ok(())
}

/// The records of one batch, in the order they were made.
pub fn records(conn: &View, owner: UnionNumber, batch: (RecordId, RecordId)) -> Result<Vec<RecordId>> {
    let mut statement = conn.prepare_cached(
        "SELECT id FROM record WHERE id BETWEEN ?1 AND ?2 AND owner = ?3 AND substr(id, 9) = substr(?1, 9) ORDER BY id",
    )?;
    let rows = statement
        .query_map((batch.0.as_bytes(), batch.1.as_bytes(), i64::from(owner)), |row| row.get(0).map(RecordId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
