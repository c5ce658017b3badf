//! What a node says that it holds, beside what the events add up to.

use registry_proto::registry::{Account, Bank, Holding, Instrument as WireInstrument};
use sha2::{Digest as _, Sha256};

use super::auditor::{Auditor, Loaded};
use super::code::{CashPot, GoodsPot, HolderKind, Instrument};
use super::finding::{Checked, Wrong, same, same_hash};
use crate::amount::parse_signed_fen;

/// Format of an account's record in [`Loaded`]'s hash.
const ACCOUNT_RECORD_FORMAT: u8 = 1;

/// All accounts of a node, page by page in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) accounts: u64,
    pub(crate) holdings: u64,
    pub(crate) cash_balances: u64,
    /// Hash of the loaded accounts that began and did not end yet.
    loaded: Sha256,
    /// Loads that were passed.
    loads: usize,
}

impl Comparison {
    /// The next account, at the log index that the auditor has reached.
    pub(crate) fn account(&mut self, auditor: &Auditor, found: &Account) -> Checked {
        let id = found.account_id;
        same("next account on the node", self.accounts + 1, id)?;
        let audited = auditor.books.account(id)?;
        self.accounts = id;
        if let Some(holder) = &audited.holder {
            let (expected, found) = (format!("{holder:?}"), format!("{:?}", holder_of(found)));
            same(format!("holder of account {id}"), expected, found)?;
        }
        self.hash_loaded(auditor, found)?;

        for holding in &found.holdings {
            let what = format!("{} of account {id}", holding.instrument);
            let code = Instrument::from_text(&holding.instrument);
            let code = code.ok_or_else(|| Wrong::new(&what, "an instrument", "none"))?;
            let parts = audited.holdings.get(&code).copied().unwrap_or_default();
            let (expected, found) = (format!("{parts:?}"), format!("{:?}", parts_of(holding)));
            same(format!("tonnes in each part, {what}"), expected, found)?;
            let total = parts.iter().map(|tonnes| i128::from(*tonnes)).sum::<i128>();
            same(format!("total tonnes, {what}"), total, holding.total_tco2e.into())?;
            self.holdings += 1;
        }
        for (code, parts) in &audited.holdings {
            let listed = found.holdings.iter().filter(|h| h.instrument == code.to_string()).count();
            if listed > 1 || (listed == 0 && *parts != [0; 6]) {
                let expected = format!("{parts:?}");
                let found = format!("listed {listed} times");
                return Err(Wrong::new(format!("{code} of account {id}"), expected, found));
            }
        }
        for balance in &found.cash {
            let what = format!("fen of account {id} at bank {}", balance.bank_id);
            let parts = audited.cash.get(&balance.bank_id.into()).copied().unwrap_or_default();
            same(format!("available {what}"), parts[0], fen(&what, &balance.available_yuan)?)?;
            same(format!("pending out {what}"), parts[1], fen(&what, &balance.pending_out_yuan)?)?;
            self.cash_balances += 1;
        }
        for (bank, parts) in &audited.cash {
            let listed = found.cash.iter().filter(|cash| u64::from(cash.bank_id) == *bank).count();
            if listed > 1 || (listed == 0 && *parts != [0; 2]) {
                let (expected, found) = (format!("{parts:?}"), format!("listed {listed} times"));
                return Err(Wrong::new(format!("fen of account {id} at {bank}"), expected, found));
            }
        }
        Ok(())
    }

    /// After the last page: no account is missing.
    pub(crate) fn finish(&self, auditor: &Auditor) -> Checked {
        same("accounts on the node", auditor.books.account_count(), self.accounts)
    }

    /// Accounts that came in one load have a hash together.
    fn hash_loaded(&mut self, auditor: &Auditor, found: &Account) -> Checked {
        let Some(Loaded { first, count, sha256 }) = auditor.loaded.get(self.loads) else {
            return Ok(());
        };
        let id = found.account_id;
        if id < *first {
            return Ok(());
        }
        self.loaded.update([ACCOUNT_RECORD_FORMAT]);
        self.loaded.update(found.uscc.as_bytes());
        self.loaded.update(u32::try_from(found.name.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.loaded.update(found.name.as_bytes());
        self.loaded.update([u8::try_from(found.kind).unwrap_or(u8::MAX)]);
        let last = first + (count - 1);
        if id < last {
            return Ok(());
        }
        self.loads += 1;
        let hash = std::mem::take(&mut self.loaded).finalize();
        same_hash(format!("accounts_sha256 of accounts {first} to {last}"), sha256, &hash)
    }
}

impl Auditor {
    /// All banks of the node.
    pub(crate) fn compare_banks(&self, found: &[Bank]) -> Checked {
        same("settlement banks on the node", self.books.banks.len(), found.len())?;
        for ((id, books), bank) in self.books.banks.iter().zip(found) {
            let what = |of: &str| format!("{of} of bank {id}");
            same("settlement bank", *id, bank.bank_id.into())?;
            same(what("name"), &books.name, &bank.name)?;
            let deposited = fen("deposited", &bank.deposited_yuan)?;
            let interbank = fen("interbank", &bank.interbank_yuan)?;
            let balance = fen("balance", &bank.balance_yuan)?;
            let withdrawn = fen("withdrawn", &bank.withdrawn_yuan)?;
            let proceeds = fen("proceeds", &bank.proceeds_yuan)?;
            let pot = |pot| books.pot(pot);
            same(what("fen deposited"), pot(CashPot::Deposited).saturating_neg(), deposited)?;
            same(what("fen interbank"), pot(CashPot::Interbank).saturating_neg(), interbank)?;
            same(what("fen withdrawn"), pot(CashPot::Withdrawn), withdrawn)?;
            same(what("fen of proceeds"), pot(CashPot::Proceeds), proceeds)?;
            let pots = [CashPot::Fees, CashPot::Reserve, CashPot::Suspense, CashPot::Proceeds];
            let held = pots.into_iter().map(|of| i128::from(pot(of))).sum::<i128>();
            let all = i128::from(books.money_fen) + held;
            same(what("fen of all accounts and pots"), all, balance.into())?;
        }
        Ok(())
    }

    /// All instruments of the node.
    pub(crate) fn compare_instruments(&self, found: &[WireInstrument]) -> Checked {
        same("instruments on the node", self.books.instruments.len(), found.len())?;
        for (code, books) in &self.books.instruments {
            let Some(wire) = found.iter().find(|wire| wire.instrument == code.to_string()) else {
                return Err(Wrong::new("instruments on the node", code, "not among them"));
            };
            let issued = books.issued_pot_tonnes.saturating_neg();
            same(format!("tonnes issued of {code}"), issued, wire.issued_tco2e)?;
            same(format!("tonnes held of {code}"), books.held_tonnes, wire.held_tco2e)?;
            let gone = [
                (GoodsPot::Surrendered, wire.surrendered_tco2e),
                (GoodsPot::Cancelled, wire.cancelled_tco2e),
                (GoodsPot::CarriedOut, wire.carried_out_tco2e),
                (GoodsPot::Recalled, wire.recalled_tco2e),
            ];
            for (pot, tonnes) in gone {
                same(format!("tonnes {pot} of {code}"), books.pot(pot), tonnes)?;
            }
            let close_fen = fen("last close", &wire.last_close_yuan)?;
            same(format!("last close of {code}, fen"), books.last_close_fen, close_fen)?;
            let date = books.last_close_date.map(|date| date.to_string()).unwrap_or_default();
            same(format!("date of the last close of {code}"), &date, &wire.last_close_date)?;
            let until = self.pledges.usable_until.get(code).map(|date| date.to_string());
            let until = until.unwrap_or_default();
            same(format!("{code} usable until"), &until, &wire.usable_until_date)?;
        }
        Ok(())
    }
}

fn holder_of(found: &Account) -> super::books::Holder {
    let kind = match found.kind {
        2 => HolderKind::Institution,
        3 => HolderKind::Province,
        _ => HolderKind::Emitter,
    };
    super::books::Holder { uscc: found.uscc.clone(), name: found.name.clone(), kind }
}

fn parts_of(holding: &Holding) -> [i64; 6] {
    [
        holding.registered_tco2e,
        holding.trading_tco2e,
        holding.pending_in_tco2e,
        holding.pledged_tco2e,
        holding.frozen_tco2e,
        holding.pending_out_tco2e,
    ]
}

fn fen(what: &str, text: &str) -> Checked<i64> {
    parse_signed_fen(text).map_err(|error| Wrong::new(what, "an amount", error))
}
