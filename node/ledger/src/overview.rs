//! Everything that concerns one account now, in one look whose cost does not
//! grow with what the account did before.

use crate::cash::{OpenWithdrawal, WithdrawalFilter};
use crate::ledger::Ledger;
use crate::settlement::day::Day;
use crate::types::{AccountId, BankId, Date, Fen, InstrumentCode, Price, TradeStatus};
use crate::views::{AccountView, TradeRecord};

/// Held trades that an overview names.
const HELD_TRADES: usize = 100;

/// One account and what waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountOverview {
    /// Who it is, what it holds, what money it has.
    pub account: AccountView,
    /// What its holdings are worth, in the order of the holdings.
    pub values: Vec<HoldingValue>,
    /// What it owes the reserve, by bank.
    pub claims: Vec<(BankId, Fen)>,
    /// Trades of a day that wait for its top-up or its counterparty's, oldest
    /// first; the first hundred.
    pub held_trades: Vec<(Date, TradeRecord)>,
    /// How many there are.
    pub held_count: u64,
    /// Money that waits to leave the market.
    pub withdrawals: Vec<OpenWithdrawal>,
    /// Objections without an answer: day and text.
    pub objections: Vec<(Date, String)>,
}

/// A holding at the last settled close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldingValue {
    /// Of what.
    pub instrument: InstrumentCode,
    /// Last settled close, or the reference price before the first.
    pub close: Price,
    /// Day of the close; `None` before the first.
    pub close_date: Option<Date>,
    /// Tonnes in all positions times the close, in fen.
    pub value_fen: i128,
}

impl Ledger {
    /// One account and what waits for it; `None` without such an account.
    #[must_use]
    pub fn overview(&self, account: AccountId) -> Option<AccountOverview> {
        let view = self.account(account)?;
        let value = |(code, holding): &(InstrumentCode, crate::receipt::Holding)| {
            let known = self.instruments.get(code)?;
            let tonnes = i128::from(holding.total()?.0);
            Some(HoldingValue {
                instrument: *code,
                close: known.last_close,
                close_date: known.last_close_date,
                value_fen: tonnes.checked_mul(known.last_close.0.into())?,
            })
        };
        let values = view.holdings.iter().filter_map(value).collect();
        // Only the last day has anything open: the one before had to be final.
        let day = self.days.last_key_value().map(|(_, day)| day);
        let held = day.map(|day| self.held_trades(day, account)).unwrap_or_default();
        let filter = WithdrawalFilter { account: Some(account), bank: None };
        let banks = (account, BankId(0))..=(account, BankId(u16::MAX));
        Some(AccountOverview {
            values,
            claims: self.claims.range(banks).map(|((_, bank), claim)| (*bank, *claim)).collect(),
            held_count: u64::try_from(held.len()).unwrap_or(u64::MAX),
            held_trades: held.into_iter().take(HELD_TRADES).collect(),
            withdrawals: self.withdrawals_after(filter, 0, usize::MAX),
            objections: day.map(|day| day.objections_of(account)).unwrap_or_default(),
            account: view,
        })
    }

    fn held_trades(&self, day: &Day, account: AccountId) -> Vec<(Date, TradeRecord)> {
        if day.held == 0 {
            return Vec::new();
        }
        let trades = self.own_trades(day.date, account).into_iter();
        let held = trades.filter(|record| matches!(record.status, TradeStatus::Held(_)));
        held.map(|record| (day.date, record)).collect()
    }
}

impl Day {
    fn objections_of(&self, account: AccountId) -> Vec<(Date, String)> {
        let of_account = self.objections.range((account, 0)..=(account, u32::MAX));
        let open = of_account.filter(|(_, objection)| objection.resolution.is_none());
        open.map(|(_, objection)| (self.date, objection.text.clone())).collect()
    }
}
