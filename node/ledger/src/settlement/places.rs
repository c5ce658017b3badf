//! Index: the trades of each account on a day.

use std::ops::Range;

use crate::settlement::day::Day;
use crate::types::{AccountId, Trade};

/// Accounts of one block.
const BLOCK: usize = 4_096;

/// An account's block and its place in it.
fn block(id: AccountId) -> (usize, u16) {
    let id = usize::try_from(id.0).unwrap_or(usize::MAX);
    (id / BLOCK, u16::try_from(id % BLOCK).unwrap_or_default())
}

/// Where the items of each of `count` keys begin when all are sorted by key,
/// and where the last ones end.
fn starts<I: Iterator<Item = usize>>(count: usize, keys: impl Fn() -> I) -> Vec<usize> {
    let mut starts = vec![0_usize; count.saturating_add(1)];
    keys().for_each(|key| {
        if let Some(items) = starts.get_mut(key.saturating_add(1)) {
            *items = items.saturating_add(1);
        }
    });
    let mut sum = 0_usize;
    for start in &mut starts {
        sum = sum.saturating_add(*start);
        *start = sum;
    }
    starts
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
    /// Puts every place among those of its block of accounts, and then, block
    /// by block, among those of its account. Nothing is compared, and what is
    /// written to at random stays small enough for the nearest cache.
    fn new<'a>(trades: impl Iterator<Item = (u32, &'a Trade)> + Clone, accounts: usize) -> Self {
        let sides = || trades.clone().flat_map(|(place, t)| [(t.buyer, place), (t.seller, place)]);
        let blocks = accounts.checked_div(BLOCK).unwrap_or_default().saturating_add(1);
        let block_starts = starts(blocks, || sides().map(|(id, _)| block(id).0));
        let mut next = block_starts.clone();
        let side_count = block_starts.last().copied().unwrap_or_default();
        let mut places = vec![0_u32; side_count];
        let mut ids_in_block = vec![0_u16; side_count];
        sides().for_each(|(id, place)| {
            let (block, id_in_block) = block(id);
            let Some(at) = next.get_mut(block) else { return };
            if let (Some(to), Some(id)) = (places.get_mut(*at), ids_in_block.get_mut(*at)) {
                (*to, *id) = (place, id_in_block);
            }
            *at = at.saturating_add(1);
        });
        let mut all = Self { starts: Vec::with_capacity(accounts.saturating_add(2)), places };
        for bounds in block_starts.windows(2) {
            if let [first, end] = *bounds {
                all.sort_block(first..end, ids_in_block.get(first..end).unwrap_or_default());
            }
        }
        all
    }

    /// Sorts the places of a block by account and notes where each account's begin.
    fn sort_block(&mut self, range: Range<usize>, ids_in_block: &[u16]) {
        let first = u32::try_from(range.start).unwrap_or(u32::MAX);
        let Some(places) = self.places.get_mut(range) else { return };
        let unsorted = places.to_vec();
        let mut next = starts(BLOCK, || ids_in_block.iter().map(|id| usize::from(*id)));
        let begin = |at: &usize| first.saturating_add(u32::try_from(*at).unwrap_or(u32::MAX));
        // The last is where the next block begins.
        self.starts.truncate(self.starts.len().saturating_sub(1));
        self.starts.extend(next.iter().map(begin));
        for (id, place) in ids_in_block.iter().zip(unsorted) {
            let Some(at) = next.get_mut(usize::from(*id)) else { continue };
            if let Some(to) = places.get_mut(*at) {
                *to = place;
            }
            *at = at.saturating_add(1);
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::types::{BankId, InstrumentCode, LedgerTime, Price, Quantity};
    use crate::types::{TradeKind, TradeNumber};

    fn trade(buyer: u32, seller: u32) -> Trade {
        Trade {
            number: TradeNumber(1),
            kind: TradeKind::Listed,
            instrument: InstrumentCode::parse("CEA-2020").unwrap(),
            buyer: AccountId(buyer),
            seller: AccountId(seller),
            buyer_bank: BankId(102),
            seller_bank: BankId(103),
            quantity: Quantity(1),
            price: Price(4_306),
            traded_at: LedgerTime(0),
        }
    }

    #[test]
    fn every_account_finds_its_trades_in_order() {
        const ACCOUNTS: u32 = 10_000;
        let account = |seed: u32| 1 + seed.wrapping_mul(2_654_435_761) % ACCOUNTS;
        let edges = [(4_095, 4_096), (4_096, 8_191), (8_192, 10_000), (10_000, 1), (4_095, 1)];
        let random = (0..30_000).map(|seed| (account(seed), account(seed + 7)));
        let trades: Vec<Trade> =
            edges.into_iter().chain(random).map(|(buyer, seller)| trade(buyer, seller)).collect();
        let mut expected: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (place, trade) in (0..).zip(&trades) {
            expected.entry(trade.buyer.0).or_default().push(place);
            expected.entry(trade.seller.0).or_default().push(place);
        }
        let places = PlacesByAccount::new((0..).zip(&trades), ACCOUNTS as usize);
        for id in 0..=ACCOUNTS + 5_000 {
            let found = places.of(AccountId(id));
            assert_eq!(found, expected.get(&id).map_or(&[][..], Vec::as_slice), "account {id}");
        }
    }

    #[test]
    fn a_day_without_trades_has_no_places() {
        let places = PlacesByAccount::new(std::iter::empty(), 4_096);
        assert!((0..5_000).all(|id| places.of(AccountId(id)).is_empty()));
        assert!(PlacesByAccount::default().of(AccountId(1)).is_empty());
    }
}
