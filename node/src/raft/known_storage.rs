//! Whether a node is the one that the cluster was formed with.

use std::sync::Arc;

use bytes::Bytes;
use tonic::metadata::{BinaryMetadataValue, MetadataMap, MetadataValue};

use super::state_machine::Applied;

/// Metadata key of every peer call and every answer to one.
pub(super) const STORAGE_ID: &str = "storage-id-bin";

/// A node came back under its old id with another data folder.
#[derive(Debug, thiserror::Error)]
#[error(
    "node {node_id} came back with another data folder: it has forgotten what it acknowledged and may not take part under its old id; give it a new node id"
)]
pub(super) struct ForgetfulNode {
    pub(super) node_id: u64,
}

/// Storage ids as the genesis recorded them, and this node's own.
#[derive(Clone)]
pub(crate) struct KnownStorage {
    own: [u8; 16],
    applied: Arc<Applied>,
}

impl KnownStorage {
    pub(super) fn new(own: [u8; 16], applied: Arc<Applied>) -> Self {
        Self { own, applied }
    }

    /// This node's storage id.
    pub(super) fn own(&self) -> Bytes {
        Bytes::copy_from_slice(&self.own)
    }

    /// This node's storage id as metadata.
    pub(super) fn own_metadata(&self) -> BinaryMetadataValue {
        MetadataValue::from_bytes(&self.own)
    }

    /// Refuses a node whose storage id is not the recorded one. Before the
    /// genesis is applied here nothing is recorded, and nothing can be lost.
    pub(super) fn check(&self, node_id: u64, metadata: &MetadataMap) -> Result<(), ForgetfulNode> {
        let presented = metadata.get_bin(STORAGE_ID).and_then(|value| value.to_bytes().ok());
        let genesis = self.applied.genesis.get();
        let cities = genesis.map(|genesis| &genesis.cities[..]).unwrap_or_default();
        let recorded = cities
            .iter()
            .flat_map(|(_, members)| members)
            .find(|member| member.node_id == node_id)
            .map(|member| member.storage_id);
        match (recorded, presented) {
            (Some(recorded), presented) if presented.as_deref() != Some(&recorded[..]) => {
                tracing::warn!(node_id, "a node came back with another data folder and is refused");
                Err(ForgetfulNode { node_id })
            }
            _ => Ok(()),
        }
    }
}
