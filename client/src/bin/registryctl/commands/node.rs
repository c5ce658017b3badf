//! `cluster admit`, `seat`, `retire`, `move`: which nodes take part.

use anyhow::Result;
use clap::Args;
use registry_client::proto::{
    AdmitNodeRequest, ClusterReply, MoveNodeRequest, RetireNodeRequest, SeatNodeRequest,
};

use crate::args::Global;
use crate::output::Page;
use crate::views::{cluster, stamp};

#[derive(Debug, Args)]
pub(crate) struct Admit {
    /// Its id, never used before in this cluster.
    #[arg(long)]
    node_id: u64,
    /// Its name, e.g. sh-4.
    #[arg(long)]
    name: String,
    /// The city it stands in.
    #[arg(long)]
    city: String,
    /// host:port of its peer port, as the other nodes reach it.
    #[arg(long)]
    peer_address: String,
    /// host:port of its client port, as told to clients.
    #[arg(long)]
    client_address: String,
}

#[derive(Debug, Args)]
pub(crate) struct Seat {
    /// The admitted node.
    #[arg(long)]
    node_id: u64,
    /// Whose place it takes; that node is retired. Left out for a free place.
    #[arg(long, value_name = "NODE_ID", default_value_t = 0, hide_default_value = true)]
    replaces: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// A node that does not vote.
    #[arg(long)]
    node_id: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Move {
    /// The node.
    #[arg(long)]
    node_id: u64,
    /// host:port of its peer port from now on.
    #[arg(long)]
    peer_address: String,
    /// host:port of its client port from now on.
    #[arg(long)]
    client_address: String,
}

/// The cluster as it is since.
pub(super) fn page(reply: &ClusterReply) -> Page {
    let topology = reply.topology.clone().unwrap_or_default();
    Page::default()
        .one(cluster::topology(&topology))
        .many("nodes", topology.nodes.iter().map(cluster::node).collect())
        .stamp(stamp(reply.stamp))
}

impl Admit {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = AdmitNodeRequest {
            request_id: global.write_id(),
            node_id: self.node_id,
            node_name: self.name.clone(),
            city: self.city.clone(),
            peer_address: self.peer_address.clone(),
            client_address: self.client_address.clone(),
        };
        Ok(page(&global.operator()?.admit_node(request).await?))
    }
}

impl Seat {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = SeatNodeRequest {
            request_id: global.write_id(),
            node_id: self.node_id,
            replaces_node_id: self.replaces,
        };
        Ok(page(&global.operator()?.seat_node(request).await?))
    }
}

impl Retire {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = RetireNodeRequest { request_id: global.write_id(), node_id: self.node_id };
        Ok(page(&global.operator()?.retire_node(request).await?))
    }
}

impl Move {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = MoveNodeRequest {
            request_id: global.write_id(),
            node_id: self.node_id,
            peer_address: self.peer_address.clone(),
            client_address: self.client_address.clone(),
        };
        Ok(page(&global.operator()?.move_node(request).await?))
    }
}
