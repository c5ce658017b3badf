//! The retry loop of every call: find the leader, follow it when it changes,
//! keep the request id, stop at the deadline.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::connect::{Connector, Route};
use crate::error::{ClientError, Failure, Reach, Retry, classify};
use crate::retry::Backoff;

/// Header of calls and answers after a recovery.
pub(crate) const RECOVERY_EPOCH: &str = "recovery-epoch";
/// Header of every answer, and of every call once it is known.
pub(crate) const CLUSTER_ID: &str = "cluster-id";

/// Names a call in errors; writes have a request id.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    name: &'static str,
    request_id: Option<String>,
    /// Not to be repeated once it may have been applied.
    once: bool,
}

impl Call {
    pub(crate) fn read(name: &'static str) -> Self {
        Self { name, request_id: None, once: false }
    }

    pub(crate) fn write(name: &'static str, request_id: &str) -> Self {
        Self { name, request_id: Some(request_id.to_owned()), once: false }
    }

    /// A call without a request id: asking again would not tell what became of it.
    pub(crate) fn once(name: &'static str) -> Self {
        Self { name, request_id: Some(String::new()), once: true }
    }
}

/// One try at one node.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) node: usize,
    pub(crate) channel: Channel,
    pub(crate) timeout: Duration,
    /// As far as the caller knows; 0 before any recovery.
    pub(crate) recovery_epoch: u64,
    /// The cluster that is meant, once it is known.
    pub(crate) cluster_id: Option<MetadataValue<Ascii>>,
}

impl Attempt {
    /// The message with the attempt's timeout in its header, so that a node
    /// stops working on what nobody waits for.
    pub(crate) fn message<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(self.timeout);
        if let Some(cluster_id) = &self.cluster_id {
            // A restored registry must not be taken for the one it is a copy of.
            request.metadata_mut().insert(CLUSTER_ID, cluster_id.clone());
        }
        if self.recovery_epoch > 0 {
            // Nodes that the cluster went on without must not answer.
            request.metadata_mut().insert(RECOVERY_EPOCH, self.recovery_epoch.into());
        }
        request
    }
}

/// So long a node that could not lead is not asked because another one names it.
const DOUBT: Duration = Duration::from_secs(1);

/// What is known over all attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    connector: &'a Connector,
    call: Call,
    route: Route,
    deadline: Instant,
    backoff: Backoff,
    wait: Duration,
    followed: bool,
    outcome_unknown: bool,
    /// By node, of the last attempt.
    met: BTreeMap<usize, Met>,
}

/// How far an attempt came, and what it met.
#[derive(Debug)]
struct Met {
    reach: Reach,
    /// The node could not lead then.
    could_not_lead: bool,
    at: Instant,
    cause: String,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(connector: &'a Connector, call: Call, route: Route) -> Self {
        Self {
            deadline: Instant::now() + connector.call_timeout(),
            connector,
            call,
            route,
            backoff: Backoff::new(),
            wait: Duration::ZERO,
            followed: false,
            outcome_unknown: false,
            met: BTreeMap::new(),
        }
    }

    /// Waits as long as the back-off says, then names the node to try.
    ///
    /// # Errors
    /// `Unavailable` or `Unknown` once the deadline has passed, or at once when
    /// the call must not be repeated.
    pub(crate) async fn next(&mut self) -> Result<Attempt, ClientError> {
        if self.wait > Duration::ZERO {
            tokio::time::sleep_until((Instant::now() + self.wait).min(self.deadline)).await;
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || (self.call.once && self.outcome_unknown) {
            return Err(self.deadline_error());
        }
        let (node, channel) = self.connector.pick(self.route);
        let timeout = left.min(self.connector.attempt_timeout());
        let recovery_epoch = self.connector.recovery_epoch();
        let cluster_id = self.connector.cluster_id();
        Ok(Attempt { node, channel, timeout, recovery_epoch, cluster_id })
    }

    /// Notes a failed attempt.
    ///
    /// # Errors
    /// The call's final error, when another attempt cannot help.
    pub(crate) fn failed(&mut self, attempt: &Attempt, status: &Status) -> Result<(), ClientError> {
        self.connector.heard(status.metadata());
        match classify(status) {
            Failure::Final(error) => Err(error),
            Failure::Retry(retry) => {
                self.retry(attempt, retry);
                self.other_certificates()
            }
        }
    }

    /// Fails when no endpoint is left that may serve: certificates that do not
    /// fit at one, nothing but that or no connection at the others.
    fn other_certificates(&self) -> Result<(), ClientError> {
        let met = || self.met.values().map(|met| met.reach);
        let tried_all = self.connector.endpoints().len() == self.met.len();
        let lasting = met().any(|reach| reach == Reach::OtherCertificates)
            && met().all(|reach| reach != Reach::Node);
        if self.outcome_unknown || !tried_all || !lasting {
            return Ok(());
        }
        Err(ClientError::Setup(format!(
            "{}: no node can be talked to with {}: {}",
            self.call.name,
            self.connector.identity_files(),
            self.causes()
        )))
    }

    /// Notes an attempt that gave no answer in time.
    pub(crate) fn silent(&mut self, attempt: &Attempt) {
        let cause = format!("no answer within {} ms", attempt.timeout.as_millis());
        let retry = Retry {
            reach: Reach::Node,
            not_applied: false,
            leader_address: None,
            same_node: false,
            cannot_lead: true,
            cause,
        };
        self.retry(attempt, retry);
    }

    /// A stream moved on: its time starts anew, and what is known was answered.
    pub(crate) fn progressed(&mut self, request_id: Option<&str>) {
        self.deadline = Instant::now() + self.connector.call_timeout();
        self.backoff = Backoff::new();
        self.wait = Duration::ZERO;
        self.followed = false;
        self.outcome_unknown = false;
        self.call.request_id = request_id.map(str::to_owned);
    }

    fn retry(&mut self, attempt: &Attempt, retry: Retry) {
        tracing::debug!(call = self.call.name, cause = retry.cause, "attempt failed");
        self.outcome_unknown |= !retry.not_applied;
        let Retry { reach, cannot_lead: could_not_lead, cause, .. } = retry;
        self.met.insert(attempt.node, Met { reach, could_not_lead, at: Instant::now(), cause });
        let hint = retry.leader_address.as_deref().filter(|address| !self.leads_nobody(address));
        let named = !retry.same_node && self.connector.turn(self.route, attempt.node, hint);
        // The first hint is followed at once; two nodes that name each other wait.
        self.wait = if named && !self.followed { Duration::ZERO } else { self.backoff.next_wait() };
        self.followed = named && !self.followed;
    }

    /// Whether this call has just seen that the node cannot lead: it is gone, silent or
    /// cut off. Who names it does not know that yet, or is cut off with it.
    fn leads_nobody(&self, address: &str) -> bool {
        let nodes = self.connector.endpoints();
        let tried = nodes.iter().position(|node| node == address);
        let met = tried.and_then(|node| self.met.get(&node));
        met.is_some_and(|met| met.could_not_lead && met.at.elapsed() < DOUBT)
    }

    fn deadline_error(&self) -> ClientError {
        match &self.call.request_id {
            Some(request_id) if self.outcome_unknown => ClientError::Unknown {
                call: self.call.name,
                request_id: request_id.clone(),
                cause: self.causes(),
            },
            request_id => ClientError::Unavailable {
                call: self.call.name,
                write: request_id.is_some(),
                cause: self.causes(),
            },
        }
    }

    fn causes(&self) -> String {
        let endpoints = self.connector.endpoints().into_iter().enumerate();
        causes(endpoints.map(|(node, endpoint)| {
            let met = self.met.get(&node).map(|met| met.cause.clone());
            (endpoint, met.unwrap_or_else(|| "not tried".to_owned()))
        }))
    }
}

/// What each endpoint met; endpoints that met the same stand together.
pub(crate) fn causes(met: impl IntoIterator<Item = (String, String)>) -> String {
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    for (endpoint, cause) in met {
        match groups.iter_mut().find(|(_, same)| *same == cause) {
            Some((endpoints, _)) => endpoints.push(endpoint),
            None => groups.push((vec![endpoint], cause)),
        }
    }
    let told = groups.iter().map(|(endpoints, cause)| format!("{}: {cause}", endpoints.join(", ")));
    told.collect::<Vec<String>>().join("; ")
}

impl Connector {
    /// Runs a unary call until it is answered, refused or late.
    pub(crate) async fn call<T, C, F>(
        &self,
        call: Call,
        route: Route,
        send: C,
    ) -> Result<T, ClientError>
    where
        C: Fn(Attempt) -> F,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut attempts = Attempts::new(self, call, route);
        loop {
            let attempt = attempts.next().await?;
            match tokio::time::timeout(attempt.timeout, Box::pin(send(attempt.clone()))).await {
                Ok(Ok(response)) => {
                    self.heard(response.metadata());
                    return Ok(response.into_inner());
                }
                Ok(Err(status)) => attempts.failed(&attempt, &status)?,
                Err(_) => attempts.silent(&attempt),
            }
        }
    }
}
