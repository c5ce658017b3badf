//! Whether tables may be written past the page cache.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rocksdb::Options;

const PROBE: &str = "direct-io.probe";

/// What RocksDB writes at least, and how it lies in memory.
#[repr(align(4096))]
struct Block([u8; 4096]);

/// Tables are written once and hardly ever read while the node runs: past the
/// page cache they cost no copy and push nothing out of it. Some file systems
/// refuse that, and then they go through it.
pub(super) fn use_where_possible(options: &mut Options, folder: &Path) {
    options.set_use_direct_io_for_flush_and_compaction(is_possible(folder));
}

fn is_possible(folder: &Path) -> bool {
    // RocksDB would create it as well, and says better why it cannot.
    if fs::create_dir_all(folder).is_err() {
        return false;
    }
    let probe = folder.join(PROBE);
    // Some file systems let a file be opened so and refuse to write it.
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(libc::O_DIRECT)
        .open(&probe)
        .and_then(|mut file| file.write_all(&Block([0; 4096]).0));
    // Left behind it would do no harm.
    drop(fs::remove_file(&probe));
    written.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_leaves_nothing_and_a_folder_that_cannot_be_is_no_reason_to_fail() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let inside = folder.path().join("ledger");
        is_possible(&inside);
        assert_eq!(fs::read_dir(&inside).expect("created").count(), 0);
        let file = folder.path().join("file");
        fs::write(&file, b"").expect("written");
        assert!(!is_possible(&file.join("ledger")));
        // No file system for ordinary files.
        assert!(!is_possible(Path::new("/proc/self")));
    }
}
