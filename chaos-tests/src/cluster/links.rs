//! The links between the cities as a process of their own, for clusters whose
//! links must outlive this process or whose processor time is counted apart.

use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::plan::ClusterPlan;
use super::process::{Managed, find_binary, tail};
use super::running::log_path;
use crate::link::LinkControl;
use crate::wait::eventually;

const NAME: &str = "link-emulator";
const CONTROL: &str = "links.sock";
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Changes the links that [`start_links`] started for a cluster.
#[must_use]
pub fn link_control(plan: &ClusterPlan) -> LinkControl {
    LinkControl::at(&plan.work_dir().join(CONTROL))
}

/// Starts the link emulator for a cluster's nodes and waits until it listens.
///
/// # Errors
/// When it is not built, ends early or does not listen in time.
pub async fn start_links(plan: &ClusterPlan, rtt_ms: u64) -> anyhow::Result<Managed> {
    let binary = find_binary(NAME, "LINK_EMULATOR_BIN")?;
    let rtt_ms = rtt_ms.to_string();
    let configs: Vec<String> =
        plan.config_paths().map(|path| path.to_string_lossy().into_owned()).collect();
    // Relative to the working directory: a socket's path has to be short.
    let mut arguments = vec!["--rtt-ms", &rtt_ms, "--control", CONTROL];
    arguments.extend(configs.iter().map(String::as_str));
    let log = log_path(plan.work_dir(), NAME);
    let mut links = Managed::start(NAME, &binary, &arguments, plan.work_dir(), &log)?;
    let ready = eventually("the links to listen", START_TIMEOUT, || {
        let exited = links.exited();
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        async move {
            if let Some(status) = exited? {
                return Ok(Some(Err(anyhow!("the link emulator ended with {status}"))));
            }
            Ok(said.lines().any(|line| line == "ready").then_some(Ok(())))
        }
    });
    ready.await.and_then(|outcome| outcome).with_context(|| tail(&log, 10))?;
    Ok(links)
}
