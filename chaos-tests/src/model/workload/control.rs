//! What two people do.

use registry_ledger::{Approval, ClusterCommand, Command, ProposalId};
use sha2::{Digest as _, Sha256};

use super::calls::last_day;
use super::{Asked, Workload};
use crate::model::Model;
use crate::model::calendar::DAY_MS;
use crate::model::control::Waiting;

impl Workload {
    /// Proposes something, or does something with what waits.
    pub(super) fn control_call(&mut self, model: &Model) -> Asked {
        let proposal_due = model.waiting.iter().any(|waiting| waiting.expires_at <= model.now);
        let due = proposal_due
            || model.next_offer_end().is_some_and(|ends| ends <= model.now)
            || model.next_voucher_due().is_some_and(|due| due <= model.now)
            || model.next_repo_due().is_some_and(|due| due <= model.now);
        if due && self.rng.chance(20) {
            return ("node/11".to_owned(), Command::ExpireDue);
        }
        match self.rng.pick(&model.waiting).cloned() {
            Some(waiting) if self.rng.chance(70) => self.end_of(&waiting),
            _ => self.proposal(model),
        }
    }

    fn proposal(&mut self, model: &Model) -> Asked {
        let officer = self.officer();
        let command = match (self.rng.below(10), last_day(model)) {
            (0, Some(day)) => Command::SuspendDay(day.date),
            (1, Some(day)) => Command::ResumeDay(day.date),
            (2, _) => self.load_accounts(model),
            (3, Some(day)) => Command::ClearDay(day.date),
            (9, _) if self.rng.chance(50) => Command::Cluster(ClusterCommand::ActivateRules {
                rules_version: 2,
                document: self.text(200),
            }),
            (8, _) => self.compliance_call(model).map_or(Command::ExpireDue, |(_, asked)| asked),
            (4..6, _) => self.encumbrance(model).unwrap_or(Command::ExpireDue),
            (6..8, _) => self.quota(),
            _ => self.issue(model).map_or(Command::ExpireDue, |(_, issue)| issue),
        };
        let content = format!("{command:?}").into_bytes();
        self.proposed.insert(content.clone(), command);
        let (hour, month) = (DAY_MS / 24, 30 * DAY_MS);
        let time_to_live_ms = match self.rng.below(20) {
            0 => self.rng.between(-1, 1),
            1 => self.rng.between(month - 1, month + 1),
            _ => self.rng.between(1, 4 * hour),
        };
        let content = if self.rng.chance(1) { Vec::new() } else { content };
        (officer, Command::Propose { content, time_to_live_ms })
    }

    /// Something about a pledge or a freeze, whether it needs two people or not.
    fn encumbrance(&mut self, model: &Model) -> Option<Command> {
        if self.rng.chance(30) {
            return self.court_call(model).map(|(_, order)| order);
        }
        let open = self.open_contracts(model);
        let contract = self.rng.pick(&open)?.clone();
        self.next_step(model, &contract).map(|(_, command)| Command::Pledge(command))
    }

    /// Mostly what the right person does.
    fn end_of(&mut self, waiting: &Waiting) -> Asked {
        let other = match waiting.maker.as_str() {
            "registry/officer-1" => "registry/officer-2",
            _ => "registry/officer-1",
        };
        let actor = if self.rng.chance(90) { other.to_owned() } else { waiting.maker.clone() };
        let proposal = match self.rng.chance(95) {
            true => waiting.id,
            false => ProposalId(self.rng.below(1_000)),
        };
        match self.rng.below(10) {
            0 => {
                let bad = self.rng.chance(10);
                let reason = if bad { self.bad_text(200) } else { self.text(200) };
                (actor, Command::Decline { proposal, reason })
            }
            1 => {
                let actor = if self.rng.chance(70) { waiting.maker.clone() } else { actor };
                (actor, Command::WithdrawProposal(proposal))
            }
            _ => (actor, Command::Approve(self.approval(proposal, waiting))),
        }
    }

    /// Now and then of another content than what waits.
    fn approval(&mut self, proposal: ProposalId, waiting: &Waiting) -> Approval {
        let others: Vec<_> = self.proposed.keys().cloned().collect();
        let other = self.rng.pick(&others).cloned().unwrap_or_default();
        let roll = self.rng.below(20);
        let content = if roll < 2 { &other } else { &waiting.content };
        let hashed = if matches!(roll, 1 | 2) { &other } else { &waiting.content };
        let command = self.proposed.get(content).cloned();
        let with_content = command.filter(|_| roll != 3);
        Approval {
            proposal,
            content_sha256: Sha256::digest(hashed).into(),
            content: with_content.map(|command| (content.clone(), Box::new(command))),
        }
    }
}
