//! Where the files of one test's cluster go. Configurations and logs stay
//! after the test, for whoever looks for the cause of a failure, and go when
//! it runs again.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::cluster::{ClusterPlan, Layout, RaftSection, repository_root};

/// A cluster of its own for one test, in `target/<profile>/chaos/<name>`.
///
/// # Errors
/// When the folder or its files cannot be made, or no ports are free.
pub fn plan(
    name: &str,
    layout: Layout,
    adjust: impl Fn(&mut RaftSection),
) -> anyhow::Result<ClusterPlan> {
    ClusterPlan::variant(&repository_root(), &folder(name)?, layout, adjust)
}

/// The test's folder.
///
/// # Errors
/// When the running executable cannot be located.
pub fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe().context("finding this executable")?;
    // target/<profile>/deps/<test>
    let profile = here.ancestors().nth(2).context("this executable is in no folder")?;
    Ok(profile.join("chaos").join(name))
}
