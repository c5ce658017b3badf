//! What a configuration must satisfy before a node starts on it.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::{Config, ConfigError, Layout};

impl Config {
    /// Checks every value once.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        name("cluster_id", &self.cluster_id)?;
        self.check_members()?;
        self.check_own_entry()?;
        self.check_layout()?;
        self.check_dial()?;
        self.check_raft()?;
        self.check_limits()?;
        if self.log.level.parse::<tracing_subscriber::EnvFilter>().is_err() {
            return invalid("log.level", &self.log.level, "use error, warn, info, debug or trace");
        }
        Ok(())
    }

    fn check_members(&self) -> Result<(), ConfigError> {
        let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
        let (mut peers, mut clients) = (BTreeSet::new(), BTreeSet::new());
        for (i, member) in self.members.iter().enumerate() {
            let key = |field: &str| format!("members[{i}].{field}");
            name(&key("name"), &member.name)?;
            name(&key("city"), &member.city)?;
            if member.id == 0 {
                return invalid(key("id"), member.id, "give every member an id greater than 0");
            }
            if !ids.insert(member.id) {
                return invalid(key("id"), member.id, "used twice; ids are unique");
            }
            if !names.insert(&member.name) {
                return invalid(key("name"), &member.name, "used twice; names are unique");
            }
            for (field, address, seen) in [
                ("peer_address", &member.peer_address, &mut peers),
                ("client_address", &member.client_address, &mut clients),
            ] {
                if !is_host_and_port(address) {
                    return invalid(key(field), address, "write host:port, port 1 to 65535");
                }
                if !seen.insert(address) {
                    return invalid(key(field), address, "used twice; two members cannot share it");
                }
            }
        }
        Ok(())
    }

    fn check_own_entry(&self) -> Result<(), ConfigError> {
        let node = &self.node;
        let Some(own) = self.member(node.id) else {
            return invalid("node.id", node.id, "add an entry with this id to members");
        };
        if own.name != node.name {
            return invalid("node.name", &node.name, "members has another name under node.id");
        }
        if own.city != node.city {
            return invalid("node.city", &node.city, "members has another city under node.id");
        }
        if node.data_dir.as_os_str().is_empty() {
            return invalid("node.data_dir", "\"\"", "name a folder of this node alone");
        }
        if node.client_listen == node.peer_listen {
            return invalid(
                "node.peer_listen",
                node.peer_listen,
                "same as client_listen; clients and peers have a port each",
            );
        }
        let ports = [node.client_listen, node.peer_listen];
        if let Some(listen) = node.metrics_listen.filter(|listen| ports.contains(listen)) {
            return invalid("node.metrics_listen", listen, "monitoring has a port of its own");
        }
        Ok(())
    }

    fn check_layout(&self) -> Result<(), ConfigError> {
        let cities = self.cities().len();
        match self.layout {
            Layout::DualCity if cities != 2 => {
                invalid("layout", self.layout.as_str(), "members must stand in exactly two cities")
            }
            Layout::SingleCity if cities != 1 => {
                invalid("layout", self.layout.as_str(), "members must all stand in one city")
            }
            Layout::Witnessed if !self.has_witness() => invalid(
                "layout",
                self.layout.as_str(),
                "members must stand in two cities and, one alone, in a third place",
            ),
            Layout::DualCity | Layout::Witnessed | Layout::SingleCity => Ok(()),
        }
    }

    /// Whether one of exactly three places has one node, and it alone.
    fn has_witness(&self) -> bool {
        let cities = self.cities();
        cities.len() == 3 && cities.iter().filter(|(_, nodes)| nodes.len() == 1).count() == 1
    }

    fn check_dial(&self) -> Result<(), ConfigError> {
        let mut ids = BTreeSet::new();
        for (i, dial) in self.dial.iter().enumerate() {
            if !ids.insert(dial.id) {
                return invalid(format!("dial[{i}].id"), dial.id, "used twice; ids are unique");
            }
            if !is_host_and_port(&dial.peer_address) {
                let key = format!("dial[{i}].peer_address");
                return invalid(key, &dial.peer_address, "write host:port, port 1 to 65535");
            }
        }
        Ok(())
    }

    fn check_raft(&self) -> Result<(), ConfigError> {
        let raft = &self.raft;
        within("raft.heartbeat_interval_ms", raft.heartbeat_interval_ms, 10, 10_000)?;
        within("raft.election_timeout_max_ms", raft.election_timeout_max_ms, 1, 120_000)?;
        if raft.heartbeat_interval_ms >= raft.election_timeout_min_ms {
            return invalid(
                "raft.election_timeout_min_ms",
                raft.election_timeout_min_ms,
                "must be greater than heartbeat_interval_ms, better five times as great",
            );
        }
        if raft.election_timeout_min_ms >= raft.election_timeout_max_ms {
            return invalid(
                "raft.election_timeout_max_ms",
                raft.election_timeout_max_ms,
                "must be greater than election_timeout_min_ms, or candidates collide",
            );
        }
        within("raft.snapshot_log_bytes", raft.snapshot_log_bytes, 1_024, 1 << 40)?;
        within("raft.snapshot_keep_entries", raft.snapshot_keep_entries, 1, 10_000_000)?;
        within("raft.lagging_log_bytes", raft.lagging_log_bytes, 0, 1 << 40)?;
        within("raft.snapshot_rate_mb_per_s", raft.snapshot_rate_mb_per_s, 0, 100_000)?;
        within("raft.max_in_flight_batches", raft.max_in_flight_batches as u64, 1, 1_024)?;
        within("raft.clock_ahead_limit_ms", raft.clock_ahead_limit_ms, 100, 3_600_000)
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        let concurrent = u64::from(limits.concurrent_requests_per_connection);
        within("limits.max_message_bytes", limits.max_message_bytes as u64, 4_096, 64 << 20)?;
        within("limits.request_timeout_ms", limits.request_timeout_ms, 100, 600_000)?;
        within("limits.concurrent_requests_per_connection", concurrent, 1, 100_000)
    }
}

fn within(key: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    invalid(key, format!("{value} (allowed: {least} to {most})"), "outside the range that works")
}

fn name(key: &str, value: &str) -> Result<(), ConfigError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (1..=64).contains(&value.len()) && value.bytes().all(plain) {
        return Ok(());
    }
    invalid(key, format!("{value:?}"), "use 1 to 64 characters of A-Z, a-z, 0-9, '-' and '_'")
}

fn is_host_and_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        let port = port.parse::<u16>().is_ok_and(|port| port > 0);
        let host_characters = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        port && !host.is_empty() && host.bytes().all(host_characters)
    })
}

fn invalid<T>(
    key: impl Into<String>,
    value: impl Display,
    problem: &'static str,
) -> Result<T, ConfigError> {
    Err(ConfigError::Invalid { key: key.into(), value: value.to_string(), problem })
}
