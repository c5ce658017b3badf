//! How long a node takes to serve again with the whole day in its books.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use registry_chaos_tests::wait::eventually;
use serde::Serialize;

use crate::bed::Bed;
use crate::measure::rounded;
use crate::report::say;
use crate::target::{self, Target};

/// Far above what is to be reached, so that a slow start is a figure and no failure.
const READY_TIMEOUT: Duration = Duration::from_secs(180);

/// One end of a node and its new start.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Restart {
    /// The signal that ended it.
    pub(crate) after: &'static str,
    pub(crate) node: String,
    /// From the signal to the end of the process.
    pub(crate) stop_s: f64,
    /// From its start until it knows the leader, has the membership of the
    /// layout and has applied all that the leader had.
    pub(crate) ready_s: f64,
    #[serde(flatten)]
    pub(crate) target: Target,
}

/// Ends the same follower by force, as it stands after the day, and by
/// request. Its files are in the system's cache both times.
pub(crate) async fn both(bed: &mut Bed) -> anyhow::Result<Vec<Restart>> {
    let leader = bed.cluster.leader().await?.node_id;
    let follower = bed.cluster.node_ids().into_iter().find(|id| *id != leader);
    let follower = follower.context("no follower")?;

    let began = Instant::now();
    bed.cluster.kill(follower)?;
    let killed = start_again(bed, follower, "SIGKILL", began.elapsed()).await?;
    let began = Instant::now();
    bed.cluster.stop(follower).await?;
    let terminated = start_again(bed, follower, "SIGTERM", began.elapsed()).await?;
    Ok(vec![killed, terminated])
}

async fn start_again(
    bed: &mut Bed,
    id: u64,
    after: &'static str,
    stop: Duration,
) -> anyhow::Result<Restart> {
    let log_index = bed.cluster.leader().await?.applied_log_index;
    let began = Instant::now();
    bed.cluster.restart_within(id, READY_TIMEOUT).await?;
    let (operator, endpoint) = (bed.cluster.operator()?, bed.cluster.endpoint(id)?);
    let what = format!("node {id} to serve and to have caught up");
    let ready = eventually(&what, READY_TIMEOUT, || async {
        let status = operator.status(&endpoint, 0).await?;
        // What the node's health service asks of itself, and the log.
        let serves = status.leader_id != 0 && status.membership_as_layout;
        let caught_up = status.applied_log_index >= log_index;
        Ok((serves && caught_up).then_some(status))
    });
    let status = bed.cluster.with_logs(ready.await)?;
    let ready_s = rounded(began.elapsed().as_secs_f64());
    say(&format!(
        "  {} serves {ready_s:.1} s after its start that followed {after}",
        status.node_name
    ))?;
    Ok(Restart {
        after,
        node: status.node_name,
        stop_s: rounded(stop.as_secs_f64()),
        ready_s,
        target: target::restart(ready_s),
    })
}
