//! Commands about pledges with one fault each.

use registry_ledger::{
    AccountId, BankId, Command, Date, Fen, InstrumentCode, PledgeCommand, PledgeId, PledgeOffer,
    PledgeState, Price, Quantity,
};

use super::pledges::trade_of;
use super::{Asked, Workload};
use crate::model::Model;
use crate::model::calendar::{DAY_MS, date_of, day_number};
use crate::model::pledges::Contract;

impl Workload {
    pub(super) fn pledge_fault(&mut self, model: &Model) -> Option<Asked> {
        match self.rng.below(20) {
            0..2 => return self.court_fault(model),
            2..8 => return self.offer_fault(model),
            8 => {
                let bank = self.some_bank(model)?;
                let wanted = match self.rng.below(3) {
                    0 => 0,
                    _ => i64::try_from(model.proceeds(bank)).ok()? + 1,
                };
                let bank = if self.rng.chance(20) { BankId(998) } else { bank };
                let take = PledgeCommand::TakeProceeds { bank, amount: Fen(wanted) };
                return Some((format!("bank/{}", bank.0), Command::Pledge(take)));
            }
            9 => {
                let instrument = unknown_instrument();
                let command = Command::SetUsableUntil { instrument, usable_until: None };
                return Some((self.officer(), command));
            }
            _ => {}
        }
        let (actor, command) = match self.rng.below(10) {
            0..2 => self.in_another_state(model)?,
            2..5 => self.sale_fault(model)?,
            5 => {
                let contract = self.some_of_kind(model, |contract| contract.other.is_some())?;
                let (pledge, version) = (contract.id, contract.version);
                let offer = self.substitution(model, &contract)?;
                let actor = crate::model::pledges::pledgor_of(&contract);
                (actor, PledgeCommand::Substitute { pledge, version, offer })
            }
            6 => {
                let of = |contract: &Contract| {
                    contract.other.is_none() && contract.state == PledgeState::Active
                };
                let contract = self.some_of_kind(model, of)?;
                let (pledge, version) = (contract.id, contract.version);
                let actor = crate::model::pledges::pledgee_of(&contract);
                (actor, PledgeCommand::AcceptSubstitution { pledge, version })
            }
            _ => {
                let open = self.open_contracts(model);
                let contract = self.rng.pick(&open)?.clone();
                let (actor, command) = self.next_step(model, &contract)?;
                self.spoiled(model, actor, command)?
            }
        };
        Some((actor, Command::Pledge(command)))
    }

    fn substitution(
        &mut self,
        model: &Model,
        contract: &Contract,
    ) -> Option<Box<registry_ledger::SubstitutionOffer>> {
        let without = Contract { other: None, state: PledgeState::Active, ..contract.clone() };
        for _ in 0..10 {
            if let Some((_, PledgeCommand::Substitute { offer, .. })) =
                self.next_step(model, &without)
            {
                return Some(offer);
            }
        }
        None
    }

    /// The step of one state at a pledge in another.
    fn in_another_state(&mut self, model: &Model) -> Option<(String, PledgeCommand)> {
        let contract = self.rng.pick(&model.pledges.contracts)?.clone();
        let states = [
            PledgeState::Proposed,
            PledgeState::Accepted,
            PledgeState::Active,
            PledgeState::Defaulted,
            PledgeState::Enforcing,
        ];
        let state = *self.rng.pick(&states)?;
        if state == contract.state {
            return None;
        }
        self.next_step(model, &Contract { state, ..contract })
    }

    /// One thing wrong with a step.
    fn spoiled(
        &mut self,
        model: &Model,
        actor: String,
        mut command: PledgeCommand,
    ) -> Option<(String, PledgeCommand)> {
        let roll = self.rng.below(6);
        if roll == 0 {
            let stranger = *self.rng.pick(&["firm/0", "bank/101", "registry/officer-1", "firm"])?;
            return Some((stranger.to_owned(), command));
        }
        let bad = self.bad_text(200);
        let beyond = PledgeId(model.pledges.contracts.len() as u64 + 1);
        match &mut command {
            PledgeCommand::Activate { filing_reference: text, .. }
            | PledgeCommand::Enforce { document: text, .. }
            | PledgeCommand::ReleaseByCourt { document: text, .. }
                if roll < 3 =>
            {
                *text = bad;
                return Some((actor, command));
            }
            PledgeCommand::Add { quantity, .. } if roll < 4 => {
                *quantity = Quantity(*self.rng.pick(&[0, -1, i64::MAX])?);
                return Some((actor, command));
            }
            PledgeCommand::Release { quantity, .. } if roll < 4 => {
                *quantity = Some(Quantity(*self.rng.pick(&[0, -1, i64::MAX, i64::MAX])?));
                return Some((actor, command));
            }
            PledgeCommand::Default { claim, .. } if roll < 3 => {
                *claim = Fen(*self.rng.pick(&[0, i64::MIN])?);
                return Some((actor, command));
            }
            PledgeCommand::Substitute { offer, .. } if roll < 5 => {
                match self.rng.below(8) {
                    0 => offer.quantity = Quantity(0),
                    1 => offer.quantity = Quantity(i64::MAX),
                    2 => offer.quantity = Quantity(1),
                    3 => offer.reference_price.0 += 1,
                    4 => offer.warning_price = Price(offer.reference_price.0 + 1),
                    5 => offer.disposal_price = Price(0),
                    6 => offer.instrument = unknown_instrument(),
                    _ => offer.time_to_live_ms = *self.rng.pick(&[0, 30 * DAY_MS + 1])?,
                }
                return Some((actor, command));
            }
            _ => {}
        }
        match &mut command {
            PledgeCommand::Accept { pledge, version }
            | PledgeCommand::Decline { pledge, version }
            | PledgeCommand::Activate { pledge, version, .. }
            | PledgeCommand::Add { pledge, version, .. }
            | PledgeCommand::Release { pledge, version, .. }
            | PledgeCommand::ReleaseByCourt { pledge, version, .. }
            | PledgeCommand::Substitute { pledge, version, .. }
            | PledgeCommand::AcceptSubstitution { pledge, version }
            | PledgeCommand::DeclineSubstitution { pledge, version }
            | PledgeCommand::Default { pledge, version, .. }
            | PledgeCommand::Enforce { pledge, version, .. } => match roll {
                5 => *pledge = beyond,
                _ => *version -= 1,
            },
            PledgeCommand::Sell { pledge, .. } => *pledge = beyond,
            PledgeCommand::Propose(_) | PledgeCommand::TakeProceeds { .. } => {}
        }
        Some((actor, command))
    }

    fn sale_fault(&mut self, model: &Model) -> Option<(String, PledgeCommand)> {
        let of = |contract: &Contract| contract.state == PledgeState::Enforcing;
        let contract = self.some_of_kind(model, of)?;
        let mut command = self.sale(model, &contract)?;
        let bank = self.some_bank(model)?;
        let trade = trade_of(&mut command)?;
        match self.rng.below(8) {
            0 => std::mem::swap(&mut trade.buyer, &mut trade.seller),
            1 => trade.seller_bank = if bank == trade.seller_bank { BankId(998) } else { bank },
            2 => trade.instrument = unknown_instrument(),
            3..6 => trade.quantity.0 += contract.tonnes as i64 % 90_000 + 1,
            6 => trade.quantity = Quantity(0),
            _ => trade.price = Price(1),
        }
        Some(("exchange/sh".to_owned(), command))
    }

    fn offer_fault(&mut self, model: &Model) -> Option<Asked> {
        let (actor, mut command) = self.offer_pledge(model)?;
        let bad = self.bad_text(200);
        let Command::Pledge(PledgeCommand::Propose(offer)) = &mut command else { return None };
        let PledgeOffer { terms, .. } = &mut **offer;
        match self.rng.below(20) {
            0 => offer.pledgor = AccountId(model.last_account().0 + 1),
            1 => offer.pledgor = AccountId(offer.pledgor.0 % model.last_account().0 + 1),
            2 => offer.pledgee = BankId(998),
            3 => offer.instrument = unknown_instrument(),
            4 => offer.quantity = Quantity(*self.rng.pick(&[0, i64::MIN])?),
            5 => offer.quantity = Quantity(i64::MAX),
            6 => terms.contract = bad,
            7 => terms.principal = Fen(0),
            8..10 => terms.principal = Fen(i64::MAX),
            10 => terms.maturity = today(model)?,
            11 => terms.loan_to_value_bp = *self.rng.pick(&[0, 10_001, u32::MAX])?,
            12 => terms.cure_period_ms = *self.rng.pick(&[0, -1, 90 * DAY_MS + 1])?,
            13 => terms.reference_price = Price(terms.reference_price.0 + 1),
            14 => terms.reference_date = date_of(day_number(terms.reference_date) - 1)?,
            15 => terms.warning_price = Price(terms.reference_price.0 + 1),
            16 => terms.disposal_price = Price(0),
            17 => terms.disposal_price = Price(terms.warning_price.0 + 1),
            _ => offer.time_to_live_ms = *self.rng.pick(&[0, -1, 30 * DAY_MS + 1])?,
        }
        Some((actor, command))
    }
}

fn today(model: &Model) -> Option<Date> {
    date_of(crate::model::calendar::beijing_day(model.now))
}

/// Never registered in a model's market.
fn unknown_instrument() -> InstrumentCode {
    InstrumentCode::parse("CEA-2097").expect("a well-formed code")
}
