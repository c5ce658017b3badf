//! What a trade costs when there is little, and when there is much.

use serde::Serialize;

use crate::day::{Part, SettledDay};
use crate::measure::rounded;
use crate::report::grouped;
use crate::target::{self, Target};

/// One cost before and after growing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Growth {
    /// Which step's cost, and what grows.
    pub(crate) what: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Of all nodes.
    pub(crate) cpu_us_per_trade_from: f64,
    pub(crate) cpu_us_per_trade_to: f64,
    pub(crate) trades_per_s_from: f64,
    pub(crate) trades_per_s_to: f64,
    /// Of the processor time.
    pub(crate) ratio: f64,
    #[serde(flatten)]
    pub(crate) target: Target,
}

/// Stream and delivery, each as the day grows and as the accounts grow; then
/// all of a trade.
pub(super) fn lines(
    day: &SettledDay,
    between_few: &SettledDay,
    few: u64,
    accounts: u64,
) -> Vec<Growth> {
    let steps = [
        ("stream", &day.stream_parts, &between_few.stream_parts),
        ("deliver", &day.deliver_parts, &between_few.deliver_parts),
    ];
    let between = |accounts: u64| format!("{} accounts", grouped(accounts));
    let mut lines = Vec::new();
    let sum = |parts: &[Part]| parts.iter().copied().reduce(Part::and);
    for (step, parts, parts_between_few) in steps {
        // Some together: one is over before the next handover to the disk.
        let some = (parts.len() / 3).max(1);
        let ends = (parts.get(..some), parts.len().checked_sub(some).map(|at| &parts[at..]));
        let (first, last) = (ends.0.and_then(sum), ends.1.and_then(sum));
        if let (Some(first), Some(last)) = (first, last) {
            lines.push(Growth::of(
                format!("{step}, trades in the day"),
                format!("first {}", grouped(first.trades)),
                format!("last {} of {}", grouped(last.trades), grouped(day.trades)),
                &first,
                &last,
            ));
        }
        if let (Some(between_few), Some(between_many)) = (sum(parts_between_few), sum(parts)) {
            lines.push(Growth::of(
                format!("{step}, accounts"),
                between(few),
                between(accounts),
                &between_few,
                &between_many,
            ));
        }
    }
    lines.push(Growth::of(
        "all of a trade, accounts".to_owned(),
        between(few),
        between(accounts),
        &between_few.as_part(),
        &day.as_part(),
    ));
    lines
}

impl Growth {
    fn of(what: String, from: String, to: String, before: &Part, after: &Part) -> Self {
        let (cpu_from, cpu_to) = (before.cpu_us(), after.cpu_us());
        // A part too short for the system's clock has no cost to compare with.
        let ratio = if cpu_from > 0.0 { rounded(cpu_to / cpu_from) } else { 0.0 };
        Self {
            what,
            from,
            to,
            cpu_us_per_trade_from: cpu_from,
            cpu_us_per_trade_to: cpu_to,
            trades_per_s_from: before.taken.per_second(before.trades),
            trades_per_s_to: after.taken.per_second(after.trades),
            ratio,
            target: target::growth(ratio),
        }
    }

    pub(super) fn unjudged(self) -> Self {
        Self { target: self.target.unjudged(), ..self }
    }
}
