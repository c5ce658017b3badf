//! The processes of one system, in a folder that goes with them.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use registry_chaos_tests::cluster::{Managed, signal, tail};
use tempfile::TempDir;

/// How long the processes of one system may take to end in peace.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const LOG_LINES: usize = 15;

/// Ends its processes and removes its folder when dropped.
#[derive(Debug)]
pub(crate) struct Servers {
    stop_signal: &'static str,
    processes: Vec<Managed>,
    // After the processes: fields drop in this order.
    folder: TempDir,
}

impl Servers {
    /// Nothing runs yet; `stop_signal` asks one of these servers to end at once.
    pub(crate) fn in_folder(parent: &Path, stop_signal: &'static str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("compare-")
            .tempdir_in(parent)
            .with_context(|| format!("making a folder in {}", parent.display()))?;
        Ok(Self { stop_signal, processes: Vec::new(), folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn start(
        &mut self,
        name: &str,
        program: &Path,
        arguments: &[String],
    ) -> anyhow::Result<()> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let log = self.folder().join(format!("{name}.log"));
        let process = Managed::start(name, program, &arguments, self.folder(), &log)?;
        self.processes.push(process);
        Ok(())
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(Managed::pid).collect()
    }

    /// How the first process ended, when it did.
    pub(crate) fn first_exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.processes.first_mut().context("nothing was started")?.exited()
    }

    /// Adds the last lines of every log to an error: the files go with the folder.
    pub(crate) fn explain<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        let logs = || -> String {
            self.processes.iter().map(|process| tail(process.log_path(), LOG_LINES)).collect()
        };
        result.map_err(|error| anyhow!("{error:#}\n{}", logs()))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            if matches!(process.exited(), Ok(None)) {
                // One that is gone by now needs no signal.
                let _ = signal(process.pid(), self.stop_signal);
            }
        }
        // Who does not heed the signal is killed when `processes` drops.
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline
            && self.processes.iter_mut().any(|process| matches!(process.exited(), Ok(None)))
        {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Runs a program that ends by itself.
pub(crate) async fn run(program: &Path, arguments: &[String], folder: &Path) -> anyhow::Result<()> {
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("starting {}", program.display()))?;
    if !output.status.success() {
        bail!(
            "{} {}: {}\n{}",
            program.display(),
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// `count` ports that nobody listens on, below those that the kernel gives to
/// outgoing connections.
pub(crate) fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    // Processes start their search apart, to meet rarely.
    let first = 12_000 + (std::process::id() % 7_000) as u16;
    let free: Vec<u16> = (first..20_000)
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .take(count)
        .collect();
    if free.len() < count {
        bail!("no {count} free ports from {first}");
    }
    Ok(free)
}

/// Looks for a program in the folders of `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
