//! Grams of persons: within the quota, burned once, taken by the right bank in time.

use registry_proto::registry as wire;
use sha2::{Digest as _, Sha256};

use super::super::*;
use super::story::{Step, audit, caught, go_on, life};
use crate::journal::inclusive::PersonsCompared;

const PLATFORM: &str = "platform/sh-carbon";
const HOUR_MS: i64 = 3_600_000;

fn owner(number: u8) -> [u8; 16] {
    [number; 16]
}

/// Who does it, what, and how much later, ms.
type Deed = (&'static str, What, i64);

fn granted(grams: i64) -> Deed {
    let (name, document) = ("sh-carbon".to_owned(), "letter".to_owned());
    ("registry/officer-1", What::InclusiveQuotaGranted { platform: 1, name, grams, document }, 0)
}

fn opened(first: u64, persons: &[u8]) -> Deed {
    let mut sha256 = Sha256::new();
    persons.iter().for_each(|number| sha256.update(owner(*number)));
    let (owners_sha256, count) = (sha256.finalize().into(), persons.len() as u64);
    (PLATFORM, What::InclusiveAccountsOpened { platform: 1, first, count, owners_sha256 }, 0)
}

fn credited(batch: u64, grams: i64) -> Deed {
    let lines_sha256 = [7; 32];
    (PLATFORM, What::InclusiveCredited { platform: 1, batch, count: 2, grams, lines_sha256 }, 0)
}

fn burned(voucher: u64, account: u64, grams: i64) -> Deed {
    let expires_at_ms = life().last().expect("a life").event.ledger_time_ms + HOUR_MS;
    let what = What::VoucherIssued {
        voucher,
        account,
        platform: 1,
        bank: 102,
        grams,
        fen: grams / 5,
        expires_at_ms,
    };
    (PLATFORM, what, 0)
}

fn redeemed(voucher: u64, later_ms: i64) -> Deed {
    ("bank/102", What::VoucherRedeemed { voucher, bank: 102 }, later_ms)
}

fn expired(vouchers: &[u64], later_ms: i64) -> Deed {
    ("node/11", What::VouchersExpired { vouchers: vouchers.to_vec() }, later_ms)
}

/// The life with these events behind it.
fn then(deeds: &[Deed]) -> Vec<Step> {
    let mut steps = life();
    for (actor, what, later_ms) in deeds.iter().cloned() {
        go_on(&mut steps, actor, what, vec![], later_ms);
    }
    steps
}

/// The life, and a platform that may credit.
pub(super) fn first_quota() -> Vec<Step> {
    then(&[granted(1_000)])
}

/// 1,000 g for two persons, 40 g and 60 g of them burned.
fn story() -> Vec<Deed> {
    vec![
        granted(1_000),
        opened(1, &[1, 2]),
        credited(1, 600),
        credited(2, 400),
        burned(1, 1, 40),
        burned(2, 2, 60),
    ]
}

fn and(more: &[Deed]) -> Vec<Step> {
    then(&[story(), more.to_vec()].concat())
}

#[test]
fn grams_are_credited_burned_and_taken() {
    let steps = and(&[redeemed(1, HOUR_MS - 1), expired(&[2], 1), granted(5), credited(3, 5)]);
    audit(&steps).expect("all of it is due");
}

#[test]
fn grams_that_cannot_be_are_caught() {
    let by = |actor, (_, what, later)| (actor, what, later);
    let mut foreign = burned(3, 1, 5);
    if let What::VoucherIssued { bank, .. } = &mut foreign.1 {
        *bank = 999;
    }
    let mut dear = burned(3, 1, 5);
    if let What::VoucherIssued { fen, .. } = &mut dear.1 {
        *fen = 2;
    }
    let rows: [(&str, Vec<Deed>, &str); 16] = [
        ("more than the quota", vec![credited(3, 2)], "grams credited by sh-carbon"),
        ("a batch again", vec![granted(9), credited(2, 9)], "number of the batch"),
        ("a batch left out", vec![granted(9), credited(4, 9)], "number of the batch"),
        ("credited by another", vec![by("platform/wh", credited(3, 1))], "actor"),
        ("credited by an officer", vec![by("registry/officer-1", credited(3, 1))], "actor"),
        ("more burned than credited", vec![burned(3, 1, 905)], "grams burned"),
        ("no whole fen", vec![burned(3, 1, 7)], "no whole fen"),
        ("dearer than it is", vec![dear], "fen of the voucher"),
        ("at no bank", vec![foreign], "settlement bank"),
        ("a voucher's number again", vec![burned(2, 1, 5)], "number of a new voucher"),
        ("of nobody", vec![burned(3, 3, 5)], "account of a person"),
        ("an account's number again", vec![opened(2, &[3])], "number of a person's new account"),
        ("taken twice", vec![redeemed(1, 0), redeemed(1, 0)], "voucher"),
        ("taken too late", vec![redeemed(1, HOUR_MS)], "redeemed in time"),
        ("taken by another", vec![by("bank/103", redeemed(1, 0))], "actor"),
        ("over too early", vec![expired(&[1], HOUR_MS - 1)], "time of voucher 1 over"),
    ];
    for (case, more, what) in rows {
        caught(case, &and(&more), what);
    }
}

fn person(id: u32, number: u8, balance_grams: i64) -> wire::InclusiveAccount {
    wire::InclusiveAccount {
        inclusive_account_id: id,
        platform_id: 1,
        platform: "sh-carbon".to_owned(),
        owner_id: owner(number).to_vec().into(),
        balance_grams,
    }
}

#[test]
fn a_node_with_other_persons_or_grams_is_caught() {
    let auditor = audit(&and(&[redeemed(1, 0)])).expect("right");
    let compare = |found: &[wire::InclusiveAccount]| -> Result<(), String> {
        let mut compared = PersonsCompared::new(&auditor.persons);
        let persons = &auditor.persons;
        found
            .iter()
            .try_for_each(|account| compared.account(persons, account))
            .and_then(|()| compared.finish(persons))
            .and_then(|()| compared.check_sums(persons))
            .map_err(|wrong| wrong.what)
    };
    // Whose grams they are is between the persons and their platform's books.
    assert_eq!(compare(&[person(1, 1, 860), person(2, 2, 40)]), Ok(()));
    let rows = [
        (vec![person(1, 1, 860), person(2, 2, 41)], "grams of the persons"),
        (vec![person(1, 1, 901), person(2, 2, -1)], "grams of account 2"),
        (vec![person(1, 1, 860)], "accounts of persons"),
        (vec![person(1, 3, 860), person(2, 2, 40)], "owners_sha256"),
        (vec![person(1, 1, 860), person(3, 2, 40)], "next account of a person"),
        (vec![person(1, 1, 860), person(2, 2, 40), person(3, 4, 0)], "account of a person"),
    ];
    for (found, what) in rows {
        let told = compare(&found).expect_err(what);
        assert!(told.contains(what), "{told}");
    }

    let platform = wire::Platform {
        platform_id: 1,
        platform: "sh-carbon".to_owned(),
        quota_grams: 1_000,
        credited_grams: 1_000,
        burned_grams: 100,
        account_count: 2,
        last_batch_number: 2,
    };
    let platforms = |platform| auditor.persons.compare_platforms(&[platform]).is_ok();
    assert!(platforms(platform.clone()));
    assert!(!platforms(wire::Platform { burned_grams: 99, ..platform.clone() }));
    assert!(!platforms(wire::Platform { quota_grams: 2_000, ..platform }));

    let now = life().last().expect("a life").event.ledger_time_ms;
    let voucher =
        |voucher_id: u32, quantity_grams: i64, amount: &str, closed_at_ms| wire::Voucher {
            voucher_id,
            inclusive_account_id: voucher_id,
            platform_id: 1,
            bank_id: 102,
            quantity_grams,
            amount_yuan: amount.to_owned(),
            status: if closed_at_ms > 0 { 2 } else { 1 },
            issued_at_ms: now,
            expires_at_ms: now + HOUR_MS,
            closed_at_ms,
        };
    let vouchers = |found: &[wire::Voucher]| {
        let compared = auditor.persons.compare_vouchers(0, found);
        compared.and_then(|compared| auditor.persons.all_vouchers(compared)).is_ok()
    };
    let (one, two) = (voucher(1, 40, "0.08", now), voucher(2, 60, "0.12", 0));
    assert!(vouchers(&[one.clone(), two.clone()]));
    assert!(!vouchers(std::slice::from_ref(&one)));
    assert!(!vouchers(&[voucher(1, 40, "0.08", 0), two.clone()]));
    assert!(!vouchers(&[one, voucher(2, 60, "0.13", 0)]));
}
