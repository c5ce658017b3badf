//! Reading the books: strict, and an error names line and column.

use std::collections::HashMap;
use std::io::Read;

use anyhow::{Context as _, Result, anyhow, bail};
use csv::StringRecord;
use registry_client::amount::{format_fen, parse_fen};
use registry_client::proto::{AccountKind, OpeningBooks, OpeningCash, OpeningHolding};
use registry_client::sample::uscc;

const COLUMNS: [&str; 8] = [
    "uscc",
    "name",
    "kind",
    "instrument",
    "registered_tco2e",
    "trading_tco2e",
    "bank_id",
    "amount_yuan",
];
/// Of a longer value only so much is shown.
const SHOWN_CHARS: usize = 64;

/// An account and the line where it begins.
pub(super) struct Account {
    pub(super) line: u64,
    pub(super) books: OpeningBooks,
}

/// What all accounts hold.
pub(super) struct Sums {
    pub(super) tonnes: i64,
    pub(super) fen: i64,
}

pub(super) fn read(mut input: impl Read) -> Result<Vec<Account>> {
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    let mut lines = Lines { text: &text, counted: 0, line: 1 };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().context("not a well-formed CSV file")?;
    if header.iter().ne(COLUMNS) {
        bail!("the header must be {}", COLUMNS.join(","));
    }
    let mut accounts: Vec<Account> = Vec::new();
    let mut lines_of_codes: HashMap<String, u64> = HashMap::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).context("not a well-formed CSV file")? {
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        let row = Row { line, record: &record };
        let code = row.text(0);
        match accounts.last_mut() {
            Some(account) if account.books.uscc == code => row.add_to(account)?,
            _ => {
                if let Some(earlier) = lines_of_codes.insert(code.to_owned(), line) {
                    return Err(row.bad(
                        0,
                        &format!("new: it begins in line {earlier}, and its rows must follow it"),
                    ));
                }
                accounts.push(row.account()?);
            }
        }
    }
    if accounts.is_empty() {
        bail!("there is no account below the header");
    }
    sums(&accounts)?;
    Ok(accounts)
}

pub(super) fn sums(accounts: &[Account]) -> Result<Sums> {
    let mut sums = Sums { tonnes: 0, fen: 0 };
    for Account { line, books } in accounts {
        let too_much = |what| anyhow!("line {line}: the {what} up to here are out of range");
        for held in &books.holdings {
            let total = held.registered_tco2e.checked_add(held.trading_tco2e);
            sums.tonnes = total
                .and_then(|total| sums.tonnes.checked_add(total))
                .ok_or_else(|| too_much("tonnes"))?;
        }
        for cash in &books.cash {
            let fen = parse_fen(&cash.amount_yuan)?;
            sums.fen = sums.fen.checked_add(fen).ok_or_else(|| too_much("amounts"))?;
        }
    }
    Ok(sums)
}

/// Counts lines as an editor does: the reader skips empty ones and ends a row
/// between the two bytes of a line end.
struct Lines<'t> {
    text: &'t str,
    /// Bytes whose line ends were counted.
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the row that the reader found at or behind this byte.
    fn of(&mut self, byte: u64) -> u64 {
        let rest = |from| self.text.as_bytes().get(from..).unwrap_or_default();
        let mut begins = usize::try_from(byte).unwrap_or(usize::MAX);
        begins += rest(begins).iter().take_while(|byte| b"\r\n".contains(byte)).count();
        let passed = rest(self.counted).iter().take(begins.saturating_sub(self.counted));
        self.line += passed.filter(|byte| **byte == b'\n').count() as u64;
        self.counted = begins;
        self.line
    }
}

/// One row below the header.
struct Row<'a> {
    line: u64,
    record: &'a StringRecord,
}

impl Row<'_> {
    fn text(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }

    fn bad(&self, column: usize, expected: &str) -> anyhow::Error {
        let shown: String = self.text(column).chars().take(SHOWN_CHARS).collect();
        let name = COLUMNS.get(column).copied().unwrap_or_default();
        anyhow!("line {}, column {name}: {shown:?} is not {expected}", self.line)
    }

    /// The account that begins here.
    fn account(&self) -> Result<Account> {
        uscc::validate(self.text(0))
            .map_err(|error| self.bad(0, &format!("a credit code: {error}")))?;
        if self.text(1).trim().is_empty() || self.text(1).len() > 200 {
            return Err(self.bad(1, "a name of 1 to 200 bytes"));
        }
        let kind = self.kind().ok_or_else(|| self.bad(2, "emitter, institution or province"))?;
        let books = OpeningBooks {
            uscc: self.text(0).to_owned(),
            name: self.text(1).to_owned(),
            kind: kind.into(),
            holdings: self.holding()?.into_iter().collect(),
            cash: self.cash()?.into_iter().collect(),
        };
        Ok(Account { line: self.line, books })
    }

    /// A further holding or further money of the account in the rows before.
    fn add_to(&self, account: &mut Account) -> Result<()> {
        let Account { line, books } = account;
        if self.text(1) != books.name {
            return Err(self.bad(1, &format!("the name in line {line}")));
        }
        if self.kind() != Some(books.kind()) {
            return Err(self.bad(2, &format!("the kind in line {line}")));
        }
        let (holding, cash) = (self.holding()?, self.cash()?);
        if holding.is_none() && cash.is_none() {
            return Err(self.bad(3, "an instrument, and the row has no money either"));
        }
        if let Some(holding) = holding {
            if books.holdings.iter().any(|held| held.instrument == holding.instrument) {
                return Err(self.bad(3, "another instrument than in the account's rows before"));
            }
            books.holdings.push(holding);
        }
        if let Some(cash) = cash {
            if books.cash.iter().any(|money| money.bank_id == cash.bank_id) {
                return Err(self.bad(6, "another bank than in the account's rows before"));
            }
            books.cash.push(cash);
        }
        Ok(())
    }

    fn kind(&self) -> Option<AccountKind> {
        match self.text(2) {
            "emitter" => Some(AccountKind::Emitter),
            "institution" => Some(AccountKind::Institution),
            "province" => Some(AccountKind::Province),
            _ => None,
        }
    }

    fn holding(&self) -> Result<Option<OpeningHolding>> {
        if self.text(3).is_empty() {
            return match [4, 5].into_iter().find(|column| !self.text(*column).is_empty()) {
                Some(column) => Err(self.bad(column, "empty, although the instrument is")),
                None => Ok(None),
            };
        }
        let (registered_tco2e, trading_tco2e) = (self.tonnes(4)?, self.tonnes(5)?);
        if registered_tco2e == 0 && trading_tco2e == 0 {
            return Err(self.bad(4, "a holding: of an instrument there must be at least 1 t"));
        }
        let instrument = self.text(3).to_owned();
        Ok(Some(OpeningHolding { instrument, registered_tco2e, trading_tco2e }))
    }

    /// Whole tonnes; empty for none.
    fn tonnes(&self, column: usize) -> Result<i64> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(0);
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(tonnes) if digits => Ok(tonnes),
            _ => Err(self.bad(column, "a whole number of tonnes such as 901715, or empty")),
        }
    }

    fn cash(&self) -> Result<Option<OpeningCash>> {
        if self.text(6).is_empty() {
            return match self.text(7) {
                "" => Ok(None),
                _ => Err(self.bad(7, "empty, although the bank is")),
            };
        }
        let bank = self.text(6).parse().ok().filter(|bank| (100..=999).contains(bank));
        let bank_id = bank.ok_or_else(|| self.bad(6, "a bank's number of three digits"))?;
        let fen = parse_fen(self.text(7)).ok().filter(|fen| *fen > 0).ok_or_else(|| {
            self.bad(7, "an amount of at least 0.01 yuan with at most 2 decimals, such as 21825.00")
        })?;
        Ok(Some(OpeningCash { bank_id, amount_yuan: format_fen(fen) }))
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
