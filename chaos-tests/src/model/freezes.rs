//! Courts' orders as a list; what is frozen and stayed is looked up in it.

use registry_ledger::{
    AccountId, Freeze, FreezeCommand, FreezeId, FreezeTarget, InstrumentCode, LedgerTime, PledgeId,
    PledgeState, Quantity, Reason, Receipt,
};

use super::positions::{Position, fits};
use super::registration::check_positive;
use super::{Model, Outcome, Planted, Refused, check_text, refuse};

/// One order of a court.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: FreezeId,
    pub(super) target: FreezeTarget,
    pub(super) account: AccountId,
    court: String,
    document: String,
    imposed_at: LedgerTime,
    registered: i128,
    trading: i128,
    stayed: Vec<PledgeId>,
    lifted: bool,
}

impl Model {
    pub(super) fn decide_freeze(&mut self, command: &FreezeCommand) -> Outcome {
        match command {
            FreezeCommand::Impose { target, court, document } => {
                self.impose(*target, court, document)
            }
            FreezeCommand::Lift { freeze, document } => self.lift(*freeze, document),
            FreezeCommand::Execute { freeze, to, quantity, document, .. } => {
                self.execute(*freeze, *to, *quantity, document)
            }
        }
    }

    /// Orders that stand.
    pub(super) fn standing(&self) -> Vec<&Order> {
        self.orders.iter().filter(|order| !order.lifted).collect()
    }

    pub(super) fn is_frozen(&self, account: AccountId) -> bool {
        let whole = FreezeTarget::Account { account };
        self.orders.iter().any(|order| !order.lifted && order.target == whole)
    }

    pub(super) fn refuse_frozen(&self, account: AccountId, field: &str) -> Result<(), Refused> {
        if self.is_frozen(account) { refuse(Reason::AccountFrozen, field) } else { Ok(()) }
    }

    /// Orders that keep a pledge where it is.
    pub(super) fn stays(&self, pledge: PledgeId) -> u32 {
        let stay = |order: &&Order| !order.lifted && order.stayed.contains(&pledge);
        self.orders.iter().filter(stay).count() as u32
    }

    fn impose(&mut self, target: FreezeTarget, court: &str, document: &str) -> Outcome {
        let account = match target {
            FreezeTarget::Account { account } | FreezeTarget::Tonnes { account, .. } => account,
            FreezeTarget::Pledge { pledge } => {
                let contract = self.contract(pledge)?;
                if !contract.recognised() {
                    return refuse(Reason::PledgeNotActive, "pledge_id");
                }
                contract.pledgor
            }
        };
        if !self.has_account(account) {
            return refuse(Reason::UnknownAccount, "account_id");
        }
        if let FreezeTarget::Tonnes { instrument, quantity, .. } = target {
            if !self.instruments.contains_key(&instrument) {
                return refuse(Reason::WrongInstrument, "instrument");
            }
            check_positive(quantity.0, "quantity_tco2e")?;
            if self.reach(account, instrument) < i128::from(quantity.0) {
                return refuse(Reason::InsufficientHolding, "quantity_tco2e");
            }
        }
        check_text(court, 200, "court")?;
        check_text(document, 200, "document")?;
        let id = FreezeId(self.orders.len() as u64 + 1);
        let mut order = Order {
            id,
            target,
            account,
            court: court.to_owned(),
            document: document.to_owned(),
            imposed_at: self.now,
            registered: 0,
            trading: 0,
            stayed: Vec::new(),
            lifted: false,
        };
        match target {
            FreezeTarget::Account { .. } => {}
            FreezeTarget::Tonnes { instrument, quantity, .. } => {
                self.seize(&mut order, instrument, quantity.0.into());
            }
            FreezeTarget::Pledge { pledge } => order.stayed.push(pledge),
        }
        for pledge in &order.stayed {
            self.change(*pledge);
        }
        let frozen = Quantity(fits(order.registered + order.trading));
        let stayed = order.stayed.clone();
        self.orders.push(order);
        Ok(Receipt::Freeze { freeze: id, account, frozen, stayed })
    }

    fn free_tonnes(&self, account: AccountId, instrument: InstrumentCode) -> [i128; 2] {
        [Position::Registered, Position::Trading]
            .map(|position| self.positions.goods(account, instrument, position))
    }

    /// All that a court gets hold of: what is free, offered or pledged.
    fn reach(&self, account: AccountId, instrument: InstrumentCode) -> i128 {
        let pledged = self.positions.goods(account, instrument, Position::Pledged);
        self.free_tonnes(account, instrument).iter().sum::<i128>() + pledged
    }

    /// Ends offers one by one until there is enough, then stays pledges one by one.
    fn seize(&mut self, order: &mut Order, instrument: InstrumentCode, wanted: i128) {
        let account = order.account;
        let own = self.pledges.contracts.iter().filter(|contract| contract.pledgor == account);
        let own: Vec<_> = own.cloned().collect();
        let free = |model: &Self| model.free_tonnes(account, instrument).iter().sum::<i128>();
        for contract in &own {
            if free(self) >= wanted {
                break;
            }
            if contract.offered() && contract.instrument == instrument {
                self.give_up(contract.id, PledgeState::Declined);
            }
            if contract.other.is_some_and(|other| other.instrument == instrument) {
                self.give_up_other(contract.id);
            }
        }
        let [registered, trading] = self.free_tonnes(account, instrument);
        let frozen = wanted.min(registered + trading);
        (order.registered, order.trading) = match self.plants(Planted::TradingFrozenFirst) {
            true => (frozen - frozen.min(trading), frozen.min(trading)),
            false => (frozen.min(registered), frozen - frozen.min(registered)),
        };
        for (from, tonnes) in
            [(Position::Registered, order.registered), (Position::Trading, order.trading)]
        {
            self.shift(account, instrument, tonnes, (from, Position::Frozen));
        }
        let mut reached = frozen;
        for contract in own.iter().filter(|contract| contract.recognised()) {
            if reached < wanted && contract.instrument == instrument {
                reached += contract.tonnes;
                order.stayed.push(contract.id);
            }
        }
    }

    fn execute(
        &mut self,
        id: FreezeId,
        to: AccountId,
        quantity: Quantity,
        document: &str,
    ) -> Outcome {
        let Some(order) = self.standing().into_iter().find(|order| order.id == id).cloned() else {
            return refuse(Reason::UnknownFreeze, "freeze_id");
        };
        if !self.has_account(to) {
            return refuse(Reason::UnknownAccount, "to_account_id");
        }
        if order.account == to {
            return refuse(Reason::SelfTransfer, "to_account_id");
        }
        check_positive(quantity.0, "quantity_tco2e")?;
        let FreezeTarget::Tonnes { account, instrument, .. } = order.target else {
            return refuse(Reason::InsufficientHolding, "freeze_id");
        };
        let wanted = i128::from(quantity.0);
        let held = order.registered + order.trading;
        if held < wanted {
            return refuse(Reason::InsufficientHolding, "quantity_tco2e");
        }
        check_text(document, 200, "document")?;
        let registered = match self.plants(Planted::TradingExecutedFirst) {
            true => wanted - wanted.min(order.trading),
            false => wanted.min(order.registered),
        };
        for order in self.orders.iter_mut().filter(|order| order.id == id) {
            order.registered -= registered;
            order.trading -= wanted - registered;
        }
        self.positions.post_goods(account, instrument, Position::Frozen, -wanted);
        self.positions.post_goods(to, instrument, Position::Registered, wanted);
        let (frozen, stayed) = (Quantity(fits(held - wanted)), order.stayed);
        Ok(Receipt::Freeze { freeze: id, account, frozen, stayed })
    }

    fn lift(&mut self, id: FreezeId, document: &str) -> Outcome {
        let Some(order) = self.standing().into_iter().find(|order| order.id == id).cloned() else {
            return refuse(Reason::UnknownFreeze, "freeze_id");
        };
        check_text(document, 200, "document")?;
        if let FreezeTarget::Tonnes { instrument, .. } = order.target {
            for (to, tonnes) in
                [(Position::Registered, order.registered), (Position::Trading, order.trading)]
            {
                self.shift(order.account, instrument, tonnes, (Position::Frozen, to));
            }
        }
        for pledge in &order.stayed {
            self.change(*pledge);
        }
        self.orders.iter_mut().filter(|order| order.id == id).for_each(|order| order.lifted = true);
        let (account, frozen) = (order.account, Quantity(0));
        Ok(Receipt::Freeze { freeze: id, account, frozen, stayed: Vec::new() })
    }
}

impl Order {
    /// As the queries show it.
    pub(super) fn shown(&self) -> Freeze {
        Freeze {
            id: self.id,
            target: self.target,
            account: self.account,
            court: self.court.clone(),
            document: self.document.clone(),
            imposed_at: self.imposed_at,
            registered: Quantity(fits(self.registered)),
            trading: Quantity(fits(self.trading)),
            stayed: self.stayed.clone(),
        }
    }
}
