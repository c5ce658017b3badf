//! Imposing and lifting a freeze; like taking what it holds, by two officers.

use super::state::{Freeze, FreezeTarget};
use crate::account::{overflow, positive_quantity, short_of};
use crate::journal::{Position, Posting, What};
use crate::ledger::Ledger;
use crate::pledge::{Pledge, PledgeRef, PledgeState};
use crate::receipt::{Holding, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, FreezeId, InstrumentCode, PledgeId, Quantity};

/// A command about freezes; all need two people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FreezeCommand {
    /// A court orders it.
    Impose {
        /// What is frozen.
        target: FreezeTarget,
        /// Name of the court, 1 to 200 bytes.
        court: String,
        /// Reference of its order, 1 to 200 bytes.
        document: String,
    },
    /// A court ends it.
    Lift {
        /// Which.
        freeze: FreezeId,
        /// Reference of its order, 1 to 200 bytes.
        document: String,
    },
    /// A court takes frozen tonnes (扣划).
    Execute {
        /// Out of which freeze.
        freeze: FreezeId,
        /// Who receives them, another than the holder.
        to: AccountId,
        /// How many tonnes, > 0, at most what the freeze itself holds.
        quantity: Quantity,
        /// Reference of its order, 1 to 200 bytes.
        document: String,
        /// SHA-256 of the document.
        document_sha256: [u8; 32],
    },
}

/// Where a freeze takes tonnes from.
#[derive(Clone, Debug, Default)]
struct Plan {
    /// Offers to end, whose tonnes become free.
    offers: Vec<PledgeId>,
    /// Other tonnes offered for pledges, likewise.
    substitutions: Vec<PledgeId>,
    /// Pledges to put under a stay.
    stays: Vec<PledgeId>,
    /// Tonnes to freeze, once offers have ended.
    frozen: Quantity,
}

impl Ledger {
    pub(crate) fn carry_out_freeze(
        &mut self,
        command: &FreezeCommand,
    ) -> Result<Receipt, Rejection> {
        match command {
            FreezeCommand::Impose { target, court, document } => {
                self.impose_freeze(*target, court, document)
            }
            FreezeCommand::Lift { freeze, document } => self.lift_freeze(*freeze, document),
            FreezeCommand::Execute { freeze, to, quantity, document, document_sha256 } => {
                self.execute_freeze(*freeze, *to, *quantity, document, document_sha256)
            }
        }
    }

    fn impose_freeze(
        &mut self,
        target: FreezeTarget,
        court: &str,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        let (account, plan) = match target {
            FreezeTarget::Account { account } => {
                self.known_balances(account, "account_id")?;
                (account, Plan::default())
            }
            FreezeTarget::Tonnes { account, instrument, quantity } => {
                (account, self.plan_freeze(account, instrument, quantity)?)
            }
            FreezeTarget::Pledge { pledge } => {
                let pledge = self.known_pledge(pledge)?;
                if pledge.state.is_offer() || !pledge.state.is_open() {
                    let message = format!("pledge {} is {}", pledge.id.0, pledge.state.name());
                    return Err(Rejection::new(Reason::PledgeNotActive, "pledge_id", message));
                }
                (pledge.pledgor, Plan { stays: vec![pledge.id], ..Plan::default() })
            }
        };
        text::check_line(court, "court")?;
        text::check_line(document, "document")?;
        let number = self.freezes.last.checked_add(1).ok_or_else(|| overflow("account_id"))?;
        let id = FreezeId(number);

        plan.offers.iter().for_each(|offer| self.end_offer(*offer, PledgeState::Declined));
        plan.substitutions.iter().for_each(|of| self.end_substitution(*of));
        self.touch(RecordKey::PledgeNumbers);
        self.touch(RecordKey::Freeze(id));
        self.freezes.last = number;
        let (registered, trading, postings) = self.take_frozen(target, plan.frozen);
        for pledge in &plan.stays {
            let stays = self.pledge(*pledge).map_or(0, |pledge| pledge.stays);
            self.set_stays(*pledge, stays.saturating_add(1));
        }
        self.freezes.insert(Freeze {
            id,
            target,
            account,
            court: court.to_owned(),
            document: document.to_owned(),
            imposed_at: self.now,
            registered,
            trading,
            stayed: plan.stays.clone(),
        });
        let (court, document) = (court.to_owned(), document.to_owned());
        let stayed = self.named(&plan.stays);
        self.record(
            What::Frozen { freeze: id, target, account, court, document, stayed },
            postings,
        );
        self.freeze_receipt(id, account)
    }

    /// Free positions first, then offers in order, then stays over pledges.
    fn plan_freeze(
        &self,
        account: AccountId,
        instrument: InstrumentCode,
        quantity: Quantity,
    ) -> Result<Plan, Rejection> {
        let held = self.known_balances(account, "account_id")?.holding(instrument);
        self.known_instrument(instrument, "instrument")?;
        positive_quantity(quantity, "quantity_tco2e")?;
        let mut plan = Plan::default();
        let free = held.registered.checked_add(held.trading).unwrap_or_default();
        let mut within_reach = free;
        let more = |reach: Quantity, tonnes| reach.checked_add(tonnes).unwrap_or(quantity);
        let own = || self.pledges.of_pledgor(account, true, PledgeId(0));
        for pledge in own() {
            if within_reach >= quantity {
                break;
            }
            if pledge.state.is_offer() && pledge.instrument == instrument {
                within_reach = more(within_reach, pledge.quantity);
                plan.offers.push(pledge.id);
            }
            if let Some(offer) = pledge.substitution.filter(|o| o.instrument == instrument) {
                within_reach = more(within_reach, offer.quantity);
                plan.substitutions.push(pledge.id);
            }
        }
        plan.frozen = within_reach.min(quantity);
        for pledge in own() {
            if within_reach >= quantity {
                break;
            }
            let active = pledge.state.is_open() && !pledge.state.is_offer();
            if active && pledge.instrument == instrument {
                within_reach = more(within_reach, pledge.quantity);
                plan.stays.push(pledge.id);
            }
        }
        if within_reach < quantity {
            return Err(short_of(account, instrument, within_reach, quantity));
        }
        Ok(plan)
    }

    /// From registered first, then from trading; says how much of each.
    fn take_frozen(
        &mut self,
        target: FreezeTarget,
        frozen: Quantity,
    ) -> (Quantity, Quantity, Vec<Posting>) {
        let none = (Quantity(0), Quantity(0), Vec::new());
        let FreezeTarget::Tonnes { account, instrument, .. } = target else { return none };
        let held = self.balances_at(account).map(|holder| holder.holding(instrument));
        let Some(held) = held.filter(|_| frozen > Quantity(0)) else { return none };
        let registered = held.registered.min(frozen);
        let trading = frozen.checked_sub(registered).unwrap_or_default();
        let less = |tonnes: Quantity| Quantity(tonnes.0.saturating_neg());
        let changes = [
            (Position::Registered, less(registered)),
            (Position::Trading, less(trading)),
            (Position::Frozen, frozen),
        ];
        let postings = self.post_positions(account, instrument, held, changes);
        (registered, trading, postings)
    }

    fn lift_freeze(&mut self, id: FreezeId, document: &str) -> Result<Receipt, Rejection> {
        let freeze = self.standing_freeze(id)?.clone();
        text::check_line(document, "document")?;

        self.touch(RecordKey::Freeze(id));
        self.freezes.remove(id);
        for pledge in &freeze.stayed {
            let stays = self.pledge(*pledge).map_or(0, |pledge| pledge.stays);
            self.set_stays(*pledge, stays.saturating_sub(1));
        }
        let account = freeze.account;
        let mut postings = Vec::new();
        if let FreezeTarget::Tonnes { instrument, .. } = freeze.target
            && let Some(held) = self.balances_at(account).map(|holder| holder.holding(instrument))
        {
            let changes = [
                (Position::Frozen, Quantity(freeze.frozen().0.saturating_neg())),
                (Position::Registered, freeze.registered),
                (Position::Trading, freeze.trading),
            ];
            postings = self.post_positions(account, instrument, held, changes);
        }
        let (stayed, document) = (self.named(&freeze.stayed), document.to_owned());
        self.record(What::FreezeLifted { freeze: id, account, document, stayed }, postings);
        self.freeze_receipt(id, account)
    }

    fn named(&self, pledges: &[PledgeId]) -> Vec<PledgeRef> {
        pledges.iter().filter_map(|id| self.pledge(*id)).map(Pledge::to_ref).collect()
    }

    /// Writes a holding after moves that were checked; says what was posted.
    pub(super) fn post_positions<const N: usize>(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        mut held: Holding,
        changes: [(Position, Quantity); N],
    ) -> Vec<Posting> {
        let mut postings = Vec::new();
        for (position, quantity) in changes.into_iter().filter(|(_, more)| more.0 != 0) {
            let part = held.position_mut(position);
            // All positions together are what was issued.
            *part = part.checked_add(quantity).unwrap_or_default();
            postings.push(Posting::Goods { account, instrument, position, quantity });
        }
        if !postings.is_empty() {
            self.set_holding(account, instrument, held);
        }
        postings
    }

    pub(super) fn freeze_receipt(
        &self,
        id: FreezeId,
        account: AccountId,
    ) -> Result<Receipt, Rejection> {
        let freeze = self.freeze(id);
        let frozen = freeze.map(Freeze::frozen).unwrap_or_default();
        let stayed = freeze.map_or_else(Vec::new, |freeze| freeze.stayed.clone());
        Ok(Receipt::Freeze { freeze: id, account, frozen, stayed })
    }
}
