//! Grams of persons: quotas, accounts, credits and vouchers, added up.

use registry_proto::registry as wire;
use sha2::{Digest as _, Sha256};

use super::code::VoucherMark;
use super::event::{Event, What};
use super::finding::{Checked, Wrong, same, same_hash};
use crate::amount::format_fen;

/// 1 kg is 2 yuan.
const GRAMS_PER_FEN: i64 = 5;

/// What the events say of all platforms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Persons {
    /// Platform 1 first.
    platforms: Vec<PlatformBooks>,
    /// Persons' accounts: the last one's number.
    accounts: u64,
    /// Accounts that were opened together, in the order of their numbers.
    opened: Vec<Opened>,
    /// Voucher 1 first.
    vouchers: Vec<VoucherBooks>,
}

#[derive(Clone, Debug, Default)]
struct PlatformBooks {
    name: String,
    quota_grams: i64,
    credited_grams: i64,
    burned_grams: i64,
    accounts: u64,
    last_batch: u64,
}

#[derive(Clone, Copy, Debug)]
struct Opened {
    platform: u64,
    first: u64,
    last: u64,
    sha256: [u8; 32],
}

#[derive(Clone, Copy, Debug)]
struct VoucherBooks {
    account: u64,
    platform: u64,
    bank: u64,
    grams: i64,
    issued_at_ms: i64,
    expires_at_ms: i64,
    mark: VoucherMark,
    closed_at_ms: i64,
}

/// What changes whenever a person's balance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    batches: u64,
    vouchers: usize,
}

fn plus(what: &str, grams: i64, more: i64) -> Checked<i64> {
    let wrong = || Wrong::new(what, "a sum of 64 bits", format!("{grams} and {more}"));
    grams.checked_add(more).ok_or_else(wrong)
}

fn positive(what: &str, number: i64) -> Checked {
    if number > 0 { Ok(()) } else { Err(Wrong::new(what, "more than 0", number)) }
}

fn at_most(what: String, most: i64, found: i64) -> Checked {
    if found <= most { Ok(()) } else { Err(Wrong::new(what, format!("{most} or less"), found)) }
}

/// Only the platform itself acts for its persons.
fn by_itself(platform: &PlatformBooks, event: &Event) -> Checked {
    same("actor", &format!("platform/{}", platform.name), &event.actor)
}

impl Persons {
    /// `bank_exists` says whether a bank was admitted.
    pub(crate) fn take(&mut self, event: &Event, bank_exists: impl Fn(u64) -> bool) -> Checked {
        match &event.what {
            What::InclusiveQuotaGranted { platform, name, grams, .. } => {
                self.grant(*platform, name, *grams)
            }
            What::InclusiveAccountsOpened { platform, first, count, owners_sha256 } => {
                same("number of a person's new account", self.accounts + 1, *first)?;
                let books = self.platform(*platform)?;
                by_itself(books, event)?;
                books.accounts += count;
                self.accounts += count;
                let (last, sha256) = (self.accounts, *owners_sha256);
                self.opened.push(Opened { platform: *platform, first: *first, last, sha256 });
                Ok(())
            }
            What::InclusiveCredited { platform, batch, count, grams, .. } => {
                let books = self.platform(*platform)?;
                by_itself(books, event)?;
                same("number of the batch", books.last_batch + 1, *batch)?;
                positive("grams of the batch", *grams)?;
                // Every line has a gram at least.
                at_most("lines of the batch".to_owned(), *grams, (*count).cast_signed())?;
                let credited = plus("grams credited", books.credited_grams, *grams)?;
                at_most(format!("grams credited by {}", books.name), books.quota_grams, credited)?;
                (books.credited_grams, books.last_batch) = (credited, *batch);
                Ok(())
            }
            What::VoucherIssued { bank, .. } => {
                same("a settlement bank", true, bank_exists(*bank))?;
                self.issue(event)
            }
            What::VoucherRedeemed { voucher, bank } => {
                let books = self.open_voucher(*voucher)?;
                same(format!("bank of voucher {voucher}"), books.bank, *bank)?;
                same("actor", &format!("bank/{bank}"), &event.actor)?;
                let in_time = event.ledger_time_ms < books.expires_at_ms;
                same(format!("voucher {voucher} redeemed in time"), true, in_time)?;
                (books.mark, books.closed_at_ms) = (VoucherMark::Redeemed, event.ledger_time_ms);
                Ok(())
            }
            What::VouchersExpired { vouchers } => vouchers.iter().try_for_each(|voucher| {
                let books = self.open_voucher(*voucher)?;
                let over = event.ledger_time_ms >= books.expires_at_ms;
                same(format!("time of voucher {voucher} over"), true, over)?;
                (books.mark, books.closed_at_ms) = (VoucherMark::Expired, event.ledger_time_ms);
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn grant(&mut self, platform: u64, name: &str, grams: i64) -> Checked {
        positive("grams of the quota", grams)?;
        if platform == self.platforms.len() as u64 + 1 {
            let known = self.platforms.iter().any(|books| books.name == name);
            same(format!("whether {name} was admitted before"), false, known)?;
            self.platforms.push(PlatformBooks { name: name.to_owned(), ..Default::default() });
        }
        let books = self.platform(platform)?;
        same("name of the platform", books.name.as_str(), name)?;
        books.quota_grams = plus("grams of the quotas", books.quota_grams, grams)?;
        Ok(())
    }

    fn issue(&mut self, event: &Event) -> Checked {
        let What::VoucherIssued { voucher, account, platform, bank, grams, fen, expires_at_ms } =
            event.what
        else {
            return Ok(());
        };
        same("number of a new voucher", self.vouchers.len() as u64 + 1, voucher)?;
        let of = self.platform_of(account)?;
        same(format!("platform of account {account}"), of, platform)?;
        let books = self.platform(platform)?;
        by_itself(books, event)?;
        positive("grams of the voucher", grams)?;
        same("grams that are no whole fen", 0, grams % GRAMS_PER_FEN)?;
        same("fen of the voucher", grams / GRAMS_PER_FEN, fen)?;
        let burned = plus("grams burned", books.burned_grams, grams)?;
        at_most(format!("grams burned at {}", books.name), books.credited_grams, burned)?;
        books.burned_grams = burned;
        let issued_at_ms = event.ledger_time_ms;
        same("whether the voucher is good for some time", true, expires_at_ms > issued_at_ms)?;
        let mark = VoucherMark::Issued;
        self.vouchers.push(VoucherBooks {
            account,
            platform,
            bank,
            grams,
            issued_at_ms,
            expires_at_ms,
            mark,
            closed_at_ms: 0,
        });
        Ok(())
    }

    fn platform(&mut self, platform: u64) -> Checked<&mut PlatformBooks> {
        let known = format!("one of {}", self.platforms.len());
        let place = platform.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let books = place.and_then(|place| self.platforms.get_mut(place));
        books.ok_or_else(|| Wrong::new("platform", known, platform))
    }

    fn open_voucher(&mut self, voucher: u64) -> Checked<&mut VoucherBooks> {
        let place = voucher.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let books = place.and_then(|place| self.vouchers.get_mut(place));
        let open = books.filter(|books| books.mark == VoucherMark::Issued);
        open.ok_or_else(|| Wrong::new("voucher", "one that is open", voucher))
    }

    fn opening_of(&self, account: u64) -> Checked<&Opened> {
        let place = self.opened.partition_point(|opened| opened.last < account);
        let found = self.opened.get(place).filter(|opened| opened.first <= account);
        let known = || format!("one of {}", self.accounts);
        found.ok_or_else(|| Wrong::new("account of a person", known(), account))
    }

    fn platform_of(&self, account: u64) -> Checked<u64> {
        Ok(self.opening_of(account)?.platform)
    }

    pub(crate) fn version(&self) -> Version {
        let batches = self.platforms.iter().map(|books| books.last_batch).sum();
        Version { batches, vouchers: self.vouchers.len() }
    }

    pub(crate) fn platform_count(&self) -> usize {
        self.platforms.len()
    }

    /// All platforms of a node.
    pub(crate) fn compare_platforms(&self, found: &[wire::Platform]) -> Checked {
        same("platforms on the node", self.platforms.len(), found.len())?;
        for ((id, books), platform) in (1_u32..).zip(&self.platforms).zip(found) {
            let what = |of: &str| format!("{of} of platform {id}");
            same(what("number"), id, platform.platform_id)?;
            same(what("name"), &books.name, &platform.platform)?;
            same(what("quota"), books.quota_grams, platform.quota_grams)?;
            same(what("grams credited"), books.credited_grams, platform.credited_grams)?;
            same(what("grams burned"), books.burned_grams, platform.burned_grams)?;
            same(what("accounts"), books.accounts, platform.account_count.into())?;
            same(what("last batch"), books.last_batch, platform.last_batch_number)?;
        }
        Ok(())
    }

    /// A page of a node's vouchers that follows `compared` of them; says how many
    /// are compared now.
    pub(crate) fn compare_vouchers(&self, compared: u64, found: &[wire::Voucher]) -> Checked<u64> {
        let mut id = compared;
        for voucher in found {
            id += 1;
            same("next voucher on the node", id, voucher.voucher_id.into())?;
            let books = usize::try_from(compared)
                .ok()
                .and_then(|_| self.vouchers.get(usize::try_from(id - 1).unwrap_or(usize::MAX)));
            let Some(books) = books else {
                return Err(Wrong::new("vouchers on the node", self.vouchers.len(), id));
            };
            let expected = wire::Voucher {
                voucher_id: voucher.voucher_id,
                inclusive_account_id: u32::try_from(books.account).unwrap_or(u32::MAX),
                platform_id: u32::try_from(books.platform).unwrap_or(u32::MAX),
                bank_id: u32::try_from(books.bank).unwrap_or(u32::MAX),
                quantity_grams: books.grams,
                amount_yuan: format_fen(books.grams / GRAMS_PER_FEN),
                status: books.mark as i32 + 1,
                issued_at_ms: books.issued_at_ms,
                expires_at_ms: books.expires_at_ms,
                closed_at_ms: books.closed_at_ms,
            };
            same(format!("voucher {id}"), format!("{expected:?}"), format!("{voucher:?}"))?;
        }
        Ok(id)
    }

    /// After the last page.
    pub(crate) fn all_vouchers(&self, compared: u64) -> Checked {
        same("vouchers on the node", self.vouchers.len() as u64, compared)
    }
}

/// All accounts of persons on a node, page by page in order.
#[derive(Clone, Debug)]
pub(crate) struct PersonsCompared {
    pub(crate) accounts: u64,
    /// Grams by platform.
    held: Vec<i128>,
    owners: Sha256,
}

impl PersonsCompared {
    pub(crate) fn new(persons: &Persons) -> Self {
        let held = vec![0; persons.platform_count()];
        Self { accounts: 0, held, owners: Sha256::new() }
    }

    /// The next account: its person is the one whose account was opened.
    pub(crate) fn account(&mut self, persons: &Persons, found: &wire::InclusiveAccount) -> Checked {
        let id = u64::from(found.inclusive_account_id);
        same("next account of a person on the node", self.accounts + 1, id)?;
        self.accounts = id;
        let opened = persons.opening_of(id)?;
        let what = format!("platform of a person's account {id}");
        same(what, opened.platform, found.platform_id.into())?;
        let grams = found.balance_grams;
        if grams < 0 {
            return Err(Wrong::new(format!("grams of account {id}"), "0 or more", grams));
        }
        let place = usize::try_from(opened.platform - 1).unwrap_or(usize::MAX);
        self.held.resize(self.held.len().max(persons.platform_count()), 0);
        if let Some(held) = self.held.get_mut(place) {
            *held += i128::from(grams);
        }
        self.owners.update(&found.owner_id);
        if id == opened.last {
            let hash = std::mem::take(&mut self.owners).finalize();
            let (first, last) = (opened.first, opened.last);
            same_hash(format!("owners_sha256 of {first} to {last}"), &opened.sha256, &hash)?;
        }
        Ok(())
    }

    /// No account is missing.
    pub(crate) fn finish(&self, persons: &Persons) -> Checked {
        same("accounts of persons on the node", persons.accounts, self.accounts)
    }

    /// What was credited and not burned is there; right only if nothing was
    /// credited or burned while the accounts were read.
    pub(crate) fn check_sums(&self, persons: &Persons) -> Checked {
        for (books, held) in persons.platforms.iter().zip(&self.held) {
            let due = i128::from(books.credited_grams) - i128::from(books.burned_grams);
            same(format!("grams of the persons of {}", books.name), due, *held)?;
        }
        Ok(())
    }
}
