//! Bad input by table: platforms, persons, credits, vouchers.

use bytes::Bytes;
use registry_ledger::Reason;
use registry_proto::registry as proto;
use registry_proto::storage::log_command::Command as Wire;

use super::rejected::{expect, proposed};

fn owner() -> Bytes {
    Bytes::from_static(&[7; 16])
}

#[test]
fn persons_and_credits() {
    let open = proto::OpenInclusiveAccountsRequest {
        request_id: "r".into(),
        platform: "sh-carbon".into(),
        owner_ids: vec![owner()],
    };
    expect(
        &open,
        Wire::OpenInclusiveAccounts,
        &[
            (&|m| m.platform.clear(), Reason::FieldMissing, "platform"),
            (&|m| m.platform = "x".repeat(65), Reason::TooLong, "platform"),
            (&|m| m.platform = "平台".into(), Reason::BadCharacter, "platform"),
            (&|m| m.owner_ids.clear(), Reason::FieldMissing, "owner_ids"),
            (&|m| m.owner_ids = vec![owner(); 8_193], Reason::TooLong, "owner_ids"),
            (&|m| m.owner_ids.push(Bytes::new()), Reason::FieldMissing, "owner_ids[1]"),
            (&|m| m.owner_ids[0].truncate(15), Reason::Malformed, "owner_ids[0]"),
        ],
    );
    let credit = proto::CreditInclusiveRequest {
        request_id: "r".into(),
        platform: "sh-carbon".into(),
        batch_number: 1,
        lines: vec![proto::CreditLine { owner_id: owner(), quantity_grams: 3 }],
        line_count: 1,
        total_grams: 3,
        lines_sha256: Bytes::from_static(&[7; 32]),
    };
    expect(
        &credit,
        Wire::CreditInclusive,
        &[
            (&|m| m.platform.clear(), Reason::FieldMissing, "platform"),
            (&|m| m.batch_number = 0, Reason::FieldMissing, "batch_number"),
            (&|m| m.lines.clear(), Reason::FieldMissing, "lines"),
            (&|m| m.lines = vec![m.lines[0].clone(); 8_193], Reason::TooLong, "lines"),
            (&|m| m.lines[0].owner_id.clear(), Reason::FieldMissing, "lines[0].owner_id"),
            (
                &|m| m.lines[0].owner_id = Bytes::from_static(&[7; 17]),
                Reason::Malformed,
                "lines[0].owner_id",
            ),
            (&|m| m.lines[0].quantity_grams = -1, Reason::NotPositive, "lines[0].quantity_grams"),
            (&|m| m.lines_sha256.truncate(31), Reason::Malformed, "lines_sha256"),
            (&|m| m.lines_sha256.clear(), Reason::FieldMissing, "lines_sha256"),
        ],
    );
}

#[test]
fn vouchers_and_quotas() {
    let issue = proto::IssueVoucherRequest {
        request_id: "r".into(),
        platform: "sh-carbon".into(),
        owner_id: owner(),
        bank_id: 102,
        quantity_grams: 5,
        valid_for_ms: 0,
    };
    expect(
        &issue,
        Wire::IssueVoucher,
        &[
            (&|m| m.platform.clear(), Reason::FieldMissing, "platform"),
            (&|m| m.owner_id.clear(), Reason::FieldMissing, "owner_id"),
            (&|m| m.bank_id = 0, Reason::FieldMissing, "bank_id"),
            (&|m| m.bank_id = 70_000, Reason::UnknownBank, "bank_id"),
            (&|m| m.quantity_grams = 0, Reason::NotPositive, "quantity_grams"),
        ],
    );
    let redeem =
        proto::RedeemVoucherRequest { request_id: "r".into(), bank_id: 102, voucher_id: 1 };
    expect(
        &redeem,
        Wire::RedeemVoucher,
        &[
            (&|m| m.bank_id = 0, Reason::FieldMissing, "bank_id"),
            (&|m| m.voucher_id = 0, Reason::FieldMissing, "voucher_id"),
        ],
    );
    let quota = proto::InclusiveQuota {
        platform: "sh-carbon".into(),
        quantity_grams: 1,
        document: "letter".into(),
    };
    expect(
        &quota,
        |quota| proposed(proto::controlled_command::Command::InclusiveQuota(quota)),
        &[
            (&|m| m.platform.clear(), Reason::FieldMissing, "platform"),
            (&|m| m.quantity_grams = 0, Reason::NotPositive, "quantity_grams"),
            (&|m| m.document.clear(), Reason::FieldMissing, "document"),
        ],
    );
}
