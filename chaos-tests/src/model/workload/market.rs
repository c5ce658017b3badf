//! What goes on whether or not a day is being settled.

use registry_ledger::{
    AccountKind, BankId, Command, Date, Fen, FreePosition, InstrumentCode, Price, Quantity,
};

use super::{Asked, Workload};
use crate::model::Model;
use crate::model::calendar::{DAY_MS, date_of};
use crate::model::positions::Position;

const BANKS: [u16; 8] = [102, 103, 104, 105, 301, 302, 308, 403];
const INSTRUMENTS: [&str; 5] = ["CEA-2020", "CCER", "CEA-2019", "CEA-2025", "CEA-2021"];

impl Workload {
    /// A valid command that needs no day.
    pub(super) fn market_call(&mut self, model: &Model) -> Asked {
        let roll = self.rng.below(100);
        let (accounts, banks) = (model.accounts.len(), model.banks.len());
        let officer = self.officer();
        if model.instruments.len() < 2 || (roll < 2 && model.instruments.len() < INSTRUMENTS.len())
        {
            return (officer, self.register(model));
        }
        if banks < 3 || (roll < 4 && banks < BANKS.len()) {
            let bank = BankId(BANKS[banks]);
            return (officer, Command::OpenBank { bank, name: self.text(200) });
        }
        if accounts < 8 || (roll < 8 && accounts < 40) {
            let many = self.rng.chance(30);
            let command = if many { self.load_accounts(model) } else { self.open_account() };
            return (officer, command);
        }
        if roll < 10 {
            return (officer, Command::SetHolidays(self.holidays()));
        }
        let asked = match roll {
            10..40 => self.deposit(model),
            40..65 => self.issue(model),
            _ => self.move_holding(model),
        };
        asked.unwrap_or_else(|| (officer, self.open_account()))
    }

    fn register(&mut self, model: &Model) -> Command {
        let text = INSTRUMENTS[model.instruments.len()];
        let instrument = InstrumentCode::parse(text).expect("a well-formed code");
        Command::RegisterInstrument {
            instrument,
            reference_price: Price(self.rng.between(3_000, 9_999)),
        }
    }

    pub(super) fn open_account(&mut self) -> Command {
        let (uscc, name, kind) = self.holder();
        Command::OpenAccount { uscc, name, kind }
    }

    /// Credit code, name and kind of somebody who has no account.
    pub(super) fn holder(&mut self) -> (String, String, AccountKind) {
        let kinds = [AccountKind::Emitter, AccountKind::Institution, AccountKind::Province];
        let kind = *self.rng.pick(&kinds).unwrap_or(&AccountKind::Emitter);
        (self.uscc(), self.text(200), kind)
    }

    /// Some days around now, not so many that no trading day is left.
    fn holidays(&mut self) -> Vec<Date> {
        let today = self.clock_ms / DAY_MS;
        let count = self.rng.below(6);
        let some = |_| date_of(today + self.rng.between(-5, 20));
        let mut dates: Vec<Date> = (0..count).filter_map(some).collect();
        dates.sort_unstable();
        dates.dedup();
        dates
    }

    pub(super) fn deposit(&mut self, model: &Model) -> Option<Asked> {
        let (account, bank) = (self.some_account(model)?, self.some_bank(model)?);
        let scale = *self.rng.pick(&[1_000, 1_000_000_000, 30_000_000_000])?;
        let amount = Fen(self.rng.between(1, scale));
        Some((format!("bank/{}", bank.0), Command::Deposit { account, bank, amount }))
    }

    pub(super) fn issue(&mut self, model: &Model) -> Option<Asked> {
        let account = self.some_account(model)?;
        let instrument = self.some_instrument(model)?;
        let most = if self.rng.chance(20) { 3_000_000 } else { 60_000 };
        let quantity = Quantity(self.rng.between(1, most));
        let document = self.text(200);
        Some((self.officer(), Command::Issue { account, instrument, quantity, document }))
    }

    /// Mostly towards trading; often all of a position, sometimes more than there is.
    pub(super) fn move_holding(&mut self, model: &Model) -> Option<Asked> {
        let (from, position) = if self.rng.chance(85) {
            (FreePosition::Registered, Position::Registered)
        } else {
            (FreePosition::Trading, Position::Trading)
        };
        let instrument = self.some_instrument(model)?;
        let mut account = self.some_account(model)?;
        for _ in 0..5 {
            if model.positions.goods(account, instrument, position) > 0 {
                break;
            }
            account = self.some_account(model)?;
        }
        let all = i64::try_from(model.positions.goods(account, instrument, position)).ok()?;
        let quantity = match self.rng.below(10) {
            0..5 => all.max(1),
            5..9 => self.rng.between(1, all.max(1)),
            _ => all + 1,
        };
        let quantity = Quantity(quantity);
        Some((self.officer(), Command::MoveHolding { account, instrument, from, quantity }))
    }
}
