//! Instruments and their issuance. The vintage is part of the instrument.

use crate::account::{overflow, positive_quantity};
use crate::amount::format_price;
use crate::codec::{Problem, Reader, Writer};
use crate::journal::{GoodsPot, Position, Posting, What};
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::{FORMAT, RecordKey};
use crate::rejection::{Reason, Rejection};
use crate::settlement::price::PriceLine;
use crate::text;
use crate::types::{AccountId, Date, DayState, InstrumentCode, Price, Quantity};

/// One instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instrument {
    /// Ever created.
    pub(crate) issued: Quantity,
    /// In all positions of all accounts.
    pub(crate) held: Quantity,
    /// Base of the next day's price limits.
    pub(crate) last_close: Price,
    /// `None` while the last close is the reference price of the registration.
    pub(crate) last_close_date: Option<Date>,
}

impl Ledger {
    /// The instrument, or a rejection that names the field.
    pub(crate) fn known_instrument(
        &self,
        instrument: InstrumentCode,
        field: &str,
    ) -> Result<&Instrument, Rejection> {
        self.instruments.get(&instrument).ok_or_else(|| {
            Rejection::new(
                Reason::WrongInstrument,
                field,
                format!("{instrument} is not registered"),
            )
        })
    }

    pub(crate) fn register_instrument(
        &mut self,
        instrument: InstrumentCode,
        reference_price: Price,
    ) -> Result<Receipt, Rejection> {
        if reference_price.0 <= 0 {
            return Err(Rejection::new(
                Reason::NotPositive,
                "reference_price_yuan",
                format!(
                    "reference_price_yuan is {}, it must be at least 0.01",
                    format_price(reference_price)
                ),
            ));
        }
        if self.instruments.contains_key(&instrument) {
            return Err(Rejection::new(
                Reason::InstrumentExists,
                "instrument",
                format!("{instrument} is registered already"),
            ));
        }

        self.touch(RecordKey::Instrument(instrument));
        self.instruments.insert(
            instrument,
            Instrument {
                issued: Quantity(0),
                held: Quantity(0),
                last_close: reference_price,
                last_close_date: None,
            },
        );
        // A day that is open already takes trades of the new instrument too.
        let open = self.days.last_key_value().filter(|(_, day)| {
            day.state == DayState::Open || day.suspended_from == Some(DayState::Open)
        });
        if let Some((&date, _)) = open {
            self.touch(RecordKey::Price(date, instrument));
            if let Some(day) = self.days.get_mut(&date) {
                day.prices.insert(instrument, PriceLine::new(reference_price));
            }
        }
        self.record(What::InstrumentRegistered { instrument, reference_price }, Vec::new());
        Ok(Receipt::Done)
    }

    /// Says until when an instrument can meet obligations.
    pub(crate) fn set_usable_until(
        &mut self,
        instrument: InstrumentCode,
        usable_until: Option<Date>,
    ) -> Result<Receipt, Rejection> {
        self.known_instrument(instrument, "instrument")?;

        self.touch(RecordKey::UsableUntil(instrument));
        match usable_until {
            Some(date) => self.usable_until.insert(instrument, date),
            None => self.usable_until.remove(&instrument),
        };
        self.record(What::UsableUntilSet { instrument, usable_until }, Vec::new());
        Ok(Receipt::Done)
    }

    /// Absent when that is open.
    pub(crate) fn write_usable_until(
        &self,
        instrument: InstrumentCode,
        writer: &mut Writer,
    ) -> Option<()> {
        let date = self.usable_until.get(&instrument)?;
        writer.u8(FORMAT);
        writer.date(*date);
        Some(())
    }

    pub(crate) fn load_usable_until(
        &mut self,
        instrument: InstrumentCode,
        value: &[u8],
    ) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let date = reader.date()?;
        reader.finish()?;
        self.usable_until.insert(instrument, date);
        Ok(())
    }

    pub(crate) fn issue(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        quantity: Quantity,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        const FIELD: &str = "quantity_tco2e";
        let mut holding = self.known_balances(account, "account_id")?.holding(instrument);
        let mut known = *self.known_instrument(instrument, "instrument")?;
        positive_quantity(quantity, FIELD)?;
        text::check_line(document, "document")?;
        known.issued = known.issued.checked_add(quantity).ok_or_else(|| overflow(FIELD))?;
        known.held = known.held.checked_add(quantity).ok_or_else(|| overflow(FIELD))?;
        holding.registered =
            holding.registered.checked_add(quantity).ok_or_else(|| overflow(FIELD))?;

        self.touch(RecordKey::Instrument(instrument));
        self.touch(RecordKey::Balances(account));
        self.instruments.insert(instrument, known);
        if let Some(holder) = self.balances_mut(account) {
            holder.set_holding(instrument, holding);
        }
        let position = Position::Registered;
        self.record(
            What::Issued { document: document.to_owned() },
            vec![
                Posting::Goods { account, instrument, position, quantity },
                from_issuance(instrument, quantity),
            ],
        );
        Ok(Receipt::Holding(instrument, holding))
    }
}

/// The other side of units that an issuance creates.
pub(crate) fn from_issuance(instrument: InstrumentCode, quantity: Quantity) -> Posting {
    let quantity = Quantity(quantity.0.saturating_neg());
    Posting::GoodsPot { instrument, pot: GoodsPot::Issued, quantity }
}
