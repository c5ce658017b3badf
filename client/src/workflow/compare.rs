//! Whether a day in the registry is the plan's day: same trades, same sums.

use registry_proto::registry::{Day, DayState};
use time::OffsetDateTime;

use super::WorkflowError;
use super::plan::DayPlan;
use crate::amount::{format_fen, parse_fen};
use crate::formats::{ClearingHasher, TradeTotals, TradesHasher};
use crate::hex;
use crate::sample::BEIJING;

/// What the exchange's own books say about the day.
pub(super) struct PlanBooks<'p> {
    plan: &'p DayPlan,
    pub(super) totals: TradeTotals,
    pub(super) trades_sha256: [u8; 32],
    pub(super) clearing_sha256: [u8; 32],
}

impl<'p> PlanBooks<'p> {
    /// Sums up the plan.
    ///
    /// # Errors
    /// A trade of another date, or one that cannot be hashed or summed.
    pub(super) fn of(plan: &'p DayPlan) -> Result<Self, WorkflowError> {
        let mut trades_hasher = TradesHasher::new(&plan.date)?;
        let mut clearing_hasher = ClearingHasher::new(&plan.date)?;
        for trade in &plan.trades {
            let traded_on = beijing_date(trade.traded_at_ms);
            if traded_on != plan.date {
                return Err(WorkflowError::Plan(format!(
                    "trade {} was made on {traded_on} in Beijing, the plan is for {}",
                    trade.trade_number, plan.date
                )));
            }
            trades_hasher.add(trade)?;
            clearing_hasher.add(trade)?;
        }
        Ok(Self {
            plan,
            totals: trades_hasher.totals(),
            trades_sha256: trades_hasher.finish(),
            clearing_sha256: clearing_hasher.finish(),
        })
    }

    /// Compares the books with the day as it stands.
    ///
    /// # Errors
    /// `ClearingDiffers` while the difference can be disputed, else `OtherTrades`.
    pub(super) fn must_match(&self, day: &Day) -> Result<(), WorkflowError> {
        match day.state() {
            DayState::Open => self.must_begin_with_chunks(day),
            DayState::Closed => self.must_total(day, self.totals, "the plan"),
            DayState::Cleared if day.clearing_sha256 != self.clearing_sha256.as_slice() => {
                Err(WorkflowError::ClearingDiffers {
                    date: self.plan.date.clone(),
                    own_sha256: hex(&self.clearing_sha256),
                    registry_sha256: hex(&day.clearing_sha256),
                })
            }
            DayState::Cleared | DayState::Confirmed | DayState::Delivered | DayState::Final => {
                self.must_total(day, self.totals, "the plan")?;
                if day.clearing_sha256 == self.clearing_sha256.as_slice() {
                    return Ok(());
                }
                Err(self.other_trades(
                    day,
                    format!(
                        "its clearing hash is {}, the plan's is {}",
                        hex(&day.clearing_sha256),
                        hex(&self.clearing_sha256)
                    ),
                ))
            }
            // The job does nothing to such a day.
            DayState::Disputed | DayState::Suspended | DayState::Unspecified => Ok(()),
        }
    }

    /// An open day holds the plan's first chunks and nothing else. Their
    /// content is compared by the registry when they are sent again.
    fn must_begin_with_chunks(&self, day: &Day) -> Result<(), WorkflowError> {
        let mut taken = TradesHasher::new(&self.plan.date)?;
        let chunk_count = usize::try_from(day.chunk_count).unwrap_or(usize::MAX);
        let mut chunks = 0;
        for chunk in self.plan.trades.chunks(self.plan.chunk_trades.max(1)).take(chunk_count) {
            chunks += 1;
            for trade in chunk {
                taken.add(trade)?;
            }
        }
        if chunks < chunk_count {
            let difference = format!("it has {chunk_count} chunks, the plan gives {chunks}");
            return Err(self.other_trades(day, difference));
        }
        self.must_total(day, taken.totals(), &format!("the plan's first {chunks} chunks"))
    }

    fn must_total(&self, day: &Day, own: TradeTotals, whose: &str) -> Result<(), WorkflowError> {
        let registry = TradeTotals {
            trade_count: day.trade_count,
            quantity_tco2e: day.quantity_tco2e,
            amount_fen: parse_fen(&day.amount_yuan)?,
        };
        if registry == own {
            return Ok(());
        }
        let difference = format!("it has {}, {whose} {}", told(registry), told(own));
        Err(self.other_trades(day, difference))
    }

    fn other_trades(&self, day: &Day, difference: String) -> WorkflowError {
        WorkflowError::OtherTrades {
            date: self.plan.date.clone(),
            state: state_name(day),
            difference,
        }
    }
}

/// A state's name on the wire.
pub(super) fn state_name(day: &Day) -> String {
    day.state().as_str_name().trim_start_matches("DAY_STATE_").to_owned()
}

fn told(totals: TradeTotals) -> String {
    let TradeTotals { trade_count, quantity_tco2e, amount_fen } = totals;
    format!("{trade_count} trades, {quantity_tco2e} t, {} yuan", format_fen(amount_fen))
}

/// `YYYY-MM-DD`, or words that are no date for a time out of range.
fn beijing_date(time_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(time_ms.div_euclid(1_000))
        .ok()
        .and_then(|time| time.checked_to_offset(BEIJING))
        .map_or_else(|| "a date out of range".to_owned(), |time| time.date().to_string())
}
