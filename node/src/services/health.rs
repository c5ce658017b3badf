//! The standard health service: a node serves when its cluster is formed, its
//! membership is as the layout says and it knows a leader. A copy never serves.

use std::time::Duration;

use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::raft::Replica;

/// How often the state is looked at; well below an election timeout.
const INTERVAL: Duration = Duration::from_millis(200);

/// Keeps the reporter as the node is, until dropped.
pub(super) async fn report(replica: Replica, reporter: HealthReporter, services: &[&str]) {
    let mut interval = tokio::time::interval(INTERVAL);
    let mut reported = None;
    loop {
        interval.tick().await;
        let serving = replica.is_serving();
        // Watchers are told of changes only.
        if reported != Some(serving) {
            reported = Some(serving);
            set(&reporter, services, serving).await;
            tracing::info!(serving, "health changed");
        }
    }
}

/// Tells every service's health.
pub(super) async fn set(reporter: &HealthReporter, services: &[&str], serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    // The empty name is the whole node.
    reporter.set_service_status("", status).await;
    for service in services {
        reporter.set_service_status(service, status).await;
    }
}
