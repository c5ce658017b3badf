//! What has to come next: events that others make necessary.

use std::collections::VecDeque;

use super::event::{Event, What};
use super::finding::{Checked, Wrong, same};
use super::trade::TradeLine;

/// An event that must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A pledge's margin call, or its cure.
    Margin { pledge: u64, called: bool },
    /// The trade that sells pledged tonnes.
    Sale { trade: u64 },
    /// What the sale has brought the pledgee.
    Proceeds { pledge: u64, fen: i64, disposed: bool },
    /// Why an offer has ended: a freeze or a release in the same log entry.
    Reason,
    /// That a second person approved.
    Approval,
}

/// Everything that must follow, the first first, in one log entry and by one person.
#[derive(Clone, Debug, Default)]
pub(crate) struct Following {
    queue: VecDeque<Awaited>,
    log_index: u64,
    actor: String,
}

impl Following {
    /// Adds what this event makes necessary, before what was necessary already.
    pub(crate) fn add(&mut self, event: &Event, awaited: Vec<Awaited>) {
        (self.log_index, self.actor) = (event.log_index, event.actor.clone());
        awaited.into_iter().rev().for_each(|one| self.queue.push_front(one));
    }

    /// That the event is the next that must follow, if one must.
    pub(crate) fn take(&mut self, event: &Event, trades: &[TradeLine]) -> Checked<Option<Awaited>> {
        let Some(next) = self.queue.pop_front() else { return Ok(None) };
        let comes = match (&next, &event.what) {
            (Awaited::Margin { pledge, called: true }, What::MarginCalled { parties, .. })
            | (Awaited::Margin { pledge, called: false }, What::MarginCured { parties, .. })
            | (Awaited::Proceeds { pledge, .. }, What::ProceedsPaid { parties, .. }) => {
                parties.pledge == *pledge
            }
            (Awaited::Sale { trade }, What::TradesSettled { .. }) => {
                trades.len() == 1 && trades[0].number == *trade
            }
            (Awaited::Approval, What::Approved { .. })
            | (
                Awaited::Reason,
                What::PledgeDeclined { .. }
                | What::SubstitutionEnded { .. }
                | What::Frozen { .. }
                | What::PledgeReleased { .. },
            ) => true,
            _ => false,
        };
        if !comes {
            let found = format!("{} of event {}", event.what.name(), event.number);
            return Err(Wrong::new("what follows", format!("{next:?}"), found));
        }
        same("log index of what follows", self.log_index, event.log_index)?;
        same("actor of what follows", &self.actor, &event.actor)?;
        Ok(Some(next))
    }

    /// That nothing is missing at the end of a log entry.
    pub(crate) fn nothing(&self) -> Checked {
        match self.queue.front() {
            None => Ok(()),
            Some(next) => Err(Wrong::new("what follows", format!("{next:?}"), "nothing")),
        }
    }
}

/// Whether two people are needed for what the event says.
pub(crate) fn needs_two_people(what: &What) -> bool {
    match what {
        What::PledgeActivated { .. }
        | What::PledgeEnforcing { .. }
        | What::Frozen { .. }
        | What::FreezeLifted { .. }
        | What::FreezeExecuted { .. } => true,
        What::PledgeReleased { document, .. } => !document.is_empty(),
        _ => false,
    }
}
