//! Keeps the leader where it belongs: never in the third place for longer than it
//! takes to hand over, and in the preferred city when there is one.

use std::time::Duration;

use registry_ledger::Topology;
use tokio::time::Instant;

use super::consensus::Consensus;
use super::handover::NotHandedOver;

const INTERVAL: Duration = Duration::from_millis(50);
/// A city must look well for so long before the leadership goes back to it.
const STEADY: Duration = Duration::from_secs(5);
/// Time between two attempts that failed.
const PAUSE: Duration = Duration::from_secs(10);

/// Why another node should lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// This is the third place: anywhere else, at once.
    Elsewhere,
    /// The leader should stand in another city, once that looks well.
    Preferred,
}

fn wish(topology: &Topology, own_city: &str) -> Option<Wish> {
    if topology.is_witness(own_city) {
        return Some(Wish::Elsewhere);
    }
    let preferred = topology.preferred_city.as_deref();
    preferred.is_some_and(|city| city != own_city).then_some(Wish::Preferred)
}

/// Runs until the node stops.
pub(super) async fn run(consensus: Consensus) {
    let own = consensus.inner.config.node.id;
    let own_city = consensus.inner.config.node.city.clone();
    let mut steady_since: Option<Instant> = None;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let topology = consensus.directory().topology();
        let leads = consensus.current_leader() == Some(own);
        let wish = topology.as_deref().filter(|_| leads).and_then(|of| wish(of, &own_city));
        let (Some(topology), Some(wish)) = (topology, wish) else {
            steady_since = None;
            continue;
        };
        // What is being changed comes first.
        if topology.is_changing() {
            steady_since = None;
            continue;
        }
        let city_of = |id: u64| topology.members.get(&id).map(|member| member.city.as_str());
        let preferred = topology.preferred_city.as_deref();
        let may_lead = |id: u64| {
            city_of(id).is_some_and(|city| match wish {
                Wish::Elsewhere => !topology.is_witness(city),
                Wish::Preferred => Some(city) == preferred,
            })
        };
        if consensus.caught_up(may_lead).is_empty() {
            steady_since = None;
            continue;
        }
        let since = *steady_since.get_or_insert_with(Instant::now);
        if wish == Wish::Preferred && since.elapsed() < STEADY {
            continue;
        }
        match consensus.hand_over(may_lead).await {
            Ok(_) => steady_since = None,
            Err(NotHandedOver::NotLeader) => steady_since = None,
            Err(why) => {
                tracing::warn!(%why, ?wish, "the leadership stays here for now");
                let pause = if wish == Wish::Elsewhere { INTERVAL } else { PAUSE };
                tokio::time::sleep(pause).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use registry_ledger::{Genesis, Member};

    use super::*;

    #[test]
    fn the_third_place_leads_only_to_hand_over() {
        let members = |ids: &[u64]| {
            ids.iter().map(|id| Member { node_id: *id, storage_id: [*id as u8; 16] }).collect()
        };
        let mut topology = Topology::founded(&Genesis {
            cluster_id: "test".to_owned(),
            layout: "witnessed".to_owned(),
            cities: vec![
                ("beijing".to_owned(), members(&[31])),
                ("shanghai".to_owned(), members(&[11, 12])),
                ("wuhan".to_owned(), members(&[21, 22])),
            ],
        });
        assert_eq!(wish(&topology, "beijing"), Some(Wish::Elsewhere));
        assert_eq!(wish(&topology, "shanghai"), None);
        topology.preferred_city = Some("wuhan".to_owned());
        assert_eq!(wish(&topology, "shanghai"), Some(Wish::Preferred));
        assert_eq!(wish(&topology, "wuhan"), None);
        assert_eq!(wish(&topology, "beijing"), Some(Wish::Elsewhere));
    }
}
