//! The ledger itself: applying entries in order and sealing what they changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::account::{Account, Balances, place};
use crate::bank::Banks;
use crate::cash::OpenWithdrawals;
use crate::cluster::{Restoration, Topology};
use crate::code_index::CodeIndex;
use crate::codec::Writer;
use crate::command::{Command, Entry, Genesis};
use crate::compliance::Compliance;
use crate::control::Counters;
use crate::digest::{Digest, HashSum};
use crate::freeze::Freezes;
use crate::inclusive::Inclusive;
use crate::instrument::Instrument;
use crate::journal::{Journal, What};
use crate::pledge::Pledges;
use crate::proposals::Proposals;
use crate::receipt::{Answer, Receipt};
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::repo::Repos;
use crate::requests::Answers;
use crate::segmented::Segmented;
use crate::settlement::day::Day;
use crate::text;
use crate::totals::PositionTotals;
use crate::touched::Touched;
use crate::types::{AccountId, BankId, Date, Fen, InstrumentCode, LedgerTime};

/// Accounts whose balances are read before the first of them is worked on:
/// few enough to stay in the nearest cache.
pub(crate) const READ_AHEAD: usize = 32;

/// The whole state of the registry.
///
/// Everything that [`Ledger::apply`] reads is part of [`Ledger::records`];
/// indexes beside it are rebuilt by [`Ledger::load`].
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(crate) genesis: Option<Genesis>,
    /// The cluster as it stands since; there as soon as the genesis is.
    pub(crate) topology: Option<Arc<Topology>>,
    /// What this registry was made of, if it is a restoration.
    pub(crate) restoration: Option<Restoration>,
    /// Greatest time any leader has stamped.
    pub(crate) now: LedgerTime,
    /// An account's place is its number less one.
    pub(crate) accounts: Segmented<Account>,
    /// What each account holds, in the same places; apart, because it is read
    /// and written for every trade.
    pub(crate) balances: Segmented<Balances>,
    pub(crate) banks: Banks,
    pub(crate) instruments: BTreeMap<InstrumentCode, Instrument>,
    pub(crate) holidays: BTreeSet<Date>,
    pub(crate) days: BTreeMap<Date, Day>,
    pub(crate) answers: Answers,
    pub(crate) journal: Journal,
    pub(crate) counters: Counters,
    /// Commands that wait for a second person.
    pub(crate) proposals: Proposals,
    pub(crate) withdrawals: OpenWithdrawals,
    /// What accounts owe the reserve at a bank; nothing is no entry.
    pub(crate) claims: BTreeMap<(AccountId, BankId), Fen>,
    pub(crate) compliance: Compliance,
    pub(crate) pledges: Pledges,
    pub(crate) freezes: Freezes,
    /// Until when an instrument can meet obligations; open is no entry.
    pub(crate) usable_until: BTreeMap<InstrumentCode, Date>,
    pub(crate) inclusive: Inclusive,
    pub(crate) repos: Repos,

    /// Index: who has the account of a legal entity.
    pub(crate) by_uscc: CodeIndex,
    /// Index: accounts with something in `pending_in`, some of them repeatedly.
    pub(crate) pending_in: Vec<AccountId>,
    /// Index: what all accounts hold together.
    pub(crate) totals: PositionTotals,

    /// Records changed since the last seal; their old hashes are out of the sums.
    touched: Touched,
    /// Records changed since changes were last taken.
    pub(crate) changed: Touched,
    /// Room for one record's bytes.
    scratch: Writer,
    sums: Sums,
    sealed: Sums,
}

/// Sums of record hashes: the state, and the answers with ledger time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    state: HashSum,
    answers: HashSum,
}

/// Digests after one log entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Digest of the state; a rejection leaves it as it was.
    pub state_digest: Digest,
    /// Digest of remembered answers and ledger time.
    pub answers_digest: Digest,
}

impl Ledger {
    /// An empty ledger, before its genesis.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies one committed entry: same state and entry, same answer on every node.
    ///
    /// A rejection is a replicated answer, not a fault; it moves nothing.
    pub fn apply(&mut self, entry: &Entry) -> Answer {
        self.advance_time(entry.proposed_at);
        self.forget_expired_answers();
        let known = match &entry.request {
            Some(request) => self.remembered_answer(&entry.actor, request),
            None => Ok(None),
        };
        match known {
            Ok(Some(answer)) => answer,
            // Not remembered: the id belongs to another content, or is no id.
            Err(rejection) => self.answer(entry, Err(rejection)),
            Ok(None) => {
                let outcome = self.carry_out(entry, &entry.command);
                let answer = self.answer(entry, outcome);
                // Before the genesis there is no registry that could remember:
                // the same request succeeds once there is one.
                if let Some(request) = &entry.request
                    && self.genesis.is_some()
                {
                    self.remember(&entry.actor, request, &answer);
                }
                answer
            }
        }
    }

    /// Brings the digests up to date.
    pub fn seal(&mut self) -> Sealed {
        self.seal_events();
        self.seal_balances();
        for record in self.touched.take() {
            if let Some(hash) = self.hash(record) {
                self.sums.of(record).add(&hash);
            }
            self.changed.insert(record);
        }
        self.sealed = self.sums;
        Sealed { state_digest: self.state_digest(), answers_digest: self.answers_digest() }
    }

    /// Records sealed since changes were last taken; among more than 65,536, up
    /// to twice as many as there are.
    #[must_use]
    pub fn changed_records(&self) -> usize {
        self.changed.len()
    }

    /// Digest of the state as of the last seal, without answers and ledger time.
    #[must_use]
    pub fn state_digest(&self) -> Digest {
        self.sealed.state.digest()
    }

    /// Digest of remembered answers and ledger time as of the last seal.
    #[must_use]
    pub fn answers_digest(&self) -> Digest {
        self.sealed.answers.digest()
    }

    /// Both digests of the state as it is, computed from every record.
    #[must_use]
    pub fn recompute_digests(&self) -> (Digest, Digest) {
        let mut sums = Sums::default();
        let mut scratch = Writer::default();
        for record in self.record_keys() {
            if let Some(hash) = self.hash_with(record, &mut scratch) {
                sums.of(record).add(&hash);
            }
        }
        (sums.state.digest(), sums.answers.digest())
    }

    /// Greatest time any leader has stamped.
    #[must_use]
    pub fn ledger_time(&self) -> LedgerTime {
        self.now
    }

    /// What this cluster is; `None` before the first command.
    #[must_use]
    pub fn genesis(&self) -> Option<&Genesis> {
        self.genesis.as_ref()
    }

    /// Notes that a record is about to change. Every change of state is
    /// preceded by this, or digests and store would not see it.
    pub(crate) fn touch(&mut self, record: RecordKey) {
        if let RecordKey::Balances(id) = record {
            self.touch_balances(id);
        } else if self.touched.insert(record)
            && let Some(hash) = self.hash(record)
        {
            self.sums.of(record).subtract(&hash);
        }
    }

    fn touch_balances(&mut self, id: AccountId) {
        if let Some(balances) = place(id).and_then(|at| self.balances.get_mut(at)) {
            if balances.summed == [0; 32] {
                return;
            }
            let old = std::mem::take(&mut balances.summed);
            self.totals.subtract(&balances.holdings);
            self.sums.of(RecordKey::Balances(id)).subtract(&old);
        }
        self.touched.insert(RecordKey::Balances(id));
    }

    /// Whether all balances are in the sums.
    pub(crate) fn is_sealed(&self) -> bool {
        self.touched.balances() == 0
    }

    /// Brings balances into the sums before so many of them are touched that
    /// the first ones have left the cache. Nobody can tell.
    pub(crate) fn seal_many_balances(&mut self) {
        const MANY: usize = 4_096;
        if self.touched.balances() >= MANY {
            self.seal_balances();
        }
    }

    fn seal_balances(&mut self) {
        let touched = self.touched.take_balances();
        // The last ones first: they are still near.
        for few in touched.rchunks(READ_AHEAD) {
            self.read_ahead(few.iter().copied());
            for id in few {
                let record = RecordKey::Balances(*id);
                let Some(hash) = self.hash(record) else { continue };
                self.sums.of(record).add(&hash);
                if let Some(balances) = place(*id).and_then(|at| self.balances.get_mut(at)) {
                    balances.summed = hash;
                    self.totals.add(&balances.holdings);
                }
                self.changed.insert(record);
            }
        }
    }

    fn hash(&mut self, record: RecordKey) -> Option<[u8; 32]> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let hash = self.hash_with(record, &mut scratch);
        self.scratch = scratch;
        hash
    }

    /// Takes sums computed while loading.
    pub(crate) fn set_sealed(&mut self, sums: Sums) {
        self.sums = sums;
        self.sealed = sums;
        self.touched = Touched::default();
        self.changed = Touched::default();
    }

    pub(crate) fn advance_time(&mut self, proposed_at: LedgerTime) {
        // A new leader's clock may run behind.
        if proposed_at > self.now {
            self.touch(RecordKey::Clock);
            self.now = proposed_at;
        }
    }

    fn answer(&self, entry: &Entry, outcome: Result<Receipt, Rejection>) -> Answer {
        Answer { term: entry.term, log_index: entry.log_index, ledger_time: self.now, outcome }
    }

    /// Carries out the entry's command, or the one that it approves.
    pub(crate) fn carry_out(
        &mut self,
        entry: &Entry,
        command: &Command,
    ) -> Result<Receipt, Rejection> {
        self.attribute_events(entry);
        if let Command::Genesis(genesis) = command {
            return self.found(genesis);
        }
        if self.genesis.is_none() {
            return Err(Rejection::new(
                Reason::NotBootstrapped,
                "",
                "the cluster has no genesis yet; bootstrap it first",
            ));
        }
        match command {
            Command::Genesis(genesis) => self.found(genesis),
            Command::OpenAccount { uscc, name, kind } => self.open_account(uscc, name, *kind),
            Command::LoadAccounts { books, document } => self.load_accounts(books, document),
            Command::MoveHolding { account, instrument, from, quantity } => {
                self.move_holding(*account, *instrument, *from, *quantity)
            }
            Command::OpenBank { bank, name } => self.open_bank(*bank, name),
            Command::Deposit { account, bank, amount } => self.deposit(*account, *bank, *amount),
            Command::RegisterInstrument { instrument, reference_price } => {
                self.register_instrument(*instrument, *reference_price)
            }
            Command::Issue { account, instrument, quantity, document } => {
                self.issue(*account, *instrument, *quantity, document)
            }
            Command::SetHolidays(dates) => self.set_holidays(dates),
            Command::OpenDay { date, topup_window_ms } => self.open_day(*date, *topup_window_ms),
            Command::SubmitTrades(chunk) => self.submit_trades(chunk),
            Command::SubmitManifest { date, manifest } => self.submit_manifest(*date, manifest),
            Command::ClearDay(date) => self.clear_day(*date),
            Command::ConfirmClearing { date, clearing_sha256 } => {
                self.confirm_clearing(*date, clearing_sha256)
            }
            Command::AmendTrade { date, number, replacement, reason } => {
                self.amend_trade(*date, *number, replacement.as_ref(), reason)
            }
            Command::DeliverTrades { date, from_sequence, max_trades } => {
                self.deliver_trades(*date, *from_sequence, *max_trades)
            }
            Command::RetryHeld { date, numbers } => self.retry_held(*date, numbers),
            Command::FailHeld { date, numbers } => self.fail_held(*date, numbers),
            Command::IssueStatements(date) => self.issue_statements(*date),
            Command::RaiseObjection { date, account, text } => {
                self.raise_objection(*date, *account, text)
            }
            Command::ResolveObjection { date, account, resolution } => {
                self.resolve_objection(*date, *account, resolution)
            }
            Command::FinalizeDay(date) => self.finalize_day(*date),
            Command::SuspendDay(date) => self.suspend_day(*date),
            Command::ResumeDay(date) => self.resume_day(*date),
            Command::SettleTrade { date, trade } => {
                self.settle_trade(*date, trade, entry.log_index)
            }
            Command::Propose { content, time_to_live_ms } => {
                self.propose(&entry.actor, content, *time_to_live_ms)
            }
            Command::Approve(approval) => self.approve(entry, approval),
            Command::Decline { proposal, reason } => self.decline(&entry.actor, *proposal, reason),
            Command::WithdrawProposal(proposal) => self.withdraw_proposal(&entry.actor, *proposal),
            Command::ExpireDue => self.expire_due(),
            Command::RequestWithdrawal { account, bank, amount } => {
                self.request_withdrawal(*account, *bank, *amount)
            }
            Command::ConfirmWithdrawal { bank, withdrawal } => {
                self.confirm_withdrawal(*bank, *withdrawal)
            }
            Command::RejectWithdrawal { bank, withdrawal, reason } => {
                self.reject_withdrawal(*bank, *withdrawal, reason)
            }
            Command::ChargeFee { account, bank, amount, document } => {
                self.charge_fee(*account, *bank, *amount, document)
            }
            Command::DepositToSuspense { bank, amount, reference } => {
                self.deposit_to_suspense(*bank, *amount, reference)
            }
            Command::AllocateSuspense { bank, account, amount, document } => {
                self.allocate_suspense(*bank, *account, *amount, document)
            }
            Command::ReturnSuspense { bank, amount, document } => {
                self.return_suspense(*bank, *amount, document)
            }
            Command::FundReserve { bank, amount, document } => {
                self.fund_reserve(*bank, *amount, document)
            }
            Command::UseReserve { date, number, document } => {
                self.use_reserve(*date, *number, document)
            }
            Command::RepayReserve { account, bank, amount } => {
                self.repay_reserve(*account, *bank, *amount)
            }
            Command::Pledge(command) => self.carry_out_pledge(entry, command),
            Command::Freeze(command) => self.carry_out_freeze(command),
            Command::SetUsableUntil { instrument, usable_until } => {
                self.set_usable_until(*instrument, *usable_until)
            }
            Command::ReportBalance { bank, as_of, balance } => {
                self.report_balance(*bank, *as_of, *balance)
            }
            Command::Compliance(command) => self.carry_out_compliance(command),
            Command::Inclusive(command) => self.carry_out_inclusive(command),
            Command::Repo(command) => self.carry_out_repo(command),
            Command::Cluster(command) => self.carry_out_cluster(command),
        }
    }

    fn found(&mut self, genesis: &Genesis) -> Result<Receipt, Rejection> {
        if let Some(existing) = &self.genesis {
            return Err(Rejection::new(
                Reason::AlreadyBootstrapped,
                "",
                format!("the cluster is {} since its genesis", existing.cluster_id),
            ));
        }
        text::check_line(&genesis.cluster_id, "cluster_id")?;
        text::check_line(&genesis.layout, "layout")?;
        if genesis.cities.is_empty() || genesis.cities.iter().any(|(_, nodes)| nodes.is_empty()) {
            return Err(Rejection::new(
                Reason::FieldMissing,
                "cities",
                "genesis needs at least one city, and nodes in each",
            ));
        }
        for (city, _) in &genesis.cities {
            text::check_line(city, "cities")?;
        }
        let topology = self.founded_topology(genesis)?;
        self.touch(RecordKey::Genesis);
        self.touch(RecordKey::Topology);
        self.genesis = Some(genesis.clone());
        self.topology = Some(Arc::new(topology));
        let (cluster_id, layout) = (genesis.cluster_id.clone(), genesis.layout.clone());
        self.record(What::Founded { cluster_id, layout }, Vec::new());
        Ok(Receipt::Done)
    }
}

impl Sums {
    /// The sum that a record belongs to.
    pub(crate) fn of(&mut self, record: RecordKey) -> &mut HashSum {
        if record.is_of_answers() { &mut self.answers } else { &mut self.state }
    }
}
