//! Stands before every service of a port: no call reaches a handler unless the
//! access table has a row for its path and the caller's role.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::future::Either;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use crate::security::identity::{AccessError, Caller, Principal};
use crate::security::policy::{self, Port};
use crate::services::status;

/// Checks each call against the table, then hands it to the services behind.
#[derive(Clone, Debug)]
pub(crate) struct Gate<S> {
    port: Port,
    services: S,
}

impl<S> Gate<S> {
    /// A gate before the services of `port`.
    pub(crate) fn new(port: Port, services: S) -> Self {
        Self { port, services }
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
