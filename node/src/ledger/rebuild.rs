//! Everything that is computed, computed again; and the proof that it comes out the same.

use std::path::Path;

use huiliu_proto::{
    period::Month,
    signed::TreeHead,
    tree::{Edge, RUN},
    union::{Level, UnionNumber},
};

use super::{Ledger, apply::may_write};
use crate::identity::{LocalDevice, memory::Memory};
use crate::store::{
    self, Cause, Database, Result, StoreError, View, caches, feeds, projection, quarantine, rollups,
    salvage::{broken_pages, inspect},
    tables, unfinished,
};

impl Ledger {
    /// Makes projections, documents, totals and quarantine again from the feeds. `progress` is told how many
    /// operations have been done.
    pub fn rebuild(&mut self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        self.wholly(|ledger| ledger.compute(progress))
    }

    fn compute(&mut self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        self.cells.clear();
        self.documents.clear();
        self.waking.clear();
        tables::fill(&self.conn)?;
        let before: Option<String> = store::meta(&self.conn, "tables")?;
        projection::drop_all(&self.conn, &before.unwrap_or_default())?;
        projection::create(&self.conn)?;
        quarantine::create(&self.conn)?;
        unfinished::create(&self.conn)?;
        store::set_meta(&self.conn, "tables", projection::tables().join(","))?;
        caches::clear(&self.conn)?;
        self.forget_rows();
        self.slices.forget_counts();
        self.slices.stuck.clear();
        self.limits.clear();
        let mut all = feeds::all(&self.conn)?;
        // Enrolments, revocations and rulings before what they decide about; and one order for everybody.
        all.sort_by_key(feeds::FeedRow::order);
        for row in &all {
            let no = row.no;
            self.feed(no)?.applied = 0;
            let row = self.feed(no)?.clone();
            feeds::update(&self.conn, &row, self.now())?;
        }
        self.load_keys()?;
        for row in &all {
            self.catch_up(row.no, progress)?;
        }
        // What stopped because too much of it waited goes on where that has come.
        self.apply_all()?;
        // Whatever an enrolment would wake has had its turn, or comes after it in this order.
        self.waking.clear();
        self.save_rows()?;
        self.save_documents()?;
        // In a new file the keys came with this: what they open is indexed now.
        self.take_keys()?;
        self.total()?;
        self.owe_again()
    }

    /// Statements that say something else than the records they rest on, and are not about to be written again.
    fn wrong_statements(&self, due: &[(UnionNumber, i32)]) -> Result<Vec<Problem>> {
        if self.me.union.level() != Level::Province {
            return Ok(vec![]);
        }
        let mut problems = vec![];
        for (union, month) in rollups::stated(&self.conn)? {
            if !due.contains(&(union, month)) && !self.statement_holds(union, month)? {
                let month = Month(month);
                problems.push(Problem {
                    zh: format!("{union} {month} 的汇总报表与记录不符"),
                    en: format!("the statement of {union} for {month} does not agree with the records"),
                });
            }
        }
        Ok(problems)
    }

    /// Feeds are not what they were.
    pub(super) fn forget_rows(&mut self) {
        self.feeds.clear();
        self.numbers.clear();
        self.touched.clear();
        self.near.clear();
    }

    /// Statements are owed only where the latest one says something else than the totals: also of months of which nothing
    /// counts any more.
    fn owe_again(&mut self) -> Result<()> {
        if self.me.union.level() == Level::Province {
            for (union, month) in rollups::stated(&self.conn)? {
                self.is_due(union, month)?;
            }
        }
        for (union, month) in rollups::due(&self.conn)? {
            if self.statement_holds(union, month)? {
                rollups::clear_due(&self.conn, union, month)?;
            }
        }
        Ok(())
    }
}

/// Something that is not as it must be, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub zh: String,
    pub en: String,
}

/// Checks that the file is whole, every signature, root and proof block, and that projections, totals and documents equal a
/// rebuild. Works on a copy that it may change: `conn` must be one.
pub fn verify(conn: Database, me: LocalDevice, progress: &mut dyn FnMut(u64)) -> Result<Vec<Problem>> {
    let broken = broken_pages(&conn)?;
    let mut problems = verify_feeds(&conn, progress)?;
    if let Err(StoreError::Strange(name)) = inspect(&conn) {
        problems.push(Problem {
            zh: format!("数据库中有不属于汇流的结构，或缺少应有的结构（{name}）；可以重算修复"),
            en: format!("the database holds what Huiliu does not make, or lacks what it makes ({name}); computing it again mends that"),
        });
    }
    if !broken.is_empty() {
        let lines = broken.join("; ");
        // Where the feeds are good, all the rest can be made again from them.
        let (zh, en) = match problems.is_empty() {
            true => ("；数据流水完好，可以重算修复", "; the feeds are good: the rest can be computed again"),
            false => ("；数据流水也已受损，须恢复备份", "; feeds are damaged too: a backup has to be restored"),
        };
        problems.push(Problem {
            zh: format!("数据库文件有损坏之处（{lines}）{zh}"),
            en: format!("the database file is damaged ({lines}){en}"),
        });
    }
    if !problems.is_empty() {
        // What the feeds say cannot be trusted, or the tables cannot be written: nothing to compare with.
        return Ok(problems);
    }
    // Tables that another version's declarations made are others, and are made anew when this one opens the file.
    let comparable = !caches::outdated(&conn)?;
    // On a copy nothing may be learnt about the database itself.
    let me = LocalDevice { memory: Memory::default(), ..me };
    let conn = if comparable { caught_up(conn, &me)? } else { conn };
    let before = caches::digest(&conn);
    // A rebuild finds out anew which statements are due.
    let due = rollups::due(&conn)?;
    let mut ledger = Ledger::open(conn, me)?;
    ledger.begin()?;
    ledger.rebuild(progress)?;
    // A copy writes nothing of its own.
    ledger.moving = false;
    ledger.flush()?;
    ledger.commit()?;
    let after = caches::digest(ledger.conn())?;
    problems.extend(ledger.wrong_statements(&due)?);
    if !comparable {
        return Ok(problems);
    }
    match before {
        Err(_) => problems.push(Problem {
            zh: "有档案无法读取；可以重算修复".into(),
            en: "a document's snapshot cannot be read; computing it again mends that".into(),
        }),
        Ok(before) => {
            for ((table, before), (_, after)) in before.iter().zip(&after) {
                if before != after {
                    problems.push(Problem {
                        zh: format!("表 {table} 与由数据流水重算的结果不一致"),
                        en: format!("table {table} differs from what the feeds give"),
                    });
                }
            }
        }
    }
    Ok(problems)
}

/// What was stored and not applied yet when the copy was made, is applied.
fn caught_up(conn: Database, me: &LocalDevice) -> Result<Database> {
    let mut lags = unfinished::any(&conn)?;
    for row in feeds::behind(&conn)? {
        lags |= may_write(&conn, me.root, &row.feed, false)?;
    }
    if !lags {
        return Ok(conn);
    }
    let mut ledger = Ledger::open(conn, me.clone())?;
    ledger.begin()?;
    ledger.apply_all()?;
    // A copy writes nothing of its own.
    ledger.moving = false;
    ledger.flush()?;
    ledger.commit()?;
    Ok(ledger.into_conn())
}

/// Computes what is computed in a file that holds only what is not; when this returns all of it is in the file, and nothing
/// beside it.
pub fn complete(file: &Path, me: LocalDevice, progress: &mut dyn FnMut(u64)) -> Result<()> {
    // In a file that nobody has opened yet nothing may be learnt about this machine.
    let me = LocalDevice { memory: Memory::default(), ..me };
    let ledger = Ledger::open_with(store::own(file)?, me, progress)?;
    store::backup::fold(ledger.conn())
}

/// Checks every signature, root and proof block; what is computed from them is not looked at.
pub fn verify_feeds(conn: &View, progress: &mut dyn FnMut(u64)) -> Result<Vec<Problem>> {
    let mut problems = vec![];
    let all = match feeds::all(conn) {
        Err(error) if unreadable(&error) => return Ok(vec![no_feeds()]),
        all => all?,
    };
    for row in all {
        match verify_feed(conn, &row, &mut problems, progress) {
            Err(error) if unreadable(&error) => problems.push(Problem {
                zh: format!("{}的数据流水 {} 无法读取；请从备份或上级恢复", row.feed.union.union_name(), row.feed.id),
                en: format!("feed {} cannot be read; restore from a backup or from the level above", row.feed.id),
            }),
            other => other?,
        }
    }
    Ok(problems)
}

/// What is wrong is what the file holds; a disk that is full or fails says nothing of it.
fn unreadable(error: &StoreError) -> bool {
    match error {
        StoreError::Sqlite(fault) => matches!(fault.cause(), Cause::Damaged | Cause::Missing | Cause::Value),
        StoreError::Damaged(_)
        | StoreError::Altered { .. }
        | StoreError::Feed(_)
        | StoreError::Segment(_)
        | StoreError::Signature(_) => true,
        _ => false,
    }
}

fn no_feeds() -> Problem {
    Problem {
        zh: "数据流水表无法读取；须恢复备份".into(),
        en: "the table of feeds cannot be read; a backup has to be restored".into(),
    }
}

fn verify_feed(
    conn: &View,
    row: &feeds::FeedRow,
    problems: &mut Vec<Problem>,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let id = row.feed.id;
    let union = row.feed.union;
    let mut wrong = |zh: String, en: String| {
        problems.push(Problem {
            zh: format!("{}的数据流水 {id}：{zh}", union.union_name()),
            en: format!("feed {id} of {union}: {en}"),
        });
    };
    if !feeds::as_said(conn, row)? {
        wrong("编号与登记的内容不符".into(), "its row says something else than its header".into());
        return Ok(());
    }
    let mut edge = Edge::default();
    while edge.size() < row.size() {
        let at = edge.size();
        let segment = feeds::segment(conn, row.no, at)?;
        let operations = match feeds::operations(conn, row.no, at) {
            Ok(operations) if !operations.is_empty() => operations,
            Err(error) if !unreadable(&error) => return Err(error),
            _ => {
                wrong(
                    format!("第 {at} 条起无法读取；请从备份或上级恢复"),
                    format!("operations from {at} on cannot be read; restore from a backup or from the level above"),
                );
                return Ok(());
            }
        };
        for operation in &operations {
            if let Some(root) = edge.push(operation.leaf()) {
                let block = edge.size() / RUN - 1;
                if feeds::block_root(conn, row.no, block)? != Some(root) {
                    wrong(
                        format!("第 {} 至 {} 条的校验值不符", edge.size() - RUN, edge.size()),
                        format!("the kept root of run {block} is wrong"),
                    );
                }
            }
        }
        if let Some(segment) = segment {
            match TreeHead::verify(segment.head, id, &row.feed.device) {
                Ok(head) if head.size == edge.size() && head.root == edge.root() => {}
                Ok(_) => {
                    wrong(
                        format!("第 {at} 至 {} 条内容已被改动", edge.size()),
                        format!("operations {at} to {} are not what was signed", edge.size()),
                    );
                    return Ok(());
                }
                Err(error) => {
                    wrong(format!("第 {at} 条处签名无效"), format!("the signature at {at} is not good: {error}"));
                    return Ok(());
                }
            }
        }
        progress(operations.len() as u64);
    }
    if edge != row.edge {
        wrong("全部内容的校验值不符".into(), "the stored edge of its tree is wrong".into());
    }
    if let Some(head) = &row.head
        && (TreeHead::verify(head.signed.clone(), id, &row.feed.device).is_err()
            || feeds::root_at(conn, row, head.size).ok() != Some(head.root))
    {
        wrong("最新签名无效".into(), "its latest head is not good".into());
    }
    Ok(())
}
