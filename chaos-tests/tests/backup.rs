//! Backups and archives of a cluster at work: whole, signed, gone on with after
//! every interruption; and what is wrong with one is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use registry_chaos_tests::cluster::{Cluster, Layout, ServedCopy};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{Market, open_day};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::ExchangeClient;
use registry_client::backup::archive::ArchiveWriter;
use registry_client::backup::{
    BackupClient, CreateOptions, FollowOptions, create, follow, read_manifest,
};
use registry_client::hex;
use registry_client::pki;
use registry_client::proto::BackupManifest;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

const DATE: &str = "2021-12-16";
const RTT: Duration = Duration::from_millis(2);
const DEADLINE: Duration = Duration::from_secs(60);
/// Small chunks: many log entries.
const CHUNK_TRADES: usize = 400;
const OPERATOR: &str = "operator-1";

struct Bench {
    cluster: Cluster,
    exchange: ExchangeClient,
    day: ExchangeDay,
}

impl Bench {
    /// A market and an open day whose trades are not sent yet.
    async fn start(name: &str, trades: u64) -> anyhow::Result<Self> {
        let plan = scratch::plan(name, Layout::DualCity, |raft| {
            raft.snapshot_log_bytes = Some(256 << 10);
            raft.snapshot_keep_entries = Some(16);
        })?;
        let _ = fs::remove_dir_all(plan.work_dir().join("backups"));
        fs::create_dir_all(plan.work_dir().join("backups"))?;
        let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
        let officers = cluster.officers()?;
        let market = Market::set_up(&officers, 20, 10_000_000, 1_000_000_000_000).await?;
        cluster.registry()?.open_day(open_day(DATE)).await?;
        let day = ExchangeDay::new(DATE, market.trades(DATE, 1, trades)?)?;
        let exchange = cluster.exchange()?;
        Ok(Self { cluster, exchange, day })
    }

    async fn submit(&self) -> anyhow::Result<()> {
        self.day.submit(&self.exchange, CHUNK_TRADES, |_| {}).await
    }

    async fn deliver(&self) -> anyhow::Result<()> {
        self.day.confirm(&self.cluster.registry()?, &self.exchange).await?;
        self.exchange.deliver_day(DATE, 0, |_| {}).await?;
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.cluster.plan().work_dir().join("backups").join(name)
    }

    fn peer_ca(&self) -> PathBuf {
        self.cluster.plan().pki_dir().join("peer-ca.pem")
    }

    /// A command of the operator and what it answers.
    async fn backup(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = ["backup"].iter().chain(arguments).chain(&["--output", "json"]);
        let answer = self.cluster.registryctl(OPERATOR, arguments).await?;
        Ok(serde_json::from_str(&answer)?)
    }

    async fn create(&self, out: &Path, more: &[&str]) -> anyhow::Result<Value> {
        let out = out.to_string_lossy();
        self.backup(&[&["create", "--out", &*out], more].concat()).await
    }

    async fn verify(&self, folder: &Path, more: &[&str]) -> anyhow::Result<Value> {
        let (folder, ca) = (folder.to_string_lossy(), self.peer_ca());
        let ca = ca.to_string_lossy();
        self.backup(&[&["verify", &*folder, "--peer-ca", &*ca], more].concat()).await
    }

    /// That a command is refused for this reason, with advice.
    fn refused(outcome: anyhow::Result<Value>, reason: &str) {
        let told = format!("{:#}", outcome.expect_err(reason));
        assert!(told.contains(&format!("\"reason\": \"{reason}\"")), "{reason}: {told}");
        // A usage error is its own advice.
        let advised = reason == "USAGE" || !told.contains("\"hint\": \"\"");
        assert!(advised, "no advice: {told}");
    }

    async fn follower(&self) -> anyhow::Result<u64> {
        let leader = self.cluster.leader().await?.node_id;
        Ok([13, 23].into_iter().find(|id| *id != leader).expect("only one leads"))
    }

    async fn name_of(&self, node: u64) -> anyhow::Result<String> {
        let status = self.cluster.operator()?.status(&self.cluster.endpoint(node)?, 0).await?;
        Ok(status.node_name)
    }
}

fn change(path: &Path, by: impl FnOnce(&mut Vec<u8>)) -> anyhow::Result<Vec<u8>> {
    let before = fs::read(path)?;
    let mut bytes = before.clone();
    by(&mut bytes);
    fs::write(path, bytes)?;
    Ok(before)
}

/// Changes one bit in the middle; an empty file gets a byte.
fn flip(bytes: &mut Vec<u8>) {
    let middle = bytes.len() / 2;
    match bytes.get_mut(middle) {
        Some(byte) => *byte ^= 1,
        None => bytes.push(0),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_a_day_settles_is_whole_signed_and_right() -> anyhow::Result<()> {
    let mut bench = Bench::start("backup-create", 30_000).await?;
    let out = bench.path("b1");
    let (submitted, created) = tokio::join!(bench.submit(), bench.create(&out, &[]));
    submitted?;
    let created = created?;
    bench.deliver().await?;
    let leader = bench.cluster.leader().await?;
    assert_ne!(created["node_name"], leader.node_name.as_str(), "a follower is copied");
    let verified = bench.verify(&out, &[]).await?;
    for key in ["log_index", "state_digest", "root_sha256", "events", "bytes"] {
        assert_eq!(created[key], verified[key], "{key}");
    }
    let (manifest, _) = read_manifest(&out)?;
    let (operator, endpoint) = (bench.cluster.operator()?, bench.cluster.endpoint(leader.node_id)?);
    let on_leader = operator.status(&endpoint, manifest.log_index).await?;
    assert_eq!(on_leader.digest_at_index, manifest.state_digest, "the state there");

    refusals_of_create(&bench, &out).await?;
    refusals_of_verify(&bench, &out).await?;
    audited(&mut bench, &out, &manifest).await
}

async fn refusals_of_create(bench: &Bench, out: &Path) -> anyhow::Result<()> {
    Bench::refused(bench.create(out, &[]).await, "FOLDER_IN_USE");
    Bench::refused(bench.create(&bench.path("b2"), &["--node", "sh-9"]).await, "USAGE");
    let client_ca = bench.cluster.plan().pki_dir().join("client-ca.pem");
    let client_ca = client_ca.to_string_lossy();
    let wrong_ca = bench.create(&bench.path("b2"), &["--peer-ca", &*client_ca]).await;
    Bench::refused(wrong_ca, "BACKUP_BROKEN");
    for user in ["auditor-1", "registry-officer-1", "exchange-sh"] {
        let out = bench.path("b2");
        let arguments = ["backup", "create", "--output", "json", "--out"];
        let arguments = arguments.map(AsRef::as_ref).into_iter().chain([out.as_os_str()]);
        let outcome = bench.cluster.registryctl(user, arguments).await.map(Value::from);
        Bench::refused(outcome, "NOT_AUTHORISED");
    }
    let left: Vec<_> = fs::read_dir(bench.path(""))?.flatten().map(|of| of.file_name()).collect();
    assert_eq!(left, ["b1"], "a refused backup leaves nothing behind");
    Ok(())
}

async fn refusals_of_verify(bench: &Bench, out: &Path) -> anyhow::Result<()> {
    let names: Vec<PathBuf> = fs::read_dir(out)?.flatten().map(|item| item.path()).collect();
    for path in &names {
        for altered in [flip, |bytes: &mut Vec<u8>| bytes.push(0)] {
            let before = change(path, altered)?;
            Bench::refused(bench.verify(out, &[]).await, "BACKUP_BROKEN");
            fs::write(path, before)?;
        }
    }
    fs::write(out.join("000099.sst"), b"foreign")?;
    Bench::refused(bench.verify(out, &[]).await, "BACKUP_BROKEN");
    fs::remove_file(out.join("000099.sst"))?;
    let elsewhere = bench.path("other-pki");
    pki::init(&elsewhere, &pki::Layout { nodes: Vec::new(), users: Vec::new() })?;
    let (folder, ca) = (out.to_string_lossy(), elsewhere.join("peer-ca.pem"));
    let other = bench.backup(&["verify", &*folder, "--peer-ca", &*ca.to_string_lossy()]).await;
    Bench::refused(other, "BACKUP_BROKEN");
    bench.verify(out, &[]).await.context("as it was")?;
    Ok(())
}

/// The backup is served and audited as a copy of a data folder is.
async fn audited(bench: &mut Bench, out: &Path, of: &BackupManifest) -> anyhow::Result<()> {
    let stopped = bench.follower().await?;
    bench.cluster.stop(stopped).await?;
    let served = ServedCopy::start(&bench.cluster, stopped, out).await?;
    let status = served.status().await?;
    assert_eq!((status.applied_log_index, &status.state_digest), (of.log_index, &of.state_digest));
    let report = served.audit().await?;
    assert_eq!(hex(&report.root_sha256), hex(&of.root_sha256));
    assert_eq!(report.counts.events, of.event_count);
    // A copy has a log and no checkpoints: it is copied as the folder that it is.
    let endpoint = bench.cluster.endpoint(stopped)?;
    let client = BackupClient::new(bench.cluster.connect_to(OPERATOR, &[stopped])?);
    let options =
        CreateOptions { out: bench.path("b3"), limit_bytes_per_s: 1 << 30, authority: None };
    let refused = create(&client, &endpoint, &options, |_, _| {}).await.expect_err("a copy");
    assert_eq!(refused.reason(), "READ_ONLY_COPY", "{refused}");
    served.stop().await?;
    bench.verify(out, &[]).await.context("serving changed the backup")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_follows_the_log_over_a_leader_s_death_and_purges() -> anyhow::Result<()> {
    let mut bench = Bench::start("backup-follow", 60_000).await?;
    let (out, archive) = (bench.path("b1"), bench.path("a1"));
    bench.create(&out, &[]).await?;
    let (manifest, _) = read_manifest(&out)?;
    let client = BackupClient::new(bench.cluster.connect_as(OPERATOR)?);
    let options = FollowOptions {
        from_backup: Some(manifest.clone()),
        segment_bytes: 256 << 10,
        ..FollowOptions::new(archive.clone())
    };
    let (stop, stopping) = oneshot::channel::<()>();
    let following = tokio::spawn(async move {
        let stopped = async { drop(stopping.await) };
        follow(&client, &options, stopped, |_, _| {}).await
    });

    let killed = bench.cluster.leader().await?.node_id;
    let Bench { cluster, exchange, day } = &mut bench;
    let mut acknowledged = 0;
    let submitted = day.submit(exchange, CHUNK_TRADES, |_| {
        acknowledged += 1;
        if acknowledged == 20 {
            cluster.kill(killed).expect("the leader runs");
        }
    });
    submitted.await?;
    bench.deliver().await?;
    bench.cluster.restart(killed).await?;
    eventually("what follows the backup to be purged everywhere", DEADLINE, || async {
        let statuses = bench.cluster.statuses(0).await?;
        let gone =
            |of: &registry_client::proto::GetStatusReply| of.purged_log_index > manifest.log_index;
        Ok((statuses.len() == 6 && statuses.iter().all(gone)).then_some(()))
    })
    .await?;
    stop.send(()).expect("it still follows");
    let report = following.await??;
    // The chunks alone that were acknowledged before the leader died are so many.
    assert!(report.entries >= 20, "{report:?}");

    // What came since is fetched later.
    let applied = bench.cluster.agreed_state(DEADLINE).await?.log_index;
    let (archive_text, out_text) = (archive.to_string_lossy(), out.to_string_lossy());
    let caught_up = bench
        .backup(&["follow", "--out", &archive_text, "--from-backup", &out_text, "--once"])
        .await?;
    assert_eq!(caught_up["next_log_index"], applied + 1);
    let joined = bench.verify(&out, &["--archive", &archive_text]).await?;
    assert_eq!(joined["archive_first_index"], manifest.log_index + 1);
    assert_eq!(joined["archive_last_index"], applied);
    assert!(joined["archive_segments"].as_u64() > Some(1), "{joined}");
    assert_eq!(joined["chain_sha256"], caught_up["chain_sha256"]);

    refusals_of_archives(&bench, &out, &archive).await
}

async fn refusals_of_archives(bench: &Bench, out: &Path, archive: &Path) -> anyhow::Result<()> {
    let (archive_text, out_text) = (archive.to_string_lossy(), out.to_string_lossy());
    // The entries behind the backup are gone from every log.
    let late = bench.path("a2");
    let late_text = late.to_string_lossy();
    let gap =
        bench.backup(&["follow", "--out", &late_text, "--from-backup", &out_text, "--once"]).await;
    Bench::refused(gap, "ARCHIVE_GAP");
    Bench::refused(bench.backup(&["follow", "--out", &late_text, "--once"]).await, "ARCHIVE_GAP");
    assert!(!late.exists(), "an archive without an entry was begun");
    // A new backup begins behind what there is.
    let newer = bench.path("b2");
    bench.create(&newer, &[]).await?;
    let newer_text = newer.to_string_lossy();
    bench.backup(&["follow", "--out", &late_text, "--from-backup", &newer_text, "--once"]).await?;
    bench.verify(&newer, &["--archive", &late_text]).await?;
    Bench::refused(bench.verify(out, &["--archive", &late_text]).await, "ARCHIVE_GAP");

    // An archive of elsewhere is not gone on with.
    for (name, cluster_id, epoch) in [("other-cluster", "other", 0), ("other-epoch", "", 1)] {
        let own = read_manifest(out)?.0.cluster_id;
        let cluster_id = if cluster_id.is_empty() { &own } else { cluster_id };
        let folder = bench.path(name);
        drop(ArchiveWriter::create(&folder, cluster_id, epoch, 0, 1 << 20)?);
        let folder = folder.to_string_lossy();
        let refused = bench.backup(&["follow", "--out", &folder, "--once"]).await;
        Bench::refused(refused, "OTHER_CLUSTER");
    }

    let mut segments: Vec<PathBuf> =
        fs::read_dir(archive)?.flatten().map(|item| item.path()).collect();
    segments.sort();
    for path in &segments[..2] {
        let before = change(path, flip)?;
        let told = bench.verify(out, &["--archive", &archive_text]).await;
        Bench::refused(told, "BACKUP_BROKEN");
        fs::write(path, before)?;
    }
    let before = change(&segments[0], |bytes| bytes.truncate(bytes.len() - 1))?;
    Bench::refused(bench.verify(out, &["--archive", &archive_text]).await, "BACKUP_BROKEN");
    fs::write(&segments[0], &before)?;
    fs::remove_file(&segments[1])?;
    Bench::refused(bench.verify(out, &["--archive", &archive_text]).await, "ARCHIVE_GAP");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_after_its_node_and_its_tool_were_killed() -> anyhow::Result<()> {
    let mut bench = Bench::start("backup-resume", 40_000).await?;
    bench.submit().await?;
    bench.deliver().await?;
    let node = bench.follower().await?;
    let (name, endpoint) = (bench.name_of(node).await?, bench.cluster.endpoint(node)?);
    let out = bench.path("b1");
    let client = BackupClient::new(bench.cluster.connect_to(OPERATOR, &[node])?);
    let options = CreateOptions { out: out.clone(), limit_bytes_per_s: 600_000, authority: None };
    let (progress, mut seen) = watch::channel((0, u64::MAX));
    let downloading = tokio::spawn(async move {
        create(&client, &endpoint, &options, |done, total| {
            progress.send_replace((done, total));
        })
        .await
    });
    let fetched = async |seen: &mut watch::Receiver<(u64, u64)>, share: u64| {
        let reached = seen.wait_for(|(done, total)| done.saturating_mul(share) >= *total);
        tokio::time::timeout(DEADLINE, reached).await.context("the download stands still")??;
        anyhow::Ok(())
    };
    fetched(&mut seen, 5).await?;
    Bench::refused(bench.create(&out, &["--node", &name]).await, "FOLDER_IN_USE");
    bench.cluster.kill(node)?;
    bench.cluster.restart(node).await?;
    fetched(&mut seen, 2).await?;
    downloading.abort();
    assert!(downloading.await.expect_err("it was under way").is_cancelled());
    assert!(!out.exists(), "half a backup has no name");

    // The node keeps one checkpoint, over its restart too.
    let other = bench.create(&bench.path("b2"), &["--node", &name]).await;
    Bench::refused(other, "BACKUP_IN_PROGRESS");
    let created = bench.create(&out, &["--node", &name]).await?;
    let (resumed, bytes) = (created["resumed_bytes"].as_u64(), created["bytes"].as_u64());
    assert!(resumed.zip(bytes).is_some_and(|(resumed, all)| resumed * 2 >= all), "{created}");
    bench.verify(&out, &[]).await?;
    // What is complete is let go; bytes of an earlier backup are of no harm.
    let staging = bench.path("b2.partial");
    fs::create_dir(&staging)?;
    fs::write(staging.join("CURRENT"), b"of another backup")?;
    fs::write(staging.join("000001.sst"), b"of another backup")?;
    bench.create(&bench.path("b2"), &["--node", &name]).await?;
    bench.verify(&bench.path("b2"), &[]).await?;
    Ok(())
}
