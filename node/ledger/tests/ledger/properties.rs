//! Random commands: invariants hold, digests are kept, a loaded ledger goes on alike.

use proptest::prelude::*;
use registry_ledger::{
    AccountId, BankId, Command, Date, DayState, Entry, Fen, FreePosition, InstrumentCode, Ledger,
    LedgerTime, Manifest, OpeningBooks, Price, ProposalId, Quantity, Receipt, Request,
    StatusFilter, Trade, TradeKind, TradeNumber, WithdrawalFilter, calendar,
};

use crate::cash;
use crate::control::{approval, propose};
use crate::journal::Replay;
use crate::opening::{books, holding, load};
use crate::pledge_steps::pledging;
use crate::world::{
    HOUR_MS, WINDOW_MS, World, amend, cea, confirm, date, deliver, fail, object, open_account,
    open_day, resolve, retry, settle, submit, today, trade,
};

/// A command whose details depend on where the ledger stands.
#[derive(Clone, Debug)]
enum Step {
    Plain(Command),
    /// The next chunk, or one off by a little.
    Stream(Vec<Trade>, u32),
    /// What brings the day forward from where it stands.
    Forward(u32),
    RetryAll,
    FailAll,
    Later(i64),
    /// The last entry again.
    Repeat,
    /// The first open proposal, or with another content.
    ApproveNext(bool),
    /// An open withdrawal is paid out or refused.
    CloseWithdrawal(u32, bool),
    /// A trade of those that are held is covered by the reserve.
    Cover(u32),
    /// About pledges and freezes: which, among what there is, and how many tonnes.
    Pledging(u8, u32, i64),
}

fn any_trade() -> impl Strategy<Value = Trade> {
    let size = prop_oneof![
        8 => (Just(TradeKind::Listed), 1_i64..3_000),
        1 => (Just(TradeKind::Block), 100_000_i64..2_000_000),
        1 => (Just(TradeKind::Listed), any::<i64>()),
    ];
    let price = prop_oneof![9 => 3_900_i64..4_700, 1 => any::<i64>()];
    let bank = prop_oneof![9 => 102_u16..=103, 1 => any::<u16>()];
    (1_u64..200, size, 1_u32..5, 1_u32..5, bank, 102_u16..=103, price).prop_map(
        |(number, (kind, tonnes), buyer, seller, buyer_bank, seller_bank, price)| Trade {
            kind,
            buyer: AccountId(buyer),
            seller: AccountId(seller),
            buyer_bank: BankId(buyer_bank),
            seller_bank: BankId(seller_bank),
            quantity: Quantity(tonnes),
            price: Price(price),
            ..trade(number)
        },
    )
}

fn valid_trades() -> impl Strategy<Value = Vec<Trade>> {
    prop::collection::vec((1_u32..=3, 1_i64..3_000, 3_900_i64..4_700), 1..80).prop_map(|sides| {
        let mut trades = Vec::new();
        for (shift, tonnes, price) in sides {
            let buyer = AccountId(shift);
            let seller = AccountId(shift % 3 + 1);
            let (quantity, price) = (Quantity(tonnes), Price(price));
            trades.push(Trade { buyer, seller, quantity, price, ..trade(0) });
        }
        trades
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let account = || (0_u32..6).prop_map(AccountId);
    let number = || 0_u64..200;
    prop_oneof![
        1 => (0_u32..8).prop_map(|n| Step::Plain(open_account(n))),
        2 => (account(), any::<bool>(), prop_oneof![9 => 0_i64..100_000, 1 => any::<i64>()]).prop_map(|(account, registered, tonnes)| {
            let from = if registered { FreePosition::Registered } else { FreePosition::Trading };
            Step::Plain(Command::MoveHolding { account, instrument: cea(), from, quantity: Quantity(tonnes) })
        }),
        2 => (account(), prop_oneof![9 => 0_i64..100_000, 1 => any::<i64>()]).prop_map(|(account, tonnes)| Step::Plain(crate::world::issue(account, Quantity(tonnes)))),
        2 => (account(), 101_u16..105, prop_oneof![9 => 0_i64..1_000_000_000, 1 => any::<i64>()]).prop_map(|(account, bank, fen)| {
            Step::Plain(Command::Deposit { account, bank: BankId(bank), amount: Fen(fen) })
        }),
        2 => (4_u32..12, 1_u32..4, 0_i64..20_000, prop_oneof![9 => 1_i64..1_000_000_000, 1 => any::<i64>()]).prop_map(|(first, count, tonnes, fen)| {
            let cash = vec![(BankId(102), Fen(fen))];
            let holdings = vec![holding(tonnes, tonnes)];
            let books = |number| OpeningBooks { holdings: holdings.clone(), cash: cash.clone(), ..books(number) };
            Step::Plain(load((first..first + count).map(books).collect()))
        }),
        1 => (2018_u32..2026, 0_i64..6_000).prop_map(|(year, price)| {
            let instrument = InstrumentCode::parse(&format!("CEA-{year}")).unwrap_or(cea());
            Step::Plain(Command::RegisterInstrument { instrument, reference_price: Price(price) })
        }),
        1 => Just(Step::Plain(open_day(today()))),
        4 => (valid_trades(), prop_oneof![9 => Just(1_u32), 1 => 0_u32..3]).prop_map(|(trades, shift)| Step::Stream(trades, shift)),
        2 => prop::collection::vec(any_trade(), 0..20).prop_map(|trades| Step::Plain(submit(1, &trades))),
        3 => any_trade().prop_map(|trade| Step::Plain(settle(trade))),
        12 => (1_u32..100).prop_map(Step::Forward),
        1 => Just(Step::Plain(Command::SubmitManifest { date: today(), manifest: Manifest { trade_count: 0, quantity: Quantity(0), amount: Fen(0), trades_sha256: [0; 32] } })),
        3 => Just(Step::Plain(Command::ClearDay(today()))),
        1 => Just(Step::Plain(confirm([0; 32]))),
        2 => (number(), prop::option::of(any_trade())).prop_map(|(number, replacement)| Step::Plain(amend(number, replacement.map(|trade| Trade { number: TradeNumber(number), ..trade })))),
        1 => (number(), 0_u32..300).prop_map(|(from, max)| Step::Plain(deliver(from, max))),
        2 => Just(Step::RetryAll),
        2 => Just(Step::FailAll),
        2 => Just(Step::Plain(Command::IssueStatements(today()))),
        2 => account().prop_map(|account| Step::Plain(object(account))),
        2 => account().prop_map(|account| Step::Plain(resolve(account))),
        2 => Just(Step::Plain(Command::FinalizeDay(today()))),
        1 => Just(Step::Plain(Command::SuspendDay(today()))),
        2 => Just(Step::Plain(Command::ResumeDay(today()))),
        1 => prop_oneof![Just(HOUR_MS), Just(WINDOW_MS + 1), Just(31 * 24 * HOUR_MS)].prop_map(Step::Later),
        1 => Just(Step::Repeat),
        2 => (account(), 0_i64..100_000).prop_map(|(account, tonnes)| Step::Plain(propose(&crate::world::issue(account, Quantity(tonnes))))),
        3 => any::<bool>().prop_map(Step::ApproveNext),
        1 => (0_u64..6, any::<bool>()).prop_map(|(id, withdraw)| {
            let (proposal, reason) = (ProposalId(id), "no".to_owned());
            Step::Plain(if withdraw { Command::WithdrawProposal(proposal) } else { Command::Decline { proposal, reason } })
        }),
        1 => Just(Step::Plain(Command::ExpireDue)),
        6 => any_cash().prop_map(Step::Plain),
        3 => (any::<u32>(), any::<bool>()).prop_map(|(which, paid)| Step::CloseWithdrawal(which, paid)),
        2 => any::<u32>().prop_map(Step::Cover),
        24 => (0_u8..30, any::<u32>(), prop_oneof![19 => 1_i64..20_000, 1 => any::<i64>()]).prop_map(|(which, pick, tonnes)| Step::Pledging(which, pick, tonnes)),
    ]
}

/// Money outside trades.
fn any_cash() -> impl Strategy<Value = Command> {
    let fen = || prop_oneof![9 => 0_i64..2_000_000, 1 => any::<i64>()].prop_map(Fen);
    let account = (0_u32..6).prop_map(AccountId);
    let bank = prop_oneof![19 => 102_u16..=103, 1 => any::<u16>()].prop_map(BankId);
    (0_u8..11, account, bank, fen()).prop_map(|(which, account, bank, amount)| match which {
        0..3 => cash::withdraw(account, bank, amount),
        3 => cash::fee(account, bank, amount),
        4 => cash::suspense(bank, amount),
        5 => cash::allocate(bank, account, amount),
        6 => cash::give_back(bank, amount),
        // Enough for most trades.
        7 => cash::fund(bank, Fen(amount.0.saturating_mul(20))),
        8..10 => cash::repay(account, bank, amount),
        _ => cash::report(bank, amount),
    })
}

/// What a step asks, and who asks for it unless any officer may.
fn asked(world: &mut World, step: &Step) -> Option<(Option<String>, Command)> {
    if let Step::Pledging(which, pick, tonnes) = step {
        let (actor, command) = pledging(world, *which, *pick, *tonnes)?;
        return Some((Some(actor), command));
    }
    Some((None, command(world, step)?))
}

fn command(world: &mut World, step: &Step) -> Option<Command> {
    Some(match step {
        Step::Pledging(..) => return None,
        Step::Plain(command) => command.clone(),
        Step::Stream(trades, shift) => {
            let day = world.ledger.day(today())?;
            let known = world.ledger.trades_after(today(), None, 0, usize::MAX)?;
            let highest = known.iter().map(|record| record.trade.number.0).max().unwrap_or(0);
            let numbered: Vec<_> = (highest + 1..)
                .zip(trades)
                .map(|(number, trade)| Trade { number: TradeNumber(number), ..*trade })
                .collect();
            submit(day.chunk_count + shift, &numbered)
        }
        Step::Forward(max) => forward(world, *max)?,
        Step::RetryAll => retry(&held(world)),
        Step::FailAll => fail(&held(world)),
        Step::Later(ms) => {
            world.now = LedgerTime(world.now.0 + ms);
            return None;
        }
        Step::Repeat => return None,
        Step::ApproveNext(exactly) => {
            let open = world.ledger.proposals_after(ProposalId(0)).next()?;
            // Proposed were issues, whose content is their own text.
            let text = String::from_utf8(open.content.clone()).unwrap();
            let number = |name: &str| {
                let after = text.split(name).nth(1).unwrap();
                after.split(')').next().unwrap().parse::<i64>().unwrap()
            };
            let account = AccountId(number("AccountId(") as u32);
            let tonnes = number("Quantity(") + i64::from(!*exactly);
            let issue = crate::world::issue(account, Quantity(tonnes));
            Command::Approve(approval(open.id, issue))
        }
        Step::CloseWithdrawal(which, paid) => {
            let open = world.ledger.withdrawals_after(WithdrawalFilter::default(), 0, 100);
            let chosen = open.get(*which as usize % open.len().max(1))?;
            let close = if *paid { cash::confirm } else { cash::reject };
            close(chosen.bank, chosen.number)
        }
        Step::Cover(which) => {
            let held = held(world);
            let number = *held.get(*which as usize % held.len().max(1))?;
            cash::cover(number)
        }
    })
}

/// Leaves an open day mostly open and disputes some clearings.
fn forward(world: &mut World, max: u32) -> Option<Command> {
    let day = world.ledger.day(today())?;
    Some(match day.state {
        DayState::Open | DayState::Disputed if max > 25 => return None,
        DayState::Open | DayState::Disputed => world.manifest(),
        DayState::Closed => Command::ClearDay(today()),
        DayState::Cleared if max.is_multiple_of(3) => confirm([0; 32]),
        DayState::Cleared => confirm(world.ledger.clearing(today())?.sha256),
        DayState::Confirmed => {
            let accepted = Some(StatusFilter::Accepted);
            let next = world.ledger.trades_after(today(), accepted, 0, 1)?;
            deliver(next.first().map_or(1, |record| record.sequence), max)
        }
        DayState::Delivered if day.held_count > 0 => {
            world.now.0 += HOUR_MS;
            fail(&held(world))
        }
        DayState::Delivered if day.statements_issued => Command::FinalizeDay(today()),
        DayState::Delivered => Command::IssueStatements(today()),
        DayState::Final => {
            world.now.0 = world.now.0.max(calendar::beijing_midnight(tomorrow()).0);
            open_day(tomorrow())
        }
        DayState::Suspended => Command::ResumeDay(today()),
    })
}

fn tomorrow() -> Date {
    date("2021-12-17")
}

fn held(world: &World) -> Vec<u64> {
    let filter = Some(StatusFilter::Held);
    let records = world.ledger.trades_after(today(), filter, 0, 20).unwrap_or_default();
    records.iter().map(|record| record.trade.number.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_keep_the_invariants(
        steps in prop::collection::vec((any_step(), any::<bool>(), 0_u8..20), 1..160),
    ) {
        let mut world = World::open();
        let mut last: Option<Entry> = None;
        let mut twin: Option<Ledger> = None;
        let mut replay = Replay::default();
        replay.follow(&mut world.ledger);
        for (step, second_officer, reload) in &steps {
            let entry = if let (Step::Repeat, Some(entry)) = (step, &last) {
                entry.clone()
            } else {
                let Some((party, command)) = asked(&mut world, step) else { continue };
                let officer = if *second_officer { "registry/officer-2" } else { "registry/officer-1" };
                let mut entry = world.entry(party.as_deref().unwrap_or(officer), command);
                entry.request = Some(Request { id: format!("p{}", entry.log_index), fingerprint: [1; 32] });
                entry
            };
            let before = world.ledger.state_digest();
            let answer = world.ledger.apply(&entry);
            let sealed = world.ledger.seal();
            if answer.outcome.is_err() || matches!(step, Step::Repeat) {
                prop_assert_eq!(sealed.state_digest, before, "{:?} moved something: {:?}", entry, answer);
            }
            prop_assert_eq!(world.ledger.recompute_digests(), (sealed.state_digest, sealed.answers_digest));
            if let Err(broken) = world.ledger.check_invariants() {
                return Err(TestCaseError::fail(format!("{broken} after {entry:?}")));
            }
            replay.follow(&mut world.ledger);
            // A ledger loaded from records goes on exactly like this one.
            if let Some(twin) = &mut twin {
                prop_assert_eq!(&twin.apply(&entry), &answer);
                prop_assert_eq!(&twin.seal(), &sealed);
            }
            if *reload == 0 {
                let mut records = world.ledger.records();
                records.reverse();
                let loaded = Ledger::load(records).unwrap();
                prop_assert_eq!(loaded.state_digest(), sealed.state_digest);
                prop_assert_eq!(loaded.answers_digest(), sealed.answers_digest);
                prop_assert_eq!(loaded.records(), world.ledger.records());
                twin = Some(loaded);
            }
            last = Some(entry);
            if world.ledger.day(tomorrow()).is_some() {
                break;
            }
        }
    }

    #[test]
    fn sealed_changes_rebuild_the_state(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut world = World::open();
        let mut store: std::collections::BTreeMap<_, _> = world.ledger.records().into_iter().collect();
        for step in &steps {
            let Some((party, command)) = asked(&mut world, step) else { continue };
            let answer = world.apply_as(party.as_deref().unwrap_or("registry/officer-1"), command);
            let chunk = matches!(answer.outcome, Ok(Receipt::Chunk { .. }));
            world.ledger.seal();
            for (key, value) in world.ledger.take_changes().iter() {
                match value {
                    Some(value) => store.insert(key.to_vec(), value.to_vec()),
                    None => store.remove(key),
                };
            }
            prop_assert!(!chunk || !store.is_empty());
            prop_assert_eq!(&store, &world.ledger.records().into_iter().collect());
        }
    }
}
