//! Feeds, their segments and trees, on disk.

use std::{collections::HashMap, sync::Arc};

use huiliu_proto::{
    feed::{Feed, Scope},
    id::{DeviceId, FeedId, Hash},
    operation::Operation,
    segment,
    signed::TreeHead,
    tree::{self, Edge, Leaves, RUN},
    union::{Level, UnionNumber},
    v1,
};
use prost::Message as _;
use rusqlite::{OptionalExtension as _, Row};

use super::{Database, Result, StoreError, View, tables};

/// A feed as far as it is known here.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedRow {
    pub no: i64,
    pub feed: Arc<Feed>,
    pub own: bool,
    pub edge: Edge,
    /// Operations in segments; those of an own feed beyond them wait in the tail.
    pub packed: u64,
    pub applied: u64,
    /// Of exactly `packed` operations.
    pub head: Option<TreeHead>,
    /// A neighbour holds another history of it.
    pub diverged: bool,
    /// Of another device's feed something lies here that is not what was signed: it is wanted from its beginning.
    pub altered: bool,
    /// Of an own feed other histories were about, and this one stays.
    pub settled: bool,
    /// The union whose machine first handed it over.
    pub via: Option<UnionNumber>,
}

impl FeedRow {
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Nothing of it counts, because its device is not enrolled for its union: it waits for that.
    pub fn waits(&self) -> bool {
        !self.own && self.applied == 0
    }

    /// All of it waits for a person: it is a stranger's, or not as it was signed. Not so where only the rest is still to be
    /// applied.
    pub fn waits_whole(&self) -> bool {
        self.applied < self.size() && (self.waits() || self.altered)
    }

    /// The order in which everything is computed again: what the root says of the national union's machines, then what
    /// speaks down, from the top of the tree.
    pub fn order(&self) -> (u8, Level, FeedId) {
        match self.feed.scope.speaks_down() {
            true if self.feed.scope.branch() == Some(UnionNumber::NATION) => (0, Level::Nation, self.feed.id),
            true => (1, self.feed.union.level(), self.feed.id),
            false => (2, Level::Nation, self.feed.id),
        }
    }
}

/// In the column `diverged`: not because a neighbour holds another history.
const ALTERED: i64 = 2;
const COLUMNS: &str = "no, header, own, edge, packed, applied, head, head_signature, diverged, settled, via";

fn row(row: &Row<'_>) -> rusqlite::Result<Result<FeedRow>> {
    let header: Vec<u8> = row.get(1)?;
    let edge: Vec<u8> = row.get(3)?;
    let head: Option<Vec<u8>> = row.get(6)?;
    let signature: Option<Vec<u8>> = row.get(7)?;
    let (no, own, packed, applied) = (row.get(0)?, row.get(2)?, row.get::<_, i64>(4)?, row.get::<_, i64>(5)?);
    let (wanted, settled) = (row.get::<_, i64>(8)?, row.get(9)?);
    let (diverged, altered) = (wanted != 0, wanted == ALTERED);
    let via = row.get::<_, Option<i64>>(10)?.map(tables::union).transpose()?;
    Ok((|| {
        let feed = Arc::new(Feed::parse(header.into())?);
        let edge = Edge::from_bytes(&edge).ok_or(StoreError::Damaged("the edge of a feed's tree"))?;
        let head = match (head, signature) {
            (Some(message), Some(signature)) => {
                let signed = v1::Signed { message: message.into(), signature: signature.into() };
                Some(TreeHead::stored(signed, feed.id)?)
            }
            _ => None,
        };
        let (packed, applied) = (packed.unsigned_abs(), applied.unsigned_abs());
        Ok(FeedRow { no, feed, own, edge, packed, applied, head, diverged, altered, settled, via })
    })())
}

/// A feed that nothing is known of but its header.
pub fn unwritten(feed: Feed) -> FeedRow {
    let edge = Edge::default();
    FeedRow {
        no: 0,
        feed: Arc::new(feed),
        own: false,
        edge,
        packed: 0,
        applied: 0,
        head: None,
        diverged: false,
        altered: false,
        settled: false,
        via: None,
    }
}

/// A scope as its column has it.
pub(super) fn scope(scope: Scope) -> i64 {
    match scope {
        Scope::Own(reach) => reach.number().into(),
        Scope::Warning(reach) => 10 + i64::from(reach.number()),
        Scope::Everyone => 20,
        Scope::Newer => 30,
        Scope::Branch(branch) => branch.into(),
        Scope::PersonalBranch(branch) => -i64::from(branch),
    }
}

/// How many feeds there are already.
pub struct Begun {
    pub of_scope: u64,
    pub of_device: u64,
    /// Those that count, and in which the union says its own.
    pub of_union: u64,
}

/// How many feeds there are beside which this one would stand.
pub fn begun(conn: &View, feed: &Feed) -> Result<Begun> {
    const DEVICE: &str =
        r#"SELECT count(*), coalesce(sum(scope = ?3), 0) FROM feed WHERE device = ?1 AND "union" = ?2"#;
    const UNION: &str = r#"SELECT count(*) FROM feed WHERE "union" = ?1 AND applied > 0 AND scope BETWEEN 0 AND 19"#;
    let union = i64::from(feed.union);
    let row = (feed.device.as_bytes(), union, scope(feed.scope));
    let count = |r: &Row<'_>, at| r.get::<_, i64>(at).map(i64::unsigned_abs);
    let (of_device, of_scope) = conn.prepare_cached(DEVICE)?.query_row(row, |r| Ok((count(r, 0)?, count(r, 1)?)))?;
    let of_union = match feed.scope.speaks_down() {
        true => 0,
        false => conn.prepare_cached(UNION)?.query_row([union], |r| count(r, 0))?,
    };
    Ok(Begun { of_scope, of_device, of_union })
}

/// What waits for enrolments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub feeds: u64,
    /// As stored.
    pub bytes: u64,
}

/// Of the feeds that one neighbour handed over.
pub fn waiting(conn: &View, via: Option<UnionNumber>) -> Result<Waiting> {
    const SQL: &str = "SELECT count(DISTINCT f.no), coalesce(sum(length(s.bytes)), 0) FROM feed f
        LEFT JOIN segment s ON s.feed = f.no WHERE f.own = 0 AND f.applied = 0 AND f.via IS ?1";
    let count = |r: &Row<'_>, at| r.get::<_, i64>(at).map(i64::unsigned_abs);
    let read = |r: &Row<'_>| Ok(Waiting { feeds: count(r, 0)?, bytes: count(r, 1)? });
    Ok(conn.prepare_cached(SQL)?.query_row([via.map(i64::from)], read)?)
}

/// How many feeds each neighbour was the first to hand over.
pub fn through(conn: &View) -> Result<HashMap<UnionNumber, u64>> {
    const SQL: &str = "SELECT via, count(*) FROM feed WHERE via IS NOT NULL AND own = 0 GROUP BY via";
    let mut statement = conn.prepare_cached(SQL)?;
    let rows = statement.query_map([], |r| Ok((tables::union(r.get(0)?)?, r.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many bytes of a feed are stored.
pub fn bytes(conn: &View, no: i64) -> Result<u64> {
    const SQL: &str = "SELECT coalesce(sum(length(bytes)), 0) FROM segment WHERE feed = ?1";
    Ok(conn.prepare_cached(SQL)?.query_row([no], |r| r.get::<_, i64>(0))?.unsigned_abs())
}

/// Deletes a feed and all that is known of it. Evidence stays.
pub fn remove(conn: &Database, no: i64, id: &FeedId) -> Result<()> {
    for table in ["segment", "tail", "block", "quarantine", "ruled", "withdrawn", "yielding"] {
        conn.execute(&format!("DELETE FROM {table} WHERE feed = ?1"), [no])?;
    }
    for table in ["receipt", "arrival", "unconfirmed"] {
        conn.execute(&format!("DELETE FROM {table} WHERE feed = ?1"), [id.as_bytes()])?;
    }
    conn.execute("DELETE FROM claim WHERE by_feed = ?1 OR feed = ?1", [id.as_bytes()])?;
    conn.execute("DELETE FROM feed WHERE no = ?1", [no])?;
    tables::leave(conn)
}

/// Writes the columns that say what the header says, as this version reads it.
pub fn refresh(conn: &Database) -> Result<()> {
    let mut write = conn.prepare_cached(r#"UPDATE feed SET "union" = ?2, scope = ?3 WHERE no = ?1"#)?;
    for row in all(conn)? {
        write.execute((row.no, i64::from(row.feed.union), scope(row.feed.scope)))?;
    }
    Ok(())
}

/// `via`: whose machine handed it over.
pub fn add(conn: &Database, feed: &Feed, own: bool, via: Option<UnionNumber>) -> Result<FeedRow> {
    const SQL: &str = r#"INSERT INTO feed (id, header, "union", device, own, size, edge, packed, applied, scope, via)
        VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, 0, 0, ?7, ?8)"#;
    let edge = Edge::default();
    conn.prepare_cached(SQL)?.execute((
        feed.id.as_bytes(),
        &feed.header[..],
        i64::from(feed.union),
        feed.device.as_bytes(),
        own,
        edge.to_bytes(),
        scope(feed.scope),
        via.map(i64::from),
    ))?;
    let no = conn.last_insert_rowid();
    tables::place(conn, feed.union)?;
    Ok(FeedRow { no, own, via, ..unwritten(feed.clone()) })
}

/// Writes what is known of a feed. A head that is new here tells up to when its device's data is complete: as it says
/// itself, and no further than to this moment.
pub fn update(conn: &Database, feed: &FeedRow, now: i64) -> Result<()> {
    const SQL: &str = "UPDATE feed SET size = ?2, edge = ?3, packed = ?4, applied = ?5, head = ?6, head_signature = ?7,
        heard_at = iif(head IS ?6, heard_at, max(heard_at, ?8)), diverged = ?9, settled = ?10 WHERE no = ?1";
    conn.prepare_cached(SQL)?.execute((
        feed.no,
        feed.size() as i64,
        feed.edge.to_bytes(),
        feed.packed as i64,
        feed.applied as i64,
        feed.head.as_ref().map(|h| &h.signed.message[..]),
        feed.head.as_ref().map(|h| &h.signed.signature[..]),
        feed.head.as_ref().map_or(0, |h| h.time.min(now)),
        if feed.altered { ALTERED } else { i64::from(feed.diverged) },
        feed.settled,
    ))?;
    Ok(())
}

pub fn by_id(conn: &View, id: &FeedId) -> Result<Option<FeedRow>> {
    let sql = format!("SELECT {COLUMNS} FROM feed WHERE id = ?1");
    conn.prepare_cached(&sql)?.query_row([id.as_bytes()], row).optional()?.transpose()
}

pub fn by_no(conn: &View, no: i64) -> Result<FeedRow> {
    let sql = format!("SELECT {COLUMNS} FROM feed WHERE no = ?1");
    conn.prepare_cached(&sql)?.query_row([no], row)?
}

/// Feeds of others of which not all is applied: they wait whole, or a part of them is still to be applied.
pub fn behind(conn: &View) -> Result<Vec<FeedRow>> {
    let sql = format!("SELECT {COLUMNS} FROM feed WHERE own = 0 AND applied < packed ORDER BY no");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([], row)?.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().collect()
}

pub fn is_there(conn: &View, no: i64) -> Result<bool> {
    Ok(conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM feed WHERE no = ?1)")?.query_row([no], |r| r.get(0))?)
}

/// Whether the row's columns agree with the feed's header: readers of a column rely on it.
pub fn as_said(conn: &View, row: &FeedRow) -> Result<bool> {
    const SQL: &str = r#"SELECT id, "union", device, size FROM feed WHERE no = ?1"#;
    let feed = &row.feed;
    Ok(conn.prepare_cached(SQL)?.query_row([row.no], |r| {
        Ok(r.get::<_, Vec<u8>>(0)? == feed.id.to_vec()
            && r.get::<_, i64>(1)? == i64::from(feed.union)
            && r.get::<_, Vec<u8>>(2)? == feed.device.to_vec()
            && r.get::<_, i64>(3)? == row.size() as i64)
    })?)
}

/// All feeds, in the order in which they came to be known.
pub fn all(conn: &View) -> Result<Vec<FeedRow>> {
    let sql = format!("SELECT {COLUMNS} FROM feed ORDER BY no");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_map([], row)?.map(|r| r?).collect()
}

/// This device's own feeds.
pub fn owned(conn: &View) -> Result<Vec<FeedRow>> {
    let sql = format!("SELECT {COLUMNS} FROM feed WHERE own = 1 ORDER BY no");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_map([], row)?.map(|r| r?).collect()
}

/// The feeds of one union.
pub fn of_union(conn: &View, union: UnionNumber) -> Result<Vec<FeedRow>> {
    let sql = format!(r#"SELECT {COLUMNS} FROM feed WHERE "union" = ?1 ORDER BY no"#);
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_map([i64::from(union)], row)?.map(|r| r?).collect()
}

/// Feeds that both unions are meant to have, in the order of their ids: of two unions one above the other, what comes
/// from the lower one's part of the tree, and what is said down to it.
pub fn shared(conn: &View, a: UnionNumber, b: UnionNumber) -> Result<Vec<FeedRow>> {
    let lower = if a.contains(b) { b } else { a };
    let sql = format!(
        r#"SELECT {COLUMNS} FROM feed WHERE "union" IN (
            SELECT code FROM below WHERE above = ?1 UNION SELECT above FROM below WHERE code = ?2) ORDER BY id"#
    );
    let mut statement = conn.prepare_cached(&sql)?;
    // Those above a union that has no feed yet are found by the one that gave its number.
    let feeds = statement.query_map((i64::from(lower), i64::from(lower.giver())), row)?.map(|r| r?);
    feeds.filter(|f| f.as_ref().map_or(true, |f| is_shared(f, a, b))).collect()
}

/// Whether a feed is among those that the union `a` shares with its neighbour `b`. What waits for an enrolment goes upwards
/// only, and back to where it came from.
pub fn is_shared(row: &FeedRow, a: UnionNumber, b: UnionNumber) -> bool {
    if a != b && a.contains(b) && row.waits() && row.via != Some(b) {
        return false;
    }
    let lower = if a.contains(b) { b } else { a };
    let on_the_path = lower.contains(row.feed.union) || row.feed.union.contains(lower);
    on_the_path && row.feed.seen_by(a) && row.feed.seen_by(b)
}

pub fn of_device(conn: &View, device: &DeviceId) -> Result<Vec<i64>> {
    let mut statement = conn.prepare_cached("SELECT no FROM feed WHERE device = ?1 ORDER BY no")?;
    Ok(statement.query_map([device.as_bytes()], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?)
}

pub fn add_tail(conn: &Database, no: i64, seq: u64, operation: &Operation) -> Result<()> {
    let bytes = operation.to_wire().encode_to_vec();
    let mut statement = conn.prepare_cached("INSERT INTO tail (feed, seq, operation) VALUES (?1, ?2, ?3)")?;
    statement.execute((no, seq as i64, bytes))?;
    Ok(())
}

/// Operations of the tail from `from` on, as many as make one segment.
pub fn tail(conn: &View, no: i64, from: u64) -> Result<Vec<Operation>> {
    let mut statement =
        conn.prepare_cached("SELECT operation FROM tail WHERE feed = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3")?;
    let rows = statement.query_map((no, from as i64, segment::MAX_OPERATIONS as i64), |r| r.get::<_, Vec<u8>>(0))?;
    let mut operations = vec![];
    let mut bytes = 0;
    for row in rows {
        let row = row?;
        bytes += row.len();
        if bytes > segment::FULL && !operations.is_empty() {
            break;
        }
        let wire = v1::Operation::decode(&row[..]).map_err(|_| StoreError::Damaged("an operation of the tail"))?;
        operations.push(Operation::from_wire(wire).map_err(|_| StoreError::Damaged("an operation of the tail"))?);
    }
    Ok(operations)
}

pub fn drop_tail(conn: &Database, no: i64, below: u64) -> Result<()> {
    conn.prepare_cached("DELETE FROM tail WHERE feed = ?1 AND seq < ?2")?.execute((no, below as i64))?;
    Ok(())
}

/// The last place, at or before `size`, up to which a signed head covers the feed.
pub fn boundary(conn: &View, no: i64, size: u64) -> Result<u64> {
    const SQL: &str = "SELECT coalesce(max(first + count), 0) FROM segment WHERE feed = ?1 AND first + count <= ?2";
    let end: i64 = conn.prepare_cached(SQL)?.query_row((no, size as i64), |r| r.get(0))?;
    Ok(end.unsigned_abs())
}

/// Takes away what was not packed, all segments that reach beyond `size`, and the kept roots of runs that do.
pub fn truncate(conn: &Database, no: i64, size: u64) -> Result<()> {
    conn.execute("DELETE FROM segment WHERE feed = ?1 AND first + count > ?2", (no, size as i64))?;
    conn.execute("DELETE FROM tail WHERE feed = ?1", [no])?;
    conn.execute("DELETE FROM block WHERE feed = ?1 AND (block + 1) * ?2 > ?3", (no, RUN as i64, size as i64))?;
    Ok(())
}

/// When an operation came to be on this disk, packed.
pub fn stored_at(conn: &View, no: i64, seq: u64) -> Result<Option<i64>> {
    const SQL: &str = "SELECT first + count, stored_at FROM segment WHERE feed = ?1 AND first <= ?2
        ORDER BY first DESC LIMIT 1";
    let found = conn.prepare_cached(SQL)?.query_row((no, seq as i64), |r| Ok((r.get::<_, i64>(0)?, r.get(1)?)));
    Ok(found.optional()?.filter(|(end, _)| seq < end.unsigned_abs()).map(|(_, at)| at))
}

/// A run of operations as it is stored and sent.
#[derive(Clone, PartialEq)]
pub struct SegmentRow {
    pub first: u64,
    pub count: u64,
    pub head: v1::Signed,
    pub bytes: Vec<u8>,
}

/// A short run is packed as it is, text and all: never what it holds.
impl std::fmt::Debug for SegmentRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SegmentRow({} from {}, {} bytes)", self.count, self.first, self.bytes.len())
    }
}

fn segment_row(row: &Row<'_>) -> rusqlite::Result<SegmentRow> {
    Ok(SegmentRow {
        first: row.get::<_, i64>(0)?.unsigned_abs(),
        count: row.get::<_, i64>(1)?.unsigned_abs(),
        head: v1::Signed { message: row.get::<_, Vec<u8>>(2)?.into(), signature: row.get::<_, Vec<u8>>(3)?.into() },
        bytes: row.get(4)?,
    })
}

/// The segment that holds operation `seq`.
pub fn segment(conn: &View, no: i64, seq: u64) -> Result<Option<SegmentRow>> {
    const SQL: &str = "SELECT first, count, head, head_signature, bytes FROM segment
        WHERE feed = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
    let found = conn.prepare_cached(SQL)?.query_row((no, seq as i64), segment_row).optional()?;
    Ok(found.filter(|found| seq < found.first + found.count))
}

/// Operations `from..` of a feed, at most one segment or one tail's worth of them; empty at its end. To be shown, sent
/// or hashed: what is counted is read with `segments::Counted`.
pub fn operations(conn: &View, no: i64, from: u64) -> Result<Vec<Operation>> {
    match segment(conn, no, from)? {
        Some(found) => {
            let mut operations = segment::unpack(&found.bytes)?;
            operations.drain(..(from - found.first) as usize);
            Ok(operations)
        }
        None => tail(conn, no, from),
    }
}

pub fn operation(conn: &View, no: i64, seq: u64) -> Result<Option<Operation>> {
    Ok(operations(conn, no, seq)?.into_iter().next())
}

pub fn add_block(conn: &Database, no: i64, block: u64, root: &Hash) -> Result<()> {
    let mut statement =
        conn.prepare_cached("INSERT INTO block (feed, block, root) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
    statement.execute((no, block as i64, root.as_bytes()))?;
    Ok(())
}

/// The same where another root may stand there. True where one did, or none.
pub fn put_block(conn: &Database, no: i64, block: u64, root: &Hash) -> Result<bool> {
    const SQL: &str = "INSERT INTO block (feed, block, root) VALUES (?1, ?2, ?3)
        ON CONFLICT (feed, block) DO UPDATE SET root = excluded.root WHERE root <> excluded.root";
    Ok(conn.prepare_cached(SQL)?.execute((no, block as i64, root.as_bytes()))? > 0)
}

pub fn block_root(conn: &View, no: i64, block: u64) -> Result<Option<Hash>> {
    let mut statement = conn.prepare_cached("SELECT root FROM block WHERE feed = ?1 AND block = ?2")?;
    let root: Option<[u8; 32]> = statement.query_row((no, block as i64), |r| r.get(0)).optional()?;
    Ok(root.map(Hash))
}

/// A feed's leaves on disk, for roots and proofs.
pub struct StoredLeaves<'a> {
    pub conn: &'a View,
    pub no: i64,
}

impl Leaves for StoredLeaves<'_> {
    type Error = StoreError;

    fn range(&mut self, from: u64, to: u64) -> Result<Hash> {
        if to - from > RUN {
            // Larger than a kept run: split where the tree splits.
            let middle = from + (1 << (63 - (to - from - 1).leading_zeros()));
            let (left, right) = (self.range(from, middle)?, self.range(middle, to)?);
            return Ok(Hash::of(&[&[1], left.as_bytes(), right.as_bytes()]));
        }
        if to - from == RUN
            && from.is_multiple_of(RUN)
            && let Some(root) = block_root(self.conn, self.no, from / RUN)?
        {
            return Ok(root);
        }
        let mut edge = Edge::default();
        while edge.size() < to - from {
            let operations = operations(self.conn, self.no, from + edge.size())?;
            if operations.is_empty() {
                return Err(StoreError::Damaged("a feed's operations end before its size"));
            }
            for operation in operations.iter().take((to - from - edge.size()) as usize) {
                edge.push(operation.leaf());
            }
        }
        Ok(edge.root())
    }
}

/// The right edge of the tree as it was at `size` leaves.
pub fn edge_at(conn: &View, no: i64, size: u64) -> Result<Edge> {
    tree::edge(&mut StoredLeaves { conn, no }, size)
}

/// The root of the first `size` leaves.
pub fn root_at(conn: &View, feed: &FeedRow, size: u64) -> Result<Hash> {
    match size {
        size if size == feed.size() => Ok(feed.edge.root()),
        0 => Ok(Edge::default().root()),
        size => StoredLeaves { conn, no: feed.no }.range(0, size),
    }
}
