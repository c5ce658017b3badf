//! What the events of pledges and freezes are about.

use super::bytes::{DecodeError, Reader, Wire};
use super::code::{Date, FreePart, Instrument};

/// Values that are their fields in order.
macro_rules! fields {
    ($($(#[$doc:meta])+ $(+ $derive:ident)? $name:ident { $($field:ident: $of:ty,)+ })+) => {$(
        $(#[$doc])+
        #[derive(Clone, Debug, PartialEq, Eq $(, $derive)?)]
        #[allow(missing_docs, reason = "the fields are those of docs/formats.md, in its order")]
        pub struct $name { $(pub $field: $of,)+ }

        impl Wire for $name {
            fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self { $($field: from.read()?,)+ })
            }
            fn put(&self, to: &mut Vec<u8>) {
                $(self.$field.put(to);)+
            }
        }
    )+};
}

fields! {
    /// A pledge and its two parties.
    + Copy PledgeParties { pledge: u64, pledgor: u64, pledgee: u64, }
    /// The contract of a pledge.
    PledgeTerms {
        contract: String, principal_fen: i64, maturity: Date, reference_price_fen: i64,
        reference_date: Date, loan_to_value_bp: u64, warning_price_fen: i64,
        disposal_price_fen: i64, cure_period_ms: i64,
    }
    /// Other tonnes for a pledge.
    + Copy OtherTonnes {
        instrument: Instrument, tonnes: i64, from: FreePart, reference_price_fen: i64,
        reference_date: Date, warning_price_fen: i64, disposal_price_fen: i64, expires_at_ms: i64,
    }
}

/// What a court freezes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of docs/formats.md, in its order")]
pub enum FreezeTarget {
    /// All that leaves an account.
    Account { account: u64 },
    /// Tonnes of an account.
    Tonnes { account: u64, instrument: Instrument, tonnes: i64 },
    /// A recognised pledge.
    Pledge { pledge: u64 },
}

impl Wire for FreezeTarget {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.read::<u8>()? {
            1 => Ok(Self::Account { account: from.read()? }),
            2 => Ok(Self::Tonnes {
                account: from.read()?,
                instrument: from.read()?,
                tonnes: from.read()?,
            }),
            3 => Ok(Self::Pledge { pledge: from.read()? }),
            other => from.bad(format!("{other} is nothing that a court freezes")),
        }
    }
    fn put(&self, to: &mut Vec<u8>) {
        match *self {
            Self::Account { account } => {
                to.push(1);
                account.put(to);
            }
            Self::Tonnes { account, instrument, tonnes } => {
                to.push(2);
                account.put(to);
                instrument.put(to);
                tonnes.put(to);
            }
            Self::Pledge { pledge } => {
                to.push(3);
                pledge.put(to);
            }
        }
    }
}
