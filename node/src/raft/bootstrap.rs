//! Forms a cluster in one step, once.
//!
//! The node that is asked gets the promise of every member, becomes the only
//! voter, then widens the membership to the layout; only after every commit
//! needs both cities is the ledger's genesis proposed, and before the genesis
//! the ledger refuses everything else. An interrupted bootstrap is resumed by
//! asking the same node again, or the one that leads by then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use openraft::async_runtime::WatchReceiver as _;
use openraft::impls::EmptyNode;
use parking_lot::Mutex;
use registry_ledger::{Reason, next_voters};
use registry_proto::peer::{HelloReply, HelloRequest};
use registry_proto::storage::log_command::Command;
use registry_proto::storage::{City, Genesis, LogCommand, Member};
use tonic::Request;

use super::consensus::{Consensus, Unavailable};
use super::membership;
use crate::config::Layout;

const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
/// The same while the members fetch a restored registry.
const RESTORED_STEP_TIMEOUT: Duration = Duration::from_secs(1_800);
/// How long a node keeps itself free for the bootstrap that it promised to join.
const PROMISE: Duration = Duration::from_secs(30);

/// Whose bootstrap this node takes part in. A node that forms a cluster itself
/// promises that to itself: of two that begin at once each needs the other's
/// promise, so at most one gets on.
#[derive(Default)]
pub(super) struct Promise {
    held: Mutex<Option<(u64, Instant)>>,
}

impl Promise {
    /// Promises unless another holds it; answers who holds it now.
    pub(super) fn keep(&self, caller: u64) -> u64 {
        let mut held = self.held.lock();
        match *held {
            Some((holder, until)) if holder != caller && until > Instant::now() => holder,
            _ => {
                *held = Some((caller, Instant::now() + PROMISE));
                caller
            }
        }
    }
}

/// Why the cluster was not formed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootstrapError {
    /// It was formed before.
    #[error("cluster {cluster_id} was formed before; a cluster is formed once")]
    AlreadyBootstrapped {
        /// Whose.
        cluster_id: String,
    },
    /// A member did not answer.
    #[error(
        "node {node} at {address} does not answer ({why}): start every member first, then ask again"
    )]
    Unreachable {
        /// Which.
        node: String,
        /// Where it was looked for.
        address: String,
        /// What happened.
        why: String,
    },
    /// A member cannot take part.
    #[error("node {node} cannot take part: {why}")]
    Foreign {
        /// Which.
        node: String,
        /// Why not.
        why: String,
    },
    /// Something else stopped it; asking again resumes.
    #[error("the bootstrap stopped: {0}; ask the same node again to resume it")]
    Failed(String),
}

fn failed(error: impl std::fmt::Display) -> BootstrapError {
    BootstrapError::Failed(error.to_string())
}

impl Consensus {
    /// Forms the configured cluster and returns the log index of its genesis.
    /// `recovery_city` may recover alone at first; the city of this node when it is
    /// empty.
    pub(crate) async fn bootstrap(
        &self,
        actor: String,
        recovery_city: &str,
    ) -> Result<u64, BootstrapError> {
        let cluster_id = self.inner.config.cluster_id.clone();
        let already = || BootstrapError::AlreadyBootstrapped { cluster_id: cluster_id.clone() };
        if self.has_genesis() {
            return Err(already());
        }
        let recovery_city = self.recovery_city(recovery_city)?;
        let resuming = self.has_log();
        if resuming && self.is_alone() {
            // One that was just started elects itself soon.
            let wait = self.raft().wait(Some(STEP_TIMEOUT));
            let own = self.inner.config.node.id;
            wait.current_leader(own, "the only voter").await.map_err(failed)?;
        }
        if resuming && !self.leads() {
            // Formed long ago, or left half-way and led by another since.
            let leader_id = self.read_barrier().await.ok().and_then(|()| self.current_leader());
            if self.has_genesis() {
                return Err(already());
            }
            return Err(self.cannot_take_part(match leader_id {
                Some(id) => format!("node {id} leads: ask that one to resume the bootstrap"),
                None => "it holds a log already, and nobody leads at the moment".into(),
            }));
        }
        self.promise_itself()?;
        // Until others were made members, none of them has a part of this log.
        let storage_ids = self.gather_promises(resuming && !self.is_alone()).await?;
        if !resuming {
            // Not given away meanwhile, however long the others took.
            self.promise_itself()?;
            let alone = BTreeMap::from([(self.inner.config.node.id, EmptyNode {})]);
            self.raft().initialize(alone).await.map_err(failed)?;
        }
        let restored = self.ledger().read().await.ledger.restoration().is_some();
        let limit = if restored { RESTORED_STEP_TIMEOUT } else { STEP_TIMEOUT };
        tokio::time::timeout(limit, self.widen(limit)).await.map_err(failed)??;
        let answer = self
            .propose(self.genesis(actor, &recovery_city, &storage_ids))
            .await
            .map_err(|why| match why {
                Unavailable::NotLeader { .. } => failed("this node lost the leadership meanwhile"),
                other => failed(format!("{other:?}")),
            })?;
        match answer.outcome {
            Ok(_) => Ok(answer.log_index),
            Err(rejection) if rejection.reason == Reason::AlreadyBootstrapped => Err(already()),
            Err(rejection) => Err(failed(rejection)),
        }
    }

    /// The city that may recover alone, if it is one that can.
    fn recovery_city(&self, asked: &str) -> Result<String, BootstrapError> {
        let config = &self.inner.config;
        let cities = config.cities();
        let witness = |nodes: &[u64]| config.layout == Layout::Witnessed && nodes.len() == 1;
        let mut leading = cities.iter().filter(|(_, nodes)| !witness(nodes)).map(|(city, _)| city);
        let asked = match asked {
            // The third place cannot, so somebody else must.
            "" if !leading.clone().any(|city| *city == config.node.city) => leading.next(),
            "" => Some(&config.node.city),
            asked => leading.find(|city| *city == asked),
        };
        let unknown = || {
            let cities: Vec<&str> = cities.iter().map(|(city, _)| city.as_str()).collect();
            self.cannot_take_part(format!(
                "recovery_city must be one of the cities that may lead, of {}",
                cities.join(", ")
            ))
        };
        asked.cloned().ok_or_else(unknown)
    }

    /// Whether the membership has no node but this one.
    fn is_alone(&self) -> bool {
        let stored = self.raft().metrics().borrow_watched().membership_config.clone();
        let mut nodes = stored.membership().nodes().map(|(id, _)| *id);
        nodes.next() == Some(self.inner.config.node.id) && nodes.next().is_none()
    }

    fn cannot_take_part(&self, why: String) -> BootstrapError {
        BootstrapError::Foreign { node: self.inner.config.node.name.clone(), why }
    }

    fn promise_itself(&self) -> Result<(), BootstrapError> {
        let own = self.inner.config.node.id;
        match self.inner.promise.keep(own) {
            holder if holder == own => Ok(()),
            holder => {
                Err(self.cannot_take_part(format!("it takes part in a bootstrap by node {holder}")))
            }
        }
    }

    /// Asks every other member to take part; answers everyone's storage id.
    async fn gather_promises(
        &self,
        has_members: bool,
    ) -> Result<BTreeMap<u64, Bytes>, BootstrapError> {
        let config = &self.inner.config;
        let mut storage_ids =
            BTreeMap::from([(config.node.id, self.inner.directory.own_storage_id())]);
        for member in config.members.iter().filter(|member| member.id != config.node.id) {
            let unreachable = |why: String| BootstrapError::Unreachable {
                node: member.name.clone(),
                address: member.peer_address.clone(),
                why,
            };
            let mut client = self
                .inner
                .peers
                .client(member.id)
                .ok_or_else(|| unreachable("it is not configured".into()))?;
            let mut request = Request::new(HelloRequest { promise_bootstrap: true });
            request.set_timeout(HELLO_TIMEOUT);
            let hello = client.hello(request).await.map_err(|e| unreachable(e.to_string()))?;
            let hello = hello.into_inner();
            self.check_hello(&hello, has_members)
                .map_err(|why| BootstrapError::Foreign { node: member.name.clone(), why })?;
            storage_ids.insert(member.id, hello.storage_id);
        }
        Ok(storage_ids)
    }

    fn check_hello(&self, hello: &HelloReply, has_members: bool) -> Result<(), String> {
        let config = &self.inner.config;
        if hello.layout != config.layout.as_str() {
            return Err(format!(
                "its layout is {}, here it is {}",
                hello.layout,
                config.layout.as_str()
            ));
        }
        if hello.promised_to != config.node.id {
            return Err(format!("it takes part in a bootstrap by node {}", hello.promised_to));
        }
        if hello.has_log && !has_members {
            return Err("it holds a log already: the cluster was formed before, its data folder is not empty, or it has a restored registry and must itself be asked to bootstrap".into());
        }
        Ok(())
    }

    /// Steps from the single voter to the layout.
    async fn widen(&self, limit: Duration) -> Result<(), BootstrapError> {
        let config = &self.inner.config;
        let wait = self.raft().wait(Some(STEP_TIMEOUT));
        wait.current_leader(config.node.id, "bootstrap leader").await.map_err(failed)?;
        // A leader may change the membership only after a commit of its own term.
        self.raft().write_blank().await.map_err(failed)?;
        let nodes: BTreeSet<u64> = config.members.iter().map(|member| member.id).collect();
        loop {
            let stored = self.raft().metrics().borrow_watched().membership_config.clone();
            let current: Vec<BTreeSet<u64>> = stored.membership().get_joint_config().clone();
            let known = stored.membership().nodes().count();
            let next = if known < nodes.len() {
                // Learners first: a node that joins the quorum can answer at once.
                current
            } else {
                match next_voters(&current, &membership::layout_sets(config)) {
                    Some(next) => next,
                    None => return Ok(()),
                }
            };
            let log_id =
                membership::append(self.raft(), &nodes, next, &stored).await.map_err(failed)?;
            let seen = self.raft().wait(Some(limit));
            seen.metrics(
                |metrics| metrics.membership_config.log_id().as_ref() >= Some(&log_id),
                "bootstrap membership",
            )
            .await
            .map_err(failed)?;
        }
    }

    /// The city that may recover goes first: the ledger takes it from there.
    fn genesis(
        &self,
        actor: String,
        recovery_city: &str,
        storage_ids: &BTreeMap<u64, Bytes>,
    ) -> LogCommand {
        let config = &self.inner.config;
        let mut cities: BTreeMap<&str, Vec<Member>> = BTreeMap::new();
        for member in &config.members {
            let storage_id = storage_ids.get(&member.id).cloned().unwrap_or_default();
            cities.entry(&member.city).or_default().push(Member { node_id: member.id, storage_id });
        }
        let mut cities: Vec<City> = cities
            .into_iter()
            .map(|(name, mut members)| {
                members.sort_unstable_by_key(|member| member.node_id);
                City { name: name.to_owned(), members }
            })
            .collect();
        cities.sort_by_key(|city| city.name != recovery_city);
        LogCommand {
            actor,
            command: Some(Command::Genesis(Genesis {
                cluster_id: config.cluster_id.clone(),
                layout: config.layout.as_str().to_owned(),
                cities,
            })),
        }
    }
}
