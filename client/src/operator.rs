//! The operator's side: what each node says of itself, and forming the cluster.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use registry_proto::registry::cluster_service_client::ClusterServiceClient;
use registry_proto::registry::{
    AdmitNodeRequest, BootstrapReply, BootstrapRequest, ClusterReply, GetStatusReply,
    GetStatusRequest, HandOverReply, HandOverRequest, MoveNodeRequest, PreferCityRequest,
    RetireNodeRequest, SeatNodeRequest,
};
use tonic::Request;

use crate::calls::write_calls;
use crate::connect::{Connector, Route};
use crate::error::{ClientError, Failure, Reach, Retry, classify};
use crate::leader::Call;

/// Calls with an operator's identity.
#[derive(Clone, Debug)]
pub struct OperatorClient {
    connector: Connector,
}

/// One node's own view, or why it gave none.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// The address asked.
    pub endpoint: String,
    /// Its answer.
    pub status: Result<GetStatusReply, ClientError>,
    /// How far its clock goes before this one's, within half of the time that the
    /// answer took; 0 without an answer.
    pub clock_offset_ms: i64,
}

impl OperatorClient {
    /// A client over these channels.
    #[must_use]
    pub fn new(connector: Connector) -> Self {
        Self { connector }
    }

    /// The channels.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// The same client with another time per call.
    #[must_use]
    pub fn with_timeout(&self, call_timeout: std::time::Duration) -> Self {
        Self::new(self.connector.with_timeout(call_timeout))
    }

    /// Asks one node, once: a status of another node would mislead.
    /// A non-zero `at_log_index` also asks for the digest at that index.
    ///
    /// # Errors
    /// `Unavailable` if the node does not answer within the attempt's time, `Setup`
    /// if the certificates do not fit.
    pub async fn status(
        &self,
        endpoint: &str,
        at_log_index: u64,
    ) -> Result<GetStatusReply, ClientError> {
        let channel = self.connector.channel_to(endpoint)?;
        let timeout = self.connector.attempt_timeout().min(self.connector.call_timeout());
        let mut request = Request::new(GetStatusRequest { at_log_index });
        request.set_timeout(timeout);
        let mut client = ClusterServiceClient::new(channel);
        let unavailable =
            |cause| ClientError::Unavailable { call: "get_status", write: false, cause };
        match tokio::time::timeout(timeout, Box::pin(client.get_status(request))).await {
            Ok(Ok(reply)) => Ok(reply.into_inner()),
            Ok(Err(status)) => Err(match classify(&status) {
                Failure::Final(error) => error,
                Failure::Retry(Retry { reach: Reach::OtherCertificates, cause, .. }) => {
                    let files = self.connector.identity_files();
                    ClientError::Setup(format!(
                        "the node cannot be talked to with {files}: {cause}"
                    ))
                }
                Failure::Retry(retry) => unavailable(retry.cause),
            }),
            Err(_) => Err(unavailable(format!("no answer within {} ms", timeout.as_millis()))),
        }
    }

    /// Asks every known node at once, in the order of the endpoints.
    pub async fn statuses(&self, at_log_index: u64) -> Vec<NodeStatus> {
        let endpoints = self.connector.endpoints();
        self.statuses_of(endpoints, at_log_index).await
    }

    /// Asks every known node at once, and then the members that they name.
    pub async fn statuses_of_all(&self, at_log_index: u64) -> Vec<NodeStatus> {
        let mut nodes = self.statuses(at_log_index).await;
        let answers = || nodes.iter().filter_map(|node| node.status.as_ref().ok());
        let answered: BTreeSet<u64> = answers().map(|status| status.node_id).collect();
        let asked: BTreeSet<&str> = nodes.iter().map(|node| node.endpoint.as_str()).collect();
        let members = answers().flat_map(|status| &status.members);
        let missing: BTreeSet<String> = members
            .filter(|member| {
                !answered.contains(&member.node_id)
                    && !member.client_address.is_empty()
                    && !asked.contains(member.client_address.as_str())
            })
            .map(|member| member.client_address.clone())
            .collect();
        nodes.extend(self.statuses_of(missing, at_log_index).await);
        nodes
    }

    async fn statuses_of(
        &self,
        endpoints: impl IntoIterator<Item = String>,
        at_log_index: u64,
    ) -> Vec<NodeStatus> {
        join_all(endpoints.into_iter().map(async |endpoint| {
            let (asked, asked_at_ms) = (Instant::now(), now_ms());
            let status = self.status(&endpoint, at_log_index).await;
            let halfway = i64::try_from(asked.elapsed().as_millis() / 2).unwrap_or(i64::MAX);
            let clock_offset_ms = status.as_ref().map_or(0, |status| {
                status.clock_ms.saturating_sub(asked_at_ms).saturating_sub(halfway)
            });
            NodeStatus { endpoint, status, clock_offset_ms }
        }))
        .await
    }

    /// Forms the cluster of the configured layout. Any node takes the call;
    /// a cluster that exists rejects it with `ALREADY_BOOTSTRAPPED`. The city may
    /// recover alone at first; empty for that of the node that takes the call.
    ///
    /// # Errors
    /// Any [`ClientError`]. After `Unknown` the call is not repeated:
    /// [`OperatorClient::statuses`] shows whether the cluster was formed.
    pub async fn bootstrap(&self, recovery_city: &str) -> Result<BootstrapReply, ClientError> {
        let call = Call::once("bootstrap");
        self.connector
            .call(call, Route::Leader, |attempt| {
                let recovery_city = recovery_city.to_owned();
                let message = attempt.message(BootstrapRequest { recovery_city });
                async move { ClusterServiceClient::new(attempt.channel).bootstrap(message).await }
            })
            .await
    }

    write_calls! { ClusterServiceClient:
        /// Admits a node that is started and empty: it gets the log and does not vote.
        admit_node(AdmitNodeRequest) -> ClusterReply;
        /// Gives an admitted node a vote, a free one or that of another of its city.
        seat_node(SeatNodeRequest) -> ClusterReply;
        /// Lets go of a node that does not vote.
        retire_node(RetireNodeRequest) -> ClusterReply;
        /// Tells where a node is found from now on.
        move_node(MoveNodeRequest) -> ClusterReply;
        /// Says in which city the leader should stand.
        prefer_city(PreferCityRequest) -> ClusterReply;
    }

    /// Hands the leadership to a city, or to one node. Asked again of the new leader
    /// it does nothing.
    ///
    /// # Errors
    /// `Rejected` with `NOT_HANDED_OVER` when nobody there has caught up.
    pub async fn hand_over(
        &self,
        to_city: &str,
        to_node_id: u64,
    ) -> Result<HandOverReply, ClientError> {
        let request = HandOverRequest { to_city: to_city.to_owned(), to_node_id };
        self.connector
            .call(Call::read("hand_over"), Route::Leader, |attempt| {
                let message = attempt.message(request.clone());
                async move { ClusterServiceClient::new(attempt.channel).hand_over(message).await }
            })
            .await
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
