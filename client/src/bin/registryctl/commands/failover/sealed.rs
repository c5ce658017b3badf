//! Sealed overrides: a secret on paper or a stick, whose hash the ledger of both
//! cities has.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use registry_client::proto::RecoveryOverride;
use registry_client::proto::controlled_command::Command;
use registry_client::{hex, unhex};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::args::Global;
use crate::commands::control;
use crate::exit::Usage;
use crate::output::Page;

const SECRET_BYTES: usize = 32;

#[derive(Debug, Args)]
pub(crate) struct Override {
    /// The city that may use it.
    #[arg(long)]
    city: String,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
    /// New file for the secret; keep it offline, in that city.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Override {
    /// Makes the secret and proposes its hash: it is good once another operator has
    /// approved that.
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let nodes = global.operator()?.statuses_of_all(0).await;
        let known = nodes.iter().filter_map(|node| node.status.as_ref().ok());
        let newest = known.max_by_key(|status| (status.recovery_epoch, status.applied_log_index));
        let newest = newest.context("no node answers")?;
        let secret = registry_client::random_bytes::<SECRET_BYTES>()?;
        let file = json!({
            "what": "sealed override: lets the city's survivors recover once in this recovery epoch",
            "cluster_id": newest.cluster_id,
            "recovery_epoch": newest.recovery_epoch,
            "city": self.city,
            "document": self.document,
            "secret": hex(&secret),
        });
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut out =
            options.open(&self.out).with_context(|| format!("making {}", self.out.display()))?;
        out.write_all(serde_json::to_string_pretty(&file)?.as_bytes())?;
        out.sync_all()?;
        let order = RecoveryOverride {
            city: self.city.clone(),
            secret_sha256: Sha256::digest(secret).to_vec().into(),
            document: self.document.clone(),
        };
        control::propose(global, Command::RecoveryOverride(order)).await
    }
}

/// A sealed override as it was written.
pub(super) struct SealedFile {
    path: PathBuf,
    content: Value,
}

impl SealedFile {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading the override {}", path.display()))?;
        let content = serde_json::from_str(&text)
            .map_err(|error| Usage(format!("{} is no sealed override: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), content })
    }

    pub(super) fn secret(&self) -> Result<Vec<u8>> {
        let digits = self.content["secret"].as_str().unwrap_or_default();
        match unhex(digits).filter(|bytes| bytes.len() == SECRET_BYTES) {
            Some(bytes) => Ok(bytes),
            None => bail!(Usage(format!("{} has no whole secret", self.path.display()))),
        }
    }
}
