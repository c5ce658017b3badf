//! A small market to test in: two banks, one instrument, a seller with goods
//! and buyers with money.

use registry_ledger::{
    AccountId, AccountKind, Answer, BankId, Chunk, Command, Date, DayState, Digest, Entry, Fen,
    FreePosition, Genesis, InstrumentCode, Ledger, LedgerTime, Manifest, Member, Price, Quantity,
    Receipt, Rejection, Request, Trade, TradeKind, TradeNumber, calendar, formats::TradesHasher,
    uscc,
};

pub(crate) const SELLER: AccountId = AccountId(1);
pub(crate) const BUYER: AccountId = AccountId(2);
pub(crate) const POOR: AccountId = AccountId(3);
pub(crate) const ICBC: BankId = BankId(102);
pub(crate) const ABC: BankId = BankId(103);
pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const WINDOW_MS: i64 = 2 * HOUR_MS;
pub(crate) const GOODS: Quantity = Quantity(5_000_000);
pub(crate) const MONEY: Fen = Fen(100_000_000_000);

pub(crate) fn cea() -> InstrumentCode {
    InstrumentCode::parse("CEA-2020").unwrap()
}

pub(crate) fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

/// The day that most tests trade on, a Thursday.
pub(crate) fn today() -> Date {
    date("2021-12-16")
}

pub(crate) fn credit_code(number: u32) -> String {
    let first_17 = format!("91440300{number:09}");
    let check = uscc::check_character(&first_17).unwrap();
    format!("{first_17}{check}")
}

/// A listed trade of 100 t at 43.06 on the test day.
pub(crate) fn trade(number: u64) -> Trade {
    Trade {
        number: TradeNumber(number),
        kind: TradeKind::Listed,
        instrument: cea(),
        buyer: BUYER,
        seller: SELLER,
        buyer_bank: ICBC,
        seller_bank: ABC,
        quantity: Quantity(100),
        price: Price(4_306),
        traded_at: LedgerTime(calendar::beijing_midnight(today()).0 + 10 * HOUR_MS),
    }
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) now: LedgerTime,
    pub(crate) log_index: u64,
}

impl World {
    /// Before genesis, at 16:00 of the test day.
    pub(crate) fn empty() -> Self {
        let now = LedgerTime(calendar::beijing_midnight(today()).0 + 16 * HOUR_MS);
        Self { ledger: Ledger::new(), now, log_index: 0 }
    }

    /// With the market, before any day.
    pub(crate) fn market() -> Self {
        let mut world = Self::empty();
        world.ok(genesis());
        for (bank, name) in [(ICBC, "工商银行"), (ABC, "农业银行")] {
            world.ok(Command::OpenBank { bank, name: name.to_owned() });
        }
        world.ok(Command::RegisterInstrument { instrument: cea(), reference_price: Price(4_306) });
        for number in 1..=3 {
            world.ok(open_account(number));
        }
        world.ok(issue(SELLER, GOODS));
        world.ok(to_trading(SELLER, GOODS));
        world.ok(Command::Deposit { account: BUYER, bank: ICBC, amount: MONEY });
        world
    }

    /// With the market and the test day open.
    pub(crate) fn open() -> Self {
        let mut world = Self::market();
        world.ok(open_day(today()));
        world
    }

    /// With the given trades streamed and the day brought to a state.
    pub(crate) fn with_trades(trades: &[Trade], state: DayState) -> Self {
        let mut world = Self::open();
        world.stream(trades);
        world.advance(state);
        world
    }

    pub(crate) fn stream(&mut self, trades: &[Trade]) {
        for chunk in trades.chunks(100) {
            let number = self.ledger.day(today()).unwrap().chunk_count + 1;
            self.ok(submit(number, chunk));
        }
    }

    /// Brings the test day forward to a state, without objections.
    pub(crate) fn advance(&mut self, to: DayState) {
        loop {
            let state = self.ledger.day(today()).unwrap().state;
            if state == to {
                return;
            }
            let command = match state {
                DayState::Open | DayState::Disputed => self.manifest(),
                DayState::Closed => Command::ClearDay(today()),
                DayState::Cleared => confirm(match to {
                    DayState::Disputed => [0; 32],
                    _ => self.ledger.clearing(today()).unwrap().sha256,
                }),
                DayState::Confirmed => deliver(1, 8_192),
                DayState::Delivered => {
                    self.ok(Command::IssueStatements(today()));
                    Command::FinalizeDay(today())
                }
                DayState::Final | DayState::Suspended => panic!("{state:?} leads nowhere"),
            };
            self.ok(command);
        }
    }

    /// The manifest that agrees with what was received.
    pub(crate) fn manifest(&self) -> Command {
        let records = self.ledger.trades_after(today(), None, 0, usize::MAX).unwrap();
        let mut hasher = TradesHasher::new(today());
        let mut manifest = Manifest {
            trade_count: 0,
            quantity: Quantity(0),
            amount: Fen(0),
            trades_sha256: [0; 32],
        };
        let counts = |record: &&registry_ledger::TradeRecord| {
            !record.immediate && record.status != registry_ledger::TradeStatus::Voided
        };
        for record in records.iter().filter(counts) {
            hasher.add(&record.trade);
            manifest.trade_count += 1;
            manifest.quantity.0 += record.trade.quantity.0;
            manifest.amount.0 += record.trade.amount().unwrap().0;
        }
        manifest.trades_sha256 = hasher.finish();
        Command::SubmitManifest { date: today(), manifest }
    }

    /// The next entry in the log, without a request id.
    pub(crate) fn entry(&mut self, actor: &str, command: Command) -> Entry {
        self.log_index += 1;
        Entry {
            term: 1,
            log_index: self.log_index,
            proposed_at: self.now,
            actor: actor.to_owned(),
            request: None,
            command,
        }
    }

    pub(crate) fn apply_as(&mut self, actor: &str, command: Command) -> Answer {
        let mut entry = self.entry(actor, command);
        let id = format!("r{}", entry.log_index);
        entry.request = Some(Request { id, fingerprint: [7; 32] });
        self.ledger.apply(&entry)
    }

    /// Applies a command that must succeed.
    pub(crate) fn ok(&mut self, command: Command) -> Receipt {
        let shown = format!("{command:?}");
        let answer = self.apply_as("registry/officer-1", command);
        self.ledger.seal();
        answer.outcome.unwrap_or_else(|rejection| panic!("{shown}: {rejection:?}"))
    }

    /// Applies a command that must be refused, and checks that it moved nothing.
    pub(crate) fn refused_as(&mut self, actor: &str, command: Command) -> Rejection {
        let before = self.state_digest();
        let shown = format!("{command:?}");
        let answer = self.apply_as(actor, command);
        assert_eq!(self.state_digest(), before, "a rejection changed state: {shown}");
        self.ledger.check_invariants().unwrap();
        match answer.outcome {
            Err(rejection) => rejection,
            Ok(receipt) => panic!("{shown} was accepted: {receipt:?}"),
        }
    }

    pub(crate) fn refused(&mut self, command: Command) -> Rejection {
        self.refused_as("registry/officer-1", command)
    }

    /// Records of the market, however it came to be: without time, answers and
    /// the tree of events.
    pub(crate) fn market_records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut records = self.ledger.records();
        records.retain(|(key, _)| is_of_market(key));
        records
    }

    /// Seals and compares the kept digests with ones computed from scratch.
    pub(crate) fn state_digest(&mut self) -> Digest {
        let sealed = self.ledger.seal();
        let digests = (sealed.state_digest, sealed.answers_digest);
        assert_eq!(self.ledger.recompute_digests(), digests);
        sealed.state_digest
    }
}

pub(crate) fn is_of_market(key: &[u8]) -> bool {
    ![2, 14, 15].contains(&key[0])
}

fn member(node_id: u64) -> Member {
    Member { node_id, storage_id: [node_id as u8; 16] }
}

pub(crate) fn genesis() -> Command {
    Command::Genesis(Genesis {
        cluster_id: "test".to_owned(),
        layout: "dual-city".to_owned(),
        cities: vec![
            ("shanghai".to_owned(), [11, 12, 13].map(member).to_vec()),
            ("wuhan".to_owned(), [21, 22, 23].map(member).to_vec()),
        ],
    })
}

pub(crate) fn open_account(number: u32) -> Command {
    Command::OpenAccount {
        uscc: credit_code(number),
        name: format!("第{number}电厂"),
        kind: AccountKind::Emitter,
    }
}

pub(crate) fn issue(account: AccountId, quantity: Quantity) -> Command {
    let document = "环办气候〔2021〕9号".to_owned();
    Command::Issue { account, instrument: cea(), quantity, document }
}

pub(crate) fn to_trading(account: AccountId, quantity: Quantity) -> Command {
    Command::MoveHolding { account, instrument: cea(), from: FreePosition::Registered, quantity }
}

pub(crate) fn open_day(date: Date) -> Command {
    Command::OpenDay { date, topup_window_ms: WINDOW_MS }
}

pub(crate) fn submit(number: u32, trades: &[Trade]) -> Command {
    Command::SubmitTrades(Chunk { date: today(), number, trades: trades.to_vec() })
}

pub(crate) fn settle(trade: Trade) -> Command {
    Command::SettleTrade { date: today(), trade }
}

pub(crate) fn confirm(clearing_sha256: [u8; 32]) -> Command {
    Command::ConfirmClearing { date: today(), clearing_sha256 }
}

pub(crate) fn deliver(from_sequence: u64, max_trades: u32) -> Command {
    Command::DeliverTrades { date: today(), from_sequence, max_trades }
}

pub(crate) fn retry(numbers: &[u64]) -> Command {
    let numbers = numbers.iter().copied().map(TradeNumber).collect();
    Command::RetryHeld { date: today(), numbers }
}

pub(crate) fn fail(numbers: &[u64]) -> Command {
    let numbers = numbers.iter().copied().map(TradeNumber).collect();
    Command::FailHeld { date: today(), numbers }
}

pub(crate) fn amend(number: u64, replacement: Option<Trade>) -> Command {
    let reason = "wrong counterparty".to_owned();
    Command::AmendTrade { date: today(), number: TradeNumber(number), replacement, reason }
}

pub(crate) fn object(account: AccountId) -> Command {
    Command::RaiseObjection { date: today(), account, text: "price\ndiffers".to_owned() }
}

pub(crate) fn resolve(account: AccountId) -> Command {
    Command::ResolveObjection { date: today(), account, resolution: "checked".to_owned() }
}
