//! `account load`: books kept elsewhere become accounts with what they hold.

mod file;

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, Result, bail};
use clap::Args;
use prost::Message as _;
use registry_client::amount::format_fen;
use registry_client::proto::{BookLoading, OpeningBooks};
use registry_client::{ClientError, RejectedError, is_valid_request_id};

use self::file::Account;
use super::control::Checker;
use super::{files, progress};
use crate::args::Global;
use crate::exit::{Place, Usage};
use crate::output::{Page, Record};

/// Accounts in one request.
const ACCOUNTS_PER_PART: usize = 4_096;
/// Bytes of the accounts in one request; nodes take messages of 1 MiB.
const BYTES_PER_PART: usize = 1_000_000;
/// A field's tag and length, at most.
const FIELD_HEAD_BYTES: usize = 4;

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// CSV file of the accounts with what they hold; docs/registryctl.md has the columns.
    #[arg(value_name = "CSV")]
    books: PathBuf,
    /// Reference of the decision to take these books over.
    #[arg(long)]
    document: String,
    /// Part of the request ids; the same run again opens nothing twice and needs
    /// the same file and --document.
    #[arg(long, default_value = "1")]
    run: String,
    #[command(flatten)]
    checker: Checker,
}

impl Load {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        let read = file::read(files::open(&self.books)?);
        let accounts = read.with_context(|| self.books.display().to_string())?;
        let parts = parts(&accounts);
        if !is_valid_request_id(&self.request_id(parts.len())) {
            bail!(Usage("--run must be a few characters of [A-Za-z0-9._:-]".to_owned()));
        }
        let officers = self.checker.officers(global)?;
        let bar = progress::bar("accounts");
        bar.set_length(accounts.len() as u64);
        let mut opened = Vec::with_capacity(parts.len());
        for (number, part) in (1..).zip(parts) {
            let loading = BookLoading {
                document: self.document.clone(),
                accounts: books(&accounts[part.clone()]),
            };
            let reply = officers
                .load_books(&self.request_id(number), loading)
                .await
                .map_err(|error| explain(error.into(), &self.books, &accounts, &part))?;
            bar.set_position(part.end as u64);
            let last = reply.first_account_id + u64::from(reply.account_count).saturating_sub(1);
            let record = Record::default()
                .with("request", number)
                .with("accounts", reply.account_count)
                .with("first_account_id", reply.first_account_id)
                .with("last_account_id", last);
            opened.push(record);
        }
        bar.finish();
        let sums = file::sums(&accounts)?;
        let record = Record::default()
            .with("accounts", accounts.len())
            .with("issued_tco2e", sums.tonnes.to_string())
            .with("deposited_yuan", format_fen(sums.fen));
        Ok(Page::default().one(record).many("opened", opened))
    }

    fn request_id(&self, part: usize) -> String {
        format!("load:{}:books:{part}", self.run)
    }
}

fn books(accounts: &[Account]) -> Vec<OpeningBooks> {
    accounts.iter().map(|account| account.books.clone()).collect()
}

/// How the accounts are cut into requests: the same file, the same parts.
fn parts(accounts: &[Account]) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (place, account) in accounts.iter().enumerate() {
        let more = account.books.encoded_len() + FIELD_HEAD_BYTES;
        match parts.last_mut() {
            Some(part) if part.len() < ACCOUNTS_PER_PART && bytes + more <= BYTES_PER_PART => {
                part.end = place + 1;
                bytes += more;
            }
            _ => {
                parts.push(place..place + 1);
                bytes = more;
            }
        }
    }
    parts
}

/// The error, with the line of the file that it is about and what is opened
/// already.
fn explain(error: Error, path: &Path, accounts: &[Account], part: &Range<usize>) -> Error {
    let line = |place: usize| accounts.get(place).map_or(0, |account| account.line);
    let refused = match error.downcast_ref::<ClientError>() {
        Some(ClientError::Rejected(rejected)) => rejected,
        _ => return error,
    };
    let path = path.display();
    let place = match place_in_part(refused) {
        Some(place) => format!("line {} of {path}", line(part.start + place)),
        None => format!("lines {} and following of {path}", line(part.start)),
    };
    match part.start {
        0 => error.context(Place(format!("{place}; this command has opened no account"))),
        before => error.context(Place(format!(
            "{place}; the {before} accounts before line {} are open: correct the rest and load it \
             from a file of its own under another --run",
            line(before)
        ))),
    }
}

/// The account that a field such as `accounts[17].uscc` names.
fn place_in_part(refused: &RejectedError) -> Option<usize> {
    let (place, _) = refused.field.strip_prefix("accounts[")?.split_once(']')?;
    place.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(count: usize, name_bytes: usize) -> Vec<Account> {
        let books = OpeningBooks { name: "x".repeat(name_bytes), ..Default::default() };
        (0..count).map(|place| Account { line: place as u64 + 2, books: books.clone() }).collect()
    }

    #[test]
    fn a_request_has_at_most_4096_accounts() {
        assert!(parts(&accounts(0, 9)).is_empty());
        assert_eq!(parts(&accounts(4_096, 9)), vec![0..4_096]);
        assert_eq!(parts(&accounts(9_000, 9)), [0..4_096, 4_096..8_192, 8_192..9_000]);
    }

    #[test]
    fn a_request_fits_into_a_message() {
        let accounts = accounts(5_000, 1_000);
        let parts = parts(&accounts);
        assert_eq!(parts.iter().map(ExactSizeIterator::len).sum::<usize>(), 5_000);
        for part in parts {
            let request =
                BookLoading { document: "x".repeat(200), accounts: books(&accounts[part.clone()]) };
            assert!(request.encoded_len() < 1 << 20, "{part:?}");
        }
    }

    fn rejected(field: &str) -> Error {
        ClientError::Rejected(Box::new(RejectedError {
            reason: "ACCOUNT_EXISTS".to_owned(),
            field: field.to_owned(),
            message: "exists".to_owned(),
            code: tonic::Code::AlreadyExists,
            metadata: Default::default(),
        }))
        .into()
    }

    #[test]
    fn a_rejection_names_the_line_and_what_is_open() {
        let (accounts, path) = (accounts(20, 1), Path::new("books.csv"));
        let told = |field, part| {
            let explained = explain(rejected(field), path, &accounts, &part);
            assert_eq!(crate::exit::code(&explained), 3);
            format!("{explained:#}")
        };
        let first = told("accounts[3].uscc", 0..10);
        assert!(
            first.starts_with("line 5 of books.csv; this command has opened no account: "),
            "{first}"
        );
        assert!(first.contains("ACCOUNT_EXISTS (accounts[3].uscc)"), "{first}");
        let second = told("accounts[3].uscc", 10..20);
        assert!(
            second.starts_with("line 15 of books.csv; the 10 accounts before line 12 are open")
        );
        let whole = told("request_id", 10..20);
        assert!(whole.starts_with("lines 12 and following of books.csv; the 10"), "{whole}");
    }

    #[test]
    fn an_unknown_outcome_is_told_as_it_is() {
        let unknown = ClientError::Unknown {
            call: "approve",
            request_id: "load:1:books:1".to_owned(),
            cause: "x".to_owned(),
        };
        let explained = explain(unknown.into(), Path::new("b.csv"), &accounts(2, 1), &(0..2));
        assert!(!explained.to_string().contains("line"), "{explained}");
        assert_eq!(crate::exit::code(&explained), 5);
    }
}
