use registry_ledger::{Genesis, LedgerTime, Member, SealedOverride};

use super::*;

fn topology() -> Topology {
    let members = |ids: &[u64]| {
        ids.iter().map(|id| Member { node_id: *id, storage_id: [*id as u8; 16] }).collect()
    };
    Topology::founded(&Genesis {
        cluster_id: "test".to_owned(),
        layout: "dual-city".to_owned(),
        cities: vec![
            ("wuhan".to_owned(), members(&[21, 22, 23])),
            ("shanghai".to_owned(), members(&[11, 12, 13])),
        ],
    })
}

fn survivor(node_id: u64, last_term: u64, last_log_index: u64) -> Survivor {
    let city = if node_id < 20 { "shanghai" } else { "wuhan" }.to_owned();
    let (vote_term, committed_log_index) = (last_term, last_log_index);
    let node_name = format!("n-{node_id}");
    Survivor { node_id, node_name, city, vote_term, last_term, last_log_index, committed_log_index }
}

fn plan() -> RecoveryPlan {
    RecoveryPlan {
        cluster_id: "test".to_owned(),
        recovery_epoch: 1,
        lost_city: "shanghai".to_owned(),
        survivors: vec![survivor(21, 3, 90), survivor(22, 4, 80), survivor(23, 4, 79)],
        chosen_node_id: 22,
        new_term: 1_004,
        with_override: false,
        with_possible_loss: false,
    }
}

fn refused(change: impl FnOnce(&mut RecoveryPlan)) -> NotRecovered {
    let mut changed = plan();
    change(&mut changed);
    check_survivors(&topology(), &changed).expect_err("refused")
}

#[test]
fn the_greatest_position_by_term_then_index_goes_on() {
    check_survivors(&topology(), &plan()).expect("fits");
    let contradiction = |of| matches!(of, NotRecovered::Contradiction(_));
    assert!(
        contradiction(refused(|plan| plan.chosen_node_id = 21)),
        "a longer log of an older term"
    );
    assert!(contradiction(refused(|plan| plan.chosen_node_id = 99)));
    assert!(contradiction(refused(|plan| plan.new_term = 1_003)));
    assert!(contradiction(refused(|plan| plan.survivors.push(survivor(21, 3, 90)))));
    assert!(contradiction(refused(|plan| plan.survivors.push(survivor(11, 3, 90)))));
    assert!(contradiction(refused(|plan| plan.survivors.push(survivor(24, 3, 90)))));
}

#[test]
fn two_of_three_hold_everything_one_may_not() {
    let mut two = plan();
    two.survivors.remove(0);
    check_survivors(&topology(), &two).expect("two of three");
    let mut one = plan();
    one.survivors.retain(|survivor| survivor.node_id == 22);
    assert_eq!(
        check_survivors(&topology(), &one),
        Err(NotRecovered::TooFew { survivors: 1, voters: 3, needed: 2 })
    );
    one.with_possible_loss = true;
    check_survivors(&topology(), &one).expect("told so");
}

#[test]
fn without_the_right_only_the_issued_secret_helps() {
    let mut topology = topology();
    check_right(&topology, &plan(), b"").expect("wuhan has the right");
    topology.recovery_city = "shanghai".to_owned();
    assert!(matches!(check_right(&topology, &plan(), b""), Err(NotRecovered::NoRight { .. })));
    let with_override = RecoveryPlan { with_override: true, ..plan() };
    let none = Err(NotRecovered::Override("wuhan".to_owned()));
    assert_eq!(check_right(&topology, &with_override, b"secret"), none);
    topology.overrides = vec![SealedOverride {
        city: "wuhan".to_owned(),
        secret_sha256: Sha256::digest(b"secret").into(),
        issued_at: LedgerTime(1),
    }];
    assert_eq!(check_right(&topology, &with_override, b"another"), none);
    check_right(&topology, &with_override, b"secret").expect("issued");
    topology.overrides[0].city = "shanghai".to_owned();
    assert_eq!(check_right(&topology, &with_override, b"secret"), none, "issued to the other");
}

#[test]
fn only_one_of_two_cities_that_is_in_the_quorum_can_be_given_up() {
    let mut topology = topology();
    let of = |city: &str| RecoveryPlan { lost_city: city.to_owned(), ..plan() };
    check_cities(&topology, &of("shanghai")).expect("one of two");
    let unknown = Err(NotRecovered::City("beijing".to_owned()));
    assert_eq!(check_cities(&topology, &of("beijing")), unknown);
    topology.one_city = Some(registry_ledger::OneCity {
        city_out: "shanghai".to_owned(),
        since: LedgerTime(1),
        document: "recovery epoch 1".to_owned(),
        returning: false,
    });
    let out = Err(NotRecovered::CityOut("shanghai".to_owned()));
    assert_eq!(check_cities(&topology, &of("shanghai")), out);
}

#[test]
fn a_plan_is_carried_out_as_it_was_hashed() {
    let bytes = plan().encode_to_vec();
    assert_eq!(decode_plan(&bytes).expect("a plan").0, plan());
    assert_eq!(decode_plan(&[&bytes[..], &[0x50, 1]].concat()), Err(NotRecovered::Malformed));
    assert_eq!(decode_plan(&bytes[..bytes.len() - 1]), Err(NotRecovered::Malformed));
    assert_eq!(decode_plan(b""), Err(NotRecovered::Malformed));
}
