//! A settlement day from the exchange's trades to its final state.
//!
//! The day's own state drives the job: each turn reads where the day stands
//! and does the next step, so that a job cut short anywhere can be run again.

use std::time::{Duration, Instant};

use registry_proto::registry::{
    ConfirmClearingRequest, Consistency, Day, DayReply, DayRequest, DayState, GetDayRequest,
    OpenDayRequest, SubmitManifestRequest, Trade,
};

use super::compare::{PlanBooks, state_name};
use super::held::{self, HeldTrade, TopUp, TopUps};
use super::plan::{DayPlan, SettleProgress, SettleReport, Stage};
use super::{During as _, WorkflowError};
use crate::amount::format_fen;
use crate::{ExchangeClient, RegistryClient, SubmitOptions};

/// Settles one day: open, chunks, manifest, clear, compare, confirm, deliver,
/// top up and retry what is held, statements, final.
///
/// Before every step the day is compared with the plan, so that neither is a
/// day with other trades changed nor its end reported as this plan's.
///
/// # Errors
/// A trade of another date, before the first call; `OtherTrades` or
/// `ClearingDiffers` for a day that is not the plan's; the first step that
/// cannot be done. Run again with the same plan, the job goes on where the day
/// stands.
pub async fn settle_day(
    registry: &RegistryClient,
    exchange: &ExchangeClient,
    plan: &DayPlan,
    progress: impl FnMut(SettleProgress),
) -> Result<SettleReport, WorkflowError> {
    let mut job = Job::new(registry, exchange, plan, progress)?;
    // Boxed: the job's future holds every step's.
    Box::pin(job.run()).await
}

struct Job<'a, P> {
    registry: &'a RegistryClient,
    exchange: &'a ExchangeClient,
    plan: &'a DayPlan,
    progress: P,
    books: PlanBooks<'a>,
    first_held: Option<Vec<HeldTrade>>,
    topups: Vec<TopUp>,
    still_held: Vec<HeldTrade>,
    stages: Vec<(Stage, Duration)>,
    resumptions: u32,
}

impl<'a, P: FnMut(SettleProgress)> Job<'a, P> {
    fn new(
        registry: &'a RegistryClient,
        exchange: &'a ExchangeClient,
        plan: &'a DayPlan,
        progress: P,
    ) -> Result<Self, WorkflowError> {
        if plan.run.is_empty() {
            return Err(WorkflowError::Plan("the plan's run must not be empty".to_owned()));
        }
        Ok(Self {
            registry,
            exchange,
            plan,
            progress,
            books: PlanBooks::of(plan)?,
            first_held: None,
            topups: Vec::new(),
            still_held: Vec::new(),
            stages: Vec::new(),
            resumptions: 0,
        })
    }

    async fn run(&mut self) -> Result<SettleReport, WorkflowError> {
        let mut day = self.find_day().await?;
        loop {
            if let Some(day) = &day {
                self.books.must_match(day)?;
            }
            day = match day {
                None => Some(self.open().await?),
                Some(day) => match day.state() {
                    DayState::Open => Some(self.submit().await?),
                    DayState::Closed => Some(self.clear().await?),
                    DayState::Cleared => Some(self.confirm().await?),
                    DayState::Confirmed => Some(self.deliver().await?),
                    DayState::Delivered => match self.finish(&day).await? {
                        Some(moved_on) => Some(moved_on),
                        None => return self.report(day).await,
                    },
                    DayState::Final => return self.report(day).await,
                    DayState::Disputed => {
                        return Err(self.stuck(&day, "amend the trades and send a new manifest"));
                    }
                    DayState::Suspended => {
                        return Err(self.stuck(&day, "two registry officers must resume it"));
                    }
                    DayState::Unspecified => {
                        return Err(self.stuck(&day, "this client does not know the state"));
                    }
                },
            };
        }
    }

    async fn find_day(&self) -> Result<Option<Day>, WorkflowError> {
        match self.read_day().await {
            Ok(reply) => Ok(reply.day),
            Err(error) if error.is_rejected_with("UNKNOWN_DAY") => Ok(None),
            Err(error) => Err(error).during(|| format!("read day {}", self.plan.date)),
        }
    }

    async fn read_day(&self) -> Result<DayReply, crate::ClientError> {
        let consistency = Consistency::Linearizable.into();
        let request = GetDayRequest { date: self.plan.date.clone(), consistency };
        self.registry.reads().get_day(request).await
    }

    async fn open(&mut self) -> Result<Day, WorkflowError> {
        let started = self.start(Stage::Open, 0, 0);
        let request = OpenDayRequest {
            request_id: String::new(),
            date: self.plan.date.clone(),
            topup_window_ms: self.plan.topup_window_ms,
        };
        let reply = self.registry.open_day(request).await.during(|| self.step(Stage::Open))?;
        self.done(Stage::Open, started);
        self.day_of(reply)
    }

    /// All chunks, those of an earlier run too: the registry compares them
    /// with what it took.
    async fn submit(&mut self) -> Result<Day, WorkflowError> {
        let total = self.books.totals.trade_count;
        let chunk_trades = self.plan.chunk_trades.max(1);
        let started = self.start(Stage::Submit, 0, total);
        let options = SubmitOptions {
            run: self.plan.run.clone(),
            in_flight: self.plan.in_flight,
            first_chunk: 1,
        };
        let chunks = self.plan.trades.chunks(chunk_trades).map(<[Trade]>::to_vec);
        let progress = &mut self.progress;
        let sent = self
            .exchange
            .submit_trades(&self.plan.date, chunks, &options, |reply| {
                let done = reply.trades_accepted;
                progress(SettleProgress { stage: Stage::Submit, done, total });
            })
            .await
            .during(|| format!("submit trades of {}", self.plan.date))?;
        self.resumptions += sent.resumptions;
        self.done(Stage::Submit, started);
        self.manifest().await
    }

    async fn manifest(&mut self) -> Result<Day, WorkflowError> {
        let started = self.start(Stage::Manifest, 0, 0);
        let request = SubmitManifestRequest {
            request_id: String::new(),
            date: self.plan.date.clone(),
            trade_count: self.books.totals.trade_count,
            quantity_tco2e: self.books.totals.quantity_tco2e,
            amount_yuan: format_fen(self.books.totals.amount_fen),
            trades_sha256: self.books.trades_sha256.to_vec().into(),
        };
        let reply =
            self.exchange.submit_manifest(request).await.during(|| self.step(Stage::Manifest))?;
        self.done(Stage::Manifest, started);
        self.day_of(reply)
    }

    async fn clear(&mut self) -> Result<Day, WorkflowError> {
        let started = self.start(Stage::Clear, 0, 0);
        let request = self.day_request();
        self.registry.clear_day(request).await.during(|| self.step(Stage::Clear))?;
        self.done(Stage::Clear, started);
        self.reread().await
    }

    async fn confirm(&mut self) -> Result<Day, WorkflowError> {
        let started = self.start(Stage::Confirm, 0, 0);
        let request = ConfirmClearingRequest {
            request_id: String::new(),
            date: self.plan.date.clone(),
            clearing_sha256: self.books.clearing_sha256.to_vec().into(),
        };
        let reply =
            self.exchange.confirm_clearing(request).await.during(|| self.step(Stage::Confirm))?;
        self.done(Stage::Confirm, started);
        self.day_of(reply)
    }

    async fn deliver(&mut self) -> Result<Day, WorkflowError> {
        let total = self.books.totals.trade_count;
        let started = self.start(Stage::Deliver, 0, total);
        let progress = &mut self.progress;
        let delivered = self
            .exchange
            .deliver_day(&self.plan.date, 0, |reply| {
                progress(SettleProgress {
                    stage: Stage::Deliver,
                    done: reply.through_sequence,
                    total: reply.trade_count,
                });
            })
            .await
            .during(|| format!("deliver day {}", self.plan.date))?;
        self.resumptions += delivered.resumptions;
        self.done(Stage::Deliver, started);
        self.reread().await
    }

    /// Held trades, then statements, then final; `None` when trades stay held.
    async fn finish(&mut self, day: &Day) -> Result<Option<Day>, WorkflowError> {
        if day.held_count > 0 && !self.resolve_held().await? {
            return Ok(None);
        }
        if !day.statements_issued {
            let started = self.start(Stage::Statements, 0, 0);
            let request = self.day_request();
            self.registry
                .issue_statements(request)
                .await
                .during(|| self.step(Stage::Statements))?;
            self.done(Stage::Statements, started);
        }
        // Held trades and statements took their time; final is for ever.
        let day = self.reread().await?;
        self.books.must_match(&day)?;
        let started = self.start(Stage::Finalize, 0, 0);
        let request = self.day_request();
        let reply =
            self.registry.finalize_day(request).await.during(|| self.step(Stage::Finalize))?;
        self.done(Stage::Finalize, started);
        self.day_of(reply).map(Some)
    }

    /// True when nothing is held any more.
    async fn resolve_held(&mut self) -> Result<bool, WorkflowError> {
        let date = self.plan.date.as_str();
        let held = held::list_held(self.registry, date).await?;
        let total = held.len() as u64;
        let started = self.start(Stage::Held, 0, total);
        self.topups = match &self.plan.topups {
            TopUps::Leave => {
                self.still_held.clone_from(&held);
                self.first_held = Some(held);
                return Ok(false);
            }
            TopUps::Given(topups) => topups.clone(),
            TopUps::CoverShortfall => held::shortfalls(self.registry, &held).await?,
        };
        held::top_up(self.registry, &self.plan.run, date, &held, &self.topups).await?;
        held::retry(self.registry, date, &held).await?;
        self.still_held = held::list_held(self.registry, date).await?;
        let done = total.saturating_sub(self.still_held.len() as u64);
        (self.progress)(SettleProgress { stage: Stage::Held, done, total });
        self.first_held = Some(held);
        self.done(Stage::Held, started);
        Ok(self.still_held.is_empty())
    }

    async fn report(&mut self, day: Day) -> Result<SettleReport, WorkflowError> {
        let consistency = Consistency::Linearizable.into();
        let request = GetDayRequest { date: self.plan.date.clone(), consistency };
        let clearing = self
            .registry
            .reads()
            .get_clearing(request)
            .await
            .during(|| format!("read the clearing of {}", self.plan.date))?;
        // The retry changed the counts of a day that stays DELIVERED.
        let day = if self.topups.is_empty() { day } else { self.reread().await? };
        Ok(SettleReport {
            date: self.plan.date.clone(),
            totals: self.books.totals,
            day,
            clearing,
            first_held: self.first_held.take().unwrap_or_default(),
            topups: std::mem::take(&mut self.topups),
            still_held: std::mem::take(&mut self.still_held),
            stages: std::mem::take(&mut self.stages),
            resumptions: self.resumptions,
        })
    }

    async fn reread(&self) -> Result<Day, WorkflowError> {
        let reply = self.read_day().await.during(|| format!("read day {}", self.plan.date))?;
        self.day_of(reply)
    }

    fn day_of(&self, reply: DayReply) -> Result<Day, WorkflowError> {
        reply.day.ok_or_else(|| {
            WorkflowError::Plan(format!("the answer for day {} holds no day", self.plan.date))
        })
    }

    fn day_request(&self) -> DayRequest {
        // A fresh id: an earlier run's refusal must not come back.
        DayRequest { request_id: String::new(), date: self.plan.date.clone() }
    }

    fn stuck(&self, day: &Day, advice: &str) -> WorkflowError {
        WorkflowError::DayState {
            date: self.plan.date.clone(),
            state: state_name(day),
            advice: advice.to_owned(),
        }
    }

    fn step(&self, stage: Stage) -> String {
        format!("{} day {}", stage.as_str(), self.plan.date)
    }

    fn start(&mut self, stage: Stage, done: u64, total: u64) -> Instant {
        (self.progress)(SettleProgress { stage, done, total });
        Instant::now()
    }

    fn done(&mut self, stage: Stage, started: Instant) {
        self.stages.push((stage, started.elapsed()));
    }
}
