//! What the rules cost without network, log or disk, by number of accounts.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::disallowed_types, reason = "a measurement takes time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use registry_ledger::{
    AccountId, AccountKind, BankId, Chunk, Command, Date, DayState, Entry, Fen, Genesis,
    InstrumentCode, Ledger, LedgerTime, Loader, Manifest, OPENING_ACCOUNTS_LIMIT, OpeningBooks,
    OpeningHolding, Price, Quantity, Receipt, Request, Trade, TradeKind, TradeNumber, calendar,
    formats::TradesHasher, uscc,
};

const CHUNK_TRADES: u64 = 4_096;
const STEP_TRADES: u32 = 2_048;
const BANKS: [u16; 8] = [102, 103, 104, 105, 301, 303, 308, 403];
/// Chunks of a day.
const CHUNKS: u64 = 32;
const ACCOUNTS: [u32; 2] = [4_000, 4_000_000];

/// A ledger with a market of equal firms and an open day.
#[derive(Clone)]
struct Market {
    ledger: Ledger,
    accounts: u32,
    log_index: u64,
    next_trade: u64,
    chunks: u32,
    hasher: TradesHasher,
    amount_fen: i64,
    quantity_tco2e: i64,
}

fn date() -> Date {
    Date::parse("2021-12-16").expect("a date")
}

fn instrument() -> InstrumentCode {
    InstrumentCode::parse("CEA-2020").expect("an instrument")
}

fn bank_of(account: u32) -> BankId {
    BankId(BANKS[account as usize % BANKS.len()])
}

fn books(number: u32) -> OpeningBooks {
    let first_17 = format!("91440300{number:09}");
    let check = uscc::check_character(&first_17).expect("digits");
    let quantity = Quantity(1_000_000);
    OpeningBooks {
        uscc: format!("{first_17}{check}"),
        name: format!("Power plant {number}"),
        kind: AccountKind::Emitter,
        holdings: vec![OpeningHolding {
            instrument: instrument(),
            registered: Quantity(0),
            trading: quantity,
        }],
        cash: vec![(bank_of(number), Fen(100_000_000_000))],
    }
}

/// Spreads numbers evenly over 64 bits.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

impl Market {
    fn open(accounts: u32) -> Self {
        let mut market = Self {
            ledger: Ledger::new(),
            accounts,
            log_index: 0,
            next_trade: 1,
            chunks: 0,
            hasher: TradesHasher::new(date()),
            amount_fen: 0,
            quantity_tco2e: 0,
        };
        let member = |node_id| registry_ledger::Member { node_id, storage_id: [0; 16] };
        market.apply(Command::Genesis(Genesis {
            cluster_id: "bench".to_owned(),
            layout: "single-city".to_owned(),
            cities: vec![("shanghai".to_owned(), vec![member(1)])],
        }));
        for id in BANKS {
            market.apply(Command::OpenBank { bank: BankId(id), name: format!("Bank {id}") });
        }
        let reference_price = Price(4_306);
        market.apply(Command::RegisterInstrument { instrument: instrument(), reference_price });
        let numbers: Vec<u32> = (1..=accounts).collect();
        for part in numbers.chunks(OPENING_ACCOUNTS_LIMIT) {
            let books = part.iter().copied().map(books).collect();
            market.apply(Command::LoadAccounts { books, document: "bench".to_owned() });
        }
        market.apply(Command::OpenDay { date: date(), topup_window_ms: 1 });
        market.ledger.take_changes();
        market
    }

    fn entry(&mut self, command: Command) -> Entry {
        self.log_index += 1;
        Entry {
            term: 1,
            log_index: self.log_index,
            proposed_at: LedgerTime(calendar::beijing_midnight(date()).0 + 16 * 3_600_000),
            actor: "exchange/sh".to_owned(),
            request: Some(Request { id: format!("r{}", self.log_index), fingerprint: [7; 32] }),
            command,
        }
    }

    fn apply(&mut self, command: Command) -> Receipt {
        let entry = self.entry(command);
        let answer = self.ledger.apply(&entry);
        self.ledger.seal();
        answer.outcome.expect("the market's commands are valid")
    }

    fn trade(&mut self) -> Trade {
        let number = self.next_trade;
        self.next_trade += 1;
        let mixed = mix(number);
        let accounts = u64::from(self.accounts);
        let seller = mixed % accounts;
        let buyer = (seller + 1 + (mixed >> 20) % (accounts - 1)) % accounts;
        let account = |number: u64| AccountId(u32::try_from(number + 1).expect("few"));
        let (seller, buyer) = (account(seller), account(buyer));
        Trade {
            number: TradeNumber(number),
            kind: TradeKind::Listed,
            instrument: instrument(),
            buyer,
            seller,
            buyer_bank: bank_of(buyer.0),
            seller_bank: bank_of(seller.0),
            quantity: Quantity(1 + (mixed >> 50).cast_signed() % 9),
            price: Price(4_000 + (mixed >> 40).cast_signed() % 500),
            traded_at: LedgerTime(calendar::beijing_midnight(date()).0 + 10 * 3_600_000),
        }
    }

    fn chunk(&mut self) -> Entry {
        let trades: Vec<Trade> = (0..CHUNK_TRADES).map(|_| self.trade()).collect();
        for trade in &trades {
            self.hasher.add(trade);
            self.amount_fen += trade.amount().expect("small").0;
            self.quantity_tco2e += trade.quantity.0;
        }
        self.chunks += 1;
        self.entry(Command::SubmitTrades(Chunk { date: date(), number: self.chunks, trades }))
    }

    /// Takes chunks and brings the day to where delivery may run.
    fn confirmed(mut self, chunks: u32) -> Self {
        for _ in 0..chunks {
            let chunk = self.chunk();
            self.ledger.apply(&chunk).outcome.expect("a valid chunk");
            self.ledger.seal();
        }
        let manifest = Manifest {
            trade_count: u64::from(self.chunks) * CHUNK_TRADES,
            quantity: Quantity(self.quantity_tco2e),
            amount: Fen(self.amount_fen),
            trades_sha256: self.hasher.clone().finish(),
        };
        self.apply(Command::SubmitManifest { date: date(), manifest });
        self.apply(Command::ClearDay(date()));
        let clearing_sha256 = self.ledger.clearing(date()).expect("cleared").sha256;
        self.apply(Command::ConfirmClearing { date: date(), clearing_sha256 });
        assert_eq!(self.ledger.day(date()).map(|day| day.state), Some(DayState::Confirmed));
        self
    }
}

/// Times entries on copies of one market, so that every measurement finds the
/// same state; making them is not timed.
fn time_entries(
    rounds: u64,
    per_copy: u64,
    market: &Market,
    make: impl Fn(&mut Market, u64) -> Vec<Entry>,
) -> Duration {
    let mut taken = Duration::ZERO;
    let mut left = rounds;
    while left > 0 {
        let count = left.min(per_copy);
        let mut copy = market.clone();
        let entries = make(&mut copy, count + 1);
        let Some((first, rest)) = entries.split_first() else { break };
        // The first one makes room for all.
        copy.ledger.apply(first);
        copy.ledger.seal();
        let started = Instant::now();
        for entry in rest {
            black_box(copy.ledger.apply(entry));
            copy.ledger.seal();
        }
        taken += started.elapsed();
        left -= count;
    }
    taken
}

/// One entry with its digest, as a node applies it.
fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    group.sample_size(10);
    for accounts in ACCOUNTS {
        let market = Market::open(accounts);
        group.throughput(Throughput::Elements(CHUNK_TRADES));
        group.bench_function(BenchmarkId::new("chunk", accounts), |bench| {
            bench.iter_custom(|rounds| {
                time_entries(rounds, CHUNKS, &market, |market, count| {
                    (0..count).map(|_| market.chunk()).collect()
                })
            });
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("immediate trade", accounts), |bench| {
            bench.iter_custom(|rounds| {
                time_entries(rounds, 10_000, &market, |market, count| {
                    (0..count)
                        .map(|_| {
                            let trade = market.trade();
                            market.entry(Command::SettleTrade { date: date(), trade })
                        })
                        .collect()
                })
            });
        });
        let market = market.confirmed(u32::try_from(CHUNKS).expect("few"));
        group.throughput(Throughput::Elements(STEP_TRADES.into()));
        group.bench_function(BenchmarkId::new("delivery step", accounts), |bench| {
            let steps = CHUNKS * CHUNK_TRADES / u64::from(STEP_TRADES);
            bench.iter_custom(|rounds| {
                time_entries(rounds, steps, &market, |market, count| {
                    (0..count)
                        .map(|step| {
                            market.entry(Command::DeliverTrades {
                                date: date(),
                                from_sequence: 1 + step * u64::from(STEP_TRADES),
                                max_trades: STEP_TRADES,
                            })
                        })
                        .collect()
                })
            });
        });
    }
    group.finish();
}

/// All records: their digest from scratch, their bytes, and reading them back.
fn records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("records");
    group.sample_size(10);
    let market = Market::open(ACCOUNTS[0]).confirmed(u32::try_from(CHUNKS).expect("few"));
    let records = market.ledger.records();
    group.throughput(Throughput::Elements(CHUNKS * CHUNK_TRADES));
    group.bench_function("digest", |bench| bench.iter(|| market.ledger.recompute_digests()));
    group.bench_function("encode", |bench| bench.iter(|| market.ledger.records()));
    group.bench_function("load", |bench| {
        bench.iter(|| {
            let mut loader = Loader::default();
            for (key, value) in &records {
                loader.add(key, value).expect("just written");
            }
            loader.finish().expect("just written")
        });
    });
    group.finish();
}

criterion_group!(benches, apply, records);
criterion_main!(benches);
