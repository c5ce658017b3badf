//! What a drill is done to: nodes, and the commands that lose and bring them back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use figment::Figment;
use figment::providers::{Format as _, Toml};
use futures::future::try_join_all;
use registry_client::probe::ProbeAccount;
use registry_client::{Cluster, Identity, OperatorClient};
use serde::Deserialize;
use tokio::process::Command;

use crate::exit::Usage;

/// Time for one command of the target.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// One probe in each city, and the one that both fight for.
const ACCOUNTS: usize = 3;

/// A file that describes a cluster for drills; `docs/drills.md` explains each key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    /// Typed by the operator before anything is done.
    pub(super) name: String,
    pub(super) layout: String,
    /// Emulated; absent where the distance is real.
    #[serde(default)]
    pub(super) rtt_ms: Option<u64>,
    /// Folder of the identities, relative to the file.
    pki: PathBuf,
    /// Two operators, the second approves what the first proposes.
    operators: [String; 2],
    /// The officer in whose name the probes write.
    officer: String,
    /// Target file of a cluster that does not run, into which a backup may be restored.
    #[serde(default)]
    restored: Option<PathBuf>,
    commands: Commands,
    accounts: Vec<Account>,
    pub(super) nodes: Vec<Node>,
    /// Of the file; commands run there.
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Commands {
    /// Ends node `$NODE_NAME` at once, as a power cut does.
    kill: String,
    /// Ends it cleanly and waits for that.
    stop: String,
    /// Starts it.
    start: String,
    /// Swallows everything between `$CITY` and the other places.
    isolate: String,
    /// Ends all isolation.
    heal: String,
    /// Makes the data folder of node `$NODE_NAME` from `$BACKUP` and `$ARCHIVE`, as of
    /// `$POSITION`.
    #[serde(default)]
    restore: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    account_id: u64,
    bank_id: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) city: String,
    /// Where it answers clients.
    pub(super) endpoint: String,
    /// Where other nodes reach it.
    pub(super) peer_address: String,
    /// Stands by, empty, to take the place of a lost one.
    #[serde(default)]
    pub(super) spare: bool,
}

impl Target {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let what = || format!("drill target {}", path.display());
        ensure!(path.is_file(), Usage(format!("{}: there is no such file", what())));
        let read: Self = Figment::from(Toml::file_exact(path)).extract().with_context(what)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).with_context(what)?;
        let read = Self { folder, ..read };
        read.check().with_context(what)?;
        Ok(read)
    }

    fn check(&self) -> Result<()> {
        if self.accounts.len() < ACCOUNTS {
            let found = self.accounts.len();
            bail!(Usage(format!("accounts: {ACCOUNTS} are needed, {found} are named")));
        }
        if self.cities().len() < 2 {
            bail!(Usage("nodes: they stand in one place; drills need two cities".to_owned()));
        }
        Ok(())
    }

    /// In the order in which the file names them first.
    pub(super) fn cities(&self) -> Vec<String> {
        let mut cities: Vec<String> = Vec::new();
        for node in self.members() {
            if !cities.contains(&node.city) {
                cities.push(node.city.clone());
            }
        }
        cities
    }

    /// All but the spare ones.
    pub(super) fn members(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| !node.spare)
    }

    pub(super) fn members_in(&self, city: &str) -> Vec<Node> {
        self.members().filter(|node| node.city == city).cloned().collect()
    }

    pub(super) fn spares_in(&self, city: &str) -> Vec<Node> {
        let spares = self.nodes.iter().filter(|node| node.spare && node.city == city);
        spares.cloned().collect()
    }

    pub(super) fn node(&self, id: u64) -> Result<Node> {
        let found = self.nodes.iter().find(|node| node.id == id).cloned();
        found.with_context(|| format!("node {id} leads and is not in the target's file: add it"))
    }

    /// Of the members, those of a city first.
    pub(super) fn endpoints_from(&self, city: &str) -> Vec<String> {
        let near = self.members().filter(|node| node.city == city);
        let far = self.members().filter(|node| node.city != city);
        near.chain(far).map(|node| node.endpoint.clone()).collect()
    }

    pub(super) fn account(&self, number: usize) -> ProbeAccount {
        let Account { account_id, bank_id } = self.accounts[number];
        ProbeAccount { account_id, bank_id }
    }

    pub(super) fn operator_path(&self, number: usize) -> PathBuf {
        self.folder.join(&self.pki).join(&self.operators[number])
    }

    pub(super) fn officer(&self) -> Result<Identity> {
        Ok(Identity::from_pki(&self.folder.join(&self.pki), &self.officer)?)
    }

    /// The cluster into which a backup of this one may be restored.
    pub(super) fn restored(&self) -> Result<Self> {
        let lacks = "restored: the target file names no cluster into which a backup could be \
                     restored, see docs/drills.md";
        let path = self.restored.as_ref().ok_or_else(|| Usage(lacks.to_owned()))?;
        Self::read(&self.folder.join(path))
    }

    /// A new folder for the backups of a drill.
    pub(super) fn backups(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join("backups").join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// Whose nodes sign backups.
    pub(super) fn peer_authority(&self) -> PathBuf {
        self.folder.join(&self.pki).join("peer-ca.pem")
    }

    /// Asks every node, the spare ones too, and soon gives up a silent one.
    pub(super) fn watcher(&self) -> Result<OperatorClient> {
        let identity = Identity::from_pki(&self.folder.join(&self.pki), &self.operators[0])?;
        let endpoints = self.nodes.iter().map(|node| node.endpoint.clone());
        let mut cluster = Cluster::new(endpoints, identity);
        cluster.attempt_timeout = Duration::from_millis(500);
        cluster.connect_timeout = Duration::from_millis(300);
        Ok(OperatorClient::new(cluster.connector()?))
    }

    pub(super) async fn kill(&self, nodes: &[Node]) -> Result<()> {
        self.at_each(&self.commands.kill, nodes).await
    }

    pub(super) async fn stop(&self, node: &Node) -> Result<()> {
        self.at_each(&self.commands.stop, std::slice::from_ref(node)).await
    }

    pub(super) async fn start(&self, nodes: &[Node]) -> Result<()> {
        self.at_each(&self.commands.start, nodes).await
    }

    pub(super) async fn restore(
        &self,
        node: &Node,
        backup: &Path,
        archive: &Path,
        position: u64,
    ) -> Result<()> {
        let command = self.commands.restore.as_ref();
        let command = command.context("the target file has no command `restore`")?;
        let mut variables = of_node(node);
        variables.insert("BACKUP", backup.display().to_string());
        variables.insert("ARCHIVE", archive.display().to_string());
        variables.insert("POSITION", position.to_string());
        self.run(command, &variables).await.with_context(|| format!("node {}", node.name))
    }

    pub(super) async fn isolate(&self, city: &str) -> Result<()> {
        self.run(&self.commands.isolate, &BTreeMap::from([("CITY", city.to_owned())])).await
    }

    pub(super) async fn heal(&self) -> Result<()> {
        self.run(&self.commands.heal, &BTreeMap::new()).await
    }

    async fn at_each(&self, command: &str, nodes: &[Node]) -> Result<()> {
        let each = nodes.iter().map(async |node| {
            self.run(command, &of_node(node)).await.with_context(|| format!("node {}", node.name))
        });
        try_join_all(each).await.map(|_| ())
    }

    async fn run(&self, command: &str, variables: &BTreeMap<&str, String>) -> Result<()> {
        let mut child = Command::new("sh");
        child.args(["-c", command]).current_dir(&self.folder).envs(variables);
        child.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(COMMAND_TIMEOUT, child.output()).await;
        let what = || format!("the target's command `{command}`");
        let ended = ended.with_context(|| format!("{} did not end in time", what()))?;
        let ended = ended.with_context(what)?;
        let told = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "{} ended with {}: {told}", what(), ended.status);
        Ok(())
    }
}

fn of_node(node: &Node) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("NODE_ID", node.id.to_string()),
        ("NODE_NAME", node.name.clone()),
        ("CITY", node.city.clone()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        name = "both"
        layout = "dual-city"
        pki = "pki"
        operators = ["operator-1", "operator-2"]
        officer = "registry-officer-1"
        accounts = [
            { account_id = 1, bank_id = 102 },
            { account_id = 2, bank_id = 103 },
            { account_id = 3, bank_id = 104 },
        ]
        [commands]
        kill = "echo $NODE_NAME >> killed"
        stop = "true"
        start = "echo no such node >&2; exit 3"
        isolate = "echo $CITY > isolated"
        heal = "rm isolated"
        [[nodes]]
        id = 11
        name = "sh-1"
        city = "shanghai"
        endpoint = "127.0.0.1:1"
        peer_address = "127.0.0.1:2"
        [[nodes]]
        id = 21
        name = "wh-1"
        city = "wuhan"
        endpoint = "127.0.0.1:3"
        peer_address = "127.0.0.1:4"
    "#;

    fn written(text: &str) -> (tempfile::TempDir, Result<Target>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("target.toml");
        std::fs::write(&path, text).expect("written");
        let target = Target::read(&path);
        (folder, target)
    }

    #[tokio::test]
    async fn commands_know_their_node_and_say_why_they_failed() {
        let (folder, target) = written(FILE);
        let target = target.expect("a target");
        assert_eq!(target.cities(), ["shanghai", "wuhan"]);
        assert_eq!(target.endpoints_from("wuhan"), ["127.0.0.1:3", "127.0.0.1:1"]);
        let nodes = target.members_in("wuhan");
        target.kill(&nodes).await.expect("killed");
        let killed = std::fs::read_to_string(folder.path().join("killed")).expect("a file");
        assert_eq!(killed, "wh-1\n");
        target.isolate("shanghai").await.expect("isolated");
        target.heal().await.expect("healed");
        let error = format!("{:#}", target.start(&nodes).await.expect_err("it fails"));
        assert!(error.contains("node wh-1") && error.contains("no such node"), "{error}");
    }

    #[test]
    fn a_file_that_lacks_something_is_refused() {
        for (from, to, expected) in [
            ("name = \"both\"", "", "missing field `name`"),
            ("{ account_id = 3, bank_id = 104 },", "", "3 are needed, 2 are named"),
            ("city = \"wuhan\"", "city = \"shanghai\"", "they stand in one place"),
            ("heal = ", "cure = ", "cure"),
        ] {
            let (_folder, target) = written(&FILE.replacen(from, to, 1));
            let error = format!("{:#}", target.expect_err(expected));
            assert!(error.contains(expected), "{error}");
        }
    }
}
