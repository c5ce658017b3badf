//! Reads, open to every role that the registry lets see the record.

use registry_proto::registry::account_service_client::AccountServiceClient;
use registry_proto::registry::cash_service_client::CashServiceClient;
use registry_proto::registry::control_service_client::ControlServiceClient;
use registry_proto::registry::event_service_client::EventServiceClient;
use registry_proto::registry::instrument_service_client::InstrumentServiceClient;
use registry_proto::registry::price_service_client::PriceServiceClient;
use registry_proto::registry::settlement_service_client::SettlementServiceClient;
use registry_proto::registry::{
    Account, ClearingReply, Consistency, DayReply, EventFilter, GetAccountReply, GetAccountRequest,
    GetDailyPriceReply, GetDailyPriceRequest, GetDayRequest, GetJournalReply, GetJournalRequest,
    GetPaymentInstructionsRequest, GetReconciliationReply, GetReconciliationRequest,
    GetStatementReply, GetStatementRequest, ListAccountsReply, ListAccountsRequest, ListBanksReply,
    ListBanksRequest, ListDailyPricesReply, ListDailyPricesRequest, ListEventsReply,
    ListEventsRequest, ListInstrumentsReply, ListInstrumentsRequest, ListProposalsReply,
    ListProposalsRequest, ListTradesReply, ListTradesRequest, ListWithdrawalsReply,
    ListWithdrawalsRequest, TradeRecord, TradeStatus, WatchEventsReply, Withdrawal,
};

use crate::calls::read_calls;
use crate::connect::Connector;
use crate::error::ClientError;
use crate::events::EventPages;
use crate::instructions::{self, PaymentInstructions};
use crate::watch::{self, WatchReport};

const PAGE_SIZE: u32 = 1_000;

/// Reads from the nearest node. Linearizable unless the request says otherwise.
#[derive(Clone, Debug)]
pub struct ReadClient {
    pub(crate) connector: Connector,
}

impl ReadClient {
    /// Reads over these channels.
    #[must_use]
    pub fn new(connector: Connector) -> Self {
        Self { connector }
    }

    read_calls! { AccountServiceClient:
        /// One account with its holdings and cash.
        get_account(GetAccountRequest) -> GetAccountReply;
        /// One page of accounts.
        list_accounts(ListAccountsRequest) -> ListAccountsReply;
    }

    read_calls! { CashServiceClient:
        /// All settlement banks.
        list_banks(ListBanksRequest) -> ListBanksReply;
        /// One page of open withdrawals.
        list_withdrawals(ListWithdrawalsRequest) -> ListWithdrawalsReply;
        /// What banks must hold and what they reported.
        get_reconciliation(GetReconciliationRequest) -> GetReconciliationReply;
    }

    read_calls! { InstrumentServiceClient:
        /// All instruments.
        list_instruments(ListInstrumentsRequest) -> ListInstrumentsReply;
    }

    read_calls! { SettlementServiceClient:
        /// Where a settlement day stands.
        get_day(GetDayRequest) -> DayReply;
        /// A cleared day's obligations per bank.
        get_clearing(GetDayRequest) -> ClearingReply;
        /// What one account traded on one day.
        get_statement(GetStatementRequest) -> GetStatementReply;
        /// One page of a day's trades in the order of acceptance.
        list_trades(ListTradesRequest) -> ListTradesReply;
    }

    read_calls! { ControlServiceClient:
        /// One page of the commands that wait for a second person.
        list_proposals(ListProposalsRequest) -> ListProposalsReply;
    }

    read_calls! { PriceServiceClient:
        /// One line of the price board.
        get_daily_price(GetDailyPriceRequest) -> GetDailyPriceReply;
        /// One page of the price board.
        list_daily_prices(ListDailyPricesRequest) -> ListDailyPricesReply;
    }

    read_calls! { EventServiceClient:
        /// One page of events, oldest first.
        list_events(ListEventsRequest) -> ListEventsReply;
        /// Size and root of the tree over all events.
        get_journal(GetJournalRequest) -> GetJournalReply;
    }

    /// All events behind a number, read page by page as they are asked for.
    #[must_use]
    pub fn all_events(
        &self,
        after_event: u64,
        filter: Option<EventFilter>,
        consistency: Consistency,
    ) -> EventPages {
        EventPages::new(self.clone(), after_event, filter, consistency)
    }

    /// Hands over every event behind a number, and each later one as it
    /// happens, until `on_reply` breaks. Broken streams are opened anew at
    /// another node: no event is missed and none comes twice.
    ///
    /// # Errors
    /// Any [`ClientError`] but `Unknown`; `Unavailable` when no node opens the
    /// stream within a call's time.
    pub async fn watch_events(
        &self,
        after_event: u64,
        filter: Option<EventFilter>,
        on_reply: impl FnMut(&WatchEventsReply) -> std::ops::ControlFlow<()>,
    ) -> Result<WatchReport, ClientError> {
        Box::pin(watch::watch_events(&self.connector, after_event, filter, on_reply)).await
    }

    /// All accounts, page by page.
    ///
    /// # Errors
    /// As [`ReadClient::list_accounts`].
    pub async fn all_accounts(
        &self,
        consistency: Consistency,
    ) -> Result<Vec<Account>, ClientError> {
        let mut accounts = Vec::new();
        let mut after_account_id = 0;
        loop {
            let page = self
                .list_accounts(ListAccountsRequest {
                    after_account_id,
                    page_size: PAGE_SIZE,
                    consistency: consistency.into(),
                })
                .await?;
            accounts.extend(page.accounts);
            if page.next_after_account_id <= after_account_id {
                return Ok(accounts);
            }
            after_account_id = page.next_after_account_id;
        }
    }

    /// Open withdrawals at a bank or of an account, page by page; 0 for all.
    ///
    /// # Errors
    /// As [`ReadClient::list_withdrawals`].
    pub async fn all_withdrawals(
        &self,
        bank_id: u32,
        account_id: u64,
        consistency: Consistency,
    ) -> Result<Vec<Withdrawal>, ClientError> {
        let mut withdrawals = Vec::new();
        let mut after_withdrawal_id = 0;
        loop {
            let page = self
                .list_withdrawals(ListWithdrawalsRequest {
                    bank_id,
                    account_id,
                    after_withdrawal_id,
                    page_size: PAGE_SIZE,
                    consistency: consistency.into(),
                })
                .await?;
            withdrawals.extend(page.withdrawals);
            if page.next_after_withdrawal_id <= after_withdrawal_id {
                return Ok(withdrawals);
            }
            after_withdrawal_id = page.next_after_withdrawal_id;
        }
    }

    /// What a bank pays and receives for a delivered day, whole and with its
    /// hash recomputed.
    ///
    /// # Errors
    /// Any [`ClientError`] but `Unknown`; `Protocol` when lines are missing or
    /// do not add up to what is said of them.
    pub async fn payment_instructions(
        &self,
        request: GetPaymentInstructionsRequest,
    ) -> Result<PaymentInstructions, ClientError> {
        instructions::read(&self.connector, request).await
    }

    /// All of a day's trades with one status; `Unspecified` for all.
    ///
    /// # Errors
    /// As [`ReadClient::list_trades`].
    pub async fn all_trades(
        &self,
        date: &str,
        status: TradeStatus,
    ) -> Result<Vec<TradeRecord>, ClientError> {
        let mut trades = Vec::new();
        let mut after_sequence = 0;
        loop {
            let page = self
                .list_trades(ListTradesRequest {
                    date: date.to_owned(),
                    status: status.into(),
                    after_sequence,
                    page_size: PAGE_SIZE,
                    consistency: Consistency::Linearizable.into(),
                })
                .await?;
            trades.extend(page.trades);
            if page.next_after_sequence <= after_sequence {
                return Ok(trades);
            }
            after_sequence = page.next_after_sequence;
        }
    }
}
