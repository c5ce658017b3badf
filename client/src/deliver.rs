//! Delivery of a day, with its results streamed back.

use registry_proto::registry::settlement_service_client::SettlementServiceClient;
use registry_proto::registry::{
    DeliverDayReply, DeliverDayRequest, Stamp, TradeResult, TradeStatus,
};
use tonic::{Request, Status};

use crate::connect::{Connector, Route};
use crate::error::ClientError;
use crate::leader::{Attempt, Attempts, Call};

/// What was delivered, counted over the results that this call received.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryReport {
    /// Trades of the day.
    pub trade_count: u64,
    /// Last sequence number received.
    pub through_sequence: u64,
    /// Results with status DELIVERED or RESERVE_COVERED.
    pub delivered: u64,
    /// Results with status HELD, in order.
    pub held: Vec<TradeResult>,
    /// Results with status VOIDED: taken out before the clearing was confirmed.
    pub voided: u64,
    /// Results with status FAILED: held until the top-up deadline passed.
    pub failed: u64,
    /// Times the stream had to be opened anew.
    pub resumptions: u32,
    /// Of the last answer.
    pub stamp: Stamp,
}

pub(crate) async fn deliver_day(
    connector: &Connector,
    date: &str,
    after_sequence: u64,
    mut on_results: impl FnMut(&DeliverDayReply),
) -> Result<DeliveryReport, ClientError> {
    let mut report = DeliveryReport { through_sequence: after_sequence, ..Default::default() };
    // The day's own cursor makes the call safe to repeat, so nothing is unknown
    // that asking again would not tell.
    let mut attempts = Attempts::new(connector, Call::read("deliver_day"), Route::Leader);
    loop {
        let attempt = attempts.next().await?;
        let stream = run_stream(connector, &attempt, date, &mut report, |reply| {
            attempts.progressed(None);
            on_results(reply);
        });
        match Box::pin(stream).await {
            Ok(()) => return Ok(report),
            Err(Broken::Silent) => attempts.silent(&attempt),
            Err(Broken::Protocol(message)) => return Err(ClientError::Protocol(message)),
            Err(Broken::Status(status)) => attempts.failed(&attempt, &status)?,
        }
        report.resumptions += 1;
    }
}

enum Broken {
    Status(Status),
    Silent,
    Protocol(String),
}

async fn run_stream(
    connector: &Connector,
    attempt: &Attempt,
    date: &str,
    report: &mut DeliveryReport,
    mut on_results: impl FnMut(&DeliverDayReply),
) -> Result<(), Broken> {
    let stall = connector.stream_stall_timeout();
    let request =
        DeliverDayRequest { date: date.to_owned(), after_sequence: report.through_sequence };
    let mut client = SettlementServiceClient::new(attempt.channel.clone());
    let opening = client.deliver_day(Request::new(request));
    let mut replies = match tokio::time::timeout(stall, Box::pin(opening)).await {
        Ok(opened) => opened.map_err(Broken::Status)?.into_inner(),
        Err(_) => return Err(Broken::Silent),
    };
    let mut answered = false;
    loop {
        let reply = match tokio::time::timeout(stall, replies.message()).await {
            Ok(Ok(Some(reply))) => reply,
            Ok(Ok(None)) if answered && report.through_sequence >= report.trade_count => {
                return Ok(());
            }
            Ok(Ok(None)) => {
                return Err(Broken::Status(Status::unavailable("the node ended the stream early")));
            }
            Ok(Err(status)) => return Err(Broken::Status(status)),
            Err(_) => return Err(Broken::Silent),
        };
        answered = true;
        report.take(&reply).map_err(Broken::Protocol)?;
        on_results(&reply);
    }
}

impl DeliveryReport {
    /// Counts each result once: the numbers must go on where the last reply ended.
    fn take(&mut self, reply: &DeliverDayReply) -> Result<(), String> {
        let count = reply.results.len() as u64;
        if reply.through_sequence != self.through_sequence + count {
            return Err(format!(
                "{count} results through {} do not follow {}",
                reply.through_sequence, self.through_sequence
            ));
        }
        self.through_sequence = reply.through_sequence;
        self.trade_count = reply.trade_count;
        self.stamp = reply.stamp.unwrap_or_default();
        for result in &reply.results {
            match result.status() {
                TradeStatus::Delivered | TradeStatus::ReserveCovered => self.delivered += 1,
                TradeStatus::Held => self.held.push(result.clone()),
                TradeStatus::Voided => self.voided += 1,
                TradeStatus::Failed => self.failed += 1,
                status @ (TradeStatus::Accepted | TradeStatus::Unspecified) => {
                    return Err(format!(
                        "trade {} has {} for a result of delivery",
                        result.trade_number,
                        status.as_str_name()
                    ));
                }
            }
        }
        Ok(())
    }
}
