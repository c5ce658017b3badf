//! Whether pledges and freezes, seen through the ledger's queries, are the model's.

use std::collections::BTreeMap;

use registry_ledger::{
    AccountId, Fen, Freeze, FreezeId, FreezeTarget, InstrumentCode, Ledger, LedgerTime, Pledge,
    PledgeFilter, PledgeId, PledgeState, PledgeView,
};

use super::Model;
use super::compare::{Difference, same};
use super::freezes::Order;
use super::pledges::Contract;
use super::positions::Position;

impl Model {
    /// Where every pledge stands and what every order is of.
    pub(super) fn encumbrances(&self) -> Vec<String> {
        let pledge = |contract: &Contract| format!("pledge {}", contract.state.name());
        let target = |order: &Order| match order.target {
            FreezeTarget::Account { .. } => "freeze of an account",
            FreezeTarget::Tonnes { .. } => "freeze of tonnes",
            FreezeTarget::Pledge { .. } => "freeze of a pledge",
        };
        let orders = self.orders.iter().map(|order| target(order).to_owned());
        self.pledges.contracts.iter().map(pledge).chain(orders).collect()
    }

    /// When an offer ends next.
    pub(super) fn next_offer_end(&self) -> Option<LedgerTime> {
        self.pledges.contracts.iter().filter_map(Contract::offer_ends).min()
    }

    fn pledge_view(&self, contract: &Contract) -> PledgeView {
        let (price, price_date) = self.last_close(contract.instrument);
        let value = contract.tonnes * i128::from(price.0);
        let scaled = i128::from(contract.terms.principal.0) * 10_000;
        let rounded_up = (value > 0).then(|| (scaled + value - 1) / value);
        PledgeView {
            pledge: self.shown(contract),
            price,
            price_date,
            value: Fen(i64::try_from(value).unwrap_or(i64::MAX)),
            loan_to_value_bp: rounded_up.and_then(|bp| u32::try_from(bp).ok()),
        }
    }

    /// What pledges and offers say that they hold, and what orders say that they froze.
    fn encumbered(&self) -> BTreeMap<(AccountId, InstrumentCode), (i128, i128)> {
        let mut sums = BTreeMap::<_, (i128, i128)>::new();
        for contract in &self.pledges.contracts {
            let of = |instrument| (contract.pledgor, instrument);
            sums.entry(of(contract.instrument)).or_default().0 += contract.tonnes;
            if let Some(other) = contract.other {
                sums.entry(of(other.instrument)).or_default().0 += i128::from(other.quantity.0);
            }
        }
        for order in self.standing() {
            let shown = order.shown();
            if let FreezeTarget::Tonnes { instrument, .. } = order.target {
                sums.entry((order.account, instrument)).or_default().1 +=
                    i128::from(shown.registered.0) + i128::from(shown.trading.0);
            }
        }
        sums
    }
}

/// Every pledge and every freeze, alone, in lists and in pages.
pub(super) fn compare_encumbered(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    for ((account, instrument), expected) in model.encumbered() {
        let at = |position| model.positions.goods(account, instrument, position);
        let posted = (at(Position::Pledged), at(Position::Frozen));
        same(|| format!("{instrument} of {} in its lists", account.0), &expected, &posted)?;
    }
    let contracts = &model.pledges.contracts;
    for contract in contracts {
        let (id, expected) = (contract.id, model.pledge_view(contract));
        let name = || format!("pledge {}", id.0);
        same(name, &Some(&expected.pledge), &ledger.pledge(id))?;
        same(name, &Some(expected), &ledger.pledge_view(id))?;
    }
    let beyond = PledgeId(contracts.len() as u64 + 1);
    same(|| "a pledge too many".to_owned(), &None, &ledger.pledge(beyond))?;
    let all: Vec<Pledge> = contracts.iter().map(|contract| model.shown(contract)).collect();
    let middle = PledgeId(contracts.len() as u64 / 2);
    for filter in filters(model) {
        let wanted = |pledge: &&Pledge| {
            let over = [
                PledgeState::Disposed,
                PledgeState::Released,
                PledgeState::Declined,
                PledgeState::Expired,
            ];
            filter.pledgor.is_none_or(|pledgor| pledge.pledgor == pledgor)
                && filter.pledgee.is_none_or(|pledgee| pledge.pledgee == pledgee)
                && !(filter.open_only && over.contains(&pledge.state))
        };
        for (after, limit) in [(PledgeId(0), usize::MAX), (middle, 2)] {
            let behind = all.iter().filter(|pledge| pledge.id > after);
            let expected: Vec<&Pledge> = behind.filter(wanted).take(limit).collect();
            let found = ledger.pledges_after(filter, after, limit);
            same(|| format!("{limit} pledges after {} of {filter:?}", after.0), &expected, &found)?;
        }
    }
    compare_freezes(model, ledger)
}

fn filters(model: &Model) -> Vec<PledgeFilter> {
    let mut filters = Vec::new();
    let middle = model.pledges.contracts.get(model.pledges.contracts.len() / 2);
    let pledgors = [None, middle.map(|contract| contract.pledgor)];
    let pledgees: Vec<_> =
        [None].into_iter().chain(model.banks.keys().copied().map(Some)).collect();
    for pledgor in pledgors {
        for pledgee in pledgees.iter().copied() {
            for open_only in [false, true] {
                filters.push(PledgeFilter { pledgor, pledgee, open_only });
            }
        }
    }
    filters
}

fn compare_freezes(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    let all: Vec<Freeze> = model.standing().into_iter().map(|order| order.shown()).collect();
    for order in &model.orders {
        let expected = all.iter().find(|freeze| freeze.id == order.id);
        same(|| format!("freeze {}", order.id.0), &expected, &ledger.freeze(order.id))?;
    }
    let middle = all.get(all.len() / 2).map_or(FreezeId(0), |freeze| freeze.id);
    for account in [None, all.first().map(|freeze| freeze.account)] {
        for after in [FreezeId(0), middle] {
            let wanted = |freeze: &&Freeze| {
                freeze.id > after && account.is_none_or(|account| freeze.account == account)
            };
            let expected: Vec<_> = all.iter().filter(wanted).collect();
            let found: Vec<_> = ledger.freezes_after(account, after).collect();
            same(|| format!("freezes of {account:?} after {}", after.0), &expected, &found)?;
        }
    }
    for account in (1..=model.last_account().0).map(AccountId) {
        let found = ledger.is_frozen(account);
        same(|| format!("{} frozen", account.0), &model.is_frozen(account), &found)?;
    }
    Ok(())
}
