//! Small choices that every part of the workload makes.

use registry_ledger::{AccountId, BankId, Date, DayState, InstrumentCode, Trade, TradeStatus};

use super::Workload;
use crate::model::Model;
use crate::model::day::Day;
use crate::model::registration::{USCC_ALPHABET, uscc_check_character};

impl Workload {
    pub(super) fn officer(&mut self) -> String {
        let number = self.rng.between(1, 2);
        format!("registry/officer-{number}")
    }

    pub(super) fn some_account(&mut self, model: &Model) -> Option<AccountId> {
        let last = model.last_account().0;
        (last > 0).then(|| AccountId(1 + self.rng.below(u64::from(last)) as u32))
    }

    pub(super) fn some_bank(&mut self, model: &Model) -> Option<BankId> {
        let banks: Vec<_> = model.banks.keys().copied().collect();
        self.rng.pick(&banks).copied()
    }

    pub(super) fn some_instrument(&mut self, model: &Model) -> Option<InstrumentCode> {
        let codes: Vec<_> = model.instruments.keys().copied().collect();
        self.rng.pick(&codes).copied()
    }

    pub(super) fn some_date(&mut self, model: &Model) -> Option<Date> {
        self.rng.pick(&model.dates()).copied()
    }

    /// A trade of the day that stands as asked.
    pub(super) fn some_trade(&mut self, day: &Day, of: fn(TradeStatus) -> bool) -> Option<Trade> {
        let found: Vec<_> = day.deals.iter().filter(|d| of(d.status)).map(|d| d.trade).collect();
        self.rng.pick(&found).copied()
    }

    /// A credit code with its check character.
    pub(super) fn uscc(&mut self) -> String {
        let alphabet: Vec<char> = USCC_ALPHABET.chars().collect();
        let mut code = String::from("91");
        for _ in 0..15 {
            code.extend(self.rng.pick(&alphabet));
        }
        code.extend(uscc_check_character(&code));
        code
    }

    /// A text of so many bytes at most, partly Chinese.
    pub(super) fn text(&mut self, max_bytes: usize) -> String {
        let mut text = String::new();
        let longest = if self.rng.chance(95) { 24 } else { max_bytes as u64 };
        let wanted = 1 + self.rng.below(longest);
        while (text.len() as u64) < wanted && text.len() + 3 <= max_bytes {
            text.push(*self.rng.pick(&['a', 'Z', '0', ' ', '碳', '汉', '沪']).unwrap_or(&'x'));
        }
        text
    }

    /// A text that may have lines and tabs.
    pub(super) fn letter(&mut self) -> String {
        let mut letter = self.text(990);
        if self.rng.chance(20) {
            letter.push_str("\n\t2.");
        }
        letter
    }

    pub(super) fn hash(&mut self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.fill_with(|| self.rng.bits() as u8);
        hash
    }
}

/// The newest day.
pub(super) fn last_day(model: &Model) -> Option<&Day> {
    model.days.last_key_value().map(|(_, day)| day)
}

/// The newest day, if it stands so.
pub(super) fn last_day_in(model: &Model, states: &[DayState]) -> Option<Day> {
    last_day(model).filter(|day| states.contains(&day.state)).cloned()
}
