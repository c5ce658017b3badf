//! Two people: one list of what waits.

use registry_ledger::{
    Approval, ClusterCommand, Command, ComplianceCommand, InclusiveCommand, LedgerTime,
    PledgeCommand, ProposalId, Reason, Receipt,
};
use sha2::{Digest as _, Sha256};

use super::{Model, Outcome, Planted, Refused, check_text, refuse};

/// What waits for a second person.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) id: ProposalId,
    pub(super) maker: String,
    pub(super) content: Vec<u8>,
    pub(super) expires_at: LedgerTime,
}

impl Model {
    pub(super) fn propose(&mut self, maker: &str, content: &[u8], life_ms: i64) -> Outcome {
        if content.is_empty() {
            return refuse(Reason::FieldMissing, "content");
        }
        if content.len() > 1_048_576 {
            return refuse(Reason::TooLong, "content");
        }
        if life_ms <= 0 {
            return refuse(Reason::NotPositive, "time_to_live_ms");
        }
        if life_ms > 30 * super::calendar::DAY_MS {
            return refuse(Reason::OutOfRange, "time_to_live_ms");
        }
        let held: usize = self.waiting.iter().map(|waiting| waiting.content.len()).sum();
        if held + content.len() > 256 * 1_048_576 {
            return refuse(Reason::TooManyProposals, "content");
        }
        self.proposals_made += 1;
        let id = ProposalId(self.proposals_made);
        let expires_at = LedgerTime(self.now.0 + life_ms);
        let content = content.to_vec();
        let content_sha256 = Sha256::digest(&content).into();
        self.waiting.push(Waiting { id, maker: maker.to_owned(), content, expires_at });
        Ok(Receipt::Proposed { proposal: id, content_sha256, expires_at })
    }

    fn waiting(&self, id: ProposalId) -> Result<&Waiting, Refused> {
        match self.waiting.iter().find(|waiting| waiting.id == id) {
            None => refuse(Reason::UnknownProposal, "proposal_id"),
            Some(waiting) if waiting.expires_at <= self.now => {
                refuse(Reason::ProposalExpired, "proposal_id")
            }
            Some(waiting) => Ok(waiting),
        }
    }

    fn forget(&mut self, id: ProposalId) -> Outcome {
        self.waiting.retain(|waiting| waiting.id != id);
        Ok(Receipt::Done)
    }

    pub(super) fn approve(&mut self, checker: &str, approval: &Approval) -> Outcome {
        let waiting = self.waiting(approval.proposal)?;
        if waiting.maker == checker && !self.plants(Planted::MakerApproves) {
            return refuse(Reason::SelfApproval, "proposal_id");
        }
        let hash: [u8; 32] = Sha256::digest(&waiting.content).into();
        let command = match &approval.content {
            Some((content, command))
                if hash == approval.content_sha256
                    && (*content == waiting.content
                        || self.plants(Planted::OtherContentApproved)) =>
            {
                command
            }
            _ => return refuse(Reason::ContentMismatch, "content_sha256"),
        };
        let needs_two = matches!(
            **command,
            Command::LoadAccounts { .. }
                | Command::Issue { .. }
                | Command::UseReserve { .. }
                | Command::SuspendDay(_)
                | Command::ResumeDay(_)
                | Command::Compliance(
                    ComplianceCommand::Allocate { .. }
                        | ComplianceCommand::Recall { .. }
                        | ComplianceCommand::CorrectEmissions { .. }
                        | ComplianceCommand::CarryOver { .. }
                        | ComplianceCommand::Transfer { .. }
                )
                | Command::Freeze(_)
                | Command::Pledge(
                    PledgeCommand::Activate { .. }
                        | PledgeCommand::ReleaseByCourt { .. }
                        | PledgeCommand::Enforce { .. }
                )
                | Command::Inclusive(InclusiveCommand::GrantQuota { .. })
                | Command::Cluster(ClusterCommand::ActivateRules { .. })
        );
        if !needs_two {
            return refuse(Reason::Malformed, "content");
        }
        let receipt = self.decide(checker, command)?;
        self.forget(approval.proposal)?;
        Ok(receipt)
    }

    pub(super) fn decline(&mut self, actor: &str, id: ProposalId, reason: &str) -> Outcome {
        let own = self.waiting(id)?.maker == actor;
        check_text(reason, 200, "reason")?;
        if own {
            return refuse(Reason::SelfApproval, "proposal_id");
        }
        self.forget(id)
    }

    pub(super) fn withdraw(&mut self, actor: &str, id: ProposalId) -> Outcome {
        if self.waiting(id)?.maker != actor {
            return refuse(Reason::NotMaker, "proposal_id");
        }
        self.forget(id)
    }

    pub(super) fn expire_due(&mut self) -> Outcome {
        let now = self.now;
        self.waiting.retain(|waiting| waiting.expires_at > now);
        self.expire_offers();
        self.expire_vouchers();
        self.repos_due();
        Ok(Receipt::Done)
    }
}
