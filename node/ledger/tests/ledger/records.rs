//! Golden bytes: stored records and canonical hashes do not change by accident.

use registry_ledger::{
    AccountId, BankClearing, BankId, Command, DayState, Entry, Fen, Ledger, Quantity, Trade,
    formats::{CashLine, GoodsLine, TradesHasher, clearing_sha256, trade_bytes},
};

use crate::opening::{books, load};
use crate::world::{ABC, BUYER, ICBC, SELLER, World, cea, object, settle, submit, today, trade};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn trade_bytes_are_golden() {
    let bytes = hex(&trade_bytes(&trade(258)));
    let expected = [
        "0000000000000102", // trade_number
        "01",               // kind
        "4345412d32303230", // CEA-2020
        "0000000000000002", // buyer_account
        "0000000000000001", // seller_account
        "00000066",         // buyer_bank
        "00000067",         // seller_bank
        "0000000000000064", // quantity
        "00000000000010d2", // price in fen
        "0000017dc0f7b900", // traded_at_ms
    ];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn canonical_hashes_are_golden() {
    let empty = TradesHasher::new(today());
    let mut two = TradesHasher::new(today());
    two.add(&trade(1));
    two.add(&trade(2));
    let clearing = clearing_sha256(
        today(),
        &[
            BankClearing { bank: ICBC, receives: Fen(0), pays: Fen(861_200) },
            BankClearing { bank: ABC, receives: Fen(861_200), pays: Fen(0) },
        ],
        &[
            GoodsLine { account: SELLER, instrument: cea(), net: Quantity(-200) },
            GoodsLine { account: BUYER, instrument: cea(), net: Quantity(200) },
        ],
        &[
            CashLine { account: SELLER, bank: ABC, net: Fen(861_200) },
            CashLine { account: BUYER, bank: ICBC, net: Fen(-861_200) },
        ],
    );
    let world = World::with_trades(&[trade(1), trade(2)], DayState::Cleared);
    assert_eq!(world.ledger.clearing(today()).unwrap().sha256, clearing);
    let found = [empty.finish(), two.finish(), clearing].map(|hash| hex(&hash));
    assert_eq!(found, GOLDEN_HASHES);
}

/// A ledger with a record of every kind.
fn every_kind_of_record() -> World {
    let mut world = World::market();
    world.ok(Command::SetHolidays(vec![crate::world::date("2021-10-01")]));
    world.ok(crate::world::open_day(today()));
    world.stream(&[trade(1), Trade { seller: AccountId(3), buyer_bank: BankId(103), ..trade(2) }]);
    world.ok(settle(trade(3)));
    world.advance(DayState::Delivered);
    world.now.0 += crate::world::WINDOW_MS + 1;
    world.ok(crate::world::fail(&[2]));
    world.ok(Command::IssueStatements(today()));
    world.ok(object(BUYER));
    world.ok(crate::control::propose(&settle(trade(4))));
    world
}

#[test]
fn stored_records_are_golden() {
    let mut world = every_kind_of_record();
    let state_digest = world.state_digest();
    let mut first_of_kind = std::collections::BTreeMap::new();
    for (key, value) in world.ledger.records() {
        first_of_kind.entry(key[0]).or_insert_with(|| format!("{} {}", hex(&key), hex(&value)));
    }
    let found: Vec<_> = first_of_kind.into_values().collect();
    assert_eq!(found, GOLDEN_RECORDS);
    assert_eq!(state_digest.to_string(), GOLDEN_STATE_DIGEST);
    assert_eq!(world.ledger.answers_digest().to_string(), GOLDEN_ANSWERS_DIGEST);
}

#[test]
fn answer_to_a_take_over_is_golden() {
    let mut world = World::market();
    world.ok(load(vec![books(9), books(7)]));
    let mut answers = world.ledger.records();
    answers.retain(|(key, _)| key[0] == 14);
    let (_, value) = answers.pop().unwrap();
    let request = "00000003723131"; // r11
    let outcome = [
        "0b",       // accounts opened
        "00000004", // first account
        "00000002", // how many
    ];
    let end = format!("{request}{}{}", "07".repeat(32), outcome.concat());
    let found = hex(&value);
    assert!(found.ends_with(&end), "{found} does not end with {end}");
}

/// Trades that come in one log entry, alone or between chunks.
fn same_entry(world: &mut World, commands: Vec<Command>) {
    let entry = world.entry("exchange/sh", settle(trade(999)));
    for command in commands {
        world.ledger.apply(&Entry { command, ..entry.clone() }).outcome.unwrap();
    }
}

#[test]
fn immediate_trades_of_one_log_entry_share_a_batch() {
    let mut world = World::open();
    same_entry(&mut world, vec![settle(trade(1)), settle(trade(2))]);
    same_entry(&mut world, vec![settle(trade(3))]);
    same_entry(&mut world, vec![settle(trade(4)), submit(1, &[trade(5)]), settle(trade(6))]);
    world.state_digest();
    let batches: Vec<_> =
        world.ledger.records().into_iter().filter(|(key, _)| key[0] == 9).collect();
    // Place of the first trade; chunk or none; how many trades.
    let found: Vec<_> = batches
        .iter()
        .map(|(key, value)| {
            let count = if value[1] == 0 { &value[2..6] } else { &value[14..18] };
            (key[8], value[1], count[3])
        })
        .collect();
    assert_eq!(found, [(0, 0, 2), (2, 0, 1), (3, 0, 1), (4, 1, 1), (5, 0, 1)]);
    let loaded = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(loaded.records(), world.ledger.records());
}

#[test]
fn digest_after_genesis_is_golden() {
    // SHA-256 of 00000001 (key length), 01 (key) and the genesis record's value.
    let mut world = World::empty();
    let entry = world.entry("operator/1", crate::world::genesis());
    world.ledger.apply(&entry).outcome.unwrap();
    assert_eq!(world.state_digest().to_string(), GOLDEN_GENESIS_DIGEST);
}

#[test]
fn corrupt_records_are_told() {
    let world = every_kind_of_record();
    let records = world.ledger.records();
    assert!(Ledger::load(records.clone()).is_ok());
    for (at, (key, value)) in records.iter().enumerate() {
        let with = |changed: Vec<u8>| {
            let mut records = records.clone();
            records[at].1 = changed;
            Ledger::load(records)
        };
        let mut longer = value.clone();
        longer.push(0);
        assert!(with(longer).is_err(), "a byte more in {}", hex(key));
        let mut newer = value.clone();
        newer[0] += 1;
        let told = with(newer).unwrap_err();
        assert_eq!(told.key, hex(key));
        for end in 0..value.len() {
            assert!(with(value[..end].to_vec()).is_err(), "{end} bytes of {}", hex(key));
        }
    }
    for kind in [6, 7] {
        // The only account's, or its balances.
        let mut without = records.clone();
        without.retain(|(key, _)| key[0] != kind);
        assert_eq!(Ledger::load(without).unwrap_err().key, "0700000001");
    }
    let mut twice = records.clone();
    twice.push(records[0].clone());
    assert!(Ledger::load(twice).unwrap_err().problem.contains("twice"));
    assert!(Ledger::load([(vec![99], vec![1])]).is_err());
}

const GOLDEN_HASHES: [&str; 3] = [
    "36f0c14fef3785fece30087381bbac1621ba2223ad2eca9a6761632d2bda6734",
    "f2fd5bed170d12d816d426b42a7af8ff47d0ad960fba9f86397ef2597e2c7136",
    "1e7ad8c983e7f68a808787460030da1f0aea8441f7d0293a75440260d2a51157",
];
const GOLDEN_GENESIS_DIGEST: &str =
    "309c14dbc5b2d8d2a97d56bf7331d425de70633051bb7ed3c244770940a9999c";
const GOLDEN_STATE_DIGEST: &str =
    "1b842e2f24eadc2104dae6f37311bf4f5adb7b1e1f0074e5106c8392aa0cefb7";
const GOLDEN_ANSWERS_DIGEST: &str =
    "24b0cfecb4eedf57538957d9c02794049e05680ff14b76f714cd204dbca3eb1d";
const GOLDEN_RECORDS: [&str; 17] = [
    "01 010000000474657374000000096475616c2d6369747900000002000000087368616e6768616900000003000000000000000b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b000000000000000c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c000000000000000d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d00000005777568616e00000003000000000000001515151515151515151515151515151515000000000000001616161616161616161616161616161616000000000000001717171717171717171717171717171717",
    "02 010000017dc2af2d010000000000000016",
    "03 010000000101346539",
    "044345412d32303230 0100000000004c4b4000000000004c4b4000000000000010d20101346610",
    "050066 010000000ce5b7a5e59586e993b6e8a18c000000174876e800fffffffffff2dbf0",
    "0600000001 013931343430333030303030303030303031480000000ae7acac31e794b5e58e8201",
    "0700000001 02014345412d3230323000f894b1020000000001006790c83400",
    "0801346610 02060000000000006ddd00010000017dc2af2d000000000000000003000000000000000200000000000000c800000000000d24100000000000000001000000000000006400000000000692080000000000000002000000000000000000000000000000010100000000",
    "090134661000000000 0201000000010000000000000002000000020000000000000001014345412d32303230000000000000000200000000000000010000006600000067000000000000006400000000000010d20000017dc0f7b9000000000000000002014345412d32303230000000000000000200000000000000030000006700000067000000000000006400000000000010d20000017dc0f7b900",
    "0a0134661000000000 01020502",
    "0b013466104345412d32303230 0100000000000010d20100000000000010d200000000000010d200000000000010d2000000000000012c000000000013b6180000000000000000000000000000000001",
    "0c01346610 010134661033ddf2687f8afdac02057dab6bfe9da1d23b3118de594234d931e05984e6cfea000000020066000000000000000000000000000d24100067000000000013b6180000000000069208",
    "0d013466100000000200000001 010000000d70726963650a6469666665727300",
    "0e0000000000000000 010000017dc2415000000000000000000100000000000000010000001272656769737472792f6f6666696365722d31000000027231070707070707070707070707070707070707070707070707070707070707070701",
    "0f 0116037d8f55caa8802a25cfab7490404163f3c326c8f9185023ddb8600009f5d4412d4ffe02990f90f7af07fd535c398d03a037f69b254d4cdc6d3751af742033c3e71af4c9972af0f7f20a7fbf254f5aaf53456ae8bbfef39d65892d5ee5d52da9c8",
    "100000000000000001 010000001272656769737472792f6f6666696365722d310000017dc2af2d010000017dc2e61b8100000122536574746c655472616465207b20646174653a2044617465283230323131323136292c2074726164653a205472616465207b206e756d6265723a2054726164654e756d6265722834292c206b696e643a204c69737465642c20696e737472756d656e743a204345412d323032302c2062757965723a204163636f756e7449642832292c2073656c6c65723a204163636f756e7449642831292c2062757965725f62616e6b3a2042616e6b496428313032292c2073656c6c65725f62616e6b3a2042616e6b496428313033292c207175616e746974793a205175616e7469747928313030292c2070726963653a2050726963652834333036292c207472616465645f61743a204c656467657254696d65283136333936323030303030303029207d207d",
    "11 010000000000000001",
];
