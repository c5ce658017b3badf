//! Finds and starts three etcd members.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use registry_chaos_tests::wait::eventually;
use tonic::transport::{Channel, Endpoint};

use super::wire::StatusRequest;
use super::wire::maintenance_client::MaintenanceClient;
use crate::servers::{Servers, free_ports, on_path};

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Raised far above the defaults (128 operations, 1.5 MiB), so that a batch of
/// thousands of trades is one transaction.
const MAX_TXN_OPS: u32 = 10_000;
const MAX_REQUEST_BYTES: u32 = 10 * 1024 * 1024;
/// The default of 2 GiB could fill up.
const QUOTA_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// etcd's executable.
#[derive(Debug)]
pub(crate) struct Program(PathBuf);

impl Program {
    /// # Errors
    /// When etcd is not installed; says how to.
    pub(crate) fn find() -> anyhow::Result<Self> {
        on_path("etcd").map(Self).context("etcd is not installed: apt-get install etcd-server")
    }

    /// Starts the members and connects to the leader, which saves a hop.
    pub(crate) async fn start(&self, servers: &mut Servers) -> anyhow::Result<Channel> {
        let ports = free_ports(6)?;
        let (client_ports, peer_ports) = ports.split_at(3);
        let url = |port: &u16| format!("http://127.0.0.1:{port}");
        let cluster: Vec<String> = peer_ports
            .iter()
            .enumerate()
            .map(|(at, port)| format!("e{at}={}", url(port)))
            .collect();
        for (at, (client, peer)) in client_ports.iter().zip(peer_ports).enumerate() {
            let (name, client, peer) = (format!("e{at}"), url(client), url(peer));
            let folder = servers.folder().join(&name);
            let arguments = [
                format!("--name={name}"),
                format!("--data-dir={}", folder.display()),
                format!("--listen-client-urls={client}"),
                format!("--advertise-client-urls={client}"),
                format!("--listen-peer-urls={peer}"),
                format!("--initial-advertise-peer-urls={peer}"),
                format!("--initial-cluster={}", cluster.join(",")),
                "--initial-cluster-state=new".to_owned(),
                format!("--max-txn-ops={MAX_TXN_OPS}"),
                format!("--max-request-bytes={MAX_REQUEST_BYTES}"),
                format!("--quota-backend-bytes={QUOTA_BYTES}"),
                "--logger=zap".to_owned(),
                "--log-level=warn".to_owned(),
            ];
            servers.start(&name, &self.0, &arguments)?;
        }
        eventually("etcd's leader", START_TIMEOUT, || leader(client_ports)).await
    }
}

async fn leader(client_ports: &[u16]) -> anyhow::Result<Option<Channel>> {
    for port in client_ports {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
        let channel = endpoint.tcp_nodelay(true).connect().await?;
        let status =
            MaintenanceClient::new(channel.clone()).status(StatusRequest {}).await?.into_inner();
        if status.leader != 0 && status.header.is_some_and(|own| own.member_id == status.leader) {
            return Ok(Some(channel));
        }
    }
    Ok(None)
}
