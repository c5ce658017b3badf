//! What a trade that settles does to one of its parties.

use crate::journal::{CashPosition, Position, Posting};
use crate::types::{AccountId, Fen, Quantity, Trade};

/// The account's own postings of a trade; none for who has no part in it.
pub(super) fn legs(trade: &Trade, account: AccountId) -> Vec<Posting> {
    let instrument = trade.instrument;
    // Checked when the trade was accepted.
    let amount = trade.amount().unwrap_or_default();
    let less = |number: i64| number.saturating_neg();
    let mut legs = Vec::with_capacity(2);
    if trade.seller == account {
        let (position, quantity) = (Position::Trading, Quantity(less(trade.quantity.0)));
        legs.push(Posting::Goods { account, instrument, position, quantity });
        let (bank, position) = (trade.seller_bank, CashPosition::Available);
        legs.push(Posting::Cash { account, bank, position, amount });
    }
    if trade.buyer == account {
        let (position, quantity) = (Position::PendingIn, trade.quantity);
        legs.push(Posting::Goods { account, instrument, position, quantity });
        let (bank, position) = (trade.buyer_bank, CashPosition::Available);
        legs.push(Posting::Cash { account, bank, position, amount: Fen(less(amount.0)) });
    }
    legs
}

/// Those of an event's postings that are the account's.
pub(super) fn own(postings: Vec<Posting>, account: AccountId) -> Vec<Posting> {
    let mut postings = postings;
    postings.retain(|posting| match posting {
        Posting::Goods { account: of, .. } | Posting::Cash { account: of, .. } => *of == account,
        Posting::GoodsPot { .. } | Posting::CashPot { .. } => false,
    });
    postings
}
