//! The journal: pages of events, and a stream that never ends.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use registry_ledger::history::{self, Edge, End, Moment};
use registry_ledger::journal::{Event, Posting, Subject, What};
use registry_ledger::{
    AccountId, BankId, PlatformId, PledgeId, Reason, Rejection, RepoId, TradeNumber,
};
use registry_proto::registry as proto;
use registry_proto::registry::event_filter::About;
use registry_proto::registry::event_service_server::EventService;
use registry_proto::registry::{
    EventFilter, GetJournalReply, GetJournalRequest, ListEventsReply, ListEventsRequest,
    WatchEventsReply, WatchEventsRequest,
};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::decode::fields;
use crate::raft::Unavailable;
use crate::security::{Caller, Scope};
use crate::services::gateway::{Gateway, page_size};
use crate::services::query::{HistoryError, LiveHistory};
use crate::services::{encode, encode_event, status};
use crate::storage::StoredEvent;

/// Events of one message of a stream.
const EVENTS_PER_MESSAGE: usize = 1_000;
/// Their bytes, unless one alone has more.
const BYTES_PER_MESSAGE: usize = 512 << 10;

pub(super) struct Events(pub(super) Gateway);

/// Which events, and how much of them.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    about: Option<Subject>,
    /// Only these postings are shown.
    only_own: Option<Own>,
    /// No postings are shown, and no other bank's pledges.
    only_pledged_to: Option<BankId>,
}

impl Wanted {
    /// Everything that happens to the pledges of a bank.
    pub(super) fn of_pledgee(bank: BankId) -> Self {
        Self { about: Some(Subject::Pledgee(bank)), only_own: None, only_pledged_to: Some(bank) }
    }
}

/// Whose postings a caller sees whose right ends at its own.
#[derive(Clone, Copy)]
enum Own {
    /// A firm's account.
    Account(AccountId),
    /// A bank: money there, nobody's tonnes.
    Bank(BankId),
}

#[tonic::async_trait]
impl EventService for Events {
    type WatchEventsStream = Pin<Box<dyn Stream<Item = Result<WatchEventsReply, Status>> + Send>>;

    async fn list_events(
        &self,
        request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsReply>, Status> {
        let wanted = wanted(&request, request.get_ref().filter.as_ref())?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        if message.after_event != 0 && message.after_log_index != 0 {
            let text = "give after_event or after_log_index, not both";
            let both = Rejection::new(Reason::Malformed, "after_log_index", text);
            return Err(status::rejected(&both));
        }
        let journal = |ledger: &registry_ledger::Ledger| {
            Ok((ledger.journal().leaves(), ledger.ledger_time()))
        };
        let (stamp, (last, now)) = self.0.read(message.consistency, journal).await?;
        let end = End { event: last, log_index: stamp.log_index, now };
        let after = match message.after_log_index {
            0 => message.after_event,
            index => event_of(LiveHistory::of(&self.0), end, index).await?,
        };
        let page = page(LiveHistory::of(&self.0), wanted, after, last, limit).await?;
        let next_after_event = if page.through < last { page.through } else { 0 };
        Ok(Response::new(ListEventsReply {
            stamp: Some(stamp),
            events: page.events,
            next_after_event,
        }))
    }

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let wanted = wanted(&request, request.get_ref().filter.as_ref())?;
        let after = request.get_ref().after_event;
        Ok(Response::new(watch(self.0.clone(), wanted, after)))
    }

    async fn get_journal(
        &self,
        request: Request<GetJournalRequest>,
    ) -> Result<Response<GetJournalReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let consistency = request.get_ref().consistency;
        let (stamp, (event_count, root)) = self
            .0
            .read(consistency, |ledger| Ok((ledger.journal().leaves(), ledger.journal().root())))
            .await?;
        let root_sha256 = encode::digest(root);
        Ok(Response::new(GetJournalReply { stamp: Some(stamp), event_count, root_sha256 }))
    }
}

/// The events after one as they come, without an end.
pub(super) fn watch(
    gateway: Gateway,
    wanted: Wanted,
    after: u64,
) -> Pin<Box<dyn Stream<Item = Result<WatchEventsReply, Status>> + Send>> {
    let last = gateway.replica.journal().last();
    let watch = Watch { gateway, wanted, after, last };
    let replies = futures::stream::unfold(Some(watch), |watch| async move {
        let mut watch = watch?;
        match watch.next().await {
            Ok(reply) => Some((Ok(reply), Some(watch))),
            Err(status) => Some((Err(status), None)),
        }
    });
    replies.boxed()
}

/// A caller whose right ends at its own account, or bank, asks for that.
fn wanted<T>(request: &Request<T>, filter: Option<&EventFilter>) -> Result<Wanted, Status> {
    let about = match filter.and_then(|filter| filter.about.as_ref()) {
        None => None,
        Some(about) => Some(subject(about).map_err(|refused| status::rejected(&refused))?),
    };
    let caller = match about {
        Some(Subject::Account(id)) => Caller::of_account(request.extensions(), id.0.into())?,
        Some(Subject::Bank(id)) => Caller::of_bank(request.extensions(), id.0.into())?,
        _ => Caller::of(request.extensions())?,
    };
    let only_own = match about {
        Some(Subject::Account(id)) if caller.scope == Scope::Own => Some(Own::Account(id)),
        Some(Subject::Bank(id)) if caller.scope == Scope::Own => Some(Own::Bank(id)),
        _ => None,
    };
    Ok(Wanted { about, only_own, only_pledged_to: None })
}

fn subject(about: &About) -> Result<Subject, Rejection> {
    Ok(match about {
        About::AccountId(id) => Subject::Account(fields::account(*id, "filter.account_id")?),
        About::Instrument(code) => {
            Subject::Instrument(fields::instrument(code, "filter.instrument")?)
        }
        About::BankId(id) => {
            let id = u16::try_from(*id).map_err(|_| {
                let message = format!("filter.bank_id = {id}: no such bank");
                Rejection::new(Reason::UnknownBank, "filter.bank_id", message)
            })?;
            Subject::Bank(BankId(id))
        }
        About::PledgeId(id) => Subject::Pledge(PledgeId(*id)),
        About::Date(date) => Subject::Day(fields::date(date, "filter.date")?),
        About::Trade(trade) => Subject::Trade(
            fields::date(&trade.date, "filter.trade.date")?,
            TradeNumber(trade.trade_number),
        ),
        About::PlatformId(id) => {
            let id = u16::try_from(*id).map_err(|_| {
                let message = format!("filter.platform_id = {id}: no such platform");
                Rejection::new(Reason::UnknownPlatform, "filter.platform_id", message)
            })?;
            Subject::Platform(PlatformId(id))
        }
        About::RepoId(id) => Subject::Repo(RepoId(*id)),
    })
}

/// Some events, and the number up to which all were looked at.
struct Page {
    events: Vec<proto::Event>,
    through: u64,
}

/// The events after one and up to `last`.
async fn page(
    history: LiveHistory,
    wanted: Wanted,
    after: u64,
    last: u64,
    limit: usize,
) -> Result<Page, Status> {
    let read = move || -> Result<Page, Status> {
        let found = found(&history, wanted, after, last, limit);
        let (stored, through) = found.map_err(HistoryError::into_status)?;
        let events: Result<_, Status> =
            stored.into_iter().map(|stored| shown(stored, wanted)).collect();
        Ok(Page { events: events?, through })
    };
    // Disk and decoding would hold up the runtime.
    tokio::task::spawn_blocking(read).await.map_err(|e| status::fault(&e.to_string()))?
}

/// Number of the last event up to a log index.
async fn event_of(history: LiveHistory, end: End, log_index: u64) -> Result<u64, Status> {
    let at = Moment::LogIndex(log_index);
    history
        .read(move |history| history::through(history, end, at, Edge::Closing, "after_log_index"))
        .await
}

fn found(
    history: &LiveHistory,
    wanted: Wanted,
    after: u64,
    last: u64,
    limit: usize,
) -> Result<(Vec<StoredEvent>, u64), HistoryError> {
    let journal = history.journal();
    if after >= last {
        return Ok((Vec::new(), after));
    }
    let Some(subject) = wanted.about else {
        let mut events = journal.read(after.saturating_add(1), limit, BYTES_PER_MESSAGE)?;
        events.retain(|event| event.ordinal <= last);
        let through = events.last().map_or(last, |event| event.ordinal);
        return Ok((events, through));
    };
    let numbers = match subject {
        Subject::Trade(date, number) => {
            let numbers = history::trade_events(history, date, number)?;
            numbers.into_iter().filter(|event| *event > after).take(limit).collect()
        }
        subject => journal.history(subject, after, limit)?,
    };
    // A short answer, or one that goes beyond, holds all there is.
    let all = numbers.len() < limit || numbers.last().is_some_and(|number| *number > last);
    let (mut events, mut bytes, mut through) = (Vec::new(), 0, after);
    for number in numbers.into_iter().filter(|number| *number <= last) {
        if bytes > BYTES_PER_MESSAGE {
            return Ok((events, through));
        }
        for event in journal.read(number, 1, usize::MAX)? {
            bytes += event.bytes.len();
            events.push(event);
        }
        through = number;
    }
    Ok((events, if all { last } else { through }))
}

fn shown(stored: StoredEvent, wanted: Wanted) -> Result<proto::Event, Status> {
    let mut event = Event::from_bytes(&stored.bytes).map_err(|e| status::fault(&e.to_string()))?;
    if let Some(bank) = wanted.only_pledged_to {
        event.postings.clear();
        if let What::Frozen { stayed, .. } | What::FreezeLifted { stayed, .. } = &mut event.what {
            stayed.retain(|pledge| pledge.pledgee == bank);
        }
        return Ok(encode_event::event(&event, Vec::new()));
    }
    let Some(own) = wanted.only_own else {
        return Ok(encode_event::event(&event, stored.bytes));
    };
    if let Own::Bank(bank) = own {
        hide_other_parties(&mut event, bank);
    }
    // The canonical bytes would show the others.
    event.postings.retain(|posting| match (own, posting) {
        (Own::Account(own), Posting::Goods { account, .. } | Posting::Cash { account, .. }) => {
            *account == own
        }
        (Own::Bank(own), Posting::Cash { bank, .. } | Posting::CashPot { bank, .. }) => {
            *bank == own
        }
        (Own::Account(_), Posting::GoodsPot { .. } | Posting::CashPot { .. })
        | (Own::Bank(_), Posting::Goods { .. } | Posting::GoodsPot { .. }) => false,
    });
    Ok(encode_event::event(&event, Vec::new()))
}

/// Whom its customer did a repo with is not the bank's to know.
fn hide_other_parties(event: &mut Event, own: BankId) {
    let paid_there = |party: AccountId| {
        event.postings.iter().any(|posting| {
            matches!(posting, Posting::Cash { account, bank, .. }
                if *account == party && *bank == own)
        })
    };
    if let What::RepoOpened { seller, buyer, .. } | What::RepoReturned { seller, buyer, .. } =
        &mut event.what
    {
        for party in [seller, buyer] {
            if !paid_there(*party) {
                *party = AccountId(0);
            }
        }
    }
}

/// A stream's place in the journal.
struct Watch {
    gateway: Gateway,
    wanted: Wanted,
    after: u64,
    last: watch::Receiver<u64>,
}

impl Watch {
    async fn next(&mut self) -> Result<WatchEventsReply, Status> {
        let after = self.after;
        let gateway = self.gateway.clone();
        let stopped = || gateway.unavailable(&Unavailable::Stopped);
        let last = tokio::select! {
            reached = self.last.wait_for(|last| *last > after) => *reached.map_err(|_| stopped())?,
            _ = self.gateway.stopping.wait_for(|stopping| *stopping) => return Err(stopped()),
        };
        let history = LiveHistory::of(&self.gateway);
        let page = page(history, self.wanted, after, last, EVENTS_PER_MESSAGE).await?;
        self.after = page.through;
        Ok(WatchEventsReply { events: page.events, through_event: page.through })
    }
}
