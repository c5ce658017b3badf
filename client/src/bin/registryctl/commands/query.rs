//! `query`: overviews, statements, what was, who holds what.

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::moment::At;
use registry_client::proto::{
    GetBalancesAtRequest, GetOverviewRequest, GetPeriodStatementRequest, GetTradeHistoryRequest,
    ListCandlesRequest, ListHoldersRequest, ListInstrumentTotalsRequest, Moment,
};

use crate::args::Global;
use crate::exit::Usage;
use crate::output::{Page, Record};
use crate::views::query::Sees;
use crate::views::{query, stamp};

/// What people ask.
#[derive(Debug, Subcommand)]
pub(crate) enum QueryCommand {
    /// Everything that concerns one account now (registry, auditor, the firm, its bank).
    Overview(Account),
    /// An account over a period, from opening to closing balances, added up again.
    Statement(Statement),
    /// What an account had at an earlier position.
    Balances(Balances),
    /// One trade from its acceptance on (registry, exchange, auditor, its firms).
    Trade(Trade),
    /// Who holds an instrument (registry, auditor).
    Holders(Holders),
    /// Public figures of every instrument.
    Instruments,
    /// Daily candles of settled days.
    Candles(Candles),
}

#[derive(Debug, Args)]
pub(crate) struct Account {
    /// The account's number.
    #[arg(long)]
    account: u64,
    /// Only what concerns its money at this bank; a bank names itself.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    bank: u32,
}

/// A period: both ends in the same way; an end that is left out is open.
#[derive(Debug, Args)]
pub(crate) struct Statement {
    #[command(flatten)]
    of: Account,
    /// From the beginning of this date in Beijing by ledger time, YYYY-MM-DD.
    #[arg(long, group = "from")]
    from_date: Option<String>,
    /// From the opening of this settlement day, YYYY-MM-DD.
    #[arg(long, group = "from")]
    from_day: Option<String>,
    /// After this event.
    #[arg(long, group = "from")]
    after_event: Option<u64>,
    /// After this entry of the log.
    #[arg(long, group = "from")]
    after_log_index: Option<u64>,
    /// To the end of this date in Beijing by ledger time, YYYY-MM-DD.
    #[arg(long, group = "to")]
    to_date: Option<String>,
    /// To where the settlement day after this one opens, YYYY-MM-DD.
    #[arg(long, group = "to")]
    to_day: Option<String>,
    /// With this event.
    #[arg(long, group = "to")]
    through_event: Option<u64>,
    /// With this entry of the log.
    #[arg(long, group = "to")]
    through_log_index: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Balances {
    #[command(flatten)]
    of: Account,
    #[command(flatten)]
    at: Position,
}

/// One position.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Position {
    /// After this event.
    #[arg(long)]
    event: Option<u64>,
    /// After this entry of the log.
    #[arg(long)]
    log_index: Option<u64>,
    /// At the end of this settlement day, YYYY-MM-DD.
    #[arg(long)]
    day: Option<String>,
    /// At the end of this date in Beijing by ledger time, YYYY-MM-DD.
    #[arg(long)]
    date: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Trade {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// The exchange's number.
    #[arg(long)]
    trade: u64,
    /// A firm's own account, which is a party.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    account: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Holders {
    /// E.g. CEA-2020.
    #[arg(long)]
    instrument: String,
    /// Start after this account.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Holders per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Candles {
    /// E.g. CEA-2020.
    #[arg(long)]
    instrument: String,
    /// First day, YYYY-MM-DD.
    #[arg(long, default_value = "")]
    from: String,
    /// Last day, YYYY-MM-DD.
    #[arg(long, default_value = "")]
    to: String,
}

impl QueryCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Overview(account) => account.overview(global).await,
            Self::Statement(statement) => statement.run(global).await,
            Self::Balances(balances) => balances.run(global).await,
            Self::Trade(trade) => trade.run(global).await,
            Self::Holders(holders) => holders.run(global).await,
            Self::Instruments => instruments(global).await,
            Self::Candles(candles) => candles.run(global).await,
        }
    }
}

impl Account {
    async fn overview(&self, global: &Global) -> Result<Page> {
        let request = GetOverviewRequest {
            account_id: self.account,
            bank_id: self.bank,
            consistency: global.consistency(),
        };
        let sees = self.sees(global)?;
        Ok(query::overview(&global.reads()?.get_overview(request).await?, sees))
    }

    /// What the node shows this caller.
    fn sees(&self, global: &Global) -> Result<Sees> {
        // A certificate without a role is the node's to refuse.
        let role = global.own_identity()?.holder().map(|holder| holder.role);
        Ok(Sees::of(&role.unwrap_or_default(), self.bank))
    }
}

fn moment(
    date: Option<&String>,
    day: Option<&String>,
    event: Option<u64>,
    log_index: Option<u64>,
) -> Option<Moment> {
    let at = (date.cloned().map(At::Date))
        .or_else(|| day.cloned().map(At::SettlementDay))
        .or_else(|| event.map(At::Event))
        .or_else(|| log_index.map(At::LogIndex))?;
    Some(Moment { at: Some(at) })
}

impl Statement {
    fn request(&self, global: &Global) -> GetPeriodStatementRequest {
        let (from_date, from_day) = (self.from_date.as_ref(), self.from_day.as_ref());
        let (to_date, to_day) = (self.to_date.as_ref(), self.to_day.as_ref());
        GetPeriodStatementRequest {
            account_id: self.of.account,
            bank_id: self.of.bank,
            from: moment(from_date, from_day, self.after_event, self.after_log_index),
            to: moment(to_date, to_day, self.through_event, self.through_log_index),
            page_size: 1_000,
            consistency: global.consistency(),
            ..Default::default()
        }
    }

    async fn run(&self, global: &Global) -> Result<Page> {
        let found = global.reads()?.period_statement(self.request(global)).await?;
        Ok(query::statement(&found, self.of.sees(global)?))
    }
}

impl Balances {
    async fn run(&self, global: &Global) -> Result<Page> {
        let Position { event, log_index, day, date } = &self.at;
        let request = GetBalancesAtRequest {
            account_id: self.of.account,
            bank_id: self.of.bank,
            at: moment(date.as_ref(), day.as_ref(), *event, *log_index),
            consistency: global.consistency(),
        };
        let sees = self.of.sees(global)?;
        Ok(query::balances_at(&global.reads()?.get_balances_at(request).await?, sees))
    }
}

impl Trade {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = GetTradeHistoryRequest {
            date: self.date.clone(),
            trade_number: self.trade,
            account_id: self.account,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.get_trade_history(request).await?;
        Ok(Page::default()
            .many("steps", reply.steps.iter().map(query::step).collect())
            .stamp(stamp(reply.stamp)))
    }
}

impl Holders {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListHoldersRequest {
            instrument: self.instrument.clone(),
            after_account_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_holders(request).await?;
        Ok(Page::default()
            .many("holders", reply.holders.iter().map(query::holder).collect())
            .one(
                Record::default()
                    .with("held_tco2e", reply.held_tco2e.to_string())
                    .with("next_after_account_id", reply.next_after_account_id),
            )
            .stamp(stamp(reply.stamp)))
    }
}

async fn instruments(global: &Global) -> Result<Page> {
    let request = ListInstrumentTotalsRequest { consistency: global.consistency() };
    let reply = global.reads()?.list_instrument_totals(request).await?;
    Ok(Page::default()
        .many("instruments", reply.totals.iter().map(query::totals).collect())
        .stamp(stamp(reply.stamp)))
}

impl Candles {
    /// Malformed dates are the node's to refuse.
    fn check(&self) -> Result<(), Usage> {
        let (from, to) = (self.from.as_str(), self.to.as_str());
        if from.len() == 10 && to.len() == 10 && from > to {
            return Err(Usage(format!("--from {from} is later than --to {to}")));
        }
        Ok(())
    }

    async fn run(&self, global: &Global) -> Result<Page> {
        self.check()?;
        let request = ListCandlesRequest {
            instrument: self.instrument.clone(),
            from_date: self.from.clone(),
            to_date: self.to.clone(),
            consistency: global.consistency(),
            ..Default::default()
        };
        let (at, candles) = global.reads()?.all_candles(request).await?;
        Ok(Page::default()
            .one(Record::default().with("instrument", self.instrument.as_str()))
            .many("candles", candles.iter().map(query::candle).collect())
            .stamp(stamp(Some(at))))
    }
}
