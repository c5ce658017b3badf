//! A day's trades from its published figures.

use time::{OffsetDateTime, Time};

use super::block::block_fills;
use super::figures::DayFigures;
use super::fill::Fill;
use super::listed::listed_fills;
use super::money::{MAX_AMOUNT_FEN, MAX_PRICE_FEN, MAX_QUANTITY_TCO2E};
use super::population::Population;
use super::random::Random;
use super::rules::contradictions;
use super::trade::{BEIJING, SampleTrade, TradeKind, is_instrument};

/// Instrument of the first compliance cycle, 2019-2020, named by its last
/// year: what was traded on the days of 2021.
pub const DEFAULT_INSTRUMENT: &str = "CEA-2020";

/// Most listed trades a day can be made of.
pub const MAX_LISTED_TRADES: u64 = 10_000_000;

/// Trading hours: 9:30-11:30 and 13:00-15:00 Beijing time.
const MORNING_START_MS: i64 = (9 * 60 + 30) * 60_000;
const AFTERNOON_START_MS: i64 = 13 * 3_600_000;
const SESSION_MS: i64 = 2 * 3_600_000;

/// What the figures leave open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOptions {
    /// What is traded: `CEA-` and the vintage, or `CCER`.
    pub instrument: String,
    /// Number of listed trades, up to the listed tonnes; `None` for a mean of
    /// about 500 t.
    pub listed_trades: Option<u64>,
}

impl Default for DayOptions {
    fn default() -> Self {
        Self { instrument: DEFAULT_INSTRUMENT.to_owned(), listed_trades: None }
    }
}

/// Why no trades can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// The published figures break rules of the market.
    #[error("the figures contradict the market's rules: {}", .0.join("; "))]
    Contradiction(Vec<String>),
    /// Too few tonnes for one trade at each of open, high and low.
    #[error(
        "listed_tco2e {listed_tco2e} contradicts open, high and low: {prices} different prices need a tonne each"
    )]
    TooFewTonnes {
        /// Published listed quantity.
        listed_tco2e: i64,
        /// Different prices among open, high and low.
        prices: usize,
    },
    /// The amount cannot come from trades within low and high that include
    /// the open, the high and the low.
    #[error(
        "listed_yuan {listed_yuan} contradicts open, high and low: with a tonne at each of them the listed tonnes are worth {least_yuan} to {most_yuan}"
    )]
    ListedAmount {
        /// Published listed amount.
        listed_yuan: String,
        /// Least amount.
        least_yuan: String,
        /// Greatest amount.
        most_yuan: String,
    },
    /// No block trades add up to both totals.
    #[error(
        "block_yuan {block_yuan} contradicts block_tco2e {block_tco2e}: no trades of 100000 t or more at prices from {low_yuan} to {high_yuan} were found that add up to both"
    )]
    BlockAmount {
        /// Published block quantity.
        block_tco2e: i64,
        /// Published block amount.
        block_yuan: String,
        /// Lower price limit.
        low_yuan: String,
        /// Upper price limit.
        high_yuan: String,
    },
    /// Fewer listed trades asked for than the figures need.
    #[error(
        "{requested} listed trades are too few: these figures need {at_least}, each under 100000 t"
    )]
    TooFewTrades {
        /// What was asked for.
        requested: u64,
        /// What is needed.
        at_least: u64,
    },
    /// More listed trades asked for, or needed, than can be made.
    #[error(
        "{requested} listed trades are too many: at most {at_most} can be made, a tonne or more each"
    )]
    TooManyTrades {
        /// What was asked for, or is needed.
        requested: u64,
        /// Listed tonnes, up to `MAX_LISTED_TRADES`.
        at_most: u64,
    },
    /// A trade needs two firms.
    #[error("{0} firms are too few to trade with each other")]
    TooFewFirms(usize),
    /// Beyond what a figures file can hold.
    #[error("{0} is greater than any figure can be")]
    TooGreat(&'static str),
    /// Not an instrument.
    #[error("{0:?} is not an instrument (CEA-YYYY or CCER)")]
    Instrument(String),
}

/// Makes a day's trades whose totals, open, high, low and close equal the
/// published figures exactly, in the order of the day.
///
/// Individual trades are not published: sizes, prices between low and high,
/// times and parties are made from the seed. Same inputs, same trades.
///
/// # Errors
/// When the figures contradict each other or a rule of the market, which, and
/// when the options ask for what the figures cannot give.
pub fn generate_day(
    figures: &DayFigures,
    population: &Population,
    seed: u64,
    options: &DayOptions,
) -> Result<Vec<SampleTrade>, GenerateError> {
    if !is_instrument(&options.instrument) {
        return Err(GenerateError::Instrument(options.instrument.clone()));
    }
    if population.firms().len() < 2 {
        return Err(GenerateError::TooFewFirms(population.firms().len()));
    }
    check_magnitudes(figures)?;
    let found = contradictions(figures);
    if !found.is_empty() {
        return Err(GenerateError::Contradiction(found));
    }
    // One seed for several days must not give them all the same pattern.
    let random = |purpose: &str| Random::new(seed, &format!("{} {purpose}", figures.date));
    let listed = listed_fills(figures, options.listed_trades, &mut random("listed"))?;
    let block = block_fills(figures, &mut random("block"))?;

    let mut timed = at_times(TradeKind::Listed, listed, &mut random("listed times"));
    timed.extend(at_times(TradeKind::Block, block, &mut random("block times")));
    // Stable: listed trades of the same millisecond keep their order.
    timed.sort_by_key(|(time_of_day_ms, _, _)| *time_of_day_ms);

    let midnight_ms = OffsetDateTime::new_in_offset(figures.date, Time::MIDNIGHT, BEIJING)
        .unix_timestamp()
        * 1_000;
    let mut parties = Parties::new(population, random("parties"));
    let trades = timed.into_iter().zip(1..).map(|((time_of_day_ms, kind, fill), trade_number)| {
        let (buyer, seller) = parties.pair();
        let (buyer, seller) = (&population.firms()[buyer], &population.firms()[seller]);
        SampleTrade {
            trade_number,
            kind,
            instrument: options.instrument.clone(),
            buyer_account: buyer.account_id,
            seller_account: seller.account_id,
            buyer_bank: buyer.bank_id,
            seller_bank: seller.bank_id,
            quantity_tco2e: fill.quantity_tco2e,
            price_fen: fill.price_fen,
            traded_at_ms: midnight_ms + time_of_day_ms,
        }
    });
    Ok(trades.collect())
}

/// Keeps the arithmetic below far from overflow, for figures that come from
/// elsewhere than a file.
fn check_magnitudes(figures: &DayFigures) -> Result<(), GenerateError> {
    let high_fen = figures.session.map_or(0, |session| session.high_fen);
    let magnitudes = [
        ("previous_close_yuan", figures.previous_close_fen, MAX_PRICE_FEN),
        ("high_yuan", high_fen, MAX_PRICE_FEN),
        ("listed_tco2e", figures.listed_quantity_tco2e, MAX_QUANTITY_TCO2E),
        ("listed_yuan", figures.listed_amount_fen, MAX_AMOUNT_FEN),
        ("block_tco2e", figures.block_quantity_tco2e, MAX_QUANTITY_TCO2E),
        ("block_yuan", figures.block_amount_fen, MAX_AMOUNT_FEN),
    ];
    match magnitudes.into_iter().find(|(_, value, most)| value > most) {
        Some((column, _, _)) => Err(GenerateError::TooGreat(column)),
        None => Ok(()),
    }
}

/// Gives the fills times in trading hours, in their order.
fn at_times(kind: TradeKind, fills: Vec<Fill>, random: &mut Random) -> Vec<(i64, TradeKind, Fill)> {
    let mut times: Vec<i64> = fills
        .iter()
        .map(|_| match random.between(0, 2 * SESSION_MS - 1) {
            morning if morning < SESSION_MS => MORNING_START_MS + morning,
            afternoon => AFTERNOON_START_MS + afternoon - SESSION_MS,
        })
        .collect();
    times.sort_unstable();
    times.into_iter().zip(fills).map(|(time, fill)| (time, kind, fill)).collect()
}

/// Who trades: few firms often, most seldom, a quarter of all sides a firm of
/// the greatest group.
struct Parties {
    by_activity: Vec<usize>,
    greatest_group: Vec<usize>,
    random: Random,
}

impl Parties {
    fn new(population: &Population, mut random: Random) -> Self {
        let mut by_activity: Vec<usize> = (0..population.firms().len()).collect();
        random.shuffle(&mut by_activity);
        Self { by_activity, greatest_group: population.greatest_group(), random }
    }

    /// Indexes of a buyer and another firm as seller.
    fn pair(&mut self) -> (usize, usize) {
        let buyer = self.one();
        let seller = self.one();
        if buyer == seller {
            (buyer, (seller + 1) % self.by_activity.len())
        } else {
            (buyer, seller)
        }
    }

    fn one(&mut self) -> usize {
        if !self.greatest_group.is_empty() && self.random.below(4) == 0 {
            return self.greatest_group[self.random.below(self.greatest_group.len())];
        }
        let count = self.by_activity.len();
        // The smaller of two is skewed to the front without floating point.
        let rank = self.random.below(count).min(self.random.below(count));
        self.by_activity[rank]
    }
}
