//! Money outside trades, right and with one fault.

use registry_ledger::{
    AccountId, BankId, Command, Date, Fen, HeldReason, OpenWithdrawal, TradeStatus,
};

use super::calls::last_day;
use super::{Asked, Workload};
use crate::model::Model;
use crate::model::calendar::{beijing_day, date_of};
use crate::model::day::amount;

impl Workload {
    /// A valid command, if there is one now.
    pub(super) fn cash_call(&mut self, model: &Model) -> Option<Asked> {
        let officer = self.officer();
        let bank = self.some_bank(model)?;
        let command = match self.rng.below(100) {
            0..30 => self.withdraw(model)?,
            30..50 => return self.close_withdrawal(model),
            50..58 => {
                let (account, bank, amount) = self.some_money(model)?;
                Command::ChargeFee { account, bank, amount, document: self.text(200) }
            }
            58..66 => Command::DepositToSuspense {
                bank,
                amount: Fen(self.rng.between(1, 1_000_000)),
                reference: self.text(200),
            },
            66..72 => {
                let (account, amount) =
                    (self.some_account(model)?, self.some_suspense(model, bank)?);
                Command::AllocateSuspense { bank, account, amount, document: self.text(200) }
            }
            72..76 => {
                let amount = self.some_suspense(model, bank)?;
                Command::ReturnSuspense { bank, amount, document: self.text(200) }
            }
            76..84 => {
                let most = *self.rng.pick(&[10_000, 20_000_000_000])?;
                let amount = Fen(self.rng.between(1, most));
                Command::FundReserve { bank, amount, document: self.text(200) }
            }
            84..92 => self.repay(model)?,
            _ => return self.report(model, bank),
        };
        Some((officer, command))
    }

    /// Some of an account's available money.
    fn some_money(&mut self, model: &Model) -> Option<(AccountId, BankId, Fen)> {
        for _ in 0..8 {
            let (account, bank) = (self.some_account(model)?, self.some_bank(model)?);
            let all = i64::try_from(model.positions.cash(account, bank)).ok()?;
            if all > 0 {
                // Mostly little: trades need the money, too.
                let most = if self.rng.chance(20) { all } else { (all / 50).max(1) };
                return Some((account, bank, Fen(self.rng.between(1, most))));
            }
        }
        None
    }

    /// Now and then of the account that waits for most.
    fn withdraw(&mut self, model: &Model) -> Option<Command> {
        let (account, bank, amount) = self.some_money(model)?;
        if self.rng.chance(60)
            && let Some((account, bank)) = self.busiest(model)
        {
            return Some(Command::RequestWithdrawal { account, bank, amount: Fen(1) });
        }
        Some(Command::RequestWithdrawal { account, bank, amount })
    }

    /// The account with the most open withdrawals, and a bank where it has money.
    fn busiest(&mut self, model: &Model) -> Option<(AccountId, BankId)> {
        let open = model.open_withdrawals();
        let count = |account: AccountId| open.iter().filter(|w| w.account == account).count();
        let account =
            open.iter().map(|w| w.account).max_by_key(|account| (count(*account), *account))?;
        let banks = model.banks.keys().copied();
        let bank = banks.into_iter().find(|bank| model.positions.cash(account, *bank) > 0)?;
        Some((account, bank))
    }

    fn some_open(&mut self, model: &Model) -> Option<OpenWithdrawal> {
        let busiest = self.busiest(model).map(|(account, _)| account);
        let mut open = model.open_withdrawals();
        if self.rng.chance(90) {
            open.retain(|withdrawal| Some(withdrawal.account) != busiest);
        }
        self.rng.pick(&open).copied()
    }

    fn close_withdrawal(&mut self, model: &Model) -> Option<Asked> {
        let OpenWithdrawal { bank, number: withdrawal, .. } = self.some_open(model)?;
        let command = if self.rng.chance(70) {
            Command::ConfirmWithdrawal { bank, withdrawal }
        } else {
            Command::RejectWithdrawal { bank, withdrawal, reason: self.text(200) }
        };
        Some((format!("bank/{}", bank.0), command))
    }

    fn some_suspense(&mut self, model: &Model, bank: BankId) -> Option<Fen> {
        let all = model.pots(bank).suspense.0;
        (all > 0).then(|| Fen(if self.rng.chance(50) { all } else { self.rng.between(1, all) }))
    }

    fn repay(&mut self, model: &Model) -> Option<Command> {
        let debtors = model.debtors();
        let (account, bank, claim) = *self.rng.pick(&debtors)?;
        let most = i64::try_from(claim.min(model.positions.cash(account, bank))).ok()?;
        let part = self.rng.between(1, most.max(1));
        let amount = Fen(if self.rng.chance(50) { most } else { part });
        (most > 0).then_some(Command::RepayReserve { account, bank, amount })
    }

    fn report(&mut self, model: &Model, bank: BankId) -> Option<Asked> {
        let last = model.reported(bank).map(|report| report.as_of);
        let today = date_of(beijing_day(model.now))?;
        let yesterday = date_of(beijing_day(model.now) - 1)?;
        let as_of =
            if self.rng.chance(50) { yesterday.max(last.unwrap_or(yesterday)) } else { today };
        let must = i64::try_from(model.must_hold(bank)).ok()?;
        let balance = Fen(if self.rng.chance(70) { must } else { self.rng.between(0, i64::MAX) });
        Some((format!("bank/{}", bank.0), Command::ReportBalance { bank, as_of, balance }))
    }

    /// A trade that is held for cash, with enough in the reserve or not.
    pub(super) fn cover(&mut self, model: &Model) -> Option<Asked> {
        let day = last_day(model)?;
        let held: Vec<_> = day
            .deals
            .iter()
            .filter(|deal| deal.status == TradeStatus::Held(HeldReason::CashShort))
            .map(|deal| deal.trade)
            .collect();
        let trade = *self.rng.pick(&held)?;
        let (buyer, bank) = (trade.buyer, trade.buyer_bank);
        let lacks = amount(&trade) - model.positions.cash(buyer, bank);
        let reserve = i128::from(model.pots(bank).reserve.0);
        let command = if reserve < lacks && self.rng.chance(60) {
            let amount = Fen(i64::try_from(lacks).ok()?);
            Command::FundReserve { bank, amount, document: self.text(200) }
        } else {
            Command::UseReserve { date: day.date, number: trade.number, document: self.text(200) }
        };
        Some((self.officer(), command))
    }

    /// One fault in one of these commands.
    pub(super) fn cash_fault(&mut self, model: &Model) -> Option<Command> {
        let nobody = AccountId(*self.rng.pick(&[0, model.last_account().0 + 1, u32::MAX])?);
        let no_bank = BankId(*self.rng.pick(&[0, 998, u16::MAX])?);
        let nothing = Fen(*self.rng.pick(&[0, -1, i64::MIN])?);
        let (account, bank) = (self.some_account(model)?, self.some_bank(model)?);
        let text = self.text(200);
        let too_much = Fen(i64::MAX);
        Some(match self.rng.below(26) {
            0 => Command::RequestWithdrawal { account: nobody, bank, amount: Fen(1) },
            1 => Command::RequestWithdrawal { account, bank: no_bank, amount: Fen(1) },
            2 => Command::RequestWithdrawal { account, bank, amount: nothing },
            3 => Command::RequestWithdrawal { account, bank, amount: too_much },
            4 => {
                let open = self.some_open(model)?;
                let other = model.banks.keys().copied().find(|other| *other != open.bank)?;
                Command::ConfirmWithdrawal { bank: other, withdrawal: open.number }
            }
            5 => {
                let beyond = model.withdrawals_asked() + 1;
                let withdrawal = *self.rng.pick(&[0, beyond, u64::MAX])?;
                Command::ConfirmWithdrawal { bank, withdrawal }
            }
            6..8 => {
                let asked = model.withdrawals_asked();
                let open = model.open_withdrawals();
                let closed = (1..=asked).rev().find(|n| !open.iter().any(|w| w.number == *n))?;
                Command::RejectWithdrawal { bank, withdrawal: closed, reason: text }
            }
            8 => {
                let open = self.some_open(model)?;
                let (bank, withdrawal) = (open.bank, open.number);
                Command::RejectWithdrawal { bank, withdrawal, reason: self.bad_text(200) }
            }
            9 => Command::ChargeFee { account, bank, amount: too_much, document: text },
            10 => {
                let (account, bank, amount) = self.some_money(model)?;
                Command::ChargeFee { account, bank, amount, document: self.bad_text(200) }
            }
            11 => Command::DepositToSuspense { bank: no_bank, amount: Fen(1), reference: text },
            12 => Command::DepositToSuspense { bank, amount: nothing, reference: text },
            13 => {
                let reference = self.bad_text(200);
                Command::DepositToSuspense { bank, amount: Fen(1), reference }
            }
            14 if model.deposited() > 0 => {
                Command::FundReserve { bank, amount: too_much, document: text }
            }
            15 => {
                let more = Fen(model.pots(bank).suspense.0 + 1);
                Command::AllocateSuspense { bank, account, amount: more, document: text }
            }
            16 => {
                let more = Fen(model.pots(bank).suspense.0 + 1);
                Command::ReturnSuspense { bank, amount: more, document: text }
            }
            17 => {
                let amount = self.some_suspense(model, bank)?;
                Command::AllocateSuspense { bank, account: nobody, amount, document: text }
            }
            18..20 => {
                let (account, bank, amount) = self.some_money(model)?;
                let owed = model.claim(account, bank);
                (owed == 0).then_some(Command::RepayReserve { account, bank, amount })?
            }
            20..22 => {
                let debtors = model.debtors();
                let (account, bank, claim) = *self.rng.pick(&debtors)?;
                let more = claim + 1;
                let there = model.positions.cash(account, bank) >= more;
                let amount = Fen(i64::try_from(more).ok()?);
                there.then_some(Command::RepayReserve { account, bank, amount })?
            }
            22 => {
                let as_of = {
                    let days = self.rng.between(1, 400);
                    self.day_from_today(model, days)?
                };
                Command::ReportBalance { bank, as_of, balance: Fen(1) }
            }
            23 => {
                let last = model.reported(bank)?.as_of;
                let as_of = date_of(crate::model::calendar::day_number(last) - 1)?;
                Command::ReportBalance { bank, as_of, balance: Fen(1) }
            }
            24 => {
                let as_of = self.day_from_today(model, 0)?;
                let balance = Fen(*self.rng.pick(&[-1, i64::MIN])?);
                Command::ReportBalance { bank, as_of, balance }
            }
            _ => self.cover_fault(model)?,
        })
    }

    fn day_from_today(&mut self, model: &Model, days: i64) -> Option<Date> {
        date_of(beijing_day(model.now) + days)
    }

    /// A trade of the newest day that the reserve does not help.
    fn cover_fault(&mut self, model: &Model) -> Option<Command> {
        let day = last_day(model)?;
        let deal = self.rng.pick(&day.deals)?;
        let (date, number) = (day.date, deal.trade.number);
        let for_cash = deal.status == TradeStatus::Held(HeldReason::CashShort);
        (!for_cash).then(|| Command::UseReserve { date, number, document: "x".to_owned() })
    }
}
