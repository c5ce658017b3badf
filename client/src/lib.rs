//! Client of the two-city carbon registry.
//!
//! [`Cluster`] says where the nodes are and who calls; a [`Connector`] made of
//! it finds the leader, follows it and repeats writes with the same request id
//! until the call's deadline. On top of it sit a client per role
//! ([`RegistryClient`], [`ExchangeClient`], [`BankClient`], [`FirmClient`],
//! [`ProvinceClient`], [`OperatorClient`])
//! and whole jobs in [`workflow`].
//!
//! A write with an empty `request_id` gets a random one. Give your own, kept
//! with your books, when the question must survive a crash of your program:
//! asked again under the same id, the registry answers the same again.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use registry_client::proto::{SettleTradeRequest, Trade, TradeKind};
//! use registry_client::{Cluster, ExchangeClient, Identity};
//!
//! # async fn settle() -> Result<(), registry_client::ClientError> {
//! let identity = Identity::from_pki(Path::new("target/demo/pki"), "exchange-sh")?;
//! let nodes = ["127.0.0.1:7111", "127.0.0.1:7121"];
//! let exchange = ExchangeClient::new(Cluster::new(nodes, identity).connector()?);
//! let trade = Trade {
//!     trade_number: 4_711,
//!     kind: TradeKind::Listed.into(),
//!     instrument: "CEA-2020".to_owned(),
//!     buyer_account: 17,
//!     seller_account: 18,
//!     buyer_bank: 102,
//!     seller_bank: 105,
//!     quantity_tco2e: 100,
//!     price_yuan: "43.65".to_owned(),
//!     traded_at_ms: 1_639_622_400_000,
//! };
//! let request = SettleTradeRequest {
//!     request_id: "2021-12-16-4711".to_owned(),
//!     date: "2021-12-16".to_owned(),
//!     trade: Some(trade),
//! };
//! // Delivered for good, or `ClientError::Rejected` with the reason.
//! let reply = exchange.settle_trade(request).await?;
//! println!("settled at log index {}", reply.stamp.unwrap_or_default().log_index);
//! # Ok(())
//! # }
//! ```

pub mod amount;
pub mod backup;
mod bank;
mod calls;
mod compliance;
mod connect;
mod deliver;
mod error;
mod events;
mod exchange;
#[cfg(test)]
mod fake_node;
mod firm;
pub mod formats;
mod holder;
mod identity;
mod instructions;
pub mod journal;
mod leader;
#[cfg(test)]
mod leader_tests;
mod operator;
pub mod pki;
mod platform;
pub mod preflight;
pub mod probe;
mod province;
mod reads;
pub mod recovery;
pub mod recovery_report;
mod registry;
mod repo;
mod request_id;
mod retry;
pub mod sample;
mod settle;
#[cfg(test)]
mod settle_tests;
pub mod signed;
mod statement;
#[cfg(test)]
mod stream_tests;
mod submit;
mod tls_fault;
#[cfg(test)]
mod tls_tests;
mod two_officers;
pub mod upgrade;
mod verify;
mod watch;
#[cfg(test)]
mod watch_tests;
pub mod workflow;

pub use registry_proto::registry as proto;

pub use bank::BankClient;
pub use connect::{Cluster, Connector, SERVER_NAME};
pub use deliver::DeliveryReport;
pub use error::{ClientError, RejectedError};
pub use events::EventPages;
pub use exchange::ExchangeClient;
pub use firm::FirmClient;
pub use holder::Holder;
pub use identity::Identity;
pub use instructions::PaymentInstructions;
pub use operator::{NodeStatus, OperatorClient};
pub use platform::{INCLUSIVE_LINES_PER_REQUEST, OwnerId, PlatformClient, credit_request};
pub use province::ProvinceClient;
pub use reads::ReadClient;
pub use registry::RegistryClient;
pub use repo::RepoClient;
pub use request_id::{
    MAX_REQUEST_ID_BYTES, hex, is_valid_request_id, new_request_id, random_bytes, unhex,
};
pub use statement::PeriodStatement;
pub use submit::{SubmitOptions, SubmitReport};
pub use two_officers::{MAX_SHARED_ID_BYTES, TwoOfficers};
pub use watch::WatchReport;

/// The program on the page compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/first-hour.md")]
struct FirstHour;
