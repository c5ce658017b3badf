//! Settlement banks and the money at them.

use registry_ledger::{BankId, Command, Reason, Rejection, amount};
use registry_proto::registry::{DepositRequest, OpenBankRequest};

use super::fields;

pub(super) fn open_bank(message: &OpenBankRequest) -> Result<Command, Rejection> {
    const FIELD: &str = "bank_id";
    if message.bank_id == 0 {
        return fields::missing(FIELD);
    }
    let bank = u16::try_from(message.bank_id)
        .ok()
        .filter(|id| (100..=999).contains(id))
        .map(BankId)
        .ok_or_else(|| {
            let message = format!("bank_id = {}: category codes are 100 to 999", message.bank_id);
            Rejection::new(Reason::OutOfRange, FIELD, message)
        })?;
    Ok(Command::OpenBank { bank, name: fields::text(&message.name, "name", fields::LINE_BYTES)? })
}

pub(super) fn deposit(message: &DepositRequest) -> Result<Command, Rejection> {
    const AMOUNT: &str = "amount_yuan";
    let amount = amount::parse_yuan(&message.amount_yuan, AMOUNT)?;
    if amount.0 <= 0 {
        return fields::not_positive(AMOUNT, amount.0);
    }
    Ok(Command::Deposit {
        account: fields::account(message.account_id, "account_id")?,
        bank: fields::bank(message.bank_id, "bank_id")?,
        amount,
    })
}
