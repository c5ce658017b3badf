//! One trade of a sample day, and the CSV file that holds a day's trades.

use std::collections::HashSet;
use std::io::{Read, Write};

use time::format_description::well_known::Rfc3339;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, UtcOffset};

use super::csv_rows::{Row, SampleFileError, for_each_row};
use super::money::yuan;

const COLUMNS: &[&str] = &[
    "trade_number",
    "kind",
    "instrument",
    "buyer_account",
    "seller_account",
    "buyer_bank",
    "seller_bank",
    "quantity_tco2e",
    "price_yuan",
    "traded_at",
];

/// Beijing time, in which the market's days begin and end.
pub const BEIJING: UtcOffset = offset!(+8);

/// How a trade was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeKind {
    /// Listed (挂牌): under 100,000 t, within 10 % of the previous close.
    Listed,
    /// Block (大宗): 100,000 t or more, within 30 % of the previous close.
    Block,
}

/// One trade as the exchange would send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleTrade {
    /// The exchange's number, unique in the day.
    pub trade_number: u64,
    /// Listed or block.
    pub kind: TradeKind,
    /// Such as `CEA-2020`.
    pub instrument: String,
    /// Account that receives the allowances.
    pub buyer_account: u64,
    /// Account that gives them.
    pub seller_account: u64,
    /// Settlement bank that pays for the buyer.
    pub buyer_bank: u32,
    /// Settlement bank that receives for the seller.
    pub seller_bank: u32,
    /// Whole tonnes.
    pub quantity_tco2e: i64,
    /// Fen per tonne.
    pub price_fen: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub traded_at_ms: i64,
}

/// Reads a day's trades in their order.
///
/// Checks form, not the market's rules: which trades to accept is the
/// registry's to decide.
///
/// # Errors
/// The first bad row, with the column, its value and what is expected; a
/// trade number that comes twice.
pub fn read_trades<R: Read>(input: R) -> Result<Vec<SampleTrade>, SampleFileError> {
    let mut trades = Vec::new();
    let mut numbers = HashSet::new();
    for_each_row(input, COLUMNS, |row| {
        let trade = read_row(row)?;
        if !numbers.insert(trade.trade_number) {
            return Err(row.bad("trade_number", "a number that no row above has"));
        }
        trades.push(trade);
        Ok(())
    })?;
    Ok(trades)
}

fn read_row(row: &Row<'_>) -> Result<SampleTrade, SampleFileError> {
    let bank = |column| {
        let id = row.id(column)?;
        u32::try_from(id)
            .ok()
            .filter(|id| (100..=999).contains(id))
            .ok_or_else(|| row.bad(column, "a bank code from 100 to 999"))
    };
    let instrument = row.text("instrument");
    if !is_instrument(instrument) {
        return Err(row.bad("instrument", "an instrument, CEA-YYYY or CCER"));
    }
    let quantity_tco2e = row.quantity_tco2e("quantity_tco2e")?;
    if quantity_tco2e == 0 {
        return Err(row.bad("quantity_tco2e", "at least 1 tonne"));
    }
    Ok(SampleTrade {
        trade_number: row.id("trade_number")?,
        kind: match row.text("kind") {
            "listed" => TradeKind::Listed,
            "block" => TradeKind::Block,
            _ => return Err(row.bad("kind", "listed or block")),
        },
        instrument: instrument.to_owned(),
        buyer_account: row.id("buyer_account")?,
        seller_account: row.id("seller_account")?,
        buyer_bank: bank("buyer_bank")?,
        seller_bank: bank("seller_bank")?,
        quantity_tco2e,
        price_fen: row.price_fen("price_yuan")?,
        traded_at_ms: parse_time(row.text("traded_at")).ok_or_else(|| {
            row.bad(
                "traded_at",
                "a Beijing time with milliseconds, such as 2021-12-16T09:30:00.000+08:00",
            )
        })?,
    })
}

/// Writes trades in the form that [`read_trades`] reads.
///
/// # Errors
/// A fault of `output`, or a time outside the years 0 to 9999.
pub fn write_trades<W: Write>(output: W, trades: &[SampleTrade]) -> Result<(), SampleFileError> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(COLUMNS)?;
    for trade in trades {
        let traded_at = format_time(trade.traded_at_ms).ok_or_else(|| {
            csv::Error::from(std::io::Error::other(format!(
                "trade {} has no calendar time: {} ms",
                trade.trade_number, trade.traded_at_ms
            )))
        })?;
        let kind = match trade.kind {
            TradeKind::Listed => "listed",
            TradeKind::Block => "block",
        };
        writer.write_record([
            trade.trade_number.to_string().as_str(),
            kind,
            &trade.instrument,
            &trade.buyer_account.to_string(),
            &trade.seller_account.to_string(),
            &trade.buyer_bank.to_string(),
            &trade.seller_bank.to_string(),
            &trade.quantity_tco2e.to_string(),
            &yuan(trade.price_fen.into()),
            &traded_at,
        ])?;
    }
    writer.flush().map_err(csv::Error::from)?;
    Ok(())
}

/// `CEA-` and a four-digit vintage, or `CCER`.
pub(super) fn is_instrument(text: &str) -> bool {
    let vintage = text.strip_prefix("CEA-");
    text == "CCER"
        || vintage
            .is_some_and(|year| year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()))
}

fn format_time(unix_ms: i64) -> Option<String> {
    let form = format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3][offset_hour sign:mandatory]:[offset_minute]"
    );
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok()?;
    time.checked_to_offset(BEIJING)?.format(form).ok()
}

/// Accepts only what `format_time` writes: any other spelling of the same
/// moment would not come back byte for byte.
fn parse_time(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let unix_ms = i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
    (format_time(unix_ms)? == text).then_some(unix_ms)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    const GOOD: [&str; 10] = [
        "1",
        "listed",
        "CEA-2020",
        "17",
        "4",
        "102",
        "308",
        "500",
        "43.65",
        "2021-12-16T09:30:00.000+08:00",
    ];

    fn read(fields: &[&str]) -> Result<Vec<SampleTrade>, SampleFileError> {
        read_trades(format!("{}\n{}\n", COLUMNS.join(","), fields.join(",")).as_bytes())
    }

    #[test]
    fn a_trade_is_read_and_written_back_the_same() {
        let trades = read(&GOOD).unwrap();
        assert_eq!(trades[0].traded_at_ms, 1_639_618_200_000);
        assert_eq!(trades[0].price_fen, 4365);
        let mut text = Vec::new();
        write_trades(&mut text, &trades).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            format!("{}\n{}\n", COLUMNS.join(","), GOOD.join(","))
        );
    }

    #[test]
    fn every_bad_field_is_named() {
        let time = "a Beijing time";
        let cases = [
            (0, "0", "a whole number of at least 1"),
            (0, "-1", "a whole number of at least 1"),
            (0, "1e9", "a whole number of at least 1"),
            (0, "９", "a whole number of at least 1"),
            (0, "9223372036854775808", "a whole number of at least 1"),
            (1, "Listed", "listed or block"),
            (1, "", "listed or block"),
            (2, "CEA", "an instrument"),
            (2, "CEA-20２0", "an instrument"),
            (3, "0", "a whole number of at least 1"),
            (4, "NaN", "a whole number of at least 1"),
            (5, "99", "a bank code"),
            (6, "4294967398", "a bank code"),
            (7, "0", "at least 1 tonne"),
            (7, "0.5", "a whole number of tonnes"),
            (7, "-500", "a whole number of tonnes"),
            (8, "0.00", "a price"),
            (8, "43.655", "a price"),
            (9, "2021-12-16T09:30:00+08:00", time),
            (9, "2021-12-16T01:30:00.000Z", time),
            (9, "2021-12-16 09:30:00.000+08:00", time),
            (9, "2021-12-16T09:30:00.0001+08:00", time),
            (9, "2021-12-16T24:30:00.000+08:00", time),
            (9, "", time),
        ];
        for (column, value, expected) in cases {
            let mut fields = GOOD;
            fields[column] = value;
            let message = read(&fields).unwrap_err().to_string();
            let start = format!("line 2, column {}: {value:?} is not {expected}", COLUMNS[column]);
            assert!(message.starts_with(&start), "{message}");
        }
    }

    #[test]
    fn a_trade_number_twice_is_refused() {
        let row = GOOD.join(",");
        let text = format!("{}\n{row}\n{row}\n", COLUMNS.join(","));
        let message = read_trades(text.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with("line 3, column trade_number"), "{message}");
    }

    #[test]
    fn a_time_that_no_calendar_has_cannot_be_written() {
        let mut trades = read(&GOOD).unwrap();
        trades[0].traded_at_ms = i64::MAX;
        assert!(write_trades(Vec::new(), &trades).is_err());
    }
}
