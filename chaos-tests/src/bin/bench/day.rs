//! A settlement day from its opening to its end, each step measured.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use registry_chaos_tests::day::DaySums;
use registry_chaos_tests::market::open_day;
use registry_client::SubmitOptions;
use registry_client::proto::{DayRequest, DayState, Trade};

use crate::bed::Bed;
use crate::measure::{Mark, Taken, each_us};
use crate::stream;

/// The benchmark's settlement day.
pub(crate) const DATE: &str = "2021-12-16";

/// What the steps of a day took.
#[derive(Clone, Debug)]
pub(crate) struct SettledDay {
    pub(crate) trades: u64,
    pub(crate) open: Taken,
    /// All chunks sent and answered.
    pub(crate) stream: Taken,
    /// Manifest, clearing, the exchange's confirmation.
    pub(crate) confirm: Taken,
    pub(crate) deliver: Taken,
    pub(crate) statements: Taken,
    pub(crate) finalize: Taken,
    /// What the nodes still had to do after the last answer; no part of the day.
    pub(crate) afterwards: Taken,
    /// Of every chunk, from sending to its answer.
    pub(crate) chunk_latencies: Vec<Duration>,
    /// The stream and the delivery, part by part.
    pub(crate) stream_parts: Vec<Part>,
    pub(crate) deliver_parts: Vec<Part>,
}

/// Some successive trades of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) trades: u64,
    pub(crate) taken: Taken,
}

impl Part {
    /// Of all nodes, for one trade.
    pub(crate) fn cpu_us(&self) -> f64 {
        each_us(self.taken.used.nodes_us, self.trades)
    }

    /// Both together.
    pub(crate) fn and(self, next: Self) -> Self {
        Self { trades: self.trades + next.trades, taken: self.taken.and(next.taken) }
    }
}

impl SettledDay {
    /// The steps by name, in order.
    pub(crate) fn steps(&self) -> [(&'static str, Taken); 6] {
        [
            ("open", self.open),
            ("stream", self.stream),
            ("manifest, clear, confirm", self.confirm),
            ("deliver", self.deliver),
            ("statements", self.statements),
            ("finalize", self.finalize),
        ]
    }

    /// From the first chunk to the last delivery.
    pub(crate) fn settlement(&self) -> Taken {
        self.stream.and(self.confirm).and(self.deliver)
    }

    /// The whole day as one part, with all that the nodes did for it.
    pub(crate) fn as_part(&self) -> Part {
        let mut taken = self.whole();
        taken.used = taken.and(self.afterwards).used;
        Part { trades: self.trades, taken }
    }

    /// From the opening to the end.
    pub(crate) fn whole(&self) -> Taken {
        self.steps().into_iter().map(|(_, taken)| taken).fold(Taken::default(), Taken::and)
    }
}

/// Takes a day through all its steps; every trade must be delivered.
pub(crate) async fn settle(
    bed: &Bed,
    sums: &DaySums,
    chunks: impl Iterator<Item = Vec<Trade>>,
    part_trades: u64,
) -> anyhow::Result<SettledDay> {
    let (date, trades) = (sums.date(), sums.trade_count());
    let request = || DayRequest { date: date.to_owned(), ..Default::default() };

    let began = bed.mark();
    bed.registry.open_day(open_day(date)).await.context("opening the day")?;
    let opened = bed.mark();

    let mut stream_parts = Parts::new(opened, part_trades);
    let options = SubmitOptions::default();
    let sent = stream::send(&bed.exchange, date, chunks, &options, |accepted| {
        stream_parts.reached(bed, accepted, trades);
    });
    let chunk_latencies = Box::pin(sent).await?;
    let streamed = bed.mark();

    Box::pin(sums.confirm(&bed.registry, &bed.exchange)).await?;
    let confirmed = bed.mark();

    let mut deliver_parts = Parts::new(confirmed, part_trades);
    let delivery = bed.exchange.deliver_day(date, 0, |reply| {
        deliver_parts.reached(bed, reply.through_sequence, trades);
    });
    let report = delivery.await.context("delivering")?;
    let delivered = bed.mark();
    ensure!(report.delivered == trades, "{} of {trades} trades were delivered", report.delivered);

    bed.registry.issue_statements(request()).await.context("issuing the statements")?;
    let stated = bed.mark();
    let day = bed.registry.finalize_day(request()).await.context("making the day final")?.day;
    let ended = bed.mark();
    let state = day.map(|day| day.state());
    ensure!(state == Some(DayState::Final), "the day is {state:?}");
    bed.rest().await;
    let rested = bed.mark();

    Ok(SettledDay {
        trades,
        open: began.until(&opened),
        stream: opened.until(&streamed),
        confirm: streamed.until(&confirmed),
        deliver: confirmed.until(&delivered),
        statements: delivered.until(&stated),
        finalize: stated.until(&ended),
        afterwards: ended.until(&rested),
        chunk_latencies,
        stream_parts: stream_parts.done,
        deliver_parts: deliver_parts.done,
    })
}

/// Cuts a step into parts of so many trades.
struct Parts {
    part_trades: u64,
    begun: Mark,
    begun_at_trade: u64,
    done: Vec<Part>,
}

impl Parts {
    fn new(begun: Mark, part_trades: u64) -> Self {
        Self { part_trades, begun, begun_at_trade: 0, done: Vec::new() }
    }

    /// The step has come to `trade` of `last`.
    fn reached(&mut self, bed: &Bed, trade: u64, last: u64) {
        let trades = trade.saturating_sub(self.begun_at_trade);
        // The rest of a step that would be less than half a part joins the last.
        let full = trades >= self.part_trades && last.saturating_sub(trade) >= self.part_trades / 2;
        if trades == 0 || !(full || trade >= last) {
            return;
        }
        let now = bed.mark();
        self.done.push(Part { trades, taken: self.begun.until(&now) });
        (self.begun, self.begun_at_trade) = (now, trade);
    }
}
