//! A settlement day: its trades in order of acceptance, and figures added up from them.

use std::collections::{BTreeMap, BTreeSet};

use registry_ledger::{
    AccountId, BankClearing, BankId, Clearing, DailyPrice, Date, DayState, DaySummary, Fen,
    InstrumentCode, LedgerTime, Price, Quantity, Reason, Receipt, Trade, TradeKind, TradeNumber,
    TradeStatus,
};
use sha2::{Digest as _, Sha256};

use super::calendar::{DAY_MS, beijing_day, day_number, is_weekend};
use super::positions::fits;
use super::{Model, Outcome, Planted, refuse};

/// A trade and how it stands.
#[derive(Clone, Debug)]
pub(super) struct Deal {
    pub(super) trade: Trade,
    pub(super) status: TradeStatus,
    pub(super) immediate: bool,
}

impl Deal {
    pub(super) fn counts(&self) -> bool {
        self.status != TradeStatus::Voided
    }
}

/// Everything a day consists of.
#[derive(Clone, Debug)]
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) state: DayState,
    pub(super) topup_window_ms: i64,
    /// What can be traded: all that was registered while the day took trades.
    pub(super) instruments: BTreeSet<InstrumentCode>,
    /// Each chunk and the count that was answered to it.
    pub(super) chunks: Vec<(Vec<Trade>, u64)>,
    pub(super) deals: Vec<Deal>,
    /// How many deals delivery has gone through.
    pub(super) cursor: usize,
    /// The price lines as the last manifest settled them.
    pub(super) board: Option<BTreeMap<InstrumentCode, DailyPrice>>,
    pub(super) clearing: Option<Clearing>,
    pub(super) topup_deadline: Option<LedgerTime>,
    pub(super) statements_issued: bool,
    pub(super) objections: BTreeSet<AccountId>,
    pub(super) suspended_from: Option<DayState>,
    pub(super) dispute_reason: String,
}

/// Price times quantity; exact in fen.
pub(super) fn amount(trade: &Trade) -> i128 {
    i128::from(trade.price.0) * i128::from(trade.quantity.0)
}

fn tonnes<'a>(trades: impl IntoIterator<Item = &'a Trade>) -> i128 {
    trades.into_iter().map(|trade| i128::from(trade.quantity.0)).sum()
}

fn fen<'a>(trades: impl IntoIterator<Item = &'a Trade>) -> i128 {
    trades.into_iter().map(amount).sum()
}

impl Day {
    /// The trades that count: not voided.
    pub(super) fn counted(&self) -> Vec<&Trade> {
        self.deals.iter().filter(|deal| deal.counts()).map(|deal| &deal.trade).collect()
    }

    /// The trades a manifest speaks of.
    pub(super) fn stream(&self) -> Vec<&Trade> {
        let of_stream = self.deals.iter().filter(|deal| deal.counts() && !deal.immediate);
        of_stream.map(|deal| &deal.trade).collect()
    }

    pub(super) fn deal(&self, number: TradeNumber) -> Option<&Deal> {
        self.deals.iter().find(|deal| deal.trade.number == number)
    }

    pub(super) fn held(&self) -> Vec<TradeNumber> {
        let held = |deal: &&Deal| matches!(deal.status, TradeStatus::Held(_));
        self.deals.iter().filter(held).map(|deal| deal.trade.number).collect()
    }

    fn count(&self, of: impl Fn(TradeStatus) -> bool) -> u64 {
        self.deals.iter().filter(|deal| of(deal.status)).count() as u64
    }

    pub(super) fn summary(&self) -> DaySummary {
        DaySummary {
            date: self.date,
            state: self.state,
            trade_count: self.count(|status| status != TradeStatus::Voided),
            delivered_count: self
                .count(|status| status == TradeStatus::Delivered || status == TradeStatus::Covered),
            held_count: self.count(|status| matches!(status, TradeStatus::Held(_))),
            failed_count: self.count(|status| matches!(status, TradeStatus::Failed(_))),
            chunk_count: self.chunks.len() as u32,
            quantity: Quantity(fits(tonnes(self.counted()))),
            amount: Fen(fits(fen(self.counted()))),
            clearing_sha256: self.clearing.as_ref().map(|clearing| clearing.sha256),
            topup_deadline: self.topup_deadline,
            open_objections: self.objections.len() as u32,
            statements_issued: self.statements_issued,
            suspended_from: self.suspended_from,
            dispute_reason: self.dispute_reason.clone(),
        }
    }

    /// The price line of an instrument from the trades that count now.
    pub(super) fn price_line(
        &self,
        instrument: InstrumentCode,
        previous_close: Price,
        round_down: bool,
    ) -> DailyPrice {
        let of = |kind: TradeKind| -> Vec<&Trade> {
            let mut trades = self.counted();
            trades.retain(|trade| trade.instrument == instrument && trade.kind == kind);
            trades
        };
        let (listed, block) = (of(TradeKind::Listed), of(TradeKind::Block));
        let (sum_tonnes, sum_fen) = (tonnes(listed.clone()), fen(listed.clone()));
        let close = if sum_tonnes == 0 {
            previous_close
        } else if round_down {
            Price(fits(sum_fen / sum_tonnes))
        } else {
            Price(fits((2 * sum_fen + sum_tonnes) / (2 * sum_tonnes)))
        };
        DailyPrice {
            instrument,
            date: self.date,
            previous_close,
            open: listed.first().map(|trade| trade.price),
            high: listed.iter().map(|trade| trade.price).max(),
            low: listed.iter().map(|trade| trade.price).min(),
            close,
            listed_quantity: Quantity(fits(sum_tonnes)),
            listed_amount: Fen(fits(sum_fen)),
            block_quantity: Quantity(fits(tonnes(block.clone()))),
            block_amount: Fen(fits(fen(block))),
            settled: false,
        }
    }

    /// Who owes what, and its canonical hash.
    fn clear(&self, with_voided: bool) -> Clearing {
        let mut banks: BTreeMap<BankId, (i128, i128)> = BTreeMap::new();
        let mut goods: BTreeMap<(u32, [u8; 8]), i128> = BTreeMap::new();
        let mut cash: BTreeMap<(u32, u16), i128> = BTreeMap::new();
        for trade in self.deals.iter().filter(|d| d.counts() || with_voided).map(|d| &d.trade) {
            let (quantity, fen) = (i128::from(trade.quantity.0), amount(trade));
            let code = trade.instrument.to_bytes();
            banks.entry(trade.seller_bank).or_default().0 += fen;
            banks.entry(trade.buyer_bank).or_default().1 += fen;
            *goods.entry((trade.buyer.0, code)).or_default() += quantity;
            *goods.entry((trade.seller.0, code)).or_default() -= quantity;
            *cash.entry((trade.buyer.0, trade.buyer_bank.0)).or_default() -= fen;
            *cash.entry((trade.seller.0, trade.seller_bank.0)).or_default() += fen;
        }
        let mut bytes = b"registry.v1.clearing\0".to_vec();
        bytes.extend(self.date.yyyymmdd().to_be_bytes());
        bytes.extend((banks.len() as u32).to_be_bytes());
        for (bank, (receives, pays)) in &banks {
            bytes.extend(u32::from(bank.0).to_be_bytes());
            bytes.extend(fits(*receives).to_be_bytes());
            bytes.extend(fits(*pays).to_be_bytes());
        }
        bytes.extend((goods.len() as u32).to_be_bytes());
        for ((account, code), net) in &goods {
            bytes.extend(u64::from(*account).to_be_bytes());
            bytes.extend(code);
            bytes.extend(fits(*net).to_be_bytes());
        }
        bytes.extend((cash.len() as u32).to_be_bytes());
        for ((account, bank), net) in &cash {
            bytes.extend(u64::from(*account).to_be_bytes());
            bytes.extend(u32::from(*bank).to_be_bytes());
            bytes.extend(fits(*net).to_be_bytes());
        }
        let line = |(bank, (receives, pays)): (BankId, (i128, i128))| BankClearing {
            bank,
            receives: Fen(fits(receives)),
            pays: Fen(fits(pays)),
        };
        Clearing {
            date: self.date,
            banks: banks.into_iter().map(line).collect(),
            sha256: Sha256::digest(bytes).into(),
        }
    }
}

impl Model {
    pub(super) fn open_day(&mut self, date: Date, topup_window_ms: i64) -> Outcome {
        if topup_window_ms <= 0 {
            return refuse(Reason::NotPositive, "topup_window_ms");
        }
        if topup_window_ms > 7 * DAY_MS {
            return refuse(Reason::OutOfRange, "topup_window_ms");
        }
        if is_weekend(date) || self.holidays.contains(&date) {
            return refuse(Reason::NotTradingDay, "date");
        }
        if day_number(date) > beijing_day(self.now) {
            return refuse(Reason::FutureDay, "date");
        }
        if let Some((last, day)) = self.days.last_key_value() {
            if date <= *last {
                return refuse(Reason::DayOrder, "date");
            }
            if day.state != DayState::Final {
                return refuse(Reason::PreviousDayUnresolved, "date");
            }
        }
        self.positions.release_pending_in();
        let day = Day {
            date,
            state: DayState::Open,
            topup_window_ms,
            instruments: self.instruments.keys().copied().collect(),
            chunks: Vec::new(),
            deals: Vec::new(),
            cursor: 0,
            board: None,
            clearing: None,
            topup_deadline: None,
            statements_issued: false,
            objections: BTreeSet::new(),
            suspended_from: None,
            dispute_reason: String::new(),
        };
        self.days.insert(date, day);
        self.day_receipt(date)
    }

    /// What an instrument closed at before a day: the last settled close, else its reference.
    pub(super) fn close_before(&self, instrument: InstrumentCode, date: Date) -> Price {
        let boards = self.days.range(..date).filter_map(|(_, day)| day.board.as_ref());
        let last = boards.filter_map(|board| board.get(&instrument)).next_back();
        last.map_or(self.instruments[&instrument], |line| line.close)
    }

    pub(super) fn clear_day(&mut self, date: Date) -> Outcome {
        let with_voided = self.plants(Planted::VoidedTradeCleared);
        let clearing = self.day_in(date, &[DayState::Closed])?.clear(with_voided);
        let day = self.day_mut(date);
        day.state = DayState::Cleared;
        day.clearing = Some(clearing.clone());
        Ok(Receipt::Clearing(clearing))
    }

    pub(super) fn confirm_clearing(&mut self, date: Date, sha256: [u8; 32]) -> Outcome {
        let ours = self.day_in(date, &[DayState::Cleared])?.clearing.as_ref().map(|c| c.sha256);
        let day = self.day_mut(date);
        if ours == Some(sha256) {
            day.state = DayState::Confirmed;
        } else {
            day.state = DayState::Disputed;
            // Until the next manifest neither obligations nor prices are settled.
            day.clearing = None;
            day.board.iter_mut().flat_map(BTreeMap::values_mut).for_each(|l| l.settled = false);
            day.dispute_reason = "HASH_MISMATCH".to_owned();
        }
        self.day_receipt(date)
    }
}
