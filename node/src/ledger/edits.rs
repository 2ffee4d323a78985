//! What an edit does to its document, and the documents that are kept open while a run of edits is applied.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use huiliu_proto::{
    edit::{Actor, Edit},
    feed::Feed,
    id::{DeviceId, Hash, RecordId},
    kind::{Kind, Merge, Privacy},
    operation::Operation,
    record::Record,
    union::UnionNumber,
    void::Void,
};

use super::Ledger;
use crate::{
    admission::{Refusal, number, puts_allowed, value},
    document::{Document, Fields, Misfit},
    rollup,
    store::{
        Result, StoreError,
        documents::{self, Conflict, DocumentRow, Made},
        projection::{self, RecordPlace},
        quarantine,
        records::{self, Claim},
        voids::{self, State},
    },
};

/// Documents that were read or changed last, up to so many bytes.
const MAX_OPEN: usize = 16 << 20;

pub(super) struct Open {
    kind: u32,
    document: Document,
    /// What its page shows.
    shown: Record,
    /// Somebody has voided it, or taken that back.
    voids: bool,
    /// What that comes to.
    state: State,
    /// Changed since it was saved.
    dirty: bool,
}

/// A document before a change.
struct Before {
    shown: Record,
    voids: bool,
    state: State,
}

/// Documents kept in memory, so that a run of edits does not read and save the whole document for each.
#[derive(Default)]
pub(super) struct OpenDocuments {
    open: HashMap<(UnionNumber, RecordId), (u64, Open)>,
    /// The one used longest ago first.
    order: BTreeMap<u64, (UnionNumber, RecordId)>,
    /// Those that changed since all were saved: a thousand may be open where one is changed.
    changed: Vec<(UnionNumber, RecordId)>,
    turn: u64,
    bytes: usize,
}

impl OpenDocuments {
    fn take(&mut self, owner: UnionNumber, id: &RecordId) -> Option<Open> {
        let (turn, open) = self.open.remove(&(owner, *id))?;
        self.order.remove(&turn);
        self.bytes -= open.document.footprint();
        Some(open)
    }

    fn put(&mut self, owner: UnionNumber, id: &RecordId, open: Open) {
        self.turn += 1;
        self.bytes += open.document.footprint();
        if open.dirty {
            self.changed.push((owner, *id));
        }
        self.order.insert(self.turn, (owner, *id));
        self.open.insert((owner, *id), (self.turn, open));
    }

    pub(super) fn forget(&mut self, owner: UnionNumber, id: &RecordId) {
        drop(self.take(owner, id));
    }

    pub(super) fn clear(&mut self) {
        *self = OpenDocuments { turn: self.turn, ..OpenDocuments::default() };
    }
}

impl Ledger {
    pub(super) fn edit(
        &mut self,
        feed: &Feed,
        kind: &'static Kind,
        place: RecordPlace,
        operation: &Operation,
    ) -> Result<std::result::Result<(), Refusal>> {
        let (owner, id) = (place.owner, operation.record);
        let author = Actor::new(&feed.id, &id);
        let edit = match Edit::decode(&operation.payload, author) {
            Ok(edit) => edit,
            Err(error) => {
                return Ok(Err(Refusal::unreadable(&error)));
            }
        };
        let creates = edit.deps.is_empty();
        if creates && !id.made_by(&feed.device) {
            return Ok(Err(Refusal::taken()));
        }
        if let Err(refusal) = puts_allowed(kind, &edit.puts, creates) {
            return Ok(Err(refusal));
        }
        let number = match number::given(feed, kind, &edit) {
            Ok(number) => number,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if creates {
            self.slices.edited(0);
            let begun = match Document::default().fit(author, &edit) {
                Ok(fitting) => fitting,
                Err(misfit) => return Ok(Err(Refusal::misfit(&misfit))),
            };
            if let Some(number) = number
                && records::get(&self.conn, owner, &id)?.is_none()
                && let Err(refusal) = self.may_give(feed, place, &id, number)?
            {
                return Ok(Err(refusal));
            }
            if !records::add(&self.conn, &id, kind.number, place)? {
                return self.claimed(place, operation, None);
            }
            let mut document = Document::default();
            let made = Made { feed: place.feed, seq: place.seq, hash: begun.hash(), weight: begun.weight() };
            document.apply(begun).map_err(|_| StoreError::Damaged("a document that takes no first change"))?;
            self.grown(kind, &id, place, &made, None, document)?;
            self.give(place, &id, number)?;
            return self.take_up_waiting(owner, &id, voids::awaited(&id)).map(Ok);
        }
        let Some(mut open) = self.open_document(owner, &id)?.filter(|open| open.kind == kind.number) else {
            // Nothing of that kind is here for it to follow, whatever else goes by that id.
            return Ok(Err(Refusal::misfit(&Misfit::Early(edit.deps[0]))));
        };
        let at_heads = edit.deps == open.document.heads();
        self.slices.edited(if at_heads { 0 } else { open.document.changes() });
        let fits = open.document.fit(author, &edit);
        if !matches!(fits, Err(Misfit::Early(_) | Misfit::Damaged))
            && let Some(before) = quarantine::edit_before(&self.conn, place.feed, &id, place.seq)?
        {
            // What its device said before is judged first, whatever came here first. Only one that keeps to no rule goes on
            // without what it said itself.
            self.documents.put(owner, &id, open);
            return Ok(Err(Refusal::misfit(&Misfit::Early(quarantine::turn_of(&feed.id, before)))));
        }
        match fits {
            Ok(fitting) => {
                if let Some(number) = number
                    && let Err(refusal) = self.may_give(feed, place, &id, number)?
                {
                    self.documents.put(owner, &id, open);
                    return Ok(Err(refusal));
                }
                let made = Made { feed: place.feed, seq: place.seq, hash: fitting.hash(), weight: fitting.weight() };
                open.document
                    .apply(fitting)
                    .map_err(|_| StoreError::Damaged("a document that takes no change it was compared with"))?;
                let before = Before { shown: open.shown, voids: open.voids, state: open.state };
                self.grown(kind, &id, place, &made, Some(before), open.document)?;
                self.give(place, &id, number).map(Ok)
            }
            // It has changes that it could not be given: it is read anew by whoever wants it next.
            Err(Misfit::Damaged) => Err(StoreError::Damaged("a document that takes no change that fitted it")),
            Err(misfit) => {
                self.documents.put(owner, &id, open);
                match misfit {
                    // It is judged again, and stands.
                    Misfit::Known if documents::change(&self.conn, owner, &id, place.feed, place.seq)?.is_some() => {
                        self.take_up_held(place.feed, place.seq).map(Ok)
                    }
                    Misfit::Known => records::add_repeat(&self.conn, &id, place).map(Ok),
                    misfit => Ok(Err(Refusal::misfit(&misfit))),
                }
            }
        }
    }

    /// A document has changed: it is shown, its figures move by the difference, and it is kept open.
    fn grown(
        &mut self,
        kind: &'static Kind,
        id: &RecordId,
        place: RecordPlace,
        made: &Made,
        before: Option<Before>,
        document: Document,
    ) -> Result<()> {
        let owner = place.owner;
        documents::add_edit(&self.conn, owner, id, made)?;
        let (voids, was) = before.as_ref().map_or((false, State::Stands), |before| (before.voids, before.state));
        let state = if voids { self.weigh_document(owner, id, &document)? } else { State::Stands };
        let before = before.map(|before| before.shown).filter(|_| was.stands());
        let shown = match (was.stands(), state.stands()) {
            (true, true) => self.show(kind, id, place, &document, before)?,
            // A document stands where it was created.
            (false, true) => {
                let created = records::get(&self.conn, owner, id)?.map_or(place, |claim| claim.place);
                self.show(kind, id, created, &document, None)?
            }
            (stood, false) => {
                if let Some(before) = before.filter(|_| stood) {
                    self.hide(kind, id, owner, &before)?;
                }
                shown(kind, document.fields())
            }
        };
        if state != was {
            self.note_voided(&shown, owner, id, state)?;
        }
        self.documents.put(owner, id, Open { kind: kind.number, document, shown, voids, state, dirty: true });
        while self.documents.bytes > MAX_OPEN
            && let Some((_, (owner, id))) = self.documents.order.first_key_value().map(|(turn, key)| (*turn, *key))
            && let Some(mut open) = self.documents.take(owner, &id)
        {
            self.save_document(owner, &id, &mut open)?;
        }
        Ok(())
    }

    /// A void of a document, or its taking back, has come. Says which change it names that is not here yet; then nothing
    /// is done.
    pub(super) fn void_document(
        &mut self,
        kind: &'static Kind,
        id: &RecordId,
        claim: Claim,
        place: RecordPlace,
        leaf: &Hash,
        void: &Void,
    ) -> Result<Option<Hash>> {
        let owner = place.owner;
        let Some(mut open) = self.open_document(owner, id)? else {
            return Err(StoreError::Damaged("a document without its snapshot"));
        };
        if let Some(missing) = void.heads.iter().find(|head| !open.document.knows(head)).copied() {
            self.documents.put(owner, id, open);
            return Ok(Some(missing));
        }
        voids::add(&self.conn, id, leaf, place, void)?;
        let state = self.weigh_document(owner, id, &open.document)?;
        match (open.state.stands(), state.stands()) {
            (true, false) => self.hide(kind, id, owner, &open.shown)?,
            (false, true) => {
                self.show(kind, id, claim.place, &open.document, None)?;
            }
            _ => {}
        }
        if state != open.state {
            self.note_voided(&open.shown, owner, id, state)?;
        }
        (open.voids, open.state) = (true, state);
        self.documents.put(owner, id, open);
        Ok(None)
    }

    /// A document leaves its page and the totals; what it holds stays.
    fn hide(&mut self, kind: &'static Kind, id: &RecordId, owner: UnionNumber, shown: &Record) -> Result<()> {
        self.count(owner, rollup::parts(shown, owner), -1);
        documents::clear_conflicts(&self.conn, owner, id)?;
        projection::remove(&self.conn, kind, owner, id)
    }

    /// Takes a document out of the open ones, or reads it.
    fn open_document(&mut self, owner: UnionNumber, id: &RecordId) -> Result<Option<Open>> {
        if let Some(open) = self.documents.take(owner, id) {
            return Ok(Some(open));
        }
        let Some(row) = documents::get(&self.conn, owner, id)? else { return Ok(None) };
        self.cost.document_bytes += row.snapshot.len() as u64;
        let damaged = StoreError::Damaged("a document's snapshot");
        let Some(kind) = huiliu_proto::kind::numbered(row.kind) else { return Err(damaged) };
        let Ok(document) = Document::load(&row.snapshot) else { return Err(damaged) };
        let shown = shown(kind, document.fields());
        let voids = voids::any(&self.conn, owner, id)?;
        let state = if voids { voids::state(&self.conn, owner, id)? } else { State::Stands };
        Ok(Some(Open { kind: row.kind, document, shown, voids, state, dirty: false }))
    }

    fn save_document(&mut self, owner: UnionNumber, id: &RecordId, open: &mut Open) -> Result<()> {
        if std::mem::take(&mut open.dirty) {
            let snapshot = open.document.save();
            let snapshot =
                snapshot.map_err(|_| StoreError::Damaged("a document that takes no change that fitted it"))?;
            self.cost.document_bytes += snapshot.len() as u64;
            documents::put(&self.conn, id, &DocumentRow { kind: open.kind, owner, snapshot })?;
        }
        Ok(())
    }

    /// Writes the open documents that changed: before anything may be undone or looked at without them.
    pub(super) fn save_documents(&mut self) -> Result<()> {
        let mut documents = std::mem::take(&mut self.documents);
        for (owner, id) in std::mem::take(&mut documents.changed) {
            if let Some((_, open)) = documents.open.get_mut(&(owner, id)) {
                self.save_document(owner, &id, open)?;
            }
        }
        self.documents = documents;
        Ok(())
    }

    /// Shows a document as it now stands, with its open conflicts, and counts the difference.
    fn show(
        &mut self,
        kind: &'static Kind,
        id: &RecordId,
        place: RecordPlace,
        document: &Document,
        before: Option<Record>,
    ) -> Result<Record> {
        let fields = document.fields();
        let record = shown(kind, fields);
        let sealed = kind.fields.iter().position(|f| f.privacy == Privacy::Sealed);
        let index = sealed.and_then(|at| self.blind(id, kind.fields[at].number, record.values()[at].as_ref()));
        projection::put_document(&self.conn, id, place, &record, index.as_ref())?;
        if before.is_some() {
            documents::clear_conflicts(&self.conn, place.owner, id)?;
        }
        for (field, values) in fields {
            let ask = kind.field_numbered(*field).is_some_and(|at| kind.fields[at].merge == Merge::Ask);
            if !ask || values.iter().all(|v| v.value == values[0].value) {
                continue;
            }
            let mut all = vec![];
            for value in values {
                all.push((value.value.clone(), self.device_of(place.owner, id, &value.put.actor)?));
            }
            let (kind, owner) = (kind.number, place.owner);
            documents::add_conflict(&self.conn, &Conflict { record: *id, kind, owner, field: *field, values: all })?;
        }
        if let Some(before) = before {
            self.count(place.owner, rollup::parts(&before, place.owner), -1);
        }
        self.count(place.owner, rollup::parts(&record, place.owner), 1);
        Ok(record)
    }

    fn device_of(&mut self, owner: UnionNumber, id: &RecordId, actor: &Actor) -> Result<Option<DeviceId>> {
        for no in documents::authors(&self.conn, owner, id)? {
            let feed = Arc::clone(&self.feed(no)?.feed);
            if Actor::new(&feed.id, id) == *actor {
                return Ok(Some(feed.device));
            }
        }
        Ok(None)
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
