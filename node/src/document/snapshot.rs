//! How a document is kept: in front, in a form of our own that is read in one pass, what is asked of every edit; behind it
//! Automerge's own bytes, which are read only where it is asked.
//!
//! ```text
//! "hld1" · the first 8 bytes of the front's SHA-256 · its length, 4 bytes · the front · Automerge's bytes
//! ```
//!
//! The front: authors; changes, each with its hash, author, number, highest put, weight and the changes it follows; fields with
//! the values that stand; how long Automerge's bytes are, and the piece that it packed. Numbers are varints; authors and
//! changes are named by their places. Each of Automerge's pieces has a sum of its own.

use std::collections::HashMap;

use huiliu_proto::{
    edit::{Actor, PutId, Scalar},
    id::Hash,
};
use prost::encoding::{decode_varint, encode_varint};

use super::{Document, Fields, Known, Misfit, StandingValue};

const MARK: &[u8; 4] = b"hld1";
const SUM: usize = 8;
const HEAD: usize = MARK.len() + SUM + 4;

pub(super) fn write(document: &Document) -> Vec<u8> {
    let fields = document.fields();
    let mut authors: Vec<Actor> = vec![];
    let mut places: HashMap<Actor, usize> = HashMap::new();
    let standing = fields.values().flatten().map(|standing| standing.put.actor);
    for author in document.changes.iter().map(|known| known.author).chain(standing) {
        places.entry(author).or_insert_with(|| {
            authors.push(author);
            authors.len() - 1
        });
    }
    let mut out = Vec::with_capacity(HEAD + 64 * (document.changes.len() + fields.len()) + document.bytes.len());
    out.extend_from_slice(MARK);
    out.resize(HEAD, 0);
    let number = |n: usize, out: &mut Vec<u8>| encode_varint(n as u64, out);
    // It once said whether changes have no weights; all have.
    out.push(0);
    number(authors.len(), &mut out);
    authors.iter().for_each(|author| out.extend_from_slice(&author.0));
    number(document.changes.len(), &mut out);
    for known in &document.changes {
        out.extend_from_slice(known.hash.as_bytes());
        number(places[&known.author], &mut out);
        [known.seq, known.max_op, known.weight].into_iter().for_each(|n| encode_varint(n, &mut out));
        // A change is learnt after all that it follows.
        number(known.deps.len(), &mut out);
        known.deps.iter().for_each(|dep| number(document.places[dep], &mut out));
    }
    number(fields.len(), &mut out);
    for (field, values) in fields {
        encode_varint(u64::from(*field), &mut out);
        number(values.len(), &mut out);
        for StandingValue { value, put } in values {
            number(places[&put.actor], &mut out);
            encode_varint(put.counter, &mut out);
            scalar(value, &mut out);
        }
    }
    number(document.packed, &mut out);
    number(document.bytes.len(), &mut out);
    let length = u32::try_from(out.len() - HEAD).unwrap_or(u32::MAX);
    let sum = Hash::of(&[&out[HEAD..]]);
    out[MARK.len()..MARK.len() + SUM].copy_from_slice(&sum.0[..SUM]);
    out[MARK.len() + SUM..HEAD].copy_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&document.bytes);
    out
}

fn scalar(value: &Scalar, out: &mut Vec<u8>) {
    let mut bytes = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        encode_varint(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    };
    match value {
        Scalar::Text(text) => bytes(3, text.as_bytes()),
        Scalar::Octets(octets) => bytes(4, octets),
        Scalar::Cleared => out.push(0),
        Scalar::Flag(flag) => out.extend_from_slice(&[1, u8::from(*flag)]),
        Scalar::Number(number) => {
            out.push(2);
            encode_varint(number.cast_unsigned(), out);
        }
    }
}

pub(super) fn read(snapshot: &[u8]) -> Result<Document, Misfit> {
    front(snapshot).ok_or(Misfit::Damaged)
}

fn front(snapshot: &[u8]) -> Option<Document> {
    let mut head = Input(snapshot.strip_prefix(MARK)?);
    let sum = head.take(SUM)?;
    let length = u32::from_be_bytes(head.take(4)?.try_into().ok()?);
    let mut front = Input(head.take(usize::try_from(length).ok()?)?);
    if Hash::of(&[front.0]).0[..SUM] != *sum {
        return None;
    }
    let bytes = head.0;
    if front.byte()? != 0 {
        return None;
    }
    let mut document = Document::default();
    let mut authors = vec![];
    for _ in 0..front.number()? {
        authors.push(Actor(front.take(16)?.try_into().ok()?));
    }
    for _ in 0..front.number()? {
        let hash = Hash(front.take(32)?.try_into().ok()?);
        let author = *authors.get(front.place()?)?;
        let (seq, max_op, weight) = (front.number()?, front.number()?, front.number()?);
        let mut deps = vec![];
        for _ in 0..front.number()? {
            deps.push(document.changes.get(front.place()?)?.hash);
        }
        document.learn(Known { hash, author, seq, deps, max_op, weight });
    }
    let mut fields = Fields::new();
    for _ in 0..front.number()? {
        let field = u32::try_from(front.number()?).ok()?;
        let mut values = vec![];
        for _ in 0..front.number()? {
            let put = PutId { actor: *authors.get(front.place()?)?, counter: front.number()? };
            values.push(StandingValue { put, value: front.scalar()? });
        }
        fields.insert(field, values);
    }
    (document.packed, document.fields) = (front.place()?, fields.into());
    let whole = front.place()? == bytes.len() && document.packed <= bytes.len() && front.0.is_empty();
    document.bytes = bytes.to_vec();
    whole.then_some(document)
}

/// What is still to be read. A count that is not true ends where the bytes do.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn number(&mut self) -> Option<u64> {
        decode_varint(&mut self.0).ok()
    }

    fn place(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn scalar(&mut self) -> Option<Scalar> {
        Some(match self.byte()? {
            0 => Scalar::Cleared,
            1 => Scalar::Flag(self.byte()? != 0),
            2 => Scalar::Number(self.number()?.cast_signed()),
            3 => Scalar::Text(String::from_utf8(self.bytes()?.to_vec()).ok()?),
            4 => Scalar::Octets(self.bytes()?.to_vec()),
            _ => return None,
        })
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.place()?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use huiliu_proto::edit::SALT;

    use super::*;

    const A: Actor = Actor([1; 16]);
    const B: Actor = Actor([2; 16]);

    fn document(edits: u32) -> Document {
        let mut document = Document::default();
        for n in 0..edits {
            let values = vec![
                (1, Scalar::Text(format!("第{n}次"))),
                (2, Scalar::Number(-i64::from(n))),
                (3, Scalar::Flag(n % 2 == 0)),
                (4, if n % 3 == 0 { Scalar::Cleared } else { Scalar::Octets(vec![n as u8; 20]) }),
            ];
            let author = if n % 5 == 0 { B } else { A };
            let edit = document.compose(author, values, [n as u8; SALT]).unwrap();
            document.receive(author, &edit).unwrap();
        }
        document
    }

    #[test]
    fn a_byte_that_is_another_is_seen() {
        let saved = document(3).save().unwrap();
        Document::examine(&saved).unwrap();
        for at in 0..saved.len() {
            let mut bent = saved.clone();
            bent[at] ^= 0x20;
            assert_eq!(Document::examine(&bent).err(), Some(Misfit::Damaged), "byte {at}");
            assert_eq!(Document::examine(&saved[..at]).err(), Some(Misfit::Damaged), "cut at {at}");
        }
        assert_eq!(Document::examine(&[&saved[..], &[0]].concat()).err(), Some(Misfit::Damaged));
    }

    #[test]
    fn bytes_without_sense_never_panic() {
        let saved = document(2).save().unwrap();
        let length = u32::from_be_bytes(saved[MARK.len() + SUM..HEAD].try_into().unwrap()) as usize;
        for at in HEAD..HEAD + length {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bent = saved.clone();
                bent[at] = byte;
                let sum = Hash::of(&[&bent[HEAD..HEAD + length]]);
                bent[MARK.len()..MARK.len() + SUM].copy_from_slice(&sum.0[..SUM]);
                if let Ok(document) = Document::load(&bent) {
                    let _ = (document.fields(), document.heads(), document.state());
                }
            }
        }
    }

    /// Changes are added one by one, and now and then packed: a dossier that grows long takes little more than one that was
    /// packed whole.
    #[test]
    fn what_lies_loose_is_packed_again() {
        let mut grown = Document::default();
        let mut all = document(0);
        for n in 0..400 {
            let edit = grown.compose(A, vec![(1, Scalar::Text(format!("第{n}次")))], [n as u8; SALT]).unwrap();
            all.receive(A, &edit).unwrap();
            grown.receive(A, &edit).unwrap();
            let saved = grown.save().unwrap();
            grown = Document::load(&saved).unwrap();
            assert!(grown.bytes.len() - grown.packed <= super::super::LOOSE + grown.packed / 2);
        }
        assert!(grown.packed > 0);
        assert_eq!((grown.heads(), grown.fields()), (all.heads(), all.fields()));
        assert!(grown.bytes.len() < 2 * all.export().unwrap().len() + super::super::LOOSE);
        assert_eq!(grown.export().unwrap(), all.export().unwrap());
    }
}
