//! The node's configuration: one TOML file, overridden by `REGISTRY__SECTION__KEY`.
//!
//! The only reader of file and environment. Unknown keys are refused, and the
//! whole is checked once, so that the rest of the node never doubts it.

mod check;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use serde::Deserialize;

/// Everything a node is told before it starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name that every peer call carries; the same on every member, for life.
    pub cluster_id: String,
    /// How the members form quorums.
    pub layout: Layout,
    /// This node.
    pub node: NodeConfig,
    /// Certificates and keys of both ports.
    pub tls: TlsConfig,
    /// Timing and sizes of the consensus.
    #[serde(default)]
    pub raft: RaftConfig,
    /// Bounds on what clients may use.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// What the process writes about itself.
    #[serde(default)]
    pub log: LogConfig,
    /// Every member that the cluster is formed with, this node included.
    pub members: Vec<MemberConfig>,
    /// How this node reaches members that joined later, where that is not at the
    /// address that the ledger has of them.
    #[serde(default)]
    pub dial: Vec<DialConfig>,
    /// Newest version of the ledger's rules that this node applies. No key of the
    /// file: the program's own, unless `--rules-up-to` rehearses an upgrade.
    #[serde(skip, default = "rules_known")]
    pub rules_known: u32,
    /// How far this node's clock is put forward. No key of the file: 0, unless
    /// `--clock-offset-ms` rehearses a wrong clock.
    #[serde(skip)]
    pub clock_offset_ms: i64,
}

fn rules_known() -> u32 {
    registry_ledger::RULES_KNOWN
}

/// How the members form quorums.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Every commit needs a majority in each of two cities.
    DualCity,
    /// Two cities and one node in a third place; a majority of all of them.
    Witnessed,
    /// One set of voters in one city; for comparison runs.
    SingleCity,
}

/// Who this node is and where it listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Raft id, greater than 0, never reused.
    pub id: u64,
    /// Name for people, e.g. `sh-1`.
    pub name: String,
    /// The city it stands in, e.g. `shanghai`.
    pub city: String,
    /// Folder of the log and the ledger; nothing else may live there.
    pub data_dir: PathBuf,
    /// Address of the client port.
    pub client_listen: SocketAddr,
    /// Address at which monitoring reads numbers, over plain HTTP; none without.
    #[serde(default)]
    pub metrics_listen: Option<SocketAddr>,
    /// Address of the peer port.
    pub peer_listen: SocketAddr,
}

/// PEM files, relative to the working directory. There is no plaintext mode.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Authority of the client port.
    pub client_ca: PathBuf,
    /// This node's certificate on the client port.
    pub client_cert: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
    /// Authority of the peer port.
    pub peer_ca: PathBuf,
    /// This node's certificate on the peer port.
    pub peer_cert: PathBuf,
    /// Its key.
    pub peer_key: PathBuf,
}

/// Timing and sizes of the consensus.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RaftConfig {
    /// How often a leader speaks up. Default 200.
    pub heartbeat_interval_ms: u64,
    /// A node stands for election so long, at least, after nobody is bound to the silent
    /// leader any more. Default 450.
    pub election_timeout_min_ms: u64,
    /// The same at most; and so long everybody is bound to a leader that has become silent.
    /// Default 900.
    pub election_timeout_max_ms: u64,
    /// Log bytes after which a snapshot is taken. Default 268,435,456.
    pub snapshot_log_bytes: u64,
    /// Log entries kept after a snapshot for members that lag. Default 4,096.
    pub snapshot_keep_entries: u64,
    /// Log bytes kept at most for members that lag or are being sent a
    /// snapshot; beyond it they are sent a snapshot again. 0 waits for nobody. Default 1,073,741,824.
    pub lagging_log_bytes: u64,
    /// Rate at which a snapshot is sent while entries are written, in millions
    /// of bytes; otherwise, and with 0 always, as fast as it goes. Default 50.
    pub snapshot_rate_mb_per_s: u64,
    /// Log entries that the leader has proposed and not yet seen applied. Default 16.
    pub max_in_flight_batches: usize,
    /// How far a leader's clock may run ahead of most other voters'. Default 10,000.
    pub clock_ahead_limit_ms: u64,
}

/// Bounds on what clients may use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Largest message taken on the client port. Default 1,048,576.
    pub max_message_bytes: usize,
    /// Time for one answer; after it a write's outcome is unknown. Default 10,000.
    pub request_timeout_ms: u64,
    /// Calls that one connection may have open. Default 512.
    pub concurrent_requests_per_connection: u32,
}

/// What the process writes about itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Lines for people or for machines. Default `text`.
    pub format: LogFormat,
    /// A level, or directives such as `info,registry_node=debug`. Default `info`.
    pub level: String,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text per event.
    Text,
    /// One JSON object per event.
    Json,
}

/// One member of the cluster as this node reaches it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberConfig {
    /// Raft id.
    pub id: u64,
    /// Name for people.
    pub name: String,
    /// The city it stands in.
    pub city: String,
    /// `host:port` of its peer port as dialled from this node; may be a link's near end.
    pub peer_address: String,
    /// `host:port` of its client port, told to clients that look for the leader.
    pub client_address: String,
}

/// How this node reaches one member.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialConfig {
    /// Raft id.
    pub id: u64,
    /// `host:port` of its peer port as dialled from this node.
    pub peer_address: String,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, a missing key or a value of the wrong type.
    #[error("the configuration {path} does not parse: {source}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Names the key.
        source: Box<figment::Error>,
    },
    /// A value that cannot work.
    #[error("{key} = {value}: {problem}")]
    Invalid {
        /// The key, e.g. `raft.heartbeat_interval_ms`.
        key: String,
        /// The value found.
        value: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
}

impl Config {
    /// Reads and checks `path` with the overrides of the environment.
    ///
    /// # Errors
    /// The error names the key, its value and what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = Figment::from(Toml::string(&text))
            .merge(Env::prefixed("REGISTRY__").split("__"))
            .extract()
            .map_err(|source| ConfigError::Parse {
                path: path.to_owned(),
                source: Box::new(source),
            })?;
        config.check()?;
        Ok(config)
    }

    /// The member with this id.
    #[must_use]
    pub fn member(&self, id: u64) -> Option<&MemberConfig> {
        self.members.iter().find(|member| member.id == id)
    }

    /// Each city's name and member ids, cities in order of name, ids ascending.
    #[must_use]
    pub fn cities(&self) -> Vec<(String, Vec<u64>)> {
        let names: BTreeSet<&str> = self.members.iter().map(|m| m.city.as_str()).collect();
        names
            .into_iter()
            .map(|city| {
                let mut ids: Vec<u64> =
                    self.members.iter().filter(|m| m.city == city).map(|m| m.id).collect();
                ids.sort_unstable();
                (city.to_owned(), ids)
            })
            .collect()
    }
}

impl Layout {
    /// The name in configuration, log and status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DualCity => "dual-city",
            Self::Witnessed => "witnessed",
            Self::SingleCity => "single-city",
        }
    }
}

impl LimitsConfig {
    /// `request_timeout_ms` as a duration.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
}

impl Default for RaftConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval_ms: 200,
            election_timeout_min_ms: 450,
            election_timeout_max_ms: 900,
            snapshot_log_bytes: 256 * 1024 * 1024,
            snapshot_keep_entries: 4_096,
            lagging_log_bytes: 1024 * 1024 * 1024,
            snapshot_rate_mb_per_s: 50,
            max_in_flight_batches: 16,
            clock_ahead_limit_ms: 10_000,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_message_bytes: 1024 * 1024,
            request_timeout_ms: 10_000,
            concurrent_requests_per_connection: 512,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

#[cfg(test)]
mod tests;
