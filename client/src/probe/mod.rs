//! Clients from outside that write and read all the time and note what they get:
//! how long the service was gone, what was acknowledged, and whether all of that
//! is there afterwards. For drills and tests.

mod contest;
mod log;

use std::time::{Duration, Instant};

use registry_proto::registry::{Consistency, DepositRequest, GetAccountRequest, Stamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connect::Cluster;
use crate::error::ClientError;
use crate::identity::Identity;
use crate::registry::RegistryClient;

pub use contest::{Contest, ContestLog, Contested};
pub use log::{Presence, ProbeLog};

/// A node that is silent for so long is taken for lost.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// Where a probe writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeAccount {
    /// Whose account it pays into, a fen at a time.
    pub account_id: u64,
    /// The account's settlement bank.
    pub bank_id: u32,
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

/// A registry officer's client that soon gives up a silent node, the nearest first.
/// `call_timeout` is the time for one call with all its attempts.
///
/// # Errors
/// `Setup` for an address or certificate that cannot be used.
pub fn impatient(
    identity: Identity,
    endpoints: Vec<String>,
    call_timeout: Duration,
) -> Result<RegistryClient, ClientError> {
    Ok(RegistryClient::new(impatient_cluster(identity, endpoints, call_timeout).connector()?))
}

/// The same, which never asks another node than these.
///
/// # Errors
/// As [`impatient`].
pub fn bound_to(
    identity: Identity,
    endpoints: Vec<String>,
    call_timeout: Duration,
) -> Result<RegistryClient, ClientError> {
    let mut cluster = impatient_cluster(identity, endpoints, call_timeout);
    cluster.learns_nodes = false;
    Ok(RegistryClient::new(cluster.connector()?))
}

fn impatient_cluster(
    identity: Identity,
    endpoints: Vec<String>,
    call_timeout: Duration,
) -> Cluster {
    let mut of = Cluster::new(endpoints, identity);
    of.attempt_timeout = ATTEMPT_TIMEOUT;
    of.connect_timeout = CONNECT_TIMEOUT;
    of.call_timeout = call_timeout;
    of
}

impl Probe {
    /// Begins to write, each time when the write before was answered, and to read.
    /// The name is part of each request id.
    #[must_use]
    pub fn start(registry: RegistryClient, name: &str, account: ProbeAccount) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (count, acknowledged) = watch::channel(0);
        let name = name.to_owned();
        let task = tokio::spawn(async move {
            let began = Instant::now();
            let (writes, reads) = tokio::join!(
                write(&registry, &name, account, stopped.clone(), count),
                read(&registry, account, stopped),
            );
            ProbeLog { name, account, began, ended: Instant::now(), writes, reads }
        });
        Self { stop, acknowledged, task }
    }

    /// Waits until so many more writes are acknowledged; says whether they were in time.
    pub async fn more(&self, writes: usize, timeout: Duration) -> bool {
        let mut acknowledged = self.acknowledged.clone();
        let goal = *acknowledged.borrow() + writes;
        let reached = acknowledged.wait_for(|count| *count >= goal);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    /// Ends it after what is under way; nothing when its task came to harm.
    pub async fn stop(self) -> Option<ProbeLog> {
        self.stop.send_replace(true);
        self.task.await.ok()
    }
}

fn deposit(request_id: String, account: ProbeAccount, amount_yuan: &str) -> DepositRequest {
    DepositRequest {
        request_id,
        account_id: account.account_id,
        bank_id: account.bank_id,
        amount_yuan: amount_yuan.to_owned(),
    }
}

fn log_index(stamp: Option<Stamp>) -> u64 {
    stamp.unwrap_or_default().log_index
}

async fn write(
    registry: &RegistryClient,
    name: &str,
    account: ProbeAccount,
    stopped: watch::Receiver<bool>,
    count: watch::Sender<usize>,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !*stopped.borrow() {
        let began = Instant::now();
        let request = deposit(log::request_id(name, samples.len()), account, log::AMOUNT_YUAN);
        let answer = registry.deposit(request).await;
        let outcome = answer.map(|reply| log_index(reply.stamp)).map_err(|e| e.to_string());
        count.send_modify(|count| *count += usize::from(outcome.is_ok()));
        samples.push(Sample { began, ended: Instant::now(), outcome });
    }
    samples
}

async fn read(
    registry: &RegistryClient,
    account: ProbeAccount,
    stopped: watch::Receiver<bool>,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let consistency = Consistency::Linearizable.into();
    let request = GetAccountRequest { account_id: account.account_id, consistency };
    while !*stopped.borrow() {
        let began = Instant::now();
        let answer = registry.reads().get_account(request).await;
        let outcome = answer.map(|reply| log_index(reply.stamp)).map_err(|e| e.to_string());
        samples.push(Sample { began, ended: Instant::now(), outcome });
    }
    samples
}
