//! Two registry officers: what one proposes, the other approves.

use prost::Message as _;
use registry_proto::registry::approve_reply::Result as Approved;
use registry_proto::registry::controlled_command::Command;
use registry_proto::registry::{
    AccountsOpened, ApproveReply, ApproveRequest, BookLoading, ControlledCommand, Day, FreezeStep,
    Holding, InclusiveQuota, Issuance, Platform, PledgeStep, ProposeRequest, Resumption,
    Suspension, WithdrawRequest,
};
use sha2::{Digest as _, Sha256};

use crate::error::ClientError;
use crate::registry::RegistryClient;
use crate::request_id::{MAX_REQUEST_ID_BYTES, new_request_id};

/// Longest request id here: two are made of it, one for each officer.
pub const MAX_SHARED_ID_BYTES: usize = MAX_REQUEST_ID_BYTES - ":propose".len();

/// For jobs that are trusted with both officers' identities, such as filling a
/// registry for a test. People use [`RegistryClient::propose`] and
/// [`RegistryClient::approve`], each with their own.
#[derive(Clone, Debug)]
pub struct TwoOfficers {
    maker: RegistryClient,
    checker: RegistryClient,
}

impl TwoOfficers {
    /// The two must be different people.
    #[must_use]
    pub fn new(maker: RegistryClient, checker: RegistryClient) -> Self {
        Self { maker, checker }
    }

    /// Who proposes, and does what needs nobody else.
    #[must_use]
    pub fn maker(&self) -> &RegistryClient {
        &self.maker
    }

    /// Who approves.
    #[must_use]
    pub fn checker(&self) -> &RegistryClient {
        &self.checker
    }

    /// Proposes and approves a command. Under the same `request_id`, at most 56
    /// characters, it is carried out once; empty for a random one. A proposal whose
    /// approval is refused is withdrawn: nobody else is to approve it later.
    ///
    /// # Errors
    /// Any [`ClientError`]; `Unknown` is resolved by asking again with the same id.
    pub async fn carry_out(
        &self,
        request_id: &str,
        command: Command,
    ) -> Result<ApproveReply, ClientError> {
        let id = match request_id {
            "" => new_request_id()?,
            given if given.len() <= MAX_SHARED_ID_BYTES => given.to_owned(),
            given => {
                return Err(ClientError::Setup(format!(
                    "request id {given:?} must be at most {MAX_SHARED_ID_BYTES} characters"
                )));
            }
        };
        let content = ControlledCommand { command: Some(command) }.encode_to_vec();
        // Computed here, not taken from the answer: this is what is approved.
        let content_sha256 = Sha256::digest(&content).to_vec();
        let propose = ProposeRequest {
            request_id: format!("{id}:propose"),
            content: content.into(),
            ..Default::default()
        };
        let proposal_id = self.maker.propose(propose).await?.proposal_id;
        let approve = ApproveRequest {
            request_id: format!("{id}:approve"),
            proposal_id,
            content_sha256: content_sha256.into(),
        };
        let approved = self.checker.approve(approve).await;
        if let Err(ClientError::Rejected(_) | ClientError::Denied { .. }) = &approved {
            let withdraw = WithdrawRequest { request_id: format!("{id}:undo"), proposal_id };
            // The refusal is the answer, also where the proposal is gone already.
            if let Err(error) = self.maker.withdraw(withdraw).await {
                tracing::warn!(proposal_id, %error, "the refused proposal was not withdrawn");
            }
        }
        approved
    }

    /// Creates units in an account's registered position.
    ///
    /// # Errors
    /// As [`TwoOfficers::carry_out`].
    pub async fn issue(&self, request_id: &str, units: Issuance) -> Result<Holding, ClientError> {
        match self.carry_out(request_id, Command::Issuance(units)).await?.result {
            Some(Approved::Holding(holding)) => Ok(holding),
            other => Err(unexpected(&other)),
        }
    }

    /// Opens many accounts with what each holds, all or none.
    ///
    /// # Errors
    /// As [`TwoOfficers::carry_out`].
    pub async fn load_books(
        &self,
        request_id: &str,
        books: BookLoading,
    ) -> Result<AccountsOpened, ClientError> {
        match self.carry_out(request_id, Command::BookLoading(books)).await?.result {
            Some(Approved::Accounts(opened)) => Ok(opened),
            other => Err(unexpected(&other)),
        }
    }

    /// Recognises, enforces or, for a court, releases a pledge.
    ///
    /// # Errors
    /// As [`TwoOfficers::carry_out`].
    pub async fn pledge_step(
        &self,
        request_id: &str,
        command: Command,
    ) -> Result<PledgeStep, ClientError> {
        match self.carry_out(request_id, command).await?.result {
            Some(Approved::Pledge(step)) => Ok(step),
            other => Err(unexpected(&other)),
        }
    }

    /// Imposes a court's freeze, takes what it holds, or lifts it.
    ///
    /// # Errors
    /// As [`TwoOfficers::carry_out`].
    pub async fn freeze_step(
        &self,
        request_id: &str,
        command: Command,
    ) -> Result<FreezeStep, ClientError> {
        match self.carry_out(request_id, command).await?.result {
            Some(Approved::Freeze(step)) => Ok(step),
            other => Err(unexpected(&other)),
        }
    }

    /// Lets a platform credit more; its first quota admits it.
    ///
    /// # Errors
    /// As [`TwoOfficers::carry_out`].
    pub async fn grant_quota(
        &self,
        request_id: &str,
        quota: InclusiveQuota,
    ) -> Result<Platform, ClientError> {
        match self.carry_out(request_id, Command::InclusiveQuota(quota)).await?.result {
            Some(Approved::Platform(platform)) => Ok(platform),
            other => Err(unexpected(&other)),
        }
    }

    /// Stops a settlement day.
    ///
    /// # Errors
    /// As [`TwoOfficers::carry_out`].
    pub async fn suspend_day(&self, request_id: &str, date: &str) -> Result<Day, ClientError> {
        let command = Command::Suspension(Suspension { date: date.to_owned() });
        self.day_step(request_id, command).await
    }

    /// Lets a stopped settlement day go on.
    ///
    /// # Errors
    /// As [`TwoOfficers::carry_out`].
    pub async fn resume_day(&self, request_id: &str, date: &str) -> Result<Day, ClientError> {
        let command = Command::Resumption(Resumption { date: date.to_owned() });
        self.day_step(request_id, command).await
    }

    async fn day_step(&self, request_id: &str, command: Command) -> Result<Day, ClientError> {
        match self.carry_out(request_id, command).await?.result {
            Some(Approved::Day(day)) => Ok(day),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(result: &Option<Approved>) -> ClientError {
    ClientError::Protocol(format!("the approval was answered with {result:?}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::{Code, Status};

    use super::*;
    use crate::Connector;
    use crate::fake_node::{FakeNode, Script, outcome_unknown, status};

    /// What the maker and the checker are answered, and what was withdrawn.
    async fn suspend(
        approve: impl Fn() -> Result<ApproveReply, Status> + Send + Sync + 'static,
    ) -> (Result<Day, ClientError>, Vec<String>) {
        let approve = Box::new(move |_| approve());
        let node = FakeNode::start(Script { approve, ..Default::default() }).await;
        let timeout = Duration::from_millis(300);
        let connector = Connector::plaintext(std::slice::from_ref(&node.address), timeout);
        let officer = RegistryClient::new(connector);
        let officers = TwoOfficers::new(officer.clone(), officer);
        let outcome = officers.suspend_day("a", "2021-12-16").await;
        (outcome, node.asked())
    }

    #[tokio::test]
    async fn a_refused_proposal_is_withdrawn() {
        let cases = [
            (Code::FailedPrecondition, "SELF_APPROVAL"),
            (Code::PermissionDenied, "NOT_AUTHORISED"),
        ];
        for (code, reason) in cases {
            let (outcome, withdrawn) = suspend(move || Err(status(code, reason, &[]))).await;
            assert_eq!(outcome.expect_err("refused").reason(), Some(reason));
            assert_eq!(withdrawn, ["a:undo of 7"]);
        }
    }

    #[tokio::test]
    async fn a_proposal_that_may_be_approved_stays() {
        let (outcome, withdrawn) = suspend(|| Err(outcome_unknown())).await;
        assert!(matches!(outcome, Err(ClientError::Unknown { .. })), "{outcome:?}");
        assert!(withdrawn.is_empty(), "{withdrawn:?}");
        let day = Some(Approved::Day(Day::default()));
        let (outcome, withdrawn) =
            suspend(move || Ok(ApproveReply { result: day.clone(), ..Default::default() })).await;
        assert!(outcome.is_ok() && withdrawn.is_empty(), "{outcome:?} {withdrawn:?}");
    }
}
