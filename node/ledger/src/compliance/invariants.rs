//! What must hold of yearly compliance, computed from the entries alone.

use std::collections::BTreeMap;

use super::{AllocationKind, Compliance, Means, Retired, SurrenderState, YearLine};
use crate::invariants::{BrokenInvariant, ensure};
use crate::ledger::Ledger;
use crate::types::{AccountKind, Quantity};

impl Ledger {
    /// Sums agree with the entries; what waits for a province is set aside, and
    /// nothing else is; provinces fit their accounts.
    pub(crate) fn check_compliance(&self) -> Result<(), BrokenInvariant> {
        let compliance = &self.compliance;
        compliance.check_sums()?;
        compliance.check_years()?;
        let mut pending: BTreeMap<_, i128> = BTreeMap::new();
        for entry in compliance.surrenders.iter() {
            let listed = compliance.waiting.contains(&(entry.account, entry.number));
            ensure(listed == (entry.state == SurrenderState::Pending), || {
                format!("surrender {} is {:?}, waiting: {listed}", entry.number, entry.state)
            })?;
            if entry.state == SurrenderState::Pending {
                let sum = pending.entry((entry.account.0, entry.instrument)).or_default();
                *sum = sum.saturating_add(entry.quantity.0.into());
            }
        }
        for (number, balances) in (1_u32..).zip(self.balances.iter()) {
            for (instrument, holding) in &balances.holdings {
                let asked = pending.remove(&(number, *instrument)).unwrap_or_default();
                ensure(i128::from(holding.pending_out.0) == asked, || {
                    format!("account {number} holds {holding:?}, its surrenders ask {asked} t")
                })?;
            }
        }
        ensure(pending.is_empty(), || format!("surrenders without tonnes: {pending:?}"))?;
        for (account, province) in &compliance.provinces {
            let own = compliance.own_accounts.get(province) == Some(account);
            let firm = compliance.firms.get(province).is_some_and(|all| all.contains(account));
            let kind = self.account_at(*account).map(|account| account.kind);
            let fits = match kind {
                Some(AccountKind::Province) => own && !firm,
                Some(AccountKind::Emitter) => firm && !own,
                Some(AccountKind::Institution) | None => false,
            };
            ensure(fits, || format!("account {} is {kind:?} of province {province}", account.0))?;
        }
        let indexed = compliance
            .firms
            .values()
            .fold(compliance.own_accounts.len(), |sum, firms| sum.saturating_add(firms.len()));
        ensure(indexed == compliance.provinces.len(), || {
            format!("{indexed} accounts of provinces, {} have one", compliance.provinces.len())
        })
    }
}

impl Compliance {
    fn check_sums(&self) -> Result<(), BrokenInvariant> {
        let mut retired: BTreeMap<_, Retired> = BTreeMap::new();
        let recalls = self.allocations.iter().filter(|entry| entry.kind == AllocationKind::Recall);
        for entry in recalls {
            add(&mut retired.entry(entry.instrument).or_default().recalled, entry.quantity);
        }
        let approved =
            self.surrenders.iter().filter(|entry| entry.state == SurrenderState::Approved);
        for entry in approved {
            add(&mut retired.entry(entry.instrument).or_default().surrendered, entry.quantity);
        }
        for entry in self.cancellations.iter() {
            add(&mut retired.entry(entry.instrument).or_default().cancelled, entry.quantity);
        }
        let mut carried_into = BTreeMap::new();
        for entry in self.carry_overs.iter() {
            add(&mut retired.entry(entry.from).or_default().carried_out, entry.quantity);
            add(carried_into.entry((entry.account, entry.to)).or_default(), entry.quantity);
        }
        ensure(retired == self.retired, || {
            format!("retired {:?}, the entries give {retired:?}", self.retired)
        })?;
        ensure(carried_into == self.carried_into, || {
            format!("carried into {:?}, the entries give {carried_into:?}", self.carried_into)
        })
    }

    fn check_years(&self) -> Result<(), BrokenInvariant> {
        let mut years: BTreeMap<_, YearLine> = BTreeMap::new();
        for entry in self.emissions.iter() {
            let line = years.entry((entry.year, entry.account)).or_default();
            let replaced = (line.emissions != 0).then_some(line.emissions);
            ensure(replaced == entry.corrects && entry.verified.0 >= 0, || {
                format!("emissions {} follow {replaced:?}: {entry:?}", entry.number)
            })?;
            (line.emissions, line.verified) = (entry.number, entry.verified);
        }
        for entry in self.surrenders.iter() {
            let line = years.entry((entry.year, entry.account)).or_default();
            ensure(line.emissions != 0 && entry.quantity.0 > 0, || {
                format!("surrender {} has no obligation: {entry:?}", entry.number)
            })?;
            let means: Option<&mut Means> = match entry.state {
                SurrenderState::Pending => Some(&mut line.pending),
                SurrenderState::Approved => Some(&mut line.surrendered),
                SurrenderState::Declined => None,
            };
            if let Some(means) = means {
                add(means.part_mut(entry.instrument), entry.quantity);
            }
            let decided = entry.state != SurrenderState::Pending;
            ensure(decided == entry.decided_at.is_some(), || {
                format!("surrender {} is {:?}", entry.number, entry.state)
            })?;
        }
        ensure(years == self.years, || "obligations differ from their entries".to_owned())
    }
}

fn add(sum: &mut Quantity, more: Quantity) {
    *sum = Quantity(sum.0.saturating_add(more.0));
}
