//! The keys that open sealed fields here: this union's own, and those that were granted to it.

use std::collections::HashMap;

use huiliu_proto::{
    id::RecordId,
    kind::kind,
    seal::{self, SealError, SealKey},
    value::Value,
};
use rusqlite::Connection;
use zeroize::Zeroizing;

use super::Me;
use crate::store::{Result, projection};

#[derive(Default)]
pub struct Seals(HashMap<[u8; 8], SealKey>);

impl Seals {
    /// All of them, as the grants say that are here now.
    pub fn of(conn: &Connection, me: &Me) -> Result<Seals> {
        let mut seals = Seals::default();
        seals.add(me.seal.clone());
        let (Some(kind), Some(grant)) = (kind("key_grant"), &me.grant) else { return Ok(seals) };
        let mine = Value::Int(i64::from(u32::from(me.union)));
        for row in projection::list_where(conn, kind, "to_union", &mine)? {
            let (Some(wrapped), Some(id)) = (row.record.bytes("sealed"), row.record.bytes("key_id")) else { continue };
            if let Ok(key) = grant.receive(wrapped, id) {
                seals.add(key);
            }
        }
        Ok(seals)
    }

    pub fn add(&mut self, key: SealKey) {
        self.0.insert(key.id(), key);
    }

    pub fn open(&self, sealed: &[u8], record: &RecordId) -> Result<Zeroizing<String>, SealError> {
        self.0.get(&seal::key_of(sealed)?).ok_or(SealError::Key)?.open(sealed, record)
    }
}
