//! Going on without a lost city: what the survivors hold, the plan that follows
//! from it, and carrying it out.
//!
//! There is no quorum and so no leader: every node is asked for itself.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use prost::Message as _;
use registry_proto::registry::recovery_service_client::RecoveryServiceClient;
use registry_proto::registry::{
    ApproveRecoveryRequest, InspectReply, InspectRequest, RecoverRequest, RecoveryPlan, Survivor,
    Topology, WipeNodeRequest,
};
use sha2::{Digest as _, Sha256};
use tonic::transport::Channel;

use crate::error::{ClientError, Failure, classify};
use crate::operator::{NodeStatus, OperatorClient};

/// How far terms go up: further than elections of a city that is cut off.
const TERM_STEP: u64 = 1_000;
/// Inspecting asks the lost city's nodes in turn.
const INSPECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Nobody of the other city answers.
    #[error("no node outside {0} answers: there is nobody to go on with")]
    NobodyLeft(String),
    /// The city is not lost.
    #[error(
        "{lost} is not lost: {answering} answers. Stop every node of {lost} for good first; two halves that both go on would each record their own truth"
    )]
    Answering {
        /// The city.
        lost: String,
        /// Names or addresses.
        answering: String,
    },
    /// Not a city of the cluster, or not one that can be given up.
    #[error("{city:?} cannot be given up; the cluster has {cities}")]
    City {
        /// As asked.
        city: String,
        /// Those of the cluster.
        cities: String,
    },
    /// It was given up before.
    #[error("{0} is out of the quorum already: the others go on without it")]
    CityOut(String),
    /// Too few survived.
    #[error(
        "{survivors} of {voters} voters survived, {needed} must: an entry that was acknowledged may be on the others only. Find another survivor, or accept the possible loss with --accept-loss: whatever was acknowledged after the last entry of the survivors would be gone"
    )]
    TooFew {
        /// That answered.
        survivors: usize,
        /// Of the set.
        voters: usize,
        /// To be sure.
        needed: usize,
    },
    /// The survivors are not of one cluster and epoch.
    #[error("the survivors disagree: {0}")]
    Disagree(String),
    /// A node could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What the survivors hold.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Each with its client address.
    pub survivors: Vec<(String, InspectReply)>,
}

impl OperatorClient {
    /// Asks every node that answers what it holds and whether it reaches the lost
    /// city.
    ///
    /// # Errors
    /// `Answering` when a node of the lost city lives, `NobodyLeft`, `City`, `Client`.
    pub async fn survey(&self, lost_city: &str) -> Result<Survey, PlanError> {
        let nodes = self.statuses_of_all(0).await;
        let newest = nodes
            .iter()
            .filter_map(|node| node.status.as_ref().ok())
            .max_by_key(|status| (status.recovery_epoch, status.applied_log_index));
        let nobody = || PlanError::NobodyLeft(lost_city.to_owned());
        let topology = newest.and_then(|status| status.topology.clone()).ok_or_else(nobody)?;
        let begun = nodes.iter().filter_map(|node| node.status.as_ref().ok());
        let epochs: BTreeSet<u64> = begun.map(|status| status.recovery_epoch).collect();
        // A recovery that stopped halfway may have given the city up in part.
        if epochs.len() < 2 {
            check_city(&topology, lost_city)?;
        }
        refuse_answering(&nodes, lost_city)?;
        let asked = nodes.iter().filter(|node| node.status.is_ok()).map(async |node| {
            let reply = self.inspect(&node.endpoint, lost_city).await?;
            Ok::<_, ClientError>((node.endpoint.clone(), reply))
        });
        let mut survivors = Vec::new();
        for reply in join_all(asked).await {
            let (endpoint, reply) = reply?;
            if !reply.answering.is_empty() {
                let (lost, answering) = (lost_city.to_owned(), reply.answering.join(", "));
                return Err(PlanError::Answering { lost, answering });
            }
            survivors.push((endpoint, reply));
        }
        survivors.sort_by_key(|(_, reply)| reply.node_id);
        if survivors.is_empty() { Err(nobody()) } else { Ok(Survey { survivors }) }
    }

    /// What one node holds.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn inspect(
        &self,
        endpoint: &str,
        lost_city: &str,
    ) -> Result<InspectReply, ClientError> {
        let lost_city = lost_city.to_owned();
        self.inspect_with(endpoint, InspectRequest { lost_city, ..Default::default() }).await
    }

    pub(crate) async fn inspect_with(
        &self,
        endpoint: &str,
        request: InspectRequest,
    ) -> Result<InspectReply, ClientError> {
        let mut client = self.recovery_at(endpoint)?;
        let mut request = tonic::Request::new(request);
        request.set_timeout(INSPECT_TIMEOUT);
        answered("inspect", client.inspect(request).await)
    }

    /// Approves a plan at one survivor; who did so far there.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn approve_recovery(
        &self,
        endpoint: &str,
        plan: &RecoveryPlan,
    ) -> Result<Vec<String>, ClientError> {
        let request = ApproveRecoveryRequest { plan: plan.encode_to_vec().into() };
        let reply = self.recovery_at(endpoint)?.approve_recovery(request).await;
        Ok(answered("approve_recovery", reply)?.approved_by)
    }

    /// Carries a plan out at one survivor.
    ///
    /// # Errors
    /// `Rejected` with `NOT_RECOVERED` says why not; nothing was changed then.
    pub async fn recover(
        &self,
        endpoint: &str,
        plan: &RecoveryPlan,
        override_secret: &[u8],
    ) -> Result<(), ClientError> {
        let plan = plan.encode_to_vec().into();
        let request = RecoverRequest { plan, override_secret: override_secret.to_vec().into() };
        answered("recover", self.recovery_at(endpoint)?.recover(request).await).map(drop)
    }

    /// Removes the data of a node that others went on without.
    ///
    /// # Errors
    /// `Rejected` with `NOT_WIPED` when it takes part, or is another one.
    pub async fn wipe_node(&self, endpoint: &str, node_name: &str) -> Result<(), ClientError> {
        let request = WipeNodeRequest { node_name: node_name.to_owned() };
        answered("wipe_node", self.recovery_at(endpoint)?.wipe_node(request).await).map(drop)
    }

    fn recovery_at(&self, endpoint: &str) -> Result<RecoveryServiceClient<Channel>, ClientError> {
        Ok(RecoveryServiceClient::new(self.connector().channel_to(endpoint)?))
    }
}

fn answered<T>(
    call: &'static str,
    reply: Result<tonic::Response<T>, tonic::Status>,
) -> Result<T, ClientError> {
    reply.map(tonic::Response::into_inner).map_err(|status| match classify(&status) {
        Failure::Final(error) => error,
        Failure::Retry(retry) => {
            ClientError::Unavailable { call, write: false, cause: retry.cause }
        }
    })
}

fn check_city(topology: &Topology, lost_city: &str) -> Result<(), PlanError> {
    let cities: Vec<&str> = topology.cities.iter().map(|of| of.city.as_str()).collect();
    let found = topology.cities.iter().find(|of| of.city == lost_city && !of.is_witness);
    if found.is_none() || cities.len() < 2 {
        let (city, cities) = (lost_city.to_owned(), cities.join(", "));
        return Err(PlanError::City { city, cities });
    }
    match &topology.one_city {
        Some(one) if one.city_out == lost_city => Err(PlanError::CityOut(lost_city.to_owned())),
        _ => Ok(()),
    }
}

fn refuse_answering(nodes: &[NodeStatus], lost_city: &str) -> Result<(), PlanError> {
    let answers = nodes.iter().filter_map(|node| node.status.as_ref().ok());
    let alive: Vec<&str> = answers
        .filter(|status| status.city == lost_city && status.superseded_by_epoch == 0)
        .map(|status| status.node_name.as_str())
        .collect();
    match alive.is_empty() {
        true => Ok(()),
        false => {
            Err(PlanError::Answering { lost: lost_city.to_owned(), answering: alive.join(", ") })
        }
    }
}

impl Survey {
    /// The plan that follows: the survivor with the greatest log position goes on, and
    /// the others follow it.
    ///
    /// # Errors
    /// `TooFew` unless a loss is accepted; `Disagree`.
    pub fn plan(
        &self,
        lost_city: &str,
        with_override: bool,
        accept_loss: bool,
    ) -> Result<RecoveryPlan, PlanError> {
        let replies = || self.survivors.iter().map(|(_, reply)| reply);
        let epochs: BTreeSet<(&str, u64)> =
            replies().map(|reply| (reply.cluster_id.as_str(), reply.recovery_epoch)).collect();
        if epochs.len() > 1 {
            let told: Vec<String> =
                epochs.iter().map(|(of, epoch)| format!("{of} in epoch {epoch}")).collect();
            return Err(PlanError::Disagree(told.join(", ")));
        }
        let newest = replies().max_by_key(|reply| (reply.last_term, reply.last_log_index));
        let nobody = || PlanError::NobodyLeft(lost_city.to_owned());
        let topology = newest.and_then(|reply| reply.topology.clone()).ok_or_else(nobody)?;
        let voters: BTreeSet<u64> =
            topology.in_force.iter().flat_map(|set| set.node_ids.iter().copied()).collect();
        let survivors: Vec<Survivor> = replies()
            .filter(|reply| voters.contains(&reply.node_id) && reply.city != lost_city)
            .map(|reply| Survivor {
                node_id: reply.node_id,
                node_name: reply.node_name.clone(),
                city: reply.city.clone(),
                vote_term: reply.vote_term,
                last_term: reply.last_term,
                last_log_index: reply.last_log_index,
                committed_log_index: reply.committed_log_index,
            })
            .collect();
        // A node that another one was replacing still votes, and holds the log; but it goes.
        let goes = |of: &Survivor| {
            let mut nodes = topology.nodes.iter();
            nodes.any(|node| node.node_id == of.node_id && node.standing == "retired")
        };
        if survivors.iter().all(goes) {
            return Err(nobody());
        }
        let chosen = survivors.iter().max_by_key(|of| (of.last_term, of.last_log_index));
        let chosen_node_id = chosen.ok_or_else(nobody)?.node_id;
        let (alive, voters, needed) = sufficient(&topology, &survivors);
        if alive < needed && !accept_loss {
            return Err(PlanError::TooFew { survivors: alive, voters, needed });
        }
        let voted = survivors.iter().map(|of| of.vote_term.max(of.last_term)).max().unwrap_or(0);
        let first = newest.ok_or_else(nobody)?;
        Ok(RecoveryPlan {
            cluster_id: first.cluster_id.clone(),
            recovery_epoch: first.recovery_epoch + 1,
            lost_city: lost_city.to_owned(),
            chosen_node_id,
            new_term: voted + TERM_STEP,
            with_override,
            with_possible_loss: alive < needed,
            survivors,
        })
    }

    /// The plan of a recovery that some survivors have carried out and others not yet.
    #[must_use]
    pub fn unfinished(&self) -> Option<RecoveryPlan> {
        let replies = || self.survivors.iter().map(|(_, reply)| reply);
        let newest = replies().max_by_key(|reply| reply.recovery_epoch)?;
        let plan = RecoveryPlan::decode(&newest.kept_plan[..]).ok()?;
        let waits = |reply: &InspectReply| {
            reply.recovery_epoch + 1 == plan.recovery_epoch
                && plan.survivors.iter().any(|of| of.node_id == reply.node_id)
        };
        replies().any(waits).then_some(plan)
    }

    /// Whether a node has begun the plan's epoch already.
    #[must_use]
    pub fn has_begun(&self, node_id: u64, plan: &RecoveryPlan) -> bool {
        let found = self.survivors.iter().find(|(_, reply)| reply.node_id == node_id);
        found.is_some_and(|(_, reply)| reply.recovery_epoch >= plan.recovery_epoch)
    }

    /// Client address of a survivor.
    #[must_use]
    pub fn endpoint_of(&self, node_id: u64) -> Option<&str> {
        let found = self.survivors.iter().find(|(_, reply)| reply.node_id == node_id);
        found.map(|(endpoint, _)| endpoint.as_str())
    }
}

/// Of the voter set of which most survived: how many, how many there were, and how
/// many hold together all that any majority of it held.
fn sufficient(topology: &Topology, survivors: &[Survivor]) -> (usize, usize, usize) {
    let alive: BTreeSet<u64> = survivors.iter().map(|of| of.node_id).collect();
    let sets = topology.in_force.iter().map(|set| {
        let size = set.node_ids.len();
        let have = set.node_ids.iter().filter(|id| alive.contains(id)).count();
        (have, size, size - (size / 2 + 1) + 1)
    });
    sets.max_by_key(|(have, _, needed)| (have >= needed, *have)).unwrap_or((0, 0, 1))
}

/// The hash by which people name a plan.
#[must_use]
pub fn plan_sha256(plan: &RecoveryPlan) -> [u8; 32] {
    Sha256::digest(plan.encode_to_vec()).into()
}

#[cfg(test)]
mod tests {
    use registry_proto::registry::{NodeRecord, VoterSet};

    use super::*;

    fn survey(ends: &[(u64, u64, u64)]) -> Survey {
        let set = |ids: [u64; 3]| VoterSet { node_ids: ids.to_vec() };
        let in_force = vec![set([11, 12, 13]), set([21, 22, 23])];
        let topology = Topology { in_force, ..Default::default() };
        let reply = |(node_id, last_term, last_log_index): &(u64, u64, u64)| InspectReply {
            cluster_id: "test".to_owned(),
            node_id: *node_id,
            city: "wuhan".to_owned(),
            vote_term: *last_term,
            last_term: *last_term,
            last_log_index: *last_log_index,
            topology: Some(topology.clone()),
            ..Default::default()
        };
        Survey { survivors: ends.iter().map(|end| (format!("n:{}", end.0), reply(end))).collect() }
    }

    #[test]
    fn the_newest_log_goes_on() {
        let plan = survey(&[(21, 3, 90), (22, 4, 80), (23, 4, 79)]).plan("shanghai", false, false);
        let plan = plan.expect("three survived");
        assert_eq!((plan.chosen_node_id, plan.new_term, plan.recovery_epoch), (22, 1_004, 1));
        assert!(!plan.with_possible_loss);
        assert_eq!(plan.survivors.len(), 3);
    }

    #[test]
    fn one_survivor_is_enough_only_when_a_loss_is_accepted() {
        let alone = survey(&[(22, 4, 80)]);
        let refused = alone.plan("shanghai", false, false).expect_err("may be incomplete");
        assert!(refused.to_string().contains("--accept-loss"), "{refused}");
        assert!(alone.plan("shanghai", false, true).expect("accepted").with_possible_loss);
        assert!(
            !survey(&[(21, 4, 80), (23, 4, 80)])
                .plan("shanghai", false, true)
                .expect("two hold everything")
                .with_possible_loss
        );
    }

    #[test]
    fn nodes_that_were_being_replaced_do_not_go_on_alone() {
        let mut replaced = survey(&[(22, 4, 80), (23, 4, 80)]);
        let retire = |survey: &mut Survey, node_id: u64| {
            let standing = "retired".to_owned();
            let record = NodeRecord { node_id, standing, ..Default::default() };
            for (_, reply) in &mut survey.survivors {
                let topology = reply.topology.as_mut().expect("a record");
                topology.nodes.push(record.clone());
            }
        };
        retire(&mut replaced, 23);
        replaced.plan("shanghai", false, false).expect("one of them stays");
        retire(&mut replaced, 22);
        let refused = replaced.plan("shanghai", false, true).expect_err("nobody stays");
        assert!(matches!(refused, PlanError::NobodyLeft(_)), "{refused}");
    }

    #[test]
    fn survivors_of_different_epochs_make_no_plan() {
        let mut mixed = survey(&[(21, 4, 80), (22, 4, 80)]);
        mixed.survivors[0].1.recovery_epoch = 1;
        let refused = mixed.plan("shanghai", false, false).expect_err("they disagree");
        assert!(refused.to_string().contains("in epoch 1"), "{refused}");
    }
}
