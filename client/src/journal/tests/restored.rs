//! A registry that was made of another cluster's backup.

use super::super::*;
use super::story::*;

fn event(steps: &[Step], what: What) -> Step {
    let last = &steps.last().expect("a life").event;
    let event = Event {
        number: last.number + 1,
        log_index: last.log_index + 1,
        what,
        postings: vec![],
        ..last.clone()
    };
    Step { event, trades: vec![] }
}

fn founded(cluster_id: &str) -> What {
    What::Founded { cluster_id: cluster_id.to_owned(), layout: "dual-city".to_owned() }
}

/// The life, which goes on in another cluster.
fn restored(change: impl FnOnce(&mut What)) -> Vec<Step> {
    let mut steps = life();
    let auditor = audit(&steps).expect("nothing is wrong");
    let mut what = What::Restored {
        source_cluster_id: "test".to_owned(),
        source_recovery_epoch: 0,
        log_index: 70,
        term: 3,
        state_digest: [4; 32],
        root_sha256: auditor.root(),
        cluster_id: "restored".to_owned(),
    };
    change(&mut what);
    steps.push(event(&steps, what));
    steps
}

#[test]
fn a_life_that_goes_on_in_another_cluster_adds_up() {
    let mut steps = restored(|_| {});
    steps.push(event(&steps, founded("restored")));
    audit(&steps).expect("nothing is wrong");
}

#[test]
fn a_restoration_of_something_else_is_caught() {
    type Change = fn(&mut What);
    let cases: [(&str, Change, &str); 4] = [
        (
            "of another cluster",
            |what| {
                let What::Restored { source_cluster_id, .. } = what else { return };
                *source_cluster_id = "other".to_owned();
            },
            "cluster that was copied",
        ),
        (
            "of another epoch",
            |what| {
                let What::Restored { source_recovery_epoch, .. } = what else { return };
                *source_recovery_epoch = 1;
            },
            "recovery epoch",
        ),
        (
            "of other events",
            |what| {
                let What::Restored { root_sha256, .. } = what else { return };
                root_sha256[0] ^= 1;
            },
            "root of the events that were copied",
        ),
        (
            "under the same name",
            |what| {
                let What::Restored { cluster_id, .. } = what else { return };
                *cluster_id = "test".to_owned();
            },
            "cluster to be founded",
        ),
    ];
    for (case, change, what) in cases {
        caught(case, &restored(change), what);
    }
}

#[test]
fn what_follows_a_restoration_founds_its_cluster() {
    let mut steps = restored(|_| {});
    steps.push(event(&steps, founded("other")));
    caught("another cluster", &steps, "cluster that is founded");
    steps.pop();
    let (what, postings) = deposit(BUYER, 100);
    let mut paid = event(&steps, what);
    paid.event.postings = postings;
    steps.push(paid);
    caught("no cluster", &steps, "founds the registry");
}
