//! What the inclusive-platform instrument is made of.

use crate::stored::{Stored, stored_numbers};
use crate::types::{BankId, Fen, LedgerTime};

/// Whole grams of CO2 equivalent that persons saved: never tonnes, never CEA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grams(pub i64);

/// Number of a platform, given in order from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlatformId(pub u16);

/// A person as a platform knows it: 16 bytes that mean nothing to anybody else,
/// such as the first half of a keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnerId(pub [u8; 16]);

/// Number of a person's account, given in order from 1 over all platforms; it
/// is no [`crate::AccountId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InclusiveAccountId(pub u32);

/// Number of a voucher, given in order from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VoucherId(pub u32);

/// Where a voucher stands. The grams that it burned never come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoucherStatus {
    /// Its bank may take it.
    Issued,
    /// Its bank took it.
    Redeemed,
    /// Its time was over first.
    Expired,
}

stored_numbers!(VoucherStatus, "voucher status": Issued = 1, Redeemed = 2, Expired = 3);

/// A right to so much less loan interest at one bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// Its number.
    pub id: VoucherId,
    /// Whose grams were burned.
    pub account: InclusiveAccountId,
    /// Whose customer it is.
    pub platform: PlatformId,
    /// Where it counts.
    pub bank: BankId,
    /// What was burned.
    pub grams: Grams,
    /// Where it stands.
    pub status: VoucherStatus,
    /// Ledger time when the grams were burned.
    pub issued_at: LedgerTime,
    /// From then on its bank can no longer take it.
    pub expires_at: LedgerTime,
    /// Ledger time when it was redeemed or expired.
    pub closed_at: Option<LedgerTime>,
}

/// A platform with its quota and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformView {
    /// Its number.
    pub id: PlatformId,
    /// Its name in certificates.
    pub name: String,
    /// What it may credit in all.
    pub quota: Grams,
    /// What it credited so far.
    pub credited: Grams,
    /// What its persons burned so far.
    pub burned: Grams,
    /// Accounts of its persons.
    pub accounts: u32,
    /// Number of its last batch.
    pub last_batch: u64,
}

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusiveAccountView {
    /// Its number.
    pub id: InclusiveAccountId,
    /// Whose customer the person is.
    pub platform: PlatformId,
    /// The platform's name.
    pub platform_name: String,
    /// The person, to the platform.
    pub owner: OwnerId,
    /// What is there.
    pub balance: Grams,
}

impl Grams {
    /// 1 kg is 2 yuan of loan interest: 5 g a fen.
    pub const PER_FEN: i64 = 5;

    /// The sum, unless it overflows.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, unless it overflows.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl Voucher {
    /// What it is worth. Only multiples of [`Grams::PER_FEN`] are burned.
    #[must_use]
    pub fn amount(&self) -> Fen {
        Fen(self.grams.0 / Grams::PER_FEN)
    }
}

macro_rules! newtypes {
    ($($name:ident),+) => {$(
        impl Stored for $name {
            fn write(&self, writer: &mut crate::codec::Writer) {
                self.0.write(writer);
            }

            fn read(
                reader: &mut crate::codec::Reader<'_>,
            ) -> Result<Self, crate::codec::Problem> {
                Stored::read(reader).map(Self)
            }
        }
    )+};
}

newtypes!(Grams, PlatformId, OwnerId, InclusiveAccountId, VoucherId);
