//! What the exchange sends: chunks, the manifest, amendments; and the check of a trade.

use std::collections::BTreeMap;

use registry_ledger::{
    Chunk, Date, DayState, Manifest, Reason, Receipt, Trade, TradeKind, TradeNumber, TradeStatus,
};
use sha2::{Digest as _, Sha256};

use super::calendar::{beijing_day, day_number};
use super::day::{Day, Deal, amount};
use super::{Model, Outcome, Planted, Refused, check_text, refuse};

/// What a new trade has to get along with.
pub(super) struct Before {
    known: BTreeMap<TradeNumber, Trade>,
    tonnes: i128,
    fen: i128,
}

impl Before {
    /// The trades of the day so far, without the one that is to be replaced.
    pub(super) fn of(day: &Day, replaced: Option<TradeNumber>) -> Self {
        let mut before = Self { known: BTreeMap::new(), tonnes: 0, fen: 0 };
        for deal in day.deals.iter().filter(|deal| Some(deal.trade.number) != replaced) {
            before.known.insert(deal.trade.number, deal.trade);
            if deal.counts() {
                before.tonnes += i128::from(deal.trade.quantity.0);
                before.fen += amount(&deal.trade);
            }
        }
        before
    }

    fn add(&mut self, trade: &Trade) {
        self.known.insert(trade.number, *trade);
        self.tonnes += i128::from(trade.quantity.0);
        self.fen += amount(trade);
    }
}

/// Canonical hash of the trades of a day's stream.
pub(super) fn trades_sha256(date: Date, trades: &[&Trade]) -> [u8; 32] {
    let mut bytes = b"registry.v1.trades\0".to_vec();
    bytes.extend(date.yyyymmdd().to_be_bytes());
    for trade in trades {
        bytes.extend(trade.number.0.to_be_bytes());
        bytes.push(match trade.kind {
            TradeKind::Listed => 1,
            TradeKind::Block => 2,
        });
        bytes.extend(trade.instrument.to_bytes());
        bytes.extend(u64::from(trade.buyer.0).to_be_bytes());
        bytes.extend(u64::from(trade.seller.0).to_be_bytes());
        bytes.extend(u32::from(trade.buyer_bank.0).to_be_bytes());
        bytes.extend(u32::from(trade.seller_bank.0).to_be_bytes());
        bytes.extend(trade.quantity.0.to_be_bytes());
        bytes.extend(trade.price.0.to_be_bytes());
        bytes.extend(trade.traded_at.0.to_be_bytes());
    }
    Sha256::digest(bytes).into()
}

impl Model {
    pub(super) fn submit_trades(&mut self, chunk: &Chunk) -> Outcome {
        let day = self.live_day(chunk.date, "chunk.date")?;
        if day.state != DayState::Open {
            return refuse(Reason::DayClosed, "chunk.date");
        }
        if chunk.number == 0 {
            return refuse(Reason::NotPositive, "chunk.chunk_number");
        }
        let next = day.chunks.len() as u32 + 1;
        if chunk.number > next {
            return refuse(Reason::ChunkGap, "chunk.chunk_number");
        }
        if chunk.number < next {
            let place = chunk.number as usize - 1;
            let (trades, first_count) = &day.chunks[place];
            if *trades != chunk.trades {
                return refuse(Reason::ChunkConflict, "chunk.chunk_number");
            }
            let recounted = self.plants(Planted::ResentChunkRecounted);
            let trades_accepted = if recounted { day.stream().len() as u64 } else { *first_count };
            return Ok(Receipt::Chunk { number: chunk.number, trades_accepted });
        }
        if chunk.trades.is_empty() {
            return refuse(Reason::FieldMissing, "chunk.trades");
        }
        if chunk.trades.len() > 8192 {
            return refuse(Reason::TooLong, "chunk.trades");
        }
        let mut before = Before::of(day, None);
        for (i, trade) in chunk.trades.iter().enumerate() {
            self.check_trade(day, &before, trade, &format!("chunk.trades[{i}]"))?;
            before.add(trade);
        }
        let day = self.day_mut(chunk.date);
        for trade in &chunk.trades {
            let (status, immediate) = (TradeStatus::Accepted, false);
            day.deals.push(Deal { trade: *trade, status, immediate });
        }
        let trades_accepted = day.stream().len() as u64;
        day.chunks.push((chunk.trades.clone(), trades_accepted));
        Ok(Receipt::Chunk { number: chunk.number, trades_accepted })
    }

    /// Every rule of a single trade, in the order the rules are written.
    pub(super) fn check_trade(
        &self,
        day: &Day,
        before: &Before,
        trade: &Trade,
        at: &str,
    ) -> Result<(), Refused> {
        let bad = |reason, name: &str| refuse(reason, format!("{at}.{name}"));
        if trade.number.0 == 0 {
            return bad(Reason::NotPositive, "trade_number");
        }
        match before.known.get(&trade.number) {
            Some(same) if same == trade => return bad(Reason::TradeDuplicate, "trade_number"),
            Some(_) => return bad(Reason::TradeConflict, "trade_number"),
            None => {}
        }
        if !day.instruments.contains(&trade.instrument) {
            return bad(Reason::WrongInstrument, "instrument");
        }
        if !self.has_account(trade.buyer) {
            return bad(Reason::UnknownAccount, "buyer_account");
        }
        if !self.has_account(trade.seller) {
            return bad(Reason::UnknownAccount, "seller_account");
        }
        if !self.banks.contains_key(&trade.buyer_bank) {
            return bad(Reason::UnknownBank, "buyer_bank");
        }
        if !self.banks.contains_key(&trade.seller_bank) {
            return bad(Reason::UnknownBank, "seller_bank");
        }
        if trade.buyer == trade.seller {
            return bad(Reason::SelfTrade, "seller_account");
        }
        if trade.quantity.0 <= 0 {
            return bad(Reason::NotPositive, "quantity_tco2e");
        }
        if trade.price.0 <= 0 {
            return bad(Reason::NotPositive, "price_yuan");
        }
        let size_fits = match trade.kind {
            TradeKind::Listed => trade.quantity.0 < 100_000,
            TradeKind::Block => trade.quantity.0 >= 100_000,
        };
        if !size_fits {
            return bad(Reason::TradeSize, "quantity_tco2e");
        }
        let (low, high) = self.price_limits(day, trade);
        if trade.price.0 < low || trade.price.0 > high {
            return bad(Reason::PriceLimit, "price_yuan");
        }
        if beijing_day(trade.traded_at) != day_number(day.date) {
            return bad(Reason::TradeTime, "traded_at_ms");
        }
        let most = i128::from(i64::MAX);
        if before.fen + amount(trade) > most || before.tonnes + i128::from(trade.quantity.0) > most
        {
            return bad(Reason::OutOfRange, "quantity_tco2e");
        }
        Ok(())
    }

    /// Lowest and highest price in fen, rounded half up to the tick.
    pub(super) fn price_limits(&self, day: &Day, trade: &Trade) -> (i64, i64) {
        let close = self.close_before(trade.instrument, day.date).0;
        let percent = match trade.kind {
            TradeKind::Listed => 10,
            TradeKind::Block => 30,
        };
        let half = if self.plants(Planted::LimitsRoundedDown) { 0 } else { 50 };
        let of_close = |percent: i64| (close * percent + half) / 100;
        (of_close(100 - percent), of_close(100 + percent))
    }

    /// What a faultless manifest of the day says now.
    pub(super) fn manifest(&self, date: Date) -> Manifest {
        let trades = self.days[&date].stream();
        Manifest {
            trade_count: trades.len() as u64,
            quantity: registry_ledger::Quantity(trades.iter().map(|t| t.quantity.0).sum()),
            amount: registry_ledger::Fen(super::positions::fits(
                trades.iter().map(|trade| amount(trade)).sum(),
            )),
            trades_sha256: trades_sha256(date, &trades),
        }
    }

    pub(super) fn submit_manifest(&mut self, date: Date, manifest: &Manifest) -> Outcome {
        self.day_in(date, &[DayState::Open, DayState::Disputed])?;
        let ours = self.manifest(date);
        for (same, field) in [
            (manifest.trade_count == ours.trade_count, "trade_count"),
            (manifest.quantity == ours.quantity, "quantity_tco2e"),
            (manifest.amount == ours.amount, "amount_yuan"),
            (manifest.trades_sha256 == ours.trades_sha256, "trades_sha256"),
        ] {
            if !same {
                return refuse(Reason::ManifestMismatch, field);
            }
        }
        let round_down = self.plants(Planted::CloseRoundedDown);
        let day = &self.days[&date];
        let mut board = BTreeMap::new();
        for instrument in &day.instruments {
            let previous_close = self.close_before(*instrument, date);
            let mut line = day.price_line(*instrument, previous_close, round_down);
            line.settled = true;
            board.insert(*instrument, line);
        }
        let day = self.day_mut(date);
        day.board = Some(board);
        day.state = DayState::Closed;
        day.dispute_reason = String::new();
        self.watch_all();
        self.day_receipt(date)
    }

    pub(super) fn amend_trade(
        &mut self,
        date: Date,
        number: TradeNumber,
        replacement: Option<&Trade>,
        reason: &str,
    ) -> Outcome {
        let day = self.day_in(date, &[DayState::Disputed])?;
        check_text(reason, 200, "reason")?;
        let Some(place) = day.deals.iter().position(|deal| deal.trade.number == number) else {
            return refuse(Reason::UnknownTrade, "trade_number");
        };
        if day.deals[place].immediate || day.deals[place].status != TradeStatus::Accepted {
            return refuse(Reason::UnknownTrade, "trade_number");
        }
        if let Some(trade) = replacement {
            if trade.number != number {
                return refuse(Reason::TradeConflict, "replacement.trade_number");
            }
            if *trade == day.deals[place].trade {
                return refuse(Reason::TradeDuplicate, "replacement.trade_number");
            }
            let before = Before::of(day, Some(number));
            self.check_trade(day, &before, trade, "replacement")?;
        }
        let deal = &mut self.day_mut(date).deals[place];
        match replacement {
            Some(trade) => deal.trade = *trade,
            None => deal.status = TradeStatus::Voided,
        }
        self.day_receipt(date)
    }
}

#[cfg(test)]
mod tests {
    use registry_ledger::{
        AccountId, BankId, Command, Entry, InstrumentCode, LedgerTime, Price, Quantity,
    };

    use super::*;
    use crate::model::calendar::beijing_midnight_ms;

    /// All block trades of 2021-11-19 stood at 30.21, the limit under 43.16.
    #[test]
    fn limits_and_close_of_a_published_day() {
        let date = Date::parse("2021-11-19").expect("a date");
        let instrument = InstrumentCode::parse("CEA-2020").expect("a code");
        let mut model = Model::new();
        model.bootstrapped = true;
        let mut apply = |command| {
            let proposed_at = LedgerTime(beijing_midnight_ms(date));
            let actor = "registry/officer-1".to_owned();
            model.apply(&Entry {
                term: 1,
                log_index: 1,
                proposed_at,
                actor,
                request: None,
                command,
            })
        };
        let reference_price = Price(4_316);
        apply(Command::RegisterInstrument { instrument, reference_price });
        apply(Command::OpenDay { date, topup_window_ms: 1 });
        let mut trade = Trade {
            number: TradeNumber(1),
            kind: TradeKind::Block,
            instrument,
            buyer: AccountId(1),
            seller: AccountId(2),
            buyer_bank: BankId(102),
            seller_bank: BankId(102),
            quantity: Quantity(2),
            price: Price(4_316),
            traded_at: LedgerTime(beijing_midnight_ms(date)),
        };
        let day = &mut model.days.get_mut(&date).expect("opened").clone();
        assert_eq!(model.price_limits(day, &trade), (3_021, 5_611));
        trade.kind = TradeKind::Listed;
        assert_eq!(model.price_limits(day, &trade), (3_884, 4_748));
        // 4,316 and 4,317 for one tonne each: the half fen goes up.
        for price in [4_316, 4_317] {
            let trade = Trade { price: Price(price), quantity: Quantity(1), ..trade };
            day.deals.push(Deal { trade, status: TradeStatus::Accepted, immediate: false });
        }
        let line = day.price_line(instrument, reference_price, false);
        assert_eq!((line.close, line.high), (Price(4_317), Some(Price(4_317))));
    }
}
