//! The trades that every system gets, and what they must leave behind.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use registry_chaos_tests::market::{Market, bank_of, mix};
use registry_client::amount::parse_fen;
use registry_client::proto::Trade as MarketTrade;

/// The only instrument.
pub(crate) use registry_chaos_tests::market::INSTRUMENT;

/// The settlement day.
pub(crate) const DATE: &str = "2021-12-16";
/// As in the benchmark.
pub(crate) const FIRMS: i64 = 500;
/// More than any firm sells or buys.
pub(crate) const TONNES_EACH: i64 = 1_000_000_000;
pub(crate) const CASH_FEN_EACH: i64 = 1_000_000_000_000_000;

/// One trade to settle: the buyer pays the seller and the tonnes move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) number: i64,
    pub(crate) buyer: i64,
    pub(crate) seller: i64,
    pub(crate) buyer_bank: i32,
    pub(crate) seller_bank: i32,
    pub(crate) tonnes: i64,
    pub(crate) price_fen: i64,
    pub(crate) traded_at_ms: i64,
}

impl Trade {
    fn of_market(trade: MarketTrade) -> anyhow::Result<Self> {
        Ok(Self {
            number: trade.trade_number.cast_signed(),
            buyer: trade.buyer_account.cast_signed(),
            seller: trade.seller_account.cast_signed(),
            buyer_bank: trade.buyer_bank.cast_signed(),
            seller_bank: trade.seller_bank.cast_signed(),
            tonnes: trade.quantity_tco2e,
            price_fen: parse_fen(&trade.price_yuan).context("a price of the market")?,
            traded_at_ms: trade.traded_at_ms,
        })
    }

    pub(crate) fn amount_fen(&self) -> i64 {
        self.tonnes * self.price_fen
    }

    /// The id of a request that carries this trade alone.
    pub(crate) fn request_id(&self) -> [u8; 16] {
        let number = self.number.cast_unsigned();
        (u128::from(mix(number)) << 64 | u128::from(number)).to_be_bytes()
    }
}

/// The id of a request that carries `batch`: another one than of its first trade alone.
pub(crate) fn batch_id(batch: &[Trade]) -> [u8; 16] {
    let mut id = batch.first().map_or([0; 16], Trade::request_id);
    id[8] |= 0x80;
    id
}

/// `count` trades numbered from `first_number`: those of the benchmark's market,
/// uniform pairs of firms with small quantities.
pub(crate) fn trades(first_number: u64, count: u64) -> anyhow::Result<Vec<Trade>> {
    let market = Market::of_firms(FIRMS.cast_unsigned());
    market.each_trade(DATE, first_number, count)?.map(Trade::of_market).collect()
}

/// The bank of a firm.
pub(crate) fn bank(firm: i64) -> i32 {
    bank_of(firm.cast_unsigned()).cast_signed()
}

/// What all firms hold, and how many trades are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) tonnes: BTreeMap<i64, i64>,
    pub(crate) fen: BTreeMap<i64, i64>,
    pub(crate) trades: u64,
}

impl Books {
    /// Before the first trade.
    pub(crate) fn opening() -> Self {
        Self {
            tonnes: (1..=FIRMS).map(|firm| (firm, TONNES_EACH)).collect(),
            fen: (1..=FIRMS).map(|firm| (firm, CASH_FEN_EACH)).collect(),
            trades: 0,
        }
    }

    /// After `trade` as well.
    pub(crate) fn settle(&mut self, trade: &Trade) {
        *self.tonnes.entry(trade.seller).or_default() -= trade.tonnes;
        *self.tonnes.entry(trade.buyer).or_default() += trade.tonnes;
        *self.fen.entry(trade.buyer).or_default() -= trade.amount_fen();
        *self.fen.entry(trade.seller).or_default() += trade.amount_fen();
        self.trades += 1;
    }

    /// Compares what a system holds with what it must hold: nothing negative,
    /// nothing made or lost, every sent trade recorded, every balance right.
    pub(crate) fn expect(&self, found: &Books) -> anyhow::Result<()> {
        for (what, expected, found) in
            [("tonnes", &self.tonnes, &found.tonnes), ("fen", &self.fen, &found.fen)]
        {
            let sums = (expected.values().sum::<i64>(), found.values().sum::<i64>());
            ensure!(sums.0 == sums.1, "{} {what} in all instead of {}", sums.1, sums.0);
            if let Some((firm, balance)) = found.iter().find(|(_, balance)| **balance < 0) {
                bail!("firm {firm} has {balance} {what}");
            }
            if let Some((firm, balance)) =
                expected.iter().find(|(firm, balance)| found.get(firm) != Some(balance))
            {
                bail!("firm {firm} has {:?} {what} instead of {balance}", found.get(firm));
            }
            ensure!(expected.len() == found.len(), "{} accounts of {what}", found.len());
        }
        ensure!(
            self.trades == found.trades,
            "{} trades are recorded, {} were sent",
            found.trades,
            self.trades
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn trades_are_between_two_firms_that_exist() {
        let trades = trades(1, 10_000).expect("a date");
        for trade in &trades {
            assert_ne!(trade.buyer, trade.seller);
            assert!((1..=FIRMS).contains(&trade.buyer) && (1..=FIRMS).contains(&trade.seller));
            assert!((1..=9).contains(&trade.tonnes));
            assert!((4_000..4_500).contains(&trade.price_fen));
            assert_eq!(trade.buyer_bank, bank(trade.buyer));
        }
        assert_eq!(trades[7], super::trades(8, 1).expect("a date")[0]);
    }

    #[test]
    fn request_ids_differ() {
        let trades = trades(1, 1_000).expect("a date");
        let mut ids: BTreeSet<[u8; 16]> = trades.iter().map(Trade::request_id).collect();
        ids.insert(batch_id(&trades));
        ids.insert(batch_id(&trades[1..]));
        assert_eq!(ids.len(), 1_002);
    }

    #[test]
    fn books_that_differ_are_told_apart() {
        let trade = trades(1, 1).expect("a date")[0];
        let opening = Books::opening();
        let mut settled = opening.clone();
        settled.settle(&trade);
        assert!(settled.expect(&settled).is_ok());
        assert!(settled.expect(&opening).is_err(), "the trade was not settled");

        let mut lost = settled.clone();
        *lost.fen.entry(trade.seller).or_default() -= 1;
        let error = settled.expect(&lost).expect_err("a fen is missing").to_string();
        assert!(error.contains("fen in all"), "{error}");

        let mut overdrawn = settled.clone();
        overdrawn.tonnes.insert(1, -5);
        *overdrawn.tonnes.entry(2).or_default() += settled.tonnes[&1] + 5;
        let error = settled.expect(&overdrawn).expect_err("below zero").to_string();
        assert_eq!(error, "firm 1 has -5 tonnes");
    }
}
