//! One process that the harness started, and must end.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::procfs::ProcessUsage;
use crate::wait::eventually;

/// A child process with its log file; killed when dropped unless detached.
#[derive(Debug)]
pub struct Managed {
    name: String,
    child: Child,
    log_path: PathBuf,
    detached: bool,
}

impl Managed {
    /// Starts `program` in `work_dir`; both its outputs are appended to `log_path`.
    ///
    /// # Errors
    /// When the log file or the process cannot be made.
    pub fn start(
        name: &str,
        program: &Path,
        arguments: &[&str],
        work_dir: &Path,
        log_path: &Path,
    ) -> anyhow::Result<Self> {
        let log = open_log(log_path)?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir(work_dir)
            // Log files are read by people in editors, and by tests.
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("sharing a log file")?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { name: name.to_owned(), child, log_path: log_path.to_owned(), detached: false })
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its outputs go.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log_path
    }

    /// Processor time and memory so far; also right for one that has exited
    /// and was not waited for yet.
    #[must_use]
    pub fn usage(&self) -> ProcessUsage {
        ProcessUsage::of(self.pid()).unwrap_or_default()
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the system refuses the question.
    pub fn exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("asking after {}", self.name))
    }

    /// SIGSTOP: the process keeps its connections and stands still.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.send("STOP")
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.send("CONT")
    }

    /// SIGKILL, and waits until the process is gone. Answers what it had used.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> anyhow::Result<ProcessUsage> {
        let used = self.usage();
        self.child.kill().with_context(|| format!("killing {}", self.name))?;
        self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        Ok(used)
    }

    /// SIGTERM, and waits until the process is gone. Answers what it had used.
    ///
    /// # Errors
    /// When the process has not ended within `timeout`, or ended with another
    /// exit code than 0.
    pub async fn terminate(&mut self, timeout: Duration) -> anyhow::Result<ProcessUsage> {
        let used = self.usage();
        self.send("TERM")?;
        // One that is stopped would never see the request.
        self.send("CONT")?;
        let what = format!("{} to end after SIGTERM", self.name);
        let status = eventually(&what, timeout, || {
            let ended = self.child.try_wait();
            async move { Ok(ended?) }
        })
        .await?;
        if !status.success() {
            bail!("{} ended with {status} after SIGTERM\n{}", self.name, tail(&self.log_path, 20));
        }
        Ok(used)
    }

    /// Lets the process outlive this one.
    pub fn detach(mut self) {
        self.detached = true;
    }

    fn send(&self, name: &str) -> anyhow::Result<()> {
        signal(self.pid(), name).with_context(|| format!("SIG{name} to {}", self.name))
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        if !self.detached && matches!(self.child.try_wait(), Ok(None)) {
            // Nothing more can be done about one that cannot be killed.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal by name to a process by id, through the shell's own `kill`:
/// it needs neither `unsafe` nor a package that may be absent.
///
/// # Errors
/// When there is no such process or it is not ours.
pub fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let script = format!("kill -{name} {pid}");
    let status = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status()?;
    if !status.success() {
        bail!("`{script}` failed");
    }
    Ok(())
}

/// Finds a program of this workspace: `variable` if set, else beside or above
/// the running executable (tests run from `target/<profile>/deps`).
///
/// # Errors
/// When there is none; says how to build it.
pub fn find_binary(name: &str, variable: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        if path.is_file() {
            return Ok(path);
        }
        bail!("{variable} names {}, which is not a file", path.display());
    }
    let here = std::env::current_exe().context("finding this executable")?;
    let beside = here
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    beside.with_context(|| {
        format!(
            "no {name} near {}: build it with `cargo build --release --workspace` or set {variable}",
            here.display()
        )
    })
}

/// How every excerpt of a log begins.
pub(crate) const TAIL_HEADING: &str = "last lines of ";
/// Of a longer line only so much is shown.
const TAIL_LINE_CHARS: usize = 400;

/// The last lines of a log file, indented, for a message.
#[must_use]
pub fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let last = &all[all.len().saturating_sub(lines)..];
    let mut out = format!("{TAIL_HEADING}{}:\n", path.display());
    for line in last {
        out.push_str("    ");
        out.extend(line.chars().take(TAIL_LINE_CHARS));
        out.push('\n');
    }
    out
}

fn open_log(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.with_context(|| format!("opening {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &Path) -> Managed {
        let log = folder.join("sleeper.log");
        Managed::start(
            "sleeper",
            Path::new("/bin/sh"),
            &["-c", "echo up; exec sleep 60"],
            folder,
            &log,
        )
        .expect("a shell starts")
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let process = sleeper(folder.path());
        let pid = process.pid();
        assert!(super::super::procfs::command_line(pid).is_some());
        drop(process);
        assert_eq!(super::super::procfs::command_line(pid), None);
    }

    #[tokio::test]
    async fn a_process_that_ignores_its_deadline_is_reported_with_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("deaf.log");
        let script = "trap '' TERM; echo deaf; while :; do sleep 1; done";
        let mut deaf =
            Managed::start("deaf", Path::new("/bin/sh"), &["-c", script], folder.path(), &log)
                .expect("a shell starts");
        eventually("the trap", Duration::from_secs(5), || async {
            Ok(tail(&log, 1).contains("    deaf").then_some(()))
        })
        .await
        .expect("the shell speaks");
        let error =
            deaf.terminate(Duration::from_millis(100)).await.expect_err("it ignores SIGTERM");
        assert!(error.to_string().contains("deaf to end"), "{error}");
        deaf.kill().expect("SIGKILL is not ignored");
    }

    #[tokio::test]
    async fn a_paused_process_still_ends_on_request() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = sleeper(folder.path());
        process.pause().expect("SIGSTOP");
        // `sleep` has no handler: it dies of the signal, which is no success.
        let error =
            process.terminate(Duration::from_secs(5)).await.expect_err("died of the signal");
        assert!(error.to_string().contains("signal: 15"), "{error}");
    }
}
