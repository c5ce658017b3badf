//! A year of many firms on six nodes in two cities: allocated, emitted,
//! surrendered while a settlement day delivers and the leader dies; what is missing
//! shows, who may do what is kept to, and the journal adds up.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use prost::Message as _;
use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{INSTRUMENT, Market, credit_code};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_chaos_tests::year::YearEnd;
use registry_client::journal::audit_node;
use registry_client::pki::{self, Role};
use registry_client::proto::approve_reply::Result as Approved;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    AllocationKind, AllocationOrder, ApplySurrenderRequest, ApproveRequest,
    ApproveSurrenderRequest, CancelUnitsRequest, CarryOverOrder, Consistency, ControlledCommand,
    DeclineSurrenderRequest, EmissionsCorrection, GetAccountRequest, GetObligationRequest,
    GetOverviewRequest, GetProvinceRequest, Instrument, ListCancellationsRequest,
    ListComplianceRequest, ListInstrumentsRequest, ListObligationsRequest, ListProposalsRequest,
    NonTradeTransfer, ProposeRequest, RecallOrder, TransferCause, WithdrawRequest,
};
use registry_client::{
    BankClient, ClientError, ExchangeClient, ProvinceClient, RegistryClient, TwoOfficers,
};

use sha2::{Digest as _, Sha256};

const DATE: &str = "2021-12-16";
const YEAR: u32 = 2020;
const FIRMS: u64 = 40;
const TRADES: u64 = 4_000;
const CHUNK_TRADES: usize = 500;
const RTT: Duration = Duration::from_millis(2);
/// Calls under way at once.
const CALLERS: usize = 16;
/// Generous: a new leader, or a node that catches up.
const PATIENCE: Duration = Duration::from_secs(60);
/// So many surrenders are there when the leader dies.
const SOME: u32 = 8;
const HUBEI: u32 = 42;
const SHANGHAI: u32 = 31;
const ISSUED: i64 = 5_000_000;
const ALLOCATED: i64 = 50_000;
const TRUE_UP: i64 = 30;
const CCER: &str = "CCER";
const DENIED: &str = "NOT_AUTHORISED";

fn reason<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> String {
    match outcome {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.reason().unwrap_or("no reason").to_owned(),
    }
}

/// Odd firms are Hubei's.
fn province_of(firm: u64) -> u32 {
    if firm % 2 == 1 { HUBEI } else { SHANGHAI }
}

/// What a firm emitted.
fn emitted(firm: u64) -> i64 {
    40_000 + firm.cast_signed()
}

/// What a firm surrenders in allowances, and in reductions: all, half, or
/// nothing that its province approves.
fn surrenders(firm: u64) -> (i64, i64) {
    match firm % 5 {
        0 => (emitted(firm) / 2, 0),
        1 => (emitted(firm) - emitted(firm) / 20, emitted(firm) / 20),
        2 => (0, 0),
        _ => (emitted(firm), 0),
    }
}

async fn for_all_firms<F, T>(each: F) -> anyhow::Result<()>
where
    F: Fn(u64) -> T,
    T: Future<Output = anyhow::Result<()>>,
{
    futures::stream::iter(1..=FIRMS).map(each).buffer_unordered(CALLERS).try_collect().await
}

struct Parties {
    year: YearEnd,
    exchange: ExchangeClient,
    firm: RegistryClient,
    bank: BankClient,
}

impl Parties {
    fn of(cluster: &Cluster) -> anyhow::Result<Self> {
        pki::issue_user(&cluster.plan().pki_dir(), Role::Firm, "1")?;
        Ok(Self {
            year: YearEnd::new(cluster, YEAR, &[HUBEI, SHANGHAI])?,
            exchange: cluster.exchange()?,
            firm: RegistryClient::new(cluster.connect_as("firm-1")?),
            bank: BankClient::new(cluster.connect_as("bank-102")?),
        })
    }

    fn registry(&self) -> &RegistryClient {
        self.year.registry()
    }

    fn officers(&self) -> &TwoOfficers {
        self.year.officers()
    }

    fn provinces(&self) -> &BTreeMap<u32, ProvinceClient> {
        self.year.provinces()
    }

    async fn decided(&self, command: Command) -> anyhow::Result<Approved> {
        Ok(self.officers().carry_out("", command).await?.result.expect("a result"))
    }

    async fn instrument(&self, code: &str) -> anyhow::Result<Instrument> {
        let all =
            self.registry().reads().list_instruments(ListInstrumentsRequest::default()).await?;
        Ok(all.instruments.into_iter().find(|of| of.instrument == code).expect("registered"))
    }

    /// Provinces get accounts and tonnes, firms get provinces.
    async fn prepare(&self) -> anyhow::Result<()> {
        for instrument in [CCER, "CEA-2025"] {
            self.year.register(instrument).await?;
        }
        for (number, province) in [(FIRMS + 1, HUBEI), (FIRMS + 2, SHANGHAI)] {
            let account_id = self.year.open_authority(province, credit_code(number)).await?;
            assert_eq!(account_id, number);
            self.year.issue(account_id, INSTRUMENT, ISSUED).await?;
        }
        for_all_firms(|firm| async move {
            self.year.assign(firm, province_of(firm)).await?;
            self.year.issue(firm, CCER, 10_000).await
        })
        .await
    }

    /// Pre-allocation to every firm, then its verified emissions.
    async fn allocate_and_verify(&self) -> anyhow::Result<()> {
        for_all_firms(|firm| async move {
            let province = province_of(firm);
            self.year.allocate(province, firm, INSTRUMENT, ALLOCATED).await?;
            self.year.verify_emissions(province, firm, emitted(firm)).await
        })
        .await
    }

    /// Every firm asks; its province approves all but the ones that are due
    /// nothing.
    async fn surrender(&self) -> anyhow::Result<()> {
        for_all_firms(|firm| async move {
            let (province, (allowances, reductions)) = (province_of(firm), surrenders(firm));
            if allowances == 0 {
                let surrender_id = self.year.apply(firm, INSTRUMENT, 1_000).await?.surrender_id;
                let reason = "wrong year".to_owned();
                let request = DeclineSurrenderRequest {
                    province,
                    surrender_id,
                    reason,
                    ..Default::default()
                };
                self.provinces()[&province].decline_surrender(request).await?;
                return Ok(());
            }
            for (instrument, tonnes) in [(INSTRUMENT, allowances), (CCER, reductions)] {
                if tonnes > 0 {
                    self.year.surrender(province, firm, instrument, tonnes).await?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The day delivers at the same time.
    async fn settle(&self, day: &ExchangeDay) -> anyhow::Result<()> {
        let delivered = day.settle(self.registry(), &self.exchange, CHUNK_TRADES).await?;
        assert_eq!(delivered, TRADES);
        Ok(())
    }
}

async fn shortfalls(of: &Parties) -> anyhow::Result<()> {
    let expected: BTreeMap<u64, i64> = (1..=FIRMS)
        .map(|firm| (firm, emitted(firm) - surrenders(firm).0 - surrenders(firm).1))
        .collect();
    let linearizable = Consistency::Linearizable;
    let report = of.registry().reads().all_obligations(YEAR, 0, false, linearizable).await?;
    let found = report.iter().map(|line| (line.account_id, line.shortfall_tco2e)).collect();
    assert_eq!(expected, found);
    for (province, authority) in of.provinces() {
        let short = authority.reads().all_obligations(YEAR, *province, true, linearizable).await?;
        let found: Vec<_> = short.iter().map(|line| line.account_id).collect();
        let missing = |firm: &u64| expected[firm] > 0 && province_of(*firm) == *province;
        assert_eq!(found, (1..=FIRMS).filter(missing).collect::<Vec<_>>());
    }
    // Page by page, the same.
    let (mut paged, mut after_account_id) = (0, 0);
    loop {
        let page = ListObligationsRequest {
            year: YEAR,
            after_account_id,
            page_size: 7,
            ..Default::default()
        };
        let page = of.registry().reads().list_obligations(page).await?;
        paged += page.obligations.len() as u64;
        after_account_id = page.next_after_account_id;
        if after_account_id == 0 {
            break;
        }
    }
    assert_eq!(paged, FIRMS);
    Ok(())
}

/// What its own account gives, and nothing else; an officer approves.
async fn a_province_proposes(of: &Parties) -> anyhow::Result<()> {
    let order = |province, account_id| AllocationOrder {
        province,
        account_id,
        instrument: INSTRUMENT.to_owned(),
        kind: AllocationKind::TrueUp.into(),
        quantity_tco2e: TRUE_UP,
        document: "true-up".to_owned(),
    };
    let hubei = &of.provinces()[&HUBEI];
    let propose = |command| {
        let content = ControlledCommand { command: Some(command) }.encode_to_vec();
        ProposeRequest { content: content.into(), ..Default::default() }
    };
    let foreign = propose(Command::Allocation(order(SHANGHAI, 2)));
    assert_eq!(reason(hubei.propose(foreign).await), DENIED);
    let recall = RecallOrder { account_id: 1, ..Default::default() };
    assert_eq!(reason(hubei.propose(propose(Command::Recall(recall))).await), DENIED);
    // It sees its own proposals only, and may take them back.
    let mistaken = hubei.propose(propose(Command::Allocation(order(HUBEI, 3)))).await?;
    let waiting = hubei.reads().list_proposals(ListProposalsRequest::default()).await?.proposals;
    let seen: Vec<_> = waiting.iter().map(|open| open.proposal_id).collect();
    assert_eq!(seen, [mistaken.proposal_id]);
    let shanghai = &of.provinces()[&SHANGHAI];
    let theirs = shanghai.reads().list_proposals(ListProposalsRequest::default()).await?.proposals;
    assert!(theirs.is_empty(), "{theirs:?}");
    let proposal_id = mistaken.proposal_id;
    let back = || WithdrawRequest { proposal_id, ..Default::default() };
    assert_eq!(reason(shanghai.withdraw(back()).await), "NOT_MAKER");
    hubei.withdraw(back()).await?;
    // What nobody approves in time ends by itself.
    let mut brief = propose(Command::Allocation(order(HUBEI, 3)));
    brief.time_to_live_ms = 1;
    let content_sha256 = Sha256::digest(&brief.content).to_vec().into();
    let proposal_id = hubei.propose(brief).await?.proposal_id;
    eventually("the end of a proposal", PATIENCE, || async {
        let open = hubei.reads().list_proposals(ListProposalsRequest::default()).await?.proposals;
        Ok(open.is_empty().then_some(()))
    })
    .await?;
    let late = ApproveRequest { proposal_id, content_sha256, ..Default::default() };
    assert_eq!(reason(of.registry().approve(late).await), "UNKNOWN_PROPOSAL");
    let own = propose(Command::Allocation(order(HUBEI, 1)));
    let content_sha256 = Sha256::digest(&own.content).to_vec().into();
    let proposal_id = hubei.propose(own).await?.proposal_id;
    let approval = ApproveRequest { proposal_id, content_sha256, ..Default::default() };
    let done = of.registry().approve(approval).await?.result;
    let Some(Approved::Allocation(entry)) = done else { anyhow::bail!("no allocation") };
    assert_eq!((entry.account_id, entry.quantity_tco2e), (1, TRUE_UP));
    Ok(())
}

async fn who_may(of: &Parties) -> anyhow::Result<()> {
    let own = |account_id| GetObligationRequest { account_id, year: YEAR, ..Default::default() };
    let line = of.firm.reads().get_obligation(own(1)).await?.obligation.expect("a line");
    assert_eq!((line.province, line.shortfall_tco2e), (HUBEI, 0));
    assert_eq!(line.surrendered_reductions_tco2e, 40_001 / 20);
    assert_eq!(reason(of.firm.reads().get_obligation(own(3)).await), DENIED);
    let overview = GetOverviewRequest { account_id: 1, ..Default::default() };
    let overview = of.firm.reads().get_overview(overview).await?;
    assert_eq!(overview.obligations, [line]);
    let waits = of.year.apply(5, INSTRUMENT, 1).await?;
    let overview = GetOverviewRequest { account_id: 5, ..Default::default() };
    let overview = of.registry().reads().get_overview(overview).await?;
    assert_eq!(overview.surrenders, [waits]);
    let report = ListObligationsRequest { year: YEAR, ..Default::default() };
    assert_eq!(reason(of.firm.reads().list_obligations(report).await), DENIED);

    let (hubei, shanghai) = (&of.provinces()[&HUBEI], &of.provinces()[&SHANGHAI]);
    assert_eq!(reason(hubei.reads().list_obligations(report).await), DENIED);
    let asked = GetObligationRequest { province: HUBEI, ..own(2) };
    assert_eq!(reason(hubei.reads().get_obligation(asked).await), "OTHER_PROVINCE");
    let approval = |province, surrender_id| ApproveSurrenderRequest {
        province,
        surrender_id,
        ..Default::default()
    };
    let surrenders = ListComplianceRequest { province: HUBEI, ..Default::default() };
    let listed = hubei.reads().list_surrenders(surrenders).await?.surrenders;
    let one = listed.first().expect("a surrender of Hubei").surrender_id;
    assert_eq!(reason(shanghai.reads().list_surrenders(surrenders).await), DENIED);
    assert_eq!(reason(shanghai.approve_surrender(approval(HUBEI, one)).await), DENIED);
    let foreign = shanghai.approve_surrender(approval(SHANGHAI, one)).await;
    assert_eq!(reason(foreign), "UNKNOWN_SURRENDER");
    assert_eq!(reason(hubei.approve_surrender(approval(HUBEI, one)).await), "SURRENDER_CLOSED");
    let registry = ProvinceClient::new(of.registry().connector().clone());
    assert_eq!(reason(registry.approve_surrender(approval(HUBEI, one)).await), DENIED);
    let of_firm = ProvinceClient::new(of.firm.connector().clone());
    assert_eq!(reason(of_firm.approve_surrender(approval(HUBEI, one)).await), DENIED);
    a_province_proposes(of).await?;
    let apply = ApplySurrenderRequest {
        account_id: 3,
        year: YEAR,
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 1,
        ..Default::default()
    };
    assert_eq!(reason(of.firm.apply_surrender(apply).await), DENIED);
    let view = GetProvinceRequest { province: HUBEI, ..Default::default() };
    let view = hubei.reads().get_province(view).await?;
    assert_eq!((view.account_id, view.firm_count), (FIRMS + 1, FIRMS / 2));
    let left = ISSUED - ALLOCATED * (FIRMS.cast_signed() / 2) - TRUE_UP;
    assert_eq!(view.holdings[0].registered_tco2e, left);
    Ok(())
}

/// Recall, correction, cancellation, transfer, carry-over.
async fn the_rest(of: &Parties, day: &Market) -> anyhow::Result<()> {
    let document = || "letter 9".to_owned();
    let recall = RecallOrder {
        account_id: FIRMS + 1,
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 500,
        document: document(),
    };
    of.decided(Command::Recall(recall)).await?;
    // Firm 2 surrendered nothing and emitted less than was said.
    let listed = ListComplianceRequest { account_id: 2, ..Default::default() };
    let entry = of.registry().reads().list_emissions(listed).await?.emissions.remove(0);
    let correction = EmissionsCorrection {
        corrects_emissions_id: entry.emissions_id,
        verified_tco2e: 30_000,
        report_sha256: vec![8; 32].into(),
        document: document(),
    };
    of.decided(Command::EmissionsCorrection(correction)).await?;
    let asked = GetObligationRequest { account_id: 2, year: YEAR, ..Default::default() };
    let line = of.registry().reads().get_obligation(asked).await?.obligation.expect("a line");
    assert_eq!(line.shortfall_tco2e, 30_000);

    let cancel = CancelUnitsRequest {
        account_id: 1,
        instrument: CCER.to_owned(),
        quantity_tco2e: 10,
        beneficiary: "the games".to_owned(),
        reason: "carbon neutral".to_owned(),
        ..Default::default()
    };
    of.firm.cancel_units(cancel).await?;
    let holder = GetAccountRequest { account_id: 1, ..Default::default() };
    let holder = of.firm.reads().get_account(holder).await?.account.expect("an account").name;
    // Everybody may read it.
    for reads in [of.bank.reads(), of.exchange.reads(), of.provinces()[&SHANGHAI].reads()] {
        let found = reads.list_cancellations(ListCancellationsRequest::default()).await?;
        let one = &found.cancellations[0];
        assert_eq!((&one.holder, one.quantity_tco2e), (&holder, 10));
    }

    let transfer = NonTradeTransfer {
        cause: TransferCause::Merger.into(),
        from_account_id: 2,
        to_account_id: 4,
        document: document(),
        document_sha256: vec![9; 32].into(),
        ..Default::default()
    };
    let Approved::Transfer(done) = of.decided(Command::NonTradeTransfer(transfer)).await? else {
        anyhow::bail!("no transfer");
    };
    let moved: Vec<_> =
        done.moved.iter().map(|of| (of.instrument.as_str(), of.quantity_tco2e)).collect();
    assert_eq!(moved, [(CCER, 10_000), (INSTRUMENT, ALLOCATED)]);

    // Firm 4 has its own rest and all of firm 2's.
    let sold: i64 = day
        .trades(DATE, 1, TRADES)?
        .iter()
        .map(|trade| match (trade.seller_account, trade.buyer_account) {
            (4, _) => trade.quantity_tco2e,
            (_, 4) => -trade.quantity_tco2e,
            _ => 0,
        })
        .sum();
    let limit = 10_000 + 3 * sold.max(0) / 2;
    let carry = |quantity_tco2e| {
        Command::CarryOver(CarryOverOrder {
            account_id: 4,
            from_instrument: INSTRUMENT.to_owned(),
            to_instrument: "CEA-2025".to_owned(),
            quantity_tco2e,
            sold_from_date: "2021-01-01".to_owned(),
            sold_to_date: "2021-12-31".to_owned(),
            document: document(),
        })
    };
    let refused = of.officers().carry_out("", carry(limit + 1)).await;
    assert_eq!(reason(refused), "CARRY_OVER_LIMIT");
    let Approved::CarryOver(done) = of.decided(carry(limit)).await? else {
        anyhow::bail!("no carry-over");
    };
    assert_eq!((done.net_sold_tco2e, done.quantity_tco2e), (sold, limit));
    let new = of.instrument("CEA-2025").await?;
    assert_eq!((new.issued_tco2e, new.held_tco2e), (limit, limit));
    let old = of.instrument(INSTRUMENT).await?;
    assert_eq!((old.recalled_tco2e, old.carried_out_tco2e), (500, limit));
    let surrendered: i64 = (1..=FIRMS).map(|firm| surrenders(firm).0).sum();
    assert_eq!(old.surrendered_tco2e, surrendered);
    assert_eq!(old.issued_tco2e, old.held_tco2e + surrendered + limit + 500);
    Ok(())
}

async fn on_the_command_line(cluster: &Cluster) -> anyhow::Result<()> {
    let run = async |identity: &str, line: &str| {
        cluster.registryctl(identity, line.split_whitespace()).await
    };
    let report = run("province-42", "compliance shortfall --year 2020 --province 42 --output json");
    let report: serde_json::Value = serde_json::from_str(&report.await?)?;
    let short = report["obligations"].as_array().expect("a list");
    let expected = (1..=FIRMS).filter(|firm| {
        province_of(*firm) == HUBEI && surrenders(*firm).0 + surrenders(*firm).1 < emitted(*firm)
    });
    assert_eq!(short.len(), expected.count());
    let listed = run("bank-102", "compliance cancellations").await?;
    assert!(listed.contains("the games"), "{listed}");
    let events = run("registry-officer-1", "events list --account 1 --limit 100").await?;
    for kind in ["province_assigned", "allocated", "surrender_approved", "units_cancelled"] {
        assert!(events.contains(kind), "{kind} is not in {events}");
    }
    let audited = run("auditor-1", "audit").await?;
    assert!(audited.contains("the books are right"), "{audited}");
    Ok(())
}

/// Kills the leader once some surrenders are on their way.
async fn kill_leader(cluster: &mut Cluster, of: &Parties) -> anyhow::Result<u64> {
    let leader = cluster.leader().await?.node_id;
    eventually("the first surrenders", PATIENCE, || async {
        let some = ListComplianceRequest { page_size: SOME, ..Default::default() };
        let found = of.registry().reads().list_surrenders(some).await?.surrenders;
        Ok((found.len() >= SOME as usize).then_some(()))
    })
    .await?;
    cluster.kill(leader)?;
    Ok(leader)
}

/// The dead node comes back and holds what the others hold.
async fn all_agree(cluster: &mut Cluster, killed: u64) -> anyhow::Result<()> {
    let survivors = cluster.agreed_state(PATIENCE).await?;
    cluster.restart(killed).await?;
    cluster.applied(killed, survivors.log_index, PATIENCE).await?;
    for state in cluster.held_states(PATIENCE).await? {
        assert_eq!(state.digest, survivors.digest, "node {}", state.node_name);
    }
    Ok(())
}

async fn a_year(cluster: &mut Cluster) -> anyhow::Result<()> {
    let of = Parties::of(cluster)?;
    let market = Market::set_up(of.officers(), FIRMS, 1_000_000, 100_000_000_000).await?;
    of.prepare().await?;
    of.allocate_and_verify().await?;
    let day = ExchangeDay::new(DATE, market.trades(DATE, 1, TRADES)?)?;
    // Year-end: surrender and settlement on the same evening.
    let evening = futures::try_join!(of.settle(&day), of.surrender(), kill_leader(cluster, &of));
    let (.., killed) = evening?;
    shortfalls(&of).await?;
    who_may(&of).await?;
    the_rest(&of, &market).await?;
    let report = audit_node(of.registry().reads(), Consistency::Linearizable, |_, _| {}).await?;
    let kinds = &report.counts.kinds;
    assert_eq!(report.obligations, FIRMS);
    assert_eq!(kinds["Allocated"], FIRMS + 2);
    assert_eq!(kinds["EmissionsRecorded"], FIRMS);
    let approved = (1..=FIRMS).map(surrenders).flat_map(|(a, r)| [a, r]).filter(|of| *of > 0);
    assert_eq!(kinds["SurrenderApproved"], approved.count() as u64);
    assert_eq!((kinds["CarriedOver"], kinds["Transferred"], kinds["UnitsCancelled"]), (1, 1, 1));
    on_the_command_line(cluster).await?;
    all_agree(cluster, killed).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_ends_with_every_tonne_and_shortfall_in_its_place() -> anyhow::Result<()> {
    let plan = scratch::plan("compliance", Layout::DualCity, |_| {})?;
    let mut cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    let done = a_year(&mut cluster).await;
    cluster.with_logs(done)
}
