//! Dates counted out year by year and month by month: slow, plain, and not the ledger's way.

use registry_ledger::{Date, LedgerTime};

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;
/// Beijing is eight hours ahead of UTC, all year.
pub(super) const BEIJING_MS: i64 = 8 * 3_600_000;

fn leap(year: u32) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

fn month_days(year: u32, month: u32) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01.
pub(super) fn day_number(date: Date) -> i64 {
    let number = date.yyyymmdd();
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let years: i64 = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
    let months: i64 = (1..month).map(|m| month_days(year, m)).sum();
    years + months + i64::from(day) - 1
}

/// The date that many days after 1970-01-01, if the ledger knows it.
pub(super) fn date_of(day_number: i64) -> Option<Date> {
    let mut rest = day_number;
    let mut year = 1970;
    while rest >= if leap(year) { 366 } else { 365 } {
        rest -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let mut month = 1;
    while rest >= month_days(year, month) {
        rest -= month_days(year, month);
        month += 1;
    }
    Date::from_ymd(year, month, u32::try_from(rest + 1).ok()?)
}

/// Number of the day it is in Beijing.
pub(super) fn beijing_day(time: LedgerTime) -> i64 {
    (i128::from(time.0) + i128::from(BEIJING_MS)).div_euclid(i128::from(DAY_MS)) as i64
}

/// The moment a Beijing day begins.
pub(super) fn beijing_midnight_ms(date: Date) -> i64 {
    day_number(date) * DAY_MS - BEIJING_MS
}

/// 1970-01-01 was a Thursday.
pub(super) fn is_weekend(date: Date) -> bool {
    matches!(day_number(date).rem_euclid(7), 2 | 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days_fall_where_the_calendar_has_them() {
        let date = |text| Date::parse(text).expect("a date");
        assert_eq!(day_number(date("2000-03-01")), 11_017);
        assert_eq!(date_of(11_017), Some(date("2000-03-01")));
        assert!(!is_weekend(date("2021-12-16")), "a Thursday");
        assert!(is_weekend(date("2021-12-18")) && is_weekend(date("2021-12-19")));
        // 2021-12-16 00:00 in Beijing is 16:00 UTC of the day before.
        assert_eq!(beijing_midnight_ms(date("2021-12-16")), 1_639_584_000_000);
        assert_eq!(beijing_day(LedgerTime(1_639_584_000_000)), day_number(date("2021-12-16")));
        assert_eq!(beijing_day(LedgerTime(1_639_583_999_999)), day_number(date("2021-12-15")));
    }
}
