//! Yearly compliance: provinces allocate, emissions are verified, firms
//! surrender, old vintages are carried over, holders cancel, tonnes change
//! hands without a trade.
//!
//! The state is the entries; sums over them are indexes that loading rebuilds.
//! Nothing here is touched by a trade: what a firm has sold is added up from
//! the days' trades when it matters.

mod allocation;
mod book;
mod cancellation;
mod carry_over;
mod command;
mod emissions;
mod invariants;
mod province;
mod queries;
mod receipt;
mod records;
mod surrender;
mod transfer;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use crate::account::{overflow, positive_quantity};
use crate::journal::{GoodsPot, Position, Posting};
use crate::ledger::Ledger;
use crate::receipt::{Holding, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::types::{AccountId, InstrumentCode, Quantity};
use book::Book;

pub use command::ComplianceCommand;
pub use receipt::ComplianceReceipt;
pub(crate) use records::ComplianceKey;
pub use types::{
    Allocation, AllocationKind, Cancellation, CarryOver, ComplianceYear, Emissions, EntryFilter,
    Means, Obligation, ProvinceCode, ProvinceView, Retired, Surrender, SurrenderState,
    TransferCause,
};

/// Where every number of tonnes is refused.
const QUANTITY: &str = "quantity_tco2e";

/// All entries, and what they add up to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compliance {
    pub(crate) provinces: BTreeMap<AccountId, ProvinceCode>,
    pub(crate) allocations: Book<Allocation>,
    pub(crate) emissions: Book<Emissions>,
    pub(crate) surrenders: Book<Surrender>,
    pub(crate) cancellations: Book<Cancellation>,
    pub(crate) carry_overs: Book<CarryOver>,

    /// Index: the accounts that are the provinces' own.
    own_accounts: BTreeMap<ProvinceCode, AccountId>,
    /// Index: the provinces' firms.
    firms: BTreeMap<ProvinceCode, BTreeSet<AccountId>>,
    /// Index: what each firm owes for a year; none before its emissions.
    years: BTreeMap<(ComplianceYear, AccountId), YearLine>,
    /// Index: applications that wait for their province.
    waiting: BTreeSet<(AccountId, u64)>,
    /// Index: where tonnes went for good.
    retired: BTreeMap<InstrumentCode, Retired>,
    /// Index: what accounts have carried over into a vintage.
    carried_into: BTreeMap<(AccountId, InstrumentCode), Quantity>,
}

/// What a firm owes for a year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct YearLine {
    emissions: u64,
    verified: Quantity,
    surrendered: Means,
    pending: Means,
}

impl Ledger {
    pub(crate) fn carry_out_compliance(
        &mut self,
        command: &ComplianceCommand,
    ) -> Result<Receipt, Rejection> {
        use ComplianceCommand as Command;
        match command {
            Command::AssignProvince { account, province, document } => {
                self.assign_province(*account, *province, document)
            }
            Command::Allocate { province, account, instrument, kind, quantity, document } => {
                self.allocate(*province, *account, *instrument, *kind, *quantity, document)
            }
            Command::Recall { account, instrument, quantity, document } => {
                self.recall(*account, *instrument, *quantity, document)
            }
            Command::RecordEmissions { by, account, year, verified, report_sha256 } => {
                self.record_emissions(*by, *account, *year, *verified, report_sha256)
            }
            Command::CorrectEmissions { corrects, verified, report_sha256, document } => {
                self.correct_emissions(*corrects, *verified, report_sha256, document)
            }
            Command::ApplySurrender { account, year, instrument, quantity } => {
                self.apply_surrender(*account, *year, *instrument, *quantity)
            }
            Command::ApproveSurrender { province, surrender } => {
                self.approve_surrender(*province, *surrender)
            }
            Command::DeclineSurrender { province, surrender, reason } => {
                self.decline_surrender(*province, *surrender, reason)
            }
            Command::CarryOver { .. } => self.carry_over(command),
            Command::Cancel { account, instrument, quantity, beneficiary, reason } => {
                self.cancel(*account, *instrument, *quantity, beneficiary, reason)
            }
            Command::Transfer { cause, from, to, part, document, document_sha256 } => {
                self.transfer(*cause, *from, *to, *part, document, document_sha256)
            }
        }
    }

    /// What an account holds of an instrument, and that so much of it is registered.
    fn registered(
        &self,
        account: AccountId,
        instrument: InstrumentCode,
        quantity: Quantity,
    ) -> Result<Holding, Rejection> {
        let holding = self.known_balances(account, "account_id")?.holding(instrument);
        self.known_instrument(instrument, "instrument")?;
        positive_quantity(quantity, QUANTITY)?;
        if holding.registered < quantity {
            return Err(Rejection::new(
                Reason::InsufficientHolding,
                QUANTITY,
                format!(
                    "account {} has {} t of {instrument} registered and free, {} t were asked; \
                     move them there from trading, or ask for less",
                    account.0, holding.registered.0, quantity.0
                ),
            ));
        }
        Ok(holding)
    }

    /// Takes tonnes that an account no longer holds out of the instrument's sum.
    fn retire(&mut self, instrument: InstrumentCode, pot: GoodsPot, quantity: Quantity) {
        self.touch(RecordKey::Instrument(instrument));
        if let Some(known) = self.instruments.get_mut(&instrument) {
            // What an account held is a part of it.
            known.held = known.held.checked_sub(quantity).unwrap_or_default();
        }
        self.compliance.note_retired(instrument, pot, quantity);
    }
}

impl Compliance {
    fn note_retired(&mut self, instrument: InstrumentCode, pot: GoodsPot, quantity: Quantity) {
        let retired = self.retired.entry(instrument).or_default();
        let sum = match pot {
            GoodsPot::Surrendered => &mut retired.surrendered,
            GoodsPot::Cancelled => &mut retired.cancelled,
            GoodsPot::CarriedOut => &mut retired.carried_out,
            GoodsPot::Recalled => &mut retired.recalled,
            GoodsPot::Issued => return,
        };
        // At most what was issued.
        *sum = sum.checked_add(quantity).unwrap_or_default();
    }

    pub(crate) fn retired(&self, instrument: InstrumentCode) -> Retired {
        self.retired.get(&instrument).copied().unwrap_or_default()
    }
}

/// An instrument's tonnes fit one number, so neither of these is ever refused.
fn plus(quantity: Quantity, more: Quantity) -> Result<Quantity, Rejection> {
    quantity.checked_add(more).ok_or_else(|| overflow(QUANTITY))
}

fn minus(quantity: Quantity, less: Quantity) -> Result<Quantity, Rejection> {
    quantity.checked_sub(less).ok_or_else(|| overflow(QUANTITY))
}

fn negative(quantity: Quantity) -> Quantity {
    Quantity(quantity.0.saturating_neg())
}

/// More tonnes in a part of an account's holding.
fn more_of(
    account: AccountId,
    instrument: InstrumentCode,
    position: Position,
    quantity: Quantity,
) -> Posting {
    Posting::Goods { account, instrument, position, quantity }
}

/// Less of them.
fn less_of(
    account: AccountId,
    instrument: InstrumentCode,
    position: Position,
    quantity: Quantity,
) -> Posting {
    more_of(account, instrument, position, negative(quantity))
}

/// More tonnes in a pot.
fn into_pot(instrument: InstrumentCode, pot: GoodsPot, quantity: Quantity) -> Posting {
    Posting::GoodsPot { instrument, pot, quantity }
}
