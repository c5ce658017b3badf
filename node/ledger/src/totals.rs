//! What all accounts hold together, kept up to date so that nobody has to add
//! up millions of accounts to be told.

use crate::compliance::Retired;
use crate::journal::GoodsPot;
use crate::ledger::Ledger;
use crate::receipt::Holding;
use crate::types::{AccountId, Date, InstrumentCode, Price, Quantity};

/// Sums over all accounts whose balances are sealed; an index, no record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PositionTotals {
    /// Few instruments: a plain walk finds one sooner than a search.
    by_instrument: Vec<(InstrumentCode, Holding)>,
}

impl PositionTotals {
    pub(crate) fn add(&mut self, holdings: &[(InstrumentCode, Holding)]) {
        self.change(holdings, i64::saturating_add);
    }

    pub(crate) fn subtract(&mut self, holdings: &[(InstrumentCode, Holding)]) {
        self.change(holdings, i64::saturating_sub);
    }

    pub(crate) fn of(&self, instrument: InstrumentCode) -> Holding {
        let known = self.by_instrument.iter().find(|(code, _)| *code == instrument);
        known.map(|(_, total)| *total).unwrap_or_default()
    }

    /// No sum is larger than what was issued.
    fn change(&mut self, holdings: &[(InstrumentCode, Holding)], with: fn(i64, i64) -> i64) {
        for (code, holding) in holdings {
            let known = self.by_instrument.iter().position(|(of, _)| of == code);
            let at = known.unwrap_or_else(|| {
                self.by_instrument.push((*code, Holding::default()));
                self.by_instrument.len().saturating_sub(1)
            });
            let Some((_, total)) = self.by_instrument.get_mut(at) else { continue };
            for (sum, part) in [
                (&mut total.registered, holding.registered),
                (&mut total.trading, holding.trading),
                (&mut total.pending_in, holding.pending_in),
                (&mut total.pledged, holding.pledged),
                (&mut total.frozen, holding.frozen),
                (&mut total.pending_out, holding.pending_out),
            ] {
                sum.0 = with(sum.0, part.0);
            }
        }
    }
}

/// One instrument's public figures, all at one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentTotals {
    /// Its code.
    pub code: InstrumentCode,
    /// Ever created.
    pub issued: Quantity,
    /// In all positions of all accounts.
    pub held: Quantity,
    /// The same by position.
    pub positions: Holding,
    /// What lies outside the accounts; what was issued as less than nothing.
    pub pots: Vec<(GoodsPot, Quantity)>,
    /// Last close, or the reference price before the first.
    pub last_close: Price,
    /// Day of the last close; `None` before the first.
    pub last_close_date: Option<Date>,
}

/// Some holders of an instrument, and all of it at the same position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldersPage {
    /// In order of account; nobody who holds nothing.
    pub holders: Vec<(AccountId, Holding)>,
    /// The account to go on behind; `None` when there are no more.
    pub next_after: Option<u32>,
    /// In all positions of all accounts.
    pub held: Quantity,
}

impl Ledger {
    /// Public figures of every instrument, in order of code.
    #[must_use]
    pub fn instrument_totals(&self) -> Vec<InstrumentTotals> {
        let totals = self.instruments.iter().map(|(code, instrument)| InstrumentTotals {
            code: *code,
            issued: instrument.issued,
            held: instrument.held,
            positions: self.totals.of(*code),
            pots: self.pots_of(*code, instrument.issued),
            last_close: instrument.last_close,
            last_close_date: instrument.last_close_date,
        });
        totals.collect()
    }

    /// What was issued, and where tonnes went for good; none for nothing.
    fn pots_of(&self, code: InstrumentCode, issued: Quantity) -> Vec<(GoodsPot, Quantity)> {
        let Retired { surrendered, cancelled, carried_out, recalled } =
            self.compliance.retired(code);
        let gone = [
            (GoodsPot::Surrendered, surrendered),
            (GoodsPot::Cancelled, cancelled),
            (GoodsPot::CarriedOut, carried_out),
            (GoodsPot::Recalled, recalled),
        ];
        let mut pots = vec![(GoodsPot::Issued, Quantity(issued.0.saturating_neg()))];
        pots.extend(gone.into_iter().filter(|(_, quantity)| *quantity != Quantity(0)));
        pots
    }

    /// Holders of an instrument behind account `after`: `limit` at most, and
    /// among `look_at` accounts only, so that rare holders end a page early.
    /// `None` without such an instrument.
    #[must_use]
    pub fn holders_after(
        &self,
        instrument: InstrumentCode,
        after: u32,
        limit: usize,
        look_at: u32,
    ) -> Option<HoldersPage> {
        let held = self.instruments.get(&instrument)?.held;
        let last = self.account_count();
        let end = after.saturating_add(look_at).min(last);
        let mut page = HoldersPage { holders: Vec::new(), next_after: None, held };
        for number in after.saturating_add(1)..=end {
            let account = AccountId(number);
            let Some(balances) = self.balances_at(account) else { break };
            let holding = balances.holding(instrument);
            if holding == Holding::default() {
                continue;
            }
            if page.holders.len() >= limit {
                page.next_after = page.holders.last().map(|(account, _)| account.0);
                return Some(page);
            }
            page.holders.push((account, holding));
        }
        page.next_after = (end < last && end > after).then_some(end);
        Some(page)
    }
}
