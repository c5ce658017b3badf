//! Which nodes a cluster has, with which files and ports.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::config::{NodeConfig, NodeSection, RaftSection};
use super::ports::PortBlock;

/// Who must agree to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Two sets of three voters: a majority in each city.
    DualCity,
    /// Two nodes in each city and one in a third place: a majority of all.
    Witnessed,
    /// One set of three voters in one city, for comparison.
    SingleCity,
}

/// Files and folders of a cluster that is not started yet.
#[derive(Debug)]
pub struct ClusterPlan {
    pub(crate) work_dir: PathBuf,
    pub(crate) nodes: Vec<PlannedNode>,
    /// Held so that no other cluster takes the ports; none for deployed files.
    pub(crate) ports: Option<PortBlock>,
}

/// One node's file.
#[derive(Clone, Debug)]
pub(crate) struct PlannedNode {
    pub(crate) config: NodeConfig,
    pub(crate) config_path: PathBuf,
    /// Not one of those that the cluster is formed with.
    pub(crate) spare: bool,
}

impl PlannedNode {
    fn write(&self) -> anyhow::Result<()> {
        fs::write(&self.config_path, self.config.to_toml())
            .with_context(|| format!("writing {}", self.config_path.display()))
    }
}

impl ClusterPlan {
    /// The files of `deploy/` as they are. Their relative paths and fixed
    /// ports hold with `work_dir` as working directory, which is emptied.
    ///
    /// # Errors
    /// When a file is absent or malformed, or the folder cannot be emptied.
    pub fn deployed(repository: &Path, work_dir: &Path) -> anyhow::Result<Self> {
        let nodes = read_deployed(repository, Layout::DualCity)?;
        Ok(Self { work_dir: emptied(work_dir)?, nodes, ports: None })
    }

    /// A variant of the deployed files on ports of its own, in `work_dir`,
    /// which is emptied; its files are `work_dir/<node>.toml`.
    ///
    /// # Errors
    /// When a deployed file is absent or malformed, no ports are free, or a
    /// folder or file cannot be written.
    pub fn variant(
        repository: &Path,
        work_dir: &Path,
        layout: Layout,
        adjust: impl Fn(&mut RaftSection),
    ) -> anyhow::Result<Self> {
        let work_dir = emptied(work_dir)?;
        let mut nodes = read_deployed(repository, layout)?;
        if layout == Layout::SingleCity {
            keep_one_city(&mut nodes);
        }
        let mut ports = PortBlock::take()?;
        move_to(&mut nodes, &mut ports)?;
        for node in &mut nodes {
            adjust(&mut node.config.raft);
            node.config_path = work_dir.join(format!("{}.toml", node.config.node.name));
            node.write()?;
        }
        Ok(Self { work_dir, nodes, ports: Some(ports) })
    }

    /// The same with links inside the cities as well, so that any two nodes
    /// can be parted.
    ///
    /// # Errors
    /// When this is no variant, its ports are used up or a file cannot be written.
    pub fn linked_within_cities(mut self) -> anyhow::Result<Self> {
        let ports = self.ports.as_mut().context("deployed files are not changed")?;
        for node in &mut self.nodes {
            let NodeSection { id, city, .. } = &node.config.node;
            let neighbours = node.config.members.iter_mut();
            for member in neighbours.filter(|member| member.id != *id && member.city == *city) {
                member.peer_address = ports.next()?;
            }
            node.write()?;
        }
        Ok(self)
    }

    /// The same with an address for monitoring at every node.
    ///
    /// # Errors
    /// When this is no variant, its ports are used up or a file cannot be written.
    pub fn with_metrics(mut self) -> anyhow::Result<Self> {
        let ports = self.ports.as_mut().context("deployed files are not changed")?;
        for node in &mut self.nodes {
            node.config.node.metrics_listen = Some(ports.next()?);
            node.write()?;
        }
        Ok(self)
    }

    /// The same nodes as those of another cluster.
    ///
    /// # Errors
    /// When this is no variant or a file cannot be written.
    pub fn of_cluster(mut self, cluster_id: &str) -> anyhow::Result<Self> {
        self.ports.as_ref().context("deployed files are not changed")?;
        for node in &mut self.nodes {
            cluster_id.clone_into(&mut node.config.cluster_id);
            node.write()?;
        }
        Ok(self)
    }

    /// The nodes' settings, in the order of their ids.
    pub fn configs(&self) -> impl Iterator<Item = &NodeConfig> {
        self.nodes.iter().map(|node| &node.config)
    }

    /// The nodes' files, in the order of their ids.
    pub fn config_paths(&self) -> impl Iterator<Item = &Path> {
        self.nodes.iter().map(|node| node.config_path.as_path())
    }

    /// Working directory of every process.
    #[must_use]
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// Whether the nodes' data goes with the cluster: a variant's is of no use
    /// to anybody after it, and large. `REGISTRY_KEEP_DATA` keeps it.
    pub(crate) fn is_disposable(&self) -> bool {
        self.ports.is_some() && std::env::var_os("REGISTRY_KEEP_DATA").is_none()
    }

    /// Where the certificates are.
    #[must_use]
    pub fn pki_dir(&self) -> PathBuf {
        self.work_dir.join("pki")
    }

    /// Where the nodes that the cluster is formed with answer clients.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        let first = self.nodes.iter().filter(|node| !node.spare);
        first.map(|node| node.config.node.client_listen.to_string()).collect()
    }
}

/// The repository: the working directory if it is one, else where this was built.
#[must_use]
pub fn repository_root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let built_in =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned();
    here.ancestors()
        .find(|folder| folder.join("deploy/shanghai").is_dir())
        .map_or(built_in, Path::to_owned)
}

fn read_deployed(repository: &Path, layout: Layout) -> anyhow::Result<Vec<PlannedNode>> {
    let mut nodes = Vec::new();
    let folders: &[&str] = match layout {
        Layout::DualCity | Layout::SingleCity => &["shanghai", "wuhan"],
        Layout::Witnessed => &["witnessed"],
    };
    for folder in folders {
        let folder = repository.join("deploy").join(folder);
        let entries =
            fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let path = fs::canonicalize(path)?;
                let config = NodeConfig::read(&path)?;
                nodes.push(PlannedNode { config, config_path: path, spare: false });
            }
        }
    }
    if nodes.is_empty() {
        bail!("no node files in {}", repository.join("deploy").display());
    }
    nodes.sort_by_key(|node| node.config.node.id);
    Ok(nodes)
}

/// Keeps the first node's city, in which nodes reach each other directly.
fn keep_one_city(nodes: &mut Vec<PlannedNode>) {
    let city = nodes[0].config.node.city.clone();
    nodes.retain(|node| node.config.node.city == city);
    for node in nodes {
        node.config.layout = "single-city".to_owned();
        node.config.members.retain(|member| member.city == city);
    }
}

/// Gives every listener and every link's near end a port of its own; what was
/// one address stays one address.
fn move_to(nodes: &mut [PlannedNode], ports: &mut PortBlock) -> anyhow::Result<()> {
    let mut moved: BTreeMap<SocketAddr, SocketAddr> = BTreeMap::new();
    let mut replace = |address: &mut SocketAddr| -> anyhow::Result<()> {
        *address = match moved.get(address) {
            Some(new) => *new,
            None => {
                let new = ports.next()?;
                moved.insert(*address, new);
                new
            }
        };
        Ok(())
    };
    for node in nodes {
        replace(&mut node.config.node.client_listen)?;
        replace(&mut node.config.node.peer_listen)?;
        for member in &mut node.config.members {
            replace(&mut member.peer_address)?;
            replace(&mut member.client_address)?;
        }
    }
    Ok(())
}

fn emptied(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    fs::canonicalize(folder).with_context(|| format!("finding {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::routes_between;

    #[test]
    fn deployed_files_describe_two_cities_joined_by_eighteen_routes() {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = ClusterPlan::deployed(&repository_root(), &folder.path().join("work"))
            .expect("deployed files");
        let ids: Vec<u64> = plan.configs().map(|config| config.node.id).collect();
        assert_eq!(ids, [11, 12, 13, 21, 22, 23]);
        let configs: Vec<NodeConfig> = plan.configs().cloned().collect();
        assert_eq!(routes_between(&configs).expect("routes").len(), 18);
    }

    #[test]
    fn links_within_cities_part_any_two_nodes() {
        let folder = tempfile::tempdir().expect("a folder");
        let make = |name: &str, layout| {
            ClusterPlan::variant(&repository_root(), &folder.path().join(name), layout, |_| {})
                .and_then(ClusterPlan::linked_within_cities)
                .expect("a variant")
        };
        let written = |plan: &ClusterPlan| -> Vec<NodeConfig> {
            plan.config_paths().map(|path| NodeConfig::read(path).expect("reads back")).collect()
        };
        let both = make("both", Layout::DualCity);
        assert_eq!(routes_between(&written(&both)).expect("routes").len(), 30);
        let single = make("single", Layout::SingleCity);
        assert_eq!(routes_between(&written(&single)).expect("routes").len(), 6);
    }

    #[test]
    fn a_variant_keeps_the_routes_and_shares_no_port_with_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let make = |name: &str, layout| {
            ClusterPlan::variant(&repository_root(), &folder.path().join(name), layout, |raft| {
                raft.snapshot_keep_entries = Some(7);
            })
            .expect("a variant")
        };
        let (one, two) = (make("one", Layout::DualCity), make("two", Layout::SingleCity));
        let written =
            NodeConfig::read(&one.nodes[0].config_path).expect("the written file reads back");
        assert_eq!(written.to_toml(), one.nodes[0].config.to_toml());
        assert_eq!(written.raft.snapshot_keep_entries, Some(7));
        let configs: Vec<NodeConfig> = one.configs().cloned().collect();
        assert_eq!(routes_between(&configs).expect("routes").len(), 18);
        let single: Vec<NodeConfig> = two.configs().cloned().collect();
        assert_eq!(single.len(), 3);
        assert!(routes_between(&single).expect("routes").is_empty());
        let ones = one.endpoints();
        assert!(two.endpoints().iter().all(|endpoint| !ones.contains(endpoint)));
    }
}
