//! Records of one kind, a page at a time, and how many there are of each.

use huiliu_proto::{
    id::RecordId,
    kind::{Kind, kinds},
    union::UnionNumber,
};

use super::{
    values::{Disclosed, Reader},
    voided,
};
use crate::store::{
    Result, View,
    projection::{self, Shown},
};

/// Which records, and from where on.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub kind: &'static Kind,
    /// Only those of this union.
    pub union: Option<UnionNumber>,
    /// The page before ended with it.
    pub after: Option<RecordId>,
    pub most: usize,
    /// Those that are voided, instead of those that stand.
    pub voided: bool,
}

/// Values are as they are stored: see `disclosed`.
#[derive(Debug)]
pub struct Page {
    pub rows: Vec<Shown>,
    /// With what the next page is asked for; `None` where this is the last.
    pub next: Option<RecordId>,
}

impl Page {
    /// As this union may read it.
    pub fn disclosed(&self, reader: Reader<'_>) -> Vec<Disclosed> {
        self.rows.iter().map(|row| reader.line(row)).collect()
    }
}

pub fn page(conn: &View, ask: &Ask) -> Result<Page> {
    let list = if ask.voided { voided::page } else { projection::list };
    let mut rows = list(conn, ask.kind, ask.union, ask.after, ask.most + 1)?;
    let more = rows.len() > ask.most;
    rows.truncate(ask.most);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    Ok(Page { rows, next })
}

/// How many there are of every kind.
pub fn counts(conn: &View, union: Option<UnionNumber>) -> Result<Vec<(&'static Kind, u64)>> {
    kinds().iter().map(|kind| Ok((kind, projection::count(conn, kind, union)?))).collect()
}
