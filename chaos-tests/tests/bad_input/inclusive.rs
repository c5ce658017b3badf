//! Persons of a platform: every way to be refused.

use registry_chaos_tests::persons::{PLATFORM, burn, owner};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    CreditInclusiveRequest, InclusiveQuota, IssueVoucherRequest, ListInclusiveAccountsRequest,
    ListVouchersRequest, OpenInclusiveAccountsRequest, RedeemVoucherRequest,
};
use registry_client::{BankClient, PlatformClient, credit_request};
use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};

use super::{Bench, Refused};

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    let platform = PlatformClient::new(bench.cluster.connect_as("platform-sh-carbon")?);
    quotas(bench).await;
    let unknown = (NotFound, "UNKNOWN_PLATFORM", "platform");
    let outcome = platform.open_inclusive_accounts(open(vec![owner(1).to_vec()])).await;
    bench.refusals.row("accounts before any quota", outcome, unknown).await;

    registry_chaos_tests::persons::grant(&bench.officers, 1_000).await?;
    platform.open_inclusive_accounts(open(vec![owner(1).to_vec(), owner(2).to_vec()])).await?;
    platform.credit_inclusive(credit_request(PLATFORM, 1, &[(owner(1), 100)])?).await?;
    let bank = BankClient::new(bench.cluster.connect_as("bank-102")?);
    platform.issue_voucher(burn(1, 102, 50)).await?;
    bank.redeem_voucher(RedeemVoucherRequest { bank_id: 102, voucher_id: 1, ..Default::default() })
        .await?;
    bench.refusals.accept_changes().await?;

    openings(bench, &platform).await;
    credits(bench, &platform).await?;
    vouchers(bench, &platform, &bank).await;
    reads(bench).await;
    denied(bench).await
}

async fn quotas(bench: &mut Bench) {
    let quota = |platform: &str, quantity_grams, document: &str| InclusiveQuota {
        platform: platform.to_owned(),
        quantity_grams,
        document: document.to_owned(),
    };
    let rows: [(&str, InclusiveQuota, Refused); 5] = [
        ("of nobody", quota("", 1, "d"), (InvalidArgument, "FIELD_MISSING", "platform")),
        ("of a path", quota("a/b", 1, "d"), (InvalidArgument, "BAD_CHARACTER", "platform")),
        (
            "of a long name",
            quota(&"x".repeat(65), 1, "d"),
            (InvalidArgument, "TOO_LONG", "platform"),
        ),
        ("of nothing", quota("x", 0, "d"), (InvalidArgument, "NOT_POSITIVE", "quantity_grams")),
        ("without a document", quota("x", 1, ""), (InvalidArgument, "FIELD_MISSING", "document")),
    ];
    for (what, quota, expected) in rows {
        let command = Command::InclusiveQuota(quota);
        bench.controlled_row(&format!("quota {what}"), command, expected).await;
    }
}

fn open(owners: Vec<Vec<u8>>) -> OpenInclusiveAccountsRequest {
    OpenInclusiveAccountsRequest {
        platform: PLATFORM.to_owned(),
        owner_ids: owners.into_iter().map(Into::into).collect(),
        ..Default::default()
    }
}

async fn openings(bench: &mut Bench, platform: &PlatformClient) {
    let new = || owner(7).to_vec();
    let rows: [(&str, OpenInclusiveAccountsRequest, Refused); 6] = [
        ("none", open(vec![]), (InvalidArgument, "FIELD_MISSING", "owner_ids")),
        ("8,193", open(vec![new(); 8_193]), (InvalidArgument, "TOO_LONG", "owner_ids")),
        (
            "without an id",
            open(vec![new(), vec![]]),
            (InvalidArgument, "FIELD_MISSING", "owner_ids[1]"),
        ),
        (
            "with a phone number",
            open(vec![b"13800138000".to_vec()]),
            (InvalidArgument, "MALFORMED", "owner_ids[0]"),
        ),
        (
            "a second time",
            open(vec![new(), owner(2).to_vec()]),
            (AlreadyExists, "INCLUSIVE_ACCOUNT_EXISTS", "owner_ids[1]"),
        ),
        (
            "twice in one request",
            open(vec![new(), new()]),
            (AlreadyExists, "INCLUSIVE_ACCOUNT_EXISTS", "owner_ids[1]"),
        ),
    ];
    for (what, request, expected) in rows {
        let outcome = platform.open_inclusive_accounts(request).await;
        bench.refusals.row(&format!("accounts {what}"), outcome, expected).await;
    }
}

async fn credits(bench: &mut Bench, platform: &PlatformClient) -> anyhow::Result<()> {
    let good = || credit_request(PLATFORM, 2, &[(owner(1), 3), (owner(2), 4)]);
    let batch = |number, lines: &[(u64, i64)]| {
        let lines: Vec<_> = lines.iter().map(|(of, grams)| (owner(*of), *grams)).collect();
        credit_request(PLATFORM, number, &lines)
    };
    let with = |change: fn(&mut CreditInclusiveRequest)| -> anyhow::Result<_> {
        let mut request = good()?;
        change(&mut request);
        Ok(request)
    };
    let rows: [(&str, CreditInclusiveRequest, Refused); 12] = [
        (
            "without a number",
            with(|m| m.batch_number = 0)?,
            (InvalidArgument, "FIELD_MISSING", "batch_number"),
        ),
        ("again", batch(1, &[(1, 1)])?, (FailedPrecondition, "BATCH_OUT_OF_ORDER", "batch_number")),
        ("ahead", batch(3, &[(1, 1)])?, (FailedPrecondition, "BATCH_OUT_OF_ORDER", "batch_number")),
        ("of nothing", batch(2, &[])?, (InvalidArgument, "FIELD_MISSING", "lines")),
        ("of 8,193 lines", batch(2, &[(1, 1); 8_193])?, (InvalidArgument, "TOO_LONG", "lines")),
        (
            "of less than nothing",
            batch(2, &[(1, 1), (2, -1)])?,
            (InvalidArgument, "NOT_POSITIVE", "lines[1].quantity_grams"),
        ),
        (
            "of a stranger",
            batch(2, &[(1, 1), (9, 1)])?,
            (NotFound, "UNKNOWN_INCLUSIVE_ACCOUNT", "lines[1].owner_id"),
        ),
        (
            "of half an id",
            with(|m| m.lines[0].owner_id.truncate(8))?,
            (InvalidArgument, "MALFORMED", "lines[0].owner_id"),
        ),
        (
            "with another count",
            with(|m| m.line_count = 1)?,
            (FailedPrecondition, "BATCH_MISMATCH", "line_count"),
        ),
        (
            "with another sum",
            with(|m| m.total_grams = 8)?,
            (FailedPrecondition, "BATCH_MISMATCH", "total_grams"),
        ),
        (
            "with another hash",
            with(|m| m.lines_sha256 = vec![7; 32].into())?,
            (FailedPrecondition, "BATCH_MISMATCH", "lines_sha256"),
        ),
        (
            "over the quota",
            batch(2, &[(1, 901)])?,
            (FailedPrecondition, "QUOTA_EXCEEDED", "total_grams"),
        ),
    ];
    for (what, request, expected) in rows {
        let outcome = platform.credit_inclusive(request).await;
        bench.refusals.row(&format!("batch {what}"), outcome, expected).await;
    }
    Ok(())
}

async fn vouchers(bench: &mut Bench, platform: &PlatformClient, bank: &BankClient) {
    let with = |change: fn(&mut IssueVoucherRequest)| {
        let mut request = burn(1, 102, 10);
        change(&mut request);
        request
    };
    let rows: [(&str, IssueVoucherRequest, Refused); 8] = [
        ("of nobody", with(|m| m.owner_id.clear()), (InvalidArgument, "FIELD_MISSING", "owner_id")),
        ("of a stranger", burn(9, 102, 10), (NotFound, "UNKNOWN_INCLUSIVE_ACCOUNT", "owner_id")),
        ("at no bank", with(|m| m.bank_id = 0), (InvalidArgument, "FIELD_MISSING", "bank_id")),
        ("at bank 999", burn(1, 999, 10), (NotFound, "UNKNOWN_BANK", "bank_id")),
        ("of nothing", burn(1, 102, 0), (InvalidArgument, "NOT_POSITIVE", "quantity_grams")),
        ("of 11 g", burn(1, 102, 11), (InvalidArgument, "NOT_WHOLE_FEN", "quantity_grams")),
        (
            "of more than there is",
            burn(1, 102, 55),
            (FailedPrecondition, "INSUFFICIENT_GRAMS", "quantity_grams"),
        ),
        (
            "for ever",
            with(|m| m.valid_for_ms = i64::MAX),
            (InvalidArgument, "OUT_OF_RANGE", "valid_for_ms"),
        ),
    ];
    for (what, request, expected) in rows {
        let outcome = platform.issue_voucher(request).await;
        bench.refusals.row(&format!("voucher {what}"), outcome, expected).await;
    }
    let rows: [(&str, u32, Refused); 3] = [
        ("without a number", 0, (InvalidArgument, "FIELD_MISSING", "voucher_id")),
        ("that is not there", 2, (NotFound, "UNKNOWN_VOUCHER", "voucher_id")),
        ("a second time", 1, (FailedPrecondition, "VOUCHER_REDEEMED", "voucher_id")),
    ];
    for (what, voucher_id, expected) in rows {
        let request = RedeemVoucherRequest { bank_id: 102, voucher_id, ..Default::default() };
        let outcome = bank.redeem_voucher(request).await;
        bench.refusals.row(&format!("redemption {what}"), outcome, expected).await;
    }
}

async fn reads(bench: &mut Bench) {
    let reads = bench.registry.reads().clone();
    let page = ListInclusiveAccountsRequest { page_size: 8_193, ..Default::default() };
    let outcome = reads.list_inclusive_accounts(page).await;
    let expected = (InvalidArgument, "OUT_OF_RANGE", "page_size");
    bench.refusals.row("a page of 8,193 persons", outcome, expected).await;
    let status = ListVouchersRequest { status: 9, ..Default::default() };
    let expected = (InvalidArgument, "MALFORMED", "status");
    bench.refusals.row("vouchers of no status", reads.list_vouchers(status).await, expected).await;
}

async fn denied(bench: &mut Bench) -> anyhow::Result<()> {
    for user in ["registry-officer-1", "exchange-sh", "bank-102", "operator-1", "auditor-1"] {
        let platform = PlatformClient::new(bench.cluster.connect_as(user)?);
        let outcome = platform.credit_inclusive(credit_request(PLATFORM, 2, &[(owner(1), 1)])?);
        bench.refusals.denied(&format!("batch as {user}"), outcome.await, "NOT_AUTHORISED").await;
        let outcome = platform.issue_voucher(burn(1, 102, 5)).await;
        bench.refusals.denied(&format!("voucher as {user}"), outcome, "NOT_AUTHORISED").await;
    }
    for user in ["registry-officer-1", "bank-103", "platform-sh-carbon"] {
        let bank = BankClient::new(bench.cluster.connect_as(user)?);
        let request = RedeemVoucherRequest { bank_id: 102, voucher_id: 1, ..Default::default() };
        let outcome = bank.redeem_voucher(request).await;
        bench.refusals.denied(&format!("redemption as {user}"), outcome, "NOT_AUTHORISED").await;
    }
    Ok(())
}
