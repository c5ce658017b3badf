//! A pledge that both agreed on: recognised, added to, exchanged, given back.

use registry_ledger::{
    Fen, FreePosition, LedgerTime, PledgeId, PledgeState, Quantity, Reason, Substitution,
    SubstitutionOffer,
};

use super::calendar::{DAY_MS, beijing_midnight_ms};
use super::pledges::{Contract, check_offer_life, covered, free, only, pledgee_of, pledgor_of};
use super::positions::Position;
use super::registration::check_positive;
use super::{Model, Outcome, Planted, Refused, check_text, refuse};

/// Where more, less or other tonnes can be pledged.
const RUNNING: [PledgeState; 2] = [PledgeState::Active, PledgeState::MarginCall];
/// Where all can be given back.
const RELEASABLE: [PledgeState; 3] =
    [PledgeState::Active, PledgeState::MarginCall, PledgeState::Defaulted];

impl Model {
    pub(super) fn refuse_stay(&self, contract: &Contract) -> Result<(), Refused> {
        match self.stays(contract.id) == 0 || self.plants(Planted::StayForgotten) {
            true => Ok(()),
            false => refuse(Reason::CourtStay, "pledge_id"),
        }
    }

    pub(super) fn activate(&mut self, id: PledgeId, version: u32, filing: &str) -> Outcome {
        let contract = self.seen_in(id, version, &[PledgeState::Accepted])?;
        match check_text(filing, 200, "filing_reference") {
            Err((Reason::FieldMissing, field)) => {
                return refuse(Reason::FilingReferenceMissing, field);
            }
            other => other?,
        }
        self.refuse_frozen(contract.pledgor, "pledge_id")?;
        let log_index = self.log_index;
        let contract = self.change(id);
        contract.state = PledgeState::Active;
        contract.filing = filing.to_owned();
        contract.activated_at = log_index;
        self.watch(id);
        self.step(id)
    }

    pub(super) fn add(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
        from: FreePosition,
        quantity: Quantity,
    ) -> Outcome {
        only(actor, &pledgor_of(self.contract(id)?))?;
        let contract = self.seen_in(id, version, &RUNNING)?;
        check_positive(quantity.0, "quantity_tco2e")?;
        let (pledgor, instrument) = (contract.pledgor, contract.instrument);
        self.refuse_frozen(pledgor, "pledge_id")?;
        self.check_free(pledgor, instrument, from, quantity, "quantity_tco2e")?;
        let tonnes = i128::from(quantity.0);
        self.shift(pledgor, instrument, tonnes, (free(from), Position::Pledged));
        self.change(id).tonnes += tonnes;
        self.watch(id);
        self.step(id)
    }

    pub(super) fn release(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
        part: Option<Quantity>,
    ) -> Outcome {
        only(actor, &pledgee_of(self.contract(id)?))?;
        let contract = self.seen_in(id, version, &RELEASABLE)?;
        self.refuse_stay(contract)?;
        let tonnes = part.map_or(contract.tonnes, |part| part.0.into());
        if tonnes <= 0 {
            return refuse(Reason::NotPositive, "quantity_tco2e");
        }
        if tonnes > contract.tonnes {
            return refuse(Reason::ReleaseExceedsPledged, "quantity_tco2e");
        }
        if tonnes < contract.tonnes && !self.plants(Planted::ReleasedBelowCover) {
            let Some((close, _)) = self.fresh_close(contract.instrument) else {
                return refuse(Reason::PriceStale, "pledge_id");
            };
            if !covered(&contract.terms, contract.tonnes - tonnes, close) {
                return refuse(Reason::CoverBelowContract, "quantity_tco2e");
            }
        }
        self.give_back(id, tonnes);
        self.step(id)
    }

    pub(super) fn release_by_court(
        &mut self,
        id: PledgeId,
        version: u32,
        document: &str,
    ) -> Outcome {
        let contract = self.seen_before(id, version, &RELEASABLE)?;
        self.refuse_stay(contract)?;
        check_text(document, 200, "document")?;
        let tonnes = contract.tonnes;
        self.give_back(id, tonnes);
        self.step(id)
    }

    /// To the registered position, wherever the tonnes came from.
    fn give_back(&mut self, id: PledgeId, tonnes: i128) {
        let all = self.contract(id).is_ok_and(|contract| contract.tonnes == tonnes);
        if all {
            self.give_up_other(id);
        }
        self.free_pledged(id, tonnes, Position::Registered);
        let contract = self.change(id);
        contract.tonnes -= tonnes;
        contract.agreed_tonnes = contract.agreed_tonnes.min(contract.tonnes);
        if all {
            contract.state = PledgeState::Released;
            contract.cure_deadline = None;
        }
        self.watch(id);
    }

    pub(super) fn substitute(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
        offer: &SubstitutionOffer,
    ) -> Outcome {
        only(actor, &pledgor_of(self.contract(id)?))?;
        let contract = self.seen_in(id, version, &RUNNING)?;
        if contract.other.is_some() {
            return refuse(Reason::SubstitutionOpen, "pledge_id");
        }
        self.refuse_stay(contract)?;
        self.refuse_frozen(contract.pledgor, "pledge_id")?;
        self.check_other(contract, offer)
            .map_err(|(reason, field)| (reason, format!("offer.{field}")))?;
        let pledgor = contract.pledgor;
        let SubstitutionOffer { instrument, quantity, from, .. } = *offer;
        let expires_at = LedgerTime(self.now.0 + offer.time_to_live_ms);
        self.shift(pledgor, instrument, quantity.0.into(), (free(from), Position::Pledged));
        self.change(id).other = Some(Substitution {
            instrument,
            quantity,
            from,
            reference_price: offer.reference_price,
            reference_date: offer.reference_date,
            warning_price: offer.warning_price,
            disposal_price: offer.disposal_price,
            expires_at,
        });
        self.step(id)
    }

    fn check_other(&self, contract: &Contract, offer: &SubstitutionOffer) -> Result<(), Refused> {
        let SubstitutionOffer { instrument, quantity, from, .. } = *offer;
        if !self.instruments.contains_key(&instrument) {
            return refuse(Reason::WrongInstrument, "instrument");
        }
        check_positive(quantity.0, "quantity_tco2e")?;
        let reference = (offer.reference_price, offer.reference_date);
        self.check_lines(instrument, reference, (offer.warning_price, offer.disposal_price))?;
        self.check_usable(instrument, contract.terms.maturity, "instrument")?;
        check_offer_life(offer.time_to_live_ms)?;
        if !covered(&contract.terms, quantity.0.into(), offer.reference_price) {
            return refuse(Reason::CoverBelowContract, "quantity_tco2e");
        }
        self.check_free(contract.pledgor, instrument, from, quantity, "quantity_tco2e")
    }

    pub(super) fn accept_other(&mut self, actor: &str, id: PledgeId, version: u32) -> Outcome {
        only(actor, &pledgee_of(self.contract(id)?))?;
        let contract = self.seen_in(id, version, &RUNNING)?;
        let Some(other) = contract.other else {
            return refuse(Reason::NoSubstitution, "pledge_id");
        };
        self.refuse_stay(contract)?;
        self.refuse_frozen(contract.pledgor, "pledge_id")?;
        if other.expires_at <= self.now {
            return refuse(Reason::ProposalExpired, "pledge_id");
        }
        let Some((close, _)) = self.fresh_close(other.instrument) else {
            return refuse(Reason::PriceStale, "pledge_id");
        };
        if !covered(&contract.terms, other.quantity.0.into(), close) {
            return refuse(Reason::CoverBelowContract, "pledge_id");
        }
        let (tonnes, keeps) = (contract.tonnes, self.plants(Planted::OldLinesKept));
        self.free_pledged(id, tonnes, Position::Registered);
        let contract = self.change(id);
        contract.instrument = other.instrument;
        contract.tonnes = other.quantity.0.into();
        contract.agreed_tonnes = contract.tonnes;
        contract.terms.reference_price = other.reference_price;
        contract.terms.reference_date = other.reference_date;
        if !keeps {
            contract.terms.warning_price = other.warning_price;
            contract.terms.disposal_price = other.disposal_price;
        }
        contract.other = None;
        self.watch(id);
        self.step(id)
    }

    pub(super) fn decline_other(&mut self, actor: &str, id: PledgeId, version: u32) -> Outcome {
        let contract = self.contract(id)?;
        only(actor, &pledgor_of(contract)).or_else(|_| only(actor, &pledgee_of(contract)))?;
        if self.seen_in(id, version, &RUNNING)?.other.is_none() {
            return refuse(Reason::NoSubstitution, "pledge_id");
        }
        self.give_up_other(id);
        self.step(id)
    }

    pub(super) fn declare_default(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
        claim: Fen,
    ) -> Outcome {
        only(actor, &pledgee_of(self.contract(id)?))?;
        let contract = self.seen_before(id, version, &RUNNING)?;
        check_positive(claim.0, "claim_yuan")?;
        let due_day_ends = beijing_midnight_ms(contract.terms.maturity) + DAY_MS;
        let matured = due_day_ends + contract.terms.cure_period_ms;
        let called = contract.cure_deadline.map(|deadline| deadline.0);
        let (_, priced) = self.last_close(contract.instrument);
        let doubtful = priced.is_some_and(|date| self.in_dispute(date));
        let called = called.filter(|_| !doubtful);
        let curable = called.into_iter().chain([matured]).all(|ends| self.now.0 < ends);
        if curable && !self.plants(Planted::DefaultBeforeCure) {
            return refuse(Reason::CurePeriodOpen, "pledge_id");
        }
        self.give_up_other(id);
        let contract = self.change(id);
        contract.state = PledgeState::Defaulted;
        contract.cure_deadline = None;
        contract.claim = claim.0.into();
        self.step(id)
    }

    pub(super) fn enforce(&mut self, id: PledgeId, version: u32, document: &str) -> Outcome {
        let contract = self.seen_in(id, version, &[PledgeState::Defaulted])?;
        self.refuse_stay(contract)?;
        check_text(document, 200, "document")?;
        self.change(id).state = PledgeState::Enforcing;
        self.step(id)
    }
}
