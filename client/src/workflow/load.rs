//! Fills an empty registry with a population: banks, the instrument, and per
//! firm its account, allowances in the trading position, and money.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use registry_proto::registry::{
    AccountKind, Consistency, DepositRequest, Issuance, ListBanksRequest, ListInstrumentsRequest,
    MoveHoldingRequest, OpenAccountRequest, OpenBankRequest, Position, RegisterInstrumentRequest,
};

use super::{During as _, WorkflowError};
use crate::amount::{format_fen, parse_fen};
use crate::sample::{
    DEFAULT_INSTRUMENT, Firm, Population, SETTLEMENT_BANKS, SampleTrade, SettlementBank,
};
use crate::{ClientError, ReadClient, RegistryClient, TwoOfficers, is_valid_request_id};

/// Longest run name: a credit code and a word still fit into a request id.
const LONGEST_RUN: usize = 24;

/// How a population is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Part of every request id, at most 24 characters of `[A-Za-z0-9._:-]`.
    /// Loading again under the same run changes nothing and goes on where an
    /// earlier load stopped.
    pub run: String,
    /// What the firms hold.
    pub instrument: String,
    /// Base of the first day's price limits, fen per tonne.
    pub reference_price_fen: i64,
    /// Firms loaded at once.
    pub in_flight: usize,
    /// Open accounts one after another, so that the registry's numbers are the
    /// file's; an error if they are not. Slow: one round trip per account.
    pub keep_numbers: bool,
    /// Tonnes per account of the file that are issued but stay in the
    /// registered position (登记可用).
    pub registered_tco2e: BTreeMap<u64, i64>,
}

impl LoadOptions {
    /// 256 firms at once, holding the sample's instrument, numbered as the registry likes.
    #[must_use]
    pub fn new(run: &str, reference_price_fen: i64) -> Self {
        Self {
            run: run.to_owned(),
            instrument: DEFAULT_INSTRUMENT.to_owned(),
            reference_price_fen,
            in_flight: 256,
            keep_numbers: false,
            registered_tco2e: BTreeMap::new(),
        }
    }

    /// Leaves in each seller's registered position what its trading position
    /// lacks for the day's sales, so that a held sale can be topped up by a
    /// move (划转) as on a real day.
    #[must_use]
    pub fn with_reserves_for(mut self, population: &Population, trades: &[SampleTrade]) -> Self {
        let mut sold: BTreeMap<u64, i64> = BTreeMap::new();
        for trade in trades {
            let sum = sold.entry(trade.seller_account).or_default();
            *sum = sum.saturating_add(trade.quantity_tco2e);
        }
        self.registered_tco2e = sold
            .into_iter()
            .filter_map(|(account_id, sold_tco2e)| {
                let lacking = sold_tco2e - population.firm(account_id)?.holding_tco2e;
                (lacking > 0).then_some((account_id, lacking))
            })
            .collect();
        self
    }
}

/// How far a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadProgress {
    /// Firms done.
    pub done: u64,
    /// Firms in all.
    pub total: u64,
}

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadReport {
    /// Settlement banks.
    pub banks: usize,
    /// The registry's number of each account of the file.
    pub accounts: AccountNumbers,
    /// Tonnes issued.
    pub issued_tco2e: i64,
    /// Money deposited.
    pub deposited_fen: i64,
    /// How long it took.
    pub elapsed: Duration,
}

/// The registry's account numbers by the file's.
///
/// The registry numbers accounts in the order in which they reach the log, so
/// accounts opened side by side get other numbers than the file gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountNumbers {
    assigned: BTreeMap<u64, u64>,
}

impl AccountNumbers {
    /// The numbers of a population that was loaded before, found by credit code.
    ///
    /// # Errors
    /// A failed read, or a firm that has no account.
    pub async fn resolve(
        reads: &ReadClient,
        population: &Population,
    ) -> Result<Self, WorkflowError> {
        let accounts = reads
            .all_accounts(Consistency::Linearizable)
            .await
            .during(|| "list the accounts".to_owned())?;
        let by_code: BTreeMap<&str, u64> =
            accounts.iter().map(|account| (account.uscc.as_str(), account.account_id)).collect();
        let number = |firm: &Firm| match by_code.get(firm.uscc.as_str()) {
            Some(assigned) => Ok((firm.account_id, *assigned)),
            None => Err(WorkflowError::Plan(format!(
                "{} ({}) has no account; load the population first",
                firm.name, firm.uscc
            ))),
        };
        let assigned = population.firms().iter().map(number).collect::<Result<_, _>>()?;
        Ok(Self { assigned })
    }

    /// The registry's number of an account of the file.
    #[must_use]
    pub fn assigned(&self, file_account_id: u64) -> Option<u64> {
        self.assigned.get(&file_account_id).copied()
    }

    /// How many accounts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.assigned.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.assigned.is_empty()
    }
}

/// Loads a population.
///
/// # Errors
/// `ExistsOtherwise` for a bank of another name or an instrument whose price is
/// not the reference price, before any firm is loaded; the first step that
/// cannot be done. Run again under the same run, the load goes on where it
/// stopped.
pub async fn load_population(
    officers: &TwoOfficers,
    population: &Population,
    options: &LoadOptions,
    progress: impl Fn(LoadProgress),
) -> Result<LoadReport, WorkflowError> {
    if options.run.len() > LONGEST_RUN || !is_valid_request_id(&options.run) {
        return Err(WorkflowError::Plan(format!(
            "run {:?} must be 1 to {LONGEST_RUN} characters of [A-Za-z0-9._:-]",
            options.run
        )));
    }
    let started = Instant::now();
    let registry = officers.maker();
    open_banks(registry, options).await?;
    register_instrument(registry, options).await?;

    let firms = population.firms();
    let total = firms.len() as u64;
    let at_once = if options.keep_numbers { 1 } else { options.in_flight.max(1) };
    progress(LoadProgress { done: 0, total });
    let mut numbers = AccountNumbers::default();
    let mut loading = stream::iter(firms)
        .map(|firm| Box::pin(load_firm(officers, firm, options)))
        .buffer_unordered(at_once);
    while let Some((in_file, assigned)) = loading.try_next().await? {
        numbers.assigned.insert(in_file, assigned);
        progress(LoadProgress { done: numbers.len() as u64, total });
    }
    Ok(LoadReport {
        banks: SETTLEMENT_BANKS.len(),
        accounts: numbers,
        issued_tco2e: firms.iter().map(|firm| firm.holding_tco2e).sum::<i64>()
            + options.registered_tco2e.values().sum::<i64>(),
        deposited_fen: firms.iter().map(|firm| firm.cash_fen).sum(),
        elapsed: started.elapsed(),
    })
}

async fn open_banks(registry: &RegistryClient, options: &LoadOptions) -> Result<(), WorkflowError> {
    for bank in SETTLEMENT_BANKS {
        let request = OpenBankRequest {
            request_id: format!("load:{}:bank:{}", options.run, bank.bank_id),
            bank_id: bank.bank_id,
            name: bank.name.to_owned(),
        };
        if !taken_or_exists(registry.open_bank(request).await, "BANK_EXISTS")
            .during(|| format!("admit bank {}", bank.bank_id))?
        {
            compare_bank(registry, bank).await?;
        }
    }
    Ok(())
}

async fn compare_bank(
    registry: &RegistryClient,
    bank: SettlementBank,
) -> Result<(), WorkflowError> {
    let request = ListBanksRequest { consistency: Consistency::Linearizable.into() };
    let banks =
        registry.reads().list_banks(request).await.during(|| "list the banks".to_owned())?.banks;
    match banks.into_iter().find(|known| known.bank_id == bank.bank_id) {
        Some(known) if known.name != bank.name => Err(WorkflowError::ExistsOtherwise {
            record: format!("bank {}", bank.bank_id),
            existing: format!("the name {}", known.name),
            given: bank.name.to_owned(),
        }),
        _ => Ok(()),
    }
}

async fn register_instrument(
    registry: &RegistryClient,
    options: &LoadOptions,
) -> Result<(), WorkflowError> {
    let request = RegisterInstrumentRequest {
        request_id: format!("load:{}:inst:{}", options.run, options.instrument),
        instrument: options.instrument.clone(),
        reference_price_yuan: format_fen(options.reference_price_fen),
    };
    if taken_or_exists(registry.register_instrument(request).await, "INSTRUMENT_EXISTS")
        .during(|| format!("register {}", options.instrument))?
    {
        return Ok(());
    }
    compare_instrument(registry, options).await
}

/// The price that limits the next day's trades must be the one asked for.
async fn compare_instrument(
    registry: &RegistryClient,
    options: &LoadOptions,
) -> Result<(), WorkflowError> {
    let request = ListInstrumentsRequest { consistency: Consistency::Linearizable.into() };
    let instruments = registry
        .reads()
        .list_instruments(request)
        .await
        .during(|| "list the instruments".to_owned())?
        .instruments;
    let Some(known) = instruments.into_iter().find(|known| known.instrument == options.instrument)
    else {
        return Ok(());
    };
    if parse_fen(&known.last_close_yuan)? == options.reference_price_fen {
        return Ok(());
    }
    let since = match known.last_close_date.as_str() {
        "" => "reference price".to_owned(),
        date => format!("close of {date}"),
    };
    Err(WorkflowError::ExistsOtherwise {
        record: format!("instrument {}", options.instrument),
        existing: format!("the {since} {} yuan", known.last_close_yuan),
        given: format!("{} yuan", format_fen(options.reference_price_fen)),
    })
}

/// False when the record exists already.
fn taken_or_exists<T>(outcome: Result<T, ClientError>, exists: &str) -> Result<bool, ClientError> {
    match outcome {
        Ok(_) => Ok(true),
        Err(error) if error.is_rejected_with(exists) => Ok(false),
        Err(error) => Err(error),
    }
}

/// One firm's account, allowances and money; the numbers in file and registry.
async fn load_firm(
    officers: &TwoOfficers,
    firm: &Firm,
    options: &LoadOptions,
) -> Result<(u64, u64), WorkflowError> {
    let registry = officers.maker();
    let request_id = |what: &str| format!("load:{}:{what}:{}", options.run, firm.uscc);
    let open = OpenAccountRequest {
        request_id: request_id("acct"),
        uscc: firm.uscc.clone(),
        name: firm.name.clone(),
        kind: AccountKind::Emitter.into(),
    };
    let account_id = registry
        .open_account(open)
        .await
        .during(|| format!("open the account of {}", firm.uscc))?
        .account_id;
    if options.keep_numbers && account_id != firm.account_id {
        return Err(WorkflowError::AccountNumber {
            uscc: firm.uscc.clone(),
            name: firm.name.clone(),
            assigned: account_id,
            expected: firm.account_id,
        });
    }
    let registered_tco2e = options.registered_tco2e.get(&firm.account_id).copied().unwrap_or(0);
    let quantity_tco2e = firm.holding_tco2e.saturating_add(registered_tco2e);
    if quantity_tco2e > 0 {
        let units = Issuance {
            account_id,
            instrument: options.instrument.clone(),
            quantity_tco2e,
            document: format!("sample allocation {}", options.run),
        };
        officers
            .issue(&request_id("issue"), units)
            .await
            .during(|| format!("issue to account {account_id}"))?;
    }
    if firm.holding_tco2e > 0 {
        let to_trading = MoveHoldingRequest {
            request_id: request_id("move"),
            account_id,
            instrument: options.instrument.clone(),
            from: Position::Registered.into(),
            quantity_tco2e: firm.holding_tco2e,
        };
        registry
            .move_holding(to_trading)
            .await
            .during(|| format!("move allowances of account {account_id}"))?;
    }
    if firm.cash_fen > 0 {
        let deposit = DepositRequest {
            request_id: request_id("cash"),
            account_id,
            bank_id: firm.bank_id,
            amount_yuan: format_fen(firm.cash_fen),
        };
        registry.deposit(deposit).await.during(|| format!("deposit to account {account_id}"))?;
    }
    Ok((firm.account_id, account_id))
}
