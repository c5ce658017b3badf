//! Processes that `--keep` leaves behind, and their end.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use registry_chaos_tests::cluster::{command_line, signal};
use registry_chaos_tests::wait::eventually;

const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Programs that the demonstration starts; no other process is ever ended.
const PROGRAMS: [&str; 2] = ["registry-node", "link-emulator"];

/// Writes one file per process, `pids/<name>.pid`.
pub(crate) fn record(work_dir: &Path, processes: &[(String, u32)]) -> anyhow::Result<()> {
    let folder = work_dir.join("pids");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    for (name, pid) in processes {
        let path = folder.join(format!("{name}.pid"));
        fs::write(&path, format!("{pid}\n"))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Names and ids of the recorded processes that run.
pub(crate) fn running(work_dir: &Path) -> anyhow::Result<Vec<(String, u32)>> {
    let folder = work_dir.join("pids");
    let mut running = Vec::new();
    if !folder.is_dir() {
        return Ok(running);
    }
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let pid: u32 =
            text.trim().parse().with_context(|| format!("process id in {}", path.display()))?;
        // The id may belong to another process by now.
        if is_ours(pid, work_dir) {
            running.push((name, pid));
        }
    }
    running.sort();
    Ok(running)
}

/// Ends the recorded processes; answers the names of those that ran.
pub(crate) async fn stop(work_dir: &Path) -> anyhow::Result<Vec<String>> {
    let running = running(work_dir)?;
    for (name, pid) in &running {
        signal(*pid, "TERM").with_context(|| format!("stopping {name}"))?;
    }
    for (name, pid) in &running {
        let what = format!("{name} to end");
        let ended = eventually(&what, STOP_TIMEOUT, || async {
            Ok((!is_ours(*pid, work_dir)).then_some(()))
        });
        if ended.await.is_err() {
            signal(*pid, "KILL").with_context(|| format!("stopping {name}"))?;
        }
    }
    let folder = work_dir.join("pids");
    if folder.is_dir() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(running.into_iter().map(|(name, _)| name).collect())
}

/// Whether a process is one of our programs and works in this folder.
fn is_ours(pid: u32, work_dir: &Path) -> bool {
    let Some(arguments) = command_line(pid) else { return false };
    let program = arguments
        .first()
        .map(|path| Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned());
    let works_here = fs::read_link(format!("/proc/{pid}/cwd"))
        .is_ok_and(|cwd| fs::canonicalize(work_dir).is_ok_and(|work_dir| cwd == work_dir));
    works_here && program.is_some_and(|program| PROGRAMS.contains(&program.as_str()))
}
