//! The recovery epoch that a data folder is in: a file of its own, because it is
//! needed before anything of the ledger is read. No file is epoch 0.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{StorageError, io_error, sync_folder};

const FILE: &str = "recovery.epoch";

/// Reads the folder's epoch.
pub(crate) fn read(folder: &Path) -> Result<u64, StorageError> {
    let path = folder.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(io_error("read", &path, e)),
    };
    decode(&bytes).ok_or_else(|| StorageError::Corrupt {
        what: path.display().to_string(),
        why: "its checksum is wrong".into(),
    })
}

/// Writes the folder's epoch, durably.
pub(crate) fn write(folder: &Path, recovery_epoch: u64) -> Result<(), StorageError> {
    let staged = folder.join("recovery.epoch.new");
    File::create(&staged)
        .and_then(|mut file| {
            file.write_all(&encode(recovery_epoch))?;
            file.sync_all()
        })
        .map_err(|e| io_error("write", &staged, e))?;
    fs::rename(&staged, folder.join(FILE)).map_err(|e| io_error("rename", &staged, e))?;
    sync_folder(folder)
}

fn encode(recovery_epoch: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&recovery_epoch.to_be_bytes());
    let check = Sha256::digest(&bytes[..8]);
    bytes[8..].copy_from_slice(&check[..8]);
    bytes
}

fn decode(bytes: &[u8]) -> Option<u64> {
    let recovery_epoch = u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
    (bytes == encode(recovery_epoch)).then_some(recovery_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_what_was_written_or_a_fault() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(read(folder.path()).expect("no file"), 0);
        write(folder.path(), 3).expect("written");
        assert_eq!(read(folder.path()).expect("whole"), 3);
        let path = folder.path().join(FILE);
        let mut bytes = fs::read(&path).expect("the file");
        for place in 0..bytes.len() {
            bytes[place] ^= 1;
            fs::write(&path, &bytes).expect("altered");
            assert!(read(folder.path()).is_err(), "byte {place}");
            bytes[place] ^= 1;
        }
        fs::write(&path, &bytes[..7]).expect("cut");
        assert!(read(folder.path()).is_err());
    }
}
