//! Accounts: open, move between free positions, read.

use registry_ledger::{AccountId, Reason, Receipt, Rejection};
use registry_proto::registry::account_service_server::AccountService;
use registry_proto::registry::{
    GetAccountReply, GetAccountRequest, ListAccountsReply, ListAccountsRequest, MoveHoldingReply,
    MoveHoldingRequest, OpenAccountReply, OpenAccountRequest,
};
use registry_proto::storage::log_command::Command;
use tonic::{Request, Response, Status};

use crate::decode::fields;
use crate::security::Caller;
use crate::services::encode;
use crate::services::gateway::{Gateway, page_size, unexpected};

pub(super) struct Accounts(pub(super) Gateway);

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn open_account(
        &self,
        request: Request<OpenAccountRequest>,
    ) -> Result<Response<OpenAccountReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::OpenAccount(request.into_inner())).await? {
            (stamp, Receipt::AccountOpened(id)) => Ok(Response::new(OpenAccountReply {
                stamp: Some(stamp),
                account_id: u64::from(id.0),
            })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn move_holding(
        &self,
        request: Request<MoveHoldingRequest>,
    ) -> Result<Response<MoveHoldingReply>, Status> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        match self.0.write(&caller, Command::MoveHolding(request.into_inner())).await? {
            (stamp, Receipt::Holding(instrument, holding)) => Ok(Response::new(MoveHoldingReply {
                stamp: Some(stamp),
                holding: Some(encode::holding(instrument, &holding)),
            })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn get_account(
        &self,
        request: Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountReply>, Status> {
        let _caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        let message = request.into_inner();
        let (stamp, account) = self
            .0
            .read(message.consistency, |ledger| {
                let id = fields::account(message.account_id, "account_id")?;
                let account = ledger.account(id).ok_or_else(|| unknown_account(id))?;
                Ok(encode::account(&account))
            })
            .await?;
        Ok(Response::new(GetAccountReply { stamp: Some(stamp), account: Some(account) }))
    }

    async fn list_accounts(
        &self,
        request: Request<ListAccountsRequest>,
    ) -> Result<Response<ListAccountsReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        // Past the greatest number an account can have there is nothing.
        let after = u32::try_from(message.after_account_id).unwrap_or(u32::MAX);
        let (stamp, (accounts, more)) = self
            .0
            .read(message.consistency, |ledger| {
                let mut views = ledger.accounts_after(after, limit + 1);
                let more = views.len() > limit;
                views.truncate(limit);
                Ok((views.iter().map(encode::account).collect::<Vec<_>>(), more))
            })
            .await?;
        let last = accounts.last().map_or(0, |account| account.account_id);
        Ok(Response::new(ListAccountsReply {
            stamp: Some(stamp),
            accounts,
            next_after_account_id: if more { last } else { 0 },
        }))
    }
}

/// No such account.
pub(super) fn unknown_account(id: AccountId) -> Rejection {
    let message = format!("account {} does not exist", id.0);
    Rejection::new(Reason::UnknownAccount, "account_id", message)
}
