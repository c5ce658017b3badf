//! Tonnes on their way into and out of pledges, inside one account.

use crate::journal::{Position, Posting};
use crate::ledger::Ledger;
use crate::receipt::Holding;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
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
        moved(held, from.into(), Position::Pledged, goods.quantity).ok_or_else(|| {
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
        self.set_holding(goods, after);
        postings(goods, from.into(), Position::Pledged)
    }

    /// Moves tonnes out of a pledge; they are there, as the invariants say.
    pub(super) fn unpledge(&mut self, goods: Goods, to: Position) -> Vec<Posting> {
        let held = self.balances_at(goods.account).map(|holder| holder.holding(goods.instrument));
        let after = held.and_then(|held| moved(held, Position::Pledged, to, goods.quantity));
        let Some(after) = after.filter(|_| goods.quantity > Quantity(0)) else {
            return Vec::new();
        };
        self.set_holding(goods, after);
        postings(goods, Position::Pledged, to)
    }

    fn set_holding(&mut self, goods: Goods, after: Holding) {
        self.touch(RecordKey::Balances(goods.account));
        if let Some(holder) = self.balances_mut(goods.account) {
            holder.set_holding(goods.instrument, after);
        }
    }
}

/// A holding after tonnes went from one position to another; none when there
/// are too few.
fn moved(held: Holding, from: Position, to: Position, quantity: Quantity) -> Option<Holding> {
    let mut after = held;
    let less = after.position_mut(from);
    *less = less.checked_sub(quantity).filter(|left| left.0 >= 0)?;
    let more = after.position_mut(to);
    *more = more.checked_add(quantity)?;
    Some(after)
}

fn postings(goods: Goods, from: Position, to: Position) -> Vec<Posting> {
    let Goods { account, instrument, quantity } = goods;
    let less = Quantity(quantity.0.saturating_neg());
    vec![
        Posting::Goods { account, instrument, position: from, quantity: less },
        Posting::Goods { account, instrument, position: to, quantity },
    ]
}

impl Holding {
    /// What lies in a free position.
    pub(crate) fn free(&self, position: FreePosition) -> Quantity {
        match position {
            FreePosition::Registered => self.registered,
            FreePosition::Trading => self.trading,
        }
    }

    /// One of its parts.
    pub(crate) fn position_mut(&mut self, position: Position) -> &mut Quantity {
        match position {
            Position::Registered => &mut self.registered,
            Position::Trading => &mut self.trading,
            Position::PendingIn => &mut self.pending_in,
            Position::Pledged => &mut self.pledged,
            Position::Frozen => &mut self.frozen,
            Position::PendingOut => &mut self.pending_out,
        }
    }
}

impl From<FreePosition> for Position {
    fn from(position: FreePosition) -> Self {
        match position {
            FreePosition::Registered => Self::Registered,
            FreePosition::Trading => Self::Trading,
        }
    }
}

pub(crate) fn short_of(
    account: AccountId,
    instrument: InstrumentCode,
    available: Quantity,
    asked: Quantity,
) -> Rejection {
    Rejection::new(
        Reason::InsufficientHolding,
        "quantity_tco2e",
        format!(
            "account {} has {} t of {instrument} in that position, {} t were asked",
            account.0, available.0, asked.0
        ),
    )
}
