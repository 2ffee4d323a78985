//! What one operation does to the tables: judged, then shown, then counted.

use std::{collections::BTreeSet, sync::Arc};

use huiliu_proto::{
    edit::{Actor, Edit, Put, Scalar},
    feed::Feed,
    id::{DeviceId, FeedId, Hash, RecordId},
    kind::{Kind, Merge, Privacy, Shape, kind},
    lang::Lang,
    operation::Operation,
    period::Day,
    record::Record,
    union::{Level, UnionNumber},
    v1::Ruling,
    value::Value,
};

use super::{Change, Ledger};
use crate::{
    admission::{self, Reason, Refusal},
    document::{Document, Fields, Misfit},
    rollup::{self, Part},
    store::{
        Result, StoreError,
        documents::{self, Conflict, DocumentRow},
        feeds,
        projection::{self, Place},
        quarantine::{self, Held},
        rollups::{self, Stated},
        segments, trust,
    },
};

impl Ledger {
    /// Judges an operation and does what it says; one that may not count is marked, and the rest goes on.
    pub(super) fn apply(&mut self, no: i64, seq: u64, operation: &Operation) -> Result<()> {
        let feed = Arc::clone(&self.feed(no)?.feed);
        match self.judge(&feed, no, seq, operation)? {
            Ok(()) => Ok(()),
            Err(refusal) => self.hold(no, seq, operation, refusal),
        }
    }

    /// Keeps an operation out of everything, and why.
    pub(super) fn hold(&mut self, no: i64, seq: u64, operation: &Operation, refusal: Refusal) -> Result<()> {
        quarantine::add(
            &self.conn,
            &Held {
                feed: no,
                seq,
                record: operation.record,
                kind: operation.kind,
                reason: refusal.reason.word().into(),
                detail: refusal.detail,
                awaits: refusal.awaits,
            },
        )
    }

    fn judge(&mut self, feed: &Feed, no: i64, seq: u64, operation: &Operation) -> Result<Result<(), Refusal>> {
        if operation.destroyed.is_some() {
            // Nothing is left to show or to count; what it proved, the tree still proves.
            return Ok(Ok(()));
        }
        if self.limit(no)?.is_some_and(|limit| seq >= limit)
            && trust::ruling(&self.conn, feed, seq)? != Some(Ruling::Released)
        {
            return Ok(Err(Refusal::revoked()));
        }
        let kind = match admission::kind_in(feed, operation) {
            Ok(kind) => kind,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let place = Place { owner: feed.union, feed: no, seq };
        match kind.shape {
            Shape::Entry => match admission::entry(feed, kind, operation) {
                Ok(record) => self.entry(&operation.record, place, &record),
                Err(refusal) => Ok(Err(refusal)),
            },
            Shape::Document => {
                let judged = self.edit(feed, kind, place, operation)?;
                if judged.is_ok() {
                    self.take_up_waiting(&operation.record, no, seq)?;
                }
                Ok(judged)
            }
        }
    }

    fn entry(&mut self, id: &RecordId, place: Place, record: &Record) -> Result<Result<(), Refusal>> {
        if let Err(refusal) = self.may_revoke(place.owner, record)? {
            return Ok(Err(refusal));
        }
        if !projection::put_entry(&self.conn, id, place, record)? {
            return self.said_before(id, place, record);
        }
        let mut parts = rollup::parts(record, place.owner);
        match record.kind.name {
            "work_entry" => self.field_day(record, &mut parts)?,
            "rating" => self.regrade(id, record, &mut parts)?,
            "budget" => self.rebudget(id, record, &mut parts)?,
            "statement" => return self.take_statement(id, record),
            "enrolment" | "revocation" => {
                self.keys_may_move(record);
                if let Some(device) = record.bytes("device").and_then(|d| DeviceId::try_from(d).ok()) {
                    self.waking.extend(feeds::of_device(&self.conn, &device)?);
                }
                self.judge_again()?;
                if record.kind.name == "enrolment" {
                    self.newcomer(place, record)?;
                    self.take_up_revocations(record)?;
                }
            }
            "quarantine_ruling" => self.rule(record)?,
            "key_grant" | "key_return" => self.keys_may_move(record),
            _ => {}
        }
        self.count(place.owner, parts, 1);
        Ok(Ok(()))
    }

    /// An entry whose id is taken. Said again by its own device after a restored backup, it counts once, where it stands
    /// first. With other contents, the one that stands first counts: first in the order of a rebuild, not of arrival, so
    /// that every level comes to the same.
    fn said_before(&mut self, id: &RecordId, place: Place, record: &Record) -> Result<Result<(), Refusal>> {
        let there = projection::find(&self.conn, id)?;
        let same = there.as_ref().is_some_and(|row| row.place.owner == place.owner && row.record == *record);
        let first = match &there {
            Some(row) => self.precedes(place, row.place)?,
            None => false,
        };
        match (same, first) {
            (true, true) => projection::move_entry(&self.conn, record.kind, id, place)?,
            (false, true) => self.stale = true,
            _ => {}
        }
        Ok(if same { Ok(()) } else { Err(taken()) })
    }

    /// Whether an operation comes before another when all is computed again.
    fn precedes(&mut self, one: Place, other: Place) -> Result<bool> {
        let (a, b) = (self.feed(one.feed)?.order(), self.feed(other.feed)?.order());
        Ok((a, one.seq) < (b, other.seq))
    }

    /// A device is revoked by the union that enrolled it, for the union it was enrolled for. What else is said of it
    /// waits for such an enrolment.
    pub(super) fn may_revoke(&self, owner: UnionNumber, record: &Record) -> Result<Result<(), Refusal>> {
        if record.kind.name != "revocation" {
            return Ok(Ok(()));
        }
        let device = record.bytes("device").and_then(|d| DeviceId::try_from(d).ok());
        let union = record.int("union").and_then(|number| UnionNumber::try_from(number).ok());
        let (Some(device), Some(union)) = (device, union) else { return Ok(Ok(())) };
        if trust::superior(union) == owner && trust::enrolled(&self.conn, &device, union, owner, false)? {
            return Ok(Ok(()));
        }
        Ok(Err(Refusal::new(
            Reason::NotAllowed,
            format!("该设备不是由{}为{}登记的，无权注销", owner.union_name(), union.union_name()),
            format!("{owner} has not enrolled that device for {union}, so it is not for it to revoke"),
        )))
    }

    /// An enrolment came: revocations of the device that came before it are judged again.
    fn take_up_revocations(&mut self, enrolment: &Record) -> Result<()> {
        let Some(kind) = kind("revocation") else { return Ok(()) };
        for held in quarantine::of_kind(&self.conn, kind.number)? {
            if held.reason != Reason::NotAllowed.word() {
                continue;
            }
            let Some(operation) = self.counted(held.feed, held.seq)? else { continue };
            let feed = Arc::clone(&self.feed(held.feed)?.feed);
            let Ok(record) = admission::entry(&feed, kind, &operation) else { continue };
            let same = ["device", "union"].iter().all(|name| {
                let at = |record: &Record| record.kind.field(name).map(|at| record.values()[at].clone());
                at(&record) == at(enrolment)
            });
            if same {
                quarantine::remove(&self.conn, held.feed, held.seq)?;
                self.apply(held.feed, held.seq, &operation)?;
            }
        }
        Ok(())
    }

    /// How much of a feed may count, where its device is revoked.
    fn limit(&mut self, no: i64) -> Result<Option<u64>> {
        if let Some(limit) = self.limits.get(&no) {
            return Ok(*limit);
        }
        let feed = Arc::clone(&self.feed(no)?.feed);
        let limit = trust::limit(&self.conn, &feed)?;
        self.limits.insert(no, limit);
        Ok(limit)
    }

    /// A revocation may have come: where something counts that it does not let stand, all is computed again.
    fn judge_again(&mut self) -> Result<()> {
        self.limits.clear();
        for no in self.waking.clone() {
            let applied = self.feed(no)?.applied;
            let Some(limit) = self.limit(no)?.filter(|limit| applied > *limit) else { continue };
            let held = quarantine::of_feed(&self.conn, no)?.into_iter();
            let held = held.filter(|h| h.seq >= limit && h.reason == Reason::Revoked.word()).count() as u64;
            // What is held already, because another revocation said so before, does not count.
            self.stale |= held < applied - limit;
        }
        Ok(())
    }

    /// The union above has ruled on operations of a feed: those that are held are judged again, and if one counts that
    /// was set aside, all is computed again.
    fn rule(&mut self, record: &Record) -> Result<()> {
        let Some(feed) = record.bytes("in_feed").and_then(|f| FeedId::try_from(f).ok()) else { return Ok(()) };
        let Some(no) = self.feed_by_id(&feed)? else { return Ok(()) };
        let (Some(first), Some(count)) = (record.int("first"), record.int("count")) else { return Ok(()) };
        let Some(limit) = self.limit(no)? else { return Ok(()) };
        let row = self.feed(no)?;
        let (applied, feed) = (row.applied, Arc::clone(&row.feed));
        let held = quarantine::of_feed(&self.conn, no)?;
        let held: BTreeSet<u64> =
            held.into_iter().filter(|h| h.reason == Reason::Revoked.word()).map(|h| h.seq).collect();
        let end = first.saturating_add(count).unsigned_abs().min(applied);
        for seq in first.unsigned_abs().max(limit)..end {
            match (trust::ruling(&self.conn, &feed, seq)?, held.contains(&seq)) {
                (Some(Ruling::Released), true) => {
                    let Some(operation) = self.counted(no, seq)? else { continue };
                    quarantine::remove(&self.conn, no, seq)?;
                    self.apply_alone(no, seq, &operation)?;
                }
                (Some(Ruling::Released), false) | (_, true) => {}
                (_, false) => self.stale = true,
            }
        }
        Ok(())
    }

    /// Adds (`sign` 1) or takes away (-1) parts of a union's own figures.
    fn count(&mut self, owner: UnionNumber, parts: Vec<Part>, sign: i128) {
        for (measure, month, amount) in parts {
            self.add_to((owner, measure, month), Change { own: amount * sign, shared: 0 });
        }
    }

    fn field_day(&self, record: &Record, parts: &mut Vec<Part>) -> Result<()> {
        if record.bytes("enterprise").is_none() || record.bytes("corrects").is_some() {
            return Ok(());
        }
        let (Some(mediator), Some(day)) = (record.bytes("mediator"), record.int("done_on")) else { return Ok(()) };
        if rollups::add_field_day(&self.conn, mediator, day)?
            && let Ok(day) = i32::try_from(day)
        {
            parts.push((rollup::ENTERPRISE_DAYS, Day(day).month().0, 1));
        }
        Ok(())
    }

    /// Ratings of one enterprise hold one after another, whatever order they came in.
    fn regrade(&self, id: &RecordId, record: &Record, parts: &mut Vec<Part>) -> Result<()> {
        let Some(enterprise) = record.bytes("enterprise") else { return Ok(()) };
        let after = rollups::ratings(&self.conn, enterprise)?;
        let before: Vec<_> = after.iter().filter(|r| r.1 != *id).copied().collect();
        parts.extend(rollup::grades(&after));
        parts.extend(rollup::grades(&before).into_iter().map(|(m, month, n)| (m, month, -n)));
        Ok(())
    }

    /// Of a budget and those that replace it, the last counts.
    fn rebudget(&self, id: &RecordId, record: &Record, parts: &mut Vec<Part>) -> Result<()> {
        let replaced = Value::Bytes(id.to_vec());
        if projection::list_where(&self.conn, record.kind, "replaces", &replaced)?.is_empty() {
            parts.extend(rollup::budget(record));
        }
        let before = record.bytes("replaces").and_then(|b| RecordId::try_from(b).ok());
        if let Some(before) = before
            && let Some(row) = projection::get(&self.conn, record.kind, &before)?
            && projection::list_where(&self.conn, record.kind, "replaces", &Value::Bytes(before.to_vec()))?.len() == 1
        {
            parts.extend(rollup::budget(&row.record).into_iter().map(|(m, month, n)| (m, month, -n)));
        }
        Ok(())
    }

    /// Figures count only where the records they come from are not seen.
    fn take_statement(&mut self, id: &RecordId, record: &Record) -> Result<Result<(), Refusal>> {
        let (Some(union), Some(month)) = (record.int("union"), record.int("month")) else { return Ok(Ok(())) };
        let (Ok(union), Ok(month)) = (UnionNumber::try_from(union), i32::try_from(month)) else { return Ok(Ok(())) };
        if self.me.union.level() != Level::Nation
            || rollups::latest_statement(&self.conn, union, month)?.as_ref() != Some(id)
        {
            return Ok(Ok(()));
        }
        let before = rollups::statement(&self.conn, union, month, Some(id))?;
        let now = rollups::statement(&self.conn, union, month, None)?;
        for (figures, sign) in [(before, -1), (now, 1)] {
            for (measure, Stated { own, shared }) in figures {
                self.add_to((union, measure, month), Change { own: own * sign, shared: shared * sign });
            }
        }
        Ok(Ok(()))
    }

    fn edit(
        &mut self,
        feed: &Feed,
        kind: &'static Kind,
        place: Place,
        operation: &Operation,
    ) -> Result<Result<(), Refusal>> {
        let id = operation.record;
        let author = Actor::new(&feed.id, &id);
        let edit = match Edit::decode(&operation.payload, author) {
            Ok(edit) => edit,
            Err(error) => {
                return Ok(Err(Refusal::new(Reason::Misfit, "修改内容无法读取", error.to_string())));
            }
        };
        let creates = edit.deps.is_empty();
        if creates && !id.made_by(&feed.device) {
            return Ok(Err(taken()));
        }
        let row = documents::get(&self.conn, &id)?;
        if creates
            && row.is_some()
            && let Some(there) = projection::find(&self.conn, &id)?
            && self.precedes(place, there.place)?
        {
            // Two beginnings under one id: the one that stands first holds, whichever came first.
            self.stale = true;
        }
        if let Some(row) = &row
            && (row.owner != feed.union || row.kind != kind.number)
        {
            return Ok(Err(Refusal::new(
                Reason::Owner,
                format!("此档案属于{}，其他单位不得修改", row.owner.union_name()),
                format!("the document belongs to {}; only its own devices edit it", row.owner),
            )));
        }
        if let Err(refusal) = puts_allowed(kind, &edit.puts, creates) {
            return Ok(Err(refusal));
        }
        let mut document = match &row {
            None => Document::default(),
            Some(row) => Document::load(&row.snapshot)
                .map_err(|_| StoreError::Damaged("a document's snapshot; run `rebuild`"))?,
        };
        let change = match document.fit(author, &edit) {
            Ok(change) => change,
            Err(Misfit::Known) => return Ok(Ok(())),
            Err(misfit) => return Ok(Err(Refusal::misfit(&misfit))),
        };
        let before = row.is_some().then(|| shown(kind, &document.fields()));
        let hash = Hash(change.hash().0);
        document
            .apply(change)
            .map_err(|_| StoreError::Damaged("a document that takes no change it was compared with"))?;
        let snapshot = document.save();
        documents::put(&self.conn, &id, &DocumentRow { kind: kind.number, owner: feed.union, snapshot })?;
        documents::add_edit(&self.conn, &id, place.feed, place.seq, &hash)?;
        self.show(kind, &id, place, &document, before)?;
        Ok(Ok(()))
    }

    /// Shows a document as it now stands, with its open conflicts, and counts the difference.
    fn show(
        &mut self,
        kind: &'static Kind,
        id: &RecordId,
        place: Place,
        document: &Document,
        before: Option<Record>,
    ) -> Result<()> {
        let fields = document.fields();
        let record = shown(kind, &fields);
        let sealed = kind.fields.iter().position(|f| f.privacy == Privacy::Sealed);
        let index = sealed.and_then(|at| self.blind(id, kind.fields[at].number, record.values()[at].as_ref()));
        projection::put_document(&self.conn, id, place, &record, index.as_ref())?;
        documents::clear_conflicts(&self.conn, id)?;
        for (field, values) in &fields {
            let ask = kind.field_numbered(*field).is_some_and(|at| kind.fields[at].merge == Merge::Ask);
            if !ask || values.iter().all(|v| v.value == values[0].value) {
                continue;
            }
            let values = values
                .iter()
                .map(|v| Ok((v.value.clone(), self.device_of(id, &v.put.actor)?)))
                .collect::<Result<_>>()?;
            documents::add_conflict(
                &self.conn,
                &Conflict { record: *id, kind: kind.number, owner: place.owner, field: *field, values },
            )?;
        }
        if let Some(before) = before {
            let parts = rollup::parts(&before, place.owner);
            self.count(place.owner, parts, -1);
        }
        let parts = rollup::parts(&record, place.owner);
        self.count(place.owner, parts, 1);
        Ok(())
    }

    fn device_of(&mut self, id: &RecordId, actor: &Actor) -> Result<Option<DeviceId>> {
        for (no, ..) in documents::edits(&self.conn, id)? {
            let feed = Arc::clone(&self.feed(no)?.feed);
            if Actor::new(&feed.id, id) == *actor {
                return Ok(Some(feed.device));
            }
        }
        Ok(None)
    }

    /// An edit was applied: those that waited for it are judged again, and those that waited for them.
    fn take_up_waiting(&mut self, record: &RecordId, no: i64, seq: u64) -> Result<()> {
        let mut applied = vec![(no, seq)];
        while let Some((no, seq)) = applied.pop() {
            let Some(change) = documents::change(&self.conn, record, no, seq)? else { continue };
            for held in quarantine::waiting(&self.conn, record, &change)? {
                let Some(operation) = self.counted(held.feed, held.seq)? else { continue };
                let feed = Arc::clone(&self.feed(held.feed)?.feed);
                let Ok(kind) = admission::kind_in(&feed, &operation) else { continue };
                let place = Place { owner: feed.union, feed: held.feed, seq: held.seq };
                let judged = match self.guarded(|ledger| ledger.edit(&feed, kind, place, &operation))? {
                    Ok(judged) => judged,
                    Err(failure) => {
                        self.set_aside(held.feed, held.seq, &operation, &failure)?;
                        continue;
                    }
                };
                match judged {
                    Ok(()) => {
                        quarantine::remove(&self.conn, held.feed, held.seq)?;
                        applied.push((held.feed, held.seq));
                    }
                    Err(refusal) => {
                        let reason = refusal.reason.word().into();
                        let held = Held { reason, detail: refusal.detail, awaits: refusal.awaits, ..held };
                        quarantine::add(&self.conn, &held)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Applies the operations of a feed that wait, if its author may write: all that its segments hold.
    pub(super) fn catch_up(&mut self, no: i64, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let row = self.feed(no)?.clone();
        if !self.admitted(&row.feed, row.own)? {
            return Ok(());
        }
        let (mut seq, mut read) = (row.applied, segments::Counted::from(row.applied));
        loop {
            let operations = match read.next(&self.conn, &row) {
                Ok(Some(operations)) => operations,
                Ok(None) => break,
                Err(StoreError::Altered { feed, at }) => {
                    // This feed stops here; the others go on.
                    self.keep_altered(&feed, at)?;
                    break;
                }
                Err(error) => return Err(error),
            };
            let count = operations.len() as u64;
            self.apply_run(no, seq, &operations)?;
            seq += count;
            progress(count);
        }
        self.feed(no)?.applied = seq;
        self.touched.insert(no);
        Ok(())
    }

    /// An operation that is stored, to be counted; none where it is not what was signed.
    pub(super) fn counted(&mut self, no: i64, seq: u64) -> Result<Option<Operation>> {
        let row = self.feed(no)?.clone();
        match segments::counted(&self.conn, &row, seq) {
            Err(StoreError::Altered { feed, at }) => {
                self.keep_altered(&feed, at)?;
                Ok(None)
            }
            read => read,
        }
    }

    /// Applies what has been waiting for an enrolment that has arrived; that may bring more enrolments.
    pub(super) fn wake(&mut self) -> Result<()> {
        while let Some(no) = self.waking.pop_first() {
            self.catch_up(no, &mut |_| ())?;
        }
        Ok(())
    }

    /// Whether the feed's device may write for the feed's union, up to the network's root; and whether what it speaks to
    /// is below it. Into the branch of the whole country only the root writes: what it enrols there are further machines
    /// of the national union.
    pub(super) fn admitted(&self, feed: &Feed, own: bool) -> Result<bool> {
        let root = self.me.root == Some(feed.device) && feed.union == UnionNumber::NATION;
        match feed.scope.branch() {
            _ if feed.newer.is_some() => return Ok(false),
            Some(UnionNumber::NATION) => return Ok(root),
            Some(branch) if branch == feed.union || !feed.union.contains(branch) => return Ok(false),
            _ => {}
        }
        if own || root {
            return Ok(true);
        }
        let (by, hub) = (trust::superior(feed.union), feed.scope.speaks_down());
        trust::enrolled(&self.conn, &feed.device, feed.union, by, hub)
    }
}

/// The winner of each field, as a record. Fields that only a newer version knows are passed over.
pub(crate) fn shown(kind: &'static Kind, fields: &Fields) -> Record {
    let mut record = Record::new(kind);
    for (number, values) in fields {
        let (Some(at), Some(first)) = (kind.field_numbered(*number), values.first()) else { continue };
        if let Some(value) = value(&first.value) {
            record.put(at, Some(value));
        }
    }
    record
}

pub(crate) fn value(scalar: &Scalar) -> Option<Value> {
    Some(match scalar {
        Scalar::Cleared => return None,
        Scalar::Flag(v) => Value::Bool(*v),
        Scalar::Number(v) => Value::Int(*v),
        Scalar::Text(v) => Value::Text(v.clone()),
        Scalar::Octets(v) => Value::Bytes(v.clone()),
    })
}

/// The rules of each field that is put, and that a new document has what it must have.
pub(crate) fn puts_allowed(kind: &'static Kind, puts: &[Put], creates: bool) -> Result<(), Refusal> {
    for put in puts {
        let Some(at) = kind.field_numbered(put.field) else { continue };
        let field = &kind.fields[at];
        let rule = |zh: String, en: String| Err(Refusal::new(Reason::Rule, zh, en));
        match value(&put.value) {
            None if field.required => {
                return rule(
                    format!("“{}”为必填项，不能清空", field.label.zh),
                    format!("{} is required and cannot be emptied", field.label.en),
                );
            }
            None => {}
            Some(Value::Text(_)) if field.privacy == Privacy::Sealed => {
                return rule(format!("“{}”未加密", field.label.zh), format!("{} is not sealed", field.label.en));
            }
            Some(value) => {
                if let Err(refusal) = field.check(&value) {
                    return rule(refusal.say(Lang::Zh), refusal.say(Lang::En));
                }
            }
        }
    }
    let missing = kind.fields.iter().find(|f| f.required && !puts.iter().any(|p| p.field == f.number));
    match missing {
        Some(field) if creates => Err(Refusal::new(
            Reason::Rule,
            format!("缺少必填项“{}”", field.label.zh),
            format!("{} is required", field.label.en),
        )),
        _ => Ok(()),
    }
}

fn taken() -> Refusal {
    Refusal::new(
        Reason::Id,
        "记录编号已被另一条内容不同的记录使用，或不是该设备所能生成的；请与填报单位核对",
        "the record id is taken by another record, or could not have been made by this device",
    )
}
