//! Fetches a backup: into a folder beside the wanted one, which gets its name
//! when all of it is there. What was fetched before an interruption is kept.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

use prost::Message as _;
use registry_proto::registry::{BackupFile, BackupManifest, FetchBackupRequest, SignedDocument};

use super::calls::{BackupClient, Patience};
use super::folder::{decode_manifest, signer_of, verify_file};
use super::throttle::Throttle;
use super::{BACKUP_MANIFEST, BackupError, failed, lock, parent, sync_folder};
use crate::signed::PeerAuthority;

/// The id that an unfinished backup is asked for under.
const ID_FILE: &str = "backup.id";
/// As errors name the call.
const FETCH: &str = "fetch_backup";
/// Room to be left on the disk.
const SPARE_BYTES: u64 = 64 << 20;

/// How a backup is fetched.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// The folder to make.
    pub out: PathBuf,
    /// Bytes per second at most.
    pub limit_bytes_per_s: u64,
    /// Whose nodes may sign; unchecked without.
    pub authority: Option<PeerAuthority>,
}

/// A complete backup.
#[derive(Clone, Debug)]
pub struct CreatedBackup {
    /// What the node says of it.
    pub manifest: BackupManifest,
    /// Of all files but the manifest.
    pub bytes: u64,
    /// Bytes that an earlier attempt had fetched.
    pub resumed_bytes: u64,
}

/// Fetches a backup from the node at `endpoint`.
///
/// # Errors
/// When the node refuses or is away for longer than a call may take, when there is
/// no room, or when it sends other bytes than it signed. What was fetched stays
/// beside `out`, under its name with `.partial`; the same call again goes on there.
pub async fn create(
    client: &BackupClient,
    endpoint: &str,
    options: &CreateOptions,
    on_progress: impl FnMut(u64, u64) + Send,
) -> Result<CreatedBackup, BackupError> {
    if options.out.exists() {
        return Err(BackupError::Exists(options.out.clone()));
    }
    let staging = Staging::open(&options.out)?;
    match staging.fill(client, endpoint, options, on_progress).await {
        Ok(created) => Ok(created),
        Err(error) => {
            staging.remove_if_unused();
            Err(error)
        }
    }
}

struct Staging {
    folder: PathBuf,
    backup_id: String,
    /// Keeps another command out.
    _lock: File,
}

impl Staging {
    fn open(out: &Path) -> Result<Self, BackupError> {
        let mut name = out.to_path_buf().into_os_string();
        name.push(".partial");
        let folder = PathBuf::from(name);
        fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        let lock = lock(&folder)?;
        let path = folder.join(ID_FILE);
        let backup_id = match fs::read_to_string(&path) {
            Ok(id) => id,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let id = crate::new_request_id()?;
                fs::write(&path, &id).map_err(failed("write", &path))?;
                id
            }
            Err(e) => return Err(failed("read", &path)(e)),
        };
        Ok(Self { folder, backup_id, _lock: lock })
    }

    /// Nothing was fetched: nothing is left behind.
    fn remove_if_unused(&self) {
        let others = fs::read_dir(&self.folder)
            .map(|items| items.flatten().filter(|item| item.file_name() != ID_FILE).count());
        if others.is_ok_and(|others| others == 0)
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::debug!(%error, folder = %self.folder.display(), "left behind");
        }
    }

    async fn fill(
        &self,
        client: &BackupClient,
        endpoint: &str,
        options: &CreateOptions,
        on_progress: impl FnMut(u64, u64) + Send,
    ) -> Result<CreatedBackup, BackupError> {
        let document = client.begin(endpoint, &self.backup_id).await?;
        let (manifest, resumed_bytes) = match self.prepare(&document, options) {
            Ok(prepared) => prepared,
            Err(refused) => {
                client.end(endpoint, &self.backup_id).await;
                return Err(refused);
            }
        };
        let bytes = manifest.files.iter().map(|file| file.length_bytes).sum::<u64>();
        let mut download = Download {
            staging: self,
            client,
            endpoint,
            throttle: Throttle::new(options.limit_bytes_per_s),
            patience: client.patience(),
            done: 0,
            total: bytes,
            on_progress,
        };
        for file in &manifest.files {
            download.file(file).await?;
        }
        self.complete(&document, &options.out)?;
        client.end(endpoint, &self.backup_id).await;
        Ok(CreatedBackup { manifest, bytes, resumed_bytes })
    }

    /// That the backup is one, and fits; answers what is there of it already.
    fn prepare(
        &self,
        document: &SignedDocument,
        options: &CreateOptions,
    ) -> Result<(BackupManifest, u64), BackupError> {
        let path = self.folder.join(BACKUP_MANIFEST);
        let manifest = decode_manifest(document, &path)?;
        if let Some(authority) = &options.authority {
            signer_of(&manifest, document, authority, &path)?;
        }
        self.remove_others(&manifest)?;
        let bytes = manifest.files.iter().map(|file| file.length_bytes).sum::<u64>();
        let resumed_bytes = manifest.files.iter().map(|file| self.present(file)).sum::<u64>();
        self.enough_space(bytes.saturating_sub(resumed_bytes))?;
        Ok((manifest, resumed_bytes))
    }

    /// What an earlier backup of this folder had and this one has not.
    fn remove_others(&self, manifest: &BackupManifest) -> Result<(), BackupError> {
        for item in fs::read_dir(&self.folder).map_err(failed("list", &self.folder))? {
            let item = item.map_err(failed("list", &self.folder))?;
            let name = item.file_name();
            let known = manifest.files.iter().any(|file| name == file.name.as_str());
            if !known && name != ID_FILE {
                fs::remove_file(item.path()).map_err(failed("remove", &item.path()))?;
            }
        }
        Ok(())
    }

    /// Bytes of a file that are there.
    fn present(&self, file: &BackupFile) -> u64 {
        let length = fs::metadata(self.folder.join(&file.name)).map_or(0, |found| found.len());
        length.min(file.length_bytes)
    }

    fn enough_space(&self, needed_bytes: u64) -> Result<(), BackupError> {
        let disk = rustix::fs::statvfs(&self.folder)
            .map_err(|e| failed("look at the disk of", &self.folder)(e.into()))?;
        fits(&self.folder, needed_bytes, disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Durable first, then under its name.
    fn complete(&self, document: &SignedDocument, out: &Path) -> Result<(), BackupError> {
        let path = self.folder.join(BACKUP_MANIFEST);
        File::create(&path)
            .and_then(|mut file| {
                file.write_all(&document.encode_to_vec())?;
                file.sync_all()
            })
            .map_err(failed("write", &path))?;
        let id = self.folder.join(ID_FILE);
        fs::remove_file(&id).map_err(failed("remove", &id))?;
        sync_folder(&self.folder)?;
        if out.exists() {
            return Err(BackupError::Exists(out.to_owned()));
        }
        fs::rename(&self.folder, out).map_err(failed("rename", &self.folder))?;
        sync_folder(parent(out))
    }
}

fn fits(path: &Path, needed_bytes: u64, free_bytes: u64) -> Result<(), BackupError> {
    let needed_bytes = needed_bytes.saturating_add(SPARE_BYTES);
    if free_bytes >= needed_bytes {
        return Ok(());
    }
    Err(BackupError::NoSpace { path: path.to_owned(), needed_bytes, free_bytes })
}

/// How a stream ended.
enum Ended {
    Whole,
    ByStatus(tonic::Status),
    Silent,
}

struct Download<'a, P> {
    staging: &'a Staging,
    client: &'a BackupClient,
    endpoint: &'a str,
    throttle: Throttle,
    patience: Patience<'a>,
    done: u64,
    total: u64,
    on_progress: P,
}

impl<P: FnMut(u64, u64) + Send> Download<'_, P> {
    /// One file whole and durable. What was there may be of another backup: then it
    /// is fetched anew.
    async fn file(&mut self, file: &BackupFile) -> Result<(), BackupError> {
        let resumed = self.staging.present(file) > 0;
        let before = self.done;
        self.rest_of(file).await?;
        let verified = self.verified(file).await;
        if !resumed || verified.is_ok() {
            return verified;
        }
        let path = self.staging.folder.join(&file.name);
        fs::remove_file(&path).map_err(failed("remove", &path))?;
        self.done = before;
        self.rest_of(file).await?;
        self.verified(file).await
    }

    async fn verified(&self, file: &BackupFile) -> Result<(), BackupError> {
        let (folder, file) = (self.staging.folder.clone(), file.clone());
        let hashing = tokio::task::spawn_blocking(move || verify_file(&folder, &file, |_| {}));
        match hashing.await {
            Ok(verified) => verified,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    async fn rest_of(&mut self, file: &BackupFile) -> Result<(), BackupError> {
        let path = self.staging.folder.join(&file.name);
        let mut target = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed("create", &path))?;
        let mut offset = self.staging.present(file);
        target.set_len(offset).map_err(failed("cut", &path))?;
        target.seek(std::io::SeekFrom::Start(offset)).map_err(failed("write", &path))?;
        self.progressed(offset);
        while offset < file.length_bytes {
            match self.stream(file, &mut target, &mut offset).await? {
                Ended::ByStatus(status) => {
                    self.patience.again(FETCH, self.endpoint, &status).await?;
                }
                Ended::Silent => self.patience.late(FETCH, self.endpoint)?,
                Ended::Whole => {}
            }
        }
        target.sync_all().map_err(failed("sync", &path))
    }

    /// Adds what one stream brings, until the file is whole or the stream ends.
    async fn stream(
        &mut self,
        file: &BackupFile,
        target: &mut File,
        offset: &mut u64,
    ) -> Result<Ended, BackupError> {
        let request = FetchBackupRequest {
            backup_id: self.staging.backup_id.clone(),
            file: file.name.clone(),
            offset: *offset,
        };
        let stall = self.client.connector().stream_stall_timeout();
        let mut chunks = match self.client.fetch(self.endpoint, request).await {
            Ok(chunks) => chunks,
            Err(status) => return Ok(Ended::ByStatus(status)),
        };
        loop {
            let chunk = match tokio::time::timeout(stall, chunks.message()).await {
                Ok(Ok(Some(chunk))) => chunk.data,
                Ok(Ok(None)) => {
                    let short = tonic::Status::unavailable("the node's file is shorter");
                    return Ok(Ended::ByStatus(short));
                }
                Ok(Err(status)) => return Ok(Ended::ByStatus(status)),
                Err(_) => return Ok(Ended::Silent),
            };
            let room = usize_of(file.length_bytes.saturating_sub(*offset));
            let data = &chunk[..chunk.len().min(room)];
            let path = self.staging.folder.join(&file.name);
            target.write_all(data).map_err(failed("write", &path))?;
            *offset += data.len() as u64;
            self.patience.progressed();
            self.progressed(data.len() as u64);
            if *offset >= file.length_bytes {
                return Ok(Ended::Whole);
            }
            self.throttle.take(data.len()).await;
        }
    }

    fn progressed(&mut self, bytes: u64) {
        self.done += bytes;
        (self.on_progress)(self.done, self.total);
    }
}

fn usize_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_before_anything_is_fetched() {
        let path = Path::new("/backup");
        assert!(fits(path, 10, SPARE_BYTES + 10).is_ok());
        let refused = fits(path, 10, SPARE_BYTES + 9).expect_err("one byte short");
        assert_eq!(refused.reason(), "NO_SPACE");
        assert!(refused.to_string().contains("/backup has 67108873 bytes free"), "{refused}");
    }
}
