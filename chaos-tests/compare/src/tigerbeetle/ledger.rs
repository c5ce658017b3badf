//! Trades as requests of TigerBeetle's client.

use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use tigerbeetle_unofficial::error::{
    CreateTransferErrorKind, CreateTransfersApiError, CreateTransfersError,
};
use tigerbeetle_unofficial::{Account, Client, Transfer};

use super::transfers::{Asset, Ids, REQUEST_EVENTS};
use crate::drive::Ledger;
use crate::trades::{Books, FIRMS, Trade};

/// The client itself would wait for ever.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) struct TigerBeetleLedger {
    /// A client has one request under way, and what is asked of it meanwhile
    /// shares the next one: batches go to all in turn, single trades to one.
    clients: Vec<Client>,
    turn: AtomicUsize,
    ids: Ids,
    greatest_number: AtomicI64,
}

impl TigerBeetleLedger {
    /// Opens the accounts and gives every firm its holding and its cash.
    pub(crate) async fn create(
        cluster_id: u128,
        addresses: &str,
        clients: usize,
    ) -> anyhow::Result<Self> {
        let clients = (0..clients)
            .map(|_| Client::new(cluster_id, addresses))
            .collect::<Result<Vec<_>, _>>()
            .with_context(|| format!("making a client of {addresses}"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("reading the clock")?;
        let ledger = Self {
            clients,
            turn: AtomicUsize::new(0),
            ids: Ids::of_run(u64::try_from(now.as_micros()).context("reading the clock")?),
            greatest_number: AtomicI64::new(0),
        };
        let accounts = ledger.first_client()?.create_accounts(ledger.ids.accounts());
        answered(accounts)
            .await
            .with_context(|| format!("cluster {cluster_id} at {addresses}"))?
            .context("opening accounts")?;
        let issued = ledger.first_client()?.create_transfers(ledger.ids.issue());
        answered(issued).await?.context("issuing")?;
        Ok(ledger)
    }

    fn first_client(&self) -> anyhow::Result<&Client> {
        self.clients.first().context("there is no client")
    }

    async fn settle_through(&self, client: &Client, batch: &[Trade]) -> anyhow::Result<u64> {
        let greatest = batch.iter().map(|trade| trade.number).max().unwrap_or(0);
        self.greatest_number.fetch_max(greatest, Ordering::Relaxed);
        let legs: Vec<Transfer> = self.ids.legs(batch);
        match answered(client.create_transfers(legs)).await? {
            Ok(()) => {}
            Err(CreateTransfersError::Api(refused)) => all_existed(&refused)?,
            Err(error) => bail!(error),
        }
        Ok(batch.len() as u64)
    }

    /// How many of the trades up to the greatest number sent have both legs.
    async fn count_trades(&self) -> anyhow::Result<u64> {
        let greatest = self.greatest_number.load(Ordering::Relaxed);
        let numbers: Vec<i64> = (1..=greatest).collect();
        let mut counts = [0, 0];
        for (asset, count) in [Asset::Tonnes, Asset::Fen].into_iter().zip(&mut counts) {
            for some in numbers.chunks(REQUEST_EVENTS) {
                let ids: Vec<u128> =
                    some.iter().map(|number| self.ids.transfer(*number, asset)).collect();
                let found = answered(self.first_client()?.lookup_transfers(ids)).await?;
                *count += found.context("looking up transfers")?.len() as u64;
            }
        }
        let [goods, cash] = counts;
        ensure!(goods == cash, "{goods} trades moved tonnes, {cash} moved money");
        Ok(goods)
    }
}

impl Ledger for TigerBeetleLedger {
    async fn settle(&self, trade: &Trade) -> anyhow::Result<u64> {
        self.settle_through(self.first_client()?, std::slice::from_ref(trade)).await
    }

    async fn settle_batch(&self, batch: &[Trade]) -> anyhow::Result<u64> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.clients.len().max(1);
        self.settle_through(self.clients.get(turn).context("there is no client")?, batch).await
    }

    async fn books(&self) -> anyhow::Result<Books> {
        let mut books = Books { trades: self.count_trades().await?, ..Default::default() };
        for (asset, balances) in [(Asset::Tonnes, &mut books.tonnes), (Asset::Fen, &mut books.fen)]
        {
            let ids: Vec<u128> = (1..=FIRMS).map(|firm| self.ids.account(firm, asset)).collect();
            let found = answered(self.first_client()?.lookup_accounts(ids)).await?;
            let found = found.context("looking up accounts")?;
            ensure!(found.len() as i64 == FIRMS, "{} of {FIRMS} accounts", found.len());
            for (firm, account) in (1..=FIRMS).zip(&found) {
                balances.insert(firm, balance(account)?);
            }
        }
        Ok(books)
    }
}

fn balance(account: &Account) -> anyhow::Result<i64> {
    let sides = (i64::try_from(account.credits_posted()), i64::try_from(account.debits_posted()));
    match sides {
        (Ok(credits), Ok(debits)) => Ok(credits - debits),
        _ => bail!("a balance beyond 64 bits: {account:?}"),
    }
}

/// A trade that was settled before: its first leg exists, and breaks the chain
/// that the second one is in.
fn all_existed(refused: &CreateTransfersApiError) -> anyhow::Result<()> {
    let earlier = |kind| {
        matches!(kind, CreateTransferErrorKind::Exists | CreateTransferErrorKind::LinkedEventFailed)
    };
    match refused.as_slice().iter().find(|refused| !earlier(refused.kind())) {
        Some(refused) => bail!("transfer {} of the request: {:?}", refused.index(), refused.kind()),
        None => Ok(()),
    }
}

async fn answered<T>(request: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(ANSWER_TIMEOUT, request)
        .await
        .with_context(|| format!("TigerBeetle has not answered within {ANSWER_TIMEOUT:?}"))
}
