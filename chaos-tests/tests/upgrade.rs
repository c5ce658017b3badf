//! A new version of the ledger's rules is put in force on six nodes, one of which runs
//! a program that does not know it: that one stops before it applies anything by rules
//! that it does not know, and goes on where it stopped once it is upgraded.

use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::{INSTRUMENT, Market, bank_of};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::ClientError;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    ApplySurrenderRequest, AssignProvinceRequest, DepositRequest, Issuance, RulesActivation,
    SetUsableUntilRequest,
};

const DEADLINE: Duration = Duration::from_secs(60);
const RTT: Duration = Duration::from_millis(4);
/// A build that knows the first rules only.
const EARLIER: &[&str] = &["--rules-up-to", "1"];
/// Exit code of a node that another version of the program must run.
const OTHER_VERSION: i32 = 3;

async fn start(name: &str) -> anyhow::Result<Cluster> {
    let plan = scratch::plan(name, Layout::DualCity, |raft| {
        raft.snapshot_log_bytes = Some(64 << 10);
        raft.snapshot_keep_entries = Some(8);
        raft.lagging_log_bytes = Some(0);
    })?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    Market::set_up(&cluster.officers()?, 2, 100, 0).await?;
    Ok(cluster)
}

/// A node of each city that does not lead: each city can do without one.
async fn one_of_each_city(cluster: &Cluster) -> anyhow::Result<[u64; 2]> {
    let leader = cluster.leader().await?.node_id;
    let follower = |city| cluster.nodes_in(city).into_iter().find(|id| *id != leader);
    let found = ["shanghai", "wuhan"].map(|city| follower(city).expect("three nodes"));
    Ok(found)
}

/// All at once.
async fn deposits(cluster: &Cluster, name: &str, count: usize) -> anyhow::Result<()> {
    let registry = cluster.registry()?;
    let deposit = |number| DepositRequest {
        request_id: format!("{name}-{number}"),
        account_id: 1,
        bank_id: bank_of(1),
        amount_yuan: "0.01".to_owned(),
    };
    let all = (0..count).map(|number| registry.deposit(deposit(number)));
    futures::future::try_join_all(all).await?;
    Ok(())
}

/// Tonnes whose last usable day is over, of a firm without an obligation: which of the
/// two refuses first depends on the rules.
async fn with_an_old_vintage(cluster: &Cluster) -> anyhow::Result<()> {
    let officers = cluster.officers()?;
    let units = Issuance {
        account_id: 1,
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 10,
        document: "allocation".to_owned(),
    };
    officers.issue("", units).await?;
    let province = AssignProvinceRequest {
        account_id: 1,
        province: 42,
        document: "register".to_owned(),
        ..Default::default()
    };
    officers.maker().assign_province(province).await?;
    let usable = SetUsableUntilRequest {
        instrument: INSTRUMENT.to_owned(),
        usable_until_date: "2022-06-30".to_owned(),
        ..Default::default()
    };
    officers.maker().set_usable_until(usable).await?;
    Ok(())
}

async fn surrender(cluster: &Cluster) -> anyhow::Result<String> {
    let request = ApplySurrenderRequest {
        account_id: 1,
        year: 2020,
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 1,
        ..Default::default()
    };
    match cluster.registry()?.apply_surrender(request).await {
        Err(ClientError::Rejected(rejected)) => Ok(rejected.reason),
        other => anyhow::bail!("{other:?}"),
    }
}

async fn activate(cluster: &Cluster) -> Result<(), ClientError> {
    let officers = cluster.officers().expect("two officers");
    let document = "decision 7".to_owned();
    let activation = RulesActivation { rules_version: 2, document };
    officers.carry_out("", Command::RulesActivation(activation)).await.map(drop)
}

async fn rules_in_force(cluster: &Cluster) -> anyhow::Result<Vec<u32>> {
    let statuses = cluster.statuses(0).await?;
    let versions = statuses.into_iter().filter_map(|status| Some(status.topology?.rules_version));
    Ok(versions.collect())
}

/// Starts a node as an earlier program; it must end by itself and say why.
async fn refuses(cluster: &mut Cluster, id: u64, why: &str) -> anyhow::Result<()> {
    let before = cluster.log(id)?.len();
    cluster.launch_with(id, EARLIER)?;
    assert_eq!(cluster.exit_code(id, DEADLINE).await?, OTHER_VERSION);
    let told = cluster.log(id)?.split_off(before);
    assert!(told.contains(why) && told.contains("do not wipe it"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_know_the_new_rules_stops_and_goes_on_once_upgraded()
-> anyhow::Result<()> {
    let mut cluster = start("rules-activated").await?;
    with_an_old_vintage(&cluster).await?;
    let [behind, away] = one_of_each_city(&cluster).await?;
    cluster.stop(behind).await?;
    cluster.launch_with(behind, EARLIER)?;
    assert_eq!(cluster.answering(behind, DEADLINE).await?.rules_known, 1);
    let stood_at = cluster.leader().await?.last_log_index;
    cluster.applied(behind, stood_at, DEADLINE).await?;

    // Whoever asks first is told which node would stop.
    let proposal = ["cluster", "rules", "activate", "--to", "2", "--document", "decision 7"];
    let told = cluster.registryctl("registry-officer-1", proposal).await;
    let told = told.expect_err("one node is not upgraded").to_string();
    let name = &cluster.config(behind)?.node.name;
    assert!(told.contains("rules known") && told.contains(&format!("{name} ")), "{told}");

    // Another is away meanwhile and misses the log.
    cluster.stop(away).await?;
    assert_eq!(surrender(&cluster).await?, "NO_OBLIGATION");
    activate(&cluster).await?;
    assert_eq!(surrender(&cluster).await?, "VINTAGE_EXPIRING");
    assert_eq!(cluster.exit_code(behind, DEADLINE).await?, OTHER_VERSION);
    let told = cluster.log(behind)?;
    let why = "puts in force version 2 of the rules; this program";
    assert!(told.contains(why) && told.contains("applies versions up to 1"), "{told}");
    assert!(!told.contains("panicked"), "{told}");

    // The others go on, and starting the same program again changes nothing.
    deposits(&cluster, "without-two", 5).await?;
    cluster.agreed_state(DEADLINE).await?;
    assert_eq!(rules_in_force(&cluster).await?, [2; 4]);
    refuses(&mut cluster, behind, why).await?;
    cluster.restart(behind).await?;
    let others = cluster.agreed_state(DEADLINE).await?;
    cluster.applied(behind, others.log_index, DEADLINE).await?;
    assert_eq!(rules_in_force(&cluster).await?, [2; 5]);

    // Once it has the new rules, its own ledger says so.
    cluster.stop(behind).await?;
    refuses(&mut cluster, behind, "the ledger in the data folder goes by version 2").await?;
    cluster.restart(behind).await?;

    // The one that was away gets a snapshot: it is looked at before it takes its place.
    let mut round = 0;
    eventually("the log that the node misses to be purged everywhere", DEADLINE, || {
        round += 1;
        let (cluster, name) = (&cluster, format!("round-{round}"));
        async move {
            deposits(cluster, &name, 200).await?;
            let statuses = cluster.statuses(0).await?;
            Ok(statuses.iter().all(|status| status.purged_log_index > stood_at).then_some(()))
        }
    })
    .await?;
    refuses(&mut cluster, away, "that arrived goes by version 2").await?;
    let others = cluster.agreed_state(DEADLINE).await?;
    cluster.restart(away).await?;
    let caught_up = cluster.applied(away, others.log_index, DEADLINE).await?;
    assert!(caught_up.counters.expect("counters").snapshots_installed > 0);
    assert_eq!(cluster.held_states(DEADLINE).await?.len(), 6);
    cluster.agreed_state(DEADLINE).await?;
    cluster.registryctl("auditor-1", ["audit"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_does_not_know_the_new_rules_does_not_propose_them() -> anyhow::Result<()> {
    let mut cluster = start("rules-not-known").await?;
    for id in cluster.node_ids() {
        cluster.stop(id).await?;
    }
    for id in cluster.node_ids() {
        cluster.launch_with(id, EARLIER)?;
    }
    for id in cluster.node_ids() {
        cluster.answering(id, DEADLINE).await?;
    }
    cluster.leader().await?;
    let refused = activate(&cluster).await.expect_err("nobody knows them");
    assert_eq!(refused.reason(), Some("RULES_VERSION"), "{refused}");
    assert!(refused.to_string().contains("upgrade every node first"), "{refused}");
    assert_eq!(rules_in_force(&cluster).await?, [1; 6]);
    deposits(&cluster, "as-before", 3).await?;
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preflight_lets_a_wholly_upgraded_cluster_activate() -> anyhow::Result<()> {
    let cluster = start("rules-preflight").await?;
    let to = async |version: &str, more: &[&str]| {
        let command = ["cluster", "rules", "activate", "--to", version, "--document", "decision 7"];
        cluster.registryctl("registry-officer-1", [&command, more].concat()).await
    };
    let told = to("3", &[]).await.expect_err("not the next version").to_string();
    assert!(told.contains("version 1 is in force, 3 is asked for"), "{told}");
    to("2", &["--dry-run"]).await?;
    let proposed = to("2", &["--output", "json"]).await?;
    let proposed: serde_json::Value = serde_json::from_str(&proposed)?;
    let id = proposed["proposal_id"].to_string();
    let sha256 = proposed["content_sha256"].as_str().unwrap_or_default();
    let approve = ["control", "approve", "--proposal", &id, "--sha256", sha256];
    cluster.registryctl("registry-officer-2", approve).await?;
    assert_eq!(rules_in_force(&cluster).await?.iter().max(), Some(&2));
    let told = to("2", &[]).await.expect_err("in force already").to_string();
    assert!(told.contains("version 2 is in force, 2 is asked for"), "{told}");
    Ok(())
}
