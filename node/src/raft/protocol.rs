//! The protocol of the peer port has versions: every call says which ones the caller
//! speaks, and a node refuses whoever speaks none of its own.
//!
//! A change that an earlier program could misunderstand is a new version. The program
//! that brings it speaks both for one release, so that nodes are upgraded one by one.

use std::ops::RangeInclusive;

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

/// What this program speaks.
const SPOKEN: RangeInclusive<u32> = 1..=1;
/// The same, as every call says it.
const TOLD: &str = "1-1";
/// Metadata key of every call.
pub(super) const HEADER: &str = "peer-protocol";

/// A caller that this node would misunderstand.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "this node speaks versions {} to {} of the peer protocol, node {node_id} {theirs}: nodes are \
     upgraded one release at a time; run a program here or there that speaks what the other does",
    own.start(),
    own.end()
)]
pub(super) struct Incompatible {
    node_id: u64,
    own: RangeInclusive<u32>,
    theirs: String,
}

/// What every call says.
pub(super) fn spoken() -> MetadataValue<Ascii> {
    MetadataValue::from_static(TOLD)
}

/// Refuses a caller without a version in common.
pub(super) fn check(node_id: u64, metadata: &MetadataMap) -> Result<(), Incompatible> {
    check_against(SPOKEN, node_id, metadata)
}

fn check_against(
    own: RangeInclusive<u32>,
    node_id: u64,
    metadata: &MetadataMap,
) -> Result<(), Incompatible> {
    let told = metadata.get(HEADER).and_then(|value| value.to_str().ok());
    let theirs = match told.and_then(versions) {
        Some(theirs) if theirs.start() <= own.end() && own.start() <= theirs.end() => {
            return Ok(());
        }
        Some(theirs) => format!("versions {} to {}", theirs.start(), theirs.end()),
        None => "does not say which".to_owned(),
    };
    Err(Incompatible { node_id, own, theirs })
}

fn versions(told: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = told.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(versions: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert(HEADER, versions.parse().expect("a header's value"));
        metadata
    }

    #[test]
    fn nodes_with_a_version_in_common_talk_and_others_are_refused_plainly() {
        let against = |versions: &str| check_against(2..=3, 12, &says(versions));
        for versions in ["2-3", "1-2", "3-4", "1-9", "3-3"] {
            assert_eq!(against(versions), Ok(()), "{versions}");
        }
        for versions in ["1-1", "4-5", "3-2", "", "2", "-", "x-3", "2-3-4"] {
            assert!(against(versions).is_err(), "{versions}");
        }
        assert!(check(12, &MetadataMap::new()).is_err(), "it says nothing");
        let told = against("1-1").expect_err("an earlier program").to_string();
        assert!(told.contains("2 to 3") && told.contains("node 12 versions 1 to 1"), "{told}");
    }

    #[test]
    fn a_program_understands_itself() {
        let mut metadata = MetadataMap::new();
        metadata.insert(HEADER, spoken());
        assert_eq!(check(12, &metadata), Ok(()));
        assert_eq!(versions(TOLD), Some(SPOKEN));
    }
}
