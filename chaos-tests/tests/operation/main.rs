//! Operators move the leader, nodes and whole cities while the registry works,
//! and nobody outside notices: no request fails, nothing acknowledged is lost.

mod clock;
mod maintenance;
mod metrics;
mod nodes;
mod partition;
mod refused;
mod rolling;
mod switchover;
mod witnessed;

use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::Market;
use registry_chaos_tests::probe::ProbeSettings;
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::probe::{Probe, ProbeLog};
use registry_client::proto::{GetStatusReply, Topology};

const DEADLINE: Duration = Duration::from_secs(60);
const RTT: Duration = Duration::from_millis(12);
/// A call that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster with firms, one for each city's probe.
async fn start(
    name: &str,
    layout: Layout,
    spares: &[(u64, &str, &str)],
) -> anyhow::Result<Cluster> {
    let plan = scratch::plan(name, layout, |_| {})?.with_spares(spares)?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    Market::set_up(&cluster.officers()?, 2, 100, 0).await?;
    Ok(cluster)
}

/// Probes in both cities, each asking its own city first.
fn probes(cluster: &Cluster) -> anyhow::Result<Vec<Probe>> {
    let each = [("shanghai", "wuhan", 1), ("wuhan", "shanghai", 2)];
    let probes = each.map(|(near, far, account_id)| {
        let nodes = [cluster.nodes_in(near), cluster.nodes_in(far)].concat();
        let settings = ProbeSettings { nodes, account_id, call_timeout: PATIENCE };
        cluster.probe(&format!("probe-{near}"), &settings)
    });
    probes.into_iter().collect()
}

/// Both have written some more.
async fn some_more(probes: &[Probe]) -> anyhow::Result<()> {
    for probe in probes {
        assert!(probe.more(10, DEADLINE).await, "no ten writes more in {DEADLINE:?}");
    }
    Ok(())
}

async fn stop(probes: Vec<Probe>) -> anyhow::Result<Vec<ProbeLog>> {
    some_more(&probes).await?;
    let mut logs = Vec::new();
    for probe in probes {
        logs.push(probe.stop().await.expect("a probe's task ends"));
    }
    Ok(logs)
}

/// No request failed, and everything acknowledged is there.
async fn nobody_noticed(cluster: &Cluster, logs: &[ProbeLog]) -> anyhow::Result<()> {
    for log in logs {
        assert!(log.failures().is_empty(), "{}: {:?}", log.name, log.failures());
        assert!(log.acknowledged() > 10, "{}: {} writes", log.name, log.acknowledged());
        cluster.has_everything_of(log).await?;
    }
    Ok(())
}

/// Waits until the ledger's record, as the leader has it, is as wanted.
async fn record(
    cluster: &Cluster,
    what: &str,
    wanted: impl Fn(&Topology) -> bool,
) -> anyhow::Result<Topology> {
    let operator = cluster.operator()?;
    let found = eventually(what, DEADLINE, || async {
        let leader = cluster.leader().await?.node_id;
        let status: GetStatusReply = operator.status(&cluster.endpoint(leader)?, 0).await?;
        Ok(status.topology.filter(|topology| wanted(topology)))
    });
    cluster.with_logs(found.await)
}

fn voters(topology: &Topology) -> Vec<Vec<u64>> {
    topology.in_force.iter().map(|set| set.node_ids.clone()).collect()
}
