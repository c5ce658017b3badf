//! A settlement day's steps with the exchange's own sums and hashes, for tests
//! that must stop between two of them.

use std::borrow::Borrow;

use anyhow::{Context as _, ensure};
use registry_client::amount::format_fen;
use registry_client::formats::{ClearingHasher, TradesHasher};
use registry_client::proto::{
    ConfirmClearingRequest, DayRequest, DayState, SubmitManifestRequest, SubmitTradesReply, Trade,
    TradeRecord, TradeStatus,
};
use registry_client::{ExchangeClient, RegistryClient, SubmitOptions};

/// What the exchange says of a day's trades: the manifest and the clearing's hash.
#[derive(Clone, Debug)]
pub struct DaySums {
    manifest: SubmitManifestRequest,
    clearing_sha256: [u8; 32],
}

impl DaySums {
    /// Adds up the trades, which need not be in memory together.
    ///
    /// # Errors
    /// When a trade has no canonical bytes or a sum overflows.
    pub fn of<T: Borrow<Trade>>(
        date: &str,
        trades: impl IntoIterator<Item = T>,
    ) -> anyhow::Result<Self> {
        let mut hasher = TradesHasher::new(date)?;
        let mut clearing = ClearingHasher::new(date)?;
        for trade in trades {
            hasher.add(trade.borrow())?;
            clearing.add(trade.borrow())?;
        }
        let totals = hasher.totals();
        let manifest = SubmitManifestRequest {
            date: date.to_owned(),
            trade_count: totals.trade_count,
            quantity_tco2e: totals.quantity_tco2e,
            amount_yuan: format_fen(totals.amount_fen),
            trades_sha256: hasher.finish().to_vec().into(),
            ..Default::default()
        };
        Ok(Self { manifest, clearing_sha256: clearing.finish() })
    }

    /// `YYYY-MM-DD`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.manifest.date
    }

    /// Trades of the day.
    #[must_use]
    pub fn trade_count(&self) -> u64 {
        self.manifest.trade_count
    }

    /// From all chunks received to CONFIRMED: manifest, clearing, confirmation.
    ///
    /// # Errors
    /// When a step is refused or the exchange's hash differs.
    pub async fn confirm(
        &self,
        registry: &RegistryClient,
        exchange: &ExchangeClient,
    ) -> anyhow::Result<()> {
        exchange.submit_manifest(self.manifest.clone()).await.context("closing the stream")?;
        let day = DayRequest { date: self.date().to_owned(), ..Default::default() };
        registry.clear_day(day).await.context("clearing")?;
        let confirmation = ConfirmClearingRequest {
            date: self.date().to_owned(),
            clearing_sha256: self.clearing_sha256.to_vec().into(),
            ..Default::default()
        };
        let day = exchange.confirm_clearing(confirmation).await.context("confirming")?.day;
        let state = day.map(|day| day.state());
        ensure!(state == Some(DayState::Confirmed), "the day is {state:?}: the hashes differ");
        Ok(())
    }
}

/// One day's trades and what the exchange says of them.
#[derive(Clone, Debug)]
pub struct ExchangeDay {
    trades: Vec<Trade>,
    sums: DaySums,
}

impl ExchangeDay {
    /// Adds up the trades.
    ///
    /// # Errors
    /// When a trade has no canonical bytes or a sum overflows.
    pub fn new(date: &str, trades: Vec<Trade>) -> anyhow::Result<Self> {
        Ok(Self { sums: DaySums::of(date, &trades)?, trades })
    }

    /// A day on which other trades were settled at once: they are cleared, but
    /// no part of the manifest.
    ///
    /// # Errors
    /// As [`ExchangeDay::new`].
    pub fn with_immediate(
        date: &str,
        trades: Vec<Trade>,
        immediate: Vec<Trade>,
    ) -> anyhow::Result<Self> {
        let all = DaySums::of(date, trades.iter().chain(&immediate))?;
        let stream = DaySums::of(date, &trades)?;
        Ok(Self { sums: DaySums { clearing_sha256: all.clearing_sha256, ..stream }, trades })
    }

    /// `YYYY-MM-DD`.
    #[must_use]
    pub fn date(&self) -> &str {
        self.sums.date()
    }

    /// What the exchange says of them.
    #[must_use]
    pub fn sums(&self) -> &DaySums {
        &self.sums
    }

    /// In the order they are sent.
    #[must_use]
    pub fn trades(&self) -> &[Trade] {
        &self.trades
    }

    /// What closes the stream.
    #[must_use]
    pub fn manifest(&self) -> &SubmitManifestRequest {
        &self.sums.manifest
    }

    /// The trades in chunks of `size`.
    #[must_use]
    pub fn chunks(&self, size: usize) -> Vec<Vec<Trade>> {
        self.trades.chunks(size).map(<[Trade]>::to_vec).collect()
    }

    /// Sends the chunks of an open day.
    ///
    /// # Errors
    /// When a chunk is refused or not answered in time, or the day has other trades besides.
    pub async fn submit(
        &self,
        exchange: &ExchangeClient,
        chunk_trades: usize,
        on_ack: impl FnMut(&SubmitTradesReply),
    ) -> anyhow::Result<()> {
        let chunks = self.chunks(chunk_trades);
        let options = SubmitOptions::default();
        let sent = exchange.submit_trades(self.date(), chunks, &options, on_ack);
        let accepted = sent.await.context("sending the chunks")?.trades_accepted;
        ensure!(accepted == self.sums.trade_count(), "{accepted} trades are in the day");
        Ok(())
    }

    /// The whole day, from opening to final; answers how many trades were delivered.
    ///
    /// # Errors
    /// When a step is refused or not answered in time.
    pub async fn settle(
        &self,
        registry: &RegistryClient,
        exchange: &ExchangeClient,
        chunk_trades: usize,
    ) -> anyhow::Result<u64> {
        registry.open_day(crate::market::open_day(self.date())).await.context("opening the day")?;
        self.submit(exchange, chunk_trades, |_| {}).await?;
        self.confirm(registry, exchange).await?;
        let report = exchange.deliver_day(self.date(), 0, |_| {}).await.context("delivering")?;
        let request = || DayRequest { date: self.date().to_owned(), ..Default::default() };
        registry.issue_statements(request()).await.context("issuing the statements")?;
        registry.finalize_day(request()).await.context("making the day final")?;
        Ok(report.delivered)
    }

    /// As [`DaySums::confirm`].
    ///
    /// # Errors
    /// When a step is refused or the exchange's hash differs.
    pub async fn confirm(
        &self,
        registry: &RegistryClient,
        exchange: &ExchangeClient,
    ) -> anyhow::Result<()> {
        self.sums.confirm(registry, exchange).await
    }

    /// That the registry's records are these trades, each once, in order, delivered.
    ///
    /// # Errors
    /// Names the first trade that is lost, doubled, changed or not delivered.
    pub fn all_delivered(&self, records: &[TradeRecord]) -> anyhow::Result<()> {
        for (position, (sent, record)) in self.trades.iter().zip(records).enumerate() {
            ensure!(
                record.sequence == position as u64 + 1,
                "record {position} has sequence {}",
                record.sequence
            );
            ensure!(
                record.trade.as_ref() == Some(sent),
                "sent {sent:?}, recorded {:?}",
                record.trade
            );
            let status = record.status();
            ensure!(status == TradeStatus::Delivered, "trade {} is {status:?}", sent.trade_number);
        }
        ensure!(
            records.len() == self.trades.len(),
            "{} sent, {} recorded",
            self.trades.len(),
            records.len()
        );
        Ok(())
    }
}
