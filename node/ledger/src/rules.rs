//! Which version of the rules is in force, and what each version changed.
//!
//! A rule never changes with the program. The program has every version of it, and
//! the ledger's own record says which one stands, so that the log gives the same
//! state whoever applies it and whenever: members of different programs agree while
//! they are upgraded one after the other, and an old log is applied as it was.
//! How a rule is changed: docs/decisions/0010-changing-a-rule.md.

use crate::calendar::{beijing_day_number, day_number};
use crate::cluster::{ClusterCommand, check_activation};
use crate::command::{Command, Entry};
use crate::ledger::Ledger;
use crate::rejection::{Reason, Rejection};
use crate::types::InstrumentCode;

/// Newest version of the rules that this program applies. A node that meets a
/// later one stops: it would come to other answers than the others.
pub const RULES_KNOWN: u32 = 2;

/// What every registry begins with.
pub(crate) const FIRST_RULES: u32 = 1;

/// Since version 2 an instrument's last usable day binds surrenders and carry-overs;
/// before, it binds pledges only.
const LAST_DAY_BINDS_EVERY_USE: u32 = 2;

impl Ledger {
    /// Version of the rules in force.
    #[must_use]
    pub fn rules_version(&self) -> u32 {
        self.topology.as_ref().map_or(FIRST_RULES, |topology| topology.rules_version)
    }

    /// The version of the rules that an entry puts in force when it is applied next;
    /// none when it does not, or would be refused.
    #[must_use]
    pub fn rules_started_by(&self, entry: &Entry) -> Option<u32> {
        let topology = self.topology.as_ref()?;
        let command = if let Command::Approve(approval) = &entry.command {
            let request = entry.request.as_ref();
            let asked_before = request.map(|of| self.remembered_answer(&entry.actor, of));
            if !matches!(asked_before, None | Some(Ok(None))) {
                return None;
            }
            let now = self.now.max(entry.proposed_at);
            self.approvable(entry, approval, now).ok()?.1
        } else {
            &entry.command
        };
        let Command::Cluster(ClusterCommand::ActivateRules { rules_version, document }) = command
        else {
            return None;
        };
        check_activation(topology, *rules_version, document).ok()?;
        Some(*rules_version)
    }

    /// Refuses an instrument whose last usable day is over in Beijing, where the
    /// rules in force know of that.
    pub(crate) fn check_still_usable(
        &self,
        instrument: InstrumentCode,
        field: &str,
    ) -> Result<(), Rejection> {
        if self.rules_version() < LAST_DAY_BINDS_EVERY_USE {
            return Ok(());
        }
        let today = beijing_day_number(self.now);
        match self.usable_until.get(&instrument).filter(|until| day_number(**until) < today) {
            None => Ok(()),
            Some(until) => {
                let message = format!(
                    "{instrument} could be used until {until}, which is over in Beijing; use a \
                     later vintage"
                );
                Err(Rejection::new(Reason::VintageExpiring, field, message))
            }
        }
    }
}

impl Command {
    /// The version of the rules that this puts in force, or that an approval does, if
    /// it is accepted.
    #[must_use]
    pub fn rules_to_activate(&self) -> Option<u32> {
        if let Self::Approve(approval) = self {
            return approval.content.as_ref()?.1.rules_to_activate();
        }
        let Self::Cluster(ClusterCommand::ActivateRules { rules_version, .. }) = self else {
            return None;
        };
        Some(*rules_version)
    }
}
