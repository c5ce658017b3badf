//! Who the members are and where they are found: the configuration's list until
//! the cluster is formed, since then the ledger's record of it. Addresses stay
//! this node's own view: `dial` and `members` of its configuration come first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use registry_ledger::{ClusterMember, Standing, Topology};
use tokio::sync::watch;
use tonic::metadata::{BinaryMetadataValue, MetadataMap, MetadataValue};

use crate::config::{Config, MemberConfig};

/// Metadata key of every peer call and every answer to one.
pub(super) const STORAGE_ID: &str = "storage-id-bin";

/// Who may not take part, and why.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum NotAMember {
    /// A node came back under its old id with another data folder.
    #[error(
        "node {0} came back with another data folder: it has forgotten what it acknowledged and may not take part under its old id; give it a new node id"
    )]
    Forgetful(u64),
    /// It was replaced, or given up with its city.
    #[error(
        "node {0} was retired and never takes part again; wipe it (`registryctl failover wipe`) and let it join under a new node id"
    )]
    Retired(u64),
    /// Nobody admitted it.
    #[error("node {0} is no member; admit it first (`registryctl cluster admit`)")]
    Unknown(u64),
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Directory {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<Config>,
    topology: watch::Receiver<Option<Arc<Topology>>>,
    /// Random id of this node's data folder.
    own_storage_id: [u8; 16],
    recovery_epoch: AtomicU64,
    /// Later epoch in which others go on without this node; 0 while there is none.
    superseded_by: AtomicU64,
}

impl Directory {
    pub(super) fn new(
        config: Arc<Config>,
        topology: watch::Receiver<Option<Arc<Topology>>>,
        own_storage_id: [u8; 16],
        recovery_epoch: u64,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                topology,
                own_storage_id,
                recovery_epoch: recovery_epoch.into(),
                superseded_by: 0.into(),
            }),
        }
    }

    /// The cluster that this node is configured for.
    pub(crate) fn cluster_id(&self) -> &str {
        &self.inner.config.cluster_id
    }

    /// The cluster's record as applied here; none before it is formed.
    pub(crate) fn topology(&self) -> Option<Arc<Topology>> {
        self.inner.topology.borrow().clone()
    }

    /// Whether a commit is durable in one city only at the moment.
    pub(crate) fn is_one_city(&self) -> bool {
        self.inner.topology.borrow().as_ref().is_some_and(|topology| topology.one_city.is_some())
    }

    /// Whether this node itself was let go.
    pub(crate) fn is_retired(&self) -> bool {
        let (topology, own) = (self.topology(), self.inner.config.node.id);
        let recorded = topology.and_then(|topology| topology.members.get(&own).cloned());
        recorded.is_some_and(|member| member.standing == Standing::Retired)
    }

    /// A member as this node knows it, retired ones included.
    pub(crate) fn member(&self, id: u64) -> Option<MemberConfig> {
        let config = &self.inner.config;
        let configured = config.member(id);
        let Some(topology) = self.topology() else { return configured.cloned() };
        let recorded = topology.members.get(&id)?;
        let or = |recorded: &str, configured: Option<&String>| match (recorded, configured) {
            ("", Some(configured)) => configured.clone(),
            (recorded, _) => recorded.to_owned(),
        };
        let dial = config.dial.iter().find(|dial| dial.id == id).map(|dial| &dial.peer_address);
        let peer_address = dial.or(configured.map(|of| &of.peer_address)).cloned();
        Some(MemberConfig {
            id,
            name: or(&recorded.name, configured.map(|of| &of.name)),
            city: recorded.city.clone(),
            peer_address: peer_address.unwrap_or_else(|| recorded.peer_address.clone()),
            client_address: or(&recorded.client_address, configured.map(|of| &of.client_address)),
        })
    }

    /// Every member that takes part, in the order of ids.
    pub(crate) fn present(&self) -> Vec<MemberConfig> {
        match self.topology() {
            None => self.inner.config.members.clone(),
            Some(topology) => {
                let present = topology.present().filter_map(|member| self.member(member.node_id));
                present.collect()
            }
        }
    }

    /// This node's storage id.
    pub(super) fn own_storage_id(&self) -> Bytes {
        Bytes::copy_from_slice(&self.inner.own_storage_id)
    }

    /// This node's storage id as metadata.
    pub(super) fn own_metadata(&self) -> BinaryMetadataValue {
        MetadataValue::from_bytes(&self.inner.own_storage_id)
    }

    /// Refuses who is no member, and a node whose storage id is not the recorded
    /// one. Before the genesis is applied here nothing is recorded, and nothing can
    /// be lost.
    pub(super) fn check(&self, node_id: u64, metadata: &MetadataMap) -> Result<(), NotAMember> {
        let checked = self.check_storage(node_id, metadata);
        if let Err(refused) = &checked {
            tracing::warn!(node_id, %refused, "a node is refused");
        }
        checked
    }

    fn check_storage(&self, node_id: u64, metadata: &MetadataMap) -> Result<(), NotAMember> {
        let Some(topology) = self.topology() else {
            let configured = self.inner.config.member(node_id).is_some();
            return if configured { Ok(()) } else { Err(NotAMember::Unknown(node_id)) };
        };
        let presented = metadata.get_bin(STORAGE_ID).and_then(|value| value.to_bytes().ok());
        match topology.members.get(&node_id) {
            None => Err(NotAMember::Unknown(node_id)),
            Some(ClusterMember { standing: Standing::Retired, .. }) => {
                Err(NotAMember::Retired(node_id))
            }
            Some(member) if presented.as_deref() != Some(&member.storage_id[..]) => {
                Err(NotAMember::Forgetful(node_id))
            }
            Some(_) => Ok(()),
        }
    }

    /// The recovery epoch that this node is in.
    pub(crate) fn recovery_epoch(&self) -> u64 {
        self.inner.recovery_epoch.load(Ordering::Acquire)
    }

    /// An empty node takes the epoch of those whom it joins.
    pub(super) fn join_epoch(&self, recovery_epoch: u64) {
        self.inner.recovery_epoch.fetch_max(recovery_epoch, Ordering::AcqRel);
    }

    /// Others say that they went on without this node.
    pub(super) fn superseded(&self, by_epoch: u64) {
        if by_epoch <= self.recovery_epoch() {
            return;
        }
        if self.inner.superseded_by.fetch_max(by_epoch, Ordering::AcqRel) < by_epoch {
            tracing::error!(
                own_epoch = self.recovery_epoch(),
                by_epoch,
                "the cluster was recovered without this node: it takes no part any more; wipe it \
                 (`registryctl failover wipe`) and let it join under a new node id"
            );
        }
    }

    /// The later epoch in which others go on without this node.
    pub(crate) fn superseded_by(&self) -> Option<u64> {
        let epoch = self.inner.superseded_by.load(Ordering::Acquire);
        (epoch > self.recovery_epoch()).then_some(epoch)
    }
}
