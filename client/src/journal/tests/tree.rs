//! The tree beside RFC 6962's own definition.

use sha2::{Digest as _, Sha256};

use super::super::*;
use crate::hex;

/// The root by the recursion of the RFC.
fn by_definition(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        leaves => {
            let half = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(half);
            let both = [&[1][..], &by_definition(left), &by_definition(right)].concat();
            Sha256::digest(both).into()
        }
    }
}

#[test]
fn the_root_is_that_of_the_definition() {
    let (mut tree, mut leaves) = (Tree::default(), Vec::new());
    for number in 0..70_u8 {
        assert_eq!(tree.root(), by_definition(&leaves), "{number} leaves");
        assert_eq!(tree.leaves(), u64::from(number));
        leaves.push(leaf_hash(&[number]));
        tree.push(leaf_hash(&[number]));
    }
}

/// Of the test data of certificate transparency's reference implementation.
#[test]
fn roots_are_golden() {
    let mut tree = Tree::default();
    tree.push(leaf_hash(&[]));
    let one = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(hex(&tree.root()), one);
    tree.push(leaf_hash(&[0]));
    let two = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
    assert_eq!(hex(&tree.root()), two);
}
