//! A city is lost for good: the other goes on with everything that was
//! acknowledged, by one command of two people, and nobody else can.

use std::time::{Duration, Instant};

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::Market;
use registry_chaos_tests::probe::ProbeSettings;
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::probe::Probe;
use registry_client::proto::{Consistency, GetAccountRequest};

const DEADLINE: Duration = Duration::from_secs(60);
const RTT: Duration = Duration::from_millis(12);
/// From the operator's command to the first write that is answered again.
const RTO: Duration = Duration::from_secs(30);

async fn start(name: &str, spares: &[(u64, &str, &str)]) -> anyhow::Result<Cluster> {
    let plan = scratch::plan(name, Layout::DualCity, |_| {})?.with_spares(spares)?;
    let cluster = Cluster::start(plan, RTT).await?;
    let formed = ["cluster", "bootstrap", "--recovery-city", "wuhan"];
    cluster.registryctl("operator-1", formed).await?;
    cluster.leader().await?;
    Market::set_up(&cluster.officers()?, 2, 100, 0).await?;
    Ok(cluster)
}

fn probe(cluster: &Cluster, city: &str) -> anyhow::Result<Probe> {
    let settings = ProbeSettings {
        nodes: cluster.nodes_in(city),
        account_id: 1,
        call_timeout: Duration::from_secs(60),
    };
    cluster.probe(&format!("probe-{city}"), &settings)
}

/// As an operator types it; the second one's identity goes with it.
async fn recover(cluster: &Cluster, lost: &str, more: &[&str]) -> anyhow::Result<String> {
    let checker = cluster.plan().pki_dir().join("operator-2").display().to_string();
    let arguments =
        ["failover", "recover", "--lost", lost, "--checker-identity", &checker, "--output", "json"];
    cluster.registryctl("operator-1", [&arguments[..], more].concat()).await
}

fn lose(cluster: &mut Cluster, city: &str) -> anyhow::Result<Vec<u64>> {
    let nodes = cluster.nodes_in(city);
    for id in &nodes {
        cluster.kill(*id)?;
    }
    Ok(nodes)
}

/// Anybody can check it; a file that says something else than was signed is refused.
async fn the_report_is_what_the_survivors_signed(
    cluster: &Cluster,
    report: &str,
) -> anyhow::Result<()> {
    let ca = cluster.plan().pki_dir().join("peer-ca.pem").display().to_string();
    let verify = ["failover", "verify-report", report, "--peer-ca", &ca, "--output", "json"];
    let told = cluster.registryctl("operator-1", verify).await?;
    let told: serde_json::Value = serde_json::from_str(&told)?;
    assert_eq!(told["signed_by_nodes"], "21, 22, 23", "{told}");
    assert_eq!(told["approved_by"], "operator/1, operator/2", "{told}");
    let before = std::fs::read_to_string(report)?;
    let content: serde_json::Value = serde_json::from_str(&before)?;
    let one = content["signed"][0].as_str().unwrap_or_default().to_owned();
    let flipped = match one.ends_with('0') {
        true => format!("{}1", &one[..one.len() - 1]),
        false => format!("{}0", &one[..one.len() - 1]),
    };
    for (was, now) in [
        ("\"lost_city\": \"shanghai\"", "\"lost_city\": \"wuhan\""),
        ("\"recovery_epoch\": 1", "\"recovery_epoch\": 2"),
        (&*one, &*flipped),
    ] {
        let changed = before.replace(was, now);
        assert_ne!(changed, before, "{was} is not there");
        std::fs::write(report, changed)?;
        let refused = cluster.registryctl("operator-1", verify).await.expect_err("it was changed");
        assert!(refused.to_string().contains("REPORT_BROKEN"), "{was}: {refused}");
    }
    std::fs::write(report, before)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_city_is_given_up_and_new_nodes_bring_it_back() -> anyhow::Result<()> {
    let spares = [(14, "sh-4", "shanghai"), (15, "sh-5", "shanghai"), (16, "sh-6", "shanghai")];
    let mut cluster = start("city-lost", &spares).await?;
    let working = probe(&cluster, "wuhan")?;
    eventually("some writes", DEADLINE, || async {
        let leader = cluster.leader().await?;
        Ok((leader.last_log_index > 60).then_some(()))
    })
    .await?;
    let lost = lose(&mut cluster, "shanghai")?;

    let planned = recover(&cluster, "shanghai", &["--dry-run"]).await?;
    assert!(planned.contains("nothing was changed"), "{planned}");
    let began = Instant::now();
    let report = cluster.plan().work_dir().join("recovery.json").display().to_string();
    let told = recover(&cluster, "shanghai", &["--report", &report]).await;
    let told: serde_json::Value = serde_json::from_str(&cluster.with_logs(told)?)?;
    let took = began.elapsed();
    assert!(took < RTO, "{took:?}");
    assert_eq!(told["rpo_entries"], 0, "{told}");
    assert_eq!(told["states_agree"], true, "{told}");
    eventually("writes in the new epoch", DEADLINE, || async {
        let leader = cluster.leader().await?;
        Ok((leader.recovery_epoch == 1 && leader.city == "wuhan").then_some(()))
    })
    .await?;
    let log = working.stop().await.expect("the probe's task ends");
    assert!(log.failures().is_empty(), "{:?}", log.failures());
    cluster.has_everything_of(&log).await?;
    let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    assert_eq!(written["recovery_epoch"], 1);
    assert_eq!(written["survivors"].as_array().map(Vec::len), Some(3));

    the_report_is_what_the_survivors_signed(&cluster, &report).await?;

    // A second time there is nothing to give up.
    let again = recover(&cluster, "shanghai", &[]).await.expect_err("done already").to_string();
    assert!(again.contains("shanghai is out of the quorum already"), "{again}");

    // The lost nodes turn up again: they notice, serve nobody and are wiped on demand.
    for id in &lost {
        cluster.restart(*id).await?;
    }
    let old = lost[0];
    let operator = cluster.operator()?;
    let endpoint = cluster.endpoint(old)?;
    let status = eventually("the old node to notice", DEADLINE, || async {
        let status = operator.status(&endpoint, 0).await?;
        Ok((status.superseded_by_epoch == 1).then_some(status))
    })
    .await?;
    assert!(status.alarms.iter().any(|alarm| alarm.contains("wipe it")), "{:?}", status.alarms);
    let near =
        registry_client::RegistryClient::new(cluster.connect_to("registry-officer-1", &[old])?);
    let stale = GetAccountRequest { account_id: 1, consistency: Consistency::StaleOk.into() };
    let refused = near.with_timeout(Duration::from_secs(2)).reads().get_account(stale).await;
    let refused = refused.expect_err("what it knows may be wrong").to_string();
    assert!(refused.contains("was given up"), "{refused}");
    let name = cluster.config(old)?.node.name.clone();
    let wipe = async |node: &str, endpoint: &str| {
        let typed = ["failover", "wipe", "--node", node, "--endpoints", endpoint];
        cluster.registryctl_alone("operator-1", typed).await
    };
    let survivor = cluster.endpoint(21)?;
    let refused = wipe("wh-1", &survivor).await.expect_err("it takes part").to_string();
    assert!(refused.contains("NOT_WIPED"), "{refused}");
    let refused = wipe("sh-9", &endpoint).await.expect_err("another name").to_string();
    assert!(refused.contains("nothing was removed"), "{refused}");
    wipe(&name, &endpoint).await?;
    cluster.ended(old, DEADLINE).await?;
    let data = cluster.plan().work_dir().join(&cluster.config(old)?.node.data_dir);
    assert_eq!(std::fs::read_dir(&data)?.count(), 0, "its data is gone");

    // New nodes take the places of the lost ones, and the city is back.
    for (id, _, _) in spares {
        cluster.restart(id).await?;
        let city = cluster.config(id)?.node.city.clone();
        cluster.admit(id, &city).await?;
    }
    let back = ["failover", "return", "--city", "shanghai", "--document", "rebuilt"];
    cluster.by_two_operators(&back).await?;
    let whole = eventually("both cities", DEADLINE, || async {
        let topology = cluster.leader().await?.topology.unwrap_or_default();
        Ok(topology.one_city.is_none().then_some(topology))
    });
    let whole = cluster.with_logs(whole.await)?;
    let sets: Vec<Vec<u64>> = whole.in_force.into_iter().map(|set| set.node_ids).collect();
    assert_eq!(sets, [[14, 15, 16], [21, 22, 23]]);
    cluster.registryctl("auditor-1", ["audit"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_lives_or_a_city_without_the_right_is_refused() -> anyhow::Result<()> {
    let mut cluster = start("city-not-lost", &[]).await?;
    let refused = recover(&cluster, "beijing", &[]).await.expect_err("no such city").to_string();
    assert!(refused.contains("cannot be given up; the cluster has shanghai, wuhan"), "{refused}");
    let refused = recover(&cluster, "shanghai", &[]).await.expect_err("it lives").to_string();
    assert!(refused.contains("shanghai is not lost: sh-1, sh-2, sh-3 answers"), "{refused}");

    // Wuhan is lost, and had the right: Shanghai needs the override made beforehand.
    let sealed = cluster.plan().work_dir().join("sealed.json").display().to_string();
    let issue =
        ["failover", "override", "--city", "shanghai", "--document", "vault 3", "--out", &sealed];
    cluster.by_two_operators(&issue).await?;
    let killed = cluster.nodes_in("wuhan");
    for id in &killed[..2] {
        cluster.kill(*id)?;
    }
    // One of the city still answers, if only to the survivors.
    let refused = recover(&cluster, "wuhan", &[]).await.expect_err("wh-3 lives").to_string();
    assert!(refused.contains("wuhan is not lost: wh-3 answers"), "{refused}");
    cluster.kill(killed[2])?;
    let refused = recover(&cluster, "wuhan", &[]).await.expect_err("no right").to_string();
    assert!(refused.contains("shanghai has not the right to recover, wuhan has it"), "{refused}");
    // One person is not enough.
    let alone = ["failover", "recover", "--lost", "wuhan", "--override", &sealed];
    let checker = cluster.plan().pki_dir().join("operator-1").display().to_string();
    let alone = [&alone[..], &["--checker-identity", &checker]].concat();
    let refused = cluster.registryctl("operator-1", alone).await.expect_err("one person");
    assert!(refused.to_string().contains("two different people"), "{refused}");
    let forged = cluster.plan().work_dir().join("forged.json").display().to_string();
    let secret = "0".repeat(64);
    std::fs::write(&forged, format!("{{\"secret\": \"{secret}\"}}"))?;
    let refused = recover(&cluster, "wuhan", &["--override", &forged]).await;
    let refused = refused.expect_err("a forged override").to_string();
    assert!(refused.contains("the override was not issued to shanghai"), "{refused}");
    for status in cluster.statuses(0).await? {
        assert_eq!(status.recovery_epoch, 0, "a refusal changed something");
    }
    let told = recover(&cluster, "wuhan", &["--override", &sealed]).await?;
    assert!(told.contains("two ledgers would go"), "the risk is said plainly: {told}");
    // The override was for the epoch that is over.
    let again = recover(&cluster, "wuhan", &["--override", &sealed]).await;
    assert!(again.expect_err("used").to_string().contains("out of the quorum already"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_survivor_goes_on_only_when_the_possible_loss_is_accepted() -> anyhow::Result<()> {
    let mut cluster = start("one-survivor", &[]).await?;
    lose(&mut cluster, "shanghai")?;
    for id in [22, 23] {
        cluster.kill(id)?;
    }
    let refused = recover(&cluster, "shanghai", &[]).await.expect_err("one of three").to_string();
    assert!(refused.contains("1 of 3 voters survived, 2 must"), "{refused}");
    let told = recover(&cluster, "shanghai", &["--accept-loss"]).await?;
    assert!(told.contains("they would be gone"), "{told}");
    // Those that took no part are of the epoch before, and are not listened to.
    cluster.restart(22).await?;
    let (operator, endpoint) = (cluster.operator()?, cluster.endpoint(22)?);
    eventually("the late node to notice", DEADLINE, || async {
        Ok((operator.status(&endpoint, 0).await?.superseded_by_epoch == 1).then_some(()))
    })
    .await?;
    Ok(())
}
