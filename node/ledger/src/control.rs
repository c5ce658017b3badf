//! Two people: what one officer proposes takes effect when another approves the
//! very same content.
//!
//! The content is a command in the bytes of the wire. The ledger keeps and
//! compares the bytes; the command they decode to comes with the approval.

use sha2::{Digest as _, Sha256};

use crate::account::overflow;
use crate::command::{Command, Entry};
use crate::digest::Digest;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::span;
use crate::text;
use crate::types::{LedgerTime, ProposalId};

/// Longest content, in bytes.
pub const PROPOSAL_BYTES_LIMIT: usize = 1 << 20;
/// Bytes of all open proposals.
pub const OPEN_PROPOSALS_BYTES_LIMIT: usize = 256 << 20;
/// Longest time that a proposal stays open: 30 days.
pub const PROPOSAL_LIFE_LIMIT_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// Items that one entry lets expire, so that an entry's work stays small.
const EXPIRED_PER_ENTRY: usize = 1_000;

/// A command that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its number.
    pub id: ProposalId,
    /// Who proposed it.
    pub maker: String,
    /// When.
    pub proposed_at: LedgerTime,
    /// From then on it can no longer be approved.
    pub expires_at: LedgerTime,
    /// The command, byte for byte.
    pub content: Vec<u8>,
    /// SHA-256 of the content.
    pub content_sha256: [u8; 32],
}

/// An approval as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// What is approved.
    pub proposal: ProposalId,
    /// SHA-256 of the content that the checker has seen.
    pub content_sha256: [u8; 32],
    /// The content once more, and the command that it decodes to; none when the
    /// proposal is not open any more.
    pub content: Option<(Vec<u8>, Box<Command>)>,
}

/// Numbers given out so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) proposals: u64,
}

impl Command {
    /// Whether it takes effect by an approval alone. Nothing on the wire leads to
    /// such a command but [`Command::Propose`].
    fn needs_two_people(&self) -> bool {
        if let Self::Pledge(command) = self {
            return command.needs_two_people();
        }
        if let Self::Cluster(command) = self {
            return command.needs_two_people();
        }
        if let Self::Inclusive(command) = self {
            return command.needs_two_people();
        }
        matches!(
            self,
            Self::LoadAccounts { .. }
                | Self::Issue { .. }
                | Self::UseReserve { .. }
                | Self::SuspendDay(_)
                | Self::ResumeDay(_)
                | Self::Freeze(_)
        ) || matches!(self, Self::Compliance(command) if command.needs_two_people())
    }
}

impl Ledger {
    pub(crate) fn propose(
        &mut self,
        maker: &str,
        content: &[u8],
        time_to_live_ms: i64,
    ) -> Result<Receipt, Rejection> {
        const FIELD: &str = "content";
        if content.is_empty() {
            return Err(Rejection::new(Reason::FieldMissing, FIELD, "the content is empty"));
        }
        if content.len() > PROPOSAL_BYTES_LIMIT {
            let length = content.len();
            let message =
                format!("the content has {length} bytes, {PROPOSAL_BYTES_LIMIT} are allowed");
            return Err(Rejection::new(Reason::TooLong, FIELD, message));
        }
        span::check(time_to_live_ms, PROPOSAL_LIFE_LIMIT_MS, "time_to_live_ms")?;
        let bytes = self.proposals.bytes().saturating_add(content.len());
        if bytes > OPEN_PROPOSALS_BYTES_LIMIT {
            let message = format!(
                "open proposals would hold {bytes} bytes, {OPEN_PROPOSALS_BYTES_LIMIT} are allowed; approve or decline some first"
            );
            return Err(Rejection::new(Reason::TooManyProposals, FIELD, message));
        }
        let number = self.counters.proposals.checked_add(1).ok_or_else(|| overflow(FIELD))?;
        let id = ProposalId(number);
        let content_sha256 = Sha256::digest(content).into();
        let expires_at = LedgerTime(self.now.0.saturating_add(time_to_live_ms));

        self.touch(RecordKey::Counters);
        self.touch(RecordKey::Proposal(id));
        self.counters.proposals = number;
        self.proposals.insert(Proposal {
            id,
            maker: maker.to_owned(),
            proposed_at: self.now,
            expires_at,
            content: content.to_vec(),
            content_sha256,
        });
        self.record(What::Proposed { proposal: id, content_sha256, expires_at }, Vec::new());
        Ok(Receipt::Proposed { proposal: id, content_sha256, expires_at })
    }

    /// Carries out the proposed command in the checker's name. When its rules
    /// refuse it, the proposal stays open.
    pub(crate) fn approve(
        &mut self,
        entry: &Entry,
        approval: &Approval,
    ) -> Result<Receipt, Rejection> {
        let (proposal, command) = self.approvable(entry, approval, self.now)?;
        let (id, maker) = (proposal.id, proposal.maker.clone());
        let receipt = self.carry_out(entry, command)?;

        self.close_proposal(id, What::Approved { proposal: id, maker });
        Ok(receipt)
    }

    /// The open proposal and the command that an approval would carry out.
    pub(crate) fn approvable<'a>(
        &self,
        entry: &Entry,
        approval: &'a Approval,
        now: LedgerTime,
    ) -> Result<(&Proposal, &'a Command), Rejection> {
        let proposal = self.open_proposal_at(approval.proposal, now)?;
        if proposal.maker == entry.actor {
            return Err(Rejection::new(
                Reason::SelfApproval,
                "proposal_id",
                format!("{} proposed this; another officer must approve it", entry.actor),
            ));
        }
        if approval.content_sha256 != proposal.content_sha256 {
            return Err(Rejection::new(
                Reason::ContentMismatch,
                "content_sha256",
                format!(
                    "proposal {} has content {}, {} was approved; look at it again",
                    proposal.id.0,
                    Digest(proposal.content_sha256),
                    Digest(approval.content_sha256)
                ),
            ));
        }
        let same = approval.content.as_ref().filter(|(content, _)| *content == proposal.content);
        let Some((_, command)) = same else {
            let message = "the approval came without the proposed content; ask again";
            return Err(Rejection::new(Reason::ContentMismatch, "content_sha256", message));
        };
        if !command.needs_two_people() {
            return Err(Rejection::new(
                Reason::Malformed,
                "content",
                "this command needs no second person; send it directly",
            ));
        }
        Ok((proposal, command))
    }

    /// A second person says no. The maker withdraws instead.
    pub(crate) fn decline(
        &mut self,
        actor: &str,
        id: ProposalId,
        reason: &str,
    ) -> Result<Receipt, Rejection> {
        let proposal = self.open_proposal(id)?;
        text::check_line(reason, "reason")?;
        if proposal.maker == actor {
            return Err(Rejection::new(
                Reason::SelfApproval,
                "proposal_id",
                format!("{actor} proposed this; withdraw it instead of declining it"),
            ));
        }
        self.close_proposal(id, What::Declined { proposal: id, reason: reason.to_owned() });
        Ok(Receipt::Done)
    }

    pub(crate) fn withdraw_proposal(
        &mut self,
        actor: &str,
        id: ProposalId,
    ) -> Result<Receipt, Rejection> {
        let proposal = self.open_proposal(id)?;
        if proposal.maker != actor {
            return Err(Rejection::new(
                Reason::NotMaker,
                "proposal_id",
                format!("{} proposed this; decline it instead of withdrawing it", proposal.maker),
            ));
        }
        self.close_proposal(id, What::ProposalWithdrawn { proposal: id });
        Ok(Receipt::Done)
    }

    fn open_proposal(&self, id: ProposalId) -> Result<&Proposal, Rejection> {
        self.open_proposal_at(id, self.now)
    }

    fn open_proposal_at(&self, id: ProposalId, now: LedgerTime) -> Result<&Proposal, Rejection> {
        let refuse = |reason, message| Err(Rejection::new(reason, "proposal_id", message));
        match self.proposals.get(id) {
            Some(proposal) if now < proposal.expires_at => Ok(proposal),
            Some(proposal) => refuse(
                Reason::ProposalExpired,
                format!("proposal {} expired at {} ms", id.0, proposal.expires_at.0),
            ),
            None => refuse(
                Reason::UnknownProposal,
                format!("no proposal {} is open; its event says what became of it", id.0),
            ),
        }
    }

    fn close_proposal(&mut self, id: ProposalId, what: What) {
        self.touch(RecordKey::Proposal(id));
        self.proposals.remove(id);
        self.record(what, Vec::new());
    }

    /// Ends what has had its time. A leader proposes this when something is due.
    pub(crate) fn expire_due(&mut self) -> Result<Receipt, Rejection> {
        for id in self.proposals.ended_by(self.now, EXPIRED_PER_ENTRY) {
            self.close_proposal(id, What::ProposalExpired { proposal: id });
        }
        self.expire_offers(EXPIRED_PER_ENTRY);
        self.expire_vouchers();
        self.repos_due();
        Ok(Receipt::Done)
    }

    /// When [`Command::ExpireDue`] has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<LedgerTime> {
        let (proposals, pledges) = (self.proposals.next_end(), self.pledges.next_end());
        let ends = [proposals, pledges, self.next_voucher_due(), self.next_repo_due()];
        ends.into_iter().flatten().min()
    }

    /// Open proposals in order, from the one after `after`.
    pub fn proposals_after(&self, after: ProposalId) -> impl Iterator<Item = &Proposal> {
        self.proposals.after(after)
    }

    /// A proposal that is open.
    #[must_use]
    pub fn proposal(&self, id: ProposalId) -> Option<&Proposal> {
        self.proposals.get(id)
    }
}
