//! The exchange's manifest closes the day's stream.

use crate::Digest;
use crate::amount::format_yuan;
use crate::command::Manifest;
use crate::formats::TradesHasher;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::settlement::day::Day;
use crate::types::{Date, DayState};

impl Ledger {
    pub(crate) fn submit_manifest(
        &mut self,
        date: Date,
        manifest: &Manifest,
    ) -> Result<Receipt, Rejection> {
        let day = self.known_day(date)?.running()?;
        if !matches!(day.state, DayState::Open | DayState::Disputed) {
            return day.wrong_state(Reason::DayState, "OPEN or DISPUTED");
        }
        let hasher = day.current_hasher();
        compare(day, manifest, &hasher)?;
        let closes: Vec<_> = day.prices.iter().map(|(code, line)| (*code, line.close())).collect();

        self.touch(RecordKey::Day(date));
        for (code, close) in closes.iter().copied() {
            self.touch(RecordKey::Instrument(code));
            self.touch(RecordKey::Price(date, code));
            if let Some(instrument) = self.instruments.get_mut(&code) {
                instrument.last_close = close;
                instrument.last_close_date = Some(date);
            }
        }
        if let Some(day) = self.days.get_mut(&date) {
            day.state = DayState::Closed;
            day.dispute_reason.clear();
            day.hasher = Some(hasher);
            day.prices.values_mut().for_each(|line| line.settled = true);
        }
        let Manifest { trade_count, quantity, amount, trades_sha256 } = *manifest;
        let settled = closes.clone();
        self.record(
            What::DayClosed { date, trade_count, quantity, amount, trades_sha256, closes },
            Vec::new(),
        );
        self.watch_pledges(date, &settled);
        self.day_receipt(date)
    }
}

impl Day {
    /// The stream's hash so far; computed again after amendments.
    fn current_hasher(&self) -> TradesHasher {
        self.hasher.clone().unwrap_or_else(|| {
            let mut hasher = TradesHasher::new(self.date);
            self.stream_trades().for_each(|trade| hasher.add(trade));
            hasher
        })
    }
}

fn compare(day: &Day, manifest: &Manifest, hasher: &TradesHasher) -> Result<(), Rejection> {
    let stream = day.stream;
    let differs = |field: &str, sent: String, received: String| {
        Err(Rejection::new(
            Reason::ManifestMismatch,
            field,
            format!("the manifest of {} says {field} {sent}, received were {received}", day.date),
        ))
    };
    if manifest.trade_count != stream.count {
        return differs("trade_count", manifest.trade_count.to_string(), stream.count.to_string());
    }
    if manifest.quantity != stream.quantity {
        return differs(
            "quantity_tco2e",
            manifest.quantity.0.to_string(),
            stream.quantity.0.to_string(),
        );
    }
    if manifest.amount != stream.amount {
        return differs("amount_yuan", format_yuan(manifest.amount), format_yuan(stream.amount));
    }
    let received = hasher.clone().finish();
    if manifest.trades_sha256 != received {
        return differs(
            "trades_sha256",
            Digest(manifest.trades_sha256).to_string(),
            Digest(received).to_string(),
        );
    }
    Ok(())
}
