//! `events`: what changed the registry, listed and as it happens.

use std::io;
use std::ops::ControlFlow;

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::event_filter::About;
use registry_client::proto::{Consistency, Event, EventFilter, TradeKey};

use crate::args::Global;
use crate::output::{self, Page};
use crate::views::event;

/// Events, one a line.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Events so far, oldest first.
    List(List),
    /// Events as they happen, until interrupted.
    Watch(Watch),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    about: AboutWhat,
    /// Start after this event.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// As many events at most.
    #[arg(long, default_value_t = 100)]
    limit: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    about: AboutWhat,
    /// Start after this event: the last one seen.
    #[arg(long, default_value_t = 0)]
    after: u64,
}

/// One thing that events are about; all events without it.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct AboutWhat {
    /// Only events about this account; its trades are among its days'.
    #[arg(long)]
    account: Option<u64>,
    /// Only events about this instrument, e.g. CEA-2020.
    #[arg(long)]
    instrument: Option<String>,
    /// Only events about this bank.
    #[arg(long)]
    bank: Option<u32>,
    /// Only events of this settlement day, YYYY-MM-DD.
    #[arg(long)]
    date: Option<String>,
    /// Only events about this pledge.
    #[arg(long)]
    pledge: Option<u64>,
    /// Only events about this trade: YYYY-MM-DD:NUMBER.
    #[arg(long, value_parser = trade_key)]
    trade: Option<TradeKey>,
    /// Only events of this platform, by its number.
    #[arg(long)]
    platform: Option<u32>,
    /// Only events of this repo.
    #[arg(long)]
    repo: Option<u64>,
}

/// The date is the node's to refuse.
fn trade_key(text: &str) -> Result<TradeKey, String> {
    let parts = text.split_once(':').and_then(|(date, number)| Some((date, number.parse().ok()?)));
    let (date, trade_number) = parts.ok_or("must be a date, a colon and the trade's number")?;
    Ok(TradeKey { date: date.to_owned(), trade_number })
}

impl AboutWhat {
    fn filter(&self) -> Option<EventFilter> {
        let about = (self.account.map(About::AccountId))
            .or_else(|| self.instrument.clone().map(About::Instrument))
            .or_else(|| self.bank.map(About::BankId))
            .or_else(|| self.date.clone().map(About::Date))
            .or_else(|| self.pledge.map(About::PledgeId))
            .or_else(|| self.trade.clone().map(About::Trade))
            .or_else(|| self.platform.map(About::PlatformId))
            .or_else(|| self.repo.map(About::RepoId))?;
        Some(EventFilter { about: Some(about) })
    }
}

impl EventsCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::List(list) => list.run(global).await?,
            Self::Watch(watch) => watch.run(global).await?,
        }
        // Everything was printed line by line.
        Ok(Page::default())
    }
}

fn print(event: &Event, global: &Global) -> io::Result<ControlFlow<()>> {
    output::print_line(event::event(event), global.output)
}

impl List {
    async fn run(&self, global: &Global) -> Result<()> {
        let consistency = Consistency::try_from(global.consistency()).unwrap_or_default();
        let mut events = global.reads()?.all_events(self.after, self.about.filter(), consistency);
        for _ in 0..self.limit {
            let Some(event) = events.next().await? else { break };
            if print(&event, global)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Watch {
    async fn run(&self, global: &Global) -> Result<()> {
        let reads = global.reads()?;
        let mut failed = None;
        let watch = reads.watch_events(self.after, self.about.filter(), |reply| {
            print_all(&reply.events, global).unwrap_or_else(|error| {
                failed = Some(error);
                ControlFlow::Break(())
            })
        });
        watch.await?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

pub(super) fn print_all(events: &[Event], global: &Global) -> io::Result<ControlFlow<()>> {
    for event in events {
        if print(event, global)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
