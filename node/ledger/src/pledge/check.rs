//! What every command about a pledge looks at first.

use crate::ledger::Ledger;
use crate::pledge::state::{Pledge, PledgeState};
use crate::rejection::{Reason, Rejection};
use crate::types::PledgeId;

/// Where most commands about pledges are refused.
pub(super) const FIELD: &str = "pledge_id";

/// Refuses anybody but the party that a command belongs to.
pub(super) fn require_party(actor: &str, role: &str, id: u32) -> Result<(), Rejection> {
    if actor.strip_prefix(role).and_then(|rest| rest.strip_prefix('/')) == Some(&*id.to_string()) {
        return Ok(());
    }
    let message = format!("{actor} is not the party that may do this, which is {role}/{id}");
    Err(Rejection::new(Reason::NotCounterparty, FIELD, message))
}

pub(super) fn require_pledgor(actor: &str, pledge: &Pledge) -> Result<(), Rejection> {
    require_party(actor, "firm", pledge.pledgor.0)
}

pub(super) fn require_pledgee(actor: &str, pledge: &Pledge) -> Result<(), Rejection> {
    require_party(actor, "bank", pledge.pledgee.0.into())
}

pub(super) fn refuse_stay(pledge: &Pledge) -> Result<(), Rejection> {
    if pledge.stays == 0 {
        return Ok(());
    }
    let message = format!(
        "a court keeps pledge {} from being released or disposed of; its freeze must be lifted first",
        pledge.id.0
    );
    Err(Rejection::new(Reason::CourtStay, FIELD, message))
}

impl Ledger {
    /// The pledge, or a rejection.
    pub(crate) fn known_pledge(&self, id: PledgeId) -> Result<&Pledge, Rejection> {
        self.pledge(id).ok_or_else(|| {
            Rejection::new(Reason::UnknownPledge, FIELD, format!("no pledge {}", id.0))
        })
    }

    /// A pledge in one of `states` that the caller has seen at some time: what others
    /// changed since then does not matter.
    pub(super) fn pledge_since(
        &self,
        id: PledgeId,
        version: u32,
        states: &[PledgeState],
    ) -> Result<&Pledge, Rejection> {
        let now = self.known_pledge(id)?.version;
        self.pledge_in(id, if version < now { now } else { version }, states)
    }

    /// The pledge in a state that a command needs, as the caller has seen it.
    pub(super) fn pledge_in(
        &self,
        id: PledgeId,
        version: u32,
        states: &[PledgeState],
    ) -> Result<&Pledge, Rejection> {
        let pledge = self.known_pledge(id)?;
        if pledge.version != version {
            let message = format!(
                "pledge {} has version {}, this was meant for version {version}; look at it again",
                id.0, pledge.version
            );
            return Err(Rejection::new(Reason::StaleVersion, "version", message));
        }
        require_state(pledge, states)?;
        Ok(pledge)
    }
}

pub(super) fn require_state(pledge: &Pledge, states: &[PledgeState]) -> Result<(), Rejection> {
    if states.contains(&pledge.state) {
        return Ok(());
    }
    let expired = pledge.state == PledgeState::Expired;
    let reason = if expired { Reason::ProposalExpired } else { Reason::PledgeNotActive };
    let needed: Vec<_> = states.iter().map(|state| state.name()).collect();
    let message = format!(
        "pledge {} is {}, this needs {}",
        pledge.id.0,
        pledge.state.name(),
        needed.join(" or ")
    );
    Err(Rejection::new(reason, FIELD, message))
}
