//! The voiding of a record, and its taking back: what the payload of an operation with the void flag holds.
//!
//! Bounds only. Whether the record is there, and what all voids of it come to, is asked where the record is.

use prost::Message as _;

use crate::{edit::MAX_DEPS, id::Hash, shown, v1, wire};

/// Voids that one may follow.
pub const MAX_FOLLOWS: usize = 64;
/// Characters of a reason.
pub const MAX_REASON: usize = 200;

#[derive(Clone, PartialEq, Eq)]
pub struct Void {
    /// The voids of the record that this one knew and that no other followed, by the leaves of their operations.
    pub follows: Vec<Hash>,
    /// Of a document, the changes that this one knew and that no other followed.
    pub heads: Vec<Hash>,
    /// Takes back what it follows.
    pub restores: bool,
    pub reason: String,
}

/// Never the reason: that ends in logs.
impl std::fmt::Debug for Void {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Void(restores {}, follows {})", self.restores, self.follows.len())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VoidError {
    #[error("it holds something that only a newer version knows")]
    Newer,
    #[error("the void is malformed: {0}")]
    Malformed(&'static str),
}

impl Void {
    pub fn encode(&self) -> Vec<u8> {
        let bytes = |hashes: &[Hash]| hashes.iter().map(|hash| hash.to_vec().into()).collect();
        v1::Void {
            follows: bytes(&self.follows),
            heads: bytes(&self.heads),
            restores: self.restores,
            reason: self.reason.clone(),
        }
        .encode_to_vec()
    }

    /// Reads a void of any origin. `document`: whether the record is one.
    pub fn decode(payload: &[u8], document: bool) -> Result<Void, VoidError> {
        let malformed = VoidError::Malformed;
        let numbers = wire::fields(payload).ok_or(malformed("not a message"))?;
        if numbers.iter().any(|number| !(1..=4).contains(number)) {
            return Err(VoidError::Newer);
        }
        let wire = v1::Void::decode(payload).map_err(|_| malformed("not a message"))?;
        let void = Void {
            follows: hashes(&wire.follows, MAX_FOLLOWS).ok_or(malformed("what it follows"))?,
            heads: hashes(&wire.heads, MAX_DEPS).ok_or(malformed("the changes that it names"))?,
            restores: wire.restores,
            reason: wire.reason,
        };
        if void.heads.is_empty() == (document && !void.restores) {
            return Err(malformed("the changes that it names"));
        }
        if void.restores && void.follows.is_empty() {
            return Err(malformed("it takes back nothing"));
        }
        if !reason_allowed(&void.reason) {
            return Err(malformed("its reason"));
        }
        if void.encode() != payload {
            return Err(malformed("not written in the one way there is"));
        }
        Ok(void)
    }
}

/// Whether a reason may be given in these words: a line that says something and can be seen.
pub fn reason_allowed(reason: &str) -> bool {
    let characters = reason.chars().count();
    (1..=MAX_REASON).contains(&characters)
        && !reason.trim().is_empty()
        && !shown::deceives(reason)
        && !reason.chars().any(char::is_control)
}

/// Ascending, each once, at most so many.
fn hashes(bytes: &[bytes::Bytes], most: usize) -> Option<Vec<Hash>> {
    let hashes: Vec<Hash> = bytes.iter().map(|hash| Hash::try_from(&hash[..]).ok()).collect::<Option<_>>()?;
    (hashes.len() <= most && hashes.is_sorted_by(|a, b| a < b)).then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn void() -> Void {
        Void {
            follows: vec![Hash([1; 32])], heads: vec![Hash([2; 32])], restores: false, reason: "重复录入".into()
        }
    }

    #[test]
    fn a_void_reads_back() {
        assert_eq!(Void::decode(&void().encode(), true), Ok(void()));
        let taken_back = Void { heads: vec![], restores: true, ..void() };
        for document in [true, false] {
            assert_eq!(Void::decode(&taken_back.encode(), document), Ok(taken_back.clone()));
        }
        let entry = Void { heads: vec![], follows: vec![], ..void() };
        assert_eq!(Void::decode(&entry.encode(), false), Ok(entry));
    }

    #[test]
    fn bounds() {
        let bad = |change: fn(&mut Void)| {
            let mut void = void();
            change(&mut void);
            Void::decode(&void.encode(), true).unwrap_err()
        };
        let malformed = |what| VoidError::Malformed(what);
        assert_eq!(bad(|v| v.heads.clear()), malformed("the changes that it names"));
        assert_eq!(bad(|v| v.restores = true), malformed("the changes that it names"));
        assert_eq!(bad(|v| v.heads = vec![Hash([2; 32]); 2]), malformed("the changes that it names"));
        assert_eq!(bad(|v| v.follows = vec![Hash([3; 32]), Hash([2; 32])]), malformed("what it follows"));
        assert_eq!(bad(|v| v.follows = (0..65).map(|n| Hash([n; 32])).collect()), malformed("what it follows"));
        for reason in ["", "  ", "两\n行", "\u{202e}x"] {
            let void = Void { reason: reason.into(), ..void() };
            assert_eq!(Void::decode(&void.encode(), true), Err(malformed("its reason")), "{reason:?}");
        }
        assert_eq!(bad(|v| v.reason = "长".repeat(MAX_REASON + 1)), malformed("its reason"));
        let nothing = Void { heads: vec![], follows: vec![], restores: true, ..void() };
        assert_eq!(Void::decode(&nothing.encode(), false), Err(malformed("it takes back nothing")));
        assert_eq!(Void::decode(&void().encode(), false), Err(malformed("the changes that it names")), "of an entry");
        let newer = [&void().encode()[..], &[9 << 3, 1]].concat();
        assert_eq!(Void::decode(&newer, true), Err(VoidError::Newer));
        let twice = [&void().encode()[..], &[4 << 3 | 2, 1, b'x']].concat();
        assert_eq!(Void::decode(&twice, true), Err(malformed("not written in the one way there is")));
    }

    #[test]
    fn what_a_person_wrote_is_not_printed() {
        let (void, wire) = (void(), v1::Void { reason: "重复录入".into(), ..Default::default() });
        assert!(!format!("{void:?} {wire:?}").contains("重复"));
    }

    proptest! {
        #[test]
        fn nonsense_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), document in any::<bool>()) {
            let _ = Void::decode(&bytes, document);
        }
    }
}
