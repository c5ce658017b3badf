//! Delivery versus payment: both legs of a trade or neither.

use registry_ledger::{
    Date, DayState, HeldReason, LedgerTime, Reason, Receipt, Trade, TradeNumber, TradeResult,
    TradeStatus,
};

use super::day::{Day, Deal, amount};
use super::positions::Position;
use super::stream::Before;
use super::{Model, Outcome, Planted, Refused, refuse};

impl Model {
    /// Moves goods and money of one trade, or says what is short.
    pub(super) fn deliver(&mut self, trade: &Trade) -> Result<(), HeldReason> {
        let (quantity, fen) = (i128::from(trade.quantity.0), amount(trade));
        let frozen = self.is_frozen(trade.seller) || self.is_frozen(trade.buyer);
        if frozen && !self.plants(Planted::FrozenAccountTrades) {
            return Err(HeldReason::AccountFrozen);
        }
        let has = |position| self.positions.goods(trade.seller, trade.instrument, position);
        let goods_short = has(Position::Trading) < quantity;
        let cash_short = self.positions.cash(trade.buyer, trade.buyer_bank) < fen;
        if cash_short && self.plants(Planted::CashCheckedFirst) {
            return Err(HeldReason::CashShort);
        }
        if goods_short {
            // Encumbered tonnes that would be enough say why there are too few.
            let with = |position| has(Position::Trading) + has(position) >= quantity;
            return Err(match (with(Position::Pledged), with(Position::Frozen)) {
                (true, _) if !self.plants(Planted::PledgedIsGoodsShort) => HeldReason::Pledged,
                (_, true) => HeldReason::AccountFrozen,
                _ => HeldReason::GoodsShort,
            });
        }
        if cash_short {
            return Err(HeldReason::CashShort);
        }
        let arrives = if self.plants(Planted::SameDayResale) {
            Position::Trading
        } else {
            Position::PendingIn
        };
        let code = trade.instrument;
        self.positions.post_goods(trade.seller, code, Position::Trading, -quantity);
        self.positions.post_goods(trade.buyer, code, arrives, quantity);
        self.positions.post_cash(trade.buyer, trade.buyer_bank, -fen);
        self.positions.post_cash(trade.seller, trade.seller_bank, fen);
        if trade.buyer_bank != trade.seller_bank && !self.plants(Planted::InterbankLegMissing) {
            let known = "a trade's banks were checked when it was accepted";
            self.banks.get_mut(&trade.buyer_bank).expect(known).interbank.push(-fen);
            self.banks.get_mut(&trade.seller_bank).expect(known).interbank.push(fen);
        }
        Ok(())
    }

    /// Tries the deal at a place of the day and notes how it went.
    fn try_deal(&mut self, date: Date, place: usize) {
        let trade = self.days[&date].deals[place].trade;
        let status = match self.deliver(&trade) {
            Ok(()) => TradeStatus::Delivered,
            Err(short) => TradeStatus::Held(short),
        };
        self.day_mut(date).deals[place].status = status;
    }

    pub(super) fn deliver_trades(&mut self, date: Date, from: u64, max_trades: u32) -> Outcome {
        if from == 0 {
            return refuse(Reason::OutOfRange, "from_sequence");
        }
        if !(1..=8192).contains(&max_trades) {
            return refuse(Reason::OutOfRange, "max_trades");
        }
        let states = [DayState::Confirmed, DayState::Delivered, DayState::Final];
        let day = self.day_in(date, &states)?;
        if from > day.cursor as u64 + 1 {
            return refuse(Reason::DeliveryGap, "from_sequence");
        }
        let all = day.deals.len();
        let first = from as usize - 1;
        let end = all.min(first + max_trades as usize);
        for place in first..end {
            let day = &self.days[&date];
            let again = matches!(day.deals[place].status, TradeStatus::Held(_))
                && self.plants(Planted::HeldRetriedByDelivery);
            if day.deals[place].status == TradeStatus::Accepted || again {
                self.try_deal(date, place);
            }
        }
        let now = self.now;
        let day = self.day_mut(date);
        day.cursor = day.cursor.max(end);
        if day.cursor == all && day.state == DayState::Confirmed {
            day.state = DayState::Delivered;
            day.topup_deadline = Some(LedgerTime(now.0 + day.topup_window_ms));
        }
        let results = day.deals[first..end].iter().map(result).collect();
        Ok(Receipt::Delivered { from_sequence: from, trade_count: all as u64, results })
    }

    /// The places of held trades, all of them or a refusal.
    fn held_places(&self, date: Date, numbers: &[TradeNumber]) -> Result<Vec<usize>, Refused> {
        let day = self.day_in(date, &[DayState::Delivered])?;
        if numbers.is_empty() {
            return refuse(Reason::FieldMissing, "trade_numbers");
        }
        if numbers.len() > 1000 {
            return refuse(Reason::TooLong, "trade_numbers");
        }
        let mut places = Vec::new();
        for (i, number) in numbers.iter().enumerate() {
            let field = format!("trade_numbers[{i}]");
            if numbers[..i].contains(number) {
                return refuse(Reason::TradeDuplicate, field);
            }
            match day.deals.iter().position(|deal| deal.trade.number == *number) {
                None => return refuse(Reason::UnknownTrade, field),
                Some(place) if !matches!(day.deals[place].status, TradeStatus::Held(_)) => {
                    return refuse(Reason::TradeNotHeld, field);
                }
                Some(place) => places.push(place),
            }
        }
        Ok(places)
    }

    fn deadline(&self, date: Date) -> LedgerTime {
        self.days[&date].topup_deadline.expect("a delivered day has a deadline")
    }

    fn results(&self, date: Date, places: &[usize]) -> Outcome {
        let day: &Day = &self.days[&date];
        Ok(Receipt::Trades(places.iter().map(|place| result(&day.deals[*place])).collect()))
    }

    pub(super) fn retry_held(&mut self, date: Date, numbers: &[TradeNumber]) -> Outcome {
        let places = self.held_places(date, numbers)?;
        if self.now > self.deadline(date) {
            return refuse(Reason::TopupDeadline, "date");
        }
        for place in &places {
            self.try_deal(date, *place);
        }
        self.results(date, &places)
    }

    pub(super) fn fail_held(&mut self, date: Date, numbers: &[TradeNumber]) -> Outcome {
        let places = self.held_places(date, numbers)?;
        if self.now <= self.deadline(date) {
            return refuse(Reason::TopupOpen, "date");
        }
        for place in &places {
            let deal = &mut self.day_mut(date).deals[*place];
            if let TradeStatus::Held(short) = deal.status {
                deal.status = TradeStatus::Failed(short);
            }
        }
        self.results(date, &places)
    }

    pub(super) fn settle_trade(&mut self, date: Date, trade: &Trade) -> Outcome {
        let day = self.live_day(date, "date")?;
        if day.state != DayState::Open {
            return refuse(Reason::DayClosed, "date");
        }
        self.check_trade(day, &Before::of(day, None), trade, "trade")?;
        if let Err(short) = self.deliver(trade) {
            let buyers = match short {
                HeldReason::CashShort => true,
                HeldReason::AccountFrozen => self.is_frozen(trade.buyer),
                HeldReason::GoodsShort | HeldReason::Pledged => false,
            };
            let side = if buyers { "trade.buyer_account" } else { "trade.seller_account" };
            return refuse(short_of(short), side);
        }
        let deal = Deal { trade: *trade, status: TradeStatus::Delivered, immediate: true };
        let receipt = Receipt::Trade(result(&deal));
        self.day_mut(date).deals.push(deal);
        Ok(receipt)
    }
}

/// What keeps a trade from delivering, as a refusal says it.
pub(super) fn short_of(held: HeldReason) -> Reason {
    match held {
        HeldReason::GoodsShort => Reason::GoodsShort,
        HeldReason::CashShort => Reason::CashShort,
        HeldReason::AccountFrozen => Reason::AccountFrozen,
        HeldReason::Pledged => Reason::Pledged,
    }
}

fn result(deal: &Deal) -> TradeResult {
    TradeResult { number: deal.trade.number, status: deal.status }
}
