//! A copy of a node's data folder that answers reads, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use registry_ledger::Genesis;
use registry_proto::registry::Counters;
use tokio::sync::{RwLock, watch};

use super::consensus::RaftStatus;
use super::directory::Directory;
use super::membership;
use super::rules::{self, Met};
use super::state_machine::{position, read_mark};
use super::view::LedgerView;
use crate::config::Config;
use crate::storage::{FolderCopy, Journal, LogExtent};

/// The ledger of a copy as far as its node had applied it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct StoredCopy {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<Config>,
    directory: Directory,
    view: RwLock<LedgerView>,
    journal: Journal,
    applied: (u64, u64),
    log: LogExtent,
    voter_sets: Vec<BTreeSet<u64>>,
    /// Keeps nodes out of the folder.
    _locks: Vec<std::fs::File>,
}

impl StoredCopy {
    /// Opens a data folder or a snapshot without changing a byte of it.
    ///
    /// # Errors
    /// When it is in use, damaged, of another format, of another cluster or empty.
    pub(crate) fn open(
        config: Arc<Config>,
        folder: &Path,
        despite_damage: bool,
    ) -> anyhow::Result<Self> {
        let copy = FolderCopy::open(folder, despite_damage)
            .with_context(|| format!("the copy in {}", folder.display()))?;
        let (last_applied, membership) = read_mark(&copy.opened.mark)?;
        let (term, log_index) = position(last_applied.as_ref());
        let ledger = copy.opened.ledger;
        rules::check(&ledger, config.rules_known, Met::Ledger)
            .with_context(|| format!("the copy in {}", folder.display()))?;
        let Some(genesis) = ledger.genesis() else {
            anyhow::bail!("the copy in {} holds no ledger yet", folder.display());
        };
        anyhow::ensure!(
            genesis.cluster_id == config.cluster_id,
            "the copy in {} is of cluster {}, the configuration is for {}: use that cluster's",
            folder.display(),
            genesis.cluster_id,
            config.cluster_id
        );
        let node_id = copy.storage_id.and_then(|id| made_by(genesis, id));
        let node = node_id.and_then(|id| config.member(id)).map(|member| member.name.as_str());
        tracing::info!(
            folder = %folder.display(),
            node,
            log_index,
            events = ledger.journal().leaves(),
            "copy opened to be read"
        );
        if let Some(damage) = &copy.damage {
            tracing::warn!(damage, "the copy is damaged; what it answers may be wrong");
        }
        // A snapshot has no log: nothing lies behind it.
        let of_snapshot =
            LogExtent { purged_index: 0, committed_index: log_index, last_index: log_index };
        let log = copy.log.unwrap_or(of_snapshot);
        if log.last_index > log_index {
            tracing::warn!(
                from = log_index + 1,
                to = log.last_index,
                committed = log.committed_index,
                "log entries of the copy are not applied and not served; those behind the \
                 committed one may never have been answered"
            );
        }
        let joint = membership.membership().get_joint_config();
        let (_, topology) = watch::channel(ledger.topology().cloned());
        let own = copy.storage_id.unwrap_or_default();
        let recovery_epoch = ledger.topology().map_or(0, |of| of.recovery_epoch);
        let directory = Directory::new(config.clone(), topology, own, recovery_epoch);
        Ok(Self {
            inner: Arc::new(Inner {
                directory,
                config,
                view: RwLock::new(LedgerView::new(ledger, term, log_index)),
                journal: copy.journal,
                applied: (term, log_index),
                log,
                voter_sets: joint.clone(),
                _locks: copy.locks,
            }),
        })
    }

    pub(super) fn ledger(&self) -> &RwLock<LedgerView> {
        &self.inner.view
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    /// No part of any consensus: it leads nobody and follows nobody.
    pub(super) fn status(&self) -> RaftStatus {
        let Inner { config, directory, applied, log, voter_sets, .. } = &*self.inner;
        let (term, log_index) = applied;
        RaftStatus {
            state: "copy",
            term: *term,
            leader_id: None,
            last_log_index: log.last_index.max(*log_index),
            snapshot_log_index: 0,
            purged_log_index: log.purged_index,
            voter_sets: voter_sets.iter().map(|set| set.iter().copied().collect()).collect(),
            membership_as_layout: membership::is_as_layout(
                config,
                directory.topology().as_deref(),
                voter_sets,
            ),
            quorum_age: None,
            clock_ahead_ms: None,
            matched: Vec::new(),
            counters: Counters::default(),
        }
    }
}

/// The node whose data folder has this id.
fn made_by(genesis: &Genesis, storage_id: [u8; 16]) -> Option<u64> {
    let mut members = genesis.cities.iter().flat_map(|(_, members)| members);
    members.find(|member| member.storage_id == storage_id).map(|member| member.node_id)
}
