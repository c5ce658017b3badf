//! Settlement banks and the money at them.

use registry_ledger::Receipt;
use registry_proto::registry as proto;
use registry_proto::registry::cash_service_server::CashService;
use registry_proto::registry::{
    Bank, DepositReply, DepositRequest, ListBanksReply, ListBanksRequest, OpenBankReply,
    OpenBankRequest,
};
use registry_proto::storage::log_command::Command;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use crate::security::{Caller, Role, Scope};
use crate::services::gateway::{Gateway, unexpected};
use crate::services::{cash_flow, encode};

pub(super) struct Cash(pub(super) Gateway);

#[tonic::async_trait]
impl CashService for Cash {
    type GetPaymentInstructionsStream = BoxStream<proto::GetPaymentInstructionsReply>;

    async fn open_bank(
        &self,
        request: Request<OpenBankRequest>,
    ) -> Result<Response<OpenBankReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::OpenBank(request.into_inner())).await? {
            (stamp, Receipt::Done) => Ok(Response::new(OpenBankReply { stamp: Some(stamp) })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn deposit(
        &self,
        request: Request<DepositRequest>,
    ) -> Result<Response<DepositReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::Deposit(request.into_inner())).await? {
            (stamp, Receipt::Cash(bank, balance)) => Ok(Response::new(DepositReply {
                stamp: Some(stamp),
                balance: Some(encode::cash(bank, &balance)),
            })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn list_banks(
        &self,
        request: Request<ListBanksRequest>,
    ) -> Result<Response<ListBanksReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let (stamp, mut banks) = self
            .0
            .read(request.get_ref().consistency, |ledger| {
                Ok(ledger.banks().iter().map(encode::bank).collect::<Vec<_>>())
            })
            .await?;
        banks.iter_mut().for_each(|bank| show_to(&caller, bank));
        Ok(Response::new(ListBanksReply { stamp: Some(stamp), banks }))
    }

    async fn request_withdrawal(
        &self,
        request: Request<proto::RequestWithdrawalRequest>,
    ) -> Result<Response<proto::WithdrawalReply>, Status> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        let command = Command::RequestWithdrawal(request.into_inner());
        cash_flow::withdrawal_step(&self.0, &caller, command).await
    }

    async fn confirm_withdrawal(
        &self,
        request: Request<proto::ConfirmWithdrawalRequest>,
    ) -> Result<Response<proto::WithdrawalReply>, Status> {
        let caller = Caller::of_bank(request.extensions(), request.get_ref().bank_id)?;
        let command = Command::ConfirmWithdrawal(request.into_inner());
        cash_flow::withdrawal_step(&self.0, &caller, command).await
    }

    async fn reject_withdrawal(
        &self,
        request: Request<proto::RejectWithdrawalRequest>,
    ) -> Result<Response<proto::WithdrawalReply>, Status> {
        let caller = Caller::of_bank(request.extensions(), request.get_ref().bank_id)?;
        let command = Command::RejectWithdrawal(request.into_inner());
        cash_flow::withdrawal_step(&self.0, &caller, command).await
    }

    async fn list_withdrawals(
        &self,
        request: Request<proto::ListWithdrawalsRequest>,
    ) -> Result<Response<proto::ListWithdrawalsReply>, Status> {
        let asked = request.get_ref();
        let (account, bank) = (asked.account_id, asked.bank_id);
        let _caller = Caller::of_account_at_bank(request.extensions(), account, bank)?;
        cash_flow::list_withdrawals(&self.0, &request.into_inner()).await
    }

    async fn charge_fee(
        &self,
        request: Request<proto::ChargeFeeRequest>,
    ) -> Result<Response<proto::ChargeFeeReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let command = Command::ChargeFee(request.into_inner());
        let (stamp, balance) = cash_flow::balance_step(&self.0, &caller, command).await?;
        Ok(Response::new(proto::ChargeFeeReply { stamp: Some(stamp), balance: Some(balance) }))
    }

    async fn deposit_to_suspense(
        &self,
        request: Request<proto::DepositToSuspenseRequest>,
    ) -> Result<Response<proto::PotsReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let command = Command::DepositToSuspense(request.into_inner());
        cash_flow::pots_step(&self.0, &caller, command).await
    }

    async fn allocate_suspense(
        &self,
        request: Request<proto::AllocateSuspenseRequest>,
    ) -> Result<Response<proto::AllocateSuspenseReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let command = Command::AllocateSuspense(request.into_inner());
        let (stamp, balance) = cash_flow::balance_step(&self.0, &caller, command).await?;
        let reply = proto::AllocateSuspenseReply { stamp: Some(stamp), balance: Some(balance) };
        Ok(Response::new(reply))
    }

    async fn return_suspense(
        &self,
        request: Request<proto::ReturnSuspenseRequest>,
    ) -> Result<Response<proto::PotsReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let command = Command::ReturnSuspense(request.into_inner());
        cash_flow::pots_step(&self.0, &caller, command).await
    }

    async fn fund_reserve(
        &self,
        request: Request<proto::FundReserveRequest>,
    ) -> Result<Response<proto::PotsReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let command = Command::FundReserve(request.into_inner());
        cash_flow::pots_step(&self.0, &caller, command).await
    }

    async fn repay_reserve(
        &self,
        request: Request<proto::RepayReserveRequest>,
    ) -> Result<Response<proto::RepayReserveReply>, Status> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        cash_flow::repay_reserve(&self.0, &caller, request.into_inner()).await
    }

    async fn report_balance(
        &self,
        request: Request<proto::ReportBalanceRequest>,
    ) -> Result<Response<proto::ReportBalanceReply>, Status> {
        let caller = Caller::of_bank(request.extensions(), request.get_ref().bank_id)?;
        cash_flow::report_balance(&self.0, &caller, request.into_inner()).await
    }

    async fn get_reconciliation(
        &self,
        request: Request<proto::GetReconciliationRequest>,
    ) -> Result<Response<proto::GetReconciliationReply>, Status> {
        let _caller = Caller::of_bank(request.extensions(), request.get_ref().bank_id)?;
        cash_flow::reconciliation(&self.0, &request.into_inner()).await
    }

    async fn get_payment_instructions(
        &self,
        request: Request<proto::GetPaymentInstructionsRequest>,
    ) -> Result<Response<Self::GetPaymentInstructionsStream>, Status> {
        let _caller = Caller::of_bank(request.extensions(), request.get_ref().bank_id)?;
        cash_flow::payment_instructions(&self.0, &request.into_inner()).await
    }
}

/// Who may see names only sees no figures, except a bank its own.
fn show_to(caller: &Caller, bank: &mut Bank) {
    let own = caller.principal.role == Role::Bank
        && caller.principal.id() == Some(u64::from(bank.bank_id));
    if caller.scope == Scope::All || own {
        return;
    }
    bank.balance_yuan.clear();
    bank.deposited_yuan.clear();
    bank.interbank_yuan.clear();
    bank.withdrawn_yuan.clear();
    bank.proceeds_yuan.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::Principal;

    #[test]
    fn a_bank_sees_no_other_banks_figures() {
        let bank = |bank_id| Bank {
            bank_id,
            name: "a bank".into(),
            balance_yuan: "3.00".into(),
            deposited_yuan: "2.00".into(),
            interbank_yuan: "1.00".into(),
            withdrawn_yuan: "0.50".into(),
            proceeds_yuan: "0.25".into(),
        };
        let caller = |role, name: &str, scope| Caller {
            principal: Principal { role, name: name.into() },
            rpc: "registry.v1.CashService/ListBanks",
            scope,
        };
        let shown = |caller: &Caller, bank_id| {
            let mut shown = bank(bank_id);
            show_to(caller, &mut shown);
            shown
        };
        let own = caller(Role::Bank, "102", Scope::Names);
        assert_eq!(shown(&own, 102), bank(102));
        assert_eq!(shown(&own, 103).balance_yuan, "");
        assert_eq!(shown(&own, 103).withdrawn_yuan, "");
        assert_eq!(shown(&own, 103).proceeds_yuan, "");
        assert_eq!(shown(&own, 103).name, "a bank");
        assert_eq!(shown(&caller(Role::Registry, "officer-1", Scope::All), 103), bank(103));
        // A firm whose account number equals the bank's id is not the bank.
        let firm = shown(&caller(Role::Firm, "102", Scope::Names), 102);
        assert_eq!((firm.deposited_yuan.as_str(), firm.interbank_yuan.as_str()), ("", ""));
    }
}
