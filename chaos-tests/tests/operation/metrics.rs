//! What monitoring reads of every node.

use std::collections::BTreeMap;

use anyhow::Context as _;
use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{DEADLINE, RTT};

async fn http(cluster: &Cluster, node: u64, request: &str) -> anyhow::Result<String> {
    let address = cluster.config(node)?.node.metrics_listen.context("no address")?;
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// By name without the prefix.
async fn metrics(cluster: &Cluster, node: u64) -> anyhow::Result<BTreeMap<String, f64>> {
    let request = "GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
    let answer = http(cluster, node, request).await?;
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    let values = body.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, value) = line.rsplit_once(' ').context("a name and a value")?;
        let name = name.strip_prefix("registry_").context("the prefix")?;
        Ok((name.to_owned(), value.parse()?))
    });
    values.collect()
}

async fn sum(cluster: &Cluster, name: &str) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for node in cluster.running() {
        sum += metrics(cluster, node).await?.get(name).context("the metric")?;
    }
    Ok(sum)
}

/// Over all nodes.
async fn becomes(cluster: &Cluster, name: &str, wanted: f64) -> anyhow::Result<()> {
    let what = format!("{name} to be {wanted} over all nodes");
    let look = || async {
        let is_so = sum(cluster, name).await? == wanted;
        Ok(is_so.then_some(()))
    };
    eventually(&what, DEADLINE, look).await
}

#[tokio::test]
async fn metrics_tell_who_leads_and_alarm_while_a_city_is_out() -> anyhow::Result<()> {
    let plan = scratch::plan("operation-metrics", Layout::DualCity, |_| {})?.with_metrics()?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    becomes(&cluster, "is_leader", 1.0).await?;
    becomes(&cluster, "membership_as_layout", 6.0).await?;
    becomes(&cluster, "one_city", 0.0).await?;
    let leader = cluster.leader().await?;
    let of = metrics(&cluster, leader.node_id).await?;
    assert_eq!(of["is_leader"], 1.0);
    assert_eq!(of["term"], leader.term as f64);
    assert!(of["log_fsyncs_total"] > 0.0 && of["disk_size_bytes"] > 0.0, "{of:?}");
    assert!(of["quorum_age_seconds"] >= 0.0 && of["alarms"] == 0.0, "{of:?}");
    let info = of.keys().find(|name| name.starts_with("node_info")).context("who it is")?;
    assert!(info.contains(&format!("node=\"{}\"", leader.node_name)), "{info}");

    let leave = ["failover", "leave", "--city", "shanghai", "--document", "change 7"];
    cluster.by_two_operators(&leave).await?;
    becomes(&cluster, "one_city", 6.0).await?;
    assert!(sum(&cluster, "alarms").await? >= 6.0);

    let other = "GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
    let answer = http(&cluster, leader.node_id, other).await?;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    Ok(())
}
