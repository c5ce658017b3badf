//! Tonnes that change hands without a trade: merger, division, succession,
//! court transfer.

use super::{ComplianceReceipt, TransferCause, less_of, minus, more_of, plus};
use crate::journal::{Position, What};
use crate::ledger::Ledger;
use crate::receipt::{Holding, Receipt};
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, InstrumentCode, Quantity};

impl Ledger {
    pub(super) fn transfer(
        &mut self,
        cause: TransferCause,
        from: AccountId,
        to: AccountId,
        part: Option<(InstrumentCode, Quantity)>,
        document: &str,
        document_sha256: &[u8; 32],
    ) -> Result<Receipt, Rejection> {
        const FROM: &str = "from_account_id";
        let inside = |refused: Rejection| match refused.field.as_str() {
            "account_id" => Rejection { field: FROM.to_owned(), ..refused },
            _ => refused,
        };
        self.known_balances(from, FROM)?;
        let takes = self.known_balances(to, "to_account_id")?;
        if from == to {
            let message = format!("account {} would give to itself", from.0);
            return Err(Rejection::new(Reason::SelfTransfer, "to_account_id", message));
        }
        // A court may order what it keeps the holder from doing.
        if cause != TransferCause::Court {
            self.require_unfrozen(from, FROM)?;
        }
        let moved = match part {
            Some((instrument, quantity)) => {
                self.registered(from, instrument, quantity).map_err(inside)?;
                vec![(instrument, quantity)]
            }
            None => self.all_registered(from)?,
        };
        text::check_line(document, "document")?;
        let gives = self.known_balances(from, FROM)?;
        let mut changes = Vec::with_capacity(moved.len());
        for (instrument, quantity) in &moved {
            let (gives, takes) = (gives.holding(*instrument), takes.holding(*instrument));
            changes.push((
                *instrument,
                Holding { registered: minus(gives.registered, *quantity)?, ..gives },
                Holding { registered: plus(takes.registered, *quantity)?, ..takes },
            ));
        }

        for (instrument, less, more) in changes {
            self.set_holding(from, instrument, less);
            self.set_holding(to, instrument, more);
        }
        let lines = moved.iter().flat_map(|(instrument, quantity)| {
            [
                less_of(from, *instrument, Position::Registered, *quantity),
                more_of(to, *instrument, Position::Registered, *quantity),
            ]
        });
        let (document, document_sha256) = (document.to_owned(), *document_sha256);
        let what = What::Transferred { cause, document, document_sha256 };
        self.record(what, lines.collect());
        Ok(ComplianceReceipt::Transferred { from, to, moved }.into())
    }

    /// Everything of an account that is registered, which must be something.
    fn all_registered(
        &self,
        account: AccountId,
    ) -> Result<Vec<(InstrumentCode, Quantity)>, Rejection> {
        let held = self.known_balances(account, "from_account_id")?.holdings.iter();
        let registered = held.map(|(instrument, holding)| (*instrument, holding.registered));
        let all: Vec<_> = registered.filter(|(_, quantity)| quantity.0 > 0).collect();
        if all.is_empty() {
            let message = format!("account {} has nothing registered", account.0);
            return Err(Rejection::new(Reason::InsufficientHolding, "from_account_id", message));
        }
        Ok(all)
    }
}
