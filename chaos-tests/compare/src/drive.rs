//! Sends the same load to any system and checks what it left behind.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::Kind;
use crate::measure::{Figures, Stretch};
use crate::trades::{Books, Trade, trades};

/// Trades that open connections and fill caches before the measuring begins.
const WARM_UP_TRADES: u64 = 512;
/// As many wait for their answers when trades come one by one.
pub(crate) const CALLERS: usize = 256;

/// What every system under comparison does.
pub(crate) trait Ledger {
    /// Settles one trade in a transaction of its own and answers how many trades
    /// this request settled; a repeated request is answered the same and moves nothing.
    async fn settle(&self, trade: &Trade) -> anyhow::Result<u64>;

    /// Settles a batch in one transaction, otherwise as [`Self::settle`].
    async fn settle_batch(&self, batch: &[Trade]) -> anyhow::Result<u64>;

    /// What it holds now.
    async fn books(&self) -> anyhow::Result<Books>;
}

/// How a system wants its batches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    pub(crate) trades: usize,
    pub(crate) in_flight: usize,
}

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) batched_trades: u64,
    pub(crate) single_trades: u64,
    /// Nothing more is sent after that time.
    pub(crate) longest: Duration,
}

/// Both cases, one after the other, on one freshly set up system.
pub(crate) async fn drive<L: Ledger>(
    ledger: &L,
    pids: &[u32],
    batches: Batches,
    bounds: Bounds,
) -> anyhow::Result<Vec<(Kind, Figures)>> {
    let mut driver = Driver { ledger, pids, books: Books::opening(), next_number: 1 };
    driver.check().await.context("before the first trade")?;
    let one = Batches { trades: 1, in_flight: CALLERS };
    let mut measured = Vec::new();
    for (kind, requests, count) in
        [(Kind::Single, one, bounds.single_trades), (Kind::Batches, batches, bounds.batched_trades)]
    {
        driver.send(requests, WARM_UP_TRADES, bounds.longest).await.context("warming up")?;
        let figures = driver.send(requests, count, bounds.longest).await;
        measured.push((kind, figures.with_context(|| kind.to_string())?));
        driver.check().await.with_context(|| format!("after {kind}"))?;
    }
    Ok(measured)
}

struct Driver<'a, L> {
    ledger: &'a L,
    pids: &'a [u32],
    /// What it must hold.
    books: Books,
    next_number: u64,
}

impl<L: Ledger> Driver<'_, L> {
    /// Sends up to `count` new trades; then the first and the last request again.
    async fn send(
        &mut self,
        requests: Batches,
        count: u64,
        longest: Duration,
    ) -> anyhow::Result<Figures> {
        let trades = trades(self.next_number, count)?;
        let sent = Cell::new(0);
        let stretch = Stretch::begin(self.pids);
        let within_time = trades
            .chunks(requests.trades)
            .take_while(|_| stretch.elapsed() < longest)
            .inspect(|request| sent.set(sent.get() + request.len()));
        let mut latencies: Vec<Duration> = futures::stream::iter(within_time)
            .map(|request| self.request(requests, request))
            .buffer_unordered(requests.in_flight)
            .try_collect()
            .await?;
        let sent = &trades[..sent.get()];
        let figures = stretch.end(sent.len() as u64, &mut latencies);

        sent.iter().for_each(|trade| self.books.settle(trade));
        self.next_number += count;
        let mut again = sent.chunks(requests.trades);
        for request in again.next().into_iter().chain(again.next_back()) {
            self.request(requests, request).await.context("repeating a request")?;
        }
        Ok(figures)
    }

    async fn request(&self, requests: Batches, trades: &[Trade]) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let settled = match trades {
            [trade] if requests.trades == 1 => self.ledger.settle(trade).await?,
            batch => self.ledger.settle_batch(batch).await?,
        };
        let elapsed = started.elapsed();
        ensure!(settled == trades.len() as u64, "{settled} of {} trades settled", trades.len());
        Ok(elapsed)
    }

    async fn check(&self) -> anyhow::Result<()> {
        let found = self.ledger.books().await.context("reading the books")?;
        self.books.expect(&found).context("the books are wrong")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    /// Keeps its books in memory and can be told to settle repeats again.
    struct Memory {
        books: RefCell<Books>,
        seen: RefCell<BTreeSet<i64>>,
        forgets: bool,
    }

    impl Memory {
        fn new(forgets: bool) -> Self {
            Self { books: RefCell::new(Books::opening()), seen: RefCell::default(), forgets }
        }
    }

    impl Ledger for Memory {
        async fn settle(&self, trade: &Trade) -> anyhow::Result<u64> {
            if self.seen.borrow_mut().insert(trade.number) || self.forgets {
                self.books.borrow_mut().settle(trade);
            }
            Ok(1)
        }

        async fn settle_batch(&self, batch: &[Trade]) -> anyhow::Result<u64> {
            for trade in batch {
                self.settle(trade).await?;
            }
            Ok(batch.len() as u64)
        }

        async fn books(&self) -> anyhow::Result<Books> {
            Ok(self.books.borrow().clone())
        }
    }

    const BATCHES: Batches = Batches { trades: 64, in_flight: 2 };
    const BOUNDS: Bounds =
        Bounds { batched_trades: 1_000, single_trades: 100, longest: Duration::from_secs(60) };

    #[tokio::test]
    async fn a_right_ledger_is_sent_every_trade() {
        let ledger = Memory::new(false);
        let measured = drive(&ledger, &[], BATCHES, BOUNDS).await.expect("it is right");
        let counts: Vec<(Kind, u64)> =
            measured.iter().map(|(kind, figures)| (*kind, figures.trades)).collect();
        assert_eq!(counts, [(Kind::Single, 100), (Kind::Batches, 1_000)]);
        assert_eq!(ledger.books.borrow().trades, 1_100 + 2 * WARM_UP_TRADES);
    }

    #[tokio::test]
    async fn a_ledger_that_settles_repeats_again_is_found_out() {
        let error = drive(&Memory::new(true), &[], BATCHES, BOUNDS).await.expect_err("it is wrong");
        assert!(format!("{error:#}").contains("the books are wrong"), "{error:#}");
    }

    #[tokio::test]
    async fn nothing_is_sent_after_the_time() {
        let ledger = Memory::new(false);
        let mut driver =
            Driver { ledger: &ledger, pids: &[], books: Books::opening(), next_number: 1 };
        let figures = driver.send(BATCHES, 1_000, Duration::ZERO).await.expect("nothing to do");
        assert_eq!(figures.trades, 0);
        driver.check().await.expect("nothing moved");
    }
}
