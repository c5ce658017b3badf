//! Pledges and freezes as events: lives that are right, and every rule broken.

use super::super::*;
use super::story::*;
use crate::formats::TradesHasher;

const FIRM: &str = "firm/1";
const BANK: &str = "bank/102";
/// The life's second day; it is open.
const NEXT_DAY: u32 = 20_211_217;
const HOUR_MS: i64 = 3_600_000;
/// 2022-07-02 in Beijing: a day past maturity and the time to cure.
const LATE_MS: i64 = 1_656_700_000_000;

/// A life that goes on.
#[derive(Clone)]
struct Story {
    steps: Vec<Step>,
    now_ms: i64,
    log_index: u64,
    proposals: u64,
}

impl Story {
    fn new() -> Self {
        let steps = life();
        let last = &steps.last().expect("a life").event;
        let (now_ms, log_index) = (last.ledger_time_ms, last.log_index);
        Self { steps, now_ms, log_index, proposals: 4 }
    }

    fn push(&mut self, actor: &str, what: What, postings: Vec<Posting>, trades: &[TradeLine]) {
        let number = self.steps.len() as u64 + 1;
        let (log_index, ledger_time_ms) = (self.log_index, self.now_ms);
        let actor = actor.to_owned();
        let event = Event { number, log_index, ledger_time_ms, actor, what, postings };
        self.steps.push(Step { event, trades: trades.to_vec() });
    }

    /// In an entry of its own.
    fn by(mut self, actor: &str, what: What, postings: Vec<Posting>) -> Self {
        self.log_index += 1;
        self.push(actor, what, postings, &[]);
        self
    }

    /// In the entry of the event before.
    fn and(mut self, actor: &str, what: What, postings: Vec<Posting>) -> Self {
        self.push(actor, what, postings, &[]);
        self
    }

    fn proposed(mut self) -> Self {
        self.proposals += 1;
        let expires_at_ms = self.now_ms + HOUR_MS;
        let proposal = self.proposals;
        self.by(MAKER, What::Proposed { proposal, content_sha256: [5; 32], expires_at_ms }, vec![])
    }

    fn approved(self) -> Self {
        let approved = What::Approved { proposal: self.proposals, maker: MAKER.to_owned() };
        self.and(OFFICER, approved, vec![])
    }

    /// By two people.
    fn controlled(self, what: What, postings: Vec<Posting>) -> Self {
        self.proposed().by(OFFICER, what, postings).approved()
    }

    fn at(mut self, now_ms: i64) -> Self {
        self.now_ms = now_ms;
        self
    }

    fn closed_at(self, price_fen: i64) -> Self {
        let hasher = TradesHasher::new("2021-12-17").expect("a date");
        let closed = What::DayClosed {
            date: date(NEXT_DAY),
            trades: 0,
            tonnes: 0,
            fen: 0,
            trades_sha256: hasher.finish(),
            closes: vec![(cea(), price_fen)],
        };
        self.by("exchange/sh", closed, vec![])
    }

    fn sale(mut self, tonnes: i64, trade: TradeLine) -> Self {
        self.log_index += 1;
        let sold = What::PledgedSold {
            parties: parties(),
            date: date(NEXT_DAY),
            trade: 21,
            tonnes,
            left: 100 - tonnes,
        };
        let way = moved(PositionPart::Pledged, PositionPart::Trading, tonnes);
        self.push("exchange/sh", sold, way, &[]);
        let mut hasher = TradesHasher::new("2021-12-17").expect("a date");
        hasher.add(&trade.to_wire()).expect("a trade");
        let (date, trades_sha256) = (date(NEXT_DAY), hasher.finish());
        let settled = What::TradesSettled { date, first: 1, count: 1, trades_sha256 };
        self.push("exchange/sh", settled, vec![], &[trade]);
        self
    }

    fn paid(self, fen: i64, disposed: bool, rest: i64) -> Self {
        let mut lines = vec![cash(SELLER, 102, -fen), pot(102, CashPot::Proceeds, fen)];
        if rest > 0 {
            lines.extend(moved(PositionPart::Pledged, PositionPart::Registered, rest));
        }
        self.and("exchange/sh", What::ProceedsPaid { parties: parties(), fen, disposed }, lines)
    }
}

fn parties() -> PledgeParties {
    PledgeParties { pledge: 1, pledgor: SELLER, pledgee: 102 }
}

fn moved(from: PositionPart, to: PositionPart, tonnes: i64) -> Vec<Posting> {
    vec![goods(SELLER, from, -tonnes), goods(SELLER, to, tonnes)]
}

fn taken(tonnes: i64) -> Vec<Posting> {
    moved(PositionPart::Registered, PositionPart::Pledged, tonnes)
}

fn back(tonnes: i64) -> Vec<Posting> {
    moved(PositionPart::Pledged, PositionPart::Registered, tonnes)
}

/// 100 t at 43.10 for a loan of 1,000 yuan at half of it.
fn offer(change: impl FnOnce(&mut PledgeTerms)) -> What {
    let mut terms = PledgeTerms {
        contract: "ICBC-2021-77".to_owned(),
        principal_fen: 100_000,
        maturity: date(20_220_630),
        reference_price_fen: 4_310,
        reference_date: date(DAY),
        loan_to_value_bp: 5_000,
        warning_price_fen: 4_000,
        disposal_price_fen: 3_500,
        cure_period_ms: 24 * HOUR_MS,
    };
    change(&mut terms);
    What::PledgeProposed {
        pledge: 1,
        pledgor: SELLER,
        pledgee: 102,
        instrument: cea(),
        tonnes: 100,
        from: FreePart::Registered,
        terms,
        expires_at_ms: Story::new().now_ms + HOUR_MS,
    }
}

fn offered() -> Story {
    Story::new().by(FIRM, offer(|_| {}), taken(100))
}

fn accept() -> What {
    What::PledgeAccepted { parties: parties() }
}

fn accepted() -> Story {
    offered().by(BANK, accept(), vec![])
}

fn activate() -> What {
    What::PledgeActivated { parties: parties(), filing_reference: "filing".to_owned() }
}

fn active() -> Story {
    accepted().controlled(activate(), vec![])
}

fn add(tonnes: i64) -> What {
    What::PledgeAdded { parties: parties(), tonnes }
}

fn release(tonnes: i64, left: i64, document: &str) -> What {
    What::PledgeReleased { parties: parties(), tonnes, left, document: document.to_owned() }
}

fn called(price_fen: i64, now_ms: i64) -> What {
    let (date, cure_deadline_ms) = (date(NEXT_DAY), now_ms + 24 * HOUR_MS);
    What::MarginCalled { parties: parties(), price_fen, date, cure_deadline_ms }
}

fn cured(price_fen: i64) -> What {
    What::MarginCured { parties: parties(), price_fen, date: date(NEXT_DAY) }
}

fn margin_call() -> Story {
    let story = active().closed_at(3_900);
    let call = called(3_900, story.now_ms);
    story.and("exchange/sh", call, vec![])
}

fn default(claim_fen: i64) -> What {
    What::PledgeDefaulted { parties: parties(), claim_fen, evidence_sha256: [9; 32] }
}

fn enforce() -> What {
    What::PledgeEnforcing { parties: parties(), document: "judgment".to_owned() }
}

fn enforcing() -> Story {
    active().at(LATE_MS).by(BANK, default(90_000), vec![]).controlled(enforce(), vec![])
}

/// 21 t at 43.10 are 905.10 yuan: just more than the claim of 900.
fn sold(tonnes: i64) -> TradeLine {
    TradeLine { tonnes, price_fen: 4_310, seller_bank: 102, ..trade(21, BUYER) }
}

fn other(tonnes: i64) -> OtherTonnes {
    OtherTonnes {
        instrument: cea(),
        tonnes,
        from: FreePart::Trading,
        reference_price_fen: 4_310,
        reference_date: date(DAY),
        warning_price_fen: 4_200,
        disposal_price_fen: 4_000,
        expires_at_ms: Story::new().now_ms + HOUR_MS,
    }
}

fn other_offered(tonnes: i64) -> Story {
    let way = moved(PositionPart::Trading, PositionPart::Pledged, tonnes);
    let what = What::SubstitutionOffered { parties: parties(), other: other(tonnes) };
    active().by(FIRM, what, way)
}

fn substituted() -> What {
    What::Substituted { parties: parties(), instrument: cea(), tonnes: 100 }
}

fn other_ended() -> What {
    What::SubstitutionEnded { parties: parties() }
}

fn frozen(target: FreezeTarget, stayed: Vec<PledgeParties>) -> What {
    let text = |text: &str| text.to_owned();
    let (court, document) = (text("court"), text("order"));
    What::Frozen { freeze: 1, target, account: SELLER, court, document, stayed }
}

fn second_freeze(target: FreezeTarget) -> What {
    let (court, document) = ("court".to_owned(), "order 2".to_owned());
    What::Frozen { freeze: 2, target, account: SELLER, court, document, stayed: vec![] }
}

fn tonnes(tonnes: i64) -> FreezeTarget {
    FreezeTarget::Tonnes { account: SELLER, instrument: cea(), tonnes }
}

fn lifted(stayed: Vec<PledgeParties>) -> What {
    What::FreezeLifted { freeze: 1, account: SELLER, document: "order 2".to_owned(), stayed }
}

fn seized(registered: i64, trading: i64) -> Vec<Posting> {
    vec![
        goods(SELLER, PositionPart::Registered, -registered),
        goods(SELLER, PositionPart::Trading, -trading),
        goods(SELLER, PositionPart::Frozen, registered + trading),
    ]
}

fn given_back(registered: i64, trading: i64) -> Vec<Posting> {
    let mut lines = seized(-registered, -trading);
    lines.rotate_right(1);
    lines
}

fn executed(freeze: u64) -> What {
    let (account, document) = (SELLER, "order 3".to_owned());
    What::FreezeExecuted { freeze, account, document, document_sha256: [3; 32] }
}

fn to_buyer(tonnes: i64) -> Vec<Posting> {
    vec![
        goods(SELLER, PositionPart::Frozen, -tonnes),
        goods(BUYER, PositionPart::Registered, tonnes),
    ]
}

/// 400 t registered, 600 t trading and a stay over the 100 t that are pledged.
fn stayed() -> Story {
    active().controlled(frozen(tonnes(1_050), vec![parties()]), seized(400, 600))
}

fn account_frozen(story: Story) -> Story {
    story.controlled(frozen(FreezeTarget::Account { account: SELLER }, vec![]), vec![])
}

/// Pledge 1 is active and under a stay, 2 was declined, 3 waits; freeze 2 was
/// lifted. Says when the life began to go on, too.
pub(super) fn encumbered() -> (Vec<Step>, i64) {
    let numbered = |number: u64, mut what: What| {
        match &mut what {
            What::PledgeProposed { pledge, .. } => *pledge = number,
            What::Frozen { freeze, .. } | What::FreezeLifted { freeze, .. } => *freeze = number,
            _ => {}
        }
        what
    };
    let second = What::PledgeDeclined { parties: PledgeParties { pledge: 2, ..parties() } };
    let account = FreezeTarget::Account { account: SELLER };
    let story = active()
        .by(FIRM, numbered(2, offer(|_| {})), taken(100))
        .by(FIRM, second, back(100))
        .by(FIRM, numbered(3, offer(|_| {})), taken(100))
        .controlled(frozen(FreezeTarget::Pledge { pledge: 1 }, vec![parties()]), vec![])
        .controlled(numbered(2, frozen(account, vec![])), vec![])
        .controlled(numbered(2, lifted(vec![])), vec![])
        .controlled(numbered(3, frozen(tonnes(350), vec![])), seized(300, 50));
    (story.steps, Story::new().now_ms)
}

fn right(case: &str, story: &Story) -> Auditor {
    let auditor = audit(&story.steps).unwrap_or_else(|finding| panic!("{case}: {finding}"));
    auditor.check_complete().unwrap_or_else(|wrong| panic!("{case}: {wrong:?}"));
    auditor
}

#[test]
fn lives_of_pledges_and_freezes_add_up() {
    let declined = What::PledgeDeclined { parties: parties() };
    let expired = What::PledgeExpired { parties: parties() };
    let later = offered().now_ms + HOUR_MS;
    let until = What::UsableUntilSet { instrument: cea(), usable_until: Some(date(20_220_630)) };
    let stories = [
        ("declined", accepted().by(FIRM, declined.clone(), back(100))),
        ("expired", offered().at(later).by("node/11", expired, back(100))),
        (
            "added to",
            active().by(FIRM, add(5), moved(PositionPart::Trading, PositionPart::Pledged, 5)),
        ),
        (
            "released in parts",
            active().by(BANK, release(40, 60, ""), back(40)).by(BANK, release(60, 0, ""), back(60)),
        ),
        ("released by a court", active().controlled(release(100, 0, "order"), back(100))),
        ("other tonnes taken", other_offered(90).by(BANK, substituted(), back(100))),
        (
            "other tonnes refused",
            other_offered(90).by(
                BANK,
                other_ended(),
                moved(PositionPart::Pledged, PositionPart::Trading, 90),
            ),
        ),
        (
            "usable until maturity",
            Story::new().by(OFFICER, until, vec![]).by(FIRM, offer(|_| {}), taken(100)),
        ),
        ("sold", enforcing().sale(21, sold(21)).paid(90_000, true, 79)),
        ("a part sold", enforcing().sale(20, sold(20)).paid(86_200, false, 0)),
        ("stayed and lifted", stayed().controlled(lifted(vec![parties()]), given_back(400, 600))),
        (
            "executed in parts, the rest lifted",
            stayed()
                .controlled(executed(1), to_buyer(300))
                .controlled(executed(1), to_buyer(250))
                .controlled(
                    lifted(vec![parties()]),
                    moved(PositionPart::Frozen, PositionPart::Trading, 450),
                ),
        ),
        (
            "executed in full",
            stayed()
                .controlled(executed(1), to_buyer(1_000))
                .controlled(lifted(vec![parties()]), vec![]),
        ),
        (
            "executed out of a frozen account",
            stayed()
                .controlled(second_freeze(FreezeTarget::Account { account: SELLER }), vec![])
                .controlled(executed(1), to_buyer(1)),
        ),
        (
            "an offer that a court ends",
            offered()
                .proposed()
                .by(OFFICER, declined, back(100))
                .and(OFFICER, frozen(tonnes(1_050), vec![]), seized(500, 550))
                .approved(),
        ),
        ("an account", account_frozen(active()).controlled(lifted(vec![]), vec![])),
    ];
    for (case, story) in &stories {
        right(case, story);
    }
    let proceeds = enforcing().sale(21, sold(21)).paid(90_000, true, 79);
    let lines = vec![pot(102, CashPot::Proceeds, -90_000), pot(102, CashPot::Withdrawn, 90_000)];
    let auditor = right("taken", &proceeds.by(BANK, What::ProceedsTaken {}, lines));
    assert_eq!(auditor.books.banks[&102].pot(CashPot::Proceeds), 0);
    assert_eq!(auditor.books.tonnes(SELLER, cea(), PositionPart::Pledged), 0);
}

#[test]
fn margin_is_called_and_cured_exactly_when_the_close_demands_it() {
    // 100 t at 40.00 are the line: 39.00 falls short, and 103 t of it do not.
    right("called", &margin_call());
    right("no call at the line", &active().closed_at(4_000));
    let story = margin_call().by(FIRM, add(3), taken(3));
    right("cured", &story.clone().and(FIRM, cured(3_900), vec![]));
    right("2 t are too few", &margin_call().by(FIRM, add(2), taken(2)));
    let holiday = What::HolidaysSet { dates: vec![] };
    let now_ms = active().now_ms;
    let cases = [
        ("no call", active().closed_at(3_900).by(OFFICER, holiday.clone(), vec![]), "what follows"),
        (
            "a call at the line",
            active().closed_at(4_000).and("exchange/sh", called(4_000, now_ms), vec![]),
            "what follows",
        ),
        ("no cure", story.clone().by(OFFICER, holiday, vec![]), "what follows"),
        (
            "a cure of too few tonnes",
            margin_call().by(FIRM, add(2), taken(2)).and(FIRM, cured(3_900), vec![]),
            "what follows",
        ),
        (
            "another price",
            active().closed_at(3_900).and("exchange/sh", called(3_899, now_ms), vec![]),
            "last close",
        ),
        (
            "another deadline",
            active().closed_at(3_900).and("exchange/sh", called(3_900, now_ms + 1), vec![]),
            "end of the time to cure",
        ),
    ];
    for (case, story, what) in &cases {
        caught(case, &story.steps, what);
    }
    let missing = audit(&active().closed_at(3_900).steps).expect("so far");
    assert!(missing.check_complete().is_err(), "the journal ends before the call");
}

#[test]
fn offers_keep_to_the_terms_that_are_possible() {
    type Change = fn(&mut PledgeTerms);
    let cases: [(&str, Change, &str); 10] = [
        ("another price", |t| t.reference_price_fen += 1, "last close"),
        ("another day", |t| t.reference_date = date(20_211_215), "day of the last close"),
        ("too much lent", |t| t.principal_fen = 215_501, "share of the value"),
        ("nothing lent", |t| t.principal_fen = 0, "a principal"),
        ("more than all", |t| t.loan_to_value_bp = 10_001, "loan to value"),
        ("due today", |t| t.maturity = date(DAY), "maturity after today"),
        ("warning above", |t| t.warning_price_fen = 4_311, "in order"),
        ("disposal above", |t| t.disposal_price_fen = 4_001, "in order"),
        ("no disposal line", |t| t.disposal_price_fen = 0, "in order"),
        ("no time to cure", |t| t.cure_period_ms = 0, "a time to cure"),
    ];
    for (case, change, what) in cases {
        caught(case, &Story::new().by(FIRM, offer(change), taken(100)).steps, what);
    }
    let late = Story::new().now_ms + 12 * 24 * HOUR_MS;
    caught(
        "an old close",
        &Story::new().at(late).by(FIRM, offer(|_| {}), taken(100)).steps,
        "ten days",
    );
    let until = What::UsableUntilSet { instrument: cea(), usable_until: Some(date(20_220_629)) };
    let spoiled = Story::new().by(OFFICER, until, vec![]).by(FIRM, offer(|_| {}), taken(100));
    caught("an old vintage", &spoiled.steps, "usable until maturity");
    // Usable on the day of maturity, and not any more when it is overdue.
    let until = What::UsableUntilSet { instrument: cea(), usable_until: Some(date(20_220_701)) };
    let overdue = active().by(OFFICER, until, vec![]);
    let overdue = overdue.at(Story::new().now_ms + 220 * 24 * HOUR_MS);
    let other = What::SubstitutionOffered { parties: parties(), other: other(90) };
    let way = moved(PositionPart::Trading, PositionPart::Pledged, 90);
    let spoiled = overdue.by(FIRM, other, way);
    caught("an old vintage for an overdue loan", &spoiled.steps, "usable until maturity");
    caught("a number twice", &offered().by(FIRM, offer(|_| {}), taken(100)).steps, "new pledge");
    caught("by another", &Story::new().by(BANK, offer(|_| {}), taken(100)).steps, "who does it");
    caught("fewer held", &Story::new().by(FIRM, offer(|_| {}), taken(99)).steps, "postings");
    let elsewhere = moved(PositionPart::Trading, PositionPart::Pledged, 100);
    caught("from elsewhere", &Story::new().by(FIRM, offer(|_| {}), elsewhere).steps, "postings");
}

#[test]
fn steps_of_a_pledge_out_of_order_are_caught() {
    const STATE: &str = "state of pledge 1";
    let later = offered().now_ms + HOUR_MS;
    let expired = || What::PledgeExpired { parties: parties() };
    let stranger = PledgeParties { pledgee: 103, ..parties() };
    let lapsed = || offered().at(later);
    let back_to_trading = moved(PositionPart::Pledged, PositionPart::Trading, 90);
    let cases = [
        ("active before it is accepted", offered().controlled(activate(), vec![]), STATE),
        ("accepted twice", accepted().by(BANK, accept(), vec![]), STATE),
        ("accepted late", lapsed().by(BANK, accept(), vec![]), "acceptance in time"),
        ("accepted by another", offered().by("bank/103", accept(), vec![]), "who does it"),
        ("an unknown pledge", Story::new().by(BANK, accept(), vec![]), "pledge"),
        (
            "other parties",
            offered().by("bank/103", What::PledgeAccepted { parties: stranger }, vec![]),
            "parties of pledge 1",
        ),
        ("expired early", offered().by("node/11", expired(), back(100)), "time of the offer over"),
        ("expired once accepted", accepted().at(later).by("node/11", expired(), back(100)), STATE),
        (
            "declined by nobody",
            offered().by(OFFICER, What::PledgeDeclined { parties: parties() }, back(100)).by(
                OFFICER,
                What::HolidaysSet { dates: vec![] },
                vec![],
            ),
            "what follows",
        ),
        ("added before it is active", accepted().by(FIRM, add(5), taken(5)), STATE),
        (
            "released before it is active",
            accepted().by(BANK, release(100, 0, ""), back(100)),
            STATE,
        ),
        (
            "released by the pledgor",
            active().by(FIRM, release(100, 0, ""), back(100)),
            "who does it",
        ),
        ("more released", active().by(BANK, release(101, -1, ""), back(101)), "no more released"),
        ("another rest", active().by(BANK, release(40, 61, ""), back(40)), "tonnes left"),
        ("uncovered", active().by(BANK, release(60, 40, ""), back(60)), "still covered"),
        (
            "released again",
            active().by(BANK, release(100, 0, ""), back(100)).by(BANK, release(1, -1, ""), back(1)),
            STATE,
        ),
        ("defaulted early", active().by(BANK, default(1), vec![]), "time to cure over"),
        (
            "defaulted in the time to cure",
            margin_call().by(BANK, default(1), vec![]),
            "time to cure over",
        ),
        ("defaulted by another", active().at(LATE_MS).by(FIRM, default(1), vec![]), "who does it"),
        ("enforced without default", active().controlled(enforce(), vec![]), STATE),
        ("sold without enforcement", active().sale(21, sold(21)), STATE),
        ("other tonnes too few", other_offered(40), "still covered"),
        (
            "taken and not offered",
            active().by(BANK, substituted(), back(100)),
            "other tonnes on offer",
        ),
        (
            "taken late",
            other_offered(90).at(later).by(BANK, substituted(), back(100)),
            "acceptance in time",
        ),
        (
            "ended by nobody",
            other_offered(90).by("node/11", other_ended(), back_to_trading).by(
                OFFICER,
                What::HolidaysSet { dates: vec![] },
                vec![],
            ),
            "what follows",
        ),
        (
            "released beside other tonnes",
            other_offered(90).by(BANK, release(100, 0, ""), back(100)),
            "other tonnes gone back",
        ),
    ];
    for (case, story, what) in &cases {
        caught(case, &story.steps, what);
    }
}

#[test]
fn what_needs_two_people_is_approved_in_its_own_entry() {
    let order = || frozen(FreezeTarget::Account { account: SELLER }, vec![]);
    let defaulted = active().at(LATE_MS).by(BANK, default(90_000), vec![]);
    let alone = [
        ("activation", accepted().proposed().by(OFFICER, activate(), vec![])),
        ("enforcement", defaulted.proposed().by(OFFICER, enforce(), vec![])),
        ("a court's release", active().proposed().by(OFFICER, release(100, 0, "o"), back(100))),
        ("a freeze", active().proposed().by(OFFICER, order(), vec![])),
        (
            "the end of a freeze",
            account_frozen(active()).proposed().by(OFFICER, lifted(vec![]), vec![]),
        ),
        ("an execution", stayed().proposed().by(OFFICER, executed(1), to_buyer(5))),
    ];
    for (case, story) in &alone {
        right(case, &story.clone().approved());
        let holiday = What::HolidaysSet { dates: vec![] };
        caught(case, &story.clone().and(OFFICER, holiday, vec![]).steps, "what follows");
        let approved = What::Approved { proposal: story.proposals, maker: MAKER.to_owned() };
        let later = story.clone().by(OFFICER, approved, vec![]);
        caught(case, &later.steps, "log index of what follows");
        let unfinished = audit(&story.steps).expect("so far");
        assert!(unfinished.check_complete().is_err(), "{case}");
    }
}

#[test]
fn what_a_sale_brings_goes_to_the_pledgee_as_far_as_its_claim() {
    let wrong_bank = TradeLine { seller_bank: 103, ..sold(21) };
    let wrong_number = TradeLine { number: 22, ..sold(21) };
    let none = What::HolidaysSet { dates: vec![] };
    let taken = vec![pot(102, CashPot::Proceeds, -1), pot(102, CashPot::Withdrawn, 1)];
    let cases = [
        ("too much", enforcing().sale(21, sold(21)).paid(90_001, true, 79), "fen for the pledgee"),
        (
            "too little",
            enforcing().sale(21, sold(21)).paid(89_999, true, 79),
            "fen for the pledgee",
        ),
        ("not ended", enforcing().sale(21, sold(21)).paid(90_000, false, 0), "disposed of"),
        ("the rest kept", enforcing().sale(21, sold(21)).paid(90_000, true, 0), "postings"),
        ("ended early", enforcing().sale(20, sold(20)).paid(86_200, true, 80), "disposed of"),
        ("more sold than needed", enforcing().sale(22, sold(22)), "than the claim needs"),
        ("paid elsewhere", enforcing().sale(21, wrong_bank), "bank that the sale is paid at"),
        ("another trade", enforcing().sale(21, wrong_number), "what follows"),
        ("paid without a sale", enforcing().paid(1, false, 0), "proceeds"),
        ("not paid", enforcing().sale(21, sold(21)).by(OFFICER, none, vec![]), "what follows"),
        ("taken before it is there", active().by(BANK, What::ProceedsTaken {}, taken), "proceeds"),
    ];
    for (case, story, what) in &cases {
        caught(case, &story.steps, what);
    }
}

#[test]
fn freezes_take_what_is_free_first_and_give_it_back() {
    let of_pledge = |account: u64| What::Frozen {
        freeze: 1,
        target: FreezeTarget::Pledge { pledge: 1 },
        account,
        court: "court".to_owned(),
        document: "order".to_owned(),
        stayed: vec![parties()],
    };
    right("a pledge", &active().controlled(of_pledge(SELLER), vec![]));
    let some =
        vec![goods(SELLER, PositionPart::Trading, -50), goods(SELLER, PositionPart::Frozen, 50)];
    let to_trading = moved(PositionPart::Registered, PositionPart::Trading, 1);
    let asked = vec![
        cash(BUYER, 102, -1),
        Posting::Cash { account: BUYER, bank: 102, part: CashPart::PendingOut, fen: 1 },
    ];
    let buyer_frozen = What::Frozen {
        freeze: 1,
        target: FreezeTarget::Account { account: BUYER },
        account: BUYER,
        court: "court".to_owned(),
        document: "order".to_owned(),
        stayed: vec![],
    };
    let all = || frozen(tonnes(1_050), vec![parties()]);
    let cases = [
        (
            "an offer, not recognised",
            accepted().controlled(of_pledge(SELLER), vec![]),
            "recognised",
        ),
        ("of another", active().controlled(of_pledge(BUYER), vec![]), "account of the freeze"),
        ("trading first", active().controlled(frozen(tonnes(50), vec![]), some), "postings"),
        ("less than there is", active().controlled(all(), seized(400, 599)), "postings"),
        (
            "no stay",
            active().controlled(frozen(tonnes(1_050), vec![]), seized(400, 600)),
            "under the stay",
        ),
        (
            "out of reach",
            active().controlled(frozen(tonnes(1_101), vec![parties()]), seized(400, 600)),
            "within reach",
        ),
        (
            "an offer left open",
            offered().controlled(frozen(tonnes(1_050), vec![]), seized(400, 600)),
            "before pledges are stayed",
        ),
        ("released", stayed().by(BANK, release(100, 0, ""), back(100)), "court stays"),
        (
            "released by a court",
            stayed().controlled(release(100, 0, "order"), back(100)),
            "court stays",
        ),
        (
            "enforced",
            stayed().at(LATE_MS).by(BANK, default(1), vec![]).controlled(enforce(), vec![]),
            "court stays",
        ),
        (
            "sold",
            enforcing().controlled(of_pledge(SELLER), vec![]).sale(21, sold(21)),
            "court stays",
        ),
        (
            "more given back",
            stayed().controlled(lifted(vec![parties()]), given_back(401, 599)),
            "postings",
        ),
        (
            "a stay left",
            stayed().controlled(lifted(vec![]), given_back(400, 600)),
            "were under the stay",
        ),
        ("lifted and not imposed", active().controlled(lifted(vec![]), vec![]), "freeze"),
        (
            "lifted twice",
            account_frozen(active())
                .controlled(lifted(vec![]), vec![])
                .controlled(lifted(vec![]), vec![]),
            "freeze",
        ),
        (
            "moved though frozen",
            account_frozen(active()).by(FIRM, What::HoldingMoved {}, to_trading),
            "account 1 frozen",
        ),
        (
            "withdrawn though frozen",
            Story::new().controlled(buyer_frozen, vec![]).by(
                "firm/2",
                What::WithdrawalRequested { withdrawal: 1 },
                asked,
            ),
            "account 2 frozen",
        ),
        ("accepted though frozen", account_frozen(offered()).by(BANK, accept(), vec![]), "frozen"),
        ("added though frozen", account_frozen(active()).by(FIRM, add(5), taken(5)), "frozen"),
        (
            "activated though frozen",
            account_frozen(accepted()).controlled(activate(), vec![]),
            "frozen",
        ),
        ("sold though frozen", account_frozen(enforcing()).sale(21, sold(21)), "both legs"),
    ];
    for (case, story, what) in &cases {
        caught(case, &story.steps, what);
    }
}

#[test]
fn a_court_takes_no_more_than_its_freeze_holds() {
    let two = || {
        let ten = vec![
            goods(SELLER, PositionPart::Registered, -10),
            goods(SELLER, PositionPart::Frozen, 10),
        ];
        let five = vec![
            goods(SELLER, PositionPart::Registered, -5),
            goods(SELLER, PositionPart::Frozen, 5),
        ];
        active()
            .controlled(frozen(tonnes(10), vec![]), ten)
            .controlled(second_freeze(tonnes(5)), five)
    };
    right("of two", &two().controlled(executed(1), to_buyer(10)));
    let to = |account, part, tonnes: i64| {
        vec![goods(SELLER, PositionPart::Frozen, -tonnes), goods(account, part, tonnes)]
    };
    let of_another = What::FreezeExecuted {
        freeze: 1,
        account: BUYER,
        document: "order 3".to_owned(),
        document_sha256: [3; 32],
    };
    let without_document = What::FreezeExecuted {
        freeze: 1,
        account: SELLER,
        document: " ".to_owned(),
        document_sha256: [3; 32],
    };
    let taken_back =
        || vec![goods(BUYER, PositionPart::Registered, -1), goods(SELLER, PositionPart::Frozen, 1)];
    let registered = PositionPart::Registered;
    let cases = [
        (
            "more than it holds",
            two().controlled(executed(1), to_buyer(11)),
            "than the freeze holds",
        ),
        (
            "the same tonnes twice",
            two().controlled(executed(1), to_buyer(10)).controlled(executed(1), to_buyer(1)),
            "than the freeze holds",
        ),
        ("no freeze", two().controlled(executed(3), to_buyer(1)), "freeze"),
        (
            "lifted before",
            stayed()
                .controlled(lifted(vec![parties()]), given_back(400, 600))
                .controlled(executed(1), to_buyer(1)),
            "freeze",
        ),
        (
            "of an account",
            account_frozen(active()).controlled(executed(1), to_buyer(1)),
            "target of the freeze",
        ),
        ("of another", two().controlled(of_another, to_buyer(1)), "whose freeze"),
        (
            "to the holder",
            two().controlled(executed(1), to(SELLER, registered, 1)),
            "not the holder",
        ),
        ("to nobody", two().controlled(executed(1), to(99, registered, 1)), "account"),
        (
            "into trading",
            two().controlled(executed(1), to(BUYER, PositionPart::Trading, 1)),
            "postings",
        ),
        ("nothing", two().controlled(executed(1), vec![]), "postings"),
        ("backwards", two().controlled(executed(1), taken_back()), "not the holder"),
        ("less than nothing", two().controlled(executed(1), to_buyer(-1)), "the court takes"),
        ("without a document", two().controlled(without_document, to_buyer(1)), "a document"),
        (
            "lifted with what was taken",
            stayed()
                .controlled(executed(1), to_buyer(300))
                .controlled(lifted(vec![parties()]), given_back(400, 600)),
            "postings",
        ),
        (
            "trading taken first",
            stayed()
                .controlled(executed(1), to_buyer(300))
                .controlled(lifted(vec![parties()]), given_back(400, 300)),
            "postings",
        ),
    ];
    for (case, story, what) in &cases {
        caught(case, &story.steps, what);
    }
}

#[test]
fn a_trade_is_held_for_what_stands_in_its_way() {
    let short = |story: &Story, tonnes| {
        let auditor = right("a story", story);
        auditor.books.short_leg(&TradeLine { price_fen: 1, ..sold(tonnes) })
    };
    assert_eq!(short(&active(), 600), None);
    assert_eq!(short(&active(), 700), Some(TradeMark::HeldForPledge));
    assert_eq!(short(&active(), 701), Some(TradeMark::HeldForGoods));
    assert_eq!(short(&stayed(), 100), Some(TradeMark::HeldForPledge));
    assert_eq!(short(&stayed(), 1_000), Some(TradeMark::HeldForFreeze));
    assert_eq!(short(&stayed(), 1_001), Some(TradeMark::HeldForGoods));
    assert_eq!(short(&account_frozen(active()), 1), Some(TradeMark::HeldForFreeze));
}
