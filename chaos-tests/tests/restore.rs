//! docs/runbooks/restore-from-backup.md on six real nodes: the registry as it was at
//! one log position, in a new cluster, beside the one that it is a copy of.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use prost::Message as _;
use registry_chaos_tests::books::Books;
use registry_chaos_tests::cluster::{Cluster, ClusterPlan, HeldState, Layout};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{Market, bank_of, open_day};
use registry_chaos_tests::scratch;
use registry_client::backup::{BackupClient, FollowOptions, follow};
use registry_client::proto::{
    BackupManifest, Consistency, DepositReply, DepositRequest, SignedDocument,
};
use registry_client::{ClientError, Identity, ReadClient, RegistryClient, hex, pki};
use serde_json::Value;

const DATE: &str = "2021-12-16";
const RTT: Duration = Duration::from_millis(2);
const DEADLINE: Duration = Duration::from_secs(60);
const CHUNK_TRADES: usize = 400;
const OPERATOR: &str = "operator-1";
const NEW_CLUSTER: &str = "carbon-registry-restored";
/// The node that the registry is restored to, and its city.
const FIRST: u64 = 11;

/// A registry with a backup, an archive behind it and entries behind a position.
struct Source {
    cluster: Cluster,
    /// At the position.
    state: HeldState,
    books: Books,
    /// The last answer before the position.
    answer: DepositReply,
    last_archived: u64,
}

fn deposit(request_id: &str) -> DepositRequest {
    DepositRequest {
        request_id: request_id.to_owned(),
        account_id: 1,
        bank_id: bank_of(1),
        amount_yuan: "12.34".to_owned(),
    }
}

async fn books(cluster: &Cluster) -> anyhow::Result<Books> {
    let reads = ReadClient::new(cluster.connect_as("auditor-1")?);
    Books::read(&reads.all_accounts(Consistency::Linearizable).await?)
}

async fn json(cluster: &Cluster, user: &str, arguments: &[&str]) -> anyhow::Result<Value> {
    let answer = cluster.registryctl(user, [arguments, &["--output", "json"]].concat()).await?;
    Ok(serde_json::from_str(&answer)?)
}

impl Source {
    async fn start() -> anyhow::Result<Self> {
        let plan = scratch::plan("restore-source", Layout::DualCity, |raft| {
            raft.snapshot_log_bytes = Some(256 << 10);
            raft.snapshot_keep_entries = Some(16);
        })?;
        let kept = plan.work_dir().join("backups");
        fs::create_dir_all(&kept)?;
        let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
        let officers = cluster.officers()?;
        let market = Market::set_up(&officers, 20, 10_000_000, 1_000_000_000_000).await?;
        cluster.registry()?.open_day(open_day(DATE)).await?;

        let (out, ca) = (kept.join("b1").display().to_string(), peer_ca(&cluster));
        json(&cluster, OPERATOR, &["backup", "create", "--out", &out, "--peer-ca", &ca]).await?;
        let day = ExchangeDay::new(DATE, market.trades(DATE, 1, 20_000)?)?;
        let exchange = cluster.exchange()?;
        day.submit(&exchange, CHUNK_TRADES, |_| {}).await?;
        archived(&cluster, &kept).await?;
        day.confirm(&cluster.registry()?, &exchange).await?;
        archived(&cluster, &kept).await?;
        exchange.deliver_day(DATE, 0, |_| {}).await?;
        archived(&cluster, &kept).await?;
        let answer = cluster.registry()?.deposit(deposit("before")).await?;
        let state = cluster.agreed_state(DEADLINE).await?;
        let books = books(&cluster).await?;
        cluster.registry()?.deposit(deposit("behind")).await?;
        let last_archived = archived(&cluster, &kept).await?;
        Ok(Self { cluster, state, books, answer, last_archived })
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.cluster.plan().work_dir().join("backups").join(name)
    }
}

/// Archives what there is, a segment each time; answers the last entry.
async fn archived(cluster: &Cluster, kept: &Path) -> anyhow::Result<u64> {
    let manifest = registry_client::backup::read_manifest(&kept.join("b1"))?.0;
    let client = BackupClient::new(cluster.connect_as(OPERATOR)?);
    let options = FollowOptions {
        from_backup: Some(manifest),
        once: true,
        segment_bytes: 1,
        ..FollowOptions::new(kept.join("log"))
    };
    let archived = follow(&client, &options, std::future::pending(), |_, _| {}).await?;
    Ok(archived.next_index - 1)
}

fn peer_ca(cluster: &Cluster) -> String {
    cluster.plan().pki_dir().join("peer-ca.pem").display().to_string()
}

/// `registryctl backup restore` as an operator types it on a node's machine.
struct Restoring<'a> {
    source: &'a Source,
    plan: &'a ClusterPlan,
}

impl Restoring<'_> {
    fn config(&self, node: u64) -> anyhow::Result<PathBuf> {
        let mut files = self.plan.configs().zip(self.plan.config_paths());
        let found = files.find(|(config, _)| config.node.id == node);
        Ok(found.context("the node's file")?.1.to_owned())
    }

    async fn run(&self, arguments: &[&OsStr]) -> anyhow::Result<Value> {
        let here = std::env::current_exe()?;
        let programs = here.ancestors().nth(2).context("this executable is in no folder")?;
        let mut command = tokio::process::Command::new(programs.join("registryctl"));
        command.current_dir(self.plan.work_dir()).args(["--output", "json", "backup", "restore"]);
        let done = command.args(arguments).output().await?;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Ok(serde_json::from_slice(&done.stdout)?)
    }

    async fn restore(&self, node: u64, backup: &Path, more: &[&str]) -> anyhow::Result<Value> {
        let (config, ca) = (self.config(node)?, peer_ca(&self.source.cluster));
        let given = [
            OsStr::new("--from"),
            backup.as_os_str(),
            OsStr::new("--peer-ca"),
            OsStr::new(&ca),
            OsStr::new("--node-config"),
            config.as_os_str(),
        ];
        let more = more.iter().map(OsStr::new);
        self.run(&given.into_iter().chain(more).collect::<Vec<_>>()).await
    }

    /// With the archive, up to a position.
    async fn restore_to(&self, node: u64, position: u64) -> anyhow::Result<Value> {
        let (archive, position) = (self.source.kept("log"), position.to_string());
        let archive = archive.display().to_string();
        let more = ["--archive", &*archive, "--to-position", &*position];
        self.restore(node, &self.source.kept("b1"), &more).await
    }

    /// Refused for this reason, with advice, and nothing is left.
    fn refused(&self, outcome: anyhow::Result<Value>, reason: &str) {
        let told = format!("{:#}", outcome.expect_err(reason));
        assert!(told.contains(&format!("\"reason\": \"{reason}\"")), "{reason}: {told}");
        assert!(!told.contains("\"hint\": \"\""), "no advice: {told}");
        let data = self.plan.work_dir().join("data");
        for left in ["sh-1", "sh-1.restoring"] {
            assert!(!data.join(left).exists(), "{reason}: {left} was left");
        }
    }

    async fn refused_backup(
        &self,
        file: &Path,
        reason: &str,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> anyhow::Result<()> {
        let before = fs::read(file)?;
        let mut bytes = before.clone();
        change(&mut bytes);
        fs::write(file, bytes)?;
        let outcome = self.restore_to(FIRST, self.source.state.log_index).await;
        self.refused(outcome, reason);
        fs::write(file, before)?;
        Ok(())
    }
}

/// Changes one bit in the middle; an empty file gets a byte.
fn flip(bytes: &mut Vec<u8>) {
    let middle = bytes.len() / 2;
    match bytes.get_mut(middle) {
        Some(byte) => *byte ^= 1,
        None => bytes.push(0),
    }
}

/// A manifest as a later version would write it.
fn of_later_format(bytes: &mut Vec<u8>) {
    let mut document = SignedDocument::decode(&bytes[..]).expect("a document");
    let mut manifest = BackupManifest::decode(document.content).expect("a manifest");
    manifest.format += 1;
    document.content = manifest.encode_to_vec().into();
    *bytes = document.encode_to_vec();
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let items: Result<Vec<_>, _> = fs::read_dir(folder)?.collect();
    let mut paths: Vec<PathBuf> = items?.into_iter().map(|item| item.path()).collect();
    paths.sort();
    Ok(paths)
}

async fn what_is_wrong_is_refused(of: &Restoring<'_>) -> anyhow::Result<()> {
    let (source, backup) = (of.source, of.source.kept("b1"));
    for file in files(&backup)? {
        of.refused_backup(&file, "BACKUP_BROKEN", flip).await?;
    }
    let later = backup.join("backup.manifest");
    of.refused_backup(&later, "OTHER_FORMAT", of_later_format).await?;
    let table = files(&backup)?.into_iter().find(|of| of.extension().is_some());
    let table = table.context("a table")?;
    let bytes = fs::read(&table)?;
    fs::remove_file(&table)?;
    of.refused(of.restore_to(FIRST, source.state.log_index).await, "BACKUP_BROKEN");
    fs::write(&table, bytes)?;

    let elsewhere = source.kept("other-pki");
    pki::init(&elsewhere, &pki::Layout { nodes: Vec::new(), users: Vec::new() })?;
    let (config, ca) = (of.config(FIRST)?, elsewhere.join("peer-ca.pem"));
    let arguments = ["--from", "--peer-ca", "--node-config"].map(OsStr::new);
    let values = [backup.as_os_str(), ca.as_os_str(), config.as_os_str()];
    let given: Vec<&OsStr> =
        arguments.into_iter().zip(values).flat_map(|(name, value)| [name, value]).collect();
    of.refused(of.run(&given).await, "BACKUP_BROKEN");

    of.refused(of.restore_to(FIRST, 1).await, "POSITION_NOT_HELD");
    of.refused(of.restore_to(FIRST, source.last_archived + 1).await, "POSITION_NOT_HELD");
    let segments = files(&source.kept("log"))?;
    ensure!(segments.len() > 2, "one segment has no gap behind it");
    of.refused_backup(&segments[1], "BACKUP_BROKEN", flip).await?;
    let bytes = fs::read(&segments[1])?;
    fs::remove_file(&segments[1])?;
    of.refused(of.restore_to(FIRST, source.state.log_index).await, "ARCHIVE_GAP");
    fs::write(&segments[1], bytes)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_restored_to_a_position_as_another_cluster() -> anyhow::Result<()> {
    let source = Source::start().await?;
    let plan = scratch::plan("restore-target", Layout::DualCity, |_| {})?;
    // As it is deployed it has the id of the cluster that was copied.
    let same = Restoring { source: &source, plan: &plan };
    same.refused(same.restore_to(FIRST, source.state.log_index).await, "SAME_CLUSTER");
    let plan = plan.of_cluster(NEW_CLUSTER)?;
    let of = Restoring { source: &source, plan: &plan };
    what_is_wrong_is_refused(&of).await?;

    let began = Instant::now();
    let restored = of.restore_to(FIRST, source.state.log_index).await?;
    assert_eq!(restored["state_digest"], hex(&source.state.digest), "{restored:#}");
    assert_eq!(restored["log_index"], source.state.log_index);
    assert_eq!(restored["source_cluster_id"], "carbon-registry-demo");
    assert_eq!(restored["cluster_id"], NEW_CLUSTER);
    let again = of.restore_to(FIRST, source.state.log_index).await.expect_err("not empty");
    assert!(again.to_string().contains("FOLDER_IN_USE"), "{again}");
    // Nobody restores twice: the node that is asked must find the others empty.
    of.restore_to(12, source.state.log_index).await?;
    let restored_after = began.elapsed();

    let mut cluster = Cluster::start(plan, RTT).await?;
    let first = cluster.endpoint(FIRST)?;
    let bootstrap = ["--endpoints", &first, "cluster", "bootstrap"];
    let refused = cluster.registryctl_alone(OPERATOR, bootstrap).await.expect_err("two of them");
    assert!(refused.to_string().contains("holds a log already"), "{refused}");
    cluster.stop(12).await?;
    cluster.wipe(12)?;
    cluster.restart(12).await?;
    let began = Instant::now();
    let formed = cluster.registryctl_alone(OPERATOR, bootstrap).await;
    cluster.with_logs(formed)?;
    cluster.leader().await?;
    cluster.agreed_state(DEADLINE).await?;
    let founded_after = began.elapsed();
    eprintln!("two folders restored in {restored_after:?}, six nodes formed in {founded_after:?}");

    assert!(books(&cluster).await? == source.books, "the books at the position");
    let again = cluster.registry()?.deposit(deposit("before")).await?;
    let stamp = |reply: &DepositReply| {
        reply.stamp.as_ref().map(|stamp| (stamp.term, stamp.log_index, stamp.ledger_time_ms))
    };
    assert_eq!(stamp(&again), stamp(&source.answer), "the answer that was given before");
    assert_eq!(again.balance, source.answer.balance);
    it_says_what_it_is(&source, &cluster, &restored).await?;
    nobody_takes_one_for_the_other(&source, &mut cluster).await?;

    // It is a registry: it goes on, also without the node that it was restored to.
    cluster.registry()?.deposit(deposit("behind")).await?;
    cluster.kill(FIRST)?;
    cluster.registry()?.deposit(deposit("after")).await?;
    cluster.restart(FIRST).await?;
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}

/// The record itself tells of the restoration, and adds up from the first event on.
async fn it_says_what_it_is(
    source: &Source,
    cluster: &Cluster,
    restored: &Value,
) -> anyhow::Result<()> {
    let status = cluster.leader().await?;
    let told = status.restoration.context("a restored registry")?;
    assert_eq!(told.source_cluster_id, "carbon-registry-demo");
    assert_eq!(told.log_index, source.state.log_index);
    assert_eq!(told.state_digest, source.state.digest);
    assert!(source.cluster.leader().await?.restoration.is_none());
    let record = json(cluster, OPERATOR, &["cluster", "record"]).await?;
    assert!(record.to_string().contains("carbon-registry-demo"), "{record}");

    let events = restored["events"].as_u64().context("events")?;
    let audit = json(cluster, "auditor-1", &["audit"]).await?;
    assert!(audit["events"].as_u64() > Some(events + 1), "{audit}");
    let after = events.to_string();
    let listed = ["events", "list", "--after", &after, "--limit", "2", "--output", "json"];
    let shown = cluster.registryctl("auditor-1", listed).await?;
    assert!(shown.contains("restored") && shown.contains("carbon-registry-demo"), "{shown}");
    Ok(())
}

/// By cluster id, also where the same authority certifies both.
async fn nobody_takes_one_for_the_other(
    source: &Source,
    cluster: &mut Cluster,
) -> anyhow::Result<()> {
    let identity = Identity::from_pki(&cluster.plan().pki_dir(), "registry-officer-1")?;
    let mut meant = registry_client::Cluster::new(cluster.plan().endpoints(), identity);
    meant.cluster_id = Some("carbon-registry-demo".to_owned());
    let client = RegistryClient::new(meant.connector()?);
    match client.deposit(deposit("meant for the other")).await {
        Err(ClientError::Rejected(refused)) => assert_eq!(refused.reason, "OTHER_CLUSTER"),
        other => panic!("{other:?}"),
    }
    // A node of the new cluster with the old one's configuration.
    let path = cluster.plan().config_paths().nth(4).context("a node's file")?.to_owned();
    let config = fs::read_to_string(&path)?;
    cluster.stop(22).await?;
    fs::write(&path, config.replace(NEW_CLUSTER, "carbon-registry-demo"))?;
    let refused = cluster.restart(22).await.expect_err("a ledger of another cluster");
    assert!(refused.to_string().contains("was restored for cluster"), "{refused}");
    cluster.kill(22)?;
    fs::write(&path, config)?;
    cluster.restart(22).await?;
    source.cluster.agreed_state(DEADLINE).await.context("the one that was copied")?;
    Ok(())
}
