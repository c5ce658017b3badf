//! Where the files of one test's cluster go. Configurations and logs stay
//! after the test, for whoever looks for the cause of a failure, and go when
//! it runs again.

use std::fs;
use std::path::{Path, PathBuf};

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

/// Copies a folder with all that is in it.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for item in fs::read_dir(from)? {
        let item = item?;
        let target = to.join(item.file_name());
        match item.file_type()?.is_dir() {
            true => copy(&item.path(), &target)?,
            false => drop(fs::copy(item.path(), target)?),
        }
    }
    Ok(())
}
