//! Blocks of serials: which numbers one machine of a union may give to those that the union registers below itself.
//!
//! Each machine draws from a block of its own, which its enrolment gives it, so that two that are both off line never give one
//! number twice. A hub gives blocks from a lane of its own for the same reason.

use std::ops::RangeInclusive;

/// Serials of a block: from 1 to 999 behind its number.
const SERIALS: u64 = 1000;
/// Blocks of a lane: as many machines of one union as one hub gives blocks to.
const LANE: u32 = 1000;
/// Blocks, so that a serial keeps nine digits.
const BLOCKS: u32 = 1_000_000;

/// A block of serials of one union: block 0 holds 1 to 999, block 1 holds 1001 to 1999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block(u32);

impl Block {
    /// The one that the root of the network has, for numbers that the national union gives.
    pub const FIRST: Block = Block(0);

    /// `None` where no block has that number.
    pub fn new(number: i64) -> Option<Block> {
        u32::try_from(number).ok().filter(|number| *number < BLOCKS).map(Block)
    }

    pub fn number(self) -> u32 {
        self.0
    }

    /// The block that a serial lies in; a thousand, two thousand and so on are in none.
    pub fn of(serial: u64) -> Option<Block> {
        let block = u32::try_from(serial / SERIALS).ok().filter(|block| *block < BLOCKS)?;
        (!serial.is_multiple_of(SERIALS)).then_some(Block(block))
    }

    pub fn serials(self) -> RangeInclusive<u64> {
        let first = u64::from(self.0) * SERIALS;
        first + 1..=first + SERIALS - 1
    }

    /// The blocks that a hub which has this block gives to machines of a union below it: those of two hubs of one union, let
    /// in by one hub above, have none in common.
    pub fn lane(self) -> impl Iterator<Item = Block> {
        let first = self.0 % LANE * LANE;
        (first..first + LANE).map(Block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_lies_in_one_block() {
        for block in [0, 1, 999, 1000, 999_999].map(Block) {
            for serial in [*block.serials().start(), *block.serials().end()] {
                assert_eq!(Block::of(serial), Some(block), "{serial}");
            }
        }
        assert_eq!(Block::FIRST.serials(), 1..=999);
        assert_eq!((Block::of(0), Block::of(1000), Block::of(u64::MAX)), (None, None, None));
        assert_eq!((Block::new(-1), Block::new(1_000_000)), (None, None));
        let last = Block(BLOCKS - 1);
        assert_eq!(last.serials(), 999_999_001..=999_999_999, "a number has room for it");
    }

    #[test]
    fn lanes_of_hubs_have_nothing_in_common() {
        let lane = |block| Block(block).lane().map(Block::number).collect::<Vec<_>>();
        assert_eq!((lane(0)[0], lane(0)[999]), (0, 999));
        assert_eq!((lane(1)[0], lane(999)[999]), (1000, 999_999));
        // Of what a second hub above gave: by its place in that hub's lane.
        assert_eq!(lane(1002), lane(2));
    }
}
