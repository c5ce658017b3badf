//! The Merkle tree over all events (RFC 6962): its root says what happened and
//! in which order, and only its right edge has to be kept.

use sha2::{Digest as _, Sha256};

/// Hash of an event's bytes as a leaf.
#[must_use]
pub fn leaf_hash(event: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(event).finalize().into()
}

fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// A tree that only grows: the roots of its complete subtrees, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    leaves: u64,
    /// One for each bit that is set in the number of leaves.
    edge: Vec<[u8; 32]>,
}

impl Tree {
    /// A tree as it was stored; `None` when the two do not fit.
    pub(crate) fn from_parts(leaves: u64, edge: Vec<[u8; 32]>) -> Option<Self> {
        (u32::try_from(edge.len()) == Ok(leaves.count_ones())).then_some(Self { leaves, edge })
    }

    pub(crate) fn edge(&self) -> &Vec<[u8; 32]> {
        &self.edge
    }

    /// Leaves so far.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut hash = leaf;
        // Every complete subtree on the right becomes part of a larger one.
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.edge.push(hash);
        self.leaves = self.leaves.saturating_add(1);
    }

    /// The root: SHA-256 of nothing for an empty tree.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let mut subtrees = self.edge.iter().rev();
        match subtrees.next() {
            None => Sha256::digest([]).into(),
            Some(last) => subtrees.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// As RFC 6962, 2.1 says it.
    fn root_by_definition(leaves: &[Vec<u8>]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => leaf_hash(leaf),
            leaves => {
                let split = (leaves.len() - 1).ilog2();
                let (left, right) = leaves.split_at(1 << split);
                node_hash(&root_by_definition(left), &root_by_definition(right))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_definition() {
        let leaves: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; usize::from(n % 7)]).collect();
        let mut tree = Tree::default();
        for count in 0..=leaves.len() {
            assert_eq!(tree.root(), root_by_definition(&leaves[..count]), "{count} leaves");
            let stored = Tree::from_parts(tree.leaves(), tree.edge().clone());
            assert_eq!(stored.as_ref(), Some(&tree));
            if let Some(leaf) = leaves.get(count) {
                tree.push(leaf_hash(leaf));
            }
        }
        assert_eq!(Tree::from_parts(3, vec![[0; 32]]), None);
    }

    #[test]
    fn roots_are_those_that_others_publish() {
        // Test vectors of the Certificate Transparency project.
        let leaves = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect()
        };
        let mut tree = Tree::default();
        leaves.iter().for_each(|leaf| tree.push(leaf_hash(&bytes(leaf))));
        assert_eq!(
            hex(&tree.root()),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }
}
