//! Every refusal about pledges and freezes at the client port: code, reason and
//! field, and a state that has not changed.

use std::time::Duration;

use anyhow::Context as _;
use prost::Message as _;
use registry_chaos_tests::market::{Market, open_day, opening_ms};
use registry_chaos_tests::pledging::{Close, activation, offer, pledge, settle_close};
use registry_chaos_tests::wait::eventually;
use registry_client::ClientError;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::freeze_target::Target;
use registry_client::proto::{
    AddToPledgeRequest, ApproveRequest, ControlledCommand, CourtRelease, DeclareDefaultRequest,
    FreezeLifting, FreezeOrder, FreezeTarget, FrozenTonnes, OfferSubstitutionRequest,
    PledgeEnforcement, PledgeRequest, PledgeStatus, PledgeTerms, Position, ProposePledgeRequest,
    ProposeRequest, ReleasePledgeRequest, SellPledgedRequest, SetUsableUntilRequest,
    SettleTradeRequest, SubstitutionTerms, TakeProceedsRequest, Trade, TradeKind,
};
use sha2::{Digest as _, Sha256};
use tonic::Code::{FailedPrecondition, InvalidArgument, NotFound};

use super::Bed;
use super::refusal::Refusals;

type Refused = (tonic::Code, &'static str, &'static str);

const ICBC: u32 = 102;
const ABC: u32 = 103;
/// Active, of firm 1 to ICBC.
const ACTIVE: u64 = 1;
/// Enforced, of firm 3 to ICBC: 1,000 t for a claim of 1,000.00 yuan.
const ENFORCED: u64 = 2;
/// Only offered, of firm 2 to ICBC.
const OFFERED: u64 = 3;
/// Active, of firm 4 to ICBC, under a court's stay and with other tonnes on offer.
const STAYED: u64 = 4;
/// Expired, of firm 2.
const EXPIRED: u64 = 5;

struct Table<'a> {
    bed: &'a Bed,
    /// The close of the second day, which is the last one settled.
    last: Close,
    /// The day that is open.
    today: String,
    refusals: Refusals,
}

fn request(pledge_id: u64, version: u32) -> PledgeRequest {
    PledgeRequest { pledge_id, version, ..Default::default() }
}

impl Table<'_> {
    async fn version(&self, id: u64) -> anyhow::Result<u32> {
        let reads = self.bed.officers.maker().reads();
        let found = reads.verify_pledge(super::verification(id)).await?;
        Ok(found.pledge.context("a pledge")?.version)
    }

    async fn controlled(&mut self, what: &str, command: Command, expected: Refused) {
        let content = ControlledCommand { command: Some(command) }.encode_to_vec();
        let content_sha256 = Sha256::digest(&content).to_vec().into();
        let propose = ProposeRequest { content: content.into(), ..Default::default() };
        let proposal_id = match self.bed.officers.maker().propose(propose).await {
            Ok(reply) => reply.proposal_id,
            refused => return self.refusals.row(what, refused, expected).await,
        };
        self.refusals.accept_changes().await.expect("the nodes agree on the proposal");
        let approve = ApproveRequest { proposal_id, content_sha256, ..Default::default() };
        let outcome = self.bed.officers.checker().approve(approve).await;
        self.refusals.row(what, outcome, expected).await;
    }

    fn good(&self) -> ProposePledgeRequest {
        offer(2, ICBC, 10, &self.last)
    }

    async fn proposals(&mut self) -> anyhow::Result<()> {
        let firm = self.bed.firm(2, "wuhan")?;
        let with = |change: fn(&mut ProposePledgeRequest)| {
            let mut asked = self.good();
            change(&mut asked);
            asked
        };
        let terms = |change: fn(&mut PledgeTerms)| {
            let mut asked = self.good();
            change(asked.terms.get_or_insert_default());
            asked
        };
        let rows: Vec<(ProposePledgeRequest, Refused)> = vec![
            (with(|o| o.terms = None), (InvalidArgument, "FIELD_MISSING", "terms")),
            (with(|o| o.pledgee_bank = 0), (InvalidArgument, "FIELD_MISSING", "pledgee_bank")),
            (with(|o| o.pledgee_bank = 999), (NotFound, "UNKNOWN_BANK", "pledgee_bank")),
            (
                with(|o| o.instrument = "CEA-2098".into()),
                (NotFound, "WRONG_INSTRUMENT", "instrument"),
            ),
            (with(|o| o.quantity_tco2e = 0), (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e")),
            (
                with(|o| o.quantity_tco2e = i64::MIN),
                (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
            ),
            (
                with(|o| o.quantity_tco2e = i64::MAX),
                (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
            ),
            (with(|o| o.from = 0), (InvalidArgument, "FIELD_MISSING", "from")),
            (with(|o| o.from = 9), (InvalidArgument, "MALFORMED", "from")),
            (
                with(|o| o.time_to_live_ms = -1),
                (InvalidArgument, "NOT_POSITIVE", "time_to_live_ms"),
            ),
            (
                with(|o| o.time_to_live_ms = i64::MAX),
                (InvalidArgument, "OUT_OF_RANGE", "time_to_live_ms"),
            ),
            (terms(|t| t.contract.clear()), (InvalidArgument, "FIELD_MISSING", "terms.contract")),
            (
                terms(|t| t.contract = "x".repeat(201)),
                (InvalidArgument, "TOO_LONG", "terms.contract"),
            ),
            (
                terms(|t| t.principal_yuan = "1e3".into()),
                (InvalidArgument, "NOT_A_DECIMAL", "terms.principal_yuan"),
            ),
            (
                terms(|t| t.principal_yuan = "0".into()),
                (InvalidArgument, "NOT_POSITIVE", "terms.principal_yuan"),
            ),
            (
                terms(|t| t.principal_yuan = "100000".into()),
                (FailedPrecondition, "LTV_EXCEEDED", "terms.principal_yuan"),
            ),
            (
                terms(|t| t.maturity_date = "2021-02-29".into()),
                (InvalidArgument, "BAD_DATE", "terms.maturity_date"),
            ),
            (
                terms(|t| t.maturity_date = "2021-12-16".into()),
                (InvalidArgument, "OUT_OF_RANGE", "terms.maturity_date"),
            ),
            (
                terms(|t| t.loan_to_value_bp = 0),
                (InvalidArgument, "OUT_OF_RANGE", "terms.loan_to_value_bp"),
            ),
            (
                terms(|t| t.cure_period_ms = 0),
                (InvalidArgument, "NOT_POSITIVE", "terms.cure_period_ms"),
            ),
            (
                terms(|t| t.disposal_price_yuan = "0".into()),
                (InvalidArgument, "OUT_OF_RANGE", "terms.disposal_price_yuan"),
            ),
            (
                terms(|t| t.warning_price_yuan = "99".into()),
                (InvalidArgument, "OUT_OF_RANGE", "terms.warning_price_yuan"),
            ),
            (
                terms(|t| t.reference_date = "2021-12-16".into()),
                (FailedPrecondition, "PRICE_STALE", "terms.reference_price_yuan"),
            ),
            (
                terms(|t| t.reference_price_yuan = "43.06".into()),
                (FailedPrecondition, "PRICE_STALE", "terms.reference_price_yuan"),
            ),
        ];
        for (row, (asked, expected)) in rows.into_iter().enumerate() {
            let outcome = firm.propose_pledge(asked).await;
            self.refusals.row(&format!("proposal {row}"), outcome, expected).await;
        }
        // A vintage that cannot be used any more when the loan is due.
        let until = |date: &str| SetUsableUntilRequest {
            instrument: "CEA-2020".to_owned(),
            usable_until_date: date.to_owned(),
            ..Default::default()
        };
        let registry = self.bed.officers.maker();
        registry.set_usable_until(until("2199-06-29")).await?;
        self.refusals.accept_changes().await?;
        let outcome = firm.propose_pledge(self.good()).await;
        let expected = (FailedPrecondition, "VINTAGE_EXPIRING", "terms.maturity_date");
        self.refusals.row("an expiring vintage", outcome, expected).await;
        let bad = registry.set_usable_until(until("soon")).await;
        self.refusals.row("no date", bad, (InvalidArgument, "BAD_DATE", "usable_until_date")).await;
        registry.set_usable_until(until("")).await?;
        self.refusals.accept_changes().await
    }

    async fn parties(&mut self) -> anyhow::Result<()> {
        let bank = self.bed.bank(ICBC, "shanghai")?;
        let other = self.bed.bank(ABC, "wuhan")?;
        let (active, offered) = (self.version(ACTIVE).await?, self.version(OFFERED).await?);
        let counterparty = (FailedPrecondition, "NOT_COUNTERPARTY", "pledge_id");
        let not_active = (FailedPrecondition, "PLEDGE_NOT_ACTIVE", "pledge_id");
        let stale = (FailedPrecondition, "STALE_VERSION", "version");
        let release = |pledge_id, version, quantity_tco2e| ReleasePledgeRequest {
            pledge_id,
            version,
            quantity_tco2e,
            ..Default::default()
        };
        let rows = [
            (
                "accept none",
                bank.accept_pledge(request(0, 1)).await,
                (InvalidArgument, "FIELD_MISSING", "pledge_id"),
            ),
            (
                "accept no version",
                bank.accept_pledge(request(OFFERED, 0)).await,
                (InvalidArgument, "FIELD_MISSING", "version"),
            ),
            (
                "accept an unknown one",
                bank.accept_pledge(request(99, 1)).await,
                (NotFound, "UNKNOWN_PLEDGE", "pledge_id"),
            ),
            (
                "accept another's",
                other.accept_pledge(request(OFFERED, offered)).await,
                counterparty,
            ),
            (
                "accept another version",
                bank.accept_pledge(request(OFFERED, offered + 1)).await,
                stale,
            ),
            ("accept an active one", bank.accept_pledge(request(ACTIVE, active)).await, not_active),
            (
                "accept an expired one",
                bank.accept_pledge(request(EXPIRED, self.version(EXPIRED).await?)).await,
                (FailedPrecondition, "PROPOSAL_EXPIRED", "pledge_id"),
            ),
            (
                "decline another's",
                other.decline_pledge(request(OFFERED, offered)).await,
                counterparty,
            ),
            (
                "decline an active one",
                bank.decline_pledge(request(ACTIVE, active)).await,
                not_active,
            ),
            (
                "release an offer",
                bank.release_pledge(release(OFFERED, offered, 0)).await,
                not_active,
            ),
            (
                "release another's",
                other.release_pledge(release(ACTIVE, active, 0)).await,
                counterparty,
            ),
            (
                "release an old version",
                bank.release_pledge(release(ACTIVE, active + 9, 0)).await,
                stale,
            ),
            (
                "release too much",
                bank.release_pledge(release(ACTIVE, active, 1_001)).await,
                (FailedPrecondition, "RELEASE_EXCEEDS_PLEDGED", "quantity_tco2e"),
            ),
            (
                "release nearly all",
                bank.release_pledge(release(ACTIVE, active, 999)).await,
                (FailedPrecondition, "COVER_BELOW_CONTRACT", "quantity_tco2e"),
            ),
            (
                "release less than nothing",
                bank.release_pledge(release(ACTIVE, active, -1)).await,
                (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
            ),
            (
                "release under a stay",
                bank.release_pledge(release(STAYED, self.version(STAYED).await?, 0)).await,
                (FailedPrecondition, "COURT_STAY", "pledge_id"),
            ),
            (
                "take no other tonnes",
                bank.accept_substitution(request(ACTIVE, active)).await,
                (FailedPrecondition, "NO_SUBSTITUTION", "pledge_id"),
            ),
            (
                "take others under a stay",
                bank.accept_substitution(request(STAYED, self.version(STAYED).await?)).await,
                (FailedPrecondition, "COURT_STAY", "pledge_id"),
            ),
        ];
        for (what, outcome, expected) in rows {
            self.refusals.row(what, outcome, expected).await;
        }
        let default = |version, claim: &str| DeclareDefaultRequest {
            pledge_id: ACTIVE,
            version,
            claim_yuan: claim.to_owned(),
            evidence_sha256: vec![7; 32].into(),
            ..Default::default()
        };
        let short =
            DeclareDefaultRequest { evidence_sha256: vec![7; 31].into(), ..default(active, "1") };
        for (asked, expected) in [
            (default(active, "1"), (FailedPrecondition, "CURE_PERIOD_OPEN", "pledge_id")),
            (default(active, "0"), (InvalidArgument, "NOT_POSITIVE", "claim_yuan")),
            (short, (InvalidArgument, "MALFORMED", "evidence_sha256")),
        ] {
            let outcome = bank.declare_default(asked).await;
            self.refusals.row("a default", outcome, expected).await;
        }
        Ok(())
    }

    async fn pledgors(&mut self) -> anyhow::Result<()> {
        let (firm, stayed) = (self.bed.firm(1, "shanghai")?, self.bed.firm(4, "wuhan")?);
        let active = self.version(ACTIVE).await?;
        let add = |quantity_tco2e| AddToPledgeRequest {
            pledge_id: ACTIVE,
            version: active,
            from: Position::Trading.into(),
            quantity_tco2e,
            ..Default::default()
        };
        let rows = [
            (firm.add_to_pledge(add(0)).await, (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e")),
            (
                firm.add_to_pledge(add(i64::MAX)).await,
                (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
            ),
            (
                stayed.add_to_pledge(add(1)).await,
                (FailedPrecondition, "NOT_COUNTERPARTY", "pledge_id"),
            ),
        ];
        for (outcome, expected) in rows {
            self.refusals.row("adding", outcome, expected).await;
        }
        let version = self.version(STAYED).await?;
        let others = |pledge_id, version, quantity_tco2e| OfferSubstitutionRequest {
            pledge_id,
            version,
            offer: Some(other_tonnes(&self.last, quantity_tco2e)),
            ..Default::default()
        };
        let none = OfferSubstitutionRequest { offer: None, ..others(ACTIVE, active, 1) };
        let rows = [
            (
                stayed.offer_substitution(others(STAYED, version, 1_000)).await,
                (FailedPrecondition, "SUBSTITUTION_OPEN", "pledge_id"),
            ),
            (
                firm.offer_substitution(others(ACTIVE, active, 1)).await,
                (FailedPrecondition, "COVER_BELOW_CONTRACT", "offer.quantity_tco2e"),
            ),
            (firm.offer_substitution(none).await, (InvalidArgument, "FIELD_MISSING", "offer")),
        ];
        for (outcome, expected) in rows {
            self.refusals.row("a substitution", outcome, expected).await;
        }
        Ok(())
    }

    async fn officers(&mut self) -> anyhow::Result<()> {
        let (active, offered) = (self.version(ACTIVE).await?, self.version(OFFERED).await?);
        let stayed = self.version(STAYED).await?;
        let enforce = |pledge_id, version| {
            let document = "judgment".to_owned();
            Command::PledgeEnforcement(PledgeEnforcement { pledge_id, version, document })
        };
        let release = |pledge_id, version, document: &str| {
            let document = document.to_owned();
            Command::CourtRelease(CourtRelease { pledge_id, version, document })
        };
        let freeze = |target: Option<Target>, court: &str| {
            Command::FreezeOrder(FreezeOrder {
                target: target.map(|target| FreezeTarget { target: Some(target) }),
                court: court.to_owned(),
                document: "order".to_owned(),
            })
        };
        let tonnes = |account_id, quantity_tco2e| {
            let instrument = "CEA-2020".to_owned();
            Some(Target::Tonnes(FrozenTonnes { account_id, instrument, quantity_tco2e }))
        };
        let lift = |freeze_id| {
            let document = "order".to_owned();
            Command::FreezeLifting(FreezeLifting { freeze_id, document })
        };
        let not_active = (FailedPrecondition, "PLEDGE_NOT_ACTIVE", "pledge_id");
        let rows: Vec<(&str, Command, Refused)> = vec![
            ("activate an offer", activation(OFFERED, offered), not_active),
            (
                "activate an unknown one",
                activation(99, 1),
                (NotFound, "UNKNOWN_PLEDGE", "pledge_id"),
            ),
            ("enforce an active one", enforce(ACTIVE, active), not_active),
            (
                "enforce an old version",
                enforce(ACTIVE, active + 5),
                (FailedPrecondition, "STALE_VERSION", "version"),
            ),
            ("a court's release of an offer", release(OFFERED, offered, "order"), not_active),
            (
                "a court's release under a stay",
                release(STAYED, stayed, "order"),
                (FailedPrecondition, "COURT_STAY", "pledge_id"),
            ),
            (
                "a court's release without a document",
                release(ACTIVE, active, " "),
                (InvalidArgument, "FIELD_MISSING", "document"),
            ),
            (
                "a freeze of nothing",
                freeze(None, "court"),
                (InvalidArgument, "FIELD_MISSING", "target"),
            ),
            (
                "a freeze by nobody",
                freeze(Some(Target::AccountId(1)), ""),
                (InvalidArgument, "FIELD_MISSING", "court"),
            ),
            (
                "a freeze of nobody",
                freeze(Some(Target::AccountId(99)), "court"),
                (NotFound, "UNKNOWN_ACCOUNT", "account_id"),
            ),
            (
                "a freeze of no tonnes",
                freeze(tonnes(1, 0), "court"),
                (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
            ),
            (
                "a freeze of too many tonnes",
                freeze(tonnes(1, i64::MAX), "court"),
                (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
            ),
            ("a stay of an offer", freeze(Some(Target::PledgeId(OFFERED)), "court"), not_active),
            ("the end of no freeze", lift(99), (NotFound, "UNKNOWN_FREEZE", "freeze_id")),
            ("the end of freeze 0", lift(0), (InvalidArgument, "FIELD_MISSING", "freeze_id")),
        ];
        for (what, command, expected) in rows {
            self.controlled(what, command, expected).await;
        }
        Ok(())
    }

    /// The filing reference is asked for before the parties' yes is forgotten.
    async fn filing(&mut self) -> anyhow::Result<()> {
        let version = self.version(OFFERED).await?;
        let bank = self.bed.bank(ICBC, "wuhan")?;
        let step =
            bank.accept_pledge(request(OFFERED, version)).await?.pledge.context("a pledge")?;
        let mut blank = activation(OFFERED, step.version);
        if let Command::PledgeActivation(activation) = &mut blank {
            activation.filing_reference = " ".to_owned();
        }
        let expected = (FailedPrecondition, "FILING_REFERENCE_MISSING", "filing_reference");
        self.refusals.accept_changes().await?;
        self.controlled("activate without a filing", blank, expected).await;
        Ok(())
    }

    async fn sales(&mut self) -> anyhow::Result<()> {
        let exchange = self.bed.cluster.exchange()?;
        let trade = |seller, bank, tonnes| Trade {
            trade_number: 7,
            kind: TradeKind::Listed.into(),
            instrument: "CEA-2020".to_owned(),
            buyer_account: 2,
            seller_account: seller,
            buyer_bank: registry_chaos_tests::market::bank_of(2),
            seller_bank: bank,
            quantity_tco2e: tonnes,
            price_yuan: "38.76".to_owned(),
            traded_at_ms: opening_ms(&self.today).unwrap_or_default(),
        };
        let sale = |pledge_id, trade| SellPledgedRequest {
            pledge_id,
            date: self.today.clone(),
            trade: Some(trade),
            ..Default::default()
        };
        // 26 t bring 1,007.76 yuan, one less does not bring the claim of 1,000.
        let over = (FailedPrecondition, "OVER_DISPOSAL", "trade.quantity_tco2e");
        let rows = [
            ("a sale of too much", sale(ENFORCED, trade(3, ICBC, 27)), over),
            ("a sale of more than pledged", sale(ENFORCED, trade(3, ICBC, 1_001)), over),
            (
                "a sale of another's",
                sale(ENFORCED, trade(1, ICBC, 1)),
                (FailedPrecondition, "NOT_COUNTERPARTY", "trade.seller_account"),
            ),
            (
                "a sale paid elsewhere",
                sale(ENFORCED, trade(3, ABC, 1)),
                (FailedPrecondition, "NOT_COUNTERPARTY", "trade.seller_bank"),
            ),
            (
                "a sale of an active pledge",
                sale(ACTIVE, trade(1, ICBC, 1)),
                (FailedPrecondition, "PLEDGE_NOT_ACTIVE", "pledge_id"),
            ),
            (
                "a sale of nothing",
                SellPledgedRequest { trade: None, ..sale(ENFORCED, trade(3, ICBC, 1)) },
                (InvalidArgument, "FIELD_MISSING", "trade"),
            ),
        ];
        for (what, asked, expected) in rows {
            let outcome = exchange.sell_pledged(asked).await;
            self.refusals.row(what, outcome, expected).await;
        }
        // What is pledged is not for sale otherwise; nor is what belongs to a frozen account.
        let held = 10_000_000;
        let mut large = trade(3, ICBC, held - 500);
        large.kind = TradeKind::Block.into();
        let asked = SettleTradeRequest {
            date: self.today.clone(),
            trade: Some(large),
            ..Default::default()
        };
        let outcome = exchange.settle_trade(asked).await;
        self.refusals
            .row(
                "a sale of pledged tonnes",
                outcome,
                (FailedPrecondition, "PLEDGED", "trade.seller_account"),
            )
            .await;
        let bank = self.bed.bank(ICBC, "wuhan")?;
        let take = |bank_id, amount: &str| TakeProceedsRequest {
            bank_id,
            amount_yuan: amount.to_owned(),
            ..Default::default()
        };
        let outcome = bank.take_proceeds(take(ICBC, "0.01")).await;
        self.refusals
            .row(
                "proceeds of nothing",
                outcome,
                (FailedPrecondition, "INSUFFICIENT_CASH", "amount_yuan"),
            )
            .await;
        let outcome = bank.take_proceeds(take(ABC, "0.01")).await;
        self.refusals.denied("another bank's proceeds", outcome, "NOT_AUTHORISED").await;

        let target = Some(FreezeTarget { target: Some(Target::AccountId(2)) });
        let order =
            FreezeOrder { target, court: "a court".to_owned(), document: "order".to_owned() };
        self.bed.officers.freeze_step("", Command::FreezeOrder(order)).await?;
        self.refusals.accept_changes().await?;
        let frozen = "ACCOUNT_FROZEN";
        let outcome = self.bed.firm(2, "shanghai")?.propose_pledge(self.good()).await;
        self.refusals
            .row(
                "a pledge of a frozen account",
                outcome,
                (FailedPrecondition, frozen, "pledgor_account"),
            )
            .await;
        let outcome = exchange.sell_pledged(sale(ENFORCED, trade(3, ICBC, 1))).await;
        self.refusals
            .row(
                "a sale to a frozen account",
                outcome,
                (FailedPrecondition, frozen, "trade.buyer_account"),
            )
            .await;
        Ok(())
    }
}

fn other_tonnes(close: &Close, quantity_tco2e: i64) -> SubstitutionTerms {
    let price = registry_client::amount::format_fen(close.price_fen);
    SubstitutionTerms {
        instrument: "CEA-2020".to_owned(),
        quantity_tco2e,
        from: Position::Trading.into(),
        reference_price_yuan: price.clone(),
        reference_date: close.date.clone(),
        warning_price_yuan: price,
        disposal_price_yuan: "1.00".to_owned(),
        time_to_live_ms: 0,
    }
}

/// Two settled days and an open one, with a pledge in every state that is needed.
async fn set_up(bed: &Bed) -> anyhow::Result<Close> {
    let bank = bed.bank(ICBC, "shanghai")?;
    pledge(&bed.firm(1, "wuhan")?, &bank, &bed.officers, offer(1, ICBC, 1_000, &bed.close)).await?;
    let mut weak = offer(3, ICBC, 1_000, &bed.close);
    let terms = weak.terms.get_or_insert_default();
    terms.warning_price_yuan = "43.06".to_owned();
    terms.cure_period_ms = 1;
    let step = pledge(&bed.firm(3, "wuhan")?, &bank, &bed.officers, weak).await?;
    anyhow::ensure!((step.pledge_id, step.status()) == (ENFORCED, PledgeStatus::Active));
    let fallen = Close { date: bed.days[1].clone(), price_fen: 3_876 };
    let trade = Market::of_firms(4).trades(&fallen.date, 1, 1)?.remove(0);
    settle_close(bed.officers.maker(), &bed.cluster.exchange()?, trade, &fallen).await?;
    let found = bank.reads().verify_pledge(super::verification(ENFORCED)).await?;
    let pledge_id = ENFORCED;
    let default = DeclareDefaultRequest {
        pledge_id,
        version: super::seen(&found).version,
        claim_yuan: "1000.00".to_owned(),
        evidence_sha256: vec![7; 32].into(),
        ..Default::default()
    };
    let version = bank.declare_default(default).await?.pledge.context("a pledge")?.version;
    let document = "judgment".to_owned();
    let enforcement = PledgeEnforcement { pledge_id, version, document };
    bed.officers.pledge_step("", Command::PledgeEnforcement(enforcement)).await?;

    let firm = bed.firm(2, "wuhan")?;
    firm.propose_pledge(offer(2, ICBC, 10, &fallen)).await?;
    let owner = bed.firm(4, "shanghai")?;
    let step = pledge(&owner, &bank, &bed.officers, offer(4, ICBC, 1_000, &fallen)).await?;
    let others = OfferSubstitutionRequest {
        pledge_id: STAYED,
        version: step.version,
        offer: Some(other_tonnes(&fallen, 1_000)),
        ..Default::default()
    };
    owner.offer_substitution(others).await?;
    let target = Some(FreezeTarget { target: Some(Target::PledgeId(STAYED)) });
    let order = FreezeOrder { target, court: "a court".to_owned(), document: "order".to_owned() };
    bed.officers.freeze_step("", Command::FreezeOrder(order)).await?;
    let brief = ProposePledgeRequest { time_to_live_ms: 1, ..offer(2, ICBC, 10, &fallen) };
    firm.propose_pledge(brief).await?;
    eventually("the offer to expire by itself", Duration::from_secs(20), || async {
        let found = bank.reads().verify_pledge(super::verification(EXPIRED)).await?;
        Ok((super::status(&found) == PledgeStatus::Expired).then_some(()))
    })
    .await?;
    bed.officers.maker().open_day(open_day(&bed.days[2])).await?;
    Ok(fallen)
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_code_reason_and_field_and_change_nothing() -> anyhow::Result<()> {
    let bed = Bed::start("pledge-refusals", 4, 10_000_000).await?;
    let set_up = set_up(&bed).await;
    let last = bed.cluster.with_logs(set_up)?;
    let refusals = Refusals::begin(&bed.cluster).await?;
    let today = bed.days[2].clone();
    let mut table = Table { bed: &bed, last, today, refusals };
    table.proposals().await?;
    table.parties().await?;
    table.pledgors().await?;
    table.officers().await?;
    table.filing().await?;
    table.sales().await?;
    let unknown: Result<_, ClientError> =
        bed.bank(ABC, "wuhan")?.reads().verify_pledge(super::verification(99)).await;
    let expected = (NotFound, "UNKNOWN_PLEDGE", "pledge_id");
    table.refusals.row("verify an unknown one", unknown, expected).await;
    table.refusals.end(&bed.cluster).await
}
