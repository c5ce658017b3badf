//! What must hold before a version of the ledger's rules is put in force: the ledger
//! knows its own rules only, and a node that does not know the new ones stops.

use registry_proto::registry::{GetStatusReply, NodeRecord};

use crate::operator::NodeStatus;
use crate::preflight::Check;

/// Everything that is looked at, in the order in which people read it.
#[must_use]
pub fn check_activation(nodes: &[NodeStatus], rules_version: u32) -> Vec<Check> {
    let answers: Vec<&GetStatusReply> =
        nodes.iter().filter_map(|node| node.status.as_ref().ok()).collect();
    let newest = answers
        .iter()
        .max_by_key(|status| (status.recovery_epoch, status.term, status.applied_log_index));
    let Some(topology) = newest.and_then(|status| status.topology.as_ref()) else {
        let found = "no node that belongs to a formed cluster answers".to_owned();
        return vec![Check { what: "cluster", passed: false, found }];
    };
    let present = topology.nodes.iter().filter(|node| node.standing != "retired");
    let present: Vec<&NodeRecord> = present.collect();
    vec![next(topology.rules_version, rules_version), known(&answers, &present, rules_version)]
}

fn next(in_force: u32, rules_version: u32) -> Check {
    let passed = in_force.checked_add(1) == Some(rules_version);
    let found = format!("version {in_force} is in force, {rules_version} is asked for");
    Check { what: "next version", passed, found }
}

/// Every member, also one that does not vote, must say that it knows the rules.
fn known(answers: &[&GetStatusReply], present: &[&NodeRecord], rules_version: u32) -> Check {
    let mut passed = !present.is_empty();
    let each = present.iter().map(|node| {
        let status = answers.iter().find(|status| status.node_id == node.node_id);
        passed &= status.is_some_and(|status| status.rules_known >= rules_version);
        match status {
            None => format!("{} does not answer", node.node_name),
            Some(status) => {
                let GetStatusReply { version, rules_known, .. } = status;
                format!("{} {version} up to {rules_known}", node.node_name)
            }
        }
    });
    let found = each.collect::<Vec<String>>().join(", ");
    Check { what: "rules known", passed, found }
}

#[cfg(test)]
mod tests {
    use registry_proto::registry::Topology;

    use super::*;
    use crate::ClientError;

    /// Three members that know version 2; a fourth was retired.
    fn cluster() -> Vec<NodeStatus> {
        let standings = [(11, "voter"), (21, "voter"), (24, "learner"), (12, "retired")];
        let record = |(node_id, standing): &(u64, &str)| NodeRecord {
            node_id: *node_id,
            node_name: format!("n-{node_id}"),
            standing: (*standing).to_owned(),
            ..Default::default()
        };
        let nodes: Vec<NodeRecord> = standings.iter().map(record).collect();
        let topology = Topology { nodes, rules_version: 1, ..Default::default() };
        let status = |node_id| GetStatusReply {
            node_id,
            version: "1.1.0".to_owned(),
            rules_known: 2,
            topology: Some(topology.clone()),
            ..Default::default()
        };
        let answer = |node_id: u64| NodeStatus {
            endpoint: format!("n-{node_id}"),
            status: Ok(status(node_id)),
            clock_offset_ms: 0,
        };
        [11, 21, 24].map(answer).to_vec()
    }

    fn failed(nodes: &[NodeStatus], rules_version: u32) -> Vec<&'static str> {
        let checks = check_activation(nodes, rules_version);
        checks.into_iter().filter(|check| !check.passed).map(|check| check.what).collect()
    }

    #[test]
    fn every_member_must_answer_and_know_the_next_version() {
        assert_eq!(failed(&cluster(), 2), Vec::<&str>::new());
        assert_eq!(failed(&cluster(), 1), ["next version"]);
        assert_eq!(failed(&cluster(), 3), ["next version", "rules known"]);
        for place in 0..3 {
            let mut nodes = cluster();
            nodes[place].status.as_mut().expect("it answers").rules_known = 1;
            assert_eq!(failed(&nodes, 2), ["rules known"], "node {place}");
            let (write, cause) = (false, "refused".to_owned());
            nodes[place].status =
                Err(ClientError::Unavailable { call: "get_status", write, cause });
            assert_eq!(failed(&nodes, 2), ["rules known"], "node {place}");
            let told = check_activation(&nodes, 2).remove(1).found;
            assert!(told.contains("does not answer"), "{told}");
        }
        assert_eq!(failed(&[], 2), ["cluster"]);
    }
}
