//! Books taken over from elsewhere, right and with one fault.

use registry_ledger::{
    BankId, Command, Fen, InstrumentCode, OpeningBooks, OpeningHolding, Quantity,
};

use super::Workload;
use crate::model::Model;

impl Workload {
    /// A few accounts with what they hold, in no order.
    pub(super) fn load_accounts(&mut self, model: &Model) -> Command {
        let count = self.rng.between(1, 5);
        let books = (0..count).map(|_| self.opening_books(model)).collect();
        Command::LoadAccounts { books, document: self.text(200) }
    }

    fn opening_books(&mut self, model: &Model) -> OpeningBooks {
        let (uscc, name, kind) = self.holder();
        let mut books = OpeningBooks { uscc, name, kind, holdings: Vec::new(), cash: Vec::new() };
        for instrument in model.instruments.keys().copied() {
            if self.rng.chance(60) {
                let holding = self.opening_holding(instrument);
                let place = self.rng.below(books.holdings.len() as u64 + 1);
                books.holdings.insert(place as usize, holding);
            }
        }
        for bank in model.banks.keys().copied() {
            if self.rng.chance(30) {
                let amount = Fen(self.rng.between(1, 1_000_000_000));
                let place = self.rng.below(books.cash.len() as u64 + 1);
                books.cash.insert(place as usize, (bank, amount));
            }
        }
        books
    }

    /// In one position or in both.
    fn opening_holding(&mut self, instrument: InstrumentCode) -> OpeningHolding {
        let (one, other) = (self.rng.between(1, 100_000), self.rng.between(0, 100_000));
        let (registered, trading) = match self.rng.below(4) {
            0 => (one, 0),
            1 => (0, one),
            _ => (other, one),
        };
        OpeningHolding { instrument, registered: Quantity(registered), trading: Quantity(trading) }
    }

    pub(super) fn books_fault(&mut self, model: &Model) -> Option<Command> {
        let Command::LoadAccounts { mut books, document } = self.load_accounts(model) else {
            return None;
        };
        match self.rng.below(40) {
            0 => return Some(Command::LoadAccounts { books: Vec::new(), document }),
            1 => books = vec![books.first()?.clone(); 8_193],
            2..4 => {
                let document = self.bad_text(200);
                return Some(Command::LoadAccounts { books, document });
            }
            4..12 => {
                let Command::OpenAccount { uscc, name, .. } = self.account_fault(model)? else {
                    return None;
                };
                let bad = self.some_books(&mut books)?;
                (bad.uscc, bad.name) = (uscc, name);
            }
            12..15 => books.push(books.first()?.clone()),
            15..28 => self.break_holdings(model, &mut books)?,
            _ => self.break_cash(model, &mut books)?,
        }
        Some(Command::LoadAccounts { books, document })
    }

    fn some_books<'b>(&mut self, books: &'b mut [OpeningBooks]) -> Option<&'b mut OpeningBooks> {
        let place = self.rng.below(books.len() as u64) as usize;
        books.get_mut(place)
    }

    fn break_holdings(&mut self, model: &Model, books: &mut Vec<OpeningBooks>) -> Option<()> {
        let instrument = self.some_instrument(model)?;
        let of = |registered, trading| OpeningHolding {
            instrument,
            registered: Quantity(registered),
            trading: Quantity(trading),
        };
        let negative = *self.rng.pick(&[-1, i64::MIN])?;
        let fault = self.rng.below(8);
        let mut more = self.opening_books(model);
        let bad = self.some_books(books)?;
        // The same instrument before it would be another fault.
        bad.holdings.retain(|held| held.instrument != instrument);
        match fault {
            0 => {
                let unregistered = InstrumentCode::parse("CEA-2098")?;
                bad.holdings.push(OpeningHolding { instrument: unregistered, ..of(1, 1) });
            }
            1 => bad.holdings.extend([of(1, 0), of(0, 1)]),
            2 => bad.holdings.push(of(negative, 5)),
            3 => bad.holdings.push(of(5, negative)),
            4 => bad.holdings.push(of(0, 0)),
            5 => bad.holdings.push(of(i64::MAX, 1)),
            6 => {
                // Each fits, both together do not.
                bad.holdings.push(of(1, 0));
                more.holdings = vec![of(1, i64::MAX - 1)];
                books.push(more);
            }
            _ if model.positions.held(instrument) > 0 => {
                // Too much with what is issued already.
                books.iter_mut().for_each(|books| books.holdings.clear());
                books.first_mut()?.holdings.push(of(i64::MAX, 0));
            }
            _ => return None,
        }
        Some(())
    }

    fn break_cash(&mut self, model: &Model, books: &mut Vec<OpeningBooks>) -> Option<()> {
        let bank = self.some_bank(model)?;
        let not_positive = Fen(*self.rng.pick(&[0, -1, i64::MIN])?);
        let nobody = BankId(*self.rng.pick(&[0, 998, u16::MAX])?);
        let fault = self.rng.below(6);
        let mut more = self.opening_books(model);
        let other = model.banks.keys().copied().find(|other| *other != bank)?;
        let bad = self.some_books(books)?;
        bad.cash.retain(|(known, _)| *known != bank);
        match fault {
            0 => bad.cash.push((nobody, Fen(1))),
            1 => bad.cash.extend([(bank, Fen(1)), (bank, Fen(2))]),
            2 => bad.cash.push((bank, not_positive)),
            3 => {
                // One bank's money, of two accounts.
                bad.cash.push((bank, Fen(1)));
                more.cash = vec![(bank, Fen(i64::MAX))];
                books.push(more);
            }
            4 => {
                // All banks' money.
                books.iter_mut().for_each(|books| books.cash.clear());
                more.cash = vec![(bank, Fen(i64::MAX)), (other, Fen(i64::MAX))];
                books.push(more);
            }
            _ if model.banks.values().any(|bank| !bank.deposits.is_empty()) => {
                // Too much with what is deposited already.
                books.iter_mut().for_each(|books| books.cash.clear());
                books.first_mut()?.cash.push((bank, Fen(i64::MAX)));
            }
            _ => return None,
        }
        Some(())
    }
}
