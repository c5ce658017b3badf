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

/// Reads the id of a data folder, making it when the folder is new.
pub(crate) fn open(folder: &Path) -> Result<[u8; 16], StorageError> {
    fs::create_dir_all(folder).map_err(|e| io_error("create", folder, e))?;
    let path = folder.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| StorageError::Corrupt {
            what: path.display().to_string(),
            why: "it does not hold 16 bytes".into(),
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => make(folder),
        Err(e) => Err(io_error("read", &path, e)),
    }
}

fn make(folder: &Path) -> Result<[u8; 16], StorageError> {
    if folder.join("log").exists() {
        return Err(StorageError::Corrupt {
            what: folder.display().to_string(),
            why: format!("it holds a log but no {FILE}"),
        });
    }
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
