//! A small market of uniform firms, for loads whose size a test chooses: every
//! firm holds the same and can pay for everything it is made to buy.

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use futures::TryStreamExt as _;
use registry_client::amount::format_fen;
use registry_client::proto::{
    AccountKind, BookLoading, DepositRequest, Issuance, MoveHoldingRequest, OpenAccountRequest,
    OpenBankRequest, OpenDayRequest, OpeningBooks, OpeningCash, OpeningHolding, Position,
    RegisterInstrumentRequest, Trade, TradeKind,
};
use registry_client::{RegistryClient, TwoOfficers};
use registry_ledger::{Date, calendar, uscc};

/// The only instrument of this market.
pub const INSTRUMENT: &str = "CEA-2020";
/// Previous close of the first day.
pub const REFERENCE_PRICE_YUAN: &str = "43.06";
/// Interbank category codes of the settlement banks.
pub use registry_client::pki::SAMPLE_BANKS as BANKS;

/// Requests under way at once while the market is set up.
const CALLERS: usize = 128;
/// As many as one request may open.
const ACCOUNTS_PER_REQUEST: u64 = 8_192;

/// The price steps of the trades stay within 10 % of the reference price.
const LOWEST_PRICE_FEN: i64 = 4_000;
const PRICE_STEPS: u64 = 500;

/// Accounts 1 to `firms` of a fresh cluster.
#[derive(Clone, Copy, Debug)]
pub struct Market {
    firms: u64,
}

impl Market {
    /// The market's firms, wherever they are: only for making trades.
    #[must_use]
    pub fn of_firms(firms: u64) -> Self {
        Self { firms }
    }

    /// Admits the banks, registers the instrument, opens the accounts and
    /// gives each of them tonnes to sell and money at its bank.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub async fn set_up(
        officers: &TwoOfficers,
        firms: u64,
        tonnes: i64,
        cash_fen: i64,
    ) -> anyhow::Result<Self> {
        admit_banks(officers.maker()).await?;
        futures::stream::iter(1..=firms)
            .map(|number| admit(officers, number, tonnes, cash_fen))
            .buffer_unordered(CALLERS)
            .try_collect::<()>()
            .await?;
        Ok(Self { firms })
    }

    /// The same market taken over in bulk: millions of accounts in little time.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer, or holds accounts already.
    pub async fn take_over(
        officers: &TwoOfficers,
        firms: u64,
        tonnes: i64,
        cash_fen: i64,
    ) -> anyhow::Result<Self> {
        admit_banks(officers.maker()).await?;
        let request = move |first| books_from(first, firms, tonnes, cash_fen);
        let (mut first, mut next) = (1, request(1));
        while !next.accounts.is_empty() {
            let following = first + next.accounts.len() as u64;
            // The next request is prepared while this one is under way.
            let preparing = tokio::task::spawn_blocking(move || request(following));
            let (reply, prepared) = futures::join!(officers.load_books("", next), preparing);
            let opened_first = reply.context("taking over accounts")?.first_account_id;
            ensure!(opened_first == first, "account {opened_first} was opened in place of {first}");
            (first, next) = (following, prepared.context("preparing the next accounts")?);
        }
        Ok(Self { firms })
    }

    /// Number of accounts.
    #[must_use]
    pub fn firms(self) -> u64 {
        self.firms
    }

    /// Listed trades numbered from `first_number` on `date`, the same for the
    /// same arguments: small quantities, prices within the limits, every firm
    /// both buying and selling.
    ///
    /// # Errors
    /// When `date` is malformed.
    pub fn trades(self, date: &str, first_number: u64, count: u64) -> anyhow::Result<Vec<Trade>> {
        Ok(self.each_trade(date, first_number, count)?.collect())
    }

    /// The same trades made one by one, for a day that need not be in memory.
    ///
    /// # Errors
    /// When `date` is malformed.
    pub fn each_trade(
        self,
        date: &str,
        first_number: u64,
        count: u64,
    ) -> anyhow::Result<impl Iterator<Item = Trade> + Send + use<>> {
        let opening = opening_ms(date)?;
        let numbers = first_number..first_number + count;
        Ok(numbers.map(move |number| self.trade(opening, number)))
    }

    /// The same trades in chunks of `size`.
    ///
    /// # Errors
    /// When `date` is malformed.
    pub fn each_chunk(
        self,
        date: &str,
        first_number: u64,
        count: u64,
        size: usize,
    ) -> anyhow::Result<impl Iterator<Item = Vec<Trade>> + Send + use<>> {
        let mut trades = self.each_trade(date, first_number, count)?;
        Ok(std::iter::from_fn(move || {
            let chunk: Vec<Trade> = trades.by_ref().take(size).collect();
            (!chunk.is_empty()).then_some(chunk)
        }))
    }

    fn trade(self, opening_ms: i64, number: u64) -> Trade {
        let mixed = mix(number);
        let seller = mixed % self.firms;
        // Never the seller itself.
        let buyer = (seller + 1 + (mixed >> 20) % (self.firms - 1)) % self.firms;
        let price_fen = LOWEST_PRICE_FEN + (mixed >> 40).rem_euclid(PRICE_STEPS).cast_signed();
        Trade {
            trade_number: number,
            kind: TradeKind::Listed.into(),
            instrument: INSTRUMENT.to_owned(),
            buyer_account: buyer + 1,
            seller_account: seller + 1,
            buyer_bank: bank_of(buyer + 1),
            seller_bank: bank_of(seller + 1),
            quantity_tco2e: 1 + (mixed >> 50).rem_euclid(9).cast_signed(),
            price_yuan: format_fen(price_fen),
            traded_at_ms: opening_ms + (number % 7_200_000).cast_signed(),
        }
    }
}

/// The bank at which a firm keeps its money.
#[must_use]
pub fn bank_of(account_id: u64) -> u32 {
    BANKS[usize::try_from(account_id % 8).unwrap_or_default()]
}

/// 9:30 in Beijing on that day.
///
/// # Errors
/// When `date` is malformed.
pub fn opening_ms(date: &str) -> anyhow::Result<i64> {
    let date = Date::parse(date).with_context(|| format!("date {date:?}"))?;
    Ok(calendar::beijing_midnight(date).0 + (9 * 60 + 30) * 60_000)
}

/// A credit code whose check character is right, different for every number.
#[must_use]
pub fn credit_code(number: u64) -> String {
    let first_17 = format!("91420100{number:09}");
    let check = uscc::check_character(&first_17).unwrap_or('0');
    format!("{first_17}{check}")
}

/// An open-day request with the default top-up window.
#[must_use]
pub fn open_day(date: &str) -> OpenDayRequest {
    OpenDayRequest { date: date.to_owned(), ..Default::default() }
}

/// Admits the banks and registers the instrument.
async fn admit_banks(registry: &RegistryClient) -> anyhow::Result<()> {
    for bank_id in BANKS {
        let request = OpenBankRequest {
            bank_id,
            name: format!("Settlement bank {bank_id}"),
            ..Default::default()
        };
        registry.open_bank(request).await.with_context(|| format!("admitting bank {bank_id}"))?;
    }
    let request = RegisterInstrumentRequest {
        instrument: INSTRUMENT.to_owned(),
        reference_price_yuan: REFERENCE_PRICE_YUAN.to_owned(),
        ..Default::default()
    };
    registry.register_instrument(request).await.context("registering the instrument")?;
    Ok(())
}

/// The accounts from `first` on that one request may open.
fn books_from(first: u64, firms: u64, tonnes: i64, cash_fen: i64) -> BookLoading {
    let numbers = first..=firms.min(first + ACCOUNTS_PER_REQUEST - 1);
    BookLoading {
        document: "Books taken over".to_owned(),
        accounts: numbers.map(|number| opening_books(number, tonnes, cash_fen)).collect(),
    }
}

fn opening_books(number: u64, tonnes: i64, cash_fen: i64) -> OpeningBooks {
    OpeningBooks {
        uscc: credit_code(number),
        name: format!("Firm {number}"),
        kind: AccountKind::Emitter.into(),
        holdings: vec![OpeningHolding {
            instrument: INSTRUMENT.to_owned(),
            trading_tco2e: tonnes,
            ..Default::default()
        }],
        cash: vec![OpeningCash { bank_id: bank_of(number), amount_yuan: format_fen(cash_fen) }],
    }
}

async fn admit(
    officers: &TwoOfficers,
    number: u64,
    tonnes: i64,
    cash_fen: i64,
) -> anyhow::Result<()> {
    let registry = officers.maker();
    let request = OpenAccountRequest {
        uscc: credit_code(number),
        name: format!("Firm {number}"),
        kind: AccountKind::Emitter.into(),
        ..Default::default()
    };
    let account_id = registry.open_account(request).await.context("opening an account")?.account_id;
    if tonnes > 0 {
        let units = Issuance {
            account_id,
            instrument: INSTRUMENT.to_owned(),
            quantity_tco2e: tonnes,
            document: "Allocation 2020".to_owned(),
        };
        officers.issue("", units).await.context("issuing")?;
        let request = MoveHoldingRequest {
            account_id,
            instrument: INSTRUMENT.to_owned(),
            from: Position::Registered.into(),
            quantity_tco2e: tonnes,
            ..Default::default()
        };
        registry.move_holding(request).await.context("moving to the trading position")?;
    }
    if cash_fen > 0 {
        let request = DepositRequest {
            account_id,
            bank_id: bank_of(account_id),
            amount_yuan: format_fen(cash_fen),
            ..Default::default()
        };
        registry.deposit(request).await.context("depositing")?;
    }
    Ok(())
}

/// SplitMix64: spreads consecutive numbers over all bits.
#[must_use]
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_trades_keep_the_rules() {
        let market = Market::of_firms(50);
        let trades = market.trades("2021-12-16", 1, 10_000).expect("a date");
        for trade in &trades {
            assert_ne!(trade.buyer_account, trade.seller_account);
            assert!(
                (1..=50).contains(&trade.buyer_account) && (1..=50).contains(&trade.seller_account)
            );
            assert!((1..=9).contains(&trade.quantity_tco2e));
            let price = registry_client::amount::parse_fen(&trade.price_yuan).expect("a price");
            assert!((3_875..=4_737).contains(&price), "{price} is outside the limits of 43.06");
        }
        assert_eq!(trades[7], market.trades("2021-12-16", 8, 1).expect("a date")[0]);
        let chunks = market.each_chunk("2021-12-16", 1, 10_000, 4_096).expect("a date");
        assert_eq!(chunks.collect::<Vec<_>>().concat(), trades);
    }

    #[test]
    fn credit_codes_pass_the_registry_s_check() {
        for number in 1..200 {
            assert!(uscc::check(&credit_code(number)).is_ok(), "{}", credit_code(number));
        }
    }
}
