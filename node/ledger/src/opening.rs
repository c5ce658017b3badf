//! Taking over books that were kept elsewhere: many accounts at once, each with
//! what it holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::{Account, Balances, overflow};
use crate::amount::format_yuan;
use crate::bank::from_outside;
use crate::command::{OpeningBooks, OpeningHolding};
use crate::instrument::from_issuance;
use crate::journal::{CashPosition, Position, Posting, What};
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Holding, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, BankId, Fen, InstrumentCode, Quantity};
use crate::uscc;
use sha2::{Digest as _, Sha256};

/// Accounts in one request.
pub const OPENING_ACCOUNTS_LIMIT: usize = 8_192;

/// A request's accounts, checked, with what they add up to.
#[derive(Default)]
struct Checked {
    accounts: Vec<(Account, Balances)>,
    issued: BTreeMap<InstrumentCode, Quantity>,
    deposited: BTreeMap<BankId, Fen>,
}

impl Ledger {
    /// Opens accounts with what they hold, all or none. What they hold counts
    /// as issued, and their money as deposited.
    pub(crate) fn load_accounts(
        &mut self,
        books: &[OpeningBooks],
        document: &str,
    ) -> Result<Receipt, Rejection> {
        text::check_line(document, "document")?;
        let checked = self.check_books(books)?;
        let first = self.next_account(books.len())?;
        self.check_sums(&checked)?;

        let mut postings = Vec::with_capacity(books.len().saturating_mul(3));
        let mut hasher = Sha256::new();
        for (number, (account, balances)) in (first.0..).zip(checked.accounts) {
            let id = AccountId(number);
            opening_postings(id, &balances, &mut postings);
            hasher.update(account.to_record());
            self.touch(RecordKey::Account(id));
            self.touch(RecordKey::Balances(id));
            self.add_account(id, account, balances);
        }
        for (code, issued) in checked.issued {
            postings.push(from_issuance(code, issued));
            self.touch(RecordKey::Instrument(code));
            if let Some(instrument) = self.instruments.get_mut(&code) {
                // Checked above.
                instrument.issued = instrument.issued.checked_add(issued).unwrap_or_default();
                instrument.held = instrument.held.checked_add(issued).unwrap_or_default();
            }
        }
        for (id, deposited) in checked.deposited {
            postings.push(from_outside(id, deposited));
            self.touch(RecordKey::Bank(id));
            if let Some(bank) = self.banks.get_mut(id) {
                bank.deposited = bank.deposited.checked_add(deposited).unwrap_or_default();
            }
        }
        let count = u32::try_from(books.len()).unwrap_or(u32::MAX);
        let (accounts_sha256, document) = (hasher.finalize().into(), document.to_owned());
        self.record(What::AccountsLoaded { first, count, accounts_sha256, document }, postings);
        Ok(Receipt::AccountsOpened { first, count })
    }

    fn check_books(&self, books: &[OpeningBooks]) -> Result<Checked, Rejection> {
        const FIELD: &str = "accounts";
        if books.is_empty() {
            return Err(Rejection::new(Reason::FieldMissing, FIELD, "no accounts were given"));
        }
        if books.len() > OPENING_ACCOUNTS_LIMIT {
            return Err(Rejection::new(
                Reason::TooLong,
                FIELD,
                format!("{} accounts, at most {OPENING_ACCOUNTS_LIMIT} are allowed", books.len()),
            ));
        }
        let mut checked = Checked::default();
        let mut codes = BTreeSet::new();
        for (index, books) in books.iter().enumerate() {
            let inside = |refused: Rejection| refused.inside(&format!("{FIELD}[{index}]"));
            let account = self.check_holder(books, &mut codes).map_err(inside)?;
            let balances = self.check_balances(books, &mut checked).map_err(inside)?;
            checked.accounts.push((account, balances));
        }
        Ok(checked)
    }

    fn check_holder(
        &self,
        books: &OpeningBooks,
        codes: &mut BTreeSet<[u8; uscc::LENGTH]>,
    ) -> Result<Account, Rejection> {
        let code = uscc::check(&books.uscc)?;
        text::check_line(&books.name, "name")?;
        if let Some(existing) = self.by_uscc.get(&code, &self.accounts) {
            return Err(Rejection::new(
                Reason::AccountExists,
                "uscc",
                format!("{} has account {} already", books.uscc, existing.0),
            ));
        }
        if !codes.insert(code) {
            return Err(Rejection::new(
                Reason::AccountExists,
                "uscc",
                format!("{} stands in this request twice", books.uscc),
            ));
        }
        Ok(Account { uscc: code, name: books.name.as_str().into(), kind: books.kind })
    }

    fn check_balances(
        &self,
        books: &OpeningBooks,
        sums: &mut Checked,
    ) -> Result<Balances, Rejection> {
        let mut balances = Balances::default();
        for (at, held) in books.holdings.iter().enumerate() {
            let field = |name: &str| format!("holdings[{at}].{name}");
            let code = held.instrument;
            self.known_instrument(code, &field("instrument"))?;
            if balances.holdings.iter().any(|(other, _)| *other == code) {
                let message = format!("{code} stands in this account twice");
                return Err(Rejection::new(Reason::Malformed, field("instrument"), message));
            }
            let total = check_holding(held, &field)?;
            let sum = sums.issued.entry(code).or_default();
            *sum = sum.checked_add(total).ok_or_else(|| overflow(&field("registered_tco2e")))?;
            let holding = Holding {
                registered: held.registered,
                trading: held.trading,
                ..Holding::default()
            };
            balances.set_holding(code, holding);
        }
        for (at, (bank, amount)) in books.cash.iter().enumerate() {
            let field = |name: &str| format!("cash[{at}].{name}");
            self.known_bank(*bank, &field("bank_id"))?;
            if balances.cash.iter().any(|(other, _)| other == bank) {
                let message = format!("bank {} stands in this account twice", bank.0);
                return Err(Rejection::new(Reason::Malformed, field("bank_id"), message));
            }
            if amount.0 <= 0 {
                let message =
                    format!("amount_yuan is {}, it must be at least 0.01", format_yuan(*amount));
                return Err(Rejection::new(Reason::NotPositive, field("amount_yuan"), message));
            }
            let sum = sums.deposited.entry(*bank).or_default();
            *sum = sum.checked_add(*amount).ok_or_else(|| overflow(&field("amount_yuan")))?;
            balances.set_cash(*bank, CashBalance { available: *amount, pending_out: Fen(0) });
        }
        Ok(balances)
    }

    /// All tonnes of an instrument and all money of the market fit one number.
    fn check_sums(&self, checked: &Checked) -> Result<(), Rejection> {
        const FIELD: &str = "accounts";
        for (code, more) in &checked.issued {
            let issued = self.instruments.get(code).map_or(Quantity(0), |known| known.issued);
            issued.checked_add(*more).ok_or_else(|| overflow(FIELD))?;
        }
        self.banks
            .iter()
            .map(|(_, bank)| bank.deposited)
            .chain(checked.deposited.values().copied())
            .try_fold(Fen(0), Fen::checked_add)
            .map(|_| ())
            .ok_or_else(|| overflow(FIELD))
    }
}

/// What an account has from the beginning.
fn opening_postings(account: AccountId, balances: &Balances, postings: &mut Vec<Posting>) {
    for (instrument, holding) in &balances.holdings {
        let parts =
            [(Position::Registered, holding.registered), (Position::Trading, holding.trading)];
        for (position, quantity) in parts.into_iter().filter(|(_, part)| part.0 > 0) {
            postings.push(Posting::Goods { account, instrument: *instrument, position, quantity });
        }
    }
    for (bank, balance) in &balances.cash {
        let (position, amount) = (CashPosition::Available, balance.available);
        postings.push(Posting::Cash { account, bank: *bank, position, amount });
    }
}

/// What an account holds of one instrument.
fn check_holding(
    held: &OpeningHolding,
    field: &impl Fn(&str) -> String,
) -> Result<Quantity, Rejection> {
    for (part, name) in [(held.registered, "registered_tco2e"), (held.trading, "trading_tco2e")] {
        if part.0 < 0 {
            let message = format!("{name} is {} t, it must be at least 0 t", part.0);
            return Err(Rejection::new(Reason::NotPositive, field(name), message));
        }
    }
    let total = held.registered.checked_add(held.trading);
    match total {
        Some(Quantity(0)) => Err(Rejection::new(
            Reason::NotPositive,
            field("registered_tco2e"),
            "an account's holding is at least 1 t; leave out what it does not hold",
        )),
        Some(total) => Ok(total),
        None => Err(overflow(&field("registered_tco2e"))),
    }
}
