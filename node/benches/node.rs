//! What reading a chunk and making the log durable cost, each alone.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prost::Message as _;
use registry_node::measure::{Log, read_chunk};
use registry_proto::registry::{Trade, TradeChunk, TradeKind};

const CHUNK_TRADES: u64 = 4_096;

fn chunk() -> Vec<u8> {
    let trade = |number: u64| Trade {
        trade_number: number,
        kind: TradeKind::Listed.into(),
        instrument: "CEA-2020".to_owned(),
        buyer_account: 1 + number * 7_919 % 3_768,
        seller_account: 1 + number * 104_729 % 3_768,
        buyer_bank: 102,
        seller_bank: 105,
        quantity_tco2e: 1 + number.cast_signed() % 900,
        price_yuan: format!("{}.{:02}", 40 + number % 8, number % 100),
        traded_at_ms: 1_639_620_000_000 + number.cast_signed(),
    };
    let trades = (1..=CHUNK_TRADES).map(trade).collect();
    TradeChunk { date: "2021-12-16".to_owned(), chunk_number: 1, trades }.encode_to_vec()
}

fn codec(criterion: &mut Criterion) {
    let bytes = chunk();
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(CHUNK_TRADES));
    group.bench_function("read a chunk", |bench| {
        bench.iter(|| assert_eq!(read_chunk(black_box(&bytes)), 4_096));
    });
    group.bench_function("the same by generated code", |bench| {
        bench.iter(|| TradeChunk::decode(black_box(&bytes[..])).expect("just written"));
    });
    group.finish();
}

/// Entries of a chunk's size and small ones, alone and many under way.
fn log_append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log append");
    group.sample_size(20);
    for (name, bytes) in [("256 KiB", 256 << 10), ("1 KiB", 1 << 10)] {
        for entries in [1, 16] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut log = Log::open(folder.path()).expect("a log");
            group.throughput(Throughput::Bytes(entries * bytes));
            group.bench_function(BenchmarkId::new(name, entries), |bench| {
                let bytes = usize::try_from(bytes).expect("small");
                bench.iter(|| log.append(entries, bytes).expect("a disk"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, codec, log_append);
criterion_main!(benches);
