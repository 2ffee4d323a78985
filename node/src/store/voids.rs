//! Voids of records and their taking back, and what they come to.
//!
//! Every table here is computed from the feeds. What a record's voids come to depends on which there are, never on the order
//! in which they came: `feed.proto` says how, `outcome` does it.

use huiliu_proto::{
    id::{Hash, RecordId},
    kind::{Format, Kind},
    record::Record,
    union::UnionNumber,
    value::Value,
    void::{MAX_FOLLOWS, Void},
};
use rusqlite::OptionalExtension as _;

use super::{Database, Result, View, place::RecordPlace, tables};

/// Names of the tables, as `CREATE` makes them.
pub const TABLES: [&str; 3] = ["void", "void_head", "voided"];

/// `void`: every void and taking back that was admitted. `void_head`: the changes of a document that the last voids of it
/// name. `voided`: records that do not stand, or of which a person has to say whether they do.
pub const CREATE: &str = "CREATE TABLE void (record BLOB NOT NULL, owner INTEGER NOT NULL, leaf BLOB NOT NULL,
    feed INTEGER NOT NULL, seq INTEGER NOT NULL, restores INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (record, owner, leaf)) STRICT, WITHOUT ROWID;
    CREATE INDEX void_by_last ON void (record, owner, last, restores);
    CREATE TABLE void_head (record BLOB NOT NULL, owner INTEGER NOT NULL, leaf BLOB NOT NULL, change BLOB NOT NULL,
    PRIMARY KEY (record, owner, leaf, change)) STRICT, WITHOUT ROWID;
    CREATE INDEX void_head_by_change ON void_head (record, owner, change);
    CREATE TABLE voided (record BLOB NOT NULL, owner INTEGER NOT NULL, kind INTEGER NOT NULL, disputed INTEGER NOT NULL,
    used BLOB, PRIMARY KEY (record, owner)) STRICT, WITHOUT ROWID;
    CREATE INDEX voided_by_kind ON voided (kind, record);
    CREATE INDEX voided_by_owner ON voided (owner, record) WHERE disputed = 0;
    CREATE INDEX voided_disputed ON voided (owner, record) WHERE disputed = 1;
    CREATE INDEX voided_by_used ON voided (used) WHERE used IS NOT NULL;";

/// What a record's voids come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    #[default]
    Stands,
    /// It is in no table and no total.
    Voided,
    /// It stands, and a person is asked: a void knew less than there is, or not all say the same.
    Disputed,
}

impl State {
    pub fn stands(self) -> bool {
        self != State::Voided
    }
}

/// A void, or a taking back, that was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    pub leaf: Hash,
    pub feed: i64,
    pub seq: u64,
    pub restores: bool,
    /// No other follows it.
    pub last: bool,
}

/// A record that does not stand, or may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voided {
    pub record: RecordId,
    pub owner: UnionNumber,
    pub kind: u32,
    pub state: State,
}

/// What a void waits for that came before its record.
pub fn awaited(record: &RecordId) -> Hash {
    Hash::of(&[b"huiliu/void-of/1", record.as_bytes()])
}

const SAID: &str = "SELECT leaf, feed, seq, restores, last FROM void WHERE record = ?1 AND owner = ?2";

fn said(row: &rusqlite::Row<'_>) -> rusqlite::Result<Said> {
    let seq = row.get::<_, i64>(2)?.unsigned_abs();
    Ok(Said { leaf: Hash(row.get(0)?), feed: row.get(1)?, seq, restores: row.get(3)?, last: row.get(4)? })
}

pub fn get(conn: &View, owner: UnionNumber, record: &RecordId, leaf: &Hash) -> Result<Option<Said>> {
    let mut statement = conn.prepare_cached(&format!("{SAID} AND leaf = ?3"))?;
    Ok(statement.query_row((record.as_bytes(), i64::from(owner), leaf.as_bytes()), said).optional()?)
}

/// Of one record, those first that no other follows; no more than so many.
pub fn of_record(conn: &View, owner: UnionNumber, record: &RecordId, most: usize) -> Result<Vec<Said>> {
    let mut statement = conn.prepare_cached(&format!("{SAID} ORDER BY last DESC, leaf LIMIT ?3"))?;
    let rows = statement.query_map((record.as_bytes(), i64::from(owner), most as i64), said)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Those that no other follows, in the order of their leaves: what the next one follows.
pub fn last(conn: &View, owner: UnionNumber, record: &RecordId) -> Result<Vec<Said>> {
    let mut statement = conn.prepare_cached(&format!("{SAID} AND last = 1 ORDER BY leaf LIMIT ?3"))?;
    let rows = statement.query_map((record.as_bytes(), i64::from(owner), MAX_FOLLOWS as i64), said)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether anybody ever voided it.
pub fn any(conn: &View, owner: UnionNumber, record: &RecordId) -> Result<bool> {
    let mut statement = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM void WHERE record = ?1 AND owner = ?2)")?;
    Ok(statement.query_row((record.as_bytes(), i64::from(owner)), |row| row.get(0))?)
}

/// Adds one; those that it follows are no longer the last, and what they name counts no more.
pub fn add(conn: &Database, record: &RecordId, leaf: &Hash, place: RecordPlace, void: &Void) -> Result<()> {
    let (record, owner) = (record.as_bytes(), i64::from(place.owner));
    for follows in &void.follows {
        for sql in [
            "UPDATE void SET last = 0 WHERE record = ?1 AND owner = ?2 AND leaf = ?3",
            "DELETE FROM void_head WHERE record = ?1 AND owner = ?2 AND leaf = ?3",
        ] {
            conn.prepare_cached(sql)?.execute((record, owner, follows.as_bytes()))?;
        }
    }
    const SQL: &str =
        "INSERT INTO void (record, owner, leaf, feed, seq, restores, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)";
    let row = (record, owner, leaf.as_bytes(), place.feed, place.seq as i64, void.restores);
    conn.prepare_cached(SQL)?.execute(row)?;
    for change in &void.heads {
        const SQL: &str = "INSERT INTO void_head (record, owner, leaf, change) VALUES (?1, ?2, ?3, ?4)";
        conn.prepare_cached(SQL)?.execute((record, owner, leaf.as_bytes(), change.as_bytes()))?;
    }
    Ok(())
}

/// One that was said twice stands where it comes first.
pub fn move_to(conn: &Database, record: &RecordId, leaf: &Hash, place: RecordPlace) -> Result<()> {
    const SQL: &str = "UPDATE void SET feed = ?4, seq = ?5 WHERE record = ?1 AND owner = ?2 AND leaf = ?3";
    let row = (record.as_bytes(), i64::from(place.owner), leaf.as_bytes(), place.feed, place.seq as i64);
    conn.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

/// Any device of the owner may void a record as often as it likes: this is found without reading the voids that others follow.
const LAST: &str = "SELECT EXISTS (SELECT 1 FROM void WHERE record = ?1 AND owner = ?2 AND last = 1 AND restores = ?3)";

/// What the voids of a record come to. `heads`: of a document, the changes that no other follows.
pub fn outcome(conn: &View, owner: UnionNumber, record: &RecordId, heads: &[Hash]) -> Result<State> {
    let key = (record.as_bytes(), i64::from(owner));
    let says = |restores: bool| -> Result<bool> {
        Ok(conn.prepare_cached(LAST)?.query_row((key.0, key.1, restores), |r| r.get(0))?)
    };
    if !says(false)? {
        return Ok(State::Stands);
    }
    if says(true)? {
        return Ok(State::Disputed);
    }
    // Whatever a void knew of a change that no other follows, it named: nothing else can stand before such a change.
    const NAMED: &str = "SELECT EXISTS (SELECT 1 FROM void_head WHERE record = ?1 AND owner = ?2 AND change = ?3)";
    for head in heads {
        let named: bool = conn.prepare_cached(NAMED)?.query_row((key.0, key.1, head.as_bytes()), |r| r.get(0))?;
        if !named {
            return Ok(State::Disputed);
        }
    }
    Ok(State::Voided)
}

/// What is noted of a record.
pub fn state(conn: &View, owner: UnionNumber, record: &RecordId) -> Result<State> {
    let mut statement = conn.prepare_cached("SELECT disputed FROM voided WHERE record = ?1 AND owner = ?2")?;
    let disputed = statement.query_row((record.as_bytes(), i64::from(owner)), |row| row.get(0)).optional()?;
    Ok(match disputed {
        None => State::Stands,
        Some(false) => State::Voided,
        Some(true) => State::Disputed,
    })
}

/// Notes it. `used`: the number that the record keeps.
pub fn note(conn: &Database, voided: &Voided, used: Option<&Hash>) -> Result<()> {
    let (record, owner) = (voided.record.as_bytes(), i64::from(voided.owner));
    match voided.state {
        State::Stands => {
            let mut statement = conn.prepare_cached("DELETE FROM voided WHERE record = ?1 AND owner = ?2")?;
            statement.execute((record, owner))?;
        }
        state => {
            const SQL: &str = "INSERT INTO voided (record, owner, kind, disputed, used) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (record, owner) DO UPDATE SET disputed = excluded.disputed, used = excluded.used";
            let row = (record, owner, voided.kind, state == State::Disputed, used.map(|used| used.0));
            conn.prepare_cached(SQL)?.execute(row)?;
        }
    }
    Ok(())
}

/// Forgets all that is known of a record's voids.
pub fn forget(conn: &Database, owner: UnionNumber, record: &RecordId) -> Result<()> {
    for table in TABLES {
        let sql = format!("DELETE FROM {table} WHERE record = ?1 AND owner = ?2");
        conn.prepare_cached(&sql)?.execute((record.as_bytes(), i64::from(owner)))?;
    }
    Ok(())
}

fn voided(row: &rusqlite::Row<'_>) -> rusqlite::Result<Voided> {
    let state = if row.get(3)? { State::Disputed } else { State::Voided };
    Ok(Voided { record: RecordId(row.get(0)?), owner: tables::union(row.get(1)?)?, kind: row.get(2)?, state })
}

const COLUMNS: &str = "SELECT record, owner, kind, disputed FROM voided";

/// The voided records among these ids: between the two, both included.
pub fn between(conn: &View, low: &[u8], high: &[u8], most: usize) -> Result<Vec<Voided>> {
    let sql = format!("{COLUMNS} WHERE record BETWEEN ?1 AND ?2 AND disputed = 0 ORDER BY record, owner LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((low, high, most as i64), voided)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Voided records of a kind after one, in the order they were made; of one owner or of all.
pub fn page(
    conn: &View,
    kind: &Kind,
    owner: Option<UnionNumber>,
    after: Option<RecordId>,
    most: usize,
) -> Result<Vec<Voided>> {
    let sql = format!(
        "{COLUMNS} WHERE kind = ?1 AND record > ?2 AND (?3 IS NULL OR owner = ?3) AND disputed = 0 ORDER BY record, owner LIMIT ?4"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let after = after.map_or(vec![], |id| id.to_vec());
    let rows = statement.query_map((kind.number, after, owner.map(i64::from), most as i64), voided)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const DISPUTED: &str = "SELECT record, owner, kind, disputed FROM voided
    WHERE owner = ?1 AND disputed = 1 AND record > ?2 ORDER BY record LIMIT ?3";

/// Records of a union of which a person has to say whether they stand: the first after one, in the order of their ids.
pub fn disputed(conn: &View, owner: UnionNumber, after: &[u8], most: usize) -> Result<Vec<Voided>> {
    let mut statement = conn.prepare_cached(DISPUTED)?;
    let rows = statement.query_map((i64::from(owner), after, most as i64), voided)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const OPERATIONS: &str = "SELECT r.seq FROM voided v JOIN record r ON r.id = v.record AND r.owner = v.owner
        WHERE v.owner = ?2 AND v.disputed = 0 AND r.feed = ?1
    UNION SELECT e.seq FROM voided v JOIN edit e ON e.record = v.record AND e.owner = v.owner
        WHERE v.owner = ?2 AND v.disputed = 0 AND e.feed = ?1
    UNION SELECT r.seq FROM voided v JOIN repeat r ON r.id = v.record AND r.owner = v.owner
        WHERE v.owner = ?2 AND v.disputed = 0 AND r.feed = ?1
    ORDER BY 1";

/// Operations of a feed that say what its union's voided records are: they count no more. In their order.
pub fn operations(conn: &View, owner: UnionNumber, feed: i64) -> Result<Vec<u64>> {
    let mut statement = conn.prepare_cached(OPERATIONS)?;
    let rows = statement.query_map((feed, i64::from(owner)), |row| row.get::<_, i64>(0).map(i64::unsigned_abs))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The number that a record keeps when it is voided, if its kind gives it one: of its union, in its year.
pub fn used(record: &Record, owner: UnionNumber) -> Option<Hash> {
    let kind = record.kind;
    let mut parts = vec![kind.number.to_be_bytes().to_vec(), i64::from(owner).to_be_bytes().to_vec()];
    let mut given = false;
    for (field, value) in kind.fields.iter().zip(record.values()) {
        if !field.stays_used && field.format != Format::Year {
            continue;
        }
        given |= field.stays_used && value.is_some();
        let bytes = match value {
            None => vec![],
            Some(Value::Text(text)) => [b"t", text.as_bytes()].concat(),
            Some(Value::Int(n)) => [&b"n"[..], &n.to_be_bytes()].concat(),
            // No other value is part of a paper's number.
            Some(_) => continue,
        };
        parts.push(field.number.to_be_bytes().to_vec());
        parts.push((bytes.len() as u64).to_be_bytes().to_vec());
        parts.push(bytes);
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    given.then(|| Hash::of(&parts))
}

/// The voided record that keeps this number, if there is one.
pub fn keeps(conn: &View, used: &Hash) -> Result<Option<RecordId>> {
    const SQL: &str = "SELECT record FROM voided WHERE used = ?1 AND disputed = 0 ORDER BY record LIMIT 1";
    let found = conn.prepare_cached(SQL)?.query_row([used.as_bytes()], |row| Ok(RecordId(row.get(0)?)));
    Ok(found.optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{migrations::SCHEMA, projection};

    fn database() -> Database {
        let conn = Database::in_memory().unwrap();
        conn.execute_batch(SCHEMA).unwrap();
        projection::create(&conn).unwrap();
        conn
    }

    /// How SQLite goes about it.
    fn plan(conn: &View, sql: &str) -> Vec<String> {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        for n in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(n, 1).unwrap();
        }
        let mut rows = statement.raw_query();
        let mut plan = vec![];
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>(3).unwrap());
        }
        plan
    }

    #[test]
    fn no_question_reads_more_than_it_is_about() {
        let conn = database();
        let last = plan(&conn, LAST);
        let all = "void_by_last (record=? AND owner=? AND last=? AND restores=?)";
        assert!(last.iter().any(|step| step.contains(all)), "{last:?}");
        let disputed = plan(&conn, DISPUTED);
        assert!(disputed[0].contains("voided_disputed (owner=? AND record>?)"), "{disputed:?}");
        assert!(!disputed.iter().any(|step| step.contains("TEMP B-TREE")), "{disputed:?}");
        let operations = plan(&conn, OPERATIONS);
        let owners =
            operations.iter().filter(|step| step.contains("v USING") && step.contains("voided_by_owner (owner=?)"));
        assert_eq!(owners.count(), 3, "{operations:?}");
        assert!(!operations.iter().any(|step| step.starts_with("SCAN v")), "{operations:?}");
    }

    #[test]
    fn the_last_word_is_told_however_many_came_before() {
        let (conn, owner) = (database(), UnionNumber::NATION);
        let (record, before) =
            (RecordId([1; 16]), Void { follows: vec![], heads: vec![], restores: false, reason: "误".into() });
        for n in 0..5 {
            add(&conn, &record, &Hash([n; 32]), RecordPlace { owner, feed: 1, seq: n.into() }, &before).unwrap();
        }
        let follows = (0..5).map(|n| Hash([n; 32])).collect();
        let back = Void { follows, restores: true, ..before };
        add(&conn, &record, &Hash([9; 32]), RecordPlace { owner, feed: 1, seq: 5 }, &back).unwrap();
        let told: Vec<Hash> = of_record(&conn, owner, &record, 2).unwrap().iter().map(|said| said.leaf).collect();
        assert_eq!(told, [Hash([9; 32]), Hash([0; 32])]);
        assert_eq!(outcome(&conn, owner, &record, &[]).unwrap(), State::Stands);
    }
}
