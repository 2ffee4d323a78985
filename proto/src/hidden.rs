//! `Debug` of messages that carry what people wrote: it says how much there is and never what, because what is printed
//! ends in logs. Messages of record kinds have none at all.

use std::fmt::{Debug, Formatter, Result};

use crate::v1;

impl Debug for v1::Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Operation({} bytes)", self.payload.len())
    }
}

impl Debug for v1::Put {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Put(field {})", self.field)
    }
}

impl Debug for v1::put::Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("Value(..)")
    }
}

impl Debug for v1::Void {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Void(restores {})", self.restores)
    }
}

/// A short run is packed as it is, text and all.
impl Debug for v1::Batch {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Batch({} operations from {}, {} bytes)", self.count, self.first, self.segment.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::RecordId, operation::Operation, segment};

    #[test]
    fn what_a_person_wrote_is_not_printed() {
        const PHONE: &str = "13900007777";
        let put = v1::Put { field: 8, value: Some(v1::put::Value::Text(PHONE.into())), ..Default::default() };
        let edit = v1::Edit { puts: vec![put.clone()], ..Default::default() };
        let operation = Operation::new(2, RecordId([5; 16]), None, prost::Message::encode_to_vec(&edit), None);
        let packed = segment::pack(std::slice::from_ref(&operation)).unwrap();
        let batch = v1::Batch { segment: packed.into(), ..Default::default() };
        let frame = v1::Frame { frame: Some(v1::frame::Frame::Batch(batch.clone())) };
        let wire = operation.to_wire();
        let segment = v1::Segment { operations: vec![wire.clone()] };
        for shown in [
            format!("{put:?} {:?}", put.value),
            format!("{edit:?}"),
            format!("{operation:?}"),
            format!("{wire:?} {segment:?}"),
            format!("{batch:?} {frame:?}"),
        ] {
            assert!(!shown.contains("7777"), "{shown}");
        }
    }
}
