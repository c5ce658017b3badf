//! A settlement bank's side: what it needs to see, and what only it can say.

use registry_proto::registry::cash_service_client::CashServiceClient;
use registry_proto::registry::inclusive_service_client::InclusiveServiceClient;
use registry_proto::registry::pledge_service_client::PledgeServiceClient;
use registry_proto::registry::{
    Bank, ConfirmWithdrawalRequest, Consistency, DailyPrice, DeclareDefaultRequest,
    GetDailyPriceRequest, ListBanksRequest, PledgeReply, PledgeRequest, RedeemVoucherRequest,
    RejectWithdrawalRequest, ReleasePledgeRequest, ReportBalanceReply, ReportBalanceRequest,
    TakeProceedsReply, TakeProceedsRequest, VoucherReply, WithdrawalReply,
};

use crate::calls::{role_client, write_calls};
use crate::connect::Connector;
use crate::error::ClientError;
use crate::reads::ReadClient;

/// Calls with a settlement bank's identity.
#[derive(Clone, Debug)]
pub struct BankClient {
    connector: Connector,
    reads: ReadClient,
}

role_client!(BankClient);

impl BankClient {
    write_calls! { CashServiceClient:
        /// Says that a withdrawal was paid out.
        confirm_withdrawal(ConfirmWithdrawalRequest) -> WithdrawalReply;
        /// Says that a withdrawal is not paid out, and why.
        reject_withdrawal(RejectWithdrawalRequest) -> WithdrawalReply;
        /// Says what the bank holds at the end of a day.
        report_balance(ReportBalanceRequest) -> ReportBalanceReply;
    }

    write_calls! { PledgeServiceClient:
        /// Agrees to a pledge that was offered.
        accept_pledge(PledgeRequest) -> PledgeReply;
        /// Says no to it.
        decline_pledge(PledgeRequest) -> PledgeReply;
        /// Gives pledged tonnes back.
        release_pledge(ReleasePledgeRequest) -> PledgeReply;
        /// Takes other tonnes for those pledged.
        accept_substitution(PledgeRequest) -> PledgeReply;
        /// Says no to them.
        decline_substitution(PledgeRequest) -> PledgeReply;
        /// Declares the default.
        declare_default(DeclareDefaultRequest) -> PledgeReply;
        /// Takes what sales of pledged tonnes have brought.
        take_proceeds(TakeProceedsRequest) -> TakeProceedsReply;
    }

    write_calls! { InclusiveServiceClient:
        /// Says that the bank took a voucher.
        redeem_voucher(RedeemVoucherRequest) -> VoucherReply;
    }

    /// All settlement banks; figures only of the caller's own.
    ///
    /// # Errors
    /// Any [`ClientError`] but `Unknown`.
    pub async fn banks(&self) -> Result<Vec<Bank>, ClientError> {
        let consistency = Consistency::Linearizable.into();
        Ok(self.reads.list_banks(ListBanksRequest { consistency }).await?.banks)
    }

    /// One line of the price board.
    ///
    /// # Errors
    /// Any [`ClientError`] but `Unknown`.
    pub async fn daily_price(
        &self,
        instrument: &str,
        date: &str,
    ) -> Result<DailyPrice, ClientError> {
        let request = GetDailyPriceRequest {
            instrument: instrument.to_owned(),
            date: date.to_owned(),
            consistency: Consistency::Linearizable.into(),
        };
        let reply = self.reads.get_daily_price(request).await?;
        let nothing = || ClientError::Protocol("the answer holds no price".to_owned());
        reply.price.ok_or_else(nothing)
    }
}
