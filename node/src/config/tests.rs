#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError, Layout};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn node_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ["shanghai", "wuhan"]
        .into_iter()
        .flat_map(|city| std::fs::read_dir(deploy().join(city)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_deployed_file_loads_and_describes_the_same_cluster() {
    let configs: Vec<Config> =
        node_files().iter().map(|path| Config::load(path).expect("a file of deploy/")).collect();
    assert_eq!(configs.len(), 6);
    let cities = [("shanghai".into(), vec![11, 12, 13]), ("wuhan".into(), vec![21, 22, 23])];
    for config in &configs {
        assert_eq!(config.layout, Layout::DualCity);
        assert_eq!(config.cities(), cities);
        assert_eq!(config.cluster_id, configs[0].cluster_id);
        for member in &config.members {
            let theirs = configs.iter().find(|c| c.node.id == member.id).unwrap();
            assert_eq!(member.name, theirs.node.name);
            assert_eq!(member.city, theirs.node.city);
            assert_eq!(member.client_address, theirs.node.client_listen.to_string());
            // Inside a city the address is the real one, across cities a link's near end.
            let direct = member.peer_address == theirs.node.peer_listen.to_string();
            assert_eq!(direct, member.city == config.node.city, "{}", member.name);
        }
    }
}

#[test]
fn a_bad_value_is_refused_with_its_key() {
    let good = std::fs::read_to_string(deploy().join("shanghai/sh-1.toml")).unwrap();
    // What to replace, with what, the key that the error names.
    let cases = [
        ("layout = \"dual-city\"", "layout = \"single-city\"", "layout"),
        ("cluster_id = \"carbon-registry-demo\"", "cluster_id = \"a b\"", "cluster_id"),
        ("id = 11", "id = 99", "node.id"),
        ("name = \"sh-1\"", "name = \"sh-9\"", "node.name"),
        ("city = \"shanghai\"", "city = \"wuhan\"", "node.city"),
        ("data_dir = \"data/sh-1\"", "data_dir = \"\"", "node.data_dir"),
        (
            "peer_listen = \"127.0.0.1:7211\"",
            "peer_listen = \"127.0.0.1:7111\"",
            "node.peer_listen",
        ),
        ("id = 12", "id = 11", "members[1].id"),
        ("name = \"sh-2\"", "name = \"sh-1\"", "members[1].name"),
        ("\"127.0.0.1:7212\"", "\"127.0.0.1:7213\"", "members[2].peer_address"),
        ("\"127.0.0.1:7212\"", "\"127.0.0.1\"", "members[1].peer_address"),
        ("\"127.0.0.1:7112\"", "\"127.0.0.1:0\"", "members[1].client_address"),
        (
            "heartbeat_interval_ms = 200",
            "heartbeat_interval_ms = 1000",
            "raft.election_timeout_min_ms",
        ),
        ("heartbeat_interval_ms = 200", "heartbeat_interval_ms = 0", "raft.heartbeat_interval_ms"),
        ("timeout_max_ms = 900", "timeout_max_ms = 450", "raft.election_timeout_max_ms"),
        ("max_in_flight_batches = 16", "max_in_flight_batches = 0", "raft.max_in_flight_batches"),
        ("max_message_bytes = 1048576", "max_message_bytes = 1", "limits.max_message_bytes"),
        ("level = \"info\"", "level = \"a=b=c\"", "log.level"),
    ];
    for (from, to, expected) in cases {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from} is not in the file");
        match load(&text) {
            Err(ConfigError::Invalid { key, .. }) => assert_eq!(key, expected, "{to}"),
            other => panic!("{to}: expected {expected} to be refused, got {other:?}"),
        }
    }
}

#[test]
fn what_does_not_parse_is_refused_with_its_key() {
    let good = std::fs::read_to_string(deploy().join("shanghai/sh-1.toml")).unwrap();
    let cases = [
        ("format = \"text\"", "formt = \"text\"", "formt"),
        ("format = \"text\"", "format = \"xml\"", "log.format"),
        ("layout = \"dual-city\"", "layout = \"triple\"", "layout"),
        ("cluster_id = ", "cluster = ", "cluster"),
        ("client_listen = \"127.0.0.1:7111\"", "client_listen = \"here\"", "node.client_listen"),
        ("peer_key = ", "peer_kay = ", "peer_kay"),
        ("heartbeat_interval_ms = 200", "heartbeat_interval_ms = -1", "raft.heartbeat_interval_ms"),
    ];
    for (from, to, expected) in cases {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from} is not in the file");
        let error = load(&text).expect_err(to).to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn sections_with_defaults_may_be_left_out() {
    let good = std::fs::read_to_string(deploy().join("shanghai/sh-1.toml")).unwrap();
    let start = good.find("[raft]").unwrap();
    let end = good.find("[[members]]").unwrap();
    let config = load(&format!("{}{}", &good[..start], &good[end..])).unwrap();
    assert_eq!(config.raft.election_timeout_max_ms, 900);
    assert_eq!(config.limits.max_message_bytes, 1 << 20);
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(&path)
}
