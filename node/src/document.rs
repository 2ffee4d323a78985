//! Documents: records that several devices of one union edit. The only file that touches Automerge.
//!
//! Automerge parses nothing that a peer wrote. An edit arrives as typed puts (`huiliu_proto::edit`); `fit` compares it
//! with the document it claims to change, and `build` makes the Automerge change from it. Author and receiver run the
//! same `build`, so that both have the same bytes and the same hash. Snapshots are loaded from our own store only.
//!
//! Keys are field numbers in decimal: a renamed field stays the same field, and a put to a field that only a newer
//! version knows is kept. A field is emptied by putting null; no delete operation exists, so what a put replaces is
//! always exactly what stood there.

use std::{collections::BTreeMap, num::NonZeroU64};

use automerge::{
    ActorId, Automerge, Change, ChangeHash, ExpandedChange, LoadOptions, ObjId, ROOT, ReadDoc, ScalarValue, Value,
    VerificationMode,
    legacy::{Key, ObjectId, Op, OpId, OpType},
};
use huiliu_proto::{
    edit::{Actor, Edit, MAX_COUNTER, MAX_OVER, Put, PutId, Scalar},
    id::Hash,
};

/// More changes than this and the record wants a successor: no honest dossier comes near.
pub const MAX_CHANGES: usize = 4096;

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
    #[error("the document has {MAX_CHANGES} changes and takes no more")]
    Full,
    #[error("the document as stored here cannot be read: run `rebuild`")]
    Damaged,
}

pub struct Document {
    inner: Automerge,
}

/// One value of a field, and the put that set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub value: Scalar,
    pub put: PutId,
}

/// All values of a field, the winner first: more than one where devices disagree.
pub type Fields = BTreeMap<u32, Vec<Standing>>;

impl Default for Document {
    fn default() -> Self {
        Document { inner: Automerge::new() }
    }
}

impl Document {
    /// Loads a snapshot that `save` made and our own store kept.
    pub fn load(snapshot: &[u8]) -> Result<Document, Misfit> {
        let options = LoadOptions::new().verification_mode(VerificationMode::DontCheck);
        let inner = Automerge::load_with_options(snapshot, options).map_err(|_| Misfit::Damaged)?;
        Ok(Document { inner })
    }

    pub fn save(&self) -> Vec<u8> {
        self.inner.save()
    }

    pub fn heads(&self) -> Vec<Hash> {
        self.inner.get_heads().iter().map(|h| Hash(h.0)).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// One hash that stands for the document's state: what a filing freezes.
    pub fn state(&self) -> Hash {
        let heads = self.heads();
        Hash::of(&heads.iter().map(|h| h.as_bytes()).collect::<Vec<_>>())
    }

    pub fn fields(&self) -> Fields {
        self.fields_at(&self.inner.get_heads())
    }

    /// The fields as they stood at earlier heads; what is not a head of this document is passed over.
    pub fn fields_as_of(&self, heads: &[Hash]) -> Fields {
        let heads: Vec<ChangeHash> = heads.iter().map(|h| ChangeHash(h.0)).collect();
        self.fields_at(&heads)
    }

    fn fields_at(&self, heads: &[ChangeHash]) -> Fields {
        let keys: Vec<u32> = self.inner.keys_at(ROOT, heads).filter_map(|k| k.parse().ok()).collect();
        keys.into_iter().map(|field| (field, self.standing(field, heads))).collect()
    }

    /// The winner first, as Automerge orders them.
    fn standing(&self, field: u32, heads: &[ChangeHash]) -> Vec<Standing> {
        let key = field.to_string();
        let current = heads == self.inner.get_heads();
        let all = if current { self.inner.get_all(ROOT, key) } else { self.inner.get_all_at(ROOT, key, heads) };
        let mut values: Vec<Standing> = all.unwrap_or_default().into_iter().filter_map(standing).collect();
        values.reverse();
        values
    }

    /// The edit that puts these values, as `author`; `None` where it would change nothing.
    pub fn compose(&self, author: Actor, values: Vec<(u32, Scalar)>) -> Option<Edit> {
        let heads = self.inner.get_heads();
        let mut values: BTreeMap<u32, Scalar> = values.into_iter().collect();
        let mut puts = vec![];
        while let Some((field, value)) = values.pop_first() {
            let standing = self.standing(field, &heads);
            let same = match &standing[..] {
                [] => value == Scalar::Cleared,
                [one] => one.value == value,
                _ => false,
            };
            if !same {
                let mut over: Vec<PutId> = standing.into_iter().map(|s| s.put).collect();
                over.sort_unstable();
                puts.push(Put { field, value, over });
            }
        }
        if puts.is_empty() {
            return None;
        }
        Some(Edit {
            deps: heads.iter().map(|h| Hash(h.0)).collect(),
            seq: self.last_seq(author) + 1,
            start_op: self.max_op(&heads)? + 1,
            puts,
        })
    }

    /// Asks whether `edit` is what an honest device could have written to this document, and builds its change.
    pub fn fit(&self, author: Actor, edit: &Edit) -> Result<Change, Misfit> {
        let deps: Vec<ChangeHash> = edit.deps.iter().map(|h| ChangeHash(h.0)).collect();
        let missing = edit.deps.iter().find(|dep| self.inner.get_change_meta_by_hash(&ChangeHash(dep.0)).is_none());
        if let Some(missing) = missing {
            return Err(Misfit::Early(*missing));
        }
        let max_op = self.max_op(&deps).ok_or(Misfit::Damaged)?;
        let change = build(author, edit);
        if self.inner.get_change_meta_by_hash(&change.hash()).is_some() {
            return Err(Misfit::Known);
        }
        if deps.is_empty() && !self.inner.is_empty() {
            return Err(Misfit::Unrooted);
        }
        if edit.seq != self.last_seq(author) + 1 || (edit.seq > 1 && !self.follows_own(author, &deps)) {
            return Err(Misfit::Sequence);
        }
        if edit.start_op != max_op + 1 || edit.start_op > MAX_COUNTER {
            return Err(Misfit::StartOp);
        }
        for put in &edit.puts {
            let mut over: Vec<PutId> = self.standing(put.field, &deps).into_iter().map(|s| s.put).collect();
            over.sort_unstable();
            if over != put.over || over.len() > MAX_OVER {
                return Err(Misfit::Replaces(put.field));
            }
        }
        if self.inner.get_changes_meta(&[]).len() >= MAX_CHANGES {
            return Err(Misfit::Full);
        }
        Ok(change)
    }

    /// Adds a change that `fit` built against this document.
    pub fn apply(&mut self, change: Change) -> Result<(), Misfit> {
        self.inner.apply_changes([change]).map_err(|_| Misfit::Damaged)
    }

    /// The highest put number in the history of these heads; `None` if one of them is unknown.
    fn max_op(&self, heads: &[ChangeHash]) -> Option<u64> {
        heads.iter().try_fold(0, |max, head| Some(self.inner.get_change_meta_by_hash(head)?.max_op.max(max)))
    }

    fn last_seq(&self, author: Actor) -> u64 {
        let metas = self.inner.get_changes_meta(&[]);
        metas.iter().filter(|m| m.actor.to_bytes() == author.0).map(|m| m.seq).max().unwrap_or(0)
    }

    /// Whether the author's last change is in the history of `deps`.
    fn follows_own(&self, author: Actor, deps: &[ChangeHash]) -> bool {
        let metas = self.inner.get_changes_meta(&[]);
        let last = metas.iter().filter(|m| m.actor.to_bytes() == author.0).max_by_key(|m| m.seq).map(|m| m.hash);
        last.is_some_and(|last| self.in_history(deps, last))
    }

    /// Whether what follows `deps` follows that change too.
    pub fn follows(&self, deps: &[Hash], change: &Hash) -> bool {
        let deps: Vec<ChangeHash> = deps.iter().map(|h| ChangeHash(h.0)).collect();
        self.in_history(&deps, ChangeHash(change.0))
    }

    fn in_history(&self, deps: &[ChangeHash], change: ChangeHash) -> bool {
        let metas = self.inner.get_changes_meta(&[]);
        let parents: BTreeMap<ChangeHash, &[ChangeHash]> = metas.iter().map(|m| (m.hash, &m.deps[..])).collect();
        let mut seen = std::collections::BTreeSet::new();
        let mut queue = deps.to_vec();
        while let Some(hash) = queue.pop() {
            if hash == change {
                return true;
            }
            if seen.insert(hash) {
                queue.extend(parents.get(&hash).into_iter().flat_map(|p| p.iter()));
            }
        }
        false
    }
}

fn standing((value, id): (Value<'_>, ObjId)) -> Option<Standing> {
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
    Some(Standing { value, put: PutId { counter, actor: Actor(actor.to_bytes().try_into().ok()?) } })
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
        message: None,
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
        let edit = document.compose(author, values.iter().map(|(f, v)| (*f, text(v))).collect()).unwrap();
        receive(document, author, &edit).unwrap();
        edit
    }

    fn receive(document: &mut Document, author: Actor, edit: &Edit) -> Result<(), Misfit> {
        let change = document.fit(author, edit)?;
        document.apply(change)
    }

    #[test]
    fn concurrent_values_stand_side_by_side_until_somebody_writes() {
        let (mut a, mut b) = (Document::default(), Document::default());
        let first = write(&mut a, A, &[(1, "张三"), (8, "1")]);
        receive(&mut b, A, &first).unwrap();
        let ours = write(&mut a, A, &[(1, "张三丰")]);
        let theirs = write(&mut b, B, &[(1, "张参"), (8, "2")]);
        receive(&mut a, B, &theirs).unwrap();
        receive(&mut b, A, &ours).unwrap();
        assert_eq!(a.fields(), b.fields());
        assert_eq!(a.heads(), b.heads());
        assert_eq!(a.fields()[&1].len(), 2);
        assert_eq!(a.fields()[&8].len(), 1);
        let settled = write(&mut b, B, &[(1, "张三丰")]);
        receive(&mut a, B, &settled).unwrap();
        assert_eq!(a.fields()[&1].len(), 1);
        assert_eq!(Document::load(&a.save()).unwrap().fields(), b.fields());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut a = Document::default();
        let first = write(&mut a, A, &[(1, "x")]);
        let second = a.compose(A, vec![(1, text("y"))]).unwrap();
        let empty = Document::default();
        assert_eq!(empty.fit(A, &second).unwrap_err(), Misfit::Early(second.deps[0]));
        assert_eq!(a.fit(A, &first).unwrap_err(), Misfit::Known);
        assert_eq!(a.fit(B, &first).unwrap_err(), Misfit::Unrooted);
        let bent = |change: fn(&mut Edit)| {
            let mut edit = second.clone();
            change(&mut edit);
            a.fit(A, &edit).unwrap_err()
        };
        assert_eq!(bent(|e| e.seq = 7), Misfit::Sequence);
        assert_eq!(bent(|e| e.start_op = 9), Misfit::StartOp);
        assert_eq!(bent(|e| e.puts[0].over.clear()), Misfit::Replaces(1));
        assert_eq!(bent(|e| e.puts[0].over[0].counter = 5), Misfit::Replaces(1));
        assert!(matches!(bent(|e| e.deps[0].0[0] ^= 1), Misfit::Early(_)));
    }

    #[test]
    fn nothing_to_say_is_no_edit() {
        let mut a = Document::default();
        write(&mut a, A, &[(1, "x")]);
        assert_eq!(a.compose(A, vec![(1, text("x")), (2, Scalar::Cleared)]), None);
    }
}
