//! Clearing: what every bank, and every entity behind it, receives and pays.

use std::collections::BTreeMap;

use crate::account::place;
use crate::amount::format_yuan;
use crate::formats::{CashLine, ClearingHasher, GoodsLine};
use crate::journal::What;
use crate::ledger::{Ledger, READ_AHEAD};
use crate::receipt::{BankClearing, Clearing, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::Day;
use crate::settlement::places::PlacesByAccount;
use crate::types::{AccountId, BankId, Date, DayState, Fen, InstrumentCode, Quantity, Trade};

/// Why a day is disputed when the exchange's clearing hash differs.
const HASH_MISMATCH: &str = "HASH_MISMATCH";

impl Ledger {
    pub(crate) fn clear_day(&mut self, date: Date) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Closed)?;
        let by_account = day.index_by_account(self.accounts.len());
        let clearing = clear(day, self.accounts.len());
        check_balance(&clearing.banks)?;

        self.touch(RecordKey::Day(date));
        self.touch(RecordKey::Clearing(date));
        if let Some(day) = self.days.get_mut(&date) {
            day.state = DayState::Cleared;
            day.clearing = Some(clearing.clone());
            day.by_account = by_account;
        }
        let clearing_sha256 = clearing.sha256;
        self.record(What::DayCleared { date, clearing_sha256 }, Vec::new());
        Ok(Receipt::Clearing(clearing))
    }

    pub(crate) fn confirm_clearing(
        &mut self,
        date: Date,
        sha256: &[u8; 32],
    ) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?.in_state(DayState::Cleared)?;
        let agreed = day.clearing.as_ref().is_some_and(|clearing| clearing.sha256 == *sha256);
        let codes: Vec<_> = day.prices.keys().copied().collect();

        self.touch(RecordKey::Day(date));
        if agreed {
            if let Some(day) = self.days.get_mut(&date) {
                day.state = DayState::Confirmed;
            }
            self.record(What::ClearingConfirmed { date }, Vec::new());
            return self.day_receipt(date);
        }
        // The clearing no longer stands; amendments and a new manifest follow.
        self.touch(RecordKey::Clearing(date));
        for code in codes {
            self.touch(RecordKey::Price(date, code));
        }
        if let Some(day) = self.days.get_mut(&date) {
            day.state = DayState::Disputed;
            HASH_MISMATCH.clone_into(&mut day.dispute_reason);
            day.clearing = None;
            day.by_account = PlacesByAccount::default();
            day.prices.values_mut().for_each(|line| line.settled = false);
        }
        self.record(What::ClearingDisputed { date, clearing_sha256: *sha256 }, Vec::new());
        self.day_receipt(date)
    }
}

/// What one account's trades come to. Most accounts trade one instrument over
/// one bank, which is found without a search.
#[derive(Clone, Copy, Default)]
struct Nets {
    goods: i64,
    cash: i64,
    /// What `goods` is; none before the first trade.
    instrument: Option<InstrumentCode>,
    /// Where `cash` is.
    bank: Option<BankId>,
}

/// The nets of all accounts.
struct NetsByAccount {
    /// In the places of the accounts.
    first: Vec<Nets>,
    more_goods: More<InstrumentCode>,
    more_cash: More<BankId>,
}

/// What does not fit an account's first nets.
type More<K> = BTreeMap<(AccountId, K), i64>;

impl NetsByAccount {
    fn of(day: &Day, accounts: usize) -> Self {
        let mut nets = Self {
            first: vec![Nets::default(); accounts],
            more_goods: BTreeMap::new(),
            more_cash: BTreeMap::new(),
        };
        for first in (0..day.slots.len()).step_by(READ_AHEAD / 2) {
            let few = day.counted_trades_in(first..first.saturating_add(READ_AHEAD / 2));
            nets.read_ahead(few.clone().flat_map(|trade| [trade.buyer, trade.seller]));
            few.for_each(|trade| nets.add_trade(trade));
        }
        nets
    }

    /// As [`Ledger::read_ahead`].
    fn read_ahead(&self, accounts: impl Iterator<Item = AccountId>) {
        let goods = |id| place(id).and_then(|at| self.first.get(at)).map_or(0, |nets| nets.goods);
        std::hint::black_box(accounts.map(goods).fold(0, |all, one| all ^ one));
    }

    fn add_trade(&mut self, trade: &Trade) {
        let (quantity, amount) = (trade.quantity.0, trade.amount().unwrap_or_default().0);
        let Trade { instrument, buyer, seller, buyer_bank, seller_bank, .. } = *trade;
        self.add(buyer, (instrument, quantity), (buyer_bank, amount.saturating_neg()));
        self.add(seller, (instrument, quantity.saturating_neg()), (seller_bank, amount));
    }

    fn add(&mut self, account: AccountId, goods: (InstrumentCode, i64), cash: (BankId, i64)) {
        let Some(first) = place(account).and_then(|at| self.first.get_mut(at)) else { return };
        add_to(&mut first.instrument, &mut first.goods, &mut self.more_goods, account, goods);
        add_to(&mut first.bank, &mut first.cash, &mut self.more_cash, account, cash);
    }

    /// How many lines of goods, or of cash, there are.
    fn count<K>(&self, first: impl Fn(&Nets) -> Option<(K, i64)>, more: &More<K>) -> usize {
        self.first.iter().filter(|nets| first(nets).is_some()).count().saturating_add(more.len())
    }

    /// Takes the lines by account and then by key.
    fn lines<K: Ord + Copy>(
        &self,
        first: impl Fn(&Nets) -> Option<(K, i64)>,
        more: &More<K>,
        mut take: impl FnMut(AccountId, K, i64),
    ) {
        let mut more_lines = more.iter().map(|((id, key), net)| (*id, (*key, *net))).peekable();
        let mut lines = Vec::new();
        for (account, nets) in (1..).map(AccountId).zip(&self.first) {
            lines.extend(first(nets));
            while let Some((_, line)) = more_lines.next_if(|(id, _)| *id == account) {
                lines.push(line);
            }
            lines.sort_unstable_by_key(|(key, _)| *key);
            lines.drain(..).for_each(|(key, net)| take(account, key, net));
        }
    }
}

/// Adds to the first key's net, or to that of a further key. No sum is larger
/// than the day's, which was checked.
fn add_to<K: Ord + Copy>(
    first_key: &mut Option<K>,
    first_net: &mut i64,
    more: &mut More<K>,
    account: AccountId,
    (key, amount): (K, i64),
) {
    let net = match *first_key.get_or_insert(key) {
        known if known == key => first_net,
        _ => more.entry((account, key)).or_default(),
    };
    *net = net.saturating_add(amount);
}

/// The clearing of a day's trades.
fn clear(day: &Day, accounts: usize) -> Clearing {
    let date = day.date;
    let banks = clear_banks(day);
    let nets = NetsByAccount::of(day, accounts);
    let mut hasher = ClearingHasher::new(date, &banks);
    let goods = |nets: &Nets| nets.instrument.map(|instrument| (instrument, nets.goods));
    hasher.count(nets.count(goods, &nets.more_goods));
    nets.lines(goods, &nets.more_goods, |account, instrument, net| {
        hasher.goods(GoodsLine { account, instrument, net: Quantity(net) });
    });
    let cash = |nets: &Nets| nets.bank.map(|bank| (bank, nets.cash));
    hasher.count(nets.count(cash, &nets.more_cash));
    nets.lines(cash, &nets.more_cash, |account, bank, net| {
        hasher.cash(CashLine { account, bank, net: Fen(net) });
    });
    Clearing { date, banks, sha256: hasher.finish() }
}

/// What each bank receives and pays. No sum is larger than the day's, which
/// was checked.
fn clear_banks(day: &Day) -> Vec<BankClearing> {
    let mut lines: Vec<Option<BankClearing>> = Vec::new();
    day.counted_trades().for_each(|(_, trade)| {
        let amount = trade.amount().unwrap_or_default().0;
        for (bank, received, paid) in
            [(trade.seller_bank, amount, 0), (trade.buyer_bank, 0, amount)]
        {
            let place = usize::from(bank.0);
            if lines.len() <= place {
                lines.resize(place.saturating_add(1), None);
            }
            let Some(line) = lines.get_mut(place) else { continue };
            let empty = BankClearing { bank, receives: Fen(0), pays: Fen(0) };
            let line = line.get_or_insert(empty);
            line.receives = Fen(line.receives.0.saturating_add(received));
            line.pays = Fen(line.pays.0.saturating_add(paid));
        }
    });
    lines.into_iter().flatten().collect()
}

/// What all banks receive is what all banks pay.
pub(crate) fn check_balance(banks: &[BankClearing]) -> Result<(), Rejection> {
    let sum = |part: fn(&BankClearing) -> Fen| {
        banks.iter().try_fold(Fen(0), |sum, line| sum.checked_add(part(line)))
    };
    let (receives, pays) = (sum(|line| line.receives), sum(|line| line.pays));
    if receives.is_some() && receives == pays {
        return Ok(());
    }
    let shown = |sum: Option<Fen>| sum.map_or_else(|| "more than fits".to_owned(), format_yuan);
    Err(Rejection::new(
        Reason::ClearingImbalance,
        "",
        format!("banks receive {} and pay {}", shown(receives), shown(pays)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unbalanced_clearing_is_refused() {
        let line = |bank, receives, pays| BankClearing {
            bank: BankId(bank),
            receives: Fen(receives),
            pays: Fen(pays),
        };
        assert_eq!(check_balance(&[line(102, 5, 2), line(103, 1, 4)]), Ok(()));
        let refused = check_balance(&[line(102, 5, 2), line(103, 1, 3)]).unwrap_err();
        assert_eq!(refused.reason, Reason::ClearingImbalance);
        assert_eq!(refused.message, "banks receive 0.06 and pay 0.05");
        let overflowing = check_balance(&[line(102, i64::MAX, 0), line(103, 1, 0)]).unwrap_err();
        assert_eq!(overflowing.reason, Reason::ClearingImbalance);
    }
}
