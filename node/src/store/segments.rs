//! Runs of operations on disk. None enters that was not verified, none is ever put in the place of another (only bytes that
//! are not what the head over them covers are put right: `ledger/mending.rs`), and what is
//! read to be counted is held against the head that its device signed over it.

use huiliu_proto::{
    id::{FeedId, Hash},
    operation::Operation,
    segment::{self, Hashed, SegmentError},
    signed::{TreeHead, Verified},
    tree::{Edge, RUN},
    union::UnionNumber,
};
use rusqlite::{OptionalExtension as _, Row};

use super::{
    Database, Result, StoreError, View,
    feeds::{self, FeedRow, SegmentRow},
};

/// Operations that lead from what is here, and has been compared, to the root that their device signed: the only thing
/// that can be stored.
pub struct Growth {
    first: u64,
    operations: Vec<Operation>,
    edge: Edge,
    blocks: Vec<(u64, Hash)>,
    head: Verified<TreeHead>,
    bytes: Vec<u8>,
}

impl Growth {
    /// The operations follow `start`. Those that are here already, up to `here`, must be the very ones that are here; what
    /// lies behind `packed` is what is stored. `None` where they are not, or do not lead to the head.
    pub fn verify(
        start: Edge,
        here: &Edge,
        packed: u64,
        run: Hashed,
        head: Verified<TreeHead>,
        bytes: Vec<u8>,
    ) -> Result<Result<Growth, Vec<Operation>>, SegmentError> {
        let first = start.size();
        let mut edge = start;
        let mut blocks = vec![];
        let mut agrees = edge.size() < here.size() || edge == *here;
        for leaf in run.leaves() {
            if let Some(root) = edge.push(*leaf) {
                blocks.push((edge.size() / RUN - 1, root));
            }
            agrees &= edge.size() != here.size() || edge == *here;
        }
        let mut operations = run.into_operations();
        let led = edge.size() == head.size && edge.root() == head.root && edge.size() > here.size();
        if !agrees || !led || first > packed || packed > here.size() {
            return Ok(Err(operations));
        }
        if first == packed {
            return Ok(Ok(Growth { first, operations, edge, blocks, head, bytes }));
        }
        // Packed again without what is here: segments of a feed never overlap.
        let operations = operations.split_off((packed - first) as usize);
        let bytes = segment::pack(&operations)?;
        Ok(Ok(Growth { first: packed, operations, edge, blocks, head, bytes }))
    }

    /// Operations `first..`, to the head.
    pub fn first(&self) -> u64 {
        self.first
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    pub fn head(&self) -> &TreeHead {
        &self.head
    }
}

/// Stores what was verified, and that it was here by now.
pub fn add(conn: &Database, no: i64, growth: &Growth, by: UnionNumber, now: i64) -> Result<()> {
    const SQL: &str = "INSERT INTO segment (feed, first, count, head, head_signature, bytes, stored_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let head = growth.head();
    conn.prepare_cached(SQL)?.execute((
        no,
        growth.first as i64,
        (head.size - growth.first) as i64,
        &head.signed.message[..],
        &head.signed.signature[..],
        &growth.bytes,
        now,
    ))?;
    for (block, root) in &growth.blocks {
        feeds::add_block(conn, no, *block, root)?;
    }
    note_arrival(conn, &head.feed, head.size, &head.root, by, now)
}

/// Notes that a union had so much of a feed at that time. What was noted before stays as it is.
pub fn note_arrival(
    conn: &Database,
    feed: &FeedId,
    size: u64,
    root: &Hash,
    by: UnionNumber,
    received_at: i64,
) -> Result<()> {
    const SQL: &str = r#"INSERT INTO arrival (feed, size, root, "union", received_at) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO NOTHING"#;
    let row = (feed.as_bytes(), size as i64, root.as_bytes(), i64::from(by), received_at);
    conn.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// How much of a feed was on this disk, or on that of a level that signed for it, at that time. A disk that was lost and
/// filled again says by itself only when it was filled again.
pub fn size_by(conn: &View, row: &FeedRow, time: i64) -> Result<u64> {
    const SQL: &str = "SELECT DISTINCT size, root FROM arrival WHERE feed = ?1 AND received_at <= ?2 AND size <= ?3
        ORDER BY size DESC";
    let mut statement = conn.prepare_cached(SQL)?;
    let mut rows = statement.query((row.feed.id.as_bytes(), time, row.size() as i64))?;
    while let Some(arrival) = rows.next()? {
        let (size, root): (i64, [u8; 32]) = (arrival.get(0)?, arrival.get(1)?);
        // Another history of the feed may have been here then.
        if feeds::root_at(conn, row, size.unsigned_abs())? == Hash(root) {
            return Ok(size.unsigned_abs());
        }
    }
    Ok(0)
}

/// Since when an operation is known to have been written: the first time that anybody had it, on this disk or with a
/// receipt.
pub fn not_after(conn: &View, row: &FeedRow, seq: u64) -> Result<Option<i64>> {
    const SQL: &str = "SELECT size, root, received_at FROM arrival WHERE feed = ?1 AND size > ?2 AND size <= ?3
        ORDER BY received_at";
    let mut statement = conn.prepare_cached(SQL)?;
    let mut rows = statement.query((row.feed.id.as_bytes(), seq as i64, row.size() as i64))?;
    while let Some(arrival) = rows.next()? {
        let (size, root): (i64, [u8; 32]) = (arrival.get(0)?, arrival.get(1)?);
        if feeds::root_at(conn, row, size.unsigned_abs())? == Hash(root) {
            return Ok(Some(arrival.get(2)?));
        }
    }
    Ok(None)
}

/// Where the segment begins that holds operation `seq`.
pub fn first_around(conn: &View, no: i64, seq: u64) -> Result<Option<u64>> {
    const SQL: &str = "SELECT first, count FROM segment WHERE feed = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
    let read = |r: &Row<'_>| Ok((r.get::<_, i64>(0)?.unsigned_abs(), r.get::<_, i64>(1)?.unsigned_abs()));
    let found = conn.prepare_cached(SQL)?.query_row((no, seq as i64), read).optional()?;
    Ok(found.filter(|(first, count)| seq < first + count).map(|(first, _)| first))
}

/// The segment that ends exactly there.
pub fn ending(conn: &View, no: i64, end: u64) -> Result<Option<SegmentRow>> {
    let Some(last) = end.checked_sub(1) else { return Ok(None) };
    Ok(feeds::segment(conn, no, last)?.filter(|found| found.first + found.count == end))
}

/// Reads a feed's operations to count them: run by run, each held against the head over it, and the last against the end
/// of the tree.
pub struct Counted {
    at: u64,
    edge: Option<Edge>,
}

impl Counted {
    pub fn from(at: u64) -> Counted {
        Counted { at, edge: None }
    }

    /// The next operations; `None` at the end of the feed. What is not as it was signed is an error.
    pub fn next(&mut self, conn: &View, row: &FeedRow) -> Result<Option<Vec<Operation>>> {
        if self.at >= row.size() {
            return Ok(None);
        }
        let id = row.feed.id;
        let altered = |at| StoreError::Altered { feed: id, at };
        let found = feeds::segment(conn, row.no, self.at)?;
        let first = found.as_ref().map_or(self.at, |found| found.first);
        let mut edge = match self.edge.take().filter(|edge| edge.size() == first) {
            Some(edge) => edge,
            None => feeds::edge_at(conn, row.no, first)?,
        };
        let mut operations = match &found {
            Some(found) => segment::unpack(&found.bytes).map_err(|_| altered(first))?,
            None => feeds::tail(conn, row.no, self.at)?,
        };
        for operation in &operations {
            edge.push(operation.leaf());
        }
        let end = edge.size();
        let signed = match found {
            Some(found) => {
                // On the disk a segment and the head over it can be altered so that they agree: its signature decides.
                let head = TreeHead::verify(found.head, id, &row.feed.device).map_err(|_| altered(first))?;
                found.first + found.count == end && head.size == end && head.root == edge.root()
            }
            // An own feed's tail is not signed yet: the tree's edge speaks for it.
            None => end > first,
        };
        if !signed || end > row.size() || (end == row.size() && edge != row.edge) {
            return Err(altered(first));
        }
        operations.drain(..(self.at - first) as usize);
        (self.at, self.edge) = (end, Some(edge));
        Ok(Some(operations))
    }
}

/// The roots of complete runs of a feed, as they follow from what lies here; or from where on that is not what was signed.
pub fn go_through(conn: &View, row: &FeedRow) -> Result<Result<Vec<(u64, Hash)>, u64>> {
    let (mut edge, mut blocks) = (Edge::default(), vec![]);
    while edge.size() < row.size() {
        let first = edge.size();
        let found = feeds::segment(conn, row.no, first)?;
        let operations = match &found {
            Some(found) if found.first != first => return Ok(Err(first)),
            Some(found) => segment::unpack(&found.bytes).unwrap_or_default(),
            None => match feeds::tail(conn, row.no, first) {
                Err(StoreError::Damaged(_)) => vec![],
                tail => tail?,
            },
        };
        if operations.is_empty() {
            return Ok(Err(first));
        }
        for operation in &operations {
            if let Some(root) = edge.push(operation.leaf()) {
                blocks.push((edge.size() / RUN - 1, root));
            }
        }
        let Some(found) = found else { continue };
        match TreeHead::verify(found.head, row.feed.id, &row.feed.device) {
            Ok(head) if (head.size, head.root) == (edge.size(), edge.root()) => {}
            _ => return Ok(Err(first)),
        }
    }
    Ok(if edge == row.edge { Ok(blocks) } else { Err(row.size()) })
}

/// Puts what was signed in the place of what lies there and was not.
pub fn put_right(conn: &Database, no: i64, segment: &SegmentRow) -> Result<()> {
    const SQL: &str = "UPDATE segment SET head = ?3, head_signature = ?4, bytes = ?5 WHERE feed = ?1 AND first = ?2";
    let head = &segment.head;
    let row = (no, segment.first as i64, &head.message[..], &head.signature[..], &segment.bytes);
    conn.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// One operation, read to be counted.
pub fn counted(conn: &View, row: &FeedRow, seq: u64) -> Result<Option<Operation>> {
    Ok(Counted::from(seq).next(conn, row)?.and_then(|operations| operations.into_iter().next()))
}
