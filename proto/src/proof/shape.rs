//! A proof file's bytes: bounded before they are read, and read in one way of writing only.
//!
//! prost takes fields in any order, skips what it does not know and allocates for whatever is repeated. So the bytes are
//! walked first, along a table of what may stand where, how often and how long; nothing is allocated for that, and how
//! deep it goes is as deep as the table. Only then are they decoded, and encoded again for comparison.

use bytes::Bytes;
use prost::{
    Message as _,
    encoding::{WireType, decode_key, decode_varint},
};

use super::{MAGIC, MAX_FEEDS, MAX_FILE, MAX_OPERATIONS, MAX_RECEIPTS, ProofError};
use crate::{operation, tree, v1};

/// What may stand in a field.
enum Shape {
    Number,
    /// Bytes or text, from so long to so long.
    Bytes(usize, usize),
    Message(&'static [Field]),
}

struct Field {
    number: u32,
    most: usize,
    what: Shape,
}

const fn one(number: u32, what: Shape) -> Field {
    Field { number, most: 1, what }
}

const HASH: usize = 32;
const SIGNED: &[Field] = &[one(1, Shape::Bytes(1, 512)), one(2, Shape::Bytes(64, 64))];
const PATH: Shape = Shape::Bytes(HASH, (tree::MAX_PATH + 1) * HASH);
const OPERATION: &[Field] = &[
    one(1, Shape::Bytes(1, operation::MAX_HEADER)),
    one(2, Shape::Bytes(1, operation::MAX_PAYLOAD)),
    one(3, Shape::Bytes(operation::SALT, operation::SALT)),
    one(4, Shape::Bytes(HASH, HASH)),
];
const PROOF_OPERATION: &[Field] = &[one(1, Shape::Number), one(2, Shape::Message(OPERATION)), one(3, PATH)];
const PROOF_RECEIPT: &[Field] = &[one(1, Shape::Message(SIGNED)), one(2, PATH)];
const PROOF_STANDING: &[Field] = &[one(1, Shape::Bytes(16, 16)), one(2, PATH)];
const FEED: &[Field] = &[
    one(1, Shape::Bytes(1, 512)),
    one(2, Shape::Message(SIGNED)),
    Field { number: 3, most: MAX_OPERATIONS, what: Shape::Message(PROOF_OPERATION) },
    Field { number: 4, most: MAX_RECEIPTS, what: Shape::Message(PROOF_RECEIPT) },
    one(5, Shape::Message(PROOF_STANDING)),
];
const ROOT: &[Field] =
    &[one(1, Shape::Bytes(1, 64)), one(2, Shape::Bytes(HASH, HASH)), one(3, Shape::Bytes(HASH, HASH))];
const GROWTH: &[Field] = &[one(1, Shape::Message(SIGNED)), one(2, Shape::Message(SIGNED)), one(3, PATH)];
const PROOF: &[Field] = &[
    one(1, Shape::Number),
    one(2, Shape::Number),
    one(3, Shape::Message(ROOT)),
    Field { number: 4, most: MAX_FEEDS, what: Shape::Message(FEED) },
    one(5, Shape::Bytes(16, 16)),
    one(6, Shape::Message(SIGNED)),
    one(7, Shape::Message(GROWTH)),
];

/// An operation is at least a header with a record id. Without this, as many as fit could be written in two bytes each.
const SMALLEST_OPERATION: usize = 20;

/// The message in a file, if it is one and written as it must be.
pub fn read(file: &[u8]) -> Result<v1::Proof, ProofError> {
    if file.len() > MAX_FILE {
        return Err(ProofError::TooLarge(file.len()));
    }
    let bytes = file.strip_prefix(MAGIC).ok_or(ProofError::NotAProof)?;
    walk(bytes, PROOF)?;
    let proof = v1::Proof::decode(Bytes::copy_from_slice(bytes)).map_err(|_| ProofError::Malformed("a message"))?;
    match proof.encode_to_vec() == bytes {
        true => Ok(proof),
        false => Err(ProofError::NotCanonical),
    }
}

fn walk(mut rest: &[u8], fields: &[Field]) -> Result<(), ProofError> {
    let cut = |_| ProofError::Malformed("it ends too early");
    let (mut last, mut count) = (0, 0);
    while !rest.is_empty() {
        let (number, wire) = decode_key(&mut rest).map_err(cut)?;
        let field = fields.iter().find(|f| f.number == number).ok_or(ProofError::Malformed("an unknown field"))?;
        if number < last {
            return Err(ProofError::NotCanonical);
        }
        count = if number == last { count + 1 } else { 1 };
        last = number;
        if count > field.most {
            return Err(ProofError::Malformed("too many of one thing"));
        }
        match (&field.what, wire) {
            (Shape::Number, WireType::Varint) => {
                decode_varint(&mut rest).map_err(cut)?;
            }
            (Shape::Bytes(from, to), WireType::LengthDelimited) => {
                let length = take(&mut rest)?.len();
                if !(*from..=*to).contains(&length) {
                    return Err(ProofError::Malformed("something is too short or too long"));
                }
            }
            (Shape::Message(inner), WireType::LengthDelimited) => {
                let bytes = take(&mut rest)?;
                if std::ptr::eq(*inner, PROOF_OPERATION) && bytes.len() < SMALLEST_OPERATION {
                    return Err(ProofError::Malformed("something is too short or too long"));
                }
                walk(bytes, inner)?;
            }
            _ => return Err(ProofError::Malformed("a field of another type")),
        }
    }
    Ok(())
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ProofError> {
    let cut = ProofError::Malformed("it ends too early");
    let Ok(length) = decode_varint(rest) else { return Err(cut) };
    let Some((taken, after)) = usize::try_from(length).ok().and_then(|n| rest.split_at_checked(n)) else {
        return Err(cut);
    };
    *rest = after;
    Ok(taken)
}
