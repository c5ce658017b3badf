//! Settlement banks and the money at them.

use registry_ledger::{BankId, Command, Fen, Reason, Rejection, TradeNumber, amount};
use registry_proto::registry::{
    AllocateSuspenseRequest, ChargeFeeRequest, ConfirmWithdrawalRequest, DepositRequest,
    DepositToSuspenseRequest, FundReserveRequest, OpenBankRequest, RejectWithdrawalRequest,
    RepayReserveRequest, ReportBalanceRequest, RequestWithdrawalRequest, ReserveUse,
    ReturnSuspenseRequest,
};

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
    let amount = positive(&message.amount_yuan)?;
    Ok(Command::Deposit {
        account: fields::account(message.account_id, "account_id")?,
        bank: fields::bank(message.bank_id, "bank_id")?,
        amount,
    })
}

pub(super) fn withdraw(message: &RequestWithdrawalRequest) -> Result<Command, Rejection> {
    let amount = positive(&message.amount_yuan)?;
    Ok(Command::RequestWithdrawal {
        account: fields::account(message.account_id, "account_id")?,
        bank: fields::bank(message.bank_id, "bank_id")?,
        amount,
    })
}

pub(super) fn confirm(message: &ConfirmWithdrawalRequest) -> Result<Command, Rejection> {
    Ok(Command::ConfirmWithdrawal {
        bank: fields::bank(message.bank_id, "bank_id")?,
        withdrawal: fields::number(message.withdrawal_id, "withdrawal_id")?,
    })
}

pub(super) fn reject(message: &RejectWithdrawalRequest) -> Result<Command, Rejection> {
    Ok(Command::RejectWithdrawal {
        bank: fields::bank(message.bank_id, "bank_id")?,
        withdrawal: fields::number(message.withdrawal_id, "withdrawal_id")?,
        reason: fields::line(&message.reason, "reason")?,
    })
}

pub(super) fn charge_fee(message: &ChargeFeeRequest) -> Result<Command, Rejection> {
    let amount = positive(&message.amount_yuan)?;
    Ok(Command::ChargeFee {
        account: fields::account(message.account_id, "account_id")?,
        bank: fields::bank(message.bank_id, "bank_id")?,
        amount,
        document: fields::line(&message.document, "document")?,
    })
}

pub(super) fn suspend(message: &DepositToSuspenseRequest) -> Result<Command, Rejection> {
    let amount = positive(&message.amount_yuan)?;
    let bank = fields::bank(message.bank_id, "bank_id")?;
    let reference = fields::line(&message.reference, "reference")?;
    Ok(Command::DepositToSuspense { bank, amount, reference })
}

pub(super) fn allocate(message: &AllocateSuspenseRequest) -> Result<Command, Rejection> {
    let amount = positive(&message.amount_yuan)?;
    Ok(Command::AllocateSuspense {
        bank: fields::bank(message.bank_id, "bank_id")?,
        account: fields::account(message.account_id, "account_id")?,
        amount,
        document: fields::line(&message.document, "document")?,
    })
}

pub(super) fn give_back(message: &ReturnSuspenseRequest) -> Result<Command, Rejection> {
    let amount = positive(&message.amount_yuan)?;
    let bank = fields::bank(message.bank_id, "bank_id")?;
    let document = fields::line(&message.document, "document")?;
    Ok(Command::ReturnSuspense { bank, amount, document })
}

pub(super) fn fund_reserve(message: &FundReserveRequest) -> Result<Command, Rejection> {
    let amount = positive(&message.amount_yuan)?;
    let bank = fields::bank(message.bank_id, "bank_id")?;
    let document = fields::line(&message.document, "document")?;
    Ok(Command::FundReserve { bank, amount, document })
}

pub(super) fn use_reserve(message: &ReserveUse) -> Result<Command, Rejection> {
    Ok(Command::UseReserve {
        date: fields::date(&message.date, "date")?,
        number: TradeNumber(fields::number(message.trade_number, "trade_number")?),
        document: fields::line(&message.document, "document")?,
    })
}

pub(super) fn repay_reserve(message: &RepayReserveRequest) -> Result<Command, Rejection> {
    let amount = positive(&message.amount_yuan)?;
    Ok(Command::RepayReserve {
        account: fields::account(message.account_id, "account_id")?,
        bank: fields::bank(message.bank_id, "bank_id")?,
        amount,
    })
}

pub(super) fn report_balance(message: &ReportBalanceRequest) -> Result<Command, Rejection> {
    const BALANCE: &str = "balance_yuan";
    let balance = amount::parse_yuan(&message.balance_yuan, BALANCE)?;
    if balance.0 < 0 {
        let message = format!("{BALANCE} is {}: must not be less than 0", message.balance_yuan);
        return Err(Rejection::new(Reason::OutOfRange, BALANCE, message));
    }
    let bank = fields::bank(message.bank_id, "bank_id")?;
    let as_of = fields::date(&message.as_of_date, "as_of_date")?;
    Ok(Command::ReportBalance { bank, as_of, balance })
}

/// Money that moves: more than nothing.
fn positive(text: &str) -> Result<Fen, Rejection> {
    const FIELD: &str = "amount_yuan";
    let amount = amount::parse_yuan(text, FIELD)?;
    if amount.0 <= 0 {
        return fields::not_positive(FIELD, amount.0);
    }
    Ok(amount)
}
