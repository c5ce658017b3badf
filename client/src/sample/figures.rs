//! One day's published figures, and the CSV file that holds them.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use time::Date;

use super::csv_rows::{Row, SampleFileError, for_each_row};
use super::money::yuan;
use super::rules::{self, volume_weighted_average_fen};
use super::trade::{SampleTrade, TradeKind};

const COLUMNS: &[&str] = &[
    "date",
    "previous_close_yuan",
    "open_yuan",
    "high_yuan",
    "low_yuan",
    "close_yuan",
    "listed_tco2e",
    "listed_yuan",
    "block_tco2e",
    "block_yuan",
];

/// What the market publishes of one trading day. Prices in fen per tonne,
/// amounts in fen, quantities in whole tonnes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFigures {
    /// The trading day.
    pub date: Date,
    /// Closing price of the trading day before; the base of the price limits.
    pub previous_close_fen: i64,
    /// Prices of the listed trades; `None` on a day without one.
    pub session: Option<SessionPrices>,
    /// Closing price: the volume-weighted average of the listed trades, or
    /// the previous close on a day without one.
    pub close_fen: i64,
    /// Sum of the listed trades (挂牌协议交易).
    pub listed_quantity_tco2e: i64,
    /// Sum of quantity x price of the listed trades.
    pub listed_amount_fen: i64,
    /// Sum of the block trades (大宗协议交易).
    pub block_quantity_tco2e: i64,
    /// Sum of quantity x price of the block trades.
    pub block_amount_fen: i64,
}

/// Prices of a day's listed trades, fen per tonne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPrices {
    /// Of the first trade.
    pub open_fen: i64,
    /// The greatest.
    pub high_fen: i64,
    /// The least.
    pub low_fen: i64,
}

impl DayFigures {
    /// The figures that a day's trades, given in order, add up to.
    #[must_use]
    pub fn of_trades(date: Date, previous_close_fen: i64, trades: &[SampleTrade]) -> Self {
        let mut figures = Self {
            date,
            previous_close_fen,
            session: None,
            close_fen: previous_close_fen,
            listed_quantity_tco2e: 0,
            listed_amount_fen: 0,
            block_quantity_tco2e: 0,
            block_amount_fen: 0,
        };
        for trade in trades {
            let amount_fen = trade.quantity_tco2e.saturating_mul(trade.price_fen);
            match trade.kind {
                TradeKind::Listed => {
                    figures.listed_quantity_tco2e =
                        figures.listed_quantity_tco2e.saturating_add(trade.quantity_tco2e);
                    figures.listed_amount_fen =
                        figures.listed_amount_fen.saturating_add(amount_fen);
                    let price = trade.price_fen;
                    let session = figures.session.get_or_insert(SessionPrices {
                        open_fen: price,
                        high_fen: price,
                        low_fen: price,
                    });
                    session.high_fen = session.high_fen.max(price);
                    session.low_fen = session.low_fen.min(price);
                }
                TradeKind::Block => {
                    figures.block_quantity_tco2e =
                        figures.block_quantity_tco2e.saturating_add(trade.quantity_tco2e);
                    figures.block_amount_fen = figures.block_amount_fen.saturating_add(amount_fen);
                }
            }
        }
        let average =
            volume_weighted_average_fen(figures.listed_amount_fen, figures.listed_quantity_tco2e);
        figures.close_fen = average.unwrap_or(previous_close_fen);
        figures
    }

    /// Limits of the listed prices, fen: 10 % either side of the previous close.
    #[must_use]
    pub fn listed_limits_fen(&self) -> (i64, i64) {
        rules::limits_fen(self.previous_close_fen, rules::LISTED_LIMIT_PERCENT)
    }

    /// Limits of the block prices, fen: 30 % either side of the previous close.
    #[must_use]
    pub fn block_limits_fen(&self) -> (i64, i64) {
        rules::limits_fen(self.previous_close_fen, rules::BLOCK_LIMIT_PERCENT)
    }
}

/// Reads published figures, one day a row.
///
/// Refuses what no publication can mean. Figures that are well-formed but
/// break a market rule are read as they are: [`super::contradictions`] lists
/// them.
///
/// # Errors
/// The first bad row, with the column, its value and what is expected.
pub fn read_figures<R: Read>(input: R) -> Result<Vec<DayFigures>, SampleFileError> {
    let mut days = Vec::new();
    let mut dates = BTreeSet::new();
    for_each_row(input, COLUMNS, |row| {
        let figures = read_row(row)?;
        if !dates.insert(figures.date) {
            return Err(row.bad("date", "a date that no row above has"));
        }
        days.push(figures);
        Ok(())
    })?;
    Ok(days)
}

fn read_row(row: &Row<'_>) -> Result<DayFigures, SampleFileError> {
    let date = row.date("date")?;
    let previous_close_fen = row.price_fen("previous_close_yuan")?;
    let listed_quantity_tco2e = row.quantity_tco2e("listed_tco2e")?;
    let session = read_session(row, listed_quantity_tco2e)?;
    let close_fen = row.price_fen("close_yuan")?;
    let listed_amount_fen = row.amount_fen("listed_yuan")?;
    if (listed_amount_fen == 0) != (listed_quantity_tco2e == 0) {
        return Err(
            row.bad("listed_yuan", format!("the amount of {listed_quantity_tco2e} listed tonnes"))
        );
    }
    let block_quantity_tco2e = row.quantity_tco2e("block_tco2e")?;
    let block_amount_fen = row.amount_fen("block_yuan")?;
    if (block_amount_fen == 0) != (block_quantity_tco2e == 0) {
        return Err(
            row.bad("block_yuan", format!("the amount of {block_quantity_tco2e} block tonnes"))
        );
    }
    Ok(DayFigures {
        date,
        previous_close_fen,
        session,
        close_fen,
        listed_quantity_tco2e,
        listed_amount_fen,
        block_quantity_tco2e,
        block_amount_fen,
    })
}

fn read_session(
    row: &Row<'_>,
    listed_quantity_tco2e: i64,
) -> Result<Option<SessionPrices>, SampleFileError> {
    if listed_quantity_tco2e == 0 {
        for column in ["open_yuan", "high_yuan", "low_yuan"] {
            if !row.text(column).is_empty() {
                return Err(row.bad(column, "empty, as it must be on a day without listed tonnes"));
            }
        }
        return Ok(None);
    }
    let open_fen = row.price_fen("open_yuan")?;
    let high_fen = row.price_fen("high_yuan")?;
    let low_fen = row.price_fen("low_yuan")?;
    if low_fen > high_fen {
        return Err(row.bad("low_yuan", format!("at most the high of {}", yuan(high_fen.into()))));
    }
    if !(low_fen..=high_fen).contains(&open_fen) {
        let (low, high) = (yuan(low_fen.into()), yuan(high_fen.into()));
        return Err(row.bad("open_yuan", format!("within the low of {low} and the high of {high}")));
    }
    Ok(Some(SessionPrices { open_fen, high_fen, low_fen }))
}

/// Writes figures in the form that [`read_figures`] reads.
///
/// # Errors
/// Only a fault of `output`.
pub fn write_figures<W: Write>(output: W, days: &[DayFigures]) -> Result<(), SampleFileError> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(COLUMNS)?;
    for day in days {
        let price = |of: fn(&SessionPrices) -> i64| {
            day.session.as_ref().map_or(String::new(), |s| yuan(of(s).into()))
        };
        writer.write_record([
            day.date.to_string(),
            yuan(day.previous_close_fen.into()),
            price(|session| session.open_fen),
            price(|session| session.high_fen),
            price(|session| session.low_fen),
            yuan(day.close_fen.into()),
            day.listed_quantity_tco2e.to_string(),
            yuan(day.listed_amount_fen.into()),
            day.block_quantity_tco2e.to_string(),
            yuan(day.block_amount_fen.into()),
        ])?;
    }
    writer.flush().map_err(csv::Error::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    const GOOD: [&str; 10] = [
        "2021-12-16",
        "43.06",
        "43.65",
        "45.20",
        "43.15",
        "44.22",
        "901715",
        "39874009.60",
        "19579226",
        "777344108.35",
    ];

    fn read(fields: &[&str]) -> Result<Vec<DayFigures>, SampleFileError> {
        let text = format!("{}\n{}\n", COLUMNS.join(","), fields.join(","));
        read_figures(text.as_bytes())
    }

    #[test]
    fn a_row_is_read_in_fen_and_tonnes_and_written_back_the_same() {
        let days = read(&GOOD).unwrap();
        assert_eq!(days[0].session.unwrap().high_fen, 4520);
        assert_eq!(days[0].listed_amount_fen, 3_987_400_960);
        let mut text = Vec::new();
        write_figures(&mut text, &days).unwrap();
        let expected = format!("{}\n{}\n", COLUMNS.join(","), GOOD.join(","));
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn a_day_without_listed_trades_has_no_open_high_and_low() {
        let quiet = ["2021-12-16", "43.06", "", "", "", "43.06", "0", "0.00", "0", "0.00"];
        assert_eq!(read(&quiet).unwrap()[0].session, None);
        let mut text = Vec::new();
        write_figures(&mut text, &read(&quiet).unwrap()).unwrap();
        assert!(String::from_utf8(text).unwrap().contains(&quiet.join(",")));
    }

    #[test]
    fn every_bad_field_names_row_column_value_and_what_is_expected() {
        let cases = [
            (0, "2021-02-29", "a date"),
            (0, "2021-13-01", "a date"),
            (0, "16/12/2021", "a date"),
            (0, "2021-12-1６", "a date"),
            (0, "2021-12-6", "a date"),
            (0, "+021-12-16", "a date"),
            (0, "", "a date"),
            (1, "0", "a price"),
            (1, "-43.06", "a price"),
            (1, "43.060", "a price"),
            (1, "NaN", "a price"),
            (1, "1e9", "a price"),
            (1, "1000000.01", "a price"),
            (2, "４３.65", "a price"),
            (2, " 43.65", "a price"),
            (2, "43.14", "within the low of 43.15 and the high of 45.20"),
            (2, "45.21", "within the low of 43.15 and the high of 45.20"),
            (3, "", "a price"),
            (3, "inf", "a price"),
            (4, "45.21", "at most the high of 45.20"),
            (5, "44,22", "a price"),
            (6, "901,715", "a whole number of tonnes"),
            (6, "901715.0", "a whole number of tonnes"),
            (6, "-1", "a whole number of tonnes"),
            (6, "9０1715", "a whole number of tonnes"),
            (6, "100000000001", "a whole number of tonnes"),
            (6, "99999999999999999999", "a whole number of tonnes"),
            (7, "0.00", "the amount of 901715 listed tonnes"),
            (7, "39874009.605", "an amount"),
            (7, "10000000000000.01", "an amount"),
            (8, "1e9", "a whole number of tonnes"),
            (9, "0", "the amount of 19579226 block tonnes"),
            (9, "777 344 108.35", "an amount"),
        ];
        for (column, value, expected) in cases {
            let quoted = format!("\"{value}\"");
            let mut fields = GOOD;
            fields[column] = &quoted;
            let message = read(&fields).unwrap_err().to_string();
            let start = format!("line 2, column {}: {value:?} is not {expected}", COLUMNS[column]);
            assert!(message.starts_with(&start), "{message}");
        }
    }

    #[test]
    fn amounts_and_prices_without_their_tonnes_are_refused() {
        let mut fields = GOOD;
        fields[8] = "0";
        assert!(read(&fields).unwrap_err().to_string().contains("line 2, column block_yuan"));
        let mut fields = GOOD;
        fields[6] = "0";
        assert!(read(&fields).unwrap_err().to_string().contains("line 2, column open_yuan"));
        (fields[2], fields[3], fields[4]) = ("", "", "");
        assert!(read(&fields).unwrap_err().to_string().contains("line 2, column listed_yuan"));
    }

    #[test]
    fn malformed_files_are_refused() {
        let header = COLUMNS.join(",");
        let row = GOOD.join(",");
        let cases = [
            (String::new(), "the header must be"),
            (header.replace("open", "opening"), "the header must be"),
            (format!("{header},more"), "the header must be"),
            (
                format!("{header}\n{row}\n{row}\n"),
                "line 3, column date: \"2021-12-16\" is not a date that no row above has",
            ),
            (format!("{header}\n{row},1\n"), "not a well-formed CSV file"),
            (format!("{header}\n2021-12-16\n"), "not a well-formed CSV file"),
        ];
        for (text, expected) in cases {
            let message = read_figures(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert!(read_figures(&b"\xff\xfe"[..]).is_err());
        assert_eq!(read_figures(header.as_bytes()).unwrap(), []);
    }
}
