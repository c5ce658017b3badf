//! A cluster of two cities with nodes down, lagging or in disagreement.

use registry_client::ClientError;
use registry_client::proto::VoterSet;

use super::*;

const IDS: [u64; 6] = [11, 12, 13, 21, 22, 23];

fn city(id: u64) -> String {
    if id < 20 { "shanghai".to_owned() } else { "wuhan".to_owned() }
}

fn up(id: u64) -> NodeStatus {
    let member = |id: u64| MemberStatus {
        node_id: id,
        city: city(id),
        client_address: format!("127.0.0.1:{id}"),
        ..Default::default()
    };
    let status = GetStatusReply {
        node_id: id,
        bootstrapped: true,
        membership_as_layout: true,
        raft_state: if id == 11 { "leader".to_owned() } else { "follower".to_owned() },
        term: 3,
        leader_id: 11,
        applied_log_index: 7,
        digest_at_index: vec![1; 32].into(),
        voter_sets: vec![
            VoterSet { node_ids: vec![11, 12, 13] },
            VoterSet { node_ids: vec![21, 22, 23] },
        ],
        members: IDS.into_iter().map(member).collect(),
        ..Default::default()
    };
    NodeStatus { endpoint: format!("127.0.0.1:{id}"), status: Ok(status), clock_offset_ms: 0 }
}

fn down(id: u64) -> NodeStatus {
    let cause = "refused".to_owned();
    let error = ClientError::Unavailable { call: "get_status", write: false, cause };
    NodeStatus { endpoint: format!("127.0.0.1:{id}"), status: Err(error), clock_offset_ms: 0 }
}

fn cluster(dead: &[u64]) -> Vec<NodeStatus> {
    IDS.into_iter().map(|id| if dead.contains(&id) { down(id) } else { up(id) }).collect()
}

fn changed(mut node: NodeStatus, change: impl FnOnce(&mut GetStatusReply)) -> NodeStatus {
    if let Ok(status) = &mut node.status {
        change(status);
    }
    node
}

#[test]
fn a_cluster_serves_with_a_majority_in_each_city_and_a_leader() {
    let cases: [(&[u64], &[&str]); 5] = [
        (&[], &[]),
        (&[13, 23], &[]),
        (&[22, 23], &["NO QUORUM IN wuhan"]),
        (&[11], &["NO LEADER"]),
        (&[11, 12, 13], &["NO QUORUM IN shanghai", "NO LEADER"]),
    ];
    for (dead, expected) in cases {
        let nodes = cluster(dead);
        assert_eq!(Health::new(&nodes).faults(), expected, "{dead:?}");
    }
}

#[test]
fn a_leader_of_an_old_term_does_not_lead() {
    let mut nodes = cluster(&[]);
    nodes[1] = changed(up(12), |status| status.term = 4);
    assert!(Health::new(&nodes).leader().is_none());
}

#[test]
fn a_leader_that_is_cut_off_from_a_city_does_not_serve_though_all_answer() {
    let aged = |age_ms| {
        let mut nodes = cluster(&[]);
        nodes[0] = changed(up(11), |status| status.quorum_age_ms = age_ms);
        Health::new(&nodes).faults()
    };
    assert_eq!(aged(200), Vec::<String>::new());
    assert_eq!(aged(-1), Vec::<String>::new(), "it has just been elected");
    assert_eq!(aged(4_000), ["THE LEADER HEARS NO QUORUM SINCE 4000 ms"]);
    let mut nodes = cluster(&[]);
    nodes[1] = changed(up(12), |status| status.quorum_age_ms = 4_000);
    assert_eq!(Health::new(&nodes).faults(), Vec::<String>::new(), "of a follower");
}

#[test]
fn a_missing_city_is_a_fault() {
    let mut nodes = cluster(&[]);
    nodes[3] = changed(up(21), |status| status.membership_as_layout = false);
    assert_eq!(Health::new(&nodes).faults(), ["MEMBERSHIP IS NOT AS THE LAYOUT DEMANDS"]);
}

#[test]
fn members_are_known_by_their_address() {
    let nodes = [up(11), down(21)];
    let health = Health::new(&nodes);
    assert_eq!(health.member_at("127.0.0.1:21").map(|member| member.node_id), Some(21));
}

#[test]
fn digests_agree_only_when_every_answering_node_tells_its_own() {
    let none = |status: &mut GetStatusReply| status.digest_at_index = Vec::new().into();
    let other = |status: &mut GetStatusReply| status.digest_at_index = vec![2; 32].into();
    assert_eq!(digests_agree(&cluster(&[23]), 7), Some(true));
    assert_eq!(digests_agree(&[up(11), changed(up(12), none)], 7), None);
    assert_eq!(digests_agree(&[changed(up(11), none)], 9), None);
    assert_eq!(digests_agree(&[up(11), changed(up(12), other)], 7), Some(false));
    let silent = changed(up(11), none);
    let status = silent.status.expect("up");
    assert_eq!(digest_at(&status, 9), DigestAt::NotReached);
    assert_eq!(digest_at(&status, 6), DigestAt::NotKept);
}
