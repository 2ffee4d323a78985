//! A feed's hash tree: RFC 9162, section 2.1. Appending, roots, inclusion and consistency proofs.
//!
//! The tree is never stored whole. Appending needs the roots of the complete subtrees at its right edge (`Edge`);
//! proofs ask the caller for the root of an aligned range of leaves.

use crate::id::Hash;

/// Leaves whose root is kept, so that a proof need not hash the whole feed.
pub const RUN: u64 = 256;
/// Steps from a leaf to the root of the largest tree there can be. A consistency proof has at most one more.
pub const MAX_PATH: usize = 64;

/// The hash of one leaf.
pub fn leaf(data: &[&[u8]]) -> Hash {
    let mut parts = Vec::with_capacity(data.len() + 1);
    parts.push(&[0u8][..]);
    parts.extend_from_slice(data);
    Hash::of(&parts)
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The right edge of a tree: the roots of its complete subtrees, largest first, one for each bit set in `size`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    roots: Vec<Hash>,
}

impl Edge {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf. Where it completes a run of `RUN` leaves, the root of that run is returned, to be kept for proofs.
    pub fn push(&mut self, leaf: Hash) -> Option<Hash> {
        let mut hash = leaf;
        let mut run = None;
        for height in 1..=self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node(&left, &hash);
            }
            if 1 << height == RUN {
                run = Some(hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
        run
    }

    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => Hash::of(&[]),
            Some(last) => roots.fold(*last, |right, left| node(left, &right)),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.size.to_be_bytes().to_vec();
        for root in &self.roots {
            out.extend_from_slice(root.as_bytes());
        }
        out
    }

    /// Reads back what `to_bytes` wrote; `None` if the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Edge> {
        let (size, rest) = bytes.split_first_chunk::<8>()?;
        let size = u64::from_be_bytes(*size);
        if rest.len() != size.count_ones() as usize * Hash::LEN {
            return None;
        }
        let roots = rest.chunks_exact(Hash::LEN).map(|c| Hash::try_from(c).ok()).collect::<Option<_>>()?;
        Some(Edge { size, roots })
    }
}

/// The root of the leaves `from..to` of a feed. Called with complete aligned subtrees and with ranges at the edge.
pub trait Leaves {
    type Error;
    fn range(&mut self, from: u64, to: u64) -> Result<Hash, Self::Error>;
}

/// Leaves in memory.
impl Leaves for &[Hash] {
    type Error = std::convert::Infallible;

    fn range(&mut self, from: u64, to: u64) -> Result<Hash, Self::Error> {
        let mut edge = Edge::default();
        for hash in &self[from as usize..to as usize] {
            edge.push(*hash);
        }
        Ok(edge.root())
    }
}

/// The right edge of the tree over the first `size` leaves.
pub fn edge<L: Leaves>(leaves: &mut L, size: u64) -> Result<Edge, L::Error> {
    let mut roots = vec![];
    let mut from = 0;
    for bit in (0..u64::BITS).rev().filter(|bit| size >> bit & 1 == 1) {
        roots.push(leaves.range(from, from + (1 << bit))?);
        from += 1 << bit;
    }
    Ok(Edge { size, roots })
}

/// The largest power of two smaller than `n`, for `n` of at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root of the leaves `from..to`, at least two, from the roots of the parts into which the tree splits them.
pub fn joined<L: Leaves>(leaves: &mut L, from: u64, to: u64) -> Result<Hash, L::Error> {
    let middle = from + split(to - from);
    Ok(node(&leaves.range(from, middle)?, &leaves.range(middle, to)?))
}

/// Hashes that lead from leaf `index` to the root of the first `size` leaves: RFC 9162, 2.1.3.1.
pub fn inclusion<L: Leaves>(leaves: &mut L, index: u64, size: u64) -> Result<Vec<Hash>, L::Error> {
    let (mut from, mut to) = (0, size);
    let mut proof = vec![];
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            proof.push(leaves.range(middle, to)?);
            to = middle;
        } else {
            proof.push(leaves.range(from, middle)?);
            from = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` leads from `leaf` at `index` to `root` of `size` leaves: RFC 9162, 2.1.3.2.
pub fn included(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut fn_, mut sn) = (index, size - 1);
    let mut hash = leaf;
    for step in proof {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            hash = node(step, &hash);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            hash = node(&hash, step);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && hash == root
}

/// Hashes that show the tree of `size` leaves to extend that of `earlier` leaves: RFC 9162, 2.1.4.1.
pub fn consistency<L: Leaves>(leaves: &mut L, earlier: u64, size: u64) -> Result<Vec<Hash>, L::Error> {
    let mut proof = vec![];
    if earlier == 0 || earlier >= size {
        return Ok(proof);
    }
    let (mut from, mut to, mut complete) = (0, size, true);
    while earlier != to {
        let middle = from + split(to - from);
        if earlier <= middle {
            proof.push(leaves.range(middle, to)?);
            to = middle;
        } else {
            proof.push(leaves.range(from, middle)?);
            from = middle;
            complete = false;
        }
    }
    if !complete {
        proof.push(leaves.range(from, to)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` shows the tree with root `root` to extend the one with root `earlier_root`: RFC 9162, 2.1.4.2.
pub fn consistent(earlier: u64, earlier_root: Hash, size: u64, root: Hash, proof: &[Hash]) -> bool {
    if earlier == size {
        return proof.is_empty() && earlier_root == root;
    }
    if earlier > size {
        return false;
    }
    if earlier == 0 {
        return proof.is_empty();
    }
    let mut steps = proof.iter();
    let first = if earlier.is_power_of_two() { Some(&earlier_root) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut fn_, mut sn) = (earlier - 1, size - 1);
    while fn_ & 1 == 1 {
        fn_ >>= 1;
        sn >>= 1;
    }
    let (mut old, mut new) = (*first, *first);
    for step in steps {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            old = node(step, &old);
            new = node(step, &new);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            new = node(&new, step);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && old == earlier_root && new == root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::unhex;

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf(&[&(i as u64).to_be_bytes()])).collect()
    }

    fn root(leaves: &[Hash]) -> Hash {
        let mut edge = Edge::default();
        for leaf in leaves {
            edge.push(*leaf);
        }
        edge.root()
    }

    /// The eight leaves and roots that the Certificate Transparency implementations test each other with.
    #[test]
    fn known_roots() {
        let inputs =
            ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut edge = Edge::default();
        assert_eq!(edge.root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (input, expected) in inputs.iter().zip(roots) {
            edge.push(leaf(&[&unhex(input).unwrap()]));
            assert_eq!(edge.root().to_string(), expected);
            assert_eq!(Edge::from_bytes(&edge.to_bytes()), Some(edge.clone()));
        }
    }

    #[test]
    fn every_leaf_is_included_and_nothing_else() {
        for size in 1..=33 {
            let all = leaves(size);
            let top = root(&all);
            for index in 0..size as u64 {
                let proof = inclusion(&mut all.as_slice(), index, size as u64).unwrap();
                let hash = all[index as usize];
                assert!(included(hash, index, size as u64, &proof, top), "{index} of {size}");
                assert!(!included(Hash([9; 32]), index, size as u64, &proof, top));
                assert!(!included(hash, index, size as u64, &proof, Hash([9; 32])));
                assert!(!included(hash, index, size as u64 + 1 + index % 2 * 64, &proof, Hash([9; 32])));
                for step in 0..proof.len() {
                    let mut bent = proof.clone();
                    bent[step].0[0] ^= 1;
                    assert!(!included(hash, index, size as u64, &bent, top));
                }
                let mut longer = proof.clone();
                longer.push(Hash([0; 32]));
                assert!(!included(hash, index, size as u64, &longer, top));
            }
        }
    }

    #[test]
    fn every_prefix_is_consistent_and_nothing_else() {
        for size in 0..=33usize {
            let all = leaves(size);
            for earlier in 0..=size {
                let proof = consistency(&mut all.as_slice(), earlier as u64, size as u64).unwrap();
                let (old, new) = (root(&all[..earlier]), root(&all));
                assert!(consistent(earlier as u64, old, size as u64, new, &proof), "{earlier} of {size}");
                if earlier > 0 {
                    assert!(!consistent(earlier as u64, Hash([9; 32]), size as u64, new, &proof));
                    assert!(!consistent(earlier as u64, old, size as u64, Hash([9; 32]), &proof));
                }
                for step in 0..proof.len() {
                    let mut bent = proof.clone();
                    bent[step].0[31] ^= 1;
                    assert!(!consistent(earlier as u64, old, size as u64, new, &bent));
                }
            }
        }
    }

    #[test]
    fn an_edge_reads_back_only_what_was_written() {
        assert_eq!(Edge::from_bytes(&[]), None);
        assert_eq!(Edge::from_bytes(&[0; 9]), None);
        assert_eq!(Edge::from_bytes(&[255; 8]), None);
        assert_eq!(Edge::from_bytes(&[0; 8]), Some(Edge::default()));
    }
}
