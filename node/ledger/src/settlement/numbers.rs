//! Finds a day's trades by the exchange's numbers.

use std::collections::BTreeMap;

use crate::segmented::Segmented;
use crate::settlement::day::Slot;
use crate::types::TradeNumber;

/// Index of a day's trade numbers.
///
/// An exchange counts its trades, so their numbers ascend, in the stream and
/// among the immediate trades each. Those cost four bytes and no search; only
/// a number that comes out of order goes into a tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberIndex {
    stream: Ascending,
    immediate: Ascending,
    late: BTreeMap<TradeNumber, u32>,
}

/// Places of trades whose numbers ascend.
#[derive(Clone, Debug, Default)]
struct Ascending {
    greatest: TradeNumber,
    places: Vec<u32>,
}

impl NumberIndex {
    /// The place of a number among `slots`.
    pub(crate) fn place(&self, number: TradeNumber, slots: &Segmented<Slot>) -> Option<u32> {
        [&self.stream, &self.immediate]
            .into_iter()
            .find_map(|chain| chain.place(number, slots))
            .or_else(|| self.late.get(&number).copied())
    }

    /// Whether the number is above every number so far.
    pub(crate) fn is_above_all(&self, number: TradeNumber) -> bool {
        // What came late is below what came before it.
        number > self.stream.greatest && number > self.immediate.greatest
    }

    /// Adds the number of the trade at `place`, which is not in the index yet.
    pub(crate) fn insert(&mut self, number: TradeNumber, place: u32, immediate: bool) {
        let chain = if immediate { &mut self.immediate } else { &mut self.stream };
        if number > chain.greatest {
            chain.greatest = number;
            chain.places.push(place);
        } else {
            self.late.insert(number, place);
        }
    }

    /// Numbers in the index.
    pub(crate) fn len(&self) -> usize {
        [self.stream.places.len(), self.immediate.places.len(), self.late.len()]
            .into_iter()
            .fold(0, usize::saturating_add)
    }
}

impl Ascending {
    fn place(&self, number: TradeNumber, slots: &Segmented<Slot>) -> Option<u32> {
        if number > self.greatest {
            return None;
        }
        let number_at = |place: &u32| {
            usize::try_from(*place).ok().and_then(|at| slots.get(at)).map(|slot| slot.trade.number)
        };
        let at = self.places.binary_search_by_key(&Some(number), number_at).ok()?;
        self.places.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{
        AccountId, BankId, Fen, InstrumentCode, LedgerTime, Price, Quantity, Trade, TradeKind,
        TradeStatus,
    };

    fn slot(number: u64, immediate: bool) -> Slot {
        let trade = Trade {
            number: TradeNumber(number),
            kind: TradeKind::Listed,
            instrument: InstrumentCode::parse("CEA-2020").unwrap(),
            buyer: AccountId(1),
            seller: AccountId(2),
            buyer_bank: BankId(102),
            seller_bank: BankId(103),
            quantity: Quantity(1),
            price: Price(Fen(4_306).0),
            traded_at: LedgerTime(0),
        };
        Slot { trade, status: TradeStatus::Accepted, immediate }
    }

    #[test]
    fn every_number_is_found_in_whatever_order_they_came() {
        let numbers = [5, 7, 900, 6, 8, 901, 1, 902, 3, 1_000];
        let mut index = NumberIndex::default();
        let mut slots = Segmented::default();
        for (place, number) in (0..).zip(numbers) {
            let immediate = number > 800;
            assert_eq!(index.place(TradeNumber(number), &slots), None);
            index.insert(TradeNumber(number), place, immediate);
            slots.push(slot(number, immediate));
        }
        for (place, number) in (0..).zip(numbers) {
            assert_eq!(index.place(TradeNumber(number), &slots), Some(place), "{number}");
        }
        assert_eq!(index.place(TradeNumber(4), &slots), None);
        assert!(index.is_above_all(TradeNumber(1_001)) && !index.is_above_all(TradeNumber(950)));
        assert_eq!(index.len(), numbers.len());
    }
}
