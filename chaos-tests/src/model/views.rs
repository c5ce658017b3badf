//! What the queries have to answer, recomputed for every question.

use registry_ledger::{
    AccountId, AccountView, BankId, BankView, CashBalance, Clearing, DailyPrice, Date, DaySummary,
    Fen, Holding, InstrumentCode, InstrumentView, Quantity, Statement, TradeRecord, TradeStatus,
};

use super::Model;
use super::day::{Day, amount};
use super::positions::fits;

impl Model {
    /// Every account, in order.
    pub(super) fn account_views(&self) -> Vec<AccountView> {
        (1..=self.last_account().0).map(|id| self.account_view(AccountId(id))).collect()
    }

    /// Lines without anything in them are left out.
    fn account_view(&self, id: AccountId) -> AccountView {
        let account = &self.accounts[id.0 as usize - 1];
        let holding = |code| (code, self.positions.holding(id, code));
        let cash = |bank| (bank, self.cash_balance(id, bank));
        AccountView {
            id,
            uscc: account.uscc.clone(),
            name: account.name.clone(),
            kind: account.kind,
            holdings: without_empty_holdings(
                self.positions.instruments_of(id).into_iter().map(holding).collect(),
            ),
            cash: without_empty_cash(self.positions.banks_of(id).into_iter().map(cash).collect()),
        }
    }

    pub(super) fn bank_views(&self) -> Vec<BankView> {
        let view = |(id, bank): (&BankId, &super::Bank)| BankView {
            id: *id,
            name: bank.name.clone(),
            balance: Fen(fits(self.must_hold(*id))),
            deposited: Fen(fits(bank.deposits.iter().map(|fen| i128::from(fen.0)).sum())),
            interbank: Fen(fits(bank.interbank.iter().sum())),
            pots: self.pots(*id),
            reported: self.reported(*id),
            proceeds: Fen(fits(self.proceeds(*id))),
        };
        self.banks.iter().map(view).collect()
    }

    pub(super) fn instrument_views(&self) -> Vec<InstrumentView> {
        let view = |code: &InstrumentCode| {
            let (last_close, last_close_date) = self.last_close(*code);
            InstrumentView {
                code: *code,
                issued: Quantity(fits(self.issued(*code))),
                held: Quantity(fits(self.positions.held(*code))),
                retired: self.retired(*code),
                last_close,
                last_close_date,
                usable_until: self.pledges.usable_until.get(code).copied(),
            }
        };
        self.instruments.keys().map(view).collect()
    }

    pub(super) fn dates(&self) -> Vec<Date> {
        self.days.keys().copied().collect()
    }

    pub(super) fn day_view(&self, date: Date) -> Option<DaySummary> {
        self.days.get(&date).map(Day::summary)
    }

    pub(super) fn clearing_view(&self, date: Date) -> Option<Clearing> {
        self.days.get(&date)?.clearing.clone()
    }

    pub(super) fn trade_records(&self, date: Date) -> Vec<TradeRecord> {
        let deals = self.days.get(&date).map_or(&[][..], |day| &day.deals);
        let record = |(place, deal): (usize, &super::day::Deal)| TradeRecord {
            sequence: place as u64 + 1,
            trade: deal.trade,
            status: deal.status,
            immediate: deal.immediate,
        };
        deals.iter().enumerate().map(record).collect()
    }

    /// An account's part of a day's records.
    pub(super) fn statement_of(
        records: &[TradeRecord],
        date: Date,
        account: AccountId,
    ) -> Statement {
        let mut lines = records.to_vec();
        lines.retain(|line| line.status != TradeStatus::Voided);
        lines.retain(|line| line.trade.buyer == account || line.trade.seller == account);
        let sum = |of: &dyn Fn(&TradeRecord) -> bool| {
            let settled = [TradeStatus::Delivered, TradeStatus::Covered];
            let delivered = lines.iter().filter(|line| settled.contains(&line.status));
            Fen(fits(delivered.filter(|line| of(line)).map(|line| amount(&line.trade)).sum()))
        };
        let bought = sum(&|line| line.trade.buyer == account);
        let sold = sum(&|line| line.trade.seller == account);
        Statement { date, account, lines, bought, sold }
    }

    /// As the manifest settled it; without one, or while it is disputed, as it stands.
    pub(super) fn price_view(&self, code: InstrumentCode, date: Date) -> Option<DailyPrice> {
        let day = self.days.get(&date)?;
        day.instruments.get(&code)?;
        let as_it_stands = || day.price_line(code, self.close_before(code, date), false);
        match &day.board {
            Some(board) if board[&code].settled => Some(board[&code]),
            _ => Some(as_it_stands()),
        }
    }
}

/// Whether a line of zeros is kept is the ledger's own affair.
pub(super) fn without_empty_holdings(
    mut holdings: Vec<(InstrumentCode, Holding)>,
) -> Vec<(InstrumentCode, Holding)> {
    holdings.retain(|(_, holding)| *holding != Holding::default());
    holdings
}

/// The same for money.
pub(super) fn without_empty_cash(
    mut cash: Vec<(BankId, CashBalance)>,
) -> Vec<(BankId, CashBalance)> {
    cash.retain(|(_, balance)| *balance != CashBalance::default());
    cash
}
