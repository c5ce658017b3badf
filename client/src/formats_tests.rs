//! Golden vectors, computed with another program over the bytes that
//! `docs/formats.md` describes.

use registry_proto::registry::{Trade, TradeKind};

use super::*;
use crate::hex;

const DATE: &str = "2021-12-16";
const GOLDEN_NO_TRADES: &str = "36f0c14fef3785fece30087381bbac1621ba2223ad2eca9a6761632d2bda6734";
const GOLDEN_TRADES: &str = "6e442320f8e1ad06efff3e585255c3421bca0eae9eaf5188dc9abfb95a911842";
const GOLDEN_NO_CLEARING: &str = "3454f5dc2baad0aeb9e57dc79c4faeb0209126443a4dde5972f767cc95a555bc";
const GOLDEN_CLEARING: &str = "11c1449bcdb44b779cd02e681e598560020010b6068e035d67f47e8662f9d2b6";

fn listed() -> Trade {
    Trade {
        trade_number: 1,
        kind: TradeKind::Listed.into(),
        instrument: "CEA-2020".to_owned(),
        buyer_account: 17,
        seller_account: 4,
        buyer_bank: 102,
        seller_bank: 308,
        quantity_tco2e: 500,
        price_yuan: "43.65".to_owned(),
        traded_at_ms: 1_639_618_200_000,
    }
}

fn block() -> Trade {
    Trade {
        trade_number: 2,
        kind: TradeKind::Block.into(),
        instrument: "CCER".to_owned(),
        buyer_account: 4,
        seller_account: 17,
        buyer_bank: 308,
        seller_bank: 102,
        quantity_tco2e: 100_000,
        price_yuan: "39.7".to_owned(),
        traded_at_ms: 1_639_620_000_000,
    }
}

fn trades_sha256(trades: &[Trade]) -> String {
    let mut hasher = TradesHasher::new(DATE).expect("a date");
    for trade in trades {
        hasher.add(trade).expect("a trade");
    }
    hex(&hasher.finish())
}

fn clearing_sha256(trades: &[Trade]) -> String {
    let mut hasher = ClearingHasher::new(DATE).expect("a date");
    for trade in trades {
        hasher.add(trade).expect("a trade");
    }
    hex(&hasher.finish())
}

#[test]
fn trades_hash_as_the_format_says() {
    assert_eq!(trades_sha256(&[]), GOLDEN_NO_TRADES);
    assert_eq!(trades_sha256(&[listed(), block()]), GOLDEN_TRADES);
    assert_ne!(trades_sha256(&[block(), listed()]), GOLDEN_TRADES, "order counts");
}

#[test]
fn clearing_hashes_as_the_format_says_in_any_order() {
    assert_eq!(clearing_sha256(&[]), GOLDEN_NO_CLEARING);
    assert_eq!(clearing_sha256(&[listed(), block()]), GOLDEN_CLEARING);
    assert_eq!(clearing_sha256(&[block(), listed()]), GOLDEN_CLEARING);
}

#[test]
fn spellings_of_one_price_hash_the_same() {
    let spelt = Trade { price_yuan: "39.70".to_owned(), ..block() };
    assert_eq!(trades_sha256(&[listed(), spelt]), GOLDEN_TRADES);
}

#[test]
fn totals_are_summed_exactly() {
    let mut hasher = TradesHasher::new(DATE).expect("a date");
    hasher.add(&listed()).expect("a trade");
    hasher.add(&block()).expect("a trade");
    let totals = hasher.totals();
    assert_eq!(
        (totals.trade_count, totals.quantity_tco2e, totals.amount_fen),
        (2, 100_500, 500 * 4365 + 100_000 * 3970)
    );
}

#[test]
fn banks_receive_and_pay_what_their_customers_do() {
    let mut hasher = ClearingHasher::new(DATE).expect("a date");
    hasher.add(&listed()).expect("a trade");
    hasher.add(&block()).expect("a trade");
    let totals = |receives_fen, pays_fen| BankTotals { receives_fen, pays_fen };
    let (small, great) = (500 * 4365, 100_000 * 3970);
    let expected = [(102, totals(great, small)), (308, totals(small, great))];
    assert_eq!(hasher.banks().clone().into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn what_has_no_canonical_bytes_is_refused() {
    for date in ["", "2021-12-6", "20211216", "2021/12/16", "2021-12-1６"] {
        assert_eq!(TradesHasher::new(date).err(), Some(FormatError::Date(date.to_owned())));
    }
    let cases = [
        (Trade { kind: 0, ..listed() }, FormatError::Kind(1)),
        (
            Trade { instrument: "CEA-20200".to_owned(), ..listed() },
            FormatError::Instrument { trade_number: 1, instrument: "CEA-20200".to_owned() },
        ),
        (Trade { quantity_tco2e: i64::MAX, ..listed() }, FormatError::OutOfRange(1)),
        (
            Trade { price_yuan: "1e9".to_owned(), ..listed() },
            FormatError::Price {
                trade_number: 1,
                cause: AmountError::NotADecimal("1e9".to_owned()),
            },
        ),
    ];
    for (trade, expected) in cases {
        let mut hasher = TradesHasher::new(DATE).expect("a date");
        assert_eq!(hasher.add(&trade), Err(expected));
        assert_eq!(hasher.totals(), TradeTotals::default());
    }
}

#[test]
fn payments_have_the_hash_of_the_format() {
    let mut hasher = PaymentsHasher::new(DATE, 102, 3).expect("a date");
    for (account_id, net_fen) in [(1, 430_600), (2, -861_200), (3, -430_600)] {
        hasher.add(account_id, net_fen);
    }
    let golden = "aac56b234239feecaab460c8fbd57f0345dc35eafc550b7decdc072f3ce69a2a";
    assert_eq!(hex(&hasher.finish()), golden);
}

#[test]
fn credits_have_the_hash_of_the_format() {
    let owner = |number: u8| {
        let mut owner = [0xab; 16];
        owner[12..].copy_from_slice(&[0, 0, 0, number]);
        owner
    };
    let golden = "b5f79941af7699f6926b232a718a02e9a32a91f2cf663b0a0922d1a65107edcb";
    assert_eq!(hex(&credit_sha256(1, &[(owner(1), 3_000), (owner(2), 5)])), golden);
}
