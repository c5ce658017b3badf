//! What banks and firms do about pledges, right as far as their officers can see.

use registry_ledger::{
    AccountId, BankId, Command, Date, DayState, Fen, FreePosition, InstrumentCode, PledgeCommand,
    PledgeOffer, PledgeState, PledgeTerms, Price, Quantity, SubstitutionOffer, Trade, TradeKind,
};

use super::calls::last_day_in;
use super::{Asked, Workload};
use crate::model::Model;
use crate::model::calendar::{DAY_MS, beijing_day, date_of};
use crate::model::pledges::{Contract, free, pledgee_of, pledgor_of};
use crate::model::positions::Position;

/// Open pledges after which no more are offered.
const ENOUGH: usize = 30;

impl Workload {
    /// A command that is right or nearly so, if there is one now.
    pub(super) fn pledge_call(&mut self, model: &Model) -> Option<Asked> {
        let open = self.open_contracts(model);
        match self.rng.below(100) {
            0..12 => Some(self.court_call(model)?),
            12..14 => Some((self.officer(), self.usable_until(model)?)),
            14..18 => self.take(model),
            18..45 if open.len() < ENOUGH => self.offer_pledge(model),
            _ => {
                let contract = self.rng.pick(&open)?.clone();
                let (actor, command) = self.next_step(model, &contract)?;
                Some((actor, Command::Pledge(command)))
            }
        }
    }

    pub(super) fn open_contracts(&mut self, model: &Model) -> Vec<Contract> {
        let all = model.pledges.contracts.iter();
        all.filter(|contract| contract.offered() || contract.recognised()).cloned().collect()
    }

    fn usable_until(&mut self, model: &Model) -> Option<Command> {
        let instrument = self.some_instrument(model)?;
        let until = date_of(beijing_day(model.now) + self.rng.between(-1, 30));
        let usable_until = if self.rng.chance(40) { until } else { None };
        Some(Command::SetUsableUntil { instrument, usable_until })
    }

    fn take(&mut self, model: &Model) -> Option<Asked> {
        let banks: Vec<BankId> = model.banks.keys().copied().collect();
        let bank = banks.into_iter().find(|bank| model.proceeds(*bank) > 0)?;
        let all = i64::try_from(model.proceeds(bank)).ok()?;
        let amount = Fen(if self.rng.chance(40) { all } else { self.rng.between(1, all) });
        let take = PledgeCommand::TakeProceeds { bank, amount };
        Some((format!("bank/{}", bank.0), Command::Pledge(take)))
    }

    /// Free tonnes of an instrument that has a settled close.
    fn some_free(&mut self, model: &Model, of: Option<AccountId>) -> Option<(Contracted, i64)> {
        for _ in 0..12 {
            let account = of.or(self.some_account(model))?;
            let instrument = self.some_instrument(model)?;
            let from = *self.rng.pick(&[FreePosition::Registered, FreePosition::Trading])?;
            let all = model.positions.goods(account, instrument, free(from));
            if all > 0 && model.last_close(instrument).1.is_some() {
                return Some(((account, instrument, from), i64::try_from(all).ok()?));
            }
        }
        None
    }

    pub(super) fn offer_pledge(&mut self, model: &Model) -> Option<Asked> {
        let ((pledgor, instrument, from), all) = self.some_free(model, None)?;
        let (close, date) = model.last_close(instrument);
        let most = if self.rng.chance(10) { all } else { (all / 4).max(1) };
        let quantity = Quantity(self.rng.between(1, most));
        let loan_to_value_bp = 1 + self.rng.below(10_000) as u32;
        let value = i128::from(quantity.0) * i128::from(close.0);
        let lent = i64::try_from(value * i128::from(loan_to_value_bp) / 10_000).ok()?;
        let lent = if self.rng.chance(60) { lent } else { self.rng.between(1, lent.max(1)) };
        let (warning_price, disposal_price) = self.lines(close);
        let terms = PledgeTerms {
            contract: self.text(200),
            principal: Fen(lent.max(1)),
            maturity: self.maturity(model)?,
            reference_price: close,
            reference_date: date?,
            loan_to_value_bp,
            warning_price,
            disposal_price,
            cure_period_ms: self.time_to(90),
        };
        let pledgee = self.some_bank(model)?;
        let time_to_live_ms = self.time_to(30);
        let offer =
            PledgeOffer { pledgor, pledgee, instrument, quantity, from, terms, time_to_live_ms };
        let propose = PledgeCommand::Propose(Box::new(offer));
        Some((format!("firm/{}", pledgor.0), Command::Pledge(propose)))
    }

    /// Mostly due within the days that are played.
    fn maturity(&mut self, model: &Model) -> Option<Date> {
        let days = if self.rng.chance(70) { 6 } else { 90 };
        date_of(beijing_day(model.now) + self.rng.between(1, days))
    }

    /// A warning line, mostly near the close, and a disposal line.
    fn lines(&mut self, close: Price) -> (Price, Price) {
        let percent = if self.rng.chance(75) { 90 } else { 1 };
        let warning = self.rng.between((close.0 * percent / 100).max(1), close.0);
        (Price(warning), Price(self.rng.between(1, warning)))
    }

    /// Up to so many days; mostly little.
    fn time_to(&mut self, most_days: i64) -> i64 {
        let most = *self.rng.pick(&[1_000, DAY_MS / 24, 2 * DAY_MS]).unwrap_or(&1);
        match self.rng.below(20) {
            0 => most_days * DAY_MS,
            1 => 1,
            _ => self.rng.between(1, most),
        }
    }

    /// What may come next where a pledge stands.
    pub(super) fn next_step(
        &mut self,
        model: &Model,
        contract: &Contract,
    ) -> Option<(String, PledgeCommand)> {
        let (pledge, version) = (contract.id, contract.version);
        let (pledgor, pledgee) = (pledgor_of(contract), pledgee_of(contract));
        let either = if self.rng.chance(50) { pledgor.clone() } else { pledgee.clone() };
        Some(match (contract.state, self.rng.below(10)) {
            (PledgeState::Proposed, 0..2) | (PledgeState::Accepted, 0) => {
                (either, PledgeCommand::Decline { pledge, version })
            }
            (PledgeState::Proposed, _) => (pledgee, PledgeCommand::Accept { pledge, version }),
            (PledgeState::Accepted, _) => {
                let filing_reference = self.text(200);
                (self.officer(), PledgeCommand::Activate { pledge, version, filing_reference })
            }
            (PledgeState::Active | PledgeState::MarginCall, roll) => {
                return self.running_step(model, contract, roll);
            }
            (PledgeState::Defaulted, 0) => {
                (pledgee, PledgeCommand::Release { pledge, version, quantity: None })
            }
            (PledgeState::Defaulted, 1) => {
                let document = self.text(200);
                (self.officer(), PledgeCommand::ReleaseByCourt { pledge, version, document })
            }
            (PledgeState::Defaulted, _) => {
                let document = self.text(200);
                (self.officer(), PledgeCommand::Enforce { pledge, version, document })
            }
            (PledgeState::Enforcing, _) => ("exchange/sh".to_owned(), self.sale(model, contract)?),
            _ => return None,
        })
    }

    fn running_step(
        &mut self,
        model: &Model,
        contract: &Contract,
        roll: u64,
    ) -> Option<(String, PledgeCommand)> {
        let (pledge, version) = (contract.id, contract.version);
        let (pledgor, pledgee) = (pledgor_of(contract), pledgee_of(contract));
        let overdue = contract.cure_deadline.is_some_and(|deadline| model.now >= deadline);
        Some(match roll {
            0..2 => {
                let from = *self.rng.pick(&[FreePosition::Registered, FreePosition::Trading])?;
                let all = model.positions.goods(contract.pledgor, contract.instrument, free(from));
                let quantity = Quantity(self.rng.between(1, i64::try_from(all).ok()?.max(1)));
                (pledgor, PledgeCommand::Add { pledge, version, from, quantity })
            }
            2..4 => {
                let all = i64::try_from(contract.tonnes).ok()?;
                let most = if self.rng.chance(50) { all } else { (all / 20).max(1) };
                let some = Quantity(self.rng.between(1, most));
                let quantity = if self.rng.chance(20) { None } else { Some(some) };
                (pledgee, PledgeCommand::Release { pledge, version, quantity })
            }
            4..7 if contract.other.is_none() => {
                let offer = Box::new(self.other_tonnes(model, contract)?);
                (pledgor, PledgeCommand::Substitute { pledge, version, offer })
            }
            4..6 => (pledgee, PledgeCommand::AcceptSubstitution { pledge, version }),
            6 => {
                let either = if self.rng.chance(50) { pledgor } else { pledgee };
                (either, PledgeCommand::DeclineSubstitution { pledge, version })
            }
            7 if self.rng.chance(30) => {
                let document = self.text(200);
                (self.officer(), PledgeCommand::ReleaseByCourt { pledge, version, document })
            }
            _ if overdue || self.rng.chance(40) => {
                let value = contract.tonnes * i128::from(model.last_close(contract.instrument).0.0);
                let most = i64::try_from(value.min(i128::from(i64::MAX / 2))).ok()?;
                let claim = Fen(self.rng.between(1, most.max(1) / 2 * 3 + 1));
                let evidence_sha256 = self.hash();
                (pledgee, PledgeCommand::Default { pledge, version, claim, evidence_sha256 })
            }
            _ => return None,
        })
    }

    fn other_tonnes(&mut self, model: &Model, contract: &Contract) -> Option<SubstitutionOffer> {
        let ((_, instrument, from), all) = self.some_free(model, Some(contract.pledgor))?;
        let (close, date) = model.last_close(instrument);
        let share = i128::from(close.0) * i128::from(contract.terms.loan_to_value_bp);
        let enough = i128::from(contract.terms.principal.0) * 10_000 / share.max(1) + 1;
        let quantity = match i64::try_from(enough) {
            Ok(enough) if enough <= all && self.rng.chance(90) => self.rng.between(enough, all),
            _ => self.rng.between(1, all),
        };
        let (warning_price, disposal_price) = self.lines(close);
        Some(SubstitutionOffer {
            instrument,
            quantity: Quantity(quantity),
            from,
            reference_price: close,
            reference_date: date?,
            warning_price,
            disposal_price,
            time_to_live_ms: self.time_to(30),
        })
    }

    /// As many tonnes as the claim needs, the buyer can pay and one listed trade may have.
    pub(super) fn sale(&mut self, model: &Model, contract: &Contract) -> Option<PledgeCommand> {
        let day = last_day_in(model, &[DayState::Open])?;
        day.instruments.get(&contract.instrument)?;
        let mut trade = self.trade(model, &day)?;
        (trade.seller, trade.seller_bank) = (contract.pledgor, contract.pledgee);
        (trade.instrument, trade.kind) = (contract.instrument, TradeKind::Listed);
        let (low, high) = model.price_limits(&day, &trade);
        trade.price = Price(self.rng.between(low, high));
        let (buyer, bank, money) = self.richest(model, contract.pledgor)?;
        (trade.buyer, trade.buyer_bank) = (buyer, bank);
        let price = i128::from(trade.price.0);
        let needed = (contract.due() + price - 1) / price;
        let most = needed.min(contract.tonnes).min(money / price).clamp(1, 99_999);
        let most = i64::try_from(most).ok()?;
        trade.quantity =
            Quantity(if self.rng.chance(70) { most } else { self.rng.between(1, most) });
        Some(PledgeCommand::Sell { pledge: contract.id, date: day.date, trade })
    }

    fn richest(&mut self, model: &Model, but: AccountId) -> Option<(AccountId, BankId, i128)> {
        let mut best = None;
        for _ in 0..12 {
            let (account, bank) = (self.some_account(model)?, self.some_bank(model)?);
            let money = model.positions.cash(account, bank);
            if account != but && best.is_none_or(|(_, _, most)| most < money) {
                best = Some((account, bank, money));
            }
        }
        best
    }

    pub(super) fn some_of_kind(
        &mut self,
        model: &Model,
        of: fn(&Contract) -> bool,
    ) -> Option<Contract> {
        let found: Vec<_> = model.pledges.contracts.iter().filter(|c| of(c)).cloned().collect();
        self.rng.pick(&found).cloned()
    }

    /// An account with tonnes in a position.
    pub(super) fn some_holder(
        &mut self,
        model: &Model,
        position: Position,
    ) -> Option<(AccountId, InstrumentCode, i64)> {
        for _ in 0..12 {
            let (account, instrument) = (self.some_account(model)?, self.some_instrument(model)?);
            let all = model.positions.goods(account, instrument, position);
            if all > 0 {
                return Some((account, instrument, i64::try_from(all).ok()?));
            }
        }
        None
    }
}

/// Whose tonnes of what, and where they lie.
type Contracted = (AccountId, InstrumentCode, FreePosition);

/// The trade of a sale, to be spoiled.
pub(super) fn trade_of(command: &mut PledgeCommand) -> Option<&mut Trade> {
    match command {
        PledgeCommand::Sell { trade, .. } => Some(trade),
        _ => None,
    }
}
