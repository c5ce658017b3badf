//! Digests of sets of records that are kept up to date record by record.
//!
//! A digest is the sum modulo 2^256 of SHA-256(len(key) as u32 || key || value)
//! over all records. Replacing a record subtracts its old hash and adds the
//! new one, so the cost does not depend on how many records there are.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A digest of state; equal digests mean equal records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 of one record, with the key's length so that key and value cannot
/// shift. A digest is the sum of these.
#[must_use]
pub fn record_hash(key: &[u8], value: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
    hasher.update(key);
    hasher.update(value);
    hasher.finalize().into()
}

/// The same of a record that lies in one piece, its key's length in front.
pub(crate) fn hash_of(record: &[u8]) -> [u8; 32] {
    Sha256::digest(record).into()
}

/// A sum modulo 2^256 of hashes read as big-endian numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HashSum {
    /// Least significant first.
    limbs: [u64; 4],
}

impl HashSum {
    pub(crate) fn add(&mut self, hash: &[u8; 32]) {
        let mut carry = false;
        for (limb, other) in self.limbs.iter_mut().zip(limbs_of(hash)) {
            let (sum, over) = limb.overflowing_add(other);
            let (sum, over_by_carry) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || over_by_carry;
        }
    }

    pub(crate) fn subtract(&mut self, hash: &[u8; 32]) {
        let mut borrow = false;
        for (limb, other) in self.limbs.iter_mut().zip(limbs_of(hash)) {
            let (difference, under) = limb.overflowing_sub(other);
            let (difference, under_by_borrow) = difference.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = under || under_by_borrow;
        }
    }

    pub(crate) fn digest(self) -> Digest {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.rchunks_exact_mut(8).zip(self.limbs) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        Digest(bytes)
    }
}

fn limbs_of(hash: &[u8; 32]) -> [u64; 4] {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(hash.rchunks_exact(8)) {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        *limb = u64::from_be_bytes(bytes);
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_wrap_and_do_not_depend_on_order() {
        let (a, b) = (record_hash(b"a", b"1"), record_hash(b"b", b"2"));
        let mut one = HashSum::default();
        one.add(&a);
        one.add(&b);
        let mut other = HashSum::default();
        other.subtract(&[0xff; 32]); // as if 1 were added
        other.add(&b);
        other.add(&a);
        other.add(&[0xff; 32]);
        assert_eq!(one, other);
        one.subtract(&b);
        assert_eq!(one.digest(), Digest(a));
    }

    #[test]
    fn carries_run_through_all_limbs() {
        let mut sum = HashSum::default();
        sum.add(&[0xff; 32]);
        let mut unit = [0; 32];
        unit[31] = 1;
        sum.add(&unit);
        assert_eq!(sum.digest(), Digest([0; 32]));
        sum.subtract(&unit);
        assert_eq!(sum.digest(), Digest([0xff; 32]));
    }
}
