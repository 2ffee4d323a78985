//! What this device writes: into its own feeds, judged and applied like anything else.

use std::collections::BTreeMap;

use huiliu_proto::{
    edit::{self, Actor, Scalar},
    feed::{Feed, Scope},
    id::{Hash, RecordId},
    kind::{Author, Kind, Privacy, Reach, Shape, Type},
    lang::{Label, Lang},
    operation::{Operation, SALT},
    record::{Record, Refusal, Warning},
    records::revocation,
    rule::Rule,
    rules::NO_SUCH_RECORD,
    seal::SealError,
    segment::{self, Hashed},
    signed::{Seen, TreeHead},
    union::{Level, UnionNumber},
    v1::Revocation,
    value::Value,
};

use super::{Ledger, beside::TakenBack};
use crate::{
    admission::{NOT_ITS_OWN, union_at},
    clock,
    document::Document,
    store::{
        Result, StoreError, documents, feeds, projection, quarantine, records, segments,
        segments::Growth,
        trust,
        voids::{self, State},
    },
};

/// Operations that wait unpacked before they are packed without being asked for.
const TAIL: u64 = 1024;
/// Bytes that one job packs, and what an operation counts for besides its payload: some milliseconds.
const PACKED: usize = 1 << 20;
const OPERATION: usize = 128;
/// A head is signed anew once a day, so that "nothing new" can be told from "not heard of".
const HEAD_LIFE: i64 = 24 * 3_600_000;

/// What became of something a person wanted to write.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteOutcome {
    Written {
        id: RecordId,
        warnings: Vec<Warning>,
        alike: Vec<RecordId>,
    },
    /// The document says so already.
    Unchanged(RecordId),
    /// Nothing was written.
    Refused(Vec<Refusal>),
}

/// Doubts about a new record, and where it belongs.
type Allowed = (Vec<Warning>, Scope);

/// The branch in which a union speaks to one below it: that union, or who is above it two levels down, so that its sisters do not
/// read it, and a device has a few hundred feeds at most: a revocation names a thousand.
fn branch_towards(me: UnionNumber, union: UnionNumber) -> Option<UnionNumber> {
    let child = me.child_towards(union)?;
    Some(child.child_towards(union).unwrap_or(child))
}

impl Ledger {
    /// Says something once.
    pub fn write_entry(&mut self, record: &Record) -> Result<WriteOutcome> {
        if record.kind.shape != Shape::Entry {
            let rule = Rule::new("not_an_entry", "“{kind}”是档案，不是流水记录", "{kind} is a document, not an entry");
            return Err(StoreError::forbidden(rule.kind(record.kind)));
        }
        if self.revoked()? {
            return Err(StoreError::Revoked);
        }
        self.permission()?.lets(record.kind, || Ok(Some(record.clone())))?;
        let (warnings, scope) = match self.allowed(record, &TakenBack::default())? {
            Ok(allowed) => allowed,
            Err(refusals) => return Ok(WriteOutcome::Refused(refusals)),
        };
        let no = self.own_feed(scope)?;
        let id = self.next_id();
        let (salt, time) = (self.salt(record.kind), self.time_beside(&id));
        let operation = Operation::new(record.kind.number, id, time, record.encode(), salt);
        self.append(no, &self.signed_off(operation))?;
        let alike = self.alike(record, Some(&id))?;
        Ok(WriteOutcome::Written { id, warnings, alike })
    }

    /// Why a record would be refused; nothing where it would be written.
    pub fn refusals(&self, record: &Record) -> Result<Vec<Refusal>> {
        self.refusals_after(record, &TakenBack::default())
    }

    /// The same where others are to be written before it.
    pub(crate) fn refusals_after(&self, record: &Record, before: &TakenBack) -> Result<Vec<Refusal>> {
        Ok(self.allowed(record, before)?.err().unwrap_or_default())
    }

    /// Whether a new record may be written, or why not.
    fn allowed(&self, record: &Record, before: &TakenBack) -> Result<Result<Allowed, Vec<Refusal>>> {
        let taken_back = self.takes_back(record)?;
        let warnings = match self.check(record, taken_back.as_ref(), before)? {
            Ok(warnings) => warnings,
            Err(refusals) => return Ok(Err(refusals)),
        };
        if self.may_revoke(self.me.union, record)?.is_err()
            && let Some(value) = record.of::<Revocation>().and_then(|said| said.value(revocation::DEVICE))
        {
            let remedy = Label::new("请由登记该设备的工会注销", "the union that enrolled it revokes it");
            return Ok(Err(vec![revocation::DEVICE.declared().refuse(value, NOT_ITS_OWN, remedy)]));
        }
        let scope = match record.kind.shape {
            Shape::Document => own(record.kind),
            Shape::Entry => match self.scope(record)? {
                Ok(scope) => scope,
                Err(refusal) => return Ok(Err(vec![refusal])),
            },
        };
        Ok(Ok((warnings, scope)))
    }

    /// Writes records that are new and of one kind, in one run. One that breaks a rule is left out, if `skip_wrong`, or ends
    /// all. Returns the ids of those that were written, which follow one another.
    pub(crate) fn write_batch(
        &mut self,
        kind: &'static Kind,
        records: &[Record],
        skip_wrong: bool,
    ) -> Result<Vec<RecordId>> {
        if self.revoked()? {
            return Err(StoreError::Revoked);
        }
        let permission = self.permission()?;
        let mut ids = Vec::with_capacity(records.len());
        let mut runs: BTreeMap<i64, Vec<Operation>> = BTreeMap::new();
        // None of them is in its table before all are judged.
        let mut before = TakenBack::default();
        for record in records {
            let scope = match self.allowed(record, &before)? {
                Ok((_, scope)) => scope,
                Err(_) if skip_wrong => continue,
                Err(refusals) => {
                    let Some(first) = refusals.first() else { return Err(StoreError::Damaged("a refusal of nothing")) };
                    let rule = Rule::new("refused_meanwhile", "{refusal}", "{refusal}");
                    let said = Label::new(first.say(Lang::Zh), first.say(Lang::En));
                    return Err(StoreError::forbidden(rule.named("refusal", first.rule.rule.code(), said)));
                }
            };
            permission.lets(kind, || Ok(Some(record.clone())))?;
            before.add(record);
            let no = self.own_feed(scope)?;
            let id = self.next_id();
            let (salt, time) = (self.salt(kind), self.time_beside(&id));
            let payload = match kind.shape {
                Shape::Entry => record.encode(),
                Shape::Document => {
                    let author = Actor::new(&self.feed(no)?.feed.id, &id);
                    let mut puts = vec![];
                    for (at, value) in record.values().iter().enumerate() {
                        if let Some(value) = value {
                            puts.push((kind.fields[at].number, self.scalar(kind, at, Some(value.clone()), &id)?));
                        }
                    }
                    let edit = Document::default().compose(author, puts, self.edit_salt());
                    let Some(edit) = edit else { return Err(StoreError::Refused("a record of nothing".into())) };
                    edit.encode(author)
                }
            };
            runs.entry(no).or_default().push(self.signed_off(Operation::new(kind.number, id, time, payload, salt)));
            ids.push(id);
        }
        for (no, run) in runs {
            self.append_run(no, &run)?;
        }
        self.own_numbers.forget();
        Ok(ids)
    }

    /// Whether a record that is here seems to be the same real thing as one that is not written yet.
    pub(crate) fn is_alike(&mut self, record: &Record) -> Result<bool> {
        Ok(!self.alike(record, None)?.is_empty())
    }

    /// Why a record that was voided may not come back: what it names does not stand any more, or what it takes back was
    /// taken back by another since.
    pub(crate) fn may_come_back(&self, record: &Record) -> Result<Vec<Refusal>> {
        let mut refusals = self.references(record, None)?;
        refusals.extend(self.taken_back(record, &TakenBack::default())?);
        Ok(refusals)
    }

    /// Creates a document, or changes the fields named; `None` empties a field.
    pub fn write_document(
        &mut self,
        kind: &'static Kind,
        id: Option<RecordId>,
        values: Vec<(usize, Option<Value>)>,
    ) -> Result<WriteOutcome> {
        if kind.shape != Shape::Document {
            let rule = Rule::new("not_edited", "“{kind}”写入后不修改", "{kind} is said once and not edited");
            return Err(StoreError::forbidden(rule.kind(kind)));
        }
        if self.revoked()? {
            return Err(StoreError::Revoked);
        }
        self.permission()?.lets(kind, || Ok(None))?;
        if let Some(id) = &id {
            self.remake_now(self.me.union, id)?;
        }
        let document = match id {
            None => Document::default(),
            Some(id) if voids::state(&self.conn, self.me.union, &id)? == State::Voided => {
                let rule = Rule::new(
                    "voided_not_edited",
                    "{record} 已作废；作废有误的，先恢复再修改",
                    "{record} is voided; if that was a mistake, reinstate it and then edit it",
                );
                return Err(StoreError::forbidden(rule.plain("record", id.to_string())));
            }
            Some(id) => self.own_document(kind, &id)?,
        };
        let record_id = id.unwrap_or_else(|| self.next_id());
        let before = self.plain(kind, &record_id, &document)?;
        let mut record = before.clone();
        for (at, value) in &values {
            record.put(*at, value.clone());
        }
        let warnings = match self.check(&record, Some(&before), &TakenBack::default())? {
            Ok(warnings) => warnings,
            Err(refusals) => return Ok(WriteOutcome::Refused(refusals)),
        };
        let mut puts = Vec::with_capacity(values.len());
        for (at, value) in values {
            puts.push((kind.fields[at].number, self.scalar(kind, at, value, &record_id)?));
        }
        let mut no = self.own_feed(own(kind))?;
        if quarantine::edit_before(&self.conn, no, &record_id, i64::MAX as u64)?.is_some() {
            // It would wait for the turn of what this device said before, which is not here to be followed.
            self.start_incarnation()?;
            no = self.own_feed(own(kind))?;
        }
        let author = Actor::new(&self.feed(no)?.feed.id, &record_id);
        let Some(edit) = document.compose(author, puts, self.edit_salt()) else {
            return Ok(WriteOutcome::Unchanged(record_id));
        };
        let time = if id.is_some() { Some(self.claim()) } else { self.time_beside(&record_id) };
        let salt = self.salt(kind);
        let operation = Operation::new(kind.number, record_id, time, edit.encode(author), salt);
        self.append(no, &self.signed_off(operation))?;
        let alike = self.alike(&record, Some(&record_id))?;
        Ok(WriteOutcome::Written { id: record_id, warnings, alike })
    }

    /// Whether the union above has revoked this device, as far as has been heard here.
    pub(crate) fn revoked(&self) -> Result<bool> {
        trust::revoked(&self.conn, &self.me.device(), self.me.union)
    }

    /// Adds an operation to an own feed, and applies it.
    pub(crate) fn append(&mut self, no: i64, operation: &Operation) -> Result<()> {
        let row = self.feed(no)?;
        let seq = row.size();
        if let Some(root) = row.edge.push(operation.leaf()) {
            feeds::add_block(&self.conn, no, seq / huiliu_proto::tree::RUN, &root)?;
        }
        self.touched.insert(no);
        feeds::add_tail(&self.conn, no, seq, operation)?;
        self.carefully(|ledger| ledger.apply(no, seq, operation))?;
        self.save_documents()?;
        let row = self.feed(no)?;
        row.applied = seq + 1;
        if row.size() - row.packed >= TAIL {
            // A segment; of large operations the rest waits for the next.
            self.pack(no, &mut 1)?;
        }
        Ok(())
    }

    /// The same with many, of which none rests on another.
    fn append_run(&mut self, no: i64, operations: &[Operation]) -> Result<()> {
        let from = self.feed(no)?.size();
        for (seq, operation) in (from..).zip(operations) {
            if let Some(root) = self.feed(no)?.edge.push(operation.leaf()) {
                feeds::add_block(&self.conn, no, seq / huiliu_proto::tree::RUN, &root)?;
            }
            feeds::add_tail(&self.conn, no, seq, operation)?;
        }
        self.touched.insert(no);
        self.apply_run(no, from, operations)?;
        let row = self.feed(no)?;
        row.applied = row.size();
        while {
            let row = self.feed(no)?;
            row.size() - row.packed >= TAIL
        } {
            self.pack(no, &mut 1)?;
        }
        Ok(())
    }

    /// Packs all that waits unpacked, however much it is; where others wait for the writer, `pack_some` is called.
    pub fn pack_all(&mut self) -> Result<()> {
        while self.pack_some()? {}
        Ok(())
    }

    /// Packs what waits unpacked and signs the heads, in all own feeds; heads that grow old are signed anew. Of much a bounded
    /// part; then it says that there is more.
    pub fn pack_some(&mut self) -> Result<bool> {
        let own: Vec<i64> = feeds::owned(&self.conn)?.into_iter().map(|f| f.no).collect();
        let mut room = PACKED;
        for no in own {
            if !self.pack(no, &mut room)? {
                return Ok(true);
            }
            let now = self.now();
            let row = self.feed(no)?.clone();
            if let Some(head) = &row.head
                && row.feed.incarnation == self.me.memory.incarnation()
                && now.saturating_sub(head.time) > HEAD_LIFE
            {
                let size = head.size;
                self.sign(no, size)?;
            }
        }
        Ok(false)
    }

    /// Packs what waits in a feed, segment by segment, while there is room for more bytes. Says whether that was all.
    pub(super) fn pack(&mut self, no: i64, room: &mut usize) -> Result<bool> {
        let row = self.feed(no)?;
        let (mut packed, size) = (row.packed, row.size());
        if packed == size {
            return Ok(true);
        }
        let device = self.me.device();
        let mut edge = feeds::edge_at(&self.conn, no, packed)?;
        while packed < size {
            if *room == 0 {
                return Ok(false);
            }
            let run: Hashed = feeds::tail(&self.conn, no, packed)?.into();
            if run.operations().is_empty() {
                return Err(StoreError::Damaged("an own feed's unpacked operations"));
            }
            let start = edge.clone();
            for operation in run.operations() {
                *room = room.saturating_sub(OPERATION + operation.payload.len());
            }
            run.leaves().iter().for_each(|leaf| _ = edge.push(*leaf));
            let bytes = segment::pack(run.operations())?;
            let head = self.head(no, edge.size(), edge.root())?;
            let verified = TreeHead::verify(head.signed.clone(), head.feed, &device)?;
            let growth = Growth::verify(start.clone(), &start, packed, run, verified, bytes)?;
            let growth = growth.map_err(|_| StoreError::Damaged("an own feed's unpacked operations"))?;
            segments::add(&self.conn, no, &growth, self.me.union, self.now())?;
            packed = edge.size();
            feeds::drop_tail(&self.conn, no, packed)?;
            let row = self.feed(no)?;
            row.packed = packed;
            row.head = Some(head);
            self.touched.insert(no);
        }
        Ok(true)
    }

    fn sign(&mut self, no: i64, size: u64) -> Result<()> {
        let row = self.feed(no)?.clone();
        let head = self.head(no, size, feeds::root_at(&self.conn, &row, size)?)?;
        self.feed(no)?.head = Some(head);
        self.touched.insert(no);
        Ok(())
    }

    fn head(&mut self, no: i64, size: u64, root: Hash) -> Result<TreeHead> {
        let now = self.now();
        let seen = self.authority_seen()?;
        let row = self.feed(no)?;
        let (feed, before) = (row.feed.id, row.head.as_ref().map_or(0, |h| h.time));
        self.job_marks.insert(feed, size);
        Ok(TreeHead::sign(&self.me.key, feed, size, root, now.max(before), seen))
    }

    /// What the union above says to this branch, as far as it has been heard here.
    fn authority_seen(&self) -> Result<Option<Seen>> {
        let Some(parent) = self.me.union.parent() else { return Ok(None) };
        let said = feeds::of_union(&self.conn, parent)?.into_iter();
        let to_us = said.filter(|f| f.feed.scope == Scope::Branch(self.me.union));
        let latest = to_us.max_by_key(|row| (row.feed.incarnation, row.size(), row.feed.id));
        Ok(latest.map(|f| Seen { feed: f.feed.id, size: f.size(), root: f.edge.root() }))
    }

    /// This device's feed of that scope, begun if need be.
    pub(crate) fn own_feed(&mut self, scope: Scope) -> Result<i64> {
        let incarnation = self.me.memory.incarnation();
        let known = self.feeds.values().find(|f| f.own && f.feed.scope == scope && f.feed.incarnation == incarnation);
        if let Some(row) = known {
            return Ok(row.no);
        }
        // A clone's feeds may be of a later incarnation than this machine's; those are skipped.
        let written = |f: &feeds::FeedRow| f.feed.scope == scope && f.feed.incarnation <= incarnation;
        let latest = feeds::owned(&self.conn)?.into_iter().filter(written).max_by_key(|f| f.feed.incarnation);
        let before = match latest {
            Some(row) if row.feed.incarnation == incarnation => return Ok(self.remember(row)),
            // What this job has written there is not in its row yet.
            Some(row) => Some((row.feed.id, self.size_that_stays(row.no)?)),
            None => None,
        };
        let me = &self.me;
        let feed = Feed::new(&me.network, me.union, me.device(), incarnation, scope, before)?;
        let row = feeds::add(&self.conn, &feed, true, None)?;
        Ok(self.remember(row))
    }

    /// Where an entry belongs, if this machine can say it: what is said to those below is admitted from hubs alone. An entry
    /// about a union that is not below this one is refused.
    fn scope(&self, record: &Record) -> Result<Result<Scope, Refusal>> {
        let scope = self.scope_of(record)?;
        if let Ok(scope) = scope {
            self.may_say(record.kind, scope)?;
        }
        Ok(scope)
    }

    /// Whether this machine is heard there.
    pub(super) fn may_say(&self, kind: &Kind, scope: Scope) -> Result<()> {
        let speaks = self.me.hub || self.me.root == Some(self.me.device());
        if scope.speaks_down() && !speaks {
            let rule = Rule::new(
                "written_on_hub",
                "“{kind}”只能在本单位的上级平台机器上填写，别的机器写的下级收不到",
                "{kind} is written on the union's hub: nobody would admit it from another machine",
            );
            return Err(StoreError::forbidden(rule.kind(kind)));
        }
        Ok(())
    }

    fn scope_of(&self, record: &Record) -> Result<Result<Scope, Refusal>> {
        let kind = record.kind;
        match kind.author {
            Author::Owner => Ok(Ok(own(kind))),
            Author::Publisher if self.me.union.level() <= Level::Province => Ok(Ok(Scope::Everyone)),
            Author::Publisher => {
                let rule = Rule::new(
                    "published_by_province",
                    "“{kind}”只由全国总工会或省级总工会发布，适用于全部下级",
                    "{kind} is written by the national union or a provincial one, for all below",
                );
                Err(StoreError::forbidden(rule.kind(kind)))
            }
            Author::Superior => {
                let subject = kind.subject.and_then(|at| union_at(record, at));
                let root = self.me.root == Some(self.me.device());
                let branch = match subject {
                    // The root speaks to the national union itself in the branch of the whole country.
                    Some(UnionNumber::NATION) if root => subject,
                    _ => subject.and_then(|union| branch_towards(self.me.union, union)),
                };
                let personal = kind.reach == Reach::Province;
                if let Some(branch) = branch {
                    let branch = self.branch_of_earlier(record, branch)?;
                    return Ok(Ok(if personal { Scope::PersonalBranch(branch) } else { Scope::Branch(branch) }));
                }
                let me = self.me.union;
                let rule = Rule::new(
                    "subject_not_below",
                    "“{kind}”由上级工会对其下级填写，所填的工会不在{union}之下",
                    "{kind} is written by a union for one below it, and the union named is not below {union}",
                );
                let rule = rule.kind(kind).union(me);
                let named = kind.subject.and_then(|at| Some((&kind.fields[at], record.values()[at].as_ref()?)));
                let Some((field, value)) = named else { return Err(StoreError::forbidden(rule)) };
                let remedy = Label::new("请改填本单位的下级工会", "name a union below this one");
                Ok(Err(field.refuse(value, rule, remedy)))
            }
        }
    }

    /// What goes back to an earlier word of this union is said where that was said, so that whoever heard the one hears the other.
    fn branch_of_earlier(&self, record: &Record, branch: UnionNumber) -> Result<UnionNumber> {
        let mut widest = branch;
        for (field, value) in record.kind.fields.iter().zip(record.values()) {
            let (Type::Reference, Some(Value::Bytes(id))) = (&field.ty, value) else { continue };
            let Ok(id) = RecordId::try_from(&id[..]) else { continue };
            let Some(earlier) = records::get(&self.conn, self.me.union, &id)? else { continue };
            let said_to = feeds::by_no(&self.conn, earlier.place.feed)?.feed.scope.branch();
            widest = said_to.filter(|wider| wider.contains(widest) && *wider != UnionNumber::NATION).unwrap_or(widest);
        }
        Ok(widest)
    }

    /// The time of writing, where the record's id does not tell it: ids go on from the highest, whatever the clock says.
    fn time_beside(&self, id: &RecordId) -> Option<i64> {
        const NEAR: u64 = 60_000;
        let now = self.claim();
        (id.time().abs_diff(now) > NEAR).then_some(now)
    }

    /// The salt of a new edit.
    pub(super) fn edit_salt(&self) -> [u8; edit::SALT] {
        let mut salt = [0; edit::SALT];
        (self.me.random)(&mut salt);
        salt
    }

    pub(super) fn salt(&self, kind: &Kind) -> Option<[u8; SALT]> {
        kind.personal.then(|| {
            let mut salt = [0; SALT];
            (self.me.random)(&mut salt);
            salt
        })
    }

    /// The rules of the kind, and that what the record points at is here. `said`: what it takes back, or what it said before
    /// an edit. `before`: what is taken back by others that are to be written before it.
    fn check(
        &self,
        record: &Record,
        said: Option<&Record>,
        before: &TakenBack,
    ) -> Result<Result<Vec<Warning>, Vec<Refusal>>> {
        let mut warnings = match record.validate() {
            Ok(warnings) => warnings,
            Err(refusals) => return Ok(Err(refusals)),
        };
        let mut missing = vec![];
        // A day more, for a clock that is behind.
        let latest = i64::from(clock::day(self.now()).0) + 1;
        for (field, value) in record.kind.fields.iter().zip(record.values()) {
            if let (true, Some(value @ Value::Int(day))) = (field.past, value)
                && *day > latest
            {
                let rule = Rule::new("to_come", "这一天还没有到", "this day is still to come");
                let remedy = Label::new(
                    "请核对日期；日期没错的，请校准本机时钟",
                    "look at the date again; if it is right, set this machine's clock",
                );
                missing.push(field.refuse(value, rule, remedy));
            }
        }
        missing.extend(self.references(record, said)?);
        missing.extend(self.number_kept(record)?);
        missing.extend(self.number_given(record, said)?);
        missing.extend(self.taken_back(record, before)?);
        let (refusals, doubts) = self.doubts(record)?;
        missing.extend(refusals);
        warnings.extend(doubts);
        Ok(if missing.is_empty() { Ok(warnings) } else { Err(missing) })
    }

    /// What of the records that it names does not stand here. What it names as `said` does is no matter: another machine may
    /// have voided that since, and what was said can still be put right.
    fn references(&self, record: &Record, said: Option<&Record>) -> Result<Vec<Refusal>> {
        let mut missing = vec![];
        for (at, (field, value)) in record.kind.fields.iter().zip(record.values()).enumerate() {
            let (Some(target), Some(value @ Value::Bytes(id))) = (field.reference, value) else { continue };
            if said.is_some_and(|said| said.values()[at].as_ref() == Some(value)) {
                continue;
            }
            let named = huiliu_proto::kind::kind(target).zip(RecordId::try_from(&id[..]).ok());
            if let Some((kind, id)) = named
                && projection::get(&self.conn, kind, &id)?.is_some()
            {
                continue;
            }
            let voided = match named {
                Some((_, id)) => !voids::between(&self.conn, id.as_bytes(), id.as_bytes(), 1)?.is_empty(),
                None => false,
            };
            let (rule, remedy) = match voided {
                true => (
                    Rule::new("names_voided", "该记录已作废", "that record is voided"),
                    Label::new(
                        "请改填有效的记录；作废有误的，先恢复它",
                        "name one that stands; if it was voided by mistake, reinstate it first",
                    ),
                ),
                false => (
                    NO_SUCH_RECORD,
                    Label::new(
                        "请先填写该记录，或核对其编号和名称",
                        "write that record first, or compare its id and name",
                    ),
                ),
            };
            missing.push(field.refuse(value, rule, remedy));
        }
        Ok(missing)
    }

    /// The number of a paper that was voided is not given again.
    fn number_kept(&self, record: &Record) -> Result<Option<Refusal>> {
        let kind = record.kind;
        let Some(at) = kind.fields.iter().position(|field| field.stays_used) else { return Ok(None) };
        let (Some(used), Some(value)) = (voids::used(record, self.me.union), &record.values()[at]) else {
            return Ok(None);
        };
        Ok(voids::keeps(&self.conn, &used)?.map(|by| {
            let rule = Rule::new(
                "number_kept",
                "该号已由作废的记录 {by} 占用，号码不再重用",
                "the voided record {by} keeps this number: it is not given again",
            );
            let rule = rule.named("by", by.to_string(), Label::new(by.to_string(), by.to_string()));
            let remedy = Label::new(
                "请改用下一个号；作废有误的，恢复原记录",
                "give the next number; if it was voided by mistake, reinstate that record",
            );
            kind.fields[at].refuse(value, rule, remedy)
        }))
    }

    fn own_document(&self, kind: &Kind, id: &RecordId) -> Result<Document> {
        let claim = records::get(&self.conn, self.me.union, id)?.filter(|claim| claim.kind == kind.number);
        if claim.is_some() {
            let document = documents::load(&self.conn, self.me.union, id)?;
            return document.ok_or(StoreError::Damaged("a document without its snapshot"));
        }
        match records::of_id(&self.conn, id)?.into_iter().find(|claim| claim.kind == kind.number) {
            Some(claim) => {
                let rule = Rule::new(
                    "edited_by_owner",
                    "{record} 属于{union}，只有该单位可以修改",
                    "{record} belongs to {union}; only its own devices edit it",
                );
                Err(StoreError::forbidden(rule.plain("record", id.to_string()).union(claim.place.owner)))
            }
            None => {
                let rule = Rule::new("none_of_kind", "没有“{kind}” {record}", "there is no {kind} {record}");
                Err(StoreError::forbidden(rule.record(kind, id)))
            }
        }
    }

    /// The document's record with its sealed fields opened: as its own union sees it.
    pub(crate) fn plain(&self, kind: &'static Kind, id: &RecordId, document: &Document) -> Result<Record> {
        let mut record = super::edits::shown(kind, document.fields());
        for (at, field) in kind.fields.iter().enumerate() {
            if field.privacy == Privacy::Sealed
                && let Some(Value::Bytes(sealed)) = &record.values()[at]
            {
                match self.keys.open(sealed, id, field.number) {
                    Ok(text) => record.put(at, Some(Value::Text(text.to_string()))),
                    // Another device of the union sealed it with a key that was not granted to this one: it stays as it is.
                    Err(SealError::Key) => {}
                    Err(SealError::Algorithms(unknown)) => return Err(unknown.into()),
                    Err(_) => return Err(StoreError::Damaged("a sealed field")),
                }
            }
        }
        Ok(record)
    }

    fn scalar(&self, kind: &Kind, at: usize, value: Option<Value>, id: &RecordId) -> Result<Scalar> {
        let sealed = kind.fields[at].privacy == Privacy::Sealed;
        Ok(match value {
            None => Scalar::Cleared,
            Some(Value::Text(text)) if sealed => Scalar::Octets(self.seal(&text, id, kind.fields[at].number)?),
            Some(Value::Bool(v)) => Scalar::Flag(v),
            Some(Value::Int(v)) => Scalar::Number(v),
            Some(Value::Text(v)) => Scalar::Text(v),
            Some(Value::Bytes(v)) => Scalar::Octets(v),
            Some(Value::Lines(_)) => {
                let rule = Rule::new("no_lines", "档案没有明细行", "documents have no repeated lines");
                return Err(StoreError::forbidden(rule));
            }
        })
    }
}

/// Where a union's own records of a kind stand.
fn own(kind: &Kind) -> Scope {
    if kind.warning { Scope::Warning(kind.reach) } else { Scope::Own(kind.reach) }
}
