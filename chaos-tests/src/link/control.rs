//! Links that run in another process, changed while they run: one JSON object
//! per line and answer over a Unix socket.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::command::Command;
use super::counts::RouteReport;
use super::emulator::LinkEmulator;

/// A command that names every node of a large cluster is far shorter.
const MAX_REQUEST_BYTES: u64 = 64 << 10;
/// A report of some thousand routes is shorter.
const MAX_REPLY_BYTES: u64 = 4 << 20;

/// One line to the emulator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Asks for every route's state and counts.
    Report,
    /// Does this; the answer says to how many routes.
    #[serde(untagged)]
    Apply(Command),
}

/// One line back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Every route.
    Report(Vec<RouteReport>),
    /// How many routes a command chose; none is nearly always a mistake.
    Routes(usize),
    /// Why nothing was done.
    Refused(String),
}

/// Listens for commands at a path; what lies there from an earlier run goes.
///
/// # Errors
/// When another process listens there, or the path cannot be a socket.
pub async fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        bail!("another process takes link commands at {}", path.display());
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    UnixListener::bind(path)
        .with_context(|| format!("listening for link commands at {}", path.display()))
}

/// Does what arrives until aborted.
pub async fn serve(links: Arc<LinkEmulator>, listener: UnixListener) {
    // Aborting this task ends its connections.
    let mut callers = tokio::task::JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let links = Arc::clone(&links);
                callers.spawn(async move {
                    if let Err(error) = answer(&links, stream).await {
                        tracing::debug!(%error, "link control connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::error!(%error, "link commands can no longer be taken");
                return;
            }
        }
        while callers.try_join_next().is_some() {}
    }
}

async fn answer(links: &LinkEmulator, stream: UnixStream) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(line) = next_line(&mut read, MAX_REQUEST_BYTES).await? {
        let reply = match serde_json::from_str(&line) {
            Ok(Request::Report) => Reply::Report(links.report()),
            Ok(Request::Apply(command)) => {
                tracing::info!(?command, "links change");
                Reply::Routes(links.apply(&command))
            }
            Err(error) => Reply::Refused(format!("{line:?} is no link command: {error}")),
        };
        let mut text = serde_json::to_string(&reply)?;
        text.push('\n');
        write.write_all(text.as_bytes()).await?;
    }
    Ok(())
}

async fn next_line(
    read: &mut (impl tokio::io::AsyncBufRead + Unpin),
    max_bytes: u64,
) -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    read.take(max_bytes).read_line(&mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some('\n') {
        bail!("a line did not end within {max_bytes} bytes, or was cut off");
    }
    Ok(Some(line))
}

/// An emulator in another process.
#[derive(Clone, Debug)]
pub struct LinkControl {
    path: PathBuf,
}

impl LinkControl {
    /// The emulator that was started with `--control path`.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Sends one line and reads the answer.
    ///
    /// # Errors
    /// When nobody listens or the answer is malformed.
    pub async fn send(&self, request: &str) -> anyhow::Result<String> {
        let why = || format!("link emulator at {}", self.path.display());
        let mut stream = UnixStream::connect(&self.path).await.with_context(why)?;
        stream.write_all(format!("{}\n", request.trim_end()).as_bytes()).await.with_context(why)?;
        let reply = next_line(&mut BufReader::new(stream), MAX_REPLY_BYTES).await;
        reply.with_context(why)?.with_context(|| format!("{}: no answer", why()))
    }

    async fn call(&self, request: &Request) -> anyhow::Result<Reply> {
        let reply = self.send(&serde_json::to_string(request)?).await?;
        serde_json::from_str(&reply).with_context(|| format!("link emulator answered {reply:?}"))
    }
}

/// The links of a cluster, wherever they are emulated.
#[derive(Debug)]
pub enum Links {
    /// In this process.
    Own(Arc<LinkEmulator>),
    /// In another one.
    Other(LinkControl),
}

impl Links {
    /// Does what a command says; answers how many routes it chose.
    ///
    /// # Errors
    /// When the other process does not answer or refuses.
    pub async fn apply(&self, command: &Command) -> anyhow::Result<usize> {
        match self {
            Self::Own(links) => Ok(links.apply(command)),
            Self::Other(control) => match control.call(&Request::Apply(command.clone())).await? {
                Reply::Routes(count) => Ok(count),
                other => bail!("the link emulator answered {other:?}"),
            },
        }
    }

    /// Several commands, in order; answers how many routes they chose.
    ///
    /// # Errors
    /// As [`Links::apply`]; those before the failed one have been done.
    pub async fn apply_all(&self, commands: &[Command]) -> anyhow::Result<usize> {
        let mut chosen = 0;
        for command in commands {
            chosen += self.apply(command).await?;
        }
        Ok(chosen)
    }

    /// Each route's state, and what it carried and did since the start.
    ///
    /// # Errors
    /// When the other process does not answer.
    pub async fn report(&self) -> anyhow::Result<Vec<RouteReport>> {
        match self {
            Self::Own(links) => Ok(links.report()),
            Self::Other(control) => match control.call(&Request::Report).await? {
                Reply::Report(routes) => Ok(routes),
                other => bail!("the link emulator answered {other:?}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_manual_are_read_as_what_they_say() {
        let manual = include_str!("../../../docs/links.md");
        let lines: Vec<&str> = manual.lines().filter(|line| line.starts_with(['{', '"'])).collect();
        assert!(lines.len() >= 7, "{lines:?}");
        for line in &lines {
            let request: Request = serde_json::from_str(line).expect("the manual's line");
            let again = serde_json::to_string(&request).expect("JSON");
            assert_eq!(serde_json::from_str::<Request>(&again).expect("its own line"), request);
        }
        let slow: Request = serde_json::from_str(
            r#"{"shape":{"from":{"city":"shanghai"},"to":{"ids":[21]},"shape":{"bytes_per_s":4096}}}"#,
        )
        .expect("a command");
        let shape = super::super::Shape { bytes_per_s: Some(4096), ..Default::default() };
        let from = "shanghai".into();
        assert_eq!(slow, Request::Apply(Command::Shape { from, to: 21.into(), shape }));
    }

    #[test]
    fn a_misspelt_command_is_refused() {
        for line in [
            r#"{"cut":{"one":"all","others":"all"}}"#,
            r#"{"shape":{"from":"all","to":"all","shape":{"delay_ms":6}}}"#,
            r#"{"cut":{"one":"all","other":{"town":"wuhan"}}}"#,
            r#""halt""#,
        ] {
            assert!(serde_json::from_str::<Request>(line).is_err(), "{line} was taken");
        }
    }
}
