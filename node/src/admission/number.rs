//! Which number an edit may give to a union that its author registers.

use huiliu_proto::{
    edit::{Edit, Scalar},
    feed::Feed,
    handle::Declared as _,
    id::{DeviceId, Hash},
    kind::Kind,
    lang::Label,
    records::union,
    rule::Rule,
    rules::NUMBER_STAYS,
    serials::Block,
    union::UnionNumber,
    v1::Union,
};

use super::{Cause, Grounds, Reason, Refusal};

/// Codes of causes: another record has the number; the device has no such block.
pub(crate) const TAKEN: u8 = 9;
pub(crate) const OUTSIDE: u8 = 10;

/// Grounds this machine has no number to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoNumber {
    #[error("only unions of the built-in directory give numbers")]
    NotOurs,
    #[error("this machine has no block of numbers")]
    NoBlock,
    #[error("this machine's block of numbers is used up")]
    UsedUp,
}

/// The number that an edit gives to a lower union, if it gives one. It is given once, by the union whose six digits it has.
pub(crate) fn given(feed: &Feed, kind: &Kind, edit: &Edit) -> Result<Option<UnionNumber>, Refusal> {
    if kind.number != Union::NUMBER {
        return Ok(None);
    }
    let field = union::NUMBER.declared().number;
    let Some(put) = edit.puts.iter().find(|put| put.field == field) else { return Ok(None) };
    if !put.over.is_empty() {
        return Err(Refusal::new(Reason::Number, NUMBER_STAYS));
    }
    let number = match &put.value {
        // Of a field that was empty.
        Scalar::Cleared => return Ok(None),
        Scalar::Number(number) => UnionNumber::try_from(*number).ok(),
        _ => None,
    };
    let example = format!("{}-001", feed.union);
    match number.filter(|number| number.serial().is_some() && number.giver() == feed.union) {
        Some(number) => Ok(Some(number)),
        None => Err(Refusal::new(
            Reason::Number,
            Rule::new(
                "number_of_another",
                "{union}只能给出以本单位编号为后缀的工会编号，如 {example}",
                "{union} gives numbers with its own six digits only, such as {example}",
            )
            .union(feed.union)
            .named("example", &example, Label::new(&example, &example)),
        )),
    }
}

impl Cause {
    /// Of a number that another record has. By the number it is found again; others may have the same.
    pub(crate) fn number_of(number: UnionNumber) -> Cause {
        Cause { code: TAKEN, field: Some(brief(&[b"huiliu/number/1", &u64::from(number).to_be_bytes()])) }
    }

    /// Of a number in a block that its device has not been given; nothing for one in no block.
    pub(crate) fn block_of(device: &DeviceId, union: UnionNumber, block: Option<Block>) -> Cause {
        let block = block.map_or(u32::MAX, Block::number);
        Cause {
            code: OUTSIDE,
            field: Some(brief(&[
                b"huiliu/block/1",
                device.as_bytes(),
                &u64::from(union).to_be_bytes(),
                &block.to_be_bytes(),
            ])),
        }
    }
}

fn brief(parts: &[&[u8]]) -> u32 {
    let of = Hash::of(parts);
    u32::from_be_bytes([of.0[0], of.0[1], of.0[2], of.0[3]])
}

/// Why a number does not count that was an edit's to give by itself.
pub(super) fn why(cause: Option<Cause>) -> Grounds {
    match cause.map(|cause| cause.code) {
        Some(TAKEN) => NUMBER_TAKEN.into(),
        Some(OUTSIDE) => NUMBER_OUTSIDE.into(),
        _ => Grounds::Only(Reason::Number),
    }
}

const NUMBER_TAKEN: Rule = Rule::new(
    "number_taken",
    "该工会编号已给了另一个工会，编号不重用；请重新登记",
    "another union has that number, and no number is given twice: register this one again",
);

const NUMBER_OUTSIDE: Rule = Rule::new(
    "number_outside",
    "该工会编号不在登记它的设备的编号段之内；上级给了编号段后自动计入，否则请与填报单位核对",
    "the number is outside the blocks of the machine that gave it; it counts by itself once the union above has \
         given that block, and otherwise ask the union that wrote it",
);

impl Refusal {
    /// A number that another record of the union has, which comes first where all is computed again.
    pub(crate) fn number_taken(number: UnionNumber) -> Refusal {
        Refusal {
            reason: Reason::Number,
            cause: Some(Cause::number_of(number)),
            why: NUMBER_TAKEN.into(),
            awaits: None,
        }
    }

    /// A number that is not this machine's to give.
    pub(crate) fn no_block(device: &DeviceId, union: UnionNumber, block: Option<Block>) -> Refusal {
        let cause = Some(Cause::block_of(device, union, block));
        Refusal { reason: Reason::Number, cause, why: NUMBER_OUTSIDE.into(), awaits: None }
    }
}
