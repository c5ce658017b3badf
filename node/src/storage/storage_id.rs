//! A random id of the node's data folder, made with it.
//!
//! A node that lost its disk has forgotten what it acknowledged and whom it
//! voted for. Under its old node id it could help to elect a leader without
//! committed entries, so its peers know it by this id as well.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::{StorageError, io_error, sync_folder};

const FILE: &str = "storage.id";

/// What of the log was found in a data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundLog {
    /// None: it was made just now.
    New,
    /// One without any entry or vote.
    Empty,
    /// One that holds something.
    Filled,
}

/// Reads the id of a data folder, or makes it with a new log. The log is made
/// first, so that an id without the log of its time, or a log without the id
/// of its time, shows that a part of the folder was lost.
pub(crate) fn open(folder: &Path, log: FoundLog) -> Result<[u8; 16], StorageError> {
    let path = folder.join(FILE);
    let corrupt =
        |why: &str| StorageError::Corrupt { what: path.display().to_string(), why: why.to_owned() };
    match fs::read(&path) {
        Ok(_) if log == FoundLog::New => Err(corrupt("the log beside it is gone")),
        Ok(bytes) => bytes.try_into().map_err(|_| corrupt("it does not hold 16 bytes")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && log == FoundLog::Filled => {
            Err(corrupt("it is missing beside a log"))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => make(folder),
        Err(e) => Err(io_error("read", &path, e)),
    }
}

fn make(folder: &Path) -> Result<[u8; 16], StorageError> {
    let mut id = [0; 16];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut id).map_err(|_| {
        io_error("draw a random id for", folder, std::io::Error::other("no random source"))
    })?;
    let staged = folder.join("storage.id.new");
    File::create(&staged)
        .and_then(|mut file| {
            file.write_all(&id)?;
            file.sync_all()
        })
        .map_err(|e| io_error("write", &staged, e))?;
    let path = folder.join(FILE);
    fs::rename(&staged, &path).map_err(|e| io_error("rename", &staged, e))?;
    sync_folder(folder)?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_goes_with_its_log() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert!(open(folder.path(), FoundLog::Filled).is_err(), "a log without its id");
        let id = open(folder.path(), FoundLog::New).expect("a new folder");
        assert_eq!(open(folder.path(), FoundLog::Empty).expect("before the genesis"), id);
        assert_eq!(open(folder.path(), FoundLog::Filled).expect("later"), id);
        assert!(open(folder.path(), FoundLog::New).is_err(), "an id without its log");
        let other = tempfile::tempdir().expect("temporary folder");
        assert_ne!(open(other.path(), FoundLog::Empty).expect("interrupted before"), id);
    }
}
