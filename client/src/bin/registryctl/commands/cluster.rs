//! `cluster`: the nodes as operators see them.

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::{GetStatusReply, MemberStatus};
use registry_client::{ClientError, NodeStatus, hex};
use serde_json::Value;

use super::failover::common_index;
use super::health::{DigestAt, Health, digest_at, digests_agree};
use super::{node, rules};
use crate::args::Global;
use crate::exit::{self, Alarm};
use crate::output::{Page, Record};
use crate::views::cluster;

/// The nodes and their cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Whether the cluster serves, and every node's own view; exit code 1 when it does not.
    Status(Status),
    /// Form the cluster of the configured layout; refuses to run twice.
    Bootstrap(Bootstrap),
    /// The cluster as the ledger records it: cities, nodes, rights.
    Record,
    /// Admit a node that is started and empty: it gets the log and does not vote.
    Admit(node::Admit),
    /// Give an admitted node a vote, that of another node of its city or a free one.
    Seat(node::Seat),
    /// Let go of a node that does not vote.
    Retire(node::Retire),
    /// Tell where a node is found from now on.
    Move(node::Move),
    #[command(subcommand)]
    Rules(rules::RulesCommand),
}

#[derive(Debug, Args)]
pub(crate) struct Bootstrap {
    /// Which city may recover alone at first; left out for that of the first endpoint.
    #[arg(long, value_name = "CITY", default_value = "", hide_default_value = true)]
    recovery_city: String,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Compare digests at this log index instead of the greatest that all have applied.
    #[arg(long)]
    at_index: Option<u64>,
}

impl ClusterCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Status(status) => status.run(global).await,
            Self::Bootstrap(bootstrap) => bootstrap.run(global).await,
            Self::Record => record(global).await,
            Self::Admit(admit) => admit.run(global).await,
            Self::Seat(seat) => seat.run(global).await,
            Self::Retire(retire) => retire.run(global).await,
            Self::Move(moved) => moved.run(global).await,
            Self::Rules(rules) => rules.run(global).await,
        }
    }
}

impl Bootstrap {
    async fn run(&self, global: &Global) -> Result<Page> {
        let reply = global.patient_operator()?.bootstrap(&self.recovery_city).await?;
        let record = Record::default()
            .with("cluster_id", reply.cluster_id)
            .with("log_index", reply.log_index)
            .with("voter_sets", cluster::voter_sets(&reply.voter_sets));
        Ok(Page::default().one(record))
    }
}

/// As the node that has applied most knows it.
async fn record(global: &Global) -> Result<Page> {
    let nodes = global.operator()?.statuses_of_all(0).await;
    if let Some(error) = no_answer(&nodes) {
        return Err(error);
    }
    let newest = Health::new(&nodes).newest();
    let topology = newest.and_then(|status| status.topology.clone()).unwrap_or_default();
    let restoration = newest.and_then(|status| status.restoration.as_ref());
    let record = cluster::topology(&topology);
    let record = match restoration {
        Some(of) => record.and(cluster::restoration(of)),
        None => record,
    };
    Ok(Page::default()
        .one(record)
        .many("nodes", topology.nodes.iter().map(cluster::node).collect()))
}

impl Status {
    async fn run(&self, global: &Global) -> Result<Page> {
        let operator = global.operator()?;
        let first = operator.statuses_of_all(0).await;
        if let Some(error) = no_answer(&first) {
            return Err(error);
        }
        let at_index = self.at_index.unwrap_or_else(|| common_index(&first));
        let nodes = operator.statuses_of_all(at_index).await;
        match no_answer(&nodes) {
            Some(error) => Err(error),
            None => Ok(page(&nodes, at_index)),
        }
    }
}

/// The first error, with what every endpoint met, when none answered.
fn no_answer(nodes: &[NodeStatus]) -> Option<anyhow::Error> {
    let first = nodes.first()?.status.as_ref().err()?;
    if nodes.iter().any(|node| node.status.is_ok()) {
        return None;
    }
    let each = nodes.iter().filter_map(|node| Some((node, node.status.as_ref().err()?)));
    let told = each.map(|(node, error)| match error {
        ClientError::Unavailable { cause, .. } => format!("{}: {cause}", node.endpoint),
        other => format!("{}: {other}", node.endpoint),
    });
    let cause = told.collect::<Vec<String>>().join("; ");
    let error = match first {
        ClientError::Setup(_) => ClientError::Setup(cause),
        ClientError::Unavailable { call, write, .. } => {
            ClientError::Unavailable { call, write: *write, cause }
        }
        other => other.clone(),
    };
    Some(error.into())
}

fn page(nodes: &[NodeStatus], at_index: u64) -> Page {
    let health = Health::new(nodes);
    let faults = health.faults();
    let agree = digests_agree(nodes, at_index);
    let record = health.newest().and_then(|newest| newest.topology.as_ref());
    let one_city = cluster::one_city(record.and_then(|record| record.one_city.as_ref()));
    let headline = match faults.is_empty() {
        true if one_city.is_empty() => "serving".to_owned(),
        true => format!("serving; {one_city}"),
        false => faults.join("; "),
    };
    let mut page = Page::default().with_headline(headline);
    if let Some(newest) = health.newest() {
        let leader = health.leader();
        let leader_id = leader.map_or(Value::Null, |leader| leader.node_id.into());
        let leader_address = leader.map_or("", |leader| leader.leader_client_address.as_str());
        let answering = nodes.iter().filter(|node| node.status.is_ok()).count();
        page = page.one(
            Record::default()
                .with("cluster_id", newest.cluster_id.as_str())
                .with("layout", newest.layout.as_str())
                .with("bootstrapped", newest.bootstrapped)
                .with("leader_id", leader_id)
                .with("leader_address", leader_address)
                .with("voter_sets", cluster::voter_sets(&newest.voter_sets))
                .with("one_city", one_city.as_str())
                .with("answering_nodes", answering)
                .with("compared_log_index", at_index)
                .with("digests_agree", agree.map_or(Value::Null, Value::from)),
        );
    }
    page = page.many("nodes", nodes.iter().map(|node| line(node, &health, at_index)).collect());
    for fault in faults {
        page = page.with_alarm(alarm(format!("the cluster does not serve: {fault}")));
    }
    if agree == Some(false) {
        let text = format!("nodes hold different states at log index {at_index}");
        page = page.with_alarm(alarm(text));
    }
    page
}

fn alarm(text: String) -> Alarm {
    Alarm { text, exit_code: exit::OTHER, hint: "see docs/registryctl.md, Cluster".to_owned() }
}

/// One node; of one that does not answer, what the others know.
fn line(node: &NodeStatus, health: &Health<'_>, at_index: u64) -> Record {
    let record = Record::default().with("endpoint", node.endpoint.as_str());
    match &node.status {
        Ok(status) => answering(record, status, node.clock_offset_ms, at_index),
        Err(error) => silent(record, error, health.member_at(&node.endpoint)),
    }
}

fn answering(
    record: Record,
    status: &GetStatusReply,
    clock_offset_ms: i64,
    at_index: u64,
) -> Record {
    let digest = match digest_at(status, at_index) {
        DigestAt::Kept(digest) => hex(digest),
        DigestAt::NotReached => "not reached".to_owned(),
        DigestAt::NotKept => "not kept".to_owned(),
    };
    record
        .with("node_id", status.node_id)
        .with("node_name", status.node_name.as_str())
        .with("city", status.city.as_str())
        .with("raft_state", status.raft_state.as_str())
        .with("term", status.term)
        .with_wide("last_log_index", status.last_log_index)
        .with("applied_log_index", status.applied_log_index)
        .with_wide("snapshot_log_index", status.snapshot_log_index)
        .with("digest", digest)
        .with_wide("membership_as_layout", status.membership_as_layout)
        .with_wide("version", status.version.as_str())
        .with_wide("rules_known", status.rules_known)
        .with_wide("recovery_epoch", status.recovery_epoch)
        .with_wide("quorum_age_ms", status.quorum_age_ms)
        .with_wide("clock_offset_ms", clock_offset_ms)
        .with_wide("alarms", status.alarms.join("; "))
        .with_detail("error", "")
}

fn silent(record: Record, error: &ClientError, member: Option<&MemberStatus>) -> Record {
    let state = match error {
        ClientError::Denied { .. } => "denied",
        _ => "unreachable",
    };
    record
        .with("node_id", member.map_or(Value::Null, |member| member.node_id.into()))
        .with("node_name", member.map_or("", |member| member.node_name.as_str()))
        .with("city", member.map_or("", |member| member.city.as_str()))
        .with("raft_state", state)
        .with("term", Value::Null)
        .with_wide("last_log_index", Value::Null)
        .with("applied_log_index", Value::Null)
        .with_wide("snapshot_log_index", Value::Null)
        .with("digest", "")
        .with_wide("membership_as_layout", Value::Null)
        .with_wide("version", "")
        .with_wide("rules_known", Value::Null)
        .with_wide("recovery_epoch", Value::Null)
        .with_wide("quorum_age_ms", Value::Null)
        .with_wide("clock_offset_ms", Value::Null)
        .with_wide("alarms", "")
        .with_detail("error", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_answer_every_endpoint_says_what_it_met() {
        let node = |endpoint: &str, cause: &str| NodeStatus {
            endpoint: endpoint.to_owned(),
            status: Err(ClientError::Unavailable {
                call: "get_status",
                write: false,
                cause: cause.to_owned(),
            }),
            clock_offset_ms: 0,
        };
        let nodes = [node("a:1", "refused"), node("b:1", "no answer within 5000 ms")];
        let error = no_answer(&nodes).expect("none answered");
        assert_eq!(exit::code(&error), 4);
        let told = error.to_string();
        assert!(told.contains("a:1: refused; b:1: no answer"), "{told}");
        let answered = NodeStatus {
            endpoint: "c:1".to_owned(),
            status: Ok(Default::default()),
            clock_offset_ms: 0,
        };
        assert!(no_answer(&[nodes[0].clone(), answered]).is_none());
    }
}
