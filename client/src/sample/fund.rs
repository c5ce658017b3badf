//! What the firms must hold before a day so that its trades can deliver.

use std::collections::{BTreeMap, HashSet};

use super::population::Population;
use super::trade::{SampleTrade, TradeKind};

/// How many trades shall be held for want of goods or cash, at most: a day
/// with too few suitable trades has fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldPlan {
    /// Trades whose seller lacks some of the tonnes.
    pub goods_short: usize,
    /// Trades whose buyer lacks some of the money.
    pub cash_short: usize,
}

impl Default for HeldPlan {
    fn default() -> Self {
        Self { goods_short: 2, cash_short: 1 }
    }
}

/// What lets one held trade deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopUp {
    /// Tonnes for the seller.
    Goods {
        /// The held trade.
        trade_number: u64,
        /// Its seller.
        account_id: u64,
        /// What is missing; some or all of the trade's quantity.
        quantity_tco2e: i64,
    },
    /// Money for the buyer.
    Cash {
        /// The held trade.
        trade_number: u64,
        /// Its buyer.
        account_id: u64,
        /// The buyer's bank.
        bank_id: u32,
        /// What is missing; some or all of the trade's amount.
        amount_fen: i64,
    },
}

impl TopUp {
    /// The held trade.
    #[must_use]
    pub fn trade_number(&self) -> u64 {
        match self {
            Self::Goods { trade_number, .. } | Self::Cash { trade_number, .. } => *trade_number,
        }
    }
}

/// Why firms cannot be given what the trades need.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FundError {
    /// The trade is of an account that is not in the population.
    #[error("trade {trade_number} is of account {account_id}, which is no firm's")]
    UnknownAccount {
        /// The trade.
        trade_number: u64,
        /// Its buyer or seller.
        account_id: u64,
    },
    /// The trade settles through another bank than the firm's.
    #[error(
        "trade {trade_number} settles at bank {bank_id}, but account {account_id} has its money at {firm_bank_id}"
    )]
    WrongBank {
        /// The trade.
        trade_number: u64,
        /// Its buyer or seller.
        account_id: u64,
        /// The trade's bank.
        bank_id: u32,
        /// The firm's bank.
        firm_bank_id: u32,
    },
    /// The trade has the same buyer and seller.
    #[error("trade {0} has the same buyer and seller")]
    SelfTrade(u64),
    /// The trades add up to more than can be counted.
    #[error("account {0} trades more than can be counted")]
    Overflow(u64),
}

/// Sets holdings and cash so that every trade delivers when they are settled
/// in order, each or not at all, except the few that the plan wants held.
///
/// Firms keep what they have if it suffices; only the short side of a held
/// trade can be left with less. Sale cash serves later purchases of the same
/// day, bought tonnes serve no sale of the day. Held trades do not touch the
/// others: the short side does not trade afterwards, and nobody counts on
/// what a held trade would have brought. Once topped up, each held trade
/// delivers whatever the order in which they are tried.
///
/// # Errors
/// A trade that does not fit the population; nothing is changed then.
pub fn fund(
    population: &mut Population,
    trades: &[SampleTrade],
    plan: HeldPlan,
) -> Result<Vec<TopUp>, FundError> {
    for trade in trades {
        check(population, trade)?;
    }
    let held = Held::choose(trades, plan);
    let mut needs = Needs::without_proceeds_of(trades, &held, population.firms().len());
    let top_ups = needs.leave_short(trades, &held);

    let mut funded = Vec::with_capacity(population.firms().len());
    for (firm, need) in population.firms().iter().zip(&needs.accounts) {
        let overflow = FundError::Overflow(firm.account_id);
        let goods = i64::try_from(need.goods).map_err(|_| overflow.clone())?;
        let cash = i64::try_from(need.cash).map_err(|_| overflow)?;
        funded.push((
            if need.goods_exact { goods } else { firm.holding_tco2e.max(goods) },
            if need.cash_exact { cash } else { firm.cash_fen.max(cash) },
        ));
    }
    for (firm, (holding_tco2e, cash_fen)) in population.firms_mut().iter_mut().zip(funded) {
        firm.holding_tco2e = holding_tco2e;
        firm.cash_fen = cash_fen;
    }
    Ok(top_ups)
}

fn check(population: &Population, trade: &SampleTrade) -> Result<(), FundError> {
    let trade_number = trade.trade_number;
    if trade.buyer_account == trade.seller_account {
        return Err(FundError::SelfTrade(trade_number));
    }
    if trade.quantity_tco2e.checked_mul(trade.price_fen).is_none() {
        return Err(FundError::Overflow(trade.buyer_account));
    }
    for (account_id, bank_id) in
        [(trade.buyer_account, trade.buyer_bank), (trade.seller_account, trade.seller_bank)]
    {
        let firm = population
            .firm(account_id)
            .ok_or(FundError::UnknownAccount { trade_number, account_id })?;
        if firm.bank_id != bank_id {
            return Err(FundError::WrongBank {
                trade_number,
                account_id,
                bank_id,
                firm_bank_id: firm.bank_id,
            });
        }
    }
    Ok(())
}

/// Which trades are to be held, by their place in the day.
#[derive(Default)]
struct Held {
    goods_short: Vec<usize>,
    cash_short: Vec<usize>,
}

impl Held {
    /// Takes the latest listed trades, then block trades, in which the short
    /// side trades for the last time and that share no party.
    fn choose(trades: &[SampleTrade], plan: HeldPlan) -> Self {
        let mut last_trade = BTreeMap::new();
        for (place, trade) in trades.iter().enumerate() {
            last_trade.insert(trade.buyer_account, place);
            last_trade.insert(trade.seller_account, place);
        }
        let of_kind =
            |kind| (0..trades.len()).rev().filter(move |place| trades[*place].kind == kind);
        let mut held = Self::default();
        let mut parties = HashSet::new();
        for place in of_kind(TradeKind::Listed).chain(of_kind(TradeKind::Block)) {
            let trade = &trades[place];
            if parties.contains(&trade.buyer_account) || parties.contains(&trade.seller_account) {
                continue;
            }
            let last_of = |account: u64| last_trade.get(&account) == Some(&place);
            if held.goods_short.len() < plan.goods_short && last_of(trade.seller_account) {
                held.goods_short.push(place);
            } else if held.cash_short.len() < plan.cash_short
                && last_of(trade.buyer_account)
                && !pays_from_proceeds(trades, place)
            {
                held.cash_short.push(place);
            } else {
                continue;
            }
            parties.extend([trade.buyer_account, trade.seller_account]);
        }
        held
    }

    fn contains(&self, place: usize) -> bool {
        self.goods_short.contains(&place) || self.cash_short.contains(&place)
    }
}

/// Whether the buyer can pay for the trade out of what its earlier trades of
/// the day leave it even if it started with no more than they need.
fn pays_from_proceeds(trades: &[SampleTrade], place: usize) -> bool {
    let buyer = trades[place].buyer_account;
    let mut balance = 0;
    let mut lowest = 0;
    for trade in &trades[..place] {
        if trade.seller_account == buyer {
            balance += amount_fen(trade);
        } else if trade.buyer_account == buyer {
            balance -= amount_fen(trade);
            lowest = lowest.min(balance);
        }
    }
    balance - lowest >= amount_fen(&trades[place])
}

/// What the accounts need at the start of the day, by index.
struct Needs {
    accounts: Vec<Need>,
}

#[derive(Clone, Default)]
struct Need {
    goods: i128,
    cash: i128,
    /// Cash less what the day has cost so far, if it started with none.
    balance: i128,
    goods_exact: bool,
    cash_exact: bool,
}

impl Needs {
    /// Goods for all sales, cash for all purchases at the time they come.
    /// Held trades are paid for, so that the money is there when they are
    /// tried again, but bring nothing to their sellers.
    fn without_proceeds_of(trades: &[SampleTrade], held: &Held, accounts: usize) -> Self {
        let mut needs = vec![Need::default(); accounts];
        for (place, trade) in trades.iter().enumerate() {
            let buyer = &mut needs[index_of(trade.buyer_account)];
            buyer.balance -= amount_fen(trade);
            if !held.cash_short.contains(&place) {
                buyer.cash = buyer.cash.max(-buyer.balance);
            }
            let seller = &mut needs[index_of(trade.seller_account)];
            seller.goods += i128::from(trade.quantity_tco2e);
            if !held.contains(place) {
                seller.balance += amount_fen(trade);
            }
        }
        Self { accounts: needs }
    }

    /// Takes from the short sides about half of the held trade, or of what
    /// they can be denied without touching earlier trades.
    fn leave_short(&mut self, trades: &[SampleTrade], held: &Held) -> Vec<TopUp> {
        let mut top_ups = Vec::new();
        for place in &held.goods_short {
            let trade = &trades[*place];
            let need = &mut self.accounts[index_of(trade.seller_account)];
            let missing = trade.quantity_tco2e - trade.quantity_tco2e / 2;
            need.goods -= i128::from(missing);
            need.goods_exact = true;
            top_ups.push(TopUp::Goods {
                trade_number: trade.trade_number,
                account_id: trade.seller_account,
                quantity_tco2e: missing,
            });
        }
        for place in &held.cash_short {
            let trade = &trades[*place];
            let need = &mut self.accounts[index_of(trade.buyer_account)];
            // The trade is the account's last: `balance` has it paid in full.
            let full = -need.balance;
            let shortage = full - need.cash;
            need.cash += shortage / 2;
            need.cash_exact = true;
            top_ups.push(TopUp::Cash {
                trade_number: trade.trade_number,
                account_id: trade.buyer_account,
                bank_id: trade.buyer_bank,
                // Fits: it is no more than the trade's own amount.
                amount_fen: i64::try_from(shortage - shortage / 2).unwrap_or(i64::MAX),
            });
        }
        top_ups.sort_by_key(TopUp::trade_number);
        top_ups
    }
}

fn amount_fen(trade: &SampleTrade) -> i128 {
    i128::from(trade.quantity_tco2e) * i128::from(trade.price_fen)
}

fn index_of(account_id: u64) -> usize {
    // `check` has found the account, and ids start at 1.
    account_id as usize - 1
}
