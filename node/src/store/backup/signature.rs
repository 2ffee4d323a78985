//! That a backup is as this device made it: its signature over all that a restore takes from the file.
//!
//! What feeds say is signed by their authors anyhow. Evidence, notes of neighbours, when what came: that is this machine's
//! word alone, and whoever holds the file could change it.

use huiliu_proto::{
    id::{DeviceId, Hash},
    signed::{SigningKey, verify_backup},
};
use rusqlite::types::ValueRef;
use sha2::{Digest as _, Sha256};

use super::{Database, TAKEN_AT, View};
use crate::store::{Result, meta, salvage, set_meta};

/// Which tables are signed for, in a line; a later version may keep more, or other ones.
const TABLES: &str = "backup_tables";
const SIGNATURE: &str = "backup_signature";

/// What a file shows about who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// As this device made it.
    Signed,
    /// Nobody signed it: a version of before made it, or the file was copied by hand.
    Unsigned,
    /// This device made it otherwise.
    Altered,
}

/// Signs for a copy, which nobody else has open.
pub(super) fn sign(conn: &Database, key: &SigningKey) -> Result<()> {
    let tables = salvage::taken();
    set_meta(conn, TABLES, tables.join(" "))?;
    let digest = digest(conn, &tables)?;
    set_meta(conn, SIGNATURE, key.sign_backup(&digest).to_vec())
}

/// Looks at a file as it was found, before it is brought to another version.
pub(super) fn origin(conn: &View, device: &DeviceId) -> Result<Origin> {
    let Some(signature) = meta::<Vec<u8>>(conn, SIGNATURE)? else { return Ok(Origin::Unsigned) };
    let tables = meta::<String>(conn, TABLES)?.unwrap_or_default();
    let tables: Vec<&str> = tables.split(' ').collect();
    for table in salvage::taken() {
        if !tables.contains(&table) && exists(conn, table)? {
            return Ok(Origin::Altered);
        }
    }
    for table in &tables {
        if !exists(conn, table)? {
            return Ok(Origin::Altered);
        }
    }
    let digest = digest(conn, &tables)?;
    Ok(if verify_backup(&digest, &signature, device) { Origin::Signed } else { Origin::Altered })
}

fn exists(conn: &View, table: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)";
    Ok(conn.query_row(sql, [table], |row| row.get(0))?)
}

/// Over every row of these tables, in the order in which they lie in the file, and when it was copied.
fn digest(conn: &View, tables: &[&str]) -> Result<Hash> {
    let mut hasher = Sha256::new();
    part(&mut hasher, 0, &meta::<i64>(conn, TAKEN_AT)?.unwrap_or(i64::MIN).to_be_bytes());
    for table in tables {
        part(&mut hasher, 1, table.as_bytes());
        let quoted = table.replace('"', "\"\"");
        let mut statement = conn.prepare(&format!("SELECT * FROM \"{quoted}\" NOT INDEXED"))?;
        for name in statement.column_names() {
            part(&mut hasher, 2, name.as_bytes());
        }
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for at in 0..columns {
                match row.get_ref(at)? {
                    ValueRef::Null => part(&mut hasher, 3, &[]),
                    ValueRef::Integer(n) => part(&mut hasher, 4, &n.to_be_bytes()),
                    ValueRef::Real(n) => part(&mut hasher, 5, &n.to_bits().to_be_bytes()),
                    ValueRef::Text(text) => part(&mut hasher, 6, text),
                    ValueRef::Blob(bytes) => part(&mut hasher, 7, bytes),
                }
            }
        }
    }
    Ok(Hash(hasher.finalize().into()))
}

/// With its kind and its length, so that no byte can move from one part to the next.
fn part(hasher: &mut Sha256, kind: u8, bytes: &[u8]) {
    hasher.update([kind]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}
