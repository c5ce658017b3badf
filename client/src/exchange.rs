//! The exchange's side: the day's trades, manifest, confirmation, single trades.

use registry_proto::registry::pledge_service_client::PledgeServiceClient;
use registry_proto::registry::settlement_service_client::SettlementServiceClient;
use registry_proto::registry::{
    AmendTradeRequest, ConfirmClearingRequest, DayReply, DeliverDayReply, SellPledgedRequest,
    SettleTradeReply, SettleTradeRequest, SubmitManifestRequest, SubmitTradesReply, Trade,
};

use crate::calls::{role_client, write_calls};
use crate::connect::Connector;
use crate::deliver::{self, DeliveryReport};
use crate::error::ClientError;
use crate::reads::ReadClient;
use crate::request_id::new_request_id;
use crate::settle;
use crate::submit::{self, SubmitOptions, SubmitReport};

/// Calls with the exchange's identity.
#[derive(Clone, Debug)]
pub struct ExchangeClient {
    connector: Connector,
    reads: ReadClient,
}

role_client!(ExchangeClient);

impl ExchangeClient {
    write_calls! { SettlementServiceClient:
        /// Closes the day's stream.
        submit_manifest(SubmitManifestRequest) -> DayReply;
        /// Says what the exchange's own books give as the clearing's hash.
        confirm_clearing(ConfirmClearingRequest) -> DayReply;
        /// Replaces or voids one trade while the day is disputed.
        amend_trade(AmendTradeRequest) -> DayReply;
    }

    write_calls! { PledgeServiceClient:
        /// Settles the sale of tonnes of a pledge that is being enforced.
        sell_pledged(SellPledgedRequest) -> SettleTradeReply;
    }

    /// Settles one trade at once. Calls that are under way together share a
    /// stream to the leader, so thousands of them are cheap.
    ///
    /// # Errors
    /// Any [`ClientError`]; `Unknown` names the request id to ask again with.
    pub async fn settle_trade(
        &self,
        mut request: SettleTradeRequest,
    ) -> Result<SettleTradeReply, ClientError> {
        if request.request_id.is_empty() {
            request.request_id = new_request_id()?;
        }
        settle::settle_trade(&self.connector, request).await
    }

    /// Streams chunks in order with a bounded number in flight and goes on
    /// after a leader change from the last chunk that was answered.
    ///
    /// Chunks up to the day's `chunk_count` go one at a time: one that differs
    /// from what was taken under its number ends the call before any later
    /// chunk is sent. From the day's next chunk on they go `in_flight` at once.
    ///
    /// # Errors
    /// Any [`ClientError`]. A rejection carries `chunk_number` in its metadata;
    /// every chunk before it is accepted, and none behind it: those that were
    /// on their way already are refused too, because chunks have no gaps. Their
    /// request ids are used up by that, so correct the chunk and go on from its
    /// number under another `run`.
    pub async fn submit_trades(
        &self,
        date: &str,
        chunks: impl IntoIterator<Item = Vec<Trade>>,
        options: &SubmitOptions,
        on_ack: impl FnMut(&SubmitTradesReply),
    ) -> Result<SubmitReport, ClientError> {
        Box::pin(submit::submit_trades(&self.connector, date, chunks, options, on_ack)).await
    }

    /// As [`crate::RegistryClient::deliver_day`].
    ///
    /// # Errors
    /// Any [`ClientError`]; calling again goes on where the day stands.
    pub async fn deliver_day(
        &self,
        date: &str,
        after_sequence: u64,
        on_results: impl FnMut(&DeliverDayReply),
    ) -> Result<DeliveryReport, ClientError> {
        Box::pin(deliver::deliver_day(&self.connector, date, after_sequence, on_results)).await
    }
}
