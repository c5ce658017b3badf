//! Bytes of pledges and freezes: events, records and receipts as `docs/formats.md`
//! has them.

use std::collections::BTreeMap;

use registry_ledger::journal::Event;
use registry_ledger::{
    Command, Fen, FreezeCommand, FreezeId, FreezeTarget, Ledger, PledgeCommand, PledgeId, Quantity,
};

use crate::freeze::{execute, impose};
use crate::journal::Replay;
use crate::pledge::{
    DAY_MS, PLEDGEE, PLEDGOR, accept, activate, add, after_maturity, close_at, command, controlled,
    default, done, enforce, leave_others, offer, offered, other_tonnes, release, sale, sell,
    settled, substitute, take_others,
};
use crate::world::{BUYER, SELLER, World, cea, date, open_day};

/// Every kind of event of pledges and freezes happens in one of these worlds.
fn lived_through() -> Vec<World> {
    // Declined, expired, and released by a court.
    let mut first = settled();
    done(&mut first, PLEDGOR, offered(offer()));
    let decline = PledgeCommand::Decline { pledge: PledgeId(1), version: 1 };
    done(&mut first, PLEDGEE, command(decline));
    done(&mut first, PLEDGOR, offered(offer()));
    first.now.0 += DAY_MS;
    first.ok(Command::ExpireDue);
    let usable_until = Some(date("2025-12-31"));
    first.ok(Command::SetUsableUntil { instrument: cea(), usable_until });

    // Called, cured, substituted, frozen, partly given back.
    let mut second = settled();
    done(&mut second, PLEDGOR, offered(offer()));
    done(&mut second, PLEDGEE, accept(1));
    controlled(&mut second, activate(2, "filing 1")).unwrap();
    done(&mut second, PLEDGOR, substitute(3, other_tonnes(950)));
    done(&mut second, PLEDGOR, leave_others(4));
    done(&mut second, PLEDGOR, substitute(5, other_tonnes(1_000)));
    done(&mut second, PLEDGEE, take_others(6));
    close_at(&mut second, 3_990);
    done(&mut second, PLEDGOR, add(8, 500));
    done(&mut second, PLEDGEE, release(10, Some(71)));
    let everything =
        FreezeTarget::Tonnes { account: SELLER, instrument: cea(), quantity: Quantity(5_000_500) };
    controlled(&mut second, impose(everything)).unwrap();
    let document = "(2022) 3".to_owned();
    let lift = Command::Freeze(FreezeCommand::Lift { freeze: FreezeId(1), document });
    controlled(&mut second, lift).unwrap();
    controlled(&mut second, impose(FreezeTarget::Account { account: SELLER })).unwrap();

    // Defaulted and sold.
    let mut third = after_maturity(crate::pledge::active());
    done(&mut third, PLEDGEE, default(3));
    controlled(&mut third, enforce(4)).unwrap();
    third.ok(open_day(date("2022-10-12")));
    third.ok(sell(sale(1, 300)));
    third.ok(command(PledgeCommand::TakeProceeds { bank: crate::world::ICBC, amount: Fen(5) }));

    // Frozen, and a part of it given to another.
    let mut fourth = settled();
    let some =
        FreezeTarget::Tonnes { account: SELLER, instrument: cea(), quantity: Quantity(1_500) };
    controlled(&mut fourth, impose(some)).unwrap();
    controlled(&mut fourth, execute(1, BUYER, 700)).unwrap();
    controlled(&mut fourth, impose(FreezeTarget::Account { account: SELLER })).unwrap();
    vec![first, second, third, fourth]
}

/// Bytes before an event's kind.
fn start(event: &Event) -> usize {
    let short = |number: u64| if number < 128 { 1 } else { 2 };
    let time = 6;
    1 + short(event.ordinal) + short(event.log_index) + time + 1 + event.actor.len()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn events_are_golden() {
    let mut kinds: BTreeMap<u8, String> = BTreeMap::new();
    for mut world in lived_through() {
        for sealed in world.ledger.take_events() {
            let event = Event::from_bytes(&sealed.bytes).unwrap();
            let from_kind = &sealed.bytes[start(&event)..];
            if (40..60).contains(&from_kind[0]) || from_kind[0] == 100 {
                kinds.entry(from_kind[0]).or_insert_with(|| hex(from_kind));
                for end in 0..sealed.bytes.len() {
                    assert!(Event::from_bytes(&sealed.bytes[..end]).is_err(), "{event:?}");
                }
            }
        }
    }
    assert!(
        kinds.keys().copied().eq((40..60).chain([100])),
        "every kind happened: {:?}",
        kinds.keys()
    );
    assert_eq!(kinds.into_values().collect::<Vec<_>>(), GOLDEN_EVENTS);
}

#[test]
fn records_are_golden_and_come_back() {
    let mut found = Vec::new();
    for mut world in lived_through() {
        let mut replay = Replay::default();
        replay.follow(&mut world.ledger);
        let digest = world.state_digest();
        let records = world.ledger.records();
        let loaded = Ledger::load(records.clone()).unwrap();
        assert_eq!(loaded.state_digest(), digest);
        assert_eq!(loaded.next_due(), world.ledger.next_due());
        for (at, (key, value)) in records.iter().enumerate() {
            if !(20..=24).contains(&key[0]) {
                continue;
            }
            found.push(format!("{} {}", hex(key), hex(value)));
            for end in 0..value.len() {
                let mut cut = records.clone();
                cut[at].1.truncate(end);
                assert!(Ledger::load(cut).is_err(), "{end} bytes of {}", hex(key));
            }
        }
    }
    assert_eq!(found, GOLDEN_RECORDS);
}

#[test]
fn receipts_are_golden() {
    let mut found = BTreeMap::new();
    for world in lived_through() {
        for (key, value) in world.ledger.records() {
            if key[0] != 14 {
                continue;
            }
            // Behind the fingerprint.
            let at = value.windows(32).position(|window| window == [7; 32]).unwrap() + 32;
            if (20..=22).contains(&value[at]) {
                found.insert(value[at], hex(&value[at..]));
            }
        }
    }
    assert_eq!(found.into_values().collect::<Vec<_>>(), GOLDEN_RECEIPTS);
}

const GOLDEN_EVENTS: [&str; 21] = [
    "280101664345412d32303230d00f010c494342432d323032312d37378092f40101348ad6a443013466108827c03ed83680d098f70180b0bdf6b85f0201014345412d3230323001cf0f01014345412d3230323004d00f",
    "2901016600",
    "2a0101660201014345412d3230323004cf0f01014345412d3230323001d00f",
    "2b0201660201014345412d3230323004cf0f01014345412d3230323001d00f",
    "2c0101660866696c696e67203100",
    "2d010166e8070201014345412d3230323002e70701014345412d3230323004e807",
    "2e0101668e01aa16000201014345412d32303230048d0101014345412d32303230018e01",
    "2f010166ac3e013466118080d6edba5f00",
    "30010166ac3e0134661100",
    "31010166c0ac8002090909090909090909090909090909090909090909090909090909090909090900",
    "320101660b6a7564676d656e7420313200",
    "3301016601348c5401d804f80a0201014345412d3230323004d70401014345412d3230323002d804",
    "34010166b0d89d01000203016601afd89d01046607b0d89d01",
    "350101664345412d32303230ec0e02a443013466108840f83c80b0bdf6b85f0201014345412d3230323002eb0e01014345412d3230323004ec0e",
    "360101664345412d32303230d00f0201014345412d3230323004cf0f01014345412d3230323001d00f",
    "370101660201014345412d3230323004eb0e01014345412d3230323002ec0e",
    "3802046607090466060a",
    "390102014345412d32303230e8b4e204011be6ada6e6b189e5b882e4b8ade7baa7e4babae6b091e6b395e999a209283230323129203132010101660301014345412d3230323001dd1001014345412d3230323002ff93e20401014345412d3230323005dea4e204",
    "3a0101082832303232292033010101660301014345412d3230323005dda4e20401014345412d3230323001de1001014345412d32303230028094e204",
    "3b4345412d32303230010135025f00",
    "64010108283230323229203404040404040404040404040404040404040404040404040404040404040404040201014345412d3230323005f70a01024345412d3230323001f80a",
];
const GOLDEN_RECORDS: [&str; 13] = [
    "140000000000000001 010101664345412d3230323000d00f010c494342432d323032312d37378092f40101348ad6a443013466108827c03ed83680d098f701090280b0bdf6b85f00000000000000",
    "140000000000000002 010201664345412d3230323000d00f010c494342432d323032312d37378092f40101348ad6a443013466108827c03ed83680d098f7010a0280b0bdf6b85f00000000000000",
    "164345412d32303230 010135025f",
    "17 010200",
    "140000000000000001 010101664345412d32303230aa16d00f010c494342432d323032312d37378092f40101348ad6a4430134661088278840f83c80d098f701030d80b0bdf6b85f0866696c696e672031170000000000",
    "150000000000000002 01020101011be6ada6e6b189e5b882e4b8ade7baa7e4babae6b091e6b395e999a20928323032312920313280b0bdf6b85f000000",
    "17 010102",
    "140000000000000001 010101664345412d32303230f80ad00f010c494342432d323032312d37378092f40101348ad6a443013466108827c03ed83680d098f701060680b0bdf6b85f0866696c696e672031170000c0ac8002b0d89d0100",
    "17 010100",
    "180066 01a6d89d01",
    "150000000000000001 010102014345412d32303230b817011be6ada6e6b189e5b882e4b8ade7baa7e4babae6b091e6b395e999a20928323032312920313280c08aa4b85fd804e80700",
    "150000000000000002 01020101011be6ada6e6b189e5b882e4b8ade7baa7e4babae6b091e6b395e999a20928323032312920313280c08aa4b85f000000",
    "17 010002",
];
const GOLDEN_RECEIPTS: [&str; 3] = ["14010605d00f", "1566a6d89d01", "1602010000"];
