//! What every node did, looked at many times a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use registry_client::proto::GetStatusReply;
use registry_client::{NodeStatus, OperatorClient};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::target::{Node, Target};

const INTERVAL: Duration = Duration::from_millis(50);

/// The statuses of all nodes, one after the other as the target names them.
pub(super) type Statuses = Arc<Vec<NodeStatus>>;

/// Looks on until it is stopped.
#[derive(Debug)]
pub(super) struct Watch {
    stop: watch::Sender<bool>,
    latest: watch::Receiver<Statuses>,
    task: JoinHandle<Vec<Change>>,
}

/// A node was seen in another state than before.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) at: Instant,
    /// Place in the target's list.
    pub(super) node: usize,
    /// One word.
    pub(super) state: &'static str,
    /// The rest.
    pub(super) more: String,
}

impl Watch {
    pub(super) fn start(target: &Target) -> Result<Self> {
        let operator = target.watcher()?;
        let (stop, stopped) = watch::channel(false);
        let (tell, latest) = watch::channel(Statuses::default());
        let task = tokio::spawn(look(operator, target.nodes.clone(), stopped, tell));
        Ok(Self { stop, latest, task })
    }

    /// Waits until what the nodes say is as wanted.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        timeout: Duration,
        wanted: impl Fn(&[NodeStatus]) -> Option<T>,
    ) -> Result<T> {
        let mut latest = self.latest.clone();
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            if let Some(found) = wanted(&latest.borrow_and_update()) {
                return Ok(found);
            }
            let changed = tokio::time::timeout_at(deadline, latest.changed()).await;
            let Ok(changed) = changed else {
                bail!("waited {} s for {what}", timeout.as_secs());
            };
            changed.context("nobody looks at the nodes any more")?;
        }
    }

    pub(super) async fn stop(self) -> Result<Vec<Change>> {
        self.stop.send_replace(true);
        self.task.await.context("looking at the nodes")
    }
}

async fn look(
    operator: OperatorClient,
    nodes: Vec<Node>,
    stopped: watch::Receiver<bool>,
    tell: watch::Sender<Statuses>,
) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    let mut seen: Vec<(&'static str, String)> = vec![("", String::new()); nodes.len()];
    while !*stopped.borrow() {
        let at = Instant::now();
        // Addresses learnt meanwhile come after those of the target.
        let mut statuses = operator.statuses(0).await;
        statuses.truncate(nodes.len());
        for (node, (status, before)) in statuses.iter().zip(&mut seen).enumerate() {
            let now = state(status.status.as_ref().ok());
            if *before != now {
                let (state, more) = now.clone();
                changes.push(Change { at, node, state, more });
                *before = now;
            }
        }
        tell.send_replace(Arc::new(statuses));
        tokio::time::sleep_until((at + INTERVAL).into()).await;
    }
    changes
}

fn state(status: Option<&GetStatusReply>) -> (&'static str, String) {
    let Some(status) = status else { return ("down", String::new()) };
    let state = match status.raft_state.as_str() {
        _ if status.superseded_by_epoch > 0 => "superseded",
        "leader" => "leader",
        "follower" => "follower",
        "candidate" => "candidate",
        "learner" => "learner",
        _ => "waiting",
    };
    let epoch = match status.recovery_epoch {
        0 => String::new(),
        epoch => format!(", recovery epoch {epoch}"),
    };
    (state, format!("term {}{epoch}", status.term))
}

/// Who leads, as most of those say that belong to the present epoch.
pub(super) fn leader(statuses: &[NodeStatus]) -> Option<GetStatusReply> {
    let answers = statuses.iter().filter_map(|node| node.status.as_ref().ok());
    let present: Vec<&GetStatusReply> =
        answers.filter(|status| status.bootstrapped && status.superseded_by_epoch == 0).collect();
    let newest_term = present.iter().map(|status| status.term).max()?;
    let leads = |status: &&&GetStatusReply| {
        let naming = present.iter().filter(|other| other.leader_id == status.node_id);
        status.raft_state == "leader"
            && status.term == newest_term
            && naming.count() * 2 > present.len()
    };
    present.iter().find(leads).map(|status| (*status).clone())
}
