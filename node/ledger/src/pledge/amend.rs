//! Substitution: the pledgor offers other tonnes, which are held until the
//! pledgee takes them for the first ones. An old vintage is carried into a new
//! one the same way.

use crate::account::positive_quantity;
use crate::amount::format_price;
use crate::journal::{Position, What};
use crate::ledger::Ledger;
use crate::pledge::check::{FIELD, refuse_stay, require_pledgee, require_pledgor};
use crate::pledge::command::SubstitutionOffer;
use crate::pledge::cover::{PRICE_LIFE_DAYS, covers};
use crate::pledge::goods::Goods;
use crate::pledge::offer::{Lines, OFFER_LIFE_LIMIT_MS};
use crate::pledge::state::{Pledge, PledgeState, Substitution};
use crate::receipt::Receipt;
use crate::rejection::{Reason, Rejection};
use crate::span;
use crate::types::{LedgerTime, PledgeId};

/// States whose tonnes may be exchanged for others.
const AMENDABLE: [PledgeState; 2] = [PledgeState::Active, PledgeState::MarginCall];

impl Ledger {
    pub(super) fn offer_substitution(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
        offer: &SubstitutionOffer,
    ) -> Result<Receipt, Rejection> {
        require_pledgor(actor, self.known_pledge(id)?)?;
        let pledge = self.pledge_in(id, version, &AMENDABLE)?;
        if pledge.substitution.is_some() {
            let message = format!("pledge {} has other tonnes on offer already", id.0);
            return Err(Rejection::new(Reason::SubstitutionOpen, FIELD, message));
        }
        refuse_stay(pledge)?;
        self.require_unfrozen(pledge.pledgor, FIELD)?;
        self.check_substitution(pledge, offer).map_err(|rejection| rejection.inside("offer"))?;
        let SubstitutionOffer { instrument, quantity, from, .. } = *offer;
        let goods = Goods { account: pledge.pledgor, instrument, quantity };
        let after = self.pledgeable(goods, from, FIELD).map_err(|r| r.inside("offer"))?;
        let of = pledge.to_ref();
        let substitution = Substitution {
            instrument,
            quantity,
            from,
            reference_price: offer.reference_price,
            reference_date: offer.reference_date,
            warning_price: offer.warning_price,
            disposal_price: offer.disposal_price,
            expires_at: LedgerTime(self.now.0.saturating_add(offer.time_to_live_ms)),
        };

        self.change_pledge(id, |pledge| pledge.substitution = Some(substitution));
        let postings = self.put_pledged(goods, after, from);
        let substitution = Box::new(substitution);
        self.record(What::SubstitutionOffered { pledge: of, substitution }, postings);
        self.pledge_receipt(id)
    }

    fn check_substitution(
        &self,
        pledge: &Pledge,
        offer: &SubstitutionOffer,
    ) -> Result<(), Rejection> {
        self.known_instrument(offer.instrument, "instrument")?;
        positive_quantity(offer.quantity, "quantity_tco2e")?;
        let lines = Lines {
            reference_price: offer.reference_price,
            reference_date: offer.reference_date,
            warning_price: offer.warning_price,
            disposal_price: offer.disposal_price,
        };
        self.check_lines(lines, offer.instrument)?;
        self.check_usable(offer.instrument, pledge.terms.maturity, "instrument")?;
        span::check(offer.time_to_live_ms, OFFER_LIFE_LIMIT_MS, "time_to_live_ms")?;
        if covers(&pledge.terms, offer.quantity, offer.reference_price) {
            return Ok(());
        }
        let message = format!(
            "{} t of {} at {} would not cover the loan as the contract says",
            offer.quantity.0,
            offer.instrument,
            format_price(offer.reference_price)
        );
        Err(Rejection::new(Reason::CoverBelowContract, "quantity_tco2e", message))
    }

    pub(super) fn accept_substitution(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
    ) -> Result<Receipt, Rejection> {
        require_pledgee(actor, self.known_pledge(id)?)?;
        let pledge = self.pledge_in(id, version, &AMENDABLE)?;
        let offer = open_substitution(pledge)?;
        refuse_stay(pledge)?;
        self.require_unfrozen(pledge.pledgor, FIELD)?;
        if offer.expires_at <= self.now {
            let message = format!(
                "the other tonnes of pledge {} were offered until {} ms",
                id.0, offer.expires_at.0
            );
            return Err(Rejection::new(Reason::ProposalExpired, FIELD, message));
        }
        let known = self.known_instrument(offer.instrument, FIELD)?;
        if !self.has_fresh_close(known) {
            let message = format!(
                "the last settled close of {} is older than {PRICE_LIFE_DAYS} days, or in dispute",
                offer.instrument
            );
            return Err(Rejection::new(Reason::PriceStale, FIELD, message));
        }
        if !covers(&pledge.terms, offer.quantity, known.last_close) {
            let message = format!(
                "{} t of {} at {} would not cover the loan as the contract says",
                offer.quantity.0,
                offer.instrument,
                format_price(known.last_close)
            );
            return Err(Rejection::new(Reason::CoverBelowContract, FIELD, message));
        }
        let (of, first) = (pledge.to_ref(), pledge.goods(pledge.quantity));

        self.change_pledge(id, |pledge| {
            pledge.instrument = offer.instrument;
            pledge.quantity = offer.quantity;
            pledge.contract_quantity = offer.quantity;
            pledge.terms.reference_price = offer.reference_price;
            pledge.terms.reference_date = offer.reference_date;
            pledge.terms.warning_price = offer.warning_price;
            pledge.terms.disposal_price = offer.disposal_price;
            pledge.substitution = None;
        });
        let postings = self.unpledge(first, Position::Registered);
        let (instrument, quantity) = (first.instrument, first.quantity);
        self.record(What::Substituted { pledge: of, instrument, quantity }, postings);
        self.watch_pledge_now(id);
        self.pledge_receipt(id)
    }

    pub(super) fn decline_substitution(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
    ) -> Result<Receipt, Rejection> {
        let pledge = self.known_pledge(id)?;
        require_pledgor(actor, pledge).or_else(|_| require_pledgee(actor, pledge))?;
        open_substitution(self.pledge_in(id, version, &AMENDABLE)?)?;

        self.end_substitution(id);
        self.pledge_receipt(id)
    }

    /// The other tonnes go back to where they came from, if there are any.
    pub(crate) fn end_substitution(&mut self, id: PledgeId) {
        let Some(pledge) = self.pledge(id) else { return };
        let Some(offer) = pledge.substitution else { return };
        let of = pledge.to_ref();
        let goods = Goods {
            account: pledge.pledgor,
            instrument: offer.instrument,
            quantity: offer.quantity,
        };
        self.change_pledge(id, |pledge| pledge.substitution = None);
        let postings = self.unpledge(goods, offer.from.into());
        self.record(What::SubstitutionEnded { pledge: of }, postings);
    }
}

fn open_substitution(pledge: &Pledge) -> Result<Substitution, Rejection> {
    pledge.substitution.ok_or_else(|| {
        let message = format!("pledge {} has no other tonnes on offer", pledge.id.0);
        Rejection::new(Reason::NoSubstitution, FIELD, message)
    })
}
