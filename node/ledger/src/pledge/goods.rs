//! Tonnes on their way into and out of pledges, inside one account.

use crate::account::short_of;
use crate::journal::{Position, Posting};
use crate::ledger::Ledger;
use crate::receipt::Holding;
use crate::rejection::Rejection;
use crate::types::{AccountId, FreePosition, InstrumentCode, Quantity};

/// Tonnes of one account and instrument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goods {
    pub(super) account: AccountId,
    pub(super) instrument: InstrumentCode,
    pub(super) quantity: Quantity,
}

impl Ledger {
    /// That the account has so many free tonnes; the holding once they are pledged.
    pub(super) fn pledgeable(
        &self,
        goods: Goods,
        from: FreePosition,
        field: &str,
    ) -> Result<Holding, Rejection> {
        let held = self.known_balances(goods.account, field)?.holding(goods.instrument);
        held.moved(from.into(), Position::Pledged, goods.quantity).ok_or_else(|| {
            short_of(goods.account, goods.instrument, held.free(from), goods.quantity)
        })
    }

    /// Writes a holding that [`Ledger::pledgeable`] has found; says what was posted.
    pub(super) fn put_pledged(
        &mut self,
        goods: Goods,
        after: Holding,
        from: FreePosition,
    ) -> Vec<Posting> {
        self.set_holding(goods.account, goods.instrument, after);
        postings(goods, from.into(), Position::Pledged)
    }

    /// Moves tonnes out of a pledge; they are there, as the invariants say.
    pub(super) fn unpledge(&mut self, goods: Goods, to: Position) -> Vec<Posting> {
        let held = self.balances_at(goods.account).map(|holder| holder.holding(goods.instrument));
        let after = held.and_then(|held| held.moved(Position::Pledged, to, goods.quantity));
        let Some(after) = after.filter(|_| goods.quantity > Quantity(0)) else {
            return Vec::new();
        };
        self.set_holding(goods.account, goods.instrument, after);
        postings(goods, Position::Pledged, to)
    }
}

fn postings(goods: Goods, from: Position, to: Position) -> Vec<Posting> {
    let Goods { account, instrument, quantity } = goods;
    let less = Quantity(quantity.0.saturating_neg());
    vec![
        Posting::Goods { account, instrument, position: from, quantity: less },
        Posting::Goods { account, instrument, position: to, quantity },
    ]
}
