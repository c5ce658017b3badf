//! `backup`: copies of the whole registry, and the log behind them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use registry_client::backup::archive::{ArchiveReport, ArchiveWriter, verify_archive};
use registry_client::backup::{
    BackupClient, CreateOptions, FollowOptions, RestoreOptions, VerifiedBackup, create, follow,
    read_manifest, restore, verify_folder, verify_join,
};
use registry_client::hex;
use registry_client::proto::{BackupManifest, GetStatusReply};
use registry_client::signed::PeerAuthority;

use super::progress::bar;
use super::stop::stop_asked;
use crate::args::Global;
use crate::exit::Usage;
use crate::output::{Page, Record};

/// Copies of the whole registry, and the log behind them.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Copy the registry from a running node into a new folder (operator).
    Create(Create),
    /// Check a backup, an archive, or both together; asks no node.
    Verify(Verify),
    /// Archive the log as it grows (operator).
    Follow(Follow),
    /// Make a node's data folder of a backup, for a new cluster; asks no node.
    Restore(Restore),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The folder to make; what was fetched before an interruption lies beside it as
    /// FOLDER.partial, and the same command goes on there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The node to copy, e.g. sh-2; a follower of the endpoints' cluster by default.
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Megabytes per second at most.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100,
        value_parser = clap::value_parser!(u64).range(1..=100_000)
    )]
    limit_mb_per_s: u64,
    /// PEM file of the peer authority: check at once who signs.
    #[arg(long, value_name = "FILE")]
    peer_ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A backup made by `backup create`.
    #[arg(required_unless_present = "archive", requires = "peer_ca")]
    folder: Option<PathBuf>,
    /// PEM file of the peer authority, whose nodes sign backups.
    #[arg(long, value_name = "FILE", requires = "folder")]
    peer_ca: Option<PathBuf>,
    /// An archive made by `backup follow`; with a backup, also that it goes on there.
    #[arg(long, value_name = "FOLDER")]
    archive: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Follow {
    /// The archive's folder; an archive that is there is gone on with.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The backup that a new archive begins behind; from the first entry without.
    #[arg(long, value_name = "FOLDER")]
    from_backup: Option<PathBuf>,
    /// End when everything is archived that the asked node had applied at the beginning.
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A backup made by `backup create`.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// PEM file of the peer authority of the cluster that was copied: its nodes sign
    /// backups.
    #[arg(long, value_name = "FILE")]
    peer_ca: PathBuf,
    /// An archive made by `backup follow`: its entries are applied to the backup.
    #[arg(long, value_name = "FOLDER")]
    archive: Option<PathBuf>,
    /// Log position of the source to restore; the last one of the archive without.
    #[arg(long, value_name = "N", requires = "archive")]
    to_position: Option<u64>,
    /// Configuration of the node of the new cluster that is to have it.
    #[arg(long, value_name = "FILE")]
    node_config: PathBuf,
    /// The program registry-node; beside this one, or in PATH, by default.
    #[arg(long, value_name = "FILE")]
    node_program: Option<PathBuf>,
}

/// What the node's program tells, in this order.
const RESTORED: [&str; 18] = [
    "cluster_id",
    "node_name",
    "data_dir",
    "source_cluster_id",
    "source_recovery_epoch",
    "backup_log_index",
    "entries_applied",
    "log_index",
    "term",
    "state_digest",
    "events",
    "root_sha256",
    "chain_sha256",
    "signed_by_node",
    "signed_at_ms",
    "restored_state_digest",
    "restored_log_index",
    "former_cluster_ids",
];

const MB: u64 = 1_000_000;

impl BackupCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Create(create) => Box::pin(create.run(global)).await,
            Self::Verify(verify) => verify.run(),
            Self::Follow(follow) => Box::pin(follow.run(global)).await,
            Self::Restore(restore) => restore.run().await,
        }
    }
}

impl Create {
    async fn run(&self, global: &Global) -> Result<Page> {
        let authority = self.peer_ca.as_deref().map(authority).transpose()?;
        let signed = authority.is_some();
        let node = self.choose(global).await?;
        let options = CreateOptions {
            out: self.out.clone(),
            limit_bytes_per_s: self.limit_mb_per_s.saturating_mul(MB),
            authority,
        };
        let client = BackupClient::new(global.connector()?);
        let progress = bar("MB");
        let created = create(&client, &node.endpoint, &options, |done, total| {
            progress.set_length(total / MB);
            progress.set_position(done / MB);
        });
        let created = Box::pin(created).await?;
        progress.finish();
        let record = of_manifest(&created.manifest)
            .with("folder", self.out.display().to_string())
            .with("bytes", created.bytes)
            .with("resumed_bytes", created.resumed_bytes)
            .with("signature_checked", signed);
        let next = "check it where it is kept: backup verify FOLDER --peer-ca FILE";
        let role = match node.leads {
            true => "; it leads: settlement shared its disk meanwhile",
            false => "",
        };
        let name = &created.manifest.node_name;
        Ok(Page::default().with_headline(format!("backup of {name}{role}; {next}")).one(record))
    }

    /// The named node, or the follower that has applied most.
    async fn choose(&self, global: &Global) -> Result<Chosen> {
        let operator = global.operator()?;
        let statuses = operator.statuses_of_all(0).await;
        let mut answering: Vec<(&str, &GetStatusReply)> = statuses
            .iter()
            .filter_map(|node| Some((node.endpoint.as_str(), node.status.as_ref().ok()?)))
            .collect();
        let Some(newest) = answering.iter().map(|(_, status)| status.applied_log_index).max()
        else {
            let error = statuses.into_iter().find_map(|node| node.status.err());
            return Err(error.map_or_else(|| Usage("no endpoint".to_owned()).into(), Into::into));
        };
        if let Some(name) = &self.node {
            let names: Vec<&str> = answering.iter().map(|(_, of)| of.node_name.as_str()).collect();
            let names = names.join(", ");
            answering.retain(|(_, status)| status.node_name == *name);
            if answering.is_empty() {
                bail!(Usage(format!("--node {name}: no such node answers; these do: {names}")));
            }
        }
        // One that lags far behind would be a backup of long ago.
        let rank = |status: &GetStatusReply| {
            let lags = newest - status.applied_log_index > 1_000;
            (lags, status.raft_state == "leader", newest - status.applied_log_index)
        };
        answering.sort_by_key(|(_, status)| rank(status));
        let (endpoint, status) = answering[0];
        Ok(Chosen { endpoint: endpoint.to_owned(), leads: status.raft_state == "leader" })
    }
}

/// The node to be copied.
struct Chosen {
    endpoint: String,
    leads: bool,
}

impl Verify {
    fn run(&self) -> Result<Page> {
        let backup = match (&self.folder, &self.peer_ca) {
            (Some(folder), Some(authority)) => {
                let authority = self::authority(authority)?;
                let progress = bar("MB");
                let verified = verify_folder(folder, &authority, |done, total| {
                    progress.set_length(total / MB);
                    progress.set_position(done / MB);
                })?;
                progress.finish();
                Some(verified)
            }
            _ => None,
        };
        let archive = match &self.archive {
            None => None,
            Some(folder) => {
                let progress = bar("archive MB");
                let shown = |done: u64, total: u64| {
                    progress.set_length(total / MB);
                    progress.set_position(done / MB);
                };
                let report = match &backup {
                    Some(backup) => verify_join(&backup.manifest, folder, shown)?,
                    None => verify_archive(folder, None, shown)?,
                };
                progress.finish();
                Some(report)
            }
        };
        Ok(self.page(backup.as_ref(), archive.as_ref()))
    }

    fn page(&self, backup: Option<&VerifiedBackup>, archive: Option<&ArchiveReport>) -> Page {
        let mut record = Record::default();
        if let Some(backup) = backup {
            record = of_manifest(&backup.manifest)
                .with("bytes", backup.bytes)
                .with("signed_by_node", backup.signer.node_id)
                .with("signed_at_ms", backup.signer.signed_at_ms);
        }
        if let Some(archive) = archive {
            record = of_archive(record, archive);
        }
        let headline = match (backup, archive) {
            (Some(backup), None) => format!(
                "every byte is what node {} signed; that its ledger is right is for an audit",
                backup.manifest.node_name
            ),
            (Some(backup), Some(archive)) => format!(
                "every byte is what node {} signed, and the archive has every log entry behind it \
                 up to {}; that its ledger is right is for an audit",
                backup.manifest.node_name,
                archive.next_index.saturating_sub(1)
            ),
            (None, _) => {
                "every record of the archive is what was written, without a gap; compare the last \
                 chain_sha256 with one kept elsewhere"
                    .to_owned()
            }
        };
        let page = Page::default().with_headline(headline).one(record);
        match (&self.folder, backup) {
            (Some(folder), Some(_)) => {
                let folder = folder.display();
                let serve = format!("registry-node --config NODE.toml --serve-copy {folder}");
                let audit = "registryctl --endpoints … --identity … --stale-ok audit";
                page.one(Record::default().with("to_audit", format!("{serve} & {audit}")))
            }
            _ => page,
        }
    }
}

impl Follow {
    async fn run(&self, global: &Global) -> Result<Page> {
        let backup = self.from_backup.as_deref().map(read_manifest).transpose()?;
        let options = FollowOptions {
            out: self.out.clone(),
            from_backup: backup.map(|(manifest, _)| manifest),
            once: self.once,
            segment_bytes: ArchiveWriter::SEGMENT_BYTES,
        };
        let client = BackupClient::new(global.connector()?);
        let progress = bar("log entries");
        let stop = async {
            // Without a handler nothing but the process's end stops it.
            if stop_asked().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let followed = follow(&client, &options, stop, |next_index, applied| {
            progress.set_length(applied);
            progress.set_position(next_index.saturating_sub(1));
        });
        let report = Box::pin(followed).await?;
        progress.finish();
        let record = Record::default()
            .with("archive", self.out.display().to_string())
            .with("cluster_id", report.cluster_id)
            .with("entries_added", report.entries)
            .with("next_log_index", report.next_index)
            .with("chain_sha256", hex(&report.chain_sha256))
            .with("resumptions", report.resumptions);
        Ok(Page::default().one(record))
    }
}

impl Restore {
    async fn run(&self) -> Result<Page> {
        let options = RestoreOptions {
            from: self.from.clone(),
            peer_ca: self.peer_ca.clone(),
            archive: self.archive.clone(),
            to_position: self.to_position,
            node_config: self.node_config.clone(),
            node_program: self.node_program.clone(),
        };
        let began = Instant::now();
        let restored = restore(&options).await?;
        let text = |key: &str| restored[key].as_str().unwrap_or_default().to_owned();
        let mut record = Record::default();
        for key in RESTORED {
            record = record.with(key, restored[key].clone());
        }
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let headline = format!(
            "{} holds the registry of {} as it was at log position {}; start every node of {}, \
             this one among them, then ask this one: cluster bootstrap",
            text("node_name"),
            text("source_cluster_id"),
            restored["log_index"],
            text("cluster_id"),
        );
        let record = record.with("took_ms", took_ms);
        Ok(Page::default().with_headline(headline).one(record))
    }
}

fn authority(path: &Path) -> Result<PeerAuthority> {
    let authority = PeerAuthority::from_file(path);
    authority.map_err(|error| Usage(format!("--peer-ca: {error}")).into())
}

fn of_manifest(manifest: &BackupManifest) -> Record {
    Record::default()
        .with("cluster_id", manifest.cluster_id.as_str())
        .with("recovery_epoch", manifest.recovery_epoch)
        .with("layout", manifest.layout.as_str())
        .with("node_name", manifest.node_name.as_str())
        .with("city", manifest.city.as_str())
        .with("log_index", manifest.log_index)
        .with("term", manifest.term)
        .with("ledger_time_ms", manifest.ledger_time_ms)
        .with("state_digest", hex(&manifest.state_digest))
        .with("events", manifest.event_count)
        .with("root_sha256", hex(&manifest.root_sha256))
        .with("software_version", manifest.software_version.as_str())
        .with("files", manifest.files.len())
}

fn of_archive(record: Record, archive: &ArchiveReport) -> Record {
    let last = archive.next_index.checked_sub(1).filter(|_| archive.last.is_some());
    record
        .with("archive_cluster_id", archive.cluster_id.as_str())
        .with("archive_first_index", archive.first_index)
        .with("archive_last_index", last)
        .with("archive_bytes", archive.bytes)
        .with("archive_segments", archive.segments)
        .with("chain_sha256", hex(&archive.chain_sha256))
}
