//! Which connections pass over links.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::cluster::NodeConfig;

/// The way one node dials another through the emulated link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Who dials.
    pub from_node: u64,
    /// The dialling node's city.
    pub from_city: String,
    /// Who is dialled.
    pub to_node: u64,
    /// The dialled node's city.
    pub to_city: String,
    /// Where the dialling node connects.
    pub near: SocketAddr,
    /// Where the dialled node listens.
    pub far: SocketAddr,
}

/// Derives the routes: wherever a node dials another at an address that is
/// not that node's own listener, a link stands between them.
///
/// # Errors
/// When a file names a member that has no file, or two routes share a near end.
pub fn routes_between(configs: &[NodeConfig]) -> anyhow::Result<Vec<Route>> {
    let mut routes: Vec<Route> = Vec::new();
    for config in configs {
        let others = config.members.iter().filter(|member| member.id != config.node.id);
        let others = others.map(|member| (member.id, member.peer_address));
        let later = config.dial.iter().map(|dial| (dial.id, dial.peer_address));
        for (id, near) in others.chain(later) {
            let far = configs.iter().find(|other| other.node.id == id).with_context(|| {
                format!("node {} names member {id}, which has no file", config.node.name)
            })?;
            if near == far.node.peer_listen {
                continue;
            }
            if let Some(other) = routes.iter().find(|route| route.near == near) {
                bail!(
                    "routes {}->{} and {}->{} share {}",
                    other.from_node,
                    other.to_node,
                    config.node.id,
                    id,
                    other.near
                );
            }
            routes.push(Route {
                from_node: config.node.id,
                from_city: config.node.city.clone(),
                to_node: id,
                to_city: far.node.city.clone(),
                near,
                far: far.node.peer_listen,
            });
        }
    }
    Ok(routes)
}
