//! Accounts and their free positions.

use registry_ledger::{
    Command, OPENING_ACCOUNTS_LIMIT, OpeningBooks, OpeningHolding, Quantity, Rejection, amount,
    uscc,
};
use registry_proto::registry::{
    self as proto, BookLoading, MoveHoldingRequest, OpenAccountRequest,
};

use super::fields;

pub(super) fn open_account(message: &OpenAccountRequest) -> Result<Command, Rejection> {
    uscc::check(&message.uscc)?;
    Ok(Command::OpenAccount {
        uscc: message.uscc.clone(),
        name: fields::text(&message.name, "name", fields::LINE_BYTES)?,
        kind: fields::account_kind(message.kind, "kind")?,
    })
}

pub(super) fn book_loading(message: &BookLoading) -> Result<Command, Rejection> {
    const ACCOUNTS: &str = "accounts";
    let document = fields::text(&message.document, "document", fields::LINE_BYTES)?;
    let count = message.accounts.len();
    if count == 0 {
        return fields::missing(ACCOUNTS);
    }
    if count > OPENING_ACCOUNTS_LIMIT {
        return fields::too_long(ACCOUNTS, count, OPENING_ACCOUNTS_LIMIT, "accounts");
    }
    let mut books = Vec::with_capacity(count);
    for (i, message) in message.accounts.iter().enumerate() {
        let inside = |refused| fields::inside(&format!("{ACCOUNTS}[{i}]"), refused);
        books.push(opening_books(message).map_err(inside)?);
    }
    Ok(Command::LoadAccounts { books, document })
}

fn opening_books(message: &proto::OpeningBooks) -> Result<OpeningBooks, Rejection> {
    uscc::check(&message.uscc)?;
    let mut holdings = Vec::with_capacity(message.holdings.len());
    for (i, held) in message.holdings.iter().enumerate() {
        let inside = |refused| fields::inside(&format!("holdings[{i}]"), refused);
        holdings.push(OpeningHolding {
            instrument: fields::instrument(&held.instrument, "instrument").map_err(inside)?,
            registered: Quantity(held.registered_tco2e),
            trading: Quantity(held.trading_tco2e),
        });
    }
    let mut cash = Vec::with_capacity(message.cash.len());
    for (i, money) in message.cash.iter().enumerate() {
        let inside = |refused| fields::inside(&format!("cash[{i}]"), refused);
        let bank = fields::bank(money.bank_id, "bank_id").map_err(inside)?;
        let amount = amount::parse_yuan(&money.amount_yuan, "amount_yuan").map_err(inside)?;
        cash.push((bank, amount));
    }
    Ok(OpeningBooks {
        uscc: message.uscc.clone(),
        name: fields::text(&message.name, "name", fields::LINE_BYTES)?,
        kind: fields::account_kind(message.kind, "kind")?,
        holdings,
        cash,
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
