//! Signs that somebody's memory, disk or word cannot be trusted: kept, shown, and settled by a person.

use huiliu_proto::{
    id::{DeviceId, FeedId},
    lang::Label,
    union::UnionNumber,
    v1,
};
use prost::Message as _;
use rusqlite::{OptionalExtension as _, Row};

use super::{Database, Result, View, tables};

/// A neighbour's machine: where bytes came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub union: UnionNumber,
    pub device: DeviceId,
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceKind {
    /// Two heads of one feed, both well signed, of which neither extends the other.
    Fork,
    /// A hub signed for something that the feed never held.
    Receipt,
    /// This database is older than what this device has signed.
    Restored,
    /// This device's own feeds hold what this machine does not remember.
    Elsewhere,
    /// A neighbour handed over bytes that their author did not sign.
    Forged,
    /// Equivocation: a hub told another union something else than it told this one.
    Split,
    /// A hub took in what the level above it has not seen for long.
    Withheld,
    /// A device was enrolled for this union: did somebody here ask for it?
    Enrolled,
    /// What is stored here is not what was signed.
    Altered,
}

impl EvidenceKind {
    pub const ALL: [EvidenceKind; 9] = [
        EvidenceKind::Fork,
        EvidenceKind::Receipt,
        EvidenceKind::Restored,
        EvidenceKind::Elsewhere,
        EvidenceKind::Forged,
        EvidenceKind::Split,
        EvidenceKind::Withheld,
        EvidenceKind::Enrolled,
        EvidenceKind::Altered,
    ];

    pub fn word(self) -> &'static str {
        match self {
            EvidenceKind::Fork => "fork",
            EvidenceKind::Receipt => "receipt",
            EvidenceKind::Restored => "restored",
            EvidenceKind::Elsewhere => "elsewhere",
            EvidenceKind::Forged => "forged",
            EvidenceKind::Split => "split",
            EvidenceKind::Withheld => "withheld",
            EvidenceKind::Enrolled => "enrolled",
            EvidenceKind::Altered => "altered",
        }
    }

    pub fn label(self) -> Label {
        match self {
            EvidenceKind::Fork => Label::new("数据流水分叉", "forked feed"),
            EvidenceKind::Receipt => Label::new("签收不符", "receipt that does not agree"),
            EvidenceKind::Restored => Label::new("数据库被恢复", "database restored"),
            EvidenceKind::Elsewhere => Label::new("本设备密钥另有使用", "this device's key used elsewhere"),
            EvidenceKind::Forged => Label::new("损坏或疑似篡改的数据", "forged or damaged data"),
            EvidenceKind::Split => Label::new("对上对下数据不一致", "equivocation"),
            EvidenceKind::Withheld => Label::new("长期未获上级确认", "not confirmed above for long"),
            EvidenceKind::Enrolled => Label::new("本单位新登记的设备", "device enrolled for this union"),
            EvidenceKind::Altered => Label::new("本机所存与签名不符", "stored bytes that were not signed so"),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    pub what: EvidenceKind,
    pub feed: FeedId,
    pub seen_at: i64,
    pub from: Option<Peer>,
    pub ours: Option<v1::Signed>,
    pub theirs: Option<v1::Signed>,
    /// For a person to read.
    pub detail: Label,
}

/// Evidence with its number, and whether a person has settled it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptEvidence {
    pub no: i64,
    pub evidence: Evidence,
    pub settled_at: Option<i64>,
    pub note: Option<String>,
}

/// Open pieces kept of one kind from one neighbour: enough for a person, and no way to fill a disk.
const OPEN_OF_A_KIND: i64 = 16;

/// Keeps a piece of evidence. False where it is kept already, or enough of its kind are.
pub fn add(conn: &Database, evidence: &Evidence) -> Result<bool> {
    const COUNT: &str = "SELECT count(*) FROM evidence WHERE what = ?1 AND from_device IS ?2 AND settled_at IS NULL";
    const SAME: &str =
        "SELECT EXISTS (SELECT 1 FROM evidence WHERE what = ?1 AND feed = ?2 AND from_device IS ?3 AND theirs IS ?4)";
    const SQL: &str = "INSERT INTO evidence
        (what, feed, seen_at, from_union, from_device, ours, theirs, detail_zh, detail_en)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let what = evidence.what.word();
    let device = evidence.from.map(|n| n.device.0);
    let bytes = |signed: &Option<v1::Signed>| signed.as_ref().map(|s| s.encode_to_vec());
    let theirs = bytes(&evidence.theirs);
    let same: bool =
        conn.prepare_cached(SAME)?.query_row((what, evidence.feed.as_bytes(), device, &theirs), |r| r.get(0))?;
    let count: i64 = conn.prepare_cached(COUNT)?.query_row((what, device), |r| r.get(0))?;
    if same || count >= OPEN_OF_A_KIND {
        return Ok(false);
    }
    conn.prepare_cached(SQL)?.execute((
        what,
        evidence.feed.as_bytes(),
        evidence.seen_at,
        evidence.from.map(|n| i64::from(n.union)),
        device,
        bytes(&evidence.ours),
        theirs,
        &evidence.detail.zh,
        &evidence.detail.en,
    ))?;
    Ok(true)
}

/// Whether a piece of this kind that rests on the same was ever kept, about whichever feed.
pub fn is_kept(conn: &View, what: EvidenceKind, theirs: &v1::Signed) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM evidence WHERE what = ?1 AND theirs = ?2)";
    Ok(conn.prepare_cached(SQL)?.query_row((what.word(), theirs.encode_to_vec()), |r| r.get(0))?)
}

/// Whether there is an open piece of this kind about a neighbour, and about a feed where one is named.
pub fn is_open(conn: &View, what: EvidenceKind, feed: Option<&FeedId>, from: &DeviceId) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM evidence
        WHERE what = ?1 AND (?2 IS NULL OR feed = ?2) AND from_device = ?3 AND settled_at IS NULL)";
    let row = (what.word(), feed.map(|f| f.0), from.as_bytes());
    Ok(conn.prepare_cached(SQL)?.query_row(row, |r| r.get(0))?)
}

/// Settles what has cleared itself, with a note that says so.
pub fn clear(conn: &Database, what: EvidenceKind, feed: &FeedId, at: i64, note: &str) -> Result<()> {
    const SQL: &str =
        "UPDATE evidence SET settled_at = ?3, note = ?4 WHERE what = ?1 AND feed = ?2 AND settled_at IS NULL";
    conn.prepare_cached(SQL)?.execute((what.word(), feed.as_bytes(), at, note))?;
    Ok(())
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptEvidence> {
    let signed = |at: usize| -> rusqlite::Result<Option<v1::Signed>> {
        Ok(row.get::<_, Option<Vec<u8>>>(at)?.and_then(|bytes| v1::Signed::decode(&bytes[..]).ok()))
    };
    let word: String = row.get(1)?;
    let union: Option<i64> = row.get(4)?;
    let device: Option<[u8; 32]> = row.get(5)?;
    let from = union.zip(device).map(|(union, device)| -> rusqlite::Result<Peer> {
        Ok(Peer { union: tables::union(union)?, device: DeviceId(device) })
    });
    Ok(KeptEvidence {
        no: row.get(0)?,
        evidence: Evidence {
            what: EvidenceKind::ALL.into_iter().find(|w| w.word() == word).unwrap_or(EvidenceKind::Fork),
            feed: FeedId(row.get(2)?),
            seen_at: row.get(3)?,
            from: from.transpose()?,
            ours: signed(6)?,
            theirs: signed(7)?,
            detail: Label::new(row.get::<_, String>(8)?, row.get::<_, String>(9)?),
        },
        settled_at: row.get(10)?,
        note: row.get(11)?,
    })
}

const COLUMNS: &str = "SELECT no, what, feed, seen_at, from_union, from_device, ours, theirs, detail_zh, detail_en,
    settled_at, note FROM evidence";

/// What no person has settled yet, or all there ever was.
pub fn list(conn: &View, settled_too: bool) -> Result<Vec<KeptEvidence>> {
    page(conn, settled_too, 0, usize::MAX)
}

/// The first `most` of them after one.
pub fn page(conn: &View, settled_too: bool, after: i64, most: usize) -> Result<Vec<KeptEvidence>> {
    let sql = format!("{COLUMNS} WHERE (?1 OR settled_at IS NULL) AND no > ?2 ORDER BY no LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(statement.query_map((settled_too, after, most), kept)?.collect::<rusqlite::Result<_>>()?)
}

/// The latest piece of a kind about a feed, settled or not.
pub fn last(conn: &View, what: EvidenceKind, feed: &FeedId) -> Result<Option<KeptEvidence>> {
    let sql = format!("{COLUMNS} WHERE what = ?1 AND feed = ?2 ORDER BY no DESC LIMIT 1");
    Ok(conn.prepare_cached(&sql)?.query_row((what.word(), feed.as_bytes()), kept).optional()?)
}

/// Whether anything is not settled yet.
pub fn any_open(conn: &View) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM evidence WHERE settled_at IS NULL)";
    Ok(conn.prepare_cached(SQL)?.query_row([], |row| row.get(0))?)
}

pub fn get(conn: &View, no: i64) -> Result<Option<KeptEvidence>> {
    Ok(conn.prepare_cached(&format!("{COLUMNS} WHERE no = ?1"))?.query_row([no], kept).optional()?)
}

/// A person has looked into it. False where there is no such open piece.
pub fn settle(conn: &Database, no: i64, at: i64, note: &str) -> Result<bool> {
    const SQL: &str = "UPDATE evidence SET settled_at = ?2, note = ?3 WHERE no = ?1 AND settled_at IS NULL";
    Ok(conn.prepare_cached(SQL)?.execute((no, at, note))? > 0)
}
