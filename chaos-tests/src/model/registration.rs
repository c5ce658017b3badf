//! Accounts, banks, instruments and what comes in from outside the market.

use registry_ledger::{
    AccountId, AccountKind, BankId, Date, DayState, Fen, FreePosition, InstrumentCode,
    OpeningBooks, OpeningHolding, Price, Quantity, Reason, Receipt,
};

use super::planted::Planted;
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

    /// Each account as if opened, issued to and paid in to by itself; one
    /// refusal undoes all.
    pub(super) fn load_accounts(&mut self, books: &[OpeningBooks], document: &str) -> Outcome {
        check_text(document, 200, "document")?;
        if books.is_empty() {
            return refuse(Reason::FieldMissing, "accounts");
        }
        if books.len() > 8_192 {
            return refuse(Reason::TooLong, "accounts");
        }
        let before = self.clone();
        let first = AccountId(self.last_account().0 + 1);
        for index in 0..books.len() {
            if let Err((reason, field)) = self.load_account(&books[..=index]) {
                if !self.plants(Planted::RefusedBooksKeptInPart) {
                    *self = before;
                }
                return refuse(reason, format!("accounts[{index}].{field}"));
            }
        }
        // With what was issued and deposited before.
        let goods = self.instruments.keys().map(|code| self.issued(*code));
        if goods.chain([self.deposited()]).any(|sum| sum > i128::from(i64::MAX)) {
            *self = before;
            return refuse(Reason::OutOfRange, "accounts");
        }
        let count = u32::try_from(books.len()).expect("few accounts");
        Ok(Receipt::AccountsOpened { first, count })
    }

    /// Loads the last of some books; what they add up to has to fit as well.
    fn load_account(&mut self, loaded: &[OpeningBooks]) -> Result<(), Refused> {
        let (books, before) = loaded.split_last().expect("at least one account");
        self.open_account(&books.uscc, &books.name, books.kind)?;
        let account = self.last_account();
        for (index, held) in books.holdings.iter().enumerate() {
            let at = |field: &str| format!("holdings[{index}].{field}");
            let earlier = &books.holdings[..index];
            self.check_account_and_instrument(account, held.instrument)
                .map_err(|(reason, field)| (reason, at(&field)))?;
            if earlier.iter().any(|other| other.instrument == held.instrument) {
                return refuse(Reason::Malformed, at("instrument"));
            }
            if held.registered.0 < 0 {
                return refuse(Reason::NotPositive, at("registered_tco2e"));
            }
            if held.trading.0 < 0 {
                return refuse(Reason::NotPositive, at("trading_tco2e"));
            }
            let total = tonnes(held);
            if total == 0 {
                return refuse(Reason::NotPositive, at("registered_tco2e"));
            }
            let same = before.iter().flat_map(|books| &books.holdings).chain([held]);
            let same = same.filter(|other| other.instrument == held.instrument);
            if same.map(tonnes).sum::<i128>() > i128::from(i64::MAX) {
                return refuse(Reason::OutOfRange, at("registered_tco2e"));
            }
            for (position, part) in
                [(Position::Registered, held.registered), (Position::Trading, held.trading)]
            {
                self.positions.post_goods(account, held.instrument, position, i128::from(part.0));
            }
            self.issues.push((held.instrument, total));
        }
        for (index, (bank, amount)) in books.cash.iter().enumerate() {
            let at = |field: &str| format!("cash[{index}].{field}");
            if !self.banks.contains_key(bank) {
                return refuse(Reason::UnknownBank, at("bank_id"));
            }
            if books.cash[..index].iter().any(|(other, _)| other == bank) {
                return refuse(Reason::Malformed, at("bank_id"));
            }
            check_positive(amount.0, &at("amount_yuan"))?;
            let same =
                before.iter().flat_map(|books| &books.cash).filter(|(other, _)| other == bank);
            let same: i128 = same.map(|(_, amount)| i128::from(amount.0)).sum();
            if same + i128::from(amount.0) > i128::from(i64::MAX) {
                return refuse(Reason::OutOfRange, at("amount_yuan"));
            }
            self.credit(account, *bank, *amount);
        }
        Ok(())
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
        self.refuse_frozen(account, "account_id")?;
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
        if self.deposited() + i128::from(amount.0) > i128::from(i64::MAX) {
            return refuse(Reason::OutOfRange, "amount_yuan");
        }
        self.credit(account, bank, amount);
        Ok(Receipt::Cash(bank, self.cash_balance(account, bank)))
    }

    fn credit(&mut self, account: AccountId, bank: BankId, amount: Fen) {
        self.banks.get_mut(&bank).expect("a known bank").deposits.push(amount);
        self.positions.post_cash(account, bank, i128::from(amount.0));
    }

    pub(super) fn deposited(&self) -> i128 {
        self.banks.values().flat_map(|b| &b.deposits).map(|fen| i128::from(fen.0)).sum()
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
        // What went for good counts as well.
        if self.issued(instrument) + tonnes > i128::from(i64::MAX) {
            return refuse(Reason::OutOfRange, "quantity_tco2e");
        }
        self.positions.post_goods(account, instrument, Position::Registered, tonnes);
        self.issues.push((instrument, tonnes));
        Ok(Receipt::Holding(instrument, self.positions.holding(account, instrument)))
    }

    /// All that was ever created of an instrument.
    pub(super) fn issued(&self, instrument: InstrumentCode) -> i128 {
        let issues = self.issues.iter().filter(|(of, _)| *of == instrument);
        issues.map(|(_, tonnes)| tonnes).sum()
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

fn tonnes(held: &OpeningHolding) -> i128 {
    i128::from(held.registered.0) + i128::from(held.trading.0)
}

pub(super) fn check_positive(number: i64, field: &str) -> Result<(), Refused> {
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
