use registry_proto::registry::CityRecord;

use super::*;
use crate::ClientError;

fn topology() -> Topology {
    let nodes = [(11, "sh-1", "shanghai"), (12, "sh-2", "shanghai"), (13, "sh-3", "shanghai")];
    let others = [(21, "wh-1", "wuhan"), (22, "wh-2", "wuhan"), (23, "wh-3", "wuhan")];
    let record = |(node_id, name, city): &(u64, &str, &str)| NodeRecord {
        node_id: *node_id,
        node_name: (*name).to_owned(),
        city: (*city).to_owned(),
        standing: "voter".to_owned(),
        ..Default::default()
    };
    let set = |ids: [u64; 3]| VoterSet { node_ids: ids.to_vec() };
    let voters = vec![set([11, 12, 13]), set([21, 22, 23])];
    let city = |name: &str| CityRecord { city: name.to_owned(), seats: 3, ..Default::default() };
    Topology {
        nodes: nodes.iter().chain(&others).map(record).collect(),
        cities: vec![city("shanghai"), city("wuhan")],
        commanded: voters.clone(),
        in_force: voters,
        ..Default::default()
    }
}

fn cluster() -> Vec<NodeStatus> {
    let topology = topology();
    let each = topology.nodes.iter().map(|node| NodeStatus {
        endpoint: node.node_name.clone(),
        status: Ok(GetStatusReply {
            node_id: node.node_id,
            node_name: node.node_name.clone(),
            city: node.city.clone(),
            raft_state: if node.node_id == 11 { "leader" } else { "follower" }.to_owned(),
            term: 3,
            last_log_index: 1_000,
            applied_log_index: 1_000,
            topology: Some(topology.clone()),
            clock_ms: 1_000_000,
            certificate_expires_at_ms: 1_000_000 + 100 * CERTIFICATE_LEFT_MS,
            disk_free_bytes: 50 << 30,
            disk_total_bytes: 100 << 30,
            version: "1.0.0".to_owned(),
            rules_known: 1,
            digest_at_index: vec![7; 32].into(),
            ..Default::default()
        }),
        clock_offset_ms: 0,
    });
    each.collect()
}

fn failed(nodes: &[NodeStatus], planned: Planned<'_>) -> Vec<&'static str> {
    let checks = preflight(nodes, 1_000, planned);
    checks.into_iter().filter(|check| !check.passed).map(|check| check.what).collect()
}

fn with(
    place: usize,
    change: impl FnOnce(&mut NodeStatus, &mut GetStatusReply),
) -> Vec<NodeStatus> {
    let mut nodes = cluster();
    let mut status = nodes[place].status.clone().expect("it answers");
    change(&mut nodes[place], &mut status);
    if nodes[place].status.is_ok() {
        nodes[place].status = Ok(status);
    }
    nodes
}

const LEAD: Planned<'_> = Planned::Lead("wuhan");
const LEAVE: Planned<'_> = Planned::Leave("shanghai");

#[test]
fn a_well_cluster_passes() {
    assert_eq!(failed(&cluster(), LEAD), Vec::<&str>::new());
    assert_eq!(failed(&cluster(), LEAVE), Vec::<&str>::new());
}

#[test]
fn each_fault_is_found_by_its_name() {
    let lag = |nodes: &mut GetStatusReply| nodes.applied_log_index = 1;
    let mut late = cluster();
    for node in &mut late[3..] {
        lag(node.status.as_mut().expect("it answers"));
    }
    assert_eq!(failed(&late, LEAD), ["lag"]);
    assert_eq!(failed(&with(4, |_, status| lag(status)), LEAD), Vec::<&str>::new());
    let digest = with(2, |_, status| status.digest_at_index = vec![8; 32].into());
    assert_eq!(failed(&digest, LEAD), ["state digests"]);
    assert_eq!(failed(&with(2, |node, _| node.clock_offset_ms = -600), LEAD), ["clocks"]);
    assert_eq!(failed(&with(2, |_, status| status.disk_free_bytes = 1 << 30), LEAD), ["disks"]);
    let certificate = with(5, |_, status| status.certificate_expires_at_ms = 2_000_000);
    assert_eq!(failed(&certificate, LEAD), ["certificates"]);
    assert_eq!(failed(&with(5, |_, status| status.rules_known = 2), LEAD), ["versions"]);
    let no_leader = with(0, |_, status| status.raft_state = "follower".to_owned());
    assert_eq!(failed(&no_leader, LEAD), ["leader", "lag"].as_slice()[..1]);
    assert_eq!(failed(&cluster(), Planned::Lead("beijing")), ["city", "lag"]);
}

#[test]
fn a_city_without_its_majority_stops_the_step() {
    let down = |nodes: &mut [NodeStatus], places: &[usize]| {
        for place in places {
            nodes[*place].status = Err(ClientError::Unavailable {
                call: "get_status",
                write: false,
                cause: "refused".to_owned(),
            });
        }
    };
    let mut nodes = cluster();
    down(&mut nodes, &[3, 4]);
    assert_eq!(failed(&nodes, LEAD), ["quorum after the step"]);
    // The city that leaves need not answer.
    let mut nodes = cluster();
    down(&mut nodes, &[1, 2]);
    assert_eq!(failed(&nodes, LEAVE), Vec::<&str>::new());
}
