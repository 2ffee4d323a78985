//! What one transaction does: record what this union writes, take in what others wrote, keep what is computed from it.
//!
//! Operation, tree, documents, projections, roll-ups and cursors move together or not at all. In reading order:
//! `author` (what this device writes), `acting` (for whom), `incoming`, `opened` and `intake` (what arrives), `fork`
//! (what becomes of a feed with two histories), `yielding` (what another device's loses) and `reauthor` (what was cut
//! off, said again), `apply` (what an
//! operation does to the tables), `entries`, `edits` and `records` (what each shape of record does, and whose id is
//! whose), `voids` (what does not stand), `isolate` (one that cannot be applied stops nothing else), `grants` (whose
//! keys open what), `rebuild` (the same tables again from the feeds), `mending` (another device's feed that is not as
//! it was signed, fetched anew), `slices` (what is too much for one job); `witness` (what others say of a hub, held
//! against what it said here), `confirmation` (what a level above has not confirmed for long), `allowance` (how much of
//! the writer's time others get).

mod acting;
mod allowance;
mod annulled;
mod apply;
mod author;
mod beside;
mod confirmation;
mod edits;
mod entries;
mod fork;
mod grants;
mod incoming;
mod intake;
mod isolate;
mod mending;
mod opened;
mod reauthor;
mod rebuild;
mod records;
mod related;
mod room;
mod slices;
pub mod statement;
mod strays;
mod voids;
mod waiting;
mod witness;
mod yielding;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use huiliu_proto::{
    id::{DeviceId, FeedId, RecordId, RecordIds},
    kind::Reach,
    operator::Operator,
    tree::Edge,
    union::{Level, UnionNumber},
};

use crate::{
    clock,
    identity::LocalDevice,
    keyring::Keyring,
    rollup,
    store::{
        self, Changed, Database, Part, Result, StoreError, View, changes, data_version, derivation, evidence::Peer,
        feeds, feeds::FeedRow, meta, rollups, rollups::Figure, set_meta, set_stamp, stamp,
    },
};

use allowance::Allowances;
pub use allowance::DAILY;
pub use author::WriteOutcome;
pub(crate) use beside::TakenBack;
pub use beside::corrections;
pub(crate) use edits::shown;
pub use grants::Return;
pub use incoming::{Incoming, Intake};
pub use opened::{Opened, Unopened};
pub use rebuild::{Problem, complete, verify, verify_feeds};
pub use slices::MOST_EARLY;
pub use voids::Saying;

use self::{edits::OpenDocuments, mending::Mending, records::Near, slices::Slices, strays::Returned};

/// Whether `Ledger::settled_with` has anything to look at, for `me` and at this time. `calls`: this end opened the line.
pub fn watchful(conn: &View, me: UnionNumber, calls: bool, peer: UnionNumber, now: i64) -> Result<bool> {
    // The nation's further machines call its root.
    let above = Some(peer) == me.parent() || (calls && peer == me);
    Ok(witness::anything(conn)?
        || (above
            && (confirmation::anything(conn, me, now)?
                || reauthor::anything(conn)?
                || store::strays::any_returned(conn)?)))
}

/// Work, counted in what a replay repeats and no clock measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Operations judged, however often.
    pub operations: u64,
    /// Of them: headers and payloads.
    pub bytes: u64,
    /// Rows written, changed or removed while batches were taken in.
    pub rows: u64,
    /// Of documents that were read or saved whole.
    pub document_bytes: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.operations += other.operations;
        self.bytes += other.bytes;
        self.rows += other.rows;
        self.document_bytes += other.document_bytes;
    }
}

impl Cost {
    /// What was spent beyond another.
    fn since(&self, before: &Cost) -> Cost {
        Cost {
            operations: self.operations - before.operations,
            bytes: self.bytes - before.bytes,
            rows: self.rows - before.rows,
            document_bytes: self.document_bytes - before.document_bytes,
        }
    }
}

/// What is added to a union's own figure, and to what it shares with unions below it. It cannot overflow: what one
/// operation adds is below 2^54.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Change {
    own: i128,
    shared: i128,
}

/// The writer's state: the connection, who writes, and what is remembered between transactions.
pub struct Ledger {
    conn: Database,
    me: LocalDevice,
    /// Whose account the operations of this job name.
    acting: Option<Operator>,
    /// The job is undone when it ends.
    trial: bool,
    ids: RecordIds,
    /// SQLite's count of other connections' commits: when it moves, what is remembered is out of date.
    data_version: i64,
    /// Others have committed, or a commit failed, since changes were last read.
    anything: bool,
    feeds: HashMap<i64, FeedRow>,
    numbers: HashMap<FeedId, i64>,
    touched: BTreeSet<i64>,
    /// Feeds that what is guarded (`isolate.rs`) has changed, as they were before.
    as_before: Option<BTreeMap<i64, FeedRow>>,
    /// What jobs add to unions' own figures, until the job ends; totals follow from them.
    cells: BTreeMap<rollups::Cell, Change>,
    /// Keys that open sealed fields.
    keys: Keyring,
    /// Keys may have to be granted before the job ends.
    moving: bool,
    /// The job has taken keys.
    took: bool,
    /// Feeds whose operations may now be applied.
    waking: BTreeSet<i64>,
    /// Own feeds, and how far the jobs of this transaction that stay have signed them.
    marks: BTreeMap<FeedId, u64>,
    /// The same of the job that runs.
    job_marks: BTreeMap<FeedId, u64>,
    /// What is signed and committed but could not be noted in the memory file.
    unnoted: BTreeMap<FeedId, u64>,
    /// What this process stamps its transactions with, so that one can be found again after a failed COMMIT.
    nonce: [u8; 4],
    stamps: u64,
    /// The stamp of the transaction before.
    stamp_before: Option<Vec<u8>>,
    /// SQLite's count of changed rows when the transaction began, and those of jobs that were undone since.
    changes: u64,
    /// The same count when the job began.
    job_changes: u64,
    /// People of this union, to find who is entered twice.
    own_numbers: beside::Numbers,
    /// How much of the feeds of revoked devices counts.
    limits: HashMap<i64, Option<u64>>,
    /// Documents in memory.
    documents: OpenDocuments,
    /// Whether a void waits for its entry, where it is known.
    early_voids: Option<bool>,
    /// Each operation is applied under a savepoint of its own.
    careful: bool,
    /// Work done since it was last read.
    cost: Cost,
    /// What devices and neighbours have used of their allowances.
    allowances: Allowances,
    /// The last record id given out is not written down yet.
    named: bool,
    /// Another history of an own feed, as far as it has been read.
    others: HashMap<i64, Edge>,
    /// How far a feed that is asked for from its beginning has been found to be as it is here, as which machine has it.
    compared: HashMap<i64, (Option<DeviceId>, u64)>,
    /// Feeds that lie here altered, as far as they have come anew.
    mending: HashMap<i64, Mending>,
    /// Feeds that were gone through and found good: of which size, and when.
    good: HashMap<i64, (u64, i64)>,
    /// Feeds that a level above orders to be deleted.
    purging: BTreeSet<FeedId>,
    /// What others cut off this device's feeds and give back.
    returned: Returned,
    /// Unions whose keys were granted to this machine by what counts no more.
    ungranted: BTreeSet<UnionNumber>,
    /// Devices that the union above has enrolled for this one in this job, or said again that it has.
    newcomers: BTreeSet<DeviceId>,
    /// What is applied in parts.
    slices: Slices,
    /// Segments that single operations were read from last.
    near: Near,
    /// Unions and months of which a statement is due and could not be written.
    unsayable: HashSet<(UnionNumber, i32)>,
    /// What the entries say that are being applied.
    ahead: opened::Entries,
    /// How many feeds each neighbour has handed over, where it was counted.
    through: Option<HashMap<UnionNumber, u64>>,
}

impl Ledger {
    pub fn open(conn: Database, me: LocalDevice) -> Result<Ledger> {
        Ledger::open_with(conn, me, &mut |_| ())
    }

    /// The same; `progress` is told of the operations that have to be gone through.
    pub fn open_with(conn: Database, me: LocalDevice, progress: &mut dyn FnMut(u64)) -> Result<Ledger> {
        let mut start = [0; 4];
        (me.random)(&mut start);
        // If the clock was once far ahead, new ids still have to follow the ones given out then.
        let last: Option<[u8; 16]> = meta(&conn, "last_id")?;
        let ids = RecordIds::new(&me.device(), start, last.map(RecordId));
        let keys = Keyring::new(&me);
        let mut ledger = Ledger {
            conn,
            me,
            acting: None,
            trial: false,
            ids,
            data_version: -1,
            anything: true,
            feeds: HashMap::new(),
            numbers: HashMap::new(),
            touched: BTreeSet::new(),
            as_before: None,
            cells: BTreeMap::new(),
            keys,
            moving: false,
            took: false,
            waking: BTreeSet::new(),
            marks: BTreeMap::new(),
            job_marks: BTreeMap::new(),
            unnoted: BTreeMap::new(),
            nonce: start,
            stamps: 0,
            stamp_before: None,
            changes: 0,
            job_changes: 0,
            own_numbers: beside::Numbers::default(),
            limits: HashMap::new(),
            documents: OpenDocuments::default(),
            early_voids: None,
            careful: false,
            cost: Cost::default(),
            allowances: Allowances::default(),
            named: false,
            others: HashMap::new(),
            compared: HashMap::new(),
            mending: HashMap::new(),
            good: HashMap::new(),
            purging: BTreeSet::new(),
            returned: Returned::default(),
            ungranted: BTreeSet::new(),
            newcomers: BTreeSet::new(),
            slices: Slices::new(),
            near: Near::default(),
            unsayable: HashSet::new(),
            ahead: opened::Entries::default(),
            through: None,
        };
        changes::watch(&ledger.conn)?;
        ledger.prepare(progress)?;
        ledger.check_high_water_mark()?;
        Ok(ledger)
    }

    /// Makes or renews the projections where this version's declarations differ from those that made them.
    fn prepare(&mut self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let version = derivation::version();
        let stored: Option<Vec<u8>> = meta(&self.conn, "projection")?;
        if stored.as_deref() == Some(version.as_bytes()) {
            return self.load_keys();
        }
        self.begin()?;
        // What a header says may be read otherwise than by the version that wrote the row.
        feeds::refresh(&self.conn)?;
        let work = self.rebuild(progress).and_then(|()| set_meta(&self.conn, "projection", version.as_bytes()));
        // Nothing is written into own feeds before `check_high_water_mark` has asked whether this database is of today: what is to be
        // granted is granted with the next job.
        let moving = std::mem::take(&mut self.moving);
        match work.and_then(|()| self.flush()) {
            Ok(()) => {
                self.moving = moving;
                self.commit()
            }
            Err(error) => {
                self.undo();
                Err(error)
            }
        }
    }

    /// Goes on with a new connection after a failed commit: nothing remembered is trusted, except how far was signed,
    /// which `came_through` settles.
    pub(crate) fn reconnect(&mut self, conn: Database) -> Result<()> {
        self.conn = conn;
        changes::watch(&self.conn)?;
        self.anything = true;
        self.data_version = -1;
        self.look_anew()
    }

    pub fn conn(&self) -> &Database {
        &self.conn
    }

    fn into_conn(self) -> Database {
        self.conn
    }

    pub fn me(&self) -> &LocalDevice {
        &self.me
    }

    pub fn now(&self) -> i64 {
        (self.me.clock)()
    }

    /// The time that an operation of this device says it is written at, whatever its clock says.
    fn claim(&self) -> i64 {
        clock::claim(self.now())
    }

    /// An exchange with a neighbour has finished: looks for what it should have told or relayed and did not.
    pub fn settled_with(&mut self, peer: Peer, refused: &BTreeSet<FeedId>) -> Result<()> {
        self.judge_claims(peer.union)?;
        if self.me.union.parent() == Some(peer.union) || (peer.union == self.me.union && self.is_above(peer)) {
            // All that the level above has is here: what an own edit still waits for is nowhere.
            self.say_orphans_again()?;
            self.look_for_returned()?;
            self.look_for_confirmation(peer, refused)?;
        }
        Ok(())
    }

    /// What was read from the database, or is about to be written to it: gone where the database is another than was
    /// thought, after a job was undone, or another process wrote. What earlier jobs of the transaction signed stays.
    fn forget(&mut self) {
        self.ahead = opened::Entries::default();
        self.feeds.clear();
        self.numbers.clear();
        self.touched.clear();
        self.as_before = None;
        self.cells.clear();
        self.waking.clear();
        self.job_marks.clear();
        self.limits.clear();
        self.own_numbers.forget();
        self.documents.clear();
        self.early_voids = None;
        self.careful = false;
        self.others.clear();
        self.compared.clear();
        self.mending.clear();
        self.purging.clear();
        self.ungranted.clear();
        self.newcomers.clear();
        self.through = None;
        self.near.clear();
        self.slices.forget_counts();
        self.moving = false;
    }

    /// As `forget`, and the keys that were taken since are read anew.
    fn look_anew(&mut self) -> Result<()> {
        self.forget();
        self.slices.look_anew();
        self.unsayable.clear();
        self.keys = Keyring::read(&self.conn, &self.me)?;
        Ok(())
    }

    pub(crate) fn begin(&mut self) -> Result<()> {
        self.conn.begin()?;
        let begun = self.begun();
        if begun.is_err() {
            // The first error is the one to tell.
            let _ = self.conn.roll_back();
        }
        begun
    }

    fn begun(&mut self) -> Result<()> {
        self.changes = self.conn.total_changes();
        let version = data_version(&self.conn)?;
        if version != self.data_version {
            self.anything = true;
            match self.data_version {
                // Nothing is cached yet.
                -1 => self.forget(),
                _ => self.look_anew()?,
            }
            self.me.memory.refresh()?;
            self.data_version = version;
        }
        Ok(())
    }

    /// Changes since this was last called.
    pub(crate) fn changed(&mut self) -> Changed {
        let moved = changes::moved(&self.conn);
        match (std::mem::take(&mut self.anything), moved) {
            (false, Ok(feeds)) => Changed::Feeds(feeds),
            (true, _) | (_, Err(_)) => Changed::All,
        }
    }

    /// What the transaction is known by in the database.
    fn stamp(&self) -> Vec<u8> {
        [&self.nonce[..], &self.stamps.to_be_bytes()].concat()
    }

    /// Ends the transaction. After an error it is open no more, and `came_through` says on a new connection what became
    /// of it.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let committed = self.stamp_and_commit();
        match committed {
            Ok(()) => self.note_marks(),
            Err(_) => {
                // It may have left the transaction open. What was signed is forgotten when it is known that it is gone.
                let signed = std::mem::take(&mut self.marks);
                self.undo();
                self.marks = signed;
            }
        }
        committed
    }

    /// Undoes the transaction, unless SQLite has done so itself.
    pub(crate) fn undo(&mut self) {
        self.forget();
        self.slices.look_anew();
        self.marks.clear();
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.roll_back()
        {
            tracing::error!(%error, "a transaction could not be undone");
        }
    }

    fn stamp_and_commit(&mut self) -> Result<()> {
        if self.conn.is_autocommit() {
            return Err(StoreError::Undone);
        }
        // One that changed nothing is not to cost a write: a COMMIT would write what was undone back as it was.
        if self.conn.total_changes() == self.changes {
            return self.conn.roll_back();
        }
        self.stamp_before = stamp(&self.conn)?;
        self.stamps += 1;
        set_stamp(&self.conn, self.stamp())?;
        self.conn.commit()
    }

    /// Whether the transaction whose COMMIT failed is in the database, which was opened anew since. If not, one that is
    /// empty is written in its place: what the disk holds of it lies beyond the end of the log, and after a crash it would
    /// be taken for whole.
    pub(crate) fn came_through(&mut self) -> Result<bool> {
        let found: Option<Vec<u8>> = stamp(&self.conn)?;
        if found.as_ref() == Some(&self.stamp()) {
            // In the log it may rest on a sync that failed; in the file it does not.
            if !self.conn.checkpoint()? {
                return Err(StoreError::Unknown);
            }
            self.note_marks();
            return Ok(true);
        }
        self.marks.clear();
        self.job_marks.clear();
        if found != self.stamp_before {
            // Another process has written since: ours may have come before.
            return Err(StoreError::Unknown);
        }
        self.begin()?;
        self.stamps += 1;
        set_stamp(&self.conn, self.stamp())?;
        self.commit()?;
        Ok(false)
    }

    /// After the commit: a mark beyond the database would look like a database from yesterday.
    pub(super) fn note_marks(&mut self) {
        self.marks.append(&mut self.job_marks);
        self.unnoted.append(&mut self.marks);
        match self.me.memory.note(&self.unnoted) {
            Ok(()) => self.unnoted.clear(),
            Err(error) => {
                tracing::error!(%error, "what was signed cannot be noted outside the database yet; the next commit tries again");
            }
        }
    }

    /// A job's own savepoint: what it does can be undone without the rest of the transaction.
    pub(crate) fn begin_job(&mut self) -> Result<()> {
        self.took = false;
        self.job_changes = self.conn.total_changes();
        self.slices.begin_job();
        self.conn.begin_part(Part::Job)
    }

    /// Ends a job. What it did stays if `keep` and its totals could be stored; otherwise it is undone.
    pub(crate) fn end_job(&mut self, keep: bool) -> Result<()> {
        let flushed = if keep { self.flush() } else { Ok(()) };
        self.slices.end_job(keep && flushed.is_ok());
        if keep && flushed.is_ok() {
            self.conn.keep_part(Part::Job)?;
            // A mark only rises: a feed that a job cut and wrote again is of another incarnation.
            for (feed, size) in std::mem::take(&mut self.job_marks) {
                let mark = self.marks.entry(feed).or_default();
                *mark = size.max(*mark);
            }
            return Ok(());
        }
        self.returned.look_anew();
        // What was only looked at leaves nothing behind that is not so.
        let undone = self.conn.total_changes().saturating_sub(self.job_changes);
        let numbers = std::mem::take(&mut self.own_numbers);
        self.forget();
        if undone == 0 {
            self.own_numbers = numbers;
        }
        if self.conn.is_autocommit() {
            // SQLite has given up the whole transaction: the disk is full, or failed.
            return Err(flushed.err().unwrap_or(StoreError::Undone));
        }
        self.conn.undo_part(Part::Job)?;
        // SQLite goes on counting what was undone.
        self.changes += undone;
        if self.took {
            self.look_anew()?;
        }
        flushed
    }

    /// Writes what was only remembered so far: ends of feeds, totals.
    fn flush(&mut self) -> Result<()> {
        self.apply_admitted()?;
        self.purge()?;
        if std::mem::take(&mut self.moving) {
            self.take_keys()?;
            if !self.revoked()? {
                self.grant_keys()?;
            }
        }
        self.look_at_keys_anew()?;
        self.tell_newcomers()?;
        self.save_rows()?;
        self.save_documents()?;
        self.total()?;
        if std::mem::take(&mut self.named)
            && let Some(last) = self.ids.last()
        {
            set_meta(&self.conn, "last_id", last.0)?;
        }
        Ok(())
    }

    /// A record id that comes after all others of this device, and before all that it will give out. Another machine's, with a
    /// clock that is ahead, may come after it.
    pub fn next_id(&mut self) -> RecordId {
        self.named = true;
        let now = self.claim();
        self.ids.next(now)
    }

    /// Work done since this was last called, counted in what a replay repeats.
    pub fn spent(&mut self) -> Cost {
        std::mem::take(&mut self.cost)
    }

    /// Each device may cost this machine so much a day instead of [`DAILY`], until the program ends: so little that a test
    /// can use it up.
    pub fn allow(&mut self, daily: Cost) {
        self.allowances.daily = daily;
    }

    fn save_rows(&mut self) -> Result<()> {
        let now = self.now();
        for no in std::mem::take(&mut self.touched) {
            if let Some(feed) = self.feeds.get(&no) {
                feeds::update(&self.conn, feed, now)?;
            }
        }
        Ok(())
    }

    /// Adds to what the job adds to a union's own figure.
    pub(super) fn add_to(&mut self, cell: rollups::Cell, change: Change) {
        let there = self.cells.entry(cell).or_default();
        there.own += change.own;
        there.shared += change.shared;
    }

    /// Adds what the job added to each union's own figures to the totals of the unions above it too.
    fn total(&mut self) -> Result<()> {
        let mut cells: BTreeMap<rollups::Cell, Figure> = BTreeMap::new();
        for ((union, measure, month), change) in std::mem::take(&mut self.cells) {
            if change == Change::default() {
                continue;
            }
            let own = cells.entry((union, measure, month)).or_default();
            own.own += change.own;
            own.shared += change.shared;
            for within in std::iter::once(union).chain(union.ancestors()) {
                cells.entry((within, measure, month)).or_default().total += change.own + change.shared;
            }
            self.owe_statement(union, measure, month)?;
        }
        rollups::add(&self.conn, &cells)
    }

    /// A province answers for the figures of records that do not travel further.
    fn owe_statement(&mut self, union: UnionNumber, measure: u32, month: i32) -> Result<()> {
        let me = self.me.union;
        let local = rollup::measure(measure).is_some_and(|m| m.reach == Reach::Province);
        if local && me.level() == Level::Province && me.contains(union) {
            self.is_due(union, month)?;
        }
        Ok(())
    }

    fn feed(&mut self, no: i64) -> Result<&mut FeedRow> {
        use std::collections::hash_map::Entry;
        match self.feeds.entry(no) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(feeds::by_no(&self.conn, no)?)),
        }
    }

    /// The same, to be changed: it is written with the job's end, and is as before where what is guarded fails.
    fn feed_to_change(&mut self, no: i64) -> Result<&mut FeedRow> {
        let before = self.feed(no)?.clone();
        if let Some(as_before) = &mut self.as_before {
            as_before.entry(no).or_insert(before);
        }
        self.touched.insert(no);
        self.feed(no)
    }

    fn feed_by_id(&mut self, id: &FeedId) -> Result<Option<i64>> {
        if let Some(no) = self.numbers.get(id) {
            return Ok(Some(*no));
        }
        let Some(row) = feeds::by_id(&self.conn, id)? else { return Ok(None) };
        let no = row.no;
        self.numbers.insert(*id, no);
        // The cache may be ahead of the database.
        self.feeds.entry(no).or_insert(row);
        Ok(Some(no))
    }

    fn remember(&mut self, row: FeedRow) -> i64 {
        let no = row.no;
        self.numbers.insert(row.feed.id, no);
        self.feeds.entry(no).or_insert(row);
        no
    }
}
