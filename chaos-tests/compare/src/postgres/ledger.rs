//! Trades as calls of two functions in the database: one round trip each.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use tokio::sync::Semaphore;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use crate::drive::Ledger;
use crate::trades::{Books, CASH_FEN_EACH, FIRMS, INSTRUMENT, TONNES_EACH, Trade, bank, batch_id};

/// Callers share connections: more of them only wait for each other's rows.
const CONNECTIONS: usize = 64;

const SCHEMA: &str = include_str!("schema.sql");
const SETTLE_TRADE: &str = "SELECT settle_trade($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const SETTLE_BATCH: &str = "SELECT settle_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

pub(crate) struct PostgresLedger {
    free: Mutex<Vec<Connection>>,
    free_count: Semaphore,
}

struct Connection {
    client: Client,
    settle_trade: Statement,
    settle_batch: Statement,
}

impl PostgresLedger {
    /// Creates the tables, gives every firm its holding and its cash, and connects.
    pub(crate) async fn create(config: tokio_postgres::Config) -> anyhow::Result<Self> {
        let client = connect(&config).await?;
        client.batch_execute(SCHEMA).await.context("creating the tables")?;
        let firms: Vec<i64> = (1..=FIRMS).collect();
        let banks: Vec<i32> = firms.iter().copied().map(bank).collect();
        client
            .execute(
                "INSERT INTO holdings SELECT unnest($1::bigint[]), $2, $3",
                &[&firms, &INSTRUMENT, &TONNES_EACH],
            )
            .await
            .context("issuing")?;
        client
            .execute(
                "INSERT INTO cash SELECT unnest($1::bigint[]), unnest($2::integer[]), $3",
                &[&firms, &banks, &CASH_FEN_EACH],
            )
            .await
            .context("depositing")?;
        client.batch_execute("ANALYZE").await.context("analysing")?;

        let mut free = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = connect(&config).await?;
            let settle_trade = client.prepare(SETTLE_TRADE).await?;
            let settle_batch = client.prepare(SETTLE_BATCH).await?;
            free.push(Connection { client, settle_trade, settle_batch });
        }
        Ok(Self { free: Mutex::new(free), free_count: Semaphore::new(CONNECTIONS) })
    }

    /// Calls one of the two functions on a connection that nobody else uses; one
    /// that failed is not used again.
    async fn call(
        &self,
        function: fn(&Connection) -> &Statement,
        arguments: &[&(dyn ToSql + Sync)],
    ) -> anyhow::Result<u64> {
        let _permit = self.free_count.acquire().await.context("the connections are closed")?;
        let connection = self.free().pop().context("a connection failed earlier")?;
        let row = connection.client.query_one(function(&connection), arguments).await?;
        self.free().push(connection);
        Ok(row.get::<_, i64>(0).cast_unsigned())
    }

    fn free(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for PostgresLedger {
    async fn settle(&self, trade: &Trade) -> anyhow::Result<u64> {
        let request = trade.request_id();
        let arguments: [&(dyn ToSql + Sync); 10] = [
            &request.as_slice(),
            &trade.number,
            &INSTRUMENT,
            &trade.buyer,
            &trade.seller,
            &trade.buyer_bank,
            &trade.seller_bank,
            &trade.tonnes,
            &trade.price_fen,
            &trade.traded_at_ms,
        ];
        let settled = self.call(|connection| &connection.settle_trade, &arguments).await;
        settled.with_context(|| format!("settling trade {}", trade.number))
    }

    async fn settle_batch(&self, batch: &[Trade]) -> anyhow::Result<u64> {
        let (request, columns) = (batch_id(batch), Columns::of(batch));
        let arguments: [&(dyn ToSql + Sync); 10] = [
            &request.as_slice(),
            &INSTRUMENT,
            &columns.numbers,
            &columns.buyers,
            &columns.sellers,
            &columns.buyer_banks,
            &columns.seller_banks,
            &columns.tonnes,
            &columns.prices_fen,
            &columns.traded_at_ms,
        ];
        let settled = self.call(|connection| &connection.settle_batch, &arguments).await;
        settled.context("settling a batch")
    }

    async fn books(&self) -> anyhow::Result<Books> {
        let connection = self.free().pop().context("no connection is left")?;
        let mut books = Books::default();
        for (query, balances) in [
            ("SELECT account_id, tonnes FROM holdings", &mut books.tonnes),
            ("SELECT account_id, fen FROM cash", &mut books.fen),
        ] {
            let rows = connection.client.query(query, &[]).await.context(query)?;
            balances.extend(rows.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, i64>(1))));
        }
        let count = connection.client.query_one("SELECT count(*) FROM trades", &[]).await?;
        books.trades = count.get::<_, i64>(0).cast_unsigned();
        self.free().push(connection);
        Ok(books)
    }
}

async fn connect(config: &tokio_postgres::Config) -> anyhow::Result<Client> {
    let (client, connection) = config.connect(NoTls).await.context("connecting")?;
    // Ends with its client; what goes wrong shows in the client's calls.
    tokio::spawn(connection);
    Ok(client)
}

/// A batch as the arrays that `settle_batch` takes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Columns {
    numbers: Vec<i64>,
    buyers: Vec<i64>,
    sellers: Vec<i64>,
    buyer_banks: Vec<i32>,
    seller_banks: Vec<i32>,
    tonnes: Vec<i64>,
    prices_fen: Vec<i64>,
    traded_at_ms: Vec<i64>,
}

impl Columns {
    fn of(batch: &[Trade]) -> Self {
        let column = |field: fn(&Trade) -> i64| batch.iter().map(field).collect();
        let banks = |field: fn(&Trade) -> i32| batch.iter().map(field).collect();
        Self {
            numbers: column(|trade| trade.number),
            buyers: column(|trade| trade.buyer),
            sellers: column(|trade| trade.seller),
            buyer_banks: banks(|trade| trade.buyer_bank),
            seller_banks: banks(|trade| trade.seller_bank),
            tonnes: column(|trade| trade.tonnes),
            prices_fen: column(|trade| trade.price_fen),
            traded_at_ms: column(|trade| trade.traded_at_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::trades;

    #[test]
    fn a_batch_becomes_columns_in_order() {
        let batch = trades(5, 3).expect("a date");
        let columns = Columns::of(&batch);
        assert_eq!(columns.numbers, [5, 6, 7]);
        for (row, trade) in batch.iter().enumerate() {
            assert_eq!((columns.buyers[row], columns.sellers[row]), (trade.buyer, trade.seller));
            assert_eq!(
                (columns.buyer_banks[row], columns.seller_banks[row]),
                (bank(trade.buyer), bank(trade.seller))
            );
            assert_eq!(columns.tonnes[row] * columns.prices_fen[row], trade.amount_fen());
            assert_eq!(columns.traded_at_ms[row], trade.traded_at_ms);
        }
    }
}
