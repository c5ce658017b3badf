//! Trades as transactions on keys, sent again when another came first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};
use tonic::transport::Channel;

use super::wire::kv_client::KvClient;
use super::wire::{
    KeyValue, RangeResponse, ResponseOp, TxnRequest, all_below, get, put, unchanged_since,
};
use crate::drive::Ledger;
use crate::trades::{Books, CASH_FEN_EACH, FIRMS, INSTRUMENT, TONNES_EACH, Trade, bank, batch_id};

const HOLDINGS: &str = "holding/";
const CASH: &str = "cash/";
const TRADES: &str = "trade/";
const BATCHES: &str = "batch/";
/// A request that loses this often against others is a fault.
const MOST_ATTEMPTS: u32 = 1_000;

/// Remembers every balance with the revision that it was last changed at, so
/// that a transaction is one round trip unless another came first.
pub(crate) struct EtcdLedger {
    client: KvClient<Channel>,
    balances: Mutex<HashMap<String, Balance>>,
    turns: Vec<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Balance {
    amount: i64,
    revision: i64,
}

/// Key and value.
type Record = (String, String);

impl EtcdLedger {
    /// Gives every firm its holding and its cash.
    pub(crate) async fn create(leader: Channel) -> anyhow::Result<Self> {
        let mut client = KvClient::new(leader);
        let issue = |firm| {
            [
                put(holding(firm), TONNES_EACH.to_string()),
                put(cash(firm, bank(firm)), CASH_FEN_EACH.to_string()),
            ]
        };
        let success = (1..=FIRMS).flat_map(issue).collect();
        client.txn(TxnRequest { success, ..Default::default() }).await.context("issuing")?;
        let turns = (0..=FIRMS).map(|_| tokio::sync::Mutex::default()).collect();
        let ledger = Self { client, balances: Mutex::default(), turns };
        for prefix in [HOLDINGS, CASH] {
            ledger.learn(&ledger.all(prefix).await?.kvs)?;
        }
        Ok(ledger)
    }

    /// Writes `records` and changes the balances in one transaction, unless the
    /// first record is there already: then all that was done before.
    async fn settle_once(&self, records: &[Record], trades: &[Trade]) -> anyhow::Result<u64> {
        let (request, answer) = records.first().context("nothing to settle")?;
        let moves = moves(trades);
        for _ in 0..MOST_ATTEMPTS {
            let before = self.known(&moves);
            let after = after(&before, &moves)?;
            let reply = self.client.clone().txn(transaction(records, &before, &after)).await?;
            let reply = reply.into_inner();
            let revision = reply.header.map_or(0, |header| header.revision);
            if reply.succeeded {
                self.remember(after.into_iter().map(|(key, amount)| (key, revision, amount)));
                return Ok(trades.len() as u64);
            }
            let found: Vec<KeyValue> =
                reply.responses.into_iter().flat_map(ResponseOp::found).collect();
            if let Some(earlier) = found.iter().find(|found| found.key == request.as_bytes()) {
                ensure!(earlier.value == answer.as_bytes(), "{request} has been something else");
                return Ok(trades.len() as u64);
            }
            self.learn(&found)?;
        }
        bail!("{request}: others came first {MOST_ATTEMPTS} times")
    }

    /// A firm's trades of this client queue here: at etcd all but one would be in vain.
    async fn turn(&self, firm: i64) -> anyhow::Result<tokio::sync::MutexGuard<'_, ()>> {
        let turns = usize::try_from(firm).ok().and_then(|firm| self.turns.get(firm));
        Ok(turns.with_context(|| format!("no firm {firm}"))?.lock().await)
    }

    async fn all(&self, prefix: &str) -> anyhow::Result<RangeResponse> {
        let reply = self.client.clone().range(all_below(prefix)).await;
        Ok(reply.with_context(|| format!("reading {prefix}"))?.into_inner())
    }

    fn learn(&self, found: &[KeyValue]) -> anyhow::Result<()> {
        let balances: anyhow::Result<Vec<_>> = found
            .iter()
            .map(|found| {
                let (key, amount) = balance_of(found)?;
                Ok((key, found.mod_revision, amount))
            })
            .collect();
        self.remember(balances?.into_iter());
        Ok(())
    }

    fn remember(&self, balances: impl Iterator<Item = (String, i64, i64)>) {
        let mut known = self.balances.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, revision, amount) in balances {
            let balance = known.entry(key).or_default();
            // Answers overtake each other.
            if balance.revision < revision {
                *balance = Balance { amount, revision };
            }
        }
    }

    fn known(&self, moves: &BTreeMap<String, i64>) -> BTreeMap<String, Balance> {
        let known = self.balances.lock().unwrap_or_else(PoisonError::into_inner);
        moves.keys().map(|key| (key.clone(), known.get(key).copied().unwrap_or_default())).collect()
    }
}

impl Ledger for EtcdLedger {
    async fn settle(&self, trade: &Trade) -> anyhow::Result<u64> {
        // In one order, so that no two trades wait for each other.
        let _lower = self.turn(trade.buyer.min(trade.seller)).await?;
        let _upper = self.turn(trade.buyer.max(trade.seller)).await?;
        self.settle_once(&[record(trade)], std::slice::from_ref(trade)).await
    }

    async fn settle_batch(&self, batch: &[Trade]) -> anyhow::Result<u64> {
        let request = format!("{BATCHES}{:032x}", u128::from_be_bytes(batch_id(batch)));
        let mut records = vec![(request, batch.len().to_string())];
        records.extend(batch.iter().map(record));
        self.settle_once(&records, batch).await
    }

    async fn books(&self) -> anyhow::Result<Books> {
        let mut books = Books::default();
        for (prefix, balances) in [(HOLDINGS, &mut books.tonnes), (CASH, &mut books.fen)] {
            for found in self.all(prefix).await?.kvs {
                let (key, amount) = balance_of(&found)?;
                let firm = key.split('/').nth(1).context("a key without a firm")?.parse()?;
                balances.insert(firm, amount);
            }
        }
        let mut count = all_below(TRADES);
        count.count_only = true;
        let count = self.client.clone().range(count).await.context("counting the trades")?;
        books.trades = count.into_inner().count.cast_unsigned();
        Ok(books)
    }
}

fn holding(firm: i64) -> String {
    format!("{HOLDINGS}{firm}/{INSTRUMENT}")
}

fn cash(firm: i64, bank: i32) -> String {
    format!("{CASH}{firm}/{bank}")
}

fn record(trade: &Trade) -> Record {
    let Trade { number, buyer, seller, buyer_bank, seller_bank, tonnes, price_fen, traded_at_ms } =
        trade;
    let value = format!(
        "{INSTRUMENT} {buyer} {buyer_bank} {seller} {seller_bank} {tonnes} {price_fen} {traded_at_ms}"
    );
    (format!("{TRADES}{number}"), value)
}

fn balance_of(found: &KeyValue) -> anyhow::Result<(String, i64)> {
    let key = str::from_utf8(&found.key).context("a key that is no text")?;
    let amount = str::from_utf8(&found.value).ok().and_then(|text| text.parse().ok());
    Ok((key.to_owned(), amount.with_context(|| format!("{key} holds no amount"))?))
}

/// By how much each balance changes.
fn moves(trades: &[Trade]) -> BTreeMap<String, i64> {
    let mut moves = BTreeMap::new();
    for trade in trades {
        for (key, amount) in [
            (holding(trade.seller), -trade.tonnes),
            (holding(trade.buyer), trade.tonnes),
            (cash(trade.buyer, trade.buyer_bank), -trade.amount_fen()),
            (cash(trade.seller, trade.seller_bank), trade.amount_fen()),
        ] {
            *moves.entry(key).or_default() += amount;
        }
    }
    moves
}

fn after(
    before: &BTreeMap<String, Balance>,
    moves: &BTreeMap<String, i64>,
) -> anyhow::Result<Vec<(String, i64)>> {
    before
        .iter()
        .zip(moves.values())
        .map(|((key, balance), change)| {
            let amount = balance.amount + change;
            ensure!(amount >= 0, "{key} has {} and {change} is to move", balance.amount);
            Ok((key.clone(), amount))
        })
        .collect()
}

/// Succeeds when no record exists and no balance changed; otherwise answers the
/// first record and the balances as they are.
fn transaction(
    records: &[Record],
    before: &BTreeMap<String, Balance>,
    after: &[(String, i64)],
) -> TxnRequest {
    let new = records.iter().map(|(key, _)| unchanged_since(key.clone(), 0));
    let unchanged =
        before.iter().map(|(key, balance)| unchanged_since(key.clone(), balance.revision));
    let written = records.iter().map(|(key, value)| put(key.clone(), value.clone()));
    let moved = after.iter().map(|(key, amount)| put(key.clone(), amount.to_string()));
    let asked = records.iter().take(1).map(|(key, _)| key).chain(before.keys());
    TxnRequest {
        compare: new.chain(unchanged).collect(),
        success: written.chain(moved).collect(),
        failure: asked.map(|key| get(key.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::trades;

    fn opening(moves: &BTreeMap<String, i64>, amount: i64) -> BTreeMap<String, Balance> {
        moves.keys().map(|key| (key.clone(), Balance { amount, revision: 7 })).collect()
    }

    #[test]
    fn nothing_is_made_or_lost() {
        let trades = trades(1, 1_000).expect("a date");
        let moves = moves(&trades);
        for prefix in [HOLDINGS, CASH] {
            let of_kind = moves.iter().filter(|(key, _)| key.starts_with(prefix));
            assert_eq!(of_kind.map(|(_, change)| change).sum::<i64>(), 0, "{prefix}");
        }
    }

    #[test]
    fn nobody_goes_below_zero() {
        let trades = trades(1, 1).expect("a date");
        let moves = moves(&trades);
        let error = after(&opening(&moves, 0), &moves).expect_err("nobody has anything");
        assert!(error.to_string().contains("has 0 and -"), "{error}");
        let rich = opening(&moves, 1_000_000);
        assert!(after(&rich, &moves).expect("enough").iter().all(|(_, amount)| *amount > 0));
    }

    #[test]
    fn a_transaction_compares_what_it_writes() {
        let trades = trades(1, 1).expect("a date");
        let (moves, records) = (moves(&trades), [record(&trades[0])]);
        let before = opening(&moves, 1_000_000);
        let txn = transaction(&records, &before, &after(&before, &moves).expect("enough"));
        let compared: Vec<&Vec<u8>> = txn.compare.iter().map(|compare| &compare.key).collect();
        assert_eq!(compared.len(), 5);
        assert_eq!(compared[0], b"trade/1");
        assert_eq!((txn.success.len(), txn.failure.len()), (5, 5));
    }
}
