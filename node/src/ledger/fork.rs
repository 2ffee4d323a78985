//! Forks: a feed has two histories after a backup was restored and written to, or a disk was cloned.
//!
//! Every level adopts the history that the level above holds, so that all converge. What is cut off is kept
//! (`yielding.rs`); the device that wrote it reauthors it in a new incarnation, where it counts once because
//! its records keep their ids. Nothing is ever signed twice with the same number: a device that may have lost its memory
//! writes into other feeds from then on.

use huiliu_proto::{
    feed::Feed,
    id::{DeviceId, FeedId},
    lang::{self, Label},
    operation::Operation,
    signed::{SignatureError, TreeHead},
    union::UnionNumber,
    v1::{self, Refusal},
};

use super::{Incoming, Intake, Ledger, incoming::refused};
use crate::store::{
    Result,
    evidence::{self, Evidence, EvidenceKind, Peer},
    feeds,
    feeds::FeedRow,
    invitations, rollback, segments, strays,
};

impl Ledger {
    /// Looks, when a ledger is opened, whether the database is older than what this device has signed.
    pub(super) fn check_high_water_mark(&mut self) -> Result<()> {
        if !self.behind()? {
            return self.note_signed();
        }
        self.begin()?;
        // Checked again under the write lock: another process may have dealt with it meanwhile.
        let work = match self.behind() {
            Ok(true) => self.record_rollback(),
            other => other.map(drop),
        };
        match work.and_then(|()| self.flush()) {
            Ok(()) => self.commit(),
            Err(error) => {
                self.undo();
                Err(error)
            }
        }
    }

    /// A program may have ended between its commit and the note of its high-water mark: the mark is noted now, or a database
    /// from before that commit would pass for the current one.
    fn note_signed(&mut self) -> Result<()> {
        let incarnation = self.me.memory.incarnation();
        let own = feeds::owned(&self.conn)?.into_iter();
        let signed = own.filter(|row| row.feed.incarnation == incarnation && row.packed > 0);
        self.unnoted.extend(signed.map(|row| (row.feed.id, row.packed)));
        self.note_marks();
        Ok(())
    }

    fn behind(&self) -> Result<bool> {
        let memory = &self.me.memory;
        if memory.lost() || self.forgets_rollback()? {
            return Ok(true);
        }
        for (feed, signed) in memory.signed() {
            if feeds::by_id(&self.conn, feed)?.map_or(0, |row| row.size()) < *signed {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the database knows nothing of the last time that it was found to be older than this device.
    fn forgets_rollback(&self) -> Result<bool> {
        Ok(self.me.memory.rolled_back() > rollback::known(&self.conn)?)
    }

    fn record_rollback(&mut self) -> Result<()> {
        let memory = &self.me.memory;
        let mut gone: Vec<(FeedId, u64)> = vec![];
        // What was signed before the last time that this was noticed is missing again where the database knows nothing of that.
        let again = self.forgets_rollback()?;
        for (feed, signed) in memory.signed().iter().chain(memory.before().iter().filter(|_| again)) {
            let here = feeds::by_id(&self.conn, feed)?.map_or(0, |row| row.size());
            if here < *signed {
                gone.push((*feed, signed - here));
            }
        }
        let sum: u64 = gone.iter().map(|(_, n)| n).sum();
        let feed = gone.first().map_or(FeedId([0; 16]), |(feed, _)| *feed);
        let detail = match sum {
            0 if again => Label::new(
                "数据库不记得曾被恢复过：是又一次恢复了旧备份，或程序在发现时中断；本机已另起一条数据流水继续填写",
                "the database does not know that an old backup was restored before: one was restored again, or the \
                 program ended as that was noticed. This device goes on in a new incarnation",
            ),
            0 => Label::new(
                "数据目录中的 memory.json 已丢失或损坏，无法确认数据库是否为最新；本机已另起一条数据流水继续填写",
                "memory.json in the home is missing or damaged, so it is not known whether this database is the \
                 latest; this device goes on in a new incarnation",
            ),
            n => Label::new(
                format!(
                    "数据库比本机已签名的内容少{n}条，应是恢复了旧备份；下次与上级交换时，上级会送回已收到的部分，\
                     本机已另起一条数据流水继续填写"
                ),
                format!(
                    "the database lacks {} that this device has signed: an old backup was restored. With the next \
                     exchange the union above gives back what it has. This device goes on in a new incarnation",
                    lang::count(n, "operation", "operations")
                ),
            ),
        };
        self.raise_incarnation(true)?;
        rollback::know(&self.conn, self.me.memory.rolled_back())?;
        // One that was used since is open again in what was put back, and would let a second machine in.
        let now = self.now();
        let detail = match invitations::revoke_open(&self.conn, now)? {
            0 => detail,
            _ => Label::new(
                format!("{}；尚未使用的加入码已全部作废，请重新签发", detail.zh),
                format!("{}. All open invitations are revoked: invite again", detail.en),
            ),
        };
        let evidence =
            Evidence { what: EvidenceKind::Restored, feed, seen_at: now, from: None, ours: None, theirs: None, detail };
        evidence::add(&self.conn, &evidence)?;
        Ok(())
    }

    /// Operations of this device came from elsewhere: this machine does not remember them, so others may follow.
    pub(super) fn on_foreign_own_operations(&mut self, no: i64, from: Option<Peer>) -> Result<()> {
        let row = self.feed(no)?.clone();
        feeds::drop_tail(&self.conn, no, row.packed)?;
        let memory = &self.me.memory;
        let known = memory.before().contains_key(&row.feed.id);
        if row.feed.incarnation == memory.incarnation() {
            self.start_incarnation()?;
        } else if known {
            // What comes back after a database was restored was raised when that was noticed.
            return Ok(());
        }
        self.keep_elsewhere(&row.feed, from)
    }

    /// This device signed something that this machine does not remember.
    pub(super) fn keep_elsewhere(&mut self, feed: &Feed, from: Option<Peer>) -> Result<()> {
        let evidence = Evidence {
            what: EvidenceKind::Elsewhere,
            feed: feed.id,
            seen_at: self.now(),
            from,
            ours: None,
            // One piece of evidence for each feed, however often more of it arrives.
            theirs: Some(v1::Signed { message: feed.header.clone(), signature: Default::default() }),
            detail: Label::new(
                "收到本机密钥签名、但本机没有记忆的内容：可能恢复了旧的整机备份，也可能硬盘被复制、两台机器在用同一密钥。\
                 如是后者，请把其中一台重新设置并另行加入",
                "operations came that are signed with this device's key and that this machine does not remember: a whole \
                 disk was restored, or it was copied and two machines use one key. If so, set one of them up anew and \
                 join it as a device of its own",
            ),
        };
        evidence::add(&self.conn, &evidence)?;
        Ok(())
    }

    /// A new incarnation says where it left the one before: if that is behind what is here, its device was restored from
    /// a backup, or is a clone.
    pub(super) fn detect_restart(&mut self, feed: &Feed, own: bool, from: Option<Peer>) -> Result<()> {
        let Some((before, left_at)) = feed.continues.filter(|_| !own) else { return Ok(()) };
        let Some(no) = self.feed_by_id(&before)? else { return Ok(()) };
        let row = self.feed(no)?.clone();
        if row.feed.device != feed.device || row.size() <= left_at {
            return Ok(());
        }
        self.keep_left(feed, left_at, &row, from)
    }

    /// As `detect_restart`, for a feed that arrives or grows after the one that names it.
    pub(super) fn look_on(&mut self, no: i64, from: Option<Peer>) -> Result<()> {
        let row = self.feed(no)?.clone();
        if row.own {
            return Ok(());
        }
        for other in feeds::of_device(&self.conn, &row.feed.device)? {
            let later = std::sync::Arc::clone(&self.feed(other)?.feed);
            if let Some((before, left_at)) = later.continues
                && before == row.feed.id
                && left_at < row.size()
            {
                self.keep_left(&later, left_at, &row, from)?;
            }
        }
        Ok(())
    }

    fn keep_left(&mut self, feed: &Feed, left_at: u64, row: &FeedRow, from: Option<Peer>) -> Result<()> {
        let who = feed.union.union_name();
        let evidence = Evidence {
            what: EvidenceKind::Restored,
            feed: feed.id,
            seen_at: self.now(),
            from,
            ours: row.head.as_ref().map(|h| h.signed.clone()),
            theirs: None,
            detail: Label::new(
                format!(
                    "{who}的一台设备恢复了旧备份或被复制：其数据流水在此已有{}条，该设备自第{left_at}条之后另起数据流水继续；\
                     所填均已保留、各计一次，请与该单位核实",
                    row.size()
                ),
                format!(
                    "a device of {} was restored from a backup, or is a clone: {} of its feed came here, and it went on \
                     anew after {left_at}. All is kept and counts once; ask that union",
                    feed.union,
                    lang::count(row.size(), "operation", "operations")
                ),
            ),
        };
        evidence::add(&self.conn, &evidence)?;
        Ok(())
    }

    /// Starts a new incarnation, with a number that no clone of this machine is likely to choose.
    pub(super) fn start_incarnation(&mut self) -> Result<()> {
        self.raise_incarnation(false)
    }

    fn raise_incarnation(&mut self, rolled_back: bool) -> Result<()> {
        let mut random = [0; 2];
        (self.me.random)(&mut random);
        let latest = feeds::owned(&self.conn)?.iter().map(|f| f.feed.incarnation).max().unwrap_or(0);
        let latest = latest.max(self.me.memory.incarnation());
        let next = latest.saturating_add(1 + u32::from(u16::from_be_bytes(random)));
        let mut signed = std::mem::take(&mut self.unnoted);
        signed.append(&mut self.marks);
        signed.append(&mut self.job_marks);
        self.me.memory.raise(next, &signed, rolled_back)?;
        tracing::warn!(incarnation = next, "this device goes on in a new incarnation");
        Ok(())
    }

    /// Whether a neighbour is a level above: to the national union's further machines the root is.
    pub(super) fn is_above(&self, from: Peer) -> bool {
        let (me, nation) = (self.me.union, UnionNumber::NATION);
        let root = self.me.root == Some(from.device) && from.device != self.me.device();
        if from.union == me { me == nation && root } else { from.union.contains(me) }
    }

    /// A head of this feed with a valid signature does not agree with what is here.
    pub(super) fn parted(
        &mut self,
        no: i64,
        batch: &Incoming,
        head: &TreeHead,
        operations: &[Operation],
    ) -> Result<Intake> {
        let row = self.feed(no)?.clone();
        let above = batch.from.is_some_and(|from| self.is_above(from));
        let proven = head.size <= row.size();
        if proven {
            self.keep_fork(&row, &head.signed, batch.from)?;
        }
        let ours = row.head.as_ref().map(|h| Box::new(h.signed.clone()));
        let detail = "another history of this feed is here";
        let contradicted = || Intake::Refused { reason: Refusal::Fork, detail: detail.into(), head: ours.clone() };
        let author = batch.from.is_some_and(|from| from.device == row.feed.device);
        if above && author && !batch.settled {
            // The device itself sends another history than before. It is told so, reads the history held here, and
            // reauthors what only this one holds; only then is its history adopted. Its own heads prove the fork, however
            // long the other history is: no proof leads from the head it signed before to the one it signs now.
            if !proven && !evidence::is_open(&self.conn, EvidenceKind::Fork, Some(&row.feed.id), &row.feed.device)? {
                self.keep_fork(&row, &head.signed, batch.from)?;
            }
            return Ok(contradicted());
        }
        // The other history as far as it was looked through before; else what both share, should they part in here.
        let followed = self.others.remove(&no).filter(|edge| edge.size() == batch.first);
        let at = match &followed {
            Some(_) => batch.first,
            None => self.parts_at(&row, batch.first, operations)?,
        };
        let mut edge = match followed {
            Some(edge) => edge,
            None => feeds::edge_at(&self.conn, no, batch.first)?,
        };
        for operation in operations {
            edge.push(operation.leaf());
        }
        if operations.is_empty() || edge.root() != head.root {
            // Everything before it was compared with what is here, head by head: the batch was altered here.
            let from = batch.from.map(|from| from.device);
            let as_compared = |(of, to): &(Option<DeviceId>, u64)| *of == from && *to >= batch.first;
            let compared = row.diverged && self.compared.get(&no).is_some_and(as_compared);
            if (batch.first == 0 || compared) && !operations.is_empty() {
                return Ok(refused(Refusal::Root, "the operations are not those that were signed"));
            }
            if row.diverged && !batch.asked {
                // Another conversation found that out after this one had begun. A refusal would be the last word about this
                // feed for as long as the line stays, also once the fork is settled.
                return Ok(Intake::Again);
            }
            if row.diverged || (proven && !above && !row.own) {
                return Ok(contradicted());
            }
            // Where the fork is, or whether the batch is simply wrong, shows only from the beginning of the feed.
            self.mark_diverged(no, true)?;
            return Ok(Intake::Again);
        }
        self.keep_fork(&row, &head.signed, batch.from)?;
        match (above, row.own) {
            (true, true) => {
                self.adopt(no, at)?;
                // The other history comes in where that was little enough for one job.
                if self.yields(no)?.is_some() { Ok(Intake::Again) } else { self.verify_and_store(batch, None) }
            }
            (true, false) => {
                // Whoever says which of its histories stays has looked through the other.
                self.give_way(no, at, !batch.settled)?;
                Ok(Intake::Again)
            }
            (false, false) => {
                self.mark_diverged(no, false)?;
                Ok(contradicted())
            }
            // A level below holds a history of this device's own feed that the level above lacks. It is read from its
            // beginning, what only it holds is reauthored, and then the history of the level above is adopted.
            (false, true) if !row.diverged => {
                self.mark_diverged(no, true)?;
                Ok(Intake::Again)
            }
            (false, true) => {
                let beyond = operations[(at - batch.first) as usize..].iter().cloned();
                self.others.insert(no, edge);
                self.go_on_anew(&row.feed)?;
                self.say_again(&row.feed, (at..).zip(beyond).collect())?;
                Ok(Intake::Taken { size: head.size, receipt: None })
            }
        }
    }

    /// Another history of a feed may be about, or is no longer: what was compared before says nothing of what comes next.
    pub(super) fn mark_diverged(&mut self, no: i64, diverged: bool) -> Result<()> {
        self.compared.remove(&no);
        self.feed(no)?.diverged = diverged;
        self.touched.insert(no);
        Ok(())
    }

    /// Leaves the incarnation in which this feed was written, if that has not been done.
    pub(super) fn go_on_anew(&mut self, feed: &Feed) -> Result<()> {
        if feed.incarnation == self.me.memory.incarnation() { self.start_incarnation() } else { Ok(()) }
    }

    /// The first operation, from `first` on, in which a batch differs from what is here.
    fn parts_at(&self, row: &FeedRow, first: u64, operations: &[Operation]) -> Result<u64> {
        let mut at = first;
        let mut here: Vec<Operation> = vec![];
        for operation in operations {
            if here.is_empty() {
                here = feeds::operations(&self.conn, row.no, at)?;
                here.reverse();
            }
            if here.pop().is_none_or(|ours| ours.leaf() != operation.leaf()) {
                break;
            }
            at += 1;
        }
        Ok(at)
    }

    fn keep_fork(&mut self, row: &FeedRow, theirs: &v1::Signed, from: Option<Peer>) -> Result<()> {
        let who = row.feed.union.union_name();
        let evidence = Evidence {
            what: EvidenceKind::Fork,
            feed: row.feed.id,
            seen_at: self.now(),
            from,
            ours: row.head.as_ref().map(|h| h.signed.clone()),
            theirs: Some(theirs.clone()),
            detail: Label::new(
                format!(
                    "{who}的一台设备对同一序号签过两种内容：恢复旧备份后又填写，或硬盘被复制、两台机器同用一个密钥；\
                     两个签名均已留存。该设备会另起数据流水重报，请与该单位核实"
                ),
                format!(
                    "a device of {} signed two things under one number: a backup was restored and written to, or a disk \
                     was copied. Both heads are kept, and the device says in a new incarnation what was cut off; ask \
                     that union",
                    row.feed.union
                ),
            ),
        };
        if evidence::add(&self.conn, &evidence)? {
            tracing::error!(feed = %row.feed.id, union = %row.feed.union, "a feed has forked: two signed heads disagree");
        }
        Ok(())
    }

    /// A neighbour refused a batch because it holds another history; this is its head. True where that is wanted from its
    /// beginning, and the conversation did not begin with asking for it.
    pub fn heard_of_fork(&mut self, feed: &FeedId, head: &v1::Signed, from: Peer, asked: bool) -> Result<bool> {
        let Some(no) = self.feed_by_id(feed)? else { return Ok(false) };
        let row = self.feed(no)?.clone();
        let head = match TreeHead::verify(head.clone(), *feed, &row.feed.device) {
            Ok(head) => head,
            // By a newer version: no evidence of anything.
            Err(SignatureError::Algorithms(_)) => return Ok(false),
            Err(error) => {
                self.forged(*feed, head, from, Refusal::Signature, &error.to_string())?;
                return Ok(false);
            }
        };
        if head.size <= row.size() && feeds::root_at(&self.conn, &row, head.size)? == head.root {
            return Ok(false);
        }
        if head.size <= row.size() {
            self.keep_fork(&row, &head.signed, Some(from))?;
        }
        let above = self.is_above(from);
        if !(row.own || above) {
            return Ok(false);
        }
        if !row.diverged {
            self.mark_diverged(no, true)?;
            return Ok(true);
        }
        Ok(!asked)
    }

    /// All that a neighbour remembers of an own feed has been looked through. If any of it was said again, this history
    /// is the one that stays, and the neighbour may be told so.
    pub fn settle_on(&mut self, feed: &FeedId) -> Result<bool> {
        let Some(no) = self.feed_by_id(feed)? else { return Ok(false) };
        let row = self.feed(no)?;
        if !row.own || row.settled || self.yields(no)?.is_some() {
            return Ok(false);
        }
        if !strays::any(&self.conn, feed)? {
            return Ok(false);
        }
        self.feed(no)?.settled = true;
        self.touched.insert(no);
        Ok(true)
    }

    /// Operations `from..to` of a feed, with their numbers.
    pub(super) fn run(&mut self, no: i64, from: u64, to: u64) -> Result<Vec<(u64, Operation)>> {
        let row = self.feed(no)?.clone();
        let mut run = vec![];
        let mut read = segments::Counted::from(from);
        while (run.len() as u64) < to - from
            && let Some(operations) = read.next(&self.conn, &row)?
        {
            run.extend((from + run.len() as u64..to).zip(operations));
        }
        Ok(run)
    }
}
