//! What waits for a second person, and who that is.

use std::collections::BTreeMap;

use super::awaited::Awaited;
use super::event::{Event, What};
use super::finding::{Checked, Wrong, same};

/// Open proposals: who made each, and until when it can be approved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proposals {
    open: BTreeMap<u64, (String, i64)>,
    made: u64,
}

impl Proposals {
    /// Checks an approval and what it has carried out: `awaited` by it.
    pub(crate) fn approve(&mut self, event: &Event, awaited: Option<&Awaited>) -> Checked {
        let Some(Awaited::Approval { province, by_operators }) = awaited else {
            let expected = "the event of what was approved";
            return Err(Wrong::new("what an approval follows", expected, "nothing"));
        };
        self.take(event)?;
        let decides = if *by_operators { an_operator } else { an_officer };
        decides("second person", &event.actor)?;
        match (&event.what, province) {
            (What::Approved { maker, .. }, Some(province))
                if *maker == format!("province/{province}") =>
            {
                Ok(())
            }
            (What::Approved { maker, .. }, _) => decides("first person", maker),
            _ => Ok(()),
        }
    }

    pub(crate) fn take(&mut self, event: &Event) -> Checked {
        match &event.what {
            What::Proposed { proposal, expires_at_ms, .. } => {
                same("number of a new proposal", self.made + 1, *proposal)?;
                self.made = *proposal;
                self.open.insert(*proposal, (event.actor.clone(), *expires_at_ms));
                Ok(())
            }
            What::Approved { proposal, maker } => {
                let (made_by, expires_at_ms) = self.end(*proposal)?;
                same(format!("maker of proposal {proposal}"), &made_by, maker)?;
                other_person(&made_by, event)?;
                in_time(expires_at_ms, event)
            }
            What::Declined { proposal, .. } => {
                let (made_by, expires_at_ms) = self.end(*proposal)?;
                other_person(&made_by, event)?;
                in_time(expires_at_ms, event)
            }
            What::ProposalWithdrawn { proposal } => {
                let (made_by, expires_at_ms) = self.end(*proposal)?;
                same(format!("who withdraws proposal {proposal}"), &made_by, &event.actor)?;
                in_time(expires_at_ms, event)
            }
            What::ProposalExpired { proposal } => {
                let (_, expires_at_ms) = self.end(*proposal)?;
                let over = event.ledger_time_ms >= expires_at_ms;
                same(format!("time of proposal {proposal} over"), true, over)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, proposal: u64) -> Checked<(String, i64)> {
        let not_open = || Wrong::new("proposal", "one that is open", proposal);
        self.open.remove(&proposal).ok_or_else(not_open)
    }
}

fn other_person(maker: &str, event: &Event) -> Checked {
    match maker == event.actor {
        false => Ok(()),
        true => Err(Wrong::new("second person", format!("another than {maker}"), maker)),
    }
}

fn an_officer(what: &str, actor: &str) -> Checked {
    match actor.starts_with("registry/") {
        true => Ok(()),
        false => Err(Wrong::new(what, "an officer of the registry", actor)),
    }
}

fn an_operator(what: &str, actor: &str) -> Checked {
    match actor.starts_with("operator/") {
        true => Ok(()),
        false => Err(Wrong::new(what, "an operator", actor)),
    }
}

fn in_time(expires_at_ms: i64, event: &Event) -> Checked {
    let expected = format!("before {expires_at_ms}");
    match event.ledger_time_ms < expires_at_ms {
        true => Ok(()),
        false => Err(Wrong::new("ledger time, ms", expected, event.ledger_time_ms)),
    }
}
