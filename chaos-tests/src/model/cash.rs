//! Money outside trades, as lists of what ever happened; what stands is added up.

use std::collections::BTreeMap;

use registry_ledger::{
    AccountId, BankId, CashBalance, Date, DayState, Fen, HeldReason, Ledger, LedgerTime,
    OpenWithdrawal, PaymentInstructions, PaymentLine, Pots, Reason, Receipt, ReportedBalance,
    TradeNumber, TradeStatus, WithdrawalFilter,
};
use sha2::{Digest as _, Sha256};

use super::calendar::{beijing_day, day_number};
use super::compare::{Difference, same};
use super::day::amount;
use super::delivery::short_of;
use super::positions::fits;
use super::registration::check_positive;
use super::{Model, Outcome, Planted, Refused, check_text, refuse};

/// A pot of money at a bank that is no account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pot {
    Fees,
    Reserve,
    Suspense,
    Withdrawn,
}

/// What became of a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Paid,
    Refused,
}

/// Everything that ever happened to money outside trades.
#[derive(Clone, Debug, Default)]
pub(super) struct CashBook {
    pots: Vec<(BankId, Pot, i128)>,
    withdrawals: Vec<(OpenWithdrawal, Fate)>,
    claims: Vec<(AccountId, BankId, i128)>,
    reports: Vec<(BankId, ReportedBalance)>,
}

impl Model {
    fn pot(&self, bank: BankId, pot: Pot) -> i128 {
        let postings =
            self.cash.pots.iter().filter(|(of, in_pot, _)| (*of, *in_pot) == (bank, pot));
        postings.map(|(_, _, fen)| fen).sum()
    }

    pub(super) fn pots(&self, bank: BankId) -> Pots {
        let fen = |pot| Fen(fits(self.pot(bank, pot)));
        Pots {
            fees: fen(Pot::Fees),
            reserve: fen(Pot::Reserve),
            suspense: fen(Pot::Suspense),
            withdrawn: fen(Pot::Withdrawn),
        }
    }

    /// What accounts wait for at a bank.
    fn pending_out(&self, at: impl Fn(&OpenWithdrawal) -> bool) -> i128 {
        let open = self.cash.withdrawals.iter().filter(|(_, fate)| *fate == Fate::Open);
        open.filter(|(w, _)| at(w)).map(|(w, _)| i128::from(w.amount.0)).sum()
    }

    pub(super) fn cash_balance(&self, account: AccountId, bank: BankId) -> CashBalance {
        let pending_out = self.pending_out(|w| (w.account, w.bank) == (account, bank));
        CashBalance {
            available: Fen(fits(self.positions.cash(account, bank))),
            pending_out: Fen(fits(pending_out)),
        }
    }

    /// Everything that lies at a bank.
    pub(super) fn must_hold(&self, bank: BankId) -> i128 {
        let pots = [Pot::Fees, Pot::Reserve, Pot::Suspense].map(|pot| self.pot(bank, pot));
        self.positions.at_bank(bank)
            + self.pending_out(|w| w.bank == bank)
            + pots.iter().sum::<i128>()
            + self.proceeds(bank)
    }

    pub(super) fn reported(&self, bank: BankId) -> Option<ReportedBalance> {
        let reports = self.cash.reports.iter().filter(|(of, _)| *of == bank);
        reports.map(|(_, report)| *report).next_back()
    }

    pub(super) fn claim(&self, account: AccountId, bank: BankId) -> i128 {
        let of = self.cash.claims.iter().filter(|(a, b, _)| (*a, *b) == (account, bank));
        of.map(|(_, _, fen)| fen).sum()
    }

    /// Everybody who owes the reserve something.
    pub(super) fn debtors(&self) -> Vec<(AccountId, BankId, i128)> {
        let mut sums: BTreeMap<(AccountId, BankId), i128> = BTreeMap::new();
        for (account, bank, fen) in &self.cash.claims {
            *sums.entry((*account, *bank)).or_default() += fen;
        }
        sums.retain(|_, fen| *fen != 0);
        sums.into_iter().map(|((account, bank), fen)| (account, bank, fen)).collect()
    }

    pub(super) fn open_withdrawals(&self) -> Vec<OpenWithdrawal> {
        let open = self.cash.withdrawals.iter().filter(|(_, fate)| *fate == Fate::Open);
        open.map(|(withdrawal, _)| *withdrawal).collect()
    }

    pub(super) fn withdrawals_asked(&self) -> u64 {
        self.cash.withdrawals.len() as u64
    }

    fn post_to(&mut self, bank: BankId, pot: Pot, fen: i128) {
        self.cash.pots.push((bank, pot, fen));
    }

    /// Money that leaves the market.
    pub(super) fn pay_out(&mut self, bank: BankId, fen: i128) {
        self.post_to(bank, Pot::Withdrawn, fen);
    }

    fn check_bank(&self, bank: BankId) -> Result<(), Refused> {
        if self.banks.contains_key(&bank) { Ok(()) } else { refuse(Reason::UnknownBank, "bank_id") }
    }

    /// Account, bank, amount, and that so much is available.
    fn check_available(
        &self,
        account: AccountId,
        bank: BankId,
        amount: Fen,
    ) -> Result<i128, Refused> {
        if !self.has_account(account) {
            return refuse(Reason::UnknownAccount, "account_id");
        }
        self.check_bank(bank)?;
        check_positive(amount.0, "amount_yuan")?;
        self.refuse_frozen(account, "account_id")?;
        if self.positions.cash(account, bank) < i128::from(amount.0) {
            return refuse(Reason::InsufficientCash, "amount_yuan");
        }
        Ok(amount.0.into())
    }

    /// Money from outside that still fits.
    fn take_in(&self, bank: BankId, amount: Fen) -> Result<(), Refused> {
        self.check_bank(bank)?;
        check_positive(amount.0, "amount_yuan")?;
        if self.deposited() + i128::from(amount.0) > i128::from(i64::MAX) {
            return refuse(Reason::OutOfRange, "amount_yuan");
        }
        Ok(())
    }

    fn add_deposit(&mut self, bank: BankId, amount: Fen) {
        self.banks.get_mut(&bank).expect("a known bank").deposits.push(amount);
    }

    pub(super) fn request_withdrawal(
        &mut self,
        account: AccountId,
        bank: BankId,
        amount: Fen,
    ) -> Outcome {
        let fen = self.check_available(account, bank, amount)?;
        if self.open_withdrawals().iter().filter(|w| w.account == account).count() >= 20 {
            return refuse(Reason::WithdrawalsOpen, "account_id");
        }
        let number = self.cash.withdrawals.len() as u64 + 1;
        let requested_at = self.now;
        let withdrawal = OpenWithdrawal { number, account, bank, amount, requested_at };
        self.positions.post_cash(account, bank, -fen);
        if self.plants(Planted::WithdrawalPaidWhenAsked) {
            self.post_to(bank, Pot::Withdrawn, fen);
            self.cash.withdrawals.push((withdrawal, Fate::Paid));
        } else {
            self.cash.withdrawals.push((withdrawal, Fate::Open));
        }
        Ok(Receipt::Withdrawal(withdrawal, self.cash_balance(account, bank)))
    }

    fn asked_of(&self, bank: BankId, number: u64) -> Result<usize, Refused> {
        self.check_bank(bank)?;
        let place = self.cash.withdrawals.iter().position(|(w, _)| w.number == number);
        let Some(place) = place else {
            return refuse(Reason::UnknownWithdrawal, "withdrawal_id");
        };
        let (withdrawal, fate) = self.cash.withdrawals[place];
        if fate != Fate::Open {
            return refuse(Reason::WithdrawalClosed, "withdrawal_id");
        }
        if withdrawal.bank != bank && !self.plants(Planted::ForeignWithdrawalConfirmed) {
            return refuse(Reason::UnknownWithdrawal, "withdrawal_id");
        }
        Ok(place)
    }

    fn closed(&mut self, place: usize, fate: Fate) -> OpenWithdrawal {
        self.cash.withdrawals[place].1 = fate;
        self.cash.withdrawals[place].0
    }

    pub(super) fn confirm_withdrawal(&mut self, bank: BankId, number: u64) -> Outcome {
        let place = self.asked_of(bank, number)?;
        let paid = self.closed(place, Fate::Paid);
        self.post_to(paid.bank, Pot::Withdrawn, paid.amount.0.into());
        Ok(Receipt::Withdrawal(paid, self.cash_balance(paid.account, paid.bank)))
    }

    pub(super) fn reject_withdrawal(&mut self, bank: BankId, number: u64, reason: &str) -> Outcome {
        let place = self.asked_of(bank, number)?;
        check_text(reason, 200, "reason")?;
        let refused = self.closed(place, Fate::Refused);
        self.positions.post_cash(refused.account, refused.bank, refused.amount.0.into());
        Ok(Receipt::Withdrawal(refused, self.cash_balance(refused.account, refused.bank)))
    }

    pub(super) fn charge_fee(
        &mut self,
        account: AccountId,
        bank: BankId,
        amount: Fen,
        document: &str,
    ) -> Outcome {
        let fen = self.check_available(account, bank, amount)?;
        check_text(document, 200, "document")?;
        self.positions.post_cash(account, bank, -fen);
        self.post_to(bank, Pot::Fees, fen);
        Ok(Receipt::Cash(bank, self.cash_balance(account, bank)))
    }

    pub(super) fn deposit_to_suspense(
        &mut self,
        bank: BankId,
        amount: Fen,
        reference: &str,
    ) -> Outcome {
        self.take_in(bank, amount)?;
        check_text(reference, 200, "reference")?;
        self.add_deposit(bank, amount);
        self.post_to(bank, Pot::Suspense, amount.0.into());
        Ok(Receipt::Pots(bank, self.pots(bank)))
    }

    fn check_suspense(&self, bank: BankId, amount: Fen) -> Result<i128, Refused> {
        self.check_bank(bank)?;
        check_positive(amount.0, "amount_yuan")?;
        if self.pot(bank, Pot::Suspense) < i128::from(amount.0) {
            return refuse(Reason::SuspenseShort, "amount_yuan");
        }
        Ok(amount.0.into())
    }

    pub(super) fn allocate_suspense(
        &mut self,
        bank: BankId,
        account: AccountId,
        amount: Fen,
        document: &str,
    ) -> Outcome {
        if !self.has_account(account) {
            return refuse(Reason::UnknownAccount, "account_id");
        }
        let fen = self.check_suspense(bank, amount)?;
        check_text(document, 200, "document")?;
        self.post_to(bank, Pot::Suspense, -fen);
        self.positions.post_cash(account, bank, fen);
        Ok(Receipt::Cash(bank, self.cash_balance(account, bank)))
    }

    pub(super) fn return_suspense(&mut self, bank: BankId, amount: Fen, document: &str) -> Outcome {
        let fen = self.check_suspense(bank, amount)?;
        check_text(document, 200, "document")?;
        self.post_to(bank, Pot::Suspense, -fen);
        self.post_to(bank, Pot::Withdrawn, fen);
        Ok(Receipt::Pots(bank, self.pots(bank)))
    }

    pub(super) fn fund_reserve(&mut self, bank: BankId, amount: Fen, document: &str) -> Outcome {
        self.take_in(bank, amount)?;
        check_text(document, 200, "document")?;
        self.add_deposit(bank, amount);
        self.post_to(bank, Pot::Reserve, amount.0.into());
        Ok(Receipt::Pots(bank, self.pots(bank)))
    }

    pub(super) fn use_reserve(
        &mut self,
        date: Date,
        number: TradeNumber,
        document: &str,
    ) -> Outcome {
        const FIELD: &str = "trade_number";
        let day = self.day_in(date, &[DayState::Delivered])?;
        let Some(place) = day.deals.iter().position(|deal| deal.trade.number == number) else {
            return refuse(Reason::UnknownTrade, FIELD);
        };
        let deal = day.deals[place].clone();
        match deal.status {
            TradeStatus::Held(HeldReason::CashShort) => {}
            TradeStatus::Held(other) => return refuse(short_of(other), FIELD),
            _ => return refuse(Reason::TradeNotHeld, FIELD),
        }
        check_text(document, 200, "document")?;
        let (buyer, bank) = (deal.trade.buyer, deal.trade.buyer_bank);
        let lacks = amount(&deal.trade) - self.positions.cash(buyer, bank);
        if lacks <= 0 {
            return refuse(Reason::ReserveNotNeeded, FIELD);
        }
        let pays = match self.plants(Planted::ReservePaysWholeTrade) {
            true => amount(&deal.trade),
            false => lacks,
        };
        if self.pot(bank, Pot::Reserve) < pays {
            return refuse(Reason::ReserveExhausted, FIELD);
        }
        let before = self.positions.clone();
        self.positions.post_cash(buyer, bank, pays);
        if let Err(other) = self.deliver(&deal.trade) {
            // With the money there it is something else.
            self.positions = before;
            return refuse(short_of(other), FIELD);
        }
        self.post_to(bank, Pot::Reserve, -pays);
        self.cash.claims.push((buyer, bank, pays));
        self.day_mut(date).deals[place].status = TradeStatus::Covered;
        let claim = Fen(fits(self.claim(buyer, bank)));
        Ok(Receipt::Covered { number, shortfall: Fen(fits(pays)), claim })
    }

    pub(super) fn repay_reserve(
        &mut self,
        account: AccountId,
        bank: BankId,
        amount: Fen,
    ) -> Outcome {
        let fen = self.check_available(account, bank, amount)?;
        let claim = self.claim(account, bank);
        if claim == 0 {
            return refuse(Reason::UnknownClaim, "account_id");
        }
        if claim < fen {
            return refuse(Reason::ClaimExceeded, "amount_yuan");
        }
        self.positions.post_cash(account, bank, -fen);
        self.post_to(bank, Pot::Reserve, fen);
        if !self.plants(Planted::RepaymentForgotten) {
            self.cash.claims.push((account, bank, -fen));
        }
        let claim = Fen(fits(self.claim(account, bank)));
        Ok(Receipt::Repaid { bank, balance: self.cash_balance(account, bank), claim })
    }

    pub(super) fn report_balance(&mut self, bank: BankId, as_of: Date, balance: Fen) -> Outcome {
        self.check_bank(bank)?;
        if balance.0 < 0 {
            return refuse(Reason::OutOfRange, "balance_yuan");
        }
        if day_number(as_of) > beijing_day(self.now) {
            return refuse(Reason::FutureDay, "as_of_date");
        }
        if self.reported(bank).is_some_and(|last| last.as_of > as_of) {
            return refuse(Reason::ReportOlder, "as_of_date");
        }
        let reported = ReportedBalance { as_of, balance, reported_at: LedgerTime(self.now.0) };
        self.cash.reports.push((bank, reported));
        let expected = Fen(fits(self.must_hold(bank)));
        Ok(Receipt::Reported { bank, expected, reported })
    }

    /// What a bank pays and receives for a day, added up trade by trade.
    fn instructions(&self, date: Date, bank: BankId) -> PaymentInstructions {
        let day = &self.days[&date];
        let (mut nets, mut interbank) = (BTreeMap::<AccountId, i128>::new(), 0);
        for deal in &day.deals {
            let leaves_covered_out = self.plants(Planted::CoveredTradeNotPaid);
            match deal.status {
                TradeStatus::Delivered => {}
                TradeStatus::Covered if !leaves_covered_out => {}
                _ => continue,
            }
            let (trade, fen) = (&deal.trade, amount(&deal.trade));
            if trade.seller_bank == bank {
                *nets.entry(trade.seller).or_default() += fen;
            }
            if trade.buyer_bank == bank {
                *nets.entry(trade.buyer).or_default() -= fen;
            }
            if trade.buyer_bank != trade.seller_bank {
                interbank += if trade.seller_bank == bank { fen } else { 0 };
                interbank -= if trade.buyer_bank == bank { fen } else { 0 };
            }
        }
        let mut bytes = b"registry.v1.payments\0".to_vec();
        bytes.extend(date.yyyymmdd().to_be_bytes());
        bytes.extend(u32::from(bank.0).to_be_bytes());
        bytes.extend((nets.len() as u32).to_be_bytes());
        for (account, net) in &nets {
            bytes.extend(u64::from(account.0).to_be_bytes());
            bytes.extend(fits(*net).to_be_bytes());
        }
        let sum = |of: fn(i128) -> i128| Fen(fits(nets.values().map(|net| of(*net)).sum()));
        PaymentInstructions {
            date,
            bank,
            received: sum(|net| net.max(0)),
            paid: sum(|net| (-net).max(0)),
            interbank: Fen(fits(interbank)),
            held_trades: day.held().len() as u64,
            sha256: Sha256::digest(bytes).into(),
            lines: nets
                .into_iter()
                .map(|(account, net)| PaymentLine { account, net: Fen(fits(net)) })
                .collect(),
        }
    }
}

/// Withdrawals, claims and payment instructions; pots and reports are the banks'.
pub(super) fn compare_cash(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    let open = model.open_withdrawals();
    let all = WithdrawalFilter::default();
    let found = ledger.withdrawals_after(all, 0, usize::MAX);
    same(|| "open withdrawals".to_owned(), &open, &found)?;
    let middle = open.get(open.len() / 2).map_or(0, |withdrawal| withdrawal.number);
    for bank in model.banks.keys().map(|bank| Some(*bank)).chain([None]) {
        for account in [None, open.first().map(|withdrawal| withdrawal.account)] {
            let wanted = |w: &&OpenWithdrawal| {
                w.number > middle
                    && bank.is_none_or(|bank| bank == w.bank)
                    && account.is_none_or(|account| account == w.account)
            };
            let expected: Vec<_> = open.iter().filter(wanted).take(3).copied().collect();
            let found = ledger.withdrawals_after(WithdrawalFilter { bank, account }, middle, 3);
            same(|| format!("withdrawals at {bank:?} of {account:?}"), &expected, &found)?;
        }
    }
    let claims: Vec<_> = ledger.claims().collect();
    let debtors = model.debtors().into_iter();
    let expected: Vec<_> = debtors.map(|(a, b, fen)| (a, b, Fen(fits(fen)))).collect();
    same(|| "claims of the reserve".to_owned(), &expected, &claims)?;
    for date in model.dates() {
        let day = &model.days[&date];
        let state = day.suspended_from.unwrap_or(day.state);
        let delivered = [DayState::Delivered, DayState::Final].contains(&state);
        for bank in model.banks.keys().copied() {
            let expected = delivered.then(|| model.instructions(date, bank));
            let found = ledger.payment_instructions(date, bank).ok();
            same(|| format!("payments of {date} at {}", bank.0), &expected, &found)?;
        }
    }
    Ok(())
}
