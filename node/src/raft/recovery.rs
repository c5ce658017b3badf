//! Going on without a lost city: this node's part of it.
//!
//! Two operators approve one plan at every survivor. A survivor that is told to
//! carry it out checks for itself that nobody of the lost city answers, that its
//! city may recover, and that its log is what the plan says; then the process
//! closes its storage, copies it, and starts again in the next recovery epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use parking_lot::Mutex;
use prost::Message as _;
use registry_ledger::{Standing, Topology};
use registry_proto::peer::HelloRequest;
use registry_proto::registry::{RecoveryPlan, Survivor};
use registry_proto::storage::log_command::Command;
use registry_proto::storage::{LogCommand, RecordRecovery};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tonic::{Code, Request};

use super::consensus::Consensus;
use crate::storage::LogEnd;
use crate::storage::recovery::KeptRecovery;

/// A node that answers nothing for so long does not answer.
const PROBE_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How far terms go up: further than elections of a city that is cut off.
pub(crate) const TERM_STEP: u64 = 1_000;
/// Plans that may wait for approvals.
const PLANS: usize = 16;
const INTERVAL: Duration = Duration::from_millis(200);

/// Why a plan is not carried out here; nothing was changed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum NotRecovered {
    /// The bytes are no plan.
    #[error("the bytes are no recovery plan; make one with `registryctl failover recover`")]
    Malformed,
    /// The node knows no cluster.
    #[error("this node belongs to no cluster yet")]
    NotBootstrapped,
    /// Of another cluster.
    #[error("the plan is for cluster {plan}, this node is of {own}")]
    OtherCluster {
        /// The plan's.
        plan: String,
        /// This node's.
        own: String,
    },
    /// Not the next epoch.
    #[error(
        "the plan begins recovery epoch {plan}, this node is in {own}: it was carried out already, or is of another time; look at `registryctl cluster status`"
    )]
    Epoch {
        /// The plan's.
        plan: u64,
        /// This node's.
        own: u64,
    },
    /// Not one of two cities.
    #[error("{0:?} is not one of the cities that can be lost and gone on without")]
    City(String),
    /// It is out of the quorum already.
    #[error("{0} is out of the quorum already: the others go on without it")]
    CityOut(String),
    /// This node stands there.
    #[error("this node stands in {0}, the city that the plan gives up")]
    OwnCity(String),
    /// Somebody there lives.
    #[error(
        "{lost} is not lost: {answering} answers. Stop every node of {lost} for good first; two halves that both go on would each record their own truth"
    )]
    Answering {
        /// The city.
        lost: String,
        /// Names.
        answering: String,
    },
    /// Another city holds the right.
    #[error(
        "{own} has not the right to recover, {holder} has it: use a sealed override that was issued to {own} in this recovery epoch (`--override FILE`)"
    )]
    NoRight {
        /// The city of the survivors.
        own: String,
        /// Who may.
        holder: String,
    },
    /// The secret is none that was issued.
    #[error("the override was not issued to {0} in this recovery epoch, or is not whole")]
    Override(String),
    /// The node is not named, or its log is another one.
    #[error(
        "this node's log ends at term {last_term}, index {last_index}, the plan says otherwise: something changed since; make a new plan"
    )]
    Outdated {
        /// This node's last term.
        last_term: u64,
        /// This node's last index.
        last_index: u64,
    },
    /// The plan's own numbers do not fit each other.
    #[error("the plan contradicts itself: {0}")]
    Contradiction(&'static str),
    /// Too few survived.
    #[error(
        "{survivors} of {voters} voters survived; {needed} must, to hold everything that was acknowledged: find another one, or accept the possible loss with `--accept-loss`"
    )]
    TooFew {
        /// That answered.
        survivors: usize,
        /// Of the set.
        voters: usize,
        /// To be sure.
        needed: usize,
    },
    /// One person, or nobody.
    #[error("{0} approved this plan at this node; two different people must")]
    Approvals(String),
}

/// Who approved which plan at this node.
#[derive(Default)]
pub(super) struct Approvals {
    by_plan: Mutex<BTreeMap<[u8; 32], BTreeSet<String>>>,
}

/// The recovery's state in one process.
pub(super) struct Recovering {
    pub(super) approvals: Approvals,
    /// What the process is to do with its storage closed.
    pub(super) asked: watch::Sender<Option<Closed>>,
    /// The recovery that began this epoch.
    pub(super) kept: Option<KeptRecovery>,
}

/// What is done while nobody uses the storage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Closed {
    /// Begin the next recovery epoch.
    Recover(Box<KeptRecovery>),
    /// Remove the data folder, and end.
    Wipe,
}

impl Recovering {
    pub(super) fn new(kept: Option<KeptRecovery>) -> Self {
        Self { approvals: Approvals::default(), asked: watch::Sender::new(None), kept }
    }
}

/// A plan and its hash, as it was sent.
pub(crate) fn decode_plan(bytes: &[u8]) -> Result<(RecoveryPlan, [u8; 32]), NotRecovered> {
    let plan = RecoveryPlan::decode(bytes).map_err(|_| NotRecovered::Malformed)?;
    // What is hashed and approved must be what is carried out.
    if plan.encode_to_vec() != bytes || plan.survivors.is_empty() {
        return Err(NotRecovered::Malformed);
    }
    Ok((plan, Sha256::digest(bytes).into()))
}

impl Consensus {
    /// Where this node's log ends.
    pub(crate) fn log_end(&self) -> LogEnd {
        self.inner.log.last()
    }

    /// The plan that began this node's recovery epoch, encoded; empty in epoch 0.
    pub(crate) fn kept_plan(&self) -> Vec<u8> {
        self.kept_recovery().map(|kept| kept.plan.encode_to_vec()).unwrap_or_default()
    }

    /// The recovery that began this node's epoch; none in epoch 0.
    pub(crate) fn kept_recovery(&self) -> Option<&KeptRecovery> {
        self.inner.recovering.kept.as_ref()
    }

    /// Names of a city's nodes that answer this one, whatever they say.
    pub(crate) async fn answering_in(&self, city: &str) -> Vec<String> {
        let members = self.directory().present().into_iter().filter(|member| member.city == city);
        let asked = members.map(async |member| {
            let mut client = self.inner.peers.client(member.id)?;
            let mut request = Request::new(HelloRequest { promise_bootstrap: false });
            request.set_timeout(PROBE_TIMEOUT);
            let reply = tokio::time::timeout(PROBE_TIMEOUT, client.hello(request)).await.ok()?;
            // A refusal is an answer as well; what the own side makes of a broken
            // connection has its cause with it.
            let silent = |status: &tonic::Status| {
                std::error::Error::source(status).is_some()
                    || matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled)
            };
            (!reply.is_err_and(|status| silent(&status))).then_some(member.name)
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Notes that a person approves the plan; who did so far.
    pub(crate) fn approve_recovery(
        &self,
        bytes: &[u8],
        actor: String,
    ) -> Result<([u8; 32], Vec<String>), NotRecovered> {
        let (plan, sha256) = decode_plan(bytes)?;
        self.check_plan(&plan)?;
        let mut by_plan = self.inner.recovering.approvals.by_plan.lock();
        if by_plan.len() >= PLANS && !by_plan.contains_key(&sha256) {
            by_plan.pop_first();
        }
        let approved_by = by_plan.entry(sha256).or_default();
        tracing::warn!(actor, lost_city = plan.lost_city, "a recovery is approved");
        approved_by.insert(actor);
        Ok((sha256, approved_by.iter().cloned().collect()))
    }

    /// Checks everything, and lets the process begin.
    pub(crate) async fn recover(&self, bytes: &[u8], secret: &[u8]) -> Result<(), NotRecovered> {
        let (plan, sha256) = decode_plan(bytes)?;
        let topology = self.check_plan(&plan)?;
        check_right(&topology, &plan, secret)?;
        let approved_by: Vec<String> = {
            let by_plan = self.inner.recovering.approvals.by_plan.lock();
            by_plan.get(&sha256).into_iter().flatten().cloned().collect()
        };
        if approved_by.len() < 2 {
            let so_far = if approved_by.is_empty() { "nobody" } else { &approved_by[0] };
            return Err(NotRecovered::Approvals(so_far.to_owned()));
        }
        let answering = self.answering_in(&plan.lost_city).await;
        if !answering.is_empty() {
            let (lost, answering) = (plan.lost_city.clone(), answering.join(", "));
            return Err(NotRecovered::Answering { lost, answering });
        }
        tracing::warn!(
            ?approved_by,
            lost_city = plan.lost_city,
            recovery_epoch = plan.recovery_epoch,
            "recovery begins: storage is being closed"
        );
        let kept = Box::new(KeptRecovery { plan, approved_by });
        self.inner.recovering.asked.send_replace(Some(Closed::Recover(kept)));
        Ok(())
    }

    /// Whether the node is one that others went on without.
    pub(crate) fn may_be_wiped(&self) -> bool {
        self.directory().superseded_by().is_some() || self.directory().is_retired()
    }

    /// Lets the process remove its data and end.
    pub(crate) fn wipe(&self) {
        self.inner.recovering.asked.send_replace(Some(Closed::Wipe));
    }

    /// Resolves when something is to be done with the storage closed.
    pub(crate) async fn to_be_closed(&self) -> Closed {
        let mut asked = self.inner.recovering.asked.subscribe();
        loop {
            if let Some(closed) = asked.borrow_and_update().clone() {
                return closed;
            }
            if asked.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The plan as far as this node can judge it by itself.
    fn check_plan(&self, plan: &RecoveryPlan) -> Result<std::sync::Arc<Topology>, NotRecovered> {
        let config = &self.inner.config;
        let topology = self.directory().topology().ok_or(NotRecovered::NotBootstrapped)?;
        if plan.cluster_id != config.cluster_id {
            let (plan, own) = (plan.cluster_id.clone(), config.cluster_id.clone());
            return Err(NotRecovered::OtherCluster { plan, own });
        }
        let own_epoch = self.directory().recovery_epoch();
        if plan.recovery_epoch != own_epoch + 1 {
            return Err(NotRecovered::Epoch { plan: plan.recovery_epoch, own: own_epoch });
        }
        check_cities(&topology, plan)?;
        if plan.lost_city == config.node.city {
            return Err(NotRecovered::OwnCity(plan.lost_city.clone()));
        }
        let end = self.log_end();
        let own = plan.survivors.iter().find(|survivor| survivor.node_id == config.node.id);
        let is_own = |own: &Survivor| {
            (own.last_term, own.last_log_index) == (end.last_term, end.last_index)
                && own.vote_term >= end.vote_term
        };
        if !own.is_some_and(is_own) {
            let LogEnd { last_term, last_index, .. } = end;
            return Err(NotRecovered::Outdated { last_term, last_index });
        }
        check_survivors(&topology, plan)?;
        Ok(topology)
    }
}

fn check_cities(topology: &Topology, plan: &RecoveryPlan) -> Result<(), NotRecovered> {
    let lost = &plan.lost_city;
    let can_be_lost =
        topology.seats.contains_key(lost) && !topology.is_witness(lost) && topology.seats.len() > 1;
    if !can_be_lost {
        return Err(NotRecovered::City(lost.clone()));
    }
    match &topology.one_city {
        Some(one) if one.city_out == *lost => Err(NotRecovered::CityOut(lost.clone())),
        Some(_) | None => Ok(()),
    }
}

/// The greatest position leads, and enough survived to hold all acknowledged.
fn check_survivors(topology: &Topology, plan: &RecoveryPlan) -> Result<(), NotRecovered> {
    let position = |of: &Survivor| (of.last_term, of.last_log_index);
    let contradiction = |what| Err(NotRecovered::Contradiction(what));
    let greatest = plan.survivors.iter().map(position).max();
    let chosen = plan.survivors.iter().find(|of| of.node_id == plan.chosen_node_id);
    if chosen.map(position) != greatest {
        return contradiction("the chosen node has not the greatest log position");
    }
    let voted = plan.survivors.iter().map(|of| of.vote_term.max(of.last_term)).max();
    if plan.new_term < voted.unwrap_or(0).saturating_add(TERM_STEP) {
        return contradiction("the new term is not far enough above the old ones");
    }
    let ids: BTreeSet<u64> = plan.survivors.iter().map(|of| of.node_id).collect();
    if ids.len() != plan.survivors.len() {
        return contradiction("a node survives twice");
    }
    let voters: BTreeSet<u64> = topology.in_force.iter().flatten().copied().collect();
    if !ids.is_subset(&voters) {
        return contradiction("a survivor is no voter");
    }
    // A node that another one was replacing still votes, and holds the log; but it goes.
    let stays = |id: &u64| {
        topology.members.get(id).is_some_and(|member| member.standing == Standing::Voter)
    };
    if !ids.iter().any(stays) {
        return contradiction("every survivor was being replaced: nobody would be left to vote");
    }
    if plan.survivors.iter().any(|of| of.city == plan.lost_city) {
        return contradiction("a survivor stands in the lost city");
    }
    // An entry is acknowledged when a majority of every set has it. All but one less
    // than a majority of one set hold together whatever any majority of it holds.
    let enough = |set: &BTreeSet<u64>| {
        let needed = set.len() - (set.len() / 2 + 1) + 1;
        (set.intersection(&ids).count(), set.len(), needed)
    };
    let best = topology
        .in_force
        .iter()
        .map(enough)
        .max_by_key(|(have, _, needed)| (have >= needed, *have));
    let (survivors, voters, needed) = best.unwrap_or((0, 0, 1));
    if survivors < needed && !plan.with_possible_loss {
        return Err(NotRecovered::TooFew { survivors, voters, needed });
    }
    Ok(())
}

fn check_right(
    topology: &Topology,
    plan: &RecoveryPlan,
    secret: &[u8],
) -> Result<(), NotRecovered> {
    let lost = &plan.lost_city;
    let own = topology.seats.keys().find(|city| *city != lost && !topology.is_witness(city));
    let own = own.cloned().unwrap_or_default();
    if topology.recovery_city == own && !plan.with_override {
        return Ok(());
    }
    if !plan.with_override {
        return Err(NotRecovered::NoRight { own, holder: topology.recovery_city.clone() });
    }
    let sha256: [u8; 32] = Sha256::digest(secret).into();
    let issued = topology.overrides.iter();
    let mut issued = issued.filter(|of| of.city == own && of.secret_sha256 == sha256);
    if issued.next().is_some() { Ok(()) } else { Err(NotRecovered::Override(own)) }
}

/// Writes the recovery into the ledger, once somebody leads in the new epoch.
pub(super) async fn record(consensus: Consensus) {
    let Some(KeptRecovery { plan, approved_by }) = consensus.inner.recovering.kept.clone() else {
        return;
    };
    let own = consensus.inner.config.node.id;
    loop {
        let recorded = consensus.directory().topology();
        if recorded.is_some_and(|topology| topology.recovery_epoch >= plan.recovery_epoch) {
            return;
        }
        if consensus.current_leader() == Some(own) {
            let record = RecordRecovery {
                recovery_epoch: plan.recovery_epoch,
                lost_city: plan.lost_city.clone(),
                survivors: plan.survivors.iter().map(|survivor| survivor.node_id).collect(),
                approved_by: approved_by.clone(),
                last_log_index: plan
                    .survivors
                    .iter()
                    .map(|of| of.last_log_index)
                    .max()
                    .unwrap_or(0),
                with_override: plan.with_override,
                with_possible_loss: plan.with_possible_loss,
            };
            let command = LogCommand {
                actor: format!("node/{own}"),
                command: Some(Command::RecordRecovery(record)),
            };
            let answer = consensus.propose(command).await;
            tracing::info!(?answer, "recovery recorded");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
