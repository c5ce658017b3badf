//! What every account should hold after a day, worked out from the trades
//! alone: the registry's own arithmetic has no part in it.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use registry_client::amount::parse_fen;
use registry_client::proto::{Account, Trade};
use registry_client::workflow::{TopUp, TopUpKind};

/// Positions that settlement touches, per account and instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tonnes {
    registered: i64,
    trading: i64,
    pending_in: i64,
}

/// Tonnes and money of all accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    holdings: BTreeMap<(u64, String), Tonnes>,
    cash_fen: BTreeMap<(u64, u32), i64>,
}

impl Books {
    /// As a node answered them.
    ///
    /// # Errors
    /// When an amount is malformed, or a holding is not the sum of its parts.
    pub fn read(accounts: &[Account]) -> anyhow::Result<Self> {
        let mut books = Self::default();
        for account in accounts {
            for holding in &account.holdings {
                let tonnes = Tonnes {
                    registered: holding.registered_tco2e,
                    trading: holding.trading_tco2e,
                    pending_in: holding.pending_in_tco2e,
                };
                if holding.total_tco2e != tonnes.registered + tonnes.trading + tonnes.pending_in {
                    bail!(
                        "account {}: {} is not the sum of its positions",
                        account.account_id,
                        holding.instrument
                    );
                }
                books.holdings.insert((account.account_id, holding.instrument.clone()), tonnes);
            }
            for cash in &account.cash {
                let fen = parse_fen(&cash.available_yuan)
                    .with_context(|| format!("cash of account {}", account.account_id))?;
                books.cash_fen.insert((account.account_id, cash.bank_id), fen);
            }
        }
        Ok(books)
    }

    /// Both legs of one trade.
    ///
    /// # Errors
    /// When a price is malformed or an amount overflows.
    pub fn deliver(&mut self, trade: &Trade) -> anyhow::Result<()> {
        let price_fen = parse_fen(&trade.price_yuan).context("price")?;
        let amount_fen = price_fen.checked_mul(trade.quantity_tco2e).context("price x quantity")?;
        self.holding(trade.seller_account, &trade.instrument).trading -= trade.quantity_tco2e;
        self.holding(trade.buyer_account, &trade.instrument).pending_in += trade.quantity_tco2e;
        *self.cash(trade.buyer_account, trade.buyer_bank) -= amount_fen;
        *self.cash(trade.seller_account, trade.seller_bank) += amount_fen;
        Ok(())
    }

    /// What was bought on the day before is for sale.
    pub fn open_next_day(&mut self) {
        for tonnes in self.holdings.values_mut() {
            tonnes.trading += std::mem::take(&mut tonnes.pending_in);
        }
    }

    /// Money or tonnes that let a held trade deliver.
    pub fn top_up(&mut self, top_up: &TopUp) {
        match &top_up.kind {
            TopUpKind::Cash { bank_id, amount_fen } => {
                *self.cash(top_up.account_id, *bank_id) += amount_fen;
            }
            TopUpKind::Goods { instrument, quantity_tco2e } => {
                let tonnes = self.holding(top_up.account_id, instrument);
                tonnes.registered -= quantity_tco2e;
                tonnes.trading += quantity_tco2e;
            }
        }
    }

    /// Compares two sets of books; an absent entry equals an empty one.
    ///
    /// # Errors
    /// Names the first difference.
    pub fn must_equal(&self, other: &Self) -> anyhow::Result<()> {
        let empty = Tonnes::default();
        for key in self.holdings.keys().chain(other.holdings.keys()) {
            let (ours, theirs) = (
                self.holdings.get(key).unwrap_or(&empty),
                other.holdings.get(key).unwrap_or(&empty),
            );
            if ours != theirs {
                bail!("account {} in {}: expected {ours:?}, found {theirs:?}", key.0, key.1);
            }
        }
        for key in self.cash_fen.keys().chain(other.cash_fen.keys()) {
            let (ours, theirs) =
                (self.cash_fen.get(key).unwrap_or(&0), other.cash_fen.get(key).unwrap_or(&0));
            if ours != theirs {
                bail!(
                    "account {} at bank {}: expected {ours} fen, found {theirs} fen",
                    key.0,
                    key.1
                );
            }
        }
        Ok(())
    }

    fn holding(&mut self, account: u64, instrument: &str) -> &mut Tonnes {
        self.holdings.entry((account, instrument.to_owned())).or_default()
    }

    fn cash(&mut self, account: u64, bank: u32) -> &mut i64 {
        self.cash_fen.entry((account, bank)).or_default()
    }
}

#[cfg(test)]
mod tests {
    use registry_client::proto::{CashBalance, Holding};

    use super::*;

    fn account(id: u64, trading: i64, pending_in: i64, yuan: &str) -> Account {
        Account {
            account_id: id,
            holdings: vec![Holding {
                instrument: "CEA-2020".to_owned(),
                total_tco2e: trading + pending_in,
                trading_tco2e: trading,
                pending_in_tco2e: pending_in,
                ..Holding::default()
            }],
            cash: vec![CashBalance {
                bank_id: 102,
                available_yuan: yuan.to_owned(),
                ..CashBalance::default()
            }],
            ..Account::default()
        }
    }

    #[test]
    fn a_missing_leg_is_found() {
        let mut expected =
            Books::read(&[account(1, 10, 0, "0.00"), account(2, 0, 0, "100.00")]).expect("before");
        let trade = Trade {
            instrument: "CEA-2020".to_owned(),
            buyer_account: 2,
            seller_account: 1,
            buyer_bank: 102,
            seller_bank: 102,
            quantity_tco2e: 2,
            price_yuan: "43.05".to_owned(),
            ..Trade::default()
        };
        expected.deliver(&trade).expect("delivers");
        let both =
            Books::read(&[account(1, 8, 0, "86.10"), account(2, 0, 2, "13.90")]).expect("after");
        expected.must_equal(&both).expect("both legs");
        let no_payment =
            Books::read(&[account(1, 8, 0, "0.00"), account(2, 0, 2, "13.90")]).expect("after");
        let error = expected.must_equal(&no_payment).expect_err("a payment is missing");
        assert_eq!(error.to_string(), "account 1 at bank 102: expected 8610 fen, found 0 fen");
    }
}
