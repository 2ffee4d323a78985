//! Which numbers of a feed something is so of: ranges that neither meet nor overlap.

use std::{collections::BTreeMap, ops::Range};

/// Beyond every number that the database can hold.
const END: u64 = i64::MAX.unsigned_abs();

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    /// Where each ends, by where it starts.
    ends: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Says of a range that it is so, or that it is not, whatever was said of it before.
    pub fn set(&mut self, range: Range<u64>, so: bool) {
        let Range { mut start, mut end } = range;
        if start >= end {
            return;
        }
        // Those that it touches give way to one, or to what is left of them on either side.
        let touched: Vec<(u64, u64)> =
            self.ends.range(..=end).rev().take_while(|(_, e)| **e >= start).map(|(s, e)| (*s, *e)).collect();
        for (s, e) in touched {
            self.ends.remove(&s);
            if so {
                (start, end) = (start.min(s), end.max(e));
                continue;
            }
            if s < start {
                self.ends.insert(s, start);
            }
            if e > end {
                self.ends.insert(end, e);
            }
        }
        if so {
            self.ends.insert(start, end);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.ends.iter().map(|(start, end)| *start..*end)
    }

    /// What lies before, between and behind them.
    pub fn gaps(&self) -> impl Iterator<Item = Range<u64>> {
        let starts = std::iter::once(0).chain(self.ends.values().copied());
        let ends = self.ends.keys().copied().chain([END]);
        starts.zip(ends).map(|(start, end)| start..end).filter(|gap| !gap.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_last_of_a_number_holds() {
        let mut random = 7_u64;
        let mut below = |n: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % n
        };
        for _ in 0..200 {
            let (mut ranges, mut plain) = (Ranges::default(), [false; 24]);
            for _ in 0..12 {
                let (start, end, so) = (below(25), below(25), below(2) == 1);
                ranges.set(start..end, so);
                for n in start..end {
                    plain[n as usize] = so;
                }
            }
            let mut told = [false; 24];
            for n in ranges.iter().flatten() {
                assert!(!std::mem::replace(&mut told[n as usize], true), "once");
            }
            assert_eq!(told, plain);
            let ends: Vec<_> = ranges.iter().collect();
            assert!(ends.windows(2).all(|two| two[0].end < two[1].start), "{ends:?}");
            let mut others = [true; 24];
            for n in ranges.gaps().flat_map(|gap| gap.start..gap.end.min(24)) {
                others[n as usize] = false;
            }
            assert_eq!(others, plain);
        }
    }

    #[test]
    fn the_farthest_number_is_no_trouble() {
        let mut ranges = Ranges::default();
        assert!(ranges.gaps().eq(std::iter::once(0..END)));
        ranges.set(5..END, true);
        assert!(ranges.gaps().eq(std::iter::once(0..5)));
    }
}
