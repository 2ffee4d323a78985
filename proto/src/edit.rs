//! A change to a document, as typed puts. Bounds only: whether it fits a document is asked where the document is.

use prost::Message as _;

use crate::{id::Hash, v1};

pub const MAX_DEPS: usize = 64;
pub const MAX_ACTORS: usize = 64;
pub const MAX_PUTS: usize = 256;
pub const MAX_OVER: usize = 64;
pub const MAX_TEXT: usize = 16 * 1024;
/// Far above any honest document, far below where counters overflow.
pub const MAX_COUNTER: u64 = 1 << 24;
pub const SALT: usize = 16;

/// Who wrote a change to one document: derived from the feed and the record, so that a rewound database can never
/// write as an actor it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(pub [u8; 16]);

impl Actor {
    pub fn new(feed: &crate::id::FeedId, record: &crate::id::RecordId) -> Actor {
        let mut actor = [0; 16];
        actor.copy_from_slice(&Hash::of(&[b"huiliu/actor/1", feed.as_bytes(), record.as_bytes()]).0[..16]);
        Actor(actor)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub deps: Vec<Hash>,
    pub seq: u64,
    pub start_op: u64,
    pub puts: Vec<Put>,
    /// Part of what the change's hash covers: without it, anybody can try values until a hash fits. Edits written before
    /// protocol 2 have none.
    pub salt: Option<[u8; SALT]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    pub field: u32,
    pub value: Scalar,
    pub over: Vec<PutId>,
}

/// The values a document's field may hold.
#[derive(Clone, PartialEq, Eq)]
pub enum Scalar {
    Cleared,
    Flag(bool),
    Number(i64),
    Text(String),
    Octets(Vec<u8>),
}

/// Shows no contents: an edit may hold personal data, and what can be printed ends in a log one day.
impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Scalar::Cleared => "Cleared",
            Scalar::Flag(_) => "Flag(..)",
            Scalar::Number(_) => "Number(..)",
            Scalar::Text(_) => "Text(..)",
            Scalar::Octets(_) => "Octets(..)",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PutId {
    pub counter: u64,
    pub actor: Actor,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the edit is malformed: {0}")]
pub struct EditError(pub &'static str);

impl Edit {
    pub fn encode(&self, author: Actor) -> Vec<u8> {
        let mut actors: Vec<Actor> = self.puts.iter().flat_map(|p| &p.over).map(|id| id.actor).collect();
        actors.sort_unstable();
        actors.dedup();
        actors.retain(|a| *a != author);
        let number = |actor: &Actor| actors.binary_search(actor).map_or(0, |n| n as u32 + 1);
        let puts = self.puts.iter().map(|put| v1::Put {
            field: put.field,
            value: Some(match &put.value {
                Scalar::Cleared => v1::put::Value::Cleared(true),
                Scalar::Flag(v) => v1::put::Value::Flag(*v),
                Scalar::Number(v) => v1::put::Value::Number(*v),
                Scalar::Text(v) => v1::put::Value::Text(v.clone()),
                Scalar::Octets(v) => v1::put::Value::Octets(v.clone().into()),
            }),
            over: put.over.iter().map(|id| v1::PutId { counter: id.counter, actor: number(&id.actor) }).collect(),
        });
        v1::Edit {
            deps: self.deps.iter().map(|h| h.to_vec().into()).collect(),
            seq: self.seq,
            start_op: self.start_op,
            actors: actors.iter().map(|a| a.0.to_vec().into()).collect(),
            puts: puts.collect(),
            salt: self.salt.map(|salt| salt.to_vec()).unwrap_or_default().into(),
        }
        .encode_to_vec()
    }

    /// Roughly what it takes up in a document; the same wherever it is asked.
    pub fn weight(&self) -> u64 {
        64 + 32 * self.deps.len() as u64 + self.puts.iter().map(Put::weight).sum::<u64>()
    }

    /// Reads an edit of any origin. `author` is derived from where it stands, never taken from it.
    pub fn decode(payload: &[u8], author: Actor) -> Result<Edit, EditError> {
        let wire = v1::Edit::decode(payload).map_err(|_| EditError("not a message"))?;
        if wire.deps.len() > MAX_DEPS {
            return Err(EditError("too many deps"));
        }
        if wire.actors.len() > MAX_ACTORS {
            return Err(EditError("too many actors"));
        }
        if wire.puts.is_empty() || wire.puts.len() > MAX_PUTS {
            return Err(EditError("no puts, or too many"));
        }
        let last = wire.start_op.saturating_add(wire.puts.len() as u64);
        if wire.seq == 0 || wire.start_op == 0 || wire.seq > MAX_COUNTER || last > MAX_COUNTER {
            return Err(EditError("counters out of range"));
        }
        let deps: Vec<Hash> = wire
            .deps
            .iter()
            .map(|d| Hash::try_from(&d[..]).map_err(|_| EditError("a dep is not a hash")))
            .collect::<Result<_, _>>()?;
        if !deps.is_sorted_by(|a, b| a < b) {
            return Err(EditError("deps out of order or twice"));
        }
        let actors: Vec<Actor> = wire
            .actors
            .iter()
            .map(|a| a[..].try_into().map(Actor).map_err(|_| EditError("an actor is not 16 bytes long")))
            .collect::<Result<_, _>>()?;
        let mut puts = Vec::with_capacity(wire.puts.len());
        let mut before = 0;
        for put in wire.puts {
            if put.field <= before {
                return Err(EditError("puts out of order or twice"));
            }
            before = put.field;
            puts.push(decode_put(put, author, &actors)?);
        }
        let salt = match &wire.salt[..] {
            [] => None,
            salt => Some(salt.try_into().map_err(|_| EditError("the salt is not 16 bytes long"))?),
        };
        Ok(Edit { deps, seq: wire.seq, start_op: wire.start_op, puts, salt })
    }
}

impl Put {
    /// Its part in `Edit::weight`.
    pub fn weight(&self) -> u64 {
        let value = match &self.value {
            Scalar::Text(text) => text.len(),
            Scalar::Octets(bytes) => bytes.len(),
            Scalar::Cleared | Scalar::Flag(_) | Scalar::Number(_) => 8,
        };
        (value + 8 + 20 * self.over.len()) as u64
    }
}

fn decode_put(put: v1::Put, author: Actor, actors: &[Actor]) -> Result<Put, EditError> {
    use v1::put::Value;
    let value = match put.value {
        Some(Value::Cleared(true)) => Scalar::Cleared,
        Some(Value::Flag(v)) => Scalar::Flag(v),
        Some(Value::Number(v)) => Scalar::Number(v),
        Some(Value::Text(v)) if v.len() <= MAX_TEXT => Scalar::Text(v),
        Some(Value::Octets(v)) if v.len() <= MAX_TEXT => Scalar::Octets(v.to_vec()),
        _ => return Err(EditError("a value is missing or too long")),
    };
    if put.over.len() > MAX_OVER {
        return Err(EditError("too many values replaced at once"));
    }
    let mut over = Vec::with_capacity(put.over.len());
    for id in put.over {
        let actor = match id.actor {
            0 => author,
            n => *actors.get(n as usize - 1).ok_or(EditError("an actor is not in the list"))?,
        };
        over.push(PutId { counter: id.counter, actor });
    }
    Ok(Put { field: put.field, value, over })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edit() -> Edit {
        let me = Actor([1; 16]);
        Edit {
            deps: vec![Hash([1; 32]), Hash([2; 32])],
            seq: 3,
            start_op: 9,
            puts: vec![
                Put { field: 1, value: Scalar::Text("张三".into()), over: vec![PutId { counter: 2, actor: me }] },
                Put {
                    field: 4,
                    value: Scalar::Number(-5),
                    over: vec![
                        PutId { counter: 3, actor: Actor([9; 16]) },
                        PutId { counter: 4, actor: Actor([7; 16]) },
                    ],
                },
                Put { field: 5, value: Scalar::Cleared, over: vec![] },
            ],
            salt: Some([6; SALT]),
        }
    }

    #[test]
    fn an_edit_reads_back() {
        let me = Actor([1; 16]);
        assert_eq!(Edit::decode(&edit().encode(me), me).unwrap(), edit());
    }

    #[test]
    fn bounds() {
        let me = Actor([1; 16]);
        let bad = |change: fn(&mut Edit)| {
            let mut e = edit();
            change(&mut e);
            Edit::decode(&e.encode(me), me).unwrap_err().0
        };
        assert_eq!(bad(|e| e.puts.clear()), "no puts, or too many");
        assert_eq!(bad(|e| e.seq = 0), "counters out of range");
        assert_eq!(bad(|e| e.start_op = u64::from(u32::MAX)), "counters out of range");
        assert_eq!(bad(|e| e.deps.reverse()), "deps out of order or twice");
        assert_eq!(bad(|e| e.puts.reverse()), "puts out of order or twice");
        assert_eq!(bad(|e| e.puts[0].value = Scalar::Text("x".repeat(MAX_TEXT + 1))), "a value is missing or too long");
        assert_eq!(bad(|e| e.deps = vec![Hash([0; 32]); 65]), "too many deps");
    }

    #[test]
    fn an_edit_without_a_whole_salt_is_refused() {
        let me = Actor([1; 16]);
        for salt in [vec![1; 15], vec![1; 17]] {
            let mut wire = v1::Edit::decode(&edit().encode(me)[..]).unwrap();
            wire.salt = salt.into();
            assert_eq!(Edit::decode(&wire.encode_to_vec(), me).unwrap_err().0, "the salt is not 16 bytes long");
        }
    }

    proptest! {
        #[test]
        fn nonsense_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Edit::decode(&bytes, Actor([0; 16]));
        }
    }
}
