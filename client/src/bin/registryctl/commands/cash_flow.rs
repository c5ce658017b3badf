//! Money outside trades: withdrawals, fees, suspense, the reserve, banks'
//! balances.

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    AllocateSuspenseRequest, ChargeFeeRequest, ConfirmWithdrawalRequest, DepositToSuspenseRequest,
    FundReserveRequest, GetReconciliationRequest, ListWithdrawalsRequest, PotsReply,
    RejectWithdrawalRequest, RepayReserveRequest, ReportBalanceRequest, RequestWithdrawalRequest,
    ReserveUse, ReturnSuspenseRequest, WithdrawalReply,
};

use super::bank::in_yuan;
use super::control;
use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::{account, cash, stamp};

/// Money of an account at a bank.
#[derive(Debug, Args)]
pub(crate) struct AccountMoney {
    /// The account's number.
    #[arg(long)]
    account: u64,
    #[command(flatten)]
    money: BankMoney,
}

/// Money at a bank.
#[derive(Debug, Args)]
pub(crate) struct BankMoney {
    /// The bank's code.
    #[arg(long)]
    bank: u32,
    /// Yuan with at most two decimals, e.g. 1200.50.
    #[arg(long, allow_hyphen_values = true)]
    amount: String,
}

/// A withdrawal that a bank answers.
#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The bank's code, the caller's own.
    #[arg(long)]
    bank: u32,
    /// The withdrawal's number.
    #[arg(long)]
    withdrawal: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    answer: Answer,
    /// Why, 1 to 200 bytes.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Withdrawals {
    /// Only at this bank.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    bank: u32,
    /// Only this account's.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    account: u64,
    /// Start after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Withdrawals per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Fee {
    #[command(flatten)]
    money: AccountMoney,
    /// Reference of the tariff or the bill.
    #[arg(long)]
    document: String,
}

/// Money that arrived without an owner who is known.
#[derive(Debug, Subcommand)]
pub(crate) enum SuspenseCommand {
    /// Take it in.
    Deposit(SuspenseDeposit),
    /// Give it to its owner.
    Allocate(Fee),
    /// Send it back.
    Return(WithDocument),
}

#[derive(Debug, Args)]
pub(crate) struct SuspenseDeposit {
    #[command(flatten)]
    money: BankMoney,
    /// What the bank says of the payment.
    #[arg(long)]
    reference: String,
}

#[derive(Debug, Args)]
pub(crate) struct WithDocument {
    #[command(flatten)]
    money: BankMoney,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
}

/// The settlement risk reserve (结算风险准备金).
#[derive(Debug, Subcommand)]
pub(crate) enum ReserveCommand {
    /// Fill a bank's reserve up.
    Fund(WithDocument),
    /// Pay back what the reserve paid for an account.
    Repay(AccountMoney),
    /// Propose to deliver a trade that is held for cash with the reserve.
    Use(Cover),
}

#[derive(Debug, Args)]
pub(crate) struct Cover {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// The trade's number.
    #[arg(long)]
    trade: u64,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The bank's code.
    #[arg(long)]
    bank: u32,
    /// The balance at the end of this day, YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// Yuan with at most two decimals.
    #[arg(long, allow_hyphen_values = true)]
    balance: String,
}

#[derive(Debug, Args)]
pub(crate) struct Reconciliation {
    /// Only this bank; a bank must name itself.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    bank: u32,
}

impl AccountMoney {
    pub(super) async fn withdraw(&self, global: &Global) -> Result<Page> {
        let request = RequestWithdrawalRequest {
            request_id: global.write_id(),
            account_id: self.account,
            bank_id: self.money.bank,
            amount_yuan: self.money.amount.clone(),
        };
        let reply = global.registry()?.request_withdrawal(request).await;
        Ok(withdrawal_page(&reply.map_err(|error| self.money.told(error))?, "ASKED"))
    }

    async fn repay(&self, global: &Global) -> Result<Page> {
        let request = RepayReserveRequest {
            request_id: global.write_id(),
            account_id: self.account,
            bank_id: self.money.bank,
            amount_yuan: self.money.amount.clone(),
        };
        let reply = global.registry()?.repay_reserve(request).await;
        let reply = reply.map_err(|error| self.money.told(error))?;
        let record = Record::default()
            .with("account_id", self.account)
            .and(account::cash(&reply.balance.unwrap_or_default()))
            .with("claim_yuan", reply.claim_yuan);
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }
}

impl BankMoney {
    /// Nodes count in fen; the sentence shall have what was typed.
    fn told(&self, error: registry_client::ClientError) -> registry_client::ClientError {
        in_yuan(error, "--amount", &self.amount)
    }
}

impl Answer {
    pub(super) async fn confirm(&self, global: &Global) -> Result<Page> {
        let request = ConfirmWithdrawalRequest {
            request_id: global.write_id(),
            bank_id: self.bank,
            withdrawal_id: self.withdrawal,
        };
        Ok(withdrawal_page(&global.bank()?.confirm_withdrawal(request).await?, "PAID"))
    }
}

impl Reject {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = RejectWithdrawalRequest {
            request_id: global.write_id(),
            bank_id: self.answer.bank,
            withdrawal_id: self.answer.withdrawal,
            reason: self.reason.clone(),
        };
        Ok(withdrawal_page(&global.bank()?.reject_withdrawal(request).await?, "REFUSED"))
    }
}

/// The withdrawal after this step, with the states of docs/market.md.
fn withdrawal_page(reply: &WithdrawalReply, status: &'static str) -> Page {
    let balance = reply.balance.clone().unwrap_or_default();
    let record = cash::withdrawal(&reply.withdrawal.clone().unwrap_or_default())
        .with("status", status)
        .with("available_yuan", balance.available_yuan)
        .with("pending_out_yuan", balance.pending_out_yuan);
    Page::default().one(record).stamp(stamp(reply.stamp))
}

impl Withdrawals {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListWithdrawalsRequest {
            bank_id: self.bank,
            account_id: self.account,
            after_withdrawal_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_withdrawals(request).await?;
        let next = reply.next_after_withdrawal_id;
        Ok(Page::default()
            .many("withdrawals", reply.withdrawals.iter().map(cash::withdrawal).collect())
            .one(Record::default().with("next_after_withdrawal_id", next))
            .stamp(stamp(reply.stamp)))
    }
}

impl Fee {
    pub(super) async fn charge(&self, global: &Global) -> Result<Page> {
        let AccountMoney { account, money } = &self.money;
        let request = ChargeFeeRequest {
            request_id: global.write_id(),
            account_id: *account,
            bank_id: money.bank,
            amount_yuan: money.amount.clone(),
            document: self.document.clone(),
        };
        let reply = global.registry()?.charge_fee(request).await;
        let reply = reply.map_err(|error| money.told(error))?;
        let balance = account::cash(&reply.balance.unwrap_or_default());
        let record = Record::default().with("account_id", *account).and(balance);
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }

    async fn allocate(&self, global: &Global) -> Result<Page> {
        let AccountMoney { account, money } = &self.money;
        let request = AllocateSuspenseRequest {
            request_id: global.write_id(),
            bank_id: money.bank,
            account_id: *account,
            amount_yuan: money.amount.clone(),
            document: self.document.clone(),
        };
        let reply = global.registry()?.allocate_suspense(request).await;
        let reply = reply.map_err(|error| money.told(error))?;
        let balance = account::cash(&reply.balance.unwrap_or_default());
        let record = Record::default().with("account_id", *account).and(balance);
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }
}

impl SuspenseCommand {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Deposit(deposit) => deposit.run(global).await,
            Self::Allocate(fee) => fee.allocate(global).await,
            Self::Return(back) => back.give_back(global).await,
        }
    }
}

impl ReserveCommand {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Fund(fund) => fund.fund(global).await,
            Self::Repay(money) => money.repay(global).await,
            Self::Use(cover) => {
                let cover = ReserveUse {
                    date: cover.date.clone(),
                    trade_number: cover.trade,
                    document: cover.document.clone(),
                };
                control::propose(global, Command::ReserveUse(cover)).await
            }
        }
    }
}

impl SuspenseDeposit {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = DepositToSuspenseRequest {
            request_id: global.write_id(),
            bank_id: self.money.bank,
            amount_yuan: self.money.amount.clone(),
            reference: self.reference.clone(),
        };
        let reply = global.registry()?.deposit_to_suspense(request).await;
        Ok(pots_page(&reply.map_err(|error| self.money.told(error))?))
    }
}

impl WithDocument {
    async fn give_back(&self, global: &Global) -> Result<Page> {
        let request = ReturnSuspenseRequest {
            request_id: global.write_id(),
            bank_id: self.money.bank,
            amount_yuan: self.money.amount.clone(),
            document: self.document.clone(),
        };
        let reply = global.registry()?.return_suspense(request).await;
        Ok(pots_page(&reply.map_err(|error| self.money.told(error))?))
    }

    async fn fund(&self, global: &Global) -> Result<Page> {
        let request = FundReserveRequest {
            request_id: global.write_id(),
            bank_id: self.money.bank,
            amount_yuan: self.money.amount.clone(),
            document: self.document.clone(),
        };
        let reply = global.registry()?.fund_reserve(request).await;
        Ok(pots_page(&reply.map_err(|error| self.money.told(error))?))
    }
}

fn pots_page(reply: &PotsReply) -> Page {
    let pots = cash::pots(&reply.pots.clone().unwrap_or_default());
    Page::default().one(pots).stamp(stamp(reply.stamp))
}

impl Report {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = ReportBalanceRequest {
            request_id: global.write_id(),
            bank_id: self.bank,
            as_of_date: self.date.clone(),
            balance_yuan: self.balance.clone(),
        };
        let reply = global.bank()?.report_balance(request).await?;
        let record = Record::default()
            .with("bank_id", reply.bank_id)
            .with("expected_yuan", reply.expected_yuan)
            .with("reported_yuan", reply.reported_yuan)
            .with("difference_yuan", reply.difference_yuan);
        Ok(Page::default().one(record).stamp(stamp(reply.stamp)))
    }
}

impl Reconciliation {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let consistency = global.consistency();
        let bank_id = self.bank;
        let request = GetReconciliationRequest { bank_id, consistency, ..Default::default() };
        let reply = global.reads()?.whole_reconciliation(request).await?;
        Ok(Page::default()
            .many("banks", reply.banks.iter().map(cash::reconciliation).collect())
            .many("claims", reply.claims.iter().map(cash::claim).collect())
            .stamp(stamp(reply.stamp)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answered_withdrawal_tells_what_became_of_it() {
        let told = withdrawal_page(&WithdrawalReply::default(), "PAID").json();
        assert_eq!(told["status"], "PAID");
    }
}
