//! The audit of a registry that runs, under load or not.

use registry_proto::registry::{
    Consistency, Event as WireEvent, GetJournalReply, ListAccountsRequest, ListBanksRequest,
    ListFreezesRequest, ListInclusiveAccountsRequest, ListInstrumentsRequest,
    ListObligationsRequest, ListPlatformsRequest, ListPledgesRequest, ListReposRequest,
    ListVouchersRequest, Stamp,
};

use super::auditor::{AuditCounts, Auditor};
use super::compare::Comparison;
use super::event::Event;
use super::feed::Feed;
use super::finding::{AuditError, Checked, Finding, Wrong, same, same_hash};
use super::inclusive::PersonsCompared;
use crate::{ClientError, ReadClient};

const PAGE_SIZE: u32 = 1_000;
/// Persons' accounts are small.
const PERSONS_PER_PAGE: u32 = 8_192;
/// Times that all persons are read before the audit gives up on their sum.
const PERSONS_ATTEMPTS: usize = 3;

/// A registry whose journal adds up to what it holds.
#[derive(Clone, Debug)]
pub struct NodeReport {
    /// What the events had.
    pub counts: AuditCounts,
    /// Root of the tree, here and at the node.
    pub root_sha256: [u8; 32],
    /// Accounts compared with the node's.
    pub accounts: u64,
    /// Holdings compared, each with its six parts.
    pub holdings: u64,
    /// Balances compared, each with its two parts.
    pub cash_balances: u64,
    /// Banks compared.
    pub banks: u64,
    /// Instruments compared.
    pub instruments: u64,
    /// Obligations of firms and years compared.
    pub obligations: u64,
    /// Platforms of the inclusive-platform instrument compared.
    pub platforms: u64,
    /// Accounts of their persons compared.
    pub persons: u64,
    /// Whether what the persons have was compared with what was credited and not
    /// burned: false when platforms credited or burned all the while.
    pub persons_summed: bool,
    /// Vouchers compared.
    pub vouchers: u64,
    /// Repos compared.
    pub repos: u64,
    /// Pledges compared, whatever became of them, each with its value.
    pub pledges: u64,
    /// Freezes that stand compared.
    pub freezes: u64,
    /// Where the last comparison was made.
    pub stamp: Stamp,
}

/// Audits the journal of a registry and compares what follows from it with
/// every account, bank, instrument, obligation, pledge, freeze and repo. Each page of
/// those is compared at its own log index, so the registry may go on working.
/// `on_progress` is told the events audited and how many there were at least.
///
/// With [`Consistency::StaleOk`] one node is audited as it stands, which is all
/// that a copy of a data folder can say.
///
/// # Errors
/// [`AuditError::Broken`] with the first thing that cannot be, or why the
/// registry could not be asked.
pub async fn audit_node(
    reads: &ReadClient,
    consistency: Consistency,
    on_progress: impl FnMut(u64, u64),
) -> Result<NodeReport, AuditError> {
    let consistency = consistency.into();
    let mut audit = Audit {
        feed: Feed::new(reads, consistency),
        reads,
        consistency,
        auditor: Auditor::default(),
        on_progress,
        total: 0,
        reached: 0,
    };
    audit.root().await?;

    let banks = reads.list_banks(ListBanksRequest { consistency }).await?;
    audit.advance(banks.stamp).await?;
    audit.check(audit.auditor.compare_banks(&banks.banks))?;

    let instruments = reads.list_instruments(ListInstrumentsRequest { consistency }).await?;
    audit.advance(instruments.stamp).await?;
    audit.check(audit.auditor.compare_instruments(&instruments.instruments))?;

    let obligations = audit.obligations().await?;

    let mut compared = Comparison::default();
    loop {
        let request = ListAccountsRequest {
            after_account_id: compared.accounts,
            page_size: PAGE_SIZE,
            consistency,
        };
        let page = reads.list_accounts(request).await?;
        audit.advance(page.stamp).await?;
        for account in &page.accounts {
            audit.check(compared.account(&audit.auditor, account))?;
        }
        if page.next_after_account_id == 0 || page.accounts.is_empty() {
            audit.check(compared.finish(&audit.auditor))?;
            break;
        }
    }
    let (platforms, vouchers) = audit.platforms().await?;
    let (persons, persons_summed) = audit.persons().await?;
    let repos = audit.repos().await?;
    let pledges = audit.pledges().await?;
    let freezes = audit.freezes().await?;
    let journal = audit.root().await?;
    Ok(NodeReport {
        repos,
        pledges,
        freezes,
        platforms,
        persons,
        persons_summed,
        vouchers,
        counts: audit.auditor.counts().clone(),
        root_sha256: audit.auditor.root(),
        accounts: compared.accounts,
        holdings: compared.holdings,
        cash_balances: compared.cash_balances,
        banks: banks.banks.len() as u64,
        instruments: instruments.instruments.len() as u64,
        obligations,
        stamp: journal.stamp.unwrap_or_default(),
    })
}

struct Audit<'a, P> {
    feed: Feed<'a>,
    reads: &'a ReadClient,
    /// Of every question.
    consistency: i32,
    auditor: Auditor,
    on_progress: P,
    /// Events that the node had when it was last asked.
    total: u64,
    /// Log index that the audit stands at.
    reached: u64,
}

impl<P: FnMut(u64, u64)> Audit<'_, P> {
    /// Audits up to the journal's end and compares size and root.
    async fn root(&mut self) -> Result<GetJournalReply, AuditError> {
        let journal = self.feed.journal().await?;
        self.total = journal.event_count;
        self.advance(journal.stamp).await?;
        let compared = same("events of the node", self.auditor.event_count(), journal.event_count)
            .and_then(|()| {
                same_hash("root of the node", &self.auditor.root(), &journal.root_sha256)
            })
            .and_then(|()| self.auditor.check_complete());
        self.check(compared)?;
        Ok(journal)
    }

    /// Audits every event up to an answer's log index.
    async fn advance(&mut self, stamp: Option<Stamp>) -> Result<(), AuditError> {
        let log_index = stamp.unwrap_or_default().log_index;
        if log_index < self.reached {
            let text = format!("an answer of log index {log_index} after one of {}", self.reached);
            return Err(ClientError::Protocol(text).into());
        }
        while let Some(wire) = self.feed.next_through(log_index).await? {
            self.take(&wire).await?;
        }
        self.reached = log_index;
        Ok(())
    }

    /// Compares pledges; how many there are.
    async fn pledges(&mut self) -> Result<u64, AuditError> {
        let mut compared = 0;
        loop {
            let request = ListPledgesRequest {
                after_pledge_id: compared,
                page_size: PAGE_SIZE,
                consistency: self.consistency,
                ..Default::default()
            };
            let page = self.reads.list_pledges(request).await?;
            self.advance(page.stamp).await?;
            compared = self.check(self.auditor.compare_pledges(compared, &page.pledges))?;
            if page.next_after_pledge_id == 0 || page.pledges.is_empty() {
                self.check(self.auditor.all_pledges(compared))?;
                return Ok(compared);
            }
        }
    }

    /// Compares freezes that stand; how many there are.
    async fn freezes(&mut self) -> Result<u64, AuditError> {
        let (mut compared, mut after_freeze_id) = (0, 0);
        loop {
            let request = ListFreezesRequest {
                after_freeze_id,
                page_size: PAGE_SIZE,
                consistency: self.consistency,
                ..Default::default()
            };
            let page = self.reads.list_freezes(request).await?;
            self.advance(page.stamp).await?;
            let (found, next) = (&page.freezes, page.next_after_freeze_id);
            let is_last = next <= after_freeze_id;
            self.check(self.auditor.compare_freezes(after_freeze_id, found, is_last))?;
            compared += found.len() as u64;
            if is_last {
                return Ok(compared);
            }
            after_freeze_id = next;
        }
    }

    /// Compares repos; how many there are.
    async fn repos(&mut self) -> Result<u64, AuditError> {
        let mut compared = 0;
        loop {
            let request = ListReposRequest {
                after_repo_id: compared,
                page_size: PAGE_SIZE,
                consistency: self.consistency,
                ..Default::default()
            };
            let page = self.reads.list_repos(request).await?;
            self.advance(page.stamp).await?;
            compared = self.check(self.auditor.repos.compare(compared, &page.repos))?;
            if page.next_after_repo_id == 0 || page.repos.is_empty() {
                self.check(self.auditor.repos.all(compared))?;
                return Ok(compared);
            }
        }
    }

    /// Compares platforms and vouchers; how many there are of each.
    async fn platforms(&mut self) -> Result<(u64, u64), AuditError> {
        let consistency = self.consistency;
        let request = ListPlatformsRequest { consistency, ..Default::default() };
        let found = self.reads.list_platforms(request).await?;
        self.advance(found.stamp).await?;
        self.check(self.auditor.persons.compare_platforms(&found.platforms))?;
        let mut compared = 0;
        loop {
            let request = ListVouchersRequest {
                after_voucher_id: u32::try_from(compared).unwrap_or(u32::MAX),
                page_size: PAGE_SIZE,
                consistency,
                ..Default::default()
            };
            let page = self.reads.list_vouchers(request).await?;
            self.advance(page.stamp).await?;
            let persons = &self.auditor.persons;
            compared = self.check(persons.compare_vouchers(compared, &page.vouchers))?;
            if page.next_after_voucher_id == 0 || page.vouchers.is_empty() {
                self.check(self.auditor.persons.all_vouchers(compared))?;
                return Ok((found.platforms.len() as u64, compared));
            }
        }
    }

    /// Compares persons' accounts, and their sum if nothing moves meanwhile; how
    /// many there are and whether their sum was compared.
    async fn persons(&mut self) -> Result<(u64, bool), AuditError> {
        let mut accounts = 0;
        for _ in 0..PERSONS_ATTEMPTS {
            let mut compared = PersonsCompared::new(&self.auditor.persons);
            let mut first = None;
            loop {
                let request = ListInclusiveAccountsRequest {
                    after_inclusive_account_id: u32::try_from(compared.accounts)
                        .unwrap_or(u32::MAX),
                    page_size: PERSONS_PER_PAGE,
                    consistency: self.consistency,
                };
                let page = self.reads.list_inclusive_accounts(request).await?;
                self.advance(page.stamp).await?;
                first.get_or_insert_with(|| self.auditor.persons.version());
                for account in &page.accounts {
                    self.check(compared.account(&self.auditor.persons, account))?;
                }
                if page.next_after_inclusive_account_id == 0 || page.accounts.is_empty() {
                    break;
                }
            }
            self.check(compared.finish(&self.auditor.persons))?;
            accounts = compared.accounts;
            if first == Some(self.auditor.persons.version()) {
                self.check(compared.check_sums(&self.auditor.persons))?;
                return Ok((accounts, true));
            }
        }
        Ok((accounts, false))
    }

    async fn take(&mut self, wire: &WireEvent) -> Result<(), AuditError> {
        let event = self.auditor.read(&wire.canonical)?;
        self.check(as_listed(&event, wire))?;
        let mut trades = Vec::new();
        if let Some(range) = event.trades_named() {
            trades = self.feed.trades(range).await?;
            if !self.auditor.trades_match(&event, &trades) {
                self.feed.undo_amendments(&event, range, &mut trades).await?;
            }
        }
        self.auditor.take(&wire.canonical, &event, &trades)?;
        (self.on_progress)(event.number, self.total.max(event.number));
        Ok(())
    }

    /// Compares what firms owe for every year; says how many lines.
    async fn obligations(&mut self) -> Result<u64, AuditError> {
        let mut compared = 0;
        for year in self.auditor.compliance.years() {
            let mut after_account_id = 0;
            loop {
                let request = ListObligationsRequest {
                    year: u32::try_from(year).unwrap_or_default(),
                    after_account_id,
                    page_size: PAGE_SIZE,
                    consistency: self.consistency,
                    ..Default::default()
                };
                let page = self.reads.list_obligations(request).await?;
                self.advance(page.stamp).await?;
                let (lines, next) = (&page.obligations, page.next_after_account_id);
                let compliance = &self.auditor.compliance;
                self.check(compliance.compare(year, after_account_id, lines, next == 0))?;
                compared += lines.len() as u64;
                if next <= after_account_id {
                    break;
                }
                after_account_id = next;
            }
        }
        Ok(compared)
    }

    /// A finding about the node stands at the last event audited.
    fn check<T>(&self, checked: Checked<T>) -> Result<T, Finding> {
        checked.map_err(|wrong| wrong.at(self.auditor.event_count(), "as the node has it"))
    }
}

/// What the node lists beside the canonical bytes says the same.
fn as_listed(event: &Event, wire: &WireEvent) -> Checked {
    same("listed number", event.number, wire.event)?;
    same("listed log index", event.log_index, wire.log_index)?;
    same("listed ledger time, ms", event.ledger_time_ms, wire.ledger_time_ms)?;
    same("listed actor", &event.actor, &wire.actor)?;
    same("listed postings", event.postings.len(), wire.postings.len())?;
    match wire.what {
        Some(_) => Ok(()),
        None => Err(Wrong::new("listed content", event.what.name(), "none")),
    }
}
