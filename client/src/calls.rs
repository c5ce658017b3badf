//! Turns a line per RPC into a method with leader finding, retries and a deadline.

/// Methods that send a write to the leader. An empty request id becomes a
/// fresh one; every attempt carries the same id.
macro_rules! write_calls {
    ($stub:ident: $($(#[$doc:meta])+ $method:ident($request:ty) -> $reply:ty;)+) => {
        $(
            $(#[$doc])+
            ///
            /// # Errors
            /// Any [`crate::ClientError`]; `Unknown` names the request id to ask again with.
            pub async fn $method(&self, mut request: $request) -> Result<$reply, crate::ClientError> {
                if request.request_id.is_empty() {
                    request.request_id = crate::request_id::new_request_id()?;
                }
                let call = crate::leader::Call::write(stringify!($method), &request.request_id);
                self.connector
                    .call(call, crate::connect::Route::Leader, |attempt| {
                        let message = attempt.message(request.clone());
                        async move { $stub::new(attempt.channel).$method(message).await }
                    })
                    .await
            }
        )+
    };
}

/// Methods that read from the nearest node that answers.
macro_rules! read_calls {
    ($stub:ident: $($(#[$doc:meta])+ $method:ident($request:ty) -> $reply:ty;)+) => {
        $(
            $(#[$doc])+
            ///
            /// # Errors
            /// Any [`crate::ClientError`] but `Unknown`.
            pub async fn $method(&self, request: $request) -> Result<$reply, crate::ClientError> {
                let call = crate::leader::Call::read(stringify!($method));
                self.connector
                    .call(call, crate::connect::Route::Any, |attempt| {
                        let message = attempt.message(request.clone());
                        async move { $stub::new(attempt.channel).$method(message).await }
                    })
                    .await
            }
        )+
    };
}

/// What every role's client has.
macro_rules! role_client {
    ($client:ident) => {
        impl $client {
            /// A client over these channels.
            #[must_use]
            pub fn new(connector: crate::Connector) -> Self {
                Self { reads: crate::ReadClient::new(connector.clone()), connector }
            }

            /// The same client with another time per call.
            #[must_use]
            pub fn with_timeout(&self, call_timeout: std::time::Duration) -> Self {
                Self::new(self.connector.with_timeout(call_timeout))
            }

            /// Reads with the same identity.
            #[must_use]
            pub fn reads(&self) -> &crate::ReadClient {
                &self.reads
            }

            /// The channels.
            #[must_use]
            pub fn connector(&self) -> &crate::Connector {
                &self.connector
            }
        }
    };
}

pub(crate) use {read_calls, role_client, write_calls};
