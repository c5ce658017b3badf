//! A node's configuration file as the harness reads, changes and writes it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use figment::Figment;
use figment::providers::{Format as _, Toml};
use serde::Deserialize;

/// One node's file. Unknown keys are refused, so that no variant of a
/// deployed file ever drops a setting silently.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the node's own configuration documents each key")]
pub struct NodeConfig {
    pub cluster_id: String,
    pub layout: String,
    pub node: NodeSection,
    pub tls: TlsSection,
    #[serde(default)]
    pub raft: RaftSection,
    #[serde(default)]
    pub limits: LimitsSection,
    #[serde(default)]
    pub log: LogSection,
    pub members: Vec<Member>,
    #[serde(default)]
    pub dial: Vec<Dial>,
}

/// Who this node is and where it listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the node's own configuration documents each key")]
pub struct NodeSection {
    pub id: u64,
    pub name: String,
    pub city: String,
    pub data_dir: String,
    pub client_listen: SocketAddr,
    pub peer_listen: SocketAddr,
    #[serde(default)]
    pub metrics_listen: Option<SocketAddr>,
}

/// Certificates and keys, relative to the working directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the node's own configuration documents each key")]
pub struct TlsSection {
    pub client_ca: String,
    pub client_cert: String,
    pub client_key: String,
    pub peer_ca: String,
    pub peer_cert: String,
    pub peer_key: String,
}

/// Raft's timing and log keeping; absent keys leave the node's default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the node's own configuration documents each key")]
pub struct RaftSection {
    pub heartbeat_interval_ms: Option<u64>,
    pub election_timeout_min_ms: Option<u64>,
    pub election_timeout_max_ms: Option<u64>,
    pub snapshot_log_bytes: Option<u64>,
    pub snapshot_keep_entries: Option<u64>,
    pub lagging_log_bytes: Option<u64>,
    pub snapshot_rate_mb_per_s: Option<u64>,
    pub max_in_flight_batches: Option<u64>,
    pub clock_ahead_limit_ms: Option<u64>,
}

/// Bounds on what clients may send; absent keys leave the node's default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the node's own configuration documents each key")]
pub struct LimitsSection {
    pub max_message_bytes: Option<u64>,
    pub request_timeout_ms: Option<u64>,
    pub concurrent_requests_per_connection: Option<u64>,
}

/// The node's own log; absent keys leave the node's default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the node's own configuration documents each key")]
pub struct LogSection {
    pub format: Option<String>,
    pub level: Option<String>,
}

/// A member of the cluster as this node reaches it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the node's own configuration documents each key")]
pub struct Member {
    pub id: u64,
    pub name: String,
    pub city: String,
    /// As dialled from this node; a link's near end towards the other city.
    pub peer_address: SocketAddr,
    pub client_address: SocketAddr,
}

/// How this node dials a member that joined later.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the node's own configuration documents each key")]
pub struct Dial {
    pub id: u64,
    pub peer_address: SocketAddr,
}

impl NodeConfig {
    /// Reads one file.
    ///
    /// # Errors
    /// When the file is absent, malformed, or has a key this reader does not know.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Figment::from(Toml::string(&text))
            .extract()
            .with_context(|| format!("node configuration {}", path.display()))
    }

    /// The file's text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        line(&mut out, "cluster_id", &quoted(&self.cluster_id));
        line(&mut out, "layout", &quoted(&self.layout));
        let node = &self.node;
        out.push_str("\n[node]\n");
        line(&mut out, "id", &node.id.to_string());
        for (key, value) in
            [("name", &node.name), ("city", &node.city), ("data_dir", &node.data_dir)]
        {
            line(&mut out, key, &quoted(value));
        }
        line(&mut out, "client_listen", &quoted(&node.client_listen.to_string()));
        line(&mut out, "peer_listen", &quoted(&node.peer_listen.to_string()));
        if let Some(metrics) = node.metrics_listen {
            line(&mut out, "metrics_listen", &quoted(&metrics.to_string()));
        }
        let tls = &self.tls;
        out.push_str("\n[tls]\n");
        for (key, value) in [
            ("client_ca", &tls.client_ca),
            ("client_cert", &tls.client_cert),
            ("client_key", &tls.client_key),
            ("peer_ca", &tls.peer_ca),
            ("peer_cert", &tls.peer_cert),
            ("peer_key", &tls.peer_key),
        ] {
            line(&mut out, key, &quoted(value));
        }
        let (raft, limits, log) = (&self.raft, &self.limits, &self.log);
        out.push_str("\n[raft]\n");
        for (key, value) in [
            ("heartbeat_interval_ms", raft.heartbeat_interval_ms),
            ("election_timeout_min_ms", raft.election_timeout_min_ms),
            ("election_timeout_max_ms", raft.election_timeout_max_ms),
            ("snapshot_log_bytes", raft.snapshot_log_bytes),
            ("snapshot_keep_entries", raft.snapshot_keep_entries),
            ("lagging_log_bytes", raft.lagging_log_bytes),
            ("snapshot_rate_mb_per_s", raft.snapshot_rate_mb_per_s),
            ("max_in_flight_batches", raft.max_in_flight_batches),
            ("clock_ahead_limit_ms", raft.clock_ahead_limit_ms),
        ] {
            number(&mut out, key, value);
        }
        out.push_str("\n[limits]\n");
        for (key, value) in [
            ("max_message_bytes", limits.max_message_bytes),
            ("request_timeout_ms", limits.request_timeout_ms),
            ("concurrent_requests_per_connection", limits.concurrent_requests_per_connection),
        ] {
            number(&mut out, key, value);
        }
        out.push_str("\n[log]\n");
        for (key, value) in [("format", &log.format), ("level", &log.level)] {
            if let Some(value) = value {
                line(&mut out, key, &quoted(value));
            }
        }
        for member in &self.members {
            out.push_str("\n[[members]]\n");
            line(&mut out, "id", &member.id.to_string());
            line(&mut out, "name", &quoted(&member.name));
            line(&mut out, "city", &quoted(&member.city));
            line(&mut out, "peer_address", &quoted(&member.peer_address.to_string()));
            line(&mut out, "client_address", &quoted(&member.client_address.to_string()));
        }
        for dial in &self.dial {
            out.push_str("\n[[dial]]\n");
            line(&mut out, "id", &dial.id.to_string());
            line(&mut out, "peer_address", &quoted(&dial.peer_address.to_string()));
        }
        out
    }
}

fn number(out: &mut String, key: &str, value: Option<u64>) {
    if let Some(value) = value {
        line(out, key, &value.to_string());
    }
}

pub(super) fn line(out: &mut String, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{key} = {value}");
}

/// A JSON string is a TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
