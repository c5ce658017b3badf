//! Stands before every service of a port: no call reaches a handler unless the
//! access table has a row for its path and the caller's role.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::future::Either;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use crate::raft::Directory;
use crate::security::identity::{AccessError, Caller, Principal};
use crate::security::policy::{self, Port};
use crate::services::status;

/// Header of every answer, and of every call of a client that knows it.
pub(crate) const CLUSTER_ID: &str = "cluster-id";

/// Header of every call of a client that knows it, and of every answer after a
/// recovery.
pub(crate) const RECOVERY_EPOCH: &str = "recovery-epoch";

/// Checks each call against the table, then hands it to the services behind.
#[derive(Clone)]
pub(crate) struct Gate<S> {
    port: Port,
    services: S,
    /// Tells cluster and recovery epoch; none where callers do not name theirs.
    directory: Option<Directory>,
}

impl<S> Gate<S> {
    /// A gate before the services of `port`.
    pub(crate) fn new(port: Port, services: S) -> Self {
        Self { port, services, directory: None }
    }

    /// The same gate, closed to callers that mean another cluster or know another
    /// recovery epoch.
    pub(crate) fn of_cluster(self, directory: Directory) -> Self {
        Self { directory: Some(directory), ..self }
    }

    /// Refuses a caller of an earlier epoch, who has to learn that the cluster was
    /// recovered, and one of a later epoch, whom this node has nothing to tell.
    fn check_epoch(&self, request: &http::Request<Body>) -> Result<(), tonic::Status> {
        let named = request.headers().get(RECOVERY_EPOCH).and_then(|value| value.to_str().ok());
        let (Some(directory), Some(callers)) = (&self.directory, named) else { return Ok(()) };
        let own = directory.recovery_epoch();
        match callers.parse::<u64>() {
            Ok(callers) if callers == own => Ok(()),
            Ok(callers) if callers < own => Err(status::earlier_epoch(own)),
            Ok(_) | Err(_) => Err(status::later_epoch(own)),
        }
    }

    /// Refuses a caller that means another cluster: a restored registry has its
    /// clients' certificates, and is another one.
    fn check_cluster(&self, request: &http::Request<Body>) -> Result<(), tonic::Status> {
        let named = request.headers().get(CLUSTER_ID);
        let (Some(directory), Some(named)) = (&self.directory, named) else { return Ok(()) };
        let own = directory.cluster_id();
        match named.as_bytes() == own.as_bytes() {
            true => Ok(()),
            false => Err(status::other_cluster(own, &String::from_utf8_lossy(named.as_bytes()))),
        }
    }

    fn admit(&self, request: &http::Request<Body>) -> Result<Caller, AccessError> {
        let connection = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
        let principal = Principal::from_connection(connection)?;
        let rpc = request.uri().path().trim_start_matches('/');
        match policy::find(self.port, rpc, principal.role) {
            Some((rpc, scope)) => Ok(Caller { principal, rpc, scope }),
            None => Err(AccessError::NotAuthorised {
                role: principal.role,
                rpc: rpc.to_owned(),
                what: format!("call {rpc}"),
            }),
        }
    }
}

impl<S> Service<http::Request<Body>> for Gate<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Self::Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.services.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let checked = self.check_cluster(&request).and_then(|()| self.check_epoch(&request));
        if let Err(refused) = checked {
            return Either::Right(ready(Ok(refused.into_http())));
        }
        match self.admit(&request) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                Either::Left(self.services.call(request))
            }
            Err(error) => {
                tracing::warn!(path = request.uri().path(), %error, "call refused");
                Either::Right(ready(Ok(status::access(&error).into_http())))
            }
        }
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
