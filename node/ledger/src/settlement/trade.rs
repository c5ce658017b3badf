//! What makes a trade valid, however it came in.

use crate::account::overflow;
use crate::amount::format_price;
use crate::calendar::{beijing_day_number, day_number};
use crate::ledger::Ledger;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::Day;
use crate::settlement::price::{BLOCK_FROM, PriceLine, limits};
use crate::types::{InstrumentCode, Price, Trade, TradeKind};

/// Where in a request a trade stands, to name the field at fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// In a chunk, from 0.
    Chunk(usize),
    /// Alone.
    Immediate,
    /// As the replacement of a disputed trade.
    Replacement,
}

impl Place {
    pub(crate) fn field(self, name: &str) -> String {
        match self {
            Self::Chunk(index) => format!("chunk.trades[{index}].{name}"),
            Self::Immediate => format!("trade.{name}"),
            Self::Replacement => format!("replacement.{name}"),
        }
    }
}

/// Refuses number 0 and, against a trade of the same number, any second use.
pub(crate) fn check_number(
    trade: &Trade,
    earlier: Option<&Trade>,
    place: Place,
) -> Result<(), Rejection> {
    const NAME: &str = "trade_number";
    let number = trade.number.0;
    if number == 0 {
        return Err(Rejection::new(
            Reason::NotPositive,
            place.field(NAME),
            "trade_number is 0, numbers begin at 1",
        ));
    }
    match earlier {
        None => Ok(()),
        Some(earlier) if earlier == trade => Err(Rejection::new(
            Reason::TradeDuplicate,
            place.field(NAME),
            format!("trade {number} was received already with the same content"),
        )),
        Some(_) => Err(Rejection::new(
            Reason::TradeConflict,
            place.field(NAME),
            format!("trade {number} was received already with other content"),
        )),
    }
}

/// Checks the trades of one day, everything but their numbers.
pub(crate) struct TradeCheck<'a> {
    ledger: &'a Ledger,
    day: &'a Day,
    day_number: i64,
    /// Of the last trade's instrument: trades of one instrument come together.
    terms: Option<Terms<'a>>,
}

/// What trades of one instrument must keep to.
#[derive(Clone, Copy)]
struct Terms<'a> {
    instrument: InstrumentCode,
    line: &'a PriceLine,
    listed: Option<(Price, Price)>,
    block: Option<(Price, Price)>,
}

impl<'a> TradeCheck<'a> {
    pub(crate) fn new(ledger: &'a Ledger, day: &'a Day) -> Self {
        Self { ledger, day, day_number: day_number(day.date), terms: None }
    }

    fn terms(&mut self, instrument: InstrumentCode) -> Option<Terms<'a>> {
        if let Some(terms) = self.terms.filter(|terms| terms.instrument == instrument) {
            return Some(terms);
        }
        let line = self.day.prices.get(&instrument)?;
        let terms = Terms {
            instrument,
            line,
            listed: limits(TradeKind::Listed, line.previous_close),
            block: limits(TradeKind::Block, line.previous_close),
        };
        self.terms = Some(terms);
        Some(terms)
    }

    pub(crate) fn trade(&mut self, trade: &Trade, place: Place) -> Result<(), Rejection> {
        let (ledger, day) = (self.ledger, self.day);
        let refuse = |reason, name: &str, message: String| {
            Err(Rejection::new(reason, place.field(name), message))
        };
        let Some(terms) = self.terms(trade.instrument) else {
            return refuse(
                Reason::WrongInstrument,
                "instrument",
                format!("{} is not traded on {}", trade.instrument, day.date),
            );
        };
        for (id, name) in [(trade.buyer, "buyer_account"), (trade.seller, "seller_account")] {
            if ledger.balances_at(id).is_none() {
                return refuse(Reason::UnknownAccount, name, format!("no account {}", id.0));
            }
        }
        for (id, name) in [(trade.buyer_bank, "buyer_bank"), (trade.seller_bank, "seller_bank")] {
            if ledger.banks.get(id).is_none() {
                return refuse(Reason::UnknownBank, name, format!("no settlement bank {}", id.0));
            }
        }
        if trade.buyer == trade.seller {
            return refuse(
                Reason::SelfTrade,
                "seller_account",
                format!("account {} is buyer and seller", trade.seller.0),
            );
        }
        let quantity = trade.quantity;
        if quantity.0 <= 0 {
            return refuse(
                Reason::NotPositive,
                "quantity_tco2e",
                format!("quantity is {} t, it must be at least 1 t", quantity.0),
            );
        }
        if trade.price.0 <= 0 {
            return refuse(
                Reason::NotPositive,
                "price_yuan",
                format!("price is {}, it must be at least 0.01", format_price(trade.price)),
            );
        }
        let (kind, size_fits, limits) = match trade.kind {
            TradeKind::Listed => ("listed", quantity < BLOCK_FROM, terms.listed),
            TradeKind::Block => ("block", quantity >= BLOCK_FROM, terms.block),
        };
        if !size_fits {
            return refuse(
                Reason::TradeSize,
                "quantity_tco2e",
                format!(
                    "{} t in a {kind} trade; listed trades are below {} t, block trades are not",
                    quantity.0, BLOCK_FROM.0
                ),
            );
        }
        if trade.amount().is_none() {
            return Err(overflow(&place.field("quantity_tco2e")));
        }
        match limits {
            Some((low, high)) if (low..=high).contains(&trade.price) => {}
            Some((low, high)) => {
                return refuse(
                    Reason::PriceLimit,
                    "price_yuan",
                    format!(
                        "price {} is outside {} to {}, the {kind} limits of {} on {} (previous close {})",
                        format_price(trade.price),
                        format_price(low),
                        format_price(high),
                        trade.instrument,
                        day.date,
                        format_price(terms.line.previous_close)
                    ),
                );
            }
            None => return Err(overflow(&place.field("price_yuan"))),
        }
        if beijing_day_number(trade.traded_at) != self.day_number {
            return refuse(
                Reason::TradeTime,
                "traded_at_ms",
                format!("traded_at_ms {} is not on {} in Beijing", trade.traded_at.0, day.date),
            );
        }
        Ok(())
    }
}
