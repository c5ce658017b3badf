//! Grams of persons: quotas, accounts, credits, vouchers.

use registry_ledger::journal::{Event, Subject, What};
use registry_ledger::{
    BankId, Command, CreditBatch, CreditLine, Fen, Grams, InclusiveAccountId, InclusiveCommand,
    InclusiveReceipt, Ledger, LedgerTime, OwnerId, PlatformId, PlatformView, Reason, Receipt,
    Voucher, VoucherFilter, VoucherId, VoucherStatus, credit_sha256,
};

use crate::rejections::Row;
use crate::world::{ABC, HOUR_MS, ICBC, World};

pub(crate) const NAME: &str = "sh-carbon";
const OTHER: &str = "wh-carbon";
const NO_BANK: BankId = BankId(998);
const PLATFORM: PlatformId = PlatformId(1);

pub(crate) fn quota(platform: &str, grams: i64) -> Command {
    Command::Inclusive(InclusiveCommand::GrantQuota {
        platform: platform.to_owned(),
        grams: Grams(grams),
        document: "沪环气〔2026〕1号".to_owned(),
    })
}

fn owner(number: u32) -> OwnerId {
    let mut bytes = [0xab; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    OwnerId(bytes)
}

fn open(platform: &str, numbers: &[u32]) -> Command {
    let (platform, owners) = (platform.to_owned(), numbers.iter().copied().map(owner).collect());
    Command::Inclusive(InclusiveCommand::OpenAccounts { platform, owners })
}

fn batch(number: u64, lines: &[(u32, i64)]) -> CreditBatch {
    let line = |(of, grams): &(u32, i64)| CreditLine { owner: owner(*of), grams: Grams(*grams) };
    let lines: Vec<_> = lines.iter().map(line).collect();
    CreditBatch {
        platform: NAME.to_owned(),
        number,
        line_count: lines.len() as u32,
        total: Grams(lines.iter().fold(0, |sum: i64, line| sum.wrapping_add(line.grams.0))),
        lines_sha256: credit_sha256(number, &lines),
        lines,
    }
}

fn credit(batch: CreditBatch) -> Command {
    Command::Inclusive(InclusiveCommand::Credit(batch))
}

fn burn(of: u32, bank: BankId, grams: i64, valid_for_ms: i64) -> Command {
    Command::Inclusive(InclusiveCommand::IssueVoucher {
        platform: NAME.to_owned(),
        owner: owner(of),
        bank,
        grams: Grams(grams),
        valid_for_ms,
    })
}

fn redeem(bank: BankId, voucher: u32) -> Command {
    let voucher = VoucherId(voucher);
    Command::Inclusive(InclusiveCommand::RedeemVoucher { bank, voucher })
}

/// Three persons and a quota of 10 kg, of which 4,005 g are credited.
fn credited() -> World {
    let mut world = World::market();
    world.ok(quota(NAME, 10_000));
    world.ok(open(NAME, &[1, 2, 3]));
    world.ok(credit(batch(1, &[(1, 3_000), (2, 5), (1, 1_000)])));
    world
}

/// With a voucher of 8 fen.
fn with_voucher() -> World {
    let mut world = credited();
    world.ok(burn(1, ICBC, 40, HOUR_MS));
    world
}

fn after_an_hour(mut world: World) -> World {
    world.now = LedgerTime(world.now.0 + HOUR_MS);
    world
}

fn refused_batch(change: fn(&mut CreditBatch)) -> (World, Command) {
    let mut batch = batch(2, &[(1, 3), (2, 4)]);
    change(&mut batch);
    (credited(), credit(batch))
}

fn granting(platform: &str, grams: i64, document: &str) -> (World, Command) {
    let (platform, document) = (platform.to_owned(), document.to_owned());
    let grams = Grams(grams);
    let grant = InclusiveCommand::GrantQuota { platform, grams, document };
    (credited(), Command::Inclusive(grant))
}

pub(crate) const ROWS: &[Row] = &[
    (Reason::FieldMissing, "platform", || granting(" ", 1, "d")),
    (Reason::TooLong, "platform", || granting(&"x".repeat(65), 1, "d")),
    (Reason::BadCharacter, "platform", || granting("a/b", 1, "d")),
    (Reason::NotPositive, "quantity_grams", || granting(NAME, 0, "d")),
    (Reason::OutOfRange, "quantity_grams", || granting(OTHER, i64::MAX, "d")),
    (Reason::FieldMissing, "document", || granting(NAME, 1, "")),
    (Reason::UnknownPlatform, "platform", || (credited(), open(OTHER, &[1]))),
    (Reason::FieldMissing, "owner_ids", || (credited(), open(NAME, &[]))),
    (Reason::TooLong, "owner_ids", || {
        let numbers: Vec<u32> = (10..10 + 8_193).collect();
        (credited(), open(NAME, &numbers))
    }),
    (Reason::InclusiveAccountExists, "owner_ids[1]", || (credited(), open(NAME, &[4, 3]))),
    (Reason::InclusiveAccountExists, "owner_ids[2]", || (credited(), open(NAME, &[4, 5, 4]))),
    (Reason::UnknownPlatform, "platform", || refused_batch(|b| b.platform = OTHER.to_owned())),
    (Reason::BatchOutOfOrder, "batch_number", || (credited(), credit(batch(1, &[(1, 1)])))),
    (Reason::BatchOutOfOrder, "batch_number", || (credited(), credit(batch(3, &[(1, 1)])))),
    (Reason::FieldMissing, "lines", || (credited(), credit(batch(2, &[])))),
    (Reason::TooLong, "lines", || (credited(), credit(batch(2, &[(1, 1); 8_193])))),
    (Reason::NotPositive, "lines[1].quantity_grams", || {
        (credited(), credit(batch(2, &[(1, 1), (2, 0)])))
    }),
    (Reason::UnknownInclusiveAccount, "lines[1].owner_id", || {
        (credited(), credit(batch(2, &[(1, 1), (9, 1)])))
    }),
    (Reason::OutOfRange, "lines[1].quantity_grams", || {
        (credited(), credit(batch(2, &[(1, i64::MAX), (2, 1)])))
    }),
    (Reason::BatchMismatch, "line_count", || refused_batch(|b| b.line_count = 3)),
    (Reason::BatchMismatch, "total_grams", || refused_batch(|b| b.total = Grams(8))),
    (Reason::BatchMismatch, "lines_sha256", || refused_batch(|b| b.lines_sha256[31] ^= 1)),
    (Reason::QuotaExceeded, "total_grams", || (credited(), credit(batch(2, &[(3, 5_996)])))),
    (Reason::UnknownPlatform, "platform", || (World::market(), burn(1, ICBC, 5, 1))),
    (Reason::UnknownInclusiveAccount, "owner_id", || (credited(), burn(9, ICBC, 5, 1))),
    (Reason::UnknownBank, "bank_id", || (credited(), burn(1, NO_BANK, 5, 1))),
    (Reason::NotPositive, "quantity_grams", || (credited(), burn(1, ICBC, -5, 1))),
    (Reason::NotWholeFen, "quantity_grams", || (credited(), burn(1, ICBC, 12, 1))),
    (Reason::NotPositive, "valid_for_ms", || (credited(), burn(1, ICBC, 5, 0))),
    (Reason::OutOfRange, "valid_for_ms", || (credited(), burn(1, ICBC, 5, 31_622_400_001))),
    (Reason::InsufficientGrams, "quantity_grams", || (credited(), burn(2, ICBC, 10, 1))),
    (Reason::UnknownBank, "bank_id", || (with_voucher(), redeem(NO_BANK, 1))),
    (Reason::UnknownVoucher, "voucher_id", || (with_voucher(), redeem(ABC, 1))),
    (Reason::UnknownVoucher, "voucher_id", || (with_voucher(), redeem(ICBC, 2))),
    (Reason::VoucherRedeemed, "voucher_id", || {
        let mut world = with_voucher();
        world.ok(redeem(ICBC, 1));
        (after_an_hour(world), redeem(ICBC, 1))
    }),
    (Reason::VoucherExpired, "voucher_id", || (after_an_hour(with_voucher()), redeem(ICBC, 1))),
    (Reason::VoucherExpired, "voucher_id", || {
        let mut world = after_an_hour(with_voucher());
        world.ok(Command::ExpireDue);
        (world, redeem(ICBC, 1))
    }),
];

fn grams(world: &World, number: u32) -> i64 {
    world.ledger.inclusive_account(InclusiveAccountId(number)).unwrap().balance.0
}

#[test]
fn grams_are_credited_within_the_quota_and_burned_into_fen() {
    let mut world = credited();
    assert_eq!([1, 2, 3].map(|number| grams(&world, number)), [4_000, 5, 0]);
    let view = PlatformView {
        id: PLATFORM,
        name: NAME.to_owned(),
        quota: Grams(10_000),
        credited: Grams(4_005),
        burned: Grams(0),
        accounts: 3,
        last_batch: 1,
    };
    assert_eq!(world.ledger.platforms(), [view]);
    // The whole quota, to the gram, and more once more is granted.
    world.ok(credit(batch(2, &[(3, 5_995)])));
    assert_eq!(world.refused(credit(batch(3, &[(3, 1)]))).reason, Reason::QuotaExceeded);
    world.ok(quota(NAME, 1));
    world.ok(credit(batch(3, &[(3, 1)])));

    let receipt = world.ok(burn(1, ICBC, 1_000, HOUR_MS));
    let Receipt::Inclusive(InclusiveReceipt::Voucher(voucher)) = receipt else { panic!() };
    assert_eq!(voucher.amount(), Fen(200), "a kilogram is two yuan");
    assert_eq!((voucher.id, voucher.status), (VoucherId(1), VoucherStatus::Issued));
    assert_eq!(grams(&world, 1), 3_000);
    let redeemed = world.ok(redeem(ICBC, 1));
    let closed = Voucher { status: VoucherStatus::Redeemed, closed_at: Some(world.now), ..voucher };
    assert_eq!(redeemed, Receipt::Inclusive(InclusiveReceipt::Voucher(closed)));
    assert_eq!(grams(&world, 1), 3_000, "burned is burned");
    world.ledger.check_invariants().unwrap();
}

#[test]
fn a_person_is_known_to_its_own_platform_only() {
    let mut world = credited();
    world.ok(quota(OTHER, 100));
    // The same bytes elsewhere are somebody else.
    world.ok(open(OTHER, &[1]));
    let other = world.ledger.known_platform(OTHER).unwrap();
    let found = |platform| world.ledger.known_inclusive_account(platform, owner(1)).unwrap();
    assert_eq!((found(PLATFORM).0, found(other).0), (1, 4));
    assert!(world.ledger.known_inclusive_account(other, owner(2)).is_err());
    let page = world.ledger.inclusive_accounts_after(2, 5);
    assert_eq!(page.iter().map(|view| view.id.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(page[1].platform_name, OTHER);
}

#[test]
fn vouchers_end_in_time_and_are_listed_by_bank_and_status() {
    let mut world = credited();
    for (bank, hours) in [(ICBC, 2), (ABC, 1), (ICBC, 1), (ICBC, 3)] {
        world.ok(burn(1, bank, 5, hours * HOUR_MS));
    }
    let due = world.now.0 + HOUR_MS;
    assert_eq!(world.ledger.next_due(), Some(LedgerTime(due)));
    world.now = LedgerTime(due - 1);
    world.ok(Command::ExpireDue);
    assert!(
        world
            .ledger
            .vouchers_after(VoucherFilter::default(), 0, 9)
            .iter()
            .all(|v| v.closed_at.is_none())
    );
    world.now = LedgerTime(due);
    world.ok(Command::ExpireDue);
    assert_eq!(world.ledger.next_due(), Some(LedgerTime(due + HOUR_MS)));
    let listed = |filter, after, limit| -> Vec<u32> {
        world.ledger.vouchers_after(filter, after, limit).iter().map(|v| v.id.0).collect()
    };
    let at = VoucherFilter { bank: Some(ICBC), ..VoucherFilter::default() };
    let expired = VoucherFilter { status: Some(VoucherStatus::Expired), ..Default::default() };
    assert_eq!(listed(at, 0, 2), [1, 3]);
    assert_eq!(listed(at, 1, 2), [3, 4]);
    assert_eq!(listed(expired, 0, 9), [2, 3]);
    assert_eq!(listed(VoucherFilter { bank: Some(ICBC), ..expired }, 0, 9), [3]);
    let nobody = VoucherFilter { platform: Some(PlatformId(2)), ..at };
    assert_eq!(listed(nobody, 0, 9), Vec::<u32>::new());
    let mut loaded = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(loaded.seal().state_digest, world.state_digest());
    assert_eq!(loaded.next_due(), world.ledger.next_due());
    loaded.check_invariants().unwrap();
}

#[test]
fn a_quota_needs_two_people_and_nothing_else_does() {
    use crate::control::{approval, propose};
    for (command, needs) in [(quota(NAME, 1), true), (open(NAME, &[8]), false)] {
        let mut world = credited();
        world.apply_as("registry/officer-1", propose(&command)).outcome.unwrap();
        let approve = approval(registry_ledger::ProposalId(1), command);
        let answer = world.apply_as("registry/officer-2", Command::Approve(approve));
        assert_eq!(answer.outcome.is_ok(), needs, "{answer:?}");
    }
}

/// One of every event.
fn lived_through() -> World {
    let mut world = credited();
    world.ok(burn(1, ICBC, 40, HOUR_MS));
    world.ok(burn(1, ABC, 1_000, HOUR_MS));
    world.ok(redeem(ICBC, 1));
    let mut world = after_an_hour(world);
    world.ok(Command::ExpireDue);
    world
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes before an event's kind: numbers and times are alike in this world.
const START: usize = 1 + 1 + 1 + 6 + 1 + "registry/officer-1".len();

#[test]
fn events_are_golden_and_name_whom_they_are_about() {
    let mut world = lived_through();
    let sealed = world.ledger.take_events();
    let events: Vec<_> =
        sealed.iter().map(|sealed| Event::from_bytes(&sealed.bytes).unwrap()).collect();
    let own = |event: &&Event| (120..130).contains(&event.to_bytes()[START]);
    let found: Vec<_> =
        events.iter().filter(own).map(|event| hex(&event.to_bytes()[START..])).collect();
    assert_eq!(found, GOLDEN_EVENTS);
    for event in events.iter().filter(own) {
        assert!(event.postings.is_empty(), "grams are in the event itself");
        let bytes = event.to_bytes();
        for end in 0..bytes.len() {
            assert!(Event::from_bytes(&bytes[..end]).is_err(), "{end} bytes of {event:?}");
        }
    }
    let issued = events.iter().find(|event| matches!(event.what, What::VoucherIssued { .. }));
    assert_eq!(issued.unwrap().subjects(), [Subject::Bank(ICBC), Subject::Platform(PLATFORM)]);
}

#[test]
fn records_are_golden_and_come_back() {
    let mut world = lived_through();
    let records = world.ledger.records();
    let own = |key: &[u8]| (36..=38).contains(&key[0]);
    let found: Vec<_> = records
        .iter()
        .filter(|(key, _)| own(key))
        .map(|(key, value)| format!("{} {}", hex(key), hex(value)))
        .collect();
    assert_eq!(found, GOLDEN_RECORDS);
    let digest = world.state_digest();
    assert_eq!(Ledger::load(records.clone()).unwrap().state_digest(), digest);
    for (at, (key, value)) in records.iter().enumerate().filter(|(_, (key, _))| own(key)) {
        for end in 0..value.len() {
            let mut cut = records.clone();
            cut[at].1.truncate(end);
            assert!(Ledger::load(cut).is_err(), "{end} bytes of {}", hex(key));
        }
        let mut without = records.clone();
        without.remove(at);
        let last = !records.iter().skip(at + 1).any(|(other, _)| other[0] == key[0]);
        // The last of a kind is missed by the digest and the invariants.
        let gone = Ledger::load(without).map(|ledger| ledger.state_digest() != digest);
        assert!(if last { gone == Ok(true) } else { gone.is_err() }, "without {}", hex(key));
    }
}

#[test]
fn receipts_and_the_hash_of_a_batch_are_golden() {
    let mut world = credited();
    let mut answered = |command: Command| {
        world.ok(command);
        let mut answers = world.ledger.records();
        answers.retain(|(key, _)| key[0] == 14);
        let (_, value) = answers.pop().unwrap();
        // Behind the fingerprint.
        let at = value.windows(32).position(|window| window == [7; 32]).unwrap() + 32;
        hex(&value[at..])
    };
    let found = [
        answered(open(NAME, &[7, 8])),
        answered(quota(NAME, 5)),
        answered(burn(1, ICBC, 40, HOUR_MS)),
    ];
    assert_eq!(found, GOLDEN_RECEIPTS);
    assert_eq!(hex(&batch(1, &[(1, 3_000), (2, 5)]).lines_sha256), GOLDEN_BATCH);
}

#[test]
fn ten_thousand_persons_change_the_digest_as_if_from_scratch() {
    let mut world = World::market();
    world.ok(quota(NAME, 1_000_000_000));
    let numbers: Vec<u32> = (1..=10_000).collect();
    for few in numbers.chunks(8_000) {
        world.ok(open(NAME, few));
    }
    let lines: Vec<_> = (1..=8_000_u32).map(|number| (number, i64::from(number))).collect();
    world.ok(credit(batch(1, &lines)));
    world.state_digest();
    assert_eq!(grams(&world, 8_000), 8_000);
    let mut changed = std::collections::BTreeMap::new();
    for (key, value) in world.ledger.take_changes().iter() {
        changed.insert(key.to_vec(), value.map(<[u8]>::to_vec));
    }
    let records = world.ledger.records();
    assert!(records.iter().all(|(key, value)| changed[key].as_deref() == Some(value)));
    assert!(world.ledger.take_changes().is_empty());
    world.ok(credit(batch(2, &[(9_999, 1)])));
    let few = world.ledger.take_changes();
    assert_eq!(few.iter().filter(|(key, _)| key[0] == 36).count(), 1, "only what changed");
    world.ledger.check_invariants().unwrap();
}

const GOLDEN_BATCH: &str = "b5f79941af7699f6926b232a718a02e9a32a91f2cf663b0a0922d1a65107edcb";
const GOLDEN_EVENTS: [&str; 7] = [
    "78010973682d636172626f6ea09c0117e6b2aae78eafe6b094e3809432303236e3809531e58fb700",
    "79010103e76b6ef022fb41dbd97595e87d27b46369e0aa2a60aefd095b8c73abeae663cf00",
    "7a010103ca3e41c0c4964bb363e9f905e807a1e75ef85574f4eba93edfa7e4bf65b19a32f1ae00",
    "7b01010166501080fac1a7b85f00",
    "7b02010167d00f900380fac1a7b85f00",
    "7c016600",
    "7d010200",
];
const GOLDEN_RECORDS: [&str; 6] = [
    "2400000001 0101abababababababababababab00000001a02e",
    "2400000002 0101abababababababababababab000000020a",
    "2400000003 0101abababababababababababab0000000300",
    "2500000001 0101010166500280c08aa4b85f80fac1a7b85f0180c08aa4b85f",
    "2500000002 0102010167d00f0380c08aa4b85f80fac1a7b85f0180fac1a7b85f",
    "260001 010973682d636172626f6ea09c01ca3ea0100301",
];
const GOLDEN_RECEIPTS: [&str; 3] = [
    "3c0402",
    "3d010973682d636172626f6eaa9c01ca3e000501",
    "3e01010166500180c08aa4b85f80fac1a7b85f00",
];
