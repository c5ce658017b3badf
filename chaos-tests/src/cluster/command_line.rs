//! `registryctl`, as a person runs it against a cluster.

use std::ffi::{OsStr, OsString};

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
        let endpoints = self.plan().endpoints().join(",");
        let arguments: Vec<_> = arguments.into_iter().map(|of| of.as_ref().to_owned()).collect();
        let given = [OsString::from("--endpoints"), endpoints.into()];
        self.registryctl_alone(user, arguments.into_iter().chain(given)).await
    }

    /// The same with the endpoints among the arguments.
    ///
    /// # Errors
    /// As [`Cluster::registryctl`].
    pub async fn registryctl_alone(
        &self,
        user: &str,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> anyhow::Result<String> {
        let mut command =
            tokio::process::Command::new(find_binary("registryctl", "REGISTRYCTL_BIN")?);
        command.args(arguments).arg("--identity").arg(self.plan().pki_dir().join(user));
        let done = command.output().await.context("running registryctl")?;
        let complaint = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{:?}: {complaint}", command.as_std());
        Ok(String::from_utf8(done.stdout)?)
    }
}
