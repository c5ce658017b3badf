//! Grams of persons on six nodes: a quota that two people grant, accounts and
//! credits in bulk, vouchers of banks, and an audit that adds all of it up.

use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::Market;
use registry_chaos_tests::persons::{self, PLATFORM, burn, grant, owner};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use registry_client::journal::audit_node;
use registry_client::pki::{self, Role};
use registry_client::proto::event_filter::About;
use registry_client::proto::{
    Consistency, EventFilter, GetInclusiveAccountRequest, ListEventsRequest,
    ListInclusiveAccountsRequest, ListPlatformsRequest, ListVouchersRequest, RedeemVoucherRequest,
    Voucher, VoucherStatus,
};
use registry_client::{BankClient, ClientError, PlatformClient, ReadClient, credit_request};

const RTT: Duration = Duration::from_millis(2);
const PERSONS: u64 = 20_000;
const GRAMS_EACH: i64 = 1_250;
const EXPIRY_TIMEOUT: Duration = Duration::from_secs(20);
const DENIED: &str = "NOT_AUTHORISED";

fn reason<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> String {
    match outcome {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.reason().unwrap_or("no reason").to_owned(),
    }
}

async fn grams(reads: &ReadClient, number: u64) -> Result<i64, ClientError> {
    let request = GetInclusiveAccountRequest {
        platform: PLATFORM.to_owned(),
        owner_id: owner(number).to_vec().into(),
        ..Default::default()
    };
    Ok(reads.get_inclusive_account(request).await?.account.unwrap_or_default().balance_grams)
}

fn redeem(bank_id: u32, voucher_id: u32) -> RedeemVoucherRequest {
    RedeemVoucherRequest { bank_id, voucher_id, ..Default::default() }
}

async fn vouchers(reads: &ReadClient, bank_id: u32) -> Result<Vec<Voucher>, ClientError> {
    let request = ListVouchersRequest { bank_id, ..Default::default() };
    Ok(reads.list_vouchers(request).await?.vouchers)
}

/// A batch is credited once, however often it is sent, and never in part.
async fn batches(platform: &PlatformClient) -> anyhow::Result<()> {
    let batch = platform.platform(PLATFORM).await?.last_batch_number + 1;
    let mut good = credit_request(PLATFORM, batch, &[(owner(1), 100), (owner(1), 5)])?;
    good.request_id = "day-1".to_owned();
    let first = platform.credit_inclusive(good.clone()).await?;
    let again = platform.credit_inclusive(good.clone()).await?;
    assert_eq!((&first.platform, first.stamp), (&again.platform, again.stamp));
    assert_eq!(grams(platform.reads(), 1).await?, GRAMS_EACH + 105);
    let mut other = good;
    other.request_id = "day-1 again".replace(' ', "-");
    assert_eq!(reason(platform.credit_inclusive(other).await), "BATCH_OUT_OF_ORDER");
    // A run that was credited is refused under the next batch number.
    let lines = [(owner(1), 1)];
    platform.credit_all(PLATFORM, "twice", batch + 1, &lines, |_| {}).await?;
    platform.credit_all(PLATFORM, "twice", batch + 1, &lines, |_| {}).await?;
    let again = platform.credit_all(PLATFORM, "twice", batch + 2, &lines, |_| {}).await;
    assert_eq!(reason(again), "REQUEST_ID_REUSED");
    let unknown = credit_request(PLATFORM, batch + 2, &[(owner(1), 1), (owner(PERSONS + 1), 1)])?;
    assert_eq!(reason(platform.credit_inclusive(unknown).await), "UNKNOWN_INCLUSIVE_ACCOUNT");
    assert_eq!(grams(platform.reads(), 1).await?, GRAMS_EACH + 106);
    Ok(())
}

/// Burned for good, taken once, by the right bank.
async fn burned(cluster: &Cluster, platform: &PlatformClient) -> anyhow::Result<()> {
    let bank = BankClient::new(cluster.connect_as("bank-102")?);
    let other = BankClient::new(cluster.connect_as("bank-103")?);
    let issued = platform.issue_voucher(burn(2, 102, 1_000)).await?.voucher.expect("a voucher");
    assert_eq!((issued.voucher_id, issued.amount_yuan.as_str()), (1, "2.00"));
    assert_eq!(grams(platform.reads(), 2).await?, 250);
    assert_eq!(reason(platform.issue_voucher(burn(2, 102, 255)).await), "INSUFFICIENT_GRAMS");
    assert_eq!(reason(platform.issue_voucher(burn(2, 102, 249)).await), "NOT_WHOLE_FEN");

    assert_eq!(reason(other.redeem_voucher(redeem(102, 1)).await), DENIED);
    assert_eq!(reason(other.redeem_voucher(redeem(103, 1)).await), "UNKNOWN_VOUCHER");
    let taken = bank.redeem_voucher(redeem(102, 1)).await?.voucher.expect("a voucher");
    assert_eq!(taken.status(), VoucherStatus::Redeemed);
    assert_eq!(reason(bank.redeem_voucher(redeem(102, 1)).await), "VOUCHER_REDEEMED");

    // What nobody takes in time the leader ends; the grams do not come back.
    let mut short = burn(3, 102, 5);
    short.valid_for_ms = 1;
    platform.issue_voucher(short).await?;
    let expired = || async {
        let found = vouchers(bank.reads(), 102).await?;
        Ok((found[1].status() == VoucherStatus::Expired).then_some(()))
    };
    eventually("the voucher to expire", EXPIRY_TIMEOUT, expired).await?;
    assert_eq!(reason(bank.redeem_voucher(redeem(102, 2)).await), "VOUCHER_EXPIRED");
    assert_eq!(grams(platform.reads(), 3).await?, GRAMS_EACH - 5);
    assert_eq!(vouchers(other.reads(), 103).await?, []);
    assert_eq!(reason(vouchers(other.reads(), 102).await), DENIED);
    Ok(())
}

/// Who sees what.
async fn seen(cluster: &Cluster, platform: &PlatformClient) -> anyhow::Result<()> {
    pki::issue_user(&cluster.plan().pki_dir(), Role::Platform, "wh-carbon")?;
    let stranger = PlatformClient::new(cluster.connect_as("platform-wh-carbon")?);
    assert_eq!(reason(grams(stranger.reads(), 1).await), DENIED);
    assert_eq!(reason(stranger.platform(PLATFORM).await), DENIED);
    assert_eq!(reason(stranger.platform("wh-carbon").await), "UNKNOWN_PLATFORM");
    assert_eq!(reason(stranger.issue_voucher(burn(1, 102, 5)).await), DENIED);
    let all = ListPlatformsRequest::default();
    assert_eq!(reason(platform.reads().list_platforms(all.clone()).await), DENIED);
    let persons = ListInclusiveAccountsRequest { page_size: 8_192, ..Default::default() };
    assert_eq!(reason(platform.reads().list_inclusive_accounts(persons).await), DENIED);

    let auditor = ReadClient::new(cluster.connect_as("auditor-1")?);
    assert_eq!(auditor.list_platforms(all).await?.platforms.len(), 1);
    let page = auditor.list_inclusive_accounts(persons).await?;
    assert_eq!((page.accounts.len(), page.next_after_inclusive_account_id), (8_192, 8_192));
    assert_eq!(page.accounts[16].owner_id, owner(17).to_vec());
    let about = Some(EventFilter { about: Some(About::PlatformId(1)) });
    let request = ListEventsRequest { filter: about, ..Default::default() };
    let events = auditor.list_events(request).await?.events;
    let postings: usize = events.iter().map(|event| event.postings.len()).sum();
    // A quota, three openings, five batches, two vouchers.
    assert_eq!((events.len(), postings), (11, 0));
    assert!(events.iter().all(|event| event.canonical.len() < 200), "a batch is one short event");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_are_credited_in_bulk_and_burn_into_vouchers() -> anyhow::Result<()> {
    let plan = scratch::plan("inclusive", Layout::DualCity, |_| {})?;
    let mut cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    let officers = cluster.officers()?;
    Market::set_up(&officers, 2, 1_000, 1_000).await?;
    let platform = PlatformClient::new(cluster.connect_as(&format!("platform-{PLATFORM}"))?);
    assert_eq!(reason(platform.platform(PLATFORM).await), "UNKNOWN_PLATFORM");
    let quota = PERSONS as i64 * GRAMS_EACH + 1_000;
    let granted = grant(&officers, quota).await?;
    assert_eq!((granted.platform_id, granted.quota_grams), (1, quota));

    let loaded = persons::load(&platform, "a", PERSONS, GRAMS_EACH).await;
    cluster.with_logs(loaded)?;
    batches(&platform).await?;
    let over = credit_request(PLATFORM, 6, &[(owner(4), 895)])?;
    assert_eq!(reason(platform.credit_inclusive(over).await), "QUOTA_EXCEEDED");
    burned(&cluster, &platform).await?;
    seen(&cluster, &platform).await?;

    // A node that was away for all of it holds the same.
    let leader = cluster.leader().await?.node_id;
    let follower = cluster.node_ids().into_iter().find(|id| *id != leader).expect("a follower");
    cluster.kill(follower)?;
    platform.issue_voucher(burn(5, 103, 1_250)).await?;
    cluster.restart(follower).await?;
    cluster.agreed_state(EXPIRY_TIMEOUT).await?;

    let report = audit_node(officers.maker().reads(), Consistency::Linearizable, |_, _| {}).await?;
    assert_eq!((report.platforms, report.persons, report.vouchers), (1, PERSONS, 3));
    assert!(report.persons_summed);
    Ok(())
}
