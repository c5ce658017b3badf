//! Today in Beijing, by this machine's clock, as the cluster's leader sees it.

use std::time::{SystemTime, UNIX_EPOCH};

use registry_ledger::{Date, LedgerTime, calendar};

/// The date in so many days.
#[must_use]
pub fn date_in(days: i64) -> Date {
    let wanted = calendar::beijing_day_number(now()) + days;
    let dates = (2020..2200).flat_map(|year| {
        let days = (1..=12).flat_map(|month| (1..=31).map(move |day| (month, day)));
        days.filter_map(move |(month, day)| Date::from_ymd(year, month, day))
    });
    let mut found = dates.skip_while(|date| calendar::day_number(*date) < wanted);
    found.next().unwrap_or_else(|| panic!("no date in {days} days"))
}

/// Milliseconds since the last midnight.
#[must_use]
pub fn since_midnight_ms() -> i64 {
    now().0 - calendar::beijing_midnight(date_in(0)).0
}

fn now() -> LedgerTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LedgerTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
