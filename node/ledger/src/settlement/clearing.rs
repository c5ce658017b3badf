//! Clearing: what every bank, and every entity behind it, receives and pays.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::amount::format_yuan;
use crate::formats::{CashLine, ClearingHasher, GoodsLine};
use crate::ledger::Ledger;
use crate::receipt::{BankClearing, Clearing, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::Day;
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
        self.day_receipt(date)
    }
}

/// Places of a day's trades by account, each account's in order of acceptance.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlacesByAccount {
    /// Where the places of an account begin, by its number; its number plus
    /// one is where they end.
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl PlacesByAccount {
    /// Counts first, then puts every place where it belongs: no sorting.
    fn new<'a>(trades: impl Iterator<Item = (u32, &'a Trade)> + Clone, accounts: usize) -> Self {
        let sides = || trades.clone().flat_map(|(place, t)| [(t.buyer, place), (t.seller, place)]);
        let slot = |id: AccountId| usize::try_from(id.0).unwrap_or(usize::MAX);
        let mut starts = vec![0_u32; accounts.saturating_add(2)];
        for (id, _) in sides() {
            if let Some(count) = starts.get_mut(slot(id).saturating_add(1)) {
                *count = count.saturating_add(1);
            }
        }
        let mut sum = 0_u32;
        for start in &mut starts {
            sum = sum.saturating_add(*start);
            *start = sum;
        }
        let mut next = starts.clone();
        let mut places = vec![0; usize::try_from(sum).unwrap_or_default()];
        for (id, place) in sides() {
            let Some(at) = next.get_mut(slot(id)) else { continue };
            if let Some(entry) = usize::try_from(*at).ok().and_then(|at| places.get_mut(at)) {
                *entry = place;
            }
            *at = at.saturating_add(1);
        }
        Self { starts, places }
    }

    /// Places of the trades that an account bought or sold in.
    pub(crate) fn of(&self, account: AccountId) -> &[u32] {
        let bound = |at: Option<u32>| {
            let at = at.and_then(|at| usize::try_from(at).ok())?;
            self.starts.get(at).and_then(|start| usize::try_from(*start).ok())
        };
        let range = bound(Some(account.0)).zip(bound(account.0.checked_add(1)));
        range.and_then(|(start, end)| self.places.get(start..end)).unwrap_or_default()
    }
}

impl Day {
    /// Places of the counted trades by account.
    pub(crate) fn index_by_account(&self, accounts: usize) -> PlacesByAccount {
        PlacesByAccount::new(self.counted_trades(), accounts)
    }
}

/// What one account's trades come to. Most accounts trade one instrument over
/// one bank, which is found without a search.
#[derive(Clone, Copy, Default)]
struct Nets {
    goods: Option<(InstrumentCode, i64)>,
    cash: Option<(BankId, i64)>,
}

/// The nets of all accounts.
struct NetsByAccount {
    first: Vec<Nets>,
    more_goods: BTreeMap<(AccountId, InstrumentCode), i64>,
    more_cash: BTreeMap<(AccountId, BankId), i64>,
}

impl NetsByAccount {
    fn of(day: &Day, accounts: usize) -> Self {
        let mut nets = Self {
            first: vec![Nets::default(); accounts.saturating_add(1)],
            more_goods: BTreeMap::new(),
            more_cash: BTreeMap::new(),
        };
        for (_, trade) in day.counted_trades() {
            let (quantity, amount) = (trade.quantity.0, trade.amount().unwrap_or_default().0);
            nets.add(
                trade.buyer,
                (trade.instrument, quantity),
                (trade.buyer_bank, amount.saturating_neg()),
            );
            nets.add(
                trade.seller,
                (trade.instrument, quantity.saturating_neg()),
                (trade.seller_bank, amount),
            );
        }
        nets
    }

    fn add(&mut self, account: AccountId, goods: (InstrumentCode, i64), cash: (BankId, i64)) {
        let Some(first) = usize::try_from(account.0).ok().and_then(|at| self.first.get_mut(at))
        else {
            return;
        };
        add_to(&mut first.goods, &mut self.more_goods, account, goods);
        add_to(&mut first.cash, &mut self.more_cash, account, cash);
    }

    /// Lines of goods, or of cash, by account and then by key, and how many.
    fn lines<K: Ord + Copy>(
        &self,
        first: impl Fn(&Nets) -> Option<(K, i64)> + Copy,
        more: &BTreeMap<(AccountId, K), i64>,
    ) -> (usize, impl Iterator<Item = (AccountId, K, i64)>) {
        let firsts = move || (0..).map(AccountId).zip(self.first.iter().map(first));
        let count = firsts().filter(|(_, line)| line.is_some()).count();
        let mut more_lines = more.iter().map(|((id, key), net)| (*id, *key, *net)).peekable();
        let lines = firsts().flat_map(move |(account, line)| {
            let mut lines: SmallVec<[(K, i64); 1]> = line.into_iter().collect();
            while let Some((_, key, net)) = more_lines.next_if(|(id, ..)| *id == account) {
                lines.push((key, net));
            }
            lines.sort_unstable_by_key(|(key, _)| *key);
            lines.into_iter().map(move |(key, net)| (account, key, net))
        });
        (count.saturating_add(more.len()), lines)
    }
}

/// Adds to the first key's net, or to that of a further key. No sum is larger
/// than the day's, which was checked.
fn add_to<K: Ord + Copy>(
    first: &mut Option<(K, i64)>,
    more: &mut BTreeMap<(AccountId, K), i64>,
    account: AccountId,
    (key, amount): (K, i64),
) {
    let net = match first {
        Some((known, net)) if *known == key => net,
        Some(_) => more.entry((account, key)).or_default(),
        None => &mut first.insert((key, 0)).1,
    };
    *net = net.saturating_add(amount);
}

/// The clearing of a day's trades.
fn clear(day: &Day, accounts: usize) -> Clearing {
    let date = day.date;
    let banks = clear_banks(day);
    let nets = NetsByAccount::of(day, accounts);
    let mut hasher = ClearingHasher::new(date, &banks);
    let (count, lines) = nets.lines(|nets| nets.goods, &nets.more_goods);
    hasher.goods(
        count,
        lines.map(|(account, instrument, net)| GoodsLine {
            account,
            instrument,
            net: Quantity(net),
        }),
    );
    let (count, lines) = nets.lines(|nets| nets.cash, &nets.more_cash);
    hasher.cash(count, lines.map(|(account, bank, net)| CashLine { account, bank, net: Fen(net) }));
    Clearing { date, banks, sha256: hasher.finish() }
}

/// What each bank receives and pays. No sum is larger than the day's, which
/// was checked.
fn clear_banks(day: &Day) -> Vec<BankClearing> {
    let mut lines: Vec<Option<BankClearing>> = Vec::new();
    for (_, trade) in day.counted_trades() {
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
    }
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
