//! The Merkle tree over all events as RFC 6962 builds it.

use sha2::{Digest as _, Sha256};

/// A tree that grows leaf by leaf and remembers no leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    leaves: u64,
    /// Complete subtrees, the largest first: one per bit of `leaves`.
    complete: Vec<[u8; 32]>,
}

/// Hash of an event as a leaf.
#[must_use]
pub fn leaf_hash(event: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(event).finalize().into()
}

fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

impl Tree {
    /// Leaves so far.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Adds the next leaf's hash.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut right = leaf;
        // As a carry runs through the ones of a binary counter.
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.complete.pop() {
                right = node_hash(&left, &right);
            }
        }
        self.complete.push(right);
        self.leaves += 1;
    }

    /// The root; of no leaf it is the hash of nothing.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let smallest_first = self.complete.iter().rev();
        smallest_first
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(|| Sha256::digest([]).into())
    }
}
