//! Every settled close is held against the contracts' warning lines.

use crate::journal::What;
use crate::ledger::Ledger;
use crate::pledge::cover::needs_more;
use crate::pledge::state::PledgeState;
use crate::types::{Date, InstrumentCode, LedgerTime, PledgeId, Price};

impl Ledger {
    /// Looks at all pledges when a day's closes are settled.
    pub(crate) fn watch_pledges(&mut self, date: Date, closes: &[(InstrumentCode, Price)]) {
        let moved = |pledge: &&crate::pledge::Pledge| {
            let close = closes.iter().find(|(code, _)| *code == pledge.instrument);
            close.is_some_and(|(_, close)| match pledge.state {
                PledgeState::Active => needs_more(pledge, *close),
                PledgeState::MarginCall => !needs_more(pledge, *close),
                PledgeState::Proposed
                | PledgeState::Accepted
                | PledgeState::Defaulted
                | PledgeState::Enforcing
                | PledgeState::Disposed
                | PledgeState::Released
                | PledgeState::Declined
                | PledgeState::Expired => false,
            })
        };
        let found: Vec<_> =
            self.pledges.iter().filter(moved).map(|p| (p.id, p.instrument)).collect();
        for (id, instrument) in found {
            if let Some((_, close)) = closes.iter().find(|(code, _)| *code == instrument) {
                self.watch_pledge(id, *close, date);
            }
        }
    }

    /// Looks at one pledge that has changed, at the last settled close.
    pub(super) fn watch_pledge_now(&mut self, id: PledgeId) {
        let Some(pledge) = self.pledge(id) else { return };
        if let Some(known) = self.instruments.get(&pledge.instrument).copied()
            && let Some(date) = known.last_close_date
        {
            self.watch_pledge(id, known.last_close, date);
        }
    }

    fn watch_pledge(&mut self, id: PledgeId, price: Price, date: Date) {
        let Some(watched) = self.pledge(id) else { return };
        let pledge = watched.to_ref();
        match (watched.state, needs_more(watched, price)) {
            (PledgeState::Active, true) => {
                let cure_ms = watched.terms.cure_period_ms;
                let cure_deadline = LedgerTime(self.now.0.saturating_add(cure_ms));
                self.change_pledge(id, |pledge| {
                    pledge.state = PledgeState::MarginCall;
                    pledge.cure_deadline = Some(cure_deadline);
                });
                self.record(What::MarginCalled { pledge, price, date, cure_deadline }, Vec::new());
            }
            (PledgeState::MarginCall, false) => {
                self.change_pledge(id, |pledge| {
                    pledge.state = PledgeState::Active;
                    pledge.cure_deadline = None;
                });
                self.record(What::MarginCured { pledge, price, date }, Vec::new());
            }
            _ => {}
        }
    }
}
