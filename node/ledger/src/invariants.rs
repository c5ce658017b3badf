//! What must hold after every entry, checked from scratch.

use std::collections::BTreeMap;

use crate::cash::Pots;
use crate::freeze::FreezeTarget;
use crate::ledger::Ledger;
use crate::requests::request_key;
use crate::settlement::clearing::check_balance;
use crate::settlement::day::{Day, Totals, state_name};
use crate::settlement::price::PriceLine;
use crate::totals::PositionTotals;
use crate::touched::DenseSet;
use crate::types::{DayState, TradeStatus};

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvariantReport {
    /// Accounts whose positions and cash were added up.
    pub accounts: u64,
    /// Holdings in one instrument.
    pub holdings: u64,
    /// Instruments whose issued tonnes are all held.
    pub instruments: u64,
    /// Banks whose balance is the sum of their sub-ledgers and pots.
    pub banks: u64,
    /// Days whose counters agree with their trades.
    pub days: u64,
    /// Trades behind those counters.
    pub trades: u64,
    /// Pledges, whatever became of them.
    pub pledges: u64,
    /// Remembered answers that decode and are indexed.
    pub answers: u64,
}

/// An invariant that does not hold: the ledger must not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("broken invariant: {0}")]
pub struct BrokenInvariant(pub String);

impl Ledger {
    /// Checks every invariant over the whole state.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn check_invariants(&self) -> Result<InvariantReport, BrokenInvariant> {
        let mut report = InvariantReport::default();
        self.check_holdings(&mut report)?;
        self.check_money(&mut report)?;
        self.check_withdrawals()?;
        self.check_compliance()?;
        self.check_encumbered(&mut report)?;
        self.check_inclusive()?;
        self.check_repos()?;
        for day in self.days.values() {
            check_day(day)?;
            count(&mut report.days);
            report.trades = report.trades.saturating_add(day.last_sequence());
        }
        self.check_days_in_order()?;
        self.check_answers(&mut report)?;
        Ok(report)
    }

    /// Issued = held + what went for good; no position is negative.
    fn check_holdings(&self, report: &mut InvariantReport) -> Result<(), BrokenInvariant> {
        let mut held: BTreeMap<_, i128> = BTreeMap::new();
        ensure(self.accounts.len() == self.balances.len(), || {
            format!("{} accounts, balances of {}", self.accounts.len(), self.balances.len())
        })?;
        let pending_in: DenseSet = self.pending_in.iter().map(|id| id.0).collect();
        for (number, balances) in (1_u32..).zip(self.balances.iter()) {
            count(&mut report.accounts);
            let listed = pending_in.contains(number);
            ensure(listed == balances.has_pending_in(), || {
                format!("pending_in of account {number} is not indexed")
            })?;
            for (instrument, holding) in &balances.holdings {
                count(&mut report.holdings);
                let parts = [
                    holding.registered,
                    holding.trading,
                    holding.pending_in,
                    holding.pledged,
                    holding.frozen,
                    holding.pending_out,
                ];
                let total = holding.total();
                ensure(parts.iter().all(|part| part.0 >= 0) && total.is_some(), || {
                    format!("account {number} holds {instrument} {holding:?}")
                })?;
                let sum = held.entry(*instrument).or_default();
                *sum = sum.saturating_add(i128::from(total.unwrap_or_default().0));
            }
        }
        self.check_totals()?;
        for (code, instrument) in &self.instruments {
            count(&mut report.instruments);
            let sum = held.remove(code).unwrap_or_default();
            let retired = self.compliance.retired(*code);
            let kept = retired.total().and_then(|gone| instrument.held.checked_add(gone));
            ensure(Some(instrument.issued) == kept, || {
                let (issued, held) = (instrument.issued.0, instrument.held.0);
                format!("{code}: issued {issued} t, held {held} t, {retired:?}")
            })?;
            ensure(i128::from(instrument.held.0) == sum, || {
                format!("{code}: held {} t, accounts hold {sum} t", instrument.held.0)
            })?;
        }
        ensure(held.is_empty(), || format!("unregistered instruments are held: {held:?}"))
    }

    /// The kept sums by position are those of all accounts.
    fn check_totals(&self) -> Result<(), BrokenInvariant> {
        let mut sums = PositionTotals::default();
        self.balances.iter().for_each(|balances| sums.add(&balances.holdings));
        let same = self.instruments.keys().all(|code| sums.of(*code) == self.totals.of(*code));
        // What is touched comes back into the sums when it is sealed.
        ensure(same || !self.is_sealed(), || {
            format!("positions add up to {sums:?}, kept are {:?}", self.totals)
        })
    }

    /// Deposited + interbank - withdrawn = sub-ledgers + fees + reserve +
    /// suspense + proceeds; interbank sums to zero.
    fn check_money(&self, report: &mut InvariantReport) -> Result<(), BrokenInvariant> {
        let mut sums: BTreeMap<_, i128> = BTreeMap::new();
        for (number, balances) in (1_u32..).zip(self.balances.iter()) {
            for (bank, balance) in &balances.cash {
                ensure(balance.available.0 >= 0 && balance.pending_out.0 >= 0, || {
                    format!("account {number} has {balance:?} at bank {}", bank.0)
                })?;
                let sum = sums.entry(*bank).or_default();
                *sum = sum
                    .saturating_add(i128::from(balance.available.0))
                    .saturating_add(i128::from(balance.pending_out.0));
            }
        }
        let mut interbank: i128 = 0;
        for (id, bank) in self.banks.iter() {
            count(&mut report.banks);
            interbank = interbank.saturating_add(i128::from(bank.interbank.0));
            let Pots { fees, reserve, suspense, withdrawn } = bank.pots;
            ensure(bank.pots.is_sound() && bank.proceeds.0 >= 0, || {
                format!("bank {} has {:?}", id.0, bank.pots)
            })?;
            let balance = [bank.deposited, bank.interbank]
                .iter()
                .fold(i128::from(withdrawn.0).saturating_neg(), |sum, part| {
                    sum.saturating_add(part.0.into())
                });
            let sum = sums.remove(&id).unwrap_or_default();
            let parts = [fees, reserve, suspense, bank.proceeds];
            let sum = parts.iter().fold(sum, |sum, part| sum.saturating_add(part.0.into()));
            ensure(balance == sum, || {
                format!("bank {}: balance {balance} fen, sub-ledgers and pots {sum} fen", id.0)
            })?;
            ensure(balance == i128::from(bank.balance().0), || {
                format!("bank {}: balance {balance} fen does not fit", id.0)
            })?;
        }
        ensure(interbank == 0, || format!("interbank positions sum to {interbank} fen"))?;
        ensure(sums.is_empty(), || format!("money at unknown banks: {sums:?}"))
    }

    /// What is pending out is what open withdrawals ask for; claims are of known
    /// accounts and banks.
    fn check_withdrawals(&self) -> Result<(), BrokenInvariant> {
        let mut asked: BTreeMap<_, i128> = BTreeMap::new();
        let last = self.withdrawals_asked();
        for withdrawal in self.withdrawals.iter() {
            let number = withdrawal.number;
            ensure((1..=last).contains(&number) && withdrawal.amount.0 > 0, || {
                format!("withdrawal {number} of {last} is {withdrawal:?}")
            })?;
            let sum = asked.entry((withdrawal.account.0, withdrawal.bank)).or_default();
            *sum = sum.saturating_add(withdrawal.amount.0.into());
        }
        for (number, balances) in (1_u32..).zip(self.balances.iter()) {
            for (bank, balance) in &balances.cash {
                let sum = asked.remove(&(number, *bank)).unwrap_or_default();
                ensure(i128::from(balance.pending_out.0) == sum, || {
                    format!("account {number} has {balance:?}, its withdrawals ask {sum} fen")
                })?;
            }
        }
        ensure(asked.is_empty(), || format!("withdrawals without money: {asked:?}"))?;
        for (account, bank, claim) in self.claims() {
            let known = self.account_at(account).is_some() && self.banks.get(bank).is_some();
            ensure(known && claim.0 > 0, || {
                format!("account {} owes {claim:?} at bank {}", account.0, bank.0)
            })?;
        }
        Ok(())
    }

    /// What is pledged is what open pledges hold, what is frozen is what
    /// freezes hold, and a pledge's stays are the freezes that name it.
    fn check_encumbered(&self, report: &mut InvariantReport) -> Result<(), BrokenInvariant> {
        let mut pledged: BTreeMap<_, i128> = BTreeMap::new();
        let mut frozen: BTreeMap<_, i128> = BTreeMap::new();
        let mut stays: BTreeMap<_, u32> = BTreeMap::new();
        for freeze in self.freezes.by_id.values() {
            if let FreezeTarget::Tonnes { account, instrument, .. } = freeze.target {
                let sum = frozen.entry((account.0, instrument)).or_default();
                *sum = sum
                    .saturating_add(freeze.registered.0.into())
                    .saturating_add(freeze.trading.0.into());
            }
            for pledge in &freeze.stayed {
                let count = stays.entry(*pledge).or_default();
                *count = count.saturating_add(1);
            }
        }
        for pledge in self.pledges.iter() {
            count(&mut report.pledges);
            let id = pledge.id.0;
            ensure(pledge.state.is_open() == (pledge.quantity.0 > 0), || {
                format!("pledge {id} is {} with {} t", pledge.state.name(), pledge.quantity.0)
            })?;
            ensure(id <= self.pledges.last, || format!("pledge {id} of {}", self.pledges.last))?;
            ensure(stays.remove(&pledge.id).unwrap_or_default() == pledge.stays, || {
                format!("pledge {id} has {} stays, which no freezes are", pledge.stays)
            })?;
            for (instrument, quantity) in pledge.held() {
                let sum = pledged.entry((pledge.pledgor.0, instrument)).or_default();
                *sum = sum.saturating_add(quantity.0.into());
            }
        }
        ensure(stays.is_empty(), || format!("freezes stay unknown pledges: {stays:?}"))?;
        for (number, balances) in (1_u32..).zip(self.balances.iter()) {
            for (instrument, holding) in &balances.holdings {
                let key = (number, *instrument);
                let in_pledges = pledged.remove(&key).unwrap_or_default();
                let in_freezes = frozen.remove(&key).unwrap_or_default();
                ensure(i128::from(holding.pledged.0) == in_pledges, || {
                    format!("account {number} has {holding:?}, its pledges hold {in_pledges} t")
                })?;
                ensure(i128::from(holding.frozen.0) == in_freezes, || {
                    format!("account {number} has {holding:?}, its freezes hold {in_freezes} t")
                })?;
            }
        }
        let nothing_else = pledged.values().chain(frozen.values()).all(|sum| *sum == 0);
        ensure(nothing_else, || format!("pledged {pledged:?} and frozen {frozen:?} of nobody"))
    }

    /// Only the last day may be unresolved.
    fn check_days_in_order(&self) -> Result<(), BrokenInvariant> {
        let Some((last, _)) = self.days.last_key_value() else { return Ok(()) };
        for (date, day) in self.days.range(..last) {
            ensure(day.state == DayState::Final, || {
                format!("{date} is {} while {last} exists", state_name(day.state))
            })?;
        }
        Ok(())
    }

    fn check_answers(&self, report: &mut InvariantReport) -> Result<(), BrokenInvariant> {
        let indexed = self.answers.by_request.len();
        ensure(indexed == self.answers.len(), || {
            format!("{indexed} answers indexed, {} remembered", self.answers.len())
        })?;
        for (ordinal, record) in self.answers.iter() {
            count(&mut report.answers);
            let stored = crate::records::answer::StoredAnswer::decode(record)
                .map_err(|problem| BrokenInvariant(format!("answer {ordinal}: {problem}")))?;
            let key = request_key(&stored.actor, &stored.request_id);
            let found = self.answers.by_request.get(&key);
            ensure(found == Some(&ordinal) && ordinal < self.answers.next_ordinal, || {
                format!("answer {ordinal} is not found under its request id")
            })?;
        }
        Ok(())
    }
}

/// The day's counters, totals and price lines agree with its trades, and no
/// trade was tried out of turn.
fn check_day(day: &Day) -> Result<(), BrokenInvariant> {
    let date = day.date;
    let (mut stream, mut immediate) = (Totals::default(), Totals::default());
    let (mut delivered, mut held, mut failed) = (0_u64, 0_u64, 0_u64);
    let mut lines: BTreeMap<_, _> = day
        .prices
        .iter()
        .map(|(code, line)| {
            (*code, PriceLine { settled: line.settled, ..PriceLine::new(line.previous_close) })
        })
        .collect();
    for (place, slot) in (0_u32..).zip(day.slots.iter()) {
        let number = slot.trade.number;
        ensure(day.place_of(number) == Some(place), || {
            format!("trade {} of {date} is not found by its number", number.0)
        })?;
        let tried = match slot.status {
            TradeStatus::Accepted => false,
            TradeStatus::Delivered | TradeStatus::Covered => count(&mut delivered),
            TradeStatus::Held(_) => count(&mut held),
            TradeStatus::Failed(_) => count(&mut failed),
            TradeStatus::Voided => continue,
        };
        let due = slot.immediate || u64::from(place) < day.cursor;
        ensure(tried == due, || {
            format!("trade {} of {date} is {:?} at cursor {}", number.0, slot.status, day.cursor)
        })?;
        let totals = if slot.immediate { &mut immediate } else { &mut stream };
        *totals = totals.with(&slot.trade).ok_or_else(|| too_large(day))?;
        let line = lines
            .get_mut(&slot.trade.instrument)
            .ok_or_else(|| BrokenInvariant(format!("trade {} has no price line", number.0)))?;
        *line = line.with(&slot.trade).ok_or_else(|| too_large(day))?;
    }
    ensure((stream, immediate) == (day.stream, day.immediate), || {
        format!(
            "totals of {date} are {:?} and {:?}, trades give {stream:?} and {immediate:?}",
            day.stream, day.immediate
        )
    })?;
    ensure((delivered, held, failed) == (day.delivered, day.held, day.failed), || {
        format!("counters of {date} differ from its trades: {delivered}, {held}, {failed}")
    })?;
    ensure(lines == day.prices, || format!("price lines of {date} differ from its trades"))?;
    ensure(day.numbers.len() == day.slots.len(), || format!("trade numbers of {date} repeat"))?;
    if let Some(clearing) = &day.clearing {
        check_balance(&clearing.banks).map_err(|r| BrokenInvariant(r.message))?;
        let pays: i128 = clearing.banks.iter().map(|line| i128::from(line.pays.0)).sum();
        let amount = i128::from(stream.amount.0).checked_add(i128::from(immediate.amount.0));
        ensure(Some(pays) == amount, || format!("clearing of {date} differs from its trades"))?;
    }
    let done = matches!(day.state, DayState::Delivered | DayState::Final);
    ensure(!done || day.cursor == day.last_sequence(), || {
        format!("{date} is {} at cursor {}", state_name(day.state), day.cursor)
    })?;
    ensure(day.state != DayState::Final || day.held == 0, || {
        format!("{date} is FINAL with held trades")
    })?;
    ensure((day.state == DayState::Suspended) == day.suspended_from.is_some(), || {
        format!("{date} is {} from {:?}", state_name(day.state), day.suspended_from)
    })
}

fn too_large(day: &Day) -> BrokenInvariant {
    BrokenInvariant(format!("totals of {} overflow", day.date))
}

/// Counts one; says so.
fn count(counter: &mut u64) -> bool {
    *counter = counter.saturating_add(1);
    true
}

pub(crate) fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Result<(), BrokenInvariant> {
    if holds { Ok(()) } else { Err(BrokenInvariant(problem())) }
}
