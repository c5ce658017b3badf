//! Accounts, banks, instruments and what comes in from outside the market.

use registry_ledger::{
    AccountId, AccountKind, BankId, Date, DayState, Fen, FreePosition, InstrumentCode, Price,
    Quantity, Reason, Receipt,
};

use super::positions::Position;
use super::{Account, Bank, Model, Outcome, Refused, check_text, refuse};

/// GB 32100: digits and letters without I, O, S, V, Z.
pub(super) const USCC_ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// The last character that the first seventeen demand: the weights are the
/// powers of 3 modulo 31, and the weighted sum must come to 0 modulo 31.
pub(super) fn uscc_check_character(first_17: &str) -> Option<char> {
    let mut weight = 1;
    let mut sum = 0;
    for character in first_17.chars() {
        sum += USCC_ALPHABET.find(character)? * weight;
        weight = weight * 3 % 31;
    }
    USCC_ALPHABET.chars().nth((31 - sum % 31) % 31)
}

impl Model {
    pub(super) fn open_account(&mut self, uscc: &str, name: &str, kind: AccountKind) -> Outcome {
        let length = uscc.chars().count();
        if length == 0 {
            return refuse(Reason::FieldMissing, "uscc");
        }
        if length < 18 {
            return refuse(Reason::OutOfRange, "uscc");
        }
        if length > 18 {
            return refuse(Reason::TooLong, "uscc");
        }
        if uscc.chars().any(|c| !USCC_ALPHABET.contains(c)) {
            return refuse(Reason::BadCharacter, "uscc");
        }
        let (first_17, last) = uscc.split_at(17);
        if uscc_check_character(first_17).map(String::from).as_deref() != Some(last) {
            return refuse(Reason::CheckCharacter, "uscc");
        }
        check_text(name, 200, "name")?;
        if self.accounts.iter().any(|account| account.uscc == uscc) {
            return refuse(Reason::AccountExists, "uscc");
        }
        self.accounts.push(Account { uscc: uscc.to_owned(), name: name.to_owned(), kind });
        Ok(Receipt::AccountOpened(self.last_account()))
    }

    /// Accounts are numbered from 1 without gaps.
    pub(super) fn last_account(&self) -> AccountId {
        AccountId(u32::try_from(self.accounts.len()).expect("few accounts"))
    }

    pub(super) fn has_account(&self, account: AccountId) -> bool {
        account.0 > 0 && account <= self.last_account()
    }

    pub(super) fn move_holding(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        from: FreePosition,
        quantity: Quantity,
    ) -> Outcome {
        self.check_account_and_instrument(account, instrument)?;
        check_positive(quantity.0, "quantity_tco2e")?;
        let (from, to) = match from {
            FreePosition::Registered => (Position::Registered, Position::Trading),
            FreePosition::Trading => (Position::Trading, Position::Registered),
        };
        let tonnes = i128::from(quantity.0);
        if self.positions.goods(account, instrument, from) < tonnes {
            return refuse(Reason::InsufficientHolding, "quantity_tco2e");
        }
        self.positions.post_goods(account, instrument, from, -tonnes);
        self.positions.post_goods(account, instrument, to, tonnes);
        Ok(Receipt::Holding(instrument, self.positions.holding(account, instrument)))
    }

    pub(super) fn open_bank(&mut self, bank: BankId, name: &str) -> Outcome {
        if !(100..=999).contains(&bank.0) {
            return refuse(Reason::OutOfRange, "bank_id");
        }
        check_text(name, 200, "name")?;
        if self.banks.contains_key(&bank) {
            return refuse(Reason::BankExists, "bank_id");
        }
        let name = name.to_owned();
        self.banks.insert(bank, Bank { name, deposits: Vec::new(), interbank: Vec::new() });
        Ok(Receipt::Done)
    }

    pub(super) fn deposit(&mut self, account: AccountId, bank: BankId, amount: Fen) -> Outcome {
        if !self.has_account(account) {
            return refuse(Reason::UnknownAccount, "account_id");
        }
        if !self.banks.contains_key(&bank) {
            return refuse(Reason::UnknownBank, "bank_id");
        }
        check_positive(amount.0, "amount_yuan")?;
        // All money of the market has to fit: then no balance can overflow later.
        let deposited: i128 =
            self.banks.values().flat_map(|b| &b.deposits).map(|fen| i128::from(fen.0)).sum();
        if deposited + i128::from(amount.0) > i128::from(i64::MAX) {
            return refuse(Reason::OutOfRange, "amount_yuan");
        }
        self.banks.get_mut(&bank).expect("checked above").deposits.push(amount);
        self.positions.post_cash(account, bank, i128::from(amount.0));
        Ok(Receipt::Cash(bank, self.positions.cash_balance(account, bank)))
    }

    pub(super) fn register_instrument(
        &mut self,
        instrument: InstrumentCode,
        reference_price: Price,
    ) -> Outcome {
        check_positive(reference_price.0, "reference_price_yuan")?;
        if self.instruments.contains_key(&instrument) {
            return refuse(Reason::InstrumentExists, "instrument");
        }
        self.instruments.insert(instrument, reference_price);
        for day in self.days.values_mut() {
            if day.state == DayState::Open || day.suspended_from == Some(DayState::Open) {
                day.instruments.insert(instrument);
            }
        }
        Ok(Receipt::Done)
    }

    pub(super) fn issue(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        quantity: Quantity,
        document: &str,
    ) -> Outcome {
        self.check_account_and_instrument(account, instrument)?;
        check_positive(quantity.0, "quantity_tco2e")?;
        check_text(document, 200, "document")?;
        let tonnes = i128::from(quantity.0);
        // Trades only move units about, so what is held is what was issued.
        if self.positions.held(instrument) + tonnes > i128::from(i64::MAX) {
            return refuse(Reason::OutOfRange, "quantity_tco2e");
        }
        self.positions.post_goods(account, instrument, Position::Registered, tonnes);
        self.issues.push((instrument, tonnes));
        Ok(Receipt::Holding(instrument, self.positions.holding(account, instrument)))
    }

    pub(super) fn set_holidays(&mut self, dates: &[Date]) -> Outcome {
        if dates.len() > 400 {
            return refuse(Reason::TooLong, "dates");
        }
        self.holidays = dates.to_vec();
        Ok(Receipt::Done)
    }

    fn check_account_and_instrument(
        &self,
        account: AccountId,
        instrument: InstrumentCode,
    ) -> Result<(), Refused> {
        if !self.has_account(account) {
            return refuse(Reason::UnknownAccount, "account_id");
        }
        if !self.instruments.contains_key(&instrument) {
            return refuse(Reason::WrongInstrument, "instrument");
        }
        Ok(())
    }
}

fn check_positive(number: i64, field: &str) -> Result<(), Refused> {
    if number > 0 { Ok(()) } else { refuse(Reason::NotPositive, field) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_credit_codes_have_their_check_character() {
        // Published by their holders; the first is the standard's own example.
        for code in ["91350100M000100Y43", "9144030071526726XG", "91330100799655058B"] {
            let (first_17, last) = code.split_at(17);
            assert_eq!(
                uscc_check_character(first_17).map(String::from).as_deref(),
                Some(last),
                "{code}"
            );
        }
    }
}
