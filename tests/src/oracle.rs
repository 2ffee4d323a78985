//! What must hold when all is said and done, judged from the feeds' bytes and not with the code under test.

mod accused;
mod bounds;
mod documents;
mod voids;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use huiliu_node::{
    admission::Reason,
    identity, ledger,
    store::{
        StoreError, dump,
        evidence::{self, EvidenceKind},
        feeds, projection, quarantine, strays,
    },
    writer::Store,
};
use huiliu_proto::{
    feed::Feed,
    id::{DeviceId, FeedId, RecordId},
    kind::{Shape, numbered},
    operation::Operation,
    union::UnionNumber,
    v1,
};
use prost::Message as _;

use self::voids::Voids;
pub use self::{
    accused::{Cast, accuses_nobody},
    bounds::{Allowance, keeps_within_bounds, works_within_bounds},
    documents::documents_agree,
};
use crate::{
    insider,
    world::{Conduct, Machine},
};

/// Per union: work entries' sessions guided, and fen spent.
pub type Sums = BTreeMap<UnionNumber, (i128, i128)>;

const WORK_ENTRY: u32 = 9;
const EXPENDITURE: u32 = 27;

/// What an entry adds to its union's sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub union: UnionNumber,
    pub guided: i128,
    pub spent: i128,
}

/// The devices that run programs of their own.
pub fn rogues<'a>(machines: impl IntoIterator<Item = &'a Machine>) -> BTreeSet<DeviceId> {
    let mut rogues = BTreeSet::new();
    for machine in machines.into_iter().filter(|machine| machine.is_rogue()) {
        rogues.insert(machine.me().device());
        if machine.is_hub() {
            rogues.extend(insider::made_up());
        }
    }
    rogues
}

/// The branches of hubs that keep no rule and never will: what comes or goes through such a hub may be missing.
pub fn cut_off<'a>(machines: impl IntoIterator<Item = &'a Machine>) -> Vec<UnionNumber> {
    let gone = |machine: &&Machine| machine.is_hub() && machine.conduct == Conduct::Rogue;
    machines.into_iter().filter(gone).map(Machine::union).collect()
}

fn is_in(branches: &[UnionNumber], union: UnionNumber) -> bool {
    branches.iter().any(|branch| branch.contains(union))
}

/// The entries in all feeds that a machine holds, whoever wrote them but these, each record once, voided or not.
pub fn entries(store: &Store, but: &BTreeSet<DeviceId>) -> Result<BTreeMap<RecordId, Entry>> {
    Ok(entries_and_voids(store, but)?.0)
}

fn entries_and_voids(store: &Store, but: &BTreeSet<DeviceId>) -> Result<(BTreeMap<RecordId, Entry>, Voids)> {
    let operations = store.read(|conn| {
        let mut all = vec![];
        for feed in feeds::all(conn)?.into_iter().filter(|f| !but.contains(&f.feed.device)) {
            let mut at = 0;
            while at < feed.size() {
                let operations = feeds::operations(conn, feed.no, at)?;
                if operations.is_empty() {
                    return Err(StoreError::Damaged("a feed ends early"));
                }
                at += operations.len() as u64;
                all.extend(operations.into_iter().map(|operation| (feed.feed.union, operation)));
            }
        }
        Ok(all)
    })?;
    let (mut entries, mut voids) = (BTreeMap::new(), Voids::default());
    for (union, operation) in operations {
        if operation.void {
            voids.add(union, &operation)?;
            continue;
        }
        let Some(entry) = entry(union, &operation)? else { continue };
        // Said again in another feed, a record counts once, and says the same.
        if let Some(before) = entries.insert(operation.record, entry) {
            ensure!(before == entry, "two records under the id {}", operation.record);
        }
    }
    Ok((entries, voids))
}

/// What an operation adds to the sums, if it is one that does.
fn entry(union: UnionNumber, operation: &Operation) -> Result<Option<Entry>> {
    let (guided, spent) = match operation.kind {
        WORK_ENTRY => (i128::from(v1::WorkEntry::decode(&operation.payload[..])?.guided), 0),
        EXPENDITURE => (0, i128::from(v1::Expenditure::decode(&operation.payload[..])?.amount)),
        _ => return Ok(None),
    };
    Ok(Some(Entry { union, guided, spent }))
}

/// What of these feeds a machine lets count: each record once, and nothing that is held back.
fn let_count(store: &Store, of: &dyn Fn(&Feed) -> bool) -> Result<BTreeMap<RecordId, Entry>> {
    let counted = store.read(|conn| {
        let mut all = vec![];
        for feed in feeds::all(conn)?.into_iter().filter(|f| of(&f.feed)) {
            let held: BTreeSet<u64> = quarantine::of_feed(conn, feed.no)?.into_iter().map(|held| held.seq).collect();
            let mut at = 0;
            while at < feed.applied {
                let operations = feeds::operations(conn, feed.no, at)?;
                let seqs = at..feed.applied;
                at += operations.len() as u64;
                let counted = seqs.zip(operations).filter(|(seq, _)| !held.contains(seq));
                all.extend(counted.map(|(_, operation)| (feed.feed.union, operation)));
            }
        }
        Ok(all)
    })?;
    let (mut entries, mut voids) = (BTreeMap::new(), Voids::default());
    for (union, operation) in counted {
        if operation.void {
            voids.add(union, &operation)?;
        } else if let Some(entry) = entry(union, &operation)? {
            let before = entries.insert(operation.record, entry);
            ensure!(
                before.is_none_or(|before| before == entry),
                "two records under one id count: {}",
                operation.record
            );
        }
    }
    entries.retain(|record, entry: &mut Entry| !voids.void(entry.union, record));
    Ok(entries)
}

/// I1: every level that is meant to see a feed has all of it, byte for byte (equal roots).
pub fn nothing_is_missing(machines: &[(Machine, Store)]) -> Result<()> {
    let cut_off = cut_off(machines.iter().map(|(machine, _)| machine));
    for (author, store) in machines.iter().filter(|(m, _)| !m.is_rogue()) {
        // Of one that was begun, and in which nothing has been said yet, there is nothing to have.
        for feed in store.read(feeds::all)?.into_iter().filter(|f| f.own && f.size() > 0) {
            for (reader, other) in machines.iter().filter(|(m, _)| !m.is_rogue()) {
                if !feed.feed.seen_by(reader.union()) || reader.home.config.root.is_none() {
                    continue;
                }
                // From or to there nothing passes but through that hub.
                if author.name != reader.name && (is_in(&cut_off, author.union()) || is_in(&cut_off, reader.union())) {
                    continue;
                }
                let there = other.read(|conn| feeds::by_id(conn, &feed.feed.id))?;
                let there = there.with_context(|| {
                    format!("{} has nothing of {}'s feed {:?}", reader.name, author.name, feed.feed.scope)
                })?;
                ensure!(
                    there.size() == feed.size() && there.edge.root() == feed.edge.root(),
                    "{} has {} of {} operations of {}'s feed {:?}",
                    reader.name,
                    there.size(),
                    feed.size(),
                    author.name,
                    feed.feed.scope
                );
                ensure!(
                    there.applied == there.size(),
                    "{} has not judged {} operations of {}",
                    reader.name,
                    there.size() - there.applied,
                    author.name
                );
            }
        }
    }
    Ok(())
}

/// I2: what a hub shows for each union below it is the sum over all devices' feeds, whoever still has them, each record
/// once.
pub fn sums_agree(machines: &[(Machine, Store)]) -> Result<()> {
    let rogues = rogues(machines.iter().map(|(machine, _)| machine));
    let cut_off = cut_off(machines.iter().map(|(machine, _)| machine));
    let (mut written, mut voids) = (BTreeMap::new(), Voids::default());
    for (_, store) in machines.iter().filter(|(m, _)| !m.is_rogue()) {
        let (entries, said) = entries_and_voids(store, &rogues)?;
        written.extend(entries);
        voids.merge(said);
    }
    // Of what may be missing only that counts which is there.
    written.retain(|record, entry| !is_in(&cut_off, entry.union) && !voids.void(entry.union, record));
    let apart = |feed: &Feed| rogues.contains(&feed.device) || is_in(&cut_off, feed.union);
    for (machine, store) in machines.iter().filter(|(m, _)| m.is_hub() && !m.is_rogue()) {
        let mut own = Sums::new();
        // The province's statements say at the nation what the nation does not see.
        let stated = machines.iter().find(|(m, _)| m.is_hub() && m.union().parent() == Some(machine.union()));
        let (here, below) = (let_count(store, &apart)?, stated.map(|(_, store)| let_count(store, &apart)).transpose()?);
        let counted = match below.filter(|_| machine.union().parent().is_none()) {
            Some(below) => here.into_iter().chain(below.into_iter().filter(|(_, e)| e.guided != 0)).collect(),
            None => here,
        };
        for entry in written.values().chain(counted.values()) {
            let sum = own.entry(entry.union).or_default();
            sum.0 += entry.guided;
            sum.1 += entry.spent;
        }
        let below = |f: fn(&(i128, i128)) -> i128| -> i128 {
            own.iter().filter(|(union, _)| machine.union().contains(**union)).map(|(_, sum)| f(sum)).sum()
        };
        let (guided, spent) = (below(|s| s.0), below(|s| s.1));
        let shown = |measure: u32| -> Result<i128> {
            let union = machine.union();
            let sums = store.read(|conn| huiliu_node::store::rollups::sums(conn, union, i32::MIN, i32::MAX))?;
            Ok(sums.get(&measure).map_or(0, |(_, total)| *total))
        };
        let (shown_guided, shown_spent) = (shown(huiliu_node::rollup::GUIDED)?, shown(huiliu_node::rollup::SPENT)?);
        ensure!(shown_guided == guided, "{} shows {shown_guided} sessions, the feeds say {guided}", machine.name);
        ensure!(shown_spent == spent, "{} shows {shown_spent} fen spent, the feeds say {spent}", machine.name);
    }
    Ok(())
}

/// No statement is out of date that would be written later.
pub fn nothing_is_owed(machines: &[(Machine, Store)]) -> Result<()> {
    for (machine, store) in machines.iter().filter(|(m, _)| !m.is_rogue()) {
        let due = store.read(huiliu_node::store::rollups::due)?;
        ensure!(due.is_empty(), "{} owes statements: {due:?}", machine.name);
    }
    Ok(())
}

/// I3 and I4: every signature and root is good, and a rebuild gives the same tables. Works on a copy.
pub fn verifies(machine: &Machine, store: &Store) -> Result<()> {
    let copy = machine.home.dir.join("verify.db");
    let _ = std::fs::remove_file(&copy);
    let conn = store.copy_to(&copy)?;
    let problems = ledger::verify(conn, machine.me(), &mut |_| ())?;
    for beside in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{beside}", copy.display()));
    }
    if let Some(problem) = problems.first() {
        bail!("{}: {}", machine.name, problem.en);
    }
    Ok(())
}

/// I4: a rebuild changes nothing, in any table. Works on a copy.
pub fn rebuilds_the_same(machine: &Machine, store: &Store) -> Result<()> {
    let copy = machine.home.dir.join("rebuilt.db");
    let _ = std::fs::remove_file(&copy);
    let copied = store.copy_to(&copy)?;
    let before = dump::all(&copied)?;
    drop(copied);
    let me = identity::LocalDevice { memory: Default::default(), ..machine.me() };
    let rebuilt = Store::open(&copy, me, huiliu_node::writer::Threads::Inline)?;
    rebuilt.write_blocking(|ledger| ledger.rebuild(&mut |_| ()))?;
    let after = rebuilt.read(dump::all)?;
    drop(rebuilt);
    for beside in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{beside}", copy.display()));
    }
    for (name, rows) in &before {
        let now = after.get(name).with_context(|| format!("{}: a rebuild drops {name}", machine.name))?;
        if rows != now {
            let gone = rows.iter().find(|row| now.binary_search(row).is_err());
            let new = now.iter().find(|row| rows.binary_search(row).is_err());
            bail!("{}: a rebuild changes {name}: {gone:?} was there, now {new:?}", machine.name);
        }
    }
    Ok(())
}

/// Every honest entry that a machine holds is shown there as it was written, unless it is voided.
pub fn shows_what_was_written(machine: &Machine, store: &Store, rogues: &BTreeSet<DeviceId>) -> Result<()> {
    let voids = entries_and_voids(store, rogues)?.1;
    store.read(|conn| {
        for feed in feeds::all(conn)?.into_iter().filter(|f| !rogues.contains(&f.feed.device)) {
            let mut at = 0;
            while at < feed.applied {
                let operations = feeds::operations(conn, feed.no, at)?;
                if operations.is_empty() {
                    return Err(StoreError::Damaged("a feed ends early"));
                }
                at += operations.len() as u64;
                for operation in operations {
                    let Some(kind) = numbered(operation.kind).filter(|kind| kind.shape == Shape::Entry) else {
                        continue;
                    };
                    let shown = projection::get(conn, kind, &operation.record)?;
                    if operation.void {
                        continue;
                    }
                    if voids.void(feed.feed.union, &operation.record) {
                        if shown.is_some() {
                            let said = format!("{} shows the voided {} {}", machine.name, kind.name, operation.record);
                            return Err(StoreError::Refused(said));
                        }
                        continue;
                    }
                    if shown.is_none_or(|row| row.record.encode() != operation.payload) {
                        let said = format!("{} does not show the {} {}", machine.name, kind.name, operation.record);
                        return Err(StoreError::Refused(said));
                    }
                }
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// What was seen of each feed: to hold against what is there later.
pub type Seen = BTreeMap<(String, FeedId), (u64, huiliu_proto::id::Hash)>;

/// I5: what was there before is still there, and only more came after it; but for a feed that two histories were signed
/// of, which is cut where they part, and only where evidence of that is kept.
pub fn only_grew(machine: &Machine, store: &Store, seen: &mut Seen) -> Result<()> {
    store.read(|conn| {
        for feed in feeds::all(conn)? {
            let key = (machine.name.clone(), feed.feed.id);
            if let Some((size, root)) = seen.get(&key) {
                let grew = feed.size() >= *size && feeds::root_at(conn, &feed, *size)? == *root;
                let forked = evidence::list(conn, true)?
                    .iter()
                    .any(|k| k.evidence.feed == feed.feed.id && k.evidence.what == EvidenceKind::Fork);
                assert!(grew || forked, "{}: a feed shrank or changed and nothing says why", machine.name);
            }
            seen.insert(key, (feed.size(), feed.edge.root()));
        }
        Ok(())
    })?;
    Ok(())
}

/// No honest operation is held back. But for an edit that follows one which was cut off: it waits for ever, and its
/// device has said it again.
pub fn holds_nothing_back(machines: &[(Machine, Store)]) -> Result<()> {
    let rogues = rogues(machines.iter().map(|(machine, _)| machine));
    let cut_off = cut_off(machines.iter().map(|(machine, _)| machine));
    let mut said_again = BTreeSet::new();
    for (_, store) in machines.iter().filter(|(m, _)| !m.is_rogue()) {
        store.read(|conn| {
            for feed in feeds::all(conn)?.into_iter().filter(|f| f.own) {
                for held in quarantine::of_feed(conn, feed.no)? {
                    let operation = feeds::operation(conn, feed.no, held.seq)?;
                    let operation = operation.ok_or(StoreError::Damaged("an operation that is held"))?;
                    if strays::holds(conn, &feed.feed.id, &operation)? {
                        said_again.insert((feed.feed.id, held.seq));
                    }
                }
            }
            Ok(())
        })?;
    }
    for (machine, store) in machines.iter().filter(|(m, _)| !m.is_rogue()) {
        store.read(|conn| {
            let all = feeds::all(conn)?;
            for held in quarantine::all(conn)? {
                let feed = all.iter().find(|f| f.no == held.feed).map(|f| &f.feed);
                if feed.is_some_and(|feed| rogues.contains(&feed.device)) {
                    continue;
                }
                // What it follows may be kept back on the way, and so may what admits it.
                if feed.is_some_and(|feed| is_in(&cut_off, feed.union) && feed.union != machine.union()) {
                    continue;
                }
                let again = feed.is_some_and(|feed| said_again.contains(&(feed.id, held.seq)));
                if !(held.reason == Reason::Early.word() && again) {
                    let said = format!(
                        "{} holds back an honest operation: {}",
                        machine.name,
                        quarantine::explain(conn, &held)?.words().en
                    );
                    return Err(StoreError::Refused(said));
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// I6: where a device left a feed before its end, as one does that was restored or is a clone, every level that sees
/// both says so.
pub fn raises_what_was_left(machine: &Machine, store: &Store, rogues: &BTreeSet<DeviceId>) -> Result<()> {
    store.read(|conn| {
        let all = feeds::all(conn)?;
        let told: BTreeSet<FeedId> = evidence::list(conn, true)?.iter().map(|k| k.evidence.feed).collect();
        for later in all.iter().filter(|f| !f.own && !rogues.contains(&f.feed.device)) {
            let Some((before, left_at)) = later.feed.continues else { continue };
            let left = all.iter().find(|f| f.feed.id == before && f.size() > left_at);
            if left.is_some() && !told.contains(&later.feed.id) {
                let said = format!("{} does not say that a device left a feed before its end", machine.name);
                return Err(StoreError::Refused(said));
            }
        }
        Ok(())
    })?;
    Ok(())
}
