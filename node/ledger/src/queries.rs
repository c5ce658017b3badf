//! Reads: borrowed or small, never a change.

use std::ops::Bound;

use crate::ledger::Ledger;
use crate::receipt::{Clearing, DaySummary};
use crate::settlement::price::PriceLine;
use crate::types::{AccountId, BankId, Date, Fen, InstrumentCode, TradeNumber, TradeStatus};
use crate::views::{
    AccountView, BankView, DailyPrice, InstrumentView, Statement, StatusFilter, TradeRecord,
};

impl Ledger {
    /// One account with everything it holds.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<AccountView> {
        let (account, balances) = self.account_at(id).zip(self.balances_at(id))?;
        Some(AccountView {
            id,
            uscc: account.uscc_text(),
            name: account.name.to_string(),
            kind: account.kind,
            holdings: balances.holdings.to_vec(),
            cash: balances.cash.to_vec(),
        })
    }

    /// Accounts in order of number, from the one after `after`; 0 is the start.
    #[must_use]
    pub fn accounts_after(&self, after: u32, limit: usize) -> Vec<AccountView> {
        let Some(first) = after.checked_add(1) else { return Vec::new() };
        (first..=self.account_count())
            .take(limit)
            .filter_map(|number| self.account(AccountId(number)))
            .collect()
    }

    /// Accounts opened so far, which is the last number assigned.
    #[must_use]
    pub fn account_count(&self) -> u32 {
        u32::try_from(self.accounts.len()).unwrap_or(u32::MAX)
    }

    /// Settlement banks in order of code.
    #[must_use]
    pub fn banks(&self) -> Vec<BankView> {
        self.banks
            .iter()
            .map(|(id, bank)| BankView {
                id,
                name: bank.name.clone(),
                balance: bank.balance(),
                deposited: bank.deposited,
                interbank: bank.interbank,
                pots: bank.pots,
                proceeds: bank.proceeds,
                reported: bank.reported,
            })
            .collect()
    }

    /// Name of a settlement bank.
    #[must_use]
    pub fn bank_name(&self, bank: BankId) -> Option<&str> {
        self.banks.get(bank).map(|bank| &*bank.name)
    }

    /// Instruments in order of code.
    #[must_use]
    pub fn instruments(&self) -> Vec<InstrumentView> {
        self.instruments
            .iter()
            .map(|(code, instrument)| InstrumentView {
                code: *code,
                issued: instrument.issued,
                held: instrument.held,
                retired: self.compliance.retired(*code),
                last_close: instrument.last_close,
                last_close_date: instrument.last_close_date,
                usable_until: self.usable_until.get(code).copied(),
            })
            .collect()
    }

    /// A settlement day in numbers.
    #[must_use]
    pub fn day(&self, date: Date) -> Option<DaySummary> {
        self.days.get(&date).map(|day| day.summary())
    }

    /// The day's obligations, once cleared and not disputed.
    #[must_use]
    pub fn clearing(&self, date: Date) -> Option<Clearing> {
        self.days.get(&date)?.clearing.clone()
    }

    /// Trades in order of acceptance after a sequence number; `None` without such a day.
    #[must_use]
    pub fn trades_after(
        &self,
        date: Date,
        status: Option<StatusFilter>,
        after_sequence: u64,
        limit: usize,
    ) -> Option<Vec<TradeRecord>> {
        let day = self.days.get(&date)?;
        let first = u32::try_from(after_sequence.min(day.last_sequence())).ok()?;
        let places = (first..).map_while(|place| day.record_at(place));
        Some(
            places
                .filter(|record| status.is_none_or(|status| status.accepts(record.status)))
                .take(limit)
                .collect(),
        )
    }

    /// One trade by the exchange's number.
    #[must_use]
    pub fn trade(&self, date: Date, number: TradeNumber) -> Option<TradeRecord> {
        let day = self.days.get(&date)?;
        day.record_at(day.place_of(number)?)
    }

    /// What one account traded on one day; `None` without such a day or account.
    #[must_use]
    pub fn statement(&self, date: Date, account: AccountId) -> Option<Statement> {
        let day = self.days.get(&date)?;
        self.account_at(account)?;
        let lines: Vec<_> = if day.clearing.is_some() {
            day.by_account.of(account).iter().filter_map(|place| day.record_at(*place)).collect()
        } else {
            // Before the clearing there is no index; statements come later.
            let own = |record: &TradeRecord| {
                record.status != TradeStatus::Voided
                    && (record.trade.buyer == account || record.trade.seller == account)
            };
            (0..).map_while(|place| day.record_at(place)).filter(own).collect()
        };
        let sum = |own: fn(&TradeRecord, AccountId) -> bool| {
            lines
                .iter()
                .filter(|record| record.status.is_settled() && own(record, account))
                .filter_map(|record| record.trade.amount())
                // At most the day's total, which was checked.
                .fold(Fen(0), |sum, amount| Fen(sum.0.saturating_add(amount.0)))
        };
        let bought = sum(|record, account| record.trade.buyer == account);
        let sold = sum(|record, account| record.trade.seller == account);
        Some(Statement { date, account, lines, bought, sold })
    }

    /// One day's line of the price board.
    #[must_use]
    pub fn daily_price(&self, instrument: InstrumentCode, date: Date) -> Option<DailyPrice> {
        let line = self.days.get(&date)?.prices.get(&instrument)?;
        Some(daily_price(instrument, date, line))
    }

    /// Lines of the price board in order of date, both ends included.
    #[must_use]
    pub fn daily_prices(
        &self,
        instrument: InstrumentCode,
        from: Option<Date>,
        to: Option<Date>,
        limit: usize,
    ) -> Vec<DailyPrice> {
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Vec::new();
        }
        let from = from.map_or(Bound::Unbounded, Bound::Included);
        let to = to.map_or(Bound::Unbounded, Bound::Included);
        self.days
            .range((from, to))
            .filter_map(|(date, day)| Some((date, day.prices.get(&instrument)?)))
            .map(|(date, line)| daily_price(instrument, *date, line))
            .take(limit)
            .collect()
    }
}

fn daily_price(instrument: InstrumentCode, date: Date, line: &PriceLine) -> DailyPrice {
    DailyPrice {
        instrument,
        date,
        previous_close: line.previous_close,
        open: line.range.map(|range| range.open),
        high: line.range.map(|range| range.high),
        low: line.range.map(|range| range.low),
        close: line.close(),
        listed_quantity: line.listed_quantity,
        listed_amount: line.listed_amount,
        block_quantity: line.block_quantity,
        block_amount: line.block_amount,
        settled: line.settled,
    }
}
