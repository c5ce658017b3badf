//! Courts' orders, right and with one fault.

use registry_ledger::{Command, FreezeCommand, FreezeId, FreezeTarget, Quantity};

use super::{Asked, Workload};
use crate::model::Model;
use crate::model::positions::Position;

/// Orders that stand, after which they are rather lifted.
const ENOUGH: usize = 4;

impl Workload {
    /// A freeze, its execution, or its end.
    pub(super) fn court_call(&mut self, model: &Model) -> Option<Asked> {
        let ids: Vec<FreezeId> = model.standing().iter().map(|order| order.id).collect();
        let officer = self.officer();
        if self.rng.chance(25)
            && let Some(command) = self.execution(model)
        {
            return Some((officer, command));
        }
        let lifts = self.rng.chance(if ids.len() >= ENOUGH { 85 } else { 40 });
        if let Some(freeze) = self.rng.pick(&ids).copied().filter(|_| lifts) {
            let document = self.text(200);
            return Some((officer, Command::Freeze(FreezeCommand::Lift { freeze, document })));
        }
        let target = self.target(model)?;
        let (court, document) = (self.text(200), self.text(200));
        Some((officer, Command::Freeze(FreezeCommand::Impose { target, court, document })))
    }

    /// Some of what a freeze holds, or all of it.
    fn execution(&mut self, model: &Model) -> Option<Command> {
        let holding: Vec<_> = model
            .standing()
            .iter()
            .map(|order| order.shown())
            .filter(|f| f.frozen().0 > 0)
            .collect();
        let freeze = self.rng.pick(&holding)?.clone();
        let to = self.some_account(model).filter(|to| *to != freeze.account)?;
        let held = freeze.frozen().0;
        let quantity = match self.rng.chance(20) {
            true => held,
            false => self.rng.between(1, held),
        };
        Some(Command::Freeze(FreezeCommand::Execute {
            freeze: freeze.id,
            to,
            quantity: Quantity(quantity),
            document: self.text(200),
            document_sha256: [9; 32],
        }))
    }

    fn target(&mut self, model: &Model) -> Option<FreezeTarget> {
        match self.rng.below(10) {
            0 => Some(FreezeTarget::Account { account: self.some_account(model)? }),
            1..4 => {
                let contract = self.some_of_kind(model, |contract| contract.recognised())?;
                Some(FreezeTarget::Pledge { pledge: contract.id })
            }
            roll => {
                let position = if roll < 8 { Position::Pledged } else { Position::Trading };
                let (account, instrument, _) = self.some_holder(model, position)?;
                let of = |position| model.positions.goods(account, instrument, position);
                let free = of(Position::Registered) + of(Position::Trading);
                let reach = i64::try_from(free + of(Position::Pledged)).ok()?;
                let free = i64::try_from(free).ok()?;
                // All that is free and a part of what is not, or little.
                let quantity = match self.rng.chance(60) {
                    true => self.rng.between(free.min(reach), reach),
                    false => self.rng.between(1, (reach / 10).max(1)),
                };
                let quantity = Quantity(quantity.max(1));
                Some(FreezeTarget::Tonnes { account, instrument, quantity })
            }
        }
    }

    /// One fault in an order.
    pub(super) fn court_fault(&mut self, model: &Model) -> Option<Asked> {
        let (actor, mut command) = self.court_call(model)?;
        let (nobody, bad) = (model.last_account().0 + 1, self.bad_text(200));
        let offered = self.some_of_kind(model, |contract| !contract.recognised());
        let Command::Freeze(order) = &mut command else { return None };
        match order {
            FreezeCommand::Lift { freeze, document } => match self.rng.below(3) {
                0 => *document = bad,
                _ => *freeze = FreezeId(model.orders.len() as u64 + 1),
            },
            FreezeCommand::Execute { freeze, to, quantity, document, .. } => {
                let order = model.standing().into_iter().find(|order| order.id == *freeze)?;
                let whole =
                    model.standing().into_iter().find(|order| order.shown().frozen().0 == 0);
                match self.rng.below(7) {
                    0 => *document = bad,
                    6 => *freeze = whole?.id,
                    1 => *freeze = FreezeId(model.orders.len() as u64 + 1),
                    2 => to.0 = nobody,
                    3 => *to = order.account,
                    4 => *quantity = Quantity(0),
                    _ => quantity.0 = order.shown().frozen().0 + 1,
                }
            }
            FreezeCommand::Impose { target, court, document } => {
                let roll = self.rng.below(4);
                match (target, roll) {
                    (_, 0) => *court = bad,
                    (_, 1) => *document = bad,
                    (FreezeTarget::Account { account }, _) => account.0 = nobody,
                    (FreezeTarget::Pledge { pledge }, 2) => *pledge = offered?.id,
                    (FreezeTarget::Pledge { pledge }, _) => {
                        pledge.0 = model.pledges.contracts.len() as u64 + 1;
                    }
                    (FreezeTarget::Tonnes { account, .. }, 2) if self.rng.chance(30) => {
                        account.0 = nobody;
                    }
                    (FreezeTarget::Tonnes { quantity, .. }, 2) => *quantity = Quantity(0),
                    (FreezeTarget::Tonnes { quantity, .. }, _) => *quantity = Quantity(i64::MAX),
                }
            }
        }
        Some((actor, command))
    }
}
