//! A backup on disk: its manifest, and whether it is what the node signed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use prost::Message as _;
use registry_proto::registry::{BackupFile, BackupManifest, SignedDocument};
use sha2::{Digest as _, Sha256};

use super::{BACKUP_MANIFEST, BackupError, MANIFEST_FORMAT, MANIFEST_PURPOSE, broken, failed};
use crate::signed::{self, PeerAuthority, SignedError, Signer};

/// A backup whose bytes are those that a node signed.
#[derive(Clone, Debug)]
pub struct VerifiedBackup {
    /// What the node says of it.
    pub manifest: BackupManifest,
    /// The node.
    pub signer: Signer,
    /// Of all files but the manifest.
    pub bytes: u64,
}

/// Reads a backup's manifest as it lies there, whoever wrote it.
///
/// # Errors
/// When it is missing, is none, or is of a later version.
pub fn read_manifest(folder: &Path) -> Result<(BackupManifest, SignedDocument), BackupError> {
    let path = folder.join(BACKUP_MANIFEST);
    let bytes = fs::read(&path).map_err(failed("read", &path))?;
    let document = SignedDocument::decode(&bytes[..]).map_err(|e| broken(&path, e.to_string()))?;
    Ok((decode_manifest(&document, &path)?, document))
}

/// Reads a backup's manifest and finds out which node of this authority signed it.
/// The other files are not looked at.
///
/// # Errors
/// As [`read_manifest`]; `Signed` when no node of the authority did.
pub fn verify_manifest(
    folder: &Path,
    authority: &PeerAuthority,
) -> Result<(BackupManifest, Signer), BackupError> {
    let (manifest, document) = read_manifest(folder)?;
    let signer = signer_of(&manifest, &document, authority, &folder.join(BACKUP_MANIFEST))?;
    Ok((manifest, signer))
}

/// The manifest that a document holds.
pub(super) fn decode_manifest(
    document: &SignedDocument,
    path: &Path,
) -> Result<BackupManifest, BackupError> {
    let manifest = BackupManifest::decode(document.content.clone())
        .map_err(|e| broken(path, e.to_string()))?;
    if manifest.format != MANIFEST_FORMAT {
        let (found, reads) = (manifest.format, MANIFEST_FORMAT);
        return Err(BackupError::OtherFormat { path: path.to_owned(), found, reads });
    }
    let mut names = BTreeSet::new();
    for file in &manifest.files {
        if !is_plain(&file.name) || !names.insert(file.name.as_str()) {
            return Err(broken(path, format!("it names a file {:?}", file.name)));
        }
    }
    Ok(manifest)
}

/// Nothing that leads out of the folder or stands for the manifest itself.
fn is_plain(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=100).contains(&name.len())
        && !name.starts_with('.')
        && !name.starts_with("backup.")
        && name.bytes().all(known)
}

/// Who signed a manifest: the node that it says it is of.
pub(super) fn signer_of(
    manifest: &BackupManifest,
    document: &SignedDocument,
    authority: &PeerAuthority,
    path: &Path,
) -> Result<Signer, BackupError> {
    let signer = signed::verify(document, MANIFEST_PURPOSE, authority).and_then(|signer| {
        if signer.node_id == manifest.node_id {
            return Ok(signer);
        }
        let why = format!("it is node {}'s, not node {}'s", signer.node_id, manifest.node_id);
        Err(SignedError::Certificate(why))
    });
    signer.map_err(|cause| BackupError::Signed { path: path.to_owned(), cause })
}

/// That a folder holds exactly what a node of this authority signed.
///
/// # Errors
/// The first thing that is not so.
pub fn verify_folder(
    folder: &Path,
    authority: &PeerAuthority,
    mut on_progress: impl FnMut(u64, u64),
) -> Result<VerifiedBackup, BackupError> {
    let (manifest, signer) = verify_manifest(folder, authority)?;
    for item in fs::read_dir(folder).map_err(failed("list", folder))? {
        let name = item.map_err(failed("list", folder))?.file_name();
        let known = manifest.files.iter().any(|file| name == file.name.as_str());
        if !known && name != BACKUP_MANIFEST {
            let why = "the manifest does not name it: a backup holds nothing else".to_owned();
            return Err(broken(&folder.join(name), why));
        }
    }
    let total = manifest.files.iter().map(|file| file.length_bytes).sum();
    let mut done = 0;
    for file in &manifest.files {
        verify_file(folder, file, |bytes| {
            done += bytes;
            on_progress(done, total);
        })?;
    }
    Ok(VerifiedBackup { manifest, signer, bytes: total })
}

/// That a file is what the manifest says.
pub(super) fn verify_file(
    folder: &Path,
    file: &BackupFile,
    on_bytes: impl FnMut(u64),
) -> Result<(), BackupError> {
    let path = folder.join(&file.name);
    let (length_bytes, sha256) = hash(&path, on_bytes)?;
    if length_bytes != file.length_bytes {
        let why = format!("it has {length_bytes} bytes, the manifest says {}", file.length_bytes);
        return Err(broken(&path, why));
    }
    if sha256[..] != file.sha256[..] {
        return Err(broken(&path, "its SHA-256 is not that of the manifest"));
    }
    Ok(())
}

fn hash(path: &Path, mut on_bytes: impl FnMut(u64)) -> Result<(u64, [u8; 32]), BackupError> {
    let mut file = File::open(path).map_err(failed("open", path))?;
    let mut hash = Sha256::new();
    let mut length_bytes = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(failed("read", path))?;
        if read == 0 {
            return Ok((length_bytes, hash.finalize().into()));
        }
        length_bytes += read as u64;
        hash.update(&buffer[..read]);
        on_bytes(read as u64);
    }
}
