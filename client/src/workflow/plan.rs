//! What a day's job is given, tells while it runs, and answers.

use std::time::Duration;

use registry_proto::registry::{ClearingReply, Day, Trade};

use super::held::{HeldTrade, TopUp, TopUps};
use crate::formats::TradeTotals;

/// What to settle and how.
#[derive(Clone, Debug)]
pub struct DayPlan {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// All trades of the day's stream, in order.
    pub trades: Vec<Trade>,
    /// Prefix of request ids, at most 24 characters of `[A-Za-z0-9._:-]`. A
    /// job that is run again keeps it.
    pub run: String,
    /// Trades per chunk, at most 8,192. A job that goes on with an open day
    /// keeps it, for the registry compares chunk by chunk.
    pub chunk_trades: usize,
    /// Chunks that may be unanswered at once.
    pub in_flight: usize,
    /// Time for top-ups once delivery ends; 0 for the registry's default.
    pub topup_window_ms: i64,
    /// What to do about held trades.
    pub topups: TopUps,
}

impl DayPlan {
    /// A plan with chunks of 4,096 trades, 8 in flight, the registry's top-up
    /// window and held trades left alone.
    #[must_use]
    pub fn new(date: &str, trades: Vec<Trade>, run: &str) -> Self {
        Self {
            date: date.to_owned(),
            trades,
            run: run.to_owned(),
            chunk_trades: 4_096,
            in_flight: 8,
            topup_window_ms: 0,
            topups: TopUps::Leave,
        }
    }
}

/// A part of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The registry opens the day.
    Open,
    /// The exchange streams chunks of trades.
    Submit,
    /// The exchange closes the stream.
    Manifest,
    /// The registry computes obligations.
    Clear,
    /// The exchange compares and confirms.
    Confirm,
    /// Delivery versus payment, trade by trade.
    Deliver,
    /// Top-ups and another try for held trades.
    Held,
    /// The registry issues statements.
    Statements,
    /// The registry makes the day final.
    Finalize,
}

impl Stage {
    /// A word for a person.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Submit => "submit",
            Self::Manifest => "manifest",
            Self::Clear => "clear",
            Self::Confirm => "confirm",
            Self::Deliver => "deliver",
            Self::Held => "held",
            Self::Statements => "statements",
            Self::Finalize => "finalize",
        }
    }
}

/// How far a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettleProgress {
    /// Which stage.
    pub stage: Stage,
    /// Trades done.
    pub done: u64,
    /// Trades in all.
    pub total: u64,
}

/// What was settled.
#[derive(Clone, Debug, PartialEq)]
pub struct SettleReport {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Of the plan's trades.
    pub totals: TradeTotals,
    /// The day as the job left it: FINAL when nothing is held.
    pub day: Day,
    /// What every bank pays and receives.
    pub clearing: ClearingReply,
    /// Trades held after the first try.
    pub first_held: Vec<HeldTrade>,
    /// Top-ups that were made.
    pub topups: Vec<TopUp>,
    /// Trades held at the end.
    pub still_held: Vec<HeldTrade>,
    /// Time each stage of this run took.
    pub stages: Vec<(Stage, Duration)>,
    /// Times a stream had to be opened anew.
    pub resumptions: u32,
}
