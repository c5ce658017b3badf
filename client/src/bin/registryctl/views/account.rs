//! Accounts, holdings, money and banks.

use registry_client::proto::{Account, Bank, CashBalance, Holding, Instrument};
use serde_json::Value;

use super::word;
use crate::output::Record;

pub(crate) fn account(account: &Account) -> Record {
    Record::default()
        .with("account_id", account.account_id)
        .with("uscc", account.uscc.as_str())
        .with("name", account.name.as_str())
        .with("kind", word(account.kind().as_str_name(), "ACCOUNT_KIND_"))
}

/// For lists: what the account holds in one line.
pub(crate) fn account_line(line: &Account) -> Record {
    let holdings = line
        .holdings
        .iter()
        .map(|holding| Value::from(format!("{}:{}", holding.instrument, holding.total_tco2e)));
    let cash = line
        .cash
        .iter()
        .map(|balance| Value::from(format!("{}:{}", balance.bank_id, balance.available_yuan)));
    account(line)
        .with("holdings_tco2e", holdings.collect::<Vec<Value>>())
        .with("cash_yuan", cash.collect::<Vec<Value>>())
}

pub(crate) fn holding(holding: &Holding) -> Record {
    let tonnes = |quantity: i64| quantity.to_string();
    Record::default()
        .with("instrument", holding.instrument.as_str())
        .with("total_tco2e", tonnes(holding.total_tco2e))
        .with("registered_tco2e", tonnes(holding.registered_tco2e))
        .with("trading_tco2e", tonnes(holding.trading_tco2e))
        .with("pending_in_tco2e", tonnes(holding.pending_in_tco2e))
        .with("pledged_tco2e", tonnes(holding.pledged_tco2e))
        .with("frozen_tco2e", tonnes(holding.frozen_tco2e))
        .with("pending_out_tco2e", tonnes(holding.pending_out_tco2e))
}

pub(crate) fn cash(balance: &CashBalance) -> Record {
    Record::default()
        .with("bank_id", balance.bank_id)
        .with("available_yuan", balance.available_yuan.as_str())
        .with("pending_out_yuan", balance.pending_out_yuan.as_str())
}

pub(crate) fn bank(bank: &Bank) -> Record {
    Record::default()
        .with("bank_id", bank.bank_id)
        .with("name", bank.name.as_str())
        .with("balance_yuan", bank.balance_yuan.as_str())
        .with("deposited_yuan", bank.deposited_yuan.as_str())
        .with("interbank_yuan", bank.interbank_yuan.as_str())
        .with("withdrawn_yuan", bank.withdrawn_yuan.as_str())
        .with("proceeds_yuan", bank.proceeds_yuan.as_str())
}

pub(crate) fn instrument(instrument: &Instrument) -> Record {
    Record::default()
        .with("instrument", instrument.instrument.as_str())
        .with("issued_tco2e", instrument.issued_tco2e.to_string())
        .with("held_tco2e", instrument.held_tco2e.to_string())
        .with("surrendered_tco2e", instrument.surrendered_tco2e.to_string())
        .with("cancelled_tco2e", instrument.cancelled_tco2e.to_string())
        .with("carried_out_tco2e", instrument.carried_out_tco2e.to_string())
        .with("recalled_tco2e", instrument.recalled_tco2e.to_string())
        .with("last_close_yuan", instrument.last_close_yuan.as_str())
        .with("last_close_date", instrument.last_close_date.as_str())
        .with("usable_until_date", instrument.usable_until_date.as_str())
}
