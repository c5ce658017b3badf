//! Bad input by table: repos.

use registry_ledger::Reason;
use registry_proto::registry as proto;
use registry_proto::storage::log_command::Command as Wire;

use super::rejected::expect;

/// A change of the terms.
macro_rules! terms {
    ($field:ident = $value:expr) => {
        &|m: &mut proto::ProposeRepoRequest| m.terms.as_mut().unwrap().$field = $value
    };
}

#[test]
fn offers() {
    let terms = proto::RepoTerms {
        seller_account: 1,
        buyer_account: 2,
        seller_bank: 102,
        buyer_bank: 103,
        instrument: "CEA-2020".into(),
        quantity_tco2e: 5,
        opening_price_yuan: "40".into(),
        return_price_yuan: "41.00".into(),
        return_date: "2021-12-20".into(),
        grace_ms: 0,
    };
    let good = proto::ProposeRepoRequest {
        request_id: "r".into(),
        terms: Some(terms),
        time_to_live_ms: 0,
    };
    expect(
        &good,
        Wire::ProposeRepo,
        &[
            (&|m| m.terms = None, Reason::FieldMissing, "terms"),
            (terms!(seller_account = 0), Reason::FieldMissing, "seller_account"),
            (terms!(buyer_account = 1 << 40), Reason::UnknownAccount, "buyer_account"),
            (terms!(seller_bank = 0), Reason::FieldMissing, "seller_bank"),
            (terms!(buyer_bank = 70_000), Reason::UnknownBank, "buyer_bank"),
            (terms!(instrument = String::new()), Reason::FieldMissing, "instrument"),
            (terms!(instrument = "CEA".into()), Reason::WrongInstrument, "instrument"),
            (terms!(quantity_tco2e = -5), Reason::NotPositive, "quantity_tco2e"),
            (terms!(opening_price_yuan = "1e3".into()), Reason::NotADecimal, "opening_price_yuan"),
            (terms!(opening_price_yuan = "1.001".into()), Reason::Tick, "opening_price_yuan"),
            (terms!(return_price_yuan = "0.00".into()), Reason::NotPositive, "return_price_yuan"),
            (terms!(return_price_yuan = String::new()), Reason::FieldMissing, "return_price_yuan"),
            (terms!(return_date = String::new()), Reason::FieldMissing, "return_date"),
            (terms!(return_date = "20.12.2021".into()), Reason::BadDate, "return_date"),
        ],
    );
}

#[test]
fn answers() {
    let accept = proto::AcceptRepoRequest { request_id: "r".into(), repo_id: 7, account_id: 2 };
    expect(
        &accept,
        Wire::AcceptRepo,
        &[
            (&|m| m.repo_id = 0, Reason::FieldMissing, "repo_id"),
            (&|m| m.account_id = 0, Reason::FieldMissing, "account_id"),
        ],
    );
    let decline = proto::DeclineRepoRequest {
        request_id: "r".into(),
        repo_id: 7,
        account_id: 2,
        reason: "no".into(),
    };
    expect(
        &decline,
        Wire::DeclineRepo,
        &[
            (&|m| m.repo_id = 0, Reason::FieldMissing, "repo_id"),
            (&|m| m.account_id = 0, Reason::FieldMissing, "account_id"),
            (&|m| m.reason = "x".repeat(201), Reason::TooLong, "reason"),
            (&|m| m.reason = "a\nb".into(), Reason::BadCharacter, "reason"),
        ],
    );
    // Nobody's account is the exchange's or the registry's asking.
    let give_back = proto::ReturnRepoRequest { request_id: "r".into(), repo_id: 7, account_id: 0 };
    expect(
        &give_back,
        Wire::ReturnRepo,
        &[
            (&|m| m.repo_id = 0, Reason::FieldMissing, "repo_id"),
            (&|m| m.account_id = 1 << 40, Reason::UnknownAccount, "account_id"),
        ],
    );
}
