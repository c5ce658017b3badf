//! Hands the leadership to another node without a request that fails: what is
//! under way ends, what waits is answered NOT_LEADER and asked again elsewhere.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::{RaftMetrics, ServerState};
use tokio::time::Instant;

use super::consensus::Consensus;
use super::types::TypeConfig;

/// Time for entries under way to end, and for the next leader to have them all.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for one candidate to be elected; it needs some round trips.
const ELECTED_TIMEOUT: Duration = Duration::from_secs(1);
/// Attempts with one candidate after the other.
const ATTEMPTS: usize = 6;
/// Longer than the lease that followers give a leader, and an election after it.
const SILENCE: Duration = Duration::from_secs(6);
/// A node that did not answer for so long counts as gone.
const HEARD: Duration = Duration::from_secs(1);
/// A node this far behind has caught up but for what is under way.
const CAUGHT_UP_ENTRIES: u64 = 256;

/// A leadership that moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandedOver {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) term: u64,
    pub(crate) took: Duration,
}

/// Why it did not move.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum NotHandedOver {
    /// Another node leads: ask that one.
    #[error("this node does not lead; ask the leader")]
    NotLeader,
    /// Nobody there may lead, or has all of the log.
    #[error(
        "no voter there has caught up with the log; wait until `registryctl cluster status` shows one that has, then ask again"
    )]
    NobodyReady,
    /// Entries stayed under way: there may be no quorum.
    #[error(
        "entries are under way and do not end, so there may be no quorum; the leadership stays, ask again later"
    )]
    Busy,
    /// The candidate was not elected.
    #[error("the chosen nodes were not elected; look who leads and ask again")]
    NotElected,
}

/// Nodes that have all but the last entries and answered a moment ago, with how far
/// they are. Only a leader knows any.
pub(super) fn caught_up(metrics: &RaftMetrics<TypeConfig>) -> Vec<(u64, u64)> {
    let last = metrics.last_log_index.unwrap_or(0);
    let heard = |id: &u64| {
        let heard = metrics.heartbeat.as_ref().and_then(|heard| (*heard.get(id)?).as_ref());
        heard.is_some_and(|at| openraft::Instant::elapsed(&**at) < HEARD)
    };
    let matched = metrics.replication.iter().flatten();
    matched
        .filter_map(|(id, matched)| Some((matched.as_ref()?.index, *id)))
        .filter(|(matched, id)| heard(id) && matched.saturating_add(CAUGHT_UP_ENTRIES) >= last)
        .collect()
}

impl Consensus {
    /// Voters that may lead next and have caught up, the furthest first.
    pub(super) fn caught_up(&self, may_lead: impl Fn(u64) -> bool) -> Vec<u64> {
        let own = self.inner.config.node.id;
        let metrics = self.raft().metrics().borrow_watched().clone();
        let voters: BTreeSet<u64> = metrics.membership_config.membership().voter_ids().collect();
        let mut ready = caught_up(&metrics);
        ready.retain(|(_, id)| *id != own && voters.contains(id) && may_lead(*id));
        ready.sort_unstable_by_key(|(matched, id)| (std::cmp::Reverse(*matched), *id));
        ready.into_iter().map(|(_, id)| id).collect()
    }

    /// Hands the leadership to one of those who may lead next.
    pub(crate) async fn hand_over(
        &self,
        may_lead: impl Fn(u64) -> bool + Send,
    ) -> Result<HandedOver, NotHandedOver> {
        let from = self.inner.config.node.id;
        if self.current_leader() != Some(from) {
            return Err(NotHandedOver::NotLeader);
        }
        if self.caught_up(&may_lead).is_empty() {
            return Err(NotHandedOver::NobodyReady);
        }
        let drained = tokio::time::timeout(DRAIN_TIMEOUT, self.inner.batcher.drained()).await;
        let Ok(_nothing_under_way) = drained else { return Err(NotHandedOver::Busy) };
        let began = Instant::now();
        // A leader that has begun to hand over takes no entries any more, so it goes
        // on until somebody else leads: whoever has caught up, when none of the chosen.
        let chosen = self.caught_up(&may_lead);
        let others = self.caught_up(|id| !chosen.contains(&id));
        for to in chosen.iter().chain(&others).cycle().take(ATTEMPTS) {
            tracing::info!(to, "handing the leadership over");
            if self.raft().trigger().transfer_leader(*to).await.is_err() {
                return Err(NotHandedOver::NotLeader);
            }
            if let Some((to, term)) = self.next_leader(from, ELECTED_TIMEOUT).await {
                let took = began.elapsed();
                tracing::info!(to, term, ?took, "leadership handed over");
                let handed_over = HandedOver { from, to, term, took };
                return if may_lead(to) { Ok(handed_over) } else { Err(NotHandedOver::NotElected) };
            }
        }
        // Fall silent rather than lead without taking entries.
        tracing::warn!("nobody took the leadership over; the others will elect");
        self.raft().runtime_config().heartbeat(false);
        self.next_leader(from, SILENCE).await;
        self.raft().runtime_config().heartbeat(true);
        Err(NotHandedOver::NotElected)
    }

    /// Lets another node lead, before a clean stop for instance, so that nobody waits
    /// for an election. One of the preferred city or of this one goes before the others.
    pub(crate) async fn step_aside(&self) {
        if !self.leads() {
            return;
        }
        let topology = self.directory().topology();
        let city_of = |id: u64| self.directory().member(id).map(|member| member.city);
        let preferred = topology.as_ref().and_then(|of| of.preferred_city.clone());
        let first = preferred.unwrap_or_else(|| self.inner.config.node.city.clone());
        let near = |id: u64| city_of(id).is_some_and(|city| city == first);
        let anywhere = |id: u64| match (&topology, city_of(id)) {
            (Some(topology), Some(city)) => !topology.is_witness(&city),
            _ => false,
        };
        let handed_over = match self.hand_over(near).await {
            Err(NotHandedOver::NobodyReady) => self.hand_over(anywhere).await,
            other => other,
        };
        match handed_over {
            Ok(_) | Err(NotHandedOver::NotLeader) => {}
            Err(why) => tracing::warn!(%why, "this node should not lead and could not hand over"),
        }
    }

    /// Who leads after `from`, once that is known here.
    async fn next_leader(&self, from: u64, timeout: Duration) -> Option<(u64, u64)> {
        let mut metrics = self.raft().metrics();
        let known = async {
            loop {
                {
                    let now = metrics.borrow_watched();
                    let led = now.current_leader.filter(|leader| *leader != from);
                    if let Some(leader) = led.filter(|_| now.state != ServerState::Leader) {
                        return Some((leader, now.current_term));
                    }
                }
                metrics.changed().await.ok()?;
            }
        };
        tokio::time::timeout(timeout, known).await.ok()?
    }
}
