//! Whether an archive goes on where a backup ends.

use std::path::Path;

use registry_proto::registry::BackupManifest;

use super::archive::{ArchiveReport, EntryId, verify_archive};
use super::{BackupError, broken, cluster_name};

/// Verifies an archive and that it has every entry behind the backup's last one.
///
/// # Errors
/// As [`verify_archive`]; `Gap` when entries between the two are missing,
/// `OtherCluster` or `Broken` when they are not of one history.
pub fn verify_join(
    backup: &BackupManifest,
    archive: &Path,
    on_progress: impl FnMut(u64, u64),
) -> Result<ArchiveReport, BackupError> {
    let report = verify_archive(archive, Some(backup.log_index), on_progress)?;
    let found = (report.cluster_id.as_str(), report.recovery_epoch);
    let expected = (backup.cluster_id.as_str(), backup.recovery_epoch);
    if found != expected {
        return Err(BackupError::OtherCluster {
            path: archive.to_owned(),
            expected: cluster_name(expected.0, expected.1),
            found: cluster_name(found.0, found.1),
        });
    }
    let behind = backup.log_index + 1;
    let gap = |from_index, begins_at, why: &str| {
        Err(BackupError::Gap { from_index, begins_at, why: why.to_owned() })
    };
    if report.first_index > behind {
        return gap(behind, report.first_index, "the archive begins after the backup's end");
    }
    if report.next_index < behind {
        return gap(report.next_index, behind, "the archive ends before the backup's end");
    }
    let (index, term, leader_node_id) = (backup.log_index, backup.term, backup.leader_node_id);
    let last = EntryId { index, term, leader_node_id };
    if report.looked_up.is_some_and(|archived| archived != last) {
        let why = format!("its entry {index} is not the one that the backup ends with");
        return Err(broken(archive, why));
    }
    if report.first.is_some_and(|first| first.index == behind && first.term < term) {
        let why = format!("its entry {behind} is older than the backup's last one");
        return Err(broken(archive, why));
    }
    Ok(report)
}
