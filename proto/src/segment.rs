//! Packing of a run of operations for the wire and the disk. The tree does not depend on it.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    id::Hash,
    operation::{self, Operation, OperationError},
    v1,
};

/// Bounds of one segment, packed and unpacked. Nothing larger is made, and nothing larger is unpacked.
pub const MAX_OPERATIONS: usize = 4096;
pub const MAX_PACKED: usize = 512 * 1024;
pub const MAX_UNPACKED: usize = 8 * 1024 * 1024;
/// How much is put into one segment: well inside the bounds even where nothing compresses.
pub const FULL: usize = 384 * 1024;
const LEVEL: i32 = 3;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    #[error("the segment is larger than {MAX_PACKED} bytes packed or {MAX_UNPACKED} unpacked")]
    TooLarge,
    #[error("the segment holds more than {MAX_OPERATIONS} operations")]
    TooMany,
    #[error("the segment's bytes do not unpack")]
    Malformed,
    #[error(transparent)]
    Operation(#[from] OperationError),
}

/// A run of operations, each with its leaf.
#[derive(Debug, Clone, Default)]
pub struct Hashed {
    operations: Vec<Operation>,
    leaves: Vec<Hash>,
}

impl From<Vec<Operation>> for Hashed {
    fn from(operations: Vec<Operation>) -> Hashed {
        let leaves = operations.iter().map(Operation::leaf).collect();
        Hashed { operations, leaves }
    }
}

impl Hashed {
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    pub fn into_operations(self) -> Vec<Operation> {
        self.operations
    }
}

/// Compresses a run of operations. The caller keeps to `MAX_OPERATIONS` and `FULL`.
pub fn pack(operations: &[Operation]) -> Result<Vec<u8>, SegmentError> {
    if operations.len() > MAX_OPERATIONS {
        return Err(SegmentError::TooMany);
    }
    let segment = v1::Segment { operations: operations.iter().map(Operation::to_wire).collect() };
    let packed = zstd::bulk::compress(&segment.encode_to_vec(), LEVEL).map_err(|_| SegmentError::Malformed)?;
    if packed.len() > MAX_PACKED {
        return Err(SegmentError::TooLarge);
    }
    Ok(packed)
}

/// Unpacks what `pack` or a stranger made: memory is bounded before anything is read.
pub fn unpack(packed: &[u8]) -> Result<Vec<Operation>, SegmentError> {
    let mut rest = raw(packed)?;
    // Counted before they are decoded: an empty operation costs two bytes here and much more in memory.
    let mut operations = vec![];
    while !rest.is_empty() {
        if operations.len() == MAX_OPERATIONS {
            return Err(SegmentError::TooMany);
        }
        operations.push(Operation::from_wire(next(&mut rest)?)?);
    }
    Ok(operations)
}

fn raw(packed: &[u8]) -> Result<Bytes, SegmentError> {
    if packed.len() > MAX_PACKED {
        return Err(SegmentError::TooLarge);
    }
    let size = zstd::zstd_safe::get_frame_content_size(packed)
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok())
        .ok_or(SegmentError::Malformed)?;
    if size > MAX_UNPACKED {
        return Err(SegmentError::TooLarge);
    }
    let raw = zstd::bulk::decompress(packed, size).map_err(|_| SegmentError::Malformed)?;
    Ok(Bytes::from(raw))
}

/// The leaves of a segment whose operations may break their bounds: what was signed is told by its leaves alone. The bounds
/// of the segment hold, and no contents may have been taken out.
pub fn leaves(packed: &[u8]) -> Result<Vec<Hash>, SegmentError> {
    let mut rest = raw(packed)?;
    let mut leaves = vec![];
    while !rest.is_empty() {
        if leaves.len() == MAX_OPERATIONS {
            return Err(SegmentError::TooMany);
        }
        let wire = next(&mut rest)?;
        if !wire.destroyed.is_empty() {
            return Err(SegmentError::Malformed);
        }
        leaves.push(operation::wire_leaf(&wire));
    }
    Ok(leaves)
}

/// The next element of `Segment.operations`.
fn next(rest: &mut Bytes) -> Result<v1::Operation, SegmentError> {
    use prost::encoding::{WireType, decode_key, decode_varint};
    let (tag, wire) = decode_key(rest).map_err(|_| SegmentError::Malformed)?;
    if tag != 1 || wire != WireType::LengthDelimited {
        return Err(SegmentError::Malformed);
    }
    let length = decode_varint(rest).map_err(|_| SegmentError::Malformed)?;
    let length = usize::try_from(length).ok().filter(|n| *n <= rest.len()).ok_or(SegmentError::Malformed)?;
    v1::Operation::decode(rest.split_to(length)).map_err(|_| SegmentError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RecordId;
    use proptest::prelude::*;

    fn operations(n: usize, payload: usize) -> Vec<Operation> {
        (0..n).map(|i| Operation::new(9, RecordId([i as u8; 16]), None, vec![i as u8; payload], None)).collect()
    }

    #[test]
    fn what_is_packed_unpacks() {
        for n in [0, 1, 100, MAX_OPERATIONS] {
            let all = operations(n, 40);
            assert_eq!(unpack(&pack(&all).unwrap()).unwrap(), all);
        }
        assert_eq!(pack(&operations(MAX_OPERATIONS + 1, 0)), Err(SegmentError::TooMany));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let bomb = zstd::bulk::compress(&vec![0; 256 << 20], 3).unwrap();
        assert!(bomb.len() < MAX_PACKED);
        assert_eq!(unpack(&bomb), Err(SegmentError::TooLarge));
        // As many empty operations as fit: each two bytes.
        let many: Vec<u8> = [0x0a, 0].repeat(MAX_UNPACKED / 2);
        let many = zstd::bulk::compress(&many, 3).unwrap();
        assert!(matches!(unpack(&many), Err(SegmentError::TooMany | SegmentError::Operation(_))));
    }

    proptest! {
        #[test]
        fn nonsense_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpack(&bytes);
            let _ = unpack(&zstd::bulk::compress(&bytes, 3).unwrap());
        }
    }
}
