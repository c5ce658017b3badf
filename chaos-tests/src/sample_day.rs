//! A published day on a cluster: made, loaded, settled, and held against every
//! figure that was published of it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use registry_client::amount::format_fen;
use registry_client::proto::{DailyPrice, GetDailyPriceRequest, Trade};
use registry_client::sample::{
    DayFigures, DayOptions, HeldPlan, Population, SampleTrade, TopUp, fund, generate_day,
    read_figures,
};
use registry_client::workflow::{
    AccountNumbers, DayPlan, LoadOptions, LoadProgress, LoadReport, SettleProgress, SettleReport,
    TopUps, load_population, settle_day, wire_trades,
};
use registry_client::{ExchangeClient, ReadClient, RegistryClient, TwoOfficers};

/// One day with the firms that trade on it.
#[derive(Clone, Debug)]
pub struct SampleDay {
    figures: DayFigures,
    instrument: String,
    population: Population,
    trades: Vec<SampleTrade>,
    top_ups: Vec<TopUp>,
}

/// The published days that `deploy/` ships.
///
/// # Errors
/// When the file is absent or malformed.
pub fn published_days(repository: &Path) -> anyhow::Result<Vec<DayFigures>> {
    let path = repository.join("deploy/sample-days/figures.csv");
    let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    read_figures(file).with_context(|| format!("reading {}", path.display()))
}

impl SampleDay {
    /// Makes firms and trades from a seed and funds the firms so that all
    /// trades deliver but a few, which need a top-up first.
    ///
    /// # Errors
    /// When no trades add up to the figures.
    pub fn make(
        figures: DayFigures,
        firms: usize,
        seed: u64,
        instrument: &str,
    ) -> anyhow::Result<Self> {
        let mut population = Population::generate(firms, seed);
        let options = DayOptions { instrument: instrument.to_owned(), ..DayOptions::default() };
        let trades = generate_day(&figures, &population, seed, &options)
            .with_context(|| format!("making the trades of {}", figures.date))?;
        let top_ups = fund(&mut population, &trades, HeldPlan::default())
            .with_context(|| format!("funding the trades of {}", figures.date))?;
        Ok(Self { figures, instrument: instrument.to_owned(), population, trades, top_ups })
    }

    /// What was published.
    #[must_use]
    pub fn figures(&self) -> &DayFigures {
        &self.figures
    }

    /// `YYYY-MM-DD`.
    #[must_use]
    pub fn date(&self) -> String {
        self.figures.date.to_string()
    }

    /// The firms, funded.
    #[must_use]
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// In the order of the day.
    #[must_use]
    pub fn trades(&self) -> &[SampleTrade] {
        &self.trades
    }

    /// What the trades that are held at first will need.
    #[must_use]
    pub fn expected_top_ups(&self) -> &[TopUp] {
        &self.top_ups
    }

    /// Admits banks, instrument and firms, with what they hold.
    ///
    /// # Errors
    /// When the registry refuses or does not answer.
    pub async fn load(
        &self,
        officers: &TwoOfficers,
        run: &str,
        progress: impl Fn(LoadProgress),
    ) -> anyhow::Result<LoadReport> {
        let mut options = LoadOptions::new(run, self.figures.previous_close_fen)
            .with_reserves_for(&self.population, &self.trades);
        options.instrument.clone_from(&self.instrument);
        load_population(officers, &self.population, &options, progress)
            .await
            .context("loading the firms")
    }

    /// The trades as the exchange sends them.
    ///
    /// # Errors
    /// When a firm was not loaded.
    pub fn wire_trades(&self, accounts: &AccountNumbers) -> anyhow::Result<Vec<Trade>> {
        Ok(wire_trades(&self.trades, accounts)?)
    }

    /// Takes the day from OPEN to FINAL, with top-ups for what is held.
    ///
    /// # Errors
    /// At the first step that cannot be done, or when other trades are held
    /// than those that were left short, or a trade stays held.
    pub async fn settle(
        &self,
        registry: &RegistryClient,
        exchange: &ExchangeClient,
        accounts: &AccountNumbers,
        run: &str,
        progress: impl FnMut(SettleProgress),
    ) -> anyhow::Result<SettleReport> {
        let mut plan = DayPlan::new(&self.date(), self.wire_trades(accounts)?, run);
        plan.topups = TopUps::CoverShortfall;
        let report =
            settle_day(registry, exchange, &plan, progress).await.context("settling the day")?;
        let mut held: Vec<u64> =
            report.first_held.iter().map(|held| held.trade.trade_number).collect();
        let mut short: Vec<u64> = self.top_ups.iter().map(TopUp::trade_number).collect();
        held.sort_unstable();
        short.sort_unstable();
        ensure!(held == short, "trades {held:?} were held at first, {short:?} were left short");
        ensure!(report.still_held.is_empty(), "trades stay held: {:?}", report.still_held);
        Ok(report)
    }

    /// Reads the day's line of the price board and compares it, and the day's
    /// totals, with every published figure.
    ///
    /// # Errors
    /// Names each figure that differs.
    pub async fn must_equal_published(
        &self,
        reads: &ReadClient,
        report: &SettleReport,
    ) -> anyhow::Result<DailyPrice> {
        let request = GetDailyPriceRequest {
            instrument: self.instrument.clone(),
            date: self.date(),
            ..Default::default()
        };
        let line = reads.get_daily_price(request).await.context("reading the price board")?.price;
        let line = line.context("the price board's answer has no line")?;
        let figures = &self.figures;
        let prices =
            figures.session.map_or([String::new(), String::new(), String::new()], |session| {
                [session.open_fen, session.high_fen, session.low_fen].map(format_fen)
            });
        let [open, high, low] = prices;
        let total_quantity = figures.listed_quantity_tco2e + figures.block_quantity_tco2e;
        let total_fen = figures.listed_amount_fen + figures.block_amount_fen;
        let rows = [
            (
                "previous close",
                format_fen(figures.previous_close_fen),
                line.previous_close_yuan.clone(),
            ),
            ("open", open, line.open_yuan.clone()),
            ("high", high, line.high_yuan.clone()),
            ("low", low, line.low_yuan.clone()),
            ("close", format_fen(figures.close_fen), line.close_yuan.clone()),
            (
                "listed tonnes",
                figures.listed_quantity_tco2e.to_string(),
                line.listed_tco2e.to_string(),
            ),
            ("listed yuan", format_fen(figures.listed_amount_fen), line.listed_yuan.clone()),
            (
                "block tonnes",
                figures.block_quantity_tco2e.to_string(),
                line.block_tco2e.to_string(),
            ),
            ("block yuan", format_fen(figures.block_amount_fen), line.block_yuan.clone()),
            ("total tonnes", total_quantity.to_string(), report.day.quantity_tco2e.to_string()),
            ("total yuan", format_fen(total_fen), report.day.amount_yuan.clone()),
        ];
        let different = rows.iter().filter(|(_, published, settled)| published != settled);
        let different: Vec<String> = different
            .map(|(name, published, settled)| {
                format!("{name}: published {published}, settled {settled}")
            })
            .collect();
        if !different.is_empty() {
            bail!("{} differs from what was published: {}", self.date(), different.join("; "));
        }
        ensure!(line.settled, "the price line of {} is not settled", self.date());
        Ok(line)
    }
}
