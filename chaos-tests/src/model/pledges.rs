//! Pledges as a list of contracts: how they are offered, agreed on and watched.

use std::collections::BTreeMap;

use registry_ledger::{
    AccountId, BankId, Date, DayState, Fen, FreePosition, InstrumentCode, LedgerTime, Pledge,
    PledgeCommand, PledgeId, PledgeOffer, PledgeState, PledgeTerms, Price, Quantity, Reason,
    Receipt, Substitution,
};

use super::calendar::{DAY_MS, beijing_day, day_number};
use super::positions::{Position, fits};
use super::registration::check_positive;
use super::{Model, Outcome, Planted, Refused, check_text, refuse};

/// Longest life of an offer.
const MONTH_MS: i64 = 30 * DAY_MS;

/// Every contract ever offered, in order, and what else pledges need.
#[derive(Clone, Debug, Default)]
pub(super) struct PledgeBook {
    pub(super) contracts: Vec<Contract>,
    /// What pledgees have got, and with a minus what they have taken out.
    pub(super) proceeds: Vec<(BankId, i128)>,
    /// Last day of instruments that have one.
    pub(super) usable_until: BTreeMap<InstrumentCode, Date>,
}

/// One pledge.
#[derive(Clone, Debug)]
pub(super) struct Contract {
    pub(super) id: PledgeId,
    pub(super) pledgor: AccountId,
    pub(super) pledgee: BankId,
    pub(super) instrument: InstrumentCode,
    pub(super) tonnes: i128,
    pub(super) agreed_tonnes: i128,
    pub(super) from: FreePosition,
    pub(super) terms: PledgeTerms,
    pub(super) state: PledgeState,
    /// One more for every change.
    pub(super) version: u32,
    pub(super) expires_at: LedgerTime,
    pub(super) filing: String,
    pub(super) activated_at: u64,
    pub(super) cure_deadline: Option<LedgerTime>,
    pub(super) claim: i128,
    /// What each sale has brought the pledgee.
    pub(super) sales: Vec<i128>,
    pub(super) other: Option<Substitution>,
}

impl Contract {
    pub(super) fn offered(&self) -> bool {
        [PledgeState::Proposed, PledgeState::Accepted].contains(&self.state)
    }

    pub(super) fn recognised(&self) -> bool {
        [
            PledgeState::Active,
            PledgeState::MarginCall,
            PledgeState::Defaulted,
            PledgeState::Enforcing,
        ]
        .contains(&self.state)
    }

    pub(super) fn due(&self) -> i128 {
        self.claim - self.sales.iter().sum::<i128>()
    }

    /// When an offer ends that nobody accepts.
    pub(super) fn offer_ends(&self) -> Option<LedgerTime> {
        if self.state == PledgeState::Proposed {
            return Some(self.expires_at);
        }
        self.other.map(|other| other.expires_at)
    }
}

/// The position that a free one is.
pub(super) fn free(from: FreePosition) -> Position {
    match from {
        FreePosition::Registered => Position::Registered,
        FreePosition::Trading => Position::Trading,
    }
}

/// Only this party may do it.
pub(super) fn only(actor: &str, party: &str) -> Result<(), Refused> {
    if actor == party { Ok(()) } else { refuse(Reason::NotCounterparty, "pledge_id") }
}

pub(super) fn pledgor_of(contract: &Contract) -> String {
    format!("firm/{}", contract.pledgor.0)
}

pub(super) fn pledgee_of(contract: &Contract) -> String {
    format!("bank/{}", contract.pledgee.0)
}

/// A length of time of 1 ms to `most_ms`.
fn check_time(ms: i64, most_ms: i64, field: &str) -> Result<(), Refused> {
    check_positive(ms, field)?;
    if ms > most_ms { refuse(Reason::OutOfRange, field) } else { Ok(()) }
}

impl Model {
    pub(super) fn decide_pledge(&mut self, actor: &str, command: &PledgeCommand) -> Outcome {
        match command {
            PledgeCommand::Propose(offer) => self.propose_pledge(actor, offer),
            PledgeCommand::Accept { pledge, version } => self.accept(actor, *pledge, *version),
            PledgeCommand::Decline { pledge, version } => {
                self.decline_pledge(actor, *pledge, *version)
            }
            PledgeCommand::Activate { pledge, version, filing_reference } => {
                self.activate(*pledge, *version, filing_reference)
            }
            PledgeCommand::Add { pledge, version, from, quantity } => {
                self.add(actor, *pledge, *version, *from, *quantity)
            }
            PledgeCommand::Release { pledge, version, quantity } => {
                self.release(actor, *pledge, *version, *quantity)
            }
            PledgeCommand::ReleaseByCourt { pledge, version, document } => {
                self.release_by_court(*pledge, *version, document)
            }
            PledgeCommand::Substitute { pledge, version, offer } => {
                self.substitute(actor, *pledge, *version, offer)
            }
            PledgeCommand::AcceptSubstitution { pledge, version } => {
                self.accept_other(actor, *pledge, *version)
            }
            PledgeCommand::DeclineSubstitution { pledge, version } => {
                self.decline_other(actor, *pledge, *version)
            }
            PledgeCommand::Default { pledge, version, claim, .. } => {
                self.declare_default(actor, *pledge, *version, *claim)
            }
            PledgeCommand::Enforce { pledge, version, document } => {
                self.enforce(*pledge, *version, document)
            }
            PledgeCommand::Sell { pledge, date, trade } => self.sell_pledged(*pledge, *date, trade),
            PledgeCommand::TakeProceeds { bank, amount } => self.take_proceeds(*bank, *amount),
        }
    }

    pub(super) fn contract(&self, id: PledgeId) -> Result<&Contract, Refused> {
        let found = self.pledges.contracts.iter().find(|contract| contract.id == id);
        found.ok_or((Reason::UnknownPledge, "pledge_id".to_owned()))
    }

    /// To change a contract that was just looked up; its version grows.
    pub(super) fn change(&mut self, id: PledgeId) -> &mut Contract {
        let mut all = self.pledges.contracts.iter_mut();
        let contract = all.find(|contract| contract.id == id).expect("the pledge was found");
        contract.version += 1;
        contract
    }

    pub(super) fn contract_in(
        &self,
        id: PledgeId,
        states: &[PledgeState],
    ) -> Result<&Contract, Refused> {
        let contract = self.contract(id)?;
        if states.contains(&contract.state) {
            Ok(contract)
        } else if contract.state == PledgeState::Expired {
            refuse(Reason::ProposalExpired, "pledge_id")
        } else {
            refuse(Reason::PledgeNotActive, "pledge_id")
        }
    }

    /// The contract as its caller has seen it, where the command needs it.
    pub(super) fn seen_in(
        &self,
        id: PledgeId,
        version: u32,
        states: &[PledgeState],
    ) -> Result<&Contract, Refused> {
        let blind = self.plants(Planted::OldVersionTaken);
        if self.contract(id)?.version != version && !blind {
            return refuse(Reason::StaleVersion, "version");
        }
        self.contract_in(id, states)
    }

    /// The same, whatever happened since the version that was seen.
    pub(super) fn seen_before(
        &self,
        id: PledgeId,
        version: u32,
        states: &[PledgeState],
    ) -> Result<&Contract, Refused> {
        if self.contract(id)?.version < version && !self.plants(Planted::OldVersionTaken) {
            return refuse(Reason::StaleVersion, "version");
        }
        self.contract_in(id, states)
    }

    pub(super) fn step(&self, id: PledgeId) -> Outcome {
        let contract = self.contract(id)?;
        Ok(Receipt::Pledge {
            pledge: id,
            state: contract.state,
            version: contract.version,
            quantity: Quantity(fits(contract.tonnes)),
        })
    }

    /// Moves tonnes of an account from one of its positions to another.
    pub(super) fn shift(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        tonnes: i128,
        (from, to): (Position, Position),
    ) {
        self.positions.post_goods(account, instrument, from, -tonnes);
        self.positions.post_goods(account, instrument, to, tonnes);
    }

    /// Moves pledged tonnes of a contract's own instrument.
    pub(super) fn free_pledged(&mut self, id: PledgeId, tonnes: i128, to: Position) {
        if let Ok(Contract { pledgor, instrument, .. }) = self.contract(id).cloned() {
            self.shift(pledgor, instrument, tonnes, (Position::Pledged, to));
        }
    }

    pub(super) fn check_free(
        &self,
        account: AccountId,
        instrument: InstrumentCode,
        from: FreePosition,
        quantity: Quantity,
        field: &str,
    ) -> Result<(), Refused> {
        if self.positions.goods(account, instrument, free(from)) < i128::from(quantity.0) {
            return refuse(Reason::InsufficientHolding, field);
        }
        Ok(())
    }

    /// The last close that a manifest settled, and its day; else the reference price.
    pub(super) fn last_close(&self, code: InstrumentCode) -> (Price, Option<Date>) {
        let settled = self.days.values().filter_map(|day| day.board.as_ref());
        let last = settled.filter_map(|board| board.get(&code)).next_back();
        last.map_or((self.instruments[&code], None), |line| (line.close, Some(line.date)))
    }

    /// The last close, unless it is older than ten days.
    pub(super) fn fresh_close(&self, code: InstrumentCode) -> Option<(Price, Date)> {
        let (close, date) = self.last_close(code);
        let date = date.filter(|date| beijing_day(self.now) - day_number(*date) <= 10)?;
        (!self.in_dispute(date)).then_some((close, date))
    }

    pub(super) fn in_dispute(&self, date: Date) -> bool {
        self.days.get(&date).is_some_and(|day| day.state == DayState::Disputed)
    }

    pub(super) fn check_lines(
        &self,
        instrument: InstrumentCode,
        (reference, of): (Price, Date),
        (warning, disposal): (Price, Price),
    ) -> Result<(), Refused> {
        if disposal.0 <= 0 || disposal > warning {
            return refuse(Reason::OutOfRange, "disposal_price_yuan");
        }
        if warning > reference {
            return refuse(Reason::OutOfRange, "warning_price_yuan");
        }
        if self.fresh_close(instrument) != Some((reference, of)) {
            return refuse(Reason::PriceStale, "reference_price_yuan");
        }
        Ok(())
    }

    pub(super) fn check_usable(
        &self,
        instrument: InstrumentCode,
        maturity: Date,
        field: &str,
    ) -> Result<(), Refused> {
        // A loan that is overdue needs tonnes that count today.
        let needed = day_number(maturity).max(beijing_day(self.now));
        match self.pledges.usable_until.get(&instrument) {
            Some(last) if day_number(*last) < needed => refuse(Reason::VintageExpiring, field),
            _ => Ok(()),
        }
    }

    fn check_terms(&self, offer: &PledgeOffer) -> Result<(), Refused> {
        let terms = &offer.terms;
        check_text(&terms.contract, 200, "contract")?;
        check_positive(terms.principal.0, "principal_yuan")?;
        if day_number(terms.maturity) <= beijing_day(self.now) {
            return refuse(Reason::OutOfRange, "maturity_date");
        }
        if terms.loan_to_value_bp < 1 || terms.loan_to_value_bp > 10_000 {
            return refuse(Reason::OutOfRange, "loan_to_value_bp");
        }
        check_time(terms.cure_period_ms, 90 * DAY_MS, "cure_period_ms")?;
        let reference = (terms.reference_price, terms.reference_date);
        let lines = (terms.warning_price, terms.disposal_price);
        self.check_lines(offer.instrument, reference, lines)?;
        self.check_usable(offer.instrument, terms.maturity, "maturity_date")?;
        if !covered(terms, offer.quantity.0.into(), terms.reference_price) {
            return refuse(Reason::LtvExceeded, "principal_yuan");
        }
        Ok(())
    }

    fn propose_pledge(&mut self, actor: &str, offer: &PledgeOffer) -> Outcome {
        let PledgeOffer { pledgor, pledgee, instrument, quantity, from, .. } = *offer;
        if !self.has_account(pledgor) {
            return refuse(Reason::UnknownAccount, "pledgor_account");
        }
        only(actor, &format!("firm/{}", pledgor.0))?;
        self.refuse_frozen(pledgor, "pledgor_account")?;
        if !self.banks.contains_key(&pledgee) {
            return refuse(Reason::UnknownBank, "pledgee_bank");
        }
        if !self.instruments.contains_key(&instrument) {
            return refuse(Reason::WrongInstrument, "instrument");
        }
        check_positive(quantity.0, "quantity_tco2e")?;
        self.check_terms(offer).map_err(|(reason, field)| (reason, format!("terms.{field}")))?;
        check_time(offer.time_to_live_ms, MONTH_MS, "time_to_live_ms")?;
        self.check_free(pledgor, instrument, from, quantity, "quantity_tco2e")?;
        let id = PledgeId(self.pledges.contracts.len() as u64 + 1);
        let tonnes = i128::from(quantity.0);
        self.shift(pledgor, instrument, tonnes, (free(from), Position::Pledged));
        self.pledges.contracts.push(Contract {
            id,
            pledgor,
            pledgee,
            instrument,
            tonnes,
            agreed_tonnes: tonnes,
            from,
            terms: offer.terms.clone(),
            state: PledgeState::Proposed,
            version: 1,
            expires_at: LedgerTime(self.now.0 + offer.time_to_live_ms),
            filing: String::new(),
            activated_at: 0,
            cure_deadline: None,
            claim: 0,
            sales: Vec::new(),
            other: None,
        });
        self.step(id)
    }

    fn accept(&mut self, actor: &str, id: PledgeId, version: u32) -> Outcome {
        only(actor, &pledgee_of(self.contract(id)?))?;
        let contract = self.seen_in(id, version, &[PledgeState::Proposed])?;
        if contract.expires_at <= self.now && !self.plants(Planted::LateAcceptanceTaken) {
            return refuse(Reason::ProposalExpired, "pledge_id");
        }
        self.refuse_frozen(contract.pledgor, "pledge_id")?;
        self.change(id).state = PledgeState::Accepted;
        self.step(id)
    }

    fn decline_pledge(&mut self, actor: &str, id: PledgeId, version: u32) -> Outcome {
        let contract = self.contract(id)?;
        only(actor, &pledgor_of(contract)).or_else(|_| only(actor, &pledgee_of(contract)))?;
        self.seen_in(id, version, &[PledgeState::Proposed, PledgeState::Accepted])?;
        self.give_up(id, PledgeState::Declined);
        self.step(id)
    }

    /// An offer ends: its tonnes go where they came from.
    pub(super) fn give_up(&mut self, id: PledgeId, state: PledgeState) {
        let contract = self.change(id);
        let (tonnes, from) = (contract.tonnes, contract.from);
        contract.state = state;
        contract.tonnes = 0;
        self.free_pledged(id, tonnes, free(from));
    }

    /// Other tonnes on offer, if there are any, go where they came from.
    pub(super) fn give_up_other(&mut self, id: PledgeId) {
        let Ok(contract) = self.contract(id) else { return };
        let (pledgor, Some(other)) = (contract.pledgor, contract.other) else { return };
        self.change(id).other = None;
        let way = (Position::Pledged, free(other.from));
        self.shift(pledgor, other.instrument, other.quantity.0.into(), way);
    }

    /// Everything that nobody accepted in time.
    pub(super) fn expire_offers(&mut self) {
        let over = self.pledges.contracts.clone();
        for contract in over {
            if contract.offer_ends().is_none_or(|ends| ends > self.now) {
                continue;
            }
            if contract.state == PledgeState::Proposed {
                self.give_up(contract.id, PledgeState::Expired);
            } else {
                self.give_up_other(contract.id);
            }
        }
    }

    /// Holds a contract against the last close: calls for more, or takes that back.
    pub(super) fn watch(&mut self, id: PledgeId) {
        let Ok(contract) = self.contract(id) else { return };
        let close = self.last_close(contract.instrument).0;
        let agreed = contract.agreed_tonnes * i128::from(contract.terms.warning_price.0);
        let short = contract.tonnes * i128::from(close.0) < agreed;
        let cure_ends = LedgerTime(self.now.0 + contract.terms.cure_period_ms);
        match (contract.state, short) {
            (PledgeState::Active, true) => {
                let contract = self.change(id);
                contract.state = PledgeState::MarginCall;
                contract.cure_deadline = Some(cure_ends);
            }
            (PledgeState::MarginCall, false) => {
                let contract = self.change(id);
                contract.state = PledgeState::Active;
                contract.cure_deadline = None;
            }
            _ => {}
        }
    }

    /// After a manifest: every contract, whatever it is of.
    pub(super) fn watch_all(&mut self) {
        if self.plants(Planted::MarginCallMissed) {
            return;
        }
        let all: Vec<_> = self.pledges.contracts.iter().map(|contract| contract.id).collect();
        all.into_iter().for_each(|id| self.watch(id));
    }

    pub(super) fn set_usable_until(
        &mut self,
        instrument: InstrumentCode,
        usable_until: Option<Date>,
    ) -> Outcome {
        if !self.instruments.contains_key(&instrument) {
            return refuse(Reason::WrongInstrument, "instrument");
        }
        self.pledges.usable_until.remove(&instrument);
        self.pledges.usable_until.extend(usable_until.map(|date| (instrument, date)));
        Ok(Receipt::Done)
    }

    /// A contract as the queries show it.
    pub(super) fn shown(&self, contract: &Contract) -> Pledge {
        Pledge {
            id: contract.id,
            pledgor: contract.pledgor,
            pledgee: contract.pledgee,
            instrument: contract.instrument,
            quantity: Quantity(fits(contract.tonnes)),
            contract_quantity: Quantity(fits(contract.agreed_tonnes)),
            from: contract.from,
            terms: contract.terms.clone(),
            state: contract.state,
            version: contract.version,
            expires_at: contract.expires_at,
            filing_reference: contract.filing.clone(),
            activated_log_index: contract.activated_at,
            cure_deadline: contract.cure_deadline,
            stays: self.stays(contract.id),
            claim: Fen(fits(contract.claim)),
            proceeds: Fen(fits(contract.sales.iter().sum())),
            substitution: contract.other,
        }
    }
}

/// Principal at most the contract's share of what so many tonnes are worth.
pub(super) fn covered(terms: &PledgeTerms, tonnes: i128, price: Price) -> bool {
    let value = tonnes.saturating_mul(price.0.into());
    let share = value.saturating_mul(terms.loan_to_value_bp.into());
    i128::from(terms.principal.0) * 10_000 <= share
}

pub(super) fn check_offer_life(ms: i64) -> Result<(), Refused> {
    check_time(ms, MONTH_MS, "time_to_live_ms")
}
