//! A node for unit tests: answers by script, remembers what it was asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use registry_proto::registry::account_service_server::{AccountService, AccountServiceServer};
use registry_proto::registry::cash_service_server::{CashService, CashServiceServer};
use registry_proto::registry::control_service_server::{ControlService, ControlServiceServer};
use registry_proto::registry::event_service_server::{EventService, EventServiceServer};
use registry_proto::registry::inclusive_service_server::{
    InclusiveService, InclusiveServiceServer,
};
use registry_proto::registry::instrument_service_server::{
    InstrumentService, InstrumentServiceServer,
};
use registry_proto::registry::pledge_service_server::{PledgeService, PledgeServiceServer};
use registry_proto::registry::repo_service_server::{RepoService, RepoServiceServer};
use registry_proto::registry::settlement_service_server::{
    SettlementService, SettlementServiceServer,
};
use registry_proto::registry::*;
use tokio::net::TcpListener;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt as _};

type Opened = Box<dyn Fn(OpenAccountRequest) -> Result<OpenAccountReply, Status> + Send + Sync>;
type Chunk = Box<dyn Fn(SubmitTradesRequest) -> Result<SubmitTradesReply, Status> + Send + Sync>;
type Settled = Box<dyn Fn(SettleTradeRequest) -> Result<SettleTradesReply, Status> + Send + Sync>;
type Delivered =
    Box<dyn Fn(DeliverDayRequest) -> Vec<Result<DeliverDayReply, Status>> + Send + Sync>;
type DayAsked = Box<dyn Fn(GetDayRequest) -> Result<DayReply, Status> + Send + Sync>;
/// Answers by a function.
type By<Q, R> = Box<dyn Fn(Q) -> Result<R, Status> + Send + Sync>;
type Watched =
    Box<dyn Fn(WatchEventsRequest) -> Vec<Result<WatchEventsReply, Status>> + Send + Sync>;
type Answer<'t, R> = Pin<Box<dyn Future<Output = Result<Response<R>, Status>> + Send + 't>>;

/// What the node does.
pub(crate) struct Script {
    pub(crate) open_account: Opened,
    pub(crate) submit_chunk: Chunk,
    /// An error ends the stream.
    pub(crate) settle_trade: Settled,
    pub(crate) deliver_day: Delivered,
    pub(crate) get_day: DayAsked,
    pub(crate) approve: By<ApproveRequest, ApproveReply>,
    pub(crate) list_accounts: By<ListAccountsRequest, ListAccountsReply>,
    pub(crate) list_trades: By<ListTradesRequest, ListTradesReply>,
    pub(crate) list_events: By<ListEventsRequest, ListEventsReply>,
    pub(crate) get_journal: By<GetJournalRequest, GetJournalReply>,
    /// Only an error ends the stream; without one it stays open.
    pub(crate) watch_events: Watched,
    /// Of lists.
    pub(crate) stamp: Option<Stamp>,
    /// Admitting one of these again is refused.
    pub(crate) banks: Vec<Bank>,
    /// Registering one of these again is refused.
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) platforms: Vec<Platform>,
    pub(crate) persons: Vec<InclusiveAccount>,
    pub(crate) vouchers: Vec<Voucher>,
    pub(crate) repos: Vec<Repo>,
    /// Listed two a page.
    pub(crate) pledges: Vec<PledgeWithValue>,
    /// Listed one a page.
    pub(crate) freezes: Vec<Freeze>,
}

impl Default for Script {
    fn default() -> Self {
        let unused = || Status::unimplemented("not in this test");
        Self {
            open_account: Box::new(move |_| Err(unused())),
            submit_chunk: Box::new(move |_| Err(unused())),
            settle_trade: Box::new(move |_| Err(unused())),
            deliver_day: Box::new(move |_| vec![Err(unused())]),
            get_day: Box::new(|_| Err(status(Code::NotFound, "UNKNOWN_DAY", &[]))),
            approve: Box::new(move |_| Err(unused())),
            list_accounts: Box::new(move |_| Err(unused())),
            list_trades: Box::new(move |_| Err(unused())),
            list_events: Box::new(move |_| Err(unused())),
            get_journal: Box::new(move |_| Err(unused())),
            watch_events: Box::new(move |_| vec![Err(unused())]),
            stamp: None,
            banks: Vec::new(),
            instruments: Vec::new(),
            platforms: Vec::new(),
            persons: Vec::new(),
            vouchers: Vec::new(),
            repos: Vec::new(),
            pledges: Vec::new(),
            freezes: Vec::new(),
        }
    }
}

/// A running node; it stops with the test's runtime.
pub(crate) struct FakeNode {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeNode {
    pub(crate) async fn start(script: Script) -> Self {
        Self::serve(script, Server::builder()).await
    }

    /// With mutual TLS.
    pub(crate) async fn start_tls(script: Script, tls: ServerTlsConfig) -> Self {
        Self::serve(script, Server::builder().tls_config(tls).expect("good certificates")).await
    }

    async fn serve(script: Script, mut builder: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let service = Service { script: Arc::new(script), asked: Arc::clone(&asked) };
        let server = builder
            .add_service(AccountServiceServer::new(service.clone()))
            .add_service(CashServiceServer::new(service.clone()))
            .add_service(ControlServiceServer::new(service.clone()))
            .add_service(EventServiceServer::new(service.clone()))
            .add_service(InstrumentServiceServer::new(service.clone()))
            .add_service(InclusiveServiceServer::new(service.clone()))
            .add_service(PledgeServiceServer::new(service.clone()))
            .add_service(RepoServiceServer::new(service.clone()))
            .add_service(SettlementServiceServer::new(service))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        Self { address, asked }
    }

    /// Request ids, cursors, or names of calls that no script answers, in the
    /// order in which they came; reads by script are left out.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic while held").clone()
    }
}

/// A status as nodes send them.
pub(crate) fn status(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
    let metadata: std::collections::HashMap<String, String> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let details = ErrorDetails::with_error_info(reason, "carbon-registry", metadata);
    Status::with_error_details(code, "told by the test", details)
}

pub(crate) fn not_leader(leader_address: &str) -> Status {
    let metadata = [("outcome", "not_applied"), ("leader_address", leader_address)];
    status(Code::Unavailable, "NOT_LEADER", &metadata)
}

pub(crate) fn outcome_unknown() -> Status {
    status(Code::Unavailable, "OUTCOME_UNKNOWN", &[("outcome", "unknown")])
}

#[derive(Clone)]
struct Service {
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn note(&self, what: &str) {
        self.asked.lock().expect("no panic while held").push(what.to_owned());
    }
}

/// Calls that no script answers.
macro_rules! unused {
    ($($call:ident($request:ty) -> $reply:ty;)+) => {
        $(fn $call<'s, 't>(&'s self, _: Request<$request>) -> Answer<'t, $reply>
        where
            's: 't,
            Self: 't,
        {
            self.note(stringify!($call));
            Box::pin(async { Err(Status::unimplemented("not in this test")) })
        })+
    };
}

/// Calls answered at once.
macro_rules! answered {
    ($($call:ident($request:ty) -> $reply:ty = $answer:expr;)+) => {
        $(fn $call<'s, 't>(&'s self, request: Request<$request>) -> Answer<'t, $reply>
        where
            's: 't,
            Self: 't,
        {
            let answer: fn(&Script, $request) -> Result<$reply, Status> = $answer;
            let answer = answer(&self.script, request.into_inner());
            Box::pin(async { answer.map(Response::new) })
        })+
    };
}

impl AccountService for Service {
    fn open_account<'s, 't>(
        &'s self,
        request: Request<OpenAccountRequest>,
    ) -> Answer<'t, OpenAccountReply>
    where
        's: 't,
        Self: 't,
    {
        let request = request.into_inner();
        self.note(&request.request_id);
        let answer = (self.script.open_account)(request);
        Box::pin(async { answer.map(Response::new) })
    }

    unused! {
        move_holding(MoveHoldingRequest) -> MoveHoldingReply;
        get_account(GetAccountRequest) -> GetAccountReply;
    }

    answered! {
        list_accounts(ListAccountsRequest) -> ListAccountsReply =
            |script, request| (script.list_accounts)(request);
    }
}

impl ControlService for Service {
    fn withdraw<'s, 't>(&'s self, request: Request<WithdrawRequest>) -> Answer<'t, ControlReply>
    where
        's: 't,
        Self: 't,
    {
        let WithdrawRequest { request_id, proposal_id } = request.into_inner();
        self.note(&format!("{request_id} of {proposal_id}"));
        Box::pin(async { Ok(Response::new(ControlReply::default())) })
    }

    answered! {
        propose(ProposeRequest) -> ProposeReply =
            |_, _| Ok(ProposeReply { proposal_id: 7, ..Default::default() });
        approve(ApproveRequest) -> ApproveReply = |script, request| (script.approve)(request);
    }

    unused! {
        decline(DeclineRequest) -> ControlReply;
        list_proposals(ListProposalsRequest) -> ListProposalsReply;
    }
}

impl EventService for Service {
    type WatchEventsStream = BoxStream<'static, Result<WatchEventsReply, Status>>;

    fn watch_events<'s, 't>(
        &'s self,
        request: Request<WatchEventsRequest>,
    ) -> Answer<'t, Self::WatchEventsStream>
    where
        's: 't,
        Self: 't,
    {
        let request = request.into_inner();
        self.note(&request.after_event.to_string());
        let replies = stream::iter((self.script.watch_events)(request)).chain(stream::pending());
        Box::pin(async { Ok(Response::new(replies.boxed())) })
    }

    answered! {
        list_events(ListEventsRequest) -> ListEventsReply =
            |script, request| (script.list_events)(request);
        get_journal(GetJournalRequest) -> GetJournalReply =
            |script, request| (script.get_journal)(request);
    }
}

impl CashService for Service {
    type GetPaymentInstructionsStream = ReceiverStream<Result<GetPaymentInstructionsReply, Status>>;

    answered! {
        open_bank(OpenBankRequest) -> OpenBankReply = |script, request| {
            match script.banks.iter().any(|bank| bank.bank_id == request.bank_id) {
                true => Err(status(Code::AlreadyExists, "BANK_EXISTS", &[])),
                false => Ok(OpenBankReply::default()),
            }
        };
        list_banks(ListBanksRequest) -> ListBanksReply = |script, _| {
            Ok(ListBanksReply { stamp: script.stamp, banks: script.banks.clone() })
        };
    }

    unused! {
        deposit(DepositRequest) -> DepositReply;
        request_withdrawal(RequestWithdrawalRequest) -> WithdrawalReply;
        confirm_withdrawal(ConfirmWithdrawalRequest) -> WithdrawalReply;
        reject_withdrawal(RejectWithdrawalRequest) -> WithdrawalReply;
        list_withdrawals(ListWithdrawalsRequest) -> ListWithdrawalsReply;
        charge_fee(ChargeFeeRequest) -> ChargeFeeReply;
        deposit_to_suspense(DepositToSuspenseRequest) -> PotsReply;
        allocate_suspense(AllocateSuspenseRequest) -> AllocateSuspenseReply;
        return_suspense(ReturnSuspenseRequest) -> PotsReply;
        fund_reserve(FundReserveRequest) -> PotsReply;
        repay_reserve(RepayReserveRequest) -> RepayReserveReply;
        report_balance(ReportBalanceRequest) -> ReportBalanceReply;
        get_reconciliation(GetReconciliationRequest) -> GetReconciliationReply;
        get_payment_instructions(GetPaymentInstructionsRequest) -> ReceiverStream<Result<GetPaymentInstructionsReply, Status>>;
    }
}

impl InstrumentService for Service {
    answered! {
        register_instrument(RegisterInstrumentRequest) -> RegisterInstrumentReply =
            |script, request| {
                match script.instruments.iter().any(|i| i.instrument == request.instrument) {
                    true => Err(status(Code::AlreadyExists, "INSTRUMENT_EXISTS", &[])),
                    false => Ok(RegisterInstrumentReply::default()),
                }
            };
        set_usable_until(SetUsableUntilRequest) -> SetUsableUntilReply =
            |_, _| Ok(SetUsableUntilReply::default());
        list_instruments(ListInstrumentsRequest) -> ListInstrumentsReply = |script, _| {
            Ok(ListInstrumentsReply { stamp: script.stamp, instruments: script.instruments.clone() })
        };
    }
}

impl InclusiveService for Service {
    answered! {
        list_platforms(ListPlatformsRequest) -> ListPlatformsReply = |script, _| {
            Ok(ListPlatformsReply { stamp: script.stamp, platforms: script.platforms.clone() })
        };
        list_inclusive_accounts(ListInclusiveAccountsRequest) -> ListInclusiveAccountsReply =
            |script, _| {
                Ok(ListInclusiveAccountsReply {
                    stamp: script.stamp,
                    accounts: script.persons.clone(),
                    next_after_inclusive_account_id: 0,
                })
            };
        list_vouchers(ListVouchersRequest) -> ListVouchersReply = |script, _| {
            Ok(ListVouchersReply {
                stamp: script.stamp,
                vouchers: script.vouchers.clone(),
                next_after_voucher_id: 0,
            })
        };
    }

    unused! {
        open_inclusive_accounts(OpenInclusiveAccountsRequest) -> OpenInclusiveAccountsReply;
        credit_inclusive(CreditInclusiveRequest) -> CreditInclusiveReply;
        issue_voucher(IssueVoucherRequest) -> VoucherReply;
        redeem_voucher(RedeemVoucherRequest) -> VoucherReply;
        get_inclusive_account(GetInclusiveAccountRequest) -> GetInclusiveAccountReply;
    }
}

impl RepoService for Service {
    answered! {
        list_repos(ListReposRequest) -> ListReposReply = |script, _| {
            Ok(ListReposReply {
                stamp: script.stamp,
                repos: script.repos.clone(),
                next_after_repo_id: 0,
            })
        };
    }

    unused! {
        propose_repo(ProposeRepoRequest) -> RepoReply;
        accept_repo(AcceptRepoRequest) -> RepoReply;
        decline_repo(DeclineRepoRequest) -> RepoReply;
        return_repo(ReturnRepoRequest) -> RepoReply;
    }
}

impl PledgeService for Service {
    type VerifyPledgesStream = BoxStream<'static, Result<VerifyPledgesReply, Status>>;
    type WatchPledgesStream = BoxStream<'static, Result<WatchEventsReply, Status>>;

    answered! {
        list_pledges(ListPledgesRequest) -> ListPledgesReply = |script, request| {
            let number = |listed: &PledgeWithValue| {
                listed.pledge.as_ref().map_or(0, |pledge| pledge.pledge_id)
            };
            let behind = script.pledges.iter().filter(|p| number(p) > request.after_pledge_id);
            let pledges: Vec<_> = behind.take(2).cloned().collect();
            let last = pledges.last().map_or(0, number);
            let more = script.pledges.last().is_some_and(|listed| number(listed) > last);
            let next_after_pledge_id = if more { last } else { 0 };
            Ok(ListPledgesReply { stamp: script.stamp, pledges, next_after_pledge_id })
        };
        list_freezes(ListFreezesRequest) -> ListFreezesReply = |script, request| {
            let mut behind =
                script.freezes.iter().filter(|f| f.freeze_id > request.after_freeze_id);
            let freezes: Vec<_> = behind.next().cloned().into_iter().collect();
            let last = freezes.last().map_or(0, |freeze| freeze.freeze_id);
            let next_after_freeze_id = if behind.next().is_some() { last } else { 0 };
            Ok(ListFreezesReply { stamp: script.stamp, freezes, next_after_freeze_id })
        };
    }

    unused! {
        propose_pledge(ProposePledgeRequest) -> PledgeReply;
        accept_pledge(PledgeRequest) -> PledgeReply;
        decline_pledge(PledgeRequest) -> PledgeReply;
        add_to_pledge(AddToPledgeRequest) -> PledgeReply;
        release_pledge(ReleasePledgeRequest) -> PledgeReply;
        offer_substitution(OfferSubstitutionRequest) -> PledgeReply;
        accept_substitution(PledgeRequest) -> PledgeReply;
        decline_substitution(PledgeRequest) -> PledgeReply;
        declare_default(DeclareDefaultRequest) -> PledgeReply;
        sell_pledged(SellPledgedRequest) -> SettleTradeReply;
        take_proceeds(TakeProceedsRequest) -> TakeProceedsReply;
        verify_pledge(VerifyPledgeRequest) -> VerifyPledgeReply;
        verify_pledges(Streaming<VerifyPledgeRequest>) -> Self::VerifyPledgesStream;
        watch_pledges(WatchPledgesRequest) -> Self::WatchPledgesStream;
    }
}

impl SettlementService for Service {
    type SubmitTradesStream = ReceiverStream<Result<SubmitTradesReply, Status>>;
    type SettleTradesStream = ReceiverStream<Result<SettleTradesReply, Status>>;
    type DeliverDayStream = tokio_stream::Iter<std::vec::IntoIter<Result<DeliverDayReply, Status>>>;

    fn submit_trades<'s, 't>(
        &'s self,
        request: Request<Streaming<SubmitTradesRequest>>,
    ) -> Answer<'t, Self::SubmitTradesStream>
    where
        's: 't,
        Self: 't,
    {
        let (service, mut chunks) = (self.clone(), request.into_inner());
        let (answers, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            while let Ok(Some(chunk)) = chunks.message().await {
                service.note(&chunk.request_id);
                let answer = (service.script.submit_chunk)(chunk);
                let failed = answer.is_err();
                if answers.send(answer).await.is_err() || failed {
                    return;
                }
            }
        });
        Box::pin(async { Ok(Response::new(ReceiverStream::new(receiver))) })
    }

    fn settle_trades<'s, 't>(
        &'s self,
        request: Request<Streaming<SettleTradeRequest>>,
    ) -> Answer<'t, Self::SettleTradesStream>
    where
        's: 't,
        Self: 't,
    {
        let (answers, receiver) = tokio::sync::mpsc::channel(16);
        let service = self.clone();
        tokio::spawn(async move {
            let mut requests = request.into_inner();
            while let Ok(Some(request)) = requests.message().await {
                service.note(&request.request_id);
                let answer = (service.script.settle_trade)(request);
                let failed = answer.is_err();
                if answers.send(answer).await.is_err() || failed {
                    return;
                }
            }
        });
        Box::pin(async { Ok(Response::new(ReceiverStream::new(receiver))) })
    }

    fn deliver_day<'s, 't>(
        &'s self,
        request: Request<DeliverDayRequest>,
    ) -> Answer<'t, Self::DeliverDayStream>
    where
        's: 't,
        Self: 't,
    {
        let request = request.into_inner();
        self.note(&request.after_sequence.to_string());
        let replies = (self.script.deliver_day)(request);
        Box::pin(async { Ok(Response::new(tokio_stream::iter(replies))) })
    }

    answered! {
        get_day(GetDayRequest) -> DayReply = |script, request| (script.get_day)(request);
        list_trades(ListTradesRequest) -> ListTradesReply =
            |script, request| (script.list_trades)(request);
        get_clearing(GetDayRequest) -> ClearingReply = |_, _| Ok(ClearingReply::default());
    }

    unused! {
        set_holidays(SetHolidaysRequest) -> DayReply;
        open_day(OpenDayRequest) -> DayReply;
        submit_manifest(SubmitManifestRequest) -> DayReply;
        clear_day(DayRequest) -> ClearingReply;
        confirm_clearing(ConfirmClearingRequest) -> DayReply;
        amend_trade(AmendTradeRequest) -> DayReply;
        retry_held(HeldTradesRequest) -> TradeResultsReply;
        fail_held(HeldTradesRequest) -> TradeResultsReply;
        issue_statements(DayRequest) -> DayReply;
        get_statement(GetStatementRequest) -> GetStatementReply;
        raise_objection(RaiseObjectionRequest) -> DayReply;
        resolve_objection(ResolveObjectionRequest) -> DayReply;
        finalize_day(DayRequest) -> DayReply;
        settle_trade(SettleTradeRequest) -> SettleTradeReply;
    }
}
