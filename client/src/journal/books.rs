//! What every account, bank and instrument has, added up from postings and trades.

use std::collections::{BTreeMap, BTreeSet};

use super::code::{
    CashPart, CashPot, Date, GoodsPot, HolderKind, Instrument, PositionPart, Shortage, TradeMark,
};
use super::finding::{Checked, Wrong, same};
use super::posting::Posting;
use super::trade::TradeLine;

/// All books. Every method leaves them with nothing on the wrong side of zero,
/// or says what is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// Account 1 first.
    accounts: Vec<AccountBooks>,
    pub(crate) instruments: BTreeMap<Instrument, InstrumentBooks>,
    pub(crate) banks: BTreeMap<u64, BankBooks>,
    /// Accounts that may have something pending in.
    pending_in: BTreeSet<u64>,
    /// Accounts that courts froze, and how often.
    frozen: BTreeMap<u64, i64>,
    /// Sum of all banks' interbank pots.
    interbank_fen: i64,
    /// The day that trades deliver on.
    pub(crate) trading_day: Option<Date>,
}

/// One account.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccountBooks {
    /// Absent for accounts that were loaded: their event has a hash of them.
    pub(crate) holder: Option<Holder>,
    /// Six parts, in the order of their codes.
    pub(crate) holdings: BTreeMap<Instrument, [i64; 6]>,
    /// Two parts per bank, in the order of their codes.
    pub(crate) cash: BTreeMap<u64, [i64; 2]>,
    /// Tonnes sold less bought, by day and instrument.
    sold: Vec<(Date, Instrument, i64)>,
}

/// Who an account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) uscc: String,
    pub(crate) name: String,
    pub(crate) kind: HolderKind,
}

/// One instrument.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InstrumentBooks {
    /// The pot, never more than nothing.
    pub(crate) issued_pot_tonnes: i64,
    /// The other pots: what went for good.
    retired_tonnes: [i64; 4],
    /// Sum over all accounts and parts.
    pub(crate) held_tonnes: i64,
    pub(crate) last_close_fen: i64,
    pub(crate) last_close_date: Option<Date>,
}

/// One settlement bank.
#[derive(Clone, Debug, Default)]
pub(crate) struct BankBooks {
    pub(crate) name: String,
    /// All pots, in the order of their codes.
    pots_fen: [i64; 7],
    /// Sum over all accounts and parts.
    pub(crate) money_fen: i64,
}

impl BankBooks {
    pub(crate) fn pot(&self, pot: CashPot) -> i64 {
        self.pots_fen[pot as usize]
    }
}

/// Pots of goods that are not the issued one, in the order of their codes.
const RETIRED: [GoodsPot; 4] =
    [GoodsPot::Surrendered, GoodsPot::Cancelled, GoodsPot::CarriedOut, GoodsPot::Recalled];

impl InstrumentBooks {
    /// Tonnes in a pot; those issued as less than nothing.
    pub(crate) fn pot(&self, pot: GoodsPot) -> i64 {
        let place = RETIRED.iter().position(|retired| *retired == pot);
        place.map_or(self.issued_pot_tonnes, |place| self.retired_tonnes[place])
    }

    fn pot_mut(&mut self, pot: GoodsPot) -> &mut i64 {
        match RETIRED.iter().position(|retired| *retired == pot) {
            Some(place) => &mut self.retired_tonnes[place],
            None => &mut self.issued_pot_tonnes,
        }
    }
}

fn add(what: impl Fn() -> String, to: &mut i64, more: i64) -> Checked {
    *to = to
        .checked_add(more)
        .ok_or_else(|| Wrong::new(what(), "a sum of 64 bits", format!("{to} and {more}")))?;
    Ok(())
}

fn not_less_than_nothing(what: impl Fn() -> String, is: i64) -> Checked {
    if is >= 0 { Ok(()) } else { Err(Wrong::new(what(), "0 or more", is)) }
}

impl Books {
    /// Accounts so far: the last one's number.
    pub(crate) fn account_count(&self) -> u64 {
        self.accounts.len() as u64
    }

    pub(crate) fn account(&self, account: u64) -> Checked<&AccountBooks> {
        let place = account.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| self.accounts.get(place)).ok_or_else(|| {
            let known = format!("one of the {} accounts", self.accounts.len());
            Wrong::new("account", known, account)
        })
    }

    fn account_mut(&mut self, account: u64) -> Checked<&mut AccountBooks> {
        self.account(account)?;
        let place = usize::try_from(account - 1).unwrap_or(usize::MAX);
        Ok(&mut self.accounts[place])
    }

    fn instrument_mut(&mut self, code: Instrument) -> Checked<&mut InstrumentBooks> {
        let known = || Wrong::new("instrument", "one that was registered", code);
        self.instruments.get_mut(&code).ok_or_else(known)
    }

    fn bank_mut(&mut self, bank: u64) -> Checked<&mut BankBooks> {
        let known = || Wrong::new("settlement bank", "one that was admitted", bank);
        self.banks.get_mut(&bank).ok_or_else(known)
    }

    /// Opens the next account.
    pub(crate) fn open_account(&mut self, account: u64, holder: Option<Holder>) -> Checked {
        same("number of a new account", self.account_count() + 1, account)?;
        self.accounts.push(AccountBooks { holder, ..AccountBooks::default() });
        Ok(())
    }

    pub(crate) fn open_bank(&mut self, bank: u64, name: &str) -> Checked {
        let books = BankBooks { name: name.to_owned(), ..BankBooks::default() };
        match self.banks.insert(bank, books) {
            None => Ok(()),
            Some(_) => Err(Wrong::new(format!("bank {bank}"), "not admitted before", "admitted")),
        }
    }

    pub(crate) fn register(&mut self, code: Instrument, reference_price_fen: i64) -> Checked {
        let books =
            InstrumentBooks { last_close_fen: reference_price_fen, ..InstrumentBooks::default() };
        match self.instruments.insert(code, books) {
            None => Ok(()),
            Some(_) => Err(Wrong::new(code.to_string(), "not registered before", "registered")),
        }
    }

    pub(crate) fn close(&mut self, date: Date, code: Instrument, close_fen: i64) -> Checked {
        let books = self.instrument_mut(code)?;
        (books.last_close_fen, books.last_close_date) = (close_fen, Some(date));
        Ok(())
    }

    /// Adds an event's postings; only their result must be right.
    pub(crate) fn post_all(&mut self, postings: &[Posting]) -> Checked {
        postings.iter().try_for_each(|posting| self.post(*posting))?;
        postings.iter().try_for_each(|posting| self.check_place(*posting))?;
        postings.iter().try_for_each(|posting| match *posting {
            Posting::Goods { instrument, .. } | Posting::GoodsPot { instrument, .. } => {
                self.check_instrument(instrument)
            }
            Posting::Cash { bank, .. } | Posting::CashPot { bank, .. } => self.check_bank(bank),
        })?;
        same("interbank over all banks", 0, self.interbank_fen)
    }

    fn post(&mut self, posting: Posting) -> Checked {
        match posting {
            Posting::Goods { account, instrument, part, tonnes } => {
                let what = || format!("{instrument} of account {account}");
                add(what, &mut self.instrument_mut(instrument)?.held_tonnes, tonnes)?;
                if part == PositionPart::PendingIn {
                    self.pending_in.insert(account);
                }
                let holding = self.account_mut(account)?.holdings.entry(instrument).or_default();
                add(what, &mut holding[part as usize], tonnes)
            }
            Posting::GoodsPot { instrument, pot, tonnes } => {
                let what = || format!("{instrument} {pot}");
                add(what, self.instrument_mut(instrument)?.pot_mut(pot), tonnes)
            }
            Posting::Cash { account, bank, part, fen } => {
                let what = || format!("money of account {account} at bank {bank}");
                add(what, &mut self.bank_mut(bank)?.money_fen, fen)?;
                let cash = self.account_mut(account)?.cash.entry(bank).or_default();
                add(what, &mut cash[part as usize], fen)
            }
            Posting::CashPot { bank, pot, fen } => {
                let what = || format!("{pot} of bank {bank}");
                add(what, &mut self.bank_mut(bank)?.pots_fen[pot as usize], fen)?;
                match pot {
                    CashPot::Interbank => add(what, &mut self.interbank_fen, fen),
                    _ => Ok(()),
                }
            }
        }
    }

    /// That what a posting changed is on its side of zero.
    fn check_place(&self, posting: Posting) -> Checked {
        match posting {
            Posting::Goods { account, instrument, part, .. } => not_less_than_nothing(
                || format!("{instrument} {part} of account {account}, tonnes"),
                self.tonnes(account, instrument, part),
            ),
            Posting::Cash { account, bank, part, .. } => not_less_than_nothing(
                || format!("money {part} of account {account} at bank {bank}, fen"),
                self.fen(account, bank, part),
            ),
            Posting::GoodsPot { instrument, pot, .. } => {
                let tonnes = self.instruments.get(&instrument).map_or(0, |books| books.pot(pot));
                let is = if pot == GoodsPot::Issued { tonnes.saturating_neg() } else { tonnes };
                not_less_than_nothing(|| format!("{instrument} {pot}, tonnes"), is)
            }
            Posting::CashPot { pot: CashPot::Interbank, .. } => Ok(()),
            Posting::CashPot { bank, pot, .. } => {
                let fen = self.banks.get(&bank).map_or(0, |books| books.pot(pot));
                let is = if pot == CashPot::Deposited { fen.saturating_neg() } else { fen };
                not_less_than_nothing(|| format!("{pot} at bank {bank}, fen"), is)
            }
        }
    }

    fn check_instrument(&self, code: Instrument) -> Checked {
        let Some(books) = self.instruments.get(&code) else { return Ok(()) };
        let gone: i128 = RETIRED.iter().map(|pot| i128::from(books.pot(*pot))).sum();
        same(
            format!("{code} held by all accounts against issued, tonnes"),
            -i128::from(books.issued_pot_tonnes) - gone,
            books.held_tonnes.into(),
        )
    }

    fn check_bank(&self, bank: u64) -> Checked {
        let Some(books) = self.banks.get(&bank) else { return Ok(()) };
        let outside: i128 = books.pots_fen.iter().map(|fen| i128::from(*fen)).sum();
        let what = format!("money of all accounts at bank {bank} against its pots, fen");
        same(what, -outside, books.money_fen.into())
    }

    pub(crate) fn tonnes(&self, account: u64, code: Instrument, part: PositionPart) -> i64 {
        let holding = self.account(account).ok().and_then(|books| books.holdings.get(&code));
        holding.map_or(0, |parts| parts[part as usize])
    }

    pub(crate) fn fen(&self, account: u64, bank: u64, part: CashPart) -> i64 {
        let cash = self.account(account).ok().and_then(|books| books.cash.get(&bank));
        cash.map_or(0, |parts| parts[part as usize])
    }

    /// Which leg of a trade falls short now; the seller's is looked at first.
    pub(crate) fn short_leg(&self, trade: &TradeLine) -> Option<TradeMark> {
        if self.is_frozen(trade.seller) || self.is_frozen(trade.buyer) {
            return Some(TradeMark::HeldForFreeze);
        }
        let (buyer_bank, part) = (trade.buyer_bank.into(), CashPart::Available);
        let has = |part| self.tonnes(trade.seller, trade.instrument, part);
        let lacks = trade.tonnes.saturating_sub(has(PositionPart::Trading));
        if lacks > 0 {
            // What is encumbered and would be enough says why it is not there.
            return Some(if has(PositionPart::Pledged) >= lacks {
                TradeMark::HeldForPledge
            } else if has(PositionPart::Frozen) >= lacks {
                TradeMark::HeldForFreeze
            } else {
                TradeMark::HeldForGoods
            });
        }
        let paid = self.fen(trade.buyer, buyer_bank, part);
        (trade.amount_fen().is_none_or(|fen| paid < fen)).then_some(TradeMark::HeldForCash)
    }

    pub(crate) fn is_frozen(&self, account: u64) -> bool {
        self.frozen.get(&account).is_some_and(|orders| *orders > 0)
    }

    /// One order more against an account, or one less.
    pub(crate) fn freeze(&mut self, account: u64, more: i64) {
        *self.frozen.entry(account).or_default() += more;
    }

    /// That nothing of these postings leaves a frozen account.
    pub(crate) fn must_be_free(&self, postings: &[Posting]) -> Checked {
        postings.iter().try_for_each(|posting| match *posting {
            Posting::Goods { account, .. } | Posting::Cash { account, .. } => {
                same(format!("account {account} frozen"), false, self.is_frozen(account))
            }
            Posting::GoodsPot { .. } | Posting::CashPot { .. } => Ok(()),
        })
    }

    /// What these postings would take and is not there; goods are looked at first.
    pub(crate) fn short_of(&self, postings: &[Posting]) -> Option<Shortage> {
        if self.must_be_free(postings).is_err() {
            return Some(Shortage::Frozen);
        }
        let goods = postings.iter().any(|posting| match *posting {
            Posting::Goods { account, instrument, part, tonnes } => {
                self.tonnes(account, instrument, part) + tonnes < 0
            }
            _ => false,
        });
        let cash = postings.iter().any(|posting| match *posting {
            Posting::Cash { account, bank, part, fen } => self.fen(account, bank, part) + fen < 0,
            _ => false,
        });
        if goods { Some(Shortage::Goods) } else { cash.then_some(Shortage::Cash) }
    }

    /// What the buyer of a trade lacks at its bank.
    pub(crate) fn shortfall(&self, trade: &TradeLine) -> i64 {
        let paid = self.fen(trade.buyer, trade.buyer_bank.into(), CashPart::Available);
        trade.amount_fen().map_or(0, |fen| fen.saturating_sub(paid))
    }

    /// Moves both legs of a trade.
    pub(crate) fn deliver(&mut self, trade: &TradeLine) -> Checked {
        let what = format!("trade {}", trade.number);
        if trade.tonnes <= 0 || trade.price_fen <= 0 || trade.buyer == trade.seller {
            let found = format!("{} t at {} fen", trade.tonnes, trade.price_fen);
            return Err(Wrong::new(what, "tonnes and price between two accounts", found));
        }
        let Some(fen) = trade.amount_fen() else {
            return Err(Wrong::new(what, "an amount of 64 bits", "more"));
        };
        if let Some(short) = self.short_leg(trade) {
            return Err(Wrong::new(what, "both legs covered when it delivers", short));
        }
        let (instrument, part) = (trade.instrument, CashPart::Available);
        let (paying, receiving) = (u64::from(trade.buyer_bank), u64::from(trade.seller_bank));
        let goods = |account, part, tonnes| Posting::Goods { account, instrument, part, tonnes };
        let cash = |account, bank, fen| Posting::Cash { account, bank, part, fen };
        let pot = |bank, fen| Posting::CashPot { bank, pot: CashPot::Interbank, fen };
        let legs = [
            goods(trade.seller, PositionPart::Trading, -trade.tonnes),
            goods(trade.buyer, PositionPart::PendingIn, trade.tonnes),
            cash(trade.buyer, paying, -fen),
            cash(trade.seller, receiving, fen),
            pot(paying, fen),
            pot(receiving, -fen),
        ];
        self.post_all(if paying == receiving { &legs[..4] } else { &legs })?;
        self.note_sale(trade.seller, instrument, trade.tonnes)?;
        self.note_sale(trade.buyer, instrument, -trade.tonnes)
    }

    /// Carry-overs depend on what was sold.
    fn note_sale(&mut self, account: u64, instrument: Instrument, tonnes: i64) -> Checked {
        let Some(day) = self.trading_day else { return Ok(()) };
        let sold = &mut self.account_mut(account)?.sold;
        let today = sold.iter_mut().rev().take_while(|(date, ..)| *date == day);
        match today.into_iter().find(|(_, code, _)| *code == instrument) {
            Some((.., sum)) => *sum = sum.saturating_add(tonnes),
            None => sold.push((day, instrument, tonnes)),
        }
        Ok(())
    }

    /// What an account sold less what it bought on these days, of vintages
    /// before one.
    pub(crate) fn net_sold(&self, account: u64, before: u64, from: Date, to: Date) -> i128 {
        let sold = self.account(account).map_or(&[][..], |books| &books.sold);
        let counts = |(date, code, _): &&(Date, Instrument, i64)| {
            (from..=to).contains(date) && code.vintage().is_some_and(|vintage| vintage < before)
        };
        sold.iter().filter(counts).map(|(.., tonnes)| i128::from(*tonnes)).sum()
    }

    /// A day opens: what was pending in becomes trading.
    pub(crate) fn release_pending_in(&mut self) -> Checked {
        for account in std::mem::take(&mut self.pending_in) {
            for (code, parts) in &mut self.account_mut(account)?.holdings {
                let bought = std::mem::take(&mut parts[PositionPart::PendingIn as usize]);
                let what = || format!("{code} of account {account}");
                add(what, &mut parts[PositionPart::Trading as usize], bought)?;
            }
        }
        Ok(())
    }
}
