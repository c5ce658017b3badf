//! A client from outside that writes and reads all the time and notes what it
//! got: how long the service was gone, what was acknowledged, and whether all of
//! that is there afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use registry_client::proto::{Consistency, DepositRequest, GetAccountRequest};
use registry_client::{ClientError, Identity, RegistryClient};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;

/// A node that is silent for so long is taken for lost.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// How a probe works.
#[derive(Clone, Debug)]
pub struct ProbeSettings {
    /// Nodes that it knows at first, the nearest first; others it learns.
    pub nodes: Vec<u64>,
    /// Whose account it pays into.
    pub account_id: u64,
    /// The account's settlement bank.
    pub bank_id: u32,
    /// Time for one call with all its attempts; then it counts as failed.
    pub call_timeout: Duration,
}

/// A probe at work.
#[derive(Debug)]
pub struct Probe {
    stop: watch::Sender<bool>,
    acknowledged: watch::Receiver<usize>,
    task: JoinHandle<ProbeLog>,
}

/// One write or read.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it was asked.
    pub began: Instant,
    /// When it was answered, or given up.
    pub ended: Instant,
    /// Log index of the answer, or what went wrong.
    pub outcome: Result<u64, String>,
}

/// What a probe saw.
#[derive(Clone, Debug)]
pub struct ProbeLog {
    /// Names it: part of each request id.
    pub name: String,
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// Its writes; the place in the list is the number in the request id.
    pub writes: Vec<Sample>,
    /// Its linearizable reads.
    pub reads: Vec<Sample>,
    settings: ProbeSettings,
}

impl Probe {
    /// Begins to write, each time when the write before was answered, and to read.
    ///
    /// # Errors
    /// When the officer has no certificate or there is no such node.
    pub fn start(cluster: &Cluster, name: &str, settings: ProbeSettings) -> anyhow::Result<Self> {
        let registry = client(cluster, &settings)?;
        let (stop, stopped) = watch::channel(false);
        let (count, acknowledged) = watch::channel(0);
        let name = name.to_owned();
        let task = tokio::spawn(async move {
            let began = Instant::now();
            let (writes, reads) = tokio::join!(
                write(&registry, &name, &settings, stopped.clone(), count),
                read(&registry, &settings, stopped),
            );
            ProbeLog { name, began, ended: Instant::now(), writes, reads, settings }
        });
        Ok(Self { stop, acknowledged, task })
    }

    /// Waits until so many more writes are acknowledged.
    ///
    /// # Errors
    /// When they are not in time, or the probe has ended.
    pub async fn more(&self, writes: usize, timeout: Duration) -> anyhow::Result<()> {
        let mut acknowledged = self.acknowledged.clone();
        let goal = *acknowledged.borrow() + writes;
        let reached = acknowledged.wait_for(|count| *count >= goal);
        tokio::time::timeout(timeout, reached).await.context("no more writes in time")??;
        Ok(())
    }

    /// Ends it after what is under way.
    ///
    /// # Errors
    /// When its task panicked.
    pub async fn stop(self) -> anyhow::Result<ProbeLog> {
        self.stop.send_replace(true);
        self.task.await.context("a probe's task")
    }
}

fn client(cluster: &Cluster, settings: &ProbeSettings) -> anyhow::Result<RegistryClient> {
    let identity = Identity::from_pki(&cluster.plan().pki_dir(), "registry-officer-1")?;
    let endpoints: Result<Vec<_>, _> =
        settings.nodes.iter().map(|id| cluster.endpoint(*id)).collect();
    let mut of = registry_client::Cluster::new(endpoints?, identity);
    of.attempt_timeout = ATTEMPT_TIMEOUT;
    of.connect_timeout = CONNECT_TIMEOUT;
    of.call_timeout = settings.call_timeout;
    Ok(RegistryClient::new(of.connector()?))
}

fn deposit(name: &str, number: usize, settings: &ProbeSettings) -> DepositRequest {
    DepositRequest {
        request_id: format!("{name}-{number}"),
        account_id: settings.account_id,
        bank_id: settings.bank_id,
        amount_yuan: "0.01".to_owned(),
    }
}

fn log_index(stamp: Option<registry_client::proto::Stamp>) -> u64 {
    stamp.unwrap_or_default().log_index
}

async fn write(
    registry: &RegistryClient,
    name: &str,
    settings: &ProbeSettings,
    stopped: watch::Receiver<bool>,
    count: watch::Sender<usize>,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !*stopped.borrow() {
        let began = Instant::now();
        let answer = registry.deposit(deposit(name, samples.len(), settings)).await;
        let outcome = answer.map(|reply| log_index(reply.stamp)).map_err(|e| e.to_string());
        count.send_modify(|count| *count += usize::from(outcome.is_ok()));
        samples.push(Sample { began, ended: Instant::now(), outcome });
    }
    samples
}

async fn read(
    registry: &RegistryClient,
    settings: &ProbeSettings,
    stopped: watch::Receiver<bool>,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let request = GetAccountRequest {
        account_id: settings.account_id,
        consistency: Consistency::Linearizable.into(),
    };
    while !*stopped.borrow() {
        let began = Instant::now();
        let answer = registry.reads().get_account(request).await;
        let outcome = answer.map(|reply| log_index(reply.stamp)).map_err(|e| e.to_string());
        samples.push(Sample { began, ended: Instant::now(), outcome });
    }
    samples
}

impl ProbeLog {
    /// Writes that were answered.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.writes.iter().filter(|sample| sample.outcome.is_ok()).count()
    }

    /// What went wrong, writes and reads.
    #[must_use]
    pub fn failures(&self) -> Vec<&str> {
        let all = self.writes.iter().chain(&self.reads);
        all.filter_map(|sample| sample.outcome.as_ref().err().map(String::as_str)).collect()
    }

    /// Longest time in which no write was answered, from the start to the end.
    #[must_use]
    pub fn longest_write_gap(&self) -> Duration {
        gap(self, &self.writes)
    }

    /// Longest time in which no read was answered.
    #[must_use]
    pub fn longest_read_gap(&self) -> Duration {
        gap(self, &self.reads)
    }

    /// Asks for every acknowledged write again: the answer must be the same, at the
    /// same place in the log. Answers how many were asked.
    ///
    /// # Errors
    /// Names the first that is not.
    pub async fn all_are_there(&self, cluster: &Cluster) -> anyhow::Result<usize> {
        let registry = client(cluster, &self.settings)?.with_timeout(Duration::from_secs(30));
        let mut asked = 0;
        for (number, sample) in self.writes.iter().enumerate() {
            let Ok(acknowledged_at) = &sample.outcome else { continue };
            let again = registry.deposit(deposit(&self.name, number, &self.settings)).await;
            let again: Result<u64, ClientError> = again.map(|reply| log_index(reply.stamp));
            let again = again.with_context(|| format!("write {} {number}", self.name))?;
            ensure!(
                again == *acknowledged_at,
                "write {} {number} was acknowledged at log index {acknowledged_at} and is at {again} now",
                self.name
            );
            asked += 1;
        }
        Ok(asked)
    }
}

fn gap(log: &ProbeLog, samples: &[Sample]) -> Duration {
    let answered = samples.iter().filter(|sample| sample.outcome.is_ok()).map(|of| of.ended);
    let mut longest = Duration::ZERO;
    let mut last = log.began;
    for at in answered.chain([log.ended]) {
        longest = longest.max(at.saturating_duration_since(last));
        last = at;
    }
    longest
}
