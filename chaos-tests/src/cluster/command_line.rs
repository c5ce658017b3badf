//! `registryctl`, as a person runs it against a cluster.

use std::ffi::OsStr;

use anyhow::{Context as _, ensure};

use super::process::find_binary;
use super::running::Cluster;

impl Cluster {
    /// What a command prints, run by one of the certificates' users.
    ///
    /// # Errors
    /// When the command fails; says what it complained of.
    pub async fn registryctl(
        &self,
        user: &str,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> anyhow::Result<String> {
        let mut command =
            tokio::process::Command::new(find_binary("registryctl", "REGISTRYCTL_BIN")?);
        command
            .args(arguments)
            .arg("--endpoints")
            .arg(self.plan().endpoints().join(","))
            .arg("--identity")
            .arg(self.plan().pki_dir().join(user));
        let done = command.output().await.context("running registryctl")?;
        let complaint = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{:?}: {complaint}", command.as_std());
        Ok(String::from_utf8(done.stdout)?)
    }
}
