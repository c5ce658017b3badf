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

    /// One operator proposes, the other approves.
    ///
    /// # Errors
    /// As [`Cluster::registryctl`].
    pub async fn by_two_operators(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let json = [arguments, &["--output", "json"]].concat();
        let proposed = self.registryctl("operator-1", json).await?;
        let proposed: serde_json::Value = serde_json::from_str(&proposed)?;
        let id = proposed["proposal_id"].to_string();
        let sha256 = proposed["content_sha256"].as_str().unwrap_or_default().to_owned();
        let approve = ["control", "approve", "--proposal", &id, "--sha256", &sha256];
        self.registryctl("operator-2", approve).await?;
        Ok(())
    }

    /// Lets a planned node join in a city.
    ///
    /// # Errors
    /// As [`Cluster::registryctl`]; or when there is no such node.
    pub async fn admit(&self, id: u64, city: &str) -> anyhow::Result<()> {
        let node = &self.config(id)?.node;
        let (peer, client) = (node.peer_listen.to_string(), node.client_listen.to_string());
        let id = id.to_string();
        let arguments = [
            "cluster",
            "admit",
            "--node-id",
            &id,
            "--name",
            &node.name,
            "--city",
            city,
            "--peer-address",
            &peer,
            "--client-address",
            &client,
        ];
        self.registryctl("operator-1", arguments).await?;
        Ok(())
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
