//! What a node shows of pledges and freezes, beside what their events leave.

use registry_proto::registry as wire;
use registry_proto::registry::freeze_target::Target;

use super::super::*;
use super::node::{Held, LINEARIZABLE, held_after, serving};
use super::pledges;
use super::story::{BUYER, SELLER};

/// A pledge that a court keeps where it is, one that nobody accepted, and one
/// that waits with other lines; and two freezes.
fn encumbered() -> Held {
    let (steps, end_ms) = pledges::encumbered();
    let terms = wire::PledgeTerms {
        contract: "ICBC-2021-77".to_owned(),
        principal_yuan: "1000.00".to_owned(),
        maturity_date: "2022-06-30".to_owned(),
        reference_price_yuan: "43.10".to_owned(),
        reference_date: "2021-12-16".to_owned(),
        loan_to_value_bp: 5_000,
        warning_price_yuan: "40.00".to_owned(),
        disposal_price_yuan: "35.00".to_owned(),
        cure_period_ms: 86_400_000,
    };
    let pledge = wire::Pledge {
        pledge_id: 1,
        pledgor_account: SELLER,
        pledgee_bank: 102,
        instrument: "CEA-2020".to_owned(),
        quantity_tco2e: 100,
        contract_quantity_tco2e: 100,
        from: wire::Position::Registered.into(),
        terms: Some(terms),
        status: wire::PledgeStatus::Active.into(),
        // Proposed, accepted, activated, under a stay.
        version: 4,
        expires_at_ms: end_ms + 3_600_000,
        filing_reference: "filing".to_owned(),
        activated_log_index: 59,
        court_stays: 1,
        claim_yuan: "0.00".to_owned(),
        proceeds_yuan: "0.00".to_owned(),
        ..Default::default()
    };
    let declined = wire::Pledge {
        pledge_id: 2,
        quantity_tco2e: 0,
        status: wire::PledgeStatus::Declined.into(),
        version: 2,
        filing_reference: String::new(),
        activated_log_index: 0,
        court_stays: 0,
        ..pledge.clone()
    };
    let proposed = wire::Pledge {
        pledge_id: 3,
        quantity_tco2e: 100,
        status: wire::PledgeStatus::Proposed.into(),
        version: 1,
        ..declined.clone()
    };
    let value = |value_yuan: &str, loan_to_value_bp| wire::PledgeValue {
        price_yuan: "43.10".to_owned(),
        price_date: "2021-12-16".to_owned(),
        value_yuan: value_yuan.to_owned(),
        loan_to_value_bp,
    };
    // 1,000.00 of 4,310.00 yuan are 23.201… %.
    let pledges = [
        (pledge, value("4310.00", 2_321)),
        (declined, value("0.00", 0)),
        (proposed, value("4310.00", 2_321)),
    ]
    .map(|(pledge, value)| wire::PledgeWithValue { pledge: Some(pledge), value: Some(value) });
    let over_pledge = wire::Freeze {
        freeze_id: 1,
        account_id: SELLER,
        target: Some(wire::FreezeTarget { target: Some(Target::PledgeId(1)) }),
        court: "court".to_owned(),
        document: "order".to_owned(),
        imposed_at_ms: end_ms,
        stayed_pledge_ids: vec![1],
        ..Default::default()
    };
    let tonnes = wire::FrozenTonnes {
        account_id: SELLER,
        instrument: "CEA-2020".to_owned(),
        quantity_tco2e: 350,
    };
    let over_tonnes = wire::Freeze {
        freeze_id: 3,
        target: Some(wire::FreezeTarget { target: Some(Target::Tonnes(tonnes)) }),
        from_registered_tco2e: 300,
        from_trading_tco2e: 50,
        stayed_pledge_ids: vec![],
        ..over_pledge.clone()
    };
    let mut held = held_after(&steps);
    held.pledges = pledges.to_vec();
    held.freezes = vec![over_pledge, over_tonnes];
    held
}

#[tokio::test]
async fn pledges_and_freezes_are_compared_page_by_page() {
    let report = audit_node(&serving(&encumbered()).await, LINEARIZABLE, |_, _| {}).await;
    let report = report.expect("what its events leave");
    assert_eq!((report.pledges, report.freezes), (3, 2));
}

#[tokio::test]
async fn a_node_that_shows_another_pledge_or_freeze_is_caught() {
    fn pledge(held: &mut Held, place: usize) -> &mut wire::Pledge {
        held.pledges[place].pledge.as_mut().expect("a pledge")
    }
    fn value(held: &mut Held) -> &mut wire::PledgeValue {
        held.pledges[0].value.as_mut().expect("a value")
    }
    type Change = fn(&mut Held);
    let cases: [(&str, Change, &str); 21] = [
        ("more tonnes", |h| pledge(h, 0).quantity_tco2e = 101, "quantity_tco2e of pledge 1"),
        ("another bank", |h| pledge(h, 2).pledgee_bank = 103, "pledgee_bank of pledge 3"),
        ("another firm", |h| pledge(h, 0).pledgor_account = BUYER, "pledgor_account of pledge 1"),
        ("another state", |h| pledge(h, 1).status = 10, "status of pledge 2"),
        ("another version", |h| pledge(h, 0).version = 3, "version of pledge 1"),
        ("another loan", |h| pledge(h, 0).terms = None, "terms of pledge 1"),
        ("more stays", |h| pledge(h, 2).court_stays = 1, "court_stays of pledge 3"),
        (
            "another filing",
            |h| pledge(h, 0).filing_reference.clear(),
            "filing_reference of pledge 1",
        ),
        (
            "recognised at another index",
            |h| pledge(h, 0).activated_log_index += 1,
            "activated_log_index of pledge 1",
        ),
        ("a claim", |h| pledge(h, 0).claim_yuan = "0.01".to_owned(), "claim_yuan of pledge 1"),
        ("a value", |h| value(h).value_yuan = "4310.01".to_owned(), "value_yuan of pledge 1"),
        ("a share", |h| value(h).loan_to_value_bp -= 1, "loan_to_value_bp of pledge 1"),
        ("a pledge left out", |h| drop(h.pledges.remove(1)), "next pledge on the node"),
        ("the last one left out", |h| drop(h.pledges.pop()), "pledges on the node"),
        (
            "a pledge too many",
            |h| {
                let mut more = h.pledges[2].clone();
                more.pledge.as_mut().expect("a pledge").pledge_id = 4;
                h.pledges.push(more);
            },
            "pledges on the node",
        ),
        ("a freeze left out", |h| drop(h.freezes.remove(0)), "next freeze on the node"),
        ("the last freeze left out", |h| drop(h.freezes.pop()), "freezes on the node"),
        (
            "a freeze that was lifted",
            |h| {
                let lifted = wire::Freeze { freeze_id: 2, ..h.freezes[0].clone() };
                h.freezes.insert(1, lifted);
            },
            "next freeze on the node",
        ),
        (
            "other tonnes",
            |h| h.freezes[1].from_trading_tco2e += 1,
            "from_trading_tco2e of freeze 3",
        ),
        ("no stay", |h| h.freezes[0].stayed_pledge_ids.clear(), "stayed_pledge_ids of freeze 1"),
        ("another court", |h| h.freezes[0].court.clear(), "court of freeze 1"),
    ];
    for (case, change, what) in cases {
        let mut node = encumbered();
        change(&mut node);
        let audited = audit_node(&serving(&node).await, LINEARIZABLE, |_, _| {}).await;
        let error = audited.expect_err(case);
        assert!(matches!(error, AuditError::Broken(_)), "{case}: {error}");
        assert!(error.to_string().contains(what), "{case}: {error}");
    }
}
