//! The settlement day: every step is one command; the two streams have files
//! of their own.

use registry_ledger::{Date, DaySummary, Reason, Receipt, Rejection, StatusFilter};
use registry_proto::registry as proto;
use registry_proto::registry::settlement_service_server::SettlementService;
use registry_proto::storage::log_command::Command;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use crate::decode::fields;
use crate::security::Caller;
use crate::services::account::unknown_account;
use crate::services::gateway::{Gateway, page_size, unexpected};
use crate::services::{deliver_day, encode, settle_trades, submit_trades};

pub(super) struct Settlement(pub(super) Gateway);

impl Settlement {
    /// A step that answers with the day as it then stands.
    async fn day_step(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Response<proto::DayReply>, Status> {
        match self.0.write(caller, command).await? {
            (stamp, Receipt::Day(summary)) => Ok(Response::new(proto::DayReply {
                stamp: Some(stamp),
                day: Some(encode::day(&summary)),
            })),
            (stamp, Receipt::Done) => {
                Ok(Response::new(proto::DayReply { stamp: Some(stamp), day: None }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    /// A step that answers with the trades it touched.
    async fn trades_step(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Response<proto::TradeResultsReply>, Status> {
        match self.0.write(caller, command).await? {
            (stamp, Receipt::Trades(results)) => Ok(Response::new(proto::TradeResultsReply {
                stamp: Some(stamp),
                results: results.iter().map(encode::trade_result).collect(),
            })),
            (_, other) => Err(unexpected(&other)),
        }
    }
}

#[tonic::async_trait]
impl SettlementService for Settlement {
    type SubmitTradesStream = BoxStream<proto::SubmitTradesReply>;
    type SettleTradesStream = BoxStream<proto::SettleTradesReply>;
    type DeliverDayStream = BoxStream<proto::DeliverDayReply>;

    async fn set_holidays(
        &self,
        request: Request<proto::SetHolidaysRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.day_step(&caller, Command::SetHolidays(request.into_inner())).await
    }

    async fn open_day(
        &self,
        request: Request<proto::OpenDayRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.day_step(&caller, Command::OpenDay(request.into_inner())).await
    }

    async fn submit_trades(
        &self,
        request: Request<Streaming<proto::SubmitTradesRequest>>,
    ) -> Result<Response<Self::SubmitTradesStream>, Status> {
        let caller = Caller::of(request.extensions())?;
        let answers = submit_trades::answers(self.0.clone(), caller, request.into_inner());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn submit_manifest(
        &self,
        request: Request<proto::SubmitManifestRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.day_step(&caller, Command::SubmitManifest(request.into_inner())).await
    }

    async fn clear_day(
        &self,
        request: Request<proto::DayRequest>,
    ) -> Result<Response<proto::ClearingReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::ClearDay(request.into_inner())).await? {
            (stamp, Receipt::Clearing(clearing)) => {
                Ok(Response::new(encode::clearing(stamp, &clearing)))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn get_clearing(
        &self,
        request: Request<proto::GetDayRequest>,
    ) -> Result<Response<proto::ClearingReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let (stamp, clearing) = self
            .0
            .read(message.consistency, |ledger| {
                let date = fields::date(&message.date, "date")?;
                let day = ledger.day(date).ok_or_else(|| unknown_day(date))?;
                ledger.clearing(date).ok_or_else(|| not_cleared(&day))
            })
            .await?;
        Ok(Response::new(encode::clearing(stamp, &clearing)))
    }

    async fn confirm_clearing(
        &self,
        request: Request<proto::ConfirmClearingRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.day_step(&caller, Command::ConfirmClearing(request.into_inner())).await
    }

    async fn amend_trade(
        &self,
        request: Request<proto::AmendTradeRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.day_step(&caller, Command::AmendTrade(request.into_inner())).await
    }

    async fn deliver_day(
        &self,
        request: Request<proto::DeliverDayRequest>,
    ) -> Result<Response<Self::DeliverDayStream>, Status> {
        let caller = Caller::of(request.extensions())?;
        let results = deliver_day::results(self.0.clone(), caller, request.into_inner());
        Ok(Response::new(Box::pin(results)))
    }

    async fn retry_held(
        &self,
        request: Request<proto::HeldTradesRequest>,
    ) -> Result<Response<proto::TradeResultsReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.trades_step(&caller, Command::RetryHeld(request.into_inner())).await
    }

    async fn fail_held(
        &self,
        request: Request<proto::HeldTradesRequest>,
    ) -> Result<Response<proto::TradeResultsReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.trades_step(&caller, Command::FailHeld(request.into_inner())).await
    }

    async fn issue_statements(
        &self,
        request: Request<proto::DayRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.day_step(&caller, Command::IssueStatements(request.into_inner())).await
    }

    async fn get_statement(
        &self,
        request: Request<proto::GetStatementRequest>,
    ) -> Result<Response<proto::GetStatementReply>, Status> {
        let _caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        let message = request.into_inner();
        let (stamp, statement) = self
            .0
            .read(message.consistency, |ledger| {
                let date = fields::date(&message.date, "date")?;
                let account = fields::account(message.account_id, "account_id")?;
                ledger.day(date).ok_or_else(|| unknown_day(date))?;
                ledger.statement(date, account).ok_or_else(|| unknown_account(account))
            })
            .await?;
        Ok(Response::new(encode::statement(stamp, &statement)))
    }

    async fn raise_objection(
        &self,
        request: Request<proto::RaiseObjectionRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        self.day_step(&caller, Command::RaiseObjection(request.into_inner())).await
    }

    async fn resolve_objection(
        &self,
        request: Request<proto::ResolveObjectionRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        self.day_step(&caller, Command::ResolveObjection(request.into_inner())).await
    }

    async fn finalize_day(
        &self,
        request: Request<proto::DayRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        self.day_step(&caller, Command::FinalizeDay(request.into_inner())).await
    }

    async fn settle_trade(
        &self,
        request: Request<proto::SettleTradeRequest>,
    ) -> Result<Response<proto::SettleTradeReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::SettleTrade(request.into_inner())).await? {
            (stamp, Receipt::Trade(result)) => Ok(Response::new(proto::SettleTradeReply {
                stamp: Some(stamp),
                result: Some(encode::trade_result(&result)),
            })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn settle_trades(
        &self,
        request: Request<Streaming<proto::SettleTradeRequest>>,
    ) -> Result<Response<Self::SettleTradesStream>, Status> {
        let caller = Caller::of(request.extensions())?;
        let answers = settle_trades::answers(self.0.clone(), caller, request.into_inner());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_day(
        &self,
        request: Request<proto::GetDayRequest>,
    ) -> Result<Response<proto::DayReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let (stamp, day) = self
            .0
            .read(message.consistency, |ledger| {
                let date = fields::date(&message.date, "date")?;
                ledger.day(date).ok_or_else(|| unknown_day(date))
            })
            .await?;
        Ok(Response::new(proto::DayReply { stamp: Some(stamp), day: Some(encode::day(&day)) }))
    }

    async fn list_trades(
        &self,
        request: Request<proto::ListTradesRequest>,
    ) -> Result<Response<proto::ListTradesReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        let (stamp, (trades, more)) = self
            .0
            .read(message.consistency, |ledger| {
                let date = fields::date(&message.date, "date")?;
                let filter = status_filter(message.status)?;
                let mut records = ledger
                    .trades_after(date, filter, message.after_sequence, limit + 1)
                    .ok_or_else(|| unknown_day(date))?;
                let more = records.len() > limit;
                records.truncate(limit);
                Ok((records.iter().map(encode::trade_record).collect::<Vec<_>>(), more))
            })
            .await?;
        let last = trades.last().map_or(0, |record| record.sequence);
        Ok(Response::new(proto::ListTradesReply {
            stamp: Some(stamp),
            trades,
            next_after_sequence: if more { last } else { 0 },
        }))
    }
}

fn status_filter(status: i32) -> Result<Option<StatusFilter>, Rejection> {
    match proto::TradeStatus::try_from(status) {
        Ok(proto::TradeStatus::Unspecified) => Ok(None),
        Ok(proto::TradeStatus::Accepted) => Ok(Some(StatusFilter::Accepted)),
        Ok(proto::TradeStatus::Delivered) => Ok(Some(StatusFilter::Delivered)),
        Ok(proto::TradeStatus::Held) => Ok(Some(StatusFilter::Held)),
        Ok(proto::TradeStatus::Failed) => Ok(Some(StatusFilter::Failed)),
        Ok(proto::TradeStatus::Voided) => Ok(Some(StatusFilter::Voided)),
        Ok(proto::TradeStatus::ReserveCovered) => Ok(Some(StatusFilter::Covered)),
        Err(_) => fields::unknown_value("status", status),
    }
}

fn unknown_day(date: Date) -> Rejection {
    let message = format!("{date} is no settlement day of this registry");
    Rejection::new(Reason::UnknownDay, "date", message)
}

fn not_cleared(day: &DaySummary) -> Rejection {
    let message = format!("{} is {:?}; it has a clearing once it is cleared", day.date, day.state);
    Rejection::new(Reason::DayState, "date", message)
}
