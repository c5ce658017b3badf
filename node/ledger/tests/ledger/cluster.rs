//! The cluster as the ledger records it.

use std::collections::BTreeSet;

use registry_ledger::{
    ClusterCommand, Command, Layout, NodeDescription, Reason, Receipt, Recovery, Rejection,
    Standing, Topology, VoterSets,
};

use crate::pledge::controlled;
use crate::world::World;

fn formed() -> World {
    let mut world = World::empty();
    world.ok(crate::world::genesis());
    world
}

fn topology(world: &World) -> Topology {
    world.ledger.topology().map(|topology| (**topology).clone()).unwrap()
}

fn asked(world: &mut World, command: ClusterCommand) -> Result<Receipt, Rejection> {
    let answer = world.apply_as("operator/1", Command::Cluster(command));
    world.state_digest();
    answer.outcome
}

fn decided(world: &mut World, command: ClusterCommand) -> Result<Receipt, Rejection> {
    controlled(world, Command::Cluster(command))
}

fn admit(node_id: u64, city: &str) -> ClusterCommand {
    ClusterCommand::AdmitNode(NodeDescription {
        node_id,
        name: format!("n-{node_id}"),
        city: city.to_owned(),
        peer_address: format!("10.0.0.1:{node_id}"),
        client_address: format!("10.0.0.2:{node_id}"),
        storage_id: [u8::try_from(node_id).unwrap(); 16],
    })
}

fn seat(node_id: u64, replaces: Option<u64>) -> ClusterCommand {
    ClusterCommand::SeatNode { node_id, replaces }
}

fn leave(city: &str) -> ClusterCommand {
    ClusterCommand::LeaveCity { city: city.to_owned(), document: "change 7".to_owned() }
}

fn come_back(city: &str) -> ClusterCommand {
    ClusterCommand::ReturnCity { city: city.to_owned(), document: "change 8".to_owned() }
}

fn confirm(world: &mut World) -> Result<Receipt, Rejection> {
    let voters = topology(world).voters();
    asked(world, ClusterCommand::ConfirmVoters { voters })
}

fn sets(sets: &[&[u64]]) -> VoterSets {
    sets.iter().map(|set| set.iter().copied().collect::<BTreeSet<u64>>()).collect()
}

fn recovery(recovery_epoch: u64, lost: &str, survivors: &[u64]) -> ClusterCommand {
    ClusterCommand::RecordRecovery(Recovery {
        recovery_epoch,
        lost_city: lost.to_owned(),
        survivors: survivors.to_vec(),
        approved_by: vec!["operator/1".to_owned(), "operator/2".to_owned()],
        last_log_index: 77,
        with_override: false,
        with_possible_loss: false,
    })
}

const BOTH: &[&[u64]] = &[&[11, 12, 13], &[21, 22, 23]];

#[test]
fn a_founded_cluster_has_the_voters_of_its_genesis_and_no_record_of_its_own() {
    let world = formed();
    let founded = topology(&world);
    assert_eq!(founded.layout, Layout::DualCity);
    assert_eq!(founded.voters(), sets(BOTH));
    assert_eq!(founded.recovery_city, "shanghai", "the first city of the genesis");
    assert!(!founded.is_changing() && founded.allows(&sets(BOTH)));
    assert!(!founded.allows(&sets(&[&[21, 22, 23]])), "a city dropped out");
    assert!(!world.ledger.records().iter().any(|(key, _)| key[0] == 50));
}

#[test]
fn a_node_takes_a_place_and_the_one_before_never_comes_back() {
    let mut world = formed();
    asked(&mut world, admit(14, "shanghai")).unwrap();
    let before = world.ledger.state_digest();
    asked(&mut world, admit(14, "shanghai")).unwrap();
    assert_eq!(world.ledger.state_digest(), before, "asked twice");
    asked(&mut world, seat(14, Some(12))).unwrap();
    let after = topology(&world);
    assert_eq!(after.voters(), sets(&[&[11, 13, 14], &[21, 22, 23]]));
    assert!(after.is_changing());
    assert!(after.allows(&sets(BOTH)) && after.allows(&after.voters()));
    assert!(!after.allows(&sets(&[&[11, 13, 14]])));
    confirm(&mut world).unwrap();
    let after = topology(&world);
    assert!(!after.is_changing() && !after.allows(&sets(BOTH)));
    assert_eq!(after.members[&12].standing, Standing::Retired);
    let refused = asked(&mut world, admit(12, "shanghai")).unwrap_err();
    assert_eq!(refused.reason, Reason::NodeIdUsed);
}

#[test]
fn a_machine_serves_again_but_no_name_and_no_data_folder_does() {
    let mut world = formed();
    asked(&mut world, admit(14, "shanghai")).unwrap();
    asked(&mut world, ClusterCommand::RetireNode { node_id: 14 }).unwrap();
    let ClusterCommand::AdmitNode(first) = admit(14, "shanghai") else { unreachable!() };
    let second = NodeDescription {
        node_id: 15,
        name: "n-15".to_owned(),
        storage_id: [15; 16],
        ..first.clone()
    };
    let rows = [
        (NodeDescription { name: first.name.clone(), ..second.clone() }, "node_name"),
        (NodeDescription { storage_id: first.storage_id, ..second.clone() }, "storage_id"),
    ];
    for (node, field) in rows {
        let refused = asked(&mut world, ClusterCommand::AdmitNode(node)).unwrap_err();
        assert_eq!((refused.reason, &*refused.field), (Reason::NodeIdUsed, field), "{refused}");
    }
    asked(&mut world, ClusterCommand::AdmitNode(second)).unwrap();
}

#[test]
fn no_node_moves_to_where_another_is_found() {
    let mut world = formed();
    for node in [14, 15] {
        asked(&mut world, admit(node, "shanghai")).unwrap();
    }
    let mut moved = |peer: u64, client: u64| {
        let (peer_address, client_address) =
            (format!("10.0.0.1:{peer}"), format!("10.0.0.2:{client}"));
        asked(&mut world, ClusterCommand::MoveNode { node_id: 15, peer_address, client_address })
    };
    for (peer, client, field) in [(14, 15, "peer_address"), (15, 14, "client_address")] {
        let refused = moved(peer, client).unwrap_err();
        assert_eq!((refused.reason, &*refused.field), (Reason::NodeIdUsed, field), "{refused}");
    }
    moved(15, 16).unwrap();
}

#[test]
fn a_city_leaves_and_comes_back_and_everybody_knows_meanwhile() {
    let mut world = formed();
    decided(&mut world, leave("shanghai")).unwrap();
    let out = topology(&world);
    assert_eq!(out.voters(), sets(&[&[21, 22, 23]]));
    assert_eq!(out.durable_city(), Some("wuhan"));
    assert!(out.allows(&sets(BOTH)), "not carried out yet");
    confirm(&mut world).unwrap();
    assert!(!topology(&world).allows(&sets(BOTH)));
    decided(&mut world, come_back("shanghai")).unwrap();
    let returning = topology(&world);
    assert_eq!(returning.voters(), sets(BOTH));
    assert_eq!(returning.durable_city(), Some("wuhan"), "until the leader confirms");
    confirm(&mut world).unwrap();
    let whole = topology(&world);
    assert_eq!((whole.one_city, whole.in_force), (None, sets(BOTH)));
}

#[test]
fn a_recovered_city_goes_on_alone_until_new_nodes_take_the_place_of_the_lost_ones() {
    let mut world = formed();
    asked(&mut world, recovery(1, "shanghai", &[21, 23])).unwrap();
    let alone = topology(&world);
    assert_eq!(alone.voters(), sets(&[&[21, 23]]));
    assert_eq!((alone.recovery_epoch, alone.recovery_city.as_str()), (1, "wuhan"));
    for lost in [11, 12, 13, 22] {
        assert_eq!(alone.members[&lost].standing, Standing::Retired);
    }
    let before = world.ledger.state_digest();
    asked(&mut world, recovery(1, "shanghai", &[21, 23])).unwrap();
    assert_eq!(world.ledger.state_digest(), before, "said twice");
    for reused in [0, 3] {
        let refused = asked(&mut world, recovery(reused, "wuhan", &[11])).unwrap_err();
        assert_eq!(refused.reason, Reason::RecoveryEpoch, "epoch {reused}");
    }
    // The free place in Wuhan, then the other city.
    asked(&mut world, admit(24, "wuhan")).unwrap();
    asked(&mut world, seat(24, None)).unwrap();
    confirm(&mut world).unwrap();
    for node in [14, 15] {
        asked(&mut world, admit(node, "shanghai")).unwrap();
    }
    let refused = decided(&mut world, come_back("shanghai")).unwrap_err();
    assert_eq!(refused.reason, Reason::LayoutForbids, "two of three nodes");
    asked(&mut world, admit(16, "shanghai")).unwrap();
    decided(&mut world, come_back("shanghai")).unwrap();
    confirm(&mut world).unwrap();
    let whole = topology(&world);
    assert_eq!(whole.in_force, sets(&[&[14, 15, 16], &[21, 23, 24]]));
    assert_eq!(whole.one_city, None);
}

#[test]
fn every_refusal_changes_nothing() {
    let mut world = formed();
    asked(&mut world, admit(14, "shanghai")).unwrap();
    let other_folder = NodeDescription {
        node_id: 15,
        name: "n-15".to_owned(),
        city: "shanghai".to_owned(),
        peer_address: "10.0.0.1:15".to_owned(),
        client_address: "10.0.0.2:15".to_owned(),
        storage_id: [14; 16],
    };
    let described = |change: &dyn Fn(&mut NodeDescription)| {
        let mut node = NodeDescription { storage_id: [15; 16], ..other_folder.clone() };
        change(&mut node);
        ClusterCommand::AdmitNode(node)
    };
    let voters = sets(&[&[21, 22, 23]]);
    let rows = [
        (admit(14, "wuhan"), Reason::NodeIdUsed),
        (admit(11, "shanghai"), Reason::NodeIdUsed),
        (ClusterCommand::AdmitNode(other_folder.clone()), Reason::NodeIdUsed),
        (described(&|node| node.node_id = 0), Reason::FieldMissing),
        (described(&|node| node.name = "n 15".to_owned()), Reason::BadCharacter),
        (described(&|node| node.name.clear()), Reason::FieldMissing),
        (described(&|node| node.name = "n".repeat(65)), Reason::TooLong),
        (described(&|node| node.client_address.clear()), Reason::FieldMissing),
        (described(&|node| node.peer_address = "10.0.0.1:14".to_owned()), Reason::NodeIdUsed),
        (described(&|node| node.client_address = "10.0.0.2:14".to_owned()), Reason::NodeIdUsed),
        (described(&|node| node.name = "n-14".to_owned()), Reason::NodeIdUsed),
        (described(&|node| node.city = "beijing".to_owned()), Reason::UnknownCity),
        (described(&|node| node.peer_address = "10.0.0.1".to_owned()), Reason::BadCharacter),
        (described(&|node| node.client_address = "a:0".to_owned()), Reason::BadCharacter),
        (seat(15, None), Reason::UnknownNode),
        (seat(14, None), Reason::LayoutForbids),
        (seat(14, Some(21)), Reason::UnknownNode),
        (seat(14, Some(99)), Reason::UnknownNode),
        (seat(11, Some(12)), Reason::NodeIdUsed),
        (ClusterCommand::RetireNode { node_id: 11 }, Reason::LayoutForbids),
        (ClusterCommand::RetireNode { node_id: 99 }, Reason::UnknownNode),
        (ClusterCommand::ConfirmVoters { voters }, Reason::VotersChanging),
        (ClusterCommand::PreferCity { city: Some("beijing".to_owned()) }, Reason::UnknownCity),
        (recovery(2, "shanghai", &[21]), Reason::RecoveryEpoch),
        (recovery(0, "shanghai", &[21]), Reason::RecoveryEpoch),
        (recovery(1, "beijing", &[21]), Reason::UnknownCity),
        // Nobody would vote any more.
        (recovery(1, "shanghai", &[]), Reason::UnknownNode),
        (recovery(1, "shanghai", &[11, 14, 99]), Reason::UnknownNode),
    ];
    world.state_digest();
    for (command, reason) in rows {
        let before = world.ledger.state_digest();
        let refused = asked(&mut world, command.clone()).expect_err("refused");
        assert_eq!(refused.reason, reason, "{command:?}: {refused}");
        assert_eq!(world.ledger.state_digest(), before, "{command:?} left a trace");
    }
    let decisions = [
        (leave("beijing"), Reason::UnknownCity),
        (come_back("shanghai"), Reason::CityNotOut),
        (
            ClusterCommand::ActivateRules { rules_version: 1, document: "d".to_owned() },
            Reason::RulesVersion,
        ),
        (
            ClusterCommand::ActivateRules { rules_version: 3, document: "d".to_owned() },
            Reason::RulesVersion,
        ),
        (
            ClusterCommand::IssueOverride {
                city: "beijing".to_owned(),
                secret_sha256: [1; 32],
                document: "d".to_owned(),
            },
            Reason::UnknownCity,
        ),
    ];
    for (command, reason) in decisions {
        let refused = decided(&mut world, command.clone()).expect_err("refused");
        assert_eq!(refused.reason, reason, "{command:?}: {refused}");
    }
}

#[test]
fn while_one_change_is_under_way_no_other_begins() {
    let mut world = formed();
    for (node, city) in [(14, "shanghai"), (24, "wuhan")] {
        asked(&mut world, admit(node, city)).unwrap();
    }
    asked(&mut world, seat(14, Some(11))).unwrap();
    let refused = asked(&mut world, seat(24, Some(21))).unwrap_err();
    assert_eq!(refused.reason, Reason::VotersChanging, "the other city at once");
    let refused = decided(&mut world, leave("wuhan")).unwrap_err();
    assert_eq!(refused.reason, Reason::VotersChanging);
    confirm(&mut world).unwrap();
    decided(&mut world, leave("wuhan")).unwrap();
    confirm(&mut world).unwrap();
    let refused = decided(&mut world, leave("shanghai")).unwrap_err();
    assert_eq!(refused.reason, Reason::CityOut, "the last one");
    let refused = asked(&mut world, seat(24, Some(21))).unwrap_err();
    assert_eq!(refused.reason, Reason::CityOut);
    for city in ["wuhan", "shanghai"] {
        let preferred = ClusterCommand::PreferCity { city: Some(city.to_owned()) };
        assert_eq!(asked(&mut world, preferred).is_ok(), city == "shanghai", "{city}");
        let (city, document) = (city.to_owned(), "d".to_owned());
        let right = ClusterCommand::MoveRecoveryRight { city: city.clone(), document };
        assert_eq!(decided(&mut world, right).is_ok(), city == "shanghai", "{city}");
    }
}

#[test]
fn the_record_comes_back_from_its_bytes() {
    let mut world = formed();
    asked(&mut world, admit(14, "shanghai")).unwrap();
    let (city, document) = ("wuhan".to_owned(), "d".to_owned());
    let sealed = ClusterCommand::IssueOverride { city, secret_sha256: [9; 32], document };
    decided(&mut world, sealed).unwrap();
    let prefer = ClusterCommand::PreferCity { city: Some("wuhan".to_owned()) };
    asked(&mut world, prefer).unwrap();
    decided(&mut world, leave("shanghai")).unwrap();
    let rules = ClusterCommand::ActivateRules { rules_version: 2, document: "d".to_owned() };
    decided(&mut world, rules).unwrap();
    world.state_digest();
    let mut loader = registry_ledger::Loader::default();
    for (key, value) in world.ledger.records() {
        loader.add(&key, &value).unwrap();
    }
    let loaded = loader.finish().unwrap();
    assert_eq!(loaded.topology(), world.ledger.topology());
    assert_eq!(loaded.state_digest(), world.ledger.state_digest());
}
