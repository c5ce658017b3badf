//! The registry is restored beside the one that lives, as another cluster, from a
//! backup and the archived log behind it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_client::hex;
use registry_client::probe::{Probe, ProbeLog, impatient};

use super::rehearsal::{PATIENCE, Rehearsal, names};
use super::target::{Node, Target};
use super::watch::{Watch, leader};

/// The first node of the new cluster asks all others to fetch everything.
const FOUNDING_TIMEOUT: Duration = Duration::from_secs(600);

pub(super) async fn from_backup(rehearsal: &mut Rehearsal) -> Result<()> {
    let restored = rehearsal.target.restored()?;
    rehearsal.whole().await?;
    let folder = rehearsal.target.backups(&rehearsal.run_id)?;
    let (backup, archive) = (folder.join("backup"), folder.join("log"));

    let from = Instant::now();
    let (out, log) = (backup.display().to_string(), archive.display().to_string());
    let authority = rehearsal.target.peer_authority().display().to_string();
    let create = ["backup", "create", "--out", &out, "--peer-ca", &authority];
    rehearsal.typed(&create).await?;
    let promised = writes(rehearsal).await?;
    let follow = ["backup", "follow", "--out", &log, "--from-backup", &out, "--once"];
    let archived = rehearsal.typed(&follow).await?;
    let last = archived["next_log_index"].as_u64().context("next_log_index of the archive")? - 1;
    let digest = digest_at(rehearsal, last).await?;
    rehearsal.measured("backup", from).await?;

    let watch = Watch::start(&restored)?;
    let began = Instant::now();
    let outcome = restore(rehearsal, &restored, &watch, &backup, &archive, last).await;
    let outcome = match outcome {
        Ok(()) => {
            rehearsal.took("restore", began);
            compared(rehearsal, &restored, &watch, &promised, &digest).await
        }
        failed => failed,
    };
    let nodes: Vec<Node> = restored.members().cloned().collect();
    rehearsal.note(format!("stopped {} of the restored registry", names(&nodes)));
    for node in &nodes {
        restored.stop(node).await?;
    }
    rehearsal.beside.push((restored, watch.stop().await?));
    outcome
}

/// Acknowledged before the last entry that is archived.
async fn writes(rehearsal: &Rehearsal) -> Result<ProbeLog> {
    let target = &rehearsal.target;
    let endpoints = target.members().map(|node| node.endpoint.clone()).collect();
    let registry = impatient(target.officer()?, endpoints, PATIENCE)?;
    let name = format!("{}-archived", rehearsal.run_id);
    let probe = Probe::start(registry, &name, target.account(0));
    let wrote = probe.more(50, PATIENCE).await;
    ensure!(wrote, "no 50 writes were answered within {PATIENCE:?}");
    probe.stop().await.context("a probe came to harm")
}

/// What the registry that lives held at the position.
async fn digest_at(rehearsal: &Rehearsal, log_index: u64) -> Result<String> {
    let nodes = rehearsal.target.watcher()?.statuses(log_index).await;
    let mut digests = nodes
        .into_iter()
        .filter_map(|node| node.status.ok())
        .map(|status| hex(&status.digest_at_index))
        .filter(|digest| !digest.is_empty());
    digests.next().with_context(|| format!("no node remembers its state at log index {log_index}"))
}

async fn restore(
    rehearsal: &mut Rehearsal,
    restored: &Target,
    watch: &Watch,
    backup: &Path,
    archive: &Path,
    position: u64,
) -> Result<()> {
    let nodes: Vec<Node> = restored.members().cloned().collect();
    let first = nodes.first().context("the restored registry has no node")?;
    rehearsal.note(format!("restores {} to log index {position}", first.name));
    restored.restore(first, backup, archive, position).await?;
    rehearsal.note(format!("starts {}", names(&nodes)));
    restored.start(&nodes).await?;
    let up = |statuses: &[registry_client::NodeStatus]| {
        let all = !statuses.is_empty() && statuses.iter().all(|node| node.status.is_ok());
        all.then_some(())
    };
    watch.until("the restored registry's nodes to answer", PATIENCE, up).await?;
    let timeout = FOUNDING_TIMEOUT.as_secs().to_string();
    let found = ["--timeout", &timeout, "cluster", "bootstrap"];
    rehearsal.typed_on(restored, 0, std::slice::from_ref(&first.endpoint), &found).await?;
    let leads = watch.until("a leader of the restored registry", PATIENCE, leader).await?;
    rehearsal.note(format!("{} leads the restored registry", leads.node_name));
    let registry = impatient(restored.officer()?, endpoints(restored), PATIENCE)?;
    let name = format!("{}-restored", rehearsal.run_id);
    let probe = Probe::start(registry, &name, restored.account(0));
    let wrote = probe.more(1, PATIENCE).await;
    probe.stop().await.context("a probe came to harm")?;
    ensure!(wrote, "the restored registry answered no write within {PATIENCE:?}");
    Ok(())
}

/// The restored registry has the state of the position and every answer before it.
async fn compared(
    rehearsal: &mut Rehearsal,
    restored: &Target,
    watch: &Watch,
    promised: &ProbeLog,
    digest: &str,
) -> Result<()> {
    let leads = watch.until("a leader of the restored registry", PATIENCE, leader).await?;
    let told = leads.restoration.context("the restored registry does not say what it is")?;
    let held = hex(&told.state_digest);
    ensure!(
        held == digest,
        "the restored registry began with the state {held}, the other held {digest}"
    );
    rehearsal.note(format!("the state at log index {} is the same: {digest}", told.log_index));
    let registry = impatient(restored.officer()?, endpoints(restored), PATIENCE)?;
    let presence = promised.presence(&registry).await?;
    ensure!(presence.lost.is_empty(), "not restored: {}", presence.lost.join("; "));
    ensure!(presence.asked > 0, "nothing was promised before the backup");
    rehearsal.note(format!(
        "{} acknowledged writes, asked for again, have the answers they had",
        presence.asked
    ));
    Ok(())
}

fn endpoints(target: &Target) -> Vec<String> {
    target.members().map(|node| node.endpoint.clone()).collect()
}
