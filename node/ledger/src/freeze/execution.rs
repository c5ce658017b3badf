//! A court takes what it froze (扣划): in one entry, so that the holder can do
//! nothing with the tonnes between freeze and transfer.

use super::state::{Freeze, FreezeTarget};
use crate::account::positive_quantity;
use crate::journal::{Position, What};
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, FreezeId, InstrumentCode, Quantity};

impl Ledger {
    /// Moves tonnes that a freeze holds to another account's registered ones:
    /// first what came from registered, as the freeze took them. The rest stays
    /// frozen, and stays over pledges stay.
    pub(super) fn execute_freeze(
        &mut self,
        id: FreezeId,
        to: AccountId,
        quantity: Quantity,
        document: &str,
        document_sha256: &[u8; 32],
    ) -> Result<Receipt, Rejection> {
        let freeze = self.standing_freeze(id)?;
        let account = freeze.account;
        // Whether the receiver is frozen does not matter: what comes in comes in.
        let takes = self.known_balances(to, "to_account_id")?;
        if to == account {
            let message = format!("account {} is the holder of what is frozen", to.0);
            return Err(Rejection::new(Reason::SelfTransfer, "to_account_id", message));
        }
        positive_quantity(quantity, "quantity_tco2e")?;
        let instrument = freeze.held_instrument()?;
        let (registered, trading) = freeze.less(quantity)?;
        let gives = self.known_balances(account, "freeze_id")?.holding(instrument);
        let takes = takes.holding(instrument);
        text::check_line(document, "document")?;

        self.touch(RecordKey::Freeze(id));
        if let Some(freeze) = self.freezes.by_id.get_mut(&id) {
            (freeze.registered, freeze.trading) = (registered, trading);
        }
        let less = [(Position::Frozen, Quantity(quantity.0.saturating_neg()))];
        let mut postings = self.post_positions(account, instrument, gives, less);
        let more = [(Position::Registered, quantity)];
        postings.extend(self.post_positions(to, instrument, takes, more));
        let (document, document_sha256) = (document.to_owned(), *document_sha256);
        self.record(
            What::FreezeExecuted { freeze: id, account, document, document_sha256 },
            postings,
        );
        self.freeze_receipt(id, account)
    }
}

impl Freeze {
    /// Of what it holds tonnes, if it may hold any.
    fn held_instrument(&self) -> Result<InstrumentCode, Rejection> {
        let of = match self.target {
            FreezeTarget::Tonnes { instrument, .. } => return Ok(instrument),
            FreezeTarget::Account { .. } => "an account",
            FreezeTarget::Pledge { .. } => "a pledge",
        };
        let message = format!("freeze {} is of {of} and holds no tonnes of its own", self.id.0);
        Err(Rejection::new(Reason::InsufficientHolding, "freeze_id", message))
    }

    /// What it holds from registered and from trading, so many tonnes less.
    fn less(&self, quantity: Quantity) -> Result<(Quantity, Quantity), Rejection> {
        let from_registered = quantity.min(self.registered);
        let left = |of: Quantity, taken| of.checked_sub(taken).filter(|left| left.0 >= 0);
        let registered = left(self.registered, from_registered);
        let from_trading = quantity.checked_sub(from_registered);
        let trading = from_trading.and_then(|taken| left(self.trading, taken));
        registered.zip(trading).ok_or_else(|| {
            let (id, held) = (self.id.0, self.frozen().0);
            let message = format!("freeze {id} holds {held} t, {} t were asked", quantity.0);
            Rejection::new(Reason::InsufficientHolding, "quantity_tco2e", message)
        })
    }
}
