//! One trade, delivered versus payment at once or refused.

use crate::amount::format_yuan;
use crate::ledger::Ledger;
use crate::receipt::{Receipt, TradeResult};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::chunk::{Tally, check_room, place_number};
use crate::settlement::day::{Batch, Day};
use crate::settlement::delivery::{Help, Legs};
use crate::settlement::trade::{Place, TradeCheck, check_number};
use crate::types::{Date, HeldReason, Quantity, Trade, TradeStatus};

/// A single trade that may settle, and what it leads to.
pub(crate) struct SingleTrade {
    legs: Legs,
    tally: Tally,
    /// First place of its batch.
    first: u32,
}

impl Ledger {
    /// Settles one trade, decided by the log entry `log_index`.
    pub(crate) fn settle_trade(
        &mut self,
        date: Date,
        trade: &Trade,
        log_index: u64,
    ) -> Result<Receipt, Rejection> {
        let checked = self.check_single(date, trade, Quantity(0), log_index)?;
        Ok(self.settle_checked(date, trade, checked, log_index))
    }

    /// That one trade may settle, so many of its tonnes coming out of a pledge.
    pub(crate) fn check_single(
        &self,
        date: Date,
        trade: &Trade,
        from_pledge: Quantity,
        log_index: u64,
    ) -> Result<SingleTrade, Rejection> {
        let place = Place::Immediate;
        let day = self.day_for_trades(date)?;
        let earlier = day.place_of(trade.number).and_then(|at| day.slot(at));
        check_number(trade, earlier.map(|slot| &slot.trade), place)?;
        TradeCheck::new(self, day).trade(trade, place)?;
        check_room(day, 1, "trade")?;
        let mut tally = Tally::of(day);
        tally.add(day, trade, true, place)?;
        let help = Help { from_pledge, ..Help::default() };
        let legs = self.legs_with(trade, help).map_err(|short| self.shortage(trade, short))?;
        Ok(SingleTrade { legs, tally, first: day.immediate_batch(log_index) })
    }

    /// Settles a trade that was checked; cannot fail.
    pub(crate) fn settle_checked(
        &mut self,
        date: Date,
        trade: &Trade,
        checked: SingleTrade,
        log_index: u64,
    ) -> Receipt {
        let SingleTrade { legs, tally, first } = checked;
        let status = TradeStatus::Delivered;
        self.touch_new_trades(date, 1, &tally);
        self.touch(RecordKey::Batch(date, first));
        self.post(trade, &legs);
        if let Some(day) = self.days.get_mut(&date) {
            if first == place_number(day.slots.len()) {
                day.batches.push(Batch { first, chunk: None });
                day.immediate_entry = Some(log_index);
            }
            day.append(std::slice::from_ref(trade), status, true, tally);
            day.delivered = day.delivered.saturating_add(1);
        }
        let sequence = self.days.get(&date).map_or(0, Day::last_sequence);
        self.record_settled_trade(date, sequence);
        Receipt::Trade(TradeResult { number: trade.number, status })
    }

    fn shortage(&self, trade: &Trade, short: HeldReason) -> Rejection {
        match short {
            HeldReason::AccountFrozen => Rejection::new(
                Reason::AccountFrozen,
                Place::Immediate.field(if self.is_frozen(trade.buyer) {
                    "buyer_account"
                } else {
                    "seller_account"
                }),
                format!(
                    "a court froze account {} or {}, or the tonnes to be sold",
                    trade.seller.0, trade.buyer.0
                ),
            ),
            HeldReason::GoodsShort | HeldReason::Pledged => {
                let held = self.balances_at(trade.seller).map(|a| a.holding(trade.instrument));
                Rejection::new(
                    short.reason(),
                    Place::Immediate.field("seller_account"),
                    format!(
                        "account {} has {} t of {} to trade, {} t are needed",
                        trade.seller.0,
                        held.unwrap_or_default().trading.0,
                        trade.instrument,
                        trade.quantity.0
                    ),
                )
            }
            HeldReason::CashShort => {
                let cash = self.balances_at(trade.buyer).map(|a| a.cash(trade.buyer_bank));
                Rejection::new(
                    Reason::CashShort,
                    Place::Immediate.field("buyer_account"),
                    format!(
                        "account {} has {} yuan at bank {}, {} are needed",
                        trade.buyer.0,
                        format_yuan(cash.unwrap_or_default().available),
                        trade.buyer_bank.0,
                        format_yuan(trade.amount().unwrap_or_default())
                    ),
                )
            }
        }
    }
}

impl Day {
    /// First place of the batch that an immediate trade of this log entry joins.
    fn immediate_batch(&self, log_index: u64) -> u32 {
        let next = place_number(self.slots.len());
        let shares = self.immediate_entry == Some(log_index);
        let open = self.batches.last().filter(|batch| shares && batch.chunk.is_none());
        open.map_or(next, |batch| batch.first)
    }
}
