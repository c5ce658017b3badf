//! Client of the two-city carbon registry.
//!
//! [`Cluster`] says where the nodes are and who calls; a [`Connector`] made of
//! it finds the leader, follows it and repeats writes with the same request id
//! until the call's deadline. On top of it sit a client per role
//! ([`RegistryClient`], [`ExchangeClient`], [`BankClient`], [`OperatorClient`])
//! and whole jobs in [`workflow`].

pub mod amount;
mod bank;
mod calls;
mod connect;
mod deliver;
mod error;
mod exchange;
#[cfg(test)]
mod fake_node;
pub mod formats;
mod identity;
mod leader;
#[cfg(test)]
mod leader_tests;
mod operator;
pub mod pki;
mod reads;
mod registry;
mod request_id;
mod retry;
pub mod sample;
#[cfg(test)]
mod stream_tests;
mod submit;
#[cfg(test)]
mod tls_tests;
pub mod workflow;

pub use registry_proto::registry as proto;

pub use bank::BankClient;
pub use connect::{Cluster, Connector, SERVER_NAME};
pub use deliver::DeliveryReport;
pub use error::{ClientError, RejectedError};
pub use exchange::ExchangeClient;
pub use identity::Identity;
pub use operator::{NodeStatus, OperatorClient};
pub use reads::ReadClient;
pub use registry::RegistryClient;
pub use request_id::{MAX_REQUEST_ID_BYTES, hex, is_valid_request_id, new_request_id};
pub use submit::{SubmitOptions, SubmitReport};
