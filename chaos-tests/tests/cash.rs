//! Money outside trades through the client port: who may do what, what banks
//! see, and a file of payment instructions written by `registryctl`.

use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{Market, bank_of, open_day};
use registry_chaos_tests::scratch;
use registry_client::pki::{self, Role};
use registry_client::proto::{
    AllocateSuspenseRequest, ChargeFeeRequest, ConfirmWithdrawalRequest, Consistency,
    DepositToSuspenseRequest, FundReserveRequest, GetPaymentInstructionsRequest,
    GetReconciliationRequest, ListWithdrawalsRequest, RejectWithdrawalRequest, RepayReserveRequest,
    ReportBalanceRequest, RequestWithdrawalRequest, ReturnSuspenseRequest,
};
use registry_client::{BankClient, ClientError, ReadClient, RegistryClient};

const DATE: &str = "2021-12-16";
const FIRMS: u64 = 16;
const TRADES: u64 = 200;
const RTT: Duration = Duration::from_millis(2);

fn reason<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> String {
    match outcome {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.reason().unwrap_or("no reason").to_owned(),
    }
}

/// Firm 1, its bank, and another bank.
struct Parties {
    registry: RegistryClient,
    firm: RegistryClient,
    bank_id: u32,
    bank: BankClient,
    other: BankClient,
}

impl Parties {
    fn of(cluster: &Cluster) -> anyhow::Result<Self> {
        pki::issue_user(&cluster.plan().pki_dir(), Role::Firm, "1")?;
        let (bank_id, other_id) = (bank_of(1), bank_of(2));
        let bank = |id: u32| -> anyhow::Result<BankClient> {
            Ok(BankClient::new(cluster.connect_as(&format!("bank-{id}"))?))
        };
        Ok(Self {
            registry: cluster.registry()?,
            firm: RegistryClient::new(cluster.connect_as("firm-1")?),
            bank_id,
            bank: bank(bank_id)?,
            other: bank(other_id)?,
        })
    }

    fn withdrawal(&self, account_id: u64, amount: &str) -> RequestWithdrawalRequest {
        let (bank_id, amount_yuan) = (self.bank_id, amount.to_owned());
        RequestWithdrawalRequest { account_id, bank_id, amount_yuan, ..Default::default() }
    }

    fn confirmation(&self, withdrawal_id: u64) -> ConfirmWithdrawalRequest {
        let bank_id = self.bank_id;
        ConfirmWithdrawalRequest { bank_id, withdrawal_id, ..Default::default() }
    }

    async fn open(&self, reads: &ReadClient, account_id: u64) -> Result<Vec<u64>, ClientError> {
        let linearizable = Consistency::Linearizable;
        let found = reads.all_withdrawals(self.bank_id, account_id, linearizable).await?;
        Ok(found.iter().map(|withdrawal| withdrawal.withdrawal_id).collect())
    }
}

async fn withdrawals(of: &Parties) -> anyhow::Result<()> {
    // A firm asks for its own money only; numbers count over all.
    assert_eq!(reason(of.firm.request_withdrawal(of.withdrawal(2, "1.00")).await), DENIED);
    for number in 1..=3 {
        let asked = of.firm.request_withdrawal(of.withdrawal(1, "10.00")).await?;
        assert_eq!(asked.withdrawal.expect("a withdrawal").withdrawal_id, number);
    }
    assert_eq!(of.open(of.registry.reads(), 0).await?, [1, 2, 3]);
    assert_eq!(of.open(of.bank.reads(), 0).await?, [1, 2, 3]);
    assert_eq!(of.open(of.firm.reads(), 1).await?, [1, 2, 3]);
    assert_eq!(reason(of.open(of.firm.reads(), 0).await), DENIED);
    assert_eq!(reason(of.open(of.other.reads(), 0).await), DENIED);
    let everybody = ListWithdrawalsRequest::default();
    assert_eq!(reason(of.bank.reads().list_withdrawals(everybody).await), DENIED);
    let page = ListWithdrawalsRequest { page_size: 2, ..Default::default() };
    let page = of.registry.reads().list_withdrawals(page).await?;
    assert_eq!((page.withdrawals.len(), page.next_after_withdrawal_id), (2, 2));

    // The bank answers, and nobody for it.
    let registry = BankClient::new(of.registry.connector().clone());
    assert_eq!(reason(registry.confirm_withdrawal(of.confirmation(1)).await), DENIED);
    assert_eq!(reason(of.other.confirm_withdrawal(of.confirmation(1)).await), DENIED);
    let foreign = ConfirmWithdrawalRequest { bank_id: bank_of(2), ..of.confirmation(1) };
    assert_eq!(reason(of.other.confirm_withdrawal(foreign).await), "UNKNOWN_WITHDRAWAL");
    of.bank.confirm_withdrawal(of.confirmation(1)).await?;
    assert_eq!(reason(of.bank.confirm_withdrawal(of.confirmation(1)).await), "WITHDRAWAL_CLOSED");
    let (bank_id, withdrawal_id) = (of.bank_id, 2);
    let refusal = RejectWithdrawalRequest {
        bank_id,
        withdrawal_id,
        reason: "account closed".to_owned(),
        ..Default::default()
    };
    let refused = of.bank.reject_withdrawal(refusal).await?;
    let balance = refused.balance.expect("a balance");
    assert_eq!(
        (balance.available_yuan.as_str(), balance.pending_out_yuan.as_str()),
        ("999999980.00", "10.00")
    );
    assert_eq!(of.open(of.bank.reads(), 0).await?, [3]);
    Ok(())
}

async fn pots(of: &Parties) -> anyhow::Result<()> {
    let bank_id = of.bank_id;
    let document = || "letter 7".to_owned();
    let fee = ChargeFeeRequest {
        account_id: 1,
        bank_id,
        amount_yuan: "5.00".to_owned(),
        document: document(),
        ..Default::default()
    };
    of.registry.charge_fee(fee.clone()).await?;
    assert_eq!(reason(of.firm.charge_fee(fee).await), DENIED);
    let unknown = DepositToSuspenseRequest {
        bank_id,
        amount_yuan: "70.00".to_owned(),
        reference: "no account named".to_owned(),
        ..Default::default()
    };
    of.registry.deposit_to_suspense(unknown).await?;
    let found = AllocateSuspenseRequest {
        bank_id,
        account_id: 1,
        amount_yuan: "20.00".to_owned(),
        document: document(),
        ..Default::default()
    };
    of.registry.allocate_suspense(found).await?;
    let back = ReturnSuspenseRequest {
        bank_id,
        amount_yuan: "10.00".to_owned(),
        document: document(),
        ..Default::default()
    };
    of.registry.return_suspense(back).await?;
    let fund = FundReserveRequest {
        bank_id,
        amount_yuan: "300.00".to_owned(),
        document: document(),
        ..Default::default()
    };
    let pots = of.registry.fund_reserve(fund).await?.pots.expect("pots");
    let shown = [&pots.fees_yuan, &pots.reserve_yuan, &pots.suspense_yuan, &pots.withdrawn_yuan];
    assert_eq!(shown, ["5.00", "300.00", "40.00", "20.00"]);
    let repay = RepayReserveRequest {
        account_id: 1,
        bank_id,
        amount_yuan: "1.00".to_owned(),
        ..Default::default()
    };
    assert_eq!(reason(of.firm.repay_reserve(repay).await), "UNKNOWN_CLAIM");
    Ok(())
}

async fn reports(of: &Parties) -> anyhow::Result<()> {
    let bank_id = of.bank_id;
    let asked = GetReconciliationRequest { bank_id, ..Default::default() };
    let before = of.bank.reads().get_reconciliation(asked).await?.banks.remove(0);
    assert_eq!((before.reported_yuan.as_str(), before.difference_yuan.as_str()), ("", ""));
    let report = ReportBalanceRequest {
        bank_id,
        as_of_date: DATE.to_owned(),
        balance_yuan: "1.00".to_owned(),
        ..Default::default()
    };
    assert_eq!(reason(of.other.report_balance(report.clone()).await), DENIED);
    of.bank.report_balance(report.clone()).await?;
    // Corrected by the registry.
    let report = ReportBalanceRequest { balance_yuan: before.expected_yuan.clone(), ..report };
    let registry = BankClient::new(of.registry.connector().clone());
    assert_eq!(registry.report_balance(report).await?.difference_yuan, "0.00");
    let after = of.registry.reads().get_reconciliation(asked).await?.banks.remove(0);
    assert_eq!(
        (&after.reported_yuan, after.difference_yuan.as_str()),
        (&before.expected_yuan, "0.00")
    );
    assert_eq!(after.reported_as_of_date, DATE);
    let all = GetReconciliationRequest::default();
    assert_eq!(of.registry.reads().get_reconciliation(all).await?.banks.len(), 8);
    assert_eq!(reason(of.bank.reads().get_reconciliation(all).await), DENIED);
    Ok(())
}

async fn instructions(cluster: &Cluster, of: &Parties, day: &ExchangeDay) -> anyhow::Result<()> {
    let asked = |bank_id| GetPaymentInstructionsRequest {
        date: DATE.to_owned(),
        bank_id,
        ..Default::default()
    };
    let bank = of.bank.reads();
    assert_eq!(reason(bank.payment_instructions(asked(of.bank_id)).await), "DAY_STATE");
    let exchange = cluster.exchange()?;
    day.submit(&exchange, 100, |_| {}).await?;
    day.confirm(&of.registry, &exchange).await?;
    exchange.deliver_day(DATE, 0, |_| {}).await?;

    // Hash and sums were checked by the client; what all banks get is nothing.
    let found = bank.payment_instructions(asked(of.bank_id)).await?;
    assert_eq!(found.lines.len(), 2, "two of {FIRMS} firms are at each bank");
    assert_eq!(reason(bank.payment_instructions(asked(bank_of(2))).await), DENIED);
    let mut sum = 0;
    for bank_id in pki::SAMPLE_BANKS {
        let found = of.registry.reads().payment_instructions(asked(bank_id)).await?;
        sum += registry_client::amount::parse_signed_fen(&found.totals.net_yuan)?;
        assert_eq!(found.totals.held_trades, 0);
    }
    assert_eq!(sum, 0);

    let out = cluster.plan().work_dir().join("payments.csv");
    let bank = of.bank_id.to_string();
    let arguments = ["cash", "instructions", "--date", DATE, "--bank", &bank, "--out"];
    let arguments = arguments.map(AsRef::as_ref).into_iter().chain([out.as_os_str()]);
    cluster.registryctl(&format!("bank-{bank}"), arguments).await?;
    let text = std::fs::read_to_string(out)?;
    let hash = registry_client::hex(&found.totals.payments_sha256);
    assert!(text.ends_with(&format!("payments_sha256,,{hash}\n")), "{text}");
    for line in &found.lines {
        let row = format!("payment_yuan,{},{}\n", line.account_id, line.net_yuan);
        assert!(text.contains(&row), "{row} is not in {text}");
    }
    Ok(())
}

const DENIED: &str = "NOT_AUTHORISED";

#[tokio::test(flavor = "multi_thread")]
async fn money_outside_trades_is_moved_by_those_who_may() -> anyhow::Result<()> {
    let plan = scratch::plan("cash", Layout::SingleCity, |_| {})?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    let registry = cluster.registry()?;
    let market = Market::set_up(&cluster.officers()?, FIRMS, 1_000_000, 100_000_000_000).await?;
    let of = Parties::of(&cluster)?;
    let account = registry.reads().all_accounts(Consistency::Linearizable).await?.remove(0);
    assert_eq!(account.cash[0].available_yuan, "1000000000.00");
    withdrawals(&of).await?;
    pots(&of).await?;
    reports(&of).await?;
    registry.open_day(open_day(DATE)).await?;
    let day = ExchangeDay::new(DATE, market.trades(DATE, 1, TRADES)?)?;
    let done = instructions(&cluster, &of, &day).await;
    cluster.with_logs(done)
}
