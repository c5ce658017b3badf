//! Days by integer arithmetic: weekdays, and the date in Beijing of a ledger time.

use crate::types::{Date, LedgerTime};

/// Beijing is eight hours ahead of UTC all year.
const BEIJING_OFFSET_MS: i64 = 8 * 3_600 * 1_000;
const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// Days since 1970-01-01.
#[must_use]
pub fn day_number(date: Date) -> i64 {
    let number = i64::from(date.yyyymmdd());
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    // Years begin in March, so that a leap day is the last of its year.
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let month = month.saturating_add(9) % 12;
    // Dates are of 1990 to 2199: nothing here comes near saturation.
    let leap_days = (year / 4).saturating_sub(year / 100).saturating_add(year / 400);
    let of_year = month.saturating_mul(153).saturating_add(2) / 5;
    year.saturating_mul(365)
        .saturating_add(leap_days)
        .saturating_add(of_year)
        .saturating_add(day)
        .saturating_sub(719_469)
}

/// Whether the day is a Saturday or a Sunday.
#[must_use]
pub fn is_weekend(date: Date) -> bool {
    // 1970-01-01 was a Thursday.
    matches!(day_number(date).saturating_add(3).rem_euclid(7), 5 | 6)
}

/// Day number of the date in Beijing at that time.
#[must_use]
pub fn beijing_day_number(time: LedgerTime) -> i64 {
    time.0.saturating_add(BEIJING_OFFSET_MS).div_euclid(DAY_MS)
}

/// First millisecond of a date in Beijing.
#[must_use]
pub fn beijing_midnight(date: Date) -> LedgerTime {
    LedgerTime(day_number(date).saturating_mul(DAY_MS).saturating_sub(BEIJING_OFFSET_MS))
}

/// When the day is over in Beijing.
#[must_use]
pub fn beijing_day_end(date: Date) -> LedgerTime {
    LedgerTime(beijing_midnight(date).0.saturating_add(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn day_numbers_count_every_day_from_1990_to_2199() {
        let mut expected = 7_305;
        for number in 19_900_101..=21_991_231 {
            if let Some(date) = Date::from_yyyymmdd(number) {
                assert_eq!(day_number(date), expected, "{date}");
                expected += 1;
            }
        }
    }

    #[test]
    fn weekends_are_saturdays_and_sundays() {
        let rows = [
            ("2021-12-16", false), // Thursday
            ("2021-12-17", false),
            ("2021-12-18", true),
            ("2021-12-19", true),
            ("2021-12-20", false),
            ("2024-02-29", false), // Thursday
            ("2000-01-01", true),  // Saturday
        ];
        for (text, weekend) in rows {
            assert_eq!(is_weekend(date(text)), weekend, "{text}");
        }
    }

    #[test]
    fn beijing_days_begin_at_16_00_utc() {
        let day = date("2021-12-16");
        let midnight = beijing_midnight(day);
        assert_eq!(midnight, LedgerTime(1_639_584_000_000)); // 2021-12-15T16:00:00Z
        assert_eq!(beijing_day_number(midnight), day_number(day));
        assert_eq!(beijing_day_number(LedgerTime(midnight.0 - 1)), day_number(day) - 1);
        assert_eq!(
            beijing_day_number(LedgerTime(i64::MIN)),
            beijing_day_number(LedgerTime(i64::MIN))
        );
    }

    #[test]
    fn dates_are_read_strictly() {
        for text in ["2021-12-16", "2024-02-29"] {
            assert_eq!(date(text).to_string(), text);
        }
        for text in [
            "",
            "2021-2-29",
            "2021-02-29",
            "2021-13-01",
            "2021-00-10",
            "20211216",
            "２021-12-16",
            "2021-12-32",
            "1989-12-31",
            "2021-12-16 ",
        ] {
            assert_eq!(Date::parse(text), None, "{text:?}");
        }
    }
}
