//! Strict reading of the sample files: exact header, one error per bad field
//! that names line, column, value and what is expected.

use std::io::Read;

use csv::StringRecord;
use time::Date;

use crate::amount::parse_fen;

use super::money::{self, MAX_AMOUNT_FEN, MAX_PRICE_FEN, MAX_QUANTITY_TCO2E};

/// Why a sample file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SampleFileError {
    /// Not CSV, not UTF-8, a row with too few or too many fields, or an
    /// input-output fault.
    #[error("not a well-formed CSV file: {0}")]
    Csv(#[from] csv::Error),
    /// The first line is not the header of this kind of file.
    #[error("the header must be {expected:?}, found {found:?}")]
    Header {
        /// The header this kind of file has.
        expected: String,
        /// The file's first line.
        found: String,
    },
    /// A field that is malformed or does not go with the rest of its row.
    #[error("line {line}, column {column}: {value:?} is not {expected}")]
    Field {
        /// Line of the file, the header being 1; blank lines do not count.
        line: u64,
        /// Name of the column.
        column: &'static str,
        /// What the file holds there, cut to 64 characters.
        value: String,
        /// What should be there.
        expected: String,
    },
}

/// One data row of a file, with what an error needs to know about it.
pub(super) struct Row<'a> {
    number: u64,
    columns: &'static [&'static str],
    record: &'a StringRecord,
}

/// Calls `take` for each row below the header, in order.
pub(super) fn for_each_row<R: Read>(
    input: R,
    columns: &'static [&'static str],
    mut take: impl FnMut(&Row<'_>) -> Result<(), SampleFileError>,
) -> Result<(), SampleFileError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(true).flexible(false).from_reader(input);
    let header = reader.headers()?;
    if header.iter().ne(columns.iter().copied()) {
        let found = header.iter().collect::<Vec<_>>().join(",");
        return Err(SampleFileError::Header {
            expected: columns.join(","),
            found: shortened(&found),
        });
    }
    let mut record = StringRecord::new();
    let mut number = 1;
    while reader.read_record(&mut record)? {
        number += 1;
        take(&Row { number, columns, record: &record })?;
    }
    Ok(())
}

impl Row<'_> {
    /// The field of a column; empty for a column that the header lacks, which
    /// `for_each_row` has ruled out.
    pub(super) fn text(&self, column: &'static str) -> &str {
        let index = self.columns.iter().position(|name| *name == column);
        index.and_then(|index| self.record.get(index)).unwrap_or_default()
    }

    /// The error that this row's `column` is not as `expected`.
    pub(super) fn bad(&self, column: &'static str, expected: impl Into<String>) -> SampleFileError {
        SampleFileError::Field {
            line: self.number,
            column,
            value: shortened(self.text(column)),
            expected: expected.into(),
        }
    }

    /// A price in fen, at least one tick.
    pub(super) fn price_fen(&self, column: &'static str) -> Result<i64, SampleFileError> {
        parse_fen(self.text(column)).ok().filter(|fen| (1..=MAX_PRICE_FEN).contains(fen)).ok_or_else(|| {
            let most = money::yuan(MAX_PRICE_FEN.into());
            self.bad(column, format!("a price of 0.01 to {most} yuan per tonne with at most 2 decimals, such as 44.22"))
        })
    }

    /// An amount in fen, zero allowed.
    pub(super) fn amount_fen(&self, column: &'static str) -> Result<i64, SampleFileError> {
        parse_fen(self.text(column)).ok().filter(|fen| *fen <= MAX_AMOUNT_FEN).ok_or_else(|| {
            let most = money::yuan(MAX_AMOUNT_FEN.into());
            self.bad(
                column,
                format!(
                    "an amount of 0 to {most} yuan with at most 2 decimals, such as 6092830.00"
                ),
            )
        })
    }

    /// A quantity in whole tonnes, zero allowed.
    pub(super) fn quantity_tco2e(&self, column: &'static str) -> Result<i64, SampleFileError> {
        let quantity =
            money::parse_digits(self.text(column)).filter(|tonnes| *tonnes <= MAX_QUANTITY_TCO2E);
        quantity.ok_or_else(|| {
            self.bad(
                column,
                format!("a whole number of tonnes from 0 to {MAX_QUANTITY_TCO2E}, such as 901715"),
            )
        })
    }

    /// An identifier: a whole number of at least 1.
    pub(super) fn id(&self, column: &'static str) -> Result<u64, SampleFileError> {
        let id = money::parse_digits(self.text(column)).and_then(|id| u64::try_from(id).ok());
        id.filter(|id| *id > 0).ok_or_else(|| self.bad(column, "a whole number of at least 1"))
    }

    /// A calendar date, YYYY-MM-DD.
    pub(super) fn date(&self, column: &'static str) -> Result<Date, SampleFileError> {
        parse_date(self.text(column))
            .ok_or_else(|| self.bad(column, "a date as YYYY-MM-DD, such as 2021-12-16"))
    }
}

fn parse_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-').map(|part| (part.len(), part.parse::<u16>().ok()));
    let (year_length, year) = parts.next()?;
    let (month_length, month) = parts.next()?;
    let (day_length, day) = parts.next()?;
    let all_digits = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    if parts.next().is_some() || !all_digits || (year_length, month_length, day_length) != (4, 2, 2)
    {
        return None;
    }
    let month = time::Month::try_from(u8::try_from(month?).ok()?).ok()?;
    Date::from_calendar_date(year?.into(), month, u8::try_from(day?).ok()?).ok()
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
