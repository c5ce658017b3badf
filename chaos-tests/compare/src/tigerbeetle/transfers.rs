//! Trades as TigerBeetle's accounts and transfers.

use tigerbeetle_unofficial::{Account, Transfer, account, transfer};

use crate::trades::{CASH_FEN_EACH, FIRMS, TONNES_EACH, Trade, bank};

/// Events that one request can carry: what fits in a message of 1 MiB.
pub(crate) const REQUEST_EVENTS: usize = 8_189;
/// A trade is two events.
pub(crate) const BATCH_TRADES: usize = REQUEST_EVENTS / 2;

/// Every account and transfer says what it is; there is one kind of each.
const CODE: u16 = 1;
/// Gives every firm what it begins with, and may go below zero itself.
const ISSUER: i64 = 0;

/// What moves: each has its ledger, whose number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    Tonnes = 1,
    Fen = 2,
}

/// Ids of one run: another run on the same cluster has others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    run: u128,
}

impl Ids {
    pub(crate) fn of_run(run: u64) -> Self {
        Self { run: u128::from(run) << 64 }
    }

    pub(crate) fn account(self, firm: i64, asset: Asset) -> u128 {
        self.run | u128::from(firm.cast_unsigned()) << 8 | asset as u128
    }

    /// Rises with the trade number, which suits TigerBeetle's trees.
    pub(crate) fn transfer(self, trade_number: i64, asset: Asset) -> u128 {
        self.run | u128::from(trade_number.cast_unsigned()) << 8 | asset as u128
    }

    /// All accounts: a firm's debits never exceed its credits.
    pub(crate) fn accounts(self) -> Vec<Account> {
        let account = |firm, asset| {
            let flags = match firm {
                ISSUER => account::Flags::empty(),
                _ => account::Flags::DEBITS_MUST_NOT_EXCEED_CREDITS,
            };
            let account = Account::new(self.account(firm, asset), asset as u32, CODE);
            account.with_user_data_32(bank(firm).cast_unsigned()).with_flags(flags)
        };
        (ISSUER..=FIRMS)
            .flat_map(|firm| [account(firm, Asset::Tonnes), account(firm, Asset::Fen)])
            .collect()
    }

    /// What every firm begins with.
    pub(crate) fn issue(self) -> Vec<Transfer> {
        let issue = |firm, asset, amount: i64| {
            // Trades have numbers from 1, so that these ids are free.
            let id = self.account(firm, asset) | 1 << 63;
            self.moving(id, asset, ISSUER, firm, amount)
        };
        (1..=FIRMS)
            .flat_map(|firm| {
                [issue(firm, Asset::Tonnes, TONNES_EACH), issue(firm, Asset::Fen, CASH_FEN_EACH)]
            })
            .collect()
    }

    /// Both legs of every trade; neither is made without the other.
    pub(crate) fn legs(self, trades: &[Trade]) -> Vec<Transfer> {
        let legs = |trade: &Trade| {
            let Trade { number, buyer, seller, .. } = *trade;
            let leg = |asset, from, to, amount| {
                self.moving(self.transfer(number, asset), asset, from, to, amount)
                    .with_user_data_64(trade.traded_at_ms.cast_unsigned())
            };
            [
                leg(Asset::Tonnes, seller, buyer, trade.tonnes).with_flags(transfer::Flags::LINKED),
                leg(Asset::Fen, buyer, seller, trade.amount_fen()),
            ]
        };
        trades.iter().flat_map(legs).collect()
    }

    fn moving(self, id: u128, asset: Asset, from: i64, to: i64, amount: i64) -> Transfer {
        Transfer::new(id)
            .with_debit_account_id(self.account(from, asset))
            .with_credit_account_id(self.account(to, asset))
            .with_amount(u128::from(amount.cast_unsigned()))
            .with_ledger(asset as u32)
            .with_code(CODE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::trades::trades;

    const IDS: Ids = Ids { run: 7 << 64 };

    #[test]
    fn a_trade_is_two_linked_transfers_the_opposite_way() {
        let trade = trades(1, 1).expect("a date")[0];
        let [goods, cash] = IDS.legs(&[trade]).try_into().expect("two legs");
        assert_eq!(goods.debit_account_id(), IDS.account(trade.seller, Asset::Tonnes));
        assert_eq!(goods.credit_account_id(), IDS.account(trade.buyer, Asset::Tonnes));
        assert_eq!(cash.debit_account_id(), IDS.account(trade.buyer, Asset::Fen));
        assert_eq!(cash.credit_account_id(), IDS.account(trade.seller, Asset::Fen));
        assert_eq!(goods.amount(), u128::from(trade.tonnes.cast_unsigned()));
        assert_eq!(cash.amount(), u128::from(trade.amount_fen().cast_unsigned()));
        assert_eq!((goods.ledger(), cash.ledger()), (1, 2));
        // The chain ends with the trade: the next one stands by itself.
        assert_eq!(goods.flags(), transfer::Flags::LINKED);
        assert_eq!(cash.flags(), transfer::Flags::empty());
    }

    #[test]
    fn ids_differ_among_trades_issues_and_runs() {
        let trades = trades(1, 1_000).expect("a date");
        let other_run = Ids::of_run(8);
        let all: BTreeSet<u128> = [IDS.legs(&trades), IDS.issue(), other_run.legs(&trades)]
            .concat()
            .iter()
            .map(Transfer::id)
            .collect();
        assert_eq!(all.len(), 2_000 + 1_000 + 2_000);
    }

    #[test]
    fn a_full_batch_fits_in_one_request() {
        assert!(IDS.legs(&trades(1, BATCH_TRADES as u64).expect("a date")).len() <= REQUEST_EVENTS);
        assert!(IDS.accounts().len() <= REQUEST_EVENTS);
    }

    #[test]
    fn only_the_issuer_may_go_below_zero() {
        let unlimited: Vec<u128> = IDS
            .accounts()
            .iter()
            .filter(|account| account.flags().is_empty())
            .map(Account::id)
            .collect();
        let issuer = [Asset::Tonnes, Asset::Fen].map(|asset| IDS.account(ISSUER, asset));
        assert_eq!(unlimited, issuer);
    }
}
