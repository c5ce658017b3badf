//! The operator's side: what each node says of itself, and forming the cluster.

use futures::future::join_all;
use registry_proto::registry::cluster_service_client::ClusterServiceClient;
use registry_proto::registry::{
    BootstrapReply, BootstrapRequest, GetStatusReply, GetStatusRequest,
};
use tonic::Request;

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
}

impl OperatorClient {
    /// A client over these channels.
    #[must_use]
    pub fn new(connector: Connector) -> Self {
        Self { connector }
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
        join_all(endpoints.into_iter().map(async |endpoint| {
            let status = self.status(&endpoint, at_log_index).await;
            NodeStatus { endpoint, status }
        }))
        .await
    }

    /// Forms the cluster of the configured layout. Any node takes the call;
    /// a cluster that exists rejects it with `ALREADY_BOOTSTRAPPED`.
    ///
    /// # Errors
    /// Any [`ClientError`]. After `Unknown` the call is not repeated:
    /// [`OperatorClient::statuses`] shows whether the cluster was formed.
    pub async fn bootstrap(&self) -> Result<BootstrapReply, ClientError> {
        let call = Call::once("bootstrap");
        self.connector
            .call(call, Route::Leader, |attempt| {
                let message = attempt.message(BootstrapRequest {});
                async move { ClusterServiceClient::new(attempt.channel).bootstrap(message).await }
            })
            .await
    }
}
