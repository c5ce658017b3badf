//! Accounts: one per legal entity, with its holdings and its cash.

use smallvec::SmallVec;

use crate::journal::{Position, Posting, What};
use crate::ledger::Ledger;
use crate::receipt::{CashBalance, Holding, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, AccountKind, BankId, FreePosition, InstrumentCode, Quantity};
use crate::uscc;

/// One holding account (登记账户).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uscc: [u8; uscc::LENGTH],
    pub(crate) name: Box<str>,
    pub(crate) kind: AccountKind,
}

/// What an account holds. Most accounts hold one instrument and use one bank,
/// which need no memory of their own: all of it is two lines of the cache.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Balances {
    /// In order of instrument.
    pub(crate) holdings: SmallVec<[(InstrumentCode, Holding); 1]>,
    /// In order of bank.
    pub(crate) cash: SmallVec<[(BankId, CashBalance); 1]>,
    /// Its record's hash that is in the sums; zero while none is.
    pub(crate) summed: [u8; 32],
}

const _: () = assert!(size_of::<Balances>() == 128);

impl Account {
    /// The credit code as text.
    pub(crate) fn uscc_text(&self) -> String {
        self.uscc.iter().copied().map(char::from).collect()
    }
}

impl Balances {
    pub(crate) fn holding(&self, instrument: InstrumentCode) -> Holding {
        find(&self.holdings, instrument)
    }

    pub(crate) fn set_holding(&mut self, instrument: InstrumentCode, holding: Holding) {
        set(&mut self.holdings, instrument, holding);
    }

    pub(crate) fn cash(&self, bank: BankId) -> CashBalance {
        find(&self.cash, bank)
    }

    pub(crate) fn set_cash(&mut self, bank: BankId, balance: CashBalance) {
        set(&mut self.cash, bank, balance);
    }

    /// Whether anything bought waits for the next day.
    pub(crate) fn has_pending_in(&self) -> bool {
        self.holdings.iter().any(|(_, holding)| holding.pending_in > Quantity(0))
    }
}

// Few entries: a plain walk finds one sooner than a search.
fn find<K: PartialEq + Copy, V: Copy + Default>(entries: &[(K, V)], key: K) -> V {
    entries.iter().find(|(k, _)| *k == key).map(|(_, value)| *value).unwrap_or_default()
}

fn set<K: Ord + Copy, V>(entries: &mut SmallVec<[(K, V); 1]>, key: K, value: V) {
    if let Some((_, place)) = entries.iter_mut().find(|(k, _)| *k == key) {
        *place = value;
        return;
    }
    let place = entries.partition_point(|(k, _)| *k < key);
    entries.insert(place, (key, value));
}

impl Holding {
    /// Sum of all positions; `None` if it overflows.
    #[must_use]
    pub fn total(&self) -> Option<Quantity> {
        [self.trading, self.pending_in, self.pledged, self.frozen, self.pending_out]
            .into_iter()
            .try_fold(self.registered, Quantity::checked_add)
    }
}

impl Ledger {
    pub(crate) fn account_at(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(place(id)?)
    }

    pub(crate) fn balances_at(&self, id: AccountId) -> Option<&Balances> {
        self.balances.get(place(id)?)
    }

    /// Reads what these accounts hold before it is needed: reads that do not
    /// wait for each other bring far apart accounts into the cache many at a
    /// time. The sum keeps them from being left out as useless.
    pub(crate) fn read_ahead(&self, accounts: impl Iterator<Item = AccountId>) {
        let both_lines = |id| {
            let balances = self.balances_at(id);
            balances.map_or(0, |held| held.holdings.len() ^ usize::from(held.summed[31]))
        };
        std::hint::black_box(accounts.map(both_lines).fold(0, |all, one| all ^ one));
    }

    /// Writes what an account holds of an instrument.
    pub(crate) fn set_holding(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        holding: Holding,
    ) {
        self.touch(RecordKey::Balances(account));
        if let Some(holder) = self.balances_mut(account) {
            holder.set_holding(instrument, holding);
        }
    }

    pub(crate) fn balances_mut(&mut self, id: AccountId) -> Option<&mut Balances> {
        self.balances.get_mut(place(id)?)
    }

    /// What the account holds, or a rejection that names the field.
    pub(crate) fn known_balances(
        &self,
        id: AccountId,
        field: &str,
    ) -> Result<&Balances, Rejection> {
        self.balances_at(id).ok_or_else(|| unknown_account(id, field))
    }

    pub(crate) fn open_account(
        &mut self,
        uscc: &str,
        name: &str,
        kind: AccountKind,
    ) -> Result<Receipt, Rejection> {
        let code = uscc::check(uscc)?;
        text::check_line(name, "name")?;
        if let Some(existing) = self.by_uscc.get(&code, &self.accounts) {
            return Err(Rejection::new(
                Reason::AccountExists,
                "uscc",
                format!("{uscc} has account {} already", existing.0),
            ));
        }
        let id = self.next_account(1)?;

        self.touch(RecordKey::Account(id));
        self.touch(RecordKey::Balances(id));
        self.add_account(id, Account { uscc: code, name: name.into(), kind }, Balances::default());
        let (uscc, name) = (uscc.to_owned(), name.to_owned());
        self.record(What::AccountOpened { account: id, uscc, name, kind }, Vec::new());
        Ok(Receipt::AccountOpened(id))
    }

    /// Number of the first of `count` new accounts.
    pub(crate) fn next_account(&self, count: usize) -> Result<AccountId, Rejection> {
        let last = self.accounts.len().checked_add(count);
        match last.and_then(|last| u32::try_from(last).ok()) {
            Some(_) => Ok(AccountId(self.account_count().saturating_add(1))),
            None => Err(Rejection::new(Reason::OutOfRange, "", "all account numbers are used")),
        }
    }

    /// Adds an account under the next number, which is `id`.
    pub(crate) fn add_account(&mut self, id: AccountId, account: Account, balances: Balances) {
        self.accounts.push(account);
        self.balances.push(balances);
        self.by_uscc.insert(id, &self.accounts);
    }

    pub(crate) fn move_holding(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        from: FreePosition,
        quantity: Quantity,
    ) -> Result<Receipt, Rejection> {
        let before = self.known_balances(account, "account_id")?.holding(instrument);
        self.known_instrument(instrument, "instrument")?;
        positive_quantity(quantity, "quantity_tco2e")?;
        self.require_unfrozen(account, "account_id")?;
        let available = before.free(from);
        if available < quantity {
            return Err(short_of(account, instrument, available, quantity));
        }
        let to = match from {
            FreePosition::Registered => Position::Trading,
            FreePosition::Trading => Position::Registered,
        };
        let after = before.moved(from.into(), to, quantity);
        let after = after.ok_or_else(|| overflow("quantity_tco2e"))?;

        self.set_holding(account, instrument, after);
        let changed = [
            (Position::Registered, before.registered, after.registered),
            (Position::Trading, before.trading, after.trading),
        ];
        let line = |(position, before, after): (_, Quantity, Quantity)| Posting::Goods {
            account,
            instrument,
            position,
            // Neither is negative.
            quantity: after.checked_sub(before).unwrap_or_default(),
        };
        self.record(What::HoldingMoved {}, changed.map(line).to_vec());
        Ok(Receipt::Holding(instrument, after))
    }
}

impl Holding {
    /// What lies in a free position.
    pub(crate) fn free(&self, position: FreePosition) -> Quantity {
        match position {
            FreePosition::Registered => self.registered,
            FreePosition::Trading => self.trading,
        }
    }

    /// After tonnes went from one position to another; none when there are too few.
    pub(crate) fn moved(self, from: Position, to: Position, quantity: Quantity) -> Option<Self> {
        let mut after = self;
        let less = after.position_mut(from);
        *less = less.checked_sub(quantity).filter(|left| left.0 >= 0)?;
        let more = after.position_mut(to);
        *more = more.checked_add(quantity)?;
        Some(after)
    }

    /// One of its parts.
    pub(crate) fn position_mut(&mut self, position: Position) -> &mut Quantity {
        match position {
            Position::Registered => &mut self.registered,
            Position::Trading => &mut self.trading,
            Position::PendingIn => &mut self.pending_in,
            Position::Pledged => &mut self.pledged,
            Position::Frozen => &mut self.frozen,
            Position::PendingOut => &mut self.pending_out,
        }
    }
}

impl From<FreePosition> for Position {
    fn from(position: FreePosition) -> Self {
        match position {
            FreePosition::Registered => Self::Registered,
            FreePosition::Trading => Self::Trading,
        }
    }
}

/// A free position with too few tonnes.
pub(crate) fn short_of(
    account: AccountId,
    instrument: InstrumentCode,
    available: Quantity,
    asked: Quantity,
) -> Rejection {
    Rejection::new(
        Reason::InsufficientHolding,
        "quantity_tco2e",
        format!(
            "account {} has {} t of {instrument} in that position, {} t were asked",
            account.0, available.0, asked.0
        ),
    )
}

fn unknown_account(id: AccountId, field: &str) -> Rejection {
    Rejection::new(Reason::UnknownAccount, field, format!("no account {}", id.0))
}

/// Place of an account in the dense lists.
pub(crate) fn place(id: AccountId) -> Option<usize> {
    usize::try_from(id.0.checked_sub(1)?).ok()
}

pub(crate) fn positive_quantity(quantity: Quantity, field: &str) -> Result<(), Rejection> {
    if quantity.0 > 0 {
        return Ok(());
    }
    Err(Rejection::new(
        Reason::NotPositive,
        field,
        format!("{field} is {} t, it must be at least 1 t", quantity.0),
    ))
}

pub(crate) fn overflow(field: &str) -> Rejection {
    Rejection::new(
        Reason::OutOfRange,
        field,
        format!("{field} makes a product or a sum larger than the registry can hold"),
    )
}
