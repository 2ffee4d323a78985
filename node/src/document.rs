//! Documents: records that several devices of one union edit. The only file that touches Automerge.
//!
//! Automerge parses nothing that a peer wrote. An edit arrives as typed puts (`huiliu_proto::edit`); `fit` compares it
//! with the document it claims to change, and `build` makes the Automerge change from it. Author and receiver run the
//! same `build`, so that both have the same bytes and the same hash. Snapshots are loaded from our own store only.
//!
//! What is asked of every edit is kept beside Automerge's bytes (`snapshot`): the changes with what they follow, and the fields
//! as they stand. So Automerge itself is asked only where devices wrote beside each other, or where history is looked at.
//!
//! Keys are field numbers in decimal: a renamed field stays the same field, and a put to a field that only a newer
//! version knows is kept. A field is emptied by putting null; no delete operation exists, so what a put replaces is
//! always exactly what stood there.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroU64,
};

use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ExpandedChange, LoadOptions, ObjId, ROOT, ReadDoc,
    ScalarValue, Value, VerificationMode,
    legacy::{Key, ObjectId, Op, OpId, OpType},
};
use huiliu_proto::{
    edit::{Actor, Edit, MAX_COUNTER, MAX_OVER, Put, PutId, SALT, Scalar},
    id::{Hash, hex},
};

mod snapshot;

/// An edit may follow so many changes, and they and it may take up so much: no honest dossier comes near. Counted is what
/// the edit itself follows, so that every order of arrival comes to the same verdict.
pub const MAX_CHANGES: usize = 4096;
pub const MAX_WEIGHT: u64 = 256 * 1024;

/// Why an edit does not fit the document as it is known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// What it follows has not arrived. It is asked again when the document changes.
    #[error("it follows a change that has not arrived")]
    Early(Hash),
    #[error("it is already part of the document")]
    Known,
    #[error("its author's changes to this document are not numbered one after another")]
    Sequence,
    #[error("its first put's number is not the next one after what it follows")]
    StartOp,
    #[error("it replaces other values of field {0} than those that stood there")]
    Replaces(u32),
    #[error("the document already exists, and the edit follows nothing")]
    Unrooted,
    #[error("the document has {MAX_CHANGES} changes or {MAX_WEIGHT} bytes and takes no more")]
    Full,
    #[error("the document as stored here cannot be read")]
    Damaged,
}

/// Changes lie one by one behind what Automerge packed, until they come to so many bytes and half of what it packed; then it
/// packs all of them.
const LOOSE: usize = 4096;

#[derive(Default)]
pub struct Document {
    /// All changes, as Automerge packed and built them: what it loads.
    bytes: Vec<u8>,
    /// So many of the bytes are one piece that it packed.
    packed: usize,
    /// What Automerge made of them, where it was asked.
    inner: Option<Automerge>,
    /// Changes that `inner` is still to be given. Each follows all before it.
    pending: Vec<Change>,
    /// The fields as they stand. Where they are not known, Automerge was asked, or there are none.
    fields: OnceCell<Fields>,
    /// Changes that no other follows, in order.
    heads: Vec<Hash>,
    /// All changes, for what is asked of every edit: none before what it follows.
    changes: Vec<Known>,
    /// Where in `changes` each is.
    places: HashMap<Hash, usize>,
    /// Each author's last change: its number and hash.
    last: HashMap<Actor, (u64, Hash)>,
    /// Of all changes together.
    weight: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    hash: Hash,
    author: Actor,
    seq: u64,
    deps: Vec<Hash>,
    max_op: u64,
    weight: u64,
}

/// A change that fits a document, as built from an edit.
pub struct Fitting {
    change: Change,
    known: Known,
    /// What its puts leave in their fields, if it follows all that is there.
    leaves: Vec<(u32, StandingValue)>,
}

impl Fitting {
    pub fn hash(&self) -> Hash {
        self.known.hash
    }

    pub fn weight(&self) -> u64 {
        self.known.weight
    }
}

/// One value of a field, and the put that set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingValue {
    pub value: Scalar,
    pub put: PutId,
}

/// All values of a field, the winner first: more than one where devices disagree.
pub type Fields = BTreeMap<u32, Vec<StandingValue>>;

impl Document {
    /// Loads a snapshot that `save` made and our own store kept.
    pub fn load(snapshot: &[u8]) -> Result<Document, Misfit> {
        snapshot::read(snapshot)
    }

    /// The same, and that it says nothing else than what Automerge makes of all its changes.
    pub fn examine(snapshot: &[u8]) -> Result<Document, Misfit> {
        let mut document = Document::load(snapshot)?;
        let mut whole = unpacked(std::mem::take(&mut document.bytes))?;
        document.bytes = std::mem::take(&mut whole.bytes);
        let same = |known: &Known| whole.known(&known.hash).is_some_and(|whole| whole.says(known));
        let agree = whole.changes.len() == document.changes.len()
            && document.changes.iter().all(same)
            && whole.heads == document.heads
            && whole.fields() == document.fields();
        if agree { Ok(document) } else { Err(Misfit::Damaged) }
    }

    fn learn(&mut self, known: Known) {
        let Known { hash, author, seq, .. } = known;
        self.weight += known.weight;
        self.heads.retain(|head| !known.deps.contains(head));
        let at = self.heads.partition_point(|head| *head < hash);
        self.heads.insert(at, hash);
        self.places.insert(hash, self.changes.len());
        self.changes.push(known);
        let last = self.last.entry(author).or_insert((seq, hash));
        if last.0 < seq {
            *last = (seq, hash);
        }
    }

    fn known(&self, change: &Hash) -> Option<&Known> {
        self.changes.get(*self.places.get(change)?)
    }

    /// Whether it holds a change.
    pub fn knows(&self, change: &Hash) -> bool {
        self.places.contains_key(change)
    }

    /// How many changes it has.
    pub fn changes(&self) -> usize {
        self.changes.len()
    }

    /// Its changes in the order in which one followed the other, each with the number of its first put.
    pub fn in_order(&self) -> Vec<(u64, Hash)> {
        // A put is numbered after all that its change follows.
        let first = |known: &Known| (self.max_op(&known.deps).unwrap_or_default() + 1, known.hash);
        let mut all: Vec<(u64, Hash)> = self.changes.iter().map(first).collect();
        all.sort_unstable();
        all
    }

    /// Roughly how much memory it takes.
    pub fn footprint(&self) -> usize {
        16 * 1024 + self.changes.len() * 512 + self.weight as usize * 4
    }

    /// All of it, as `load` takes it.
    pub fn save(&mut self) -> Result<Vec<u8>, Misfit> {
        if self.bytes.len() - self.packed > LOOSE + self.packed / 2 {
            self.bytes = self.whole()?.save();
            self.packed = self.bytes.len();
        }
        Ok(snapshot::write(self))
    }

    /// All of it, as every Automerge loads it.
    pub fn export(&mut self) -> Result<Vec<u8>, Misfit> {
        Ok(self.whole()?.save())
    }

    /// With all its changes.
    fn whole(&mut self) -> Result<&Automerge, Misfit> {
        let pending = std::mem::take(&mut self.pending);
        match &mut self.inner {
            Some(inner) if !pending.is_empty() => inner.apply_changes(pending).map_err(|_| Misfit::Damaged)?,
            Some(_) => {}
            None => self.inner = Some(automerge(&self.bytes)?),
        }
        self.inner.as_ref().ok_or(Misfit::Damaged)
    }

    /// In the order of their bytes.
    pub fn heads(&self) -> &[Hash] {
        &self.heads
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// One hash that stands for the document's state: what a filing freezes.
    pub fn state(&self) -> Hash {
        Hash::of(&self.heads.iter().map(|h| h.as_bytes()).collect::<Vec<_>>())
    }

    pub fn fields(&self) -> &Fields {
        self.fields.get_or_init(|| {
            // Where they are not known, nothing is pending.
            let Some(inner) = &self.inner else { return Fields::new() };
            let keys: Vec<u32> = inner.keys(ROOT).filter_map(|k| k.parse().ok()).collect();
            let now = |field: u32| all(inner.get_all(ROOT, field.to_string()));
            keys.into_iter().map(|field| (field, now(field))).collect()
        })
    }

    /// The fields as they stood at earlier heads; what is not a head of this document is passed over.
    pub fn fields_as_of(&mut self, heads: &[Hash]) -> Result<Fields, Misfit> {
        let (inner, heads) = (self.whole()?, changes(heads));
        let keys: Vec<u32> = inner.keys_at(ROOT, &heads).filter_map(|k| k.parse().ok()).collect();
        let then = |field: u32| all(inner.get_all_at(ROOT, field.to_string(), &heads));
        Ok(keys.into_iter().map(|field| (field, then(field))).collect())
    }

    /// The puts whose values of these fields stood at earlier heads, in order.
    fn stood(&mut self, fields: &[u32], heads: &[Hash]) -> Result<Vec<Vec<PutId>>, Misfit> {
        if heads == self.heads {
            let now = self.fields();
            return Ok(fields.iter().map(|field| puts(now.get(field).map_or(&[], |all| &all[..]))).collect());
        }
        let (inner, heads) = (self.whole()?, changes(heads));
        let then = |field: &u32| puts(&all(inner.get_all_at(ROOT, field.to_string(), &heads)));
        Ok(fields.iter().map(then).collect())
    }

    /// The edit that puts these values, as `author`; `None` where it would change nothing. `salt` is random and new.
    pub fn compose(&self, author: Actor, values: Vec<(u32, Scalar)>, salt: [u8; SALT]) -> Option<Edit> {
        let now = self.fields();
        let mut values: BTreeMap<u32, Scalar> = values.into_iter().collect();
        let mut said = vec![];
        while let Some((field, value)) = values.pop_first() {
            let standing = now.get(&field).map_or(&[][..], |all| &all[..]);
            let same = match standing {
                [] => value == Scalar::Cleared,
                [one] => one.value == value,
                _ => false,
            };
            if !same {
                said.push(Put { field, value, over: puts(standing) });
            }
        }
        if said.is_empty() {
            return None;
        }
        Some(Edit {
            deps: self.heads.clone(),
            seq: self.last_seq(author) + 1,
            start_op: self.max_op(&self.heads)? + 1,
            puts: said,
            salt: Some(salt),
        })
    }

    /// Asks whether `edit` is what an honest device could have written to this document, and builds its change.
    pub fn fit(&mut self, author: Actor, edit: &Edit) -> Result<Fitting, Misfit> {
        let missing = edit.deps.iter().find(|dep| !self.knows(dep));
        if let Some(missing) = missing {
            return Err(Misfit::Early(*missing));
        }
        let max_op = self.max_op(&edit.deps).ok_or(Misfit::Damaged)?;
        let change = build(author, edit);
        let hash = hash_of(&change);
        if self.knows(&hash) {
            return Err(Misfit::Known);
        }
        if edit.deps.is_empty() && !self.changes.is_empty() {
            return Err(Misfit::Unrooted);
        }
        if edit.seq != self.last_seq(author) + 1 || (edit.seq > 1 && !self.follows_own(author, &edit.deps)) {
            return Err(Misfit::Sequence);
        }
        if edit.start_op != max_op + 1 || edit.start_op > MAX_COUNTER {
            return Err(Misfit::StartOp);
        }
        let fields: Vec<u32> = edit.puts.iter().map(|put| put.field).collect();
        for (put, over) in edit.puts.iter().zip(self.stood(&fields, &edit.deps)?) {
            if over != put.over || over.len() > MAX_OVER {
                return Err(Misfit::Replaces(put.field));
            }
        }
        let weight = edit.weight();
        let (changes, before) = self.followed(&edit.deps);
        if changes >= MAX_CHANGES || before.saturating_add(weight) > MAX_WEIGHT {
            return Err(Misfit::Full);
        }
        let max_op = max_op + edit.puts.len() as u64;
        let known = Known { hash, author, seq: edit.seq, deps: edit.deps.clone(), max_op, weight };
        let leaves = (edit.start_op..).zip(&edit.puts).map(|(counter, put)| {
            (put.field, StandingValue { value: put.value.clone(), put: PutId { counter, actor: author } })
        });
        Ok(Fitting { change, known, leaves: leaves.collect() })
    }

    /// Adds an edit, if it fits.
    pub fn receive(&mut self, author: Actor, edit: &Edit) -> Result<(), Misfit> {
        let fitting = self.fit(author, edit)?;
        self.apply(fitting)
    }

    /// Adds a change that `fit` built against this document.
    pub fn apply(&mut self, fitting: Fitting) -> Result<(), Misfit> {
        self.fields();
        self.bytes.extend_from_slice(fitting.change.raw_bytes());
        if self.inner.is_some() {
            self.pending.push(fitting.change);
        }
        match self.fields.get_mut().filter(|_| fitting.known.deps == self.heads) {
            // It replaces exactly what stood there.
            Some(fields) => fields.extend(fitting.leaves.into_iter().map(|(field, left)| (field, vec![left]))),
            None => {
                self.whole()?;
                self.fields.take();
            }
        }
        self.learn(fitting.known);
        Ok(())
    }

    /// The highest put number in the history of these heads; `None` if one of them is unknown.
    fn max_op(&self, heads: &[Hash]) -> Option<u64> {
        heads.iter().try_fold(0, |max, head| Some(self.known(head)?.max_op.max(max)))
    }

    fn last_seq(&self, author: Actor) -> u64 {
        self.last.get(&author).map_or(0, |(seq, _)| *seq)
    }

    /// Whether the author's last change is in the history of `deps`.
    fn follows_own(&self, author: Actor, deps: &[Hash]) -> bool {
        self.last.get(&author).is_some_and(|(_, last)| self.follows(deps, last))
    }

    /// Whether what follows `deps` follows that change too.
    pub fn follows(&self, deps: &[Hash], change: &Hash) -> bool {
        deps.contains(change) || deps == self.heads || self.history(deps).contains(change)
    }

    /// How many changes something that follows `deps` follows, and what they weigh.
    fn followed(&self, deps: &[Hash]) -> (usize, u64) {
        if deps == self.heads {
            return (self.changes.len(), self.weight);
        }
        let history = self.history(deps);
        let weight = history.iter().filter_map(|hash| self.known(hash)).map(|known| known.weight).sum();
        (history.len(), weight)
    }

    fn history(&self, deps: &[Hash]) -> BTreeSet<Hash> {
        let mut seen = BTreeSet::new();
        let mut queue = deps.to_vec();
        while let Some(hash) = queue.pop() {
            if seen.insert(hash)
                && let Some(known) = self.known(&hash)
            {
                queue.extend_from_slice(&known.deps);
            }
        }
        seen
    }
}

impl Known {
    /// Whether another says the same but for what it weighs, which Automerge does not know.
    fn says(&self, other: &Known) -> bool {
        let Known { hash, author, seq, deps, max_op, weight: _ } = self;
        let sorted = |deps: &[Hash]| deps.iter().copied().collect::<BTreeSet<_>>();
        (hash, author, seq, max_op) == (&other.hash, &other.author, &other.seq, &other.max_op)
            && sorted(deps) == sorted(&other.deps)
    }
}

fn automerge(bytes: &[u8]) -> Result<Automerge, Misfit> {
    let options = LoadOptions::new().verification_mode(VerificationMode::DontCheck);
    Automerge::load_with_options(bytes, options).map_err(|_| Misfit::Damaged)
}

/// All that Automerge says of a document.
fn unpacked(bytes: Vec<u8>) -> Result<Document, Misfit> {
    let inner = automerge(&bytes)?;
    let mut document = Document { packed: bytes.len(), bytes, ..Document::default() };
    for meta in inner.get_changes_meta(&[]) {
        let author = Actor(meta.actor.to_bytes().try_into().map_err(|_| Misfit::Damaged)?);
        let deps = meta.deps.iter().map(|h| Hash(h.0)).collect();
        let (hash, seq, max_op) = (Hash(meta.hash.0), meta.seq, meta.max_op);
        document.learn(Known { hash, author, seq, deps, max_op, weight: 0 });
    }
    document.inner = Some(inner);
    Ok(document)
}

fn changes(heads: &[Hash]) -> Vec<ChangeHash> {
    heads.iter().map(|head| ChangeHash(head.0)).collect()
}

/// The puts that values stand by, in order.
fn puts(standing: &[StandingValue]) -> Vec<PutId> {
    let mut puts: Vec<PutId> = standing.iter().map(|standing| standing.put).collect();
    puts.sort_unstable();
    puts
}

/// All values of a field, the winner first, as Automerge orders them.
fn all(values: Result<Vec<(Value<'_>, ObjId)>, AutomergeError>) -> Vec<StandingValue> {
    let mut values: Vec<StandingValue> = values.unwrap_or_default().into_iter().filter_map(standing).collect();
    values.reverse();
    values
}

fn standing((value, id): (Value<'_>, ObjId)) -> Option<StandingValue> {
    let Value::Scalar(value) = value else { return None };
    let ObjId::Id(counter, actor, _) = id else { return None };
    let value = match value.as_ref() {
        ScalarValue::Null => Scalar::Cleared,
        ScalarValue::Boolean(v) => Scalar::Flag(*v),
        ScalarValue::Int(v) => Scalar::Number(*v),
        ScalarValue::Str(v) => Scalar::Text(v.to_string()),
        ScalarValue::Bytes(v) => Scalar::Octets(v.clone()),
        _ => return None,
    };
    Some(StandingValue { value, put: PutId { counter, actor: Actor(actor.to_bytes().try_into().ok()?) } })
}

/// The hash of the change that an edit stands for.
pub fn change(author: Actor, edit: &Edit) -> Hash {
    hash_of(&build(author, edit))
}

fn hash_of(change: &Change) -> Hash {
    Hash(change.hash().0)
}

/// The Automerge change an edit stands for: the same bytes wherever it is built.
pub fn build(author: Actor, edit: &Edit) -> Change {
    let operations = edit.puts.iter().map(|put| Op {
        action: OpType::Put(match &put.value {
            Scalar::Cleared => ScalarValue::Null,
            Scalar::Flag(v) => ScalarValue::Boolean(*v),
            Scalar::Number(v) => ScalarValue::Int(*v),
            Scalar::Text(v) => ScalarValue::Str(v.as_str().into()),
            Scalar::Octets(v) => ScalarValue::Bytes(v.clone()),
        }),
        obj: ObjectId::Root,
        key: Key::Map(put.field.to_string().into()),
        pred: put.over.iter().map(|id| OpId(id.counter, ActorId::from(id.actor.0))).collect(),
        insert: false,
    });
    Change::from(ExpandedChange {
        operations: operations.collect(),
        actor_id: ActorId::from(author.0),
        hash: None,
        seq: edit.seq,
        start_op: NonZeroU64::new(edit.start_op).unwrap_or(NonZeroU64::MIN),
        time: 0,
        // Makes the hash one that nobody can guess the values back from.
        message: edit.salt.map(|salt| hex(&salt)),
        deps: edit.deps.iter().map(|h| ChangeHash(h.0)).collect(),
        extra_bytes: vec![],
        author: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Actor = Actor([1; 16]);
    const B: Actor = Actor([2; 16]);

    fn text(value: &str) -> Scalar {
        Scalar::Text(value.into())
    }

    fn write(document: &mut Document, author: Actor, values: &[(u32, &str)]) -> Edit {
        let values = values.iter().map(|(f, v)| (*f, text(v))).collect();
        let edit = document.compose(author, values, [7; SALT]).unwrap();
        document.receive(author, &edit).unwrap();
        edit
    }

    #[test]
    fn concurrent_values_stand_side_by_side_until_somebody_writes() {
        let (mut a, mut b) = (Document::default(), Document::default());
        let first = write(&mut a, A, &[(1, "张三"), (8, "1")]);
        b.receive(A, &first).unwrap();
        let ours = write(&mut a, A, &[(1, "张三丰")]);
        let theirs = write(&mut b, B, &[(1, "张参"), (8, "2")]);
        a.receive(B, &theirs).unwrap();
        b.receive(A, &ours).unwrap();
        assert_eq!(a.fields(), b.fields());
        assert_eq!(a.heads(), b.heads());
        assert_eq!(a.fields()[&1].len(), 2);
        assert_eq!(a.fields()[&8].len(), 1);
        let settled = write(&mut b, B, &[(1, "张三丰")]);
        a.receive(B, &settled).unwrap();
        assert_eq!(a.fields()[&1].len(), 1);
        assert_eq!(Document::load(&a.save().unwrap()).unwrap().fields(), b.fields());
    }

    /// What is known of a document without asking Automerge is what Automerge says, whoever writes after or beside whom.
    #[test]
    fn fields_and_heads_are_those_that_automerge_has() {
        let mut state = 7_u64;
        let mut roll = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let as_automerge = |document: &mut Document| {
            let saved = document.save().unwrap();
            for said in [Document::examine(&saved).unwrap(), unpacked(document.export().unwrap()).unwrap()] {
                assert_eq!((said.fields(), said.heads()), (document.fields(), document.heads()));
                assert_eq!(said.state(), document.state());
            }
            assert_eq!(Document::load(&saved).unwrap().save().unwrap(), saved, "the same again");
        };
        for _ in 0..40 {
            let mut both = [Document::default(), Document::default()];
            let first = write(&mut both[0], A, &[(1, "x"), (2, "y")]);
            both[1].receive(A, &first).unwrap();
            let mut unheard: [Vec<Edit>; 2] = Default::default();
            for n in 0..30 {
                let (who, author) = if roll(2) == 0 { (0, A) } else { (1, B) };
                if roll(4) == 0 {
                    for edit in unheard[1 - who].drain(..) {
                        both[who].receive(if who == 0 { B } else { A }, &edit).unwrap();
                    }
                } else {
                    let said: Vec<(u32, Scalar)> = (1..=1 + roll(3) as u32)
                        .map(|field| {
                            (field, if roll(5) == 0 { Scalar::Cleared } else { text(&format!("{author:?}{n}")) })
                        })
                        .collect();
                    let Some(edit) = both[who].compose(author, said, [7; SALT]) else { continue };
                    both[who].receive(author, &edit).unwrap();
                    unheard[who].push(edit);
                }
                if roll(3) == 0 {
                    as_automerge(&mut both[who]);
                }
            }
            both.iter_mut().for_each(as_automerge);
        }
    }

    /// The same of edits that follow whatever a device that keeps to no rule makes them follow, given one by one, many at
    /// once, and to a document that was saved in between.
    #[test]
    fn what_edits_follow_is_whatever_they_say() {
        let mut state = 3_u64;
        let mut roll = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        for _ in 0..60 {
            let [mut one_by_one, mut at_once, mut saved] = <[Document; 3]>::default();
            let mut said: Vec<Hash> = vec![];
            for n in 0..24 {
                let author = [A, B, Actor([3; 16])][roll(3)];
                // Some of what is there, heads or not, and its author's last.
                let mut deps: Vec<Hash> = said.iter().copied().filter(|_| roll(4) == 0).collect();
                deps.extend(said.last().filter(|_| roll(2) == 0 || n == 1));
                deps.extend(at_once.last.get(&author).map(|(_, last)| *last));
                if roll(3) == 0 {
                    deps = at_once.heads().to_vec();
                }
                deps.sort_unstable();
                deps.dedup();
                let fields: Vec<u32> = (1..5).filter(|_| roll(2) == 0).collect();
                let over = one_by_one.stood(&fields, &deps).unwrap();
                let puts = fields.iter().zip(over).map(|(field, over)| {
                    let value = if roll(6) == 0 { Scalar::Cleared } else { text(&format!("{}", roll(3))) };
                    Put { field: *field, value, over }
                });
                let puts: Vec<Put> = puts.collect();
                let Some(max_op) = at_once.max_op(&deps).filter(|_| !puts.is_empty()) else { continue };
                let seq = at_once.last_seq(author) + 1;
                let edit = Edit { deps, seq, start_op: max_op + 1, puts, salt: Some([n as u8; SALT]) };
                let fits = one_by_one.receive(author, &edit);
                assert_eq!(at_once.receive(author, &edit), fits);
                assert_eq!(saved.receive(author, &edit), fits);
                one_by_one = Document::load(&one_by_one.save().unwrap()).unwrap();
                if roll(4) == 0 {
                    saved.save().unwrap();
                }
                said.extend(fits.is_ok().then(|| change(author, &edit)));
                for other in [&at_once, &saved] {
                    assert_eq!(other.heads(), one_by_one.heads());
                    assert_eq!(other.fields(), one_by_one.fields());
                }
                Document::examine(&one_by_one.save().unwrap()).unwrap();
            }
            assert!(said.len() > 3, "{}", said.len());
            let [a, b, c] = [&mut one_by_one, &mut at_once, &mut saved].map(|document| document.save().unwrap());
            assert_eq!(Document::load(&a).unwrap().state(), Document::load(&b).unwrap().state());
            assert_eq!(Document::load(&b).unwrap().fields(), Document::load(&c).unwrap().fields());
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut a = Document::default();
        let first = write(&mut a, A, &[(1, "x")]);
        let second = a.compose(A, vec![(1, text("y"))], [7; SALT]).unwrap();
        assert_eq!(refusal(&mut Document::default(), &second), Misfit::Early(second.deps[0]));
        assert_eq!(refusal(&mut a, &first), Misfit::Known);
        assert_eq!(a.fit(B, &first).map(|_| ()).unwrap_err(), Misfit::Unrooted);
        let mut bent = |change: fn(&mut Edit)| {
            let mut edit = second.clone();
            change(&mut edit);
            refusal(&mut a, &edit)
        };
        assert_eq!(bent(|e| e.seq = 7), Misfit::Sequence);
        assert_eq!(bent(|e| e.start_op = 9), Misfit::StartOp);
        assert_eq!(bent(|e| e.puts[0].over.clear()), Misfit::Replaces(1));
        assert_eq!(bent(|e| e.puts[0].over[0].counter = 5), Misfit::Replaces(1));
        assert!(matches!(bent(|e| e.deps[0].0[0] ^= 1), Misfit::Early(_)));
    }

    fn refusal(document: &mut Document, edit: &Edit) -> Misfit {
        document.fit(A, edit).map(|_| ()).unwrap_err()
    }

    /// A telephone number that is one of ten thousand is not found from what the next edit follows.
    #[test]
    fn a_hash_does_not_give_a_value_away() {
        let told = |salt| {
            let mut document = Document::default();
            let edit = document.compose(A, vec![(1, text("13900001234"))], salt).unwrap();
            document.receive(A, &edit).unwrap();
            (document.compose(A, vec![(2, text("x"))], [9; SALT]).unwrap().deps, document.state())
        };
        let (deps, state) = told([1; SALT]);
        assert_eq!(told([1; SALT]), (deps.clone(), state), "author and receiver build the same");
        let (others, other) = told([2; SALT]);
        assert!(others != deps && other != state);
    }

    /// What an edit follows is counted, however the document grew.
    #[test]
    fn a_document_takes_so_much_and_no_more() {
        let large = "文".repeat(5_000);
        let mut document = Document::default();
        let mut count = 0;
        loop {
            let edit = document.compose(A, vec![(1, text(&format!("{large}{count}")))], [7; SALT]).unwrap();
            match document.fit(A, &edit) {
                Ok(fitting) => document.apply(fitting).unwrap(),
                Err(misfit) => break assert_eq!(misfit, Misfit::Full),
            }
            count += 1;
        }
        assert_eq!(count, MAX_WEIGHT / (15_000 + 150));
        let mut again = Document::load(&document.save().unwrap()).unwrap();
        assert_eq!(again.weight, document.weight);
        let edit = again.compose(A, vec![(1, text(&large))], [7; SALT]).unwrap();
        assert_eq!(refusal(&mut again, &edit), Misfit::Full);
    }

    #[test]
    fn nothing_to_say_is_no_edit() {
        let mut a = Document::default();
        write(&mut a, A, &[(1, "x")]);
        assert_eq!(a.compose(A, vec![(1, text("x")), (2, Scalar::Cleared)], [7; SALT]), None);
    }
}
