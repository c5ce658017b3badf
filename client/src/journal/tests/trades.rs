//! Trades that are lost, doubled, changed, or delivered by one leg.

use super::super::*;
use super::story::*;

/// Changes what a kind's content has; the test fails if it is another kind.
macro_rules! with {
    ($step:ident, $kind:ident, $field:ident, $change:expr) => {{
        let What::$kind { $field, .. } = &mut $step.event.what else { panic!("{:?}", $step) };
        $change($field);
    }};
}

#[test]
fn trades_that_are_not_those_accepted_are_caught() {
    type Change = fn(&mut Step);
    let cases: [(&str, &str, usize, Change, &str); 15] = [
        ("a price", "TradesAccepted", 0, |s| s.trades[1].price_fen += 1, "stream so far"),
        ("a buyer", "TradesAccepted", 1, |s| s.trades[0].buyer = SELLER, "stream so far"),
        ("the order", "TradesAccepted", 0, |s| s.trades.swap(0, 1), "stream so far"),
        (
            "the hash",
            "TradesAccepted",
            1,
            |s| with!(s, TradesAccepted, trades_sha256, |hash: &mut [u8; 32]| hash[0] ^= 1),
            "stream so far",
        ),
        ("a trade too few", "TradesAccepted", 0, |s| s.trades.truncate(1), "trades that the event"),
        (
            "no trades",
            "TradesAccepted",
            0,
            |s| with!(s, TradesAccepted, count, |count: &mut u64| *count = 0),
            "count",
        ),
        (
            "a chunk left out",
            "TradesAccepted",
            1,
            |s| with!(s, TradesAccepted, chunk, |chunk: &mut u64| *chunk += 1),
            "number of the chunk",
        ),
        (
            "a place left out",
            "TradesAccepted",
            1,
            |s| with!(s, TradesAccepted, first, |first: &mut u64| *first += 1),
            "place of the first",
        ),
        (
            "a single trade's content",
            "TradesSettled",
            0,
            |s| s.trades[0].tonnes += 1,
            "single trades",
        ),
        (
            "a single trade's place",
            "TradesSettled",
            0,
            |s| with!(s, TradesSettled, first, |first: &mut u64| *first -= 1),
            "place of the first",
        ),
        (
            "the manifest's hash",
            "DayClosed",
            0,
            |s| with!(s, DayClosed, trades_sha256, |hash: &mut [u8; 32]| hash[0] ^= 1),
            "trades_sha256 of the manifest",
        ),
        (
            "the manifest's count",
            "DayClosed",
            0,
            |s| with!(s, DayClosed, trades, |count: &mut u64| *count += 1),
            "trades of the manifest",
        ),
        (
            "the manifest's tonnes",
            "DayClosed",
            1,
            |s| with!(s, DayClosed, tonnes, |tonnes: &mut i64| *tonnes += 1),
            "tonnes of the manifest",
        ),
        (
            "the manifest's money",
            "DayClosed",
            1,
            |s| with!(s, DayClosed, fen, |fen: &mut i64| *fen -= 1),
            "fen of the manifest",
        ),
        (
            "the clearing's hash",
            "DayCleared",
            1,
            |s| with!(s, DayCleared, clearing_sha256, |hash: &mut [u8; 32]| hash[0] ^= 1),
            "clearing_sha256",
        ),
    ];
    for (case, kind, nth, change, what) in cases {
        caught(case, &changed(kind, nth, change), what);
    }
}

#[test]
fn a_trade_number_stands_for_one_trade() {
    let twice = [trade(1, BUYER)];
    let sha256 = trades_sha256(&twice);
    let steps = changed("TradesSettled", 0, |step| {
        step.trades = twice.to_vec();
        with!(step, TradesSettled, trades_sha256, |hash: &mut [u8; 32]| *hash = sha256);
    });
    caught("a number twice", &steps, "trades of 2021-12-16 with number 1");
}

#[test]
fn amendments_change_what_stands() {
    type Change = fn(&mut Step);
    let cases: [(&str, usize, Change, &str); 5] = [
        (
            "another trade before",
            0,
            |s| with!(s, TradeAmended, before, |trade: &mut TradeLine| trade.tonnes += 1),
            "amended trade 1 before",
        ),
        (
            "an unknown trade",
            0,
            |s| with!(s, TradeAmended, before, |trade: &mut TradeLine| trade.number = 77),
            "trade number",
        ),
        (
            "a single trade, which is final",
            1,
            |s| with!(s, TradeAmended, before, |before: &mut TradeLine| *before = trade(11, BUYER)),
            "state of amended trade 11",
        ),
        (
            "another number",
            0,
            |s| {
                with!(s, TradeAmended, after, |after: &mut Option<TradeLine>| {
                    *after = Some(trade(6, BUYER));
                })
            },
            "number of amended trade 1",
        ),
        (
            "a change that the manifest does not have",
            1,
            |s| {
                with!(s, TradeAmended, after, |after: &mut Option<TradeLine>| {
                    *after = Some(TradeLine { tonnes: 99, ..trade(2, BUYER) });
                })
            },
            "trades of the manifest",
        ),
    ];
    for (case, nth, change, what) in cases {
        caught(case, &changed("TradeAmended", nth, change), what);
    }
    let (before, reason) = (trade(2, BUYER), String::new());
    let again = What::TradeAmended { date: date(DAY), before, after: None, reason };
    caught("voided twice", &instead("DayClosed", 1, again), "state of amended trade 2");
    let same = What::ClearingDisputed {
        date: date(DAY),
        clearing_sha256: clearing_sha256(&[
            trade(1, BUYER),
            trade(2, BUYER),
            trade(3, POOR),
            trade(4, POOR),
            trade(5, BUYER),
            trade(11, BUYER),
        ]),
    };
    caught(
        "disputed for nothing",
        &instead("ClearingDisputed", 0, same),
        "exchange's clearing hash",
    );
}

fn delivered(first: u64, count: u64, held: Vec<(u64, TradeMark)>) -> What {
    What::TradesDelivered { date: date(DAY), first, count, held }
}

fn tried(number: u64, mark: TradeMark) -> What {
    What::HeldTradesTried { date: date(DAY), results: vec![(number, mark)] }
}

#[test]
fn a_trade_delivers_once_with_both_legs_or_is_held_for_a_reason() {
    use TradeMark::{
        Accepted, Delivered, FailedForCash, FailedForGoods, HeldForCash, HeldForGoods, Voided,
    };
    const NEXT: &str = "place where delivery goes on";
    let second = |what| instead("TradesDelivered", 1, what);
    let both = || vec![(4, HeldForCash), (5, HeldForCash)];
    let cases = [
        ("places twice", second(delivered(1, 2, vec![])), NEXT),
        ("places left out", second(delivered(4, 3, both())), NEXT),
        ("places beyond the last", second(delivered(3, 5, both())), "places delivered"),
        ("no places", second(delivered(3, 0, vec![])), "places delivered"),
        (
            "a buyer who cannot pay",
            second(delivered(3, 4, vec![(5, HeldForCash)])),
            "trade 3: expected both legs covered",
        ),
        (
            "held for goods that are there",
            second(delivered(3, 4, vec![(4, HeldForGoods)])),
            "trade 3",
        ),
        (
            "held though covered",
            second(delivered(3, 4, [both(), vec![(6, HeldForCash)]].concat())),
            "trade 5: expected covered on both sides",
        ),
        ("held at a place of before", second(delivered(3, 4, vec![(2, HeldForCash)])), "trade 3"),
        (
            "held at a later place",
            second(delivered(3, 1, vec![(9, HeldForCash)])),
            "places of held",
        ),
        (
            "a single trade held",
            second(delivered(3, 1, vec![(3, HeldForCash)])),
            "state of trade 11 before it is held",
        ),
        (
            "a voided trade held",
            instead("TradesDelivered", 0, delivered(1, 2, vec![(2, HeldForGoods)])),
            "state of trade 2 before it is held",
        ),
        (
            "tried though delivered",
            instead("HeldTradesTried", 0, tried(5, Delivered)),
            "state of trade 5",
        ),
        (
            "tried though single",
            instead("HeldTradesTried", 0, tried(11, Delivered)),
            "state of trade 11",
        ),
        (
            "tried though unknown",
            instead("HeldTradesTried", 0, tried(9, Delivered)),
            "trade number",
        ),
        ("delivered twice", instead("HeldTradesTried", 2, tried(3, Delivered)), "state of trade 3"),
        ("delivered unpaid", instead("HeldTradesTried", 0, tried(3, Delivered)), "trade 3"),
        ("still held though paid", instead("HeldTradesTried", 1, tried(3, HeldForCash)), "trade 3"),
        (
            "failed too early",
            instead("HeldTradesTried", 0, tried(3, FailedForCash)),
            "held trade 3",
        ),
        (
            "failed for another reason",
            instead("HeldTradesTried", 2, tried(4, FailedForGoods)),
            "result of trade 4",
        ),
        (
            "delivered after the deadline",
            instead("HeldTradesTried", 2, tried(4, Delivered)),
            "held trade 4",
        ),
        ("accepted again", instead("HeldTradesTried", 0, tried(3, Accepted)), "result of trade 3"),
        ("voided when tried", instead("HeldTradesTried", 0, tried(3, Voided)), "result of trade 3"),
        (
            "failed twice",
            instead("StatementsIssued", 0, tried(4, FailedForCash)),
            "state of trade 4",
        ),
    ];
    for (case, steps, what) in &cases {
        caught(case, steps, what);
    }
}

#[test]
fn a_seller_without_goods_does_not_deliver() {
    // Half of what is sold became tradable.
    let steps = changed("HoldingMoved", 0, |step| {
        step.event.postings = vec![
            goods(SELLER, PositionPart::Registered, -150),
            goods(SELLER, PositionPart::Trading, 150),
        ];
    });
    caught(
        "short of goods",
        &steps,
        "trade 1: expected both legs covered when it delivers, found held for goods",
    );
}
