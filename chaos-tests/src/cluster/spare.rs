//! Nodes that stand by: their files and ports are planned, so that they can join
//! a cluster that runs, over links of their own.

use std::fs;

use anyhow::Context as _;

use super::config::{Dial, Member};
use super::plan::{ClusterPlan, PlannedNode};
use super::ports::PortBlock;

impl ClusterPlan {
    /// Adds nodes that are not started with the others and belong to no cluster yet.
    ///
    /// # Errors
    /// When no node stands in the city, the ports of the plan are used up, or a file
    /// cannot be written.
    pub fn with_spares(mut self, spares: &[(u64, &str, &str)]) -> anyhow::Result<Self> {
        let mut ports = self.ports.take().context("deployed files have no spare nodes")?;
        for (id, name, city) in spares {
            let spare = self.spare(*id, name, city, &mut ports)?;
            self.nodes.push(spare);
        }
        for node in &self.nodes {
            fs::write(&node.config_path, node.config.to_toml())
                .with_context(|| format!("writing {}", node.config_path.display()))?;
        }
        self.ports = Some(ports);
        Ok(self)
    }

    /// Made after a node of the same city; the others learn how to dial it.
    fn spare(
        &mut self,
        id: u64,
        name: &str,
        city: &str,
        ports: &mut PortBlock,
    ) -> anyhow::Result<PlannedNode> {
        let sibling = self.nodes.iter().find(|node| node.config.node.city == city);
        let mut config = sibling.with_context(|| format!("no node in {city}"))?.config.clone();
        let was = std::mem::replace(&mut config.node.name, name.to_owned());
        (config.node.id, config.node.data_dir) = (id, format!("data/{name}"));
        config.node.client_listen = ports.next()?;
        config.node.peer_listen = ports.next()?;
        let tls = &mut config.tls;
        for path in
            [&mut tls.client_cert, &mut tls.client_key, &mut tls.peer_cert, &mut tls.peer_key]
        {
            *path = path.replace(&was, name);
        }
        let own = Member {
            id,
            name: name.to_owned(),
            city: city.to_owned(),
            peer_address: config.node.peer_listen,
            client_address: config.node.client_listen,
        };
        config.dial.clear();
        for member in &mut config.members {
            if member.city != city {
                member.peer_address = ports.next()?;
            }
        }
        for other in &mut self.nodes {
            let near =
                if other.config.node.city == city { own.peer_address } else { ports.next()? };
            other.config.dial.push(Dial { id, peer_address: near });
            // A spare may have to find another one.
            let far = &other.config.node;
            if other.spare {
                let near = if far.city == city { far.peer_listen } else { ports.next()? };
                config.dial.push(Dial { id: far.id, peer_address: near });
            }
        }
        config.members.push(own);
        let config_path = self.work_dir.join(format!("{name}.toml"));
        Ok(PlannedNode { config, config_path, spare: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Layout, NodeConfig, repository_root};
    use crate::link::routes_between;

    #[test]
    fn spare_nodes_have_links_to_the_other_city_and_none_to_their_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = ClusterPlan::variant(
            &repository_root(),
            &folder.path().join("work"),
            Layout::DualCity,
            |_| {},
        );
        let spares = [(14, "sh-4", "shanghai"), (24, "wh-4", "wuhan")];
        let plan = plan.expect("a variant").with_spares(&spares).expect("spares");
        let configs: Vec<NodeConfig> =
            plan.config_paths().map(|path| NodeConfig::read(path).expect("written")).collect();
        let routes = routes_between(&configs).expect("routes");
        let of = |id: u64| routes.iter().filter(|r| r.from_node == id || r.to_node == id).count();
        assert_eq!(of(14), 8, "each way with three nodes and a spare");
        assert_eq!(of(24), 8);
        assert!(routes.iter().all(|route| route.from_city != route.to_city));
        assert_eq!(plan.endpoints().len(), 6);
    }
}
