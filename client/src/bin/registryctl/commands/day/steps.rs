//! The registry's plain steps of a day, and where a day stands.

use anyhow::Result;
use clap::Args;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    DayRequest, GetDayRequest, GetStatementRequest, OpenDayRequest, Resumption, SetHolidaysRequest,
    Suspension,
};

use super::super::control;
use super::Date;
use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::{day, stamp};

#[derive(Debug, Args)]
pub(crate) struct Open {
    /// YYYY-MM-DD; a trading day, not before it begins.
    #[arg(long)]
    date: String,
    /// Time for top-ups after delivery, ms; 0 for two hours.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    topup_window_ms: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Statement {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// Whose.
    #[arg(long)]
    account: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Holidays {
    /// All holidays, comma separated; an empty list leaves weekends only.
    #[arg(long, value_delimiter = ',', required = true)]
    dates: Vec<String>,
}

impl Open {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = OpenDayRequest {
            request_id: global.write_id(),
            date: self.date.clone(),
            topup_window_ms: self.topup_window_ms,
        };
        Ok(day::day_page(&global.registry()?.open_day(request).await?))
    }
}

impl Statement {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = GetStatementRequest {
            date: self.date.clone(),
            account_id: self.account,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.get_statement(request).await?;
        let totals = Record::default()
            .with("date", reply.date)
            .with("account_id", reply.account_id)
            .with("bought_yuan", reply.bought_yuan)
            .with("sold_yuan", reply.sold_yuan);
        Ok(Page::default()
            .one(totals)
            .many("lines", reply.lines.iter().map(day::statement_line).collect())
            .stamp(stamp(reply.stamp)))
    }
}

impl Holidays {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let dates: Vec<String> =
            self.dates.iter().filter(|date| !date.is_empty()).cloned().collect();
        let count = dates.len();
        let request = SetHolidaysRequest { request_id: global.write_id(), dates };
        let reply = global.registry()?.set_holidays(request).await?;
        Ok(Page::default().one(Record::default().with("holidays", count)).stamp(stamp(reply.stamp)))
    }
}

pub(super) async fn show(global: &Global, date: &Date) -> Result<Page> {
    Ok(day::day_page(&global.reads()?.get_day(read(global, date)).await?))
}

pub(super) async fn clear(global: &Global, date: &Date) -> Result<Page> {
    Ok(day::clearing_page(&global.registry()?.clear_day(write(global, date)).await?))
}

pub(super) async fn clearing(global: &Global, date: &Date) -> Result<Page> {
    Ok(day::clearing_page(&global.reads()?.get_clearing(read(global, date)).await?))
}

pub(super) async fn statements(global: &Global, date: &Date) -> Result<Page> {
    Ok(day::day_page(&global.registry()?.issue_statements(write(global, date)).await?))
}

pub(super) async fn finalize(global: &Global, date: &Date) -> Result<Page> {
    Ok(day::day_page(&global.registry()?.finalize_day(write(global, date)).await?))
}

pub(super) async fn suspend(global: &Global, date: &Date) -> Result<Page> {
    control::propose(global, Command::Suspension(Suspension { date: date.date.clone() })).await
}

pub(super) async fn resume(global: &Global, date: &Date) -> Result<Page> {
    control::propose(global, Command::Resumption(Resumption { date: date.date.clone() })).await
}

fn read(global: &Global, date: &Date) -> GetDayRequest {
    GetDayRequest { date: date.date.clone(), consistency: global.consistency() }
}

fn write(global: &Global, date: &Date) -> DayRequest {
    DayRequest { request_id: global.write_id(), date: date.date.clone() }
}
