//! Six days of the national market: published totals settle to the published
//! prices. Trades are made up from the totals: published are only sums.

use registry_ledger::{
    AccountId, BankId, Command, DayState, Fen, LedgerTime, Price, Quantity, Trade, TradeKind,
    TradeNumber, calendar,
};

use crate::world::{
    ABC, BUYER, HOUR_MS, ICBC, SELLER, World, cea, date, genesis, issue, open_account, to_trading,
};

/// Published figures, prices and money in fen.
struct Published {
    date: &'static str,
    previous_close: i64,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    listed: (i64, i64),
    block: (i64, i64),
}

const DAYS: [Published; 6] = [
    Published {
        date: "2021-07-21",
        previous_close: 5_328,
        open: 5_420,
        high: 5_550,
        low: 5_407,
        close: 5_440,
        listed: (112_000, 609_283_000),
        block: (100_000, 529_200_000),
    },
    Published {
        date: "2021-08-16",
        previous_close: 5_400,
        open: 5_100,
        high: 5_100,
        low: 5_100,
        close: 5_100,
        listed: (10, 51_000),
        block: (500_000, 2_575_000_000),
    },
    Published {
        date: "2021-09-30",
        previous_close: 4_184,
        open: 4_184,
        high: 4_580,
        low: 4_184,
        close: 4_221,
        listed: (71_024, 299_765_576),
        block: (8_403_359, 35_115_974_056),
    },
    Published {
        date: "2021-11-19",
        previous_close: 4_316,
        open: 4_350,
        high: 4_350,
        low: 4_300,
        close: 4_305,
        listed: (72_949, 314_009_690),
        block: (1_246_829, 3_766_670_409),
    },
    Published {
        date: "2021-12-14",
        previous_close: 4_295,
        open: 4_268,
        high: 4_332,
        low: 4_268,
        close: 4_293,
        listed: (2_461_201, 10_567_017_980),
        block: (12_419_569, 52_102_609_922),
    },
    Published {
        date: "2021-12-16",
        previous_close: 4_306,
        open: 4_365,
        high: 4_520,
        low: 4_315,
        close: 4_422,
        listed: (901_715, 3_987_400_960),
        block: (19_579_226, 77_734_410_835),
    },
];

/// Splits (tonnes, fen) into pieces at the two ticks around the average,
/// exact in both sums.
fn at_two_ticks(tonnes: i64, fen: i64) -> [(i64, i64); 2] {
    let low = fen.div_euclid(tonnes);
    let at_high = fen.rem_euclid(tonnes);
    [(tonnes - at_high, low), (at_high, low + 1)]
}

fn trades(day: &Published) -> Vec<Trade> {
    let mut pieces = Vec::new();
    if day.high > day.low {
        // One tonne each at open, high and low; the rest around the average.
        let singles = [day.open, day.high, day.low];
        pieces.extend(singles.map(|price| (TradeKind::Listed, 1, price)));
        let rest = (day.listed.0 - 3, day.listed.1 - singles.iter().sum::<i64>());
        pieces.extend(at_two_ticks(rest.0, rest.1).map(|(t, p)| (TradeKind::Listed, t, p)));
    } else {
        pieces.push((TradeKind::Listed, day.listed.0, day.open));
    }
    let mut parts = Vec::new();
    for (kind, tonnes, price) in pieces {
        let mut left = tonnes;
        while left > 0 {
            let part = left.min(99_999);
            parts.push((kind, part, price));
            left -= part;
        }
    }
    parts.extend(blocks(day.block.0, day.block.1));
    let traded_at = LedgerTime(calendar::beijing_midnight(date(day.date)).0 + 10 * HOUR_MS);
    (1..)
        .zip(parts)
        .map(|(number, (kind, tonnes, price))| Trade {
            number: TradeNumber(number),
            kind,
            instrument: cea(),
            buyer: BUYER,
            seller: SELLER,
            buyer_bank: ICBC,
            seller_bank: ABC,
            quantity: Quantity(tonnes),
            price: Price(price),
            traded_at,
        })
        .collect()
}

/// Blocks of at least 100,000 t with exactly these sums: q1 + q2 = t and
/// q1 p1 + q2 p2 = fen, searched over price distances.
fn blocks(tonnes: i64, fen: i64) -> Vec<(TradeKind, i64, i64)> {
    let block = |quantity, price| (TradeKind::Block, quantity, price);
    if fen % tonnes == 0 {
        return vec![block(tonnes, fen / tonnes)];
    }
    let average = fen / tonnes;
    for low in (average - 1_200..=average).rev() {
        for distance in 1..2_400 {
            let above = fen - tonnes * low;
            if above % distance == 0 {
                let (upper, lower) = (above / distance, tonnes - above / distance);
                if upper >= 100_000 && lower >= 100_000 && low + distance < average + 1_200 {
                    return vec![block(lower, low), block(upper, low + distance)];
                }
            }
        }
    }
    panic!("no two blocks give {tonnes} t and {fen} fen");
}

#[test]
fn six_published_days_settle_to_their_published_figures() {
    for day in &DAYS {
        let trading_day = date(day.date);
        let mut world = World::empty();
        world.now = LedgerTime(calendar::beijing_midnight(trading_day).0 + 16 * HOUR_MS);
        world.ok(genesis());
        for bank in [ICBC, ABC] {
            world.ok(Command::OpenBank { bank, name: "bank".to_owned() });
        }
        let reference_price = Price(day.previous_close);
        world.ok(Command::RegisterInstrument { instrument: cea(), reference_price });
        for number in [1, 2] {
            world.ok(open_account(number));
        }
        world.ok(issue(SELLER, Quantity(30_000_000)));
        world.ok(to_trading(SELLER, Quantity(30_000_000)));
        let (account, bank): (AccountId, BankId) = (BUYER, ICBC);
        world.ok(Command::Deposit { account, bank, amount: Fen(100_000_000_000) });
        world.ok(Command::OpenDay { date: trading_day, topup_window_ms: 1 });
        let chunk = registry_ledger::Chunk { date: trading_day, number: 1, trades: trades(day) };
        settle_day(&mut world, chunk);

        let price = world.ledger.daily_price(cea(), trading_day).unwrap();
        let found = [price.open, price.high, price.low].map(|price| price.unwrap().0);
        assert_eq!(found, [day.open, day.high, day.low], "{}", day.date);
        assert_eq!(price.close, Price(day.close), "{}", day.date);
        assert_eq!((price.listed_quantity.0, price.listed_amount.0), day.listed, "{}", day.date);
        assert_eq!((price.block_quantity.0, price.block_amount.0), day.block, "{}", day.date);
        let summary = world.ledger.day(trading_day).unwrap();
        assert_eq!(summary.state, DayState::Delivered);
        assert_eq!(summary.delivered_count, summary.trade_count);
        assert_eq!(world.ledger.instruments()[0].last_close, Price(day.close));
        world.state_digest();
        world.ledger.check_invariants().unwrap();
    }
}

fn settle_day(world: &mut World, chunk: registry_ledger::Chunk) {
    let date = chunk.date;
    let mut hasher = registry_ledger::formats::TradesHasher::new(date);
    chunk.trades.iter().for_each(|trade| hasher.add(trade));
    let manifest = registry_ledger::Manifest {
        trade_count: chunk.trades.len() as u64,
        quantity: Quantity(chunk.trades.iter().map(|trade| trade.quantity.0).sum()),
        amount: Fen(chunk.trades.iter().map(|trade| trade.amount().unwrap().0).sum()),
        trades_sha256: hasher.finish(),
    };
    world.ok(Command::SubmitTrades(chunk));
    world.ok(Command::SubmitManifest { date, manifest });
    world.ok(Command::ClearDay(date));
    let clearing_sha256 = world.ledger.clearing(date).unwrap().sha256;
    world.ok(Command::ConfirmClearing { date, clearing_sha256 });
    world.ok(Command::DeliverTrades { date, from_sequence: 1, max_trades: 8_192 });
}
