//! Double entry: what an event moved.

use super::bytes::{DecodeError, Reader, Wire};
use super::code::{CashPart, CashPot, GoodsPot, Instrument, PositionPart};

/// Kinds of postings: byte, name, content in the order of its bytes.
macro_rules! postings {
    ($($(#[$doc:meta])+ $byte:literal $name:ident { $($field:ident: $of:ty,)+ })+) => {
        /// More, or with a minus less, of something somewhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the fields are those of docs/formats.md, in its order")]
        pub enum Posting { $($(#[$doc])+ $name { $($field: $of,)+ },)+ }

        impl Wire for Posting {
            fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match from.read::<u8>()? {
                    $($byte => Ok(Self::$name { $($field: from.read()?,)+ }),)+
                    other => from.bad(format!(
                        "kind of posting {other} is unknown; this program may be older than the \
                         registry"
                    )),
                }
            }
            fn put(&self, to: &mut Vec<u8>) {
                match self {
                    $(Self::$name { $($field,)+ } => {
                        to.push($byte);
                        $($field.put(to);)+
                    })+
                }
            }
        }
    };
}

postings! {
    /// Goods in an account.
    1 Goods { account: u64, instrument: Instrument, part: PositionPart, tonnes: i64, }
    /// Goods outside all accounts.
    2 GoodsPot { instrument: Instrument, pot: GoodsPot, tonnes: i64, }
    /// Money of an account.
    3 Cash { account: u64, bank: u64, part: CashPart, fen: i64, }
    /// Money outside all accounts.
    4 CashPot { bank: u64, pot: CashPot, fen: i64, }
}
