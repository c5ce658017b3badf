//! Generated days against the published figures.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashSet;

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use time::macros::date;
use time::{Date, OffsetDateTime};

use super::rules::BLOCK_MIN_TCO2E;
use super::trade::BEIJING;
use super::*;

pub(super) fn shipped_days() -> Vec<DayFigures> {
    read_figures(include_bytes!("../../../deploy/sample-days/figures.csv").as_slice()).unwrap()
}

fn generate(
    figures: &DayFigures,
    seed: u64,
    listed_trades: Option<u64>,
) -> Result<Vec<SampleTrade>, GenerateError> {
    let options = DayOptions { listed_trades, ..DayOptions::default() };
    generate_day(figures, &Population::generate(300, 5), seed, &options)
}

/// Every rule that a day's trades keep, and the figures they must add up to.
fn check(figures: &DayFigures, trades: &[SampleTrade]) {
    let (block_low, block_high) = figures.block_limits_fen();
    let (listed_low, listed_high) = figures.listed_limits_fen();
    let mut numbers = HashSet::new();
    let mut last_ms = i64::MIN;
    for trade in trades {
        assert!(numbers.insert(trade.trade_number));
        assert!(trade.trade_number > 0);
        assert_eq!(trade.instrument, DEFAULT_INSTRUMENT);
        assert_ne!(trade.buyer_account, trade.seller_account);
        match trade.kind {
            TradeKind::Listed => {
                assert!((1..BLOCK_MIN_TCO2E).contains(&trade.quantity_tco2e), "{trade:?}");
                assert!((listed_low..=listed_high).contains(&trade.price_fen), "{trade:?}");
            }
            TradeKind::Block => {
                assert!(trade.quantity_tco2e >= BLOCK_MIN_TCO2E, "{trade:?}");
                assert!((block_low..=block_high).contains(&trade.price_fen), "{trade:?}");
            }
        }
        assert!(trade.traded_at_ms >= last_ms);
        last_ms = trade.traded_at_ms;
        let at = OffsetDateTime::from_unix_timestamp(trade.traded_at_ms.div_euclid(1000))
            .unwrap()
            .to_offset(BEIJING);
        assert_eq!(at.date(), figures.date);
        let minute = i32::from(at.hour()) * 60 + i32::from(at.minute());
        assert!((570..690).contains(&minute) || (780..900).contains(&minute), "{at}");
    }
    assert_eq!(&DayFigures::of_trades(figures.date, figures.previous_close_fen, trades), figures);
}

#[test]
fn all_shipped_days_come_out_exactly_with_every_seed() {
    let days = shipped_days();
    assert_eq!(days.len(), 6);
    for figures in &days {
        assert_eq!(contradictions(figures), Vec::<String>::new(), "{}", figures.date);
        for seed in 0..20 {
            let trades = generate(figures, seed, None).unwrap();
            check(figures, &trades);
            assert_eq!(trades, generate(figures, seed, None).unwrap());
            assert_ne!(trades, generate(figures, seed + 1, None).unwrap());
        }
    }
}

#[test]
fn the_record_day_has_1800_varied_listed_trades() {
    let record = &shipped_days()[5];
    assert_eq!(record.listed_quantity_tco2e + record.block_quantity_tco2e, 20_480_941);
    assert_eq!(record.listed_amount_fen + record.block_amount_fen, 81_721_811_795);
    let trades = generate(record, 1, None).unwrap();
    let (listed, block): (Vec<_>, Vec<_>) =
        trades.iter().partition(|trade| trade.kind == TradeKind::Listed);
    assert_eq!((listed.len(), block.len()), (1_800, 111));
    let different = |values: Vec<i64>| values.into_iter().collect::<HashSet<_>>().len();
    assert!(different(listed.iter().map(|trade| trade.price_fen).collect()) > 50);
    assert!(different(listed.iter().map(|trade| trade.quantity_tco2e).collect()) > 100);
    assert!(different(block.iter().map(|trade| trade.price_fen).collect()) > 50);
    assert!(different(block.iter().map(|trade| trade.quantity_tco2e).collect()) > 50);
    let last = listed.last().unwrap().price_fen;
    assert!(last.abs_diff(record.close_fen) < 60, "ends at {last}");
}

#[test]
fn block_trades_vary_only_where_the_total_lets_them() {
    let days = shipped_days();
    let block = |day: usize| -> Vec<SampleTrade> {
        let trades = generate(&days[day], 3, None).unwrap();
        trades.into_iter().filter(|trade| trade.kind == TradeKind::Block).collect()
    };
    let single = block(0);
    assert_eq!((single.len(), single[0].quantity_tco2e, single[0].price_fen), (1, 100_000, 5_292));
    let at_the_limit = block(3);
    assert!(at_the_limit.len() > 4 && at_the_limit.iter().all(|trade| trade.price_fen == 3_021));
}

#[test]
fn a_day_can_be_asked_for_in_any_number_of_listed_trades() {
    let days = shipped_days();
    for (day, counts) in
        [(5, [40, 1_000, 20_000, 901_715]), (1, [1, 2, 9, 10]), (3, [6, 7, 100, 72_949])]
    {
        for count in counts {
            let trades = generate(&days[day], 1, Some(count)).unwrap();
            check(&days[day], &trades);
            assert_eq!(
                trades.iter().filter(|trade| trade.kind == TradeKind::Listed).count() as u64,
                count
            );
        }
    }
    assert_eq!(
        generate(&days[1], 1, Some(11)),
        Err(GenerateError::TooManyTrades { requested: 11, at_most: 10 })
    );
    let too_few = generate(&days[5], 1, Some(9)).unwrap_err();
    assert!(
        matches!(too_few, GenerateError::TooFewTrades { requested: 9, at_least: 11..=15 }),
        "{too_few}"
    );
}

#[test]
fn the_record_day_of_seed_1_never_changes() {
    let mut text = Vec::new();
    write_trades(&mut text, &generate(&shipped_days()[5], 1, None).unwrap()).unwrap();
    let digest: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "438ed8505bef05df319900c32610b99120ec8e8d788e6c5234c38a1d623c4545");
    assert_eq!(
        read_trades(text.as_slice()).unwrap(),
        generate(&shipped_days()[5], 1, None).unwrap()
    );
}

#[test]
fn impossible_figures_say_what_contradicts_what() {
    let record = || shipped_days()[5].clone();
    let tiny = |quantity, amount, close| DayFigures {
        listed_quantity_tco2e: quantity,
        listed_amount_fen: amount,
        close_fen: close,
        ..record()
    };
    let blocks = |quantity, amount| DayFigures {
        block_quantity_tco2e: quantity,
        block_amount_fen: amount,
        ..record()
    };
    let cases = [
        (DayFigures { close_fen: 4421, ..record() }, "close_yuan 44.21 is not 44.22"),
        (
            tiny(2, 8_700, 4_350),
            "listed_tco2e 2 contradicts open, high and low: 3 different prices need a tonne each",
        ),
        (
            tiny(3, 13_201, 4_400),
            "with a tonne at each of them the listed tonnes are worth 132.00 to 132.00",
        ),
        (blocks(100_001, 400_000_000), "block_yuan 4000000.00 contradicts block_tco2e 100001"),
        (blocks(200_000, 800_050_000), "block_yuan 8000500.00 contradicts block_tco2e 200000"),
        (blocks(250_001, 250_001 * 3_014 + 99_999), "at prices from 30.14 to 55.98"),
        (blocks(400_000, 400_000 * 5_598 - 1), "at prices from 30.14 to 55.98"),
    ];
    for (figures, expected) in cases {
        let message = generate(&figures, 1, None).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn figures_too_great_to_count_with_are_refused() {
    let price = i64::MAX / 2;
    let session = SessionPrices { open_fen: price, high_fen: price, low_fen: price };
    let figures = DayFigures {
        previous_close_fen: price,
        session: Some(session),
        close_fen: price,
        listed_quantity_tco2e: 2,
        listed_amount_fen: 2 * price,
        block_quantity_tco2e: 0,
        block_amount_fen: 0,
        date: THURSDAY,
    };
    assert_eq!(generate(&figures, 1, None), Err(GenerateError::TooGreat("previous_close_yuan")));
}

#[test]
fn options_are_checked() {
    let record = &shipped_days()[5];
    let firms = Population::generate(2, 1);
    let options = DayOptions { instrument: "CEA 2020".to_owned(), ..DayOptions::default() };
    assert!(matches!(generate_day(record, &firms, 1, &options), Err(GenerateError::Instrument(_))));
    let one = Population::generate(1, 1);
    assert_eq!(
        generate_day(record, &one, 1, &DayOptions::default()),
        Err(GenerateError::TooFewFirms(1))
    );
    check(record, &generate_day(record, &firms, 1, &DayOptions::default()).unwrap());
}

#[test]
fn a_day_without_trades_has_none() {
    let quiet = DayFigures::of_trades(date!(2021 - 12 - 17), 4_422, &[]);
    assert_eq!(contradictions(&quiet), Vec::<String>::new());
    assert_eq!(generate(&quiet, 1, None), Ok(Vec::new()));
    assert_eq!(
        generate(&quiet, 1, Some(1)),
        Err(GenerateError::TooManyTrades { requested: 1, at_most: 0 })
    );
}

const THURSDAY: Date = date!(2021 - 12 - 16);

fn trade(kind: TradeKind, quantity_tco2e: i64, price_fen: i64) -> SampleTrade {
    SampleTrade {
        trade_number: 1,
        kind,
        instrument: DEFAULT_INSTRUMENT.to_owned(),
        buyer_account: 1,
        seller_account: 2,
        buyer_bank: 102,
        seller_bank: 103,
        quantity_tco2e,
        price_fen,
        traded_at_ms: 0,
    }
}

/// Figures that some day has: those of made-up trades. Parts of 1000 choose
/// prices within the limits.
fn feasible_figures() -> impl Strategy<Value = DayFigures> {
    let listed = prop::collection::vec((0..=1000_i64, 1..=99_999_i64), 0..40);
    let small = prop::collection::vec((0..=1000_i64, 1..=9_i64), 0..6);
    let block = prop::collection::vec(
        (0..=1000_i64, prop_oneof![Just(0), 0..=3_i64, 0..=300_000_i64]),
        0..12,
    );
    (1_000..=20_000_i64, prop_oneof![listed, small], block).prop_map(
        |(previous_close_fen, listed, block)| {
            let empty = DayFigures::of_trades(THURSDAY, previous_close_fen, &[]);
            let at = |(low, high): (i64, i64), part: i64| low + (high - low) * part / 1000;
            let listed = listed.into_iter().map(|(part, quantity)| {
                trade(TradeKind::Listed, quantity, at(empty.listed_limits_fen(), part))
            });
            let block = block.into_iter().map(|(part, extra)| {
                trade(TradeKind::Block, BLOCK_MIN_TCO2E + extra, at(empty.block_limits_fen(), part))
            });
            DayFigures::of_trades(
                THURSDAY,
                previous_close_fen,
                &listed.chain(block).collect::<Vec<_>>(),
            )
        },
    )
}

/// Anything that can be read from a file, and a little more.
fn arbitrary_figures() -> impl Strategy<Value = DayFigures> {
    let price = || prop_oneof![0..=10_i64, 4_000..=4_500_i64, any::<i64>()];
    let total = || prop_oneof![0..=3_i64, 0..=2_000_000_i64, 0..=20_000_000_000_i64, any::<i64>()];
    let session = prop::option::of((price(), price(), price()));
    (price(), session, price(), total(), total(), total(), total()).prop_map(
        |(previous_close_fen, session, close_fen, listed_t, listed_fen, block_t, block_fen)| {
            DayFigures {
                date: THURSDAY,
                previous_close_fen,
                session: session.map(|(open_fen, high_fen, low_fen)| SessionPrices {
                    open_fen,
                    high_fen,
                    low_fen,
                }),
                close_fen,
                listed_quantity_tco2e: listed_t,
                listed_amount_fen: listed_fen,
                block_quantity_tco2e: block_t,
                block_amount_fen: block_fen,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn figures_that_some_day_has_come_out_exactly(figures in feasible_figures(), seed: u64) {
        check(&figures, &generate(&figures, seed, None).unwrap());
    }

    #[test]
    fn any_number_of_trades_up_to_the_tonnes_comes_out_exactly(
        figures in feasible_figures(), seed: u64, part in 0..=1000_u64,
    ) {
        let most = figures.listed_quantity_tco2e.unsigned_abs().min(20_000);
        match generate(&figures, seed, Some(most * part / 1000)) {
            Ok(trades) => check(&figures, &trades),
            Err(GenerateError::TooFewTrades { at_least, .. }) => {
                check(&figures, &generate(&figures, seed, Some(at_least)).unwrap());
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn no_figures_panic(figures in arbitrary_figures(), seed: u64) {
        if let Ok(trades) = generate(&figures, seed, Some(3)) {
            check(&figures, &trades);
        }
    }

    /// Figures near those of a day, so that some get past the first checks.
    #[test]
    fn bent_figures_are_met_or_refused(
        mut figures in feasible_figures(), seed: u64, bend in -3..=3_i64, field in 0..4_usize,
    ) {
        match field {
            0 => figures.listed_quantity_tco2e += bend,
            1 => figures.listed_amount_fen += bend,
            2 => figures.block_quantity_tco2e += bend,
            _ => figures.block_amount_fen += bend,
        }
        if let Ok(trades) = generate(&figures, seed, None) {
            check(&figures, &trades);
        }
    }
}
