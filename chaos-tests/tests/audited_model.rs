//! What the ledger writes down of random markets, audited event by event from
//! outside: two programs that share no rule.
//!
//! `REGISTRY_MODEL_SEED` chooses the first seed.

#![allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]

use std::collections::BTreeMap;

use registry_chaos_tests::model::{Model, Workload};
use registry_client::journal::{Auditor, Instrument, TradeLine, TradeRange, TradeWay};
use registry_ledger::{
    Approval, ClusterCommand, Command, Date, Entry, InclusiveCommand, Ledger, PledgeCommand,
    Receipt, TradeKind, TradeRecord,
};
use sha2::{Digest as _, Sha256};

/// Markets, and commands in each.
const MARKETS: u64 = if cfg!(debug_assertions) { 4 } else { 40 };
const COMMANDS: u64 = 2_000;

/// Takes effect by an approval alone.
fn needs_two_people(command: &Command) -> bool {
    match command {
        Command::LoadAccounts { .. }
        | Command::Issue { .. }
        | Command::UseReserve { .. }
        | Command::SuspendDay(_)
        | Command::ResumeDay(_)
        | Command::Freeze(_) => true,
        Command::Pledge(command) => matches!(
            command,
            PledgeCommand::Activate { .. }
                | PledgeCommand::ReleaseByCourt { .. }
                | PledgeCommand::Enforce { .. }
        ),
        Command::Compliance(command) => command.needs_two_people(),
        Command::Inclusive(command) => matches!(command, InclusiveCommand::GrantQuota { .. }),
        Command::Cluster(command) => matches!(command, ClusterCommand::ActivateRules { .. }),
        _ => false,
    }
}

/// A market, its books and their auditor.
struct Audited {
    seed: u64,
    model: Model,
    ledger: Ledger,
    auditor: Auditor,
}

impl Audited {
    /// As the wire would have it: nothing that needs two people without them.
    fn play(&mut self, entry: Entry) {
        if !needs_two_people(&entry.command) {
            self.apply(&entry);
            return;
        }
        let content = format!("{:?}", entry.command).into_bytes();
        let content_sha256 = Sha256::digest(&content).into();
        let time_to_live_ms = 1_000;
        let propose = Command::Propose { content: content.clone(), time_to_live_ms };
        let maker = Entry {
            actor: "registry/officer-8".to_owned(),
            request: None,
            command: propose,
            ..entry.clone()
        };
        let Some(Receipt::Proposed { proposal, .. }) = self.apply(&maker) else { return };
        let content = Some((content, Box::new(entry.command.clone())));
        let approve = Command::Approve(Approval { proposal, content_sha256, content });
        // Only officers may call this at a node.
        let actor = match entry.actor.starts_with("registry/") {
            true => entry.actor,
            false => "registry/officer-1".to_owned(),
        };
        self.apply(&Entry { request: None, command: approve, actor, ..entry });
    }

    fn apply(&mut self, entry: &Entry) -> Option<Receipt> {
        self.model.apply(entry);
        let outcome = self.ledger.apply(entry).outcome;
        self.ledger.seal();
        for event in self.ledger.take_events() {
            let read = self
                .auditor
                .read(&event.bytes)
                .unwrap_or_else(|e| panic!("{e}: {entry:?}{}", replay(self.seed)));
            let trades = read.trades_named().map(|range| self.trades(range)).unwrap_or_default();
            let taken = self.auditor.take(&event.bytes, &read, &trades);
            taken.unwrap_or_else(|finding| {
                panic!("{finding}\n{read:?}\n{entry:?}{}", replay(self.seed))
            });
        }
        outcome.ok()
    }

    fn trades(&self, range: TradeRange) -> Vec<TradeLine> {
        let date = Date::parse(&range.date.to_string()).unwrap();
        let count = usize::try_from(range.count).unwrap();
        let found = self.ledger.trades_after(date, None, range.first - 1, count).unwrap();
        found.iter().map(line).collect()
    }
}

/// How to see the same market again.
fn replay(seed: u64) -> String {
    format!("\nREGISTRY_MODEL_SEED={seed} cargo test -p registry-chaos-tests --test audited_model")
}

fn line(record: &TradeRecord) -> TradeLine {
    let trade = &record.trade;
    TradeLine {
        number: trade.number.0,
        way: match trade.kind {
            TradeKind::Listed => TradeWay::Listed,
            TradeKind::Block => TradeWay::Block,
        },
        instrument: Instrument::from_text(&trade.instrument.to_string()).unwrap(),
        buyer: trade.buyer.0.into(),
        seller: trade.seller.0.into(),
        buyer_bank: trade.buyer_bank.0.into(),
        seller_bank: trade.seller_bank.0.into(),
        tonnes: trade.quantity.0,
        price_fen: trade.price.0,
        traded_at_ms: trade.traded_at.0,
    }
}

#[test]
fn random_markets_leave_a_journal_that_adds_up() {
    let first = std::env::var("REGISTRY_MODEL_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut kinds = BTreeMap::<&str, u64>::new();
    for seed in first..first + MARKETS {
        let mut workload = Workload::new(seed);
        let (model, ledger) = (Model::new(), Ledger::new());
        let mut audited = Audited { seed, model, ledger, auditor: Auditor::default() };
        for _ in 0..COMMANDS {
            let entry = workload.next_entry(&audited.model);
            audited.play(entry);
        }
        assert_eq!(audited.auditor.root(), audited.ledger.journal().root(), "seed {seed}");
        for (kind, count) in &audited.auditor.counts().kinds {
            *kinds.entry(kind).or_default() += count;
        }
    }
    let wanted = [
        "AccountsLoaded",
        "Issued",
        "DaySuspended",
        "DayResumed",
        "ReserveUsed",
        "Allocated",
        "EmissionsCorrected",
        "CarriedOver",
        "Transferred",
        "InclusiveQuotaGranted",
        "PledgeProposed",
        "PledgeAccepted",
        "PledgeDeclined",
        "PledgeExpired",
        "PledgeActivated",
        "PledgeAdded",
        "PledgeReleased",
        "MarginCalled",
        "MarginCured",
        "PledgeDefaulted",
        "PledgeEnforcing",
        "PledgedSold",
        "ProceedsPaid",
        "SubstitutionOffered",
        "Substituted",
        "SubstitutionEnded",
        "ProceedsTaken",
        "Frozen",
        "FreezeLifted",
        "FreezeExecuted",
        "UsableUntilSet",
        "ClusterChanged",
    ];
    let missing: Vec<_> = wanted.iter().filter(|kind| !kinds.contains_key(**kind)).collect();
    assert!(missing.is_empty(), "never written down: {missing:?} of {kinds:?}");
}
