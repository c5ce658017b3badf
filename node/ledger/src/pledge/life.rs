//! A pledge that both agreed on: recognised, added to, given back.

use crate::account::{overflow, positive_quantity};
use crate::amount::format_price;
use crate::journal::{Position, What};
use crate::ledger::Ledger;
use crate::pledge::check::{FIELD, refuse_stay, require_pledgee, require_pledgor};
use crate::pledge::cover::{PRICE_LIFE_DAYS, covers};
use crate::pledge::state::{Pledge, PledgeState};
use crate::receipt::Receipt;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{FreePosition, PledgeId, Quantity};

/// States that end by giving back.
const RELEASABLE: [PledgeState; 3] =
    [PledgeState::Active, PledgeState::MarginCall, PledgeState::Defaulted];

impl Ledger {
    /// The registry's part, by two people: from then on it is recognised.
    pub(super) fn activate_pledge(
        &mut self,
        id: PledgeId,
        version: u32,
        filing_reference: &str,
        log_index: u64,
    ) -> Result<Receipt, Rejection> {
        let pledge = self.pledge_in(id, version, &[PledgeState::Accepted])?;
        if filing_reference.trim().is_empty() {
            return Err(Rejection::new(
                Reason::FilingReferenceMissing,
                "filing_reference",
                "a pledge is recognised with its reference in the movable-property registration",
            ));
        }
        text::check_line(filing_reference, "filing_reference")?;
        self.require_unfrozen(pledge.pledgor, FIELD)?;
        let (pledge, filing_reference) = (pledge.to_ref(), filing_reference.to_owned());

        self.change_pledge(id, |pledge| {
            pledge.state = PledgeState::Active;
            pledge.filing_reference.clone_from(&filing_reference);
            pledge.activated_log_index = log_index;
        });
        self.record(What::PledgeActivated { pledge, filing_reference }, Vec::new());
        self.watch_pledge_now(id);
        self.pledge_receipt(id)
    }

    /// The pledgor pledges more, which may cure a margin call.
    pub(super) fn add_to_pledge(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
        from: FreePosition,
        quantity: Quantity,
    ) -> Result<Receipt, Rejection> {
        require_pledgor(actor, self.known_pledge(id)?)?;
        let needed = [PledgeState::Active, PledgeState::MarginCall];
        let pledge = self.pledge_in(id, version, &needed)?;
        positive_quantity(quantity, "quantity_tco2e")?;
        self.require_unfrozen(pledge.pledgor, FIELD)?;
        let (of, goods) = (pledge.to_ref(), pledge.goods(quantity));
        let after = self.pledgeable(goods, from, FIELD)?;
        let sum =
            pledge.quantity.checked_add(quantity).ok_or_else(|| overflow("quantity_tco2e"))?;

        self.change_pledge(id, |pledge| pledge.quantity = sum);
        let postings = self.put_pledged(goods, after, from);
        self.record(What::PledgeAdded { pledge: of, quantity }, postings);
        self.watch_pledge_now(id);
        self.pledge_receipt(id)
    }

    /// The pledgee gives back some, or all, which ends the pledge.
    pub(super) fn release_pledge(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
        part: Option<Quantity>,
    ) -> Result<Receipt, Rejection> {
        require_pledgee(actor, self.known_pledge(id)?)?;
        let pledge = self.pledge_in(id, version, &RELEASABLE)?;
        refuse_stay(pledge)?;
        let quantity = part.unwrap_or(pledge.quantity);
        positive_quantity(quantity, "quantity_tco2e")?;
        let left = pledge.quantity.checked_sub(quantity).filter(|left| left.0 >= 0);
        let left = left.ok_or_else(|| {
            let message = format!(
                "pledge {} holds {} t, {} t were to be released",
                id.0, pledge.quantity.0, quantity.0
            );
            Rejection::new(Reason::ReleaseExceedsPledged, "quantity_tco2e", message)
        })?;
        if left > Quantity(0) {
            self.check_cover(pledge, left)?;
        }

        self.give_back(id, quantity, left, String::new());
        self.pledge_receipt(id)
    }

    /// Two officers, for a court: all of it goes back.
    pub(super) fn release_by_court(
        &mut self,
        id: PledgeId,
        version: u32,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        // What the parties changed since the order does not undo it.
        let pledge = self.pledge_since(id, version, &RELEASABLE)?;
        refuse_stay(pledge)?;
        text::check_line(document, "document")?;
        let quantity = pledge.quantity;

        self.give_back(id, quantity, Quantity(0), document.to_owned());
        self.pledge_receipt(id)
    }

    /// What is left still covers the loan at a settled close of these days.
    fn check_cover(&self, pledge: &Pledge, left: Quantity) -> Result<(), Rejection> {
        let known = self.known_instrument(pledge.instrument, FIELD)?;
        if !self.has_fresh_close(known) {
            let message = format!(
                "the last settled close of {} is older than {PRICE_LIFE_DAYS} days, or in dispute; what is left \
                 cannot be valued",
                pledge.instrument
            );
            return Err(Rejection::new(Reason::PriceStale, FIELD, message));
        }
        if covers(&pledge.terms, left, known.last_close) {
            return Ok(());
        }
        let message = format!(
            "{} t at {} would not cover the loan as the contract says",
            left.0,
            format_price(known.last_close)
        );
        Err(Rejection::new(Reason::CoverBelowContract, "quantity_tco2e", message))
    }

    fn give_back(&mut self, id: PledgeId, quantity: Quantity, left: Quantity, document: String) {
        let Some(pledge) = self.pledge(id) else { return };
        let (of, goods) = (pledge.to_ref(), pledge.goods(quantity));
        if left == Quantity(0) {
            self.end_substitution(id);
        }
        self.change_pledge(id, |pledge| {
            pledge.quantity = left;
            // The warning line is per tonne that the contract still wants.
            pledge.contract_quantity = pledge.contract_quantity.min(left);
            if left == Quantity(0) {
                pledge.state = PledgeState::Released;
                pledge.cure_deadline = None;
            }
        });
        let postings = self.unpledge(goods, Position::Registered);
        self.record(What::PledgeReleased { pledge: of, quantity, left, document }, postings);
        self.watch_pledge_now(id);
    }
}
