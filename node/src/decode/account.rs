//! Accounts and their free positions.

use registry_ledger::{Command, Rejection, uscc};
use registry_proto::registry::{MoveHoldingRequest, OpenAccountRequest};

use super::fields;

pub(super) fn open_account(message: &OpenAccountRequest) -> Result<Command, Rejection> {
    uscc::check(&message.uscc)?;
    Ok(Command::OpenAccount {
        uscc: message.uscc.clone(),
        name: fields::text(&message.name, "name", fields::LINE_BYTES)?,
        kind: fields::account_kind(message.kind, "kind")?,
    })
}

pub(super) fn move_holding(message: &MoveHoldingRequest) -> Result<Command, Rejection> {
    Ok(Command::MoveHolding {
        account: fields::account(message.account_id, "account_id")?,
        instrument: fields::instrument(&message.instrument, "instrument")?,
        from: fields::position(message.from, "from")?,
        quantity: fields::quantity(message.quantity_tco2e, "quantity_tco2e")?,
    })
}
