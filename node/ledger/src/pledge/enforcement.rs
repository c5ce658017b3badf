//! Default and disposal: the sale's proceeds go to the pledgee up to its claim,
//! the rest to the pledgor.

use crate::account::overflow;
use crate::amount::format_yuan;
use crate::bank::Bank;
use crate::calendar::beijing_day_end;
use crate::cash::{into_pot, less_in, minus, out_of_pot, plus, positive_amount};
use crate::journal::{CashPosition, CashPot, Position, What};
use crate::ledger::Ledger;
use crate::pledge::check::{FIELD, refuse_stay, require_pledgee, require_state};
use crate::pledge::state::{Pledge, PledgeState};
use crate::receipt::{CashBalance, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{BankId, Date, Fen, LedgerTime, PledgeId, Quantity, Trade};

impl Ledger {
    /// The pledgee declares the default, with a hash of its evidence, once the
    /// time to cure is over.
    pub(super) fn default_pledge(
        &mut self,
        actor: &str,
        id: PledgeId,
        version: u32,
        claim: Fen,
        evidence_sha256: [u8; 32],
    ) -> Result<Receipt, Rejection> {
        require_pledgee(actor, self.known_pledge(id)?)?;
        let needed = [PledgeState::Active, PledgeState::MarginCall];
        // The pledgor could put it off for ever by changing the pledge.
        let pledge = self.pledge_since(id, version, &needed)?;
        if claim.0 <= 0 {
            let message = format!("claim_yuan is {}, it must be at least 0.01", format_yuan(claim));
            return Err(Rejection::new(Reason::NotPositive, "claim_yuan", message));
        }
        let over = cure_over(pledge);
        if self.now < over {
            let message = format!("pledge {} can be cured until {} ms", id.0, over.0);
            return Err(Rejection::new(Reason::CurePeriodOpen, FIELD, message));
        }
        let closed = self.known_instrument(pledge.instrument, FIELD)?.last_close_date;
        if let Some(date) = closed.filter(|date| self.is_disputed(*date))
            && self.now < overdue(pledge)
        {
            let message = format!("the close of {date} is in dispute: the call may not stand");
            return Err(Rejection::new(Reason::CurePeriodOpen, FIELD, message));
        }
        let pledge = pledge.to_ref();

        self.end_substitution(id);
        self.change_pledge(id, |pledge| {
            pledge.state = PledgeState::Defaulted;
            pledge.cure_deadline = None;
            pledge.claim = claim;
        });
        self.record(What::PledgeDefaulted { pledge, claim, evidence_sha256 }, Vec::new());
        self.pledge_receipt(id)
    }

    /// Two officers let the tonnes be sold.
    pub(super) fn enforce_pledge(
        &mut self,
        id: PledgeId,
        version: u32,
        document: &str,
    ) -> Result<Receipt, Rejection> {
        let pledge = self.pledge_in(id, version, &[PledgeState::Defaulted])?;
        refuse_stay(pledge)?;
        text::check_line(document, "document")?;
        let (pledge, document) = (pledge.to_ref(), document.to_owned());

        self.change_pledge(id, |pledge| pledge.state = PledgeState::Enforcing);
        self.record(What::PledgeEnforcing { pledge, document }, Vec::new());
        self.pledge_receipt(id)
    }

    /// One trade of the open day takes its tonnes from the pledge, delivers at
    /// once, and pays the pledgee first.
    pub(super) fn sell_pledged(
        &mut self,
        id: PledgeId,
        date: Date,
        trade: &Trade,
        log_index: u64,
    ) -> Result<Receipt, Rejection> {
        let pledge = self.known_pledge(id)?;
        require_state(pledge, &[PledgeState::Enforcing])?;
        refuse_stay(pledge)?;
        check_sale(pledge, trade)?;
        let checked = self.check_single(date, trade, trade.quantity, log_index)?;
        let amount = trade.amount().ok_or_else(|| overflow("trade.quantity_tco2e"))?;
        let due = minus(pledge.claim, pledge.proceeds)?;
        let share = amount.min(due);
        let left = pledge.quantity.checked_sub(trade.quantity);
        let left = left.ok_or_else(|| overflow("trade.quantity_tco2e"))?;
        let (of, sold, rest) = (pledge.to_ref(), pledge.goods(trade.quantity), pledge.goods(left));
        let proceeds = plus(pledge.proceeds, share)?;
        let at_bank = plus(self.proceeds(of.pledgee), share)?;
        let done = share == due || left == Quantity(0);

        let postings = self.unpledge(sold, Position::Trading);
        let what = What::PledgedSold {
            pledge: of,
            date,
            trade: trade.number,
            quantity: trade.quantity,
            left,
        };
        self.record(what, postings);
        let receipt = self.settle_checked(date, trade, checked, log_index);
        let mut postings = self.pay_pledgee(trade, share, at_bank);
        if done {
            postings.extend(self.unpledge(rest, Position::Registered));
        }
        self.change_pledge(id, |pledge| {
            pledge.quantity = if done { Quantity(0) } else { left };
            pledge.proceeds = proceeds;
            if done {
                pledge.state = PledgeState::Disposed;
            }
        });
        self.record(What::ProceedsPaid { pledge: of, amount: share, disposed: done }, postings);
        Ok(receipt)
    }

    /// From the seller's money at the pledgee to the pledgee itself.
    fn pay_pledgee(
        &mut self,
        trade: &Trade,
        share: Fen,
        at_bank: Fen,
    ) -> Vec<crate::journal::Posting> {
        let (seller, bank) = (trade.seller, trade.seller_bank);
        let held = self.balances_at(seller).map(|holder| holder.cash(bank)).unwrap_or_default();
        // The sale has just brought it.
        let available = held.available.checked_sub(share).unwrap_or_default();
        self.set_cash(seller, bank, CashBalance { available, ..held });
        self.set_proceeds(bank, at_bank);
        vec![
            less_in(seller, bank, CashPosition::Available, share),
            into_pot(bank, CashPot::Proceeds, share),
        ]
    }

    pub(super) fn take_proceeds(
        &mut self,
        bank: BankId,
        amount: Fen,
    ) -> Result<Receipt, Rejection> {
        let known = self.known_bank(bank, "bank_id")?;
        positive_amount(amount)?;
        if known.proceeds < amount {
            let message = format!(
                "bank {} has {} yuan of proceeds, {} were to be taken",
                bank.0,
                format_yuan(known.proceeds),
                format_yuan(amount)
            );
            return Err(Rejection::new(Reason::InsufficientCash, "amount_yuan", message));
        }
        let left = minus(known.proceeds, amount)?;
        let mut pots = known.pots;
        pots.withdrawn = plus(pots.withdrawn, amount)?;

        self.set_pots(bank, pots);
        self.set_proceeds(bank, left);
        let postings = vec![
            out_of_pot(bank, CashPot::Proceeds, amount),
            into_pot(bank, CashPot::Withdrawn, amount),
        ];
        self.record(What::ProceedsTaken {}, postings);
        Ok(Receipt::Proceeds { bank, left })
    }

    fn proceeds(&self, bank: BankId) -> Fen {
        self.banks.get(bank).map_or(Fen(0), |bank: &Bank| bank.proceeds)
    }

    fn set_proceeds(&mut self, bank: BankId, proceeds: Fen) {
        self.touch(RecordKey::Proceeds(bank));
        if let Some(bank) = self.banks.get_mut(bank) {
            bank.proceeds = proceeds;
        }
    }
}

/// The trade sells what is pledged, pays at the pledgee, and no more than needed.
fn check_sale(pledge: &Pledge, trade: &Trade) -> Result<(), Rejection> {
    let refuse =
        |reason, name: &str, message| Err(Rejection::new(reason, format!("trade.{name}"), message));
    if trade.seller != pledge.pledgor {
        let message = format!("pledge {} is of account {}", pledge.id.0, pledge.pledgor.0);
        return refuse(Reason::NotCounterparty, "seller_account", message);
    }
    if trade.seller_bank != pledge.pledgee {
        let message = format!(
            "what a disposal brings is paid at the pledgee, which is bank {}",
            pledge.pledgee.0
        );
        return refuse(Reason::NotCounterparty, "seller_bank", message);
    }
    if trade.instrument != pledge.instrument {
        let message = format!("pledge {} is of {}", pledge.id.0, pledge.instrument);
        return refuse(Reason::WrongInstrument, "instrument", message);
    }
    let due = minus(pledge.claim, pledge.proceeds)?;
    let one_less = i128::from(trade.quantity.0).saturating_sub(1);
    let enough = one_less.saturating_mul(trade.price.0.into()) >= i128::from(due.0);
    if trade.quantity > pledge.quantity || (enough && trade.quantity.0 > 1) {
        let message = format!(
            "pledge {} holds {} t for {} yuan still claimed; {} t at this price are more than that",
            pledge.id.0,
            pledge.quantity.0,
            format_yuan(due),
            trade.quantity.0
        );
        return refuse(Reason::OverDisposal, "quantity_tco2e", message);
    }
    Ok(())
}

/// When the pledgee may declare a default: after the margin call's time, or the
/// same time after the day on which the loan is due.
fn cure_over(pledge: &Pledge) -> LedgerTime {
    let overdue = overdue(pledge);
    pledge.cure_deadline.map_or(overdue, |deadline| deadline.min(overdue))
}

fn overdue(pledge: &Pledge) -> LedgerTime {
    let matured = beijing_day_end(pledge.terms.maturity);
    LedgerTime(matured.0.saturating_add(pledge.terms.cure_period_ms))
}
