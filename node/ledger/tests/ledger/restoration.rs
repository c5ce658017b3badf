//! A registry that is cut off from its cluster, to be that of another one.

use registry_ledger::{Command, CutOff, Genesis, Ledger, Reason, Rejection, Request, Restoration};

use crate::world::{World, genesis, open_account};

const NEW_CLUSTER: &str = "restored";

fn cut(world: &World, cluster_id: &str) -> CutOff {
    CutOff {
        cluster_id: cluster_id.to_owned(),
        log_index: world.log_index,
        term: 1,
        cut_log_index: world.log_index + 1,
        at: world.now,
        actor: "node/31".to_owned(),
    }
}

fn cut_off(world: &mut World, cluster_id: &str) -> Result<Restoration, Rejection> {
    let restoration = world.ledger.cut_off(&cut(world, cluster_id))?;
    world.log_index += 1;
    world.state_digest();
    Ok(restoration)
}

fn founding(cluster_id: &str) -> Command {
    let Command::Genesis(of) = genesis() else { panic!("a genesis") };
    Command::Genesis(Genesis { cluster_id: cluster_id.to_owned(), ..of })
}

#[test]
fn what_a_registry_holds_stays_and_what_it_was_of_does_not() {
    let mut world = World::market();
    let answered = world.apply_as("registry/officer-1", open_account(7));
    let (digest, events) = (world.state_digest(), world.ledger.journal().leaves());
    let root = world.ledger.journal().root();
    let accounts: Vec<_> =
        world.ledger.records().into_iter().filter(|of| [6, 7].contains(&of.0[0])).collect();
    let restoration = cut_off(&mut world, NEW_CLUSTER).unwrap();
    assert_eq!((restoration.source_cluster_id.as_str(), restoration.events), ("test", events));
    assert_eq!((restoration.state_digest, restoration.root_sha256), (digest.0, root));
    assert_eq!(restoration.former_cluster_ids, ["test"]);
    assert!(world.ledger.genesis().is_none() && world.ledger.topology().is_none());
    let kept: Vec<_> =
        world.ledger.records().into_iter().filter(|of| [6, 7].contains(&of.0[0])).collect();
    assert_eq!(kept, accounts);
    world.ledger.check_invariants().unwrap();

    let refused = world.refused_as("registry/officer-1", open_account(8));
    assert_eq!(refused.reason, Reason::NotBootstrapped);
    for other in ["test", "another"] {
        let refused = world.refused_as("operator/1", founding(other));
        assert_eq!(refused.reason, Reason::LayoutForbids, "{refused}");
    }
    world.ok(founding(NEW_CLUSTER));
    world.ok(open_account(8));
    // Asked again, the account that was opened before is answered, not another.
    let mut again = world.entry("registry/officer-1", open_account(7));
    again.request = Some(Request { id: format!("r{}", answered.log_index), fingerprint: [7; 32] });
    assert_eq!(world.ledger.apply(&again), answered);
}

#[test]
fn the_record_of_a_restoration_is_read_back_and_never_goes() {
    let mut world = World::market();
    cut_off(&mut world, NEW_CLUSTER).unwrap();
    let same = |ledger: &Ledger| {
        let loaded = Ledger::load(ledger.records()).unwrap();
        assert_eq!(loaded.records(), ledger.records());
        assert_eq!(loaded.restoration(), ledger.restoration());
        assert_eq!(loaded.genesis(), ledger.genesis());
        assert_eq!(loaded.topology(), ledger.topology());
    };
    same(&world.ledger);
    world.ok(founding(NEW_CLUSTER));
    same(&world.ledger);
    assert!(world.ledger.restoration().is_some());
}

#[test]
fn a_registry_never_takes_a_name_that_it_had_before() {
    let mut world = World::market();
    let refused = cut_off(&mut world, "test").unwrap_err();
    assert_eq!(refused.reason, Reason::AlreadyBootstrapped);
    cut_off(&mut world, NEW_CLUSTER).unwrap();
    let refused = cut_off(&mut world, "third").unwrap_err();
    assert_eq!(refused.reason, Reason::NotBootstrapped, "before it was founded");
    world.ok(founding(NEW_CLUSTER));
    for former in ["test", NEW_CLUSTER] {
        let refused = cut_off(&mut world, former).unwrap_err();
        assert_eq!(refused.reason, Reason::AlreadyBootstrapped, "{former}");
    }
    let again = cut_off(&mut world, "third").unwrap();
    assert_eq!(again.former_cluster_ids, ["test", NEW_CLUSTER]);
}

#[test]
fn a_restoration_is_an_event_and_the_next_one_founds_the_cluster() {
    let mut world = World::market();
    world.ledger.seal();
    world.ledger.take_events();
    cut_off(&mut world, NEW_CLUSTER).unwrap();
    world.ok(founding(NEW_CLUSTER));
    assert_eq!(world.ledger.take_events().len(), 2);
    assert_eq!(world.ledger.topology().unwrap().recovery_epoch, 0);
}
