//! The registry officer's side: accounts, banks, instruments and the day's commands.

use registry_proto::registry::account_service_client::AccountServiceClient;
use registry_proto::registry::cash_service_client::CashServiceClient;
use registry_proto::registry::control_service_client::ControlServiceClient;
use registry_proto::registry::instrument_service_client::InstrumentServiceClient;
use registry_proto::registry::settlement_service_client::SettlementServiceClient;
use registry_proto::registry::{
    AllocateSuspenseReply, AllocateSuspenseRequest, ApproveReply, ApproveRequest, ChargeFeeReply,
    ChargeFeeRequest, ClearingReply, ControlReply, DayReply, DayRequest, DeclineRequest,
    DeliverDayReply, DepositReply, DepositRequest, DepositToSuspenseRequest, FundReserveRequest,
    HeldTradesRequest, MoveHoldingReply, MoveHoldingRequest, OpenAccountReply, OpenAccountRequest,
    OpenBankReply, OpenBankRequest, OpenDayRequest, PotsReply, ProposeReply, ProposeRequest,
    RaiseObjectionRequest, RegisterInstrumentReply, RegisterInstrumentRequest, RepayReserveReply,
    RepayReserveRequest, ReportBalanceReply, ReportBalanceRequest, RequestWithdrawalRequest,
    ResolveObjectionRequest, ReturnSuspenseRequest, SetHolidaysRequest, SetUsableUntilReply,
    SetUsableUntilRequest, TradeResultsReply, WithdrawRequest, WithdrawalReply,
};

use crate::calls::{role_client, write_calls};
use crate::connect::Connector;
use crate::deliver::{self, DeliveryReport};
use crate::error::ClientError;
use crate::reads::ReadClient;

/// Calls with a registry officer's identity.
#[derive(Clone, Debug)]
pub struct RegistryClient {
    pub(crate) connector: Connector,
    reads: ReadClient,
}

role_client!(RegistryClient);

impl RegistryClient {
    write_calls! { AccountServiceClient:
        /// Opens the account of a legal entity.
        open_account(OpenAccountRequest) -> OpenAccountReply;
        /// Moves allowances between the registered and the trading position (划转).
        move_holding(MoveHoldingRequest) -> MoveHoldingReply;
    }

    write_calls! { CashServiceClient:
        /// Admits a settlement bank.
        open_bank(OpenBankRequest) -> OpenBankReply;
        /// Credits money that a bank reports as received for an account.
        deposit(DepositRequest) -> DepositReply;
        /// Sets money of an account aside until the bank has paid it out.
        request_withdrawal(RequestWithdrawalRequest) -> WithdrawalReply;
        /// Takes a fee from an account.
        charge_fee(ChargeFeeRequest) -> ChargeFeeReply;
        /// Takes in money whose owner is not known.
        deposit_to_suspense(DepositToSuspenseRequest) -> PotsReply;
        /// Gives money in suspense to its owner.
        allocate_suspense(AllocateSuspenseRequest) -> AllocateSuspenseReply;
        /// Sends money in suspense back where it came from.
        return_suspense(ReturnSuspenseRequest) -> PotsReply;
        /// Fills a bank's settlement risk reserve up.
        fund_reserve(FundReserveRequest) -> PotsReply;
        /// Pays back what the reserve paid for an account.
        repay_reserve(RepayReserveRequest) -> RepayReserveReply;
        /// Notes what a bank says that it holds.
        report_balance(ReportBalanceRequest) -> ReportBalanceReply;
    }

    write_calls! { InstrumentServiceClient:
        /// Makes an instrument known.
        register_instrument(RegisterInstrumentRequest) -> RegisterInstrumentReply;
        /// Says until when an instrument can meet obligations.
        set_usable_until(SetUsableUntilRequest) -> SetUsableUntilReply;
    }

    write_calls! { ControlServiceClient:
        /// Asks for a command that needs two people.
        propose(ProposeRequest) -> ProposeReply;
        /// Approves what another officer proposed: it is carried out.
        approve(ApproveRequest) -> ApproveReply;
        /// Declines what another officer proposed.
        decline(DeclineRequest) -> ControlReply;
        /// Takes an own proposal back.
        withdraw(WithdrawRequest) -> ControlReply;
    }

    write_calls! { SettlementServiceClient:
        /// Replaces the list of holidays.
        set_holidays(SetHolidaysRequest) -> DayReply;
        /// Opens a settlement day.
        open_day(OpenDayRequest) -> DayReply;
        /// Computes what every entity and bank owes.
        clear_day(DayRequest) -> ClearingReply;
        /// Tries held trades again.
        retry_held(HeldTradesRequest) -> TradeResultsReply;
        /// Ends held trades after the top-up deadline.
        fail_held(HeldTradesRequest) -> TradeResultsReply;
        /// Issues the day's statements.
        issue_statements(DayRequest) -> DayReply;
        /// Records an entity's objection to its statement.
        raise_objection(RaiseObjectionRequest) -> DayReply;
        /// Answers an objection.
        resolve_objection(ResolveObjectionRequest) -> DayReply;
        /// Makes the day final.
        finalize_day(DayRequest) -> DayReply;
    }

    /// Delivers a confirmed day and hands over each result once, in the order
    /// of acceptance, across broken streams and leader changes.
    ///
    /// # Errors
    /// Any [`ClientError`]; calling again goes on where the day stands.
    pub async fn deliver_day(
        &self,
        date: &str,
        after_sequence: u64,
        on_results: impl FnMut(&DeliverDayReply),
    ) -> Result<DeliveryReport, ClientError> {
        Box::pin(deliver::deliver_day(&self.connector, date, after_sequence, on_results)).await
    }
}
