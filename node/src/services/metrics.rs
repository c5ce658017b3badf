//! What monitoring reads: numbers of this node in the Prometheus text format, over
//! plain HTTP at an address of their own. Nothing of the market is among them.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::alarms;
use crate::config::Config;
use crate::raft::Replica;

/// Time for one connection, whatever it asks.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at once; more wait.
const CONNECTIONS: usize = 16;

/// Opens the port; none is opened where none is configured. The task ends with the set.
pub(crate) async fn serve(config: &Arc<Config>, replica: Replica) -> io::Result<JoinSet<()>> {
    let mut task = JoinSet::new();
    if let Some(address) = config.node.metrics_listen {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            io::Error::new(error.kind(), format!("node.metrics_listen {address}: {error}"))
        })?;
        tracing::info!(%address, "metrics port open");
        task.spawn(accept(listener, Arc::clone(config), replica));
    }
    Ok(task)
}

async fn accept(listener: TcpListener, config: Arc<Config>, replica: Replica) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, for a while.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (config, replica) = (Arc::clone(&config), replica.clone());
        connections.spawn(async move {
            let answer = service_fn(|request| answered(request, &config, &replica));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            // Whoever asked is gone or too slow: the next scrape asks again.
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, served).await;
        });
    }
}

async fn answered(
    request: Request<Incoming>,
    config: &Config,
    replica: &Replica,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if request.method() == Method::GET && request.uri().path() == "/metrics" {
        *response.body_mut() = Full::from(text(config, replica).await);
        let form = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4");
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, form);
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

/// One of the numbers, in its base unit.
fn put(out: &mut String, kind: &str, name: &str, help: &str, value: f64) {
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "# HELP registry_{name} {help}\n# TYPE registry_{name} {kind}\nregistry_{name} {value}\n"
    );
}

async fn text(config: &Config, replica: &Replica) -> String {
    let raft = replica.status();
    let directory = replica.directory();
    let topology = directory.topology();
    let one_city = topology.as_ref().is_some_and(|topology| topology.one_city.is_some());
    let alarms = alarms::of(config, replica, &raft).len();
    let disk = alarms::disk(config);
    let expires_at_ms = alarms::certificate_expires_at_ms(config).unwrap_or(0);
    let applied = replica.ledger().read().await.log_index;
    let flag = |value: bool| if value { 1.0 } else { 0.0 };
    let node = &config.node;
    let mut out = format!(
        "# HELP registry_node_info This node.\n# TYPE registry_node_info gauge\n\
         registry_node_info{{cluster_id=\"{}\",node=\"{}\",city=\"{}\",layout=\"{}\",version=\"{}\"}} 1\n",
        config.cluster_id,
        node.name,
        node.city,
        config.layout.as_str(),
        env!("CARGO_PKG_VERSION"),
    );
    let quorum_age_s = raft.quorum_age.map_or(-1.0, |age| age.as_secs_f64());
    for (name, help, value) in [
        (
            "membership_as_layout",
            "0 is an alarm: the voters are not those that the ledger commands.",
            flag(raft.membership_as_layout),
        ),
        (
            "alarms",
            "What a person should look at: cluster status tells it in words.",
            alarms as f64,
        ),
        ("one_city", "1 while a commit is durable in one city only.", flag(one_city)),
        ("is_leader", "1 on the leader.", flag(raft.state == "leader")),
        ("term", "Raft term.", raft.term as f64),
        ("recovery_epoch", "Of this node.", directory.recovery_epoch() as f64),
        (
            "superseded_by_epoch",
            "Not 0: the others recovered without this node.",
            directory.superseded_by().unwrap_or(0) as f64,
        ),
        ("quorum_age_seconds", "Since a quorum was known to stand; -1 when never.", quorum_age_s),
        ("last_log_index", "Of this node's log.", raft.last_log_index as f64),
        ("applied_log_index", "Of the ledger.", applied as f64),
        ("snapshot_log_index", "Of the newest snapshot.", raft.snapshot_log_index as f64),
        ("rules_known", "Newest rules that this program applies.", f64::from(config.rules_known)),
        (
            "certificate_expiry_timestamp_seconds",
            "When the first certificate expires.",
            expires_at_ms as f64 / 1_000.0,
        ),
        ("disk_free_bytes", "For the data.", disk.map_or(0, |disk| disk.free_bytes) as f64),
        ("disk_size_bytes", "For the data.", disk.map_or(0, |disk| disk.total_bytes) as f64),
    ] {
        put(&mut out, "gauge", name, help, value);
    }
    let counters = &raft.counters;
    for (name, help, value) in [
        ("log_fsyncs_total", "Of the log.", counters.log_fsyncs as f64),
        ("log_fsync_seconds_total", "They took.", counters.log_fsync_total_us as f64 / 1e6),
        ("log_appended_entries_total", "Of the log.", counters.log_appended_entries as f64),
        ("log_appended_bytes_total", "Of the log.", counters.log_appended_bytes as f64),
        ("proposals_total", "Log entries proposed here.", counters.proposals as f64),
        ("commands_applied_total", "By the ledger.", counters.commands_applied as f64),
        ("snapshots_installed_total", "From others.", counters.snapshots_installed as f64),
        ("read_rounds_total", "For linearizable reads.", counters.read_rounds as f64),
        ("read_round_seconds_total", "They took.", counters.read_round_total_us as f64 / 1e6),
    ] {
        put(&mut out, "counter", name, help, value);
    }
    out
}
