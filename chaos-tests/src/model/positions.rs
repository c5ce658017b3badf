//! Goods and money as lists of postings; a balance is their sum.

use std::collections::BTreeMap;

use registry_ledger::{AccountId, BankId, Holding, InstrumentCode, Quantity};

/// The positions that this part of the market uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    Registered,
    Trading,
    PendingIn,
    PendingOut,
    Pledged,
    Frozen,
}

/// Every posting ever made.
#[derive(Clone, Debug, Default)]
pub(super) struct Positions {
    goods: BTreeMap<(AccountId, InstrumentCode), Vec<(Position, i128)>>,
    cash: BTreeMap<(AccountId, BankId), Vec<i128>>,
}

impl Positions {
    pub(super) fn post_goods(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        position: Position,
        tonnes: i128,
    ) {
        self.goods.entry((account, instrument)).or_default().push((position, tonnes));
    }

    pub(super) fn post_cash(&mut self, account: AccountId, bank: BankId, fen: i128) {
        self.cash.entry((account, bank)).or_default().push(fen);
    }

    pub(super) fn goods(
        &self,
        account: AccountId,
        instrument: InstrumentCode,
        position: Position,
    ) -> i128 {
        let postings = self.goods.get(&(account, instrument)).map_or(&[][..], Vec::as_slice);
        postings.iter().filter(|(at, _)| *at == position).map(|(_, tonnes)| tonnes).sum()
    }

    pub(super) fn cash(&self, account: AccountId, bank: BankId) -> i128 {
        self.cash.get(&(account, bank)).map_or(0, |postings| postings.iter().sum())
    }

    pub(super) fn holding(&self, account: AccountId, instrument: InstrumentCode) -> Holding {
        let quantity = |position| Quantity(fits(self.goods(account, instrument, position)));
        Holding {
            registered: quantity(Position::Registered),
            trading: quantity(Position::Trading),
            pending_in: quantity(Position::PendingIn),
            pending_out: quantity(Position::PendingOut),
            pledged: quantity(Position::Pledged),
            frozen: quantity(Position::Frozen),
        }
    }

    /// Everything of one instrument, whoever holds it wherever.
    pub(super) fn held(&self, instrument: InstrumentCode) -> i128 {
        let of_instrument = self.goods.iter().filter(|((_, code), _)| *code == instrument);
        of_instrument.flat_map(|(_, postings)| postings).map(|(_, tonnes)| tonnes).sum()
    }

    /// All sub-ledgers of one bank.
    pub(super) fn at_bank(&self, bank: BankId) -> i128 {
        self.cash.iter().filter(|((_, at), _)| *at == bank).flat_map(|(_, fen)| fen).sum()
    }

    /// The instruments an account ever held.
    pub(super) fn instruments_of(&self, account: AccountId) -> Vec<InstrumentCode> {
        self.goods.keys().filter(|(of, _)| *of == account).map(|(_, code)| *code).collect()
    }

    /// The banks where an account ever had money.
    pub(super) fn banks_of(&self, account: AccountId) -> Vec<BankId> {
        self.cash.keys().filter(|(of, _)| *of == account).map(|(_, bank)| *bank).collect()
    }

    /// Yesterday's purchases can be sold from today.
    pub(super) fn release_pending_in(&mut self) {
        for postings in self.goods.values_mut() {
            let bought: i128 =
                postings.iter().filter(|(at, _)| *at == Position::PendingIn).map(|(_, t)| t).sum();
            postings.push((Position::PendingIn, -bought));
            postings.push((Position::Trading, bought));
        }
    }
}

/// The ledger counts in 64 bits; the model's wider sums have to fit.
pub(super) fn fits(sum: i128) -> i64 {
    i64::try_from(sum).expect("the rules keep every sum within 64 bits")
}
