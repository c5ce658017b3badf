//! What can be asked of pledges.

use crate::command::Entry;
use crate::ledger::Ledger;
use crate::pledge::state::PledgeTerms;
use crate::receipt::Receipt;
use crate::rejection::Rejection;
use crate::types::{
    AccountId, BankId, Date, Fen, FreePosition, InstrumentCode, PledgeId, Price, Quantity, Trade,
};

/// A command about pledges. Those that name a version are refused when the
/// pledge has changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PledgeCommand {
    /// The pledgor offers tonnes, which are held from then on.
    Propose(Box<PledgeOffer>),
    /// The pledgee agrees.
    Accept {
        /// Which.
        pledge: PledgeId,
        /// As the pledgee has seen it.
        version: u32,
    },
    /// Either of the two says no before the pledge is active.
    Decline {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
    },
    /// The registry recognises it; needs two people.
    Activate {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
        /// Reference in the movable-property registration (动产融资统一登记), 1 to 200 bytes.
        filing_reference: String,
    },
    /// The pledgor pledges more.
    Add {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
        /// Where the tonnes lie.
        from: FreePosition,
        /// How many more, > 0.
        quantity: Quantity,
    },
    /// The pledgee gives tonnes back.
    Release {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
        /// How many, > 0; all when there is none.
        quantity: Option<Quantity>,
    },
    /// A court orders all tonnes to be given back; needs two people.
    ReleaseByCourt {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
        /// Reference of the order, 1 to 200 bytes.
        document: String,
    },
    /// The pledgor offers other tonnes in place of those pledged.
    Substitute {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
        /// What comes in their place.
        offer: Box<SubstitutionOffer>,
    },
    /// The pledgee takes the other tonnes and gives the first ones back.
    AcceptSubstitution {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
    },
    /// Either of the two says no to the other tonnes.
    DeclineSubstitution {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
    },
    /// The pledgee declares the default once the time to cure is over.
    Default {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
        /// What is owed, > 0.
        claim: Fen,
        /// SHA-256 of the pledgee's evidence.
        evidence_sha256: [u8; 32],
    },
    /// The tonnes may be sold; needs two people.
    Enforce {
        /// Which.
        pledge: PledgeId,
        /// As seen.
        version: u32,
        /// Reference of the agreement or the judgment, 1 to 200 bytes.
        document: String,
    },
    /// The exchange has sold pledged tonnes: one trade, delivered at once.
    Sell {
        /// Which.
        pledge: PledgeId,
        /// The open settlement day.
        date: Date,
        /// Sold by the pledgor and paid at the pledgee.
        trade: Trade,
    },
    /// A pledgee takes what sales have brought it out of the market.
    TakeProceeds {
        /// Which pledgee.
        bank: BankId,
        /// How much, > 0.
        amount: Fen,
    },
}

/// What a pledgor offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PledgeOffer {
    /// Whose tonnes.
    pub pledgor: AccountId,
    /// To whom.
    pub pledgee: BankId,
    /// Of what.
    pub instrument: InstrumentCode,
    /// How much, > 0.
    pub quantity: Quantity,
    /// Where the tonnes lie.
    pub from: FreePosition,
    /// The contract.
    pub terms: PledgeTerms,
    /// How long the pledgee may accept it, ms, 1 to 30 days.
    pub time_to_live_ms: i64,
}

/// Other tonnes for a pledge, and the lines of the contract in their price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubstitutionOffer {
    /// Of what.
    pub instrument: InstrumentCode,
    /// How much, > 0.
    pub quantity: Quantity,
    /// Where the tonnes lie.
    pub from: FreePosition,
    /// The settled close that the contract goes on at.
    pub reference_price: Price,
    /// Its day.
    pub reference_date: Date,
    /// As in [`PledgeTerms`].
    pub warning_price: Price,
    /// As in [`PledgeTerms`].
    pub disposal_price: Price,
    /// How long the pledgee may accept it, ms, 1 to 30 days.
    pub time_to_live_ms: i64,
}

impl PledgeCommand {
    /// Whether it takes effect by an approval alone.
    pub(crate) fn needs_two_people(&self) -> bool {
        matches!(self, Self::Activate { .. } | Self::ReleaseByCourt { .. } | Self::Enforce { .. })
    }
}

impl Ledger {
    pub(crate) fn carry_out_pledge(
        &mut self,
        entry: &Entry,
        command: &PledgeCommand,
    ) -> Result<Receipt, Rejection> {
        let actor = &*entry.actor;
        match command {
            PledgeCommand::Propose(offer) => self.propose_pledge(actor, offer),
            PledgeCommand::Accept { pledge, version } => {
                self.accept_pledge(actor, *pledge, *version)
            }
            PledgeCommand::Decline { pledge, version } => {
                self.decline_pledge(actor, *pledge, *version)
            }
            PledgeCommand::Activate { pledge, version, filing_reference } => {
                self.activate_pledge(*pledge, *version, filing_reference, entry.log_index)
            }
            PledgeCommand::Add { pledge, version, from, quantity } => {
                self.add_to_pledge(actor, *pledge, *version, *from, *quantity)
            }
            PledgeCommand::Release { pledge, version, quantity } => {
                self.release_pledge(actor, *pledge, *version, *quantity)
            }
            PledgeCommand::ReleaseByCourt { pledge, version, document } => {
                self.release_by_court(*pledge, *version, document)
            }
            PledgeCommand::Substitute { pledge, version, offer } => {
                self.offer_substitution(actor, *pledge, *version, offer)
            }
            PledgeCommand::AcceptSubstitution { pledge, version } => {
                self.accept_substitution(actor, *pledge, *version)
            }
            PledgeCommand::DeclineSubstitution { pledge, version } => {
                self.decline_substitution(actor, *pledge, *version)
            }
            PledgeCommand::Default { pledge, version, claim, evidence_sha256 } => {
                self.default_pledge(actor, *pledge, *version, *claim, *evidence_sha256)
            }
            PledgeCommand::Enforce { pledge, version, document } => {
                self.enforce_pledge(*pledge, *version, document)
            }
            PledgeCommand::Sell { pledge, date, trade } => {
                self.sell_pledged(*pledge, *date, trade, entry.log_index)
            }
            PledgeCommand::TakeProceeds { bank, amount } => self.take_proceeds(*bank, *amount),
        }
    }
}
