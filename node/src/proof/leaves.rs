//! Paths through a stored feed, many at a time: what one path read, the next finds in memory.

use std::collections::BTreeMap;

use huiliu_proto::{
    id::Hash,
    operation::Operation,
    tree::{self, Edge, Leaves, RUN},
};

use crate::store::{
    Result, StoreError, View,
    feeds::{self, StoredLeaves},
};

/// Leaves and operations of one feed, read a run or a segment at a time.
pub struct Run<'a> {
    stored: StoredLeaves<'a>,
    /// Of the runs that were read: their leaves.
    runs: BTreeMap<u64, Vec<Hash>>,
    /// Roots of larger ranges that were asked for.
    known: BTreeMap<(u64, u64), Hash>,
    /// The operations that were read last, and the place of the first.
    last: (u64, Vec<Operation>),
}

impl<'a> Run<'a> {
    pub fn new(conn: &'a View, no: i64) -> Run<'a> {
        Run { stored: StoredLeaves { conn, no }, runs: BTreeMap::new(), known: BTreeMap::new(), last: (0, vec![]) }
    }

    /// The operation at that place; asked for in order, each segment is unpacked once.
    pub fn operation(&mut self, position: u64) -> Result<Option<Operation>> {
        let within = |last: &(u64, Vec<Operation>)| {
            let at = usize::try_from(position.checked_sub(last.0)?).ok()?;
            last.1.get(at).cloned()
        };
        if let Some(found) = within(&self.last) {
            return Ok(Some(found));
        }
        self.last = (position, feeds::operations(self.stored.conn, self.stored.no, position)?);
        Ok(within(&self.last))
    }

    fn run(&mut self, number: u64) -> Result<&[Hash]> {
        use std::collections::btree_map::Entry;
        let leaves = match self.runs.entry(number) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let mut leaves: Vec<Hash> = vec![];
                while (leaves.len() as u64) < RUN {
                    let at = number * RUN + leaves.len() as u64;
                    let operations = feeds::operations(self.stored.conn, self.stored.no, at)?;
                    if operations.is_empty() {
                        break;
                    }
                    let most = RUN as usize - leaves.len();
                    leaves.extend(operations.iter().take(most).map(Operation::leaf));
                }
                entry.insert(leaves)
            }
        };
        Ok(leaves)
    }
}

impl Leaves for Run<'_> {
    type Error = StoreError;

    fn range(&mut self, from: u64, to: u64) -> Result<Hash> {
        if to - from > RUN {
            if let Some(root) = self.known.get(&(from, to)) {
                return Ok(*root);
            }
            let root = tree::joined(self, from, to)?;
            self.known.insert((from, to), root);
            return Ok(root);
        }
        // Whole runs have their root kept; a part of one never reaches over its end.
        if to - from == RUN {
            return self.stored.range(from, to);
        }
        let start = from / RUN * RUN;
        let run = self.run(from / RUN)?;
        let leaves = run.get((from - start) as usize..(to - start) as usize);
        let mut edge = Edge::default();
        for leaf in leaves.ok_or(StoreError::Damaged("a feed's operations end before its size"))? {
            edge.push(*leaf);
        }
        Ok(edge.root())
    }
}
