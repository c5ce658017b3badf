//! What has to come next: events that others make necessary.

use std::collections::VecDeque;

use super::cluster::needed_for;
use super::code::{AllocationKind, ClusterChange};
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
    /// That a second person approved; what a province allocates it may have
    /// proposed itself.
    /// A decision about the cluster is one of operators.
    Approval { province: Option<u8>, by_operators: bool },
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
            (Awaited::Approval { .. }, What::Approved { .. })
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

/// The approval that must follow when two people are needed for what the event
/// says. Each of these events comes by an approval alone; there is no other way
/// to it, not even while a registry is being set up.
pub(crate) fn approval_of(what: &What) -> Option<Awaited> {
    match what {
        What::Allocated { province, allocated, .. } => {
            let by_province = *allocated != AllocationKind::Recall;
            let province = by_province.then_some(*province);
            Some(Awaited::Approval { province, by_operators: false })
        }
        what if needs_two_people(what) => {
            let by_operators = is_of_operators(what);
            Some(Awaited::Approval { province: None, by_operators })
        }
        _ => None,
    }
}

/// Rules are put in force by officers, all else about the cluster is decided by
/// operators.
fn is_of_operators(what: &What) -> bool {
    matches!(what, What::ClusterChanged { change, .. } if *change != ClusterChange::RulesActivated)
}

fn needs_two_people(what: &What) -> bool {
    match what {
        What::AccountsLoaded { .. }
        | What::Issued { .. }
        | What::DaySuspended { .. }
        | What::DayResumed { .. }
        | What::ReserveUsed { .. }
        | What::Allocated { .. }
        | What::EmissionsCorrected { .. }
        | What::CarriedOver { .. }
        | What::Transferred { .. }
        | What::PledgeActivated { .. }
        | What::PledgeEnforcing { .. }
        | What::Frozen { .. }
        | What::FreezeLifted { .. }
        | What::FreezeExecuted { .. }
        | What::InclusiveQuotaGranted { .. } => true,
        What::ClusterChanged { change, .. } => needed_for(*change),
        // A court orders it with a document; the pledgee alone needs none.
        What::PledgeReleased { document, .. } => !document.is_empty(),

        What::Founded { .. }
        | What::Restored { .. }
        | What::AccountOpened { .. }
        | What::HoldingMoved {}
        | What::BankOpened { .. }
        | What::Deposited {}
        | What::InstrumentRegistered { .. }
        | What::UsableUntilSet { .. }
        | What::HolidaysSet { .. }
        | What::DayOpened { .. }
        | What::TradesAccepted { .. }
        | What::DayClosed { .. }
        | What::DayCleared { .. }
        | What::ClearingConfirmed { .. }
        | What::ClearingDisputed { .. }
        | What::TradeAmended { .. }
        | What::TradesDelivered { .. }
        | What::HeldTradesTried { .. }
        | What::TradesSettled { .. }
        | What::StatementsIssued { .. }
        | What::ObjectionRaised { .. }
        | What::ObjectionResolved { .. }
        | What::DayFinal { .. }
        | What::Proposed { .. }
        | What::Approved { .. }
        | What::Declined { .. }
        | What::ProposalWithdrawn { .. }
        | What::ProposalExpired { .. } => false,
        What::PledgeProposed { .. }
        | What::PledgeAccepted { .. }
        | What::PledgeDeclined { .. }
        | What::PledgeExpired { .. }
        | What::PledgeAdded { .. }
        | What::MarginCalled { .. }
        | What::MarginCured { .. }
        | What::PledgeDefaulted { .. }
        | What::PledgedSold { .. }
        | What::ProceedsPaid { .. }
        | What::SubstitutionOffered { .. }
        | What::Substituted { .. }
        | What::SubstitutionEnded { .. }
        | What::ProceedsTaken {} => false,
        What::WithdrawalRequested { .. }
        | What::WithdrawalConfirmed { .. }
        | What::WithdrawalRejected { .. }
        | What::FeeCharged { .. }
        | What::SuspenseDeposited { .. }
        | What::SuspenseAllocated { .. }
        | What::SuspenseReturned { .. }
        | What::ReserveFunded { .. }
        | What::ReserveRepaid { .. }
        | What::BalanceReported { .. } => false,
        What::ProvinceAssigned { .. }
        | What::EmissionsRecorded { .. }
        | What::SurrenderApplied { .. }
        | What::SurrenderApproved { .. }
        | What::SurrenderDeclined { .. }
        | What::UnitsCancelled { .. } => false,
        What::InclusiveAccountsOpened { .. }
        | What::InclusiveCredited { .. }
        | What::VoucherIssued { .. }
        | What::VoucherRedeemed { .. }
        | What::VouchersExpired { .. } => false,
        What::RepoProposed { .. }
        | What::RepoOpened { .. }
        | What::RepoDeclined { .. }
        | What::RepoReturned { .. }
        | What::RepoReturnMissed { .. }
        | What::RepoFailed { .. }
        | What::RepoExpired { .. } => false,
    }
}
