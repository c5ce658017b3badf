//! Accounts, holdings, money and banks.

use std::fmt::Display;

use registry_client::proto::{Account, Bank, CashBalance, Holding, Instrument};
use serde_json::{Value, json};

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
    let held = line.holdings.iter().map(|held| (held.instrument.clone(), held.total_tco2e));
    let (holdings, holdings_words) = pairs("instrument", "total_tco2e", held);
    let money = line.cash.iter().map(|money| (money.bank_id, &money.available_yuan));
    let (cash, cash_words) = pairs("bank_id", "available_yuan", money);
    account(line).with_words("holdings_tco2e", holdings, holdings_words).with_words(
        "cash_yuan",
        cash,
        cash_words,
    )
}

/// A list of objects for programs, and of `key:value` for people.
pub(crate) fn pairs<K: Clone + Display + Into<Value>, V: Display>(
    key: &str,
    value: &str,
    of: impl Iterator<Item = (K, V)>,
) -> (Value, String) {
    let (mut objects, mut words) = (Vec::new(), Vec::new());
    for (name, amount) in of {
        words.push(format!("{name}:{amount}"));
        let name: Value = name.into();
        objects.push(json!({ key: name, value: amount.to_string() }));
    }
    (Value::Array(objects), words.join(" "))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_objects_and_people_a_line() {
        let cash =
            CashBalance { bank_id: 102, available_yuan: "7.00".to_owned(), ..Default::default() };
        let held =
            Holding { instrument: "CEA-2020".to_owned(), total_tco2e: 558, ..Default::default() };
        let account = Account { holdings: vec![held], cash: vec![cash], ..Default::default() };
        let told = account_line(&account).into_json();
        let holdings = json!([{ "instrument": "CEA-2020", "total_tco2e": "558" }]);
        assert_eq!(told["holdings_tco2e"], holdings);
        assert_eq!(told["cash_yuan"], json!([{ "bank_id": 102, "available_yuan": "7.00" }]));
    }
}
