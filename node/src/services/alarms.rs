//! What a person should look at, judged by one node of itself and its cluster.

use crate::config::Config;
use crate::raft::{RaftStatus, Replica, now_ms};

/// A certificate that expires sooner is an alarm: 14 days.
const CERTIFICATE_LEFT_MS: i64 = 14 * 24 * 3_600 * 1_000;
/// A disk with less room is one: a twentieth of it.
const DISK_PARTS: u64 = 20;

/// Room where the data folder lies.
#[derive(Clone, Copy)]
pub(super) struct Disk {
    pub(super) free_bytes: u64,
    pub(super) total_bytes: u64,
}

/// `None` when the system does not tell.
pub(super) fn disk(config: &Config) -> Option<Disk> {
    let stat = rustix::fs::statvfs(&config.node.data_dir).ok()?;
    let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
    Some(Disk { free_bytes, total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize) })
}

/// When the first of the node's certificates expires.
pub(super) fn certificate_expires_at_ms(config: &Config) -> Option<i64> {
    Some(crate::security::first_expiry_s(config)?.saturating_mul(1_000))
}

/// One sentence each.
pub(super) fn of(config: &Config, replica: &Replica, raft: &RaftStatus) -> Vec<String> {
    let mut alarms = Vec::new();
    let directory = replica.directory();
    if let Some(epoch) = directory.superseded_by() {
        alarms.push(format!(
            "the cluster was recovered without this node in recovery epoch {epoch}: wipe it"
        ));
    }
    if directory.is_retired() {
        alarms.push("this node was retired and takes no part any more: wipe it".to_owned());
    }
    if let Some(topology) = directory.topology() {
        if !raft.membership_as_layout {
            alarms.push(format!(
                "the voters are {:?}, the ledger commands {:?}: a city may have dropped out of the quorum",
                raft.voter_sets,
                topology.voters()
            ));
        }
        if let (Some(one), Some(durable)) = (&topology.one_city, topology.durable_city()) {
            let out = &one.city_out;
            alarms.push(match one.returning {
                true => {
                    format!("{out} is on its way back; a commit is still durable in {durable} only")
                }
                false => {
                    format!("a commit is durable in {durable} only: {out} is out of the quorum")
                }
            });
        }
        for (city, missing) in topology.incomplete() {
            alarms.push(format!("{city} lacks {missing} of its voters"));
        }
    }
    if let Some(by_ms) = raft.clock_ahead_ms {
        alarms.push(format!(
            "the clock of this node runs {by_ms} ms ahead of most others: it does not lead until that is put right"
        ));
    }
    if let Some(left_ms) = certificate_expires_at_ms(config).map(|at| at.saturating_sub(now_ms()))
        && left_ms < CERTIFICATE_LEFT_MS
    {
        let days = left_ms / (24 * 3_600 * 1_000);
        alarms.push(format!("a certificate of this node expires in {days} days"));
    }
    if let Some(disk) = disk(config).filter(|disk| disk.free_bytes < disk.total_bytes / DISK_PARTS)
    {
        let gib = disk.free_bytes >> 30;
        alarms
            .push(format!("the disk of the data folder has {gib} GiB left, less than a twentieth"));
    }
    alarms
}
