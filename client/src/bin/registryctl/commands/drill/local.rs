//! A cluster on this machine that lives as long as a drill: the program `demo` starts
//! and ends it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::Command;

use super::target::Target;
use crate::exit::Usage;

const PROGRAM: &str = "demo";
/// Names another program, for tests.
const PROGRAM_VARIABLE: &str = "REGISTRY_DEMO_BIN";
const START_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Ended at the latest when it is dropped.
pub(super) struct Local {
    folder: PathBuf,
    stopped: bool,
}

impl Local {
    pub(super) async fn start(layout: &str, rtt_ms: u64, folder: &Path) -> Result<Self> {
        let local = Self { folder: folder.to_owned(), stopped: false };
        let rtt_ms = rtt_ms.to_string();
        local.told(&["cluster", "--layout", layout, "--rtt-ms", &rtt_ms], START_TIMEOUT).await?;
        Ok(local)
    }

    pub(super) fn target(&self) -> Result<Target> {
        Target::read(&self.folder.join("drill-target.toml"))
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        self.stopped = true;
        self.told(&["stop"], STOP_TIMEOUT).await
    }

    async fn told(&self, arguments: &[&str], timeout: Duration) -> Result<()> {
        let what = || format!("`{PROGRAM} {}`", arguments.join(" "));
        let mut child = Command::new(program()?);
        child.args(self.with_folder(arguments)).stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(timeout, child.output()).await;
        let ended = ended.with_context(|| format!("{} did not end in time", what()))?;
        let ended = ended.with_context(what)?;
        let told = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "{} ended with {}: {told}", what(), ended.status);
        Ok(())
    }

    fn with_folder(&self, arguments: &[&str]) -> Vec<OsString> {
        let mut all: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        all.extend(["--work-dir".into(), self.folder.clone().into_os_string()]);
        all
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if self.stopped {
            return;
        }
        let Ok(program) = program() else { return };
        let ended = std::process::Command::new(program)
            .args(self.with_folder(&["stop"]))
            .stdin(Stdio::null())
            .output();
        if !ended.is_ok_and(|ended| ended.status.success()) {
            eprintln!("the local cluster in {} may still run", self.folder.display());
        }
    }
}

/// Beside this program.
fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(PROGRAM_VARIABLE) {
        return Ok(named.into());
    }
    let own = std::env::current_exe().context("finding this program")?;
    let beside = own.with_file_name(PROGRAM);
    if !beside.is_file() {
        bail!(Usage(format!(
            "a local cluster is started by the program {PROGRAM:?}, which is not beside this one: \
             build it with `make build`, or name a cluster with --target"
        )));
    }
    Ok(beside)
}
