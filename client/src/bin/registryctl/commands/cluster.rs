//! `cluster`: the nodes as operators see them.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::{GetStatusReply, VoterSet};
use registry_client::{NodeStatus, hex};
use serde_json::Value;

use crate::args::Global;
use crate::output::{Page, Record};

/// The nodes and their cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Every node's own view; exit code 1 on an alarm.
    Status(Status),
    /// Form the cluster of the configured layout; refuses to run twice.
    Bootstrap,
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
            Self::Bootstrap => bootstrap(global).await,
        }
    }
}

async fn bootstrap(global: &Global) -> Result<Page> {
    let reply = global.operator()?.bootstrap().await?;
    let record = Record::default()
        .with("cluster_id", reply.cluster_id)
        .with("log_index", reply.log_index)
        .with("voter_sets", voter_sets(&reply.voter_sets));
    Ok(Page::default().one(record))
}

impl Status {
    async fn run(&self, global: &Global) -> Result<Page> {
        let operator = global.operator()?;
        let at_index = match self.at_index {
            Some(index) => index,
            None => common_index(&operator.statuses(0).await),
        };
        let nodes = operator.statuses(at_index).await;
        let answers: Vec<&GetStatusReply> =
            nodes.iter().filter_map(|node| node.status.as_ref().ok()).collect();
        let digests: BTreeSet<&[u8]> = answers
            .iter()
            .map(|status| status.digest_at_index.as_ref())
            .filter(|digest| !digest.is_empty())
            .collect();

        let mut page = Page::default();
        if let Some(leader) = answers.iter().max_by_key(|status| status.term) {
            page = page.one(
                Record::default()
                    .with("cluster_id", leader.cluster_id.as_str())
                    .with("layout", leader.layout.as_str())
                    .with("bootstrapped", leader.bootstrapped)
                    .with("leader_id", leader.leader_id)
                    .with("leader_address", leader.leader_client_address.as_str())
                    .with("voter_sets", voter_sets(&leader.voter_sets))
                    .with("compared_log_index", at_index)
                    .with("digests_agree", digests.len() <= 1),
            );
        }
        page = page.many("nodes", nodes.iter().map(node).collect());
        for alarm in alarms(&answers, digests.len(), at_index) {
            page = page.with_alarm(alarm);
        }
        if let Some(error) = no_answer(&nodes) {
            return Err(error);
        }
        Ok(page)
    }
}

/// The greatest index that every answering node has applied; they remember
/// the digests of some recent ones.
fn common_index(nodes: &[NodeStatus]) -> u64 {
    let applied =
        nodes.iter().filter_map(|node| Some(node.status.as_ref().ok()?.applied_log_index));
    applied.min().unwrap_or(0)
}

fn no_answer(nodes: &[NodeStatus]) -> Option<anyhow::Error> {
    let first = nodes.first()?.status.as_ref().err()?;
    nodes.iter().all(|node| node.status.is_err()).then(|| first.clone().into())
}

fn alarms(answers: &[&GetStatusReply], digests: usize, at_index: u64) -> Vec<String> {
    let mut alarms = Vec::new();
    for status in answers {
        if status.bootstrapped && !status.membership_as_layout {
            alarms.push(format!(
                "node {} sees voter sets {} that are not the layout {}: a city is missing from \
                 the quorum",
                status.node_name,
                voter_sets(&status.voter_sets),
                status.layout
            ));
        }
    }
    if digests > 1 {
        alarms.push(format!("nodes hold different states at log index {at_index}"));
    }
    alarms
}

fn node(node: &NodeStatus) -> Record {
    let record = Record::default().with("endpoint", node.endpoint.as_str());
    let (status, error) = match &node.status {
        Ok(status) => (status.clone(), String::new()),
        Err(error) => (GetStatusReply::default(), error.to_string()),
    };
    let up = node.status.is_ok();
    let number = |value: u64| if up { Value::from(value) } else { Value::Null };
    let digest = match status.digest_at_index.is_empty() {
        true => hex(&status.state_digest),
        false => hex(&status.digest_at_index),
    };
    record
        .with("node_id", number(status.node_id))
        .with("node_name", status.node_name)
        .with("city", status.city)
        .with("raft_state", status.raft_state)
        .with("term", number(status.term))
        .with("last_log_index", number(status.last_log_index))
        .with("applied_log_index", number(status.applied_log_index))
        .with("snapshot_log_index", number(status.snapshot_log_index))
        .with("digest", digest)
        .with(
            "membership_as_layout",
            if up { status.membership_as_layout.into() } else { Value::Null },
        )
        .with("version", status.version)
        .with("error", error)
}

fn voter_sets(sets: &[VoterSet]) -> String {
    let set = |set: &VoterSet| {
        let ids: Vec<String> = set.node_ids.iter().map(u64::to_string).collect();
        format!("{{{}}}", ids.join(","))
    };
    format!("[{}]", sets.iter().map(set).collect::<Vec<String>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &str, membership_as_layout: bool) -> GetStatusReply {
        GetStatusReply {
            node_name: name.to_owned(),
            bootstrapped: true,
            membership_as_layout,
            layout: "dual-city".to_owned(),
            voter_sets: vec![VoterSet { node_ids: vec![11, 12, 13] }],
            ..Default::default()
        }
    }

    #[test]
    fn a_missing_city_is_an_alarm() {
        let (good, bad) = (status("sh-1", true), status("wh-1", false));
        assert!(alarms(&[&good], 1, 7).is_empty());
        let alarms = alarms(&[&good, &bad], 1, 7);
        assert_eq!(alarms.len(), 1);
        assert!(alarms[0].contains("wh-1") && alarms[0].contains("[{11,12,13}]"), "{alarms:?}");
    }

    #[test]
    fn different_states_at_one_index_are_an_alarm() {
        let good = status("sh-1", true);
        assert!(alarms(&[&good], 2, 7)[0].contains("log index 7"));
    }
}
