//! Which fields a message's bytes have, asked without decoding them: prost passes over what it does not know.

use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};

/// The numbers of the fields in a message, in their order; `None` where the bytes are not a message.
pub(crate) fn fields(mut bytes: &[u8]) -> Option<Vec<u32>> {
    let mut numbers = vec![];
    while !bytes.is_empty() {
        let (number, wire) = decode_key(&mut bytes).ok()?;
        if matches!(wire, WireType::StartGroup | WireType::EndGroup) {
            return None;
        }
        skip_field(wire, number, &mut bytes, DecodeContext::default()).ok()?;
        numbers.push(number);
    }
    Some(numbers)
}
