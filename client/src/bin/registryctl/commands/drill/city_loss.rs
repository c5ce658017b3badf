//! A city is lost: recovered by two operators where the layout needs them, survived
//! by itself where there is a third place; and brought back.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::rehearsal::{PATIENCE, Rehearsal, names};
use super::target::Node;

/// Witnessed: the leader's city goes, the others go on.
pub(super) async fn survived(rehearsal: &mut Rehearsal) -> Result<()> {
    rehearsal.whole().await?;
    let leader = rehearsal.leader().await?;
    let lost = rehearsal.target.members_in(&leader.city);
    let from = Instant::now();
    rehearsal.kill(&lost).await?;
    let next = rehearsal.next_leader(|next| next.city != leader.city).await?;
    rehearsal.note(format!("{} leads in {}", next.node_name, next.city));
    rehearsal.measured("city-loss", from).await?;
    rehearsal.start(&lost).await?;
    rehearsal.whole().await
}

/// Dual-city: the leader's city goes, the one that has the right recovers, and new
/// nodes bring the lost one back.
pub(super) async fn recovered(rehearsal: &mut Rehearsal) -> Result<()> {
    rehearsal.whole().await?;
    let survivor = rehearsal.record().await?.recovery_city;
    let lost_city = rehearsal.other_city(&survivor).await?;
    if rehearsal.leader().await?.city != lost_city {
        let away = ["failover", "switchover", "--to", &lost_city, "--for-now"];
        rehearsal.typed(&away).await?;
        rehearsal.next_leader(|leader| leader.city == lost_city).await?;
    }
    let lost = rehearsal.target.members_in(&lost_city);
    let spares = rehearsal.target.spares_in(&lost_city);
    rehearsal.kill(&lost).await?;

    let second = rehearsal.target.operator_path(1).display().to_string();
    let from = Instant::now();
    let recover = ["failover", "recover", "--lost", &lost_city, "--checker-identity", &second];
    let told = rehearsal.typed(&recover).await?;
    rehearsal.note(format!(
        "recovered in epoch {}: {} entries missing, states agree: {}, {} ms",
        told["recovery_epoch"], told["rpo_entries"], told["states_agree"], told["took_ms"]
    ));
    ensure!(told["rpo_entries"] == 0, "the recovery says that entries are missing: {told}");
    ensure!(told["states_agree"] == true, "the survivors' states differ: {told}");
    rehearsal.measured("city-loss", from).await?;

    ensure!(
        spares.len() >= lost.len(),
        "{} spare nodes stand in {lost_city}, {} are needed to bring it back",
        spares.len(),
        lost.len()
    );
    returned(rehearsal, &lost_city, &lost, &spares).await
}

async fn returned(
    rehearsal: &mut Rehearsal,
    city: &str,
    lost: &[Node],
    spares: &[Node],
) -> Result<()> {
    let from = Instant::now();
    rehearsal.start(lost).await?;
    let superseded = |statuses: &[registry_client::NodeStatus]| {
        let notices = |node: &Node| {
            let answers = statuses.iter().filter(|of| of.endpoint == node.endpoint);
            answers.filter_map(|of| of.status.as_ref().ok()).any(|of| of.superseded_by_epoch > 0)
        };
        lost.iter().all(notices).then_some(())
    };
    rehearsal.watch.until("the lost nodes to notice", PATIENCE, superseded).await?;
    rehearsal.note(format!("{} know that the others went on without them", names(lost)));
    for node in lost {
        let wipe = ["failover", "wipe", "--node", &node.name];
        rehearsal.typed_at(0, std::slice::from_ref(&node.endpoint), &wipe).await?;
    }
    rehearsal.down(lost).await?;

    rehearsal.start(spares).await?;
    for node in spares {
        let id = node.id.to_string();
        let admit = [
            "cluster",
            "admit",
            "--node-id",
            &id,
            "--name",
            &node.name,
            "--city",
            &node.city,
            "--peer-address",
            &node.peer_address,
            "--client-address",
            &node.endpoint,
        ];
        rehearsal.typed(&admit).await?;
    }
    let back = ["failover", "return", "--city", city, "--document", "drill: the city is rebuilt"];
    rehearsal.typed_by_two(&back).await?;
    let whole = |record: &registry_client::proto::Topology| {
        record.one_city.is_none() && record.in_force.len() == 2
    };
    rehearsal.until_recorded("both cities in the quorum", whole).await?;
    rehearsal.note("a commit is durable in both cities again");
    let home = ["failover", "switchover", "--to", city];
    rehearsal.typed(&home).await?;
    let leader = rehearsal.next_leader(|leader| leader.city == city).await?;
    rehearsal.note(format!("{} leads in {city}", leader.node_name));
    rehearsal.measured("failback", from).await
}
