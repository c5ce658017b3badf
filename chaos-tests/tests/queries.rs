//! What people ask, over real connections on six nodes: overviews, statements,
//! earlier balances, histories, holders, totals and candles, by role.

use std::collections::BTreeSet;
use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{INSTRUMENT, Market, bank_of, open_day};
use registry_chaos_tests::scratch;
use registry_client::pki::{self, Role};
use registry_client::proto::event_filter::About;
use registry_client::proto::moment::At;
use registry_client::proto::statement_entry::About as EntryAbout;
use registry_client::proto::{
    Account, Balances, Consistency, DayRequest, DepositRequest, EventFilter, GetAccountRequest,
    GetBalancesAtRequest, GetOverviewRequest, GetPeriodStatementRequest, GetTradeHistoryRequest,
    ListCandlesRequest, ListEventsRequest, ListHoldersRequest, ListInstrumentTotalsRequest, Moment,
    MoveHoldingRequest, Position, RaiseObjectionRequest, RequestWithdrawalRequest,
    ResolveObjectionRequest, SettleTradeRequest, Trade, TradeKey, TradeStatus,
};
use registry_client::{ClientError, ExchangeClient, ReadClient, RegistryClient};

const DAYS: [&str; 2] = ["2021-12-16", "2021-12-17"];
const FIRMS: u64 = 16;
const TRADES: u64 = 400;
const RTT: Duration = Duration::from_millis(2);
const DENIED: &str = "NOT_AUTHORISED";

fn reason<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> String {
    match outcome {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.reason().unwrap_or("no reason").to_owned(),
    }
}

/// Reason and field.
fn refused<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> (String, String) {
    match outcome {
        Err(ClientError::Rejected(rejected)) => (rejected.reason.clone(), rejected.field.clone()),
        other => (format!("{other:?}"), String::new()),
    }
}

fn moment(at: At) -> Option<Moment> {
    Some(Moment { at: Some(at) })
}

struct Parties {
    registry: RegistryClient,
    exchange: ExchangeClient,
    firm: RegistryClient,
    bank_id: u32,
    bank: ReadClient,
    other: ReadClient,
    auditor: ReadClient,
    operator: ReadClient,
}

impl Parties {
    fn of(cluster: &Cluster) -> anyhow::Result<Self> {
        pki::issue_user(&cluster.plan().pki_dir(), Role::Firm, "1")?;
        let reads = |user: &str| -> anyhow::Result<ReadClient> {
            Ok(ReadClient::new(cluster.connect_as(user)?))
        };
        Ok(Self {
            registry: cluster.registry()?,
            exchange: cluster.exchange()?,
            firm: RegistryClient::new(cluster.connect_as("firm-1")?),
            bank_id: bank_of(1),
            bank: reads(&format!("bank-{}", bank_of(1)))?,
            other: reads(&format!("bank-{}", bank_of(2)))?,
            auditor: reads("auditor-1")?,
            operator: reads("operator-1")?,
        })
    }

    fn reads(&self) -> &ReadClient {
        self.registry.reads()
    }

    async fn account(&self, account_id: u64) -> Result<(u64, Account), ClientError> {
        let request = GetAccountRequest { account_id, ..Default::default() };
        let reply = self.reads().get_account(request).await?;
        let log_index = reply.stamp.unwrap_or_default().log_index;
        Ok((log_index, reply.account.unwrap_or_default()))
    }
}

/// What an account has, nothing left out that is not nothing.
fn shown(account: &Account) -> Balances {
    let mut balances = Balances { holdings: account.holdings.clone(), cash: account.cash.clone() };
    balances.holdings.retain(|holding| holding.total_tco2e != 0);
    balances
        .cash
        .retain(|cash| (&*cash.available_yuan, &*cash.pending_out_yuan) != ("0.00", "0.00"));
    balances
}

/// Every account as it was at some log index.
type Seen = Vec<(u64, Vec<Account>)>;

async fn see(of: &Parties, seen: &mut Seen) -> anyhow::Result<()> {
    let mut accounts = Vec::new();
    let mut at = 0;
    for account_id in 1..=FIRMS {
        let (log_index, account) = of.account(account_id).await?;
        // Nothing else writes meanwhile.
        at = log_index;
        accounts.push(account);
    }
    seen.push((at, accounts));
    Ok(())
}

/// Two days with trades of the stream and single ones, money and moves between.
async fn live(of: &Parties, market: Market, seen: &mut Seen) -> anyhow::Result<()> {
    see(of, seen).await?;
    for (number, date) in (0..).zip(DAYS) {
        of.registry.open_day(open_day(date)).await?;
        see(of, seen).await?;
        let trades = market.trades(date, 1 + number * 10_000, TRADES)?;
        let (single, stream) = trades.split_at(40);
        for trade in single {
            let request = SettleTradeRequest {
                date: date.to_owned(),
                trade: Some(trade.clone()),
                ..Default::default()
            };
            of.exchange.settle_trade(request).await?;
        }
        see(of, seen).await?;
        let day = ExchangeDay::with_immediate(date, stream.to_vec(), single.to_vec())?;
        day.submit(&of.exchange, 50, |_| {}).await?;
        let asked = RequestWithdrawalRequest {
            account_id: 1,
            bank_id: of.bank_id,
            amount_yuan: "7.00".to_owned(),
            ..Default::default()
        };
        of.firm.request_withdrawal(asked).await?;
        day.confirm(&of.registry, &of.exchange).await?;
        see(of, seen).await?;
        of.exchange.deliver_day(date, 0, |_| {}).await?;
        see(of, seen).await?;
        let step = || DayRequest { date: date.to_owned(), ..Default::default() };
        of.registry.issue_statements(step()).await?;
        if number == 0 {
            object(of, date).await?;
        }
        of.registry.finalize_day(step()).await?;
        let moved = MoveHoldingRequest {
            account_id: 1,
            instrument: INSTRUMENT.to_owned(),
            from: Position::Trading.into(),
            quantity_tco2e: 5,
            ..Default::default()
        };
        of.firm.move_holding(moved).await?;
        see(of, seen).await?;
    }
    Ok(())
}

async fn object(of: &Parties, date: &str) -> anyhow::Result<()> {
    let raised = RaiseObjectionRequest {
        date: date.to_owned(),
        account_id: 1,
        text: "price of trade 9".to_owned(),
        ..Default::default()
    };
    of.firm.raise_objection(raised).await?;
    let asked = GetOverviewRequest { account_id: 1, ..Default::default() };
    let overview = of.firm.reads().get_overview(asked).await?;
    assert_eq!(overview.objections.len(), 1);
    let resolved = ResolveObjectionRequest {
        date: date.to_owned(),
        account_id: 1,
        resolution: "as matched".to_owned(),
        ..Default::default()
    };
    of.registry.resolve_objection(resolved).await?;
    let overview = of.firm.reads().get_overview(asked).await?;
    assert_eq!(overview.objections, []);
    Ok(())
}

/// Balances as of every position are what was read then; statements between any
/// two of them lead from the one to the other.
async fn what_was(of: &Parties, seen: &Seen) -> anyhow::Result<()> {
    let mut events = Vec::new();
    for (log_index, accounts) in seen {
        for account in accounts {
            let request = GetBalancesAtRequest {
                account_id: account.account_id,
                at: moment(At::LogIndex(*log_index)),
                ..Default::default()
            };
            let found = of.reads().get_balances_at(request).await?;
            let balances = found.balances.unwrap_or_default();
            assert_eq!(balances, shown(account), "{} at {log_index}", account.account_id);
            if account.account_id == 1 {
                events.push(found.event);
            }
        }
    }
    for (from, (after_event, (_, opening))) in events.iter().zip(seen).enumerate() {
        for (through_event, (_, closing)) in events.iter().zip(seen).skip(from) {
            let account = from % opening.len();
            let request = GetPeriodStatementRequest {
                account_id: account as u64 + 1,
                from: moment(At::Event(*after_event)),
                to: moment(At::Event(*through_event)),
                page_size: 7,
                ..Default::default()
            };
            // It adds up: the client has checked.
            let found = of.reads().period_statement(request).await?;
            assert_eq!(found.opening, shown(&opening[account]));
            assert_eq!(found.closing, shown(&closing[account]));
        }
    }
    Ok(())
}

/// A settled day's statement has all that the day's own statement has.
async fn days_and_trades(of: &Parties, market: Market) -> anyhow::Result<()> {
    for (number, date) in (0..).zip(DAYS) {
        let request = GetPeriodStatementRequest {
            account_id: 1,
            from: moment(At::SettlementDay(date.to_owned())),
            to: moment(At::SettlementDay(date.to_owned())),
            ..Default::default()
        };
        let found = of.firm.reads().period_statement(request).await?;
        let settled: BTreeSet<u64> = found
            .entries
            .iter()
            .filter_map(|entry| match &entry.about {
                Some(EntryAbout::Trade(trade)) => trade.record.as_ref()?.trade.as_ref(),
                _ => None,
            })
            .map(|trade| trade.trade_number)
            .collect();
        let trades = market.trades(date, 1 + number * 10_000, TRADES)?;
        let own = |trade: &&Trade| trade.buyer_account == 1 || trade.seller_account == 1;
        let expected: BTreeSet<u64> = trades.iter().filter(own).map(|t| t.trade_number).collect();
        assert_eq!(settled, expected, "{date}");
        let opened = |about: &EntryAbout| matches!(about, EntryAbout::OpenedDay(_));
        let opened = found.entries.iter().filter_map(|entry| entry.about.as_ref()).any(opened);
        assert_eq!(opened, number > 0, "{date} releases what was bought the day before");
    }
    // One trade: accepted, then delivered; a single one is both at once.
    let history = |trade_number, account_id| GetTradeHistoryRequest {
        date: DAYS[0].to_owned(),
        trade_number,
        account_id,
        ..Default::default()
    };
    let trades = market.trades(DAYS[0], 1, TRADES)?;
    for (trade, expected) in [
        (&trades[100], &[TradeStatus::Accepted, TradeStatus::Delivered][..]),
        (&trades[0], &[TradeStatus::Delivered]),
    ] {
        let reply = of.exchange.reads().get_trade_history(history(trade.trade_number, 0)).await?;
        let records = reply.steps.iter().map(|step| step.record.clone().unwrap_or_default());
        let statuses: Vec<_> = records.map(|record| record.status()).collect();
        assert_eq!(statuses, expected);
        let key = TradeKey { date: DAYS[0].to_owned(), trade_number: trade.trade_number };
        let filter = EventFilter { about: Some(About::Trade(key)) };
        let mut pages = of.reads().all_events(0, Some(filter), Consistency::Linearizable);
        let mut events = Vec::new();
        while let Some(event) = pages.next().await? {
            events.push(event.event);
        }
        assert_eq!(events, reply.steps.iter().map(|step| step.event).collect::<Vec<_>>());
    }
    let own = |trade: &&Trade| trade.buyer_account == 1 || trade.seller_account == 1;
    let [own, foreign] = [trades.iter().find(own), trades.iter().find(|trade| !own(trade))];
    let firm = of.firm.reads();
    let own = own.map_or(0, |trade| trade.trade_number);
    assert!(!firm.get_trade_history(history(own, 1)).await?.steps.is_empty());
    let foreign = foreign.map_or(0, |trade| trade.trade_number);
    assert_eq!(reason(firm.get_trade_history(history(foreign, 1)).await), "UNKNOWN_TRADE");
    assert_eq!(reason(firm.get_trade_history(history(own, 2)).await), DENIED);
    assert_eq!(reason(of.bank.get_trade_history(history(own, 1)).await), DENIED);
    Ok(())
}

async fn overviews(of: &Parties) -> anyhow::Result<()> {
    let asked =
        |account_id, bank_id| GetOverviewRequest { account_id, bank_id, ..Default::default() };
    let overview = of.firm.reads().get_overview(asked(1, 0)).await?;
    let (_, account) = of.account(1).await?;
    assert_eq!(overview.account.as_ref(), Some(&account));
    let close = overview.values[0].close_yuan.clone();
    let fen = registry_client::amount::parse_fen(&close)? * account.holdings[0].total_tco2e;
    assert_eq!(overview.values[0].value_yuan, registry_client::amount::format_fen(fen));
    assert_eq!(overview.total_value_yuan, overview.values[0].value_yuan);
    assert_eq!(overview.values[0].close_date, DAYS[1]);
    assert_eq!(overview.withdrawals.len(), 2);
    assert_eq!((overview.held_trade_count, overview.claims.len()), (0, 0));
    // A bank sees the money at it, and nobody's tonnes.
    let banks = of.bank.get_overview(asked(1, of.bank_id)).await?;
    let seen = banks.account.unwrap_or_default();
    assert_eq!((seen.holdings.len(), seen.cash), (0, account.cash));
    assert_eq!((banks.values.len(), banks.withdrawals.len()), (0, 2));
    assert_eq!(reason(of.bank.get_overview(asked(1, 0)).await), DENIED);
    assert_eq!(reason(of.other.get_overview(asked(1, of.bank_id)).await), DENIED);
    assert_eq!(reason(of.other.get_overview(asked(1, bank_of(2))).await), "UNKNOWN_ACCOUNT");
    assert_eq!(reason(of.firm.reads().get_overview(asked(2, 0)).await), DENIED);
    assert_eq!(reason(of.exchange.reads().get_overview(asked(1, 0)).await), DENIED);
    assert_eq!(reason(of.operator.get_overview(asked(1, 0)).await), DENIED);
    assert!(of.auditor.get_overview(asked(1, 0)).await.is_ok());
    // Its own money adds up, too.
    let period = GetPeriodStatementRequest {
        account_id: 1,
        bank_id: of.bank_id,
        page_size: 50,
        ..Default::default()
    };
    let statement = of.bank.period_statement(period.clone()).await?;
    assert!(statement.closing.holdings.is_empty() && statement.entries.len() > 20);
    let told = |about: &EntryAbout| !matches!(about, EntryAbout::Details(_));
    assert!(!statement.entries.iter().filter_map(|entry| entry.about.as_ref()).any(told));
    assert_eq!(reason(of.other.period_statement(period).await), DENIED);
    Ok(())
}

async fn holders_totals_and_candles(of: &Parties, market: Market) -> anyhow::Result<()> {
    let holders = of.reads().all_holders(INSTRUMENT).await?;
    assert_eq!(holders.len() as u64, FIRMS);
    let held: i64 =
        holders.iter().filter_map(|holder| Some(holder.holding.as_ref()?.total_tco2e)).sum();
    let page = ListHoldersRequest {
        instrument: INSTRUMENT.to_owned(),
        after_account_id: 3,
        page_size: 4,
        ..Default::default()
    };
    let page = of.auditor.list_holders(page).await?;
    let ids: Vec<_> = page.holders.iter().map(|holder| holder.account_id).collect();
    assert_eq!((ids, page.next_after_account_id, page.held_tco2e), (vec![4, 5, 6, 7], 7, held));
    let asked = ListHoldersRequest { instrument: INSTRUMENT.to_owned(), ..Default::default() };
    for reads in [of.exchange.reads(), of.firm.reads(), &of.bank, &of.operator] {
        assert_eq!(reason(reads.list_holders(asked.clone()).await), DENIED);
        // What all hold together is for everybody.
        let totals = reads.list_instrument_totals(ListInstrumentTotalsRequest::default()).await?;
        let total = totals.totals[0].clone();
        let positions = total.positions.unwrap_or_default();
        assert_eq!((total.issued_tco2e, positions.total_tco2e), (held, held));
        assert!(positions.pending_in_tco2e > 0 && positions.registered_tco2e >= 10);
        assert_eq!(total.pots[0].quantity_tco2e, -held);
    }
    let asked = ListCandlesRequest { instrument: INSTRUMENT.to_owned(), ..Default::default() };
    let (_, candles) = of.operator.all_candles(asked.clone()).await?;
    assert_eq!(candles.iter().map(|candle| candle.date.as_str()).collect::<Vec<_>>(), DAYS);
    for (number, candle) in (0..).zip(&candles) {
        let trades = market.trades(&candle.date, 1 + number * 10_000, TRADES)?;
        let volume: i64 = trades.iter().map(|trade| trade.quantity_tco2e).sum();
        let fen = |trade: &Trade| registry_client::amount::parse_fen(&trade.price_yuan);
        let prices: Vec<i64> = trades.iter().map(fen).collect::<Result<_, _>>()?;
        let turnover: i64 =
            trades.iter().zip(&prices).map(|(trade, fen)| trade.quantity_tco2e * fen).sum();
        let yuan = registry_client::amount::format_fen;
        assert_eq!((candle.volume_tco2e, &candle.turnover_yuan), (volume, &yuan(turnover)));
        let (low, high) = (prices.iter().min(), prices.iter().max());
        assert_eq!(Some(&candle.low_yuan), low.map(|fen| yuan(*fen)).as_ref());
        assert_eq!(Some(&candle.high_yuan), high.map(|fen| yuan(*fen)).as_ref());
        assert_eq!(candle.vwap_yuan, yuan((2 * turnover + volume) / (2 * volume)));
        assert_eq!(candle.vwap_yuan, candle.close_yuan, "all trades are listed");
    }
    let one = ListCandlesRequest { page_size: 1, ..asked.clone() };
    let page = of.operator.list_candles(one).await?;
    assert_eq!((page.candles.len(), page.next_from_date.as_str()), (1, DAYS[1]));
    let later = ListCandlesRequest { from_date: "2021-12-17".to_owned(), ..asked };
    assert_eq!(of.operator.all_candles(later).await?.1.len(), 1);
    Ok(())
}

async fn events_of_a_bank(of: &Parties) -> anyhow::Result<()> {
    let about = |about| EventFilter { about: Some(about) };
    let asked = |filter, after_log_index| ListEventsRequest {
        filter: Some(filter),
        page_size: 1_000,
        after_log_index,
        ..Default::default()
    };
    let own = about(About::BankId(of.bank_id));
    let found = of.bank.list_events(asked(own.clone(), 0)).await?;
    assert!(found.events.len() >= 5, "admitted, two deposits, two withdrawals");
    use registry_client::proto::posting::Line;
    for posting in found.events.iter().flat_map(|event| &event.postings) {
        let bank_id = match &posting.line {
            Some(Line::Cash(line)) => line.bank_id,
            Some(Line::CashPot(line)) => line.bank_id,
            other => panic!("{other:?}"),
        };
        assert_eq!(bank_id, of.bank_id);
    }
    assert!(found.events.iter().all(|event| event.canonical.is_empty()));
    let middle = found.events[2].log_index;
    let later = of.bank.list_events(asked(own.clone(), middle)).await?.events;
    assert!(later.iter().all(|event| event.log_index > middle) && !later.is_empty());
    assert_eq!(reason(of.other.list_events(asked(own, 0)).await), DENIED);
    assert_eq!(reason(of.bank.list_events(asked(about(About::AccountId(1)), 0)).await), DENIED);
    assert_eq!(reason(of.bank.list_events(ListEventsRequest::default()).await), DENIED);
    Ok(())
}

async fn bad_questions(of: &Parties) -> anyhow::Result<()> {
    let row = |reason: &str, field: &str| (reason.to_owned(), field.to_owned());
    let period = |account_id, from, to| GetPeriodStatementRequest {
        account_id,
        from,
        to,
        ..Default::default()
    };
    let day = |date: &str| moment(At::SettlementDay(date.to_owned()));
    let date = |date: &str| moment(At::Date(date.to_owned()));
    let reads = of.reads();
    let far = moment(At::Event(1 << 40));
    let rows = [
        (period(0, None, None), row("FIELD_MISSING", "account_id")),
        (period(999, None, None), row("UNKNOWN_ACCOUNT", "account_id")),
        (period(1 << 40, None, None), row("UNKNOWN_ACCOUNT", "account_id")),
        (period(1, day(DAYS[1]), day(DAYS[0])), row("PERIOD_REVERSED", "to")),
        (period(1, moment(At::Event(9)), moment(At::Event(8))), row("PERIOD_REVERSED", "to")),
        (period(1, moment(At::Event(30)), moment(At::LogIndex(1))), row("PERIOD_REVERSED", "to")),
        (period(1, date("2099-01-02"), date("2099-01-01")), row("PERIOD_REVERSED", "to")),
        (period(1, far.clone(), None), row("POSITION_AHEAD", "from")),
        (period(1, None, moment(At::LogIndex(1 << 40))), row("POSITION_AHEAD", "to")),
        (period(1, None, date("2099-01-01")), row("POSITION_AHEAD", "to")),
        (period(1, date("1999-01-01"), None), row("POSITION_BEFORE_RECORDS", "from")),
        (period(1, day("2021-12-18"), None), row("UNKNOWN_DAY", "from")),
        (period(1, day("2021-13-18"), None), row("BAD_DATE", "from.settlement_day")),
        (period(1, Some(Moment { at: None }), None), row("FIELD_MISSING", "from")),
        (
            GetPeriodStatementRequest { page_size: 1_001, ..period(1, None, None) },
            row("OUT_OF_RANGE", "page_size"),
        ),
        (
            GetPeriodStatementRequest { cursor: "00".to_owned(), ..period(1, None, None) },
            row("CURSOR_MISMATCH", "cursor"),
        ),
        (
            GetPeriodStatementRequest { bank_id: 999, ..period(1, None, None) },
            row("UNKNOWN_BANK", "bank_id"),
        ),
    ];
    for (request, expected) in rows {
        let outcome = reads.get_period_statement(request.clone()).await;
        assert_eq!(refused(outcome), expected, "{request:?}");
    }
    // A cursor is of one question; 0 stands for a usual page.
    let page = GetPeriodStatementRequest { page_size: 3, ..period(1, None, None) };
    let cursor = reads.get_period_statement(page).await?.next_cursor;
    let of_another = GetPeriodStatementRequest { cursor, ..period(2, None, None) };
    let mismatch = row("CURSOR_MISMATCH", "cursor");
    assert_eq!(refused(reads.get_period_statement(of_another.clone()).await), mismatch);
    let another = GetPeriodStatementRequest { account_id: 1, from: day(DAYS[0]), ..of_another };
    assert_eq!(refused(reads.get_period_statement(another).await), mismatch);
    let usual = reads.get_period_statement(period(1, None, None)).await?;
    assert_eq!(usual.entries.len(), 100);

    let at = |account_id, at| GetBalancesAtRequest { account_id, at, ..Default::default() };
    let rows = [
        (at(999, moment(At::Event(1))), row("UNKNOWN_ACCOUNT", "account_id")),
        (at(1, None), row("FIELD_MISSING", "at")),
        (at(1, far), row("POSITION_AHEAD", "at")),
        (at(1, day("2020-01-01")), row("UNKNOWN_DAY", "at")),
        (at(1, date("2099-01-01")), row("POSITION_AHEAD", "at")),
        (at(1, date("x")), row("BAD_DATE", "at.date")),
    ];
    for (request, expected) in rows {
        assert_eq!(refused(reads.get_balances_at(request.clone()).await), expected, "{request:?}");
    }
    let none = reads.get_balances_at(at(1, moment(At::Event(0)))).await?;
    assert_eq!(none.balances, Some(Balances::default()));
    let foreign = at(2, moment(At::Event(1)));
    assert_eq!(reason(of.firm.reads().get_balances_at(foreign).await), DENIED);
    let candles = ListCandlesRequest {
        instrument: INSTRUMENT.to_owned(),
        from_date: DAYS[1].to_owned(),
        to_date: DAYS[0].to_owned(),
        ..Default::default()
    };
    assert_eq!(refused(reads.list_candles(candles).await), row("PERIOD_REVERSED", "to_date"));
    let unknown = ListHoldersRequest { instrument: "CCER".to_owned(), ..Default::default() };
    let unknown_instrument = row("WRONG_INSTRUMENT", "instrument");
    assert_eq!(refused(reads.list_holders(unknown).await), unknown_instrument);
    let trade = GetTradeHistoryRequest {
        date: DAYS[0].to_owned(),
        trade_number: 1 << 40,
        ..Default::default()
    };
    assert_eq!(refused(reads.get_trade_history(trade).await), row("UNKNOWN_TRADE", "trade_number"));
    Ok(())
}

/// Pages are read while trades settle: nothing is missed, nothing comes twice,
/// and the statement ends where it began.
async fn paging_under_load(of: &Parties, market: Market) -> anyhow::Result<()> {
    let date = "2021-12-20";
    of.registry.open_day(open_day(date)).await?;
    let trades = market.trades(date, 1, 400)?;
    let settle = async {
        for trade in trades {
            let request = SettleTradeRequest {
                date: date.to_owned(),
                trade: Some(trade),
                ..Default::default()
            };
            of.exchange.settle_trade(request).await?;
            let deposit = DepositRequest {
                account_id: 1,
                bank_id: of.bank_id,
                amount_yuan: "0.01".to_owned(),
                ..Default::default()
            };
            of.registry.deposit(deposit).await?;
        }
        anyhow::Ok(())
    };
    let page = async {
        let (mut statements, mut last) = (0, 0);
        loop {
            let request =
                GetPeriodStatementRequest { account_id: 1, page_size: 40, ..Default::default() };
            let mut request = request;
            let first = of.reads().get_period_statement(request.clone()).await?;
            let through = first.through_event;
            let mut places: Vec<_> = first.entries.iter().map(place).collect();
            let (mut cursor, whole) = (first.next_cursor, first.opening.is_some());
            assert!(whole);
            while !cursor.is_empty() {
                request.cursor = cursor;
                let page = of.reads().get_period_statement(request.clone()).await?;
                assert_eq!(page.through_event, through, "the period stays as it was");
                places.extend(page.entries.iter().map(place));
                cursor = page.next_cursor;
            }
            // The same period read at once, afterwards.
            let again = GetPeriodStatementRequest {
                account_id: 1,
                to: moment(At::Event(through)),
                page_size: 1_000,
                ..Default::default()
            };
            let again = of.reads().period_statement(again).await?;
            assert_eq!(places, again.entries.iter().map(place).collect::<Vec<_>>());
            statements += 1;
            if through == last {
                return anyhow::Ok(statements);
            }
            last = through;
        }
    };
    let (settled, statements) = futures::join!(settle, page);
    settled?;
    assert!(statements? > 2, "pages were read while trades settled");
    Ok(())
}

fn place(entry: &registry_client::proto::StatementEntry) -> (u64, u64) {
    (entry.event, entry.sequence)
}

/// The commands say the same: the statement adds up and ends with what is there.
async fn on_the_command_line(cluster: &Cluster, of: &Parties) -> anyhow::Result<()> {
    let run = async |user: &str, line: &str| -> anyhow::Result<serde_json::Value> {
        let arguments = line.split(' ').chain(["--output", "json"]);
        Ok(serde_json::from_str(&cluster.registryctl(user, arguments).await?)?)
    };
    let (_, account) = of.account(1).await?;
    let available = account.cash[0].available_yuan.as_str();
    let statement = run("firm-1", "query statement --account 1").await?;
    assert_eq!(statement["closing_cash"][0]["available_yuan"], available);
    assert!(statement["entries"].as_array().is_some_and(|entries| entries.len() > 100));
    let overview = run("firm-1", "query overview --account 1").await?;
    assert_eq!(overview["cash"][0]["available_yuan"], available);
    let balances = run("firm-1", "query balances --account 1 --day 2021-12-16").await?;
    assert!(balances["cash"][0]["available_yuan"].is_string());
    let steps = run("exchange-sh", "query trade --date 2021-12-16 --trade 100").await?;
    assert_eq!(steps["steps"][1]["status"], "DELIVERED");
    let holders = run("auditor-1", "query holders --instrument CEA-2020").await?;
    assert_eq!(holders["holders"].as_array().map(Vec::len), Some(FIRMS as usize));
    let totals = run("operator-1", "query instruments").await?;
    assert_eq!(totals["instruments"][0]["issued_tco2e"], holders["held_tco2e"]);
    let candles = run("firm-1", "query candles --instrument CEA-2020 --to 2021-12-17").await?;
    assert_eq!(candles["candles"].as_array().map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_answered_what_was_and_what_is() -> anyhow::Result<()> {
    let plan = scratch::plan("queries", Layout::DualCity, |_| {})?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    let market = Market::set_up(&cluster.officers()?, FIRMS, 1_000_000, 100_000_000_000).await?;
    let of = Parties::of(&cluster)?;
    let done = async {
        let mut seen = Seen::new();
        live(&of, market, &mut seen).await?;
        what_was(&of, &seen).await?;
        days_and_trades(&of, market).await?;
        overviews(&of).await?;
        holders_totals_and_candles(&of, market).await?;
        events_of_a_bank(&of).await?;
        bad_questions(&of).await?;
        on_the_command_line(&cluster, &of).await?;
        paging_under_load(&of, market).await
    };
    cluster.with_logs(done.await)
}
