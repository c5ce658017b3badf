//! What people ask: overviews, statements, what was, who holds what.

mod concerns;
mod cursor;
mod encode_history;
mod encumbered;
mod source;
mod statement;
mod waiting;

use registry_ledger::history::{self, Edge, End};
use registry_ledger::{
    AccountId, BankId, Ledger, PledgeFilter, PledgeId, Reason, Rejection, TradeNumber,
};
use registry_proto::registry as proto;
use registry_proto::registry::moment::At;
use registry_proto::registry::query_service_server::QueryService;
use registry_proto::registry::{
    GetBalancesAtReply, GetBalancesAtRequest, GetOverviewReply, GetOverviewRequest,
    GetPeriodStatementReply, GetPeriodStatementRequest, GetTradeHistoryReply,
    GetTradeHistoryRequest, ListCandlesReply, ListCandlesRequest, ListHoldersReply,
    ListHoldersRequest, ListInstrumentTotalsReply, ListInstrumentTotalsRequest, Stamp,
};
use tonic::{Request, Response, Status};

use crate::decode::fields;
use crate::security::{Caller, Scope};
use crate::services::account::unknown_account;
use crate::services::gateway::{Gateway, page_size};
use crate::services::price::{known_instrument, optional_date};
use crate::services::{encode, status};

pub(super) use source::{HistoryError, LiveHistory};

/// Accounts that one page of holders looks at.
const ACCOUNTS_PER_PAGE: u32 = 1 << 16;

pub(super) struct Queries(pub(super) Gateway);

/// Whose affairs are asked for.
#[derive(Clone, Copy)]
struct Asked {
    account: AccountId,
    /// Only what concerns the account's money there.
    bank: Option<BankId>,
}

#[tonic::async_trait]
impl QueryService for Queries {
    async fn get_overview(
        &self,
        request: Request<GetOverviewRequest>,
    ) -> Result<Response<GetOverviewReply>, Status> {
        let message = *request.get_ref();
        let (account, bank) = (message.account_id, message.bank_id);
        let caller = Caller::of_account_at_bank(request.extensions(), account, bank)?;
        // Who is about to be frozen must not be told by its own overview.
        let sees_proposals = caller.scope == Scope::All;
        let (stamp, reply) = self
            .0
            .read(message.consistency, |ledger| {
                let asked = asked(ledger, account, bank)?;
                let found = ledger.overview(asked.account);
                let found = found.ok_or_else(|| unknown_account(asked.account))?;
                let mut reply = encode_history::overview(&found, asked.bank);
                encumbered::add(ledger, asked.account, asked.bank, &mut reply);
                if asked.bank.is_none() {
                    waiting::add(ledger, asked.account, &mut reply);
                }
                if sees_proposals {
                    (reply.proposals, reply.proposals_cut) =
                        concerns::proposals(ledger, asked.account);
                }
                Ok(reply)
            })
            .await?;
        Ok(Response::new(GetOverviewReply { stamp: Some(stamp), ..reply }))
    }

    async fn get_balances_at(
        &self,
        request: Request<GetBalancesAtRequest>,
    ) -> Result<Response<GetBalancesAtReply>, Status> {
        let (account, bank) = (request.get_ref().account_id, request.get_ref().bank_id);
        let _caller = Caller::of_account_at_bank(request.extensions(), account, bank)?;
        let message = request.into_inner();
        let moment = moment(message.at.as_ref(), "at").map_err(|no| status::rejected(&no))?;
        let (stamp, end, asked) = self.present(message.consistency, account, bank).await?;
        let reply = LiveHistory::of(&self.0)
            .read(move |source| {
                let event = history::through(source, end, moment, Edge::Closing, "at")?;
                let found = history::balances_at(source, asked.account, event)?;
                let last = match event {
                    0 => None,
                    event => Some(history::Source::event(source, event)?),
                };
                Ok(GetBalancesAtReply {
                    stamp: Some(stamp),
                    account_id: account,
                    event,
                    log_index: last.as_ref().map_or(0, |event| event.log_index),
                    ledger_time_ms: last.as_ref().map_or(0, |event| event.ledger_time.0),
                    balances: Some(encode_history::balances(&found, asked.bank)),
                })
            })
            .await?;
        Ok(Response::new(reply))
    }

    async fn get_period_statement(
        &self,
        request: Request<GetPeriodStatementRequest>,
    ) -> Result<Response<GetPeriodStatementReply>, Status> {
        let (account, bank) = (request.get_ref().account_id, request.get_ref().bank_id);
        let _caller = Caller::of_account_at_bank(request.extensions(), account, bank)?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        let (stamp, end, asked) = self.present(message.consistency, account, bank).await?;
        let page = LiveHistory::of(&self.0)
            .read(move |source| statement::page(source, &message, asked, end, limit))
            .await?;
        Ok(Response::new(GetPeriodStatementReply { stamp: Some(stamp), ..page }))
    }

    async fn get_trade_history(
        &self,
        request: Request<GetTradeHistoryRequest>,
    ) -> Result<Response<GetTradeHistoryReply>, Status> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        let message = request.into_inner();
        let date = fields::date(&message.date, "date").map_err(|no| status::rejected(&no))?;
        let number = TradeNumber(message.trade_number);
        let last = |ledger: &Ledger| Ok(ledger.journal().leaves());
        let (stamp, last) = self.0.read(message.consistency, last).await?;
        let steps = LiveHistory::of(&self.0)
            .read(move |source| history::trade_steps(source, date, number))
            .await?;
        let steps: Vec<_> = steps.iter().filter(|step| step.event <= last).collect();
        let own = |step: &&history::TradeStep| {
            let trade = &step.trade.trade;
            [trade.buyer, trade.seller].map(|of| u64::from(of.0)).contains(&message.account_id)
        };
        // Another's trade is as unknown to a firm as none.
        if caller.scope == Scope::Own && !steps.iter().all(own) {
            let text = format!("trade {} is not one of account {}", number.0, message.account_id);
            let foreign = Rejection::new(Reason::UnknownTrade, "trade_number", text);
            return Err(status::rejected(&foreign));
        }
        Ok(Response::new(GetTradeHistoryReply {
            stamp: Some(stamp),
            date: date.to_string(),
            steps: steps.into_iter().map(encode_history::step).collect(),
        }))
    }

    async fn list_holders(
        &self,
        request: Request<ListHoldersRequest>,
    ) -> Result<Response<ListHoldersReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        // Past the greatest number an account can have there is nothing.
        let after = u32::try_from(message.after_account_id).unwrap_or(u32::MAX);
        let (stamp, (instrument, page)) = self
            .0
            .read(message.consistency, |ledger| {
                let instrument = known_instrument(ledger, &message.instrument)?;
                let page = ledger.holders_after(instrument, after, limit, ACCOUNTS_PER_PAGE);
                Ok((instrument, page.ok_or_else(|| unknown_account(AccountId(after)))?))
            })
            .await?;
        let holders = page.holders.iter().map(|(account, holding)| proto::Holder {
            account_id: account.0.into(),
            holding: Some(encode::holding(instrument, holding)),
        });
        Ok(Response::new(ListHoldersReply {
            stamp: Some(stamp),
            holders: holders.collect(),
            held_tco2e: page.held.0,
            next_after_account_id: page.next_after.map_or(0, u64::from),
        }))
    }

    async fn list_instrument_totals(
        &self,
        request: Request<ListInstrumentTotalsRequest>,
    ) -> Result<Response<ListInstrumentTotalsReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let totals = |ledger: &Ledger| Ok(ledger.instrument_totals());
        let (stamp, totals) = self.0.read(request.get_ref().consistency, totals).await?;
        let totals = totals.iter().map(encode_history::totals).collect();
        Ok(Response::new(ListInstrumentTotalsReply { stamp: Some(stamp), totals }))
    }

    async fn list_candles(
        &self,
        request: Request<ListCandlesRequest>,
    ) -> Result<Response<ListCandlesReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        let (stamp, (candles, next)) = self
            .0
            .read(message.consistency, |ledger| {
                let instrument = known_instrument(ledger, &message.instrument)?;
                let from = optional_date(&message.from_date, "from_date")?;
                let to = optional_date(&message.to_date, "to_date")?;
                if from.zip(to).is_some_and(|(from, to)| from > to) {
                    let text = format!("{} is later than {}", message.from_date, message.to_date);
                    return Err(Rejection::new(Reason::PeriodReversed, "to_date", text));
                }
                let mut candles = ledger.candles(instrument, from, to, limit + 1);
                let next = candles.get(limit).map(|candle| candle.price.date.to_string());
                candles.truncate(limit);
                Ok((candles, next))
            })
            .await?;
        Ok(Response::new(ListCandlesReply {
            stamp: Some(stamp),
            candles: candles.iter().map(encode_history::candle).collect(),
            next_from_date: next.unwrap_or_default(),
        }))
    }
}

impl Queries {
    /// How far the registry has come, and who is asked about.
    async fn present(
        &self,
        consistency: i32,
        account: u64,
        bank: u32,
    ) -> Result<(Stamp, End, Asked), Status> {
        let (stamp, (event, now, asked)) = self
            .0
            .read(consistency, |ledger| {
                let asked = asked(ledger, account, bank)?;
                Ok((ledger.journal().leaves(), ledger.ledger_time(), asked))
            })
            .await?;
        Ok((stamp, End { event, log_index: stamp.log_index, now }, asked))
    }
}

/// The account, which has money at the bank, or a pledge to it, if one is named.
fn asked(ledger: &Ledger, account: u64, bank: u32) -> Result<Asked, Rejection> {
    let account = fields::account(account, "account_id")?;
    let view = ledger.account(account).ok_or_else(|| unknown_account(account))?;
    if bank == 0 {
        return Ok(Asked { account, bank: None });
    }
    let bank = ledger.known_bank_id(fields::bank(bank, "bank_id")?)?;
    let open_only = true;
    let pledged = PledgeFilter { pledgor: Some(account), pledgee: Some(bank), open_only };
    let is_pledgee = || !ledger.pledges_after(pledged, PledgeId(0), 1).is_empty();
    if view.cash.iter().any(|(of, _)| *of == bank) || is_pledgee() {
        return Ok(Asked { account, bank: Some(bank) });
    }
    let text =
        format!("account {} has no money at bank {} and nothing pledged to it", account.0, bank.0);
    Err(Rejection::new(Reason::UnknownAccount, "account_id", text))
}

/// A position that was asked for.
fn moment(given: Option<&proto::Moment>, field: &str) -> Result<history::Moment, Rejection> {
    let inside = |name: &str| format!("{field}.{name}");
    match given.and_then(|given| given.at.as_ref()) {
        Some(At::Event(event)) => Ok(history::Moment::Event(*event)),
        Some(At::LogIndex(index)) => Ok(history::Moment::LogIndex(*index)),
        Some(At::SettlementDay(day)) => {
            Ok(history::Moment::SettlementDay(fields::date(day, &inside("settlement_day"))?))
        }
        Some(At::Date(date)) => Ok(history::Moment::Date(fields::date(date, &inside("date"))?)),
        None => {
            let text = format!("{field} is missing; give an event, a log index or a day");
            Err(Rejection::new(Reason::FieldMissing, field, text))
        }
    }
}
