//! A whole city leaves the quorum for maintenance and comes back.

use registry_chaos_tests::cluster::Layout;
use registry_client::proto::event::What;
use registry_client::proto::{Consistency, GetAccountRequest};

use super::{DEADLINE, nobody_noticed, probes, record, start, stop, voters};

#[tokio::test(flavor = "multi_thread")]
async fn a_city_is_taken_out_stopped_and_brought_back_under_load() -> anyhow::Result<()> {
    let mut cluster = start("maintenance", Layout::DualCity, &[]).await?;
    let working = probes(&cluster)?;
    let leave = ["failover", "leave", "--city", "shanghai", "--document", "change 7"];
    cluster.by_two_operators(&leave).await?;
    let alone =
        record(&cluster, "wuhan to go on alone", |topology| voters(topology) == [[21, 22, 23]])
            .await?;
    let one_city = alone.one_city.expect("said everywhere");
    assert_eq!((one_city.city_out.as_str(), one_city.durable_city.as_str()), ("shanghai", "wuhan"));

    // Everybody is told: with every answer, in the status, and who serves is well.
    let account = GetAccountRequest { account_id: 1, consistency: Consistency::StaleOk.into() };
    let stamp = cluster.registry()?.reads().get_account(account).await?.stamp.expect("a stamp");
    assert!(stamp.one_city);
    let told = cluster.registryctl("operator-1", ["cluster", "status"]).await?;
    assert!(told.contains("commits are durable in wuhan only: shanghai is out"), "{told}");

    // A second city cannot leave, and nothing else changes meanwhile.
    let both = ["failover", "leave", "--city", "wuhan", "--document", "change 8"];
    let refused = cluster.by_two_operators(&both).await.expect_err("one city is out");
    assert!(refused.to_string().contains("shanghai is out already"), "{refused}");

    let nodes = cluster.nodes_in("shanghai");
    for id in &nodes {
        cluster.stop(*id).await?;
    }
    for id in &nodes {
        cluster.restart(*id).await?;
    }
    let back = ["failover", "return", "--city", "shanghai", "--document", "change 7 is done"];
    cluster.by_two_operators(&back).await?;
    let whole = record(&cluster, "both cities", |topology| topology.one_city.is_none()).await?;
    assert_eq!(voters(&whole), [[11, 12, 13], [21, 22, 23]]);
    let logs = stop(working).await?;
    nobody_noticed(&cluster, &logs).await?;
    for status in cluster.statuses(0).await? {
        assert!(status.membership_as_layout && status.alarms.is_empty(), "{:?}", status.alarms);
    }
    cluster.agreed_state(DEADLINE).await?;
    // What two people decided, and what the leaders did, stands in the journal.
    cluster.registryctl("auditor-1", ["audit"]).await?;
    let mut events = cluster.registry()?.reads().all_events(0, None, Consistency::Linearizable);
    let mut changes = Vec::new();
    while let Some(event) = events.next().await? {
        if let Some(What::ClusterChanged(change)) = event.what {
            changes.push(change.change);
        }
    }
    let expected = ["CITY_LEFT", "VOTERS_CONFIRMED", "CITY_RETURNING", "VOTERS_CONFIRMED"];
    assert_eq!(changes, expected);
    Ok(())
}
