//! A pledge is offered by the pledgor, and accepted or declined.

use crate::account::{overflow, positive_quantity};
use crate::amount::{format_price, format_yuan};
use crate::calendar::{beijing_day_number, day_number};
use crate::journal::What;
use crate::ledger::Ledger;
use crate::pledge::check::{FIELD, require_party, require_pledgee, require_pledgor};
use crate::pledge::command::PledgeOffer;
use crate::pledge::cover::{PRICE_LIFE_DAYS, covers};
use crate::pledge::goods::Goods;
use crate::pledge::state::{Pledge, PledgeState, PledgeTerms};
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::span;
use crate::text;
use crate::types::{Date, Fen, InstrumentCode, LedgerTime, PledgeId, Price, Quantity};

/// Longest time that an offer stands: 30 days.
pub const OFFER_LIFE_LIMIT_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// Longest time to cure: 90 days.
pub const CURE_PERIOD_LIMIT_MS: i64 = 90 * 24 * 3_600 * 1_000;

/// The lines of a contract in the price of its instrument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    pub(super) reference_price: Price,
    pub(super) reference_date: Date,
    pub(super) warning_price: Price,
    pub(super) disposal_price: Price,
}

impl From<&PledgeTerms> for Lines {
    fn from(terms: &PledgeTerms) -> Self {
        Self {
            reference_price: terms.reference_price,
            reference_date: terms.reference_date,
            warning_price: terms.warning_price,
            disposal_price: terms.disposal_price,
        }
    }
}

impl Ledger {
    pub(super) fn propose_pledge(
        &mut self,
        actor: &str,
        offer: &PledgeOffer,
    ) -> Result<Receipt, Rejection> {
        let PledgeOffer { pledgor, pledgee, instrument, quantity, from, .. } = *offer;
        self.known_balances(pledgor, "pledgor_account")?;
        require_party(actor, "firm", pledgor.0)?;
        self.require_unfrozen(pledgor, "pledgor_account")?;
        self.known_bank(pledgee, "pledgee_bank")?;
        self.known_instrument(instrument, "instrument")?;
        positive_quantity(quantity, "quantity_tco2e")?;
        self.check_terms(offer).map_err(|rejection| rejection.inside("terms"))?;
        span::check(offer.time_to_live_ms, OFFER_LIFE_LIMIT_MS, "time_to_live_ms")?;
        let goods = Goods { account: pledgor, instrument, quantity };
        let after = self.pledgeable(goods, from, "pledgor_account")?;
        let number = self.pledges.last.checked_add(1).ok_or_else(|| overflow("pledgor_account"))?;
        let id = PledgeId(number);
        let expires_at = LedgerTime(self.now.0.saturating_add(offer.time_to_live_ms));
        let terms = offer.terms.clone();

        self.touch(RecordKey::PledgeNumbers);
        self.touch(RecordKey::Pledge(id));
        self.pledges.last = number;
        self.pledges.put(Pledge {
            id,
            pledgor,
            pledgee,
            instrument,
            quantity,
            contract_quantity: quantity,
            from,
            terms: terms.clone(),
            state: PledgeState::Proposed,
            version: 1,
            expires_at,
            filing_reference: String::new(),
            activated_log_index: 0,
            cure_deadline: None,
            stays: 0,
            claim: Fen(0),
            proceeds: Fen(0),
            substitution: None,
        });
        let postings = self.put_pledged(goods, after, from);
        self.record(
            What::PledgeProposed {
                pledge: id,
                pledgor,
                pledgee,
                instrument,
                quantity,
                from,
                terms: Box::new(terms),
                expires_at,
            },
            postings,
        );
        self.pledge_receipt(id)
    }

    fn check_terms(&self, offer: &PledgeOffer) -> Result<(), Rejection> {
        let terms = &offer.terms;
        text::check_line(&terms.contract, "contract")?;
        if terms.principal.0 <= 0 {
            let message = format!("principal is {}, it must be > 0", format_yuan(terms.principal));
            return Err(Rejection::new(Reason::NotPositive, "principal_yuan", message));
        }
        if day_number(terms.maturity) <= beijing_day_number(self.now) {
            let message = format!("{} is not later than today in Beijing", terms.maturity);
            return Err(Rejection::new(Reason::OutOfRange, "maturity_date", message));
        }
        if !(1..=10_000).contains(&terms.loan_to_value_bp) {
            let message = format!("{} is not 1 to 10,000", terms.loan_to_value_bp);
            return Err(Rejection::new(Reason::OutOfRange, "loan_to_value_bp", message));
        }
        span::check(terms.cure_period_ms, CURE_PERIOD_LIMIT_MS, "cure_period_ms")?;
        self.check_lines(terms.into(), offer.instrument)?;
        self.check_usable(offer.instrument, terms.maturity, "maturity_date")?;
        if !covers(terms, offer.quantity, terms.reference_price) {
            let message = format!(
                "{} yuan is more than {} basis points of {} t at {}",
                format_yuan(terms.principal),
                terms.loan_to_value_bp,
                offer.quantity.0,
                format_price(terms.reference_price)
            );
            return Err(Rejection::new(Reason::LtvExceeded, "principal_yuan", message));
        }
        Ok(())
    }

    /// The lines are in order, and drawn from the last settled close.
    pub(super) fn check_lines(
        &self,
        lines: Lines,
        instrument: InstrumentCode,
    ) -> Result<(), Rejection> {
        let Lines { reference_price, reference_date, warning_price, disposal_price } = lines;
        if disposal_price.0 <= 0 || disposal_price > warning_price {
            let message = format!(
                "the disposal line {} must be > 0 and not above the warning line {}",
                format_price(disposal_price),
                format_price(warning_price)
            );
            return Err(Rejection::new(Reason::OutOfRange, "disposal_price_yuan", message));
        }
        if warning_price > reference_price {
            let message = format!(
                "the warning line {} is above the reference price {}",
                format_price(warning_price),
                format_price(reference_price)
            );
            return Err(Rejection::new(Reason::OutOfRange, "warning_price_yuan", message));
        }
        let known = self.known_instrument(instrument, "instrument")?;
        let settled = (known.last_close_date, known.last_close);
        if settled == (Some(reference_date), reference_price) && self.has_fresh_close(known) {
            return Ok(());
        }
        let last = known.last_close_date.map_or_else(
            || "none is settled yet".to_owned(),
            |date| format!("the last is {} of {date}", format_price(known.last_close)),
        );
        let message = format!(
            "a contract of now is made at the last settled close, not older than \
             {PRICE_LIFE_DAYS} days: {last}"
        );
        Err(Rejection::new(Reason::PriceStale, "reference_price_yuan", message))
    }

    /// The instrument can be used for an obligation until the loan is due, and
    /// today when it is due already.
    pub(super) fn check_usable(
        &self,
        instrument: InstrumentCode,
        maturity: Date,
        field: &str,
    ) -> Result<(), Rejection> {
        let needed = day_number(maturity).max(beijing_day_number(self.now));
        match self.usable_until.get(&instrument).filter(|until| day_number(**until) < needed) {
            None => Ok(()),
            Some(until) => {
                let message = format!(
                    "{instrument} cannot be used after {until}, the loan is due on {maturity}"
                );
                Err(Rejection::new(Reason::VintageExpiring, field, message))
            }
        }
    }

    pub(super) fn accept_pledge(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
    ) -> Result<Receipt, Rejection> {
        require_pledgee(actor, self.known_pledge(id)?)?;
        let pledge = self.pledge_in(id, version, &[PledgeState::Proposed])?;
        if pledge.expires_at <= self.now {
            let message =
                format!("the offer of pledge {} ended at {} ms", id.0, pledge.expires_at.0);
            return Err(Rejection::new(Reason::ProposalExpired, FIELD, message));
        }
        self.require_unfrozen(pledge.pledgor, FIELD)?;
        let pledge = pledge.to_ref();

        self.change_pledge(id, |pledge| pledge.state = PledgeState::Accepted);
        self.record(What::PledgeAccepted { pledge }, Vec::new());
        self.pledge_receipt(id)
    }

    pub(super) fn decline_pledge(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
    ) -> Result<Receipt, Rejection> {
        let pledge = self.known_pledge(id)?;
        require_pledgor(actor, pledge).or_else(|_| require_pledgee(actor, pledge))?;
        self.pledge_in(id, version, &[PledgeState::Proposed, PledgeState::Accepted])?;

        self.end_offer(id, PledgeState::Declined);
        self.pledge_receipt(id)
    }

    /// Ends what nobody accepted in time: pledges, and other tonnes for them.
    pub(crate) fn expire_offers(&mut self, most: usize) {
        for id in self.pledges.ended_by(self.now, most) {
            match self.pledge(id).map(|pledge| pledge.state) {
                Some(PledgeState::Proposed) => self.end_offer(id, PledgeState::Expired),
                _ => self.end_substitution(id),
            }
        }
    }

    /// The tonnes of an offer go back to where they came from.
    pub(crate) fn end_offer(&mut self, id: PledgeId, state: PledgeState) {
        let Some(pledge) = self.pledge(id) else { return };
        let (of, from) = (pledge.to_ref(), pledge.from);
        let goods = pledge.goods(pledge.quantity);
        self.change_pledge(id, |pledge| {
            pledge.state = state;
            pledge.quantity = Quantity(0);
        });
        let postings = self.unpledge(goods, from.into());
        let what = if state == PledgeState::Expired {
            What::PledgeExpired { pledge: of }
        } else {
            What::PledgeDeclined { pledge: of }
        };
        self.record(what, postings);
    }

    pub(super) fn pledge_receipt(&self, id: PledgeId) -> Result<Receipt, Rejection> {
        let pledge = self.known_pledge(id)?;
        let (state, version) = (pledge.state, pledge.version);
        Ok(Receipt::Pledge { pledge: id, state, version, quantity: pledge.quantity })
    }
}

impl Pledge {
    /// So many tonnes of what is pledged.
    pub(super) fn goods(&self, quantity: Quantity) -> Goods {
        Goods { account: self.pledgor, instrument: self.instrument, quantity }
    }
}
