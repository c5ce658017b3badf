//! Delivery of a day in steps of some thousand trades, several in the log at
//! once. The day's own cursor makes steps idempotent, so a caller whose stream
//! broke asks again for what it has not seen, on this node or another.

use std::pin::Pin;

use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt as _};
use registry_ledger::Receipt;
use registry_proto::registry::{DeliverDayReply, DeliverDayRequest, Stamp};
use registry_proto::storage::DeliverTrades;
use registry_proto::storage::log_command::Command;
use tonic::Status;

use crate::security::Caller;
use crate::services::gateway::{Gateway, unexpected};
use crate::services::{encode, status};

/// Trades per log entry.
const TRADES_PER_STEP: u32 = 4_096;
/// Steps proposed and not yet answered, per call.
const STEPS_IN_FLIGHT: usize = 6;

type Answer = Pin<Box<dyn Future<Output = Result<(Stamp, Receipt), Status>> + Send>>;

struct Delivery {
    gateway: Gateway,
    caller: Caller,
    date: String,
    /// First trade of the next step to propose.
    next_sequence: u64,
    /// The day's last sequence number, once the first step has answered.
    trade_count: Option<u64>,
    in_flight: FuturesOrdered<Answer>,
}

/// The results of the day's trades after the caller's cursor, in order.
pub(super) fn results(
    gateway: Gateway,
    caller: Caller,
    request: DeliverDayRequest,
) -> impl Stream<Item = Result<DeliverDayReply, Status>> + Send {
    let delivery = Delivery {
        gateway,
        caller,
        date: request.date,
        next_sequence: request.after_sequence.saturating_add(1),
        trade_count: None,
        in_flight: FuturesOrdered::new(),
    };
    futures::stream::unfold(Some(delivery), |delivery| async move {
        let mut delivery = delivery?;
        match delivery.next_results().await? {
            Ok(reply) => Some((Ok(reply), Some(delivery))),
            Err(status) => Some((Err(status), None)),
        }
    })
}

impl Delivery {
    async fn next_results(&mut self) -> Option<Result<DeliverDayReply, Status>> {
        if let Err(status) = self.fill() {
            return Some(Err(status));
        }
        let answer = self.in_flight.next().await?;
        Some(answer.and_then(|(stamp, receipt)| self.reply(stamp, receipt)))
    }

    /// Proposes steps up to the bound. The first goes alone: only its answer
    /// tells how many there are.
    fn fill(&mut self) -> Result<(), Status> {
        loop {
            let more = match self.trade_count {
                None => self.in_flight.is_empty(),
                Some(count) => {
                    self.in_flight.len() < STEPS_IN_FLIGHT && self.next_sequence <= count
                }
            };
            if !more {
                return Ok(());
            }
            let step = DeliverTrades {
                date: self.date.clone(),
                from_sequence: self.next_sequence,
                max_trades: TRADES_PER_STEP,
            };
            let answer = self.gateway.propose(&self.caller, Command::DeliverTrades(step))?;
            self.next_sequence = self.next_sequence.saturating_add(u64::from(TRADES_PER_STEP));
            self.in_flight.push_back(Box::pin(answer));
        }
    }

    fn reply(&mut self, stamp: Stamp, receipt: Receipt) -> Result<DeliverDayReply, Status> {
        let Receipt::Delivered { from_sequence, trade_count, results } = receipt else {
            return Err(unexpected(&receipt));
        };
        self.trade_count = Some(trade_count);
        let through = from_sequence.saturating_add(results.len() as u64).saturating_sub(1);
        let step_end = from_sequence.saturating_add(u64::from(TRADES_PER_STEP)).saturating_sub(1);
        if through < trade_count.min(step_end) {
            return Err(status::fault(&format!(
                "delivery step from {from_sequence} gave {} results of {trade_count}",
                results.len()
            )));
        }
        Ok(DeliverDayReply {
            stamp: Some(stamp),
            through_sequence: through,
            trade_count,
            results: results.iter().map(encode::trade_result).collect(),
        })
    }
}
