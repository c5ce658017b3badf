//! Reads, open to every role that the registry lets see the record.

use registry_proto::registry::account_service_client::AccountServiceClient;
use registry_proto::registry::cash_service_client::CashServiceClient;
use registry_proto::registry::control_service_client::ControlServiceClient;
use registry_proto::registry::event_service_client::EventServiceClient;
use registry_proto::registry::inclusive_service_client::InclusiveServiceClient;
use registry_proto::registry::instrument_service_client::InstrumentServiceClient;
use registry_proto::registry::pledge_service_client::PledgeServiceClient;
use registry_proto::registry::price_service_client::PriceServiceClient;
use registry_proto::registry::query_service_client::QueryServiceClient;
use registry_proto::registry::repo_service_client::RepoServiceClient;
use registry_proto::registry::settlement_service_client::SettlementServiceClient;
use registry_proto::registry::{
    Account, Candle, ClearingReply, Consistency, DayReply, EventFilter, GetAccountReply,
    GetAccountRequest, GetBalancesAtReply, GetBalancesAtRequest, GetDailyPriceReply,
    GetDailyPriceRequest, GetDayRequest, GetInclusiveAccountReply, GetInclusiveAccountRequest,
    GetJournalReply, GetJournalRequest, GetOverviewReply, GetOverviewRequest,
    GetPaymentInstructionsRequest, GetPeriodStatementReply, GetPeriodStatementRequest,
    GetReconciliationReply, GetReconciliationRequest, GetStatementReply, GetStatementRequest,
    GetTradeHistoryReply, GetTradeHistoryRequest, Holder, ListAccountsReply, ListAccountsRequest,
    ListBanksReply, ListBanksRequest, ListCandlesReply, ListCandlesRequest, ListDailyPricesReply,
    ListDailyPricesRequest, ListEventsReply, ListEventsRequest, ListFreezesReply,
    ListFreezesRequest, ListHoldersReply, ListHoldersRequest, ListInclusiveAccountsReply,
    ListInclusiveAccountsRequest, ListInstrumentTotalsReply, ListInstrumentTotalsRequest,
    ListInstrumentsReply, ListInstrumentsRequest, ListPlatformsReply, ListPlatformsRequest,
    ListPledgesReply, ListPledgesRequest, ListProposalsReply, ListProposalsRequest, ListReposReply,
    ListReposRequest, ListTradesReply, ListTradesRequest, ListVouchersReply, ListVouchersRequest,
    ListWithdrawalsReply, ListWithdrawalsRequest, Stamp, TradeRecord, TradeStatus,
    VerifyPledgeReply, VerifyPledgeRequest, WatchEventsReply, Withdrawal, verify_pledges_reply,
};

use crate::calls::read_calls;
use crate::connect::Connector;
use crate::error::ClientError;
use crate::events::EventPages;
use crate::instructions::{self, PaymentInstructions};
use crate::statement::{self, PeriodStatement};
use crate::verify;
use crate::watch::{self, WatchReport, Watched};

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

    read_calls! { PledgeServiceClient:
        /// What a pledge is and is worth now.
        verify_pledge(VerifyPledgeRequest) -> VerifyPledgeReply;
        /// One page of pledges.
        list_pledges(ListPledgesRequest) -> ListPledgesReply;
        /// One page of freezes that stand.
        list_freezes(ListFreezesRequest) -> ListFreezesReply;
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

    read_calls! { QueryServiceClient:
        /// Everything that concerns one account now.
        get_overview(GetOverviewRequest) -> GetOverviewReply;
        /// What an account had at an earlier position.
        get_balances_at(GetBalancesAtRequest) -> GetBalancesAtReply;
        /// One page of an account's statement: [`ReadClient::period_statement`] reads all.
        get_period_statement(GetPeriodStatementRequest) -> GetPeriodStatementReply;
        /// One trade from its acceptance on.
        get_trade_history(GetTradeHistoryRequest) -> GetTradeHistoryReply;
        /// One page of an instrument's holders.
        list_holders(ListHoldersRequest) -> ListHoldersReply;
        /// Public figures of every instrument.
        list_instrument_totals(ListInstrumentTotalsRequest) -> ListInstrumentTotalsReply;
        /// One page of daily candles.
        list_candles(ListCandlesRequest) -> ListCandlesReply;
    }

    read_calls! { RepoServiceClient:
        /// One page of repos.
        list_repos(ListReposRequest) -> ListReposReply;
    }

    read_calls! { InclusiveServiceClient:
        /// One person's account.
        get_inclusive_account(GetInclusiveAccountRequest) -> GetInclusiveAccountReply;
        /// One page of persons' accounts.
        list_inclusive_accounts(ListInclusiveAccountsRequest) -> ListInclusiveAccountsReply;
        /// Platforms with their quotas.
        list_platforms(ListPlatformsRequest) -> ListPlatformsReply;
        /// One page of vouchers.
        list_vouchers(ListVouchersRequest) -> ListVouchersReply;
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
        let watched = Watched::Events(filter);
        Box::pin(watch::watch(&self.connector, after_event, watched, on_reply)).await
    }

    /// Verifies many pledges over one stream: one outcome per number, in their
    /// order.
    ///
    /// # Errors
    /// Any [`ClientError`] but `Unknown`. That one pledge is unknown or may not be
    /// seen is its outcome.
    pub async fn verify_pledges(
        &self,
        pledge_ids: &[u64],
        consistency: Consistency,
    ) -> Result<Vec<verify_pledges_reply::Outcome>, ClientError> {
        verify::verify_pledges(&self.connector, pledge_ids, consistency).await
    }

    /// Hands over everything that happens to the pledges of a bank, as
    /// [`ReadClient::watch_events`] does.
    ///
    /// # Errors
    /// As [`ReadClient::watch_events`].
    pub async fn watch_pledges(
        &self,
        pledgee_bank: u32,
        after_event: u64,
        on_reply: impl FnMut(&WatchEventsReply) -> std::ops::ControlFlow<()>,
    ) -> Result<WatchReport, ClientError> {
        let watched = Watched::Pledges(pledgee_bank);
        Box::pin(watch::watch(&self.connector, after_event, watched, on_reply)).await
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

    /// What banks must hold and what they reported, with every claim: the
    /// claims come page by page, the rest is of the last page. The request's
    /// cursor is not looked at.
    ///
    /// # Errors
    /// As [`ReadClient::get_reconciliation`].
    pub async fn whole_reconciliation(
        &self,
        request: GetReconciliationRequest,
    ) -> Result<GetReconciliationReply, ClientError> {
        let first = GetReconciliationRequest { after_account_id: 0, after_bank_id: 0, ..request };
        let mut reply = self.get_reconciliation(first).await?;
        let mut claims = std::mem::take(&mut reply.claims);
        while reply.next_after_account_id != 0 {
            let (after_account_id, after_bank_id) =
                (reply.next_after_account_id, reply.next_after_bank_id);
            let next = GetReconciliationRequest { after_account_id, after_bank_id, ..request };
            reply = self.get_reconciliation(next).await?;
            claims.append(&mut reply.claims);
        }
        Ok(GetReconciliationReply { claims, ..reply })
    }

    /// An account's statement over a period, all pages, added up again from the
    /// opening to the closing balances. The request's cursor is not looked at.
    ///
    /// # Errors
    /// Any [`ClientError`] but `Unknown`; `Protocol` when it does not add up.
    pub async fn period_statement(
        &self,
        request: GetPeriodStatementRequest,
    ) -> Result<PeriodStatement, ClientError> {
        let request = GetPeriodStatementRequest { cursor: String::new(), ..request };
        statement::read(self, request).await
    }

    /// All holders of an instrument, page by page; each page holds at its own
    /// position.
    ///
    /// # Errors
    /// As [`ReadClient::list_holders`].
    pub async fn all_holders(&self, instrument: &str) -> Result<Vec<Holder>, ClientError> {
        let (mut holders, mut after_account_id) = (Vec::new(), 0);
        loop {
            let request = ListHoldersRequest {
                instrument: instrument.to_owned(),
                after_account_id,
                page_size: PAGE_SIZE,
                ..Default::default()
            };
            let page = self.list_holders(request).await?;
            holders.extend(page.holders);
            if page.next_after_account_id <= after_account_id {
                return Ok(holders);
            }
            after_account_id = page.next_after_account_id;
        }
    }

    /// All candles of a range of dates, page by page; the request's page size
    /// is not looked at.
    ///
    /// # Errors
    /// As [`ReadClient::list_candles`].
    pub async fn all_candles(
        &self,
        request: ListCandlesRequest,
    ) -> Result<(Stamp, Vec<Candle>), ClientError> {
        let mut candles = Vec::new();
        let mut request = ListCandlesRequest { page_size: PAGE_SIZE, ..request };
        loop {
            let page = self.list_candles(request.clone()).await?;
            candles.extend(page.candles);
            if page.next_from_date <= request.from_date {
                return Ok((page.stamp.unwrap_or_default(), candles));
            }
            request.from_date = page.next_from_date;
        }
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
