//! One fault in what concerns accounts, banks, instruments and the opening of days.

use registry_ledger::{
    AccountId, AccountKind, BankId, Command, DayState, Fen, FreePosition, InstrumentCode, Price,
    Quantity,
};

use super::Workload;
use super::calls::last_day;
use crate::model::Model;
use crate::model::calendar::{DAY_MS, beijing_day, date_of};

impl Workload {
    pub(super) fn account_fault(&mut self, model: &Model) -> Option<Command> {
        let (mut uscc, mut name) = (self.uscc(), self.text(200));
        match self.rng.below(7) {
            0 => uscc = String::new(),
            1 => uscc.push('1'),
            2 => {
                let bad = self.rng.pick(&["I", "O", "Z", "S", "V", "a", " ", "*"])?;
                uscc.replace_range(5..6, bad);
            }
            3 => {
                let last = uscc.pop()?;
                uscc.push(if last == '7' { '8' } else { '7' });
            }
            4 => uscc = self.rng.pick(&model.accounts)?.uscc.clone(),
            5 => uscc.truncate(17),
            _ => name = self.bad_text(200),
        }
        Some(Command::OpenAccount { uscc, name, kind: AccountKind::Emitter })
    }

    pub(super) fn bank_fault(&mut self, model: &Model) -> Option<Command> {
        let name = self.text(200);
        Some(match self.rng.below(3) {
            0 => Command::OpenBank {
                bank: BankId(*self.rng.pick(&[0, 1, 99, 1_000, u16::MAX])?),
                name,
            },
            1 => Command::OpenBank { bank: self.some_bank(model)?, name },
            _ => Command::OpenBank { bank: BankId(777), name: self.bad_text(200) },
        })
    }

    pub(super) fn deposit_fault(&mut self, model: &Model) -> Option<Command> {
        let (_, valid) = self.deposit(model)?;
        let Command::Deposit { account, bank, amount } = valid else { return None };
        let nobody = AccountId(*self.rng.pick(&[0, model.last_account().0 + 1, u32::MAX])?);
        Some(match self.rng.below(4) {
            0 => Command::Deposit { account: nobody, bank, amount },
            1 => Command::Deposit { account, bank: BankId(998), amount },
            2 => {
                let amount = Fen(*self.rng.pick(&[0, -1, i64::MIN])?);
                Command::Deposit { account, bank, amount }
            }
            _ if model.banks.values().any(|bank| !bank.deposits.is_empty()) => {
                Command::Deposit { account, bank, amount: Fen(i64::MAX) }
            }
            _ => return None,
        })
    }

    pub(super) fn holding_fault(&mut self, model: &Model) -> Option<Command> {
        let (account, instrument) = (self.some_account(model)?, self.some_instrument(model)?);
        let nobody = AccountId(*self.rng.pick(&[0, model.last_account().0 + 1, u32::MAX])?);
        let unregistered = InstrumentCode::parse("CEA-2098")?;
        let not_positive = Quantity(*self.rng.pick(&[0, -1, i64::MIN])?);
        let (one, from, document) = (Quantity(1), FreePosition::Registered, self.text(200));
        let moves = |account, instrument, quantity| Command::MoveHolding {
            account,
            instrument,
            from,
            quantity,
        };
        let issues = |account, instrument, quantity, document| Command::Issue {
            account,
            instrument,
            quantity,
            document,
        };
        Some(match self.rng.below(11) {
            0 => moves(nobody, instrument, one),
            1 => moves(account, unregistered, one),
            2 => moves(account, instrument, not_positive),
            3 => moves(account, instrument, Quantity(i64::MAX)),
            4 => issues(nobody, instrument, one, document),
            5 => issues(account, unregistered, one, document),
            6 => issues(account, instrument, not_positive, document),
            7 => issues(account, instrument, one, self.bad_text(200)),
            8 if model.positions.held(instrument) > 0 => {
                issues(account, instrument, Quantity(i64::MAX), document)
            }
            9 => Command::RegisterInstrument { instrument, reference_price: Price(5_000) },
            _ => Command::RegisterInstrument {
                instrument: unregistered,
                reference_price: Price(not_positive.0),
            },
        })
    }

    pub(super) fn opening_fault(&mut self, model: &Model) -> Option<Command> {
        let weekday = |number: i64| {
            date_of(
                number
                    + i64::from(matches!(number % 7, 2)) * 2
                    + i64::from(matches!(number % 7, 3)),
            )
        };
        let today = beijing_day(model.now);
        let open = |date| Command::OpenDay { date, topup_window_ms: 1 };
        Some(match self.rng.below(8) {
            0 => Command::SetHolidays((0..401).filter_map(|i| date_of(20_000 + i)).collect()),
            1..3 if last_day(model).is_none_or(|day| day.state == DayState::Final) => {
                let Command::OpenDay { date, .. } = self.open_day(model) else { return None };
                let windows = [0, -1, i64::MIN, 7 * DAY_MS + 1, i64::MAX];
                Command::OpenDay { date, topup_window_ms: *self.rng.pick(&windows)? }
            }
            1..3 => return None,
            // Weekends far in the past and future, too.
            3 => {
                open(date_of((today - self.rng.between(0, 900)) / 7 * 7 + self.rng.between(2, 3))?)
            }
            4 => open(weekday(today + 40 + self.rng.between(0, 300))?),
            5 => open(last_day(model)?.date),
            6 => open(*self.rng.pick(&model.holidays)?),
            _ => {
                let last = last_day(model).filter(|day| day.state != DayState::Final)?.date;
                let Command::OpenDay { date, .. } = self.open_day(model) else { return None };
                open(Some(date).filter(|date| *date > last)?)
            }
        })
    }
}
