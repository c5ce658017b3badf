//! Instruments and their issuance.

use registry_ledger::{Command, InstrumentCode, Reason, Rejection, amount};
use registry_proto::registry::{Issuance, RegisterInstrumentRequest};

use super::fields;

pub(super) fn register(message: &RegisterInstrumentRequest) -> Result<Command, Rejection> {
    const INSTRUMENT: &str = "instrument";
    const PRICE: &str = "reference_price_yuan";
    if message.instrument.is_empty() {
        return fields::missing(INSTRUMENT);
    }
    // Not "no such instrument": this request would make it.
    let instrument = InstrumentCode::parse(&message.instrument).ok_or_else(|| {
        let message = "instrument must be CEA- and a vintage year of 2019 to 2099, or CCER";
        Rejection::new(Reason::Malformed, INSTRUMENT, message)
    })?;
    let reference_price = amount::parse_price(&message.reference_price_yuan, PRICE)?;
    if reference_price.0 <= 0 {
        return fields::not_positive(PRICE, reference_price.0);
    }
    Ok(Command::RegisterInstrument { instrument, reference_price })
}

pub(super) fn issuance(message: &Issuance) -> Result<Command, Rejection> {
    Ok(Command::Issue {
        account: fields::account(message.account_id, "account_id")?,
        instrument: fields::instrument(&message.instrument, "instrument")?,
        quantity: fields::quantity(message.quantity_tco2e, "quantity_tco2e")?,
        document: fields::text(&message.document, "document", fields::LINE_BYTES)?,
    })
}
