//! What the ledger knows of a pledge.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use crate::ledger::Ledger;
use crate::records::RecordKey;
use crate::stored::stored_numbers;
use crate::types::{
    AccountId, BankId, Date, Fen, FreePosition, InstrumentCode, LedgerTime, PledgeId, Price,
    Quantity,
};

/// Where a pledge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PledgeState {
    /// The pledgor offers it; the tonnes are held already.
    Proposed,
    /// The pledgee has agreed; the registry has to activate it.
    Accepted,
    /// Recognised in both cities.
    Active,
    /// The settled price is below the contract's warning line.
    MarginCall,
    /// The pledgee has declared the default.
    Defaulted,
    /// Two officers let the tonnes be sold.
    Enforcing,
    /// Sold, as far as the claim went.
    Disposed,
    /// Given back.
    Released,
    /// Said no to before it was active.
    Declined,
    /// Nobody accepted it in time.
    Expired,
}

stored_numbers!(PledgeState, "pledge state":
    Proposed = 1, Accepted = 2, Active = 3, MarginCall = 4, Defaulted = 5, Enforcing = 6,
    Disposed = 7, Released = 8, Declined = 9, Expired = 10);

impl PledgeState {
    /// As clients know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "PROPOSED",
            Self::Accepted => "ACCEPTED",
            Self::Active => "ACTIVE",
            Self::MarginCall => "MARGIN_CALL",
            Self::Defaulted => "DEFAULTED",
            Self::Enforcing => "ENFORCING",
            Self::Disposed => "DISPOSED",
            Self::Released => "RELEASED",
            Self::Declined => "DECLINED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Whether the pledge holds tonnes.
    #[must_use]
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Disposed | Self::Released | Self::Declined | Self::Expired)
    }

    /// Whether it is only offered, or agreed but not recognised.
    pub(crate) fn is_offer(self) -> bool {
        matches!(self, Self::Proposed | Self::Accepted)
    }
}

/// The contract behind a pledge: data, not constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PledgeTerms {
    /// Reference of the loan contract, 1 to 200 bytes.
    pub contract: String,
    /// What was lent, > 0.
    pub principal: Fen,
    /// When it is due.
    pub maturity: Date,
    /// The settled close that the contract was made at.
    pub reference_price: Price,
    /// Its day.
    pub reference_date: Date,
    /// Most that may be lent on the value, in hundredths of a per cent, 1 to 10,000.
    pub loan_to_value_bp: u32,
    /// Below this settled close the pledgee may call for more.
    pub warning_price: Price,
    /// Below this settled close the contract lets the pledgee dispose.
    pub disposal_price: Price,
    /// Time to cure a margin call, or to pay after maturity, ms.
    pub cure_period_ms: i64,
}

/// Other tonnes that the pledgor offers; they are held until it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Substitution {
    /// Of what.
    pub instrument: InstrumentCode,
    /// How many.
    pub quantity: Quantity,
    /// Where they came from.
    pub from: FreePosition,
    /// The contract's lines in their price, from then on.
    pub reference_price: Price,
    /// Its day.
    pub reference_date: Date,
    /// As in [`PledgeTerms`].
    pub warning_price: Price,
    /// As in [`PledgeTerms`].
    pub disposal_price: Price,
    /// Until when it can be accepted.
    pub expires_at: LedgerTime,
}

/// One pledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pledge {
    /// Its number.
    pub id: PledgeId,
    /// Whose tonnes.
    pub pledgor: AccountId,
    /// To whom.
    pub pledgee: BankId,
    /// Of what.
    pub instrument: InstrumentCode,
    /// Pledged now.
    pub quantity: Quantity,
    /// Pledged when the contract was made: the warning line is per tonne of these.
    pub contract_quantity: Quantity,
    /// Where the tonnes came from, and go back to when it is declined or expires.
    pub from: FreePosition,
    /// The contract.
    pub terms: PledgeTerms,
    /// Where it stands.
    pub state: PledgeState,
    /// From 1; grows with every change, and a command on another version is refused.
    pub version: u32,
    /// Until when it can be accepted.
    pub expires_at: LedgerTime,
    /// Reference in the movable-property registration (动产融资统一登记); empty
    /// before the activation.
    pub filing_reference: String,
    /// Log index of the activation; 0 before.
    pub activated_log_index: u64,
    /// While a margin call runs: when it ends.
    pub cure_deadline: Option<LedgerTime>,
    /// Freezes by courts that keep it from being released and disposed of.
    pub stays: u32,
    /// What the pledgee claims, from the default on.
    pub claim: Fen,
    /// What sales have brought the pledgee.
    pub proceeds: Fen,
    /// Other tonnes that wait for the pledgee's yes.
    pub substitution: Option<Substitution>,
}

/// A pledge and its two parties, as events name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PledgeRef {
    /// Its number.
    pub id: PledgeId,
    /// Whose tonnes.
    pub pledgor: AccountId,
    /// To whom.
    pub pledgee: BankId,
}

/// Which pledges to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PledgeFilter {
    /// Only of this account.
    pub pledgor: Option<AccountId>,
    /// Only to this bank.
    pub pledgee: Option<BankId>,
    /// Only those that hold tonnes.
    pub open_only: bool,
}

/// All pledges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pledges {
    by_id: BTreeMap<PledgeId, Pledge>,
    /// Last number given.
    pub(crate) last: u64,
    /// Index: what ends when nobody accepts it.
    offered: BTreeSet<(LedgerTime, PledgeId)>,
    /// Index.
    by_pledgor: BTreeSet<(AccountId, PledgeId)>,
    /// Index: those that hold tonnes.
    open_by_pledgor: BTreeSet<(AccountId, PledgeId)>,
    /// Index.
    by_pledgee: BTreeSet<(BankId, PledgeId)>,
}

impl Pledge {
    /// Number and parties.
    #[must_use]
    pub fn to_ref(&self) -> PledgeRef {
        PledgeRef { id: self.id, pledgor: self.pledgor, pledgee: self.pledgee }
    }

    /// Tonnes that it holds, with those offered in their place.
    pub(crate) fn held(&self) -> impl Iterator<Item = (InstrumentCode, Quantity)> {
        let offered = self.substitution.map(|offer| (offer.instrument, offer.quantity));
        [(self.instrument, self.quantity)].into_iter().chain(offered)
    }

    /// When what it offers ends.
    fn offer_ends(&self) -> Option<LedgerTime> {
        match self.state {
            PledgeState::Proposed => Some(self.expires_at),
            PledgeState::Accepted
            | PledgeState::Active
            | PledgeState::MarginCall
            | PledgeState::Defaulted
            | PledgeState::Enforcing
            | PledgeState::Disposed
            | PledgeState::Released
            | PledgeState::Declined
            | PledgeState::Expired => self.substitution.map(|offer| offer.expires_at),
        }
    }
}

impl PledgeFilter {
    fn accepts(&self, pledge: &Pledge) -> bool {
        self.pledgor.is_none_or(|pledgor| pledge.pledgor == pledgor)
            && self.pledgee.is_none_or(|pledgee| pledge.pledgee == pledgee)
            && (!self.open_only || pledge.state.is_open())
    }
}

impl Pledges {
    pub(crate) fn get(&self, id: PledgeId) -> Option<&Pledge> {
        self.by_id.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pledge> {
        self.by_id.values()
    }

    /// Adds or replaces one, and keeps the indexes.
    pub(crate) fn put(&mut self, pledge: Pledge) {
        let id = pledge.id;
        if let Some(before) = self.by_id.get(&id).and_then(Pledge::offer_ends) {
            self.offered.remove(&(before, id));
        }
        if let Some(ends) = pledge.offer_ends() {
            self.offered.insert((ends, id));
        }
        self.by_pledgor.insert((pledge.pledgor, id));
        if pledge.state.is_open() {
            self.open_by_pledgor.insert((pledge.pledgor, id));
        } else {
            self.open_by_pledgor.remove(&(pledge.pledgor, id));
        }
        self.by_pledgee.insert((pledge.pledgee, id));
        self.by_id.insert(id, pledge);
    }

    /// What ends next because nobody accepted it.
    pub(crate) fn next_end(&self) -> Option<LedgerTime> {
        self.offered.first().map(|(ends, _)| *ends)
    }

    pub(crate) fn ended_by(&self, now: LedgerTime, most: usize) -> Vec<PledgeId> {
        let ended = self.offered.iter().take_while(|(ends, _)| *ends <= now);
        ended.map(|(_, id)| *id).take(most).collect()
    }

    /// An account's, in order; those that hold tonnes are found whatever there was
    /// before.
    pub(crate) fn of_pledgor(
        &self,
        pledgor: AccountId,
        open_only: bool,
        after: PledgeId,
    ) -> impl Iterator<Item = &Pledge> {
        let range = (Excluded((pledgor, after)), Unbounded);
        let index = if open_only { &self.open_by_pledgor } else { &self.by_pledgor };
        let own = index.range(range).take_while(move |(of, _)| *of == pledgor);
        own.filter_map(|(_, id)| self.by_id.get(id))
    }
}

impl Ledger {
    /// A pledge, whatever became of it.
    #[must_use]
    pub fn pledge(&self, id: PledgeId) -> Option<&Pledge> {
        self.pledges.get(id)
    }

    /// Pledges in order of number, from the one after `after`; a party's own are
    /// found without a search.
    #[must_use]
    pub fn pledges_after(
        &self,
        filter: PledgeFilter,
        after: PledgeId,
        limit: usize,
    ) -> Vec<&Pledge> {
        let Pledges { by_id, by_pledgee, .. } = &self.pledges;
        let wanted = |pledge: &&Pledge| filter.accepts(pledge);
        match (filter.pledgor, filter.pledgee) {
            (Some(pledgor), _) => {
                let own = self.pledges.of_pledgor(pledgor, filter.open_only, after);
                own.filter(wanted).take(limit).collect()
            }
            (None, Some(pledgee)) => {
                let range = by_pledgee.range((Excluded((pledgee, after)), Unbounded));
                let own = range.take_while(|(of, _)| *of == pledgee);
                own.filter_map(|(_, id)| by_id.get(id)).filter(wanted).take(limit).collect()
            }
            (None, None) => {
                let all = by_id.range((Excluded(after), Unbounded));
                all.map(|(_, pledge)| pledge).filter(wanted).take(limit).collect()
            }
        }
    }

    /// Changes a pledge that was looked up; its version grows.
    pub(super) fn change_pledge(&mut self, id: PledgeId, change: impl FnOnce(&mut Pledge)) {
        self.touch(RecordKey::Pledge(id));
        if let Some(mut pledge) = self.pledges.get(id).cloned() {
            change(&mut pledge);
            pledge.version = pledge.version.saturating_add(1);
            self.pledges.put(pledge);
        }
    }

    /// A court's freeze begins or ends to keep a pledge where it is.
    pub(crate) fn set_stays(&mut self, id: PledgeId, stays: u32) {
        self.change_pledge(id, |pledge| pledge.stays = stays);
    }
}
